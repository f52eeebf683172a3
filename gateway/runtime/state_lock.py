"""One core per state folder: the lock, and who holds it.

Theory of operation
-------------------
An flock on ``core.lock`` dies with its process, so no stale lock can remain.  The file's text says
who holds it, for the message that a second core ends with.
"""

import fcntl
import os
from pathlib import Path
from typing import IO


class StateLocked(Exception):
    """Another core owns this state folder; the message says which process."""


class StateLock:
    """Held from construction to ``release``."""

    def __init__(self, folder: Path) -> None:
        self._file = self._open(folder / "core.lock")

    def _open(self, path: Path) -> IO[str]:
        file = open(path, "a+", encoding="ascii")  # noqa: SIM115 - held for the process's life
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "an unknown process"
            file.close()
            raise StateLocked(f"{path.parent} is in use by {holder}; only one core may run") from error
        file.truncate(0)
        file.write(f"process {os.getpid()}\n")
        file.flush()
        return file

    def release(self) -> None:
        """Let another core have the folder."""
        self._file.close()
