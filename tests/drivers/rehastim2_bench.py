"""A RehaStim2's host on one end of a wire, the simulated device on the other, in virtual time."""

from dataclasses import dataclass, field

from drivers import sciencemode2 as wire
from drivers.rehastim2 import Rehastim2Host
from drivers.stimulation import Pulses, Report
from gateway.simulation.rehastim2 import Pulse, RehaStim2

TURN_MS = 10
RENEW_MS = 200
ASK_MS = 250

TWENTY = Pulses(20_000, 300, 500)
THIRTY = Pulses(30_000, 300, 500)


@dataclass
class Bench:
    """``wanted``: what the caller goes on saying every 200 ms; ``None``: it asks every 250 ms; ``says``
    False: it says nothing at all. ``to_device`` and ``to_host``: whether the wire carries that way; ``lost``:
    commands of the device whose frames do not arrive.
    """

    host: Rehastim2Host = field(default_factory=Rehastim2Host)
    device: RehaStim2 = field(default_factory=RehaStim2)
    now: int = 0
    wanted: Pulses | None = None
    says: bool = True
    to_device: bool = True
    to_host: bool = True
    lost: set[int] = field(default_factory=set)
    said_ms: int | None = None
    reports: list[Report] = field(default_factory=list)
    sent: list[tuple[int, wire.Packet]] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._decoder = wire.Decoder()

    def turn(self) -> None:
        """10 ms: the caller speaks, what is said goes over, the answer comes back."""
        self.now += TURN_MS
        self.speak()
        outgoing = self.host.outgoing(self.now)
        self.sent += [(self.now, packet) for packet in self._decoder.feed(outgoing)]
        back = self.device.step(outgoing if self.to_device else b"", self.now)
        self.pulses += self.device.take_pulses()
        for report in self.host.receive(self._carried(back), self.now):
            assert isinstance(report, Report)
            self.reports.append(report)

    def _carried(self, back: bytes) -> bytes:
        if not self.to_host:
            return b""
        packets = wire.Decoder().feed(back)
        return b"".join(wire.encode(*packet) for packet in packets if packet.command not in self.lost)

    def speak(self) -> None:
        every_ms = ASK_MS if self.wanted is None else RENEW_MS
        if not self.says or (self.said_ms is not None and self.now - self.said_ms < every_ms):
            return
        self.said_ms = self.now
        if self.wanted is None:
            self.host.ask()
        else:
            self.host.start(self.wanted)

    def run(self, ms: int) -> None:
        for _ in range(ms // TURN_MS):
            self.turn()

    def want(self, pulses: Pulses | None) -> None:
        """What the caller wants from now on; its first word is said with the next turn."""
        self.wanted, self.said_ms = pulses, None
        if pulses is None:
            self.host.stop()

    @property
    def last(self) -> Report:
        return self.reports[-1]

    def commands(self) -> list[int]:
        """What went out since this was last asked, without keep-alive."""
        commands = [packet.command for _, packet in self.sent if packet.command != wire.WATCHDOG]
        self.sent.clear()
        return commands

    def pulses_after(self, ms: int) -> list[Pulse]:
        """Those given later than ``ms``."""
        return [pulse for pulse in self.pulses if pulse.at_half_ms > 2 * ms]


def greeted() -> Bench:
    """A bench whose port was opened, stopped first as the gate does, and whose device is known."""
    bench = Bench()
    bench.host.stop()
    bench.run(1000)
    assert bench.host.identity is not None
    assert not bench.last.result
    bench.commands()
    return bench


def stimulating(pulses: Pulses = TWENTY) -> Bench:
    """One that gives these pulses."""
    bench = greeted()
    bench.want(pulses)
    bench.run(500)
    assert bench.last.stimulating
    assert bench.pulses
    return bench
