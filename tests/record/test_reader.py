"""Reading while another process writes, after it closed, after it was killed, and when it comes back."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.record.chain import genesis
from gateway.record.errors import JournalCorrupt, JournalForeign, JournalMissing
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.verify import verify
from tests.record.processes import (
    READ_WHERE_NOTHING_CAN_BE_WRITTEN,
    WRITE_FOR_EVER,
    WRITE_WHEN_TOLD,
    answer,
    finish,
    kill,
    obey_file_modes,
    run,
    start,
    tell,
)
from tests.record.script import DEVICE, mixed_rows


@pytest.fixture
def sealed(path: Path) -> Iterator[Path]:
    """The journal's directory, writable by nobody until the test is over."""
    yield path.parent
    path.parent.chmod(0o755)


def write(path: Path, count: int) -> None:
    with Journal.open(path, device=DEVICE) as journal:
        journal.append(mixed_rows(count, first=journal.head.seq + 1))


def test_filters_and_order(journal: Journal, path: Path) -> None:
    stored = journal.append(mixed_rows(1203))  # more than two pages
    with JournalReader.open(path) as reader:
        assert list(reader.rows()) == stored
        assert list(reader.rows(after_seq=1200)) == stored[1200:]
        assert list(reader.rows(session="s-1")) == [row for row in stored if row.session == "s-1"]
        assert list(reader.rows(kind="trace")) == [row for row in stored if row.kind == "trace"]
        assert [row.seq for row in reader.rows(after_seq=600, session="s-0", kind="event")] == [
            row.seq for row in stored[600:] if (row.session, row.kind) == ("s-0", "event")
        ]


def test_events_come_by_their_own_number_and_up_to_a_limit(journal: Journal, path: Path) -> None:
    stored = [row for row in journal.append(mixed_rows(60)) if row.kind == "event"]
    with JournalReader.open(path) as reader:
        assert reader.events(0, 5) == stored[:5]
        assert reader.events(5, 100) == stored[5:]
        assert reader.events(20, 16) == []


def test_device_boot_sessions_and_head(journal: Journal, path: Path) -> None:
    with JournalReader.open(path) as reader:
        assert (reader.device, reader.last_boot(), reader.sessions()) == (DEVICE, 0, [])
        assert reader.head() == genesis(DEVICE)
        journal.next_boot()
        journal.append(mixed_rows(3))
        assert (reader.last_boot(), reader.sessions()) == (1, ["s-1", "s-0"])
        assert reader.head() == journal.head


def test_rows_of_another_process_arrive_in_an_open_reader(path: Path) -> None:
    writer = start(WRITE_WHEN_TOLD, path)
    assert answer(writer) == "open"
    with JournalReader.open(path) as reader:
        assert reader.events(0, 100) == []
        assert tell(writer, 6) == "6"
        assert [row.event_seq for row in reader.events(0, 100)] == [1, 2]
        rows = reader.rows()
        assert next(rows).seq == 1
        assert tell(writer, 600) == "606"
        assert [row.seq for row in rows] == list(range(2, 607))
        finish(writer)
        assert reader.head().seq == 606


def test_reading_never_keeps_the_writer_from_closing_clean(path: Path) -> None:
    journal = Journal.open(path, device=DEVICE)
    journal.append(mixed_rows(600))
    with JournalReader.open(path) as reader:
        rows = reader.rows()
        next(rows)
        journal.close()
        assert os.stat(f"{path}-wal").st_size == 0
        assert len(list(rows)) == 599


def test_a_writer_that_comes_back_is_noticed(path: Path) -> None:
    write(path, 6)
    with JournalReader.open(path) as reader:
        assert reader.head().seq == 6
        writer = start(WRITE_WHEN_TOLD, path)
        assert answer(writer) == "open"
        assert tell(writer, 3) == "9"
        assert reader.head().seq == 9
        finish(writer)
        assert reader.head().seq == 9
        write(path, 3)
        assert [row.event_seq for row in reader.events(2, 100)] == [3, 4]


