"""Examinations with the cuff, in virtual time with the real firmware and a simulated limb."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.exams.errors import TraceUnusable
from gateway.exams.result import encode
from gateway.model import Limb, Reason
from gateway.record.events import (
    AlarmRaised,
    ExaminationEnded,
    ExaminationResult,
    ExaminationStarted,
    InflationAuthorised,
    InflationStarted,
    SessionEnded,
)
from gateway.record.exam_trace import Samples, sha256
from gateway.record.reader import JournalReader
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    DeclaredSession,
    ExamResult,
    ExamShow,
    ExamStart,
    PatientHistory,
    SessionCuffRemoved,
    SessionStop,
)
from gateway.simulation.nurse import start_request
from tests.runtime.exam_room import PATIENT, SHORT_TEST, ExamRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ExamRoom]:
    found = ExamRoom(tmp_path / "journal.db")
    yield found
    found.bedside.close()


@pytest.fixture
def armed(room: ExamRoom) -> ExamRoom:
    reply = room.arm()
    assert not reply.exit_code, reply
    return room


# --- to the end ------------------------------------------------------------------------------------------


def test_an_occlusion_test_from_arming_to_the_summary(armed: ExamRoom) -> None:
    assert not armed.begin("occlusion-test", **SHORT_TEST).exit_code
    assert armed.state["examination"] == "occlusion-test"
    over = armed.run_to_the_end()
    assert (over["outcome"], over["reason"]) == ("completed", "planned")
    assert armed.state["mode"] == "session", "the session stays armed for the next one"

    result = armed.analyse()
    assert result.value("fall", "1").value == pytest.approx(50.0, abs=15.0)
    assert result.value("occlusion_time", "1").value == pytest.approx(70.0, abs=2.0)
    assert armed.store(result).message == "result stored"
    assert not armed.bedside.ask(SessionCuffRemoved()).exit_code
    assert armed.bedside.core is not None
    assert armed.bedside.core.session is None

    (stored,) = armed.bodies(ExaminationResult)
    document = str(stored["document"]).encode()
    assert stored["sha256"] == hashlib.sha256(document).hexdigest()
    assert (document, stored["trace_sha256"]) == (encode(result), over["trace_sha256"])
    summary = armed.summary()
    assert (summary.examinations, summary.examination_outcomes) == (["occlusion-test"], ["completed"])
    assert summary.examination_result_sha256 == [stored["sha256"]]
    assert summary.examination_definitions == [result.definition]
    assert (summary.cycles_delivered, summary.occlusion_s, summary.prescription) == (0, [], "")
    assert (summary.outcome, summary.trips, summary.therapy) == ("completed", [], "")


def test_the_row_that_authorises_stands_before_the_inflation(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", **SHORT_TEST)
    armed.run_until("inflating")
    (authorised,), (started,) = armed.rows(InflationAuthorised), armed.rows(InflationStarted)
    (asked,) = armed.rows(ExaminationStarted)
    assert asked.seq < authorised.seq < started.seq
    assert msgspec.json.decode(authorised.body)["purpose"] == "occlusion_test"


def test_the_trace_in_memory_is_that_of_the_journal(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", **SHORT_TEST)
    armed.run_to_the_end()
    armed.bedside.ask(SessionCuffRemoved())
    kept = armed.examined()
    (began,), (ended,) = armed.rows(ExaminationStarted), armed.rows(ExaminationEnded)
    begin_ms, body_of_end = began.stamp.mono_ms, msgspec.json.decode(ended.body)
    read = Samples([], [])
    with JournalReader.open(armed.journal) as reader:
        for row in reader.rows(kind="trace"):
            body = msgspec.json.decode(row.body)
            read.cuff.extend((at - begin_ms, c, m) for at, c, m in body["cuff"] if at > begin_ms)
            read.sto2.extend((at - begin_ms, value) for at, value in body["sto2"] if at > begin_ms)
    read = Samples(read.cuff[: body_of_end["cuff_samples"]], read.sto2[: body_of_end["sto2_samples"]])
    assert read == kept.samples
    assert sha256(read) == body_of_end["trace_sha256"] == kept.sha256


def test_two_in_one_session_count_their_inflations_together(armed: ExamRoom) -> None:
    for _ in range(2):
        assert not armed.begin("occlusion-test", **{**SHORT_TEST, "occlusion_ms": 20_000}).exit_code
        armed.run_to_the_end()
    assert [body["cycle"] for body in armed.bodies(InflationStarted)] == [1, 2]
    assert [body["examination"] for body in armed.bodies(ExaminationEnded)] == [1, 2]


def test_a_target_is_aimed_at_and_no_longer(armed: ExamRoom) -> None:
    choices = {"target_permille": 400, "baseline_ms": 20_000, "recovery_ms": 30_000}
    assert not armed.begin("occlusion-test", **choices).exit_code
    armed.run_to_the_end()
    lowest = min(value for _, value in armed.examined().samples.sto2 if value is not None)
    assert 250 <= lowest <= 400
    (row,) = armed.bodies(InflationAuthorised)
    assert row["planned_ms"] == 300_000, "the cap is what debt and budget are judged by"


# --- people and faults -----------------------------------------------------------------------------------


def holding(room: ExamRoom) -> None:
    room.begin("occlusion-test", **SHORT_TEST)
    room.run_until("holding")
    room.bedside.run(5_000)


def assert_over_and_empty(room: ExamRoom, outcome: str, reason: Reason) -> None:
    room.bedside.run(12_000)
    assert room.bedside.plant.pressure_mmhg < 15.0
    (ended,) = room.bodies(ExaminationEnded)
    assert (ended["outcome"], ended["reason"]) == (outcome, reason.value)
    (session,) = room.bodies(SessionEnded)
    assert (session["outcome"], session["reason"]) == (outcome, reason.value)
    assert room.summary().examination_outcomes == [outcome]


def test_a_stop_at_the_desk_ends_it_at_once(armed: ExamRoom) -> None:
    holding(armed)
    assert "venting" in armed.bedside.ask(SessionStop()).message
    assert not armed.bedside.board.actuators.dump_closed
    assert_over_and_empty(armed, "stopped", Reason.STOPPED_BY_OPERATOR)


def test_the_patients_button_ends_it_at_once(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.board.patient_stop_pressed = True
    armed.bedside.run(300)
    assert not armed.bedside.board.actuators.dump_closed
    assert_over_and_empty(armed, "stopped", Reason.STOPPED_BY_PATIENT)


def test_the_button_at_the_bedside_ends_it_at_once(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.press_button()
    assert not armed.bedside.board.actuators.dump_closed
    assert_over_and_empty(armed, "stopped", Reason.STOPPED_AT_BEDSIDE)


def test_a_trip_ends_it_and_latches(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.plant.defects.leak_factor = 20_000.0
    armed.bedside.run(5_000)
    assert armed.bedside.core is not None
    assert armed.bedside.core.state.latched is Reason.PRESSURE_LOST
    assert_over_and_empty(armed, "interrupted", Reason.PRESSURE_LOST)
    assert "latched" in armed.arm().message


def test_a_restart_of_core_in_the_middle(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.kill_core()
    armed.bedside.run(3_000)
    assert armed.bedside.plant.pressure_mmhg < 15.0, "leases lapse"
    armed.bedside.start_core()
    armed.bedside.run(5_000)
    assert armed.bedside.core is not None
    assert armed.bedside.core.state.latched is Reason.CORE_RESTARTED
    summary = armed.summary()
    assert (summary.outcome, summary.examinations, summary.examination_outcomes) == (
        "interrupted",
        ["occlusion-test"],
        ["interrupted"],
    )
    (ended,) = armed.bodies(ExaminationEnded)
    assert (ended["reason"], ended["cuff_samples"], ended["trace_complete"]) == ("core_restarted", 0, False)
    for asked in (ExamShow(), ExamResult(session=summary.session, examination=1, document="{}")):
        gone = armed.bedside.ask(asked)
        assert gone.exit_code == EXIT_NOT_NOW
        assert f"occlusion-test 1 of session {summary.session} was interrupted" in gone.message
        assert "no result" in gone.message


def test_a_second_restart_tells_nothing_twice(armed: ExamRoom) -> None:
    holding(armed)
    for _ in range(2):
        armed.bedside.kill_core()
        armed.bedside.run(3_000)
        armed.bedside.start_core()
    assert len(armed.rows(ExaminationEnded)) == 1
    assert "no examination was started" in armed.bedside.ask(ExamShow()).message


def test_a_restart_counts_what_the_limb_has_borne_for_examinations(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.kill_core()
    armed.bedside.run(3_000)
    armed.bedside.start_core()
    assert armed.bedside.core is not None
    history = armed.bedside.core.recorder.history(PATIENT, armed.bedside.now)
    assert {one.therapy for one in history.exposures} == {False}
    assert [one.therapy for one in history.sessions] == [False]
    assert sum(one.above_ms for one in history.exposures) >= 5_000


def test_a_saturation_that_is_lost_alarms_and_the_occlusion_is_finished(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.plant.defects.probe_off = True
    over = armed.run_to_the_end()
    assert over["outcome"] == "completed"
    assert "tissue_saturation_lost" in [body["condition"] for body in armed.bodies(AlarmRaised)]
    with pytest.raises(TraceUnusable, match="check the probe"):
        armed.analyse()


def test_a_target_without_saturation_is_vented_after_ten_seconds(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", target_permille=300, baseline_ms=20_000, recovery_ms=30_000)
    armed.run_until("holding")
    armed.bedside.plant.defects.probe_off = True
    since = armed.bedside.now
    armed.run_until("recovery")
    assert armed.bedside.now - since <= 12_000


# --- what is refused -------------------------------------------------------------------------------------


def test_over_budget_is_refused_before_anything_begins(room: ExamRoom) -> None:
    day = DeclaredSession(limb="left_thigh", ended_min_ago=60, above_min=17, therapy=False)
    assert not room.tell(PatientHistory(patient=PATIENT, sessions=[day], confirm=True)).exit_code
    assert not room.arm().exit_code
    reply = room.begin("occlusion-test", occlusion_ms=200_000)
    assert reply.exit_code == EXIT_REFUSED
    assert "left for examinations" in reply.message
    assert not room.begin("occlusion-test", occlusion_ms=60_000).exit_code
    assert len(room.rows(ExaminationStarted)) == 1


def test_a_debt_is_waited_for(armed: ExamRoom) -> None:
    asked = armed.begin("occlusion-test", occlusion_ms=300_000, baseline_ms=0)
    assert "of blood flow first" in asked.message
    armed.bedside.run(60_000)
    assert armed.state["waiting_for"] == "ischaemia_debt"
    assert armed.rows(InflationAuthorised) == []


def test_a_stale_pressure_is_refused_at_once_and_waited_for_later(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", **{**SHORT_TEST, "baseline_ms": 310_000})
    armed.bedside.run(312_000)
    assert armed.state["waiting_for"] == "blood_pressure_stale"
    assert armed.rows(InflationAuthorised) == []
    armed.enter()
    armed.run_until("holding")
    armed.bedside.ask(SessionStop())
    armed.bedside.run(5_000)
    assert armed.arm().exit_code == 0
    armed.bedside.run(301_000)
    late = armed.begin("occlusion-test", **SHORT_TEST)
    assert (late.exit_code, "session pressure" in late.message) == (EXIT_NOT_NOW, True)


def test_a_slow_cuff_is_vented_and_then_refused(armed: ExamRoom) -> None:
    assert not armed.begin("oxidative-capacity").exit_code
    over = armed.run_to_the_end()
    assert (over["outcome"], over["reason"]) == ("given_up", Reason.INFLATION_TOO_SLOW.value)
    assert "reservoir" in str(over["text"])
    assert armed.bedside.core is not None
    assert armed.bedside.core.state.latched is None
    again = armed.begin("oxidative-capacity")
    assert (again.exit_code, "reservoir" in again.message) == (EXIT_REFUSED, True)


def test_no_oximeter_no_saturation_test(armed: ExamRoom) -> None:
    armed.bedside.plant.defects.probe_off = True
    armed.bedside.run(12_000)
    reply = armed.begin("occlusion-test")
    assert (reply.exit_code, "oximeter" in reply.message) == (EXIT_UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("request_", "code", "word"),
    [
        (ExamStart(exam="occlusion-test", confirm=False), EXIT_USAGE, "--confirm"),
        (ExamStart(exam="spasm", confirm=True), EXIT_REFUSED, "no examination with the cuff"),
        (ExamStart(exam="occlusion-test", confirm=True, choices={"runs": 2}), EXIT_REFUSED, "has no runs"),
        (
            ExamStart(exam="occlusion-test", confirm=True, choices={"occlusion_ms": 300_001}),
            EXIT_REFUSED,
            "of occlusion",
        ),
        (ExamStart(exam="limb-pressure", confirm=True), EXIT_REFUSED, "posture supine"),
        (
            ExamStart(exam="occlusion-test", confirm=True, choices={"margin_mmhg": 140}),
            EXIT_REFUSED,
            "limb occlusion pressure",
        ),
    ],
)
def test_what_makes_no_sense_or_may_not_be(
    armed: ExamRoom, request_: ExamStart, code: int, word: str
) -> None:
    reply = armed.bedside.ask(request_)
    assert (reply.exit_code, word in reply.message) == (code, True), reply.message
    assert armed.rows(ExaminationStarted) == []


def test_without_a_session_and_in_a_prescribed_one(room: ExamRoom) -> None:
    assert "no session for examinations" in room.begin("occlusion-test").message
    room.bedside.press_button()
    started = room.bedside.ask(start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT))
    assert not started.exit_code
    assert "a prescription is being carried out" in room.begin("occlusion-test").message


def test_one_at_a_time(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", **SHORT_TEST)
    reply = armed.begin("occlusion-test", **SHORT_TEST)
    assert (reply.exit_code, "under way" in reply.message) == (EXIT_NOT_NOW, True)
    removed = armed.bedside.ask(SessionCuffRemoved())
    assert (removed.exit_code, "still running" in removed.message) == (EXIT_NOT_NOW, True)


def test_an_idle_session_ends_by_itself(armed: ExamRoom) -> None:
    armed.bedside.run(602_000)
    (ended,) = armed.bodies(SessionEnded)
    assert ended["outcome"] == "completed"


# --- results that do not fit -----------------------------------------------------------------------------


def test_results_that_are_of_something_else_are_not_stored(armed: ExamRoom) -> None:
    armed.begin("occlusion-test", **SHORT_TEST)
    armed.run_to_the_end()
    result = armed.analyse()
    strange = msgspec.structs.replace
    others = {
        "another limb": strange(result, limb=None),
        "is of pulse": strange(result, exam="pulse"),
        "whole trace": strange(result, recording=strange(result.recording, sha256="0" * 64)),
    }
    for word, other in others.items():
        reply = armed.store(other)
        assert (reply.exit_code, word in reply.message) == (EXIT_REFUSED, True), reply.message
    said = armed.shown
    nonsense = ExamResult(session=str(said["session"]), examination=1, document="[]")
    assert armed.bedside.ask(nonsense).exit_code == EXIT_USAGE
    assert armed.rows(ExaminationResult) == []


def test_what_was_stopped_has_no_result(armed: ExamRoom) -> None:
    holding(armed)
    armed.bedside.ask(SessionStop())
    armed.bedside.run(12_000)
    kept = armed.examined()
    assert kept.samples.cuff, "its trace is there to be looked at"
    reply = armed.bedside.ask(ExamResult(session=kept.session, examination=1, document="{}"))
    assert reply.exit_code == EXIT_USAGE
