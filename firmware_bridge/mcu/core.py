"""The cuff without its wire: board, leases, debt, interlock and control law as one machine.

Theory of operation
-------------------
Two outputs, each with a lease of its own: the *cuff* (vented by default, de-energised: dump valve open, pump
off; energised while its lease runs, the regulator saying inflating, holding or lowering) and the *relay* in
the stimulator's lead (open by default).  Either is energised only by a granted lease.  The cuff goes back by
"vent", the relay by "relay open", both by a lease that ran out without renewal (dead-man: latches
GATEWAY_LOST and sounds the buzzer), by any latched fault, and by a person at the bedside (``presence``).
Latched faults refuse every lease until a host clears them, which needs a press of the bedside button since.

A step: time rules first (a loop that came late, a lease that ran out, an inflation that outlasted its plan),
then the board's readings, the buttons, the debt, the interlock, the control law, the outputs.

Units: pressures 0.1 mmHg, times ms of a clock that never wraps (``aio.Clock``).
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import buzzer, limits
from .airflow import HALF_POWER_PERMILLE
from .board import Board
from .debt import IschaemiaDebt, is_pressed
from .inflation import Inflation
from .interlock import Interlock
from .lease import Lease
from .presence import Presence
from .regulator import Regulator
from .silence import HostSilence


class Core:
    """Pump, valves, relay, leases, debt and faults of one cuff."""

    def __init__(self, board: Board, now_ms: int) -> None:
        self.board = board
        self.ceiling_dmmhg = limits.PRESSURE_CEILING_DMMHG
        self.priority = cuff.SILENT
        self.lease = Lease()
        self.relay = Lease()
        self.debt = IschaemiaDebt()
        self.inflation = Inflation()
        self.presence = Presence()
        self.interlock = Interlock(now_ms, self.presence)
        self.regulator = Regulator()
        self.host = HostSilence()
        self.buzzing = False
        # A person stopped something in this step.
        self.stopped = False
        self._host_lost = False
        self._last_step_ms = now_ms
        # A pause of the loop counts as late from the last step or, if later, from being energised.
        self._punctual_ms = now_ms
        self.board.read()
        self._act(now_ms)

    def step(self, now_ms: int) -> None:
        """Sense, decide, act."""
        self.enforce_time(now_ms)
        elapsed_ms = max(0, now_ms - self._last_step_ms)
        self._last_step_ms = now_ms
        self._punctual_ms = now_ms
        self.board.read()
        self._heed_people(now_ms)
        self._watch(now_ms, elapsed_ms)
        self._regulate(elapsed_ms)
        self._act(now_ms)

    def enforce_time(self, now_ms: int) -> None:
        """The rules that need nothing but the time; also run before a request is looked at."""
        if not self._is_anything_energised():
            return
        if now_ms - self._punctual_ms > limits.LOOP_LATE_MS:
            self.trip(cuff.FAULT_LOOP_LATE, now_ms)
        elif self.lease.has_expired(now_ms) or self.relay.has_expired(now_ms):
            self.trip(cuff.FAULT_GATEWAY_LOST, now_ms)
        elif self.inflation.is_overdue(now_ms):
            self.trip(cuff.FAULT_OCCLUSION_TIME, now_ms)

    def is_energised(self) -> bool:
        """Whether a lease holds the dump valve closed."""
        return self.lease.is_active()

    def pressures(self) -> tuple[int | None, int | None]:
        """Control and limit sensor, 0.1 mmHg."""
        return self.board.control_dmmhg(), self.board.limit_dmmhg()

    def is_pressed(self) -> bool:
        """Whether the cuff may be pressed to a limb."""
        return is_pressed(self.pressures())

    def is_moving(self) -> bool:
        """Whether air is moved on purpose: pump or inflate valve, or the dump valve while energised."""
        regulator = self.regulator
        letting_out = self.is_energised() and not regulator.dump_closed
        return regulator.pump_permille > 0 or regulator.inflate_open or letting_out

    def vent(self, now_ms: int) -> None:
        """Open the dump valve now."""
        if self.is_energised():
            self.lease.end()
            self.inflation.end()
            self.regulator.vent()
            self.interlock.airflow.note_vented(now_ms)
            self._act(now_ms)

    def open_relay(self, now_ms: int) -> None:
        """Open the relay now."""
        if self.relay.is_active():
            self.relay.end()
            self._act(now_ms)

    def trip(self, fault: int, now_ms: int) -> None:
        """Latch a fault; vent and open the relay."""
        self.interlock.latch(fault)
        self._stop(now_ms)

    def energise(self, request: cuff.LeaseRequest, now_ms: int) -> None:
        """Do what this lease asks for; the next step acts on it."""
        self._begin(now_ms)
        if not self.is_energised():
            self.inflation.begin(request.planned_ms, now_ms)
            self.interlock.airflow.note_energised()
        self.debt.name(request.limb)
        self.lease.grant(now_ms + request.duration_ms, request.target_dmmhg)

    def close_relay(self, duration_ms: int, now_ms: int) -> None:
        """Close the relay for so long; the next step acts on it."""
        self._begin(now_ms)
        self.relay.grant(now_ms + duration_ms)

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

    def _is_anything_energised(self) -> bool:
        return self.lease.is_active() or self.relay.is_active()

    def _begin(self, now_ms: int) -> None:
        if not self._is_anything_energised():
            self._punctual_ms = now_ms

    def _stop(self, now_ms: int) -> None:
        self.vent(now_ms)
        self.open_relay(now_ms)

    def _heed_people(self, now_ms: int) -> None:
        energised = self._is_anything_energised()
        presses = self.presence.presses
        board = self.board
        stop = self.presence.step(board.button(), board.patient_stop(), energised, now_ms)
        self._host_lost = self.host.step(self.presence.presses != presses, now_ms)
        self.stopped = stop and energised
        if stop:
            self._stop(now_ms)

    def _watch(self, now_ms: int, elapsed_ms: int) -> None:
        control, limit, regulator = self.board.control_dmmhg(), self.board.limit_dmmhg(), self.regulator
        self.debt.step(now_ms, elapsed_ms, control, limit)
        pumping = regulator.inflate_open and regulator.pump_permille >= HALF_POWER_PERMILLE
        too_much = self.debt.is_exceeded()
        self.interlock.watch(now_ms, control, limit, self.is_energised(), pumping, too_much)
        if self.interlock.faults:
            self._stop(now_ms)

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
        self.buzzing = buzzer.sounds(now_ms, self.interlock.faults != 0, self.priority, self._host_lost)
        regulator = self.regulator
        self.board.write(
            regulator.pump_permille,
            regulator.inflate_open,
            regulator.dump_closed,
            self.buzzing,
            regulator.state,
            self.relay.is_active(),
        )
