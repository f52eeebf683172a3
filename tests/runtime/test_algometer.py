"""A CPAR+ as core's equipment: identified, recorded, stopped when it strays, never asked for pressure."""

from bench.plugs import Plug
from drivers import cpar_hold, cpar_texts
from drivers import cpar_messages as wire
from gateway.model import Limb
from gateway.record.events import DeviceNoticed
from gateway.runtime import device_view
from gateway.simulation.cpar import Cpar
from tests.runtime import test_equipment as equipment
from tests.runtime.test_equipment import Rooms, VirtualRoom, at_work, plug_all

rooms = equipment.rooms
"""The fixture of all devices."""

UNASKED = (
    wire.encode_set_waveform(cpar_hold.program(0, 800, 60_000)),
    wire.encode_start(wire.Start(wire.ON_BUTTON_PRESSED, 0, 2, 1, 0)),
)
"""80 mmHg for a minute, by somebody who is not core."""


def test_an_algometer_is_a_research_instrument_and_nothing_asks_it_for_pressure(rooms: Rooms) -> None:
    room = rooms("cpar")

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["algometer"]))
        [_, seen] = device_view.devices(room.core, room.clock.ms)
        assert seen.notice == cpar_texts.NOTICE
        assert "no session inflates it" in seen.notice
        algometer = the_algometer(room)
        for _ in range(500):
            await room.pass_on()
            assert algometer.target_pa == [0, 0]

    at_work(room, scenario)


def the_algometer(room: VirtualRoom) -> Cpar:
    plug = room.plugs["algometer"]
    assert isinstance(plug, Plug)
    assert isinstance(plug.device, Cpar)
    return plug.device


def test_an_algometer_that_stimulates_unasked_is_stopped_told_and_alarmed_for(rooms: Rooms) -> None:
    room = rooms("cpar")

    async def scenario() -> None:
        plug_all(room)
        await room.until(room.are("ready", ["algometer"]))
        await room.run(2_000)
        algometer = the_algometer(room)
        for frame in UNASKED:
            algometer.step(frame, room.clock.ms)
        assert algometer.target_pa[0] > 0
        await room.until(lambda: algometer.target_pa == [0, 0], 1_000)
        await room.run(500)
        alarmed = {alarm.condition.value: alarm.priority.value for alarm in room.core.alarms.alarms}
        assert alarmed["algometer_unexpected"] == "medium"
        texts = [row["text"] for row in room.rows(DeviceNoticed) if row["device"] == "algometer"]
        assert "the CPAR+ stimulates though nobody asked for it" in texts
        assert "its last pressure ended: we asked for it" in texts
        room.plugs["algometer"].pull()
        await room.until(room.are("absent", ["algometer"]), 1_000)
        assert "algometer_unexpected" in {one.condition.value for one in room.core.alarms.alarms}
        plug_all(room)
        await room.until(room.are("ready", ["algometer"]))
        assert "algometer_unexpected" not in {one.condition.value for one in room.core.alarms.alarms}

    at_work(room, scenario)


def test_its_statuses_are_recorded_and_what_it_tells_of_itself_is_written_down(rooms: Rooms) -> None:
    room = rooms("cpar")

    async def scenario() -> None:
        assert "cpar" not in [stream.name for stream in room.equipment.streams(Limb.LEFT_THIGH)]
        plug_all(room)
        await room.until(room.are("ready", ["algometer"]))
        [stream] = [one for one in room.equipment.streams(Limb.LEFT_THIGH) if one.name == "cpar"]
        assert (stream.device, stream.serial) == ("CPAR+ simulated", "1042")
        the_algometer(room).emergency = True
        await room.run(500)
        the_algometer(room).emergency = False
        await room.run(500)
        texts = [row["text"] for row in room.rows(DeviceNoticed) if row["device"] == "algometer"]
        assert "emergency stop pressed" in texts
        assert "emergency stop released" in texts
        assert "a status was due" not in texts

    at_work(room, scenario)
