"""One core per state folder: the lock, and who holds it.

Theory of operation
-------------------
An flock on ``core.lock`` dies with its process, so no stale lock can remain.  The file's text says
who holds it, for the message that a second core ends with.
"""

import contextlib
import fcntl
import os
from pathlib import Path


class StateLocked(Exception):
    """Another core owns this state folder; the message says which process."""


class StateLock:
    """Held from construction to ``release``."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = _held(folder / "core.lock")

    def release(self) -> None:
        """Let another core have the folder. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _held(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(descriptor)
        os.close(descriptor)
        raise StateLocked(f"{path.parent} is in use by {holder}; only one core may run") from error
    with contextlib.suppress(OSError):  # a full disk: the lock holds without our name in it
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"process %d\n" % os.getpid(), 0)
    return descriptor


def _holder(descriptor: int) -> str:
    with contextlib.suppress(OSError):  # something that is no file: it has no text
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return text or "an unknown process"
    return "an unknown process"
