"""The two writers: durable means durable, nothing is lost in silence, both write the same bytes."""

import resource
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.row import Row, StoredRow
from gateway.record.summary import Summary, fold
from gateway.record.verify import verify
from gateway.runtime.writer import DirectWriter, ThreadWriter
from tests.record.script import DEVICE, SESSION, Script, mixed_rows

DEADLINE_S = 10.0


class Watched(Journal):
    """A journal whose commits can be waited for and held up."""

    began: threading.Event
    gate: threading.Event
    commits: list[int]

    def append(self, rows: Sequence[Row]) -> list[StoredRow]:
        self.began.set()
        assert self.gate.wait(DEADLINE_S)
        stored = super().append(rows)
        self.commits.append(len(stored))
        return stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Watched:
    found = Watched.open(path, device=DEVICE)
    found.began, found.gate, found.commits = threading.Event(), threading.Event(), []
    found.gate.set()
    return found


@pytest.fixture
def writer(journal: Watched) -> Iterator[ThreadWriter]:
    found = ThreadWriter(journal)
    yield found
    journal.gate.set()
    found.close()


def _rows(path: Path) -> list[StoredRow]:
    with JournalReader.open(path) as reader:
        return list(reader.rows())


def _bodies(path: Path) -> list[bytes]:
    return [row.body for row in _rows(path)]


def _one_by_one(count: int, first: int = 1) -> list[list[Row]]:
    return [mixed_rows(1, first=first + index) for index in range(count)]


