"""A journal on a disk that loses power, fails to synchronise, writes half, or is full, at every instant."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from bench import power_loss
from bench.power_loss import JOURNAL, Past, Recording, Told, a_past, last_told, put, recorded, scratch, wrong
from gateway.record import journal as journal_module
from gateway.record.errors import JournalError
from gateway.record.journal import Journal
from gateway.record.row import Row, StoredRow
from gateway.runtime.writer import ThreadWriter
from tests.record.faulty_vfs import (
    CREATE,
    DELETE,
    EIO,
    NO_ROOM,
    SHORT,
    SYNC,
    TOLD,
    TRUNCATE,
    WRITE,
    Disk,
    Fault,
    Operation,
)
from tests.record.power_cut import after_power_cut, as_asked
from tests.record.script import mixed_rows

DEVICE = power_loss.DEVICE
ROWS = 60
T = TypeVar("T")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return a_past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def often_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is moved into the file every few rows, so that cuts fall into that too."""
    monkeypatch.setattr(journal_module, "_CHECKPOINT_PAGES", 12)


class TestPowerCut:
    def test_a_session_survives_a_cut_at_every_operation(self, past: Past) -> None:
        found = power_loss.cut(recorded(past.rows, seed=1), past, seeds=(1,))
        assert found.wrong == []
        assert found.cuts > 250

    def test_and_a_second_cut_while_it_is_recovered(self, past: Past) -> None:
        assert power_loss.double(recorded(past.rows, seed=2), past, seed=1, every=17).wrong == []

    @pytest.mark.usefixtures("often_moved")
    def test_moving_the_log_into_the_file_survives_a_cut_at_every_operation(self) -> None:
        rows = Past(mixed_rows(ROWS), {})
        recording = recorded(rows.rows, seed=3)
        moves = [one for one in recording.log if one.kind == SYNC and one.name == JOURNAL]
        assert len(moves) >= 8
        assert _cut(recording, seeds=(1,)) == []

    def test_a_disk_that_only_says_that_it_has_synchronised_is_found_out(self) -> None:
        recording = recorded(mixed_rows(20), seed=1)
        made = next(number for number, one in enumerate(recording.log) if one.kind == TOLD)
        since = [one for one in recording.log[made:] if one.kind != SYNC]
        recording.log = recording.log[:made] + since
        lost = _cut(recording, seeds=(1,))
        assert [one for one in lost if "rows were reported durable" in one]

    def test_a_row_that_is_told_of_too_early_is_found_out(self) -> None:
        recording = recorded(mixed_rows(20), seed=1)
        first = next(number for number, one in enumerate(recording.log) if one.kind == TOLD)
        recording.log.insert(first + 1, Operation(TOLD, word=Told(len(recording.stored), 1)))
        assert _cut(recording, seeds=(1,))


def _cut(recording: Recording, seeds: tuple[int, ...]) -> list[str]:
    return power_loss.cut(recording, None, seeds).wrong


FAULTS = [(kind, lasting) for kind in (EIO, SHORT, NO_ROOM) for lasting in (False, True)]


@pytest.mark.usefixtures("often_moved")
class TestFault:
    """The fault strikes at each operation in turn; then the process is killed, or the power goes."""

    @pytest.mark.parametrize(("kind", "lasting"), FAULTS)
    def test_no_row_is_reported_durable_that_is_not(self, kind: str, lasting: bool) -> None:
        assert _strike(kind, lasting, tries=1) == []

    @pytest.mark.parametrize("kind", [EIO, SHORT])
    def test_nor_by_a_writer_that_tries_again(self, kind: str) -> None:
        assert _strike(kind, lasting=False, tries=2) == []

    def test_a_failure_that_is_not_told_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        insert = Journal._insert

        def careless(journal: Journal, stored: list[StoredRow]) -> None:
            with suppress(JournalError):
                insert(journal, stored)

        monkeypatch.setattr(Journal, "_insert", careless)
        assert _strike(EIO, lasting=True, tries=1)

    @pytest.mark.parametrize("kind", [EIO, NO_ROOM])
    def test_nor_does_the_core_s_writer_count_a_ticket_that_is_not(self, kind: str) -> None:
        rows = mixed_rows(12)
        operations = len(recorded(rows, seed=1).log)
        for number in range(0, operations, 2):
            disk = Disk(_fault(kind, number, lasting=True))
            with scratch() as before, scratch() as after, suppress(JournalError):
                writer = ThreadWriter(_opened(Path(before) / JOURNAL, disk, tries=1))
                tickets = [writer.submit([row]) for row in rows]
                writer.close()
                assert writer.durable == tickets[-1] or writer.failure is not None
                put(after_power_cut(disk.log, 0.0, number), Path(after))
                with Journal.open(Path(after) / JOURNAL, device=DEVICE) as left:
                    assert left.head.seq >= writer.durable


