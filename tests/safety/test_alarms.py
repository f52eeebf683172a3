"""Alarms: raised, acknowledged, paused, risen, latched, gone; and never a condition without its alarm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Priority, Reason
from gateway.safety import alarms
from gateway.safety.alarms import Alarm, AlarmChange, AlarmState, Change, PauseBegun, PauseEnd, PauseEnded
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


def test_a_quiet_step_makes_nothing_new() -> None:
    state = AlarmState()
    assert alarms.step(state, frozenset(), 50) == (state, ())
    assert alarms.step(state, frozenset(), 50)[0] is state
    assert alarms.pause_left_ms(state, 50) == 0


def test_a_reason_that_is_latched_is_announced_also_where_nothing_holds() -> None:
    raised = Alarm(1, HIGH, Priority.HIGH, 50, holds=False)
    assert alarms.step(AlarmState(), frozenset(), 50, HIGH)[1] == (AlarmChange(Change.RAISED, raised),)


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


# the pause


def paused(conditions: set[Reason], duration_ms: int = 60_000) -> AlarmState:
    """Raised at 0 and paused at 1000 ms."""
    state, _ = alarms.step(AlarmState(), frozenset(conditions), 0)
    state, told = alarms.pause(state, duration_ms, 1_000)
    assert told == (PauseBegun(duration_ms),)
    return state


def test_a_pause_takes_the_sound_and_nothing_else() -> None:
    state = paused({HIGH, LOW})
    assert alarms.audible(state, 1_000) is None
    assert alarms.loudest(state) is Priority.HIGH
    assert [alarm.state for alarm in state.alarms] == ["active", "active"]
    assert alarms.pause_left_ms(state, 1_000) == 60_000


def test_a_pause_ends_at_its_time_to_the_millisecond() -> None:
    state = paused({MEDIUM})
    state, told = alarms.step(state, frozenset({MEDIUM}), 60_999)
    assert (told, alarms.audible(state, 60_999), alarms.pause_left_ms(state, 60_999)) == ((), None, 1)
    assert alarms.audible(state, 61_000) is Priority.MEDIUM  # also before the next step says so
    state, told = alarms.step(state, frozenset({MEDIUM}), 61_000)
    assert told == (PauseEnded(PauseEnd.TIME),)
    assert (state.paused_until_ms, alarms.pause_left_ms(state, 61_000)) == (None, 0)
    assert alarms.step(state, frozenset({MEDIUM}), 61_050)[1] == ()


def test_a_pause_that_is_over_is_over_also_for_a_step_that_comes_late() -> None:
    state = paused({MEDIUM})
    assert alarms.pause_left_ms(state, 61_001) == 0
    assert alarms.audible(state, 61_001) is Priority.MEDIUM
    assert alarms.step(state, frozenset({MEDIUM}), 61_001)[1] == (PauseEnded(PauseEnd.TIME),)


@pytest.mark.parametrize("new", [HIGH, MEDIUM, LOW])
def test_any_new_alarm_ends_the_pause_and_sounds_in_the_same_step(new: Reason) -> None:
    old = Reason.PRESSURE_DEVIATION
    state, told = alarms.step(paused({old}), frozenset({old, new}), 2_000)
    assert told[-1] == PauseEnded(PauseEnd.NEW_ALARM)
    assert alarms.audible(state, 2_000) is alarms.loudest(state) is not None


def test_a_condition_without_an_alarm_leaves_the_pause_alone() -> None:
    state, told = alarms.step(paused({MEDIUM}), frozenset({MEDIUM, SILENT}), 2_000)
    assert told == ()
    assert alarms.audible(state, 2_000) is None


def test_a_latched_alarm_whose_condition_returns_ends_the_pause() -> None:
    state, _ = alarms.step(paused({HIGH}), frozenset(), 2_000)
    state, told = alarms.step(state, frozenset(), 2_050)  # that it is over ends nothing
    assert (told, alarms.audible(state, 2_050)) == ((), None)
    state, told = alarms.step(state, frozenset({HIGH}), 3_000)
    assert told == (PauseEnded(PauseEnd.NEW_ALARM),)
    assert alarms.audible(state, 3_000) is Priority.HIGH


def test_a_reason_that_latches_without_holding_ends_the_pause() -> None:
    over, _ = alarms.step(after({HIGH})[0], frozenset({MEDIUM}), 1_000)
    state, _ = alarms.pause(over, 60_000, 1_500)
    state, told = alarms.step(state, frozenset({MEDIUM}), 2_000, HIGH)
    assert told == (PauseEnded(PauseEnd.NEW_ALARM),)
    assert [alarm.active for alarm in state.alarms] == [True, True]


def test_a_latched_reason_that_holds_again_beside_another_ends_the_pause() -> None:
    state, _ = alarms.step(AlarmState(), frozenset({MEDIUM}), 0, HIGH)
    assert {(alarm.condition, alarm.holds) for alarm in state.alarms} == {(HIGH, False), (MEDIUM, True)}
    state, _ = alarms.pause(state, 60_000, 1_000)
    state, told = alarms.step(state, frozenset({MEDIUM, HIGH}), 2_000, HIGH)
    assert told == (PauseEnded(PauseEnd.NEW_ALARM),)
    assert alarms.step(state, frozenset({MEDIUM}), 2_050, HIGH)[1] == ()


def test_an_acknowledged_latch_stays_silent_until_its_danger_comes_again() -> None:
    state, _ = alarms.acknowledge(alarms.step(AlarmState(), frozenset({HIGH}), 0, HIGH)[0], None)
    for now in (50, 100):
        state, told = alarms.step(state, frozenset(), now, HIGH)
        assert (told, alarms.loudest(state)) == ((), None)
    state, _ = alarms.step(state, frozenset({HIGH}), 150, HIGH)
    assert state.alarms == (Alarm(2, HIGH, Priority.HIGH, 150),)


def test_an_alarm_that_was_acknowledged_when_it_was_over_is_no_answer_to_what_latches_later() -> None:
    state, _ = after({HIGH}, set(), None)
    state, told = alarms.step(state, frozenset(), 200, HIGH)
    assert [(one.change, one.alarm.number) for one in told if isinstance(one, AlarmChange)] == [
        (Change.ENDED, 1),
        (Change.RAISED, 2),
    ]
    assert alarms.loudest(state) is Priority.HIGH


def test_a_pause_of_nothing_is_none() -> None:
    assert alarms.pause(AlarmState(), 60_000, 0) == (AlarmState(), ())
    seen, _ = after({HIGH}, None)
    assert alarms.pause(seen, 60_000, 0) == (seen, ())


@pytest.mark.parametrize(
    ("asked_ms", "given_ms"), [(1, 1), (120_000, 120_000), (120_001, 120_000), (10**9, 120_000)]
)
def test_no_pause_is_longer_than_two_minutes(asked_ms: int, given_ms: int) -> None:
    state, told = alarms.pause(after({HIGH})[0], asked_ms, 500)
    assert (state.paused_until_ms, told) == (500 + given_ms, (PauseBegun(given_ms),))


@pytest.mark.parametrize("asked_ms", [0, -1])
def test_a_person_ends_a_pause(asked_ms: int) -> None:
    state, told = alarms.pause(paused({HIGH}), asked_ms, 2_000)
    assert (told, state.paused_until_ms) == ((PauseEnded(PauseEnd.PERSON),), None)
    assert alarms.audible(state, 2_000) is Priority.HIGH
    assert alarms.pause(state, asked_ms, 3_000) == (state, ())


def test_another_press_begins_the_pause_again() -> None:
    state, told = alarms.pause(paused({HIGH}), 30_000, 50_000)
    assert (state.paused_until_ms, told) == (80_000, (PauseBegun(30_000),))


def test_a_pause_is_over_when_everything_was_acknowledged() -> None:
    state, _ = alarms.acknowledge(paused({HIGH}), None)
    state, told = alarms.step(state, frozenset({HIGH}), 2_000)
    assert (told, state.paused_until_ms) == ((PauseEnded(PauseEnd.NOTHING_LEFT),), None)


def test_a_pause_is_over_when_every_alarm_is() -> None:
    state, told = alarms.step(paused({MEDIUM}), frozenset(), 2_000)
    assert [type(one) for one in told] == [AlarmChange, PauseEnded]
    assert state == AlarmState(next_number=2, answered_ms=2_000)


# escalation

LATEST_MS = {HIGH: 60_000, MEDIUM: 120_000, LOW: 600_000}
PRESENTED = {HIGH: Priority.HIGH, MEDIUM: Priority.HIGH, LOW: Priority.MEDIUM}


@pytest.mark.parametrize("reason", [HIGH, MEDIUM, LOW])
def test_an_alarm_that_nobody_answers_escalates_once_and_to_the_millisecond(reason: Reason) -> None:
    holds, latest = frozenset({reason}), LATEST_MS[reason]
    state, _ = alarms.step(AlarmState(), holds, 7)
    raised = state.alarms[0]
    state, told = alarms.step(state, holds, 7 + latest - 1)
    assert (told, state.alarms) == ((), (raised,))
    state, told = alarms.step(state, holds, 7 + latest)
    risen = Alarm(1, reason, raised.priority, 7, escalated=True)
    assert told == (AlarmChange(Change.ESCALATED, risen),)
    assert (state.alarms, risen.presented) == ((risen,), PRESENTED[reason])
    assert alarms.loudest(state) is PRESENTED[reason]
    assert alarms.step(state, holds, 10**9) == (state, ())


def test_what_is_announced_first() -> None:
    assert alarms.most_urgent(AlarmState()) is None
    state, _ = after({LOW}, {LOW, MEDIUM}, {LOW, MEDIUM, Reason.TISSUE_SATURATION_LOST})
    assert alarms.most_urgent(state) == Alarm(2, MEDIUM, Priority.MEDIUM, 50)
    state, _ = alarms.acknowledge(state, 2)
    assert alarms.most_urgent(state) == Alarm(3, Reason.TISSUE_SATURATION_LOST, Priority.MEDIUM, 100)
    state, _ = alarms.acknowledge(state, None)
    assert alarms.most_urgent(state) is None


def test_a_risen_alarm_is_announced_before_one_that_is_not() -> None:
    state, _ = alarms.step(AlarmState(), frozenset({LOW}), 0)
    state, _ = alarms.step(state, frozenset({LOW, MEDIUM}), 490_000)
    state, _ = alarms.step(state, frozenset({LOW, MEDIUM}), 610_000)
    assert [alarm.presented for alarm in state.alarms] == [Priority.MEDIUM, Priority.HIGH]
    assert alarms.most_urgent(state) == state.alarms[1]


def test_a_risen_alarm_counts_as_what_it_is_presented_as() -> None:
    state, _ = alarms.step(AlarmState(), frozenset({LOW}), 0)
    state, _ = alarms.step(state, frozenset({LOW, MEDIUM}), 600_000)
    assert [alarm.presented for alarm in state.alarms] == [Priority.MEDIUM, Priority.MEDIUM]
    assert alarms.most_urgent(state) == state.alarms[0]  # the older one


def test_what_was_acknowledged_does_not_escalate() -> None:
    state, _ = after({HIGH}, None)
    assert alarms.step(state, frozenset({HIGH}), 10**6) == (state, ())


def test_a_latched_alarm_escalates_as_well() -> None:
    state, _ = after({HIGH}, set())
    state, told = alarms.step(state, frozenset(), 60_000)
    assert (state.alarms[0].state, told[0]) == ("latched", AlarmChange(Change.ESCALATED, state.alarms[0]))


def test_a_risen_alarm_latches_no_more_than_it_did() -> None:
    state, _ = alarms.step(AlarmState(), frozenset({MEDIUM}), 0)
    state, _ = alarms.step(state, frozenset({MEDIUM}), 120_000)
    assert alarms.loudest(state) is Priority.HIGH
    state, told = alarms.step(state, frozenset(), 120_050)
    assert (state.alarms, [one.change for one in told]) == ((), [Change.ENDED])


def test_a_pause_is_an_answer_and_the_time_starts_again_after_it() -> None:
    holds = frozenset({HIGH})
    state = paused({HIGH}, 120_000)
    state, told = alarms.step(state, holds, 120_999)
    assert told == ()
    state, told = alarms.step(state, holds, 121_000)
    assert told == (PauseEnded(PauseEnd.TIME),)
    state, told = alarms.step(state, holds, 180_999)
    assert told == ()
    _, told = alarms.step(state, holds, 181_000)
    assert [one.change for one in told] == [Change.ESCALATED]


def test_an_alarm_raised_after_a_pause_waits_its_own_time() -> None:
    state, _ = alarms.step(paused({LOW}, 1_000), frozenset({LOW}), 2_000)
    state, _ = alarms.step(state, frozenset({LOW, HIGH}), 50_000)
    assert alarms.step(state, frozenset({LOW, HIGH}), 109_999)[1] == ()
    assert len(alarms.step(state, frozenset({LOW, HIGH}), 110_000)[1]) == 1


# whatever happens

reasons = st.frozensets(st.sampled_from([HIGH, Reason.DEVICE_FAULT, MEDIUM, LOW, SILENT]))
hands = st.one_of(st.none(), st.integers(1, 6), st.tuples(st.integers(-1, 130_000)))
moments = st.tuples(st.integers(0, 90_000), st.one_of(reasons, hands))


@settings(deadline=None)
@given(st.lists(moments, max_size=40))
def test_no_condition_is_silent_and_no_high_alarm_goes_unacknowledged(
    moments: list[tuple[int, frozenset[Reason] | int | tuple[int] | None]],
) -> None:
    state, acknowledged, told, now = AlarmState(), set(), set(), 0
    for later, one in moments:
        now, before = now + later, state
        if isinstance(one, frozenset):
            state, changes = alarms.step(state, one, now)
            audible = {reason for reason in one if priority_of(reason)}
            assert audible == {alarm.condition for alarm in state.alarms if alarm.active}
        elif isinstance(one, tuple):
            state, changes = alarms.pause(state, one[0], now)
            assert state.alarms == before.alarms
        else:
            state, changes = alarms.acknowledge(state, one)
        of_alarms = [c for c in changes if isinstance(c, AlarmChange)]
        acknowledged |= {c.alarm.number for c in of_alarms if c.change is Change.ACKNOWLEDGED}
        told |= {c.alarm.number for c in of_alarms if c.change is Change.RAISED}
        gone = {alarm.number for alarm in before.alarms} - {alarm.number for alarm in state.alarms}
        assert gone == {c.alarm.number for c in of_alarms if c.change is Change.ENDED}
        for alarm in before.alarms:
            assert alarm.number not in gone or alarm.priority is not Priority.HIGH or alarm.acknowledged
        assert {alarm.number for alarm in state.alarms} <= told
        assert {alarm.number for alarm in state.alarms if alarm.acknowledged} <= acknowledged
        sounding = [alarm for alarm in state.alarms if alarm.number not in acknowledged]
        assert (alarms.loudest(state) is None) == (not sounding)
        assert len({alarm.condition for alarm in state.alarms}) == len(state.alarms)


class Listener:
    """What a person at the bedside could know: when they last pressed, and since when each alarm waits."""

    def __init__(self) -> None:
        self.pressed_ms: int | None = None
        self.quiet = False
        self.waiting_since: dict[int, int] = {}

    def hear(self, told: tuple[alarms.Told, ...], now: int) -> None:
        for one in told:
            match one:
                case PauseBegun():
                    self.pressed_ms, self.quiet = now, True
                case PauseEnded():
                    self.quiet = False
                    self.waiting_since = dict.fromkeys(self.waiting_since, now)
                case AlarmChange(Change.RAISED, alarm):
                    self.waiting_since[alarm.number] = now
                case AlarmChange(_, alarm):
                    self.waiting_since.pop(alarm.number, None)


@settings(deadline=None)
@given(st.lists(moments, max_size=60))
def test_a_pause_silences_only_what_was_heard_and_nothing_waits_for_ever(
    moments: list[tuple[int, frozenset[Reason] | int | tuple[int] | None]],
) -> None:
    state, person, now = AlarmState(), Listener(), 0
    for later, one in moments:
        now, before = now + later, state
        if isinstance(one, frozenset):
            state, told = alarms.step(state, one, now)
        elif isinstance(one, tuple):
            state, told = alarms.pause(state, one[0], now)
        else:
            state, told = alarms.acknowledge(state, one)
        person.hear(told, now)
        if any(isinstance(c, AlarmChange) and c.change is Change.RAISED for c in told):
            assert alarms.audible(state, now) is not None
        if alarms.pause_left_ms(state, now):
            assert person.quiet
            assert person.pressed_ms is not None
            assert now - person.pressed_ms < 120_000
        elif alarms.loudest(state):
            assert alarms.audible(state, now) is alarms.loudest(state)
        risen = {alarm.number: alarm.presented for alarm in before.alarms}
        for alarm in state.alarms:
            assert priority_rank(alarm.presented) >= priority_rank(risen.get(alarm.number, alarm.priority))
            if isinstance(one, frozenset) and not person.quiet and alarm.number in person.waiting_since:
                assert now - person.waiting_since[alarm.number] < LATEST_MS[LIKE[alarm.priority]]


LIKE = {Priority.HIGH: HIGH, Priority.MEDIUM: MEDIUM, Priority.LOW: LOW}


def priority_rank(priority: Priority) -> int:
    return [Priority.LOW, Priority.MEDIUM, Priority.HIGH].index(priority)
