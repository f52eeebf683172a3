"""Clients of the core's sockets, and a loop that notices every complaint."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from gateway.runtime.requests import Reply, Request

DEADLINE_S = 20.0


def run(scenario: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    """Run to the end, in time; what the loop's exception handler was told."""
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(main())
    return complaints


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, path: Path) -> "Client":
        return cls(*await asyncio.open_unix_connection(path))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            return await self.reader.read()
        finally:
            await self.leave()

    async def leave(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


async def tell(path: Path, data: bytes) -> Reply:
    """Send these bytes as they are; the reply."""
    client = await Client.connect(path)
    client.send(data)
    answer = await client.rest()
    assert answer.count(b"\n") == 1
    return msgspec.json.decode(answer, type=Reply)


async def ask(path: Path, request: Request) -> Reply:
    """Send one request; the reply."""
    return await tell(path, msgspec.json.encode(request) + b"\n")
