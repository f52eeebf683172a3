"""Fatigue test: how much the peaks of repeated contractions fall.

Theory of operation
-------------------
The peaks are of one kind (torque, force, or the amplitude of the evoked response) under one stimulation that
does not change; a test whose current was changed on the way is two tests.  Two definitions, both for people
who cannot cooperate (Poulsen 2015): ``peak_ratio``, the mean of the last peaks over the mean of the first,
and ``peak_slope``, the regression line through all of them in per cent of the first mean per contraction.
How many peaks "first" and "last" are is a parameter.

Units: the peaks' own; ratio without unit; slope in per cent per contraction.  Source: Poulsen 2015,
doi 10.1155/2015/193493 (read); three peaks are ours (engineering proposal).
"""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from dsp.errors import EmgError
from dsp.fatigue import FatigueIndex, fatigue_index
from gateway.exams.errors import TraceUnusable
from gateway.exams.result import (
    Certainty,
    Curve,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Source,
    Value,
)
from gateway.model import Limb

_WHERE = "fatigue"
_SOURCE = "Poulsen 2015, doi 10.1155/2015/193493"
_TEXTS = {
    "peak_ratio": "mean of the last peaks over the mean of the first",
    "peak_slope": "regression line through all peaks, in per cent of the first mean per contraction",
}


class Peak(NamedTuple):
    """The peak of one contraction; ``value`` is ``None`` where the sensor was not valid."""

    time_s: float
    value: float | None


class Kind(NamedTuple):
    """What the peaks are of: ``quantity`` such as ``torque``, with its unit."""

    quantity: str
    unit: str


def analyse(
    peaks: Sequence[Peak],
    kind: Kind,
    stimulation: Sequence[Parameter],
    probe: Probe,
    recording: Source,
    *,
    ends: int = 3,
    limb: Limb | None = None,
) -> Result:
    """Ratio and slope of these peaks.

    ``stimulation`` says what was given (current, pulse width, frequency), unchanged through the test.  Raises
    ``TraceUnusable``: too few peaks, times that do not rise, no response at the start, no stimulation stated.
    """
    known = _known(peaks, ends)
    if not stimulation:
        raise TraceUnusable(_WHERE, "the stimulation is not stated: without it two tests cannot be compared")
    numbers, values = [number for number, _, _ in known], [value for _, _, value in known]
    found = _index(numbers, values, kind, ends)
    return Result(
        exam=_WHERE,
        definition="peak_ratio",
        probe=probe,
        recording=recording,
        values=(
            _value("first_mean", kind.unit, "peak_ratio", found.reference, ends),
            _value("last_mean", kind.unit, "peak_ratio", found.last_mean, ends),
            _value("fatigue_index", "1", "peak_ratio", found.last_mean / found.reference, 2 * ends),
            _value(
                "slope", "%/contraction", "peak_slope", 100 * found.slope_share, len(values), found.r_squared
            ),
        ),
        flags=_flags(peaks, values, ends, found.flags),
        limb=limb,
        parameters=(*stimulation, _ends(ends)),
        definitions=tuple(
            Definition(id=name, text=f"{text}; {kind.quantity}", source=_SOURCE, certainty=Certainty.READ)
            for name, text in _TEXTS.items()
        ),
        curves=(_curve(known, ends),),
        findings={"quantity": kind.quantity},
    )


def _known(peaks: Sequence[Peak], ends: int) -> list[tuple[int, float, float]]:
    """Number, time and value of the peaks that the sensor saw."""
    if ends < 1:
        raise TraceUnusable(_WHERE, f"{ends} peaks at each end: give 1 or more")
    for number in range(1, len(peaks)):
        if not peaks[number - 1].time_s < peaks[number].time_s:
            raise TraceUnusable(
                _WHERE, f"peak {number + 1} is not later than the one before: sort the recording"
            )
    known = []
    for number, peak in enumerate(peaks, 1):
        if peak.value is not None:
            if not abs(peak.value) < float("inf"):
                raise TraceUnusable(
                    _WHERE, f"peak {number} is {peak.value}: give None where there was no value"
                )
            known.append((number, peak.time_s, peak.value))
    if len(known) < 2 * ends + 1:
        text = f"{len(known)} valid peaks: {2 * ends + 1} or more keep the first {ends} and last {ends} apart"
        raise TraceUnusable(_WHERE, text)
    return known


def _index(numbers: Sequence[int], values: Sequence[float], kind: Kind, ends: int) -> FatigueIndex:
    first = fmean(values[:ends])
    if not first > 0.0:
        text = f"the first {ends} peaks have a mean of {first:g} {kind.unit}: nothing there could tire"
        raise TraceUnusable(_WHERE, text)
    try:
        return fatigue_index(values, numbers, ends=ends)
    except EmgError as error:
        raise TraceUnusable(_WHERE, str(error)) from error


def _curve(known: Sequence[tuple[int, float, float]], ends: int) -> Curve:
    """The line over time, for a plot."""
    times, values = [time_s for _, time_s, _ in known], [value for _, _, value in known]
    slope = fatigue_index(values, times, ends=ends).slope
    start = fmean(values) - slope * (fmean(times) - times[0])
    return Curve(about="slope", model="line", start_s=times[0], end_s=times[-1], coefficients=(start, slope))


def _value(
    name: str, unit: str, definition: str, value: float, samples: int, r_squared: float | None = None
) -> Value:
    return Value(
        name=name, unit=unit, definition=definition, value=value, samples=samples, r_squared=r_squared
    )


def _ends(ends: int) -> Parameter:
    return Parameter(
        name="peaks_at_each_end", value=ends, unit="1", source="rvos", certainty=Certainty.PROPOSAL
    )


def _flags(
    peaks: Sequence[Peak], values: Sequence[float], ends: int, said: Sequence[str]
) -> tuple[Flag, ...]:
    flags = []
    lost = sum(peak.value is None for peak in peaks)
    if lost:
        text = f"{lost} of {len(peaks)} contractions have no valid peak"
        flags.append(Flag(id="peaks_missing", severity=Severity.DOUBTFUL, text=text))
    if fmean(values[-ends:]) > fmean(values[:ends]):
        text = "the peaks rise: potentiation, or the stimulation or the sensor changed on the way"
        flags.append(Flag(id="rising", severity=Severity.DOUBTFUL, text=text))
    if "potentiation" in said:
        text = (
            "a later peak is more than a tenth above the first ones: the muscle was still warming up, or the "
            "stimulation was raised; the ratio is not to the strongest"
        )
        flags.append(Flag(id="potentiation", severity=Severity.DOUBTFUL, text=text))
    return tuple(flags)
