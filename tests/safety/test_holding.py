"""What is latched and what is there now are told apart: a danger that comes again is seen to come again."""

from dataclasses import replace

import pytest

from gateway.model import DeviceFault, Priority, Reason
from gateway.safety import alarms
from gateway.safety.alarms import Alarm, AlarmState, Change, PauseEnd, PauseEnded
from gateway.safety.stimulation import StimulatorReading
from tests.safety.bedside import TARGET, Bedside
from tests.safety.test_trips import PROVOKED

HIGH = Reason.OVER_PRESSURE


def test_a_trip_that_is_over_stays_latched_and_does_not_hold() -> None:
    bed = Bedside()
    bed.read(3300)
    verdict = bed.step()
    assert (verdict.latched, Reason.OVER_PRESSURE in verdict.holding) == (Reason.OVER_PRESSURE, True)
    bed.read(0)
    verdict = bed.step()
    assert Reason.OVER_PRESSURE in verdict.conditions
    assert Reason.OVER_PRESSURE not in verdict.holding
    bed.read(3300)
    assert Reason.OVER_PRESSURE in bed.step().holding


def test_what_latched_is_followed_also_where_it_is_not_of_the_limb() -> None:
    bed = Bedside()
    bed.read(0, faults=DeviceFault.NO_RISE)
    assert bed.step().holding == {Reason.DEVICE_FAULT}
    bed.read(0, faults=DeviceFault.NONE)
    assert bed.step().holding == set()
    bed.read(0, faults=DeviceFault.NO_RISE)
    assert bed.step().holding == {Reason.DEVICE_FAULT}


def test_another_means_that_fails_after_the_latch_is_no_second_alarm() -> None:
    bed = Bedside()
    bed.step(journal_failed=True)
    bed.read(0, faults=DeviceFault.NO_RISE)
    verdict = bed.step(journal_failed=True)
    assert verdict.holding == {Reason.JOURNAL_FAILED}


@pytest.mark.parametrize(
    ("pressure", "blood", "reason"),
    [(1_399, 1_000, Reason.PRESSURE_LOST), (TARGET, 1_051, Reason.VENOUS_CONGESTION)],
)
def test_what_is_wrong_with_an_inflation_is_over_with_its_vent(
    pressure: int, blood: int, reason: Reason
) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.oximeter(haemoglobin=1_000)
    bed.step()
    bed.read(pressure)
    while bed.verdict.latched is None:
        bed.oximeter(haemoglobin=blood)
        bed.step()
    assert bed.verdict.latched is reason
    assert reason not in bed.verdict.holding


def test_blood_that_stays_away_is_told_whatever_has_latched() -> None:
    bed = Bedside()
    PROVOKED[Reason.REPERFUSION_FAILED](bed)
    bed.state = replace(bed.state, latched=Reason.JOURNAL_FAILED)
    assert bed.step().holding == {Reason.REPERFUSION_FAILED}


def test_current_that_nobody_permitted_is_told_whatever_has_latched() -> None:
    bed = Bedside()
    bed.step(journal_failed=True)
    gives = StimulatorReading(stimulating=True, electrode_fault=False, link=1, arrived_ms=bed.now)
    verdict = bed.step(journal_failed=False, stimulator=gives)
    assert verdict.latched is Reason.JOURNAL_FAILED
    assert verdict.holding == {Reason.STIMULATOR_UNEXPECTED}


# and their alarms


def latched(*steps: tuple[bool, bool] | None) -> tuple[AlarmState, list[Change]]:
    """A pair is a step (is it latched, does it hold), ``None`` an acknowledgement; 50 ms each."""
    state, changes = AlarmState(), []
    for index, one in enumerate(steps):
        if one is None:
            state, new = alarms.acknowledge(state, None)
        else:
            holding = frozenset({HIGH}) if one[1] else frozenset()
            state, new = alarms.step(state, holding, 50 * index, HIGH if one[0] else None)
        changes += [change.change for change in new]
    return state, changes


LATCHED_ONLY, LATCHED_AND_THERE, NEITHER = (True, False), (True, True), (False, False)


def test_what_is_latched_is_announced_whether_or_not_it_holds() -> None:
    state, changes = latched(LATCHED_ONLY, LATCHED_ONLY)
    assert (changes, state.alarms) == ([Change.RAISED], (Alarm(1, HIGH, Priority.HIGH, 0, holds=False),))
    assert state.alarms[0].state == "active"


def test_an_acknowledged_latch_is_silent_after_its_danger_ceased() -> None:
    state, changes = latched(LATCHED_AND_THERE, None, LATCHED_AND_THERE, LATCHED_ONLY, LATCHED_ONLY)
    assert changes == [Change.RAISED, Change.ACKNOWLEDGED]
    assert alarms.loudest(state) is None


def test_a_danger_that_comes_again_while_its_acknowledged_reason_is_latched_is_a_new_alarm() -> None:
    state, changes = latched(LATCHED_AND_THERE, None, LATCHED_ONLY, LATCHED_AND_THERE)
    assert changes == [Change.RAISED, Change.ACKNOWLEDGED, Change.ENDED, Change.RAISED]
    assert state.alarms == (Alarm(2, HIGH, Priority.HIGH, 150),)
    assert alarms.loudest(state) is Priority.HIGH
    state, told = alarms.step(state, frozenset({HIGH}), 150 + 60_000, HIGH)
    assert [one.change for one in told] == [Change.ESCALATED]


def test_each_return_after_an_acknowledgement_is_one_alarm_and_no_more() -> None:
    _, changes = latched(
        LATCHED_AND_THERE, None, *(LATCHED_ONLY, LATCHED_AND_THERE) * 3, None, LATCHED_ONLY, LATCHED_AND_THERE
    )
    assert changes.count(Change.RAISED) == 3


def test_a_latched_danger_that_comes_again_ends_the_pause() -> None:
    state, _ = latched(LATCHED_AND_THERE, LATCHED_ONLY)
    state, _ = alarms.pause(state, 60_000, 100)
    state, told = alarms.step(state, frozenset(), 150, HIGH)
    assert (told, alarms.audible(state, 150)) == ((), None)
    state, told = alarms.step(state, frozenset({HIGH}), 200, HIGH)
    assert told == (PauseEnded(PauseEnd.NEW_ALARM),)
    assert alarms.audible(state, 200) is Priority.HIGH


def test_a_latch_that_was_cleared_takes_its_acknowledged_alarm_with_it() -> None:
    state, changes = latched(LATCHED_AND_THERE, None, LATCHED_ONLY, NEITHER)
    assert (state.alarms, changes[-1]) == ((), Change.ENDED)
