"""A disk under SQLite that keeps a log of what was asked of it, and that fails where it is told to.

Theory of operation
-------------------
``Disk`` is a SQLite VFS (apsw) in front of the machine's own files.  Every opening that makes a file, every
write, truncation, synchronisation and deletion is one ``Operation`` of its log, in order; ``power_cut.py``
makes from the log what such a disk holds when the power goes.  ``told`` puts a caller's word between the
operations: what had been reported durable by then.

``fault`` is asked before each operation and may make it fail: ``EIO`` (nothing is done), ``SHORT`` (half of
a write is done), ``NO_ROOM`` (half of a write is done, the disk is full), as a real disk does.

The product's SQLite is Python's own; apsw brings a newer one.  ``connect`` gives a connection of apsw that
looks like one of ``sqlite3`` as far as the journal uses it, errors included.  That both ask the same of a
disk, operation for operation, was compared once with strace (SQLite 3.40.1 and 3.54.1).

Units: bytes.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import apsw

CREATE, WRITE, TRUNCATE, SYNC, DELETE, TOLD = "create", "write", "truncate", "sync", "delete", "told"
EIO, SHORT, NO_ROOM = "EIO", "short write", "no room"

# os_unix.c: the first fsync of a file of these kinds synchronises its directory too
_WITH_DIRECTORY = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class Operation(NamedTuple):
    """One thing asked of the disk; ``failed`` says that it was answered with an error."""

    kind: str
    name: str = ""
    offset: int = 0  # of a write; the new size of a truncation
    data: bytes = b""
    directory: bool = False  # create: its first sync is the directory's too; delete: durable at once
    failed: bool = False
    word: object = None


Fault = Callable[[int, Operation], str | None]
"""The number of an operation and the operation; what to answer instead of doing it."""


def never(number: int, operation: Operation) -> str | None:
    """A disk that works."""
    return None


class Disk(apsw.VFS):
    """The VFS; one for each log."""

    def __init__(self, fault: Fault = never) -> None:
        self.log: list[Operation] = []
        self.fault = fault
        self.vfs = f"faulty-{id(self)}"
        super().__init__(self.vfs, "unix")

    def told(self, word: object) -> None:
        """Note what a caller has just been told."""
        self.log.append(Operation(TOLD, word=word))

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection over this disk, for ``Journal.open``."""
        with _Translated():
            return cast(sqlite3.Connection, _Connection(apsw.Connection(str(path), vfs=self.vfs)))

    def ask(self, operation: Operation) -> str | None:
        """Log it, and say how it fails if it does."""
        answer = self.fault(len(self.log), operation)
        self.log.append(operation._replace(failed=answer is not None))
        return answer

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - apsw's name
        """Open one file of the database."""
        place = name.filename() if isinstance(name, apsw.URIFilename) else name
        if place is None:
            return apsw.VFSFile("unix", name, flags)
        if not Path(place).exists():
            operation = Operation(CREATE, Path(place).name, directory=bool(flags[0] & _WITH_DIRECTORY))
            if self.ask(operation) is not None:
                raise _error(apsw.CantOpenError, apsw.SQLITE_CANTOPEN)
        return _File(self, Path(place).name, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802 - apsw's name
        """Delete one."""
        if self.ask(Operation(DELETE, Path(name).name, directory=syncdir)) is not None:
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_DELETE)
        super().xDelete(name, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, place: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk, self._name = disk, name
        super().__init__("unix", place, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - apsw's name
        whole = bytes(data)
        answer = self._disk.ask(Operation(WRITE, self._name, offset, whole))
        if answer is None:
            super().xWrite(whole, offset)
            return
        done = b"" if answer == EIO else whole[: len(whole) // 2]
        self._disk.log[-1] = self._disk.log[-1]._replace(data=done)
        if done:
            super().xWrite(done, offset)
        if answer == NO_ROOM:
            raise _error(apsw.FullError, apsw.SQLITE_FULL)
        raise _error(apsw.IOError, apsw.SQLITE_IOERR_WRITE)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - apsw's name
        if self._disk.ask(Operation(TRUNCATE, self._name, newsize)) is not None:
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_TRUNCATE)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's name
        if self._disk.ask(Operation(SYNC, self._name)) is not None:
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_FSYNC)
        # the model decides what is durable: the machine's own disk need not be waited for


class _Connection:
    """What the journal uses of ``sqlite3.Connection``."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> "_Rows":
        with _Translated():
            return _Rows(self._connection.execute(statement, values).fetchall())

    def executemany(self, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
        with _Translated():
            self._connection.executemany(statement, values)

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # Python's SQLite does not tell what went wrong at the end
            self._connection.close()


class _Rows:
    """A result that was read to its end."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Any:
        return iter(self._rows)

    def fetchall(self) -> list[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None


class _Translated:
    """apsw's errors as those of ``sqlite3``, with their codes."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, apsw.Error):
            translated = sqlite3.OperationalError(str(error))
            translated.sqlite_errorcode = cast(Any, error).extendedresult
            raise translated from error


def _error(kind: type[apsw.Error], code: int) -> apsw.Error:
    error: Any = kind("planted")
    error.extendedresult = code
    return cast(apsw.Error, error)
