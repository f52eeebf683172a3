"""The serial port on real pseudo-terminals: opening, traffic, closing."""

import asyncio
import os
from pathlib import Path

import pytest

from drivers.errors import PortAbsent, PortBusy, PortClosed, PortDenied
from tests.drivers.ptys import DEADLINE_S, Cable, User, is_held, open_at, run, stall


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
