"""Tissue oxygen from light: Beer-Lambert, spatially resolved spectroscopy, correction for blood volume.

Theory of operation
-------------------
*Modified Beer-Lambert.*  A change of attenuation at a wavelength is the sum over haemoglobin species of
extinction x change of concentration x path; the path is the distance of source and detector times the
differential path length factor.  Two or more wavelengths give both changes by least squares.  Concentrations
are micromolar if the path factor is right: it is a parameter with its provenance, none is built in.  Whatever
the base of the table, intensities need no base; attenuations have one and it is said.  Changes count from the
first valid frame of each channel.  Equations: Scholkmann and Wolf, J. Biomed. Opt. 2013;18:105004.

*Spatially resolved.*  How attenuation grows with distance gives absorption up to one unknown factor k,
which cancels in the saturation: ``k mu_a = (ln10 dA/d rho - 2/rho)^2 / (3 (1 - h lambda))`` (Suzuki 1999,
from memory). ``h`` is a parameter.  Detectors must be calibrated against each other.

*Blood volume.*  An occlusion should only exchange oxygenated for deoxygenated haemoglobin; what changes
both together is blood that moves.  ``BloodVolume`` takes it out sample by sample (Beever and Tripp 2020):
of each change of the total, the share ``beta = O2Hb / (O2Hb + HHb)`` belongs to O2Hb.  ``ryan2012`` takes
it out of the changes since one instant, with ``beta = |dO2Hb| / (|dO2Hb| + |dHHb|)`` belonging to the other
species (as remembered, the paper was not read).  It needs *changes*: of absolute values, both positive, it
makes plus and minus their difference. After both, O2Hb + HHb is zero.

A kernel's frame is all numbers of one instant.  A frame with a number that is not finite (or light that is
not positive) makes NaN and changes no state; a gap is passed over, and the correction for blood volume
counts the change across it as one step.  State: the reference per channel; the counts of frames; the last
pair and sums.

Units: uM, nm, mm; saturation in %.
"""

import math

from dsp._nirs import BeerLambertKernel, BloodVolumeKernel, SpatiallyResolvedKernel, ryan
from dsp.errors import SignalRefused
from dsp.extinction import Table
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence
    from typing import Literal, Self

    from _typeshed import ReadableBuffer

    Takes = Literal["intensity", "attenuation, base 10", "attenuation, base e"]

ILL_CONDITIONED = 10.0
"""The largest condition number of a set of wavelengths: 760/850 nm has 3.5, 810/850 nm 20."""

_UM_PER_M = 1e6
_MM_PER_CM = 10.0
_LN10 = math.log(10.0)


class PathFactor(NamedTuple):
    """The differential path length factor at each wavelength, with where it comes from."""

    values: tuple[float, ...]
    tissue: str
    source: str
    certainty: str


PATH_FACTORS: dict[str, tuple[float, str, str]] = {
    "duncan1995 forearm": (4.16, "forearm at 807 nm", "Duncan 1995; from memory"),
    "duncan1995 calf": (5.51, "calf at 807 nm", "Duncan 1995; from memory"),
    "duncan1995 head": (6.26, "adult head at 807 nm", "Duncan 1995; read in public code"),
    "artinis muscle": (4.0, "muscle, any", "usual setting of muscle oximeters; from memory, not measured"),
}
"""Published factors by name: (value, tissue, source). There is none for the thigh."""


class Optics(NamedTuple):
    """How light becomes concentrations. One source-detector distance per channel."""

    table: Table
    wavelengths_nm: tuple[float, ...]
    spacings_mm: tuple[float, ...]
    path_factor: PathFactor


class BeerLambert:
    """Frames of channel x wavelength in, frames of channel x (O2Hb, HHb) in uM out.

    ``push(chunk)`` returns how many numbers stand in ``out``.  ``takes`` says what the frames are.
    """

    __slots__ = ("_kernel", "optics", "out", "push")

    def __init__(self, optics: Optics, takes: "Takes", largest_chunk: int) -> None:
        weights = _weights_per_channel(optics, takes)
        channels, wavelengths = len(optics.spacings_mm), len(optics.wavelengths_nm)
        self.optics = optics
        self._kernel = BeerLambertKernel(
            weights, channels, wavelengths, _at_least_one(largest_chunk), takes == "intensity"
        )
        self.out = self._kernel.out
        self.push: Callable[[ReadableBuffer], int] = self._kernel.push

    @classmethod
    def resumed(cls, optics: Optics, takes: "Takes", largest_chunk: int, state: bytes) -> "Self":
        """Go on from ``state()`` of a kernel of the same optics."""
        made = cls(optics, takes, largest_chunk)
        made._kernel.resume(state)
        return made

    def state(self) -> bytes:
        """The reference of each channel and wavelength."""
        return self._kernel.state()

    def reference(self) -> tuple[float, ...]:
        """The light that changes count from; NaN where no frame was valid yet."""
        return self._kernel.reference()


