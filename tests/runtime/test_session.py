"""A session from start to end on the virtual bedside: real core, real firmware, real bytes."""

import msgspec

from gateway.model import Limb
from gateway.record.events import (
    BloodPressureEntered,
    InflationAuthorised,
    OcclusionJudged,
    SessionEnded,
    VentCommanded,
)
from gateway.record.reader import JournalReader
from gateway.record.summary import Summary, fold
from gateway.record.verify import verify
from gateway.runtime.requests import PatientHistory, SessionCuffRemoved, SessionPressure, SessionStop
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import People


def _summary(people: People) -> Summary:
    rows = [row for row in people.events() if row.type == Summary.name]
    return msgspec.json.decode(rows[-1].body, type=Summary)


def test_a_fault_free_session_delivers_every_cycle_and_sounds_no_alarm(people: People) -> None:
    assert people.start().exit_code == 0
    people.run_until_mode("idle")
    summary = _summary(people)
    assert (summary.outcome, summary.cycles_prescribed, summary.cycles_delivered) == ("completed", 2, 2)
    assert summary.alarms == []
    assert summary.trips == []
    assert summary.time_in_band_15mmhg == 1.0
    assert all(5.9 <= seconds <= 6.1 for seconds in summary.occlusion_s if seconds is not None)


def test_the_summary_row_is_the_fold_of_the_journal(people: People) -> None:
    session = people.start().data["session"]
    people.run_until_mode("idle")
    with JournalReader.open(people.journal) as reader:
        assert fold(reader.rows(session=session), session) == _summary(people)


def test_the_authorisation_is_in_the_journal_before_the_cuff_is_energised(people: People) -> None:
    people.start()
    bedside = people.bedside
    for _ in range(3000):
        bedside.turn()
        if bedside.board.actuators.dump_closed:
            break
    authorised = [row for row in people.events() if row.type == InflationAuthorised.name]
    assert len(authorised) == 1
    assert authorised[0].stamp.mono_ms < bedside.now


def test_stop_vents_within_one_turn_and_ends_the_session_as_stopped(people: People) -> None:
    people.start()
    people.run_until("holding")
    assert people.bedside.ask(SessionStop()).exit_code == 0
    people.bedside.run(20)
    assert not people.bedside.board.actuators.dump_closed
    people.run_until_mode("idle")
    summary = _summary(people)
    assert (summary.outcome, summary.end_reason) == ("stopped", "stopped_by_operator")
    assert summary.stops == ["stopped_by_operator"]
    vents = [row.body for row in people.events() if row.type == VentCommanded.name]
    reasons = [msgspec.json.decode(body, type=VentCommanded).reason for body in vents]
    assert reasons == ["stopped_by_operator"]
    assert summary.cycles_delivered == 0


def test_a_stop_right_after_the_first_lease_still_leaves_a_whole_record(people: People) -> None:
    people.start()
    bedside = people.bedside
    while not bedside.board.actuators.dump_closed:
        bedside.turn()
    bedside.ask(SessionStop())
    people.run_until_mode("idle")
    types = people.types()
    once = ("inflation_started", "vent_commanded", "cuff_deflated")
    assert [types.count(kind) for kind in once] == [1, 1, 1]


def test_a_stale_blood_pressure_keeps_the_cuff_down_until_one_is_entered(people: People) -> None:
    people.start(prescription="rvos-after-rosprox")
    people.bedside.run(910_000)  # the second cycle is due; the pressure is that of the first
    state = people.state()
    assert state["waiting_for"] == "blood_pressure_stale"
    assert not people.bedside.board.actuators.dump_closed
    raised = [alarm.condition.value for alarm in people.bedside.core.alarms.alarms]
    assert raised == ["blood_pressure_stale"]
    people.bedside.ask(SessionPressure(systolic_mmhg=121, diastolic_mmhg=71, confirm=True))
    people.bedside.run(1000)
    assert people.state()["phase"] in ("inflating", "holding")
    assert people.bedside.core.alarms.alarms == ()


def test_a_cycle_is_skipped_after_ten_minutes_without_a_blood_pressure(people: People) -> None:
    people.start(prescription="rvos-after-rosprox")
    people.bedside.run(910_000 + 601_000)
    assert "cycle_skipped" in people.types()
    assert people.state()["cycle"] == 3


def test_what_nobody_confirmed_or_mistyped_is_not_entered(people: People) -> None:
    people.start()
    ask = people.bedside.ask
    assert ask(SessionPressure(systolic_mmhg=120, diastolic_mmhg=70, confirm=False)).exit_code == 2
    assert ask(SessionPressure(systolic_mmhg=251, diastolic_mmhg=70, confirm=True)).exit_code == 2
    entered = [row for row in people.events() if row.type == BloodPressureEntered.name]
    assert len(entered) == 1


def test_the_cuff_on_the_limb_is_asked_for_until_it_is_off(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    people.bedside.run(301_000)
    assert [alarm.condition.value for alarm in people.bedside.core.alarms.alarms] == ["cuff_not_removed"]
    assert people.bedside.ask(SessionCuffRemoved()).exit_code == 0
    people.bedside.run(100)
    assert people.bedside.core.alarms.alarms == ()


def conditions(people: People) -> list[str]:
    return [alarm.condition.value for alarm in people.bedside.core.alarms.alarms]


def test_a_restart_does_not_begin_the_wait_for_the_cuff_anew(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    for _ in range(3):
        people.bedside.run(90_000)
        people.bedside.kill_core()
        people.bedside.start_core()
        assert "cuff_not_removed" not in [
            alarm.condition.value for alarm in people.bedside.core.alarms.alarms
        ]
    people.bedside.run(31_000)
    assert "cuff_not_removed" in [alarm.condition.value for alarm in people.bedside.core.alarms.alarms]


def test_the_verdict_on_the_last_occlusion_is_not_written_for_the_next_patient(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    people.bedside.ask(SessionCuffRemoved())
    people.bedside.ask(PatientHistory(patient="token-2", nothing=True, confirm=True))
    people.bedside.press_button()
    request = start_request("demo", Limb.LEFT_THIGH, 124, 71, patient="token-2")
    second = people.bedside.ask(request).data["session"]
    people.bedside.run(1_000)
    assert [row for row in people.events_of(OcclusionJudged) if row.session == second] == []
    people.run_until_mode("idle")
    judged = [row.body for row in people.events_of(OcclusionJudged) if row.session == second]
    assert [msgspec.json.decode(body)["cycle"] for body in judged] == [1, 2]


def test_the_journal_of_a_session_verifies_and_ends_with_its_ending(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    assert verify(people.journal).ok
    assert people.types()[-2:] == [SessionEnded.name, Summary.name]


def test_no_patient_token_leaves_in_an_event(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    assert all(b"token-1" not in row.body for row in people.events())
    with JournalReader.open(people.journal) as reader:
        audits = [row.body for row in reader.rows(kind="audit")]
    assert any(b"token-1" in body for body in audits)
