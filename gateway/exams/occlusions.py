"""When the limb was occluded: from the cuff's pressure where there is one, else from marks.

Theory of operation
-------------------
The trace of the cuff is the truth; tissue oxygen's own minimum comes late and is never used for this.  An
inflation begins when the pressure leaves 15 mmHg and has ended when it is back under it.  Its plateau is the
median of what is above half of its highest pressure, so that a pump that overshoots does not raise it.  It
occludes from when it is at the occluding pressure (given, or nine tenths of the plateau) until it falls below
it for the last time: that is the release.  A dip or a leak before it does not end it; how low the pressure
was stands beside the occlusion.  An inflation that never reaches the given pressure, or whose plateau is not
above a given systolic, is none.

Marks are words of people: see ``gateway.exams.occlusion_marks``.

Units: s, mmHg.
"""

import math
from array import array
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

from gateway.exams.errors import TraceUnusable
from gateway.exams.occlusion_marks import BEGINS, ENDS, paired, told
from gateway.exams.recording import Mark, Recording

EMPTY_MMHG = 15.0
PLATEAU_SHARE = 0.9
SHORTEST_S = 1.0

RAMP_S = 2.0
"""So long after it occludes and before the release the cuff may still be filling or emptying."""


class Occlusion(NamedTuple):
    """One occlusion: when the cuff began to fill, occluded, was released, and was empty.

    ``cuff_mmhg`` is the median of what it held, ``lowest_mmhg`` the lowest of it, and ``fell_mmhg`` how far
    that is below its upper quartile; ``None`` where no cuff was recorded.
    """

    inflation_s: float
    occluded_s: float
    release_s: float
    empty_s: float
    found_by: Literal["cuff pressure", "marks"]
    label: str = ""
    cuff_mmhg: float | None = None
    lowest_mmhg: float | None = None
    fell_mmhg: float | None = None

    @property
    def duration_s(self) -> float:
        """How long the limb was occluded."""
        return self.release_s - self.occluded_s


def find(
    recording: Recording,
    occluding_mmhg: float | None = None,
    begins: Sequence[str] = BEGINS,
    ends: Sequence[str] = ENDS,
    systolic_mmhg: float | None = None,
) -> tuple[Occlusion, ...]:
    """Every occlusion of at least a second, in time. Raises ``TraceUnusable`` where there is none."""
    if occluding_mmhg is not None and not occluding_mmhg > EMPTY_MMHG:
        raise TraceUnusable(recording.source.name, f"{occluding_mmhg} mmHg occludes nothing: give more")
    cuff = recording.cuff_trace
    if cuff is not None:
        found = from_pressure(cuff.times_s, cuff.pressures_mmhg, occluding_mmhg)
        how = "the cuff's pressure shows no occlusion: check the trace and the occluding pressure"
        if found and systolic_mmhg is not None:
            highest = max(one.cuff_mmhg or 0.0 for one in found)
            found = tuple(one for one in found if (one.cuff_mmhg or 0.0) > systolic_mmhg)
            if not found:
                held = f"the cuff held {highest:.0f} mmHg, the systolic is {systolic_mmhg:g} mmHg"
                how = f"{held}: nothing was occluded"
    else:
        found = from_marks(recording.marks, begins, ends)
        how = (
            "no marks of an occlusion, from its beginning to its end: state it (--occlusion, or --begin-word "
            f"and --end-word) or give a cuff; its marks: {told(recording.marks)}"
        )
    kept = tuple(one for one in found if one.duration_s >= SHORTEST_S)
    if not kept:
        raise TraceUnusable(recording.source.name, how)
    return kept


def from_marks(marks: Sequence[Mark], begins: Sequence[str], ends: Sequence[str]) -> tuple[Occlusion, ...]:
    """Pairs of a beginning and the end that follows it."""
    return tuple(
        Occlusion(begun.at_s, begun.at_s, ended.at_s, ended.at_s, "marks", begun.text)
        for begun, ended in paired(marks, begins, ends).pairs
    )


def from_pressure(
    times_s: "array[float]", pressures_mmhg: "array[float]", occluding_mmhg: float | None = None
) -> tuple[Occlusion, ...]:
    """Inflations that came to the occluding pressure; missing values stand for the one before."""
    found = []
    for begin, end in _inflations(pressures_mmhg):
        highest = max(one for one in pressures_mmhg[begin:end] if math.isfinite(one))
        plateau = median(one for one in pressures_mmhg[begin:end] if one >= highest / 2)
        limit = PLATEAU_SHARE * plateau if occluding_mmhg is None else occluding_mmhg
        if highest >= limit:
            found.append(_inflation(times_s, pressures_mmhg, begin, end, limit))
    return tuple(found)


def _inflations(pressures_mmhg: "array[float]") -> list[tuple[int, int]]:
    """Where the pressure is above empty: ranges of samples that end again before the trace does."""
    found, begun = [], -1
    for at, pressure in enumerate(pressures_mmhg):
        if pressure > EMPTY_MMHG and begun < 0:
            begun = at
        elif pressure <= EMPTY_MMHG and begun >= 0:
            found.append((begun, at))
            begun = -1
    return found


def _inflation(
    times_s: "array[float]", pressures_mmhg: "array[float]", begin: int, end: int, limit_mmhg: float
) -> Occlusion:
    reached = next(at for at in range(begin, end) if pressures_mmhg[at] >= limit_mmhg)
    last = next(at for at in range(end - 1, begin - 1, -1) if pressures_mmhg[at] >= limit_mmhg)
    released = next(at for at in range(last + 1, end + 1) if pressures_mmhg[at] < limit_mmhg)
    held = _held(times_s, pressures_mmhg, reached, released)
    times = (times_s[begin], times_s[reached], times_s[released], times_s[end])
    upper = held[3 * (len(held) - 1) // 4]
    return Occlusion(*times, "cuff pressure", "", median(held), held[0], upper - held[0])


def _held(times_s: "array[float]", pressures_mmhg: "array[float]", begin: int, end: int) -> list[float]:
    """The pressures between filling and emptying, in order of size."""
    ramp_s = min(RAMP_S, (times_s[end] - times_s[begin]) / 4)
    first_s, last_s = times_s[begin] + ramp_s, times_s[end] - ramp_s
    inside = [pressures_mmhg[at] for at in range(begin, end) if first_s <= times_s[at] <= last_s]
    known = [one for one in inside or pressures_mmhg[begin:end] if math.isfinite(one)]
    return sorted(known or [pressures_mmhg[begin]])
