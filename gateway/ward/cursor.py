"""The link's only file: what the ward has, kept over restarts.

Theory of operation
-------------------
One small JSON file, replaced whole (write beside it, fsync, rename, fsync the directory), so after a
power cut it is the old one or the new one.  It holds the outbox's ``Position`` and the ids of the
alarms whose retained topics exist, written *before* the first of them is published: a link that was
killed finds and clears what it left behind.  An old cursor costs duplicates, never an event; a
missing one starts from the first event.

``journal`` is the hash of the event at ``settled_through``.  When the journal has another event
there, or none, it is not the journal that the cursor tells of, and the link starts from the first event.

A lock on ``FILE.lock`` keeps a second link away: two clients of one name would throw each other out
of the broker for ever.
"""

import fcntl
import os
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from gateway.record.errors import UNREADABLE
from gateway.ward.errors import CursorError
from gateway.ward.outbox import Position, runs

_Number = Annotated[int, msgspec.Meta(ge=0)]
_AlarmId = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_-]{1,64}$")]  # as in a topic


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds.  ``unheard`` lists runs of event numbers, first and last of each."""

    v: int = 1
    settled_through: _Number = 0
    acknowledged_through: _Number = 0
    answered_through: _Number = 0
    unheard: tuple[tuple[_Number, _Number], ...] = ()
    patience_ms: _Number = 0
    journal: str = ""
    alarms: tuple[_AlarmId, ...] = ()

    def is_within(self, newest: int) -> bool:
        """Whether it tells of no event after this one."""
        return max(self.settled_through, self.answered_through, *(last for _, last in self.unheard)) <= newest

    @property
    def position(self) -> Position:
        unheard = frozenset(seq for first, last in self.unheard for seq in range(first, last + 1))
        return Position(self.settled_through, self.answered_through, unheard, self.patience_ms)


def cursor_of(position: Position, journal: str, alarms: tuple[str, ...]) -> Cursor:
    """The cursor that says ``position``."""
    return Cursor(
        settled_through=position.settled_through,
        acknowledged_through=position.acknowledged_through,
        answered_through=position.answered_through,
        unheard=tuple(runs(position.unheard)),
        patience_ms=position.patience_ms,
        journal=journal,
        alarms=alarms,
    )


class CursorFile:
    """The cursor on disk, held by one link at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: BinaryIO | None = None

    def __enter__(self) -> "CursorFile":
        try:
            self._lock = open(f"{self._path}.lock", "wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.__exit__()
            raise CursorError(f"{self._path}: another rvos link holds it; stop that one first") from error
        except OSError as error:
            raise CursorError(
                f"{self._path}.lock: {error.strerror}; the link needs to write there"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def load(self) -> Cursor:
        """The cursor, or a new one when there is no file yet."""
        if self._path.exists() and not self._path.is_file():
            raise CursorError(f"{self._path}: not a file but something else of that name; move it away")
        try:
            cursor = msgspec.json.decode(self._path.read_bytes(), type=Cursor)
        except FileNotFoundError:
            return Cursor()
        except OSError as error:
            raise CursorError(f"{self._path}: {error.strerror}; the link needs to read it") from error
        except UNREADABLE as error:
            raise CursorError(
                f"{self._path}: not a cursor ({error}); move it away and every event is sent once more"
            ) from error
        if cursor.v != Cursor().v:
            raise CursorError(f"{self._path}: version {cursor.v} is of a newer rvos; use that one")
        return cursor

    def save(self, cursor: Cursor) -> None:
        """Replace the file; when this returns, the new cursor survives a power cut."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            _write_durably(fresh, msgspec.json.encode(cursor))
            os.replace(fresh, self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise CursorError(f"{self._path}: {error.strerror}; the link needs to write there") from error


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
