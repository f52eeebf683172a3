"""What stands between a request and a session: every gate, at a whole bedside in virtual time."""

from collections.abc import Callable

import msgspec
import pytest

from gateway.model import Limb
from gateway.record.events import PainScored, ScreeningAnswered, SelfTested, SessionEnded, SessionStarted
from gateway.runtime.arming import PRESS_FIRST
from gateway.runtime.requests import (
    PatientHistory,
    Reply,
    SessionClearPatient,
    SessionPain,
    SessionPressure,
    SessionReset,
    SessionStart,
)
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import PATIENT, People

START = start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT)


def ask(people: People, **changes: object) -> Reply:
    """Press the button and ask for a session that differs in this."""
    people.bedside.press_button()
    return people.bedside.ask(msgspec.structs.replace(START, **changes))


def told(people: People) -> None:
    people.bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))


# screening and words


def test_a_whole_start_is_on_record_with_its_screening_and_self_test(people: People) -> None:
    told(people)
    assert ask(people).exit_code == 0
    types = people.types()
    for name in (SelfTested.name, SessionStarted.name, ScreeningAnswered.name):
        assert types.count(name) == 1
    assert types.index(SelfTested.name) < types.index(SessionStarted.name)


@pytest.mark.parametrize("question", sorted(START.answers))
def test_one_wrong_or_missing_answer_is_no_session(people: People, question: str) -> None:
    told(people)
    wrong = {"yes": "no", "no": "yes"}[START.answers[question]]
    reply = ask(people, answers={**START.answers, question: wrong})
    assert reply.exit_code == 65
    assert question in reply.message
    reply = ask(people, answers={one: answer for one, answer in START.answers.items() if one != question})
    assert reply.exit_code == 65
    assert f"not answered: {question}" in reply.message
    assert SessionStarted.name not in people.types()


@pytest.mark.parametrize(
    ("changes", "exit_code", "words"),
    [
        ({"cuff_width_mm": None}, 75, "the width of the cuff"),
        ({"circumference_mm": None}, 75, "a thigh needs its circumference"),
        ({"circumference_mm": 771}, 75, "77 cm at most"),
        ({"limb": "left"}, 2, "the limb must be one of left_thigh"),
        ({"patient": "Mrs. Name"}, 2, "no name"),
        ({"confirm": False}, 2, "--confirm"),
        ({"systolic_mmhg": 89}, 65, "90-180"),
        ({"prescription": "none"}, 78, "no prescription 'none'"),
    ],
)
def test_what_is_wrong_is_said(
    people: People, changes: dict[str, object], exit_code: int, words: str
) -> None:
    told(people)
    reply = ask(people, **changes)
    assert (reply.exit_code, words in reply.message) == (exit_code, True), reply.message
    assert SessionStarted.name not in people.types()


def test_the_button_must_have_been_pressed_within_the_minute(people: People) -> None:
    told(people)
    assert people.bedside.ask(START).message.endswith(
        "press the button at the bedside first; it counts for a minute"
    )
    people.bedside.press_button()
    people.bedside.run(60_000)
    assert people.bedside.ask(START).exit_code == 75
    assert ask(people).exit_code == 0


def test_a_sensor_off_its_zero_fails_the_self_test(people: People) -> None:
    told(people)
    people.bedside.plant.defects.limit.offset_dmmhg = 40
    people.bedside.run(500)
    reply = ask(people)
    assert reply.exit_code == 75
    assert "both must be within 3 of zero" in reply.message
    assert SessionStarted.name not in people.types()


def test_clearing_a_latch_needs_the_button_too(people: People) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    people.bedside.plug_cable()
    people.bedside.run(60_000)
    reply = people.bedside.ask(SessionReset(confirm=True))
    assert (reply.exit_code, reply.message) == (75, PRESS_FIRST)
    assert people.state()["latched"] == "cuff_status_lost"
    people.bedside.press_button()
    assert people.bedside.ask(SessionReset(confirm=True)).exit_code == 0
    assert people.state()["latched"] is None


def test_a_stop_at_the_bedside_arms_nothing(people: People) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    press(people)
    people.run_until_mode("idle")
    people.bedside.run(5_000)
    other = msgspec.structs.replace(START, patient="token-2")
    people.bedside.ask(PatientHistory(patient="token-2", nothing=True, confirm=True))
    assert people.bedside.ask(other).message == f"not started: {PRESS_FIRST}"


def test_a_controller_that_restarts_or_comes_back_is_no_press(people: People) -> None:
    people.bedside.press_button()
    people.bedside.run(61_000)
    people.bedside.kill_firmware()
    people.bedside.run(1_000)
    people.bedside.start_firmware()
    people.bedside.run(2_000)
    assert not people.bedside.core.was_pressed(people.bedside.now)
    people.bedside.pull_cable()
    people.bedside.press_button()
    people.bedside.run(61_000)
    people.bedside.plug_cable()
    people.bedside.run(2_000)
    assert not people.bedside.core.was_pressed(people.bedside.now)


# the patient's day


def test_an_unknown_day_is_no_session(people: People) -> None:
    reply = ask(people)
    assert reply.exit_code == 65
    assert "24" in reply.message
    told(people)
    assert ask(people).exit_code == 0


def test_a_second_session_waits_four_hours(people: People) -> None:
    told(people)
    assert ask(people).exit_code == 0
    people.run_until_mode("idle", 500_000)
    assert ask(people).exit_code == 65


# blood pressures


