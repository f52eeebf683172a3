"""The serial port when the device stalls, goes away or makes the kernel wait: one report, nothing blocked."""

import asyncio
import errno
import os
import select

import pytest
import serial

from drivers.errors import PortClosed
from drivers.serial_port import SerialPort, open_port
from tests.drivers.ptys import Cable, User, is_held, run, stall

# What a pseudo-terminal has handed to the reader's side already; the queues before it hold three times that.
DEVICE_FIFO = 4096


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

    def test_a_reader_woken_for_nothing_goes_on(self, cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
        refusals = [BlockingIOError()]
        really_read = os.read

        def refuse_once(descriptor: int, size: int) -> bytes:
            if refusals:
                raise refusals.pop()
            return really_read(descriptor, size)

        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            monkeypatch.setattr("os.read", refuse_once)
            cable.send(b"status")
            await user.change()
            assert user.data == b"status"
            assert refusals == []
            await port.close()
            assert user.losses == []

        run(scenario)


class TestKernelQueue:
    """A pseudo-terminal keeps nothing in its output queue, a UART does: here the queue is scripted."""

    def test_close_waits_until_the_kernel_has_sent_everything(
        self, cable: Cable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left = [3, 2, 1, 0]
        monkeypatch.setattr(serial.Serial, "out_waiting", property(lambda port: left.pop(0)))

        async def scenario() -> None:
            port = await User(cable).open()
            port.write(b"vent")
            await port.close()
            assert left == []
            assert cable.received() == b"vent"

        run(scenario)

    def test_a_queue_that_never_empties_is_discarded(
        self, cable: Cable, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serial.Serial, "out_waiting", property(lambda port: 1))

        async def scenario() -> None:
            port = await User(cable).open()
            await port.close(drain_s=0.02)
            assert not is_held(cable.path)

        run(scenario)

    @pytest.mark.parametrize("failing", ["read", "write"])
    def test_an_input_output_error_is_a_loss(
        self, cable: Cable, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        def fail(descriptor: int, argument: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        async def scenario() -> None:
            user = User(cable)
            port = await user.open()
            cable.send(b"status")
            monkeypatch.setattr(f"os.{failing}", fail)
            port.write(b"vent")
            await port.wait_closed()
            assert user.losses == [f"{cable.path}: unplugged or gone ({failing}: Input/output error)"]
            assert user.held_when_lost == [False]

        run(scenario)