class SpatialOptics(NamedTuple):
    """How light at several distances becomes saturation. ``h_per_nm``: fall of scatter with wavelength."""

    table: Table
    wavelengths_nm: tuple[float, ...]
    distances_mm: tuple[float, ...]
    h_per_nm: float
    h_source: str


class SpatiallyResolved:
    """Frames of distance x wavelength in, frames of (saturation %, k O2Hb, k HHb) out; k is unknown.

    A frame from which no absorption follows gives NaN; ``frames`` and ``refused`` count.  Saturation is not
    forced into 0 to 100: what lies outside says that the light was not as the model has it.
    """

    __slots__ = ("_kernel", "optics", "out", "push")

    def __init__(self, optics: SpatialOptics, takes: "Takes", largest_chunk: int) -> None:
        mean_cm = sum(optics.distances_mm) / len(optics.distances_mm) / _MM_PER_CM
        self.optics = optics
        self._kernel = SpatiallyResolvedKernel(
            _slope_weights(optics),
            [3.0 * (1.0 - optics.h_per_nm * nm) for nm in optics.wavelengths_nm],
            _inverted(optics.table, optics.wavelengths_nm),
            2.0 / mean_cm,
            _LN10 if takes == "attenuation, base 10" else 1.0,
            _at_least_one(largest_chunk),
            takes == "intensity",
        )
        self.out = self._kernel.out
        self.push: Callable[[ReadableBuffer], int] = self._kernel.push

    @classmethod
    def resumed(cls, optics: SpatialOptics, takes: "Takes", largest_chunk: int, state: bytes) -> "Self":
        """Go on from ``state()`` of a kernel of the same optics."""
        made = cls(optics, takes, largest_chunk)
        made._kernel.resume(state)
        return made

    def state(self) -> bytes:
        """How many frames came and how many of them gave nothing."""
        return self._kernel.state()

    @property
    def frames(self) -> int:
        """How many frames came."""
        return self._kernel.counts()[0]

    @property
    def refused(self) -> int:
        """How many of them gave no saturation."""
        return self._kernel.counts()[1]


class BloodVolume:
    """Frames of (O2Hb, HHb) in, the same corrected out, both from zero: ``beever2020``.

    ``offset_um`` is added to both for ``beta`` alone, so that it lies between 0 and 1: choose it so that
    neither is ever negative, 0 for absolute values.
    """

    __slots__ = ("_kernel", "out", "push")

    def __init__(self, largest_chunk: int, offset_um: float = 0.0) -> None:
        if not (math.isfinite(offset_um) and offset_um >= 0.0):
            raise SignalRefused(
                "blood volume", "bad_parameter", f"an offset of {offset_um} uM: give 0 or more"
            )
        self._kernel = BloodVolumeKernel(offset_um, _at_least_one(largest_chunk))
        self.out = self._kernel.out
        self.push: Callable[[ReadableBuffer], int] = self._kernel.push

    @classmethod
    def resumed(cls, largest_chunk: int, state: bytes, offset_um: float = 0.0) -> "Self":
        """Go on from ``state()`` of a kernel of the same offset."""
        made = cls(largest_chunk, offset_um)
        made._kernel.resume(state)
        return made

    def state(self) -> bytes:
        """The last pair and the two sums."""
        return self._kernel.state()


class Corrected(NamedTuple):
    """Oxygenated and deoxygenated haemoglobin without blood volume; ``offset_um`` as it was used."""

    oxy_um: "array[float]"
    deoxy_um: "array[float]"
    offset_um: float


def beever2020(oxy_um: "array[float]", deoxy_um: "array[float]") -> Corrected:
    """A whole recording corrected sample by sample, from zero. Raises ``SignalRefused`` for unequal lengths.

    Where a value is negative both are first raised by the smallest offset that makes none so.
    """
    from array import array  # for whole recordings only: it takes as long to import as all that streams

    from dsp.traces import extent

    _equal("blood volume", oxy_um, deoxy_um)
    offset_um = max(0.0, -extent(oxy_um)[0], -extent(deoxy_um)[0])  # no number at all is not below 0
    pairs = array("d", bytes(16 * len(oxy_um)))
    pairs[0::2], pairs[1::2] = oxy_um, deoxy_um
    kernel = BloodVolume(max(1, len(oxy_um)), offset_um)
    kernel.push(pairs)
    pairs = array("d", kernel.out.cast("B")[: 8 * len(pairs)].tobytes())
    return Corrected(pairs[0::2], pairs[1::2], offset_um)


