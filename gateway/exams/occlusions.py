"""When the limb was occluded: from the cuff's pressure where there is one, else from marks.

Theory of operation
-------------------
The trace of the cuff is the truth; tissue oxygen's own minimum comes late and is never used for this.  An
inflation begins when the pressure leaves 15 mmHg.  It occludes from when it is at the occluding pressure
(given, or nine tenths of what the inflation reaches) until it first falls below it: that is the release.
It has ended when it is back under 15 mmHg.  An inflation that never reaches the given pressure is none.

Marks are words of people: an occlusion is a mark that has one of the words for a beginning, until the next
mark that has one of the words for an end.  A beginning without an end is left out.

Units: s, mmHg.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Literal, NamedTuple

from gateway.exams.errors import TraceUnusable
from gateway.exams.recording import Mark, Recording

EMPTY_MMHG = 15.0
PLATEAU_SHARE = 0.9
SHORTEST_S = 1.0

BEGINS = ("occlusion", "resting", "inflate", "cuff on")
ENDS = ("relaxation", "release", "deflate", "cuff off")


class Occlusion(NamedTuple):
    """One occlusion: when the cuff began to fill, occluded, was released, and was empty."""

    inflation_s: float
    occluded_s: float
    release_s: float
    empty_s: float
    found_by: Literal["cuff pressure", "marks"]
    label: str = ""

    @property
    def duration_s(self) -> float:
        """How long the limb was occluded."""
        return self.release_s - self.occluded_s


def find(
    recording: Recording,
    occluding_mmhg: float | None = None,
    begins: Sequence[str] = BEGINS,
    ends: Sequence[str] = ENDS,
) -> tuple[Occlusion, ...]:
    """Every occlusion of at least a second, in time. Raises ``TraceUnusable`` where there is none."""
    if occluding_mmhg is not None and not occluding_mmhg > EMPTY_MMHG:
        raise TraceUnusable(recording.source.name, f"{occluding_mmhg} mmHg occludes nothing: give more")
    cuff = recording.cuff_trace
    if cuff is not None:
        found = from_pressure(cuff.times_s, cuff.pressures_mmhg, occluding_mmhg)
        how = "the cuff's pressure shows no occlusion: check the trace and the occluding pressure"
    else:
        found = from_marks(recording.marks, begins, ends)
        how = (
            f"no marks of an occlusion ({', '.join(begins)} until {', '.join(ends)}): mark it or give a cuff"
        )
    kept = tuple(one for one in found if one.duration_s >= SHORTEST_S)
    if not kept:
        raise TraceUnusable(recording.source.name, how)
    return kept


def from_marks(marks: Sequence[Mark], begins: Sequence[str], ends: Sequence[str]) -> tuple[Occlusion, ...]:
    """Pairs of a beginning and the end that follows it; of two beginnings in a row the later counts."""
    found: list[Occlusion] = []
    begun: Mark | None = None
    for mark in marks:
        if _has(mark, begins):
            begun = mark
        elif begun is not None and _has(mark, ends):
            found.append(Occlusion(begun.at_s, begun.at_s, mark.at_s, mark.at_s, "marks", begun.text))
            begun = None
    return tuple(found)


def from_pressure(
    times_s: "array[float]", pressures_mmhg: "array[float]", occluding_mmhg: float | None = None
) -> tuple[Occlusion, ...]:
    """Inflations that came to the occluding pressure; missing values stand for the one before."""
    found = []
    for begin, end in _inflations(pressures_mmhg):
        highest = max(one for one in pressures_mmhg[begin:end] if math.isfinite(one))
        limit = PLATEAU_SHARE * highest if occluding_mmhg is None else occluding_mmhg
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
    released = next(at for at in range(reached, end + 1) if pressures_mmhg[at] < limit_mmhg)
    return Occlusion(times_s[begin], times_s[reached], times_s[released], times_s[end], "cuff pressure")


def _has(mark: Mark, words: Sequence[str]) -> bool:
    return any(word in mark.text.lower() for word in words)
