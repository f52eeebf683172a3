"""Cut the power at every operation of a journal's life, and open what is left.

``python -m bench.power_loss [--seeds N] [--every K] [--rows N] [--json]``

Theory of operation
-------------------
A session of the prescription ``demo`` is given at a bedside in virtual time, with core killed once in an
occlusion.  Its rows are then written once more, through a disk that logs every operation
(``tests/record/faulty_vfs.py``): one transaction for each few rows, clean ends and new boots where the
session had them.  For each operation of that log and each seed the files are made as a power cut at that
instant may leave them (``tests/record/power_cut.py``), and opened by the product as it is, with Python's own
SQLite: reader, verification, ``restore``, then the writer.

What must hold after each cut (``wrong``): every row that was reported durable is there, and what else is
there is the beginning of what was written, in whole transactions; numbers and hashes are sound; no
exception; a session that was open is found open and latches; the ischaemia debt is at least what core had
counted, less the time since (core counts at every ``core.STEP_MS``); the boot number grows; the next row
can be written.

``double`` cuts a second time, while the first is being recovered from.  A third recording is long enough for
the log to be moved into the file while rows are written.

Ends with 0 when nothing was found, 1 otherwise.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from gateway.record.errors import JournalMissing, RecordError
from gateway.record.events import InflationAuthorised, SessionEnded, SessionStarted, Trace
from gateway.record.journal import Connect, Journal
from gateway.record.reader import JournalReader
from gateway.record.row import ClockQuality, Row, Stamp, StoredRow, trace_row
from gateway.record.verify import verify
from gateway.runtime.core import STEP_MS
from gateway.runtime.restore import restore
from gateway.safety.limits import HARD
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration, give
from gateway.simulation.models import CUFFS, LIMBS
from tests.record.faulty_vfs import TOLD, Disk, Operation
from tests.record.power_cut import STYLES, after_power_cut
from tests.record.script import mixed_rows

DEVICE = "rvos-virtual"
JOURNAL = "journal.db"
_LIMB = "fast_limb"
_DOWN_MS = (0, 100_000, 400_000)  # how long the machine was without power
_UNKNOWN_MS = 300_000
_MANY = 400  # rows: more than ``journal._CHECKPOINT_PAGES`` of log


@dataclass(frozen=True, slots=True)
class Told:
    """What had been reported durable."""

    seq: int
    boot: int


@dataclass(frozen=True, slots=True)
class Past:
    """A session's rows, and the ischaemia debt of each limb that core counted at each time (ms)."""

    rows: list[Row]
    debts: dict[int, tuple[int, ...]]

    def debts_ms(self, row: int) -> tuple[int, ...]:
        """The debts when this row was being written; rows count from 0."""
        return self.debts.get(self.rows[row].stamp.mono_ms, ())


@dataclass(slots=True)
class Recording:
    """What a disk was asked while the rows were written, and what came of it."""

    log: list[Operation]
    stored: list[StoredRow]
    whole: set[int]  # the row numbers at which a transaction ended


@dataclass(slots=True)
class Found:
    """The drill's result. ``wrong`` tells operation, seed and what did not hold."""

    operations: int = 0
    transactions: int = 0
    cuts: int = 0
    rows_checked: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class _Watched(Bedside):
    """A bedside that notes core's debt, and whose core is killed once the cuff has held for a second."""

    debts: dict[int, tuple[int, ...]]
    kill_ms: int | None

    def turn(self) -> None:
        super().turn()
        if self.core is None:
            return
        if self.core.state.now_ms == self.now:  # between two steps the debt is that of the step before
            self.debts[self.now] = tuple(self.core.state.debts.values_ms)
        if self.kill_ms is not None and self.core.state.inflation is not None and self.now >= self.kill_ms:
            self.kill_ms = None
            self.kill_core()
            self.start_core()


def a_past(folder: Path) -> Past:
    """A session that loses its core; wall clocks that are synchronised."""
    config = configuration("fast_cuff", _LIMB, None)
    bedside = _Watched(Bed(config, CUFFS["fast_cuff"], LIMBS[_LIMB], 1), folder / JOURNAL)
    bedside.debts, bedside.kill_ms = {}, 30_000
    give(bedside, "demo", _LIMB, 1)
    bedside.run(5_000)
    bedside.close()
    with JournalReader.open(folder / JOURNAL) as reader:
        rows = [_synchronised(row) for row in reader.rows()]
    return Past(_with_a_trace_before_each_inflation(rows, bedside.debts), bedside.debts)


