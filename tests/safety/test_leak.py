"""A leak: how much pump and valves may work to hold a pressure, and from when on that is judged."""

from dataclasses import replace

import pytest

from gateway.model import Reason
from gateway.safety import leak
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Inflation, State, Timers
from tests.safety.bedside import START_MS, TARGET, Bedside

REACHED = Inflation(1, TARGET, 250_000, 120, START_MS - 9_000, START_MS - 9_000, reached_ms=START_MS)
TOO_MUCH = 6_400_000


def settled() -> Bedside:
    """A hold in which 60 s have passed since the target was reached."""
    bed = Bedside()
    bed.alive = True
    bed.hold(planned_ms=250_000)
    bed.run(59_950)
    return bed


def work(bed: Bedside, for_ms: int, rest_ms: int = 0) -> bool:
    """Pump or valves work, then rest; whether a leak sounded meanwhile."""
    found = False
    for working, ms in ((True, for_ms), (False, rest_ms)):
        bed.read(TARGET, working=working)
        for _ in range(ms // 50):
            found = Reason.LEAK in bed.step().conditions or found
    assert bed.energised
    return found


def test_air_that_is_moved_for_8_s_to_hold_is_a_leak() -> None:
    bed = settled()
    assert not work(bed, 8_000)
    assert work(bed, 50)
    assert Reason.LEAK in bed.verdict.conditions
    bed.read(TARGET, working=False)
    assert Reason.LEAK in bed.run(150).conditions
    assert Reason.LEAK not in bed.run(50).conditions


def test_bursts_that_take_a_fifth_of_the_time_add_up_to_nothing() -> None:
    bed = settled()
    assert not any(work(bed, 500, 2_000) for _ in range(60))


def test_bursts_that_take_more_than_a_fifth_of_the_time_are_a_leak() -> None:
    bed = settled()
    found = [work(bed, 500, 1_900) for _ in range(70)]
    assert not any(found[:10])
    quicker = settled()
    found = [work(quicker, 500, 500) for _ in range(40)]
    assert found.index(True) == 21  # each second counts 0.3 s, its burst alone 0.4 s; more than 6.4 s
    assert all(found[21:])


def test_a_leak_that_was_mended_alarms_for_half_a_minute_at_most() -> None:
    bed = settled()
    assert work(bed, 60_000)
    assert work(bed, 0, 32_000)
    assert not work(bed, 0, 1_000)


def test_what_is_worked_before_the_cuff_has_settled_counts_nothing() -> None:
    bed = Bedside()
    bed.alive = True
    bed.hold(planned_ms=250_000)
    bed.read(TARGET, working=True)
    bed.run(59_950)
    assert (bed.state.timers.worked, bed.state.timers.working_ms) == (0, None)
    bed.step()
    assert (bed.state.timers.worked, bed.state.timers.working_ms) == (50 * 800, bed.now)


def test_a_clock_that_runs_back_in_a_hold_is_no_rest_and_no_leak() -> None:
    bed = settled()
    bed.run(60_000)
    assert Reason.LEAK not in bed.step(-40_000).conditions
    assert bed.state.timers.worked == 0


def test_pumping_up_is_no_leak() -> None:
    bed = Bedside()
    bed.alive = True
    bed.inflate(planned_ms=60_000)
    bed.read(1450, working=True)
    assert Reason.LEAK not in bed.run(29_000).conditions
    assert bed.energised


# the two rules, alone


@pytest.mark.parametrize(
    ("hold", "after_ms", "settled"),
    [
        (REACHED, 59_999, False),
        (REACHED, 60_000, True),
        (replace(REACHED, reached_ms=None), 60_000, False),
        (None, 60_000, False),
    ],
)
def test_a_hold_has_settled_a_minute_after_its_target_was_reached(
    hold: Inflation | None, after_ms: int, settled: bool
) -> None:
    state = State(Debts.equal(0, START_MS), inflation=hold)
    assert leak.is_settled(HARD, state, START_MS + after_ms) is settled


@pytest.mark.parametrize(
    ("before", "working", "after"),
    [
        (0, True, 8_000),
        (8_000, False, 6_000),
        (2_001, False, 1),
        (2_000, False, 0),
        (1_999, False, 0),
        (2 * TOO_MUCH - 8_001, True, 2 * TOO_MUCH - 1),
        (2 * TOO_MUCH - 7_999, True, 2 * TOO_MUCH),
    ],
)
def test_10_ms_of_work_count_8_and_of_rest_take_2_away(before: int, working: bool, after: int) -> None:
    assert leak.worked(HARD, before, working, 10) == after


@pytest.mark.parametrize(
    ("working_ms", "worked", "found"),
    [
        (START_MS, 0, True),
        (START_MS + 1, 0, False),
        (None, TOO_MUCH, False),
        (None, TOO_MUCH + 1, True),
        (START_MS + 1, TOO_MUCH + 1, True),
    ],
)
def test_work_of_8_s_on_end_or_bursts_of_more_than_6_4_s_are_a_leak(
    working_ms: int | None, worked: int, found: bool
) -> None:
    timers = Timers(working_ms=working_ms, worked=worked)
    assert leak.is_found(HARD, timers, START_MS + 8_000) is found
