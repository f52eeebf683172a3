"""The examination of the pulse: rate, how good the beats are, perfusion, and the shape of the mean beat.

Theory of operation
-------------------
Beats are found by ``dsp.pulse``.  A beat is good where its
correlation with the template is at least ``least_resemblance``; the rate is 60 over the median time between
neighbouring good peaks, so a stretch without signal or with movement adds nothing.  Perfusion is given only
for light that was recorded without an offset, which a person must state.  The shape is that of the mean
good beat (``dsp.pulse_wave``); of light it is uncalibrated, as the definition ids say, and a measure whose
points were not found is missing with the reason.

Units: rate 1/min, intervals s, the rest %.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import neg

from dsp import pulse, pulse_wave, traces
from dsp.errors import SignalRefused
from gateway.exams.errors import TraceUnusable
from gateway.exams.even import even
from gateway.exams.recording import Recording
from gateway.exams.result import (
    Certainty,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Value,
    Window,
)
from gateway.model import Limb

EXAM = "pulse"
RATE = "beats-1"
SHAPE = "ppg-uncalibrated-1"

LEAST_BEATS = 5
STUCK_S = 0.5

DEFINITIONS = (
    Definition(
        id=RATE,
        text="beats after Elgendi 2013; 60 over the median time between neighbouring good peaks",
        source="Elgendi et al., PLoS ONE 2013;8:e76585, as remembered",
        certainty=Certainty.MEMORY,
    ),
    Definition(
        id=SHAPE,
        text="measures of the mean good beat of a light signal: not calibrated in pressure, for one person's "
        "course only; the viability ratio is doubtful whenever end-systole is",
        source="usual definitions, from memory",
        certainty=Certainty.MEMORY,
    ),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the analysis may be told. ``is_light``: the samples are light without an offset."""

    least_resemblance: float = 0.86
    is_light: bool = False
    is_inverted: bool = False

    def parameters(self) -> tuple[Parameter, ...]:
        """For the result."""
        return (
            Parameter(
                name="least_resemblance",
                value=self.least_resemblance,
                unit="",
                source="usual limit of beat quality",
                certainty=Certainty.MEMORY,
            ),
            *(_switch(name, is_on=getattr(self, name)) for name in ("is_light", "is_inverted")),
            *(
                Parameter(name=name, value=value, unit=unit, source="rvos", certainty=Certainty.PROPOSAL)
                for name, value, unit in (
                    ("diastolic height", pulse_wave.DIASTOLIC_PERCENT, "%"),
                    ("flat top", pulse_wave.FLAT_TOP, "samples"),
                )
            ),
        )


def _switch(name: str, *, is_on: bool) -> Parameter:
    """Off is what nobody stated."""
    return Parameter(
        name=name,
        value=is_on,
        unit="",
        source="stated" if is_on else "default of this analysis",
        certainty=Certainty.ENTERED if is_on else Certainty.PROPOSAL,
    )


def analyse(
    recording: Recording,
    probe: Probe,
    limb: Limb | None = None,
    choices: Choices | None = None,
    column: str = "ppg",
) -> Result:
    """Pulse of one column. Raises ``ExamRefused`` and its kinds."""
    chosen = choices or Choices()
    samples = samples_of(recording, column, chosen)
    try:
        found = pulse.beats(samples, recording.rate_hz)
    except SignalRefused as refused:
        raise TraceUnusable(recording.source.name, refused.message) from refused
    good = [one for one in found if (one.resemblance or 0.0) >= chosen.least_resemblance]
    flags = _flags(recording, samples, found, good)
    clipped = pulse_wave.clipped(samples, recording.rate_hz, good)
    whole = [one for one, is_clipped in zip(good, clipped, strict=True) if not is_clipped]
    values = _rate_values(found, good) + _perfusion(whole, chosen, flags)
    values += _shape_values(samples, recording.rate_hz, good, flags)
    return Result(
        exam=EXAM,
        definition=RATE,
        probe=probe,
        limb=limb,
        recording=recording.source,
        values=tuple(values),
        flags=tuple(flags),
        parameters=chosen.parameters(),
        definitions=DEFINITIONS,
        windows=_good_parts(good),
    )


def samples_of(recording: Recording, column: str, chosen: Choices) -> "array[float]":
    """The wave, rising with the pulse, with a missing sample where the recording has a gap."""
    found = recording.columns.get(column)
    if found is None:
        raise TraceUnusable(recording.source.name, f"no column {column!r}: name the one with the pulse")
    made = even(recording, found.values)
    if chosen.is_inverted:
        made = array("d", map(neg, made))
    for begin, end in traces.stuck(made, max(2, round(STUCK_S * recording.rate_hz))):
        made[begin:end] = array("d", [math.nan]) * (end - begin)
    return made


