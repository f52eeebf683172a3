"""What each defect does to the physics, and what the sensors show of it."""

from itertools import pairwise
from pathlib import Path
from statistics import pstdev

import pytest

from gateway.simulation.defects import Defects, SensorDefect
from gateway.simulation.models import FAST_CUFF, LIMB, THIGH_CUFF
from gateway.simulation.muscle import Train
from gateway.simulation.plant import DE_ENERGISED, Actuators, Plant
from tests.simulation.plants import HOLDING, PUMPING, hold_at, inflate, release, run


@pytest.fixture
def plant() -> Plant:
    return Plant(THIGH_CUFF, LIMB, seed=1)


@pytest.fixture
def held(plant: Plant) -> Plant:
    """A cuff that has been at 170 mmHg for a second."""
    inflate(plant)
    run(plant, 1.0, HOLDING)
    return plant


def readings(plant: Plant, seconds: float, actuators: Actuators = HOLDING) -> tuple[list[int], list[int]]:
    control, limit = [], []
    for _ in range(round(seconds * 100)):
        plant.step(plant.now_ms + 10, actuators)
        control.append(plant.control_dmmhg)
        limit.append(plant.limit_dmmhg)
    return control, limit


def test_a_new_plant_has_no_defect(plant: Plant) -> None:
    assert plant.defects == Defects()


class TestSensors:
    def test_frozen_at_what_it_read_last(self, held: Plant) -> None:
        last = held.control_dmmhg
        held.defects.control.frozen = True
        control, limit = readings(held, 3.0, DE_ENERGISED)
        assert set(control) == {last}
        assert limit[-1] < 600

    def test_thawed_it_reads_again(self, held: Plant) -> None:
        held.defects.limit.frozen = True
        readings(held, 3.0, DE_ENERGISED)
        held.defects.limit.frozen = False
        assert readings(held, 0.01, DE_ENERGISED)[1][0] == pytest.approx(10 * held.pressure_mmhg, abs=20)

    def test_missing(self, held: Plant) -> None:
        held.defects.limit.missing = True
        control, limit = readings(held, 0.1)
        assert set(limit) == {None}
        assert None not in control

    def test_offset_of_one(self, held: Plant) -> None:
        held.defects.control.offset_dmmhg = 250
        run(held, 0.01, HOLDING)
        assert held.control_dmmhg - held.limit_dmmhg == pytest.approx(250, abs=20)

    def test_zeroed_under_pressure_both_alike_read_nothing_in_a_full_cuff(self, held: Plant) -> None:
        for sensor in (held.defects.control, held.defects.limit):
            sensor.offset_dmmhg = -1700
        run(held, 0.01, HOLDING)
        assert held.control_dmmhg == pytest.approx(0, abs=25)
        assert held.limit_dmmhg == pytest.approx(0, abs=25)
        assert held.pressure_mmhg > 168.0

    def test_noise(self, held: Plant) -> None:
        held.defects.control.noise_factor = 10.0
        control, limit = readings(held, 20.0)
        usual, noisy = (pstdev(b - a for a, b in pairwise(seen)) / 2**0.5 for seen in (limit, control))
        assert usual == pytest.approx(10 * THIGH_CUFF.sensor_noise_mmhg, rel=0.1)
        assert noisy == pytest.approx(100 * THIGH_CUFF.sensor_noise_mmhg, rel=0.1)

    def test_spikes_now_and_then(self, held: Plant) -> None:
        held.defects.limit.spike_dmmhg = 2000
        control, limit = readings(held, 20.0)
        assert max(control) < 1750
        spikes = sum(reading > 3000 for reading in limit)
        assert 50 <= spikes <= 150

    def test_the_truth_knows_nothing_of_it(self) -> None:
        well, ill = (Plant(THIGH_CUFF, LIMB, seed=1) for _ in range(2))
        ill.defects = Defects(control=SensorDefect(missing=True), limit=SensorDefect(offset_dmmhg=500))
        for plant in (well, ill):
            inflate(plant)
            readings(plant, 1.0)
        assert well.pressure_mmhg == ill.pressure_mmhg


