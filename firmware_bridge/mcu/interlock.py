"""What makes the firmware vent by itself, and remembers why.

Theory of operation
-------------------
A fault latches: its bit stays until a person clears it, and the first one is kept apart, because it is
the cause and the others often its consequences.  While any is latched the cuff stays vented and the relay
open.  A bit that is new takes presence and the last press away (``presence``): a person has to look.

Watched at every step:

* over-pressure, whatever the state: either sensor above the trip for its time, or far above it once;
* the sensors, while energised: one missing for too long, both too far apart for too long, or both leaping at
  once further than air can go (nobody knows then which of the two pressures the limb has). A leap is judged
  from the last instant at which both were known to this one, with as many steps as lie between; a reading
  that is missing hides none. A gap that is longer than a sensor may be missing trips by itself;
* the debt, whatever the state;
* what the pressure does with the pump at work or the dump valve open (``airflow``).

Time rules (lease expiry, late loop) are the controller's, which calls ``latch``.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import limits
from .airflow import Airflow
from .debt import shows_more
from .presence import Presence

# After a sensor that was missing for as long as it may, and the steps before and behind it.
LONGEST_GAP_MS = limits.SENSOR_MISSING_MS + limits.PRESSURE_STEP_MS


class Held:
    """For how long a condition has been true without a break."""

    def __init__(self) -> None:
        self._since_ms: int | None = None

    def update(self, condition: bool, now_ms: int) -> int:
        """Milliseconds since the condition became true; 0 when it just did, -1 when it is false."""
        if not condition:
            self._since_ms = None
            return -1
        if self._since_ms is None:
            self._since_ms = now_ms
        return now_ms - self._since_ms


class Interlock:
    """Watches pressures, sensors and the way of the air; latches faults."""

    def __init__(self, now_ms: int, presence: Presence) -> None:
        self.faults = 0
        self.first_fault = 0
        self.airflow = Airflow(now_ms)
        self._presence = presence
        self._over = Held()
        self._control_missing = Held()
        self._limit_missing = Held()
        self._disagree = Held()
        self._before: tuple[int, int] | None = None
        self._before_ms = now_ms

    def latch(self, fault: int) -> None:
        """Remember a fault; the first one is kept apart."""
        if not self.faults:
            self.first_fault = fault
        if fault & ~self.faults:
            self._presence.take_away()
        self.faults |= fault

    def clear(self) -> None:
        """Forget what is latched; what still holds latches again at the next step."""
        self.faults = 0
        self.first_fault = 0

    def watch(
        self,
        now_ms: int,
        control_dmmhg: int | None,
        limit_dmmhg: int | None,
        energised: bool,
        pumping: bool,
        debt: bool,
    ) -> None:
        """Look at one reading; ``energised``: a lease of the cuff runs, ``debt``: too much of it."""
        both = (control_dmmhg, limit_dmmhg)
        self._watch_pressure(now_ms, both)
        if debt:
            self.latch(cuff.FAULT_OCCLUSION_TIME)
        self._watch_sensors(now_ms, control_dmmhg, limit_dmmhg, energised)
        self._watch_step(now_ms, both, energised)
        found = self.airflow.faults(now_ms, both, pumping)
        if not found:
            return
        for fault in (cuff.FAULT_NO_RISE, cuff.FAULT_NOT_DEFLATED, cuff.FAULT_PUMP_STUCK):
            if found & fault:
                self.latch(fault)

    def _watch_pressure(self, now_ms: int, both: tuple[int | None, int | None]) -> None:
        held_ms = self._over.update(shows_more(both, limits.PRESSURE_TRIP_DMMHG), now_ms)
        if held_ms >= limits.PRESSURE_TRIP_MS or shows_more(both, limits.PRESSURE_TRIP_ONCE_DMMHG):
            self.latch(cuff.FAULT_OVER_PRESSURE)

    def _watch_sensors(
        self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None, energised: bool
    ) -> None:
        longest_ms = limits.SENSOR_MISSING_MS
        if self._control_missing.update(energised and control_dmmhg is None, now_ms) > longest_ms:
            self.latch(cuff.FAULT_CONTROL_SENSOR)
        if self._limit_missing.update(energised and limit_dmmhg is None, now_ms) > longest_ms:
            self.latch(cuff.FAULT_LIMIT_SENSOR)
        apart = energised and disagree((control_dmmhg, limit_dmmhg))
        if self._disagree.update(apart, now_ms) > limits.SENSORS_DISAGREE_MS:
            self.latch(cuff.FAULT_SENSORS_DISAGREE)

    def _watch_step(self, now_ms: int, both: tuple[int | None, int | None], energised: bool) -> None:
        control_dmmhg, limit_dmmhg = both
        if control_dmmhg is None or limit_dmmhg is None:
            return
        known, gap_ms = (control_dmmhg, limit_dmmhg), now_ms - self._before_ms
        if energised and self._before is not None and leapt(self._before, known, gap_ms):
            self.latch(cuff.FAULT_PRESSURE_STEP)
        self._before, self._before_ms = known, now_ms


def leapt(before: tuple[int, int], now: tuple[int, int], gap_ms: int) -> bool:
    """Whether both sensors are further from where they were ``gap_ms`` ago than air can go in that time."""
    if gap_ms > LONGEST_GAP_MS:
        return False
    steps = max(1, -(-gap_ms // limits.PRESSURE_STEP_MS))
    moved_dmmhg = min(abs(now[0] - before[0]), abs(now[1] - before[1]))
    return moved_dmmhg > steps * limits.PRESSURE_STEP_DMMHG


def disagree(both: tuple[int | None, int | None]) -> bool:
    """Whether two known readings are too far apart."""
    control_dmmhg, limit_dmmhg = both
    if control_dmmhg is None or limit_dmmhg is None:
        return False
    return abs(control_dmmhg - limit_dmmhg) > limits.SENSORS_DISAGREE_DMMHG