def test_a_writer_that_came_and_went_is_noticed(path: Path) -> None:
    write(path, 6)
    with JournalReader.open(path) as reader:
        assert reader.head().seq == 6
        write(path, 3)
        assert reader.head().seq == 9


def test_a_writer_that_came_and_went_while_a_page_was_read_is_noticed(path: Path) -> None:
    write(path, 6)
    with JournalReader.open(path) as reader:
        assert reader.head().seq == 6
        # SQLite calls back as it begins the reader's query: the worst moment for a writer to come
        reader._connection.set_trace_callback(lambda _: write(path, 3))
        assert reader.head().seq == 9


def test_a_journal_that_was_replaced_is_noticed(path: Path, tmp_path: Path) -> None:
    write(path, 6)
    write(tmp_path / "new.db", 9)
    with JournalReader.open(path) as reader:
        assert reader.head().seq == 6
        (tmp_path / "new.db").replace(path)
        assert reader.head().seq == 9
        path.unlink()
        with pytest.raises(JournalMissing):
            reader.head()


def test_reading_leaves_no_trace_in_the_directory(path: Path) -> None:
    write(path, 6)
    before = (path.read_bytes(), sorted(path.parent.iterdir()))
    with JournalReader.open(path) as reader:
        list(reader.rows())
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == before


def test_after_a_clean_close_a_directory_that_cannot_be_written_is_enough(path: Path, sealed: Path) -> None:
    write(path, 6)
    sealed.chmod(0o555)
    child = run(READ_WHERE_NOTHING_CAN_BE_WRITTEN, path, prepare=obey_file_modes)
    assert child.stdout.split() == ["6", "6"], child.stderr


def test_beside_a_living_writer_a_directory_that_cannot_be_written_is_enough(
    path: Path, sealed: Path, journal: Journal
) -> None:
    journal.append(mixed_rows(6))
    sealed.chmod(0o555)
    child = run(READ_WHERE_NOTHING_CAN_BE_WRITTEN, path, prepare=obey_file_modes)
    assert child.stdout.split() == ["6", "6"], child.stderr


def test_after_a_kill_a_directory_that_cannot_be_written_is_enough(path: Path, sealed: Path) -> None:
    writer = start(WRITE_FOR_EVER, path)
    acknowledged = int(answer(writer))
    kill(writer)
    sealed.chmod(0o555)
    child = run(READ_WHERE_NOTHING_CAN_BE_WRITTEN, path, prepare=obey_file_modes)
    rows, head = map(int, child.stdout.split())
    assert rows == head >= acknowledged


@pytest.mark.parametrize("acknowledgements", [1, 2, 5, 40, 200])
def test_what_was_acknowledged_before_a_kill_is_there(path: Path, acknowledgements: int) -> None:
    writer = start(WRITE_FOR_EVER, path)
    acknowledged = [answer(writer) for _ in range(acknowledgements)]
    acknowledged += kill(writer).split()
    last = int(acknowledged[-1])
    with JournalReader.open(path) as reader:
        rows = list(reader.rows())
    assert len(rows) >= last
    assert [row.body for row in rows] == [row.body for row in mixed_rows(len(rows))]
    assert len(rows) % 7 == 0  # all of a transaction or nothing of it
    report = verify(path)
    assert report.ok, report.reason
    with Journal.open(path, device=DEVICE) as journal:
        assert journal.append(mixed_rows(1))[0].seq == len(rows) + 1


def test_rows_that_wait_in_a_log_that_cannot_be_read_are_not_passed_over(path: Path, tmp_path: Path) -> None:
    """A copy of the two files without -shm, where no -shm can be made."""
    copies = tmp_path / "copies"
    copies.mkdir()
    with Journal.open(path, device=DEVICE) as journal:
        journal.append(mixed_rows(3))
        for name in ("journal.db", "journal.db-wal"):
            (copies / name).write_bytes((path.parent / name).read_bytes())
    copies.chmod(0o555)
    child = run(READ_WHERE_NOTHING_CAN_BE_WRITTEN, copies / "journal.db", prepare=obey_file_modes)
    copies.chmod(0o755)
    assert "JournalUnreadable" in child.stderr


