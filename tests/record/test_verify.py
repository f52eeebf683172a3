"""Verification names the first row that is not as it was written."""

import sqlite3
from pathlib import Path

import pytest

from gateway.record.chain import Head
from gateway.record.errors import JournalForeign, JournalMissing
from gateway.record.journal import Journal
from gateway.record.verify import verify
from tests.record.script import DEVICE, mixed_rows

ROWS = 30


@pytest.fixture
def written(path: Path) -> Path:
    with Journal.open(path, device=DEVICE) as journal:
        journal.append(mixed_rows(ROWS))
    return path


def tamper(path: Path, *statements: str) -> None:
    """What a person with a database tool and bad intent does."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER row_fixed")
    connection.execute("DROP TRIGGER row_kept")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_sound_journal_passes_and_is_counted(written: Path) -> None:
    report = verify(written)
    assert (report.rows, report.events, report.ok) == (ROWS, 10, True)
    assert (report.first_broken_seq, report.reason) == (None, "")


def test_an_empty_journal_passes(path: Path) -> None:
    Journal.open(path, device=DEVICE).close()
    assert verify(path).ok


@pytest.mark.parametrize(
    "change",
    [
        "event_seq = 70",
        "event_seq = NULL",
        "kind = 'trace'",
        "kind = 'trace', event_seq = NULL",
        "type = 'type_9'",
        "session = 's-9'",
        "boot = boot + 1",
        "mono_ms = mono_ms + 1",
        "wall_ms = wall_ms - 1",
        "clock = 'synchronised'",
        "body = x'7b7d'",
        "hash = zeroblob(32)",
    ],
)
def test_a_change_of_any_column_is_found_at_its_row(written: Path, change: str) -> None:
    tamper(written, f"UPDATE row SET {change} WHERE seq = 12")
    report = verify(written)
    assert not report.ok
    assert report.first_broken_seq == 12
    assert report.rows == 11
    assert report.events == 3
    assert "row 12" in report.reason


def test_a_changed_number_is_found(written: Path) -> None:
    tamper(written, "UPDATE row SET seq = 99 WHERE seq = 30")
    assert verify(written).first_broken_seq == 30


def test_a_lost_row_is_found(written: Path) -> None:
    tamper(written, "DELETE FROM row WHERE seq = 20")
    report = verify(written)
    assert (report.first_broken_seq, report.reason) == (20, "row 20 is missing")


def test_two_rows_that_changed_places_are_found(written: Path) -> None:
    tamper(
        written,
        "UPDATE row SET seq = 1000 WHERE seq = 10",
        "UPDATE row SET seq = 10 WHERE seq = 13",
        "UPDATE row SET seq = 13 WHERE seq = 1000",
    )
    assert verify(written).first_broken_seq == 10


def test_a_row_slipped_in_at_the_end_is_found(written: Path) -> None:
    tamper(
        written,
        "INSERT INTO row SELECT 31, NULL, 'audit', type, session, boot, mono_ms, wall_ms, clock, body, hash"
        " FROM row WHERE seq = 30",
    )
    report = verify(written)
    assert (report.first_broken_seq, report.rows) == (31, 30)


def test_another_devices_name_breaks_the_first_row(written: Path) -> None:
    tamper(written, "UPDATE meta SET value = 'bed-8' WHERE key = 'device'")
    assert verify(written).first_broken_seq == 1


def test_a_cut_off_end_is_found_by_a_witness_only(written: Path) -> None:
    with Journal.open(written, device=DEVICE) as journal:
        witness = journal.head
    assert verify(written, witness).ok
    tamper(written, "DELETE FROM row WHERE seq > 25")
    assert verify(written).ok
    report = verify(written, witness)
    assert (report.first_broken_seq, report.ok) == (26, False)


def test_a_rewritten_journal_is_found_by_a_witness_only(path: Path) -> None:
    with Journal.open(path, device=DEVICE) as journal:
        journal.append(mixed_rows(5, first=100))
    assert verify(path).ok
    report = verify(path, Head(3, 1, bytes(32)))
    assert (report.first_broken_seq, report.reason) == (3, "row 3 is not the row that was witnessed")


def test_an_index_that_hides_an_event_is_found(written: Path) -> None:
    tamper(
        written,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'IS NOT NULL', 'IS NULL') WHERE name = 'row_event'",
    )
    report = verify(written)
    assert not report.ok
    assert report.rows == ROWS
    assert report.first_broken_seq is None


def test_a_damaged_page_is_reported_not_raised(written: Path) -> None:
    damaged = bytearray(written.read_bytes())
    for page in range(2, len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 64] = bytes(64)
    written.write_bytes(damaged)
    report = verify(written)
    assert not report.ok
    assert report.reason


def test_a_journal_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(JournalMissing, match="no journal here yet"):
        verify(path)
    path.touch()
    with pytest.raises(JournalMissing, match="no journal here yet"):
        verify(path)


def test_another_programs_database_is_an_error(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(JournalForeign):
        verify(path)
