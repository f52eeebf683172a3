"""The pulse from a file: the wave, its beats, the mean beat, and what to look at.

Theory of operation
-------------------
Needs a column ``ppg`` of any unit that rises with the pulse, or says that it falls.  The limit of a beat's
resemblance is from memory: unless it is stated it is a default that the result names as such.
"""

import math
from array import array
from collections.abc import Sequence
from pathlib import Path

from dsp import pulse as beats_of
from dsp import pulse_wave
from dsp.errors import SignalRefused
from dsp.pulse import Beat
from gateway.exams import pulse
from gateway.exams.drawing import Analysed, Drawing, Line, Panel, Point, Span, part, thinned, told
from gateway.exams.errors import DefinitionUnknown, NotStated, TraceUnusable
from gateway.exams.files.stated import Stated, completed, entered, needed, opened
from gateway.exams.pulse import Choices
from gateway.exams.recording import Recording
from gateway.exams.result import Result

ROLES = {"ppg": ""}
_CLOSE_S = 12.0


def analyse(
    path: Path,
    stated: Stated,
    definition: str = "",
    *,
    least_resemblance: float | None = None,
    is_light: bool = False,
    is_inverted: bool = False,
) -> Analysed:
    """The pulse of the file. Raises ``ExamRefused`` and its kinds."""
    if definition not in ("", pulse.RATE):
        raise DefinitionUnknown("pulse", definition, [pulse.RATE])
    usual = Choices().least_resemblance
    least = usual if least_resemblance is None else least_resemblance
    if not -1.0 <= least <= 1.0:
        raise NotStated("--least-resemblance", f"{least}: a correlation is between -1 and 1")
    choices = Choices(least, is_light, is_inverted)
    known = opened(path, stated, ROLES)
    needed(known.recording, "ppg")
    _has_signal(known.recording)
    result = pulse.analyse(known.recording, known.probe, known.limb, choices)
    own = () if least_resemblance is None else (entered("least_resemblance", least),)
    whole = completed(result, known, own)
    return Analysed(whole, _drawing(whole, known.recording, choices))


def _has_signal(recording: Recording) -> None:
    values = recording.columns["ppg"].values
    known = [one for one in values if math.isfinite(one)]
    if len(known) < len(values) / 2:
        raise TraceUnusable(recording.source.name, "most of ppg is missing: check the sensor and the column")
    if min(known) == max(known):
        text = f"ppg is {known[0]:g} throughout: check the sensor"
        raise TraceUnusable(recording.source.name, text)


def _drawing(result: Result, recording: Recording, choices: Choices) -> Drawing:
    samples = pulse.samples_of(recording, "ppg", choices)
    rate_hz = recording.rate_hz
    times_s = array("d", (at / rate_hz for at in range(len(samples))))
    try:
        found = beats_of.beats(samples, rate_hz)
    except SignalRefused:
        found = []
    good = [one for one in found if (one.resemblance or 0.0) >= choices.least_resemblance]
    unit = recording.columns["ppg"].unit
    y_label = f"Pulse wave ({unit or 'unit not stated'})"
    panels = [_whole(result, times_s, samples, y_label), _close(times_s, samples, found, good, y_label)]
    mean = _mean_beat(samples, rate_hz, good)
    if mean is not None:
        panels.append(mean)
    beats, kept = (result.value(name).value or 0.0 for name in ("beats", "good_beats"))
    return Drawing(tuple(panels), f"{told(result, 'rate')}; {kept:.0f} of {beats:.0f} beats are good")


def _whole(result: Result, times_s: "array[float]", samples: "array[float]", y_label: str) -> Panel:
    spans = tuple(Span(one.start_s, one.end_s, "good beats", "quiet") for one in result.windows)
    return Panel(
        y_label,
        (thinned(times_s, samples, "wave"),),
        spans=spans,
        title="The whole recording",
        share=1.2,
    )


def _close(
    times_s: "array[float]",
    samples: "array[float]",
    found: Sequence[Beat],
    good: Sequence[Beat],
    y_label: str,
) -> Panel:
    """Some seconds in the middle of the good beats, each beat with its foot and peak."""
    middle_s = good[len(good) // 2].peak_s if good else times_s[-1] / 2.0
    begin_s = min(max(0.0, middle_s - _CLOSE_S / 2.0), max(0.0, times_s[-1] - _CLOSE_S))
    shown = [one for one in found if begin_s <= one.foot_s and one.next_foot_s <= begin_s + _CLOSE_S]
    lines = (
        part(times_s, samples, begin_s, begin_s + _CLOSE_S, "wave"),
        Line([one.peak_s for one in shown], [one.peak for one in shown], "peaks", "fit", "points"),
        Line([one.foot_s for one in shown], [one.foot for one in shown], "feet", "left_out", "hollow"),
    )
    spans = tuple(Span(one.foot_s, one.next_foot_s, "good beats", "quiet") for one in shown if one in good)
    shown_s = (begin_s, begin_s + _CLOSE_S)
    return Panel(
        y_label,
        lines,
        spans=spans,
        title=f"{_CLOSE_S:g} s of it, beat by beat",
        x_range=shown_s,
        share=2.0,
    )


def _mean_beat(samples: "array[float]", rate_hz: float, good: Sequence[Beat]) -> Panel | None:
    try:
        beat = pulse_wave.mean_beat(samples, rate_hz, good)
        at = pulse_wave.points(beat)
    except SignalRefused:
        return None
    times_s = [pulse_wave.GRID_S * one for one in range(len(beat.heights))]
    named = (
        ("systolic peak", at.systolic),
        ("end-systole", at.end_systole),
        ("diastolic", at.diastolic),
        ("shoulder", at.shoulder),
    )
    points = tuple(
        Point(times_s[place], beat.heights[place], word) for word, place in named if place is not None
    )
    line = Line(times_s, beat.heights, f"mean of {beat.beats} beats", "signal")
    title = "The mean good beat and its points: light, not pressure"
    return Panel(
        "Height over the foot", (line,), "Time from the foot (s)", points=points, title=title, share=2.0
    )
