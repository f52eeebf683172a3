"""Fatigue of a stimulated muscle from the peaks of its contractions.

Theory of operation
-------------------
Peaks of one contraction each (force, torque, M-wave amplitude, or RMS: the caller says which, and only one
kind goes into one index) in the order of the contractions.  Two measures: the ratio of each peak to the mean
of the first three (or of as many as ``ends`` says), and the slope of the straight line through all peaks by
least squares, per contraction, also as a share of that mean.  A contraction whose peak was lost keeps its
place in the line.  Two contractions cannot tell a fatigue from a warming up: at least four are needed, three
for the mean and one to compare.

Definition ``peak_ratio_first3``: the kind of measure is of Poulsen 2015, doi 10.1155/2015/193493 (ratio of
peak torques and regression slope of peaks, quadriceps, subjects who do not co-operate), of which the abstract
was read; the mean of the first three as the reference is this project's.

Units: the peaks' own; ratios are plain numbers; slopes per contraction.
"""

import math
from collections.abc import Sequence

from dsp.errors import EmgError
from dsp.record import NamedTuple

__all__ = ["DEFINITION", "FatigueIndex", "fatigue_index"]

DEFINITION = "peak_ratio_first3"
REFERENCE_PEAKS = 3


class FatigueIndex(NamedTuple):
    """``ratios[k]`` belongs to peak k; ``reference`` and ``last_mean`` are means of the first and last peaks.

    ``r_squared`` is of the line.
    """

    definition_id: str
    reference: float
    ratios: tuple[float, ...]
    last_ratio: float
    last_mean: float
    slope: float
    slope_share: float
    r_squared: float
    flags: tuple[str, ...]


def fatigue_index(
    peaks: Sequence[float], places: Sequence[float] | None = None, *, ends: int = REFERENCE_PEAKS
) -> FatigueIndex:
    """The index of the peaks of one series of contractions.

    ``places``: where on the line each peak stands, by default one after the other; ``ends``: how many peaks
    make the reference, and the last mean.

    ``EmgError`` for no more peaks than ``ends``, for one that is no number or negative, and a reference of
    zero.
    Flags: ``potentiation`` if a later peak is above the reference by more than a tenth (the muscle was still
    warming up, or the stimulation was raised), ``constant`` if all peaks are the same.
    """
    if len(peaks) <= ends:
        raise EmgError(f"{len(peaks)} peaks: a fatigue index needs at least {ends + 1}")
    for number, peak in enumerate(peaks):
        if not (math.isfinite(peak) and peak >= 0):
            raise EmgError(f"peak {number} is {peak}: peaks are numbers of at least 0; leave out what failed")
    reference = math.fsum(peaks[:ends]) / ends
    if reference == 0:
        raise EmgError(f"the first {ends} peaks are 0: no contraction to compare with")
    ratios = tuple(peak / reference for peak in peaks)
    slope, r_squared = _line(range(len(peaks)) if places is None else places, peaks)
    said = (
        ("potentiation", max(ratios[ends:]) > 1.1),
        ("constant", min(peaks) == max(peaks)),
    )
    flags = tuple(name for name, holds in said if holds)
    return FatigueIndex(
        DEFINITION,
        reference,
        ratios,
        ratios[-1],
        math.fsum(peaks[-ends:]) / ends,
        slope,
        slope / reference,
        r_squared,
        flags,
    )


def _line(places: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Slope and r squared of the least-squares line; r squared is 1 where nothing varies."""
    middle, mean = math.fsum(places) / len(places), math.fsum(values) / len(values)
    across = math.fsum((at - middle) * (value - mean) for at, value in zip(places, values, strict=True))
    along = math.fsum((at - middle) ** 2 for at in places)
    up = math.fsum((value - mean) ** 2 for value in values)
    return across / along, across * across / (along * up) if up else 1.0