class TestAir:
    @pytest.mark.parametrize("factor", [20.0, 100.0])
    def test_leak(self, held: Plant, factor: float) -> None:
        """6 mmHg a minute at 170 mmHg without a defect."""
        held.defects.leak_factor = factor
        before = held.pressure_mmhg
        run(held, 1.0, HOLDING)
        assert before - held.pressure_mmhg == pytest.approx(0.1 * factor, rel=0.1)

    def test_kinked_before_the_inflation(self, plant: Plant) -> None:
        plant.defects.hose_kinked = True
        run(plant, 1.0, PUMPING)
        assert plant.pressure_mmhg == 0.0
        assert plant.manifold_mmhg > 300.0
        assert plant.control_dmmhg > 3000
        assert abs(plant.limit_dmmhg) < 20

    def test_kinked_in_the_hold_the_controller_vents_its_own_air_only(self, held: Plant) -> None:
        held.defects.hose_kinked = True
        run(held, 10.0)
        assert abs(held.control_dmmhg) < 20
        assert held.limit_dmmhg > 1650
        assert held.pressure_mmhg == pytest.approx(168.5, abs=1.0)
        assert held.true_flow == 0.0

    def test_the_heart_beat_does_not_pass_a_kink(self, plant: Plant) -> None:
        inflate(plant, 90.0)
        plant.defects.hose_kinked = True
        control, limit = readings(plant, 3.0)
        assert pstdev(control) < 5.0 < pstdev(limit)

    def test_a_blocked_lumen_keeps_the_old_pressure(self, held: Plant) -> None:
        held.defects.lumen_blocked = True
        old = 10 * held.pressure_mmhg
        control, limit = readings(held, 10.0, DE_ENERGISED)
        assert abs(control[-1]) < 20
        assert limit[-1] == pytest.approx(old, abs=20)
        assert len(set(limit)) > 5
        held.defects.lumen_blocked = False
        run(held, 0.01)
        assert abs(held.limit_dmmhg) < 30

    def test_a_lumen_blocked_when_empty_reads_nothing_of_an_inflation(self, plant: Plant) -> None:
        plant.defects.lumen_blocked = True
        inflate(plant)
        assert plant.control_dmmhg > 1650
        assert abs(plant.limit_dmmhg) < 20

    def test_kinked_and_blocked_only_the_oxygen_tells(self, held: Plant) -> None:
        held.defects.hose_kinked = True
        held.defects.lumen_blocked = True
        before = held.sto2_percent
        after = release(held, 60.0)[-1]
        assert abs(held.control_dmmhg) < 20
        assert before - after > 5.0

    def test_dump_valve_stuck_closed(self, held: Plant) -> None:
        held.defects.dump_stuck_closed = True
        run(held, 10.0)
        assert held.pressure_mmhg > 168.0

    def test_the_hose_unplugged_at_the_cuff_helps(self, held: Plant) -> None:
        held.defects.dump_stuck_closed = True
        held.defects.hose_unplugged = True
        run(held, 2.0)
        assert held.pressure_mmhg < 1.0
        assert abs(held.limit_dmmhg) < 30

    def test_dump_valve_stuck_open(self, plant: Plant) -> None:
        plant.defects.dump_stuck_open = True
        run(plant, 45.0, PUMPING)
        assert plant.pressure_mmhg < 40.0

    def test_pump_stuck_on_needs_the_inflate_valve(self, held: Plant) -> None:
        held.defects.pump_stuck_on = True
        before = held.pressure_mmhg
        run(held, 5.0, HOLDING)
        assert held.pressure_mmhg < before
        held.defects.inflate_stuck_open = True
        run(held, 5.0, HOLDING)
        assert held.pressure_mmhg > before + 45.0

    def test_pump_and_inflate_valve_stuck_a_vented_cuff_stays_above_15_mmhg(self, held: Plant) -> None:
        held.defects.pump_stuck_on = held.defects.inflate_stuck_open = True
        run(held, 60.0)
        assert 15.0 < held.pressure_mmhg < 50.0

    def test_everything_stuck_the_relief_valve_is_left(self, held: Plant) -> None:
        held.defects.pump_stuck_on = held.defects.inflate_stuck_open = held.defects.dump_stuck_closed = True
        run(held, 120.0)
        assert 325.0 < held.pressure_mmhg <= 330.0


