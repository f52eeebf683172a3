"""Another device where the right one should be: refused or named, once, and never given to anybody."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import plugs as bench_plugs
from drivers import cyton, link, suntech
from gateway.record.events import DeviceIdentified, DeviceNoticed
from gateway.runtime import ceilings, state_view
from gateway.simulation import plugs
from gateway.simulation.cpar import IDENTITY as SIMULATED_CPAR
from gateway.simulation.cpar import Cpar
from gateway.simulation.plugs import MAKE, Plug
from gateway.simulation.suntech import SunTech
from tests.drivers.test_usb import Machine
from tests.runtime import test_equipment
from tests.runtime.test_equipment import Rooms, VirtualRoom, at_work, invos_every_second, plug_all

rooms = test_equipment.rooms


def streaming_cyton() -> plugs.Device:
    """A Cyton that was left streaming."""
    board = MAKE["cyton"]()
    board.step(cyton.START, 0)
    return board


ANOTHER_MODULE = suntech.ReturnText("ZZ2.00", "LS1.01", "LOT-7", "NB-000317", "123")
ANOTHER_MAKER = SIMULATED_CPAR._replace(manufacturer=2, maker="Somebody", name="Another")

REFUSED = [
    ("nonin", streaming_cyton, "bytes came without a line end: not 57600 baud, or not a Nonin oximeter"),
    ("invos", streaming_cyton, "bytes came without a line end: not 9600 baud, or not an INVOS monitor"),
    ("nonin", invos_every_second, "lines in a row were not Nonin 1"),
    ("invos", MAKE["nonin"], "lines in a row do not fit the configured columns"),
    ("cyton", MAKE["nonin"], "not a Cyton for this driver: it sends something else"),
    ("bitalino", streaming_cyton, "not a BITalino for this driver: it sends something else"),
    ("rehastim2", streaming_cyton, "bytes and no frame of a ScienceMode 2 device among them"),
]
"""Who says something, and why it is not the device that the driver is for."""

NOT_OF_THIS_PROTOCOL = r"\d+ bytes came in \d+ s and no frame of this protocol among them"
SAYS_NOTHING = r"it has said nothing in \d+ s: check its power, its cable, and which device is plugged in"
STRANGERS = [
    ("rehastim2", MAKE["p24"], "unknown", SAYS_NOTHING),
    ("p24", MAKE["rehastim2"], "refused", NOT_OF_THIS_PROTOCOL),
    ("p24", MAKE["nonin"], "refused", NOT_OF_THIS_PROTOCOL),
    ("hub", MAKE["rehastim2"], "refused", NOT_OF_THIS_PROTOCOL),
    ("hub", streaming_cyton, "refused", NOT_OF_THIS_PROTOCOL),
    ("cyton", MAKE["bitalino"], "unknown", SAYS_NOTHING),
    ("nonin-oem", streaming_cyton, "refused", NOT_OF_THIS_PROTOCOL),
    ("nonin-oem", MAKE["p24"], "unknown", SAYS_NOTHING),
    ("nonin", MAKE["p24"], "unknown", SAYS_NOTHING),
    ("bitalino", MAKE["p24"], "unknown", SAYS_NOTHING),
    ("suntech", streaming_cyton, "refused", NOT_OF_THIS_PROTOCOL),
    ("suntech", MAKE["cpar"], "refused", NOT_OF_THIS_PROTOCOL),
    ("cpar", MAKE["hub"], "unknown", r"it speaks this protocol and has not said in \d+ s who it is"),
    ("cpar", MAKE["suntech"], "unknown", SAYS_NOTHING),
]
"""Who never says the word that the driver waits for: silence, or bytes that are no frame; the words."""


def with_stranger(rooms: Rooms, driver: str, stranger: Callable[[], plugs.Device]) -> tuple[VirtualRoom, str]:
    """A room in which somebody else is plugged in where this driver's device should be."""
    room = rooms(driver)
    [name] = room.plugs
    room.plugs[name] = Plug(room.port(name), stranger)
    return room, name


@pytest.mark.parametrize(("driver", "stranger", "why"), REFUSED)
def test_another_device_on_the_port_is_refused_with_the_reason(
    rooms: Rooms, driver: str, stranger: Callable[[], plugs.Device], why: str
) -> None:
    room, name = with_stranger(rooms, driver, stranger)

    def refused() -> bool:
        assert room.state(name) != "ready"
        return room.state(name) == "refused"

    async def scenario() -> None:
        plug_all(room)
        await room.until(refused)
        assert why in room.condition(name).why
        await room.run(2_000)
        [noticed] = [row["text"] for row in room.rows(DeviceNoticed) if why in row["text"]]
        assert not room.rows(DeviceIdentified)
        room.plugs[name].pull()
        await room.until(room.are("absent", [name]), 1_000)
        plug_all(room)
        await room.until(refused)
        await room.run(100)
        assert len([row for row in room.rows(DeviceNoticed) if why in row["text"]]) == 2, noticed

    at_work(room, scenario)


