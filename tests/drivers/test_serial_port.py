"""The serial port on real pseudo-terminals: what pyserial-asyncio gets wrong must not show."""

import asyncio
import os
import select
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.errors import PortAbsent, PortBusy, PortClosed, PortDenied
from drivers.serial_port import PENDING_LIMIT, SerialPort, open_port

DEADLINE_S = 10

# What a pseudo-terminal has handed to the reader's side already; the queues before it hold three times that.
DEVICE_FIFO = 4096


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


@pytest.fixture
def cable() -> Iterator[Cable]:
    master, slave = os.openpty()
    cable = Cable(master, os.ttyname(slave))
    os.close(slave)
    yield cable
    cable.pull()


async def open_at(path: str) -> SerialPort:
    return await open_port(path, 115200, lambda data: None, lambda reason: None)


async def stall(cable: Cable, port: SerialPort, size: int) -> None:
    """Write until the kernel takes no more, with nobody reading."""
    port.write(b"s" * size)
    await cable.readable()
    assert 0 < port.pending_bytes < size


class TestOpening:
    def test_an_absent_port_is_named(self, tmp_path: Path) -> None:
        path = str(tmp_path / "ttyNONE")

        async def scenario() -> None:
            with pytest.raises(PortAbsent, match=r"no serial port here .*Connect the device") as caught:
                await open_at(path)
            assert caught.value.path == path
            assert str(caught.value).startswith(path + ": ")

        run(scenario)

    def test_a_plain_file_is_no_serial_port(self, tmp_path: Path) -> None:
        path = tmp_path / "notes"
        path.write_text("text")

        async def scenario() -> None:
            with pytest.raises(PortAbsent, match="not a serial device"):
                await open_at(str(path))

        run(scenario)

    def test_a_second_open_is_refused_and_the_first_goes_on(self, cable: Cable) -> None:
        async def scenario() -> None:
            port = await User(cable).open()
            with pytest.raises(PortBusy, match=r"in use by another program.*fuser"):
                await open_at(cable.path)
            port.write(b"still here")
            await cable.readable()
            assert cable.received() == b"still here"
            await port.close()

        run(scenario)

    @pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs user ids")
    def test_a_forbidden_port_says_which_group_to_join(self, cable: Cable) -> None:
        Path(cable.path).chmod(0)

        async def scenario() -> None:
            with pytest.raises(PortDenied, match=r"permission denied.*group"):
                await open_at(cable.path)

        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            run(scenario)
        finally:
            os.seteuid(user)


