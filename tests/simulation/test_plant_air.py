"""Air in manifold, hose and cuff, against arithmetic done another way."""

import math
from dataclasses import replace

import pytest

from gateway.simulation.air import (
    HOSE_KINKED,
    HOSE_OPEN,
    HOSE_UNPLUGGED,
    ROOM_MMHG,
    SUB_STEP_MS,
    Air,
    exponential,
)
from gateway.simulation.models import CUFFS, FAST_CUFF, LIMB, THIGH_CUFF, Cuff
from gateway.simulation.plant import DE_ENERGISED, Plant
from tests.simulation.plants import HOLDING, PUMPING, inflate, run, run_until

FINE_S = 1e-5

both_cuffs = pytest.mark.parametrize("cuff", CUFFS.values(), ids=CUFFS)
tight_cuffs = pytest.mark.parametrize(
    "cuff", [replace(cuff, leak_ml_s_mmhg=0.0) for cuff in CUFFS.values()], ids=CUFFS
)


def air_ml(air: Air, cuff: Cuff) -> float:
    """All the air above what is there at room pressure."""
    return air.cuff_mmhg * cuff.compliance_ml_mmhg + air.manifold_mmhg * cuff.manifold_ml / ROOM_MMHG


def drive(air: Air, permille: int, inflate_open: bool, dump_open: bool, hose: int = HOSE_OPEN) -> None:
    """Set pump, valves and hose."""
    air.drive = permille / 1000
    air.inflate_open = inflate_open
    air.set_paths(dump_open, hose, 1.0)


def filled(cuff: Cuff, hose: int = HOSE_OPEN, sub_steps: int = 100) -> Air:
    air = Air(cuff)
    drive(air, 1000, True, False, hose)
    air.blow(sub_steps)
    return air


class SmallSteps:
    """The same two volumes by Euler's method in steps of 10 us: simple, slow, and nothing in common."""

    def __init__(self, cuff: Cuff) -> None:
        self.cuff = cuff
        self.inside, self.manifold, self.pump = 0.0, 0.0, 0.0

    def run(self, seconds: float, drive: float, inflate_open: bool, dump_open: bool) -> None:
        cuff = self.cuff
        manifold_ml_mmhg = cuff.manifold_ml / 760.0
        for _ in range(round(seconds / FINE_S)):
            self.pump += (drive - self.pump) / cuff.pump_lag_s * FINE_S
            weaker = 1.0 - self.manifold / cuff.pump_stall_mmhg
            pumped = self.pump * cuff.pump_flow_ml_s * weaker if inflate_open else 0.0
            through = (self.manifold - self.inside) * cuff.hose_ml_s_mmhg
            lost = self.manifold * cuff.dump_ml_s_mmhg if dump_open else 0.0
            relieved = max(0.0, self.manifold - cuff.relief_opens_mmhg) * cuff.relief_ml_s_mmhg
            leaked = self.inside * cuff.leak_ml_s_mmhg
            self.inside += (through - leaked) / cuff.compliance_ml_mmhg * FINE_S
            self.manifold += (pumped - through - lost - relieved) / manifold_ml_mmhg * FINE_S


@both_cuffs
def test_agrees_with_small_steps(cuff: Cuff) -> None:
    fine, air = SmallSteps(cuff), Air(cuff)
    script = [
        (0.6, 1000, True, False),
        (0.2, 0, False, False),
        (0.3, 400, True, False),
        (0.5, 0, False, True),
    ]
    for seconds, permille, inflate_open, dump_open in script:
        fine.run(seconds, permille / 1000, inflate_open, dump_open)
        drive(air, permille, inflate_open, dump_open)
        air.blow(round(seconds * 1000 / SUB_STEP_MS))
        assert air.cuff_mmhg == pytest.approx(fine.inside, rel=0.01, abs=0.05)
        assert air.manifold_mmhg == pytest.approx(fine.manifold, rel=0.01, abs=0.05)


