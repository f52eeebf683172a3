"""Slopes of the vascular occlusion test, by the definitions that are asked for.

Theory of operation
-------------------
A slope is a least-squares line over the trace as it was recorded, over the part that its definition names.
The longest linear part lasts 20 s and six samples at least: of three samples of noise one in a few lies on a
line.  How long it came out is a value of its own, and a part whose halves differ by more than a third of the
slope is said to bend.

There is no slope where saturation did not fall, where it goes the wrong way, or where samples are missing
about the release.  A slope has R2 and no interval: samples of a filtered signal are not independent, and the
usual interval would be too narrow by an unknown factor.

Units: saturation %, times s, slopes %/s or %/min by their definition.
"""

from dsp import fits, traces
from dsp.errors import SignalRefused
from gateway.exams.occlusion_definitions import OcclusionDefinition, SlopeRule
from gateway.exams.occlusion_trace import MOST_MISSING, Notes, Trace
from gateway.exams.occlusions import Occlusion
from gateway.exams.result import Curve, Severity, Value

LEAST_SAMPLES = 4
"""A line over fewer says nothing; the coarsest published slope has four."""

BEND_SHARE = 1 / 3
"""The slopes of a part's halves differ by more than this part of its own: it bends (engineering proposal)."""

DESATURATION, REPERFUSION = "desaturation_slope", "reperfusion_slope"

Bars = dict[str, tuple[str, str]]
"""Slopes that must not be taken, by their names: the flag's id and why."""


def slopes(trace: Trace, way: OcclusionDefinition, one: Occlusion, of: str, notes: Notes, bars: Bars) -> None:
    """Both slopes by one definition, or why there are none."""
    if way.occlusion_s is not None and abs(one.duration_s - way.occlusion_s) > 0.1 * way.occlusion_s:
        text = f"{way.id} occludes {way.occlusion_s:g} s, this was {one.duration_s:.0f} s"
        notes.flag("other_occlusion_time", Severity.NOTE, text, of=of)
    if way.target_percent is not None:
        _time_to_target(trace, way, way.target_percent, one, of, notes)
    falling, rising = (one.occluded_s, one.release_s), (one.release_s, trace.end_s)
    _slope(trace, way, way.desaturation, falling, of, notes, DESATURATION, bars)
    _slope(trace, way, way.reperfusion, rising, of, notes, REPERFUSION, bars)


def _time_to_target(
    trace: Trace, way: OcclusionDefinition, target: float, one: Occlusion, of: str, notes: Notes
) -> None:
    name = "time_to_target"
    at_s = fits.crossing(trace.times_s, trace.smooth, one.occluded_s, one.release_s, target, rising=False)
    if at_s is None:
        notes.lacks(name, "s", of, ("target_not_reached", f"saturation stayed above {target:g} %"), way.id)
        return
    notes.add(name, "s", at_s - one.occluded_s, of, way.id)


def _slope(
    trace: Trace,
    way: OcclusionDefinition,
    rule: SlopeRule | None,
    part_s: tuple[float, float],
    of: str,
    notes: Notes,
    name: str,
    bars: Bars,
) -> None:
    """One slope by one definition, or the flag that says why there is none."""
    if rule is None:
        notes.lacks(name, "%/s", of, ("method_unknown", f"{way.id}: its method is not known to us"), way.id)
        return
    if name in bars:
        notes.lacks(name, rule.unit, of, bars[name], way.id)
        return
    try:
        line = _line(trace, rule, *part_s, rising=name == REPERFUSION)
    except SignalRefused as refused:
        notes.lacks(name, rule.unit, of, (refused.code, f"{way.id}: {refused.message}"), way.id)
        return
    _note_line(trace, way, rule, line, of, notes, name)


def _note_line(
    trace: Trace, way: OcclusionDefinition, rule: SlopeRule, line: fits.Line, of: str, notes: Notes, name: str
) -> None:
    """The slope, without an interval: neighbouring samples are not independent."""
    scale = 60.0 if rule.unit == "%/min" else 1.0
    notes.values.append(
        Value(
            name=name,
            unit=rule.unit,
            definition=way.id,
            value=scale * line.slope,
            of=of,
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
    if rule.part == "linear":
        notes.add(name.replace("slope", "part"), "s", line.end_s - line.start_s, of, way.id)
        _bends(trace, line, way, of, notes, name)
    if rule.sampled_s is not None:
        text = f"{way.id} counts samples {rule.sampled_s:g} s apart; the same time was taken"
        notes.flag("other_sampling", Severity.NOTE, text, name, of)


def _bends(trace: Trace, line: fits.Line, way: OcclusionDefinition, of: str, notes: Notes, name: str) -> None:
    """A high R2 does not make a curve a line: are its halves of one slope?"""
    middle_s = (line.start_s + line.end_s) / 2
    try:
        first = fits.line(trace.times_s, trace.raw, line.start_s, middle_s)
        second = fits.line(trace.times_s, trace.raw, middle_s, line.end_s)
    except SignalRefused:
        return
    apart = max(first.low, second.low) - min(first.high, second.high)
    if apart > 0.0 and abs(first.slope - second.slope) > BEND_SHARE * abs(line.slope):
        halves = f"{60 * first.slope:.1f} %/min in its first half, {60 * second.slope:.1f} in its second"
        text = f"{way.id}: the part bends, {halves}"
        notes.flag("part_bends", Severity.DOUBTFUL, text, name, of)


def _line(trace: Trace, rule: SlopeRule, start_s: float, end_s: float, *, rising: bool) -> fits.Line:
    """The line of a rule. Raises ``SignalRefused`` where there is none, or it goes the other way."""
    line = _taken(trace, rule, start_s, end_s)
    if (line.slope if rising else -line.slope) <= 0.0:
        way = "rise after the release" if rising else "fall in the occlusion"
        raise SignalRefused("slope", "wrong_direction", f"saturation did not {way}")
    return line


def _taken(trace: Trace, rule: SlopeRule, start_s: float, end_s: float) -> fits.Line:
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
        chosen = trace.choices
        return fits.linear_part(
            trace.times_s,
            trace.raw,
            start_s,
            until_s,
            rule.amount,
            least_s=chosen.linear_least_s,
            least_samples=chosen.linear_samples,
        )
    return fits.line(trace.times_s, trace.raw, start_s, until_s)
