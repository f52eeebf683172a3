"""The disk under a waveform file, on a thread that may wait for it.

Theory of operation
-------------------
Jobs are bytes to append and whether to synchronise afterwards.  They are done in order; ``backlog_bytes``
says how much waits, so that the caller can stop taking more.  Before each append the disk must have
``least_room_bytes`` more than the job takes: a waveform never uses up what the journal needs to go on and to
write an ending (``gateway.record.reserve``).  Where there is less, or the disk fails, nothing more is
written, what was cut off in the middle of a block is taken back, and ``failure`` says why.

Units: bytes.
"""

import errno
import os
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from gateway.record.reserve import RESERVE_BYTES

LEAST_ROOM_BYTES = 4 * RESERVE_BYTES
"""What is left to the journal (engineering proposal): a session's rows take a fifth of it."""


class System(Protocol):
    """What is asked of a disk; a test of bad ones brings another."""

    def write(self, data: memoryview) -> int:
        """Append; says how much was taken."""
        ...

    def sync(self) -> None:
        """Return when everything is safe."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to this size."""
        ...

    def room_bytes(self) -> int:
        """How much may still be written."""
        ...


class File:
    """The machine's own files."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: memoryview) -> int:
        """Append; says how much was taken."""
        return os.write(self._descriptor, data)

    def sync(self) -> None:
        """Return when everything is safe."""
        os.fdatasync(self._descriptor)

    def truncate(self, size: int) -> None:
        """Cut the file to this size."""
        os.ftruncate(self._descriptor, size)

    def room_bytes(self) -> int:
        """How much may still be written."""
        found = os.fstatvfs(self._descriptor)
        return found.f_bavail * found.f_frsize


class Disk:
    """``synced`` is called on the thread after each synchronisation with the length that is safe.

    ``length``: what the file has already.
    """

    def __init__(
        self, system: System, synced: Callable[[int], None], least_room_bytes: int, length: int = 0
    ) -> None:
        self._system, self._synced, self._least_room_bytes = system, synced, least_room_bytes
        self._jobs: queue.SimpleQueue[tuple[bytes, bool] | None] = queue.SimpleQueue()
        self._put = self._done = 0
        self._length = length
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="waveform disk", daemon=True)
        self._thread.start()

    @property
    def backlog_bytes(self) -> int:
        """How much was put and is not written."""
        return self._put - self._done

    def put(self, data: bytes, sync: bool) -> None:
        """Append this, after everything before it."""
        self._put += len(data)
        self._jobs.put((data, sync))

    def close(self, last: Callable[[str | None], bytes]) -> None:
        """Finish, append ``last``, which is told the failure if there was one, and end the thread."""
        self._jobs.put(None)
        self._thread.join()
        self._append_last(last(self.failure))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self.failure is None:
                self._do(*job)
            self._done += len(job[0])

    def _do(self, data: bytes, sync: bool) -> None:
        try:
            if data and self._system.room_bytes() - len(data) < self._least_room_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._append(data)
            if sync:
                self._system.sync()
                self._synced(self._length)
        except OSError as error:
            self.failure = _reason(error)
            self._take_back()

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._system.write(rest) :]
        self._length += len(data)

    def _append_last(self, data: bytes) -> None:
        """The ending is small: it may use the room that samples may not; a dead disk has none of it."""
        try:
            self._append(data)
            self._system.sync()
            self._synced(self._length)
        except OSError as error:
            self.failure = self.failure or _reason(error)
            self._take_back()

    def _take_back(self) -> None:
        try:
            self._system.truncate(self._length)
        except OSError:
            return  # a torn block at the end, which every reader passes over


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk has no room left for waveforms"
    return f"the disk failed ({error.strerror})"
