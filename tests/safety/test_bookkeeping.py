"""What the supervisor carries from step to step: sessions and their accounts, presses, movements, a reset."""

from dataclasses import replace

import pytest

from gateway.model import BloodPressure, Intent, Output, Permit, Purpose, Reason, Safe, StimulationIntent
from gateway.safety import inflation, verification
from gateway.safety.limits import HARD
from gateway.safety.observations import Observations
from gateway.safety.stimulation import StimulationState, StimulatorReading
from tests.safety.bedside import ARMING, SITE, START_MS, TARGET, Bedside
from tests.safety.test_stimulation import Stimulated

VENT = Intent(Output.CUFF, None, 6_000, 1)


def test_a_first_armed_step_without_a_cuff_trips_and_raises_nothing() -> None:
    bed = Bedside()
    assert bed.step(cuff=None).latched is Reason.CUFF_STATUS_LOST
    assert bed.state.session is None


def test_a_reset_resumes_no_inflation_whatever_was_remembered() -> None:
    bed = Bedside()
    bed.hold()
    bed.state = replace(bed.state, latched=Reason.DEVICE_FAULT)
    bed.read(0)
    bed.step(reset=True)
    assert bed.state.inflation is not None
    assert bed.state.inflation.started_ms == bed.now  # a new one, judged whole


def test_who_clears_a_failed_recovery_has_been_told_and_the_limb_stays_watched() -> None:
    bed = Bedside()
    bed.hold()
    bed.step()
    bed.wishes = ()
    bed.state = replace(bed.state, latched=Reason.REPERFUSION_FAILED)
    bed.step(reset=True)
    assert bed.state.watch is not None
    assert bed.state.watch.told


def test_a_reset_forgets_which_stimulator_was_used_and_how_much_it_gave() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.wishes = ()
    bed.report(link=2, arrived_ms=bed.now + 50)
    assert bed.step().latched is Reason.STIMULATOR_LOST
    bed.report(link=2, arrived_ms=bed.now + 50)
    assert bed.step(reset=True).latched is None
    assert bed.state.stimulation == StimulationState()


def test_a_press_between_two_sessions_stops_neither() -> None:
    bed = Bedside()
    bed.step()
    bed.disarm()
    bed.read(0, presses=bed.cuff.presses + 1)
    bed.step()
    bed.arm(number=2)
    bed.ask()
    bed.authorise()
    assert isinstance(bed.step().cuff, Permit)


def test_a_session_starts_its_accounts_at_nothing_and_its_series_anew() -> None:
    bed = Bedside()
    bed.step()
    bed.state = replace(bed.state, therapy_spent_ms=5, examination_spent_ms=7, series_ms=bed.now, session=1)
    bed.step()
    assert (bed.state.therapy_spent_ms, bed.state.examination_spent_ms) == (5, 7)
    assert bed.state.series_ms is not None
    bed.arm(number=2)
    bed.step()
    assert (bed.state.therapy_spent_ms, bed.state.examination_spent_ms) == (0, 0)
    assert (bed.state.series_ms, bed.state.session) == (None, 2)


@pytest.mark.parametrize(
    ("last_ms", "elapsed_ms"),
    [(None, 0), (START_MS + 1, 0), (START_MS, 0), (START_MS - 1, 1), (START_MS - 50, 50)],
)
def test_time_goes_by_from_step_to_step_and_never_back(last_ms: int | None, elapsed_ms: int) -> None:
    assert replace(Bedside().state, now_ms=last_ms).elapsed_ms(START_MS) == elapsed_ms


def test_an_empty_cuff_spends_nothing() -> None:
    bed = Bedside()
    bed.run(1_000)
    assert (bed.state.therapy_spent_ms, bed.state.examination_spent_ms) == (0, 0)


def test_a_contraction_is_a_movement_too() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    assert bed.state.moved_ms is None
    assert bed.pulse(1_000) is None
    assert bed.state.moved_ms == bed.now
    at = bed.now
    bed.pause(50)
    assert bed.state.moved_ms == bed.now
    bed.pause(50)
    assert bed.state.moved_ms == at + 50


