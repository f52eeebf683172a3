"""A session that holds both: examinations, a prescription when a person begins it, examinations again."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.model import Reason
from gateway.record.events import (
    CuffDeflated,
    ExaminationStarted,
    InflationAuthorised,
    InflationStarted,
    PrescriptionBegun,
    SessionEnded,
    SessionStarted,
)
from gateway.runtime.examining import Examining
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_USAGE,
    DeclaredSession,
    PatientHistory,
    SessionBegin,
    SessionCuffRemoved,
    SessionPain,
    SessionStart,
    SessionStop,
)
from tests.runtime.exam_room import PATIENT, ExamRoom

BRIEF = {"occlusion_ms": 10_000, "baseline_ms": 5_000, "recovery_ms": 5_000}
BEGIN = SessionBegin(confirm=True)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ExamRoom]:
    found = ExamRoom(tmp_path / "journal.db")
    yield found
    found.bedside.close()


@pytest.fixture
def both(room: ExamRoom) -> ExamRoom:
    reply = room.arm(prescription="demo")
    assert not reply.exit_code, reply
    return room


def examine(room: ExamRoom) -> None:
    reply = room.begin("occlusion-test", **BRIEF)
    assert not reply.exit_code, reply
    assert room.run_to_the_end()["outcome"] == "completed"


def give_prescription(room: ExamRoom) -> None:
    """To its end, with a fresh blood pressure where one is wanted."""
    reply = room.bedside.ask(BEGIN)
    assert not reply.exit_code, reply
    until_ms = room.bedside.now + 1_800_000
    while room.state["phase"] != "ready":
        assert room.bedside.now < until_ms, room.state
        if room.state["waiting_for"] == "blood_pressure_stale":
            room.enter()
        room.bedside.run(1_000)


def test_before_and_after_in_one_session(both: ExamRoom) -> None:
    assert both.state["phase"] == "prescription_ready"
    examine(both)
    assert both.state["phase"] == "prescription_ready", "it does not begin by itself"
    give_prescription(both)
    examine(both)
    assert not both.bedside.ask(SessionCuffRemoved()).exit_code

    started, begun = both.bodies(SessionStarted)[0], both.bodies(PrescriptionBegun)
    assert (started["prescription"], started["examinations"]) == ("demo", True)
    assert begun == [{"prescription": "demo", "first_cycle": 1, "posture": "", "least_mmhg": 0}]
    given = [(body["purpose"], body["cycle"]) for body in both.bodies(InflationStarted)]
    cycles = int(str(started["cycles_prescribed"]))
    therapy = [("occlusion", cycle) for cycle in range(1, cycles + 1)]
    assert given == [("occlusion_test", 1), *therapy, ("occlusion_test", 2)]

    summary = both.summary()
    assert (summary.cycles_delivered, len(summary.occlusion_s)) == (cycles, cycles)
    assert (summary.examinations, summary.outcome) == (["occlusion-test"] * 2, "completed")
    emptied, after = both.rows(CuffDeflated)[-2], both.rows(InflationStarted)[-1]
    until_examined_s = (after.stamp.mono_ms - emptied.stamp.mono_ms) / 1000
    assert summary.reperfusion_s[-1] == pytest.approx(until_examined_s), "not beyond the examination"


def test_each_has_its_own_account_and_the_session_counts_once_therapy_was_given(both: ExamRoom) -> None:
    assert both.bedside.core is not None
    recorder = both.bedside.core.recorder
    examine(both)
    history = recorder.history(PATIENT, both.bedside.now)
    assert [one.therapy for one in history.sessions] == [False]
    give_prescription(both)
    history = recorder.history(PATIENT, both.bedside.now)
    assert [one.therapy for one in history.sessions] == [True]
    assert {one.therapy for one in history.exposures} == {False, True}
    examined_ms = sum(one.above_ms for one in history.exposures if not one.therapy)
    treated_ms = sum(one.above_ms for one in history.exposures if one.therapy)
    assert 9_000 <= examined_ms <= 20_000
    assert treated_ms > examined_ms


def test_what_authorises_stands_before_what_inflates(both: ExamRoom) -> None:
    both.bedside.ask(BEGIN)
    both.run_until_inflating()
    (begun,), (authorised,), (started,) = (
        both.rows(kind) for kind in (PrescriptionBegun, InflationAuthorised, InflationStarted)
    )
    assert begun.seq < authorised.seq < started.seq
    assert msgspec.json.decode(authorised.body)["purpose"] == "occlusion"
    refused = both.begin("occlusion-test", **BRIEF)
    assert (refused.exit_code, "being carried out" in refused.message) == (EXIT_NOT_NOW, True)
    again = both.bedside.ask(BEGIN)
    assert (again.exit_code, "being carried out" in again.message) == (EXIT_NOT_NOW, True)
    assert len(both.rows(PrescriptionBegun)) == 1


def test_it_begins_once_and_not_while_an_examination_is_under_way(both: ExamRoom) -> None:
    assert both.bedside.ask(SessionBegin(confirm=False)).exit_code == EXIT_USAGE
    both.begin("occlusion-test", **BRIEF)
    early = both.bedside.ask(BEGIN)
    assert (early.exit_code, "under way" in early.message) == (EXIT_NOT_NOW, True)
    both.run_to_the_end()
    give_prescription(both)
    again = both.bedside.ask(BEGIN)
    assert (again.exit_code, "no prescription waits" in again.message) == (EXIT_NOT_NOW, True)


def test_a_press_that_was_used_up_begins_nothing(both: ExamRoom) -> None:
    assert both.bedside.core is not None
    both.bedside.board.patient_stop_pressed = True
    both.bedside.run(300)
    both.bedside.board.patient_stop_pressed = False
    both.bedside.run(300)
    assert both.bedside.ask(BEGIN).exit_code == EXIT_NOT_NOW
    assert both.rows(PrescriptionBegun) == []


@pytest.mark.parametrize("leave", ["idle", "cuff off"])
def test_one_that_nobody_begins_was_stopped_and_is_no_therapy(both: ExamRoom, leave: str) -> None:
    if leave == "idle":
        both.bedside.run(602_000)
    else:
        assert not both.bedside.ask(SessionCuffRemoved()).exit_code
    (ended,) = both.bodies(SessionEnded)
    assert (ended["outcome"], ended["reason"]) == ("stopped", Reason.NO_REQUEST.value)
    assert both.bedside.core is not None
    history = both.bedside.core.recorder.history(PATIENT, both.bedside.now)
    assert [one.therapy for one in history.sessions] == [False]


def test_arming_both_asks_all_that_a_therapy_asks(room: ExamRoom) -> None:
    recent = DeclaredSession(limb="left_thigh", ended_min_ago=60, above_min=10, therapy=True)
    assert not room.tell(PatientHistory(patient=PATIENT, sessions=[recent], confirm=True)).exit_code
    assert room.arm(prescription="demo").exit_code == EXIT_REFUSED, "four hours between therapies"
    assert not room.arm().exit_code, "examinations alone do not count"
    assert "no prescription waits" in room.bedside.ask(BEGIN).message


def test_a_restart_in_an_examination_leaves_the_prescription_to_be_resumed(both: ExamRoom) -> None:
    both.begin("occlusion-test", **BRIEF)
    both.run_until("holding")
    both.bedside.kill_core()
    both.bedside.run(3_000)
    both.bedside.start_core()
    assert both.bedside.core is not None
    stamp = both.bedside.core.recorder.stamp(both.bedside.now)
    found = both.bedside.core.recorder.ledger.resumable(PATIENT, stamp)
    assert found is not None
    assert (found.prescription, found.first_cycle) == ("demo", 1)


def test_what_cannot_be_armed(room: ExamRoom) -> None:
    resumed = room.arm(prescription="demo", resume=True)
    assert (resumed.exit_code, "are not resumed" in resumed.message) == (EXIT_USAGE, True)
    stimulates = room.arm(prescription="nmes-after-angelopoulos")
    assert (stimulates.exit_code, "prescription for the cuff" in stimulates.message) == (EXIT_USAGE, True)
    assert room.rows(SessionStarted) == []


def hurt(room: ExamRoom) -> str:
    reply = room.bedside.ask(SessionPain(nrs=8))
    room.bedside.run(12_000)
    assert not reply.exit_code, reply
    return reply.message


def resumable(room: ExamRoom) -> bool:
    assert room.bedside.core is not None
    recorder = room.bedside.core.recorder
    return recorder.ledger.resumable(PATIENT, recorder.stamp(room.bedside.now)) is not None


def test_a_pain_stop_promises_to_resume_only_what_can_be_resumed(room: ExamRoom) -> None:
    assert not room.arm().exit_code
    assert not room.begin("occlusion-test", **BRIEF).exit_code
    room.run_until("holding")
    said = hurt(room)
    assert ("--resume" in said, resumable(room)) == (False, False), said
    assert "an examination is not resumed" in said


def test_a_pain_stop_before_and_after_the_prescription(both: ExamRoom) -> None:
    examine(both)
    said = hurt(both)
    assert ("--resume" in said, resumable(both)) == (True, True), said


def test_a_pain_stop_after_the_last_cycle_has_nothing_to_resume(both: ExamRoom) -> None:
    give_prescription(both)
    said = hurt(both)
    assert ("--resume" in said, resumable(both)) == (False, False), said


def test_a_stop_between_the_two_ends_both(both: ExamRoom) -> None:
    examine(both)
    both.bedside.ask(SessionStop())
    both.bedside.run(12_000)
    (ended,) = both.bodies(SessionEnded)
    assert ended["outcome"] == "stopped"
    assert both.bedside.ask(BEGIN).exit_code == EXIT_NOT_NOW
    assert len(both.rows(ExaminationStarted)) == 1


def test_the_old_request_is_understood() -> None:
    """A request without the new word means what it meant."""
    asked = SessionStart(prescription="demo", patient="p", limb="left_thigh", confirm=True)
    assert not asked.examinations


def test_a_prescription_that_the_limb_was_found_to_need_more_than_is_not_begun(
    both: ExamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine(both)
    monkeypatch.setattr(Examining, "needed_mmhg", 171)
    refused = both.bedside.ask(BEGIN)
    assert (refused.exit_code, "congest" in refused.message) == (EXIT_REFUSED, True), refused
    assert both.rows(PrescriptionBegun) == []
    monkeypatch.setattr(Examining, "needed_mmhg", 170)
    begun = both.bedside.ask(BEGIN)
    assert not begun.exit_code, begun