@pytest.mark.parametrize(
    ("driver", "stranger", "why"),
    [
        ("suntech", lambda: SunTech(text=ANOTHER_MODULE), "its firmware 'ZZ2.00' is not one of a SunTech"),
        ("cpar", lambda: Cpar(identity=ANOTHER_MAKER), "not a CPAR+: the device on this port is 'Another'"),
    ],
)
def test_one_that_says_that_it_is_another_is_refused(
    rooms: Rooms, driver: str, stranger: Callable[[], plugs.Device], why: str
) -> None:
    room, name = with_stranger(rooms, driver, stranger)

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("refused", [name]))
        assert why in room.condition(name).why
        await room.run(2_000)
        assert any(why in row["text"] for row in room.rows(DeviceNoticed))

    at_work(room, scenario)


@pytest.mark.parametrize(("driver", "stranger", "state", "why"), STRANGERS)
def test_another_device_that_does_not_say_who_it_is_is_named_once_and_never_used(
    rooms: Rooms, driver: str, stranger: Callable[[], plugs.Device], state: str, why: str
) -> None:
    room, name = with_stranger(rooms, driver, stranger)

    def named() -> bool:
        assert room.state(name) in ("unknown", state), room.condition(name)
        return re.match(why, room.condition(name).why) is not None

    async def scenario() -> None:
        plug_all(room)
        await room.run(2_000)
        assert room.condition(name)[1:3] == ("unknown", "has not said yet who it is"), "it may take its time"
        await room.until(named, 30_000)
        said = room.condition(name).why
        assert room.state(name) == state
        await room.run(2_000)
        assert room.condition(name).why == said, "whoever watches reads it once"
        assert [row["text"] for row in room.rows(DeviceNoticed) if re.match(why, row["text"])] == [said]
        assert not room.core.stimulator.answers(room.clock.ms)
        assert room.core.stimulator.reading is None
        assert not room.rows(DeviceIdentified)

    at_work(room, scenario)


@pytest.mark.parametrize(("driver", "stranger"), [("hub", MAKE["rehastim2"]), ("p24", MAKE["nonin"])])
def test_the_right_device_behind_an_adapter_that_stayed_is_known_after_all(
    rooms: Rooms, driver: str, stranger: Callable[[], plugs.Device]
) -> None:
    room, name = with_stranger(rooms, driver, stranger)
    plug = room.plugs[name]
    assert isinstance(plug, Plug)

    async def scenario() -> None:
        plug.plug()
        await room.until(room.are("refused", [name]))
        plug.device = MAKE[driver]()
        await room.until(room.are("ready", [name]))
        await room.run(500)
        assert room.condition(name).opened == 1
        assert [row["device"] for row in room.rows(DeviceIdentified)] == [name]
        if name == "stimulator":
            await room.until(lambda: room.core.stimulator.answers(room.clock.ms))
            assert not room.reading().stimulating
            assert not room.gives_current()

    at_work(room, scenario)


def test_a_session_that_needs_a_strangers_place_is_told_why_it_is_not_started(rooms: Rooms) -> None:
    room, name = with_stranger(rooms, "rehastim2", MAKE["p24"])

    async def scenario() -> None:
        room.core.conditions = room.equipment.conditions
        plug_all(room)
        await room.run(6_000)
        assert re.search(SAYS_NOTHING, ceilings.silence(room.core, room.clock.ms))
        feed = state_view.feed(room.core, room.clock.ms)
        assert feed.state.stimulator_link == "unknown"
        assert feed.state.stimulator_age_s is None
        [told] = [one.why for one in feed.devices if one.device == name]
        assert told == room.condition(name).why

    at_work(room, scenario)


USB_OF = {"hub": ("2e8a", "0005"), "p24": ("0483", "5740")}
FTDI = ("0403", "6001")
DRIVERS = ["nonin", "invos", "rehastim2", "p24", "hub", "cyton", "bitalino", "nonin-oem"]


