"""The plan alone: each phase's step, and how long it says that the phase still lasts."""

import pytest

from gateway.model import BloodPressure, Intent, Output, Permit, Reason, Safe
from gateway.therapy import rvos
from gateway.therapy.prescription import RvosPrescription
from gateway.therapy.rvos import Phase, PlanState, Seen, Skipped, next_inflation_ms, start, time_left_ms

SHORT = RvosPrescription("short", "Short", "", 2, 6_000, 5_000, 50, 4_000, 10_000)
VENT = Intent(Output.CUFF, None)
ASKED = Intent(Output.CUFF, 1700, 6_000, 1)
GRANTED = Permit(Output.CUFF, 1700, 9_999)


def seen(
    answer: Permit | Safe | None = None,
    pressure: BloodPressure | None = None,
    *,
    started_ms: int | None = None,
    reached: bool = False,
    deflated: bool = True,
) -> Seen:
    return Seen(answer, pressure or BloodPressure(120, 80, 0), started_ms, reached, deflated)


def refused(reason: Reason) -> Seen:
    return seen(Safe(Output.CUFF, reason))


def test_the_baseline_lasts_its_time_and_asks_for_nothing() -> None:
    state = start(1_000)
    assert rvos.step(SHORT, state, seen(), 4_999) == (state, VENT, ())
    after, intent, _ = rvos.step(SHORT, state, seen(), 5_000)
    assert (after.phase, after.since_ms, intent) == (Phase.WAITING, 5_000, ASKED)


def test_waiting_asks_until_it_is_granted() -> None:
    state = PlanState(Phase.WAITING, 1, 0)
    for answer in (None, Safe(Output.CUFF, Reason.ISCHAEMIA_DEBT), Safe(Output.CUFF, Reason.JOURNAL_PENDING)):
        state, intent, _ = rvos.step(SHORT, state, seen(answer), 100)
        assert (state.phase, intent) == (Phase.WAITING, ASKED)
    state, intent, _ = rvos.step(SHORT, state, seen(GRANTED, started_ms=120), 150)
    assert (state.phase, state.started_ms, state.since_ms, intent) == (Phase.INFLATING, 120, 150, ASKED)


@pytest.mark.parametrize(
    ("answer", "started_ms"), [(GRANTED, None), (Safe(Output.CUFF, Reason.NO_REQUEST), 50), (None, 50)]
)
def test_a_start_is_a_permit_with_an_inflation(answer: Permit | Safe | None, started_ms: int | None) -> None:
    state, _, _ = rvos.step(SHORT, PlanState(Phase.WAITING, 1, 0), seen(answer, started_ms=started_ms), 100)
    assert state.phase is Phase.WAITING


def test_the_wait_for_a_person_is_measured_from_its_first_moment() -> None:
    state, intent, _ = rvos.step(
        SHORT, PlanState(Phase.WAITING, 1, 0), refused(Reason.BLOOD_PRESSURE_STALE), 100
    )
    assert (state.unusable_since_ms, intent) == (100, ASKED)
    state, _, skipped = rvos.step(SHORT, state, refused(Reason.BLOOD_PRESSURE_OUT_OF_RANGE), 10_099)
    assert (state.unusable_since_ms, skipped) == (100, ())
    state, intent, skipped = rvos.step(SHORT, state, refused(Reason.TARGET_ABOVE_CEILING), 10_100)
    assert skipped == (Skipped(1, Reason.TARGET_ABOVE_CEILING),)
    assert (state, intent) == (PlanState(Phase.WAITING, 2, 10_100), VENT)


@pytest.mark.parametrize("reason", [Reason.ISCHAEMIA_DEBT, Reason.JOURNAL_PENDING, Reason.NOT_DEFLATED_YET])
def test_a_wait_for_time_skips_nothing_and_forgets_the_other(reason: Reason) -> None:
    waiting = PlanState(Phase.WAITING, 1, 0, unusable_since_ms=100)
    state, _, skipped = rvos.step(SHORT, waiting, refused(reason), 60_000)
    assert (state.unusable_since_ms, skipped) == (None, ())


def test_the_last_cycle_skipped_ends_the_plan() -> None:
    waiting = PlanState(Phase.WAITING, 2, 0, unusable_since_ms=0)
    state, _, _ = rvos.step(SHORT, waiting, refused(Reason.BLOOD_PRESSURE_STALE), 10_000)
    assert state == PlanState(Phase.FINISHED, 2, 10_000)


def test_without_a_blood_pressure_it_asks_for_what_cannot_be_granted() -> None:
    nothing = Seen(None, None, None, False, True)
    state, intent, _ = rvos.step(SHORT, PlanState(Phase.WAITING, 1, 0), nothing, 100)
    assert (state.phase, intent) == (Phase.WAITING, Intent(Output.CUFF, 0, 6_000, 1))


def test_the_hold_begins_where_the_supervisor_saw_the_target() -> None:
    state = PlanState(Phase.INFLATING, 1, 0, target_dmmhg=1700, started_ms=0)
    state, _, _ = rvos.step(SHORT, state, seen(GRANTED, started_ms=0), 100)
    assert state.phase is Phase.INFLATING
    state, intent, _ = rvos.step(SHORT, state, seen(GRANTED, started_ms=0, reached=True), 150)
    assert (state.phase, state.since_ms, intent) == (Phase.HOLDING, 150, ASKED)
    again, _, _ = rvos.step(SHORT, state, seen(GRANTED, started_ms=0, reached=True), 200)
    assert again == state


