"""Faults of wire, clock and sensors with the real firmware: each input check trips an inflation under way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge.mcu import controller
from gateway.simulation.bedside import TURN_MS, Bedside
from gateway.simulation.links import SOUND, Trouble
from gateway.simulation.troubled import TroubledBedside
from tests.runtime.conftest import READINGS_MS, People

LONGEST_MS = 6_000

DAMAGES = Trouble(corrupt=8)


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[People]:
    """A bedside whose parts can fail, in the hold of its first occlusion."""
    people = People(tmp_path / "journal.db", bedside=TroubledBedside)
    people.bedside.run(READINGS_MS)
    people.start()
    people.run_until("holding")
    people.bedside.run(500)
    yield people
    people.bedside.close()


def bedside_of(people: People) -> TroubledBedside:
    assert isinstance(people.bedside, TroubledBedside)
    return people.bedside


def let_through_one_in(bedside: TroubledBedside, number: int) -> None:
    """From now on the wire loses all statuses but every so many."""
    carry, sent = bedside.up.carry, [0]

    def lossy(data: bytes, now: int) -> bytes:
        sent[0] += bool(data)
        return carry(data if sent[0] % number == 0 else b"", now)

    bedside.up.carry = lossy  # type: ignore[method-assign]


def until_latched(bedside: Bedside, each_turn: Callable[[], None] = lambda: None) -> str | None:
    """Turn until something has latched; what."""
    for _ in range(LONGEST_MS // TURN_MS):
        each_turn()
        bedside.turn()
        if bedside.core is not None and bedside.core.state.latched is not None:
            return bedside.core.state.latched.value
    return None


def test_a_sound_wire_carries_twenty_statuses_a_second(troubled: People) -> None:
    core = troubled.bedside.core
    assert core is not None
    before = core.cuff
    troubled.bedside.run(2_000)
    after = core.cuff
    assert before is not None
    assert after is not None
    assert before.stream is not None
    assert after.stream is not None
    assert after.stream.received - before.stream.received == 40
    assert (after.stream.missed, after.stream.damaged) == (0, 0)
    assert core.state.latched is None


def test_a_wire_that_loses_three_of_four_statuses_trips(troubled: People) -> None:
    let_through_one_in(bedside_of(troubled), 4)
    assert until_latched(troubled.bedside) == "status_missing"
    troubled.bedside.run(100)
    assert not troubled.bedside.board.actuators.dump_closed


def test_a_wire_that_loses_every_other_status_does_not(troubled: People) -> None:
    let_through_one_in(bedside_of(troubled), 2)
    assert until_latched(troubled.bedside) is None


def test_a_controller_that_reports_too_rarely_trips(
    troubled: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is missed: it numbers what it sends."""
    monkeypatch.setattr(controller, "STATUS_MS", 350)
    assert until_latched(troubled.bedside) == "status_too_rare"


def test_a_wire_that_damages_frames_trips(troubled: People) -> None:
    bedside_of(troubled).up.trouble = DAMAGES
    assert until_latched(troubled.bedside) == "status_damaged"


def test_frames_that_the_controller_could_not_read_count_too(troubled: People) -> None:
    bedside_of(troubled).down.trouble = Trouble(corrupt=20)
    troubled.bedside.run(2_000)
    core = troubled.bedside.core
    assert core is not None
    assert core.cuff is not None
    assert core.cuff.stream is not None
    assert core.cuff.stream.damaged > 0


def test_a_wire_that_holds_frames_back_shows_the_past_and_trips(troubled: People) -> None:
    """The statuses keep coming, each a little later than the one before."""
    bedside = bedside_of(troubled)
    held: list[bytes] = []
    carry = bedside.up.carry

    def slowly(data: bytes, now: int) -> bytes:
        held.append(carry(data, now))
        return held.pop(0) if now % 40 else b""

    bedside.up.carry = slowly  # type: ignore[method-assign]
    assert until_latched(bedside) == "device_clock"


def test_a_controller_whose_clock_goes_slow_trips(troubled: People) -> None:
    bedside = bedside_of(troubled)

    def slower() -> None:
        bedside.controller_ahead_ms -= 6

    assert until_latched(bedside, slower) == "device_clock"


def test_a_controller_whose_clock_goes_fast_trips(troubled: People) -> None:
    bedside = bedside_of(troubled)

    def faster() -> None:
        bedside.controller_ahead_ms += 5

    assert until_latched(bedside, faster) == "device_clock"


@pytest.mark.parametrize("sensor", ["control", "limit"])
def test_a_sensor_that_stands_still_while_the_cuff_leaks_trips(troubled: People, sensor: str) -> None:
    defects = troubled.bedside.plant.defects
    getattr(defects, sensor).frozen = True
    defects.leak_factor = 60.0 if sensor == "control" else 800.0  # what the pump cannot hold
    assert until_latched(troubled.bedside) == "sensor_stuck"


def test_both_sensors_standing_still_while_the_pump_works_trips(tmp_path: Path) -> None:
    """Without it the pump would run on to the relief valve."""
    people = People(tmp_path / "journal.db", bedside=TroubledBedside)
    bedside = bedside_of(people)
    bedside.run(READINGS_MS)
    people.start()
    people.run_until("inflating")
    while bedside.plant.pressure_mmhg < 60:
        bedside.turn()
    bedside.plant.defects.control.frozen = bedside.plant.defects.limit.frozen = True
    bedside.plant.defects.leak_factor = 600.0
    assert until_latched(bedside) == "sensor_stuck"
    assert not bedside.board.actuators.dump_closed
    bedside.close()


def test_after_the_trip_a_sound_wire_can_be_reset(troubled: People) -> None:
    bedside = bedside_of(troubled)
    bedside.up.trouble = DAMAGES
    until_latched(bedside)
    bedside.up.trouble = SOUND
    troubled.run_until_mode("latched")
    assert troubled.reset().exit_code == 0
    assert troubled.state()["latched"] is None
