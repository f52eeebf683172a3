"""The shell of every device, over pseudo-terminals: ports that come, go, lie and fall silent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers import link, nonin
from drivers.host import Counters, Identity, Line
from drivers.link import Condition, DeviceLink, Wanted
from drivers.usb import Expected
from tests.drivers.ptys import Cable, run
from tests.drivers.test_usb import Machine

LINE = nonin.encode_line((700, None, None, None), "2026-01-02T03:04:05")


class Oximeter:
    """A host over a real codec, with something to say of its own."""

    line = Line(57_600)

    def __init__(self) -> None:
        self.lines = nonin.LineDecoder(coverage=nonin.COVERAGE_THROUGH_LABEL)
        self.refusal = ""
        self.to_say = b""

    @property
    def last_valid_ms(self) -> int | None:
        return self.lines.last_valid_ms

    @property
    def identity(self) -> Identity | None:
        return Identity("Nonin 1") if self.lines.readings else None

    @property
    def counters(self) -> Counters:
        return Counters(self.lines.readings, self.lines.crc_errors, self.lines.malformed, 0)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        return list(self.lines.feed(data, now_ms))

    def outgoing(self, now_ms: int) -> bytes:
        said, self.to_say = self.to_say, b""
        return said


class Bedside:
    """Who listens, and a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.hosts: list[Oximeter] = []
        self.events: list[Any] = []
        self.losses: list[str] = []
        self.changed = asyncio.Event()

    def connected(self, host: Oximeter, now_ms: int) -> None:
        self.hosts.append(host)
        self.changed.set()

    def heard(self, events: list[object], now_ms: int) -> None:
        self.events += events
        self.changed.set()

    def lost(self, why: str, now_ms: int) -> None:
        self.losses.append(why)
        self.changed.set()

    async def change(self) -> None:
        await self.changed.wait()
        self.changed.clear()

    def link(
        self, path: str, usb: Expected | None = None, sys_root: Path = Path("/sys")
    ) -> DeviceLink[Oximeter]:
        wanted = Wanted("oximeter", path, usb or Expected(), silent_ms=3_000)
        return DeviceLink(wanted, Oximeter, self, lambda: self.now_ms, sys_root)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between two tries is somebody else's time."""
    monkeypatch.setattr(link, "RETRY_S", 0.0)


def test_what_the_device_says_arrives_and_makes_it_ready(cable: Cable) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        device = bedside.link(cable.path)
        assert device.condition().why == "not tried yet"
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        assert device.condition()[:3] == ("oximeter", "unknown", "has not said yet who it is")
        cable.send(LINE)
        await bedside.change()
        assert bedside.events[0].channels == (700, None, None, None)
        bedside.now_ms += 250
        found = device.condition()
        assert found == Condition("oximeter", "ready", "", Identity("Nonin 1"), 250, Counters(1, 0, 0, 0), 1)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_what_the_host_wants_to_say_goes_out(cable: Cable) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        device = bedside.link(cable.path)
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        bedside.hosts[0].to_say = b"hello"
        device.turn()
        await cable.readable()
        assert cable.received() == b"hello"
        bedside.hosts[0].to_say = b"again"
        device.send_now()
        await cable.readable()
        assert cable.received() == b"again"
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_a_silent_device_is_told_apart_from_a_ready_one(cable: Cable) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        device = bedside.link(cable.path)
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        cable.send(LINE)
        await bedside.change()
        bedside.now_ms += 3_000
        assert device.condition().state == "ready"
        bedside.now_ms += 1
        assert device.condition()[1:3] == ("silent", "nothing valid for 3.0 s")
        bedside.hosts[0].refusal = "it is a toaster"
        assert device.condition()[1:3] == ("refused", "it is a toaster")
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_a_port_that_was_lost_is_had_again_with_a_new_host(
    tmp_path: Path, cable: Cable, other: Cable
) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        name = tmp_path / "rvos-oximeter"
        name.symlink_to(cable.path)
        device = bedside.link(str(name))
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        cable.send(LINE)
        await bedside.change()
        name.unlink()
        name.symlink_to(other.path)
        cable.pull()
        while len(bedside.hosts) < 2:
            await bedside.change()
        assert len(bedside.losses) == 1
        assert device.opened == 2
        assert device.condition()[1] == "unknown", "a new host knows nobody yet"
        assert device.condition().counters == Counters(0, 0, 0, 0)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_a_port_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        device = bedside.link(str(tmp_path / "nothing"))
        keeping = asyncio.create_task(device.keep())
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(bedside.losses) == 1
        assert "no serial port here" in device.condition().why
        assert device.condition().state == "absent"
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_another_makers_device_is_not_opened(tmp_path: Path) -> None:
    async def scenario() -> None:
        machine = Machine(tmp_path)
        path = machine.plug("ttyUSB0", "1a86", "7523")
        bedside = Bedside()
        device = bedside.link(path, Expected(("0403:",)), machine.sys)
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        assert device.condition().state == "refused"
        assert "check which device is plugged in" in bedside.losses[0]
        assert not bedside.hosts
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_after_the_last_word_nothing_is_said_heard_or_opened(
    tmp_path: Path, cable: Cable, other: Cable
) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        name = tmp_path / "rvos-oximeter"
        name.symlink_to(cable.path)
        device = bedside.link(str(name))
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        [host] = bedside.hosts
        device.say_last(b"vent")
        host.to_say = b"more"
        device.turn()
        device.send_now()
        cable.send(LINE)
        for _ in range(20):
            await asyncio.sleep(0)
        await cable.readable()
        assert cable.received() == b"vent"
        assert bedside.events == []
        name.unlink()
        name.symlink_to(other.path)
        cable.pull()
        while not bedside.losses:
            await bedside.change()
        for _ in range(200):
            await asyncio.sleep(0)
        device.send_now()
        assert bedside.hosts == [host]
        assert device.opened == 1
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)


def test_a_silent_device_whose_port_goes_on_bringing_bytes_may_be_another_one(cable: Cable) -> None:
    async def scenario() -> None:
        bedside = Bedside()
        device = bedside.link(cable.path)
        keeping = asyncio.create_task(device.keep())
        await bedside.change()
        cable.send(LINE)
        await bedside.change()
        device.turn()
        port = device._port
        assert port is not None
        cable.send(b"?" * 40)
        while port.bytes_received < len(LINE) + 40:  # noqa: ASYNC110 - bytes that are no frame are nobody's event
            await asyncio.sleep(0)
        bedside.now_ms += 3_001
        device.turn()
        assert device.condition()[1:3] == (
            "silent",
            "nothing valid for 3.0 s, though 40 bytes came: is it still the same device?",
        )
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario)
