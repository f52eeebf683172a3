"""The real host and device sides of the cuff controller on one wire, in virtual time, and messages to feed.

The firmware's controller runs here unchanged on a board whose cuff follows the dump valve; ``to_device`` and
``to_host`` are the wire, and may lose or change what passes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers import cuff
from drivers.cuff import CuffHost
from firmware_bridge import cuff as wire
from firmware_bridge import ecp
from firmware_bridge.mcu.board import Board
from firmware_bridge.mcu.controller import Controller

NONCE = 0xC0FFEE01
VENT = wire.encode_vent()
RELAY_OPEN = wire.encode_relay_open()
LIMB = 0
STEP_MS = 10

STATUS = wire.Status(
    counter=1,
    device_ms=50,
    nonce=NONCE,
    control_dmmhg=0,
    limit_dmmhg=0,
    target_dmmhg=None,
    state=wire.VENTED,
    actuators=0,
    pump_permille=0,
    left_thigh_debt_ms=0,
    right_thigh_debt_ms=0,
    left_upper_arm_debt_ms=0,
    right_upper_arm_debt_ms=0,
    limb=wire.NO_LIMB,
    lease_seq=0,
    lease_left_ms=0,
    relay_seq=0,
    faults=0,
    first_fault=0,
    presses=0,
    presence=1,
)
ENERGISED = STATUS._replace(
    target_dmmhg=1700, state=wire.HOLDING, actuators=wire.DUMP_CLOSED, lease_left_ms=900
)


def hello_reply(nonce: int = NONCE, low: int = 2, high: int = 2) -> bytes:
    return wire.encode_hello_reply(wire.Hello(low, high, 0, 1, 0, 0x1234, nonce, b"RV-1", b"bench"))


def status(counter: int = 1, of: wire.Status = STATUS, **changes: object) -> bytes:
    return wire.encode_status(of._replace(counter=counter, **changes))


def sent(data: bytes) -> list[ecp.Packet]:
    return ecp.Decoder().feed(data)


def codes(data: bytes) -> list[int]:
    return [packet.code for packet in sent(data)]


def lease_in(data: bytes) -> wire.LeaseRequest:
    [packet] = sent(data)
    request = wire.decode_lease_request(packet)
    assert request is not None
    return request


def greeted(lease_seq: int = 0) -> CuffHost:
    """A host that knows its device and has seen one status, at time 0."""
    host = CuffHost()
    host.request_hello()
    host.outgoing(0)
    host.receive(hello_reply() + status(lease_seq=lease_seq), 0)
    return host


class PressedCuff(Board):
    """A cuff that follows the dump valve, 15 mmHg a step: full while it is closed, empty while it is open.

    ``lag_dmmhg`` is by how much it stays below that pressure.
    """

    dump_closed = False
    relay_closed = False
    pressed = False
    patient_pressed = False
    lag_dmmhg = 0
    pressure_dmmhg = 0

    def control_dmmhg(self) -> int | None:
        return max(0, self.pressure_dmmhg - self.lag_dmmhg)

    def limit_dmmhg(self) -> int | None:
        return self.control_dmmhg()

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
        self.dump_closed, self.relay_closed = dump_closed, relay_closed
        self.pressure_dmmhg += 150 if dump_closed else -150
        self.pressure_dmmhg = min(max(self.pressure_dmmhg, 0), 1700)


def press(board: PressedCuff, controller: Controller, now_ms: int) -> int:
    """A person presses the bedside button and lets it go; the time when it is done."""
    for pressed in (False, True, False):
        board.pressed = pressed
        for _ in range(5):
            now_ms += STEP_MS
            controller.step(now_ms)
    return now_ms


@dataclass
class Bench:
    """Host and firmware on one wire that can lose frames, in steps of 10 ms."""

    host: CuffHost = field(default_factory=CuffHost)
    board: PressedCuff = field(default_factory=PressedCuff)
    now_ms: int = 0
    to_device: Callable[[bytes], bytes] = lambda data: data
    to_host: Callable[[bytes], bytes] = lambda data: data
    log: list[tuple[int, bytes]] = field(default_factory=list)
    events: list[cuff.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart(NONCE)

    def restart(self, nonce: int) -> None:
        """Power on; the debt that a reset assumes is waited for, then somebody presses the bedside button."""
        self.board.pressure_dmmhg = 0  # without power the valve is open
        self.controller = Controller(self.board, self.now_ms, nonce)
        self.controller.step(self.now_ms)
        self.now_ms += 400_000
        self.controller.step(self.now_ms)
        self.press()

    def press(self) -> None:
        """A person presses the bedside button."""
        self.now_ms = press(self.board, self.controller, self.now_ms)
        self.controller.outgoing()

    def run(self, duration_ms: int) -> list[cuff.Event]:
        """Step both ends; the events that the host reported meanwhile."""
        since = len(self.events)
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            self.exchange()
            self.controller.step(self.now_ms)
        return self.events[since:]

    def exchange(self) -> None:
        """One turn of the host's shell: hear, then speak."""
        arrived = self.to_host(self.controller.outgoing())
        self.events += self.host.receive(arrived, self.now_ms)
        out = self.host.outgoing(self.now_ms)
        if out:
            self.log.append((self.now_ms, out))
            self.controller.receive(self.to_device(out), self.now_ms)

    def greet(self) -> None:
        self.host.request_hello()
        assert any(isinstance(event, cuff.Hello) for event in self.run(100)), "the device did not answer"

    def inflate(self) -> None:
        assert self.host.lease(LIMB, 1700, 1000, 300_000, self.now_ms) is not None
        self.run(50)
        assert self.board.dump_closed, "the device did not energise"

    def close_relay(self) -> None:
        assert self.host.relay_lease(1000, self.now_ms) is not None
        self.run(50)
        assert self.board.relay_closed, "the device did not close its relay"


def nothing(data: bytes) -> bytes:
    return b""
