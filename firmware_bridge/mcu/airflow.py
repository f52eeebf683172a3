"""Whether the pressure does what pump and valves were told: blocked hoses, stuck valves, a stuck pump.

Theory of operation
-------------------
Four rules, each on the higher of the two sensors:

* *rising*: a pump that works (half power or more, through the open inflate valve) on an empty cuff raises a
  sensor by 5 mmHg in 5 s, or it blows against a kink: NO_RISE.
* *falling*: in each second of a vent that begins above 50 mmHg at least 10 mmHg go, or the dump valve is
  stuck, from the beginning or since a moment ago: NOT_DEFLATED, early.  The slowest cuff that is accepted
  (300 to 15 mmHg in 8 s) loses 15 mmHg in such a second, a thigh cuff with 5 s from 170 to 15 mmHg 19.
* *empty*: from 10 s after a vent on the cuff is deflated, or NOT_DEFLATED until it is.
* *rising by itself*: with the pump off, 20 mmHg more than at the vent: PUMP_STUCK.  Judged until the cuff was
  seen empty; later a limb that leans on the cuff looks the same.

"At the vent" is the first known reading after it; after a reset, the first one at all, because losing its
power has just vented the cuff.  What is not known is waited for.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import limits

HALF_POWER_PERMILLE = 500


class Airflow:
    """Watches rises and falls; says which faults it sees now."""

    def __init__(self, now_ms: int) -> None:
        self._pumping_ms: int | None = None
        self._before = (0, 0)
        self._vented_ms: int | None = None
        self._at_vent_dmmhg = 0
        self._mark_ms: int | None = None
        self._mark_dmmhg = 0
        self.note_vented(now_ms)

    def note_energised(self) -> None:
        """An inflation began: there is no deflation to wait for."""
        self._vented_ms = None

    def note_vented(self, now_ms: int) -> None:
        """The dump valve opened, or a reset opened it."""
        self._vented_ms = now_ms
        self._mark_ms = None

    def faults(self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None, pumping: bool) -> int:
        """The fault bits of this step; ``pumping``: the pump has worked since the last one."""
        found = self._watch_rise(now_ms, control_dmmhg or 0, limit_dmmhg or 0, pumping)
        if self._vented_ms is None:
            return found
        highest = max(control_dmmhg or 0, limit_dmmhg or 0)
        known = control_dmmhg is not None and limit_dmmhg is not None
        return found | self._watch_fall(now_ms, highest, known) | self._watch_empty(now_ms, highest, known)

    def _watch_rise(self, now_ms: int, control_dmmhg: int, limit_dmmhg: int, pumping: bool) -> int:
        if not pumping or max(control_dmmhg, limit_dmmhg) > limits.DEFLATED_DMMHG:
            self._pumping_ms = None
            return 0
        rise = max(control_dmmhg - self._before[0], limit_dmmhg - self._before[1])
        if self._pumping_ms is None or rise >= limits.NO_RISE_DMMHG:
            self._pumping_ms = now_ms
            self._before = (control_dmmhg, limit_dmmhg)
        return cuff.FAULT_NO_RISE if now_ms - self._pumping_ms >= limits.NO_RISE_MS else 0

    def _watch_fall(self, now_ms: int, highest_dmmhg: int, known: bool) -> int:
        if not known:
            return 0
        if self._mark_ms is None:
            self._mark_ms = now_ms
            self._at_vent_dmmhg = self._mark_dmmhg = highest_dmmhg
        found = 0
        if highest_dmmhg > self._at_vent_dmmhg + limits.PUMP_STUCK_DMMHG:
            found = cuff.FAULT_PUMP_STUCK
        if now_ms - self._mark_ms >= limits.VENT_CHECK_MS:
            high = self._mark_dmmhg > limits.VENT_CHECK_ABOVE_DMMHG
            if high and highest_dmmhg > self._mark_dmmhg - limits.VENT_FALL_DMMHG:
                found |= cuff.FAULT_NOT_DEFLATED
            self._mark_ms, self._mark_dmmhg = now_ms, highest_dmmhg
        return found

    def _watch_empty(self, now_ms: int, highest_dmmhg: int, known: bool) -> int:
        if self._vented_ms is None or now_ms - self._vented_ms < limits.NOT_DEFLATED_MS:
            return 0
        if highest_dmmhg > limits.DEFLATED_DMMHG:
            return cuff.FAULT_NOT_DEFLATED
        if known:
            self._vented_ms = None
        return 0
