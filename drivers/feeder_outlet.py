"""The feeder's end of the socket to core: speaks, never listens, never queues.

Theory of operation
-------------------
``run`` connects to the Unix socket on which core listens and connects again, a second later, whenever it is
not there or goes away.  A new connection begins with the greeting.  ``say`` hands one frame to the kernel
or drops it: while core is away, and while an earlier frame has not left yet.  A value that waits is worth
nothing, so the kernel's buffer is kept as small as it lets us.

Core closes its writing side at once, so the end of what core says means nothing here; that core has gone
is seen by the first write that fails.

Units: seconds.
"""

import asyncio
import socket
from collections.abc import Callable

RECONNECT_S = 1.0
SEND_BUFFER_BYTES = 2048


class Outlet:
    """``greeting`` gives the frames with which a connection begins."""

    def __init__(self, path: str, greeting: Callable[[], list[bytes]]) -> None:
        self._path = path
        self._greeting = greeting
        self._transport: asyncio.Transport | None = None
        self.dropped = 0

    @property
    def is_connected(self) -> bool:
        """Whether core is there."""
        return self._transport is not None

    def say(self, frame: bytes) -> None:
        """Send this frame whole, or drop it."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            self.dropped += 1
        else:
            transport.write(frame)

    async def run(self) -> None:
        """Be connected whenever core is there; until cancelled."""
        while True:
            connection = await self._connect()
            if connection is not None:
                try:
                    await connection.ended.wait()
                finally:
                    self._transport = None
                    connection.abort()
            await asyncio.sleep(RECONNECT_S)

    async def _connect(self) -> "_Connection | None":
        loop = asyncio.get_running_loop()
        try:
            transport, connection = await loop.create_unix_connection(_Connection, self._path)
        except OSError:
            return None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        transport.write(b"".join(self._greeting()))
        self._transport = transport
        return connection


class _Connection(asyncio.Protocol):
    """One connection to core."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def eof_received(self) -> bool:
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    def abort(self) -> None:
        """Let go of it without waiting."""
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
