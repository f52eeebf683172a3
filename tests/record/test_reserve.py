"""The reserve: what a full disk costs, and what it does not."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.record.errors import JournalFull
from gateway.record.events import AlarmRaised, Trace
from gateway.record.journal import ClockQuality, Journal, Row, Stamp, connect
from gateway.record.reserve import PIECE_BYTES, RESERVE_BYTES, Reserve, room_bytes
from gateway.record.row import event_row, trace_row
from gateway.record.verify import verify
from tests.record.small_disk import BALLAST, empty, fill, small_disk

STAMP = Stamp(1, 5, 7, ClockQuality.SIMULATED)
ROW = Row("event", "hold_reached", "s", STAMP, b'{"cycle":1,"target_dmmhg":1700}')


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=12) as found:
        yield found


def _append_for_ever(journal: Journal) -> None:
    while True:
        journal.append([ROW] * 50)


def _held(disk: Path) -> int:
    return (disk / "journal.db-reserve").stat().st_size


def test_a_full_disk_costs_the_reserve_and_no_row(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        assert _held(disk) == RESERVE_BYTES
        journal.append([ROW])
        fill(disk)
        for _ in range(500):
            journal.append([ROW])
        assert _held(disk) < RESERVE_BYTES
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, 501)


def test_whoever_else_fills_the_disk_wins_a_piece_and_not_all(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        for _ in range(10):
            fill(disk)
            journal.append([ROW] * 50)
        assert _held(disk) > 0
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, 500)


def test_it_may_be_full_before_any_row_of_a_session(disk: Path) -> None:
    rows = list(_session(seconds=60))
    for number in range(len(rows)):
        for old in disk.iterdir():
            old.unlink()
        with Journal.open(disk / "journal.db", device="bed-7") as journal:
            for row in rows[:number]:
                journal.append([row])
            fill(disk)
            for row in rows[number:]:
                journal.append([row])
        report = verify(disk / "journal.db")
        assert (report.ok, report.rows) == (True, len(rows))


def test_without_a_reserve_a_full_disk_is_told_and_the_file_stays_whole(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        journal.append([ROW])
        (disk / "journal.db-reserve").unlink()
        fill(disk)
        with pytest.raises(JournalFull):
            _append_for_ever(journal)
        written = journal.head.event_seq
        empty(disk)
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, written)


@pytest.mark.parametrize("killed", [False, True])
def test_a_journal_opens_on_a_full_disk(disk: Path, tmp_path: Path, killed: bool) -> None:
    """The core that comes back after a power cut has an ending to write."""
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        journal.next_boot()
        journal.append([ROW] * 7)
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(disk / name, tmp_path / name)
    if killed:  # what a kill leaves, without the memory that SQLite shares
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(tmp_path / name, disk / name)
    (disk / "journal.db-lock").unlink()
    fill(disk)
    assert room_bytes(disk / "journal.db") == 0
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        assert journal.next_boot() == 2
        journal.append([ROW])
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, 8)


def test_a_boot_is_counted_on_a_full_disk(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        fill(disk)
        assert journal.next_boot() == 1
        assert _held(disk) < RESERVE_BYTES


def test_the_reserve_comes_back_with_the_room(disk: Path) -> None:
    reserve = Reserve(disk / "journal.db")
    assert not reserve.give()
    fill(disk)
    reserve.hold()
    assert not reserve.give()
    empty(disk)
    before = room_bytes(disk / "journal.db")
    reserve.hold()
    assert before - room_bytes(disk / "journal.db") >= RESERVE_BYTES
    assert reserve.give()
    assert _held(disk) == RESERVE_BYTES - PIECE_BYTES


def test_the_last_room_is_left_to_others(disk: Path) -> None:
    with (disk / BALLAST).open("wb") as file:
        file.write(bytes(12 * 1024 * 1024 - 2 * RESERVE_BYTES + 4096))
    Reserve(disk / "journal.db").hold()
    assert not (disk / "journal.db-reserve").exists()


def test_a_whole_session_fits_the_reserve_from_any_instant_to_its_end(tmp_path: Path) -> None:
    """45 minutes, one transaction for each row: what is written from an instant on, at most."""
    sizes = []
    with Journal.open(tmp_path / "journal.db", device="bed-7", connect=_without_waiting) as journal:
        for row in _session(seconds=45 * 60):
            journal.append([row])
            sizes.append(sum((tmp_path / name).stat().st_size for name in ("journal.db", "journal.db-wal")))
    need = max(max(sizes) - size for size in sizes)
    assert 2_000_000 < need < RESERVE_BYTES - PIECE_BYTES


def _without_waiting(path: Path) -> sqlite3.Connection:
    """The sizes are what they are with a disk that answers at once."""
    connection = connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.set_authorizer(_refuse_synchronous)
    return connection


def _refuse_synchronous(action: int, name: str | None, value: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_PRAGMA and name == "synchronous" and value is not None:
        return sqlite3.SQLITE_IGNORE
    return sqlite3.SQLITE_OK


def _session(seconds: int) -> Iterator[Row]:
    """A trace each second, of 20 readings of the cuff and one of the oximeter; an event each 20 s."""
    for second in range(seconds):
        began_ms = 1_000 * second
        stamp = Stamp(1, began_ms, 1_767_225_600_000 + began_ms, ClockQuality.SYNCHRONISED)
        trace = Trace(
            phase="reperfusion",
            cycle=4,
            target_dmmhg=1700,
            ischaemia_debt_ms=300_000,
            cuff=[(began_ms + 50 * frame, 1700, 1700) for frame in range(20)],
            sto2=[(began_ms, 680)],
        )
        yield trace_row(trace, "gateway-1-12-1", stamp)
        if second % 20 == 0:
            raised = AlarmRaised(
                alarm_id="12-7", condition="blood_pressure_missing", priority="medium", text="x" * 120
            )
            yield event_row(raised, "gateway-1-12-1", stamp)
