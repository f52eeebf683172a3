"""Alarms through a whole core in virtual time: sound, pause, escalation, language, and the record of them."""

from pathlib import Path

import msgspec
import pytest

from gateway.config import Config
from gateway.model import Priority, Reason
from gateway.record.events import (
    EVENTS,
    AlarmEscalated,
    AlarmPaused,
    AlarmPauseEnded,
    AlarmRaised,
    Event,
)
from gateway.record.reader import JournalReader
from gateway.runtime import state_view
from gateway.runtime.alarm_patterns import Signal
from gateway.runtime.annunciator import Announcement
from gateway.runtime.desk import Asker
from gateway.runtime.requests import PAUSE_LONGEST_S, AlarmAck, AlarmList, AlarmPause, Reply
from gateway.runtime.service import CoreShell
from gateway.safety import alarms
from gateway.safety.texts import Language, text_of
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from tests.runtime.conftest import READINGS_MS, People

LOST = Reason.ANNUNCIATOR_LOST  # a medium alarm that leaves cuff and session alone


@pytest.fixture
def alarmed(people: People) -> People:
    """A bedside with one medium alarm, which the controller sounds."""
    people.bedside.core.annunciator_lost = True
    people.bedside.run(200)
    assert loudness(people) == 2
    return people


def loudness(people: People) -> int:
    """What the controller's buzzer was told: 0 silence to 3 high."""
    return int(people.bedside.controller.core.priority)


def pause(people: People, seconds: int) -> Reply:
    return people.bedside.ask(AlarmPause(seconds=seconds))


def alarm_rows(people: People) -> list[Event]:
    return [
        msgspec.json.decode(row.body, type=EVENTS[row.type])
        for row in people.events()
        if row.type.startswith("alarm_")
    ]


def test_a_pause_silences_the_controller_and_is_shown_while_it_lasts(alarmed: People) -> None:
    assert pause(alarmed, 30).message == "sound paused for 30 s; any new alarm ends the pause"
    alarmed.bedside.run(200)
    assert loudness(alarmed) == 0
    assert alarmed.state()["alarms_active"] == 1
    assert alarmed.state()["alarm_pause_left_s"] == pytest.approx(29.8)
    listed = alarmed.bedside.ask(AlarmList()).data
    assert listed["pause_left_s"] == pytest.approx(29.8)
    assert [alarm["state"] for alarm in listed["alarms"]] == ["active"]
    alarmed.bedside.run(30_000)
    assert loudness(alarmed) == 2
    assert alarmed.state()["alarm_pause_left_s"] is None
    assert alarm_rows(alarmed)[1:] == [AlarmPaused(pause_ms=30_000), AlarmPauseEnded(why="time")]


def test_who_paused_is_written_down(alarmed: People) -> None:
    pause(alarmed, 30)
    with JournalReader.open(alarmed.journal) as reader:
        asked = [msgspec.json.decode(row.body) for row in reader.rows(kind="audit")]
    assert asked[-1]["verb"] == "alarm_pause"
    assert "uid" in asked[-1]


def test_a_new_alarm_sounds_through_a_pause(alarmed: People) -> None:
    pause(alarmed, 120)
    alarmed.bedside.run(200)
    alarmed.bedside.core.cuff_on = True
    alarmed.bedside.core.idle_since_ms = alarmed.bedside.now - 300_000  # five minutes ago
    alarmed.bedside.run(200)
    assert loudness(alarmed) == 2
    raised, ended = alarm_rows(alarmed)[-2:]
    assert isinstance(raised, AlarmRaised)
    assert (raised.condition, ended) == ("cuff_not_removed", AlarmPauseEnded(why="new_alarm"))


def test_a_person_ends_the_pause(alarmed: People) -> None:
    assert pause(alarmed, 0).message == "the sound was not paused"
    pause(alarmed, 60)
    assert pause(alarmed, 0).message == "the pause is over"
    alarmed.bedside.run(200)
    assert loudness(alarmed) == 2
    assert alarm_rows(alarmed)[-1] == AlarmPauseEnded(why="person")


def test_nothing_that_sounds_is_nothing_to_pause(people: People, alarmed: People) -> None:
    people.bedside.ask(AlarmAck())
    reply = pause(people, 60)
    assert (reply.exit_code, "nothing sounds" in reply.message) == (0, True)
    assert people.state()["alarm_pause_left_s"] is None


@pytest.mark.parametrize("seconds", [-1, 121, 10**9])
def test_a_pause_longer_than_two_minutes_is_refused(alarmed: People, seconds: int) -> None:
    reply = pause(alarmed, seconds)
    assert (reply.exit_code, "1 to 120 s" in reply.message) == (2, True)
    alarmed.bedside.run(200)
    assert loudness(alarmed) == 2


def test_only_operators_pause(alarmed: People) -> None:
    stranger = Asker(uid=1, gid=1, pid=1, operator=False)
    assert alarmed.bedside.ask(AlarmPause(seconds=60), stranger).exit_code == 77
    assert alarmed.state()["alarm_pause_left_s"] is None


