"""The fatigue test from a file: peaks of force, of muscle activity, or given as they are.

Theory of operation
-------------------
One *quantity* makes one index.  ``peak``: every row of the file is a contraction.  ``force`` (or torque):
``contractions`` finds them by the noise at rest, or above a stated threshold; the peak is the largest sample
over the local level at rest.  ``emg``: a contraction is an episode of ``gateway.exams.files.emg``, its peak
the largest RMS.  Which one is stated, or the first of these that the file has.

The stimulation belongs to the result: current, pulse width and frequency are stated, or that the contractions
were voluntary, which the source of the definitions did not study.

Units: the quantity's own.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from dsp.emg_definitions import MAD_TO_DEVIATION
from gateway.exams import fatigue
from gateway.exams.drawing import Analysed, Drawing, Line, Panel, Span, fitted, thinned, told
from gateway.exams.errors import DefinitionUnknown, NotStated, TraceUnusable
from gateway.exams.fatigue import Kind, Peak
from gateway.exams.files import spasm
from gateway.exams.files.contractions import (
    BLOCK_S,
    LEAST_S,
    LEAST_SHARE,
    MADS,
    REGULAR_WITHIN,
    Found,
    contractions,
)
from gateway.exams.files.emg import Detection, Muscle, muscle
from gateway.exams.files.emg_doubts import doubts
from gateway.exams.files.stated import Stated, completed, entered, needed, opened
from gateway.exams.recording import Recording
from gateway.exams.result import Certainty, Flag, Parameter, Result, Severity, Window

ROLES = {"peak": "", "force": "", "emg": "uV", "stimulus": ""}
QUANTITIES = ("peak", "force", "emg")
DEFINITIONS = ("peak_ratio", "peak_slope")
_NEAR_NOISE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was done. ``above`` is in the unit of the force."""

    quantity: str = ""
    above: float | None = None
    ends: int = 3
    current_ma: float | None = None
    pulse_width_us: float | None = None
    frequency_hz: float | None = None
    is_voluntary: bool = False


class _Peaks(NamedTuple):
    """The peaks, how long each contraction was, and what they were found with."""

    peaks: list[Peak]
    kind: Kind
    contractions: tuple[Window, ...]
    parameters: tuple[Parameter, ...]
    flags: tuple[Flag, ...]
    panels: tuple[Panel, ...]


def analyse(
    path: Path, stated: Stated, course: Course, detection: Detection, definition: str = ""
) -> Analysed:
    """Ratio and slope of the peaks in the file. Raises ``ExamRefused`` and its kinds."""
    if definition not in ("", *DEFINITIONS):
        raise DefinitionUnknown("fatigue", definition, list(DEFINITIONS))
    stimulation = _stimulation(course)
    known = opened(path, stated, ROLES)
    found = _found(known.recording, _quantity(known.recording, course), course, detection)
    result = fatigue.analyse(
        found.peaks,
        found.kind,
        stimulation,
        known.probe,
        known.recording.source,
        ends=course.ends,
        limb=known.limb,
    )
    voluntary = (_VOLUNTARY,) if course.is_voluntary else ()
    whole = completed(result, known, found.parameters, (*found.flags, *voluntary))
    whole = msgspec.structs.replace(
        whole, definition=definition or whole.definition, windows=(*whole.windows, *found.contractions)
    )
    return Analysed(whole, _drawing(whole, found, course))


_VOLUNTARY = Flag(
    id="voluntary",
    severity=Severity.DOUBTFUL,
    text="voluntary contractions: effort changes them too; the definitions are for stimulated ones",
)


