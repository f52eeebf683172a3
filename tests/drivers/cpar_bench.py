"""The CPAR+ host and the simulated device on one wire, in virtual time."""

from collections.abc import Callable
from typing import Any, TypeVar

from drivers import cpar_messages as wire
from drivers.cpar import CparHost
from drivers.cpar_events import HoldEnded
from gateway.simulation.cpar import Cpar

Kind = TypeVar("Kind")

STEP_MS = 10
TARGET_DMMHG = 2_000


def unchanged(data: bytes) -> bytes:
    return data


class Bench:
    """``to_device`` and ``to_host`` are the wire. What is sent arrives one step later."""

    def __init__(self, device: Cpar | None = None, host: CparHost | None = None) -> None:
        self.device = device or Cpar()
        self.host = host or CparHost()
        self.to_device: Callable[[bytes], bytes] = unchanged
        self.to_host: Callable[[bytes], bytes] = unchanged
        self.now_ms = 0
        self.events: list[object] = []
        self.sent: list[tuple[int, bytes]] = []
        self.highest_pa: list[int] = [0, 0]
        self._on_wire = b""

    def step(self) -> None:
        self.now_ms += STEP_MS
        answer = self.device.step(self.to_device(self._on_wire), self.now_ms)
        self.events += self.host.receive(self.to_host(answer), self.now_ms)
        self._on_wire = self.host.outgoing(self.now_ms)
        if self._on_wire:
            self.sent.append((self.now_ms, self._on_wire))
        self.highest_pa = [max(pair) for pair in zip(self.highest_pa, self.device.target_pa, strict=True)]

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // STEP_MS):
            self.step()

    def run_until(self, condition: Callable[[], bool], longest_ms: int = 10_000) -> int:
        """Until it holds; how long that took."""
        began_ms = self.now_ms
        while not condition():
            assert self.now_ms - began_ms < longest_ms, "it never happened"
            self.step()
        return self.now_ms - began_ms

    def ready(self) -> "Bench":
        self.run_until(lambda: self.host.ready)
        self.run(STEP_MS * 10)
        return self

    def hold(self, left_ms: int, outlet: int = 1, target_dmmhg: int = TARGET_DMMHG) -> str:
        return self.host.hold(outlet, target_dmmhg, left_ms, self.now_ms)

    def hold_for(self, left_ms: int, renewed_ms: int | None = None) -> int:
        """A caller that holds for so long and renews every 200 ms for ``renewed_ms``; when it asked."""
        asked_ms = self.now_ms
        assert self.hold(left_ms) == ""
        while self.now_ms < asked_ms + (left_ms if renewed_ms is None else renewed_ms):
            self.run(200)
            if self.host.holding:
                assert self.hold(asked_ms + left_ms - self.now_ms) == ""
        return asked_ms

    @property
    def stimulating(self) -> bool:
        return self.device.state == wire.STIMULATING

    def heard(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ended(self) -> HoldEnded:
        (ended,) = self.heard(HoldEnded)
        return ended


def codes(sent: list[tuple[int, bytes]]) -> list[int]:
    """The function codes in what was sent."""
    decoder = wire.RequestDecoder()
    names: dict[Any, int] = {
        wire.Identify: wire.IDENTIFY,
        wire.Ping: wire.PING,
        wire.SetWaveform: wire.SET_WAVEFORM,
        wire.Start: wire.START,
        wire.Stop: wire.STOP,
        wire.OperatingMode: wire.OPERATING_MODE,
        wire.Clear: wire.CLEAR,
    }
    return [names[type(request)] for _, data in sent for request in decoder.feed(data)]
