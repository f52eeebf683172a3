"""The simulated board: pins and sensors at the far end of a Unix socket.

Theory of operation
-------------------
The physics of limb and cuff live in another process, the plant, which listens on a Unix stream socket.
Every ``write`` sends one record with all outputs; the plant answers each with one record of readings.
This channel stands in for copper: it never carries anything of the host's wire.

=============== ==================== =====================================================================
board to plant  ``<BHBBHB`` (8)      41, pump_permille, bits (0 dump closed, 1 inflate open, 2 buzzer,
                                     3 relay closed), indicator, counter, 0
plant to board  ``<BhhBH`` (8)       53, control_dmmhg, limit_dmmhg (-32768 missing), bits (0 button,
                                     1 patient's stop), counter echo
=============== ==================== =====================================================================

The plant is also the hardware watchdog: without a record for a second, or when the socket closes, it drops
the outputs.  So ``feed_watchdog`` has nothing to do here.  Readings are "not known" once they are older
than 100 ms; the buttons stay as they were last seen, so that a late plant presses nothing.  A plant that
closes the socket ends the firmware with ``BoardError``.

Portable subset: runs on CPython and on MicroPython.
"""

import socket
import struct

from .. import aio, cuff
from ..errors import BoardError
from .board import Board

OUTPUTS = "<BHBBHB"
READINGS = "<BhhBH"
OUTPUTS_MARK = 0x41
READINGS_MARK = 0x53
RECORD_BYTES = 8
BUTTON_BIT = 1
PATIENT_STOP_BIT = 2

FRESH_MS = 100
_READ_AT_ONCE = 512


class UnixBoard(Board):
    """Sensors and valves behind a Unix stream socket."""

    def __init__(self, path: str, clock: aio.Clock) -> None:
        self._clock = clock
        self._socket = _connect(path)
        self._received = b""
        self._unsent = b""
        self._counter = 0
        self._control_dmmhg: int | None = None
        self._limit_dmmhg: int | None = None
        self._buttons = 0
        self._read_ms = 0

    def read(self) -> None:
        """Take over the newest reading; raises ``BoardError`` when the plant is gone."""
        data = self._receive()
        if data:
            self._received += data
            whole = len(self._received) // RECORD_BYTES * RECORD_BYTES
            if whole:
                self._take(self._received[whole - RECORD_BYTES : whole])
                self._received = self._received[whole:]

    def control_dmmhg(self) -> int | None:
        """The sensor that the pressure is regulated by."""
        return self._control_dmmhg if self._is_fresh() else None

    def limit_dmmhg(self) -> int | None:
        """The independent second sensor."""
        return self._limit_dmmhg if self._is_fresh() else None

    def button(self) -> bool:
        """Whether the bedside button is pressed."""
        return self._buttons & BUTTON_BIT != 0

    def patient_stop(self) -> bool:
        """Whether the patient's own stop is pressed."""
        return self._buttons & PATIENT_STOP_BIT != 0

    def write(
        self,
        pump_permille: int,
        inflate_open: bool,
        dump_closed: bool,
        buzzer: bool,
        indicator: int,
        relay_closed: bool = False,
    ) -> None:
        """Send all outputs; a plant that does not read loses whole records, never halves."""
        self._counter = (self._counter + 1) & 0xFFFF
        bits = (1 if dump_closed else 0) | (2 if inflate_open else 0) | (4 if buzzer else 0)
        bits |= 8 if relay_closed else 0
        record = struct.pack(OUTPUTS, OUTPUTS_MARK, pump_permille, bits, indicator, self._counter, 0)
        data = self._unsent + record
        rest = data[self._send(data) :]
        self._unsent = rest[: len(rest) % RECORD_BYTES]

    def _is_fresh(self) -> bool:
        return self._clock.now_ms() - self._read_ms <= FRESH_MS

    def _take(self, record: bytes) -> None:
        mark, control, limit, buttons, _ = struct.unpack(READINGS, record)
        if mark != READINGS_MARK:
            raise BoardError(f"plant sent a record that begins with {mark}: it speaks another version")
        self._control_dmmhg = None if control == cuff.MISSING else control
        self._limit_dmmhg = None if limit == cuff.MISSING else limit
        self._buttons = buttons
        self._read_ms = self._clock.now_ms()

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_READ_AT_ONCE)
        except OSError as error:
            if error.errno == aio.EAGAIN:
                return b""
            raise BoardError(f"reading from the plant failed (errno {error.errno})") from error
        if not data:
            raise BoardError("the plant has closed its socket")
        return data

    def _send(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except OSError as error:
            if error.errno == aio.EAGAIN:
                return 0
            raise BoardError(f"writing to the plant failed (errno {error.errno})") from error


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(aio.unix_address(path))
    except OSError as error:
        connection.close()
        raise BoardError(f"no plant listens at {path} (errno {error.errno}): start it first") from error
    connection.setblocking(False)
    return connection
