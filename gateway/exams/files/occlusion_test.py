"""The vascular occlusion test from a file: columns, occlusions, definitions, and what to look at.

Theory of operation
-------------------
Needs ``sto2`` (or ``o2hb`` and ``hhb``, whose quotient is flagged) and the occlusions: the trace of the
``cuff``, marks, or stated times.  Without a definition the slopes are taken by every shipped one whose method
was read in its source; the others have to be asked for.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsp.traces import smoothed
from gateway.exams import occlusion_test
from gateway.exams.drawing import (
    Analysed,
    Drawing,
    Level,
    Line,
    Panel,
    Point,
    Span,
    Tone,
    fitted,
    part,
    thinned,
    told,
    words,
)
from gateway.exams.errors import NotStated
from gateway.exams.files.occlusion_times import Times, with_occlusions
from gateway.exams.files.stated import Stated, completed, entered, needed, opened
from gateway.exams.occlusion_definitions import DEFINITIONS
from gateway.exams.occlusion_trace import Choices
from gateway.exams.occlusions import EMPTY_MMHG
from gateway.exams.recording import Recording, with_saturation_of_haemoglobin
from gateway.exams.result import Certainty, Flag, Parameter, Result, Severity

_MOST_PANELS, _MOST_RELEASES = 6, 3
_BEFORE_RELEASE_S, _AFTER_RELEASE_S = 10.0, 40.0
ROLES = {"sto2": "%", "cuff": "mmHg", "o2hb": "uM", "hhb": "uM"}
OF_HAEMOGLOBIN = Flag(
    id="saturation_of_haemoglobin",
    severity=Severity.DOUBTFUL,
    text="saturation is O2Hb / (O2Hb + HHb) of one distance: relative, compares only with its own kind",
)


def read_definitions() -> tuple[str, ...]:
    """The definitions that have a slope whose method was read in its source."""
    return tuple(
        one.id
        for one in DEFINITIONS.values()
        if any(rule and rule.certainty is Certainty.READ for rule in (one.desaturation, one.reperfusion))
        and one.certainty is Certainty.READ
    )


def choices(baseline_s: float | None, smoothing_s: float | None, recovery_s: float | None) -> Choices:
    """The choices of the analysis, with what was stated of them. Raises ``NotStated``."""
    given = {"baseline_s": baseline_s, "smoothing_s": smoothing_s, "recovery_s": recovery_s}
    stated: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, value in stated.items():
        least = 0.0 if name == "smoothing_s" else 1e-9
        if not least <= value <= 3600.0:
            raise NotStated(f"--{name.replace('_', '-')}", f"{value:g} s: give a time of at most an hour")
    return replace(Choices(), **stated)


def analyse(
    path: Path,
    stated: Stated,
    times: Times,
    definitions: Sequence[str] = (),
    chosen: Choices | None = None,
    *,
    from_haemoglobin: bool = False,
) -> Analysed:
    """The result over every occlusion of the file. Raises ``ExamRefused`` and its kinds."""
    known = opened(path, stated, ROLES)
    recording = known.recording
    if from_haemoglobin:
        needed(recording, "o2hb", "hhb")
        recording = with_saturation_of_haemoglobin(recording)
    _has_saturation(recording)
    found, parameters, over = with_occlusions(recording, times)
    asked = tuple(definitions) or read_definitions()
    result = occlusion_test.analyse(
        found, known.probe, known.limb, asked, times.occluding_mmhg, chosen, times.systolic_mmhg
    )
    flags = (*over, OF_HAEMOGLOBIN) if from_haemoglobin else over
    whole = completed(result, known, (*parameters, *_changed(chosen)), flags)
    return Analysed(whole, drawing(whole, recording, chosen or Choices()))


def _changed(chosen: Choices | None) -> tuple[Parameter, ...]:
    usual = Choices()
    names = ("baseline_s", "smoothing_s", "recovery_s")
    own = {name: getattr(chosen or usual, name) for name in names}
    return tuple(entered(name, value, "s") for name, value in own.items() if value != getattr(usual, name))


def _has_saturation(recording: Recording) -> None:
    if "sto2" not in recording.columns and {"o2hb", "hhb"} <= set(recording.columns):
        text = "no column is sto2: make it of O2Hb and HHb (--from-haemoglobin), or say --column sto2=NAME"
        raise NotStated(recording.source.name, text)
    needed(recording, "sto2")


def drawing(result: Result, recording: Recording, chosen: Choices) -> Drawing:
    """Saturation over the cuff on one axis of time; then each occlusion, and what is about its release."""
    parts = _parts(result)
    windows = result.windows
    is_one = len(parts) == 1
    shown_s = (windows[0].start_s, windows[-1].end_s) if is_one else (0.0, recording.end_s)
    panels = [] if is_one else [_overview(result, recording)]
    large = [_occlusion(result, recording, chosen, of) for of in parts[:_MOST_PANELS]]
    panels += large[:1] if is_one else []
    cuff = recording.cuff_trace
    if cuff is not None:
        trace = part(cuff.times_s, cuff.pressures_mmhg, *shown_s, "cuff")
        levels = (Level(EMPTY_MMHG, f"empty below {EMPTY_MMHG:g}"),)
        spans = _spans(result, parts)
        panels.append(Panel("Cuff (mmHg)", (trace,), spans=spans, levels=levels, x_range=shown_s))
    panels += large[1:] if is_one else large
    panels += [_release(result, recording, chosen, of) for of in parts[:_MOST_RELEASES]]
    return Drawing(tuple(panels), _numbers(result))


def _overview(result: Result, recording: Recording) -> Panel:
    trace = thinned(recording.times_s, recording.columns["sto2"].values, "StO2")
    spans, shown_s = _spans(result, _parts(result)), (0.0, recording.end_s)
    return Panel("StO2 (%)", (trace,), spans=spans, title="The whole recording", x_range=shown_s, share=1.3)


def _occlusion(result: Result, recording: Recording, chosen: Choices, of: str) -> Panel:
    """One occlusion from its baseline to the end of its recovery."""
    windows = [one for one in result.windows if one.of == of]
    shown_s = (windows[0].start_s, windows[-1].end_s)
    smooth = smoothed(recording.times_s, recording.columns["sto2"].values, chosen.smoothing_s)
    labels = ("as recorded", f"mean over {chosen.smoothing_s:g} s")
    return Panel(
        "StO2 (%)",
        (
            *_traces(recording, smooth, shown_s, labels),
            *_slopes(result, of),
            *_baseline(result, of, *shown_s),
        ),
        spans=_spans(result, [of]),
        points=_points(result, of, recording.times_s, smooth),
        title=f"Occlusion {of}",
        x_range=shown_s,
        share=3.0,
    )


def _release(result: Result, recording: Recording, chosen: Choices, of: str) -> Panel:
    """The seconds about one release, in which the slope of reperfusion is; its lines are named above."""
    release_s = next(one.end_s for one in result.windows if one.of == of and one.name == "occlusion")
    shown_s = (release_s - _BEFORE_RELEASE_S, release_s + _AFTER_RELEASE_S)
    smooth = smoothed(recording.times_s, recording.columns["sto2"].values, chosen.smoothing_s)
    slopes = [one._replace(label="") for one in _slopes(result, of) if one.xs[0] >= release_s - 1e-6]
    return Panel(
        "StO2 (%)",
        (*_traces(recording, smooth, shown_s, ("", "")), *slopes),
        spans=tuple(one._replace(label="", text="") for one in _spans(result, [of])),
        points=tuple(
            one for one in _points(result, of, recording.times_s, smooth) if shown_s[0] <= one.x <= shown_s[1]
        ),
        levels=(Level(release_s, "release", upright=True),),
        title=f"The release of occlusion {of}",
        x_range=shown_s,
        share=2.2,
    )


def _traces(
    recording: Recording, smooth: "array[float]", shown_s: tuple[float, float], labels: tuple[str, str]
) -> tuple[Line, Line]:
    times_s, raw = recording.times_s, recording.columns["sto2"].values
    recorded = part(times_s, raw, *shown_s, labels[0], "second")
    return recorded, part(times_s, smooth, *shown_s, labels[1], "signal")


_TONES: dict[str, Tone] = {"baseline": "quiet", "occlusion": "found"}


def _spans(result: Result, parts: Sequence[str]) -> tuple[Span, ...]:
    return tuple(
        Span(
            one.start_s,
            one.end_s,
            one.name if one.name == "occlusion" else "baseline taken here",
            _TONES[one.name],
            one.of if one.name == "occlusion" else "",
        )
        for one in result.windows
        if one.name in _TONES and one.of in parts
    )


def _slopes(result: Result, of: str) -> list[Line]:
    """Every line; those of the main definition in one colour, those of others in another."""
    return [
        fitted(
            one,
            one.about.replace("_", " "),
            "fit" if one.about.endswith(f" {result.definition}") else "other_fit",
        )._replace(style="thin")
        for one in result.curves
        if one.of == of
    ]


def _baseline(result: Result, of: str, start_s: float, end_s: float) -> list[Line]:
    baseline = result.value("baseline", of).value
    if baseline is None:
        return []
    return [Line((start_s, end_s), (baseline, baseline), "baseline", "quiet", "dashed")]


def _parts(result: Result) -> list[str]:
    return list(dict.fromkeys(one.of for one in result.windows))


def _points(result: Result, of: str, times_s: "array[float]", smooth: "array[float]") -> tuple[Point, ...]:
    windows = {one.name: one for one in result.windows if one.of == of}
    begin_s, release_s, end_s = (
        windows["occlusion"].start_s,
        windows["occlusion"].end_s,
        windows["recovery"].end_s,
    )
    found = []
    for name, text in (("half_time", "half"), ("recovery_time", "back at baseline")):
        value = result.value(name, of).value
        if value is not None:
            at_s = release_s + value
            found.append(Point(at_s, _at(times_s, smooth, at_s), text))
    for name, from_s in (("minimum", begin_s), ("peak", release_s)):
        value = result.value(name, of).value
        at = _where(times_s, smooth, from_s, end_s, value)
        if value is not None and at is not None:
            found.append(Point(at, value, name))
    return tuple(found)


def _at(times_s: "array[float]", values: "array[float]", at_s: float) -> float:
    return values[min(range(len(times_s)), key=lambda at: abs(times_s[at] - at_s))]


def _where(
    times_s: "array[float]", values: "array[float]", start_s: float, end_s: float, value: float | None
) -> float | None:
    if value is None:
        return None
    inside = (
        at_s
        for at_s, one in zip(times_s, values, strict=True)
        if start_s <= at_s <= end_s and abs(one - value) < 1e-9
    )
    return next(inside, None)


def _numbers(result: Result) -> str:
    """The first occlusions in a line each."""
    texts = []
    for of in _parts(result)[:3]:
        own = [told(result, name, of) for name in ("baseline", "fall", "overshoot")]
        own += [
            f"{words(one.name)} {one.value:.3g} {one.unit} ({one.definition})"
            for one in result.values
            if one.of == of and one.name.endswith("slope") and one.value is not None
        ]
        texts.append(f"{of}: {', '.join(own)}")
    return "\n".join(texts)
