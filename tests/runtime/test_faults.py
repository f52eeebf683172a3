"""Faults on the virtual bedside: what happens, to whom, and that it stays so until a person comes."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from firmware_bridge.mcu import requests as firmware
from gateway.model import Limb
from gateway.record.events import SessionEnded, Tripped
from gateway.record.reader import JournalReader
from gateway.record.summary import Summary
from gateway.runtime.requests import AlarmAck, SelfTest, SessionStop
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import PATIENT, READINGS_MS, People

DEAD_MAN_MS = 1_000


def _trips(people: People) -> list[str]:
    return [msgspec.json.decode(r.body, type=Tripped).reason for r in people.events() if r.type == "tripped"]


def _ending(people: People) -> SessionEnded:
    rows = [row for row in people.events() if row.type == SessionEnded.name]
    return msgspec.json.decode(rows[-1].body, type=SessionEnded)


def _turns_until_vented(people: People) -> int:
    start = people.bedside.now
    while people.bedside.board.actuators.dump_closed:
        people.bedside.turn()
    return people.bedside.now - start


def test_a_pulled_cable_vents_by_the_dead_man_and_the_controller_sounds(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    assert _turns_until_vented(people) <= DEAD_MAN_MS
    assert people.bedside.board.actuators.buzzer
    people.run_until_mode("latched")
    assert _trips(people) == ["cuff_status_lost"]
    assert (_ending(people).outcome, _ending(people).reason) == ("interrupted", "cuff_status_lost")


def test_a_latch_refuses_sessions_until_a_person_resets_it_with_the_cable_back(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    assert people.start().exit_code == 75
    people.bedside.plug_cable()
    people.bedside.run(1_000)
    assert people.state()["latched"] == "cuff_status_lost"
    assert people.reset().exit_code == 0
    people.bedside.run(200)
    assert people.state()["latched"] is None
    assert not people.bedside.board.actuators.buzzer or people.bedside.core.alarms.alarms
    people.bedside.ask(AlarmAck())
    people.bedside.run(500)
    assert people.start().exit_code == 65
    assert people.start(resume=True).exit_code == 0
    assert people.state()["cycle"] == 2


def test_a_dead_controller_ends_the_session_and_core_alarms(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.kill_firmware()
    assert _turns_until_vented(people) == 0
    people.run_until_mode("latched")
    assert _trips(people) == ["cuff_status_lost"]
    assert people.bedside.core.alarms.alarms[0].priority.value == "high"


def test_a_controller_that_restarts_mid_session_is_not_trusted_by_itself(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.start_firmware()
    people.bedside.run(300)
    assert people.state()["latched"] == "device_reset"
    assert not people.bedside.board.actuators.dump_closed


def test_a_dead_core_leaves_a_vented_sounding_cuff_and_a_journal_that_says_so(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.kill_core()
    assert _turns_until_vented(people) <= DEAD_MAN_MS
    assert people.bedside.board.actuators.buzzer
    people.bedside.run(5_000)
    people.bedside.start_core()
    people.bedside.run(READINGS_MS)
    assert people.state()["latched"] == "core_restarted"
    assert _ending(people).reason == "core_restarted"
    summaries = [row for row in people.events() if row.type == Summary.name]
    assert msgspec.json.decode(summaries[-1].body, type=Summary).outcome == "interrupted"


def test_after_a_core_died_in_an_occlusion_the_limb_owes_a_whole_one(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.kill_core()
    people.bedside.run(2_000)
    people.bedside.start_core()
    assert people.bedside.core.owed_ms == 300_000


def test_after_a_clean_stop_the_journal_proves_the_debt(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    debt_ms = people.bedside.core.owed_ms
    people.bedside.core.shut_down("asked to stop", people.bedside.now)
    people.bedside.kill_core()
    people.bedside.run(20_000)
    people.bedside.start_core()
    owed = people.bedside.core.owed_ms
    assert debt_ms - 21_000 <= owed <= debt_ms - 18_000


def test_the_latch_survives_a_restart_with_its_first_reason(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.pull_cable()
    people.run_until_mode("latched")
    people.bedside.kill_core()
    people.bedside.plug_cable()
    people.bedside.start_core()
    people.bedside.run(READINGS_MS)
    assert people.state()["latched"] == "cuff_status_lost"


def test_a_journal_that_cannot_be_written_vents(people: People) -> None:
    people.start()
    people.run_until("holding")
    people.bedside.sink.failure = "disk I/O error"
    people.bedside.run(100)
    assert people.bedside.core.state.latched is not None
    assert people.bedside.core.state.latched.value == "journal_failed"
    assert not people.bedside.board.actuators.dump_closed


def test_a_controller_with_other_limits_is_refused_with_one_sentence(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_limits(monkeypatch)
    people.bedside.start_firmware()
    people.bedside.run(2_000)
    reply = people.start()
    assert reply.exit_code == 69
    assert "built-in limits" in reply.message
    people.bedside.run(5_000)
    assert not people.bedside.board.actuators.dump_closed


def test_a_controller_of_another_protocol_range_is_refused_with_one_sentence(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware.cuff, "PROTOCOL_MIN", 7)
    monkeypatch.setattr(firmware.cuff, "PROTOCOL_MAX", 9)
    people.bedside.start_firmware()
    people.bedside.run(2_000)
    reply = people.start()
    assert reply.exit_code == 69
    assert "protocol 7 to 9" in reply.message


def other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "LIMITS_CRC", 0x12345678)


def other_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware.cuff, "PROTOCOL_MIN", 7)
    monkeypatch.setattr(firmware.cuff, "PROTOCOL_MAX", 9)


def _buzzes_in_the_next_turn(people: People) -> bool:
    people.bedside.turn()
    return people.bedside.board.actuators.buzzer


@pytest.mark.parametrize("foreign", [other_limits, other_protocol])
def test_an_alarm_sounds_on_a_controller_that_is_not_accepted(
    people: People, monkeypatch: pytest.MonkeyPatch, foreign: Callable[[pytest.MonkeyPatch], None]
) -> None:
    foreign(monkeypatch)
    people.bedside.start_firmware()
    people.bedside.run(2_000)
    assert not people.bedside.core.gate.accepted
    people.bedside.core.annunciator_lost = True
    people.bedside.run(300)
    assert people.bedside.controller.core.priority == 2
    assert any(_buzzes_in_the_next_turn(people) for _ in range(500))
    people.bedside.ask(AlarmAck())
    people.bedside.run(300)
    assert people.bedside.controller.core.priority == 0


def test_a_danger_sounds_on_a_controller_that_is_not_accepted(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_limits(monkeypatch)
    people.bedside.start_firmware()
    people.bedside.run(2_000)
    defects = people.bedside.plant.defects
    defects.control.offset_dmmhg = defects.limit.offset_dmmhg = 300
    people.bedside.run(2_000)
    assert people.state()["latched"] is not None
    assert people.bedside.controller.core.priority == 3


def test_without_a_controller_a_session_is_refused_and_the_absence_alarms(people: People) -> None:
    people.bedside.pull_cable()
    people.bedside.run(6_000)
    reply = people.start()
    assert reply.exit_code == 69
    assert "cable" in reply.message
    assert [alarm.condition.value for alarm in people.bedside.core.alarms.alarms] == ["cuff_absent"]


@pytest.mark.parametrize(
    ("systolic", "diastolic", "exit_code", "word"),
    [
        (59, 40, 2, "60-250"),
        (251, 90, 2, "60-250"),
        (120, 120, 2, "diastolic"),
        (89, 60, 65, "90-180"),
        (181, 90, 65, "90-180"),
        (92, 50, 65, "65 mmHg"),
    ],
)
def test_a_blood_pressure_that_forbids_a_session_is_refused(
    people: People, systolic: int, diastolic: int, exit_code: int, word: str
) -> None:
    reply = people.start(systolic, diastolic)
    assert reply.exit_code == exit_code
    assert word in reply.message
    people.bedside.run(10_000)
    assert people.state()["mode"] == "idle"
    assert "session_started" not in people.types()


def test_a_target_above_the_site_ceiling_is_refused_not_reduced(tmp_path: Path) -> None:
    people = People(tmp_path / "journal.db", ceiling_mmhg=160)
    people.bedside.run(READINGS_MS)
    reply = people.start(120, 70)
    assert reply.exit_code == 65
    assert "refused, not reduced" in reply.message
    people.bedside.close()


def test_an_unknown_prescription_names_those_that_exist(people: People) -> None:
    wanted = start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=PATIENT)
    reply = people.bedside.ask(msgspec.structs.replace(wanted, prescription="rvos"))
    assert reply.exit_code == 78
    assert "rvos-after-rosprox" in reply.message


def test_stop_is_answered_even_when_nothing_runs(people: People) -> None:
    assert people.bedside.ask(SessionStop()).exit_code == 0


def test_the_self_test_passes_on_an_empty_cuff_and_is_refused_in_a_session(people: People) -> None:
    assert people.bedside.ask(SelfTest()).exit_code == 0
    people.start()
    assert people.bedside.ask(SelfTest()).exit_code == 75


def test_an_idle_gateway_without_a_controller_writes_no_traces(people: People) -> None:
    people.bedside.pull_cable()
    people.bedside.run(10_000)
    with JournalReader.open(people.journal) as reader:
        assert list(reader.rows(kind="trace")) == []


def test_a_controller_whose_clock_is_behind_is_waited_for_without_a_sound(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_ms: list[int] = []

    def allows(limb: int, planned_ms: int) -> bool:
        """Only a second after it was first asked."""
        asked_ms.append(people.bedside.now)
        return people.bedside.now - asked_ms[0] >= 1_000

    debt = people.bedside.controller.core.debt
    monkeypatch.setattr(debt, "allows", allows)
    assert people.start().exit_code == 0
    people.run_until("holding")
    assert len(asked_ms) > 3
    monkeypatch.undo()
    people.run_until_mode("idle")
    assert _ending(people).outcome == "completed"
    assert "alarm_raised" not in people.types()


def test_a_controller_that_never_grants_is_told_in_a_few_seconds(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people.bedside.controller.core.debt, "allows", lambda limb, planned: False)
    assert people.start().exit_code == 0
    people.run_until_mode("latched", 15_000)
    assert _trips(people) == ["device_refused"]
