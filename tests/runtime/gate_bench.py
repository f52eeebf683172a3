"""The gate and the real firmware on one wire in memory, for the tests of the gate."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge import cuff as messages
from firmware_bridge import ecp
from firmware_bridge.mcu import requests as firmware
from firmware_bridge.mcu.controller import Controller
from gateway.model import Limb, Output, Permit, Priority, Reason, Safe
from gateway.runtime.gate import Gate
from tests.drivers.cuff_bench import NONCE, PressedCuff, press

TURN_MS = 10
CORE_TURN_MS = 50
PERMIT_MS = 800
CEILING_DMMHG = 2500
PLANNED_MS = 6_000
SAFE = Safe(Output.CUFF, Reason.NO_REQUEST)

Pipe = Callable[[bytes], bytes]


def as_it_is(data: bytes) -> bytes:
    return data


@dataclass
class Wire:
    """Gate and controller on one wire that can be cut either way; ``answer`` is the supervisor's."""

    serial: str = ""
    limits_crc: int = firmware.LIMITS_CRC
    ceiling_dmmhg: int = CEILING_DMMHG
    now: int = 0
    board: PressedCuff = field(default_factory=PressedCuff)
    to_device: Pipe = as_it_is
    to_gate: Pipe = as_it_is
    sent: list[tuple[int, ecp.Packet]] = field(default_factory=list)
    answer: Callable[[int], Permit | Safe] = lambda now: SAFE
    limb: Limb = Limb.LEFT_THIGH
    stimulating: bool = False
    loudest: Priority | None = None
    announcing: bool = False

    def __post_init__(self) -> None:
        self.gate = Gate(
            expected_limits_crc=self.limits_crc,
            expected_serial=self.serial,
            ceiling_dmmhg=self.ceiling_dmmhg,
        )
        self.power_up(NONCE)
        self.gate.connected(self.now)

    def power_up(self, nonce: int, *, rested: bool = True) -> None:
        """Start the firmware, at the end of the debt that it assumes or at its beginning, and press."""
        self.controller = Controller(self.board, self.now, nonce, b"RV-1", b"bench")
        self.controller.step(self.now)
        self.now += 400_000 if rested else 0
        self.controller.step(self.now)
        self.press()

    def press(self) -> None:
        """A person presses the bedside button; the gate is not asked meanwhile."""
        self.now = press(self.board, self.controller, self.now)
        self.controller.outgoing()

    def allow(self, pressure_dmmhg: int = 1700) -> None:
        """From now on the supervisor permits this pressure."""
        self.answer = lambda now: Permit(Output.CUFF, pressure_dmmhg, now + PERMIT_MS)

    def deny(self) -> None:
        """From now on the supervisor says no."""
        self.answer = lambda now: SAFE

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // TURN_MS):
            self.turn()

    def turn(self) -> None:
        """Ten milliseconds: the device's step, what it says, every 50 ms the core's step, what we say."""
        self.now += TURN_MS
        self.controller.step(self.now)
        list(self.gate.receive(self.to_gate(self.controller.outgoing()), self.now))
        if self.now % CORE_TURN_MS == 0:
            self.gate.act(self.answer(self.now), PLANNED_MS, self.now, limb=self.limb)
            self._act_on_the_relay()
            if self.announcing:
                self.gate.announce(self.loudest)
        self.speak()

    def _act_on_the_relay(self) -> None:
        if self.stimulating:
            self.gate.close_relay(self.now + PERMIT_MS, self.now)
        else:
            self.gate.open_relay()

    def speak(self) -> list[int]:
        """Hand over what the gate has to say now; its codes."""
        data = self.gate.outgoing(self.now)
        packets = ecp.Decoder().feed(data)
        self.sent += [(self.now, packet) for packet in packets]
        self.controller.receive(self.to_device(data), self.now)
        return [packet.code for packet in packets]

    def times(self, code: int) -> list[int]:
        """When packets of this code left."""
        return [at for at, packet in self.sent if packet.code == code]

    def leases(self) -> list[messages.LeaseRequest]:
        found = [messages.decode_lease_request(packet) for _, packet in self.sent]
        return [lease for lease in found if lease is not None]


def accepted() -> Wire:
    """A gate that has accepted its controller."""
    found = Wire()
    found.run(500)
    assert found.gate.accepted
    found.sent.clear()
    return found


def inflating() -> Wire:
    """And an inflation under way."""
    found = accepted()
    found.allow()
    found.run(500)
    assert found.board.dump_closed
    found.sent.clear()
    return found
