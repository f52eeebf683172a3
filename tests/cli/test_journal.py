"""``rvos journal`` and ``rvos summary`` over real journals."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.options import JOURNAL_NAME
from gateway.record.events import (
    CoreStarted,
    CuffDeflated,
    Event,
    HoldReached,
    InflationStarted,
    SessionEnded,
    SessionStarted,
    VentCommanded,
)
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.row import ClockQuality, Row, Stamp, audit_row, event_row
from gateway.record.sheet import sheet
from gateway.record.summary import Summary, fold
from gateway.runtime import service
from gateway.ward import link

WALL_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
BOOT = CoreStarted(
    version="0.1.0",
    boot_id="b",
    config_hash="c",
    firmware_limits_crc=7,
    ischaemia_debt_ms=0,
    debt_proof="none",
)
STARTED = SessionStarted(
    prescription="demo",
    prescription_hash="ab12",
    limb="left_thigh",
    cycles_prescribed=1,
    occlusion_ms=6000,
    reperfusion_ms=6000,
    margin_mmhg=50,
    version="0.1.0",
    firmware="1.0.0",
    firmware_limits_crc=7,
    cuff_serial="C-1",
    cuff_description="a cuff",
    oximeter_description="",
)
FACTS: list[tuple[int, Event]] = [
    (0, STARTED),
    (1000, InflationStarted(cycle=1, target_dmmhg=1700)),
    (2000, HoldReached(cycle=1, target_dmmhg=1700)),
    (7000, VentCommanded(cycle=1, reason="planned")),
    (8000, CuffDeflated(cycle=1)),
    (15000, SessionEnded(outcome="completed", reason="planned")),
]


def _stamp(mono_ms: int) -> Stamp:
    return Stamp(1, mono_ms, WALL_MS + mono_ms, ClockQuality.SYNCHRONISED)


def _rows() -> list[Row]:
    rows = [event_row(BOOT, "", _stamp(0))]
    for start_ms, session in ((1000, "g-1-1"), (60_000, "g-1-2")):
        rows.append(audit_row("request_asked", {"patient": "P-7"}, session, _stamp(start_ms)))
        rows += [event_row(event, session, _stamp(start_ms + at_ms)) for at_ms, event in FACTS]
    return rows


@pytest.fixture
def state(folder: Path) -> Path:
    """A state folder with the journal of two sessions, where the configuration says that it is."""
    (folder / "state").mkdir()
    with Journal.open(folder / "state" / JOURNAL_NAME, device="gateway-1") as journal:
        journal.next_boot()
        journal.append(_rows())
    return folder / "state"


def _tamper(path: Path, seq: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER row_fixed")
    connection.execute("UPDATE row SET body = ? WHERE seq = ?", (b'{"cycle":2}', seq))
    connection.commit()
    connection.close()


def test_the_journal_has_one_name_in_every_room() -> None:
    assert service.JOURNAL == link.JOURNAL == JOURNAL_NAME


# verify


def test_verify_of_a_sound_journal(run: Any, state: Path) -> None:
    result = run("journal", "verify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{state}/journal.db: sound, 15 rows, 13 of them events\n"


def test_verify_names_the_first_row_that_was_changed(run: Any, state: Path) -> None:
    _tamper(state / JOURNAL_NAME, 5)
    result = run("journal", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"rvos: {state}/journal.db: NOT as it was written: row 5 does not match its hash\n"
    )


@pytest.mark.parametrize("words", [["journal", "verify"], ["journal", "tail"], ["summary"]])
def test_what_is_no_journal(run: Any, folder: Path, words: list[str]) -> None:
    (folder / JOURNAL_NAME).write_bytes(b"some other file " * 100)
    missing = run(*words, "--state", str(folder / "nowhere"))
    foreign = run(*words, "--state", str(folder))
    assert (missing.exit_code, foreign.exit_code) == (69, 1)
    for result in (missing, foreign):
        assert result.stdout == ""
        assert result.stderr.startswith(f"rvos: {folder}")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["journal", "verify"], ["journal", "tail"], ["summary"]])
def test_with_a_state_folder_no_configuration_is_needed(
    run: Any, state: Path, config_file: Path, words: list[str]
) -> None:
    config_file.unlink()
    assert run(*words).exit_code == 78
    assert run(*words, "--state", str(state)).exit_code == 0


# tail


def test_tail_shows_the_last_events_in_order(run: Any, state: Path) -> None:
    result = run("journal", "tail", "-n", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        '    14  2026-01-01T00:01:08.000Z  g-1-2  cuff_deflated  {"cycle":1}\n'
        '    15  2026-01-01T00:01:15.000Z  g-1-2  session_ended  {"outcome":"completed","reason":"planned"}\n'
    )


def test_tail_shows_patients_only_when_asked_for_all(run: Any, state: Path) -> None:
    events, everything = run("journal", "tail"), run("journal", "tail", "--all", "-n", "100")
    assert "P-7" not in events.stdout
    assert len(events.stdout.splitlines()) == 13
    assert '  g-1-1  request_asked  {"patient":"P-7"}\n' in everything.stdout
    assert len(everything.stdout.splitlines()) == 15
    assert len(run("journal", "tail", "--all", "-n", "3").stdout.splitlines()) == 3


def test_tail_of_no_lines_is_wrong_usage(run: Any, state: Path) -> None:
    assert run("journal", "tail", "-n", "0").exit_code == 2


# summary


def _folded(state: Path, session: str) -> Summary:
    with JournalReader.open(state / JOURNAL_NAME) as reader:
        return fold(reader.rows(session=session), session)


def test_summary_is_of_the_latest_session(run: Any, state: Path) -> None:
    result = run("summary")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == sheet(_folded(state, "g-1-2")) + "\n"
    assert result.stdout.startswith("Session         g-1-2: completed\n")


def test_summary_of_a_named_session_as_json(run: Any, state: Path) -> None:
    result = run("summary", "g-1-1", "--json")
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout, type=Summary) == _folded(state, "g-1-1")


def test_summary_of_an_unknown_session_names_the_known(run: Any, state: Path) -> None:
    result = run("summary", "g-9-9", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (f"rvos: {state}/journal.db: no session 'g-9-9'; the latest are: g-1-1, g-1-2\n")


def test_summary_before_any_session(run: Any, folder: Path) -> None:
    with Journal.open(folder / JOURNAL_NAME, device="gateway-1") as journal:
        journal.append([event_row(BOOT, "", _stamp(0))])
    result = run("summary", "--state", str(folder))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no session is recorded here yet" in result.stderr


def test_the_record_is_only_read(run: Any, state: Path) -> None:
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    for words in (["journal", "verify"], ["journal", "tail"], ["summary"]):
        assert run(*words).exit_code == 0
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before
