"""The simulated board: sensors at the far end of a Unix socket.

Theory of operation
-------------------
The physics of muscle, load cell and finger live in another process, which listens on a Unix stream socket.
This channel stands in for copper and converters: it never carries anything of the host's wire.

================  ======================  =================================================================
sensors to board  ``<BBBBH`` (6) + data   48, kind of record, flags, electrodes off, length of data, data
board to sensors  ``<BB`` (2)             68, mask of the streams that sample from now on; 0: none
================  ======================  =================================================================

The first record has kind 80 hex: a hello of ``firmware_bridge.hub`` as a whole frame, which describes the
streams of this board.  Records of kind n below that carry whole frames of stream n.  Flags are the hub's.

A block that nobody takes waits; beyond ``MOST_WAITING`` blocks of a stream the oldest are dropped and told
as lost. Sensors that close the socket end the firmware with ``BoardError``.

Portable subset: runs on CPython and on MicroPython.
"""

import socket
import struct

from .. import aio, ecp, hub
from ..errors import BoardError
from .board import Board

HEAD = "<BBBBH"
HEAD_BYTES = 6
SENSORS_MARK = 0x48
BOARD_MARK = 0x68
DESCRIPTION = 0x80
MOST_WAITING = 64

_READ_AT_ONCE = 2048
_LONGEST_DESCRIPTION = 1024


class UnixBoard(Board):
    """Sensors behind a Unix stream socket."""

    def __init__(self, path: str) -> None:
        self._socket = _connect(path)
        self._received = b""
        try:
            hello = _described(self._first_record())
        except BoardError:
            self._socket.close()
            raise
        self.period_us = hello.period_us
        self.streams = hello.streams
        self._bytes = [hub.block_bytes(stream) for stream in self.streams]
        self._frames = [stream.frames for stream in self.streams]
        self._socket.setblocking(False)
        self._running = 0
        self._flags = 0
        self._off = 0
        self._samples = [b"" for _ in self.streams]
        self._lost = [0 for _ in self.streams]

    def start(self, wanted: int) -> None:
        """Have these streams sampled; what was sampled before is forgotten."""
        self.poll()
        self._samples = [b"" for _ in self.streams]
        self._lost = [0 for _ in self.streams]
        self._flags = 0
        self._tell(wanted)

    def stop(self) -> None:
        """Have nothing sampled."""
        self._tell(0)

    def poll(self) -> None:
        """Take over what the sensors have sampled; raises ``BoardError`` when they are gone."""
        while True:
            data = self._receive()
            if not data:
                return
            self._received += data
            record = self._record()
            while record is not None:
                self._keep(record[0], record[1])
                record = self._record()

    def waiting(self, number: int) -> int:
        """Whole blocks that wait."""
        return len(self._samples[number]) // self._bytes[number]

    def take(self, number: int) -> bytes:
        """The oldest block."""
        size = self._bytes[number]
        data = self._samples[number]
        self._samples[number] = data[size:]
        return data[:size]

    def lost(self, number: int) -> int:
        """Frames dropped because nobody took them, told once."""
        lost = self._lost[number]
        self._lost[number] = 0
        return lost

    def flags(self) -> int:
        """What the sensors complained of since this was last asked."""
        flags = self._flags
        self._flags = 0
        return flags

    def electrodes_off(self) -> int:
        """As the newest record says."""
        return self._off

    def _keep(self, head: tuple[int, ...], data: bytes) -> None:
        _, number, flags, self._off, _ = head
        if not self._running:
            return
        self._flags |= flags
        if number >= len(self._samples):
            raise BoardError(f"the sensors sent stream {number}, which they have not described")
        data = self._samples[number] + data
        over = len(data) // self._bytes[number] - MOST_WAITING
        if over > 0:
            self._lost[number] += over * self._frames[number]
            data = data[over * self._bytes[number] :]
        self._samples[number] = data

    def _record(self) -> tuple[tuple[int, ...], bytes] | None:
        """The next whole record: its head and its data."""
        if len(self._received) < HEAD_BYTES:
            return None
        head = struct.unpack_from(HEAD, self._received)
        end = HEAD_BYTES + head[4]
        if head[0] != SENSORS_MARK:
            raise BoardError(f"the sensors sent a record that begins with {head[0]}: another version")
        if len(self._received) < end:
            return None
        data = self._received[HEAD_BYTES:end]
        self._received = self._received[end:]
        return head, data

    def _first_record(self) -> bytes:
        """Wait for the description: without it there is no hub."""
        record = self._record()
        while record is None and len(self._received) < _LONGEST_DESCRIPTION:
            data = self._socket.recv(_READ_AT_ONCE)
            if not data:
                raise BoardError("the sensors have closed their socket without a description")
            self._received += data
            record = self._record()
        if record is None or record[0][1] != DESCRIPTION:
            raise BoardError("the sensors sent no description first")
        return record[1]

    def _tell(self, wanted: int) -> None:
        self._running = wanted
        try:
            self._socket.send(struct.pack("<BB", BOARD_MARK, wanted))
        except OSError as error:
            raise BoardError(f"writing to the sensors failed (errno {error.errno})") from error

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_READ_AT_ONCE)
        except OSError as error:
            if error.errno == aio.EAGAIN:
                return b""
            raise BoardError(f"reading from the sensors failed (errno {error.errno})") from error
        if not data:
            raise BoardError("the sensors have closed their socket")
        return data


def _described(frame: bytes) -> hub.Hello:
    packets = ecp.Decoder().feed(frame)
    hello = hub.decode_hello_reply(packets[0]) if packets else None
    if hello is None:
        raise BoardError("the description of the sensors cannot be read: another version")
    wrong = hub.contradiction(hello.period_us, hello.streams)
    if wrong:
        raise BoardError(f"the description of the sensors contradicts itself: {wrong}")
    return hello


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(aio.unix_address(path))
    except OSError as error:
        connection.close()
        raise BoardError(f"no sensors listen at {path} (errno {error.errno}): start them first") from error
    return connection
