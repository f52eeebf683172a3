"""Streams of several rates in one table: what comma-separated values and the examinations are made of.

Theory of operation
-------------------
The rows are the frames of the *leading* stream, the fastest of those chosen, each at its own time; where it
has a gap there are no rows.  The value of another stream is the last that was taken at the row's time or
before, not older than 1.5 of its own periods; else the cell is empty (NaN).  So every number in a table is
one that was recorded: nothing is interpolated, filtered or filled.  Who needs a stream untouched chooses it
alone.

A header is the channel's name with its unit as ending (``cuff_mmhg``), which readers of tables know.

Units: times in s, rounded to the us; values as each column says.
"""

import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from gateway.record.errors import WaveformRefused
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Channel
from gateway.record.waveforms.timeline import Track

HELD_PERIODS = 1.5
_ENDINGS = {
    "%": "percent", "uM": "um", "mmHg": "mmhg", "kPa": "kpa", "uV": "uv", "mV": "mv", "V": "v",
    "N": "n", "N m": "nm", "/min": "bpm", "g/dL": "gdl", "au": "au",
}  # fmt: skip
_EDGE_S = 5e-7  # half of what times are rounded to


class Choice(NamedTuple):
    """A channel and the stream that it is of."""

    track: Track
    channel: Channel


class Cells(NamedTuple):
    """One column. ``held`` says that it is of another stream than the rows."""

    header: str
    choice: Choice
    values: "array[float]"
    held: bool


class Table(NamedTuple):
    """Columns over the times of the leading stream."""

    times_s: "array[float]"
    columns: tuple[Cells, ...]
    leading: Track


def choices(waveform: Waveform, names: Sequence[str]) -> list[Choice]:
    """The channels of these names, all of a stream that is named; all there are where none is named.

    Raises ``WaveformRefused``.
    """
    chosen: list[Choice] = []
    for name in names or [one.name for one in waveform.tracks]:
        of = waveform.track(name)
        own = [one for one in of.stream.channels if one.name == name]
        chosen += [Choice(of, one) for one in own or of.stream.channels]
    return list(dict.fromkeys(chosen))


def header(channel: Channel) -> str:
    """What the channel's column is called."""
    ending = _ENDINGS.get(channel.unit, "")
    return f"{channel.name}_{ending}" if ending else channel.name


def table(waveform: Waveform, chosen: Sequence[Choice]) -> Table:
    """These channels in one table. Raises ``WaveformRefused`` where there are no samples."""
    tracks = [one.track for one in chosen if one.track.frames]
    if not tracks:
        raise WaveformRefused(waveform.path, "no samples in what was chosen: `rvos waveform info` says more")
    leading = max(tracks, key=lambda one: one.stream.rate_hz)
    times_s = times(leading)
    places: dict[int, array[int]] = {}
    columns = []
    for one in chosen:
        values = whole(waveform, one)
        held = one.track.number != leading.number
        if held:
            number = one.track.number
            if number not in places:
                places[number] = _places(times_s, one.track)
            values = array("d", [values[at] if at >= 0 else math.nan for at in places[number]])
        columns.append(Cells(header(one.channel), one, values, held))
    return Table(times_s, tuple(columns), leading)


def times(of: Track) -> "array[float]":
    """The time of every frame of this stream."""
    made = array("d")
    for run in of.runs:
        start_s, period_s = run.start_s, run.period_s
        made.extend([round(start_s + at * period_s, 6) for at in range(run.frames)])
    return made


def whole(waveform: Waveform, choice: Choice) -> "array[float]":
    """Every value of this channel, run after run."""
    made = array("d")
    for run in choice.track.runs:
        made += waveform.values(choice.track, choice.channel, run)
    return made


def _places(times_s: Sequence[float], of: Track) -> "array[int]":
    """For each time the place of the frame that holds then, -1 where none does."""
    own_s = times(of)
    held_s = HELD_PERIODS / of.stream.rate_hz + _EDGE_S
    places, at, last = array("q"), -1, len(own_s) - 1
    for time_s in times_s:
        while at < last and own_s[at + 1] <= time_s + _EDGE_S:
            at += 1
        places.append(at if at >= 0 and time_s - own_s[at] <= held_s else -1)
    return places
