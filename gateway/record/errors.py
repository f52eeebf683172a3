"""Everything that the record room can refuse with, in one place.

Theory of operation
-------------------
Each error names the place (``where``: a file, a row, a session), says what is wrong there and what to
do.  ``RecordError`` is the base of all, ``JournalError`` of those that concern the file.  Failures to
write are ``JournalWriteFailed``: the rows of that call were not recorded, those acknowledged before
were, and the file stays valid.
"""

import sqlite3
from pathlib import Path

import msgspec

from gateway.record.reserve import room_bytes

FROM_SQLITE = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What Python's sqlite3 raises for files: beside its own, for a damaged text that a message quotes, and for
a number that is too large to be stored."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the document that was meant."""

KEEP = "move it and its -wal file away and keep both; core then makes a new one"
"""What to do with a journal that cannot be gone on with."""

_PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary one in the low byte

_NO_ROOM_BYTES = 65_536  # an input or output error on a disk with less is a full disk

_NUMBER_TAKEN = (
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
)


class RecordError(Exception):
    """Base of all errors of this room."""

    def __init__(self, where: Path | str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = str(where)
        self.message = message


class JournalError(RecordError):
    """The journal cannot be had, read or written."""


class JournalMissing(JournalError):
    """There is no journal at this path yet."""


class JournalBusy(JournalError):
    """Another process writes this journal."""


class JournalForeign(JournalError):
    """Not a journal of ours: another device's, another program's, or a newer schema."""


class JournalCorrupt(JournalError):
    """The file contradicts itself."""


class JournalUnreadable(JournalError):
    """The file may be sound but cannot be read from here."""


class JournalWriteFailed(JournalError):
    """Nothing of this call was recorded."""


class JournalFull(JournalWriteFailed):
    """No space left for another row."""


class RowUnreadable(RecordError):
    """A row's body is not what its type says."""

    def __init__(self, seq: int, type: str, detail: str) -> None:
        super().__init__(f"row {seq}", f"not a {type} ({detail}): run a verification of the journal")


class HistoryFileUnusable(RecordError):
    """Not a patient's history that can be taken over."""


class WaveformError(RecordError):
    """A waveform file cannot be made, read or exported."""


class WaveformMisused(WaveformError):
    """Streams that no file can hold: a defect of the program that describes them."""


class WaveformNotWritten(WaveformError):
    """The file cannot be made: the path, its rights, the disk."""


class WaveformUnreadable(WaveformError):
    """The file may be sound but cannot be read from here."""


class WaveformForeign(WaveformError):
    """Not a waveform file of ours, of a newer version, or nothing of it is left."""


class WaveformRefused(WaveformError):
    """The file does not hold what was asked for, or the format cannot hold what the file has."""


class ExportUnavailable(WaveformError):
    """What writes this format is not installed, or the output cannot be written."""


class SessionUnknown(RecordError):
    """These rows hold no start of that session."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session}", "its start is not recorded here: list the sessions there are")


def refused(path: Path, error: Exception) -> JournalError:
    """What SQLite's error means for a caller who wanted to write ``path``."""
    if getattr(error, "sqlite_errorcode", None) in _NUMBER_TAKEN:
        return JournalBusy(path, f"another writer took the next number ({error}): stop one of the two")
    if _is_full(path, error):
        return JournalFull(path, f"no space left ({error}): free disk space; no new row was recorded")
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusy(path, f"another writer is at work ({error}): stop one of the two")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return _corrupt(path, error)
        case _:
            return JournalWriteFailed(path, f"not written ({error}): check the disk, its mount and rights")


def unread(path: Path, error: Exception) -> JournalError:
    """What SQLite's error means for a caller who wanted to read ``path``."""
    if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return _corrupt(path, error)
    return JournalUnreadable(path, f"cannot be read ({error}): check the disk and its rights")


def cannot_open(error: Exception) -> bool:
    """True when SQLite could not open one of the files, rather than disliking what is in them."""
    return _code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _is_full(path: Path, error: Exception) -> bool:
    """SQLite says so of its main files only, not of its shared memory nor of a late word from fsync."""
    if _code(error) != sqlite3.SQLITE_IOERR:
        return _code(error) == sqlite3.SQLITE_FULL
    try:
        return room_bytes(path) < _NO_ROOM_BYTES
    except OSError:
        return False


def _corrupt(path: Path, error: Exception) -> JournalCorrupt:
    return JournalCorrupt(path, f"damaged or not a journal ({error}): {KEEP}")


def _code(error: Exception) -> int | None:
    """SQLite's primary code; a text or a number that Python could not make of what is stored is corrupt."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None if isinstance(error, sqlite3.ProgrammingError) else sqlite3.SQLITE_CORRUPT
    return code & _PRIMARY_CODE
