"""Oxidative capacity from a file: signal and slope by the definition, and what to look at.

Theory of operation
-------------------
The definition is ``SIGNAL/WAY`` (``gateway.exams.oxidative_capacity_definitions``); either part alone takes
the usual other one.  The plot has the corrected trace with every line, the fitted series large, and the
slopes over time with the recovery that was fitted to them.
"""

from array import array
from pathlib import Path
from typing import NamedTuple

from dsp import nirs
from gateway.exams import oxidative_capacity
from gateway.exams.drawing import Analysed, Drawing, Line, Panel, Span, Tone, fitted, part, thinned, told
from gateway.exams.errors import DefinitionUnknown, NotStated
from gateway.exams.files.occlusion_test import OF_HAEMOGLOBIN
from gateway.exams.files.occlusion_times import Times, with_occlusions
from gateway.exams.files.stated import Stated, completed, needed, opened
from gateway.exams.oxidative_capacity_definitions import EXAM, SIGNALS, WAYS, Choices
from gateway.exams.recording import Recording, with_saturation_of_haemoglobin
from gateway.exams.result import Result, Value, Window

ROLES = {"o2hb": "uM", "hhb": "uM", "sto2": "%", "cuff": "mmHg"}
_AROUND_S = 10.0


def chosen(definition: str, series_gap_s: float | None = None) -> Choices:
    """The choices of ``SIGNAL/WAY`` or of either. Raises ``DefinitionUnknown`` and ``NotStated``."""
    usual = Choices()
    signal, _, way = definition.partition("/")
    if definition in WAYS:
        signal, way = usual.signal, definition
    known = next((one for one in SIGNALS if one == (signal or usual.signal)), None)
    if known is None:
        raise DefinitionUnknown(EXAM, definition, ids())
    if series_gap_s is not None and not 0.0 < series_gap_s < float("inf"):
        raise NotStated("--series-gap-s", f"{series_gap_s} s: give more than 0")
    gap_s = usual.series_gap_s if series_gap_s is None else series_gap_s
    made = Choices(known, way or usual.way, gap_s)
    made.slope_way()
    return made


def ids() -> list[str]:
    """Every definition."""
    return [f"{signal}/{way}" for signal in SIGNALS for way in WAYS]


def analyse(
    path: Path, stated: Stated, times: Times, choices: Choices, *, from_haemoglobin: bool = False
) -> Analysed:
    """k of the longest series in the file. Raises ``ExamRefused`` and its kinds."""
    known = opened(path, stated, ROLES)
    recording = known.recording
    if from_haemoglobin:
        needed(recording, "o2hb", "hhb")
        recording = with_saturation_of_haemoglobin(recording)
    needed(recording, *(("sto2",) if choices.signal == "sto2" else ("o2hb", "hhb")))
    found, parameters, over = with_occlusions(recording, times)
    result = oxidative_capacity.analyse(
        found, known.probe, known.limb, choices, times.occluding_mmhg, times.systolic_mmhg
    )
    flags = (*over, OF_HAEMOGLOBIN) if from_haemoglobin and choices.signal == "sto2" else over
    whole = completed(result, known, parameters, flags)
    return Analysed(whole, drawing(whole, recording, choices))


class _Trace(NamedTuple):
    """The signal whose slope is taken, as far as one trace can show it."""

    values: "array[float]"
    label: str
    y_label: str


def _trace(recording: Recording, choices: Choices) -> _Trace:
    if choices.signal == "sto2":
        return _Trace(recording.column("sto2", "%"), "StO2", "StO2 (%)")
    oxy, deoxy = recording.column("o2hb", "uM"), recording.column("hhb", "uM")
    if choices.signal == "hhb-beever2020":
        return _Trace(nirs.beever2020(oxy, deoxy).deoxy_um, "HHb, blood volume corrected", "HHb (uM)")
    return _Trace(deoxy, "HHb as recorded", "HHb (uM)")


def drawing(result: Result, recording: Recording, choices: Choices) -> Drawing:
    """What to look at: every occlusion with its line, and the recovery of the slopes."""
    trace = _trace(recording, choices)
    windows = [one for one in result.windows if one.name == "occlusion"]
    series = _series(result)
    own = [one for one in windows if one.of in series]
    panels = [_whole(result, recording, trace, windows)]
    if own:
        begin_s, end_s = own[0].start_s - _AROUND_S, own[-1].end_s + _AROUND_S
        panels.append(_close(result, recording, trace, own, (begin_s, end_s), choices))
    panels.append(_slopes(result, series))
    return Drawing(tuple(panels), f"{told(result, 'k_per_min')}\n{_fit(result)}")


def _fit(result: Result) -> str:
    k = result.value("k_per_min")
    if k.value is None:
        return ""
    fit = "" if k.r_squared is None else f", R2 {k.r_squared:.3f}"
    return f"{told(result, 'time_constant')}, {k.samples} occlusions{fit}"


def _series(result: Result) -> tuple[str, ...]:
    found = next(one.value for one in result.parameters if one.name == "series")
    return tuple(map(str, found)) if isinstance(found, tuple) else ()


def _whole(result: Result, recording: Recording, trace: _Trace, windows: list[Window]) -> Panel:
    spans = tuple(Span(one.start_s, one.end_s, "occlusion", "found") for one in windows)
    lines = thinned(recording.times_s, trace.values, trace.label)
    return Panel(trace.y_label, (lines,), spans=spans, title="The whole recording", share=1.2)


def _close(
    result: Result,
    recording: Recording,
    trace: _Trace,
    windows: list[Window],
    shown_s: tuple[float, float],
    choices: Choices,
) -> Panel:
    own = {one.of for one in windows}
    lines = [part(recording.times_s, trace.values, *shown_s, trace.label)]
    if choices.signal != "hhb-ryan2012":  # whose lines are of a trace that begins anew at each occlusion
        curves = [one for one in result.curves if one.model == "line" and one.of in own]
        lines += [fitted(one, "slope" if at == 0 else "") for at, one in enumerate(curves)]
    spans = tuple(Span(one.start_s, one.end_s, "occlusion", "found", one.of) for one in windows)
    title = "The series that was fitted, each occlusion with its line"
    return Panel(trace.y_label, tuple(lines), spans=spans, title=title, x_range=shown_s, share=2.2)


def _slopes(result: Result, series: tuple[str, ...]) -> Panel:
    middles = {one.of: (one.start_s + one.end_s) / 2.0 for one in result.curves if one.model == "line"}
    values = [one for one in result.values if one.name == "oxygen_consumption" and one.value is not None]
    lines = [
        _points([one for one in values if one.of not in series], middles, "not fitted", "left_out"),
        _points([one for one in values if one.of in series], middles, "oxygen consumption", "signal"),
        *(fitted(one, "fitted recovery") for one in result.curves if one.model == "recovery"),
    ]
    unit = values[0].unit if values else "uM/s"
    title = "Consumption of each occlusion, and its recovery"
    return Panel(f"O2 consumption ({unit})", tuple(lines), title=title, share=2.2)


def _points(values: list[Value], middles: dict[str, float], label: str, tone: Tone) -> Line:
    ys = [one.value or 0.0 for one in values]
    return Line(
        [middles[one.of] for one in values], ys, label, tone, "hollow" if tone == "left_out" else "points"
    )
