"""A core on the journal of version 0.1.0: it starts, knows what it cannot know, and gives a session."""

from pathlib import Path

import msgspec
import pytest

from gateway.model import LIMBS, History, Reason
from gateway.record.events import EVENTS
from gateway.record.reader import JournalReader
from gateway.record.row import ClockQuality, Stamp
from gateway.record.sheet import sheet
from gateway.record.summary import Summary, fold
from gateway.record.verify import verify
from gateway.runtime.requests import SessionCuffRemoved
from gateway.runtime.restore import Restored, restore
from gateway.safety.limits import HARD
from tests.record.first_version import DEVICE, PATIENT, SESSION, UNTIL_THE_HOLD, WALL_MS, WHOLE, write
from tests.runtime.conftest import READINGS_MS, People

SINCE = {
    "blood_pressure_authorised",
    "blood_pressure_held_back",
    "device_noticed",
    "waveform_started",
    "waveform_ended",
    "cuff_tested",
    "stimulation_authorised",
    "stimulation_started",
    "stimulation_ended",
    "current_changed",
    "screening_answered",
    "occlusion_judged",
    "pain_scored",
    "alarm_escalated",
    "alarm_paused",
    "alarm_pause_ended",
    "examination_started",
    "examination_result",
    "examination_ended",
    "limb_pressure_measured",
    "prescription_begun",
}
"""Event types that version 0.1.0 did not have."""


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    write(tmp_path / "journal.db", WHOLE)
    return tmp_path / "journal.db"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Core was killed in its first hold."""
    write(tmp_path / "journal.db", UNTIL_THE_HOLD)
    return tmp_path / "journal.db"


def restored(journal: Path) -> Restored:
    now = Stamp(2, 5_000, WALL_MS + 60_000, ClockQuality.SYNCHRONISED)
    with JournalReader.open(journal) as reader:
        return restore(reader, HARD, "second", now)


def test_the_journal_has_every_event_type_of_that_version() -> None:
    told = {type_ for kind, type_, *_ in WHOLE if kind == "event"}
    assert told == set(EVENTS) - SINCE - {"cuff_removed"}  # the cuff is still on


def test_each_of_its_rows_is_read(whole: Path) -> None:
    with JournalReader.open(whole) as reader:
        for row in reader.rows(kind="event"):
            msgspec.json.decode(row.body, type=EVENTS[row.type])
    assert verify(whole).ok


def test_what_it_does_not_say_is_not_known(whole: Path) -> None:
    found = restored(whole)
    assert (found.limb, found.cuff_on, found.latched) == (None, True, None)
    assert (found.debts_ms, found.debt_proof) == ((300_000,) * len(LIMBS), "none")


def test_a_session_that_was_killed_latches(killed: Path) -> None:
    found = restored(killed)
    assert (found.latched, found.open_session, found.limb) == (Reason.CORE_RESTARTED, SESSION, None)
    assert found.debts_ms == (300_000,) * len(LIMBS)


def test_its_summary_names_no_limb(whole: Path) -> None:
    with JournalReader.open(whole) as reader:
        found = fold(reader.rows(), SESSION)
    assert (found.limb, found.outcome, found.cycles_delivered) == ("", "stopped", 1)
    assert "demo, limb not known" in sheet(found)


def test_a_core_starts_on_it_and_treats_nobody_it_does_not_know(whole: Path) -> None:
    people = People(whole)
    assert people.bedside._bed.config.site.device == DEVICE
    people.bedside.run(READINGS_MS)
    assert people.bedside.core.recorder.history(PATIENT, people.bedside.now) == History()
    assert people.bedside.core.state.limb is None
    assert people.bedside.ask(SessionCuffRemoved()).exit_code == 0
    assert people.start().exit_code == 0
    assert people.bedside.core.owed_ms > 270_000
    people.run_until_mode("idle", 400_000)
    people.bedside.close()
    assert verify(whole).ok


def test_a_core_closes_the_session_that_it_left_open(killed: Path) -> None:
    people = People(killed)
    people.bedside.run(READINGS_MS)
    assert people.state()["latched"] == "core_restarted"
    summary = msgspec.json.decode(people.events_of(Summary)[-1].body, type=Summary)
    assert (summary.session, summary.outcome, summary.limb) == (SESSION, "interrupted", "")
    assert people.reset().exit_code == 0
    people.bedside.close()
