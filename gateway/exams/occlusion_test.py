"""The vascular occlusion test: what one occlusion shows of tissue oxygen, by definitions that are named.

Theory of operation
-------------------
The recording has tissue saturation and says when the limb was
occluded (``gateway.exams.occlusions``).  From it come the indices that all papers share (``vot-indices-1``:
baseline, minimum, overshoot, times and areas) and the two slopes, each by every definition that is asked
for; the first is the result's own.

Slopes are lines over the trace as it was recorded.  Extremes and crossings are taken from a mean over
``smoothing_s``, so that one noisy sample is not a recovery.

What is not as it should be is flagged: no fall of saturation (was the limb occluded at all?), no recovery,
a recording that ends before the recovery does, a baseline that holds the occlusion before, movement, gaps,
missing values, the ends of the scale, too few samples for a definition, another occlusion time than the
definition's.  Values that then mean nothing are missing.

Slopes depend on probe, spacing and site: ``gateway.exams.result.change`` refuses to compare across them.

Units: saturation %, times s, slopes %/s or %/min by their definition, areas % s.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from dsp import fits, traces
from dsp.errors import SignalRefused
from gateway.exams.errors import TraceUnusable
from gateway.exams.occlusion_definitions import INDICES, OcclusionDefinition, SlopeRule, definition
from gateway.exams.occlusion_quality import examine
from gateway.exams.occlusions import Occlusion, find
from gateway.exams.recording import Recording
from gateway.exams.result import (
    Certainty,
    Curve,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Value,
    Window,
)
from gateway.model import Limb

EXAM = "occlusion-test"
LEAST_SAMPLES = 4
"""A line over fewer says nothing; the coarsest published slope has four."""

MOST_MISSING = 0.2


@dataclass(frozen=True, slots=True)
class Choices:
    """What the analysis may be told. All are engineering proposals, kept in the result."""

    baseline_s: float = 30.0
    smoothing_s: float = 2.0
    after_release_s: float = 5.0
    recovery_s: float = 300.0
    least_fall_percent: float = 3.0

    def parameters(self) -> tuple[Parameter, ...]:
        """For the result."""
        units = {"least_fall_percent": "%"}
        return tuple(
            Parameter(
                name=name,
                value=getattr(self, name),
                unit=units.get(name, "s"),
                source="this analysis",
                certainty=Certainty.PROPOSAL,
            )
            for name in self.__slots__
        )


@dataclass(slots=True)
class _Notes:
    """What is found while one occlusion is read."""

    values: list[Value] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def add(self, name: str, unit: str, value: float | None, of: str, by: str = INDICES.id) -> None:
        self.values.append(Value(name=name, unit=unit, definition=by, value=value, of=of))

    def flag(self, id: str, severity: Severity, text: str, about: str = "", of: str = "") -> None:
        self.flags.append(Flag(id=id, severity=severity, text=text, about=about, of=of))


@dataclass(frozen=True, slots=True)
class _Trace:
    times_s: "array[float]"
    raw: "array[float]"
    smooth: "array[float]"
    choices: Choices
    end_s: float
    """Where the recovery of this occlusion ends at the latest."""


def analyse(
    recording: Recording,
    probe: Probe,
    limb: Limb | None = None,
    definitions: Sequence[str] = ("mclay",),
    occluding_mmhg: float | None = None,
    choices: Choices | None = None,
) -> Result:
    """The result over every occlusion of the recording; ``of`` counts them from 1.

    The recording has ``sto2`` in %, and ``cuff`` in mmHg or marks.  Raises ``ExamRefused`` and its kinds.
    """
    asked = [definition(one) for one in definitions]
    if not asked:
        raise TraceUnusable(recording.source.name, "no definition: state at least one")
    chosen = choices or Choices()
    notes = _Notes()
    raw = _saturation(recording, notes)
    occlusions = find(recording, occluding_mmhg)
    smooth = traces.smoothed(recording.times_s, raw, chosen.smoothing_s)
    for at, one in enumerate(occlusions):
        follows = occlusions[at + 1].inflation_s if at + 1 < len(occlusions) else math.inf
        end_s = min(recording.end_s, one.release_s + chosen.recovery_s, follows)
        trace = _Trace(recording.times_s, raw, smooth, chosen, end_s)
        if at and one.inflation_s - chosen.baseline_s < occlusions[at - 1].empty_s:
            text = "the baseline holds a part of the occlusion before"
            notes.flag("disturbed_baseline", Severity.DOUBTFUL, text, of=str(at + 1))
        _read(recording, trace, one, str(at + 1), asked, notes)
    return Result(
        exam=EXAM,
        definition=asked[0].id,
        probe=probe,
        limb=limb,
        recording=recording.source,
        values=tuple(notes.values),
        flags=tuple(notes.flags),
        windows=tuple(notes.windows),
        curves=tuple(notes.curves),
        parameters=chosen.parameters(),
        definitions=(INDICES, *(one.describe() for one in asked)),
    )


def _saturation(recording: Recording, notes: _Notes) -> "array[float]":
    values = recording.column("sto2", "%")
    inside = array("d", [one if 0.0 <= one <= 100.0 else math.nan for one in values])
    known = traces.known(inside, 0, len(inside))
    if known < len(inside) / 2:
        raise TraceUnusable(
            recording.source.name, "most of sto2 is missing or not 0 to 100 %: check the probe"
        )
    lowest, highest = traces.extent(inside)
    if lowest == highest:
        raise TraceUnusable(recording.source.name, f"sto2 is {lowest:g} % throughout: check the probe")
    outside = traces.known(values, 0, len(values)) - known
    if outside:
        notes.flag("out_of_range", Severity.DOUBTFUL, f"{outside} values outside 0 to 100 % were left out")
    return inside


def _read(
    recording: Recording,
    trace: _Trace,
    one: Occlusion,
    of: str,
    asked: Sequence[OcclusionDefinition],
    notes: _Notes,
) -> None:
    """All that one occlusion says."""
    begin_s = max(0.0, one.inflation_s - trace.choices.baseline_s)
    notes.windows += [
        Window(name="baseline", start_s=begin_s, end_s=one.inflation_s, of=of),
        Window(name="occlusion", start_s=one.occluded_s, end_s=one.release_s, of=of),
        Window(name="recovery", start_s=one.release_s, end_s=trace.end_s, of=of),
    ]
    notes.flags += examine(recording, trace.raw, one, begin_s, trace.end_s, of)
    notes.add("occlusion_time", "s", one.duration_s, of)
    baseline = _baseline(trace, begin_s, one, of, notes)
    fall = _ischaemia(trace, baseline, one, of, notes)
    has_fallen = fall is not None and fall >= trace.choices.least_fall_percent
    if fall is not None and not has_fallen:
        notes.flag(
            "no_desaturation", Severity.DOUBTFUL, f"saturation fell {fall:.1f} %: was it occluded?", of=of
        )
    _hyperaemia(trace, baseline, fall if has_fallen else None, one, of, notes)
    for way in asked:
        _slopes(trace, way, one, of, notes)


def _baseline(trace: _Trace, begin_s: float, one: Occlusion, of: str, notes: _Notes) -> float | None:
    try:
        value = fits.mean(trace.times_s, trace.raw, begin_s, one.inflation_s)
    except SignalRefused as refused:
        notes.flag("no_baseline", Severity.MISSING, refused.message, of=of)
        value = None
    if one.inflation_s - begin_s < trace.choices.baseline_s / 2:
        notes.flag(
            "short_baseline",
            Severity.DOUBTFUL,
            f"{one.inflation_s - begin_s:.0f} s before the inflation",
            of=of,
        )
    notes.add("baseline", "%", value, of)
    return value


def _ischaemia(trace: _Trace, baseline: float | None, one: Occlusion, of: str, notes: _Notes) -> float | None:
    """Minimum and area; how far it fell."""
    until_s = min(one.release_s + trace.choices.after_release_s, trace.end_s)
    lowest = _extreme(trace, one.occluded_s, until_s, -1.0)
    if lowest is None:
        notes.flag("no_samples", Severity.MISSING, "no samples in the occlusion", of=of)
    notes.add("minimum", "%", lowest, of)
    if baseline is None or lowest is None:
        notes.add("fall", "%", None, of)
        notes.add("ischaemic_area", "% s", None, of)
        return None
    below = fits.area(trace.times_s, trace.raw, one.inflation_s, one.release_s, baseline, above=False)
    notes.add("fall", "%", baseline - lowest, of)
    notes.add("ischaemic_area", "% s", below.area, of)
    return baseline - lowest


def _extreme(trace: _Trace, start_s: float, end_s: float, sign: float) -> float | None:
    begin, end = fits.window(trace.times_s, start_s, end_s)
    lowest, highest = traces.extent(trace.smooth[begin:end])
    found = highest if sign > 0 else lowest
    return None if math.isnan(found) else found


_AFTER = (
    ("peak", "%"),
    ("overshoot", "%"),
    ("recovery_time", "s"),
    ("half_time", "s"),
    ("hyperaemic_area", "% s"),
    ("vascular_reserve", "s"),
)


def _hyperaemia(
    trace: _Trace, baseline: float | None, fall: float | None, one: Occlusion, of: str, notes: _Notes
) -> None:
    """All that follows the release; missing where nothing fell or nothing came back."""
    half_s = None
    if baseline is not None and fall is not None:
        half_s = fits.crossing(
            trace.times_s, trace.smooth, one.release_s, trace.end_s, baseline - fall / 2, rising=True
        )
    if baseline is None or fall is None or half_s is None:
        if fall is not None:
            notes.flag("no_reperfusion", Severity.MISSING, "half of the fall never came back", of=of)
        for name, unit in _AFTER:
            _lacks(name, unit, of, notes)
        return
    peak = _extreme(trace, one.release_s, trace.end_s, 1.0)
    notes.add("peak", "%", peak, of)
    notes.add("overshoot", "%", None if peak is None else peak - baseline, of)
    notes.add("half_time", "s", half_s - one.release_s, of)
    _above_baseline(trace, baseline, one, of, notes)


def _lacks(name: str, unit: str, of: str, notes: _Notes) -> None:
    notes.add(name, unit, None, of)
    notes.flag("not_measured", Severity.MISSING, "nothing fell or nothing came back", name, of)


def _above_baseline(trace: _Trace, baseline: float, one: Occlusion, of: str, notes: _Notes) -> None:
    """From the first return to the baseline until, after the peak, it is there again."""
    return_s = fits.crossing(trace.times_s, trace.smooth, one.release_s, trace.end_s, baseline, rising=True)
    if return_s is None:
        for name, unit in (("recovery_time", "s"), ("hyperaemic_area", "% s"), ("vascular_reserve", "s")):
            notes.add(name, unit, None, of)
            text = f"not back at the baseline {trace.end_s - one.release_s:.0f} s after the release"
            notes.flag("baseline_not_reached", Severity.MISSING, text, name, of)
        return
    peak_s = _time_of_peak(trace, return_s)
    back_s = fits.crossing(trace.times_s, trace.smooth, peak_s, trace.end_s, baseline, rising=False)
    end_s = trace.end_s if back_s is None else back_s
    above = fits.area(trace.times_s, trace.smooth, return_s, end_s, baseline, above=True)
    notes.add("recovery_time", "s", return_s - one.release_s, of)
    notes.add("hyperaemic_area", "% s", above.area, of)
    notes.add("vascular_reserve", "s", end_s - return_s, of)
    if back_s is None:
        for name in ("hyperaemic_area", "vascular_reserve"):
            notes.flag(
                "cut_off", Severity.DOUBTFUL, "still above baseline at the end: a lower bound", name, of
            )


def _time_of_peak(trace: _Trace, start_s: float) -> float:
    begin, end = fits.window(trace.times_s, start_s, trace.end_s)
    best = max(
        (at for at in range(begin, end) if math.isfinite(trace.smooth[at])), key=lambda at: trace.smooth[at]
    )
    return trace.times_s[best]


def _slopes(trace: _Trace, way: OcclusionDefinition, one: Occlusion, of: str, notes: _Notes) -> None:
    if way.occlusion_s is not None and abs(one.duration_s - way.occlusion_s) > 0.1 * way.occlusion_s:
        text = f"{way.id} occludes {way.occlusion_s:g} s, this was {one.duration_s:.0f} s"
        notes.flag("other_occlusion_time", Severity.NOTE, text, of=of)
    if way.target_percent is not None:
        _time_to_target(trace, way, way.target_percent, one, of, notes)
    _slope(trace, way, way.desaturation, (one.occluded_s, one.release_s), of, notes, "desaturation_slope")
    _slope(trace, way, way.reperfusion, (one.release_s, trace.end_s), of, notes, "reperfusion_slope")


def _time_to_target(
    trace: _Trace, way: OcclusionDefinition, target: float, one: Occlusion, of: str, notes: _Notes
) -> None:
    name = "time_to_target"
    at_s = fits.crossing(trace.times_s, trace.smooth, one.occluded_s, one.release_s, target, rising=False)
    if at_s is None:
        notes.flag("target_not_reached", Severity.MISSING, f"saturation stayed above {target:g} %", name, of)
    notes.add(name, "s", None if at_s is None else at_s - one.occluded_s, of, way.id)


def _slope(
    trace: _Trace,
    way: OcclusionDefinition,
    rule: SlopeRule | None,
    part_s: tuple[float, float],
    of: str,
    notes: _Notes,
    name: str,
) -> None:
    """One slope by one definition, or the flag that says why there is none."""
    if rule is None:
        notes.add(name, "%/s", None, of, way.id)
        notes.flag("method_unknown", Severity.MISSING, f"{way.id}: its method is not known to us", name, of)
        return
    try:
        line = _line(trace, rule, *part_s)
    except SignalRefused as refused:
        notes.add(name, rule.unit, None, of, way.id)
        notes.flag(refused.code, Severity.MISSING, f"{way.id}: {refused.message}", name, of)
        return
    scale = 60.0 if rule.unit == "%/min" else 1.0
    notes.values.append(
        Value(
            name=name,
            unit=rule.unit,
            definition=way.id,
            value=scale * line.slope,
            of=of,
            low=scale * line.low,
            high=scale * line.high,
            confidence=line.confidence,
            r_squared=line.r_squared,
            samples=line.samples,
        )
    )
    coefficients = (line.intercept, line.slope)
    about = f"{name} {way.id}"
    notes.curves.append(
        Curve(
            about=about,
            model="line",
            start_s=line.start_s,
            end_s=line.end_s,
            coefficients=coefficients,
            of=of,
        )
    )
    if rule.sampled_s is not None:
        text = f"{way.id} counts samples {rule.sampled_s:g} s apart; the same time was taken"
        notes.flag("other_sampling", Severity.NOTE, text, name, of)


def _line(trace: _Trace, rule: SlopeRule, start_s: float, end_s: float) -> fits.Line:
    """The line of a rule. Raises ``SignalRefused`` where its window has too few samples or is cut off."""
    until_s = start_s + rule.amount if rule.part == "first" else end_s
    if until_s > end_s + 1e-6:
        raise SignalRefused(
            "slope", "window_cut_off", f"{rule.amount:g} s wanted, {end_s - start_s:.1f} s there"
        )
    begin, end = fits.window(trace.times_s, start_s, until_s)
    if end - begin < LEAST_SAMPLES:
        raise SignalRefused(
            "slope", "too_few_samples", f"{max(0, end - begin)} samples, {LEAST_SAMPLES} needed"
        )
    if traces.missing_share(trace.raw, begin, end) > MOST_MISSING:
        raise SignalRefused("slope", "missing_samples", "more than a fifth of the window is missing")
    if rule.part == "linear":
        return fits.linear_part(trace.times_s, trace.raw, start_s, until_s, rule.amount)
    return fits.line(trace.times_s, trace.raw, start_s, until_s)
