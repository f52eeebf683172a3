"""The physics, in virtual time: air in the cuff, blood and oxygen in the limb, chance, watchdog."""

from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from gateway.simulation.body import STEP_MS
from gateway.simulation.models import CUFFS, FAST_CUFF, FAST_LIMB, LIMB, LIMBS, THIGH_CUFF, Cuff, Limb
from gateway.simulation.plant import DE_ENERGISED, WATCHDOG_MS, Actuators, OutputStage, Plant
from tests.simulation.plants import HOLDING, PUMPING, hold_at, inflate, release, run_until

both_cuffs = pytest.mark.parametrize("cuff", CUFFS.values(), ids=CUFFS)


@pytest.mark.parametrize(("cuff", "up_s", "down_s"), [(THIGH_CUFF, 12.0, 5.0), (FAST_CUFF, 1.0, 1.0)])
def test_cuff_fills_and_empties_in_the_time_it_claims(cuff: Cuff, up_s: float, down_s: float) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    assert inflate(plant) == pytest.approx(up_s, rel=0.03)
    emptied_s = run_until(plant, DE_ENERGISED, lambda: plant.pressure_mmhg < 15.0, 30)
    assert emptied_s == pytest.approx(down_s, rel=0.03)


@both_cuffs
def test_pump_weakens_against_pressure(cuff: Cuff) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    inflate(plant, 20.0)  # past the lag of the motor
    low_s = inflate(plant, 70.0)
    inflate(plant, 200.0)
    assert inflate(plant, 250.0) > 1.3 * low_s


@both_cuffs
@pytest.mark.parametrize(
    "actuators",
    [
        Actuators(pump_permille=1000, inflate_open=False, dump_closed=True),
        Actuators(pump_permille=0, inflate_open=True, dump_closed=True),
    ],
    ids=["inflate valve shut", "pump off"],
)
def test_no_air_without_both_pump_and_inflate_valve(cuff: Cuff, actuators: Actuators) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    plant.step(10_000, actuators)
    assert plant.pressure_mmhg == 0.0


@both_cuffs
def test_dump_valve_is_normally_open_and_wins_over_the_pump(cuff: Cuff) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    inflate(plant)
    plant.step(plant.now_ms + 10_000, Actuators(pump_permille=1000, inflate_open=True, dump_closed=False))
    assert plant.pressure_mmhg < LIMB.diastolic_mmhg + 10


@both_cuffs
def test_a_closed_cuff_leaks_a_little(cuff: Cuff) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    inflate(plant)
    before = plant.pressure_mmhg
    plant.step(plant.now_ms + 60_000, HOLDING)
    assert before - plant.pressure_mmhg == pytest.approx(6.0, abs=1.0)


@both_cuffs
def test_relief_valve_holds_330_mmhg_at_full_pump_flow(cuff: Cuff) -> None:
    plant = Plant(cuff, LIMB, seed=1)
    highest = 0.0
    for now_ms in range(10, 90_000, 10):
        plant.step(now_ms, PUMPING)
        highest = max(highest, plant.pressure_mmhg)
    assert cuff.relief_opens_mmhg < highest <= 330.0


