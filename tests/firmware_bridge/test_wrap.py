"""Every rule of time across the wrap of a Pico's tick counter, at 2**30. Runs on MicroPython too."""

from firmware_bridge import aio, cuff, ecp
from firmware_bridge.mcu.controller import STEP_MS, Controller
from tests.firmware_bridge.bench import NONCE, BenchBoard

WRAP = 1 << 30


class Ticks:
    """A tick counter like the microcontroller's, set by the test."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self) -> int:
        return self.value % WRAP


def difference(end: int, start: int) -> int:
    """``ticks_diff`` as a 32-bit MicroPython has it: this interpreter's own may wrap elsewhere."""
    return (end - start + WRAP // 2) % WRAP - WRAP // 2


class Pico:
    """A controller whose clock counts the ticks of a Pico, ``before_ms`` before they wrap."""

    def __init__(self, before_ms: int) -> None:
        self.ticks = Ticks(WRAP - before_ms)
        self.clock = aio.Clock(self.ticks, difference)
        self.board = BenchBoard()
        self.controller = Controller(self.board, self.clock.now_ms(), NONCE)
        self.core = self.controller.core
        self.core.debt.debts_ms = [0] * cuff.LIMBS
        self.seq = 0

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // STEP_MS):
            self.ticks.value += STEP_MS
            self.core.interlock._before = None  # what a test sets at once took its time
            self.controller.step(self.clock.now_ms())
            self.controller.outgoing()

    def press(self) -> None:
        """30 ms until the release at power-up is seen, 30 ms pressed, 30 ms let go."""
        for pressed in (False, True, False):
            self.board.pressed = pressed
            self.run(30)

    def ask(self, frame: bytes) -> ecp.Packet:
        self.controller.receive(frame, self.clock.now_ms())
        return ecp.Decoder().feed(self.controller.outgoing())[0]

    def lease(self, limb: int = 0, duration_ms: int = 500) -> int:
        self.seq += 1
        frame = cuff.encode_lease_request(self.seq, limb, 1700, duration_ms, 6000, NONCE)
        reply = cuff.decode_lease_reply(self.ask(frame))
        assert reply is not None
        return reply.result

    def has_wrapped(self) -> bool:
        return self.ticks.value > WRAP

    def closed_for_ms(self) -> int:
        """For how long the dump valve stays closed from here on."""
        began = self.ticks.value
        while self.board.dump_closed:
            self.run(STEP_MS)
            assert self.ticks.value - began < 5000, "it never opened"
        return self.ticks.value - began


def test_the_clock_goes_on() -> None:
    pico = Pico(before_ms=100)
    pico.run(200)
    assert pico.has_wrapped()
    assert pico.ticks() == 100
    assert pico.clock.now_ms() == 200


def test_a_lease_that_begins_before_the_wrap_ends_behind_it() -> None:
    for before_ms in (100, 110, 250, 480, 490, 580):
        pico = Pico(before_ms)
        pico.press()
        assert pico.lease() == cuff.OK
        pico.run(10)
        assert pico.closed_for_ms() == 490
        assert pico.has_wrapped()
        assert pico.core.interlock.first_fault == cuff.FAULT_GATEWAY_LOST


def test_leases_renewed_across_the_wrap_hold_and_the_dead_man_behind_it_vents() -> None:
    pico = Pico(before_ms=1000)
    pico.press()
    pico.board.both(1700)
    for _ in range(20):
        assert pico.lease() == cuff.OK
        pico.run(100)
        assert pico.board.dump_closed
    assert pico.has_wrapped()
    assert pico.closed_for_ms() == 400
    assert pico.core.interlock.faults == cuff.FAULT_GATEWAY_LOST


def test_the_relays_dead_man_across_the_wrap() -> None:
    pico = Pico(before_ms=300)
    pico.press()
    assert pico.ask(cuff.encode_relay_request(1, 500, NONCE)).content[0] == cuff.OK
    pico.run(490)
    assert pico.board.relay_closed
    pico.run(10)
    assert not pico.board.relay_closed
    assert pico.has_wrapped()


def test_a_debt_grows_and_shrinks_by_the_time_that_passed() -> None:
    pico = Pico(before_ms=1000)
    pico.press()
    assert pico.lease(limb=2) == cuff.OK
    pico.board.both(1700)
    for _ in range(20):
        assert pico.lease(limb=2) == cuff.OK
        pico.run(100)
    assert pico.has_wrapped()
    assert pico.core.debt.debts_ms == [0, 0, 2000, 0]
    pico.controller.receive(cuff.encode_vent(), pico.clock.now_ms())
    pico.board.both(0)
    pico.run(1510)
    assert pico.core.debt.debts_ms == [0, 0, 510, 0]


def test_the_times_between_limbs_and_for_a_press_are_what_they_are() -> None:
    pico = Pico(before_ms=30000)
    pico.press()
    assert pico.lease(limb=0) == cuff.OK
    pico.board.both(1700)
    pico.run(100)
    pico.controller.receive(cuff.encode_vent(), pico.clock.now_ms())
    pico.board.both(0)
    pico.run(59700)
    assert pico.has_wrapped()
    assert pico.core.presence.is_recent(pico.clock.now_ms())
    assert pico.lease(limb=1) == cuff.LIMB_TOO_SOON
    pico.run(400)
    assert pico.lease(limb=1) == cuff.OK
    pico.controller.receive(cuff.encode_vent(), pico.clock.now_ms())
    pico.run(9800)
    assert not pico.core.presence.is_recent(pico.clock.now_ms())


def test_a_planned_time_that_ends_behind_the_wrap() -> None:
    pico = Pico(before_ms=10000)
    pico.press()
    assert pico.lease() == cuff.OK
    pico.board.both(1700)
    began_ms = pico.clock.now_ms()
    while pico.core.is_energised():
        pico.lease()
        pico.run(100)
    assert pico.has_wrapped()
    assert pico.clock.now_ms() - began_ms == 6000 + 20000
    assert pico.core.interlock.faults == cuff.FAULT_OCCLUSION_TIME


def test_a_cuff_that_does_not_empty_across_the_wrap() -> None:
    pico = Pico(before_ms=500)
    pico.press()
    assert pico.lease() == cuff.OK
    pico.board.both(1700)
    pico.run(100)
    pico.controller.receive(cuff.encode_vent(), pico.clock.now_ms())
    pico.run(1000)
    assert pico.core.interlock.faults == 0
    pico.run(10)
    assert pico.core.interlock.faults == cuff.FAULT_NOT_DEFLATED


def test_statuses_keep_their_beat() -> None:
    pico = Pico(before_ms=500)
    told = []
    for _ in range(100):
        pico.ticks.value += STEP_MS
        pico.controller.step(pico.clock.now_ms())
        statuses = [cuff.decode_status(packet) for packet in ecp.Decoder().feed(pico.controller.outgoing())]
        told += [status.device_ms for status in statuses]
    assert told[1:] == list(range(50, 1001, 50))
