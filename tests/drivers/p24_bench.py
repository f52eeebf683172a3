"""A P24 host, a simulated P24 and the cable between them, in virtual time."""

from collections import deque
from dataclasses import dataclass, field

from drivers import sciencemode4_messages as messages
from drivers.p24 import P24Host
from drivers.sciencemode4 import Decoder, Packet
from drivers.stimulation import Pulses, Report
from gateway.simulation.muscle import SILENT
from gateway.simulation.p24 import P24

STEP_MS = 5
RENEW_MS = 200
PULSES = Pulses(20_000, 300, 350)

ENERGISING = (messages.ML_INIT, messages.ML_UPDATE, messages.LL_INIT, messages.LL_CHANNEL_CONFIG)
OFF_OHM = 1_000_000

Word = tuple[int, Packet]


@dataclass
class Bench:
    """``renew``: the pulses that the caller goes on asking for, every 200 ms, as the gate does."""

    host: P24Host = field(default_factory=P24Host)
    device: P24 = field(default_factory=P24)
    now_ms: int = 0
    renew: Pulses | None = None
    cut: bool = False
    late: bool = False
    delay_ms: int = 0
    reports: list[Report] = field(default_factory=list)
    sent: list[Word] = field(default_factory=list)
    flowing: list[tuple[int, bool]] = field(default_factory=list)
    _to_device: deque[tuple[int, bytes]] = field(default_factory=deque)
    _to_host: deque[tuple[int, bytes]] = field(default_factory=deque)
    _overheard: Decoder = field(default_factory=Decoder)
    _renewed_ms: int = -RENEW_MS

    def run(self, duration_ms: int) -> list[Report]:
        """Let time pass; the reports of that time."""
        before = len(self.reports)
        for _ in range(duration_ms // STEP_MS):
            self.step()
        return self.reports[before:]

    def step(self) -> None:
        self.now_ms += STEP_MS
        if self.renew is not None and self.now_ms - self._renewed_ms >= RENEW_MS:
            self._renewed_ms = self.now_ms
            self.host.start(self.renew)
        self._send(self.host.outgoing(self.now_ms))
        self._answer()
        self._hear()
        self.flowing.append((self.now_ms, self.is_flowing))

    def let_only_the_device_live(self, duration_ms: int) -> None:
        """Our own side stalls: nothing is sent and nothing read."""
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            self._answer()
            self.flowing.append((self.now_ms, self.is_flowing))

    @property
    def is_flowing(self) -> bool:
        """Whether the device gives pulses on any channel."""
        return any(train != SILENT for train in self.device.trains)

    @property
    def is_stopped(self) -> bool:
        """No pulses and no high voltage."""
        return not self.is_flowing and self.device.high_voltage == messages.HIGH_VOLTAGE_OFF

    def commands(self, since_ms: int = 0) -> list[int]:
        """What the host sent, without what it says again for the same reason."""
        return [packet.command for at, packet in self.sent if at >= since_ms]

    def started(self) -> "Bench":
        """Identified and giving ``PULSES``."""
        self.run(500)
        self.renew = PULSES
        self.run(500)
        assert self.is_flowing
        return self

    def _send(self, data: bytes) -> None:
        self.sent += [(self.now_ms, packet) for packet in self._overheard.feed(data)]
        if data and (not self.cut or self.late):
            self._to_device.append((self.now_ms + self.delay_ms, data))

    def _answer(self) -> None:
        heard = b"" if self.cut else _due(self._to_device, self.now_ms)
        said = self.device.step(heard, self.now_ms)
        if said and not self.cut:
            self._to_host.append((self.now_ms + self.delay_ms, said))

    def _hear(self) -> None:
        events = self.host.receive(_due(self._to_host, self.now_ms), self.now_ms)
        for event in events:
            assert isinstance(event, Report)
            self.reports.append(event)


def _due(queue: deque[tuple[int, bytes]], now_ms: int) -> bytes:
    data = b""
    while queue and queue[0][0] <= now_ms:
        data += queue.popleft()[1]
    return data


def command_of(frame: bytes) -> int:
    """The command of one frame."""
    [packet] = Decoder().feed(frame)
    command: int = packet.command
    return command