def test_a_clock_that_does_not_exist_names_its_row(path: Path) -> None:
    write(path, 6)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER row_fixed")
    connection.execute("UPDATE row SET clock = 'sundial' WHERE seq = 4")
    connection.close()
    with (
        JournalReader.open(path) as reader,
        pytest.raises(JournalCorrupt, match="row 4 has a clock of 'sundial'"),
    ):
        list(reader.rows())


def test_a_chain_is_followed_from_any_row_on(journal: Journal, path: Path) -> None:
    stored = journal.append(mixed_rows(700))
    with JournalReader.open(path) as reader:
        assert list(reader.chained()) == stored
        assert list(reader.chained(after_seq=650)) == stored[650:]
        assert list(reader.chained(after_seq=700)) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE row SET body = x'7b7d' WHERE seq = 5",
        "UPDATE row SET type = 'x' WHERE seq = 5",
        "UPDATE row SET mono_ms = mono_ms + 1 WHERE seq = 5",
        "DELETE FROM row WHERE seq = 5",
    ],
)
def test_a_chain_that_is_broken_ends_there(path: Path, change: str) -> None:
    write(path, 9)
    _change(path, change)
    with JournalReader.open(path) as reader:
        with pytest.raises(JournalCorrupt, match="row 5 is not as it was written"):
            list(reader.chained(after_seq=3))
        assert [row.seq for row in reader.chained(after_seq=6)] == [7, 8, 9]


@pytest.mark.parametrize(
    "value",
    ["event_seq = 0", "boot = -1", "wall_ms = -1", "wall_ms = 9223372036854775807", "mono_ms = -1"],
)
def test_a_number_that_cannot_be_names_its_row(path: Path, value: str) -> None:
    write(path, 6)
    _change(path, f"UPDATE row SET {value} WHERE seq = 3")
    with JournalReader.open(path) as reader, pytest.raises(JournalCorrupt, match="row 3 is damaged"):
        list(reader.rows())


@pytest.mark.parametrize("found", [[], [("soon",)], [("-1",)], [(None,)], [("1",), ("2",)]])
def test_the_number_of_the_last_run_that_is_gone_is_damage(path: Path, found: list[tuple[object]]) -> None:
    """As a damaged index has it: the row was there when the file was opened."""
    write(path, 3)
    with JournalReader.open(path) as reader:
        reader._fetch = lambda *_: found  # type: ignore[method-assign]
        with pytest.raises(JournalCorrupt, match="the number of its last run is not there"):
            reader.last_boot()


def test_rows_that_are_out_of_place_are_not_read_for_ever(path: Path) -> None:
    write(path, 9)
    with JournalReader.open(path) as reader:
        page = reader._page(0, None, None)
        reader._page = lambda *_: page  # type: ignore[method-assign]
        with pytest.raises(JournalCorrupt, match="row 1 is out of place"):
            list(reader.rows())


@pytest.mark.parametrize("left", [b"", b"half of a header"])
def test_a_journal_that_was_never_finished_is_none_yet(path: Path, left: bytes) -> None:
    """A power cut in the first instants of a first start."""
    path.with_name("journal.db-journal").write_bytes(left)
    path.write_bytes(os.urandom(4096))
    with pytest.raises(JournalMissing, match="never finished"):
        JournalReader.open(path)


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for trigger in ("row_fixed", "row_kept"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    connection.close()


def test_refusals(path: Path) -> None:
    with pytest.raises(JournalMissing, match="start core, which makes it"):
        JournalReader.open(path)
    path.write_bytes(b"no database, but long enough to look at" * 40)
    with pytest.raises(JournalCorrupt, match="not a database"):
        JournalReader.open(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(JournalForeign, match="not a file"):
        JournalReader.open(path)
    path.rmdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(JournalForeign, match="not an rvos journal"):
        JournalReader.open(path)
