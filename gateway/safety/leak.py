"""A leak: pump and valves work too much to hold a pressure that should stay by itself.

Theory of operation
-------------------
Judged from 60 s after the target was reached, when fabric and air have settled.  Two rules, either alarms:

* work of 8 s without a break;
* bursts that add up.  A control law that tops up a little and rests a little never works for 8 s on end.  So
  each millisecond of work counts 0.8, each of rest takes 0.2 away, and more than 6.4 s are too much: work
  for more than a fifth of the time adds up to that, less never does.  A cuff that is tight is topped up for
  some 3 % of the time.  No more than twice that is kept, so that the alarm neither flickers with the bursts
  nor outlasts half a minute of rest.

Units: ms, 1/1000 ms.
"""

from gateway.safety.limits import Limits
from gateway.safety.observations import State, Timers

_WHOLE = 1000


def is_settled(limits: Limits, state: State, now: int) -> bool:
    """Whether this is a hold in which what is pumped now is what gets lost."""
    hold = state.inflation
    return hold is not None and hold.reached_ms is not None and now - hold.reached_ms >= limits.leak_after_ms


def worked(limits: Limits, before: int, working: bool, elapsed_ms: int) -> int:
    """What they have worked after as much time again, less what their rest makes up for; 1/1000 ms."""
    duty = limits.leak_duty_permille
    worked_now = before + elapsed_ms * (_WHOLE - duty if working else -duty)
    return min(max(0, worked_now), 2 * _too_much(limits))


def is_found(limits: Limits, timers: Timers, now: int) -> bool:
    """Whether they have worked too much."""
    if timers.working_ms is not None and now - timers.working_ms >= limits.leak_ms:
        return True
    return timers.worked > _too_much(limits)


def _too_much(limits: Limits) -> int:
    return limits.leak_ms * (_WHOLE - limits.leak_duty_permille)