@pytest.mark.parametrize("phase", [Phase.INFLATING, Phase.HOLDING])
def test_the_vent_comes_when_the_occlusion_has_lasted_reached_or_not(phase: Phase) -> None:
    state = PlanState(phase, 1, 0, target_dmmhg=1700, started_ms=1_000)
    _, intent, _ = rvos.step(SHORT, state, seen(GRANTED), 6_999)
    assert intent == ASKED
    after, intent, _ = rvos.step(SHORT, state, seen(GRANTED), 7_000)
    assert (after.phase, after.since_ms, intent) == (Phase.REPERFUSION, 7_000, VENT)


def test_reperfusion_is_counted_from_the_empty_cuff() -> None:
    state = PlanState(Phase.REPERFUSION, 1, 0)
    state, _, _ = rvos.step(SHORT, state, seen(deflated=False), 3_000)
    assert state.deflated_ms is None
    state, _, _ = rvos.step(SHORT, state, seen(), 4_000)
    state, intent, _ = rvos.step(SHORT, state, seen(), 8_999)
    assert (state.phase, state.deflated_ms, intent) == (Phase.REPERFUSION, 4_000, VENT)
    state, intent, _ = rvos.step(SHORT, state, seen(), 9_000)
    assert (state, intent) == (PlanState(Phase.WAITING, 2, 9_000), VENT)


def test_a_cuff_that_fills_again_starts_the_reperfusion_anew() -> None:
    state = PlanState(Phase.REPERFUSION, 1, 0, deflated_ms=4_000)
    state, _, _ = rvos.step(SHORT, state, seen(deflated=False), 8_000)
    state, _, _ = rvos.step(SHORT, state, seen(), 8_050)
    state, _, _ = rvos.step(SHORT, state, seen(), 13_000)
    assert (state.phase, state.deflated_ms) == (Phase.REPERFUSION, 8_050)


def test_the_last_reperfusion_belongs_to_the_session() -> None:
    state = PlanState(Phase.REPERFUSION, 2, 0, deflated_ms=0)
    assert rvos.step(SHORT, state, seen(), 4_999)[0].phase is Phase.REPERFUSION
    assert rvos.step(SHORT, state, seen(), 5_000)[0] == PlanState(Phase.FINISHED, 2, 5_000)


def test_finished_stays_finished() -> None:
    state = PlanState(Phase.FINISHED, 2, 0)
    assert rvos.step(SHORT, state, seen(GRANTED, started_ms=0, reached=True), 99_000) == (state, VENT, ())


@pytest.mark.parametrize(
    ("state", "left_ms"),
    [
        (PlanState(Phase.BASELINE, 1, 0), 3_000),
        (PlanState(Phase.WAITING, 1, 0), 0),
        (PlanState(Phase.INFLATING, 1, 0, started_ms=500), 5_500),
        (PlanState(Phase.HOLDING, 1, 900, started_ms=500), 5_500),
        (PlanState(Phase.REPERFUSION, 1, 0), 5_000),
        (PlanState(Phase.REPERFUSION, 1, 0, deflated_ms=700), 4_700),
        (PlanState(Phase.REPERFUSION, 1, 0, deflated_ms=0), 4_000),
        (PlanState(Phase.FINISHED, 2, 0), 0),
    ],
)
def test_the_time_left_of_a_phase(state: PlanState, left_ms: int) -> None:
    assert time_left_ms(SHORT, state, 1_000) == left_ms


@pytest.mark.parametrize("phase", [Phase.BASELINE, Phase.HOLDING, Phase.REPERFUSION])
def test_no_time_is_left_of_what_is_over(phase: Phase) -> None:
    assert time_left_ms(SHORT, PlanState(phase, 1, 0, deflated_ms=0), 60_000) == 0


@pytest.mark.parametrize("phase", Phase)
def test_steps_are_pure(phase: Phase) -> None:
    state, looked = PlanState(phase, 1, 0, 1700), seen(GRANTED, started_ms=10, reached=True)
    kept = (repr(state), repr(looked))
    assert rvos.step(SHORT, state, looked, 7_000) == rvos.step(SHORT, state, looked, 7_000)
    assert kept == (repr(state), repr(looked))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (start(0), 4_000),
        (PlanState(Phase.WAITING, 2, 0), 1_000),
        (PlanState(Phase.INFLATING, 1, 0, started_ms=500), 11_500),
        (PlanState(Phase.HOLDING, 1, 800, started_ms=500), 11_500),
        (PlanState(Phase.REPERFUSION, 1, 0), 6_000),
        (PlanState(Phase.REPERFUSION, 1, 0, deflated_ms=200), 5_200),
        (PlanState(Phase.HOLDING, 2, 800, started_ms=500), None),
        (PlanState(Phase.REPERFUSION, 2, 0, deflated_ms=200), None),
        (PlanState(Phase.FINISHED, 2, 0), None),
    ],
)
def test_it_says_when_it_will_ask_for_the_next_inflation(state: PlanState, expected: int | None) -> None:
    assert next_inflation_ms(SHORT, state, 1_000) == expected
    assert rvos.RvosPlan(SHORT, state).next_inflation_ms(1_000) == expected
