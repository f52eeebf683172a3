"""The live feed: one JSON line a second, written and never read.

Theory of operation
-------------------
A Unix stream socket on which the core only writes.  What a reader sends is dropped unseen, so nothing
can come back this way.  A reader that does not keep up is cut off: the feed is a view, not a record,
and the core keeps no backlog for anybody.
"""

import asyncio
from pathlib import Path

_MOST_BACKLOG = 64 * 1024


class FeedServer:
    """Everybody who looks on."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()
        self._server: asyncio.Server | None = None

    @property
    def readers(self) -> int:
        """How many look on now."""
        return len(self._readers)

    async def start(self, path: Path) -> None:
        """Listen at ``path``, replacing what a dead core left there."""
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Reader(self._readers), path)
        path.chmod(0o660)

    def publish(self, line: bytes) -> None:
        """Send one line to everybody who keeps up."""
        for reader in list(self._readers):
            reader.send(line)

    async def stop(self) -> None:
        """Cut everybody off."""
        if self._server is not None:
            self._server.close()
        for reader in list(self._readers):
            reader.cut()


class _Reader(asyncio.Protocol):
    def __init__(self, readers: set["_Reader"]) -> None:
        self._readers = readers
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport
            self._readers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._readers.discard(self)

    def data_received(self, data: bytes) -> None:
        return

    def send(self, line: bytes) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > _MOST_BACKLOG:
            self.cut()
            return
        self._transport.write(line)

    def cut(self) -> None:
        self._readers.discard(self)
        if self._transport is not None:
            self._transport.abort()
