"""Alarms: raised, acknowledged, latched, gone; and never a condition without its alarm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Priority, Reason
from gateway.safety import alarms
from gateway.safety.alarms import Alarm, AlarmChange, AlarmState, Change
from gateway.safety.reasons import priority_of

HIGH, MEDIUM, LOW = Reason.OVER_PRESSURE, Reason.BLOOD_PRESSURE_STALE, Reason.LINK_LOST
SILENT = Reason.ISCHAEMIA_DEBT


def after(*steps: set[Reason] | int | None) -> tuple[AlarmState, list[tuple[Change, Reason]]]:
    """A set is a step with these conditions, a number or ``None`` an acknowledgement; 50 ms each."""
    state, changes = AlarmState(), []
    for index, one in enumerate(steps):
        if isinstance(one, set):
            state, new = alarms.step(state, frozenset(one), 50 * index)
        else:
            state, new = alarms.acknowledge(state, one)
        changes += [(change.change, change.alarm.condition) for change in new]
    return state, changes


def test_a_condition_raises_its_alarm_once() -> None:
    state, changes = after(set(), {HIGH}, {HIGH}, {HIGH})
    assert changes == [(Change.RAISED, HIGH)]
    assert state.alarms == (Alarm(1, HIGH, Priority.HIGH, 50),)
    assert state.alarms[0].state == "active"


def test_a_condition_without_a_priority_raises_none() -> None:
    state, changes = after({SILENT})
    assert (state.alarms, changes, state.next_number) == ((), [], 1)


def test_alarms_of_one_step_have_their_own_numbers() -> None:
    state, _ = after({HIGH, MEDIUM, SILENT}, {HIGH, MEDIUM, LOW})
    assert [alarm.number for alarm in state.alarms] == [1, 2, 3]
    assert state.next_number == 4
    assert state.alarms[2].condition is LOW


@pytest.mark.parametrize("reason", [MEDIUM, LOW])
def test_an_alarm_of_lower_priority_ends_with_its_condition(reason: Reason) -> None:
    state, changes = after({reason}, set())
    assert state.alarms == ()
    assert changes == [(Change.RAISED, reason), (Change.ENDED, reason)]


def test_a_high_alarm_stays_until_it_is_acknowledged() -> None:
    state, changes = after({HIGH}, set(), set())
    assert state.alarms[0].state == "latched"
    assert alarms.loudest(state) is Priority.HIGH
    state, changes = after({HIGH}, set(), None, set())
    assert state.alarms == ()
    assert changes == [(Change.RAISED, HIGH), (Change.ACKNOWLEDGED, HIGH), (Change.ENDED, HIGH)]


def test_an_acknowledged_alarm_is_silent_while_its_condition_lasts_and_then_ends() -> None:
    state, _ = after({HIGH}, 1, {HIGH}, {HIGH})
    assert state.alarms[0].state == "acknowledged"
    assert alarms.loudest(state) is None
    state, changes = after({HIGH}, 1, {HIGH}, set())
    assert state.alarms == ()
    assert changes[-1] == (Change.ENDED, HIGH)


def test_a_latched_alarm_whose_condition_returns_is_active_again() -> None:
    state, changes = after({HIGH}, set(), {HIGH})
    assert state.alarms == (Alarm(1, HIGH, Priority.HIGH, 0),)
    assert changes == [(Change.RAISED, HIGH)]


def test_a_condition_that_returns_after_the_acknowledgement_is_a_new_alarm() -> None:
    state, changes = after({HIGH}, set(), None, {HIGH})
    assert changes == [
        (Change.RAISED, HIGH),
        (Change.ACKNOWLEDGED, HIGH),
        (Change.ENDED, HIGH),
        (Change.RAISED, HIGH),
    ]
    assert state.alarms == (Alarm(2, HIGH, Priority.HIGH, 150),)
    assert alarms.loudest(state) is Priority.HIGH


def test_one_alarm_or_all_are_acknowledged() -> None:
    state, changes = after({HIGH, MEDIUM}, 1)
    assert [alarm.acknowledged for alarm in state.alarms] == [True, False]
    assert changes[2:] == [(Change.ACKNOWLEDGED, state.alarms[0].condition)]
    state, changes = after({HIGH, MEDIUM}, None)
    assert all(alarm.acknowledged for alarm in state.alarms)
    assert [change for change, _ in changes[2:]] == [Change.ACKNOWLEDGED] * 2


def test_what_is_not_there_or_already_acknowledged_changes_nothing() -> None:
    state, _ = after({HIGH}, 1)
    assert alarms.acknowledge(state, 1) == (state, ())
    assert alarms.acknowledge(state, 7) == (state, ())


def test_an_acknowledgement_is_journalled_with_the_alarm_as_it_is_then() -> None:
    state, _ = after({HIGH})
    _, changes = alarms.acknowledge(state, None)
    assert changes == (AlarmChange(Change.ACKNOWLEDGED, Alarm(1, HIGH, Priority.HIGH, 0, acknowledged=True)),)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (set(), None),
        ({LOW}, Priority.LOW),
        ({LOW, MEDIUM}, Priority.MEDIUM),
        ({LOW, MEDIUM, HIGH}, Priority.HIGH),
    ],
)
def test_the_loudest_sounds(conditions: set[Reason], expected: Priority | None) -> None:
    assert alarms.loudest(after(conditions)[0]) is expected


reasons = st.frozensets(st.sampled_from([HIGH, Reason.DEVICE_FAULT, MEDIUM, LOW, SILENT]))


@settings(deadline=None)
@given(st.lists(st.one_of(reasons, st.none(), st.integers(1, 6)), max_size=40))
def test_no_condition_is_silent_and_no_high_alarm_goes_unacknowledged(
    steps: list[frozenset[Reason] | int | None],
) -> None:
    state, acknowledged, told = AlarmState(), set(), set()
    for index, one in enumerate(steps):
        before = state
        if isinstance(one, frozenset):
            state, changes = alarms.step(state, one, index)
            audible = {reason for reason in one if priority_of(reason)}
            assert audible == {alarm.condition for alarm in state.alarms if alarm.active}
        else:
            state, changes = alarms.acknowledge(state, one)
        acknowledged |= {c.alarm.number for c in changes if c.change is Change.ACKNOWLEDGED}
        told |= {c.alarm.number for c in changes if c.change is Change.RAISED}
        gone = {alarm.number for alarm in before.alarms} - {alarm.number for alarm in state.alarms}
        assert gone == {c.alarm.number for c in changes if c.change is Change.ENDED}
        for alarm in before.alarms:
            assert alarm.number not in gone or alarm.priority is not Priority.HIGH or alarm.acknowledged
        assert {alarm.number for alarm in state.alarms} <= told
        assert {alarm.number for alarm in state.alarms if alarm.acknowledged} <= acknowledged
        sounding = [alarm for alarm in state.alarms if alarm.number not in acknowledged]
        assert (alarms.loudest(state) is None) == (not sounding)
        assert len({alarm.condition for alarm in state.alarms}) == len(state.alarms)
