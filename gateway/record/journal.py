"""The journal: the one append-only record of everything that happened, and the link's outbox.

Theory of operation
-------------------
One SQLite file, one writer.  ``append`` puts all its rows into one transaction with synchronous=FULL
and returns when they are durable: what it returned survives a kill and a power cut.  When it raises, none
of its rows counts as recorded; after a disk that failed to synchronise the next opening may still find all
of them, never some.  Every row gets a gapless ``seq``; every event row also gets a
gapless ``event_seq``, which is its identity on the wire.  Rows are chained by hash (``chain.py``) and
never changed.

A lock on ``<file>-lock`` keeps a second writer out and names the first.  Readers (``reader.py``)
need no lock and never block the writer.  ``close`` ends with a truncating checkpoint, after which
the whole journal is one file, and journals of equal content are byte-identical.

A full disk costs the reserve (``reserve.py``), piece by piece, before it costs a row: opening, counting a
boot and appending all try again with each piece.  The write-ahead log is moved into the file every
``_CHECKPOINT_PAGES``, so that it takes 1 MB of a full disk and not 4.

An ``append`` waits for the disk (5 to 100 ms on an SD card): it belongs into a thread apart from the
control cycle.  A journal may be used from any thread, by one at a time.

States: open, closed.  All times are arguments; nothing here reads a clock.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

from gateway.record import schema
from gateway.record.chain import Head, genesis, link
from gateway.record.errors import (
    FROM_SQLITE,
    KEEP,
    JournalBusy,
    JournalCorrupt,
    JournalForeign,
    JournalFull,
    JournalWriteFailed,
    refused,
)
from gateway.record.reserve import Reserve
from gateway.record.row import ClockQuality, Row, Stamp, StoredRow

__all__ = ["ClockQuality", "Head", "Journal", "Row", "Stamp", "StoredRow"]

_BUSY_S = 5.0  # how long a closing checkpoint waits for a reader to finish its page
_CHECKPOINT_PAGES = 256  # of 4096 bytes
_CACHE_KB = 512
"""Pages that SQLite keeps, which fill up as the journal grows; it only ever appends, and needs few."""
_INSERT = f"INSERT INTO row ({schema.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST_ROWS = f"SELECT {schema.COLUMNS} FROM row ORDER BY seq DESC LIMIT 2"
_LAST_EVENT = "SELECT coalesce(max(event_seq), 0) FROM row WHERE event_seq IS NOT NULL"


_Done = TypeVar("_Done")
Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """SQLite over the machine's own files; a test of bad disks brings another one."""
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


