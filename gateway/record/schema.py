"""The journal's file: its tables, and how to tell it from any other file.

Theory of operation
-------------------
A journal is one SQLite database with two tables.  ``meta`` holds the schema version, the device's
name and the boot counter; ``row`` holds the rows, and triggers keep it append-only against
mistakes (the hash chain, ``chain.py``, is what shows intent).  SQLite's ``application_id`` marks the
file as ours, so that another program's database is refused before anything is changed in it.

The page size and the order of writes are fixed, so journals of equal content are equal files.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gateway.record.errors import FROM_SQLITE, KEEP, JournalCorrupt, JournalForeign

VERSION = 1
APPLICATION_ID = 0x72766F73  # "rvos"
_PAGE_BYTES = 4096
_MAKING_BYTES = 65_536  # making the tables takes seven pages of log

COLUMNS = "seq, event_seq, kind, type, session, boot, mono_ms, wall_ms, clock, body, hash"

_LAST_WALL_MS = 253_402_300_799_999  # the year 9999 is the last that can be printed
_NUMBER = re.compile("[0-9]{1,9}")
_Number = Annotated[int, msgspec.Meta(ge=1)]
_Time = Annotated[int, msgspec.Meta(ge=0)]
_Wall = Annotated[int, msgspec.Meta(ge=0, le=_LAST_WALL_MS)]

Record = tuple[_Number, _Number | None, str, str, str, _Time, _Time, _Wall, str, bytes, bytes]
"""A row as it is stored: the fields of ``chain.Fields``, body, hash."""

_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE row (
        seq INTEGER PRIMARY KEY, event_seq INTEGER, kind TEXT NOT NULL, type TEXT NOT NULL,
        session TEXT NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        clock TEXT NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
        CHECK (kind IN ('event', 'trace', 'audit')),
        CHECK ((kind = 'event') = (event_seq IS NOT NULL))
    ) STRICT""",
    "CREATE UNIQUE INDEX row_event ON row (event_seq) WHERE event_seq IS NOT NULL",
    "CREATE INDEX row_session ON row (session, seq)",
    "CREATE TRIGGER row_kept BEFORE DELETE ON row BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "CREATE TRIGGER row_fixed BEFORE UPDATE ON row BEGIN SELECT RAISE(ABORT, 'append-only'); END",
)


def check_files(path: Path) -> None:
    """Refuse what SQLite would wait on for ever, or take for nothing and delete.

    Raises ``JournalForeign`` for what is no file, ``JournalCorrupt`` for a log that no longer has its
    beginning: whoever killed core while it made the journal left a log of one transaction.
    """
    log = path.with_name(f"{path.name}-wal")
    size = log.stat().st_size if log.is_file() else 0
    if path.exists() and not path.is_file():
        raise JournalForeign(path, "not a file but something else of that name: move it away")
    if size > 0 and not (path.exists() and path.stat().st_size > 0):
        raise JournalCorrupt(path, f"empty or gone, but its {log.name} is there: {KEEP}")
    if size > _MAKING_BYTES and path.stat().st_size <= _PAGE_BYTES and not _has_tables(path):
        raise JournalCorrupt(path, f"nothing can be read from its {log.name} of {size} bytes: {KEEP}")


def _has_tables(path: Path) -> bool:
    """Looks without changing anything; a file that cannot be looked at is left to whoever opens it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    except FROM_SQLITE:
        return True


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a file without any table: new, or killed while it was made."""
    if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None:
        return False
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    if pages > 1:
        raise JournalCorrupt(path, f"holds {pages} pages and no table: {KEEP}")
    return True


def create(connection: sqlite3.Connection, device: str) -> None:
    """Make all tables in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in _TABLES:
        connection.execute(statement)
    meta = {"schema": str(VERSION), "device": device, "boot": "0"}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute("COMMIT")


def identify(connection: sqlite3.Connection, path: Path) -> str:
    """The device whose journal this is.  ``JournalForeign`` or ``JournalCorrupt`` if it is none."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise JournalForeign(path, "not an rvos journal: choose another file")
    meta = read_meta(connection)
    version, device = meta.get("schema", ""), meta.get("device", "")
    if not (_NUMBER.fullmatch(version) and device and _NUMBER.fullmatch(meta.get("boot", ""))):
        raise JournalCorrupt(path, f"its meta table lacks schema, device or boot: {KEEP}")
    if int(version) > VERSION:
        raise JournalForeign(
            path, f"written with schema {version}, this program knows up to {VERSION}: use a newer rvos"
        )
    return device


def well_formed(path: Path, record: Any) -> Record:
    """The record, if its types are ours; SQLite looks at them when it writes, not when it reads."""
    try:
        found: Record = msgspec.convert(record, Record)
    except msgspec.ValidationError as error:
        raise JournalCorrupt(path, f"row {record[0]} is damaged ({error}): {KEEP}") from error
    return found


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    found = connection.execute("SELECT key, value FROM meta").fetchall()
    return {key: value for key, value in found if isinstance(value, str)}
