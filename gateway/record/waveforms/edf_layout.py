"""The parts of an EDF+ file: header, time-stamped annotation lists, scales of sixteen bits.

Theory of operation
-------------------
EDF (Kemp 1992) and EDF+ (Kemp and Olivan 2003, edfplus.info) are ASCII headers of fixed widths and records of
16-bit integers; they are written here because the libraries that write EDF+ write no discontinuous file.

A header has eight characters for the value at each end of the scale.  The ends are rounded outwards to what
fits, and samples are quantised with the rounded ends, so that a reader gets them within half a step.
``MISSING``, the lowest number, is kept for samples that are not there; the scale has one step more for it.

Units: physical values as the channel says; onsets and durations in s.
"""

import math
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

MISSING = -32768
HIGHEST = 32767
_STEPS = HIGHEST - MISSING
_WIDTH = 8
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Scale(NamedTuple):
    """The texts of both ends as the header has them: of ``MISSING`` and of ``HIGHEST``."""

    low_text: str
    high_text: str

    @property
    def low(self) -> float:
        """What ``MISSING`` would be as a value."""
        return float(self.low_text)

    @property
    def step(self) -> float:
        """What one count is."""
        return (float(self.high_text) - self.low) / _STEPS

    def numbers(self, values: "array[float]") -> "array[int]":
        """These values as 16-bit integers, ``MISSING`` where there is none."""
        low, step = self.low, self.step
        if math.isfinite(sum(values)):
            return array("h", [max(round((one - low) / step) + MISSING, MISSING + 1) for one in values])
        return array(
            "h",
            [
                max(round((one - low) / step) + MISSING, MISSING + 1) if math.isfinite(one) else MISSING
                for one in values
            ],
        )


class Signal(NamedTuple):
    """What the header says of one signal."""

    label: str
    transducer: str
    unit: str
    low_text: str
    high_text: str
    samples: int


def scale(low: float, high: float) -> Scale | None:
    """A scale that has both values inside; ``None`` where eight characters cannot tell them apart."""
    if not low < high:
        low, high = low - 0.5, high + 0.5
    low -= (high - low) / (_STEPS - 1)
    for places in range(_WIDTH - 2, -1, -1):
        step = 10.0**-places
        texts = (f"{math.floor(low / step) * step:.{places}f}", f"{math.ceil(high / step) * step:.{places}f}")
        if all(len(one) <= _WIDTH for one in texts):
            wide = float(texts[1]) - float(texts[0])
            return Scale(*texts) if wide <= 1.001 * (high - low) + 1e-300 else None
    return None


def header(
    signals: Sequence[Signal],
    began: datetime,
    recording: str,
    records: int,
    record_s: int,
    continuous: bool,
) -> bytes:
    """The file's header and those of its signals."""
    is_dated = 1985 <= began.year <= 2084
    day = f"{began.day:02}-{_MONTHS[began.month - 1]}-{began.year}" if is_dated else "X"
    fields = [
        ("0", 8),
        ("X X X X", 80),
        (f"Startdate {day} {recording}", 80),
        (began.strftime("%d.%m.%y") if is_dated else "01.01.85", 8),
        (began.strftime("%H.%M.%S"), 8),
        (str(256 * (len(signals) + 1)), 8),
        ("EDF+C" if continuous else "EDF+D", 44),
        (str(records), 8),
        (str(record_s), 8),
        (str(len(signals)), 4),
    ]
    for width, texts in _signal_fields(signals):
        fields += [(one, width) for one in texts]
    return b"".join(_ascii(text, width) for text, width in fields)


def _signal_fields(signals: Sequence[Signal]) -> list[tuple[int, list[str]]]:
    return [
        (16, [one.label for one in signals]),
        (80, [one.transducer for one in signals]),
        (8, [one.unit for one in signals]),
        (8, [one.low_text for one in signals]),
        (8, [one.high_text for one in signals]),
        (8, [str(MISSING) for _ in signals]),
        (8, [str(HIGHEST) for _ in signals]),
        (80, ["" for _ in signals]),
        (8, [str(one.samples) for one in signals]),
        (32, ["" for _ in signals]),
    ]


def annotation(onset_s: float, text: str = "", duration_s: float | None = None) -> bytes:
    """One time-stamped annotation list; without a text it tells when its record begins."""
    lasting = "" if duration_s is None else f"\x15{_number(duration_s)}"
    sign = "-" if onset_s < 0.0 else "+"
    return f"{sign}{_number(abs(onset_s))}{lasting}\x14{text}\x14\0".encode()


def instant(wall_us: int) -> tuple[datetime, float]:
    """The whole second that this is in, and what is left."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=wall_us)
    return at.replace(microsecond=0), at.microsecond / 1e6


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def _ascii(text: str, width: int) -> bytes:
    """Printable ASCII of exactly this width."""
    plain = "".join(one if " " <= one <= "~" else "_" for one in text)
    return plain[:width].ljust(width).encode("ascii")