def _stimulation(course: Course) -> tuple[Parameter, ...]:
    given = (
        ("current", course.current_ma, "mA", "--current-ma"),
        ("pulse width", course.pulse_width_us, "us", "--pulse-width-us"),
        ("frequency", course.frequency_hz, "Hz", "--frequency-hz"),
    )
    stated = [one for one in given if one[1] is not None]
    if course.is_voluntary:
        if stated:
            raise NotStated("--voluntary", "a stimulation is stated too: it is one or the other")
        return (entered("stimulation", "none: voluntary contractions"),)
    missing = [option for _, value, _, option in given if value is None]
    if missing:
        text = f"state {', '.join(missing)}, or --voluntary: without it two tests cannot be compared"
        raise NotStated("fatigue", text)
    for name, value, unit, option in given:
        if value is None or not 0.0 < value < math.inf:
            raise NotStated(option, f"{value} {unit} is no {name}")
    return tuple(entered(name, value, unit) for name, value, unit, _ in given if value is not None)


def _quantity(recording: Recording, course: Course) -> str:
    if course.quantity:
        if course.quantity not in QUANTITIES:
            raise DefinitionUnknown("quantity", course.quantity, list(QUANTITIES))
        needed(recording, course.quantity)
        return course.quantity
    found = next((one for one in QUANTITIES if one in recording.columns), None)
    if found is None:
        there = ", ".join(one.header or called for called, one in recording.columns.items()) or "none"
        text = (
            f"no column is peak, force or emg; there are: {there}; say which one it is: --column force=NAME"
        )
        raise NotStated(recording.source.name, text)
    return found


def _found(recording: Recording, quantity: str, course: Course, detection: Detection) -> _Peaks:
    if quantity == "peak":
        return _given(recording)
    if quantity == "force":
        return _of_force(recording, course)
    return _of_emg(muscle(recording, detection), detection)


def _given(recording: Recording) -> _Peaks:
    column = recording.columns["peak"]
    peaks = [
        Peak(at_s, value if math.isfinite(value) else None)
        for at_s, value in zip(recording.times_s, column.values, strict=True)
    ]
    kind = Kind(column.header or "peak", column.unit or "unit not stated")
    return _Peaks(peaks, kind, (), (), (), ())


def _of_force(recording: Recording, course: Course) -> _Peaks:
    column, unit = recording.columns["force"], recording.columns["force"].unit or "unit not stated"
    _usable(recording, column.values, course)
    times_s, values = recording.times_s, column.values
    found = contractions(times_s, values, recording.rate_hz, course.above)
    windows = _windows([(times_s[begin], times_s[end - 1]) for begin, end in found.parts])
    stated = () if course.above is None else (entered("contraction above", course.above, unit),)
    spans = tuple(Span(one.start_s, one.end_s, "contraction") for one in windows)
    trace = thinned(times_s, values, "force")
    panel = Panel(f"Force ({unit})", (trace,), spans=spans, share=2.0, title="The whole recording")
    parameters = (*stated, *_numbers(found, unit))
    return _Peaks(
        found.peaks,
        Kind("force", unit),
        windows,
        parameters,
        _doubts(found, values, unit, course.ends),
        (panel,),
    )


def _numbers(found: Found, unit: str) -> tuple[Parameter, ...]:
    proposed = (
        ("threshold over noise", MADS, "MAD"),
        ("threshold at least", 100.0 * LEAST_SHARE, "% of the range"),
        ("shortest contraction and pause", LEAST_S, "s"),
        ("average for finding", BLOCK_S, "s"),
        ("near noise below", _NEAR_NOISE, "deviations of a sample"),
        ("regular within", 100.0 * REGULAR_WITHIN, "%"),
    )
    measured = (("noise at rest", found.noise), ("contraction over rest", found.threshold))
    return (
        *(
            Parameter(name=name, value=value, unit=of, source="rvos", certainty=Certainty.PROPOSAL)
            for name, value, of in proposed
        ),
        *(
            Parameter(
                name=name, value=value, unit=unit, source="from the pauses", certainty=Certainty.MEASURED
            )
            for name, value in measured
        ),
    )


