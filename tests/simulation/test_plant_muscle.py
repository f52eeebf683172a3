"""Electrodes, current, force and fatigue."""

import math

import pytest

from gateway.simulation.models import FAST_CUFF, LIMB, QUADRICEPS, THIGH_CUFF
from gateway.simulation.muscle import OPEN_OHM, SILENT, Quadriceps, Train
from gateway.simulation.plant import DE_ENERGISED, Actuators, Plant
from tests.simulation.plants import LEAD_CLOSED, hold_at, inflate, run

STRONG = Train(current_ua=60_000, pulse_width_us=400, frequency_hz=50)
HOLDING_WITH_LEAD = Actuators(dump_closed=True, relay_closed=True)


@pytest.fixture
def plant() -> Plant:
    return Plant(THIGH_CUFF, LIMB, seed=1)


def contract(plant: Plant, seconds: float, train: Train = STRONG) -> int:
    """One contraction; the highest force on the way, mN."""
    plant.train = train
    highest = 0
    for _ in range(round(seconds * 20)):
        run(plant, 0.05, LEAD_CLOSED)
        highest = max(highest, plant.force_mn)
    plant.train = SILENT
    return highest


class TestRelay:
    def test_current_flows_through_a_closed_relay_only(self, plant: Plant) -> None:
        plant.train = STRONG
        run(plant, 1.0, DE_ENERGISED)
        assert not plant.relay_closed
        assert (plant.tissue_current_ua, plant.tissue_current_rms_ua, plant.current_density_ua_cm2) == (
            0,
            0,
            0,
        )
        assert plant.electrode_ohm == OPEN_OHM
        assert abs(plant.force_mn) < 3000
        run(plant, 1.0, LEAD_CLOSED)
        assert plant.tissue_current_ua == 60_000
        assert plant.force_mn > 80_000
        plant.step(plant.now_ms + 10, DE_ENERGISED)
        assert plant.tissue_current_ua == 0

    def test_a_silent_stimulator_gives_no_current(self, plant: Plant) -> None:
        run(plant, 1.0, LEAD_CLOSED)
        assert (plant.tissue_current_ua, plant.contractions) == (0, 0)
        for train in (Train(60_000, 0, 50), Train(60_000, 400, 0), Train(0, 400, 50)):
            plant.train = train
            assert plant.tissue_current_ua == 0

    def test_root_mean_square_of_biphasic_pulses(self, plant: Plant) -> None:
        """80 mA, 400 us biphasic, 50 Hz, 25 cm2 are 16.0 mA r.m.s. and 0.64 mA/cm2."""
        plant.train = Train(80_000, 400, 50)
        run(plant, 0.1, LEAD_CLOSED)
        assert plant.tissue_current_rms_ua == 16_000
        assert plant.current_density_ua_cm2 == 640


class TestElectrodes:
    def test_a_whole_electrode(self, plant: Plant) -> None:
        run(plant, 0.1, LEAD_CLOSED)
        assert plant.electrode_ohm == 1000

    @pytest.mark.parametrize(("peel", "ohm", "density"), [(0.2, 1175, 800), (0.5, 1700, 1280)])
    def test_a_peeling_electrode_concentrates_the_current(
        self, plant: Plant, peel: float, ohm: int, density: int
    ) -> None:
        plant.train = Train(80_000, 400, 50)
        plant.defects.electrode_peel = peel
        run(plant, 0.1, LEAD_CLOSED)
        assert plant.electrode_ohm == ohm
        assert plant.tissue_current_ua == 80_000
        assert plant.current_density_ua_cm2 == density

    def test_an_electrode_that_is_off_carries_nothing(self, plant: Plant) -> None:
        plant.train = STRONG
        plant.defects.electrode_peel = 1.0
        run(plant, 1.0, LEAD_CLOSED)
        assert (plant.electrode_ohm, plant.tissue_current_ua, plant.current_density_ua_cm2) == (
            OPEN_OHM,
            0,
            0,
        )
        assert plant.contractions == 0

    def test_the_voltage_of_the_stimulator_ends_the_current(self, plant: Plant) -> None:
        plant.train = STRONG
        plant.defects.electrode_peel = 0.9
        run(plant, 0.1, LEAD_CLOSED)
        assert plant.electrode_ohm == 7300
        assert plant.tissue_current_ua == round(150.0 / 7300.0 * 1e6)