class TestLimb:
    def test_a_cuff_beside_the_limb_fills_and_occludes_nothing(self, plant: Plant) -> None:
        plant.defects.cuff_off = True
        inflate(plant)
        hold_at(plant, 170.0, 60.0)
        assert plant.limit_dmmhg > 1650
        assert (plant.treated_limb_mmhg, plant.other_limb_mmhg) == (0.0, 0.0)
        assert (plant.true_flow, plant.congested, plant.distal_pulse_permille) == (1.0, False, 1000)
        assert plant.sto2_percent == LIMB.sto2_baseline_percent

    def test_a_cuff_on_the_other_limb(self, plant: Plant) -> None:
        plant.defects.cuff_on_other_limb = True
        inflate(plant)
        hold_at(plant, 170.0, 60.0)
        assert (plant.treated_limb_mmhg, plant.other_limb_mmhg) == (0.0, plant.pressure_mmhg)
        assert plant.sto2_permille == pytest.approx(680, abs=20)
        assert plant.other_sto2_permille < 620
        assert (plant.true_flow, plant.distal_pulse_permille) == (0.0, 1000)

    @pytest.mark.parametrize(("change_mmhg", "flow"), [(40.0, 0.0), (60.0, 0.22)])
    def test_a_systolic_that_rises_in_a_hold_lets_blood_through(
        self, held: Plant, change_mmhg: float, flow: float
    ) -> None:
        held.defects.systolic_change_mmhg = change_mmhg
        run(held, 0.1, HOLDING)
        assert held.true_flow == pytest.approx(flow, abs=0.03)
        assert held.congested is (held.true_flow > 0.0)

    def test_a_systolic_that_falls_leaves_it_occluded(self, held: Plant) -> None:
        held.defects.systolic_change_mmhg = -40.0
        run(held, 0.1, HOLDING)
        assert held.true_flow == 0.0
        assert held.pressure_mmhg - (LIMB.systolic_mmhg - 40.0) > 80.0


class TestProbe:
    def test_on_the_other_limb_the_two_channels_are_swapped(self, held: Plant) -> None:
        held.defects.probe_on_other_limb = True
        hold_at(held, 170.0, 60.0)
        assert held.sto2_permille == pytest.approx(680, abs=20)
        assert held.haemoglobin_permille == pytest.approx(1000, abs=30)
        assert held.other_sto2_permille < 620

    def test_above_the_cuff_nothing_falls(self, held: Plant) -> None:
        held.defects.probe_above_cuff = True
        hold_at(held, 170.0, 60.0)
        assert held.sto2_permille == pytest.approx(680, abs=20)
        assert held.haemoglobin_permille == pytest.approx(1000, abs=30)
        assert held.other_sto2_permille == pytest.approx(680, abs=20)
        assert held.sto2_percent < 60.0

    def test_off_there_is_no_value(self, held: Plant) -> None:
        held.defects.probe_off = True
        assert (held.sto2_permille, held.haemoglobin_permille) == (None, None)
        assert held.other_sto2_permille is not None
        held.defects.probe_off = False
        assert held.sto2_permille is not None


