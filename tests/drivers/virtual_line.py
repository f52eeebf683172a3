"""A host and a simulated device on a line without noise, in virtual time."""

from collections.abc import Callable

from drivers.host import Block, Host

TURN_MS = 5


class Line:
    """``step`` is the device: what reached it and the time, what it sends. ``sent``: what the host sent."""

    def __init__(self, host: Host, step: Callable[[bytes, int], bytes]) -> None:
        self.host = host
        self.now_ms = 0
        self.sent = b""
        self._step = step

    def run(self, duration_ms: int) -> list[object]:
        """Let time pass; what the host told, oldest first."""
        told: list[object] = []
        for _ in range(0, duration_ms, TURN_MS):
            command = self.host.outgoing(self.now_ms)
            self.sent += command
            told += self.host.receive(self._step(command, self.now_ms), self.now_ms)
            self.now_ms += TURN_MS
        return told


def blocks_of(told: list[object], stream: str) -> list[Block]:
    return [one for one in told if isinstance(one, Block) and one.stream == stream]


def joined(blocks: list[Block]) -> bytes:
    return b"".join(block.data for block in blocks)


def of_kind(told: list[object], kind: type) -> list[object]:
    return [one for one in told if isinstance(one, kind)]