@pytest.mark.parametrize(
    ("cuff", "limb"), [(THIGH_CUFF, LIMB), (FAST_CUFF, FAST_LIMB)], ids=["real time", "fast"]
)
def test_five_minutes_of_occlusion_and_the_recovery(cuff: Cuff, limb: Limb) -> None:
    plant = Plant(cuff, limb, seed=1)
    baseline = release(plant, 30 / limb.speed)[-1]
    assert 65.0 <= baseline <= 70.0

    up_s = inflate(plant)
    occluded = hold_at(plant, 170.0, 300 / limb.speed - up_s)
    assert all(later < earlier for earlier, later in pairwise(occluded[:: STEP_MS // 10]))
    assert 25.0 <= occluded[-1] <= 30.0
    first_minute = occluded[0] - occluded[round(60 / limb.speed * 100) - 1]
    assert 10.0 <= first_minute <= 14.0

    recovery = release(plant, 300 / limb.speed)
    half = (baseline + occluded[-1]) / 2
    half_s = next(i for i, value in enumerate(recovery) if value >= half) / 100 * limb.speed
    assert 10.0 <= half_s <= 20.0
    overshoot = max(recovery) - baseline
    assert 8.0 <= overshoot <= 15.0
    after_peak = recovery[recovery.index(max(recovery)) :]
    gone_s = next(i for i, v in enumerate(after_peak) if v < baseline + overshoot / 3) / 100 * limb.speed
    assert 60.0 <= gone_s <= 120.0
    assert recovery[-1] == pytest.approx(baseline, abs=1.0)


def test_short_occlusion_overshoots_less_than_a_long_one() -> None:
    peaks = []
    for duration_s in (10, 300):
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant)
        hold_at(plant, 170.0, duration_s)
        peaks.append(max(release(plant, 200)))
    assert LIMB.sto2_baseline_percent < peaks[0] < peaks[1] - 5.0


@pytest.mark.parametrize(
    ("pressure_mmhg", "flow", "congested"),
    [
        (0.0, 1.0, False),
        (25.0, 1.0, False),
        (50.0, 1.0, True),
        (100.0, 0.5, True),
        (125.0, 0.083, True),
        (135.0, 0.0, False),
        (170.0, 0.0, False),
    ],
)
def test_inflow_and_congestion_by_pressure(pressure_mmhg: float, flow: float, congested: bool) -> None:
    plant = Plant(FAST_CUFF, LIMB, seed=1)
    hold_at(plant, pressure_mmhg, 3.0)
    assert plant.true_flow == pytest.approx(flow, abs=0.03)
    assert plant.congested is congested


def test_partial_occlusion_desaturates_less_than_a_whole_one() -> None:
    ends = []
    for pressure_mmhg in (0.0, 115.0, 170.0):
        plant = Plant(FAST_CUFF, LIMB, seed=1)
        ends.append(hold_at(plant, pressure_mmhg, 120.0)[-1])
    free, partial, whole = ends
    assert whole + 5 < partial < free - 5


def trajectory(plant: Plant, pattern: list[int]) -> list[tuple[object, ...]]:
    """The state at each full second of 30 s, stepping by the given strides in turn."""
    seen = []
    stride = 0
    now_ms = 0
    for second in range(1, 31):
        actuators = PUMPING if second <= 12 else HOLDING if second <= 20 else DE_ENERGISED
        while now_ms < second * 1000:
            now_ms = min(now_ms + pattern[stride % len(pattern)], second * 1000)
            stride += 1
            plant.step(now_ms, actuators)
        seen.append(
            (
                plant.pressure_mmhg,
                plant.sto2_percent,
                plant.control_dmmhg,
                plant.limit_dmmhg,
                plant.sto2_permille,
            )
        )
    return seen


@pytest.mark.parametrize("pattern", [[5], [10], [1000], [5, 335, 20]], ids=str)
def test_same_seed_same_trajectory_however_it_is_stepped(pattern: list[int]) -> None:
    expected = trajectory(Plant(THIGH_CUFF, LIMB, seed=7), [10])
    assert trajectory(Plant(THIGH_CUFF, LIMB, seed=7), pattern) == expected


def test_steps_off_the_grid_lose_no_time() -> None:
    expected = trajectory(Plant(THIGH_CUFF, LIMB, seed=7), [10])
    assert trajectory(Plant(THIGH_CUFF, LIMB, seed=7), [3, 11, 1]) == expected


def test_another_seed_gives_other_noise_on_the_same_truth() -> None:
    one, other = (trajectory(Plant(THIGH_CUFF, LIMB, seed=seed), [10]) for seed in (1, 2))
    assert [state[:2] for state in one] == [state[:2] for state in other]
    assert all([state[index] for state in one] != [state[index] for state in other] for index in (2, 3, 4))


def test_an_earlier_time_changes_nothing() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    plant.step(1000, PUMPING)
    before = plant.pressure_mmhg
    plant.step(500, PUMPING)
    assert (plant.now_ms, plant.pressure_mmhg) == (1000, before)


def test_two_sensors_have_noise_of_their_own() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=3)
    control, limit = [], []
    for now_ms in range(10, 50_000, 10):
        plant.step(now_ms, DE_ENERGISED)
        control.append(plant.control_dmmhg)
        limit.append(plant.limit_dmmhg)
    for readings in (control, limit):
        assert fmean(readings) == pytest.approx(0.0, abs=0.2)
        assert pstdev(readings) == pytest.approx(3.0, abs=0.3)
    differences = [a - b for a, b in zip(control, limit, strict=True)]
    assert pstdev(differences) == pytest.approx(3.0 * 2**0.5, abs=0.4)


@pytest.mark.parametrize("limb", LIMBS.values(), ids=LIMBS)
def test_the_probe_is_noisy_and_wanders_slowly(limb: Limb) -> None:
    plant = Plant(THIGH_CUFF, limb, seed=3)
    minutes = []
    for minute in range(60):
        readings = []
        for second in range(1, 61):
            plant.step((minute * 60 + second) * 1000, DE_ENERGISED)
            readings.append(plant.sto2_permille)
        minutes.append(fmean(readings))
    assert plant.sto2_percent == limb.sto2_baseline_percent
    assert 0 < pstdev(readings) < 10
    assert 1.0 < pstdev(minutes) < 6.0


def test_the_watchdog_drops_every_output_after_a_second_of_silence() -> None:
    plant = Plant(FAST_CUFF, LIMB, seed=1)
    stage = OutputStage(plant)
    stage.command(Actuators(1000, True, True, buzzer=True, indicator=1))
    stage.feed(0)
    stage.advance(WATCHDOG_MS - 5)
    assert stage.actuators.dump_closed
    inflated = plant.pressure_mmhg
    stage.advance(WATCHDOG_MS)
    assert stage.actuators == DE_ENERGISED
    stage.advance(WATCHDOG_MS + 1200)
    assert plant.pressure_mmhg < 15.0 < 100.0 < inflated


def test_the_watchdog_fires_on_time_even_if_noticed_late() -> None:
    late, watched = (Plant(FAST_CUFF, LIMB, seed=1) for _ in range(2))
    for plant, stride_ms in ((late, 5000), (watched, 10)):
        stage = OutputStage(plant)
        stage.command(PUMPING)
        for now_ms in range(stride_ms, 5001, stride_ms):
            stage.advance(now_ms)
    assert late.pressure_mmhg == watched.pressure_mmhg
    assert late.sto2_percent == watched.sto2_percent


def test_a_fed_watchdog_lets_the_outputs_be() -> None:
    stage = OutputStage(Plant(FAST_CUFF, LIMB, seed=1))
    stage.command(HOLDING)
    for now_ms in range(0, 10_000, 990):
        stage.feed(now_ms)
        stage.advance(now_ms + 980)
        assert stage.actuators is HOLDING


def test_outputs_work_again_after_a_drop() -> None:
    stage = OutputStage(Plant(FAST_CUFF, LIMB, seed=1))
    stage.command(PUMPING)
    stage.advance(2000)
    stage.command(PUMPING)
    stage.feed(2000)
    stage.advance(2500)
    assert stage.plant.pressure_mmhg > 50.0
