"""Waveform files made here, with known truth: by the assembler alone, without a process."""

import math
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.model import Limb
from gateway.record.waveforms import blocks, feed
from gateway.record.waveforms.assembler import Assembler
from gateway.record.waveforms.feed import Record, Shape
from gateway.record.waveforms.reader import Waveform, frame_bytes
from gateway.record.waveforms.streams import Channel, Description, Stream, encode

BEGAN_US = 5_000_000
WALL_US = 1_772_000_000_000_000

MUSCLE = Stream(
    name="emg",
    device="Cyton",
    serial="C-1",
    rate_hz=2000.0,
    sample="int24",
    channels=tuple(
        Channel(name=f"emg_{at}", unit="uV", scale=0.02235, limb=Limb.LEFT_THIGH) for at in range(8)
    ),
)
FORCE = Stream(
    name="force",
    device="force hub",
    rate_hz=1000.0,
    sample="int32",
    channels=(Channel(name="force", unit="N", scale=1e-3, offset=-2.5),),
)
LIGHT = Stream(name="ppg", device="OEM III", rate_hz=500.0, sample="int16", channels=(Channel(name="ppg"),))
CUFF = Stream(
    name="cuff_status",
    device="rvos cuff",
    rate_hz=20.0,
    sample="int16",
    channels=(Channel(name="cuff", unit="mmHg", scale=0.1, missing=-1, limb=Limb.LEFT_THIGH),),
)
OXYGEN = Stream(
    name="nirs",
    device="PortaMon",
    serial="42",
    rate_hz=50.0,
    sample="float64",
    channels=(
        Channel(name="sto2", unit="%", limb=Limb.LEFT_THIGH, site="vastus lateralis", spacing_mm=35.0),
        Channel(name="hhb", unit="uM", limb=Limb.LEFT_THIGH, site="vastus lateralis", spacing_mm=35.0),
    ),
)
FULL_LOAD = (MUSCLE, FORCE, LIGHT, CUFF, OXYGEN)
"""The sensors of a session with everything connected."""


def description(*streams: Stream, session: str = "s-1") -> Description:
    return Description(
        session=session,
        gateway="gateway-1",
        boot=3,
        mono_us=BEGAN_US,
        wall_us=WALL_US,
        clock="synchronised",
        streams=streams,
    )


def stamped(at_s: float) -> int:
    """The monotonic us of an instant of the file."""
    return BEGAN_US + round(at_s * 1e6)


class Begun(Assembler):
    """An assembler whose first cut has the file's beginning, as core writes it."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        own = encode(description(*streams))
        super().__init__([Shape(frame_bytes(one), 1e6 / one.rate_hz) for one in streams], own)
        self._beginning = blocks.beginning(own)

    def cut(self) -> bytes:
        before, self._beginning = self._beginning, b""
        return before + super().cut()


def started(*streams: Stream) -> Assembler:
    made = Begun(streams)
    clock = feed.CLOCK_FIELDS.pack(WALL_US, 0)
    made.take(Record(feed.CLOCK, 0, 0, BEGAN_US, 0, clock))
    return made


def samples(number: int, at_s: float, data: bytes, lost: int = 0, flags: int = 0) -> Record:
    return Record(feed.SAMPLES, flags, number, stamped(at_s), lost, data)


def mark(at_s: float, text: str) -> Record:
    return Record(feed.MARK, 0, 0, stamped(at_s), 0, text.encode())


def counted(stream: Stream, first: int, count: int) -> bytes:
    """Frames whose raw values tell their index and channel: what is read can be checked by itself."""
    own = [
        raw_of(stream, at, channel)
        for at in range(first, first + count)
        for channel in range(len(stream.channels))
    ]
    if stream.sample == "int24":
        return b"".join(one.to_bytes(3, "little", signed=True) for one in own)
    return array({"int16": "h", "int32": "i", "float64": "d"}[stream.sample], own).tobytes()


def raw_of(stream: Stream, index: int, channel: int) -> int:
    """The raw value of a frame of ``counted``."""
    value = index * 31 + channel * 7
    return value % 30_000 if stream.sample == "int16" else value % 8_000_000


def value_of(stream: Stream, index: int, channel: int) -> float:
    own = stream.channels[channel]
    return raw_of(stream, index, channel) * own.scale + own.offset


def write(path: Path, parts: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def whole_file(path: Path, streams: Sequence[Stream], seconds: float, every_s: float = 0.25) -> Path:
    """All streams without a gap, in blocks of ``every_s``, ended."""
    made = started(*streams)
    parts = []
    for block in range(round(seconds / every_s)):
        begin_s = block * every_s
        for number, stream in enumerate(streams):
            first = math.ceil(begin_s * stream.rate_hz - 1e-9)
            count = math.ceil((begin_s + every_s) * stream.rate_hz - 1e-9) - first
            made.take(samples(number, first / stream.rate_hz, counted(stream, first, count)))
        parts.append(made.cut())
    return write(path, [*parts, made.end("closed")])


def false_samples(path: Path) -> int:
    """How many samples of a file of ``counted`` frames are not what was written."""
    wrong = 0
    with Waveform.open(path) as opened:
        for track in opened.tracks:
            for run in track.runs:
                for at, channel in enumerate(track.stream.channels):
                    own = opened.values(track, channel, run)
                    truth = [value_of(track.stream, run.first_index + one, at) for one in range(run.frames)]
                    wrong += sum(a != b for a, b in zip(own, truth, strict=True))
    return wrong


def frames(path: Path) -> dict[str, int]:
    """How many frames of each stream can be read."""
    with Waveform.open(path) as opened:
        return {one.name: one.frames for one in opened.tracks}
