"""The process that writes a waveform file, so that core does not share its interpreter with a disk.

Theory of operation
-------------------
Core's end of the pipe never blocks; this end is looked at every ``LOOK_S`` and not waited on, so that a write
of core wakes nobody.  What came is put into blocks (``assembler``) and handed to the disk (``disk``): written
every ``WRITE_US``, synchronised every ``SYNC_US``, both counted in the stamps of what is recorded; when
nothing comes for a while, what is left is written.  A disk that is slow makes the backlog grow; at
``MOST_BACKLOG_BYTES`` the pipe is left alone until it fills and core counts what it cannot send.

Signals that ask for an end are core's business: this process ends when core closes the pipe or is gone, and
the file then says which.  When it is ready and after each synchronisation one line of JSON goes up the status
pipe; a full pipe drops it, the next says more.

Arguments: descriptors of the feed, the status pipe and the file; the room to leave.

Units: us, s for the look, bytes.
"""

import json
import os
import signal
import sys
import threading

from gateway.record.waveforms import feed
from gateway.record.waveforms.assembler import Assembler
from gateway.record.waveforms.disk import Disk, File
from gateway.record.waveforms.feed import Record, Records

LOOK_S = 0.02
WRITE_US = 250_000
SYNC_US = 1_000_000
MOST_BACKLOG_BYTES = 16 * 1024 * 1024
_READ_BYTES = 1 << 18
_QUIET_LOOKS = round(WRITE_US / 1e6 / LOOK_S)
_NICENESS = 5
CORE_GONE = "core ended without closing it"


class Writer:
    """One file. ``look`` is called again and again until it says that the feed has ended."""

    def __init__(self, source: int, disk: Disk) -> None:
        self._source, self._disk = source, disk
        self._records = Records()
        self._assembler: Assembler | None = None
        self._written_us = self._synced_us = 0
        self._quiet_looks = 0
        self._unsynced = True
        self._reason: str | None = None

    @property
    def newest_us(self) -> int:
        """The newest stamp that came."""
        return 0 if self._assembler is None else self._assembler.newest_us

    def look(self) -> bool:
        """Take what is in the pipe, write what is due; whether there may be more."""
        if self._disk.failure is not None:
            return False
        came = goes_on = True
        if self._disk.backlog_bytes < MOST_BACKLOG_BYTES:
            came, goes_on = self._drain()
        self._quiet_looks = 0 if came else self._quiet_looks + 1
        self._write_what_is_due()
        return goes_on and self._reason is None

    def end(self, failure: str | None) -> bytes:
        """The last bytes of the file."""
        if self._assembler is None:
            return b""
        return self._assembler.end(failure or self._reason or CORE_GONE)

    def _drain(self) -> tuple[bool, bool]:
        came = False
        while True:
            try:
                data = os.read(self._source, _READ_BYTES)
            except BlockingIOError:
                return came, True
            if not data:
                return came, False
            came = True
            for record in self._records.push(data):
                self._take(record)

    def _take(self, record: Record) -> None:
        if record.kind == feed.DESCRIBE:
            self._assembler = Assembler(*feed.described(record.data))
        elif record.kind == feed.CLOSE:
            self._reason = record.data.decode()
        elif self._assembler is not None:
            self._assembler.take(record)

    def _write_what_is_due(self) -> None:
        """Stamps may jump: a clock that went back is as good a reason as one that went on."""
        if self._assembler is None:
            return
        now_us, is_quiet = self._assembler.newest_us, self._quiet_looks == _QUIET_LOOKS
        if not is_quiet and abs(now_us - self._written_us) < WRITE_US:
            return
        self._written_us = now_us
        data = self._assembler.cut()
        self._unsynced = self._unsynced or bool(data)
        sync = self._unsynced and (is_quiet or abs(now_us - self._synced_us) >= SYNC_US)
        if sync:
            self._synced_us, self._unsynced = now_us, False
        if data or sync:
            self._disk.put(data, sync)


def tell(status: int, **facts: object) -> None:
    """One line up the status pipe, if it has room and a reader."""
    try:
        os.write(status, json.dumps(facts).encode() + b"\n")
    except (BlockingIOError, BrokenPipeError):
        return


def run(source: int, status: int, file: int, least_room_bytes: int) -> str | None:
    """Write until the feed ends; why it ended early, if it did."""
    length = os.fstat(file).st_size
    tell(status, bytes=length)
    disk = Disk(File(file), lambda size: tell(status, bytes=size), least_room_bytes, length)
    writer = Writer(source, disk)
    pause = threading.Event()
    while writer.look():
        pause.wait(LOOK_S)
    disk.close(writer.end)
    if disk.failure is not None:
        tell(status, failure=disk.failure)
    return disk.failure


def main() -> None:
    """What core starts."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    source, status, file, least_room_bytes = map(int, sys.argv[1:])
    for descriptor in (source, status):
        os.set_blocking(descriptor, False)
    sys.exit(run(source, status, file, least_room_bytes) is not None)
