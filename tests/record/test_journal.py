"""The writer: numbers, durability, refusals, and files that are equal when their content is."""

import os
import resource
import signal
import sqlite3
from pathlib import Path

import pytest

from gateway.record.chain import genesis
from gateway.record.errors import (
    JournalBusy,
    JournalCorrupt,
    JournalForeign,
    JournalFull,
    JournalWriteFailed,
)
from gateway.record.journal import Journal, Row
from gateway.record.reader import JournalReader
from gateway.record.verify import verify
from tests.record.processes import run
from tests.record.script import DEVICE, mixed_rows


def test_numbers_are_gapless_and_events_have_their_own(journal: Journal) -> None:
    stored = journal.append(mixed_rows(4)) + journal.append(mixed_rows(5, first=5))
    assert [row.seq for row in stored] == list(range(1, 10))
    assert [row.event_seq for row in stored if row.kind == "event"] == [1, 2, 3]
    assert {row.event_seq for row in stored if row.kind != "event"} == {None}
    assert journal.head == (9, 3, stored[-1].hash)


def test_what_was_stored_is_what_was_asked(journal: Journal, path: Path) -> None:
    rows = mixed_rows(6)
    stored = journal.append(rows)
    with JournalReader.open(path) as reader:
        assert list(reader.rows()) == stored
    for asked, kept in zip(rows, stored, strict=True):
        assert (kept.kind, kept.type, kept.session, kept.stamp, kept.body) == (
            asked.kind, asked.type, asked.session, asked.stamp, asked.body,
        )  # fmt: skip


def test_an_empty_journal_has_the_head_of_its_device(journal: Journal) -> None:
    assert journal.append([]) == []
    assert journal.head == genesis(DEVICE)
    assert genesis(DEVICE) != genesis("bed-8")


def test_reopening_continues_numbers_chain_and_boots(path: Path) -> None:
    with Journal.open(path, device=DEVICE) as first:
        assert [first.next_boot(), first.next_boot()] == [1, 2]
        first.append(mixed_rows(4))
        head = first.head
    with Journal.open(path, device=DEVICE) as second:
        assert second.head == head
        assert second.next_boot() == 3
        assert second.append(mixed_rows(1, first=5))[0].seq == 5
    assert verify(path).ok


def test_journals_of_equal_content_are_equal_files(tmp_path: Path) -> None:
    whole, split = tmp_path / "whole.db", tmp_path / "split.db"
    rows = mixed_rows(700)
    with Journal.open(whole, device=DEVICE) as journal:
        journal.next_boot()
        journal.append(rows)
    with Journal.open(split, device=DEVICE) as journal:
        journal.next_boot()
        for start in range(0, 700, 7):
            journal.append(rows[start : start + 7])
    assert whole.read_bytes() == split.read_bytes()
    beside = sorted(file.name for file in tmp_path.glob("whole.db*"))
    assert beside == ["whole.db", "whole.db-lock", "whole.db-reserve"]


def test_one_different_row_makes_another_file(tmp_path: Path) -> None:
    for name, first in (("a.db", 1), ("b.db", 2)):
        with Journal.open(tmp_path / name, device=DEVICE) as journal:
            journal.append(mixed_rows(1, first=first))
    assert (tmp_path / "a.db").read_bytes() != (tmp_path / "b.db").read_bytes()


