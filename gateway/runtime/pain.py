"""Tolerability: when a pain score is due, and which one ends the occlusion.

Theory of operation
-------------------
A score is due at minutes 2 and 4 of each occlusion, counted from the inflation command.  It may be given
at any time; one given since the mark answers it.  A numeric rating (NRS, 0 to 10) of 7 or more, or a
CPOT (0 to 8, for who cannot speak) above 2, vents and ends the session; it may be resumed within the hour
after asking.  Two of five treated patients of the pilot could not tolerate the occlusions (Chhetri 2022).

Units: ms.  The numbers and their sources stand in ``gateway.safety.limits``.
"""

from gateway.safety.limits import HARD
from gateway.safety.observations import Inflation

MARKS_MS = (HARD.pain_first_mark_ms, HARD.pain_second_mark_ms)
NRS_MOST, CPOT_MOST = 10, 8


class PainScores:
    """The scores of one session."""

    def __init__(self) -> None:
        self._scored_ms: int | None = None

    def score(self, now: int) -> None:
        """A score was given."""
        self._scored_ms = now

    def due_since_ms(self, under_way: Inflation | None, now: int) -> int | None:
        """Since when a score is due, ``None`` while none is."""
        if under_way is None:
            return None
        passed = [under_way.started_ms + mark for mark in MARKS_MS if now - under_way.started_ms >= mark]
        unanswered = [at for at in passed if self._scored_ms is None or self._scored_ms < at]
        return unanswered[0] if unanswered else None

    def is_overdue(self, under_way: Inflation | None, now: int) -> bool:
        """Whether nobody has answered in time."""
        since_ms = self.due_since_ms(under_way, now)
        return since_ms is not None and now - since_ms >= HARD.pain_answer_ms


def stops(nrs: int | None, cpot: int | None) -> bool:
    """Whether this score ends the occlusion."""
    return (nrs is not None and nrs >= HARD.pain_stops_nrs) or (
        cpot is not None and cpot >= HARD.pain_stops_cpot
    )


def mistyped(nrs: int | None, cpot: int | None) -> str:
    """What is wrong with a score; empty when nothing is. Exactly one of the two is given."""
    if (nrs is None) == (cpot is None):
        return "give one score: --nrs 0 to 10, or --cpot 0 to 8"
    if nrs is not None and not 0 <= nrs <= NRS_MOST:
        return f"an NRS of {nrs} does not exist; it runs from 0 to {NRS_MOST}"
    if cpot is not None and not 0 <= cpot <= CPOT_MOST:
        return f"a CPOT of {cpot} does not exist; it runs from 0 to {CPOT_MOST}"
    return ""
