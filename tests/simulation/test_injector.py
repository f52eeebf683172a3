"""Every kind of fault that can be given changes the bedside as it says, and what passes is right again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.record.row import ClockQuality
from gateway.simulation import campaign
from gateway.simulation.disk import Health
from gateway.simulation.fault_kinds import FOREVER_MS, KINDS
from gateway.simulation.faults import Fault, available
from gateway.simulation.injector import Injector
from gateway.simulation.links import SOUND
from gateway.simulation.models import LIMBS
from gateway.simulation.protocols import STIMULATION
from gateway.simulation.troubled import TroubledBedside, TroubledClock

Seen = Callable[[TroubledBedside], bool]

NUMBERS = {
    "chance": 500,
    "delay_ms": 1_000,
    "direction": 3,
    "sensor": 1,
    "offset_dmmhg": 200,
    "factor": 20,
    "spike_dmmhg": 900,
    "change_mmhg": 30,
    "margin_mmhg": 60,
    "ahead_ms": 700,
    "step_ms": 5_000,
    "lost_ms": 60_000,
    "period_ms": 300,
    "protocol": 7,
    "crc": 99,
    "peel_percent": 60,
    "stops_itself": 0,
    "lag_ms": 20_000,
    "away_ms": 500,
}


def clock(bedside: TroubledBedside) -> TroubledClock:
    assert isinstance(bedside.clock, TroubledClock)
    return bedside.clock


def greets_with(bedside: TroubledBedside, field: str, value: int) -> bool:
    return bedside.greeting_rewritten[field] == value


BY_PEOPLE_OR_FROM_BIRTH: set[str] = {"nobody_answers", "operator_stops", "occlusion_pressure_high"}
"""What the attendant, the trial and the limb's own numbers do; the injector only says that it is so."""

SEEN: dict[str, Seen] = {
    "frames_split": lambda b: b.up.trouble.split == 500,
    "frames_dropped": lambda b: b.down.trouble.drop == 500,
    "frames_duplicated": lambda b: b.line.trouble.duplicate == 500,
    "frames_corrupted": lambda b: b.up.trouble.corrupt == 500,
    "frames_delayed": lambda b: b.up.trouble.delay_ms == 1_000,
    "line_noise": lambda b: b.up.trouble.noise == 500,
    "wire_dead": lambda b: b.up.trouble.cut,
    "port_vanishes": lambda b: not b.cable,
    "oximeter_vanishes": lambda b: not b.oximeter_there,
    "device_reboots": lambda b: b.controller is None,
    "device_reset_loop": lambda b: b.controller is None,
    "device_wrong_version": lambda b: greets_with(b, "protocol_min", 7),
    "device_wrong_limits": lambda b: greets_with(b, "limits_crc", 99),
    "device_stalls": lambda b: b.firmware_stands_since_ms is not None,
    "device_clock_jumps": lambda b: b.controller_ahead_ms == 700,
    "sensor_frozen": lambda b: b.plant.defects.limit.frozen,
    "sensor_missing": lambda b: b.plant.defects.limit.missing,
    "sensor_offset": lambda b: (
        b.plant.defects.limit.offset_dmmhg == 200 and not b.plant.defects.sensors_err_alike
    ),
    "sensors_offset_alike": lambda b: (
        b.plant.defects.control.offset_dmmhg == 200 and b.plant.defects.sensors_err_alike
    ),
    "sensor_zeroed_under_pressure": lambda b: b.plant.defects.limit.offset_dmmhg < -1_000,
    "sensor_noisy": lambda b: b.plant.defects.limit.noise_factor == 20,
    "sensor_spiking": lambda b: b.plant.defects.limit.spike_dmmhg == 900,
    "lumen_blocked": lambda b: b.plant.defects.lumen_blocked,
    "dump_stuck_open": lambda b: b.plant.defects.dump_stuck_open,
    "dump_stuck_closed": lambda b: b.plant.defects.dump_stuck_closed and b.is_defeated,
    "inflate_stuck_open": lambda b: b.plant.defects.inflate_stuck_open and not b.is_defeated,
    "pump_stuck_on": lambda b: b.plant.defects.pump_stuck_on and not b.is_defeated,
    "leak": lambda b: b.plant.defects.leak_factor == 20,
    "hose_kinked": lambda b: b.plant.defects.hose_kinked and b.is_defeated,
    "cuff_off": lambda b: b.plant.defects.cuff_off,
    "cuff_on_other_limb": lambda b: b.plant.defects.cuff_on_other_limb,
    "systolic_changes": lambda b: b.systolic_mmhg == b.plant.limb.systolic_mmhg + 30,
    "probe_on_other_limb": lambda b: b.plant.defects.probe_on_other_limb,
    "probe_above_cuff": lambda b: b.plant.defects.probe_above_cuff,
    "probe_off": lambda b: b.plant.sto2_permille is None,
    "wall_clock_steps": lambda b: clock(b).quality is ClockQuality.UNSYNCHRONISED,
    "monotonic_clock_steps": lambda b: b.core_ms == b.now + 5_000,
    "power_lost": lambda b: b.core is None and b.controller is None,
    "disk_full": lambda b: b.disk.room_bytes() == 0,
    "disk_slow": lambda b: b.disk.delay_ms == 1_000,
    "disk_fails": lambda b: b.disk.disk.health is Health.FAILING,
    "disk_silent": lambda b: b.disk.delay_ms >= FOREVER_MS,
    "core_stalls": lambda b: not b.core_runs,
    "core_killed": lambda b: b.core is None,
    "gateway_exchanged": lambda b: b.core is None and b.journal_path.name == "exchanged.db",
    "link_silent": lambda b: not b.feed_is_read,
    "broker_down": lambda b: b.broker.down,
    "broker_slow": lambda b: b.broker.delay_ms == 1_000,
    "broker_half_open": lambda b: b.broker.half_open,
    "button_pressed": lambda b: b.board.pressed,
    "button_stuck": lambda b: b.board.pressed,
    "patient_stops": lambda b: b.board.patient_stop_pressed,
    "electrode_peels": lambda b: b.plant.defects.electrode_peel == 0.6 and not b.stimulator.stops_itself,
    "electrode_peels_unseen": lambda b: b.plant.defects.electrode_peel == 0.6,
    "stimulator_silent": lambda b: b.plant.defects.stimulator_silent,
    "stimulator_restarts": lambda b: (
        b.plant.defects.stimulator_silent and b.plant.defects.stimulator_restarts
    ),
    "stimulator_runs_on": lambda b: b.plant.defects.stimulator_runs_on,
    "stimulator_idle": lambda b: b.plant.defects.stimulator_idle,
    "muscle_sensor_silent": lambda b: b.plant.defects.muscle_sensor_silent,
    "muscle_sensor_stuck": lambda b: b.plant.defects.muscle_sensor_stuck,
    "muscle_sensor_hums": lambda b: b.plant.defects.muscle_sensor_hums,
}