def test_every_commit_reaches_the_disk_before_it_is_acknowledged(journal: Journal) -> None:
    full = 2
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_rows_cannot_be_changed_or_deleted_by_mistake(journal: Journal, path: Path) -> None:
    journal.append(mixed_rows(3))
    other = sqlite3.connect(path, isolation_level=None)
    for mistake in ("UPDATE row SET body = x'00' WHERE seq = 2", "DELETE FROM row WHERE seq = 3"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(mistake)
    other.close()


def test_a_second_writer_is_told_who_holds_the_journal(journal: Journal, path: Path) -> None:
    child = run(_OPEN, path)
    assert "JournalBusy" in child.stderr
    assert f"process {os.getpid()} writes this journal" in child.stderr
    with pytest.raises(JournalBusy):
        Journal.open(path, device=DEVICE)
    assert journal.append(mixed_rows(1))


def test_a_writer_that_ignored_the_lock_is_caught_by_the_numbers(journal: Journal, path: Path) -> None:
    journal.append(mixed_rows(3))
    path.with_name("journal.db-lock").unlink()
    with Journal.open(path, device=DEVICE) as intruder:
        intruder.append(mixed_rows(1, first=4))
    with pytest.raises(JournalBusy, match="another writer"):
        journal.append(mixed_rows(2, first=4))
    assert verify(path).rows == 4


def test_another_devices_journal_is_refused_and_left_alone(path: Path) -> None:
    Journal.open(path, device="bed-8").close()
    before = path.read_bytes()
    with pytest.raises(JournalForeign, match=r"journal\.db: the journal of 'bed-8', not of 'bed-7'"):
        Journal.open(path, device=DEVICE)
    assert path.read_bytes() == before
    Journal.open(path, device="bed-8").close()  # the refused attempt let go of the lock


def test_a_newer_schema_is_refused(path: Path) -> None:
    Journal.open(path, device=DEVICE).close()
    _edit(path, "UPDATE meta SET value = '2' WHERE key = 'schema'")
    with pytest.raises(JournalForeign, match="schema 2, this program knows up to 1"):
        Journal.open(path, device=DEVICE)


@pytest.mark.parametrize("key", ["schema", "device", "boot"])
def test_a_meta_table_with_a_hole_is_refused(path: Path, key: str) -> None:
    Journal.open(path, device=DEVICE).close()
    _edit(path, f"DELETE FROM meta WHERE key = '{key}'")
    with pytest.raises(JournalCorrupt, match="lacks schema, device or boot"):
        Journal.open(path, device=DEVICE)


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    _edit(path, "CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(JournalForeign, match="not an rvos journal"):
        Journal.open(path, device=DEVICE)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"no database, but long enough to look at" * 40)
    with pytest.raises(JournalCorrupt, match="not a database"):
        Journal.open(path, device=DEVICE)


def test_a_tampered_last_row_is_not_built_upon(path: Path) -> None:
    with Journal.open(path, device=DEVICE) as journal:
        journal.append(mixed_rows(3))
    _edit(path, "DROP TRIGGER row_fixed", "UPDATE row SET body = x'00' WHERE seq = 3")
    with pytest.raises(JournalCorrupt, match="row 3, the last, is not as it was written"):
        Journal.open(path, device=DEVICE)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalWriteFailed, match="check the directory"):
        Journal.open(tmp_path / "absent" / "journal.db", device=DEVICE)


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = Journal.open(path, device=DEVICE)
    journal.close()
    journal.close()
    with pytest.raises(JournalWriteFailed, match="was closed"):
        journal.append(mixed_rows(1))


def test_a_bad_row_takes_the_whole_batch_with_it(journal: Journal, path: Path) -> None:
    journal.append(mixed_rows(2))
    head = journal.head
    bad = Row("gossip", "x", "", mixed_rows(1)[0].stamp, b"{}")  # type: ignore[arg-type]
    with pytest.raises(JournalWriteFailed, match="CHECK constraint"):
        journal.append([*mixed_rows(2, first=3), bad])
    assert journal.head == head
    assert [row.seq for row in journal.append(mixed_rows(1, first=3))] == [3]
    assert verify(path).ok


def test_a_full_disk_loses_nothing_that_was_acknowledged(journal: Journal, path: Path) -> None:
    journal.append(mixed_rows(20))
    # SQLite answers "database or disk is full" here exactly as for a full disk
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalFull, match="no space left"):
        journal.append(mixed_rows(500, first=21))
    assert verify(path).rows == 20
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    assert journal.append(mixed_rows(500, first=21))[-1].seq == 520
    assert verify(path).ok


def test_a_failing_disk_leaves_a_valid_file(path: Path) -> None:
    """A real failing write: the kernel lets this process's files grow to 256 kB and no further."""
    child = run(_WRITE_UNTIL_FAILURE, path, prepare=_limit_file_size)
    kind, acknowledged = child.stdout.split()
    assert kind == "JournalWriteFailed", child.stderr
    report = verify(path)
    assert report.ok, report.reason
    assert report.rows == int(acknowledged) > 100
    with Journal.open(path, device=DEVICE) as journal:
        assert journal.append(mixed_rows(1))[0].seq == report.rows + 1


_OPEN = "import sys; from gateway.record.journal import Journal; Journal.open(sys.argv[1], device='bed-7')"

_WRITE_UNTIL_FAILURE = """
import sys
from gateway.record.errors import RecordError
from gateway.record.journal import Journal
from tests.record.script import mixed_rows
journal = Journal.open(sys.argv[1], device="bed-7")
journal.next_boot()
try:
    while True:
        journal.append(mixed_rows(10, first=journal.head.seq + 1))
except RecordError as error:
    print(type(error).__name__, journal.head.seq, flush=True)
"""


def _limit_file_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, 256 * 1024))


def _edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
