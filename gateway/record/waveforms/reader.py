"""A waveform file that was read: its description, streams, marks, and what is damaged.

Theory of operation
-------------------
``Waveform.open`` looks at every block once (``scan``), checks it and remembers where its samples are; they
are decoded when they are asked for.  A file that grows is read as far as it has whole blocks.

``timeline`` makes runs, gaps and times of them.  Nothing is filled in.

Units: times in s from the beginning that the description states; counts and indices in frames; offsets in
bytes.
"""

import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from gateway.record.errors import WaveformForeign, WaveformRefused, WaveformUnreadable
from gateway.record.waveforms import blocks
from gateway.record.waveforms.blocks import DATA, DESCRIPTION, END, MARK
from gateway.record.waveforms.decoding import values
from gateway.record.waveforms.scan import Damaged, Found, Window, scan
from gateway.record.waveforms.streams import Channel, Description, Stream, decode
from gateway.record.waveforms.timeline import Run, Stored, Track, track


class Mark(NamedTuple):
    """A word at an instant."""

    at_s: float
    text: str


class Ending(NamedTuple):
    """What the last block says: why the file ended, and the index that each stream had reached."""

    reason: str
    at_s: float
    reached: tuple[int, ...]


class Waveform:
    """One file. Make it with ``Waveform.open``; close it or use it in a ``with``."""

    def __init__(self, path: Path, descriptor: int, found: "_Contents", description: Description) -> None:
        self.path, self._descriptor = path, descriptor
        self.description = description
        self.size, self.damaged, self.tail_bytes = found.size, tuple(found.damaged), found.tail_bytes
        self.marks = tuple(Mark(_since(description, at.mono_us), text) for at, text in found.marks)
        self.ending = found.ending(description)
        reached = self.ending.reached if self.ending else ()
        self.tracks = tuple(
            track(number, stream, found.stored.get(number, []), description.mono_us, reached)
            for number, stream in enumerate(description.streams)
        )

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the blocks of this file. Raises ``WaveformUnreadable`` and ``WaveformForeign``."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise WaveformUnreadable(path, f"cannot be read ({error.strerror}): check the path") from error
        with ExitStack() as undone:
            undone.callback(os.close, descriptor)
            try:
                found = _Contents(path, descriptor)
                made = cls(path, descriptor, found, found.description())
            except OSError as error:
                raise WaveformUnreadable(
                    path, f"cannot be read ({error.strerror}): check the disk"
                ) from error
            undone.pop_all()
        return made

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def track(self, name: str) -> Track:
        """The stream of this name, or the one that has a channel of it. Raises ``WaveformRefused``."""
        for one in self.tracks:
            if name in (one.name, *(channel.name for channel in one.stream.channels)):
                return one
        there = ", ".join(one.name for one in self.tracks)
        raise WaveformRefused(self.path, f"no stream or channel {name!r}; there are: {there}")

    def values(self, of: Track, channel: Channel, run: Run) -> "array[float]":
        """The values of this channel in this run; a missing one is NaN."""
        at = of.stream.channels.index(channel)
        made = array("d")
        for one in run.stored:
            made += values(self._payload(of.stream, one), of.stream, at)
        return made

    def raw(self, of: Track, run: Run) -> Iterator[bytes]:
        """The frames of this run as they were recorded, block by block."""
        return (self._payload(of.stream, one) for one in run.stored)

    def _payload(self, stream: Stream, stored: Stored) -> bytes:
        length = stored.fields.frames * frame_bytes(stream)
        return os.pread(self._descriptor, length, stored.offset)


def frame_bytes(stream: Stream) -> int:
    """The bytes of one frame."""
    return len(stream.channels) * blocks.SAMPLE_BYTES[stream.sample]


class _Contents:
    """What the blocks of a file hold, in their order. Raises ``WaveformForeign``."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self.size = path, os.fstat(descriptor).st_size
        self._descriptions: list[Description] = []
        self._ending: Found | None = None
        self.stored: dict[int, list[Stored]] = {}
        self.marks: list[tuple[blocks.Instant, str]] = []
        self.damaged: list[Damaged] = []
        self.tail_bytes = 0
        window = Window(descriptor, self.size)
        begin = len(blocks.MAGIC) if window.at(0, len(blocks.MAGIC)) == blocks.MAGIC else 0
        for one in scan(window, begin):
            self._take(one)
        self._settle_tail()
        self._drop_contradictions()

    def description(self) -> Description:
        """The first one that is whole."""
        if not self._descriptions:
            text = "no waveform file of this version, or damaged beyond use: nothing says what is in it"
            raise WaveformForeign(self._path, text)
        return self._descriptions[0]

    def ending(self, description: Description) -> Ending | None:
        """What the last block says, if it is one."""
        read = None if self._ending is None else blocks.instant(self._ending.body)
        if read is None:
            return None
        at, text = read
        try:
            told = msgspec.json.decode(text, type=_EndText)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return Ending(told.reason, _since(description, at.mono_us), told.next)

    def _take(self, one: Found | Damaged) -> None:
        if isinstance(one, Damaged):
            self.damaged.append(one)
        elif one.head.kind == DATA:
            self._take_data(one)
        elif one.head.kind == DESCRIPTION:
            self._descriptions += filter(None, [decode(one.body)])
        elif one.head.kind == MARK and (read := blocks.instant(one.body)) is not None:
            self.marks.append((read[0], read[1].decode(errors="replace")))
        elif one.head.kind == END:
            self._ending = one

    def _take_data(self, one: Found) -> None:
        fields = blocks.data_fields(one.body)
        if fields is not None:
            offset = one.offset + blocks.HEAD.size + blocks.DATA_FIELDS.size
            self.stored.setdefault(one.head.stream, []).append(Stored(offset, fields))

    def _settle_tail(self) -> None:
        """What stands at the end of a file that was not ended is not damage: it is being written."""
        if self._ending is None and self.damaged and self.damaged[-1].end == self.size:
            tail = self.damaged.pop()
            self.tail_bytes = tail.end - tail.offset

    def _drop_contradictions(self) -> None:
        """Blocks whose length or index cannot be: sound by their checksum, and no data of this file."""
        if not self._descriptions:
            return
        streams = self._descriptions[0].streams
        for number, stored in self.stored.items():
            kept: list[Stored] = []
            for one in stored:
                follows = not kept or one.fields.first_index >= kept[-1].end_index
                if number < len(streams) and follows:
                    kept.append(one)
                else:
                    self.damaged.append(Damaged(one.offset, one.offset))
            self.stored[number] = kept


class _EndText(msgspec.Struct):
    reason: str
    next: tuple[int, ...]


def _since(description: Description, mono_us: int) -> float:
    return (mono_us - description.mono_us) / 1e6