def _doubts(found: Found, values: "array[float]", unit: str, ends: int) -> tuple[Flag, ...]:
    made = []
    if found.saturated:
        highest = max(one for one in values if math.isfinite(one))
        text = (
            f"{found.saturated} of {len(found.parts)} contractions stand at {highest:g} {unit}, the largest "
            "of the recording: the sensor or its converter ends there; the ratio hides fatigue"
        )
        made.append(Flag(id="saturated", severity=Severity.DOUBTFUL, text=text))
    weakest = [one.value for one in found.peaks if one.value is not None][-ends:]
    if weakest and fmean(weakest) < _NEAR_NOISE * MAD_TO_DEVIATION * found.sample_noise:
        text = (
            f"the last peaks are less than {_NEAR_NOISE:g} times the noise of a sample at rest: the largest "
            "sample of each is partly noise, the ratio is too large"
        )
        made.append(Flag(id="near_noise", severity=Severity.DOUBTFUL, text=text))
    if found.missing:
        text = (
            f"{found.missing} contractions were due, as the others come evenly, and do not stand out of the "
            "noise: too weak, or not given; their peaks are missing, the ratio may be too large"
        )
        made.append(Flag(id="contractions_missing", severity=Severity.DOUBTFUL, text=text))
    if found.goes_on_s:
        text = (
            f"the recording goes on for {found.goes_on_s:.1f} s after the last contraction that was found: "
            "if more were given, they are too weak to see and the ratio is too large"
        )
        made.append(Flag(id="goes_on", severity=Severity.DOUBTFUL, text=text))
    return tuple(made)


def _usable(recording: Recording, values: "array[float]", course: Course) -> None:
    known = [one for one in values if math.isfinite(one)]
    if len(known) < len(values) / 2 or min(known) == max(known):
        text = "force is missing or the same throughout: check the sensor and the column"
        raise TraceUnusable(recording.source.name, text)
    if course.above is not None and not min(known) < course.above < max(known):
        text = f"--above {course.above:g}: the force goes from {min(known):g} to {max(known):g}"
        raise TraceUnusable(recording.source.name, text)


def _windows(parts: Sequence[tuple[float, float]]) -> tuple[Window, ...]:
    return tuple(
        Window(name="contraction", start_s=start_s, end_s=end_s, of=str(number))
        for number, (start_s, end_s) in enumerate(parts, 1)
    )


def _of_emg(found: Muscle, detection: Detection) -> _Peaks:
    episodes, about = found.found.episodes, doubts(found, detection)
    peaks = [
        Peak((one.begin_s + one.end_s) / 2.0, one.peak_rms_uv if math.isfinite(one.peak_rms_uv) else None)
        for one in episodes
    ]
    contractions = _windows([(one.begin_s, one.end_s) for one in episodes])
    return _Peaks(
        peaks,
        Kind("EMG, largest RMS", "uV"),
        contractions,
        (*found.parameters, *about.parameters),
        (*found.flags, *about.flags),
        spasm.panels(found),
    )


def _drawing(result: Result, found: _Peaks, course: Course) -> Drawing:
    known = [(one.time_s, one.value) for one in found.peaks if one.value is not None]
    times_s, values = [at_s for at_s, _ in known], [value for _, value in known]
    means = [
        Line((part[0], part[-1]), (mean, mean), word, "quiet", "thick")
        for part, mean, word in (
            (
                times_s[: course.ends],
                result.value("first_mean").value,
                f"mean of first and last {course.ends}",
            ),
            (times_s[-course.ends :], result.value("last_mean").value, ""),
        )
        if mean is not None
    ]
    lines = (
        Line(times_s, values, "peaks", "signal", "points"),
        *means,
        *(fitted(one, "regression line over time") for one in result.curves),
    )
    title = "Peak of each contraction"
    panel = Panel(f"{found.kind.quantity} ({found.kind.unit})", lines, title=title, share=2.4)
    numbers = f"{told(result, 'fatigue_index')}, {told(result, 'slope')}, {len(values)} contractions"
    return Drawing((*found.panels, panel), numbers)