class Journal:
    """The writer of one journal.  Open it with ``Journal.open``."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: int, head: Head, reserve: Reserve
    ) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._head = head
        self._reserve = reserve

    @classmethod
    def open(cls, path: Path | str, *, device: str, connect: Connect = connect) -> Self:
        """Open or create the journal of ``device``.

        Raises ``JournalBusy`` (someone writes it), ``JournalForeign`` (another device's, another
        program's or a newer one), ``JournalCorrupt``, ``JournalWriteFailed`` (directory, rights, disk).
        """
        path, reserve = Path(path), Reserve(Path(path))
        with ExitStack() as undo:
            lock = _acquire_lock(path)
            undo.callback(os.close, lock)
            connection, head = _with_room(reserve, lambda: _opened(path, device, connect))
            undo.pop_all()
        reserve.hold()
        return cls(path, connection, lock, head, reserve)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def head(self) -> Head:
        """The last durable row's numbers and hash."""
        return self._head

    def next_boot(self) -> int:
        """Count one more run of core, durably; the first is 1."""
        return _with_room(self._reserve, self._count_boot)

    def append(self, rows: Sequence[Row]) -> list[StoredRow]:
        """Record ``rows`` in this order, all or none; durable on return."""
        if not rows:
            return []
        stored = _chained(self._head, rows)
        _with_room(self._reserve, lambda: self._insert(stored))
        last_event = next((row.event_seq for row in reversed(stored) if row.event_seq), self._head.event_seq)
        self._head = Head(stored[-1].seq, last_event, stored[-1].hash)
        return stored

    def _count_boot(self) -> int:
        with self._transaction():
            boot = int(schema.read_meta(self._connection)["boot"]) + 1
            self._connection.execute("UPDATE meta SET value = ? WHERE key = 'boot'", (str(boot),))
        return boot

    def _insert(self, stored: Sequence[StoredRow]) -> None:
        with self._transaction():
            self._connection.executemany(_INSERT, map(_record, stored))

    def close(self) -> None:
        """Move everything into the one file and let go of it.  A second call does nothing.

        Where a full disk leaves no room for that, the rows stay in the log beside the file, as after a kill.
        """
        if self._lock < 0:
            return
        lock, self._lock = self._lock, -1
        try:
            with suppress(JournalFull):
                _with_room(self._reserve, self._move_log)
        finally:
            self._connection.close()
            os.close(lock)

    def _move_log(self) -> None:
        with _translated(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._lock < 0:
            raise JournalWriteFailed(self._path, "this journal was closed: open it again")
        with _translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        # Nothing is open after the commit, nor after a full disk or an IO error: there SQLite has rolled back
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FROM_SQLITE as error:
        raise refused(path, error) from error


def _with_room(reserve: Reserve, work: Callable[[], _Done]) -> _Done:
    """Do it; on a full disk again with each piece of the reserve, and then it is a ``JournalFull``."""
    while True:
        try:
            return work()
        except JournalFull:
            if not reserve.give():
                raise


def _opened(path: Path, device: str, connect: Connect) -> tuple[sqlite3.Connection, Head]:
    schema.check_files(path)
    with ExitStack() as undo, _translated(path):
        connection = connect(path)
        undo.callback(connection.close)
        _prepare(connection, path, device)
        head = _recover_head(connection, path, device)
        undo.pop_all()
    return connection, head


def _acquire_lock(path: Path) -> int:
    """An open descriptor that holds the writer's lock, with our process number in the file."""
    beside = path.with_name(path.name + "-lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise JournalWriteFailed(
            path,
            f"cannot create {beside.name} beside it ({error.strerror}): check the directory and its rights",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = b""
        with suppress(OSError):  # something that is no file: it has no text
            holder = os.pread(descriptor, 32, 0)
        os.close(descriptor)
        name = holder.decode("ascii", "replace").strip() or "unknown"
        raise JournalBusy(path, f"process {name} writes this journal: stop it first") from error
    with suppress(OSError):  # a full disk: the lock holds without our name in it
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor


def _prepare(connection: sqlite3.Connection, path: Path, device: str) -> None:
    """Make or identify the tables; another program's file is refused before it is changed."""
    if schema.is_empty(connection, path):
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA journal_mode = WAL")
        schema.create(connection, device)
    found = schema.identify(connection, path)
    if found != device:
        raise JournalForeign(path, f"the journal of {found!r}, not of {device!r}: choose another file")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _recover_head(connection: sqlite3.Connection, path: Path, device: str) -> Head:
    """The head as the file proves it: the last row must follow from its predecessor."""
    rows = [schema.well_formed(path, record) for record in connection.execute(_LAST_ROWS).fetchall()]
    if not rows:
        return genesis(device)
    seq, digest = rows[0][0], rows[0][-1]
    previous = rows[1][-1] if len(rows) > 1 else genesis(device).hash
    if digest != link(previous, rows[0][:9], rows[0][9]):
        raise JournalCorrupt(path, f"row {seq}, the last, is not as it was written: {KEEP}")
    (last_event,) = connection.execute(_LAST_EVENT).fetchone()
    return Head(seq, last_event, digest)


def _chained(head: Head, rows: Sequence[Row]) -> list[StoredRow]:
    """``rows`` with their numbers and hashes, following ``head``."""
    seq, event_seq, digest = head
    stored = []
    for row in rows:
        seq += 1
        event_seq += row.kind == "event"
        number = event_seq if row.kind == "event" else None
        stamp = row.stamp
        fields = (
            seq, number, row.kind, row.type, row.session,
            stamp.boot, stamp.mono_ms, stamp.wall_ms, stamp.clock.value,
        )  # fmt: skip
        digest = link(digest, fields, row.body)
        stored.append(StoredRow(row.kind, row.type, row.session, stamp, row.body, seq, number, digest))
    return stored


def _record(row: StoredRow) -> tuple[object, ...]:
    stamp = row.stamp
    return (
        row.seq, row.event_seq, row.kind, row.type, row.session,
        stamp.boot, stamp.mono_ms, stamp.wall_ms, stamp.clock.value, row.body, row.hash,
    )  # fmt: skip
