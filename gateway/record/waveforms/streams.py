"""What is recorded: the streams of a file, their channels, and what describes the file itself.

Theory of operation
-------------------
A *stream* is what one device sends at one rate: frames of one sample for each of its *channels*, interleaved.
A *channel* is one quantity: ``value = raw x scale + offset`` in ``unit``.  ``missing`` is the raw number that
a device sends instead of a value; it is read as NaN, as NaN of a float64 is.  Names are unique in a file and
plain (``emg_1``): they become the columns of tables.

The description is the body of the first block, as JSON, and is repeated as the file grows, so that one
damaged block does not take the meaning of all others.  Unknown keys are left alone: a later version may say
more.

Units: rates in Hz, ``spacing_mm`` between light source and detector or between electrodes, times in us.
"""

import math
import re
from typing import Literal

import msgspec

from gateway import __version__
from gateway.model import Limb
from gateway.record.errors import WaveformMisused

SampleType = Literal["int16", "int24", "int32", "float64"]
MOST_STREAMS = 256
MOST_CHANNELS = 64
RATES_HZ = (0.001, 1_000_000.0)
_MOST_WALL_US = 4_102_444_800_000_000  # the year 2100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Channel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One quantity of a stream, and where it is measured as far as that is known."""

    name: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    missing: int | None = None
    limb: Limb | None = None
    site: str = ""
    probe: str = ""
    spacing_mm: float | None = None


class Stream(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one device sends at one rate. ``clock``: whose clock the stamps are of."""

    name: str
    device: str
    rate_hz: float
    sample: SampleType
    channels: tuple[Channel, ...]
    serial: str = ""
    clock: Literal["arrival", "device"] = "arrival"


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """The file: whose session, which gateway, when it began, what it records."""

    session: str
    gateway: str
    boot: int
    mono_us: int
    wall_us: int
    clock: str
    streams: tuple[Stream, ...]
    software: str = f"rvos {__version__}"
    schema: Literal["rvos.waveform/1"] = "rvos.waveform/1"


def checked(description: Description) -> Description:
    """The same. Raises ``WaveformMisused`` for streams that no file can hold."""
    if not 0 < len(description.streams) <= MOST_STREAMS:
        raise WaveformMisused("streams", f"{len(description.streams)}: give 1 to {MOST_STREAMS}")
    if not 0 <= description.wall_us < _MOST_WALL_US or not abs(description.mono_us) < _MOST_WALL_US:
        raise WaveformMisused("beginning", "no time of this century: give us of the clocks")
    seen: set[str] = set()
    for stream in description.streams:
        _check_stream(stream)
        for name in _names(stream):
            if name in seen or not _NAME.fullmatch(name):
                raise WaveformMisused(name, "a name of two, or no plain one: give each its own, as emg_1")
            seen.add(name)
    return description


def _names(stream: Stream) -> set[str]:
    """The names that a stream takes: a single channel may be called as its stream."""
    names = [one.name for one in stream.channels]
    if len(set(names)) < len(names):
        raise WaveformMisused(stream.name, "two channels of one name: give each its own")
    return {stream.name, *names}


def _check_stream(stream: Stream) -> None:
    if not RATES_HZ[0] <= stream.rate_hz <= RATES_HZ[1]:
        raise WaveformMisused(stream.name, f"a rate of {stream.rate_hz} Hz: give 0.001 to 1000000")
    if not 0 < len(stream.channels) <= MOST_CHANNELS:
        raise WaveformMisused(stream.name, f"{len(stream.channels)} channels: give 1 to {MOST_CHANNELS}")
    for one in stream.channels:
        if not (math.isfinite(one.scale) and one.scale != 0.0 and math.isfinite(one.offset)):
            raise WaveformMisused(one.name, f"scale {one.scale}, offset {one.offset}: give numbers, not 0")


def encode(description: Description) -> bytes:
    """The body of its block. Raises ``WaveformMisused``."""
    return msgspec.json.encode(checked(description))


def decode(own: bytes) -> Description | None:
    """The description in this body; ``None`` where it is none of ours."""
    try:
        return checked(msgspec.json.decode(own, type=Description))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, WaveformMisused):
        return None
