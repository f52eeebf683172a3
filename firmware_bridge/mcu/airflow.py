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
from .debt import is_pressed, shows_more

HALF_POWER_PERMILLE = 500


class Airflow:
    """Watches rises and falls; says which faults it sees now. ``both``: control and limit sensor."""

    def __init__(self, now_ms: int) -> None:
        # When the pump began or the pressure last rose, and what the two sensors read then.
        self._risen: tuple[int, int, int] | None = None
        self._vented_ms: int | None = None
        # When and what at the last look at the fall, and what was read first after the vent.
        self._mark: tuple[int, int, int] | None = None
        self.note_vented(now_ms)

    def note_energised(self) -> None:
        """An inflation began: there is no deflation to wait for."""
        self._vented_ms = None

    def note_vented(self, now_ms: int) -> None:
        """The dump valve opened, or a reset opened it."""
        self._vented_ms = now_ms
        self._mark = None

    def faults(self, now_ms: int, both: tuple[int | None, int | None], pumping: bool) -> int:
        """The fault bits of this step; ``pumping``: the pump has worked since the last one."""
        control_dmmhg, limit_dmmhg = both
        found = self._watch_rise(now_ms, control_dmmhg or 0, limit_dmmhg or 0, pumping)
        if self._vented_ms is None:
            return found
        if control_dmmhg is not None and limit_dmmhg is not None:
            found |= self._watch_fall(now_ms, max(control_dmmhg, limit_dmmhg))
        if now_ms - self._vented_ms >= limits.NOT_DEFLATED_MS:
            found |= self._watch_empty(both)
        return found

    def _watch_rise(self, now_ms: int, control_dmmhg: int, limit_dmmhg: int, pumping: bool) -> int:
        if not pumping or max(control_dmmhg, limit_dmmhg) > limits.DEFLATED_DMMHG:
            self._risen = None
            return 0
        risen, rise = self._risen, limits.NO_RISE_DMMHG
        if risen is None or control_dmmhg - risen[1] >= rise or limit_dmmhg - risen[2] >= rise:
            risen = (now_ms, control_dmmhg, limit_dmmhg)
        self._risen = risen
        return cuff.FAULT_NO_RISE if now_ms - risen[0] >= limits.NO_RISE_MS else 0

    def _watch_fall(self, now_ms: int, highest_dmmhg: int) -> int:
        if self._mark is None:
            self._mark = (now_ms, highest_dmmhg, highest_dmmhg)
        marked_ms, mark_dmmhg, at_vent_dmmhg = self._mark
        found = 0
        if highest_dmmhg > at_vent_dmmhg + limits.PUMP_STUCK_DMMHG:
            found = cuff.FAULT_PUMP_STUCK
        if now_ms - marked_ms >= limits.VENT_CHECK_MS:
            self._mark = (now_ms, highest_dmmhg, at_vent_dmmhg)
            high = mark_dmmhg > limits.VENT_CHECK_ABOVE_DMMHG
            if high and highest_dmmhg > mark_dmmhg - limits.VENT_FALL_DMMHG:
                found |= cuff.FAULT_NOT_DEFLATED
        return found

    def _watch_empty(self, both: tuple[int | None, int | None]) -> int:
        if shows_more(both, limits.DEFLATED_DMMHG):
            return cuff.FAULT_NOT_DEFLATED
        if not is_pressed(both):
            self._vented_ms = None
        return 0