class TestTraffic:
    def test_bytes_pass_both_ways_and_are_counted(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            every_byte = bytes(range(256))
            cable.send(every_byte)
            while len(user.data) < 256:
                await user.change()
            port.write(every_byte[:100])
            port.write(every_byte[100:])
            await cable.readable()
            assert user.data == every_byte
            assert cable.received() == every_byte
            assert (port.bytes_received, port.bytes_written, port.path) == (256, 256, cable.path)
            await port.close()
            assert user.losses == []

        run(scenario)

    def test_what_was_sent_before_opening_is_gone(self, cable: Cable) -> None:
        async def scenario() -> None:
            keeper = os.open(cable.path, os.O_RDWR | os.O_NOCTTY)
            cable.send(b"old")
            user = User(cable)
            port = await user.open()
            os.close(keeper)
            cable.send(b"new")
            await user.change()
            assert user.data == b"new"
            await port.close()

        run(scenario)


class TestClosing:
    def test_what_was_written_still_leaves(self, cable: Cable) -> None:
        async def scenario() -> None:
            port = await User(cable).open()
            port.write(b"vent")
            await port.close()
            await cable.readable()
            assert cable.received() == b"vent"

        run(scenario)

    def test_the_port_is_free_when_close_returns(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            assert is_held(cable.path)
            await port.close()
            assert not is_held(cable.path)
            again = await user.open()
            await port.close()
            assert again.is_open
            await again.close()
            assert user.losses == []

        run(scenario)

    def test_a_write_after_close_raises(self, cable: Cable) -> None:
        async def scenario() -> None:
            port = await User(cable).open()
            await port.close()
            assert not port.is_open
            assert port.pending_bytes == 0
            with pytest.raises(PortClosed, match=r"closed, nothing was sent"):
                port.write(b"lost")

        run(scenario)

    def test_a_write_while_closing_raises_and_arrivals_are_dropped(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open(pending_limit=1 << 20)
            await stall(cable, port, 1 << 19)
            closing = asyncio.create_task(port.close(drain_s=0.2))
            cable.send(b"late")
            await cable.readable()
            with pytest.raises(PortClosed):
                port.write(b"more")
            await closing
            assert user.data == b""

        run(scenario)

    def test_a_stalled_peer_does_not_hold_up_close(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open(pending_limit=1 << 20)
            await stall(cable, port, 1 << 19)
            await port.close(drain_s=0.05)
            assert not is_held(cable.path)
            assert user.losses == []

        run(scenario)

    def test_a_cable_pulled_while_closing_ends_it_too(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open(pending_limit=1 << 20)
            await stall(cable, port, 1 << 19)
            closing = asyncio.create_task(port.close(drain_s=DEADLINE_S * 10))
            cable.pull()
            await closing
            assert user.losses == []

        run(scenario)


class TestBlockingCalls:
    """Calls that would stop the whole process while a device is stalled."""

    def test_the_kernels_queue_is_never_drained_by_a_blocking_call(
        self, cable: Cable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drained: list[int] = []
        monkeypatch.setattr("termios.tcdrain", drained.append)

        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            port.write(b"vent")
            await port.close()
            port = await user.open(pending_limit=4)
            port.write(b"five.")
            await port.wait_closed()
            assert len(user.losses) == 1

        run(scenario)
        assert drained == []

    def test_a_kernel_that_takes_nothing_is_asked_again_later(
        self, cable: Cable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refusals = [BlockingIOError(), InterruptedError()]
        really_write = os.write

        def refuse_twice(descriptor: int, data: bytes) -> int:
            if refusals:
                raise refusals.pop()
            return really_write(descriptor, data)

        async def scenario() -> None:
            port = await User(cable).open()
            monkeypatch.setattr("os.write", refuse_twice)
            port.write(b"vent")
            await cable.readable()
            assert cable.received() == b"vent"
            assert refusals == []
            await port.close()

        run(scenario)


class TestLoss:
    def test_a_pulled_cable_is_reported_once_and_after_the_port_is_free(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            cable.pull()
            await user.change()
            await port.wait_closed()
            await port.close()
            assert len(user.losses) == 1
            assert user.losses[0].startswith(f"{cable.path}: unplugged or gone")
            assert user.held_when_lost == [False]
            with pytest.raises(PortClosed):
                port.write(b"lost")

        run(scenario)

    def test_a_cable_pulled_with_bytes_waiting_is_reported_once(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open(pending_limit=1 << 20)
            await stall(cable, port, 1 << 19)
            cable.pull()
            await port.wait_closed()
            assert len(user.losses) == 1

        run(scenario)

    def test_a_stalled_peer_is_lost_instead_of_buffered_for(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            limit = 1 << 19
            port = await user.open(pending_limit=limit)
            await stall(cable, port, limit)
            waiting = port.pending_bytes
            port.write(b"x" * (limit - waiting))
            assert port.pending_bytes == limit
            assert port.is_open
            port.write(b"x")
            assert not port.is_open
            assert port.pending_bytes == 0
            await port.wait_closed()
            assert user.losses == [f"{cable.path}: the device takes no data ({limit} bytes waiting)"]
            assert user.held_when_lost == [False]

        run(scenario)

    def test_stale_commands_do_not_reach_a_device_that_wakes_up(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open(pending_limit=1 << 19)
            await stall(cable, port, 1 << 19)
            port.write(b"x" * (1 << 19))
            await port.wait_closed()
            assert len(_rest(cable.master)) <= DEVICE_FIFO

        run(scenario)

    def test_the_port_can_be_opened_again_from_the_report(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            reopened: asyncio.Future[SerialPort] = asyncio.get_running_loop().create_future()

            async def reopen() -> None:
                reopened.set_result(await User(cable).open())

            tasks: list[asyncio.Task[None]] = []
            port = await open_port(
                cable.path,
                115200,
                user.on_bytes,
                lambda reason: tasks.append(asyncio.create_task(reopen())),
                pending_limit=8,
            )
            port.write(b"nine byte")
            again = await reopened
            assert again.is_open
            await again.close()

        run(scenario)

    def test_a_silent_peer_produces_no_event(self, cable: Cable) -> None:
        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await user.change()
            assert port.is_open
            await port.close()

        run(scenario)


def _rest(master: int) -> bytes:
    """What the device still gets to read once the port is closed."""
    rest = b""
    while select.select([master], [], [], 0)[0]:
        try:
            rest += os.read(master, 65536)
        except OSError:  # EIO: nobody holds the other end any more, and nothing is left
            break
    return rest
