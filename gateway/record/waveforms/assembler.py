"""From chunks of samples to the blocks of a file: pure, without a disk and without a clock.

Theory of operation
-------------------
Each stream gathers what comes until the writer cuts (``cut``), then it is one block.  A block has no hole
inside: a chunk before which samples are missing, or that comes much later or earlier than the stream's rate
lets expect, begins a new one that says so.  The index of a sample counts those that are known to be missing
too, so that a reader who loses a block knows which samples were in it.

A chunk may be late by ``blocks.allowed_us`` before it counts as a silence.  How many samples a silence cost
nobody knows; the index goes on without them.

Units: us; indices and counts in frames.
"""

import json
from collections.abc import Sequence

from gateway.record.waveforms import blocks
from gateway.record.waveforms.blocks import DataFields, Instant
from gateway.record.waveforms.feed import CLOCK, CLOCK_FIELDS, MARK, SAMPLES, Record, Shape

DESCRIBE_AGAIN_US = 60_000_000
_LARGEST_BLOCK_BYTES = blocks.MOST_BODY_BYTES // 2
_MOST_MISSING = 0xFFFFFFFF


class _Gathered:
    """One stream's next block."""

    def __init__(self, number: int, shape: Shape) -> None:
        self.number, self.shape = number, shape
        self.data = bytearray()
        self.first_index = self.next_index = 0
        self.mono_us = 0
        self.expected_us: float | None = None
        self.missing = self.flags = 0
        self._allowed_us = blocks.allowed_us(shape.period_us)

    def skip(self, lost: int, flags: int) -> None:
        """So many samples are known to be missing from here."""
        self.next_index += lost
        self.missing = min(self.missing + lost, _MOST_MISSING)
        self.flags |= flags
        if self.expected_us is not None:
            self.expected_us += lost * self.shape.period_us

    def is_silence(self, mono_us: int) -> bool:
        """Whether a chunk at this time does not follow from the one before."""
        return self.expected_us is not None and abs(mono_us - self.expected_us) > self._allowed_us

    def add(self, mono_us: int, data: bytes) -> None:
        if not self.data:
            self.first_index, self.mono_us = self.next_index, mono_us
        count = len(data) // self.shape.frame_bytes
        self.data += data
        self.next_index += count
        self.expected_us = mono_us + count * self.shape.period_us


class Assembler:
    """The streams of one file that has its beginning. ``cut`` gives the bytes to be appended next."""

    def __init__(self, shapes: Sequence[Shape], description: bytes) -> None:
        self._streams = [_Gathered(number, shape) for number, shape in enumerate(shapes)]
        self._description = description
        self._number = 1
        self._ready: list[bytes] = []
        self._wall_ahead_us = self._quality = 0
        self._described_us: int | None = None
        self.newest_us = 0

    def take(self, record: Record) -> None:
        """One record of the feed that is not its end."""
        if record.kind == CLOCK:
            wall_us, self._quality = CLOCK_FIELDS.unpack(record.data)
            self._wall_ahead_us = wall_us - record.mono_us
        self.newest_us = record.mono_us or self.newest_us
        if record.kind == SAMPLES:
            self._take_samples(self._streams[record.stream], record)
        elif record.kind == MARK:
            self._add(blocks.instant_block(blocks.MARK, self._number, self._at(record.mono_us), record.data))

    def cut(self) -> bytes:
        """Everything that has not been given yet, as blocks."""
        for stream in self._streams:
            self._close(stream)
        if self._described_us is None:
            self._described_us = self.newest_us
        if abs(self.newest_us - self._described_us) >= DESCRIBE_AGAIN_US:
            self._described_us = self.newest_us
            self._describe()
        made = b"".join(self._ready)
        self._ready = []
        return made

    def end(self, reason: str) -> bytes:
        """What is left, and the last block: why the file ends, and the index that each stream had reached."""
        rest = self.cut()
        told = json.dumps({"reason": reason, "next": [one.next_index for one in self._streams]})
        at = self._at(self.newest_us)
        return rest + blocks.instant_block(blocks.END, self._number, at, told.encode())

    def _take_samples(self, stream: _Gathered, record: Record) -> None:
        if record.lost or record.flags:
            self._close(stream)
            stream.skip(record.lost, record.flags)
        if not record.data:
            return
        if stream.is_silence(record.mono_us):
            self._close(stream)
            stream.flags |= blocks.SILENCE
        elif len(stream.data) + len(record.data) > _LARGEST_BLOCK_BYTES:
            self._close(stream)
        stream.add(record.mono_us, record.data)

    def _close(self, stream: _Gathered) -> None:
        if not stream.data:
            return
        at = self._at(stream.mono_us)
        count = len(stream.data) // stream.shape.frame_bytes
        fields = DataFields(
            stream.first_index, at.mono_us, at.wall_us, count, stream.missing, stream.flags, at.quality
        )
        self._add(blocks.data_block(stream.number, self._number, fields, stream.data))
        stream.data = bytearray()
        stream.missing = stream.flags = 0

    def _describe(self) -> None:
        self._add(blocks.block(blocks.DESCRIPTION, blocks.NO_STREAM, self._number, self._description))

    def _add(self, made: bytes) -> None:
        self._ready.append(made)
        self._number += 1

    def _at(self, mono_us: int) -> Instant:
        return Instant(mono_us, mono_us + self._wall_ahead_us, self._quality)
