"""The part of a session in which examinations may be given: without a prescription, before it or after it.

Theory of operation
-------------------
This plan wishes nothing of its own.  While an examination is under way its plan is asked
(``gateway.runtime.examining``), not this one; in between this one waits for the next, and after ten minutes
without any it ends the session, so that the reminder to take the cuff off comes (engineering proposal: well
under the 20 min for which the controller lets a press at the bedside stand).

``due``: the session was armed with a prescription that nobody has begun yet.  It never begins by itself.

Units: ms.
"""

from dataclasses import dataclass, replace

from gateway.model import Output
from gateway.therapy.plan import Plan, Seen, Step, Word
from gateway.therapy.prescription import Prescription

IDLE_MS = 600_000
READY, DUE, FINISHED = "ready", "prescription_ready", "finished"


@dataclass(frozen=True, slots=True)
class ExaminationsPlan:
    """Nothing is asked for since ``since_ms``; ``first_cycle`` is the prescription's, once it begins."""

    prescription: Prescription
    since_ms: int
    due: bool = False
    first_cycle: int = 1
    is_finished: bool = False

    @property
    def cycle(self) -> int:
        """There are none."""
        return 0

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""
        if self.is_finished:
            return FINISHED
        return DUE if self.due else READY

    @property
    def waits_for(self) -> Output | None:
        """Nothing."""
        return None

    def time_left_ms(self, now: int) -> int:
        """Until the session ends by itself."""
        return max(0, self.since_ms + IDLE_MS - now)

    def next_inflation_ms(self, now: int) -> int | None:
        """It asks for no cuff."""
        return None

    def anew(self, now: int) -> "ExaminationsPlan":
        """An examination is over: the idle time begins again."""
        return replace(self, since_ms=now)

    def step(self, seen: Seen, now: int) -> "Step[ExaminationsPlan]":
        """One step."""
        return Step(replace(self, is_finished=now - self.since_ms >= IDLE_MS), ())

    def hear(self, word: Word, now: int) -> tuple[Plan, str]:
        """There is no current to change."""
        return self, "an examination with the cuff stimulates nothing"
