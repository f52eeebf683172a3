"""The journal's file: its tables, and how to tell it from any other file.

Theory of operation
-------------------
A journal is one SQLite database with two tables.  ``meta`` holds the schema version, the device's
name and the boot counter; ``row`` holds the rows, and triggers keep it append-only against
mistakes (the hash chain, ``chain.py``, is what shows intent).  SQLite's ``application_id`` marks the
file as ours, so that another program's database is refused before anything is changed in it.

The page size and the order of writes are fixed, so journals of equal content are equal files.
"""

import sqlite3
from pathlib import Path

from gateway.record.errors import JournalCorrupt, JournalForeign

VERSION = 1
APPLICATION_ID = 0x72766F73  # "rvos"

COLUMNS = "seq, event_seq, kind, type, session, boot, mono_ms, wall_ms, clock, body, hash"

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


def is_empty(connection: sqlite3.Connection) -> bool:
    """True for a file without any table: new, or killed while it was made."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


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
    if not version.isdecimal() or not device or not meta.get("boot", "").isdecimal():
        raise JournalCorrupt(path, "its meta table lacks schema, device or boot: keep it, start a new one")
    if int(version) > VERSION:
        raise JournalForeign(
            path, f"written with schema {version}, this program knows up to {VERSION}: use a newer rvos"
        )
    return device


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())
