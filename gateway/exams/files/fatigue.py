"""The fatigue test from a file: peaks of force, of muscle activity, or given as they are.

Theory of operation
-------------------
One *quantity* makes one index.  ``peak``: every row of the file is a contraction.  ``force`` (or torque):
a contraction is where the trace is above a threshold for 0.2 s or longer, with at least as much rest before
the next; its peak is the largest sample over the level at rest.  The threshold is stated, or a fifth of the
way from rest to the top.  ``emg``: a contraction is an episode of ``gateway.exams.files.emg``, its peak the
largest RMS.  Which one is stated, or the first of these that the file has.

The stimulation belongs to the result: current, pulse width and frequency are stated, or that the contractions
were voluntary, which the source of the definitions did not study.

Units: the quantity's own.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from gateway.exams import fatigue
from gateway.exams.drawing import Analysed, Drawing, Line, Panel, Span, fitted, thinned, told
from gateway.exams.errors import DefinitionUnknown, NotStated, TraceUnusable
from gateway.exams.even import stretches
from gateway.exams.fatigue import Kind, Peak
from gateway.exams.files import spasm
from gateway.exams.files.emg import Detection, Muscle, muscle
from gateway.exams.files.stated import Stated, completed, entered, needed, opened
from gateway.exams.recording import Recording
from gateway.exams.result import Certainty, Flag, Parameter, Result, Severity, Window

ROLES = {"peak": "", "force": "", "emg": "uV", "stimulus": ""}
QUANTITIES = ("peak", "force", "emg")
DEFINITIONS = ("peak_ratio", "peak_slope")
_LEAST_S = 0.2
_SHARE = 0.2


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
    return _of_emg(muscle(recording, detection))


def _given(recording: Recording) -> _Peaks:
    column = recording.columns["peak"]
    peaks = [
        Peak(at_s, value if math.isfinite(value) else None)
        for at_s, value in zip(recording.times_s, column.values, strict=True)
    ]
    kind = Kind(column.header or "peak", column.unit or "unit not stated")
    return _Peaks(peaks, kind, (), (), (), ())


def _of_force(recording: Recording, course: Course) -> _Peaks:
    column = recording.columns["force"]
    above, rest = _threshold(recording, column.values, course)
    times_s, values = recording.times_s, column.values
    parts = [
        (begin, end)
        for begin, end in _joined(times_s, stretches(one > above for one in values))
        if times_s[end - 1] - times_s[begin] >= _LEAST_S
    ]
    peaks = [_peak(times_s, values, begin, end, rest) for begin, end in parts]
    contractions = _windows([(times_s[begin], times_s[end - 1]) for begin, end in parts])
    unit = column.unit or "unit not stated"
    parameters = (
        entered("contraction above", above, unit, assumed=course.above is None),
        Parameter(
            name="level at rest",
            value=rest,
            unit=unit,
            source="median below the threshold, taken off each peak",
            certainty=Certainty.MEASURED,
        ),
    )
    spans = tuple(Span(one.start_s, one.end_s, "contraction") for one in contractions)
    trace = thinned(times_s, values, "force")
    panel = Panel(f"Force ({unit})", (trace,), spans=spans, share=2.0, title="The whole recording")
    return _Peaks(peaks, Kind("force", unit), contractions, parameters, (), (panel,))


def _joined(times_s: "array[float]", parts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches with a rest of 0.2 s between them: what is closer is one contraction, or noise."""
    made: list[tuple[int, int]] = []
    for begin, end in parts:
        if made and times_s[begin] - times_s[made[-1][1] - 1] < _LEAST_S:
            made[-1] = (made[-1][0], end)
        else:
            made.append((begin, end))
    return made


def _threshold(recording: Recording, values: "array[float]", course: Course) -> tuple[float, float]:
    known = sorted(one for one in values if math.isfinite(one))
    if len(known) < len(values) / 2 or known[0] == known[-1]:
        text = "force is missing or the same throughout: check the sensor and the column"
        raise TraceUnusable(recording.source.name, text)
    low, high = known[len(known) // 20], known[-1 - len(known) // 100]
    above = low + _SHARE * (high - low) if course.above is None else course.above
    below = [one for one in known if one <= above]
    if not below or above >= known[-1]:
        text = f"--above {above:g}: the force goes from {known[0]:g} to {known[-1]:g}"
        raise TraceUnusable(recording.source.name, text)
    return above, median(below)


def _peak(times_s: "array[float]", values: "array[float]", begin: int, end: int, rest: float) -> Peak:
    best = max(range(begin, end), key=values.__getitem__)
    return Peak(times_s[best], values[best] - rest)


def _windows(parts: Sequence[tuple[float, float]]) -> tuple[Window, ...]:
    return tuple(
        Window(name="contraction", start_s=start_s, end_s=end_s, of=str(number))
        for number, (start_s, end_s) in enumerate(parts, 1)
    )


def _of_emg(found: Muscle) -> _Peaks:
    episodes = found.found.episodes
    peaks = [
        Peak((one.begin_s + one.end_s) / 2.0, one.peak_rms_uv if math.isfinite(one.peak_rms_uv) else None)
        for one in episodes
    ]
    contractions = _windows([(one.begin_s, one.end_s) for one in episodes])
    return _Peaks(
        peaks,
        Kind("EMG, largest RMS", "uV"),
        contractions,
        found.parameters,
        found.flags,
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
