"""What is wrong with the trace around one occlusion: gaps, missing values, movement, the ends of the scale.

Theory of operation
-------------------
*Movement* is a jump that blood cannot make: a sample that is far
from the median of the seconds around it, farther than eight times the usual distance (by the median
absolute deviation) and than 3 %; or a step, where the medians of the seconds before and after differ by
more than 5 %.  The seconds after inflation and release are left out, where saturation really is steep.

*Saturated*: a tenth of the occlusion stands at one same value at the end of the scale (under 2 % or above
98 %).

*Stuck*: one same value for ten seconds, in a trace that otherwise has fine steps: a scale that was clipped,
or a dead sensor.  A device that rounds to a tenth of a per cent or more holds a value for longer: a minute.

*A cuff that fell*: its lowest pressure is more than 15 mmHg under its upper quartile, or not above the stated
systolic.

*Slow cuff*: the definitions of the test ask for an inflation within 5 s and a release within 1 s; it is
judged where the cuff's pressure was recorded.

Units: s, %, mmHg.
"""

import math
import statistics
from array import array
from collections.abc import Sequence
from itertools import pairwise

from dsp import fits, traces
from gateway.exams.occlusion_trace import Choices, Trace
from gateway.exams.occlusions import Occlusion
from gateway.exams.recording import Recording
from gateway.exams.result import Flag, Severity

AROUND_S = 2.5
MOST_NEIGHBOURS = 12
LEAST_JUMP = 3.0
JUMP_FACTOR = 8.0
LEAST_STEP = 5.0
STEEP_AFTER_INFLATION_S = 5.0
STEEP_AFTER_RELEASE_S = 30.0
INFLATE_S = 5.0
RELEASE_S = 1.0
COARSE_PERCENT = 0.1

_MOST_MISSING = 0.05
_TO_DEVIATION = 1.4826


def unverified(occlusions: Sequence[Occlusion], *, is_stated: bool) -> tuple[Flag, ...]:
    """The flag that says that nobody knows whether the limb was occluded.

    ``is_stated``: a person said which pressure occludes it.
    """
    if any(one.cuff_mmhg is None for one in occlusions):
        text = "no cuff pressure beside these occlusions: whether the limb was occluded is not known"
    elif not is_stated:
        text = "whether this pressure occluded the limb is not known: state --systolic or --occluding-mmhg"
    else:
        return ()
    return (Flag(id="occlusion_unverified", severity=Severity.DOUBTFUL, text=text),)


def examine(
    recording: Recording, trace: Trace, one: Occlusion, begin_s: float, of: str, systolic_mmhg: float | None
) -> list[Flag]:
    """The flags of the part from the baseline's beginning to the recovery's end."""
    values, end_s = trace.raw, trace.end_s
    flags = fell(one, of, trace.choices.fell_mmhg, systolic_mmhg)
    begin, end = fits.window(recording.times_s, begin_s, end_s)
    gaps = recording.gaps_in(begin_s, end_s)
    if gaps:
        lost_s = sum(gap.end_s - gap.start_s for gap in gaps)
        flags.append(_doubtful("gap", f"{len(gaps)} gaps, {lost_s:.1f} s without samples", of))
    share = traces.missing_share(values, begin, end)
    if share > _MOST_MISSING:
        flags.append(_doubtful("missing_samples", f"{100 * share:.0f} % of the samples are missing", of))
    moved = _jumps(recording.times_s, values, begin, end, one)
    if moved:
        flags.append(_doubtful("movement", f"{len(moved)} samples jump, the first at {moved[0]:.1f} s", of))
    if _at_the_end_of_the_scale(recording.times_s, values, one):
        flags.append(_doubtful("saturated", "saturation stood at the end of its scale", of))
    flags += _stuck(recording.times_s, values, begin, end, of, trace.choices)
    return flags + _slow_cuff(one, of)


