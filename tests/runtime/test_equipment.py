"""Every device of a configuration over pseudo-terminals: plugged in, pulled, back, and the wrong one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.plugs import Room
from drivers import feeder_link, feeder_outlet, link
from drivers.serial_port import SerialPort, open_port
from drivers.stimulation import Pulses
from gateway.record.events import DeviceIdentified, DeviceLost
from gateway.record.reader import JournalReader
from gateway.runtime import state_view
from gateway.safety.stimulation import StimulatorReading
from gateway.simulation import plugs
from gateway.simulation.bedside import VirtualClock
from gateway.simulation.invos import InvosMonitor
from gateway.simulation.plugs import COLUMNS, MAKE, FedPlug, OneWay, Plug, shown
from tests.drivers.ptys import run

TURN_MS = 20
LONGEST_MS = 20_000
BEDSIDES = [
    ("nonin", "rehastim2", "hub", "cyton", "nonin-oem"),
    ("invos", "p24", "bitalino"),
    ("moxy", "rehastim2"),
    ("suntech", "cpar"),
]


class VirtualRoom(Room):
    """A room in virtual time. Time goes on when every byte that was sent has arrived, however busy we are."""

    def __init__(self, folder: Path, drivers: tuple[str, ...], **more: Any) -> None:
        self.clock = VirtualClock()
        self.journal = folder / "journal.db"
        self.ports: dict[str, SerialPort] = {}
        super().__init__(folder, drivers, self.clock, **more)

    def opened(self, path: str, port: SerialPort) -> None:
        """Core has opened this one."""
        name = Path(path).name
        self.ports[name] = port
        plug = self.plugs[name]
        if isinstance(plug, Plug):
            plug.opened()

    async def until(self, holds: Callable[[], bool], longest_ms: int = LONGEST_MS) -> int:
        """Turn until this holds; the ms that it took."""
        began_ms = self.clock.ms
        while not holds():
            assert self.clock.ms - began_ms < longest_ms, self.equipment.conditions()
            await self.pass_on()
        return self.clock.ms - began_ms

    async def run(self, duration_ms: int) -> None:
        """Let time pass."""
        for _ in range(0, duration_ms, TURN_MS):
            await self.pass_on()

    async def pass_on(self) -> None:
        """One turn, and its bytes."""
        self.clock.ms += TURN_MS
        self.turn()
        await asyncio.sleep(0)
        # The kernel carries the bytes on its own; it offers no event for "the last one has arrived".
        while not all(self._is_carried(name) for name in self.plugs):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _is_carried(self, name: str) -> bool:
        plug, port = self.plugs[name], self.ports.get(name)
        if not isinstance(plug, Plug) or not plug.is_in or port is None or not port.is_open:
            return True
        plug.listen()
        return port.bytes_received >= plug.sent and plug.received >= port.bytes_written

    def state(self, name: str) -> str:
        return self.condition(name).state

    def are(self, state: str, names: list[str]) -> Callable[[], bool]:
        """Whether all of these are in this state."""
        return lambda: all(self.state(name) == state for name in names)

    def reading(self) -> StimulatorReading:
        """What the gate knows of the stimulator."""
        found = self.core.stimulator.reading
        assert found is not None
        return found

    def rows(self, kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
        """What the journal says of devices."""
        with JournalReader.open(self.journal) as reader:
            found = [row for row in reader.rows(kind="event") if row.type == kind.name]  # type: ignore[attr-defined]
        return [msgspec.json.decode(row.body) for row in found]


Rooms = Callable[..., VirtualRoom]


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    """Makes a room; the pause between two tries is somebody else's time."""
    monkeypatch.setattr(link, "RETRY_S", 0.0)
    monkeypatch.setattr(feeder_link, "RETRY_S", 0.0)
    monkeypatch.setattr(feeder_outlet, "RECONNECT_S", 0.0)
    monkeypatch.setitem(MAKE, "invos", invos_every_second)
    with ExitStack() as stack:

        def make(*drivers: str, **more: Any) -> VirtualRoom:
            room = VirtualRoom(tmp_path, drivers, **more)
            stack.callback(room.close)

            async def opened(path: str, *words: Any, **named: Any) -> SerialPort:
                port = await open_port(path, *words, **named)
                room.opened(path, port)
                return port

            monkeypatch.setattr(link, "open_port", opened)
            return room

        yield make


