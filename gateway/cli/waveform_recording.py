"""A waveform file as the recording that an examination takes: two rooms that do not know each other.

Theory of operation
-------------------
The columns are those of the comma-separated export of the same channels (``gateway.record.waveforms.table``):
the same rows, headers and numbers, so that an analysis of either gives the same result.  Only the channels
are read that the examination has a role for or that a person named.  What the file says of device, site, limb
and distance goes with each column; a stream whose values are held on the rows of a faster one is told as a
parameter, damage as a flag.

Units: as each column says; times in s.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.exams.errors import RecordingUnusable
from gateway.exams.recording import Column, Mark, Recording, checked
from gateway.exams.recordings import Format
from gateway.exams.result import Certainty, Flag, Parameter, Probe, Severity
from gateway.exams.separated_values import named
from gateway.record.waveforms.blocks import MAGIC

if TYPE_CHECKING:
    from gateway.record.waveforms.reader import Waveform
    from gateway.record.waveforms.table import Cells, Choice, Table


def read(path: Path, wanted: Sequence[str]) -> Recording:
    """The channels of these names, headers or roles, in one recording. Raises ``RecordingUnusable``."""
    from gateway.record.errors import WaveformError
    from gateway.record.waveforms.reader import Waveform
    from gateway.record.waveforms.separated import events_of
    from gateway.record.waveforms.table import table

    try:
        with Waveform.open(path) as opened:
            made = table(opened, _chosen(opened, wanted))
            events = events_of(made.times_s, opened.marks)
            flags = _flags(opened)
    except WaveformError as error:
        raise RecordingUnusable(path.name, error.message) from error
    marks = tuple(Mark(made.times_s[at], text) for at, text in sorted(events.items()))
    columns: dict[str, Column] = {}
    for one in made.columns:
        ours = named(one.header)[0]
        columns[one.header if ours in columns else ours] = _column(one)
    device = made.leading.stream.device
    recording = checked(path.name, _sha256(path), device, made.times_s, columns, marks)
    return replace(recording, parameters=_held(made), flags=flags)


def _chosen(opened: "Waveform", wanted: Sequence[str]) -> "list[Choice]":
    """Every channel that one of these words means."""
    from gateway.record.waveforms.table import choices, header

    found = []
    for one in choices(opened, []):
        own = header(one.channel)
        if {one.channel.name, own, named(own)[0]} & set(wanted) and one.track.frames:
            found.append(one)
    if not found:
        there = ", ".join(each.name for one in opened.tracks for each in one.stream.channels)
        text = f"no channel with samples is {' or '.join(wanted)}; there are: {there}; name one with --column"
        raise RecordingUnusable(opened.path.name, text)
    return found


def _column(cells: "Cells") -> Column:
    channel, stream = cells.choice.channel, cells.choice.track.stream
    device = " ".join(filter(None, [stream.device, stream.serial]))
    probe = Probe(device=device, site=channel.site, channel=channel.name, spacing_mm=channel.spacing_mm)
    return Column(cells.values, named(cells.header)[1], cells.header, probe, channel.limb)


def _held(made: "Table") -> tuple[Parameter, ...]:
    """The streams whose last values were repeated on the rows of another."""
    slower = {one.choice.track.number: one.choice.track.stream for one in made.columns if one.held}
    return tuple(
        Parameter(
            name=f"held {one.name}",
            value=one.rate_hz,
            unit="Hz",
            source=f"last value repeated on the rows of {made.leading.name}",
            certainty=Certainty.PROPOSAL,
        )
        for one in slower.values()
    )


def _flags(opened: "Waveform") -> tuple[Flag, ...]:
    from gateway.record.waveforms.facts import facts

    told = facts(opened)
    found = []
    if told.is_damaged:
        text = "the file is damaged: what was in the damaged blocks is a gap here"
        found.append(Flag(id="file_damaged", severity=Severity.DOUBTFUL, text=text))
    if not told.ended:
        text = f"the recording has no ending ({told.ending})"
        found.append(Flag(id="not_ended", severity=Severity.NOTE, text=text))
    return tuple(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


FORMAT = Format(MAGIC, read)