def fell(one: Occlusion, of: str, most_mmhg: float, systolic_mmhg: float | None) -> list[Flag]:
    """Whether the cuff held what it was filled to."""
    if one.cuff_mmhg is None or one.lowest_mmhg is None or one.fell_mmhg is None:
        return []
    lowest = f"the cuff fell to {one.lowest_mmhg:.0f} mmHg before the release"
    flags = []
    if one.fell_mmhg > most_mmhg:
        flags.append(_doubtful("pressure_fell", f"{lowest}, from a median of {one.cuff_mmhg:.0f}", of))
    if systolic_mmhg is not None and one.lowest_mmhg <= systolic_mmhg:
        flags.append(_doubtful("below_systolic", f"{lowest}; the systolic is {systolic_mmhg:g}", of))
    return flags


def _stuck(
    times_s: "array[float]", values: "array[float]", begin: int, end: int, of: str, choices: Choices
) -> list[Flag]:
    """One value that stands for longer than blood, and rounding, explain."""
    part = values[begin:end]
    known = sorted({one for one in part[:: 1 + len(part) // 5000] if math.isfinite(one)})
    step = min((after - before for before, after in pairwise(known)), default=0.0)
    least_s = choices.stuck_coarse_s if step >= COARSE_PERCENT * (1 - 1e-6) else choices.stuck_s
    least = max(4, round(least_s / _usual_step_s(times_s, begin, end)))
    found = [(times_s[begin + first], times_s[begin + last - 1]) for first, last in traces.stuck(part, least)]
    if not found:
        return []
    whole_s, (first_s, _) = sum(last - first for first, last in found), found[0]
    value = values[fits.window(times_s, first_s, first_s)[0]]
    text = f"one same value for {whole_s:.0f} s, first {value:g} % at {first_s:.1f} s: clipped or no signal"
    return [_doubtful("stuck", text, of)]


def _doubtful(id: str, text: str, of: str) -> Flag:
    return Flag(id=id, severity=Severity.DOUBTFUL, text=text, of=of)


def _jumps(
    times_s: "array[float]", values: "array[float]", begin: int, end: int, one: Occlusion
) -> list[float]:
    """When a sample is far from its neighbours, or the trace steps."""
    reach = max(2, round(AROUND_S / _usual_step_s(times_s, begin, end)))
    distances, steps = traces.departures(values, begin, end, reach, MOST_NEIGHBOURS)
    judged = [
        at
        for at, distance in enumerate(distances, begin)
        if distance == distance and not _is_steep(times_s[at], one)
    ]
    usual = _TO_DEVIATION * statistics.median(distances[at - begin] for at in judged) if judged else 0.0
    limit = max(LEAST_JUMP, JUMP_FACTOR * usual)
    return [times_s[at] for at in judged if distances[at - begin] > limit or steps[at - begin] > LEAST_STEP]


def _usual_step_s(times_s: "array[float]", begin: int, end: int) -> float:
    return (times_s[end - 1] - times_s[begin]) / max(1, end - 1 - begin) or 1.0


def _is_steep(at_s: float, one: Occlusion) -> bool:
    inflating = one.inflation_s - 1.0 <= at_s <= one.occluded_s + STEEP_AFTER_INFLATION_S
    return inflating or one.release_s - 1.0 <= at_s <= one.empty_s + STEEP_AFTER_RELEASE_S


def _at_the_end_of_the_scale(times_s: "array[float]", values: "array[float]", one: Occlusion) -> bool:
    begin, end = fits.window(times_s, one.occluded_s, one.release_s)
    known = [value for value in values[begin:end] if math.isfinite(value)]
    if not known:
        return False
    ends = [limit for limit in (min(known), max(known)) if limit < 2.0 or limit > 98.0]
    return any(known.count(limit) > 0.1 * len(known) for limit in ends)


def _slow_cuff(one: Occlusion, of: str) -> list[Flag]:
    flags = []
    if one.occluded_s - one.inflation_s > INFLATE_S:
        text = f"{one.occluded_s - one.inflation_s:.1f} s to occlude, {INFLATE_S:g} s at most are usual"
        flags.append(_doubtful("slow_inflation", text, of))
    if one.empty_s - one.release_s > RELEASE_S:
        text = f"{one.empty_s - one.release_s:.1f} s to empty, {RELEASE_S:g} s at most is usual"
        flags.append(_doubtful("slow_release", text, of))
    return flags
