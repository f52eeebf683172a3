"""The journal: the one append-only record of everything that happened, and the link's outbox.

Theory of operation
-------------------
One SQLite file, one writer.  ``append`` puts all its rows into one transaction with synchronous=FULL
and returns when they are durable: what it returned survives a kill and a power cut, and when it
raises, none of its rows was recorded.  Every row gets a gapless ``seq``; every event row also gets a
gapless ``event_seq``, which is its identity on the wire.  Rows are chained by hash (``chain.py``) and
never changed.

A lock on ``<file>-lock`` keeps a second writer out and names the first.  Readers (``reader.py``)
need no lock and never block the writer.  ``close`` ends with a truncating checkpoint, after which
the whole journal is one file, and journals of equal content are byte-identical.

An ``append`` waits for the disk (5 to 100 ms on an SD card): it belongs into a thread apart from the
control cycle.  A journal may be used from any thread, by one at a time.

States: open, closed.  All times are arguments; nothing here reads a clock.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from gateway.record import schema
from gateway.record.chain import Head, genesis, link
from gateway.record.errors import (
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
_INSERT = f"INSERT INTO row ({schema.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST_ROWS = f"SELECT {schema.COLUMNS} FROM row ORDER BY seq DESC LIMIT 2"
_LAST_EVENT = "SELECT coalesce(max(event_seq), 0) FROM row WHERE event_seq IS NOT NULL"


class Journal:
    """The writer of one journal.  Open it with ``Journal.open``."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int, head: Head) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._head = head
        self._reserve = Reserve(path)
        self._reserve.hold()

    @classmethod
    def open(cls, path: Path | str, *, device: str) -> Self:
        """Open or create the journal of ``device``.

        Raises ``JournalBusy`` (someone writes it), ``JournalForeign`` (another device's, another
        program's or a newer one), ``JournalCorrupt``, ``JournalWriteFailed`` (directory, rights, disk).
        """
        path = Path(path)
        with ExitStack() as undo, _translated(path):
            lock = _acquire_lock(path)
            undo.callback(os.close, lock)
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            undo.callback(connection.close)
            _prepare(connection, path, device)
            head = _recover_head(connection, path, device)
            undo.pop_all()
        return cls(path, connection, lock, head)

    @property
    def path(self) -> Path:
        return self._path

    @property
    def head(self) -> Head:
        """The last durable row's numbers and hash."""
        return self._head

    def next_boot(self) -> int:
        """Count one more run of core, durably; the first is 1."""
        with self._transaction():
            boot = int(schema.read_meta(self._connection)["boot"]) + 1
            self._connection.execute("UPDATE meta SET value = ? WHERE key = 'boot'", (str(boot),))
        return boot

    def append(self, rows: Sequence[Row]) -> list[StoredRow]:
        """Record ``rows`` in this order, all or none; durable on return.

        A full disk costs the reserve first; only then is it a ``JournalFull``.
        """
        if not rows:
            return []
        stored = _chained(self._head, rows)
        try:
            self._insert(stored)
        except JournalFull:
            if not self._reserve.free():
                raise
            self._insert(stored)
        last_event = next((row.event_seq for row in reversed(stored) if row.event_seq), self._head.event_seq)
        self._head = Head(stored[-1].seq, last_event, stored[-1].hash)
        return stored

    def _insert(self, stored: Sequence[StoredRow]) -> None:
        with self._transaction():
            self._connection.executemany(_INSERT, map(_record, stored))

    def close(self) -> None:
        """Move everything into the one file and let go of it.  A second call does nothing."""
        if self._lock < 0:
            return
        lock, self._lock = self._lock, -1
        try:
            with _translated(self._path):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._connection.close()
            os.close(lock)

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
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # SQLite has already rolled back by itself after a full disk or an IO error, not after others
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise refused(path, error) from error


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
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise JournalBusy(
            path, f"process {holder or 'unknown'} writes this journal: stop it first"
        ) from error
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor


def _prepare(connection: sqlite3.Connection, path: Path, device: str) -> None:
    """Make or identify the tables; another program's file is refused before it is changed."""
    if schema.is_empty(connection):
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA journal_mode = WAL")
        schema.create(connection, device)
    found = schema.identify(connection, path)
    if found != device:
        raise JournalForeign(path, f"the journal of {found!r}, not of {device!r}: choose another file")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _recover_head(connection: sqlite3.Connection, path: Path, device: str) -> Head:
    """The head as the file proves it: the last row must follow from its predecessor."""
    rows = connection.execute(_LAST_ROWS).fetchall()
    if not rows:
        return genesis(device)
    seq, digest = rows[0][0], rows[0][-1]
    previous = rows[1][-1] if len(rows) > 1 else genesis(device).hash
    if digest != link(previous, rows[0][:9], rows[0][9]):
        raise JournalCorrupt(path, f"row {seq}, the last, does not match its hash: run a verification")
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
