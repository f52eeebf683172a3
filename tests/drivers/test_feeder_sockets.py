"""Both ends of the feeder's socket in one loop: real sockets, one feeder at a time, one way only."""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers import feeder
from drivers.errors import PortBusy, PortDenied, PortError
from drivers.feeder_outlet import Outlet
from drivers.feeder_port import FeederPort, open_feeder_port
from tests.drivers.ptys import run

SELF = frozenset({os.geteuid()})


@dataclass
class Core:
    """Whoever listens."""

    path: str
    connections: int = 0
    losses: list[str] = field(default_factory=list)
    data: bytes = b""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, users: frozenset[int] = SELF) -> FeederPort:
        return await open_feeder_port(self.path, users, self.on_connected, self.on_bytes, self.on_lost)

    def on_connected(self) -> None:
        self.connections += 1
        self.changed.set()

    def on_bytes(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def on_lost(self, reason: str) -> None:
        self.losses.append(reason)
        self.changed.set()

    async def change(self) -> None:
        await self.changed.wait()
        self.changed.clear()


async def was_turned_away(reader: asyncio.StreamReader) -> None:
    """The kernel says so in one of two ways."""
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "moxy.sock")


def test_what_a_feeder_says_arrives_and_its_end_is_told_once(path: str) -> None:
    async def scenario() -> None:
        core = Core(path)
        port = await core.listen()
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"said")
        while core.data != b"said":
            await core.change()
        assert port.is_fed
        writer.close()
        while not core.losses:
            await core.change()
        assert (core.connections, core.losses) == (1, [f"{path}: the feeder has gone"])
        assert not port.is_fed
        await port.close()

    run(scenario)


def test_core_cannot_write_to_a_feeder(path: str) -> None:
    async def scenario() -> None:
        port = await Core(path).listen()
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""  # the kernel has closed that way
        writer.close()
        await port.close()

    run(scenario)


def test_a_second_feeder_is_turned_away_and_the_first_one_stays(path: str) -> None:
    async def scenario() -> None:
        core = Core(path)
        port = await core.listen()
        _, first = await asyncio.open_unix_connection(path)
        await core.change()
        reader, second = await asyncio.open_unix_connection(path)
        await was_turned_away(reader)
        first.write(b"still here")
        while core.data != b"still here":
            await core.change()
        assert (port.turned_away, core.connections, core.losses) == (1, 1, [])
        first.close()
        second.close()
        await port.close()

    run(scenario)


def test_a_user_who_may_not_feed_is_turned_away(path: str) -> None:
    async def scenario() -> None:
        core = Core(path)
        port = await core.listen(frozenset({os.geteuid() + 1}))
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"let me in")
        await was_turned_away(reader)
        assert (port.turned_away, core.connections, core.data) == (1, 0, b"")
        writer.close()
        await port.close()

    run(scenario)


def test_closing_frees_the_path_and_tells_nobody(path: str) -> None:
    async def scenario() -> None:
        core = Core(path)
        port = await core.listen()
        _, writer = await asyncio.open_unix_connection(path)
        await core.change()
        await port.close()
        assert not Path(path).exists()
        await (await core.listen()).close()
        assert core.losses == []
        writer.close()

    run(scenario)


class TestPath:
    def test_a_socket_left_behind_is_replaced(self, path: str) -> None:
        async def scenario() -> None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as former:
                former.bind(path)
            await (await Core(path).listen()).close()

        run(scenario)

    def test_a_socket_on_which_somebody_listens_is_not(self, path: str) -> None:
        async def scenario() -> None:
            port = await Core(path).listen()
            with pytest.raises(PortBusy):
                await Core(path).listen()
            assert Path(path).exists()
            await port.close()

        run(scenario)

    def test_a_file_of_another_kind_is_not(self, path: str) -> None:
        async def scenario() -> None:
            Path(path).write_text("somebody's")
            with pytest.raises(PortBusy):
                await Core(path).listen()
            assert Path(path).read_text() == "somebody's"

        run(scenario)

    def test_a_directory_that_is_not_there_is_a_typed_error(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            with pytest.raises(PortError, match="no socket can be made here"):
                await Core(str(tmp_path / "missing" / "moxy.sock")).listen()

        run(scenario)

    def test_a_directory_that_is_not_ours_is_denied(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")

        async def scenario() -> None:
            tmp_path.chmod(0o500)
            with pytest.raises(PortDenied):
                await Core(str(tmp_path / "moxy.sock")).listen()

        run(scenario)


class TestOutlet:
    def test_a_connection_begins_with_the_greeting(self, path: str) -> None:
        async def scenario() -> None:
            core = Core(path)
            port = await core.listen()
            outlet = Outlet(path, lambda: [b"hello ", b"there "])
            running = asyncio.ensure_future(outlet.run())
            while not core.data:
                await core.change()
            outlet.say(b"and on")
            while core.data != b"hello there and on":
                await core.change()
            running.cancel()
            await asyncio.wait([running])
            await port.close()

        run(scenario)

    def test_what_is_said_while_nobody_listens_is_dropped(self, path: str) -> None:
        async def scenario() -> None:
            outlet = Outlet(path, list)
            outlet.say(b"to nobody")
            assert (outlet.dropped, outlet.is_connected) == (1, False)

        run(scenario)

    def test_a_core_that_does_not_read_gets_few_old_frames_and_only_whole_ones(self, path: str) -> None:
        async def scenario() -> None:
            sender = feeder.Sender("moxy", "AA")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(path)
                listener.listen()
                outlet = Outlet(path, list)
                running = asyncio.ensure_future(outlet.run())
                stalled, _ = await asyncio.to_thread(listener.accept)
                while not outlet.is_connected:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                for number in range(1000):
                    outlet.say(sender.data(b"\xff" * 9, number))
                assert outlet.dropped > 950
                stalled.settimeout(5)
                decoder = feeder.Decoder()
                kept: list[object] = []
                while len(kept) < 1000 - outlet.dropped:
                    kept += decoder.feed(await asyncio.to_thread(stalled.recv, 65536))
                assert (decoder.checksum_errors, decoder.resyncs) == (0, 0)
                running.cancel()
                await asyncio.wait([running])
                stalled.close()

        run(scenario)