@pytest.fixture
def bedside(tmp_path: Path) -> TroubledBedside:
    warm = campaign._warm_bedside(STIMULATION)
    return warm.bedside(LIMBS[STIMULATION.limb], 1, tmp_path / "journal.db")


def passing(kind: str) -> bool:
    return KINDS[kind].lasting_ms[1] < FOREVER_MS


def test_every_kind_has_its_place() -> None:
    assert SEEN.keys() | BY_PEOPLE_OR_FROM_BIRTH == set(available())


@pytest.mark.parametrize("kind", SEEN)
def test_a_fault_is_seen_while_it_lasts_and_not_before(bedside: TroubledBedside, kind: str) -> None:
    if kind == "sensor_zeroed_under_pressure":
        bedside.plant._air.cuff_mmhg = 150.0
    injector = Injector(bedside, (Fault(kind, 100, 2_000, NUMBERS),), bedside.now)
    injector.step(bedside.now + 90)
    assert not injector.active
    bedside.clock.ms += 100
    injector.step(bedside.now)
    assert injector.is_active(kind)
    assert SEEN[kind](bedside)


@pytest.mark.parametrize("kind", [kind for kind in SEEN if passing(kind)])
def test_what_passes_is_right_again(bedside: TroubledBedside, kind: str) -> None:
    injector = Injector(bedside, (Fault(kind, 0, 2_000, NUMBERS),), bedside.now)
    for _ in range(220):
        injector.step(bedside.now)
        bedside.turn()
    assert injector.over
    assert bedside.core_runs
    assert bedside.controller is not None
    assert bedside.up.trouble is bedside.down.trouble is bedside.line.trouble is SOUND
    assert bedside.cable
    assert bedside.oximeter_there
    assert not bedside.is_defeated
    assert bedside.disk.delay_ms == 0
    assert not bedside.broker.down
    assert not bedside.broker.half_open
    assert bedside.broker.delay_ms == 0
    assert not bedside.board.pressed
    assert not bedside.board.patient_stop_pressed
    defects = bedside.plant.defects
    assert defects.electrode_peel == 0.0
    assert not defects.stimulator_silent
    assert not defects.stimulator_runs_on
    assert not defects.stimulator_idle
    assert not defects.muscle_sensor_silent
    assert not defects.muscle_sensor_stuck
    assert not defects.muscle_sensor_hums


def test_a_core_that_two_faults_hold_down_starts_after_the_second(bedside: TroubledBedside) -> None:
    plan = (Fault("core_killed", 0, 1_000), Fault("power_lost", 500, 2_000, {"lost_ms": 0}))
    injector = Injector(bedside, plan, bedside.now)
    downs = []
    for _ in range(300):
        injector.step(bedside.now)
        bedside.turn()
        downs.append(bedside.core is None)
    assert downs.count(True) == 250
    assert not downs[-1]


def test_troubles_of_a_wire_add_up_and_end_apart(bedside: TroubledBedside) -> None:
    plan = (
        Fault("frames_dropped", 0, 1_000, {"direction": 0, "chance": 100}),
        Fault("frames_delayed", 0, 2_000, {"direction": 3, "delay_ms": 90}),
    )
    injector = Injector(bedside, plan, bedside.now)
    injector.step(bedside.now)
    assert (bedside.down.trouble.drop, bedside.down.trouble.delay_ms) == (100, 90)
    assert (bedside.up.trouble.drop, bedside.up.trouble.delay_ms) == (0, 90)
    injector.step(bedside.now + 1_000)
    assert (bedside.down.trouble.drop, bedside.down.trouble.delay_ms) == (0, 90)


def test_a_core_does_not_come_up_on_a_disk_that_fails_and_does_when_it_is_well(
    bedside: TroubledBedside,
) -> None:
    plan = (Fault("disk_fails", 0, 4_000), Fault("core_killed", 0, 1_000))
    injector = Injector(bedside, plan, bedside.now)
    for _ in range(350):
        injector.step(bedside.now)
        bedside.turn()
    assert bedside.core is None
    for _ in range(150):
        injector.step(bedside.now)
        bedside.turn()
    assert bedside.core is not None