def test_the_third_identical_systolic_is_queried(people: People) -> None:
    told(people)
    assert ask(people).exit_code == 0
    again = SessionPressure(systolic_mmhg=120, diastolic_mmhg=71, confirm=True)
    assert people.bedside.ask(again).exit_code == 0
    reply = people.bedside.ask(again)
    assert reply.exit_code == 75
    assert "for the third time in a row" in reply.message
    other = SessionPressure(systolic_mmhg=121, diastolic_mmhg=71, confirm=True)
    assert people.bedside.ask(other).exit_code == 0
    assert people.bedside.ask(again).exit_code == 0


def test_a_person_may_insist_that_it_was_measured_again(people: People) -> None:
    told(people)
    assert ask(people).exit_code == 0
    same = SessionPressure(systolic_mmhg=120, diastolic_mmhg=71, confirm=True)
    assert people.bedside.ask(same).exit_code == 0
    insisted = msgspec.structs.replace(same, measured_again=True)
    assert people.bedside.ask(insisted).exit_code == 0


# stops, and what may be resumed


def press(people: People) -> None:
    people.bedside.press_button()


def press_as_patient(people: People) -> None:
    people.bedside.board.patient_stop_pressed = True
    people.bedside.run(200)
    people.bedside.board.patient_stop_pressed = False


def hurt(people: People) -> None:
    people.bedside.ask(SessionPain(nrs=7))


def look_in_pain(people: People) -> None:
    people.bedside.ask(SessionPain(cpot=3))


def clear_patient(people: People) -> None:
    people.bedside.ask(SessionClearPatient())


@pytest.mark.parametrize(
    ("stop", "reason", "resumable"),
    [
        (press, "stopped_at_bedside", False),
        (press_as_patient, "stopped_by_patient", False),
        (hurt, "intolerable", True),
        (look_in_pain, "intolerable", True),
        (clear_patient, "patient_cleared", True),
    ],
)
def test_every_stop_vents_at_once_and_says_what_it_was(
    people: People, stop: Callable[[People], None], reason: str, resumable: bool
) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    stop(people)
    people.bedside.run(50)
    assert not people.bedside.board.actuators.dump_closed
    people.run_until_mode("idle")
    people.bedside.run(5_000)  # down to zero
    [ended] = [msgspec.json.decode(row.body, type=SessionEnded) for row in people.events_of(SessionEnded)]
    assert ended.reason == reason
    assert (ask(people, resume=True).exit_code == 0) is resumable


@pytest.mark.parametrize(("nrs", "cpot"), [(6, None), (None, 2), (0, None)])
def test_a_bearable_score_is_noted_and_goes_on(people: People, nrs: int | None, cpot: int | None) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    assert people.bedside.ask(SessionPain(nrs=nrs, cpot=cpot)).message == "entered"
    assert people.state()["phase"] == "holding"
    assert people.types().count(PainScored.name) == 1


@pytest.mark.parametrize(("nrs", "cpot"), [(11, None), (-1, None), (None, 9), (None, None), (3, 3)])
def test_a_score_that_does_not_exist_is_refused(people: People, nrs: int | None, cpot: int | None) -> None:
    assert people.bedside.ask(SessionPain(nrs=nrs, cpot=cpot)).exit_code == 2


def test_a_score_without_a_session_belongs_nowhere(people: People) -> None:
    assert people.bedside.ask(SessionPain(nrs=3)).exit_code == 75


def resumed(people: People, **changes: object) -> Reply:
    return ask(people, resume=True, **changes)


def test_a_resumed_session_gives_the_cycles_that_are_missing(people: People) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    hurt(people)
    people.run_until_mode("idle")
    assert "both must be within 3 of zero" in resumed(people).message
    people.bedside.run(5_000)
    assert resumed(people, limb=Limb.RIGHT_THIGH.value).exit_code == 65
    assert resumed(people, prescription="rvos-after-rosprox").exit_code == 65
    assert resumed(people).exit_code == 0
    assert people.state()["cycle"] == 2
    rows = [msgspec.json.decode(row.body, type=SessionStarted) for row in people.events_of(SessionStarted)]
    assert rows[1].resumes.endswith("-1")
    assert rows[1].first_cycle == 2
    people.run_until_mode("idle", 600_000)
    people.bedside.run(5_000)
    assert resumed(people, systolic_mmhg=122).exit_code == 65


def test_after_an_hour_there_is_nothing_to_resume(people: People) -> None:
    told(people)
    ask(people)
    people.run_until("holding", 400_000)
    hurt(people)
    people.run_until_mode("idle")
    people.bedside.clock.ms += 3_600_000
    people.bedside.run(2_000)
    reply = resumed(people)
    assert reply.exit_code == 65
    assert "more than an hour" in reply.message


def test_resuming_needs_something_that_was_interrupted(people: People) -> None:
    told(people)
    reply = resumed(people)
    assert (reply.exit_code, "interrupted here" in reply.message) == (65, True)


def test_a_start_is_typed_as_it_is_sent() -> None:
    assert msgspec.json.decode(msgspec.json.encode(START), type=SessionStart) == START


def test_a_press_that_only_an_old_status_tells_of_does_not_stand(people: People) -> None:
    people.bedside.press_button()
    core = people.bedside.core
    assert core.present(people.bedside.now)
    people.bedside.kill_firmware()
    people.bedside.run(400)
    assert core.present(people.bedside.now)
    people.bedside.run(200)
    assert core.cuff.presence
    assert not core.present(people.bedside.now)


def test_a_stop_between_asking_and_arming_ends_the_start(people: People) -> None:
    told(people)
    people.bedside.press_button()
    started: list[Reply] = []
    people.bedside.desk.ask(START, OPERATOR, people.bedside.now, started.append)
    assert started == []
    people.bedside.board.patient_stop_pressed = True
    people.bedside.controller.core.presence.take_away()
    people.bedside.run(1_000)
    [reply] = started
    assert (reply.exit_code, "look again" in reply.message) == (75, True)
    assert people.bedside.core.session is None
