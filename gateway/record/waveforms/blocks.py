"""The bytes of a waveform file: blocks that each stand alone.

Theory of operation
-------------------
A file is ``MAGIC`` and then blocks, only ever appended.  A block is a head of 20 bytes with a CRC of its own,
a body, and the body's CRC, which begins with the head's, so that no body fits another head.  Blocks are
numbered without a gap.  Whoever reads a damaged file goes on at the next head that is whole: a sound head
with a damaged body says how far to skip, anything else is searched for ``SYNC``.

Only the standard library's ``struct`` and ``zlib`` are used here: the writing process loads this file and
little more.  docs/waveforms.md has the layout byte by byte.

Units: ``mono_us`` and ``wall_us`` in us.
"""

import struct
import zlib
from typing import NamedTuple

MAGIC = b"\x89RVW\r\n\x1a\n"
"""High bit, line ends of two kinds and an end-of-file mark: a transfer as text breaks it at once."""
SYNC = b"\xe7RWB"
VERSION = 1

DESCRIPTION, DATA, MARK, END = 1, 2, 3, 4
NO_STREAM = 0xFFFF

TOLD, QUEUE, SILENCE = 1, 2, 4
"""Why samples are missing before a block: the device or its link told so; the recorder was not let to its
queue's end in time; nothing came for long, and nobody knows how many are missing."""

SILENCE_US = 1_000_000
"""Sensors send in bursts: a chunk may be late by this, or by three periods, before it counts as a silence."""

MOST_BODY_BYTES = 1 << 20

HEAD = struct.Struct("<4sBBHIII")
TAIL = struct.Struct("<I")
DATA_FIELDS = struct.Struct("<QqqIIBBH")
INSTANT = struct.Struct("<qqBBH")
_CHECKED = HEAD.size - 4

SAMPLE_BYTES = {"int16": 2, "int24": 3, "int32": 4, "float64": 8}

QUALITIES = ("synchronised", "holdover", "unsynchronised", "simulated")
"""What the wall clock is worth, by number; the words of ``gateway.record.row.ClockQuality``."""


class Head(NamedTuple):
    """The head of a block. ``length`` is that of its body."""

    kind: int
    stream: int
    number: int
    length: int
    crc: int

    @property
    def block_bytes(self) -> int:
        """The length of the whole block."""
        return HEAD.size + self.length + TAIL.size


class DataFields(NamedTuple):
    """What a data block says before its samples. ``missing`` samples were lost before the first one."""

    first_index: int
    mono_us: int
    wall_us: int
    frames: int
    missing: int
    flags: int
    quality: int


class Instant(NamedTuple):
    """When a mark was made, or the file ended."""

    mono_us: int
    wall_us: int
    quality: int


def allowed_us(period_us: float) -> float:
    """How far a chunk of a stream of this period may be from when it is expected."""
    return max(SILENCE_US, 3.0 * period_us)


def block(kind: int, stream: int, number: int, body: bytes) -> bytes:
    """One block, ready to be appended."""
    start = HEAD.pack(SYNC, kind, VERSION, stream, number & 0xFFFFFFFF, len(body), 0)[:_CHECKED]
    crc = zlib.crc32(start)
    return b"".join((start, TAIL.pack(crc), body, TAIL.pack(zlib.crc32(body, crc))))


def beginning(description: bytes) -> bytes:
    """What a file begins with: it is recognised, and says what will be in it."""
    return MAGIC + block(DESCRIPTION, NO_STREAM, 0, description)


def data_block(stream: int, number: int, fields: DataFields, payload: bytes | bytearray) -> bytes:
    """A block of samples."""
    return block(DATA, stream, number, DATA_FIELDS.pack(*fields, 0) + payload)


def instant_block(kind: int, number: int, at: Instant, text: bytes) -> bytes:
    """A mark or the end, with its text."""
    return block(kind, NO_STREAM, number, INSTANT.pack(*at, 0, 0) + text)


def head(data: bytes) -> Head | None:
    """The head that these 20 bytes are; ``None`` where they are none."""
    if len(data) < HEAD.size or not data.startswith(SYNC):
        return None
    _, kind, version, stream, number, length, crc = HEAD.unpack_from(data)
    if crc != zlib.crc32(data[:_CHECKED]) or version != VERSION or length > MOST_BODY_BYTES:
        return None
    return Head(kind, stream, number, length, crc)


def body(found: Head, data: bytes) -> bytes | None:
    """The body in these bytes, which follow the head; ``None`` where they are damaged or cut off."""
    if len(data) < found.length + TAIL.size:
        return None
    own = data[: found.length]
    return own if TAIL.unpack_from(data, found.length)[0] == zlib.crc32(own, found.crc) else None


def data_fields(own: bytes) -> DataFields | None:
    """What a data block says of itself; ``None`` where it is too short to."""
    return DataFields(*DATA_FIELDS.unpack_from(own)[:7]) if len(own) >= DATA_FIELDS.size else None


def instant(own: bytes) -> tuple[Instant, bytes] | None:
    """The instant and the text of a mark or an end; ``None`` where it is too short."""
    if len(own) < INSTANT.size:
        return None
    return Instant(*INSTANT.unpack_from(own)[:3]), own[INSTANT.size :]