class TestForce:
    def test_nothing_below_the_motor_threshold(self, plant: Plant) -> None:
        assert contract(plant, 2.0, Train(20_000, 400, 50)) < 3000
        assert plant.contractions == 0
        assert contract(plant, 2.0, Train(22_000, 400, 50)) > 3000
        assert plant.contractions == 1

    def test_more_charge_and_more_pulses_give_more_force(self) -> None:
        forces = [
            contract(Plant(THIGH_CUFF, LIMB, seed=1), 2.0, Train(current_ua, 400, frequency_hz))
            for current_ua, frequency_hz in ((30_000, 50), (60_000, 20), (60_000, 50), (120_000, 75))
        ]
        assert forces == sorted(forces)
        assert forces[-1] < 1000 * QUADRICEPS.force_n

    def test_force_rises_with_its_lag(self) -> None:
        muscle = Quadriceps(QUADRICEPS)
        for _ in range(3):
            muscle.step(STRONG, STRONG.current_ua, 1.0)
        early = muscle.activation
        for _ in range(60):
            muscle.step(STRONG, STRONG.current_ua, 1.0)
        assert early / muscle.activation == pytest.approx(
            1.0 - math.exp(-0.15 / QUADRICEPS.force_lag_s), rel=1e-6
        )

    def test_a_contraction_squeezes_a_full_cuff_and_lets_go(self) -> None:
        plant = Plant(THIGH_CUFF, LIMB, seed=1)
        inflate(plant, 100.0)
        run(plant, 1.0, HOLDING_WITH_LEAD)
        before = plant.pressure_mmhg
        plant.train = STRONG
        run(plant, 1.0, HOLDING_WITH_LEAD)
        assert 5.0 < plant.pressure_mmhg - before < 15.0
        assert plant.control_dmmhg == pytest.approx(10 * plant.pressure_mmhg, abs=30)
        plant.train = SILENT
        run(plant, 3.0, HOLDING_WITH_LEAD)
        assert plant.pressure_mmhg == pytest.approx(before, abs=0.7)

    def test_a_contraction_does_not_fill_an_empty_cuff(self, plant: Plant) -> None:
        contract(plant, 2.0)
        assert plant.pressure_mmhg == 0.0


class TestFatigue:
    """Ten contractions of 10 s with 50 s of rest: 73.1 % of the first remain, 46.0 % under restriction."""

    @staticmethod
    def remaining(restricted: bool) -> float:
        muscle = Quadriceps(QUADRICEPS)
        # the share of the inflow that passes 80 % of the limb occlusion pressure
        limit = LIMB.occlusion_mmhg
        share = (limit - 0.8 * limit) / (limit - LIMB.diastolic_mmhg) if restricted else 1.0
        peaks = []
        for _ in range(10):
            peak = 0.0
            for tick in range(1200):
                train = STRONG if tick < 200 else SILENT
                muscle.step(train, train.current_ua, share)
                peak = max(peak, muscle.force_n)
            peaks.append(peak)
        assert muscle.contractions == 10
        assert peaks == sorted(peaks, reverse=True)
        return peaks[-1] / peaks[0]

    def test_free(self) -> None:
        assert self.remaining(restricted=False) == pytest.approx(0.731, abs=0.01)

    def test_restricted(self) -> None:
        assert self.remaining(restricted=True) == pytest.approx(0.460, abs=0.01)

    def test_rest_brings_it_back_whole_but_not_without_blood(self) -> None:
        for pressure_mmhg, whole in ((0.0, True), (170.0, False)):
            plant = Plant(FAST_CUFF, LIMB, seed=1)
            contract(plant, 60.0)
            tired = plant.muscle_capacity
            assert tired < 0.8
            hold_at(plant, pressure_mmhg, 300.0)
            assert (plant.muscle_capacity > 0.8) is whole
        run(plant, 3600.0)
        assert plant.muscle_capacity == 1.0

    def test_a_gap_under_half_a_second_is_the_same_contraction(self, plant: Plant) -> None:
        for gap_s, count in ((1.0, 1), (0.3, 2), (1.0, 2)):
            contract(plant, 2.0)
            assert plant.contractions == count
            run(plant, gap_s, LEAD_CLOSED)


def test_a_working_muscle_uses_oxygen_faster() -> None:
    falls = []
    for train in (SILENT, STRONG):
        plant = Plant(FAST_CUFF, LIMB, seed=1)
        inflate(plant)
        start = plant.sto2_percent
        plant.train = train
        run(plant, 30.0, HOLDING_WITH_LEAD)
        falls.append(start - plant.sto2_percent)
    assert falls[1] > 3.0 * falls[0] > 0.0
