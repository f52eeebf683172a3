"""The cuff without its wire: board, lease, debt, interlock and control law as one machine.

Theory of operation
-------------------
States: *vented* (default, de-energised: dump valve open, pump off) and *energised* (a lease runs; the
regulator says inflating, holding or lowering).  From vented to energised only by a granted lease; back by
"vent", by the end of the lease without renewal (dead-man: latches GATEWAY_LOST and sounds the buzzer) or by
any latched fault.  Latched faults refuse every lease until the host or the bedside button clears them.

A step: time rules first (a loop that came late, a lease that ran out), then the board's readings, the debt,
the interlock, the control law, the outputs, the button.

Units: pressures 0.1 mmHg, times ms of a clock that never wraps (``aio.Clock``).
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import buzzer, limits
from .board import Board
from .debt import IschaemiaDebt
from .interlock import Interlock
from .lease import Lease
from .regulator import Regulator

# A press of the bedside button counts once it has held for this many steps: contacts bounce.
BUTTON_STEPS = 3


class Core:
    """Pump, valves, lease, debt and faults of one cuff."""

    def __init__(self, board: Board, now_ms: int) -> None:
        self.board = board
        self.ceiling_dmmhg = limits.PRESSURE_CEILING_DMMHG
        self.priority = cuff.SILENT
        self.lease = Lease()
        self.debt = IschaemiaDebt()
        self.interlock = Interlock(now_ms)
        self.regulator = Regulator()
        self.buzzing = False
        self._last_step_ms = now_ms
        # A pause of the loop counts as late from the last step or, if later, from being energised.
        self._punctual_ms = now_ms
        self._button_steps = 0
        self.board.read()
        self._act(now_ms)

    def step(self, now_ms: int) -> None:
        """Sense, decide, act."""
        self.enforce_time(now_ms)
        elapsed_ms = max(0, now_ms - self._last_step_ms)
        self._last_step_ms = now_ms
        self._punctual_ms = now_ms
        self.board.read()
        self._watch(now_ms, elapsed_ms)
        self._regulate(elapsed_ms)
        self._act(now_ms)
        self._watch_button()

    def enforce_time(self, now_ms: int) -> None:
        """The rules that need nothing but the time; also run before a request is looked at."""
        if not self.is_energised():
            return
        if now_ms - self._punctual_ms > limits.LOOP_LATE_MS:
            self.trip(cuff.FAULT_LOOP_LATE, now_ms)
        elif self.lease.has_expired(now_ms):
            self.trip(cuff.FAULT_GATEWAY_LOST, now_ms)

    def is_energised(self) -> bool:
        """Whether a lease holds the dump valve closed."""
        return self.lease.is_active()

    def pressures(self) -> tuple[int | None, int | None]:
        """Control and limit sensor, 0.1 mmHg."""
        return self.board.control_dmmhg(), self.board.limit_dmmhg()

    def vent(self, now_ms: int) -> None:
        """Open the dump valve now."""
        if self.is_energised():
            self.lease.end()
            self.regulator.vent()
            self.interlock.note_vented(now_ms)
            self._act(now_ms)

    def trip(self, fault: int, now_ms: int) -> None:
        """Latch a fault and vent."""
        self.interlock.latch(fault)
        self.vent(now_ms)

    def energise(self, target_dmmhg: int, duration_ms: int, now_ms: int) -> None:
        """Follow this target for so long; the next step acts on it."""
        if not self.is_energised():
            self.interlock.note_energised()
            self._punctual_ms = now_ms
        self.lease.grant(target_dmmhg, now_ms + duration_ms)

    def tighten(self, ceiling_dmmhg: int, now_ms: int) -> None:
        """Lower the ceiling for good; a lease above it ends, because no target is ever reduced."""
        self.ceiling_dmmhg = min(self.ceiling_dmmhg, ceiling_dmmhg)
        target = self.lease.target_dmmhg
        if target is not None and target > self.ceiling_dmmhg:
            self.vent(now_ms)

    def refuse_missing_sensors(self) -> None:
        """Latch what is missing: nothing may be inflated blind."""
        control, limit = self.pressures()
        if control is None:
            self.interlock.latch(cuff.FAULT_CONTROL_SENSOR)
        if limit is None:
            self.interlock.latch(cuff.FAULT_LIMIT_SENSOR)

    def self_test(self) -> int:
        """Whether both sensors of an empty cuff read zero; one that is off zero latches."""
        control, limit = self.pressures()
        if self.is_energised() or max(control or 0, limit or 0) > limits.DEFLATED_DMMHG:
            return cuff.NOT_VENTED
        if control is None or limit is None:
            return cuff.SENSOR_MISSING
        if max(abs(control), abs(limit)) <= limits.SELF_TEST_ZERO_DMMHG:
            return cuff.OK
        self.interlock.latch(cuff.FAULT_SELF_TEST_FAILED)
        return cuff.NOT_ZERO

    def _watch(self, now_ms: int, elapsed_ms: int) -> None:
        control, limit = self.pressures()
        self.debt.step(elapsed_ms, control, limit)
        self.interlock.watch(now_ms, control, limit, self.is_energised(), self.debt.is_exceeded())
        if self.interlock.faults:
            self.vent(now_ms)

    def _regulate(self, elapsed_ms: int) -> None:
        target = self.lease.target_dmmhg
        if target is None:
            return
        pressure = self.board.control_dmmhg()
        if pressure is None:
            self.regulator.hold()
        else:
            self.regulator.step(pressure, target, elapsed_ms)

    def _act(self, now_ms: int) -> None:
        self.buzzing = buzzer.sounds(now_ms, self.interlock.faults != 0, self.priority)
        regulator = self.regulator
        self.board.write(
            regulator.pump_permille,
            regulator.inflate_open,
            regulator.dump_closed,
            self.buzzing,
            regulator.state,
        )

    def _watch_button(self) -> None:
        self._button_steps = self._button_steps + 1 if self.board.button() else 0
        if self._button_steps == BUTTON_STEPS:
            self.interlock.clear()
