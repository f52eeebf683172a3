"""Room kept back on the disk, so that a session's ending can always be written.

Theory of operation
-------------------
A file of 4 MB stands beside the journal for nothing but its size.  When the disk is full the journal
takes a piece of it and writes again, and so on until nothing is left: whoever else fills the disk meanwhile
can win one piece, not all.  A session of 45 minutes needs at most 3.2 MB from any instant to its end, with
one transaction for each row (measured by ``test_reserve``), so its ending fits.  A journal that is opened
on a disk with room puts the reserve back.  A new session is refused long before (``room_bytes``).

Units: bytes.
"""

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 256 * 1024


class Reserve:
    """The file that is given up when nothing else is left."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = journal.with_name(journal.name + "-reserve")

    def hold(self) -> None:
        """Take the room, if that leaves as much to others; a full disk has none to keep back."""
        with contextlib.suppress(OSError):
            if room_bytes(self._journal) < 2 * RESERVE_BYTES:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)

    def give(self) -> bool:
        """Leave a piece of the room to the journal; says whether there was any."""
        try:
            held = self._path.stat().st_size
            os.truncate(self._path, max(0, held - PIECE_BYTES))
        except OSError:
            return False
        return held > 0


def room_bytes(journal: Path) -> int:
    """How much may still be written beside this file."""
    found = os.statvfs(journal.parent)
    return found.f_bavail * found.f_frsize
