"""A bench for the firmware in virtual time: a board on the table, a host with a wire, a toy cuff.

Theory of operation
-------------------
``Bench`` steps a real ``Controller`` every 10 ms of a time that it owns and speaks to it with real bytes.
Its ``BenchBoard`` either reads what the test says, or a ``ToyCuff``: pressure rises with the pump through
the inflate valve, falls exponentially through an open dump valve and a leak, and is seen some steps late.
Somebody has pressed the bedside button before a bench is handed out, unless ``presence=False``.

Runs on CPython and on MicroPython (no pytest in here), like the test modules that use it.
"""

from firmware_bridge import cuff, ecp
from firmware_bridge.mcu.board import Board
from firmware_bridge.mcu.controller import STEP_MS, Controller

NONCE = 0x0BADF00D
# A heap of 192 kB has to hold the firmware, the bench and the tests.
STATUSES_KEPT = 50


class ToyCuff:
    """A cuff of two numbers: mmHg per second at full pump, and the time constant of the dump valve."""

    def __init__(self, rise_mmhg_s: int, dump_tau_ms: int, leak_mmhg_s: float = 0.0, late_steps: int = 1):
        self.rise_mmhg_s = rise_mmhg_s
        self.dump_tau_ms = dump_tau_ms
        self.leak_mmhg_s = leak_mmhg_s
        self.pressure_mmhg = 0.0
        self._seen = [0.0] * (late_steps + 1)

    def step(self, board: "BenchBoard", elapsed_ms: int) -> None:
        """Let the air move."""
        if board.inflate_open:
            self.pressure_mmhg += self.rise_mmhg_s * board.pump_permille / 1000 * elapsed_ms / 1000
        if not board.dump_closed:
            self.pressure_mmhg -= self.pressure_mmhg * min(1, elapsed_ms / self.dump_tau_ms)
        self.pressure_mmhg = max(0, self.pressure_mmhg - self.leak_mmhg_s * elapsed_ms / 1000)
        self._seen.append(self.pressure_mmhg)
        self._seen.pop(0)

    def seen_dmmhg(self) -> int:
        """What the sensor reads: late."""
        return int(self._seen[0] * 10)


class BenchBoard(Board):
    """Readings that the test sets; outputs that the test looks at."""

    def __init__(self) -> None:
        self.control: int | None = 0
        self.limit: int | None = 0
        self.pressed = False
        self.patient_pressed = False
        self.relay_closed = True
        self.pump_permille = 0
        self.inflate_open = True
        self.dump_closed = True
        self.buzzer = True
        self.indicator = 99
        self.feeds = 0

    def both(self, pressure_dmmhg: int | None) -> None:
        """Let both sensors read the same."""
        self.control = pressure_dmmhg
        self.limit = pressure_dmmhg

    def control_dmmhg(self) -> int | None:
        return self.control

    def limit_dmmhg(self) -> int | None:
        return self.limit

    def button(self) -> bool:
        return self.pressed

    def patient_stop(self) -> bool:
        return self.patient_pressed

    def write(
        self,
        pump_permille: int,
        inflate_open: bool,
        dump_closed: bool,
        buzzer: bool,
        indicator: int,
        relay_closed: bool = False,
    ) -> None:
        self.relay_closed = relay_closed
        self.pump_permille = pump_permille
        self.inflate_open = inflate_open
        self.dump_closed = dump_closed
        self.buzzer = buzzer
        self.indicator = indicator

    def feed_watchdog(self) -> None:
        self.feeds += 1

    def is_vented(self) -> bool:
        """All outputs that move air are de-energised."""
        return not (self.dump_closed or self.inflate_open or self.pump_permille)


