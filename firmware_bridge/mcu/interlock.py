"""What makes the firmware vent by itself, and remembers why.

Theory of operation
-------------------
A fault latches: its bit stays until a person clears it, and the first one is kept apart, because it is
the cause and the others often its consequences.  While any is latched the controller stays vented.

Watched at every step:

* over-pressure, whatever the state: either sensor above the trip for its time, or far above it once;
* the sensors, while energised: one missing for too long, or both too far apart for too long;
* the debt, whatever the state;
* deflation: the first reading known from 10 s after a vent on must be deflated.

Time rules (lease expiry, late loop) are the controller's, which calls ``latch``.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import limits


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
    """Watches pressures, sensors and deflation; latches faults."""

    def __init__(self, now_ms: int) -> None:
        self.faults = 0
        self.first_fault = 0
        self._over = Held()
        self._control_missing = Held()
        self._limit_missing = Held()
        self._disagree = Held()
        # After a reset the cuff has just been vented by losing its power.
        self._vented_ms: int | None = now_ms

    def latch(self, fault: int) -> None:
        """Remember a fault; the first one is kept apart."""
        if not self.faults:
            self.first_fault = fault
        self.faults |= fault

    def clear(self) -> None:
        """Forget what is latched; what still holds latches again at the next step."""
        self.faults = 0
        self.first_fault = 0

    def note_energised(self) -> None:
        """An inflation began: there is no deflation to wait for."""
        self._vented_ms = None

    def note_vented(self, now_ms: int) -> None:
        """The dump valve opened: the cuff has to be empty in ten seconds."""
        self._vented_ms = now_ms

    def watch(
        self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None, energised: bool, debt: bool
    ) -> None:
        """Look at one reading; ``debt`` says that the ischaemia debt is exceeded."""
        self._watch_pressure(now_ms, control_dmmhg, limit_dmmhg)
        if debt:
            self.latch(cuff.FAULT_OCCLUSION_TIME)
        self._watch_sensors(now_ms, control_dmmhg, limit_dmmhg, energised)
        self._watch_deflation(now_ms, control_dmmhg, limit_dmmhg)

    def _watch_pressure(self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> None:
        highest = max(control_dmmhg or 0, limit_dmmhg or 0)
        held_ms = self._over.update(highest > limits.PRESSURE_TRIP_DMMHG, now_ms)
        if highest > limits.PRESSURE_TRIP_ONCE_DMMHG or held_ms >= limits.PRESSURE_TRIP_MS:
            self.latch(cuff.FAULT_OVER_PRESSURE)

    def _watch_sensors(
        self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None, energised: bool
    ) -> None:
        longest_ms = limits.SENSOR_MISSING_MS
        if self._control_missing.update(energised and control_dmmhg is None, now_ms) > longest_ms:
            self.latch(cuff.FAULT_CONTROL_SENSOR)
        if self._limit_missing.update(energised and limit_dmmhg is None, now_ms) > longest_ms:
            self.latch(cuff.FAULT_LIMIT_SENSOR)
        apart = energised and disagree(control_dmmhg, limit_dmmhg)
        if self._disagree.update(apart, now_ms) > limits.SENSORS_DISAGREE_MS:
            self.latch(cuff.FAULT_SENSORS_DISAGREE)

    def _watch_deflation(self, now_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> None:
        if self._vented_ms is None or now_ms - self._vented_ms < limits.NOT_DEFLATED_MS:
            return
        if max(control_dmmhg or 0, limit_dmmhg or 0) > limits.DEFLATED_DMMHG:
            self.latch(cuff.FAULT_NOT_DEFLATED)
            self._vented_ms = None
        elif control_dmmhg is not None and limit_dmmhg is not None:
            self._vented_ms = None


def disagree(control_dmmhg: int | None, limit_dmmhg: int | None) -> bool:
    """Whether two known readings are too far apart."""
    if control_dmmhg is None or limit_dmmhg is None:
        return False
    return abs(control_dmmhg - limit_dmmhg) > limits.SENSORS_DISAGREE_DMMHG