class TestPeople:
    def test_a_moving_limb_presses_on_a_full_cuff_while_it_moves(self, held: Plant) -> None:
        before = held.pressure_mmhg
        held.movement_mmhg = 20.0
        run(held, 0.5, HOLDING)
        assert held.pressure_mmhg == pytest.approx(before + 20.0, abs=0.6)
        assert held.control_dmmhg == pytest.approx(10 * held.pressure_mmhg, abs=20)
        held.movement_mmhg = 0.0
        run(held, 0.5, HOLDING)
        assert held.pressure_mmhg == pytest.approx(before, abs=0.6)

    def test_an_empty_cuff_does_not_notice(self, plant: Plant) -> None:
        plant.movement_mmhg = 20.0
        run(plant, 1.0)
        assert plant.pressure_mmhg == 0.0

    def test_somebody_leans_on_the_cuff(self, plant: Plant) -> None:
        plant.leaning_mmhg = 40.0
        run(plant, 5.0)
        assert plant.pressure_mmhg == pytest.approx(40.0, abs=1.0)
        assert plant.limit_dmmhg > 380
        assert plant.control_dmmhg > 300
        plant.leaning_mmhg = 0.0
        run(plant, 30.0)
        assert plant.pressure_mmhg < 0.1


def misfortunes(plant: Plant, second: int) -> None:
    """A different defect every two seconds."""
    defects = Defects()
    match second // 2:
        case 1:
            defects.hose_kinked = True
        case 2:
            defects.lumen_blocked = True
        case 3:
            defects.leak_factor = 50.0
        case 4:
            defects.systolic_change_mmhg = 40.0
        case 5:
            defects.pump_stuck_on = defects.inflate_stuck_open = True
        case 6:
            defects.control.frozen = defects.probe_off = True
        case 7:
            defects.cuff_on_other_limb = True
        case 8:
            defects.electrode_peel = 0.5
    plant.defects = defects
    plant.train = Train(60_000, 400, 50) if second % 4 == 0 else Train()
    plant.movement_mmhg = 10.0 if second % 5 == 0 else 0.0


def trajectory(pattern: list[int]) -> list[tuple[object, ...]]:
    """Everything that can be seen at each full second of 30 s, stepping by the given strides in turn."""
    plant = Plant(FAST_CUFF, LIMB, seed=7)
    seen = []
    stride = now_ms = 0
    for second in range(1, 31):
        misfortunes(plant, second)
        phase = second % 3
        actuators = Actuators(
            *((1000, True, True), (0, False, True), (0, False, False))[phase], relay_closed=second % 2 == 0
        )
        while now_ms < second * 1000:
            now_ms = min(now_ms + pattern[stride % len(pattern)], second * 1000)
            stride += 1
            plant.step(now_ms, actuators)
        seen.append(tuple(getattr(plant, name) for name in FACES))
    return seen


FACES = (
    *("pressure_mmhg", "manifold_mmhg", "control_dmmhg", "limit_dmmhg", "true_flow", "congested"),
    *("treated_limb_mmhg", "other_limb_mmhg", "sto2_percent", "sto2_permille", "other_sto2_permille"),
    *("haemoglobin_permille", "blood_rise_percent", "other_blood_rise_percent", "distal_pulse_permille"),
    *("tissue_current_ua", "current_density_ua_cm2", "electrode_ohm", "force_mn", "muscle_capacity"),
    *("contractions", "oscillation_mmhg"),
)


@pytest.mark.parametrize("pattern", [[5], [1000], [5, 335, 20], [3, 11, 1]], ids=str)
def test_no_defect_makes_the_truth_depend_on_how_often_it_is_stepped(pattern: list[int]) -> None:
    assert trajectory(pattern) == trajectory([10])


def test_every_defect_of_the_list_is_tried_here_or_on_the_stimulator() -> None:
    """A field that nobody reads would be a fault plan without consequence.

    The button is the board's; what looks at the muscle is the bedside's, and its loops'
    (tests/runtime/test_evoked_loop.py, tests/runtime/test_force_loop.py).
    """
    text = Path(__file__).read_text(encoding="utf-8")
    text += Path(__file__).with_name("test_stimulator.py").read_text(encoding="utf-8")
    untried = {name for name in Defects.__slots__ if f"defects.{name}" not in text}
    assert untried == {"button_stuck", "muscle_sensor_silent", "muscle_sensor_stuck", "muscle_sensor_hums"}
    assert not {name for name in SensorDefect.__slots__ if name not in text}