@both_cuffs
def test_a_vented_cuff_empties_exponentially(cuff: Cuff) -> None:
    """The resistances of hose and dump valve in series carry the air of the cuff out."""
    plant = Plant(cuff, LIMB, seed=1)
    inflate(plant)
    run(plant, 0.05)  # past the first rush out of the manifold
    start = plant.pressure_mmhg
    series = 1.0 / cuff.hose_ml_s_mmhg + 1.0 / cuff.dump_ml_s_mmhg
    for _ in range(10):
        before = plant.pressure_mmhg
        run(plant, 0.1)
        expected = math.exp(-0.1 / (cuff.compliance_ml_mmhg * series))
        assert plant.pressure_mmhg / before == pytest.approx(expected, rel=0.01), "the manifold has air too"
    assert plant.pressure_mmhg < start


@tight_cuffs
def test_what_is_pumped_in_is_there(cuff: Cuff) -> None:
    air = Air(cuff)
    drive(air, 1000, False, False)
    air.blow(400)  # the motor is up to speed, the inflate valve shut
    assert (air.cuff_mmhg, air.manifold_mmhg) == (0.0, 0.0)
    drive(air, 1000, True, False)
    for _ in range(200):
        weaker = 1.0 - air.manifold_mmhg / cuff.pump_stall_mmhg
        expected = air_ml(air, cuff) + cuff.pump_flow_ml_s * weaker * SUB_STEP_MS / 1000.0
        air.blow(1)
        assert air_ml(air, cuff) == pytest.approx(expected, rel=1e-9)


@tight_cuffs
def test_a_closed_system_keeps_its_air_whatever_the_hose_does(cuff: Cuff) -> None:
    air = filled(cuff)
    drive(air, 0, False, False, HOSE_KINKED)
    air.blow(1)
    before = air_ml(air, cuff)
    for hose in (HOSE_OPEN, HOSE_KINKED, HOSE_OPEN):
        drive(air, 0, False, False, hose)
        air.blow(200)
        assert air_ml(air, cuff) == pytest.approx(before, rel=1e-9)
    assert air.cuff_mmhg == pytest.approx(air.manifold_mmhg, rel=1e-6)


@tight_cuffs
def test_two_pressures_meet_when_a_kink_opens(cuff: Cuff) -> None:
    air = filled(cuff, HOSE_KINKED)
    drive(air, 0, False, False, HOSE_KINKED)
    air.blow(100)
    manifold_ml_mmhg = cuff.manifold_ml / ROOM_MMHG
    expected = air.manifold_mmhg * manifold_ml_mmhg / (manifold_ml_mmhg + cuff.compliance_ml_mmhg)
    assert air.cuff_mmhg == 0.0
    drive(air, 0, False, False)
    air.blow(20)
    assert air.cuff_mmhg == pytest.approx(expected, rel=1e-3)