def test_a_refusal_of_either_output_alarms_and_names_its_output() -> None:
    bed = Bedside()
    bed.ask(target=3_001)
    bed.authorise()
    assert bed.step().cuff == Safe(Output.CUFF, Reason.TARGET_ABOVE_CEILING)
    assert bed.verdict.conditions == {Reason.TARGET_ABOVE_CEILING}
    pulsed = Stimulated()
    assert pulsed.pulse(60_001) is Reason.STIMULATION_ABOVE_LIMIT
    assert pulsed.verdict.stimulator == Safe(Output.STIMULATOR, Reason.STIMULATION_ABOVE_LIMIT)
    assert pulsed.verdict.conditions == {Reason.STIMULATION_ABOVE_LIMIT}


def test_a_vent_that_lies_in_the_future_began_now() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.step(-5_000)
    assert bed.state.vented_ms == bed.now
    bed.run(9_950)
    assert Reason.DEFLATION_FAILED not in bed.verdict.conditions
    bed.step()
    assert Reason.DEFLATION_FAILED in bed.verdict.conditions


@pytest.mark.parametrize(
    ("purpose", "account"),
    [(Purpose.OCCLUSION, "therapy"), (Purpose.OCCLUSION_TEST, "examination")],
)
@pytest.mark.parametrize(("spent_ms", "reason"), [(4_000, None), (4_001, Reason.BUDGET_SPENT)])
def test_what_was_spent_is_not_left(
    purpose: Purpose, account: str, spent_ms: int, reason: Reason | None
) -> None:
    bed = Bedside()
    bed.arm(therapy_left_ms=20_000, examination_left_ms=20_000)
    bed.step()
    bed.state = replace(bed.state, **{f"{account}_spent_ms": spent_ms})
    bed.ask(purpose=purpose)
    bed.authorise()
    bed.step()
    assert bed.reason is reason


def test_every_inflation_begins_a_watch_of_its_own() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold()
    bed.step()
    assert bed.state.watch is not None
    bed.wishes = ()
    bed.read(0)
    bed.run(10_000)
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    bed.inflate()
    assert bed.state.watch is None


# what nothing happens to is not copied


def test_a_step_in_which_the_cuff_shows_nothing_new_copies_nothing() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.step()
    seen = replace(bed.seen, cuff=bed.cuff)
    assert inflation.observe(HARD, bed.state, seen, bed.now) is bed.state
    assert verification.follow(HARD, bed.state, seen, bed.now) is bed.state


# questions that the supervisor does not ask have answers too


def test_a_vent_is_no_inflation_and_continues_none() -> None:
    bed = Bedside()
    bed.hold()
    under_way = bed.state.inflation
    assert under_way is not None
    climbing = replace(under_way, purpose=Purpose.LIMB_PRESSURE)
    vent = replace(VENT, purpose=Purpose.LIMB_PRESSURE)
    assert inflation.change(HARD, climbing, vent) is Reason.REQUEST_CHANGED
    seen = Observations(cuff_accepted=True, arming=ARMING, blood_pressure=BloodPressure(120, 80, START_MS))
    assert inflation.refusal(HARD, bed.state, seen, VENT, bed.now) is Reason.NO_REQUEST
    idle = replace(bed.state, inflation=None)
    assert inflation.begin(HARD, idle, seen, VENT, bed.now) is idle
    asked, unmeasured = replace(VENT, pressure_dmmhg=TARGET), replace(seen, blood_pressure=None)
    assert inflation.begin(HARD, idle, unmeasured, asked, bed.now) is idle


def test_nothing_is_inflated_without_a_session_or_with_a_controller_that_was_not_accepted() -> None:
    bed, asked = Bedside(), Intent(Output.CUFF, TARGET, 6_000, 1)
    for seen in (Observations(cuff_accepted=True), Observations(arming=ARMING)):
        assert inflation.refusal(HARD, bed.state, seen, asked, bed.now) is Reason.NOT_ARMED


@pytest.mark.parametrize("stimulator", [None, StimulatorReading(False, False, 1, START_MS)])
def test_pulses_without_a_session_are_not_armed(stimulator: StimulatorReading | None) -> None:
    bed = Bedside()
    bed.arm(stimulation=SITE, stimulation_left_ms=600_000)
    bed.wishes = (StimulationIntent(1_000, 300, 500, 1, planned_ms=60_000),)  # type: ignore[assignment]
    verdict = bed.step(arming=None, stimulator=stimulator)
    assert verdict.stimulator == Safe(Output.STIMULATOR, Reason.NOT_ARMED)
