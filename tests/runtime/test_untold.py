"""What a kill, a silent disk or a race left untold, and who tells it later."""

import msgspec

from gateway.model import Limb
from gateway.record.events import AlarmRaised, SessionEnded
from gateway.record.summary import Summary
from gateway.runtime.recorder import SILENT_DISK_MS
from gateway.runtime.requests import AlarmAck, PatientHistory, Reply, SessionStop
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import PATIENT, READINGS_MS, People


def test_a_session_that_ended_without_a_summary_gets_it_from_the_next_run(people: People) -> None:
    people.start()
    people.run_until("holding")
    bedside = people.bedside
    bedside.sink.summarise = lambda session, stamp: bedside.sink.durable  # the kill came in between
    bedside.ask(SessionStop())
    people.run_until_mode("idle")
    assert people.types().count(SessionEnded.name) == 1
    assert Summary.name not in people.types()
    bedside.kill_core()
    bedside.start_core()
    bedside.run(READINGS_MS)
    rows = [row for row in people.events() if row.type == Summary.name]
    assert [msgspec.json.decode(row.body, type=Summary).outcome for row in rows] == ["stopped"]
    bedside.kill_core()
    bedside.start_core()
    bedside.run(1_000)
    assert people.types().count(Summary.name) == 1


def test_a_disk_that_falls_silent_in_a_hold_vents_and_latches(people: People) -> None:
    people.start(prescription="rvos-after-rosprox")
    people.run_until("holding", 400_000)
    people.bedside.sink.freeze()
    people.bedside.run(SILENT_DISK_MS + 1_500)
    state = people.bedside.core.state
    assert state.latched is not None
    assert state.latched.value == "journal_failed"
    assert not people.bedside.board.actuators.dump_closed


def test_a_disk_that_is_slow_for_a_second_is_no_fault(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.sink.freeze()
    people.bedside.run(1_000)
    people.bedside.sink.thaw()
    people.run_until_mode("idle")
    assert people.bedside.core.state.latched is None


def test_a_high_alarm_that_nobody_heard_sounds_again_after_a_restart(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    people.bedside.plug_cable()
    people.bedside.run(1_000)
    assert people.reset().exit_code == 0
    people.bedside.kill_core()
    people.bedside.start_core()
    people.bedside.run(READINGS_MS)
    alarms = people.bedside.core.alarms.alarms
    assert {(alarm.condition.value, alarm.state) for alarm in alarms} == {
        ("cuff_status_lost", "latched"),
        ("deflation_failed", "latched"),  # without a status nobody saw the cuff empty
    }
    assert people.bedside.board.actuators.buzzer
    types = people.types()
    assert types.count("alarm_raised") == types.count("alarm_ended") + 2
    people.bedside.ask(AlarmAck())
    people.bedside.run(1_000)
    assert not people.bedside.board.actuators.buzzer


def test_an_alarm_that_was_acknowledged_is_not_raised_again(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    people.bedside.plug_cable()
    people.bedside.run(1_000)
    people.bedside.ask(AlarmAck())
    people.reset()
    people.bedside.run(1_000)
    before = people.types().count(AlarmRaised.name)
    people.bedside.kill_core()
    people.bedside.start_core()
    people.bedside.run(READINGS_MS)
    assert people.bedside.core.alarms.alarms == ()
    assert people.types().count(AlarmRaised.name) == before


def test_who_waits_for_a_start_that_is_stopped_is_not_told_that_it_started(people: People) -> None:
    replies: list[Reply] = []
    people.bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
    people.bedside.press_button()
    people.bedside.sink.freeze()
    start = start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT)
    people.bedside.desk.ask(start, OPERATOR, people.bedside.now, replies.append)
    people.bedside.run(100)
    people.bedside.desk.ask(SessionStop(), OPERATOR, people.bedside.now, lambda reply: None)
    people.bedside.sink.thaw()
    people.bedside.run(500)
    assert [reply.exit_code for reply in replies] == [75]
    assert "not started: something else happened meanwhile" in replies[0].message


def test_a_reset_with_the_cable_out_says_what_is_still_wrong(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    reply = people.reset()
    assert reply.exit_code == 75
    assert "cuff_status_lost" in reply.message


def test_an_announcement_that_got_lost_is_made_again(people: People) -> None:
    bedside = people.bedside
    real, lost = bedside.controller.receive, []

    def deaf_to_announcements(data: bytes, now: int) -> None:
        if b"\x46\x03" in data and len(lost) < 4:
            lost.append(data)
            return
        real(data, now)

    bedside.controller.receive = deaf_to_announcements
    people.start(prescription="rvos-after-rosprox")
    bedside.run(910_000)  # the second cycle waits for a blood pressure: a MEDIUM alarm
    bedside.run(10_000)
    assert len(lost) == 4
    assert bedside.controller.core.priority == 2


def test_a_disk_that_is_nearly_full_refuses_a_session(people: People) -> None:
    people.bedside.sink.room_bytes = lambda: 63_999_999
    reply = people.start()
    assert reply.exit_code == 69
    assert "63 MB left" in reply.message
