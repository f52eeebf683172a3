"""Extinction of haemoglobin: named tables, each with its log base and its source.

Theory of operation
-------------------
Which table is used changes a result by up to 10 %, and a table in
natural logarithms taken for a decadic one by 2.3 times, so a table has a name and a base and there is no
default.  A table answers for the wavelengths that it lists, and between two of them that are at most 2 nm
apart, linearly; anything else is refused.  A site may make a table of its own.

``prahl``: compiled by S. Prahl from W. B. Gratzer and N. Kollias.  ``wray1988``: Wray, Cope, Delpy, Wyatt,
Reynolds, Biochim. Biophys. Acta 1988;933:184.  Both read as printed in public code (Homer,
``GetExtinctions``, which itself hands them out multiplied by 2.303).  ``moaveni``: Moaveni 1970, as printed
by S. Prahl.  Only a few wavelengths of each are kept here: those of common muscle oximeters.

Units: wavelengths nm; extinction per mol of haemoglobin tetramer, 1/(cm M).
"""

import math

from dsp.errors import SignalRefused
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from typing import Literal

    Base = Literal["10", "e"]

NEIGHBOURS_NM = 2.0
"""How far apart two entries may be for a value between them."""


class Extinction(NamedTuple):
    """Of oxygenated and deoxygenated haemoglobin at one wavelength."""

    oxy: float
    deoxy: float


class Table(NamedTuple):
    """A named table. ``entries`` are (nm, oxygenated, deoxygenated), rising in nm."""

    name: str
    base: "Base"
    source: str
    entries: tuple[tuple[float, float, float], ...]

    def at(self, wavelength_nm: float) -> Extinction:
        """Decadic extinction at this wavelength. Raises ``SignalRefused`` where the table does not say."""
        scale = 1.0 if self.base == "10" else 1.0 / math.log(10.0)
        below, above = self._around(wavelength_nm)
        share = 0.0 if above[0] == below[0] else (wavelength_nm - below[0]) / (above[0] - below[0])
        oxy, deoxy = (below[at] + share * (above[at] - below[at]) for at in (1, 2))
        return Extinction(scale * oxy, scale * deoxy)

    def _around(self, nm: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        below = [entry for entry in self.entries if entry[0] <= nm]
        above = [entry for entry in self.entries if entry[0] >= nm]
        if not below or not above or above[0][0] - below[-1][0] > NEIGHBOURS_NM:
            known = ", ".join(f"{entry[0]:g}" for entry in self.entries)
            raise SignalRefused(
                f"extinction table {self.name}", "unknown_wavelength", f"no {nm:g} nm; it has {known} nm"
            )
        return below[-1], above[0]


_PRAHL = Table(
    "prahl",
    "10",
    "S. Prahl's compilation of Gratzer and Kollias, read in public code",
    (
        (690, 276.0, 2051.96),
        (734, 407.6, 1102.2),
        (736, 418.8, 1101.76),
        (760, 586.0, 1548.52),
        (780, 710.0, 1075.44),
        (800, 816.0, 761.72),
        (810, 864.0, 717.08),
        (830, 974.0, 693.04),
        (850, 1058.0, 691.32),
        (940, 1214.0, 693.44),
    ),
)

_WRAY = Table(
    "wray1988",
    "10",
    "Wray et al., Biochim. Biophys. Acta 1988;933:184, read in public code",
    (
        (690, 415.5, 2141.8),
        (734, 521.0, 1286.0),
        (736, 530.7, 1293.0),
        (760, 645.5, 1669.0),
        (762, 650.0, 1660.0),
        (764, 666.7, 1613.3),
        (780, 754.0, 1107.5),
        (800, 863.3, 838.7),
        (810, 914.3, 798.7),
        (830, 1008.0, 778.0),
        (844, 1070.0, 778.0),
        (850, 1097.0, 781.0),
    ),
)

_MOAVENI = Table(
    "moaveni",
    "10",
    "Moaveni 1970 as printed by S. Prahl, read on a public page",
    (
        (690, 280.0, 2560.0),
        (760, 600.0, 1720.0),
        (780, 720.0, 1120.0),
        (800, 800.0, 920.0),
        (810, 860.0, 880.0),
        (830, 980.0, 840.0),
        (850, 1060.0, 800.0),
        (940, 1200.0, 800.0),
    ),
)

TABLES: dict[str, Table] = {one.name: one for one in (_PRAHL, _WRAY, _MOAVENI)}
"""By name; none is the default."""


def table(name: str) -> Table:
    """The table of this name. Raises ``SignalRefused``."""
    if name not in TABLES:
        raise SignalRefused(
            "extinction", "unknown_table", f"no table {name!r}: choose one of {', '.join(sorted(TABLES))}"
        )
    return TABLES[name]
