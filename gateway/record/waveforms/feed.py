"""The words between core and the process that writes a waveform file.

Theory of operation
-------------------
Core writes records into a pipe that never blocks it; a record is never longer than the kernel writes at once
(``PIPE_BUF``), so it arrives whole or not at all.  ``Records`` puts them together again at the other end.

The first record describes the file: for each stream the bytes of a frame and its period, then the description
as the file has it.

Units: us; ``lost`` in frames.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

DESCRIBE, SAMPLES, MARK, CLOCK, CLOSE = 0, 1, 2, 3, 4

HEAD = struct.Struct("<BBHIqI")
CLOCK_FIELDS = struct.Struct("<qB")
STREAM_FIELDS = struct.Struct("<Id")
COUNT = struct.Struct("<I")

PIPE_BUF = 4096
"""What Linux writes to a pipe in one piece or not at all."""
MOST_DATA_BYTES = PIPE_BUF - HEAD.size


class Shape(NamedTuple):
    """What the writing process has to know of a stream."""

    frame_bytes: int
    period_us: float


class Record(NamedTuple):
    """One word of core. ``flags`` and ``lost`` as in a data block (``blocks``)."""

    kind: int
    flags: int
    stream: int
    mono_us: int
    lost: int
    data: bytes


def record(kind: int, data: bytes = b"", mono_us: int = 0) -> bytes:
    """A record that is not about samples."""
    return HEAD.pack(kind, 0, 0, len(data), mono_us, 0) + data


def describe(shapes: Sequence[Shape], description: bytes) -> bytes:
    """The first record."""
    own = b"".join((COUNT.pack(len(shapes)), *(STREAM_FIELDS.pack(*one) for one in shapes), description))
    return record(DESCRIBE, own)


def described(data: bytes) -> tuple[list[Shape], bytes]:
    """The streams' shapes and the description that the first record has."""
    (count,) = COUNT.unpack_from(data)
    end = COUNT.size + count * STREAM_FIELDS.size
    shapes = [Shape(*fields) for fields in STREAM_FIELDS.iter_unpack(data[COUNT.size : end])]
    return shapes, data[end:]


class Records:
    """Bytes of the pipe in, whole records out."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def push(self, data: bytes) -> Iterator[Record]:
        """The records that these bytes complete."""
        self._waiting += data
        at = 0
        while len(self._waiting) - at >= HEAD.size:
            kind, flags, stream, length, mono_us, lost = HEAD.unpack_from(self._waiting, at)
            end = at + HEAD.size + length
            if len(self._waiting) < end:
                break
            yield Record(kind, flags, stream, mono_us, lost, bytes(self._waiting[at + HEAD.size : end]))
            at = end
        del self._waiting[:at]
