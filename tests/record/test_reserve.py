"""A disk that is really full: a small file system of its own, where this machine allows one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.record.errors import JournalFull
from gateway.record.journal import ClockQuality, Journal, Row, Stamp
from gateway.record.reserve import RESERVE_BYTES, Reserve, room_bytes
from gateway.record.verify import verify

STAMP = Stamp(1, 5, 7, ClockQuality.SIMULATED)
ROW = Row("event", "hold_reached", "s", STAMP, b'{"cycle":1,"target_dmmhg":1700}')


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(65_536)):
                pass
        except OSError:
            return


def _append_for_ever(journal: Journal) -> None:
    while True:
        journal.append([ROW] * 50)


def test_a_full_disk_costs_the_reserve_and_no_row(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        assert (disk / "journal.db-reserve").stat().st_size == RESERVE_BYTES
        journal.append([ROW])
        _fill(disk)
        for _ in range(500):
            journal.append([ROW])
        assert not (disk / "journal.db-reserve").exists()
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, 501)


def test_without_a_reserve_a_full_disk_is_told_and_the_file_stays_whole(disk: Path) -> None:
    with Journal.open(disk / "journal.db", device="bed-7") as journal:
        journal.append([ROW])
        Reserve(disk / "journal.db").free()
        _fill(disk)
        with pytest.raises(JournalFull):
            _append_for_ever(journal)
        written = journal.head.event_seq
        (disk / "ballast").unlink()
    report = verify(disk / "journal.db")
    assert (report.ok, report.events) == (True, written)


def test_the_reserve_comes_back_with_the_room(disk: Path) -> None:
    reserve = Reserve(disk / "journal.db")
    assert not reserve.free()
    _fill(disk)
    reserve.hold()
    assert not reserve.free()
    (disk / "ballast").unlink()
    before = room_bytes(disk / "journal.db")
    reserve.hold()
    assert before - room_bytes(disk / "journal.db") >= RESERVE_BYTES
    assert reserve.free()