@both_cuffs
@pytest.mark.parametrize("hose", [HOSE_OPEN, HOSE_KINKED], ids=["hose open", "hose kinked"])
def test_relief_valve_keeps_the_manifold_at_330_mmhg_at_full_pump_flow(cuff: Cuff, hose: int) -> None:
    air = filled(cuff, hose, 0)
    highest = 0.0
    for _ in range(60_000 // SUB_STEP_MS):
        air.blow(1)
        highest = max(highest, air.manifold_mmhg, air.cuff_mmhg)
    assert cuff.relief_opens_mmhg < highest <= 330.0


def test_relief_valve_settles_where_flow_in_equals_flow_out() -> None:
    air = filled(FAST_CUFF, HOSE_KINKED, 2000)
    pumped = FAST_CUFF.pump_flow_ml_s * (1.0 - air.manifold_mmhg / FAST_CUFF.pump_stall_mmhg)
    relieved = (air.manifold_mmhg - FAST_CUFF.relief_opens_mmhg) * FAST_CUFF.relief_ml_s_mmhg
    assert pumped == pytest.approx(relieved, rel=1e-6)


def test_the_hose_costs_pressure_while_air_flows() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    inflate(plant, 100.0)
    flow = THIGH_CUFF.pump_flow_ml_s * (1.0 - plant.manifold_mmhg / THIGH_CUFF.pump_stall_mmhg)
    drop = plant.manifold_mmhg - plant.pressure_mmhg
    assert drop == pytest.approx(flow / THIGH_CUFF.hose_ml_s_mmhg, rel=0.02)
    run(plant, 0.1, HOLDING)
    assert plant.manifold_mmhg == pytest.approx(plant.pressure_mmhg, abs=0.01)


def test_a_venting_controller_reads_less_than_the_cuff_holds() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    inflate(plant)
    run(plant, 0.5)
    share = THIGH_CUFF.hose_ml_s_mmhg / (THIGH_CUFF.hose_ml_s_mmhg + THIGH_CUFF.dump_ml_s_mmhg)
    assert plant.manifold_mmhg == pytest.approx(plant.pressure_mmhg * share, rel=0.002)


def test_an_unplugged_hose_empties_both_ends() -> None:
    air = filled(THIGH_CUFF, HOSE_OPEN, 2000)
    drive(air, 0, False, False, HOSE_UNPLUGGED)
    start = air.cuff_mmhg
    air.blow(20)
    expected = start * math.exp(-0.1 * THIGH_CUFF.hose_ml_s_mmhg / THIGH_CUFF.compliance_ml_mmhg)
    assert air.cuff_mmhg == pytest.approx(expected, rel=1e-3)
    assert air.manifold_mmhg < 1e-3


def test_the_cuff_is_accepted_off_the_limb() -> None:
    """From 300 to below 15 mmHg within 8 s."""
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    plant.defects.cuff_off = True
    inflate(plant, 300.0)
    assert run_until(plant, DE_ENERGISED, lambda: plant.pressure_mmhg < 15.0, 10) < 8.0


def test_an_empty_cuff_is_exactly_empty_in_the_end() -> None:
    plant = Plant(THIGH_CUFF, LIMB, seed=1)
    inflate(plant)
    run(plant, 120.0)
    assert (plant.pressure_mmhg, plant.manifold_mmhg) == (0.0, 0.0)


def test_nothing_moves_without_the_pump_however_long() -> None:
    air = Air(THIGH_CUFF)
    drive(air, 0, True, False)
    air.blow(10_000)
    assert (air.cuff_mmhg, air.manifold_mmhg, air.pump) == (0.0, 0.0, 0.0)


def test_pump_follows_its_drive_with_its_lag() -> None:
    air = Air(THIGH_CUFF)
    drive(air, 1000, False, False)
    air.blow(10)
    assert air.pump == pytest.approx(1.0 - math.exp(-0.05 / THIGH_CUFF.pump_lag_s), rel=1e-9)


def test_pumping_again_after_a_rest_is_as_at_first() -> None:
    first, again = (Plant(THIGH_CUFF, LIMB, seed=1) for _ in range(2))
    inflate(again)
    run(again, 120.0)
    for plant in (first, again):
        run(plant, 3.0, PUMPING)
    assert again.pressure_mmhg == pytest.approx(first.pressure_mmhg, abs=1e-9)


def test_exponential_of_a_matrix() -> None:
    turned = exponential([[0.0, -2.0], [2.0, 0.0]])
    assert turned[0] == pytest.approx([math.cos(2.0), -math.sin(2.0)], abs=1e-9)
    assert turned[1] == pytest.approx([math.sin(2.0), math.cos(2.0)], abs=1e-9)
    stiff = exponential([[-25.0, 0.0], [3.0, 0.0]])
    assert stiff[0][0] == pytest.approx(math.exp(-25.0), rel=1e-6)
    assert stiff[1] == pytest.approx([3.0 * (1.0 - math.exp(-25.0)) / 25.0, 1.0], rel=1e-9)