def _with_a_trace_before_each_inflation(rows: list[Row], debts: dict[int, tuple[int, ...]]) -> list[Row]:
    """As if a second had ended between the authorisation and its first lease: that is the worst instant."""
    found: list[Row] = []
    for row in rows:
        found.append(row)
        if row.type == InflationAuthorised.name:
            trace = msgspec.json.decode(
                next(one.body for one in reversed(found) if one.kind == "trace"), type=Trace
            )
            owed = debts[row.stamp.mono_ms]
            here = msgspec.structs.replace(trace, ischaemia_debt_ms=max(owed), debts_ms=list(owed))
            found.append(trace_row(here, row.session, row.stamp))
    return found


def _synchronised(row: StoredRow) -> Row:
    stamp = msgspec.structs.replace(row.stamp, clock=ClockQuality.SYNCHRONISED)
    return Row(row.kind, row.type, row.session, stamp, row.body)


def batches(rows: Sequence[Row], seed: int) -> Iterator[list[Row]]:
    """The rows in transactions of one to four, as a thread takes what waits; none spans two boots."""
    chance = random.Random(seed)
    batch: list[Row] = []
    size = 1
    for row in rows:
        if batch and (len(batch) == size or row.stamp.boot != batch[0].stamp.boot):
            yield batch
            batch, size = [], chance.choice((1, 1, 1, 2, 4))
        batch.append(row)
    yield batch


def record(past: Iterable[list[Row]], path: Path, disk: Disk, connect: Connect | None = None) -> Recording:
    """Write everything, and note after each step what was reported durable."""
    stored: list[StoredRow] = []
    whole: set[int] = {0}
    journal, boot = None, 0
    for batch in past:
        if journal is None or batch[0].stamp.boot != boot:
            if journal is not None:
                journal.close()
            journal = Journal.open(path, device=DEVICE, connect=connect or disk.connect)
            boot = journal.next_boot()
            disk.told(Told(journal.head.seq, boot))
        stored += journal.append(batch)
        whole.add(journal.head.seq)
        disk.told(Told(journal.head.seq, boot))
    if journal is not None:
        journal.close()
    return Recording(list(disk.log), stored, whole)


def put(files: dict[str, bytes], folder: Path) -> None:
    """Leave exactly these files in the folder."""
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def last_told(log: Iterable[Operation]) -> Told | None:
    """The newest word that a caller got."""
    words = [operation.word for operation in log if operation.kind == TOLD]
    word = words[-1] if words else None
    return word if isinstance(word, Told) else None


def wrong(folder: Path, told: Told | None, recording: Recording, past: Past | None = None) -> str | None:
    """What does not hold of the files in ``folder``, ``None`` when all does."""
    path = folder / JOURNAL
    promised = told or Told(0, 0)
    try:
        found = _read(path, promised, recording, past)
        if isinstance(found, str):
            return found
        return _continued(path, promised, found)
    except RecordError as error:
        return f"{type(error).__name__}: {error}"


def _read(path: Path, promised: Told, recording: Recording, past: Past | None) -> int | str:
    """How many rows a reader finds, or what is wrong with them."""
    try:
        with JournalReader.open(path) as reader:
            rows = list(reader.rows())
            if len(rows) < promised.seq:
                return f"{promised.seq} rows were reported durable, {len(rows)} are there"
            if rows != recording.stored[: len(rows)]:
                return "there are rows that were not written"
            if len(rows) not in recording.whole:
                return f"row {len(rows)} is there without the rest of its transaction"
            careless = _careless(reader, rows, past) if past is not None else None
    except JournalMissing:
        return 0 if promised == Told(0, 0) else "the journal is gone"
    report = verify(path)
    return careless or (len(rows) if report.ok else f"does not verify: {report.reason}")


def _careless(reader: JournalReader, rows: Sequence[StoredRow], past: Past) -> str | None:
    """What ``restore`` takes more lightly than it was."""
    if not rows:
        return None
    for at in {len(rows) - 1, min(len(rows), len(past.rows) - 1)}:  # just written, or on its way
        cut_at = past.rows[at].stamp
        for down_ms in _DOWN_MS:
            now = Stamp(cut_at.boot + 1, 5_000, cut_at.wall_ms + down_ms, ClockQuality.SYNCHRONISED)
            restored = restore(reader, HARD, "another boot", now)
            for counted_ms, found_ms in zip(past.debts_ms(at), restored.debts_ms, strict=False):
                if found_ms < min(counted_ms - STEP_MS - down_ms, _UNKNOWN_MS):
                    return f"debt {found_ms} ms after {down_ms} ms, but core had counted {counted_ms} ms"
    open_session = _open_session(rows)
    if open_session and (restored.open_session != open_session or restored.latched is None):
        return f"session {open_session} was running, restored {restored}"
    return None