def _strike(kind: str, lasting: bool, tries: int) -> list[str]:
    """What does not hold, over every operation of a short recording."""
    rows = mixed_rows(12)
    recording = recorded(rows, seed=1)
    found = []
    with scratch() as before, scratch() as after:
        for number in range(0, len(recording.log), 3 if lasting else 1):
            disk = Disk(_fault(kind, number, lasting))
            put({}, Path(before))
            _write(rows, sorted(recording.whole), Path(before) / JOURNAL, disk, tries)
            told = last_told(disk.log)
            for files in _left(disk.log, number):
                put(files, Path(after))
                what = wrong(Path(after), told, recording)
                if what is not None:
                    found.append(f"{kind} at {number}, told {told}: {what}")
    return found


def _fault(kind: str, number: int, lasting: bool) -> Fault:
    def fault(at: int, operation: Operation) -> str | None:
        return kind if at == number or (lasting and at > number) else None

    return fault


def _write(rows: list[Row], ends: list[int], path: Path, disk: Disk, tries: int) -> None:
    """Write as the core does: what still fails after so many tries is the end, closing included."""
    with suppress(JournalError), closing(_opened(path, disk, tries)) as journal:
        boot = _tried(tries, journal.next_boot)
        disk.told(Told(0, boot))
        for begin, end in pairwise(ends):
            _tried(tries, partial(journal.append, rows[begin:end]))
            disk.told(Told(end, boot))


def _opened(path: Path, disk: Disk, tries: int) -> Journal:
    return _tried(tries, lambda: Journal.open(path, device=DEVICE, connect=disk.connect))


def _tried(tries: int, work: Callable[[], T]) -> T:
    for _ in range(tries - 1):
        with suppress(JournalError):
            return work()
    return work()


def _left(log: list[Operation], seed: int) -> Iterator[dict[str, bytes]]:
    yield as_asked(log)
    yield after_power_cut(log, (0.0, 0.5, 0.5, 0.9)[seed % 4], seed)


class TestModel:
    """The model of the disk itself: what it may lose, and what it may not."""

    def test_what_was_synchronised_stays_and_the_rest_may_go(self) -> None:
        log = [_create(), _write_at(0, b"a" * 1024), Operation(SYNC, "f"), _write_at(1024, b"b" * 1024)]
        log += [Operation(TOLD)]
        assert after_power_cut(log, 1.0, 1) == {"f": b"a" * 1024 + b"b" * 1024}
        left = {after_power_cut(log, 0.5, seed)["f"] for seed in range(50)}
        assert {one[:1024] for one in left} == {b"a" * 1024}
        assert {one[1024:1536] == b"b" * 512 for one in left} == {True, False}
        assert {one[1536:] == b"b" * 512 for one in left} == {True, False}

    def test_later_writes_may_stay_where_earlier_ones_go(self) -> None:
        log = [_create(), _write_at(0, b"a" * 1024), Operation(SYNC, "f")]
        log += [_write_at(0, b"b" * 512), _write_at(512, b"c" * 512), Operation(TOLD)]
        left = {after_power_cut(log, 0.5, seed)["f"] for seed in range(50)}
        assert b"a" * 512 + b"c" * 512 in left
        assert len(left) == 4

    def test_a_new_name_lasts_from_the_directory_s_synchronisation_on(self) -> None:
        plain = [_create(directory=False), _write_at(0, b"a"), Operation(SYNC, "f")]
        assert {bool(after_power_cut(plain, 0.5, seed)) for seed in range(20)} == {True, False}
        with_directory = [_create(), _write_at(0, b"a"), Operation(SYNC, "f")]
        assert {bool(after_power_cut(with_directory, 0.0, seed)) for seed in range(20)} == {True}

    def test_a_deleted_file_may_come_back(self) -> None:
        log = [_create(), _write_at(0, b"a"), Operation(SYNC, "f"), Operation(DELETE, "f")]
        assert after_power_cut(log, 0.0, 1) == {"f": b"a"}
        assert after_power_cut(log, 1.0, 1) == {}

    def test_what_a_failed_synchronisation_gave_up_no_later_one_saves(self) -> None:
        log = [_create(), Operation(SYNC, "f"), _write_at(0, b"a" * 512)]
        log += [Operation(SYNC, "f", failed=True), Operation(SYNC, "f")]
        assert after_power_cut(log, 0.0, 3)["f"] != b"a" * 512
        again = [*log, _write_at(0, b"b" * 512), Operation(SYNC, "f")]
        assert after_power_cut(again, 0.0, 3)["f"] == b"b" * 512

    def test_the_write_under_way_may_tear(self) -> None:
        log = [_create(), _write_at(0, b"a" * 1024), Operation(SYNC, "f"), _write_at(0, b"b" * 1024)]
        left = {after_power_cut(log, 1.0, seed)["f"] for seed in range(30)}
        assert any(set(one) - set(b"ab") for one in left)

    def test_a_truncation_may_go(self) -> None:
        log = [_create(), _write_at(0, b"a" * 1024), Operation(SYNC, "f"), Operation(TRUNCATE, "f", 512)]
        assert {len(after_power_cut(log, 0.5, seed)["f"]) for seed in range(20)} == {512, 1024}


def _create(directory: bool = True) -> Operation:
    return Operation(CREATE, "f", directory=directory)


def _write_at(offset: int, data: bytes) -> Operation:
    return Operation(WRITE, "f", offset, data)
