"""The live feed as its readers meet it: everybody gets every line, nobody holds the core up."""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.runtime.feed_server import FeedServer
from tests.runtime import sockets
from tests.runtime.sockets import Client

LINE = b'{"state":1}\n'
LONG = b"x" * 8_191 + b"\n"
MORE_THAN_ANY_BUFFER = 1_000  # long lines


class Room:
    """A feed on a real socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "feed.sock"

    def serve(self, scenario: Callable[[FeedServer], Awaitable[None]]) -> None:
        async def serving() -> None:
            server = FeedServer()
            await server.start(self.path)
            try:
                await scenario(server)
            finally:
                await server.stop()

        assert sockets.run(serving) == []

    async def join(self, server: FeedServer) -> Client:
        """A client that the server knows of."""
        before = server.readers
        client = await Client.connect(self.path)
        await until(lambda: server.readers > before)
        return client


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until this holds; the scenario's deadline ends the wait."""
    while not holds():  # noqa: ASYNC110 - what happens inside the server has no event
        await asyncio.sleep(0)


@pytest.fixture
def room() -> Iterator[Room]:
    with TemporaryDirectory(prefix="rvos-") as name:
        yield Room(Path(name))


def test_every_reader_gets_every_line_from_its_arrival_on(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        server.publish(b"before anybody came\n")
        first, second = await room.join(server), await room.join(server)
        server.publish(LINE)
        third = await room.join(server)
        server.publish(b"last\n")
        assert server.readers == 3
        await server.stop()
        assert [await client.rest() for client in (first, second, third)] == [
            LINE + b"last\n",
            LINE + b"last\n",
            b"last\n",
        ]

    room.serve(scenario)


def test_what_a_reader_sends_goes_nowhere(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        client = await room.join(server)
        for _ in range(100):
            client.send(b'{"verb":"session_stop"}\n' * 1_000)
            await client._writer.drain()
        server.publish(LINE)
        assert await client.reader.readline() == LINE
        assert server.readers == 1
        await client.leave()

    room.serve(scenario)


def test_a_reader_that_does_not_keep_up_is_cut_and_the_others_are_not(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        quick, slow = await room.join(server), await room.join(server)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        while server.readers == 2:
            server.publish(LONG)
            sent += 1
            assert sent < MORE_THAN_ANY_BUFFER, "the core keeps a backlog without end"
            assert await quick.reader.readline() == LONG
        server.publish(LINE)
        assert await quick.reader.readline() == LINE
        assert server.readers == 1
        await quick.leave()
        await slow.leave()

    room.serve(scenario)


def test_who_leaves_is_forgotten(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        client, other = await room.join(server), await room.join(server)
        await client.leave()
        await until(lambda: server.readers == 1)
        server.publish(LINE)
        assert await other.reader.readline() == LINE
        await other.leave()

    room.serve(scenario)


def test_a_reader_that_left_without_a_word_does_not_raise(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        client = await room.join(server)
        client._writer.transport.abort()
        server.publish(LINE)
        await until(lambda: server.readers == 0)
        server.publish(LINE)

    room.serve(scenario)


def test_stopping_cuts_everybody_off_and_takes_nobody_new(room: Room) -> None:
    async def scenario(server: FeedServer) -> None:
        client = await room.join(server)
        await server.stop()
        assert await client.rest() == b""
        assert server.readers == 0
        # from Python 3.13 on, a server that closes takes its socket\'s name away
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            await Client.connect(room.path)

    room.serve(scenario)


def test_owner_and_group_may_look_on_and_a_dead_core_s_socket_is_replaced(room: Room) -> None:
    room.path.write_text("left behind")

    async def scenario(server: FeedServer) -> None:
        assert stat.S_IMODE(room.path.stat().st_mode) == 0o660
        await (await room.join(server)).leave()

    room.serve(scenario)