def _open_session(rows: Sequence[StoredRow]) -> str:
    for row in reversed(rows):
        if row.type in (SessionStarted.name, SessionEnded.name):
            return row.session if row.type == SessionStarted.name else ""
    return ""


def _continued(path: Path, promised: Told, found: int) -> str | None:
    """The writer's view: it goes on where the reader saw the end."""
    with Journal.open(path, device=DEVICE) as journal:
        if journal.head.seq != found:
            return f"the reader saw {found} rows, the writer {journal.head.seq}"
        boot = journal.next_boot()
        if boot <= promised.boot:
            return f"boot {boot} again"
        stamp = Stamp(boot, 1, 1, ClockQuality.UNSYNCHRONISED)
        journal.append([Row("audit", "after_the_cut", "", stamp, b"{}")])
    report = verify(path)
    return None if (report.ok, report.rows) == (True, found + 1) else f"afterwards: {report}"


def cut(recording: Recording, past: Past | None, seeds: Sequence[int], every: int = 1) -> Found:
    """Cut before and after every ``every``-th operation, with each seed."""
    found = Found(len(recording.log), len(recording.whole) - 1)
    began = time.monotonic()
    with scratch() as name:
        folder = Path(name)
        for number in range(0, len(recording.log) + 1, every):
            log = recording.log[:number]
            told = last_told(log)
            for seed in seeds:
                style = STYLES[(number + seed) % len(STYLES)]
                put(after_power_cut(log, style, seed * 1_000_003 + number), folder)
                what = wrong(folder, told, recording, past)
                found.cuts += 1
                found.rows_checked += told.seq if told else 0
                if what is not None:
                    found.wrong.append(f"operation {number}, seed {seed}, {style} kept: {what}")
    found.seconds = round(time.monotonic() - began, 1)
    return found


def double(recording: Recording, past: Past, seed: int, every: int) -> Found:
    """Cut, begin to recover, and cut again at every operation of that."""
    found = Found()
    began = time.monotonic()
    with scratch() as first, scratch() as second:
        for number in range(0, len(recording.log) + 1, every):
            log = recording.log[:number]
            left = after_power_cut(log, STYLES[number % len(STYLES)], seed + number)
            put(left, Path(first))
            disk = Disk()
            with Journal.open(Path(first) / JOURNAL, device=DEVICE, connect=disk.connect):
                pass
            for again in range(len(disk.log) + 1):
                files = after_power_cut(disk.log[:again], STYLES[again % len(STYLES)], again, left)
                put(files, Path(second))
                what = wrong(Path(second), last_told(log), recording, past)
                found.cuts += 1
                found.operations += 1
                if what is not None:
                    found.wrong.append(f"operation {number}, then {again}, seed {seed}: {what}")
    found.seconds = round(time.monotonic() - began, 1)
    return found


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """In memory where there is such a place: nothing here needs a disk of its own."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="rvos-power-", dir=memory if memory.is_dir() else None)


def recorded(rows: Sequence[Row], seed: int) -> Recording:
    """The log of writing these rows on a disk that works."""
    with scratch() as name:
        return record(batches(rows, seed), Path(name) / JOURNAL, Disk())


def main(arguments: list[str] | None = None) -> int:
    """Run the drill and print what it found."""
    parser = argparse.ArgumentParser(prog="python -m bench.power_loss", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="cuts at each operation")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only each K-th operation")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    with scratch() as name:
        past = a_past(Path(name))
    recording = recorded(past.rows, seed=1)
    found = {
        "cut once": cut(recording, past, range(options.seeds), options.every),
        "cut twice": double(recording, past, 1, 7 * options.every),
        "cut while the log is moved": cut(recorded(mixed_rows(_MANY), seed=2), None, (1,), options.every),
    }
    if options.json:
        json.dump({name: asdict(one) for name, one in found.items()}, sys.stdout)
    else:
        for title, one in found.items():
            print(f"{title}: {one}")
    return 1 if any(one.wrong for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
