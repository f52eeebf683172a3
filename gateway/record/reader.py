"""Reading a journal while another process writes it, and after that process has gone.

Theory of operation
-------------------
A reader only reads: it opens the file ``mode=ro`` and never creates, locks or repairs anything.
SQLite cannot open a WAL database that way once the writer has closed it and its ``-wal`` and ``-shm``
files are gone (measured), so the reader has two states:

attached    ``-wal`` stands beside the file: SQLite's normal concurrent reading
immutable   it does not: nobody writes, and SQLite is told so

An immutable reader would never notice that a writer came back.  So before and after every page of
rows the reader compares what stands on the disk (the file's identity, size and time, and the size of
its ``-wal``) with what it saw when it opened; if that changed it opens again and reads the page
again.  A caller therefore keeps one reader for as long as it likes and polls it.  An attached reader
opens again when the file was replaced by another.

Rows come in pages, each its own short transaction: a slow consumer never keeps the writer from
checkpointing.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from gateway.record import schema
from gateway.record.chain import Head, genesis, link
from gateway.record.errors import (
    FROM_SQLITE,
    KEEP,
    JournalCorrupt,
    JournalMissing,
    JournalUnreadable,
    cannot_open,
    unread,
)
from gateway.record.row import ClockQuality, Kind, Stamp, StoredRow
from gateway.record.schema import Record, well_formed

_PAGE = 100
_CACHE_KB = 256
"""Rows at a time, and pages that SQLite keeps of a file that is read from its beginning to its end: core
makes the summary of an hour beside a loop, and does not give back what it once took."""
_ATTEMPTS = 10  # a writer that starts and stops while we open it, several times in a row
_BUSY_S = 5.0
_LAST = "SELECT seq, (SELECT max(event_seq) FROM row WHERE event_seq IS NOT NULL), hash FROM row"


class _OnDisk(NamedTuple):
    """What tells one state of the files from another."""

    device: int
    inode: int
    size: int
    changed_ns: int
    wal_size: int | None


class JournalReader:
    """A reader of one journal.  Open it with ``JournalReader.open``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connect()

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Raises ``JournalMissing``, ``JournalForeign``, ``JournalCorrupt`` or ``JournalUnreadable``."""
        return cls(Path(path))

    @property
    def device(self) -> str:
        """Whose journal this is."""
        return self._device

    @property
    def path(self) -> Path:
        return self._path

    def rows(
        self, after_seq: int = 0, session: str | None = None, kind: Kind | None = None
    ) -> Iterator[StoredRow]:
        """All rows in order, those that arrive meanwhile included."""
        for record in self.records(after_seq, session, kind):
            yield self._stored(record)

    def records(
        self, after_seq: int = 0, session: str | None = None, kind: Kind | None = None
    ) -> Iterator[Record]:
        """As ``rows``, but as stored: no hash and no gap is looked at."""
        while page := self._page(after_seq, session, kind):
            for record in page:
                if record[0] <= after_seq:
                    raise JournalCorrupt(self._path, f"row {record[0]} is out of place: {KEEP}")
                after_seq = record[0]
                yield record

    def chained(self, after_seq: int = 0) -> Iterator[StoredRow]:
        """All rows after that one, each shown by its hash to be what was written there."""
        digest = genesis(self._device).hash
        if after_seq > 0:
            for record in self._fetch(f"SELECT {schema.COLUMNS} FROM row WHERE seq = ?", (after_seq,)):
                digest = well_formed(self._path, record)[-1]
        for record in self.records(after_seq):
            after_seq += 1
            if record[0] != after_seq or record[-1] != link(digest, record[:9], record[9]):
                raise JournalCorrupt(self._path, f"row {after_seq} is not as it was written: {KEEP}")
            digest = record[-1]
            yield self._stored(record)

    def events(self, after_event_seq: int, limit: int) -> list[StoredRow]:
        """Up to ``limit`` event rows after that number: the next to ship."""
        query = f"SELECT {schema.COLUMNS} FROM row WHERE event_seq > ? ORDER BY event_seq LIMIT ?"
        found = self._fetch(query, (after_event_seq, limit))
        return [self._stored(well_formed(self._path, record)) for record in found]

    def last_boot(self) -> int:
        """The number of the newest run of core; 0 before the first. Raises ``JournalCorrupt``."""
        match self._fetch("SELECT value FROM meta WHERE key = 'boot'"):
            case [(str() | int() as boot,)] if str(boot).isdecimal():
                return int(boot)
        raise JournalCorrupt(self._path, f"the number of its last run is not there: {KEEP}")

    def sessions(self) -> list[str]:
        """Every session that has rows, oldest first."""
        found = self._fetch("SELECT session FROM row WHERE session <> '' GROUP BY session ORDER BY min(seq)")
        return [session for (session,) in found]

    def head(self) -> Head:
        """The numbers and hash of the last row."""
        found = self._fetch(f"{_LAST} ORDER BY seq DESC LIMIT 1")
        if not found:
            return genesis(self._device)
        ((seq, event_seq, digest),) = found
        return Head(seq, event_seq or 0, digest)

    def damage(self) -> str | None:
        """What SQLite's own check finds wrong with the file's structure."""
        ((first,), *_) = self._fetch("PRAGMA integrity_check(1)")
        return None if first == "ok" else str(first)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _page(self, after_seq: int, session: str | None, kind: Kind | None) -> list[Record]:
        wanted = {"seq > ?": after_seq, "session = ?": session, "kind = ?": kind}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        found = self._fetch(
            f"SELECT {schema.COLUMNS} FROM row WHERE {' AND '.join(given)} ORDER BY seq LIMIT {_PAGE}",
            tuple(given.values()),
        )
        return [well_formed(self._path, record) for record in found]

    def _fetch(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """The query's rows, from one state of the file."""
        for _ in range(_ATTEMPTS):
            if self._moved():
                self._connection.close()
                self._connect()
            try:
                found = self._connection.execute(query, values).fetchall()
            except FROM_SQLITE as error:
                raise unread(self._path, error) from error
            if not self._moved():
                return found
        raise JournalUnreadable(self._path, "changed under every attempt to read it: try again")

    def _moved(self) -> bool:
        """True when what we opened is not what stands there now."""
        now = _look(self._path)
        if self._immutable:
            return now != self._seen
        return (now.device, now.inode) != (self._seen.device, self._seen.inode)

    def _connect(self) -> None:
        for _ in range(_ATTEMPTS):
            self._seen = _look(self._path)
            schema.check_files(self._path)
            if self._seen.wal_size is not None and self._attach(immutable=False):
                return
            # an empty -wal holds nothing that an immutable reader would miss
            if not self._seen.wal_size and self._attach(immutable=True):
                return
        self._refuse_half_made()
        raise JournalUnreadable(
            self._path,
            "cannot be opened: check its rights; if a -wal file stands beside it without a -shm file, "
            "copy the journal and its -wal to a directory where you may write",
        )

    def _attach(self, *, immutable: bool) -> bool:
        """Open the file in this way; False when SQLite cannot or the files changed meanwhile."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
        try:
            with ExitStack() as undo:
                connection = sqlite3.connect(
                    uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
                )
                undo.callback(connection.close)
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
                if schema.is_empty(connection, self._path):
                    raise JournalMissing(self._path, "no journal here yet: start core, which makes it")
                self._device = schema.identify(connection, self._path)
                undo.pop_all()
        except FROM_SQLITE as error:
            if cannot_open(error):
                return False
            self._refuse_half_made()
            raise unread(self._path, error) from error
        self._connection, self._immutable = connection, immutable
        return True

    def _refuse_half_made(self) -> None:
        """Beside a journal a ``-journal`` stands only while it is made: the writer was cut off in that."""
        if os.path.lexists(f"{self._path}-journal"):
            raise JournalMissing(self._path, "was never finished: start core, which makes it")

    def _stored(self, record: Record) -> StoredRow:
        seq, event_seq, kind, type, session, boot, mono_ms, wall_ms, clock, body, digest = record
        try:
            stamp = Stamp(boot, mono_ms, wall_ms, ClockQuality(clock))
        except ValueError as error:
            raise JournalCorrupt(
                self._path, f"row {seq} has a clock of {clock!r}: run a verification"
            ) from error
        return StoredRow(cast(Kind, kind), type, session, stamp, body, seq, event_seq, digest)


def _look(path: Path) -> _OnDisk:
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise JournalMissing(path, "no journal here yet: start core, which makes it") from error
    except OSError as error:
        raise JournalUnreadable(path, f"cannot be looked at ({error.strerror}): check its rights") from error
    try:
        wal_size = os.stat(f"{path}-wal").st_size
    except FileNotFoundError:
        wal_size = None
    return _OnDisk(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, wal_size)