def at_work(room: VirtualRoom, scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario while core keeps its links."""

    async def main() -> None:
        keeping = [asyncio.create_task(work) for work in room.equipment.work()]
        try:
            await scenario()
        finally:
            for plug in room.plugs.values():
                plug.pull()
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    run(main)


def plug_all(room: VirtualRoom) -> list[str]:
    for plug in room.plugs.values():
        plug.plug()
    return list(room.plugs)


@pytest.mark.parametrize("drivers", BEDSIDES, ids="+".join)
def test_what_is_not_plugged_in_is_absent_with_the_reason(rooms: Rooms, drivers: tuple[str, ...]) -> None:
    room = rooms(*drivers)

    async def scenario() -> None:
        await room.run(200)
        for found in room.equipment.conditions():
            assert (found.state, found.opened, found.identity) == ("absent", 0, None)
            assert "no serial port here" in found.why or "no feeder has come yet" in found.why

    at_work(room, scenario)


@pytest.mark.parametrize("drivers", BEDSIDES, ids="+".join)
def test_every_device_becomes_ready_and_its_frames_count(rooms: Rooms, drivers: tuple[str, ...]) -> None:
    room = rooms(*drivers)

    async def scenario() -> None:
        names = plug_all(room)
        await room.until(room.are("ready", names))
        before = {name: room.condition(name).counters.frames for name in names}
        await room.run(2_000)
        for name in names:
            found = room.condition(name)
            assert found.state == "ready", found
            assert found.counters.frames > before[name]
            assert found.identity is not None
            assert found.identity.model
        assert {row["device"] for row in room.rows(DeviceIdentified)} >= set(names)
        assert not room.gives_current()

    at_work(room, scenario)


@pytest.mark.parametrize("drivers", BEDSIDES, ids="+".join)
def test_the_ward_is_told_of_every_link_what_the_driver_counts(
    rooms: Rooms, drivers: tuple[str, ...]
) -> None:
    room = rooms(*drivers)
    room.core.conditions = room.equipment.conditions

    async def scenario() -> None:
        names = plug_all(room)
        await room.until(room.are("ready", names))
        await room.run(500)
        feed = state_view.feed(room.core, room.clock.ms)
        told = {one.device: one for one in feed.devices}
        assert told.keys() == {"cuff", *names}
        for name in names:
            found, counted = told[name], room.condition(name).counters
            assert (found.link, found.opened, found.why) == ("ready", 1, None)
            assert found.frames == counted.frames > 0
            assert (found.gaps, found.resyncs) == (counted.gaps, counted.resyncs)
            assert (found.checksum_errors, found.round_trip_ms) == (
                counted.checksum_errors,
                counted.round_trip_ms,
            )
            key = state_view.CALLED.get(name, name)
            assert getattr(feed.state, f"{key}_link") == "ready"
            assert getattr(feed.state, f"{key}_age_s") == found.age_s
        assert len(msgspec.json.encode(feed.state)) < 1_000, "the state goes out once a second"

    at_work(room, scenario)


@pytest.mark.parametrize("drivers", BEDSIDES, ids="+".join)
def test_a_pulled_cable_is_told_and_its_return_needs_nobody(rooms: Rooms, drivers: tuple[str, ...]) -> None:
    room = rooms(*drivers)

    async def scenario() -> None:
        names = plug_all(room)
        await room.until(room.are("ready", names))
        for plug in room.plugs.values():
            plug.pull()
        await room.until(room.are("absent", names), 1_000)
        assert all(room.condition(name).why for name in names)
        assert not room.core.stimulator.answers(room.clock.ms)
        await room.run(1_000)
        plug_all(room)
        await room.until(room.are("ready", names))
        assert all(room.condition(name).opened == 2 for name in names)
        assert {row["device"] for row in room.rows(DeviceLost)} >= set(names)

    at_work(room, scenario)


@pytest.mark.parametrize("driver", ["rehastim2", "p24"])
def test_a_stimulator_that_returns_is_known_to_the_gate_and_gives_nothing(rooms: Rooms, driver: str) -> None:
    room = rooms(driver)

    async def scenario() -> None:
        plug_all(room)
        await room.until(lambda: room.core.stimulator.answers(room.clock.ms))
        first = room.reading()
        room.plugs["stimulator"].pull()
        await room.until(room.are("absent", ["stimulator"]), 1_000)
        assert not room.core.stimulator.answers(room.clock.ms)
        plug_all(room)
        await room.until(lambda: room.core.stimulator.answers(room.clock.ms))
        assert room.reading().link != first.link, "another link, which a person has to agree to"
        for _ in range(100):
            await room.pass_on()
            assert not room.gives_current()
        assert not room.reading().stimulating

    at_work(room, scenario)


@pytest.mark.parametrize(
    "driver",
    ["nonin", "rehastim2", "p24", "hub", "cyton", "bitalino", "nonin-oem", "suntech", "cpar"],
)
def test_a_device_that_says_nothing_is_unknown_and_one_that_falls_silent_is_silent(
    rooms: Rooms, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mute = False
    make = MAKE[driver]

    def device() -> OneWay:
        behind = make()
        return OneWay(lambda now_ms: b"") if mute else Muted(behind)

    class Muted(OneWay):
        def __init__(self, behind: plugs.Device) -> None:
            self._behind = behind

        def step(self, data: bytes, now_ms: int) -> bytes:
            said = self._behind.step(data, now_ms)
            return b"" if mute else said

    monkeypatch.setitem(MAKE, driver, device)
    room = rooms(driver)
    [name] = room.plugs

    async def scenario() -> None:
        nonlocal mute
        plug_all(room)
        await room.until(room.are("ready", [name]))
        await room.run(1_000)
        mute = True
        await room.until(room.are("silent", [name]))
        assert "nothing valid for" in room.condition(name).why
        room.plugs[name].pull()
        await room.until(room.are("absent", [name]), 1_000)
        plug_all(room)
        await room.until(lambda: room.condition(name).opened == 2)
        await room.run(1_000)
        assert room.condition(name)[1:3] == ("unknown", "has not said yet who it is")

    at_work(room, scenario)


def invos_every_second() -> plugs.Device:
    """An INVOS monitor, five times as fast as we take it to be."""
    return OneWay(InvosMonitor(shown, COLUMNS, 1_000).step)


def test_a_feeder_that_is_lost_leaves_no_old_values(rooms: Rooms) -> None:
    room = rooms("moxy")

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["oximeter"]))
        sample = room.core.oximeter.tissue.saturation
        assert sample is not None
        assert sample.value == 700
        assert isinstance(room.plugs["oximeter"], FedPlug)
        room.plugs["oximeter"].pull()
        await room.until(room.are("absent", ["oximeter"]), 1_000)
        await room.run(2_000)
        assert room.core.oximeter.tissue.saturation == sample, "its age tells that it is old"

    at_work(room, scenario)


@pytest.mark.parametrize("driver", ["rehastim2", "p24"])
def test_the_last_word_to_a_stimulator_is_a_stop(rooms: Rooms, driver: str) -> None:
    room = rooms(driver)

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["stimulator"]))
        await room.run(1_000)
        [found] = room.equipment.links
        host: Any = found.host
        for _ in range(20):
            host.start(Pulses(10_000, 300, 400))
            await without_core(room, found)
        assert room.gives_current()
        say_last(room)
        said = room.plugs["stimulator"].received
        for _ in range(10):
            found.turn()
            found.send_now()
            await without_core(room, found)
        assert not room.gives_current(), "its watchdog would have let it go on"
        assert room.plugs["stimulator"].received - said < 40, "one stop, and nothing after it"

    at_work(room, scenario)


def test_the_last_word_to_the_module_is_an_abort(rooms: Rooms) -> None:
    room = rooms("suntech")

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["blood_pressure"]))
        await room.run(3_000)
        [found] = room.equipment.links
        host: Any = found.host
        plug = room.plugs["blood_pressure"]
        assert isinstance(plug, Plug)
        module: Any = plug.device
        assert host.measure(room.clock.ms) == ""
        for _ in range(100):
            await without_core(room, found)
        assert not module.is_idle
        say_last(room)
        for _ in range(100):
            await without_core(room, found)
        assert module.is_idle
        assert module.mmhg < 15

    at_work(room, scenario)


def test_a_broken_host_is_never_spoken_through_again(rooms: Rooms) -> None:
    room = rooms("p24")

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["stimulator"]))
        [found] = room.equipment.links
        host: Any = found.host
        host.stop = lambda: {}["broken"]
        with pytest.raises(KeyError):
            say_last(room)
        assert found.host is None
        said = room.plugs["stimulator"].received
        for _ in range(20):
            found.send_now()
            await without_core(room, found)
        assert room.plugs["stimulator"].received == said

    at_work(room, scenario)


def test_a_port_that_is_not_there_at_the_end_is_never_opened_again(rooms: Rooms) -> None:
    room = rooms("p24")

    async def scenario() -> None:
        [found] = room.equipment.links
        say_last(room)
        plug_all(room)
        for _ in range(50):
            await without_core(room, found)
        assert found.opened == 0

    at_work(room, scenario)


def say_last(room: VirtualRoom) -> None:
    for say in room.equipment.last_words():
        say()


async def without_core(room: VirtualRoom, found: Any) -> None:
    """The link and its device go on for 20 ms; core stands still."""
    room.clock.ms += TURN_MS
    found.turn()
    room.live()
    for _ in range(20):
        await asyncio.sleep(0)
