"""A fall that an earlier run has left: waited for after a restart, until the cuff is off."""

from dataclasses import replace

import pytest

from gateway.model import BloodPressure, Reason
from gateway.safety.limits import HARD
from gateway.safety.observations import Watch
from gateway.safety.verification import Unrecovered, resumed, taken_off
from tests.safety.bedside import Bedside


def restarted(fall: Unrecovered | None) -> Bedside:
    """A run that begins with what the one before it left; the cuff is not empty yet."""
    bed = Bedside()
    bed.state = replace(bed.state, watch=resumed(HARD, fall, bed.now))
    bed.read(200, limit=100)
    bed.ask()
    return bed


def asks_again(bed: Bedside) -> None:
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    bed.authorise()
    bed.step()


def test_nothing_left_is_nothing_to_watch() -> None:
    assert resumed(HARD, None, 5) is None


def test_what_was_left_has_a_minute_from_the_empty_cuff_and_then_trips() -> None:
    bed = restarted(Unrecovered(650, 590))
    bed.run(900)
    bed.read(0)
    for _ in range(57):
        bed.oximeter(619)
        bed.run(1_000)
        assert bed.verdict.latched is None
        asks_again(bed)
        assert bed.reason is Reason.ISCHAEMIA_DEBT
    bed.oximeter(619)
    bed.run(200)
    assert bed.verdict.latched is Reason.REPERFUSION_FAILED


def test_what_was_left_and_comes_back_lets_the_next_inflation_pass() -> None:
    bed = restarted(Unrecovered(650, 590))
    bed.oximeter(620)
    bed.run(500)
    asks_again(bed)
    assert not bed.energised
    bed.read(0)
    bed.run(100)
    asks_again(bed)
    assert bed.energised


def test_what_was_left_and_is_not_seen_delays_by_a_minute() -> None:
    bed = restarted(Unrecovered(650, 590))
    bed.read(0)
    bed.run(59_950)
    asks_again(bed)
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    asks_again(bed)
    assert bed.energised


@pytest.mark.parametrize("seen", [600, None])
def test_what_had_failed_to_come_back_goes_on_being_waited_for(seen: int | None) -> None:
    bed = restarted(Unrecovered(650, 590, failed=True))
    bed.read(0)
    for _ in range(120):
        bed.oximeter(seen)
        bed.run(1_000)
        asks_again(bed)
        assert bed.reason is Reason.ISCHAEMIA_DEBT
        assert bed.verdict.latched is None
    bed.oximeter(620)
    bed.step()
    asks_again(bed)
    assert bed.energised


def test_what_was_left_is_neither_verified_nor_of_a_cycle_of_this_run() -> None:
    watch = resumed(HARD, Unrecovered(650, 590), 1_000_000)
    expected = Watch(0, 940_000, 650, None, (), 590, verified="unknown", vented_ms=1_000_000)
    assert watch == expected


def test_a_cuff_that_is_off_the_limb_ends_the_wait_and_nothing_else() -> None:
    bed = restarted(Unrecovered(650, 590, failed=True))
    bed.read(0)
    bed.run(1_000)
    before, bed.state = bed.state, taken_off(bed.state)
    assert bed.state == replace(before, watch=None)
    asks_again(bed)
    assert bed.energised


def test_the_watch_on_an_inflation_under_way_goes_on_whatever_is_said() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=200_000)
    assert taken_off(bed.state) is bed.state
    assert bed.state.watch is not None
