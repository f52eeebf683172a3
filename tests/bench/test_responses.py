"""What the response command makes of its runs: medians, the worst, and what did not keep its bound."""

import math
from dataclasses import replace
from typing import Any

import pytest

from bench.faults import BY_NAME, deflation, total_ms
from bench.responses import Run, broken, row_of
from gateway.simulation.live import CUFF
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.plant import Actuators, Plant

KILLED = BY_NAME["core killed"]
LINK = BY_NAME["link killed"]
GOOD = Run(valve_ms=800, empty_ms=1800, buzzer_ms=800, core_ms=None, outcome="interrupted")
LEASE_MS, LATE_STEP_MS, LOG_LINE_MS = 800, 200, 10
BOUND_MS = LEASE_MS + LATE_STEP_MS + LOG_LINE_MS


def run(**changed: Any) -> Run:
    """A good run, but for this."""
    return replace(GOOD, **changed)


def test_a_run_within_its_bounds_is_not_broken() -> None:
    assert broken(KILLED, run(valve_ms=BOUND_MS, buzzer_ms=BOUND_MS)) == []


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (run(valve_ms=BOUND_MS + 1), f"valve open after {BOUND_MS + 1} ms, bound {BOUND_MS} ms"),
        (run(valve_ms=None), "valve open after None ms"),
        (run(empty_ms=9_999), "below 15 mmHg after 9999 ms"),
        (run(buzzer_ms=None), "buzzer after None ms"),
        (run(outcome="completed"), "the session ended as completed, not as interrupted"),
    ],
)
def test_what_is_late_or_never_came_is_broken(late: Run, said: str) -> None:
    found = broken(KILLED, late)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_lost_link_vents_nothing_and_ends_nothing() -> None:
    told = run(valve_ms=None, empty_ms=None, buzzer_ms=None, core_ms=30_000, outcome="completed")
    assert broken(LINK, told) == []
    assert broken(LINK, run(core_ms=30_000)) == ["the session ended as interrupted, not as completed"]


def test_median_and_worst_are_of_what_has_a_bound() -> None:
    row = row_of(KILLED, [run(valve_ms=700), run(valve_ms=900, core_ms=5), run(valve_ms=800)])
    assert (row.runs, row.valve, row.core) == (3, (800, 900), None)


def test_a_deflation_is_the_claimed_one_drawn_out_by_the_logarithm() -> None:
    assert deflation(170).value_ms == 1030
    assert deflation(330).value_ms == math.ceil(1030 * 3.0910 / 2.4277)
    assert deflation(15).value_ms == 0


@pytest.mark.parametrize("from_mmhg", [187, 330])
def test_the_simulated_cuff_empties_as_fast_as_its_bound_says(from_mmhg: int) -> None:
    plant = Plant(CUFFS[CUFF], LIMBS["limb"], seed=1)
    now_ms = 0
    while plant.pressure_mmhg < min(from_mmhg, 320):
        now_ms += 5
        plant.step(now_ms, Actuators(pump_permille=1000, inflate_open=True, dump_closed=True))
    vented_ms = now_ms
    while plant.pressure_mmhg >= 15.0:
        now_ms += 5
        plant.step(now_ms, Actuators())
    assert now_ms - vented_ms <= deflation(from_mmhg).value_ms


def test_a_bound_is_the_sum_of_its_terms() -> None:
    assert KILLED.valve is not None
    assert total_ms(KILLED.valve) == BOUND_MS