def test_the_command_line_knows_the_longest_pause() -> None:
    assert PAUSE_LONGEST_S * 1000 == alarms.PAUSE_LONGEST_MS


def test_a_restart_forgets_the_pause(alarmed: People) -> None:
    pause(alarmed, 120)
    alarmed.bedside.kill_core()
    alarmed.bedside.start_core()
    alarmed.bedside.core.annunciator_lost = True
    alarmed.bedside.run(READINGS_MS)
    assert loudness(alarmed) == 2
    assert alarmed.state()["alarm_pause_left_s"] is None


def test_what_nobody_answers_is_presented_higher_everywhere(alarmed: People) -> None:
    alarmed.bedside.run(alarms.MEDIUM_UNANSWERED_MS)
    assert loudness(alarmed) == 3
    (alarm,) = state_view.alarm_list(alarmed.bedside.core)
    assert (alarm.priority, alarm.presented, alarm.escalated) == ("medium", "high", True)
    assert alarm_rows(alarmed)[-1] == AlarmEscalated(
        alarm_id=alarm.alarm_id, condition="annunciator_lost", priority="medium", presented="high"
    )
    announced = state_view.announcement(alarmed.bedside.core, alarmed.bedside.now)
    assert announced == Announcement(Priority.HIGH, text_of(LOST), audible=True, escalated=True)
    alarmed.bedside.ask(AlarmAck())
    alarmed.bedside.run(200)
    assert loudness(alarmed) == 0
    assert state_view.announcement(alarmed.bedside.core, alarmed.bedside.now) is None


def test_what_is_announced_while_the_sound_is_paused(alarmed: People) -> None:
    pause(alarmed, 60)
    announced = state_view.announcement(alarmed.bedside.core, alarmed.bedside.now)
    assert announced == Announcement(Priority.MEDIUM, text_of(LOST), audible=False)


# language


def french(config: Config) -> Config:
    return msgspec.structs.replace(config, site=msgspec.structs.replace(config.site, language="fr"))


def test_alarms_speak_the_site_s_language_and_keep_their_codes(tmp_path: Path) -> None:
    bed = Bed(
        french(configuration("fast_cuff", "fast_limb", None)), CUFFS["fast_cuff"], LIMBS["fast_limb"], 1
    )
    bedside = Bedside(bed, tmp_path / "journal.db")
    bedside.core.annunciator_lost = True
    bedside.run(200)
    said = text_of(LOST, Language.FRENCH)
    (alarm,) = state_view.alarm_list(bedside.core)
    assert (alarm.condition, alarm.text) == ("annunciator_lost", said)
    announced = state_view.announcement(bedside.core, bedside.now)
    assert announced is not None
    assert announced.text == said
    bedside.close()
    with JournalReader.open(tmp_path / "journal.db") as reader:
        rows = [row for row in reader.rows(kind="event") if row.type == AlarmRaised.name]
    assert [msgspec.json.decode(row.body)["text"] for row in rows] == [said]


# the gateway's own signals


class Failing:
    """A lamp and buzzer whose chip has gone."""

    def say(self, line: str, *, ring: bool) -> None:
        raise AssertionError("the terminal has taken over")

    def show(self, signal: Signal) -> None:
        raise OSError("No such device")

    def close(self) -> None:
        raise AssertionError("nothing is held any more")


def test_a_lamp_that_fails_raises_an_alarm_of_its_own(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    core = people.bedside.core
    shell = CoreShell(core, people.bedside.clock, Failing())
    core.alarms, _ = alarms.step(core.alarms, frozenset({Reason.LINK_LOST}), people.bedside.now)
    shell._announce(people.bedside.now)
    people.bedside.run(200)
    shell._announce(people.bedside.now)
    assert "annunciator_lost" in [alarm.condition.value for alarm in core.alarms.alarms]
    written = capsys.readouterr().err
    assert "lamp and buzzer cannot be driven: No such device" in written
    assert f"MEDIUM ALARM: {text_of(LOST)}" in written


def test_a_danger_that_comes_again_sounds_again_while_its_reason_is_latched(people: People) -> None:
    def pressure_appears(offset_dmmhg: int) -> None:
        defects = people.bedside.plant.defects
        defects.control.offset_dmmhg = defects.limit.offset_dmmhg = offset_dmmhg
        people.bedside.run(3_000)

    pressure_appears(300)
    assert people.state()["latched"] == "unexpected_pressure"
    people.bedside.ask(AlarmAck())
    pressure_appears(0)
    assert (people.state()["latched"], loudness(people)) == ("unexpected_pressure", 0)
    pressure_appears(300)
    assert loudness(people) == 3
    raised = [row for row in alarm_rows(people) if isinstance(row, AlarmRaised)]
    assert [row.condition for row in raised] == ["unexpected_pressure"] * 2