class AdapterRoom:
    """One device on a real pseudo-terminal of which the kernel tells what the test says."""

    def __init__(self, rooms: Rooms, driver: str, folder: Path, **told: str) -> None:
        self.machine = Machine(folder / "machine")
        self.room = rooms(driver, sys_root=self.machine.sys)
        [(self.name, plug)] = self.room.plugs.items()
        assert isinstance(plug, Plug)
        plug.plug()
        self.node = os.path.basename(os.path.realpath(plug.name))
        vendor, product = USB_OF.get(driver, FTDI)
        self.machine.plug(self.node, told.pop("vendor", vendor), product, **{"serial": "FT1", **told})

    def condition(self) -> link.Condition:
        return self.room.condition(self.name)

    async def is_refused_until(self, why: str, repair: Callable[[], None]) -> None:
        """Refused with this reason and untouched; ready as soon as that is put right."""
        room, plug = self.room, self.room.plugs[self.name]
        assert isinstance(plug, Plug)
        for _ in range(20):
            await room.pass_on()
            found = self.condition()
            assert (found.state, found.opened) == ("refused", 0)
            assert why in found.why
            assert not plug.listen(), "somebody has opened it"
        assert plug.received == 0
        assert room.core.stimulator.reading is None
        repair()
        await room.until(room.are("ready", [self.name]), 40_000)


@pytest.mark.parametrize("driver", ["hub", "rehastim2", "p24"])
def test_another_makers_adapter_is_refused_before_a_byte_is_sent(
    rooms: Rooms, driver: str, tmp_path: Path
) -> None:
    there = AdapterRoom(rooms, driver, tmp_path, vendor="1a86")
    vendor = USB_OF.get(driver, FTDI)[0]

    async def scenario() -> None:
        await there.is_refused_until(
            f"not one of {vendor}:", lambda: there.machine.tell(there.node, "idVendor", vendor)
        )

    at_work(there.room, scenario)


@pytest.mark.parametrize("driver", DRIVERS)
def test_two_alike_are_refused_before_a_byte_is_sent(rooms: Rooms, driver: str, tmp_path: Path) -> None:
    there = AdapterRoom(rooms, driver, tmp_path)
    there.machine.plug("ttyUSB9", *USB_OF.get(driver, FTDI), "FT1")

    async def scenario() -> None:
        await there.is_refused_until(
            "so is ttyUSB9: two devices alike cannot be told apart", lambda: there.machine.unplug("ttyUSB9")
        )

    at_work(there.room, scenario)


@pytest.mark.parametrize("driver", [driver for driver in DRIVERS if driver != "p24"])
def test_another_serial_number_is_refused_before_a_byte_is_sent(
    rooms: Rooms, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = bench_plugs.configured

    def with_serial(folder: Path, drivers: tuple[str, ...]) -> Any:
        config, name = configured(folder, drivers), bench_plugs.CLASS_OF[driver]
        table = msgspec.structs.replace(getattr(config, name), serial="FT1")
        return msgspec.structs.replace(config, **{name: table})

    monkeypatch.setattr(bench_plugs, "configured", with_serial)
    there = AdapterRoom(rooms, driver, tmp_path, serial="FT2")

    async def scenario() -> None:
        await there.is_refused_until(
            "the configuration expects serial number FT1",
            lambda: there.machine.tell(there.node, "serial", "FT1"),
        )

    at_work(there.room, scenario)


@pytest.mark.parametrize("driver", ["nonin", "rehastim2"])
@pytest.mark.parametrize(("latency", "words"), [("16", "is 16 ms"), ("", "cannot be read")])
def test_a_slow_adapter_is_used_and_said_to_be_slow_once(
    rooms: Rooms, driver: str, latency: str, words: str, tmp_path: Path
) -> None:
    there = AdapterRoom(rooms, driver, tmp_path, latency=latency)
    room = there.room

    async def scenario() -> None:
        await room.until(room.are("ready", [there.name]))
        assert f"the latency timer of {there.node} {words}" in there.condition().notice
        await room.run(3_000)
        [row] = [row for row in room.rows(DeviceNoticed) if "latency" in row["text"]]
        assert row == {"device": there.name, "text": there.condition().notice}
        there.machine.set_latency(there.node, "1")
        await room.until(lambda: there.condition().notice == "", link.LATENESS_MS + 100)
        assert there.condition().state == "ready"

    at_work(room, scenario)


@pytest.mark.parametrize(("driver", "latency"), [("nonin", "1"), ("hub", ""), ("p24", "")])
def test_an_adapter_that_is_fast_or_has_no_timer_is_nothing_to_say(
    rooms: Rooms, driver: str, latency: str, tmp_path: Path
) -> None:
    there = AdapterRoom(rooms, driver, tmp_path, latency=latency)

    async def scenario() -> None:
        await there.room.until(there.room.are("ready", [there.name]))
        assert there.condition().notice == ""
        assert not [row for row in there.room.rows(DeviceNoticed) if "latency" in row["text"]]

    at_work(there.room, scenario)