def ryan2012(oxy_um: "array[float]", deoxy_um: "array[float]", start: tuple[float, float]) -> Corrected:
    """Changes since ``start`` (O2Hb, HHb at the beginning of one occlusion), corrected point by point."""
    from array import array

    _equal("blood volume", oxy_um, deoxy_um)
    made = array("d", bytes(16 * len(oxy_um)))
    ryan(oxy_um, deoxy_um, start[0], start[1], made)
    return Corrected(made[0::2], made[1::2], 0.0)


def condition_number(table: Table, wavelengths_nm: "Sequence[float]") -> float:
    """How much this set of wavelengths magnifies errors: the ratio of its singular values."""
    oxy, deoxy, both = _gram(table, wavelengths_nm)
    half, root = (oxy + deoxy) / 2.0, math.hypot((oxy - deoxy) / 2.0, both)
    return math.sqrt((half + root) / (half - root)) if half > root else math.inf


def _equal(where: str, first: "Sequence[float]", second: "Sequence[float]") -> None:
    if len(first) != len(second):
        raise SignalRefused(
            where, "unequal_lengths", f"{len(first)} values of O2Hb and {len(second)} of HHb: give pairs"
        )


def _at_least_one(largest_chunk: int) -> int:
    if largest_chunk < 1:
        raise SignalRefused("kernel", "bad_parameter", f"chunks of {largest_chunk} frames: give 1 or more")
    return largest_chunk


def _gram(table: Table, wavelengths_nm: "Sequence[float]") -> tuple[float, float, float]:
    entries = [table.at(nm) for nm in wavelengths_nm]
    oxy = sum(one.oxy * one.oxy for one in entries)
    deoxy = sum(one.deoxy * one.deoxy for one in entries)
    return oxy, deoxy, sum(one.oxy * one.deoxy for one in entries)


def _inverted(table: Table, wavelengths_nm: "Sequence[float]", paths: "Sequence[float]" = ()) -> list[float]:
    """The least-squares inverse: a row of weights for O2Hb, then one for HHb, in M cm."""
    if len(wavelengths_nm) < 2 or len(set(wavelengths_nm)) < len(wavelengths_nm):
        raise SignalRefused(
            "wavelengths", "bad_parameter", f"{list(wavelengths_nm)} nm: give two or more different ones"
        )
    condition = condition_number(table, wavelengths_nm)
    if condition > ILL_CONDITIONED:
        raise SignalRefused(
            "wavelengths",
            "ill_conditioned",
            f"{list(wavelengths_nm)} nm have condition {condition:.1f}: choose others",
        )
    lengths = paths or [1.0] * len(wavelengths_nm)
    rows = [
        (length * one.oxy, length * one.deoxy)
        for one, length in zip((table.at(nm) for nm in wavelengths_nm), lengths, strict=True)
    ]
    oxy, deoxy, both = (
        sum(a * a for a, _ in rows),
        sum(b * b for _, b in rows),
        sum(a * b for a, b in rows),
    )
    scale = 1.0 / (oxy * deoxy - both * both)
    first = [scale * (deoxy * a - both * b) for a, b in rows]
    return [*first, *(scale * (oxy * b - both * a) for a, b in rows)]


def _weights_per_channel(optics: Optics, takes: "Takes") -> list[float]:
    factors = optics.path_factor.values
    if len(factors) != len(optics.wavelengths_nm) or not all(one > 0.0 for one in factors):
        raise SignalRefused(
            "path factor", "bad_parameter", f"{factors}: give a positive one for each wavelength"
        )
    if not optics.spacings_mm or not all(one > 0.0 for one in optics.spacings_mm):
        raise SignalRefused(
            "spacing", "bad_parameter", f"{optics.spacings_mm} mm: give a positive one for each channel"
        )
    scale = _UM_PER_M * (1.0 if takes == "attenuation, base 10" else 1.0 / _LN10)
    weights: list[float] = []
    for spacing_mm in optics.spacings_mm:
        paths_cm = [spacing_mm / _MM_PER_CM * factor for factor in factors]
        weights.extend(scale * one for one in _inverted(optics.table, optics.wavelengths_nm, paths_cm))
    return weights


def _slope_weights(optics: SpatialOptics) -> list[float]:
    """What each distance's attenuation adds to the slope per cm."""
    distances_cm = [one / _MM_PER_CM for one in optics.distances_mm]
    if len(set(distances_cm)) < 2 or min(distances_cm) <= 0.0:
        raise SignalRefused(
            "distances", "bad_parameter", f"{optics.distances_mm} mm: give two or more different ones"
        )
    if not all(1.0 - optics.h_per_nm * nm > 0.0 for nm in optics.wavelengths_nm):
        raise SignalRefused(
            "scatter", "bad_parameter", f"h of {optics.h_per_nm} /nm leaves no scatter: give 0 to 0.001 /nm"
        )
    mean = sum(distances_cm) / len(distances_cm)
    spread = sum((one - mean) ** 2 for one in distances_cm)
    return [(one - mean) / spread for one in distances_cm]
