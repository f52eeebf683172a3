"""``rvos alarm``: a pause is one request, the log is the journal's, both in the language of the site."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.options import JOURNAL_NAME
from gateway.model import Reason
from gateway.record.events import (
    AlarmAcknowledged,
    AlarmEnded,
    AlarmEscalated,
    AlarmPaused,
    AlarmPauseEnded,
    AlarmRaised,
    CoreStarted,
    Event,
)
from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Row, Stamp, event_row
from gateway.safety.alarms import Change, PauseEnd
from gateway.safety.texts import Language, text_of
from gateway.ward.messages import Alarm, Feed, State
from tests.cli.stand_in import StandIn

WALL_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
LOST, DEVIATION = Reason.LINK_LOST, Reason.PRESSURE_DEVIATION
STARTED = CoreStarted(
    version="0.1.0",
    boot_id="b",
    config_hash="c",
    firmware_limits_crc=7,
    ischaemia_debt_ms=0,
    debt_proof="none",
)
HAPPENED: list[Event] = [
    AlarmRaised(alarm_id="4-1", condition=LOST.value, priority="low", text=text_of(LOST)),
    AlarmPaused(pause_ms=90_000),
    AlarmRaised(alarm_id="4-2", condition=DEVIATION.value, priority="medium", text=text_of(DEVIATION)),
    AlarmPauseEnded(why=PauseEnd.NEW_ALARM.value),
    AlarmEscalated(alarm_id="4-2", condition=DEVIATION.value, priority="medium", presented="high"),
    AlarmAcknowledged(alarm_id="4-2", condition=DEVIATION.value),
    AlarmEnded(alarm_id="4-2", condition=DEVIATION.value),
]


def _stamp(second: int) -> Stamp:
    return Stamp(1, second * 1000, WALL_MS + second * 1000, ClockQuality.SYNCHRONISED)


@pytest.fixture
def state(folder: Path) -> Path:
    """A state folder with a journal where the configuration says that it is."""
    (folder / "state").mkdir()
    with Journal.open(folder / "state" / JOURNAL_NAME, device="gateway-1") as journal:
        journal.next_boot()
        journal.append([event_row(STARTED, "", _stamp(0))])
        journal.append([event_row(event, "g-1-1", _stamp(at)) for at, event in enumerate(HAPPENED)])
    return folder / "state"


def _speak_french(config_file: Path) -> None:
    config_file.write_text(config_file.read_text().replace("[site]", '[site]\nlanguage = "fr"'))


# the pause


@pytest.mark.parametrize(
    ("words", "seconds"), [([], 120), (["--seconds", "45"], 45), (["--seconds", "0"], 0)]
)
def test_a_pause_is_one_request(run: Any, core: StandIn, words: list[str], seconds: int) -> None:
    core.reply(message="sound paused")
    result = run("alarm", "pause", *words)
    assert core.asked == [{"verb": "alarm_pause", "seconds": seconds}]
    assert (result.exit_code, result.stdout) == (0, "sound paused\n")


@pytest.mark.parametrize("seconds", ["-1", "121", "long"])
def test_a_pause_that_cannot_be_meant_is_not_asked_for(run: Any, core: StandIn, seconds: str) -> None:
    assert run("alarm", "pause", "--seconds", seconds).exit_code == 2
    assert core.asked == []


def test_a_pause_is_shown_with_the_alarms(run: Any, core: StandIn) -> None:
    core.reply(message="0 alarms", data={"alarms": [], "pause_left_s": 89.2})
    said = run("alarm", "list").stdout
    assert said.startswith("Sound paused, ")
    assert said.endswith(" left; any new alarm sounds at once.\n")


def test_an_alarm_that_has_risen_is_listed_as_it_is_presented(run: Any, core: StandIn) -> None:
    low = {"condition": "link_lost", "priority": "low", "raised_ms": 5, "state": "active"}
    alarms = [
        Alarm(alarm_id="4-1", text="No ward.", **{**low, "priority": "medium"}),
        Alarm(alarm_id="4-2", text="Deviation.", presented="high", escalated=True, **low),
    ]
    core.reply(data={"alarms": msgspec.to_builtins(alarms)})
    assert run("alarm", "list").stdout == (
        "HIGH    4-2: Deviation. (nobody has answered it)\nMEDIUM  4-1: No ward.\n"
    )


# the log


def test_the_log_tells_what_happened_oldest_first(run: Any, state: Path) -> None:
    result = run("alarm", "log")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"2026-01-01T00:00:00.000Z  raised        4-1      LOW     {text_of(LOST)}",
        "2026-01-01T00:00:01.000Z  sound paused  for 90 s",
        f"2026-01-01T00:00:02.000Z  raised        4-2      MEDIUM  {text_of(DEVIATION)}",
        "2026-01-01T00:00:03.000Z  sound back    new alarm",
        f"2026-01-01T00:00:04.000Z  escalated     4-2      HIGH    {text_of(DEVIATION)}",
        f"2026-01-01T00:00:05.000Z  acknowledged  4-2              {text_of(DEVIATION)}",
        f"2026-01-01T00:00:06.000Z  ended         4-2              {text_of(DEVIATION)}",
    ]


def test_the_last_lines_alone(run: Any, state: Path) -> None:
    lines = run("alarm", "log", "-n", "2").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["acknowledged", "ended"]


def test_the_log_needs_no_core_and_no_configuration(run: Any, state: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    result = run("--config", str(absent), "alarm", "log", "--state", str(state))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(HAPPENED)


def test_the_log_as_json_is_one_document(run: Any, state: Path) -> None:
    log = msgspec.json.decode(run("alarm", "log", "--json").stdout)["log"]
    assert [entry["type"] for entry in log] == [event.name for event in HAPPENED]
    assert log[4] == {
        "ts": "2026-01-01T00:00:04.000Z",
        "type": "alarm_escalated",
        "session": "g-1-1",
        "alarm_id": "4-2",
        "condition": "pressure_deviation",
        "priority": "medium",
        "presented": "high",
    }


def test_no_alarm_is_said(run: Any, folder: Path) -> None:
    (folder / "state").mkdir()
    with Journal.open(folder / "state" / JOURNAL_NAME, device="gateway-1") as journal:
        journal.next_boot()
        journal.append([event_row(STARTED, "", _stamp(0))])
    assert run("alarm", "log").stdout == "No alarms in this journal.\n"


def test_a_row_that_cannot_be_read_is_named(run: Any, state: Path) -> None:
    with Journal.open(state / JOURNAL_NAME, device="gateway-1") as journal:
        journal.append([Row("event", AlarmRaised.name, "", _stamp(9), b'{"alarm_id":7}')])
    result = run("alarm", "log")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "row 9" in result.stderr


def test_every_change_has_its_word(run: Any, state: Path) -> None:
    """What alarms can do, the log can tell."""
    told = {line[26:38].strip() for line in run("alarm", "log").stdout.splitlines()}
    assert {change.value for change in Change} | {"sound paused", "sound back"} == told


# language


def test_the_log_and_the_status_speak_the_site_s_language(
    run: Any, state: Path, core: StandIn, config_file: Path
) -> None:
    _speak_french(config_file)
    lines = run("alarm", "log").stdout.splitlines()
    assert lines[-1].endswith(text_of(DEVIATION, Language.FRENCH))
    assert lines[0].endswith(text_of(LOST))  # raised in English: the record is as it was written
    feed = Feed(
        state=State(mode="latched", cuff_ok=True, sto2_ok=False, latched="over_pressure", alarms_active=0),
        alarms=[],
        boot=4,
    )
    core.reply(data=msgspec.to_builtins(feed))
    assert text_of(Reason.OVER_PRESSURE, Language.FRENCH) in run("session", "status").stdout


def test_the_panel_shows_a_pause(run: Any, core: StandIn) -> None:
    state = State(mode="idle", cuff_ok=True, sto2_ok=False, alarms_active=1, alarm_pause_left_s=30.0)
    core.reply(data=msgspec.to_builtins(Feed(state=state, alarms=[], boot=4)))
    assert "Sound           paused, 30 s left" in run("session", "status").stdout
