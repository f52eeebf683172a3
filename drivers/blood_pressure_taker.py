"""When a blood pressure of a free limb is to be taken by itself. Pure.

Theory of operation
-------------------
An inflation needs a systolic pressure that is fresh, and the person at the bedside shall not have to think of
it: 60 s before each inflation the module takes one, on a limb without our cuff.

**Where the schedule lives.**  A driver knows its module and no session; a session knows its next inflation
and no module.  So this is neither: the runtime hands ``BloodPressureTaker`` the instant of the next inflation
(from the plan) and tells it what became of each measurement (from the driver's events), and asks
``decide`` every turn.  It keeps no clock and sends nothing.

The rules, in the order in which they are asked:

1. no inflation is planned, or it is further away than 60 s: wait;
2. the newest one will be no older than 240 s at the inflation: it serves (so a series of short occlusions
   lives on one measurement);
3. one is being taken, or less than 30 s have passed since the last one ended: wait (a limb needs its blood;
   30 s is the pause of automatic measurements in IEC 80601-2-30, from memory);
4. two in a row have failed: a person must look, and enter or ask for one;
5. fewer than 45 s are left and the newest will be no older than 300 s, which the gateway still takes: it
   serves, for a measurement would come too late;
6. take it.  Where the time is over, the inflation waits: without a fresh pressure the gateway refuses it.

Units: ms of the caller's clock.
"""

from dataclasses import dataclass
from enum import StrEnum

LEAD_MS = 60_000
MEASUREMENT_MS = 45_000
"""Longer than a measurement usually takes (about 30 s)."""

PAUSE_MS = 30_000
SERVES_MS = 240_000
STALE_MS = 300_000
"""From this age on the gateway refuses it (``gateway.safety.limits``, ``blood_pressure_age_ms``)."""

FAILURES = 2


class Decision(StrEnum):
    """What to do about a blood pressure now."""

    WAIT = "wait"
    SERVES = "serves"
    FAILED = "failed"
    TAKE = "take"


@dataclass(slots=True)
class BloodPressureTaker:
    """What is known of the measurements so far."""

    _under_way: bool = False
    _ended_ms: int | None = None
    _taken_ms: int | None = None
    _failures: int = 0

    def decide(self, now_ms: int, next_inflation_ms: int | None) -> Decision:
        """What to do now. ``next_inflation_ms``: ``None`` where none is planned; past, where one waits."""
        if next_inflation_ms is None or next_inflation_ms - now_ms > LEAD_MS:
            return Decision.WAIT
        age_ms = self._age_ms(max(now_ms, next_inflation_ms))
        if age_ms is not None and age_ms <= SERVES_MS:
            return Decision.SERVES
        if self._under_way or (self._ended_ms is not None and now_ms - self._ended_ms < PAUSE_MS):
            return Decision.WAIT
        if self._failures >= FAILURES:
            return Decision.FAILED
        too_late = next_inflation_ms - now_ms < MEASUREMENT_MS
        return Decision.SERVES if too_late and age_ms is not None and age_ms <= STALE_MS else Decision.TAKE

    def started(self) -> None:
        """A measurement was begun."""
        self._under_way = True

    def taken(self, now_ms: int) -> None:
        """It gave a blood pressure; also for one that a person entered or asked for."""
        self._taken_ms, self._failures = now_ms, 0
        self._over(now_ms)

    def failed(self, now_ms: int) -> None:
        """It is over and gave none."""
        self._failures += 1
        self._over(now_ms)

    def _over(self, now_ms: int) -> None:
        self._under_way = False
        self._ended_ms = now_ms

    def _age_ms(self, at_ms: int) -> int | None:
        return None if self._taken_ms is None else at_ms - self._taken_ms
