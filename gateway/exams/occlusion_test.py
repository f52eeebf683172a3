"""The vascular occlusion test: what one occlusion shows of tissue oxygen, by definitions that are named.

Theory of operation
-------------------
The recording has tissue saturation and says when the limb was
occluded (``gateway.exams.occlusions``).  From it come the indices that all papers share (``vot-indices-1``:
baseline, minimum, overshoot, times and areas) and the two slopes, each by every definition that is asked
for; the first is the result's own.

Slopes are lines over the trace as it was recorded.  Extremes and crossings are taken from a mean over
``smoothing_s``, so that one noisy sample is not a recovery.

What the cuff held is a value too, with its lowest: venous stasis at 60 mmHg looks like an occlusion.  A cuff
that did not hold more than a stated systolic occluded nothing; without a stated pressure the result says that
the occlusion was not verified.

What is not as it should be is flagged: no fall of saturation (was the limb occluded at all?), no recovery,
a recording that ends before the recovery does, a baseline that holds the occlusion before, movement, gaps,
missing values, a signal that stands still, the ends of the scale, a cuff that fell, too few samples for a
definition, another occlusion time than the definition's.  Values that then mean nothing are missing: slopes
where nothing fell, and all that is counted from the release where samples are missing about it.

Slopes depend on probe, spacing and site: ``gateway.exams.result.change`` refuses to compare across them.

Units: saturation %, times s, slopes %/s or %/min by their definition, areas % s.
"""

import math
from array import array
from collections.abc import Sequence

from dsp import fits, traces
from dsp.errors import SignalRefused
from gateway.exams.errors import TraceUnusable
from gateway.exams.occlusion_definitions import INDICES, OcclusionDefinition, definition
from gateway.exams.occlusion_marks import left_over, paired
from gateway.exams.occlusion_quality import examine, unverified
from gateway.exams.occlusion_slopes import DESATURATION, REPERFUSION, Bars, slopes
from gateway.exams.occlusion_trace import MOST_MISSING, Choices, Notes, Trace
from gateway.exams.occlusions import Occlusion, find
from gateway.exams.recording import Recording
from gateway.exams.result import Flag, Probe, Result, Severity, Window
from gateway.model import Limb

EXAM = "occlusion-test"


def analyse(
    recording: Recording,
    probe: Probe,
    limb: Limb | None = None,
    definitions: Sequence[str] = ("mclay",),
    occluding_mmhg: float | None = None,
    choices: Choices | None = None,
    systolic_mmhg: float | None = None,
) -> Result:
    """The result over every occlusion of the recording; ``of`` counts them from 1.

    The recording has ``sto2`` in %, and ``cuff`` in mmHg or marks.  Raises ``ExamRefused`` and its kinds.
    """
    asked = [definition(one) for one in definitions]
    if not asked:
        raise TraceUnusable(recording.source.name, "no definition: state at least one")
    chosen = choices or Choices()
    notes = Notes()
    raw = _saturation(recording, notes)
    occlusions = find(recording, occluding_mmhg, systolic_mmhg=systolic_mmhg)
    notes.flags += _of_the_whole(recording, occlusions, occluding_mmhg, systolic_mmhg)
    smooth = traces.smoothed(recording.times_s, raw, chosen.smoothing_s)
    for at, one in enumerate(occlusions):
        follows = occlusions[at + 1].inflation_s if at + 1 < len(occlusions) else math.inf
        end_s = min(recording.end_s, one.release_s + chosen.recovery_s, follows)
        trace = Trace(recording.times_s, raw, smooth, chosen, end_s)
        if at and one.inflation_s - chosen.baseline_s < occlusions[at - 1].empty_s:
            text = "the baseline holds a part of the occlusion before"
            notes.flag("disturbed_baseline", Severity.DOUBTFUL, text, of=str(at + 1))
        _read(recording, trace, one, str(at + 1), asked, notes, systolic_mmhg)
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


def _of_the_whole(
    recording: Recording,
    occlusions: Sequence[Occlusion],
    occluding_mmhg: float | None,
    systolic_mmhg: float | None,
) -> tuple[Flag, ...]:
    by_marks = occlusions[0].found_by == "marks"
    over = left_over(paired(recording.marks)) if by_marks else ()
    return (*over, *unverified(occlusions, is_stated=(occluding_mmhg, systolic_mmhg) != (None, None)))


