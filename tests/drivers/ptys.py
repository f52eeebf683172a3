"""Pseudo-terminals as cables, and a user of the port that remembers what happened to it."""

import asyncio
import os
import select
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from drivers.serial_port import PENDING_LIMIT, SerialPort, open_port

DEADLINE_S = 10


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run to the end, in time, and without a word to the loop's exception handler."""
    complaints: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(main())
    assert complaints == []


@dataclass
class Cable:
    """A pseudo-terminal: we hold the device's end, the port under test opens ``path``."""

    master: int
    path: str
    plugged: bool = True

    def pull(self) -> None:
        if self.plugged:
            self.plugged = False
            os.close(self.master)

    def send(self, data: bytes) -> None:
        assert os.write(self.master, data) == len(data)

    async def readable(self) -> None:
        """Return when the device's end has something to read."""
        ready = await asyncio.to_thread(select.select, [self.master], [], [], DEADLINE_S)
        assert ready[0], "nothing arrived at the device"

    def received(self) -> bytes:
        return os.read(self.master, 65536)


@dataclass
class User:
    """Whoever opened the port."""

    cable: Cable
    data: bytes = b""
    losses: list[str] = field(default_factory=list)
    held_when_lost: list[bool] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, pending_limit: int = PENDING_LIMIT) -> SerialPort:
        return await open_port(
            self.cable.path, 115200, self.on_bytes, self.on_lost, pending_limit=pending_limit
        )

    def on_bytes(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def on_lost(self, reason: str) -> None:
        self.losses.append(reason)
        self.held_when_lost.append(is_held(self.cable.path))
        self.changed.set()

    async def change(self) -> None:
        await self.changed.wait()
        self.changed.clear()


def is_held(path: str) -> bool:
    """Whether this process has the path open, seen from the operating system."""
    return any(_target(link).startswith(path) for link in Path("/proc/self/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:  # the descriptor of the listing itself
        return ""


async def open_at(path: str) -> SerialPort:
    return await open_port(path, 115200, lambda data: None, lambda reason: None)


async def stall(cable: Cable, port: SerialPort, size: int) -> None:
    """Write until the kernel takes no more, with nobody reading."""
    port.write(b"s" * size)
    await cable.readable()
    assert 0 < port.pending_bytes < size