@contextmanager
def _someone_else_writes(path: Path) -> Iterator[None]:
    """Another connection holds SQLite's write lock: a commit has to wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class TestThreadWriter:
    def test_a_ticket_is_durable_only_when_its_rows_are(
        self, writer: ThreadWriter, journal: Watched, path: Path
    ) -> None:
        with _someone_else_writes(path):
            ticket = writer.submit(mixed_rows(2))
            assert journal.began.wait(DEADLINE_S)
            assert writer.durable < ticket
            assert _rows(path) == []
        writer.close()
        assert writer.durable == ticket
        assert len(_rows(path)) == 2

    def test_what_waits_is_committed_together_and_in_order(
        self, writer: ThreadWriter, journal: Watched, path: Path
    ) -> None:
        journal.gate.clear()
        submitted = _one_by_one(51)
        writer.submit(submitted[0])
        assert journal.began.wait(DEADLINE_S)
        tickets = [writer.submit(rows) for rows in submitted[1:]]
        assert tickets == list(range(2, 52))
        assert writer.durable == 0
        journal.gate.set()
        writer.close()
        assert journal.commits == [1, 50]
        assert _bodies(path) == [row.body for rows in submitted for row in rows]
        assert writer.durable == 51

    def test_closing_writes_what_waits_and_leaves_one_file(
        self, writer: ThreadWriter, journal: Watched, path: Path
    ) -> None:
        journal.gate.clear()
        for rows in _one_by_one(200):
            writer.submit(rows)
        journal.gate.set()
        writer.close()
        assert len(_rows(path)) == 200
        assert sorted(file.name for file in path.parent.iterdir()) == [
            "journal.db",
            "journal.db-lock",
            "journal.db-reserve",
        ]
        assert verify(path).ok

    def test_a_summary_folds_all_that_was_submitted_before_it_and_nothing_after(
        self, writer: ThreadWriter, journal: Watched, path: Path, session: Script
    ) -> None:
        journal.gate.clear()
        for row in session.rows:
            writer.submit([row])
        ticket = writer.summarise(SESSION, session.stamp(30.0))
        after = writer.submit(mixed_rows(1, first=900))
        journal.gate.set()
        writer.close()
        rows = _rows(path)
        assert [row.type for row in rows[-2:]] == [Summary.name, "type_0"]
        summary = msgspec.json.decode(rows[-2].body, type=Summary)
        assert summary == fold(rows[:-2], SESSION)
        assert summary.outcome == "completed"
        assert (ticket, after) == (writer.durable - 1, writer.durable)

    def test_a_summary_that_cannot_be_folded_is_a_failure_and_the_rows_go_on(
        self, writer: ThreadWriter, path: Path
    ) -> None:
        writer.summarise("no-such-session", Script().stamp(1.0))
        ticket = writer.submit(mixed_rows(3))
        writer.close()
        assert writer.failure is not None
        assert "no-such-session" in writer.failure
        assert writer.durable == ticket
        assert len(_rows(path)) == 3

    def test_a_disk_that_takes_no_more_is_a_failure_that_stays(self, journal: Watched, path: Path) -> None:
        journal.append(mixed_rows(5))
        writer = ThreadWriter(journal)
        with _files_no_longer_than(path):
            lost = writer.submit(mixed_rows(2_000, first=6))
            writer._thread.join(DEADLINE_S)
        assert writer.failure is not None
        assert str(path) in writer.failure
        after = writer.submit(mixed_rows(1))
        assert writer._jobs.empty(), "rows that nobody will ever write pile up"
        writer.close()
        assert writer.durable < lost < after
        assert len(_rows(path)) == 5
        assert verify(path).ok

    def test_a_defect_in_the_thread_is_a_failure_too(
        self, writer: ThreadWriter, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[threading.ExceptHookArgs] = []
        monkeypatch.setattr(threading, "excepthook", seen.append)
        no_body = Row("event", "x", "", Script().stamp(1.0), None)  # type: ignore[arg-type]
        ticket = writer.submit([no_body])
        writer.close()
        assert writer.failure is not None
        assert "died of a defect" in writer.failure
        assert writer.durable < ticket
        assert [args.exc_type for args in seen] == [TypeError]

    def test_a_healthy_writer_has_no_failure(self, writer: ThreadWriter) -> None:
        writer.submit(mixed_rows(3))
        writer.close()
        assert writer.failure is None


class TestDirectWriter:
    def test_it_commits_in_the_caller(self, journal: Watched, path: Path) -> None:
        writer = DirectWriter(journal)
        ticket = writer.submit([row for row in mixed_rows(9) if row.kind == "event"])
        assert writer.durable == ticket
        assert len(_rows(path)) == 3
        writer.close()

    def test_a_frozen_disk_makes_nothing_durable_until_it_thaws(self, journal: Watched) -> None:
        writer = DirectWriter(journal)
        writer.freeze()
        tickets = [writer.submit(mixed_rows(1, first=number)) for number in range(4)]
        assert writer.durable < tickets[0]
        writer.thaw()
        assert writer.durable == tickets[-1]
        writer.close()

    def test_a_trace_shares_the_transaction_of_the_next_other_row(self, journal: Watched, path: Path) -> None:
        writer = DirectWriter(journal)
        traces = [row for row in mixed_rows(9) if row.kind == "trace"]
        writer.submit(traces)
        assert journal.commits == []
        writer.submit(mixed_rows(1, first=3))
        assert journal.commits == [4]
        writer.close()

    def test_both_writers_leave_the_same_bytes(self, tmp_path: Path, session: Script) -> None:
        found = []
        for name, kind in (("thread", ThreadWriter), ("direct", DirectWriter)):
            (tmp_path / name).mkdir()
            path = tmp_path / name / "journal.db"
            writer = kind(Journal.open(path, device=DEVICE))
            for row in session.rows:
                writer.submit([row])
            writer.summarise(SESSION, session.stamp(30.0))
            writer.submit(mixed_rows(7, first=900))
            writer.close()
            assert writer.failure is None
            found.append(path.read_bytes())
        assert found[0] == found[1]
        assert Summary.name.encode() in found[0]

    def test_a_summary_that_cannot_be_folded_is_a_failure_and_no_exception(
        self, journal: Watched, path: Path
    ) -> None:
        writer = DirectWriter(journal)
        writer.summarise("no-such-session", Script().stamp(1.0))
        assert writer.failure is not None
        assert "no-such-session" in writer.failure
        writer.submit(mixed_rows(3))
        assert len(_rows(path)) == 3
        writer.close()

    def test_a_failed_commit_is_a_failure_and_not_durable(self, journal: Watched, path: Path) -> None:
        writer = DirectWriter(journal)
        with _nothing_can_be_written(journal):
            ticket = writer.submit(mixed_rows(3))
        assert writer.failure is not None
        assert str(path) in writer.failure
        assert writer.durable < ticket
        writer.close()


@pytest.fixture
def session() -> Script:
    """A whole session: two cycles, samples in between."""
    script = Script()
    script.start()
    for number, at_s in ((1, 6.0), (2, 18.0)):
        script.cycle(number, at_s, at_s + 1, at_s + 6, at_s + 7)
        script.trace(at_s + 7.5, cuff=[(at_s + 7, 0.5)], sto2=[(at_s + 7, 61.0)])
    script.end(28.0)
    return script


@contextmanager
def _files_no_longer_than(path: Path) -> Iterator[None]:
    """The kernel lets this process's files grow to the size of this one and no further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    longest = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _nothing_can_be_written(journal: Journal) -> Iterator[None]:
    """SQLite refuses every change, as it does on a disk that was mounted read-only."""
    journal._connection.execute("PRAGMA query_only = 1")
    yield
    journal._connection.execute("PRAGMA query_only = 0")