def _saturation(recording: Recording, notes: Notes) -> "array[float]":
    values = recording.column("sto2", "%")
    highest = traces.extent(values)[1]
    if highest <= 1.5:
        raise TraceUnusable(
            recording.source.name,
            f"sto2 is {highest:.3g} at most, which looks like a fraction: --scale sto2=100,0",
        )
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
    trace: Trace,
    one: Occlusion,
    of: str,
    asked: Sequence[OcclusionDefinition],
    notes: Notes,
    systolic_mmhg: float | None,
) -> None:
    """All that one occlusion says."""
    begin_s = max(0.0, one.inflation_s - trace.choices.baseline_s)
    notes.windows += [
        Window(name="baseline", start_s=begin_s, end_s=one.inflation_s, of=of),
        Window(name="occlusion", start_s=one.occluded_s, end_s=one.release_s, of=of),
        Window(name="recovery", start_s=one.release_s, end_s=trace.end_s, of=of),
    ]
    notes.flags += examine(recording, trace, one, begin_s, of, systolic_mmhg)
    notes.add("occlusion_time", "s", one.duration_s, of)
    if one.cuff_mmhg is not None:
        notes.add("cuff_pressure", "mmHg", one.cuff_mmhg, of)
        notes.add("cuff_pressure_lowest", "mmHg", one.lowest_mmhg, of)
    baseline = _baseline(trace, begin_s, one, of, notes)
    fall = _ischaemia(trace, baseline, one, of, notes)
    has_fallen = fall is not None and fall >= trace.choices.least_fall_percent
    if fall is not None and not has_fallen:
        notes.flag(
            "no_desaturation", Severity.DOUBTFUL, f"saturation fell {fall:.1f} %: was it occluded?", of=of
        )
    unseen = _unseen_release(recording, trace, one)
    _hyperaemia(trace, baseline, fall if has_fallen else None, one, of, notes, unseen)
    bars: Bars = {} if unseen is None else {REPERFUSION: unseen}
    if not has_fallen:
        why = ("not_fallen", "saturation did not fall, or how far is not known: no slope")
        bars = {DESATURATION: why, REPERFUSION: why}
    for way in asked:
        slopes(trace, way, one, of, notes, bars)


def _unseen_release(recording: Recording, trace: Trace, one: Occlusion) -> tuple[str, str] | None:
    """Why nothing can be counted from the release, where samples are missing about it."""
    near_s = trace.choices.release_s
    first_s, last_s = one.release_s - near_s, one.release_s + near_s
    begin, end = fits.window(trace.times_s, first_s, last_s)
    is_missing = end > begin and traces.missing_share(trace.raw, begin, end) > MOST_MISSING
    if not is_missing and not recording.gaps_in(first_s, last_s):
        return None
    return "release_not_seen", f"samples are missing within {near_s:g} s of the release"


def _baseline(trace: Trace, begin_s: float, one: Occlusion, of: str, notes: Notes) -> float | None:
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


def _ischaemia(trace: Trace, baseline: float | None, one: Occlusion, of: str, notes: Notes) -> float | None:
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


def _extreme(trace: Trace, start_s: float, end_s: float, sign: float) -> float | None:
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
    trace: Trace,
    baseline: float | None,
    fall: float | None,
    one: Occlusion,
    of: str,
    notes: Notes,
    unseen: tuple[str, str] | None,
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
            notes.lacks(name, unit, of, ("not_measured", "nothing fell or nothing came back"))
        return
    peak = _extreme(trace, one.release_s, trace.end_s, 1.0)
    notes.add("peak", "%", peak, of)
    notes.add("overshoot", "%", None if peak is None else peak - baseline, of)
    if unseen is not None:
        for name, unit in _AFTER[2:]:
            notes.lacks(name, unit, of, unseen)
        return
    notes.add("half_time", "s", half_s - one.release_s, of)
    _above_baseline(trace, baseline, one, of, notes)


def _above_baseline(trace: Trace, baseline: float, one: Occlusion, of: str, notes: Notes) -> None:
    """From the first return to the baseline until, after the peak, it is there again."""
    return_s = fits.crossing(trace.times_s, trace.smooth, one.release_s, trace.end_s, baseline, rising=True)
    if return_s is None:
        text = f"not back at the baseline {trace.end_s - one.release_s:.0f} s after the release"
        for name, unit in (("recovery_time", "s"), ("hyperaemic_area", "% s"), ("vascular_reserve", "s")):
            notes.lacks(name, unit, of, ("baseline_not_reached", text))
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


def _time_of_peak(trace: Trace, start_s: float) -> float:
    begin, end = fits.window(trace.times_s, start_s, trace.end_s)
    best = max(
        (at for at in range(begin, end) if math.isfinite(trace.smooth[at])), key=lambda at: trace.smooth[at]
    )
    return trace.times_s[best]
