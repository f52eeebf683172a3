"""Blood and oxygen under a cuff: the figures that the rules of the gateway are made for."""

import math
from itertools import pairwise
from statistics import pstdev

import pytest

from gateway.simulation.body import STEP_MS, Arteries, Tissue
from gateway.simulation.models import FAST_CUFF, FAST_LIMB, LIMB, PADDED_LIMB, THIGH_CUFF, Limb
from gateway.simulation.plant import DE_ENERGISED, Plant
from tests.simulation.plants import HOLDING, hold_at, inflate, release, run


def tissue(limb: Limb = LIMB) -> Tissue:
    return Tissue(limb, Arteries(limb))


def press(under: Tissue, pressure_mmhg: float, seconds: float) -> None:
    for _ in range(round(seconds * 1000 / STEP_MS)):
        under.step(pressure_mmhg, 0.0)


class TestOcclusion:
    def test_oxygen_falls_by_more_than_five_points_in_the_first_minute(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant)
        start = plant.sto2_percent
        assert start - hold_at(plant, 170.0, 60.0)[-1] >= 5.0

    def test_oxygen_decays_exponentially_to_its_floor(self) -> None:
        under = tissue()
        press(under, 170.0, 120.0)
        span = LIMB.sto2_baseline_percent - LIMB.sto2_floor_percent
        expected = LIMB.sto2_floor_percent + span * math.exp(-120.0 / LIMB.desaturation_s)
        assert under.sto2_percent == pytest.approx(expected, rel=1e-6)

    def test_body_and_clock_go_together(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant)
        before = plant.sto2_percent - LIMB.sto2_floor_percent
        hold_at(plant, 170.0, 60.0)
        after = plant.sto2_percent - LIMB.sto2_floor_percent
        assert after / before == pytest.approx(math.exp(-60.0 / LIMB.desaturation_s), rel=1e-4)

    def test_half_of_the_fall_is_back_within_a_minute(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        baseline = plant.sto2_percent
        inflate(plant)
        lowest = hold_at(plant, 170.0, 240.0)[-1]
        assert release(plant, 60.0)[-1] > (baseline + lowest) / 2

    def test_blood_stays_what_it_was_at_the_target(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant)
        at_target = plant.blood_rise_percent
        readings = []
        for _ in range(288):
            hold_at(plant, 170.0, 1.0)
            readings.append(plant.haemoglobin_permille)
            assert plant.blood_rise_percent == pytest.approx(at_target, abs=0.1)
        assert all(abs(reading - 1000 - 10 * at_target) < 50 for reading in readings)
        assert pstdev(readings) > 1.0

    def test_an_inflation_in_12_s_congests_by_less_than_3_percent(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant)
        assert 1.0 < plant.blood_rise_percent < 3.0

    def test_the_distal_pulse_is_gone(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        assert plant.distal_pulse_permille == 1000
        inflate(plant, 100.0)
        assert plant.distal_pulse_permille == pytest.approx(500, abs=10)
        inflate(plant, 135.0)
        assert plant.distal_pulse_permille == 0


class TestCongestion:
    def test_blood_rises_by_the_inflow_while_the_veins_are_shut(self) -> None:
        under = tissue()
        press(under, 100.0, 60.0)
        inflow_ml = 60.0 * LIMB.inflow_ml_s * 0.5
        assert under.blood_rise_percent == pytest.approx(100.0 * inflow_ml / LIMB.blood_ml, rel=1e-6)
        assert under.blood_rise_percent > 5.0

    def test_it_takes_ten_seconds_to_five_percent_at_full_inflow(self) -> None:
        under = tissue()
        press(under, 70.0, 10.0)
        assert under.blood_rise_percent == pytest.approx(5.0, rel=1e-6)

    def test_veins_that_are_full_let_out_what_comes_in(self) -> None:
        under = tissue()
        press(under, 50.0, 600.0)
        plateau = 20.0 * LIMB.vein_ml_mmhg
        assert under.blood_rise_percent == pytest.approx(100.0 * plateau / LIMB.blood_ml, rel=1e-6)

    def test_no_congestion_below_the_venous_pressure(self) -> None:
        under = tissue()
        press(under, 30.0, 600.0)
        assert under.blood_rise_percent == pytest.approx(0.0, abs=1e-9)

    def test_what_was_kept_back_drains_after_the_release(self) -> None:
        under = tissue()
        press(under, 100.0, 60.0)
        before = under.blood_rise_percent
        press(under, 0.0, 10.0)
        expected = before * math.exp(-10.0 / LIMB.vein_drain_s)
        assert under.blood_rise_percent == pytest.approx(expected, rel=1e-6)

    def test_a_limb_that_needs_more_than_the_target_fills_and_desaturates_less(self) -> None:
        whole, partial = (Plant(THIGH_CUFF, limb, seed=1) for limb in (LIMB, PADDED_LIMB))
        ends = []
        for plant in (whole, partial):
            inflate(plant)
            at_target = plant.blood_rise_percent
            saturation = hold_at(plant, 170.0, 120.0)[-1]
            ends.append((saturation, plant.blood_rise_percent - at_target, plant.distal_pulse_permille))
        assert ends[0][0] < ends[1][0] - 3.0
        assert ends[0][1:] == (pytest.approx(0.0, abs=0.1), 0)
        assert ends[1][1] > 5.0
        assert ends[1][2] > 0
        assert (whole.congested, partial.congested) == (False, True)


def test_hyperaemia_brings_more_blood_than_rest() -> None:
    under = tissue()
    press(under, 170.0, 300.0)
    assert under.blood_rise_percent == pytest.approx(-0.0, abs=1e-6)
    highest = 0.0
    for _ in range(60):
        press(under, 0.0, 1.0)
        highest = max(highest, under.blood_rise_percent)
    assert 3.0 < highest < 15.0


def test_a_limb_left_alone_comes_to_rest_and_stays_there() -> None:
    under = tissue()
    press(under, 170.0, 300.0)
    press(under, 0.0, 3600.0)
    assert under.at_rest
    assert (under.sto2_percent, under.blood_rise_percent) == (LIMB.sto2_baseline_percent, 0.0)


def test_the_fast_limb_is_the_limb_thirty_times_faster() -> None:
    slow, fast = tissue(LIMB), tissue(FAST_LIMB)
    for pressure_mmhg, seconds in ((100.0, 30.0), (170.0, 240.0), (0.0, 60.0)):
        press(slow, pressure_mmhg, seconds)
        press(fast, pressure_mmhg, seconds / 30.0)
        assert fast.sto2_percent == pytest.approx(slow.sto2_percent, abs=0.7)
        assert fast.blood_rise_percent == pytest.approx(slow.blood_rise_percent, abs=0.7)


class TestHeartBeat:
    @pytest.mark.parametrize(
        ("pressure_mmhg", "seen"), [(20.0, False), (87.0, True), (115.0, True), (170.0, False)]
    )
    def test_it_shows_in_the_cuff_where_the_artery_moves(self, pressure_mmhg: float, seen: bool) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant, pressure_mmhg)
        swings, control, limit = [], [], []
        for _ in range(300):
            plant.step(plant.now_ms + 10, HOLDING)
            swings.append(plant.oscillation_mmhg)
            control.append(plant.control_dmmhg)
            limit.append(plant.limit_dmmhg)
        assert max(map(abs, swings)) <= LIMB.oscillation_mmhg
        assert (max(swings) - min(swings) > 0.5) is seen
        assert (pstdev(control) > 4.0) is seen
        assert (pstdev(limit) > 4.0) is seen

    def test_it_is_largest_at_the_mean_arterial_pressure(self) -> None:
        arteries = Arteries(LIMB)
        quarter_beat_ms = round(250 / LIMB.heart_rate_hz)
        mean = LIMB.diastolic_mmhg + (LIMB.systolic_mmhg - LIMB.diastolic_mmhg) / 3.0
        swings = {p: arteries.oscillation_mmhg(p, quarter_beat_ms) for p in (60.0, mean, 110.0)}
        assert swings[mean] == pytest.approx(LIMB.oscillation_mmhg, rel=0.01)
        assert 0.0 < swings[60.0] < swings[mean] > swings[110.0] > 0.0

    def test_it_keeps_time(self) -> None:
        arteries = Arteries(LIMB)
        beats = [arteries.oscillation_mmhg(90.0, now_ms) for now_ms in range(10_000)]
        rises = sum(a < 0.0 <= b for a, b in pairwise(beats))
        assert rises == pytest.approx(10 * LIMB.heart_rate_hz, abs=1)


@pytest.mark.parametrize("change_mmhg", [-40.0, 40.0])
def test_the_limb_occlusion_pressure_follows_the_systolic(change_mmhg: float) -> None:
    plant = Plant(FAST_CUFF, LIMB, seed=1)
    plant.defects.systolic_change_mmhg = change_mmhg
    run(plant, 0.1)
    assert plant.occlusion_mmhg == LIMB.occlusion_mmhg + change_mmhg
    inflate(plant, LIMB.occlusion_mmhg + change_mmhg - 5.0)
    assert 0.0 < plant.true_flow < 0.15
    inflate(plant, LIMB.occlusion_mmhg + change_mmhg + 1.0)
    assert plant.true_flow == 0.0


def test_the_other_limb_stays_as_it_was() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    inflate(plant)
    hold_at(plant, 170.0, 120.0)
    assert (plant.treated_limb_mmhg, plant.other_limb_mmhg) == (plant.pressure_mmhg, 0.0)
    assert plant.other_sto2_permille == pytest.approx(680, abs=25)
    assert plant.sto2_permille < 550
    assert plant.other_blood_rise_percent == 0.0


def test_readings_at_one_instant_are_one_reading() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    plant.step(2000, DE_ENERGISED)
    for name in (
        "control_dmmhg",
        "limit_dmmhg",
        "sto2_permille",
        "other_sto2_permille",
        "haemoglobin_permille",
        "force_mn",
    ):
        assert getattr(plant, name) == getattr(plant, name)


def test_reading_one_sensor_changes_no_other() -> None:
    often, seldom = (Plant(THIGH_CUFF, LIMB, seed=1) for _ in range(2))
    for now_ms in range(10, 5010, 10):
        often.step(now_ms, DE_ENERGISED)
        seldom.step(now_ms, DE_ENERGISED)
        assert often.control_dmmhg is not None
    assert often.limit_dmmhg == seldom.limit_dmmhg
    assert often.sto2_permille == seldom.sto2_permille
    assert often.haemoglobin_permille == seldom.haemoglobin_permille