def _flags(
    recording: Recording,
    samples: "array[float]",
    found: Sequence[pulse.Beat],
    good: Sequence[pulse.Beat],
) -> list[Flag]:
    flags = []
    known = traces.known(samples, 0, len(samples))
    if known < len(samples):
        lost_s = (len(samples) - known) / recording.rate_hz
        flags.append(_doubtful("no_signal", f"{lost_s:.1f} s without a signal: missing, stuck or saturated"))
    saturated = sum(pulse_wave.clipped(samples, recording.rate_hz, good))
    if saturated:
        text = f"{saturated} of {len(good)} good beats stand at the end of the scale: turn the gain down"
        flags.append(_doubtful("saturated", text))
    if recording.gaps:
        flags.append(_doubtful("gap", f"{len(recording.gaps)} gaps"))
    if found and len(good) < len(found) / 2:
        text = (
            f"{len(good)} of {len(found)} beats are good; does the signal fall with the pulse (--inverted)?"
        )
        flags.append(_doubtful("poor_beats", text))
    if len(good) < LEAST_BEATS:
        text = f"{len(good)} good beats of {len(found)}, {LEAST_BEATS} are needed"
        flags.append(Flag(id="too_few_beats", severity=Severity.MISSING, text=text))
        return flags
    intervals = _intervals(good)
    if intervals and _spread(intervals) > 0.15:
        flags.append(_doubtful("irregular", f"intervals vary by {100 * _spread(intervals):.0f} %"))
    return flags


def _doubtful(id: str, text: str) -> Flag:
    return Flag(id=id, severity=Severity.DOUBTFUL, text=text)


def _intervals(good: Sequence[pulse.Beat]) -> list[float]:
    """Between peaks of good beats that follow one another without a beat between them."""
    return [
        later.peak_s - one.peak_s
        for one, later in pairwise(good)
        if abs(later.foot_s - one.next_foot_s) < 1e-9
    ]


def _spread(intervals: Sequence[float]) -> float:
    """Half of the middle two thirds over the median: one standard deviation of a regular pulse."""
    ordered = sorted(intervals)
    last = len(ordered) - 1
    low, middle, high = (ordered[round(share * last)] for share in (1 / 6, 1 / 2, 5 / 6))
    return (high - low) / 2.0 / middle


def _rate_values(found: Sequence[pulse.Beat], good: Sequence[pulse.Beat]) -> list[Value]:
    intervals = sorted(_intervals(good))
    enough = len(good) >= LEAST_BEATS and bool(intervals)
    middle = intervals[len(intervals) // 2] if enough else None
    return [
        Value(
            name="rate",
            unit="1/min",
            definition=RATE,
            value=None if middle is None else 60.0 / middle,
            samples=len(intervals),
        ),
        Value(name="interval", unit="s", definition=RATE, value=middle, samples=len(intervals)),
        Value(name="beats", unit="1", definition=RATE, value=float(len(found))),
        Value(name="good_beats", unit="1", definition=RATE, value=float(len(good))),
    ]


def _perfusion(whole: Sequence[pulse.Beat], chosen: Choices, flags: list[Flag]) -> list[Value]:
    name = "perfusion_index"
    known = sorted(one.perfusion_percent for one in whole if one.perfusion_percent is not None)
    if not chosen.is_light or len(known) < LEAST_BEATS:
        text = (
            "only of light that was recorded without an offset: state --light where it was"
            if not chosen.is_light
            else "no good beat that is whole"
        )
        flags.append(Flag(id="no_perfusion", severity=Severity.MISSING, text=text, about=name))
        return [Value(name=name, unit="%", definition=RATE, value=None)]
    return [Value(name=name, unit="%", definition=RATE, value=known[len(known) // 2], samples=len(known))]


_TURN = " (where it falls with the pulse, state --inverted)"
_MEASURES = (
    ("augmentation_index", "%", "augmentation"),
    ("reflection_index", "%", "reflection"),
    ("reflection_delay", "s", "delay_s"),
    ("ageing_index", "%", "ageing"),
    ("viability_ratio", "%", "viability"),
)


def _shape_values(
    samples: "array[float]", rate_hz: float, good: Sequence[pulse.Beat], flags: list[Flag]
) -> list[Value]:
    try:
        beat = pulse_wave.mean_beat(samples, rate_hz, good)
        made = pulse_wave.shape(beat, pulse_wave.points(beat))
    except SignalRefused as refused:
        text = refused.message + (_TURN if refused.code == "high_passed" else "")
        return [_without(name, unit, refused.code, text, flags) for name, unit, _ in _MEASURES]
    values = []
    for name, unit, attribute in _MEASURES:
        value: float | None = getattr(made, attribute)
        if value is None:
            values.append(_without(name, unit, "point_not_found", "a point it needs was not found", flags))
        else:
            values.append(Value(name=name, unit=unit, definition=SHAPE, value=value, samples=beat.beats))
    if made.viability is not None:
        text = "made of light, not of pressure; doubtful whenever end-systole is"
        flags.append(
            Flag(id="viability_caveat", severity=Severity.DOUBTFUL, text=text, about="viability_ratio")
        )
    return values


def _without(name: str, unit: str, id: str, text: str, flags: list[Flag]) -> Value:
    flags.append(Flag(id=id, severity=Severity.MISSING, text=text, about=name))
    return Value(name=name, unit=unit, definition=SHAPE, value=None)


def _good_parts(good: Sequence[pulse.Beat]) -> tuple[Window, ...]:
    """Stretches of good beats, for a person to look at."""
    parts: list[list[float]] = []
    for one in good:
        if parts and abs(parts[-1][1] - one.foot_s) < 1e-9:
            parts[-1][1] = one.next_foot_s
        else:
            parts.append([one.foot_s, one.next_foot_s])
    return tuple(Window(name="good beats", start_s=start_s, end_s=end_s) for start_s, end_s in parts)