class Bench:
    """A controller, its board and its host."""

    def __init__(
        self,
        toy: ToyCuff | None = None,
        debt_ms: int | None = 0,
        start_ms: int = 0,
        presence: bool = True,
    ) -> None:
        self.now_ms = start_ms
        self.board = BenchBoard()
        self.toy = toy
        # What a test sets at once stands for air that took its time, unless the test is about the leap.
        self.leaps = False
        self.controller = Controller(self.board, start_ms, NONCE, b"T-1", b"bench")
        if debt_ms is not None:
            self.owe(debt_ms)
        if presence:
            self.core.presence._stands = True
            self.core.presence._button.closed = False
            self.core.presence._pressed_ms = start_ms
        # What leases name that say nothing else: the planned time of the newest that was granted.
        self.planned_ms = 6000
        self.seq = 0
        self.relay_seq = 0
        self.statuses: list[cuff.Status] = []
        self._decoder = ecp.Decoder()

    @property
    def core(self):
        return self.controller.core

    @property
    def status(self) -> cuff.Status:
        """The last status that arrived."""
        return self.statuses[-1]

    def owe(self, debt_ms: int) -> None:
        """Let every limb owe this much."""
        self.core.debt.debts_ms = [debt_ms] * cuff.LIMBS

    def debts_ms(self) -> list[int]:
        """What each limb owes, as the next status tells it."""
        self.run(60)
        status = self.status
        return [
            status.left_thigh_debt_ms,
            status.right_thigh_debt_ms,
            status.left_upper_arm_debt_ms,
            status.right_upper_arm_debt_ms,
        ]

    def press(self, held_ms: int = 50) -> None:
        """A person presses the bedside button and lets it go."""
        self.board.pressed = True
        self.run(held_ms)
        self.board.pressed = False
        self.run(50)

    def run(self, duration_ms: int, renew: int | None = None) -> None:
        """Let time pass in steps; ``renew`` is a target that is leased again every 100 ms."""
        for step in range(duration_ms // STEP_MS):
            if renew is not None and step % 10 == 0:
                assert self.lease(renew) == cuff.OK
            self.step(STEP_MS)

    def step(self, elapsed_ms: int) -> None:
        """One step of the controller, after so much time."""
        self.now_ms += elapsed_ms
        if self.toy is not None:
            self.toy.step(self.board, elapsed_ms)
            self.board.both(self.toy.seen_dmmhg())
        if not self.leaps:
            self.core.interlock._before = None
        self.controller.step(self.now_ms)
        self._collect()

    def ask(self, frame: bytes) -> ecp.Packet:
        """Send one request; return what it was answered with."""
        self.controller.receive(frame, self.now_ms)
        replies = self._collect()
        assert len(replies) == 1, replies
        return replies[0]

    def lease(
        self,
        target_dmmhg: int = 1700,
        duration_ms: int = 500,
        planned_ms: int | None = None,
        nonce: int = NONCE,
        seq: int | None = None,
        limb: int = 0,
    ) -> int:
        """Ask for a lease; return its result."""
        if seq is None:
            self.seq = (self.seq + 1) & 0xFFFF
            seq = self.seq
        planned_ms = self.planned_ms if planned_ms is None else planned_ms
        frame = cuff.encode_lease_request(seq, limb, target_dmmhg, duration_ms, planned_ms, nonce)
        reply = cuff.decode_lease_reply(self.ask(frame))
        assert reply is not None
        assert reply.seq == seq
        if reply.result == cuff.OK:
            self.planned_ms = planned_ms
        return reply.result

    def relay(self, duration_ms: int = 500, nonce: int = NONCE, seq: int | None = None) -> int:
        """Ask for a lease of the relay; return its result."""
        if seq is None:
            self.relay_seq = (self.relay_seq + 1) & 0xFFFF
            seq = self.relay_seq
        reply = cuff.decode_relay_reply(self.ask(cuff.encode_relay_request(seq, duration_ms, nonce)))
        assert reply is not None
        assert reply.seq == seq
        return reply.result

    def open_relay(self) -> None:
        assert cuff.decode_relay_open(self.ask(cuff.encode_relay_open()))

    def vent(self) -> None:
        assert cuff.decode_vent(self.ask(cuff.encode_vent()))

    def clear(self, nonce: int = NONCE) -> int | None:
        return cuff.decode_clear_reply(self.ask(cuff.encode_clear_request(nonce)))

    def faults(self) -> tuple[int, int]:
        """All latched faults and the first one, as the next status tells them."""
        self.run(60)
        return self.status.faults, self.status.first_fault

    def _collect(self) -> list[ecp.Packet]:
        replies = []
        for packet in self._decoder.feed(self.controller.outgoing()):
            status = cuff.decode_status(packet)
            if status is None:
                replies.append(packet)
            else:
                self.statuses.append(status)
                if len(self.statuses) > STATUSES_KEPT:
                    self.statuses.pop(0)
        return replies


def raises(error, function, *arguments) -> bool:
    """Whether a call raises this error: ``pytest.raises`` for both interpreters."""
    try:
        function(*arguments)
    except error:
        return True
    return False


def energised(debt_ms: int = 0, planned_ms: int = 6000) -> Bench:
    """A bench with an inflation under way."""
    bench = Bench(debt_ms=debt_ms)
    bench.run(50)
    assert bench.lease(planned_ms=planned_ms) == cuff.OK
    bench.step(10)
    assert bench.board.dump_closed
    return bench


def latched() -> Bench:
    """A bench whose gateway has gone silent."""
    bench = energised()
    bench.run(500)
    assert bench.board.buzzer
    return bench


def assert_tripped(bench: Bench, fault: int) -> None:
    """Vented, relay open, sounding, latched with this fault alone, and deaf to leases of either kind."""
    assert bench.board.is_vented()
    assert not bench.board.relay_closed
    assert bench.board.buzzer
    assert bench.faults() == (fault, fault)
    assert not bench.status.presence
    assert bench.lease() == cuff.FAULTED
    assert bench.relay() == cuff.FAULTED
    assert bench.board.is_vented()
