"""Room kept back on the disk, so that a session's ending can always be written.

Theory of operation
-------------------
A file of 4 MB stands beside the journal for nothing but its size.  When the disk is full the journal
deletes it and writes again: a session of 45 minutes needs 1.7 MB, so its ending fits.  A journal that is
opened on a disk with room puts the reserve back.  A new session is refused long before (``room_bytes``).

Units: bytes.
"""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024


class Reserve:
    """The file that is given up when nothing else is left."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + "-reserve")

    def hold(self) -> None:
        """Take the room, if there is any; a disk that is full already has none to keep back."""
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)

    def free(self) -> bool:
        """Give the room to the journal; says whether there was any."""
        try:
            held = self._path.stat().st_size > 0
            self._path.unlink()
        except OSError:
            return False
        return held


def room_bytes(journal: Path) -> int:
    """How much may still be written beside this file."""
    found = os.statvfs(journal.parent)
    return found.f_bavail * found.f_frsize
