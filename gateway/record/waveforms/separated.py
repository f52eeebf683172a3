"""Waveforms as comma-separated values.

Theory of operation
-------------------
A header line, then one row a frame of the leading stream (``table``): ``time_s`` in seconds from the
beginning of the file, a column for each channel, and ``event``, the marks, each in the first row at or after
it.  Every number has all its digits; a cell without a value is empty.  There is nothing above the header and
no comma in a text, so that spreadsheets, ``rvos exam analyse`` and the R package mnirs read it as it is.

Units: as each header says.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import islice

from gateway.record.waveforms.reader import Mark, Waveform
from gateway.record.waveforms.table import Choice, table

_ROWS = 4096


def rows(waveform: Waveform, chosen: Sequence[Choice]) -> Iterator[str]:
    """The text of the file, piece by piece. Raises ``WaveformRefused``."""
    made = table(waveform, chosen)
    events = events_of(made.times_s, waveform.marks)
    names = ["time_s", *(one.header for one in made.columns), *(["event"] if waveform.marks else [])]
    yield ",".join(names) + "\n"
    columns: list[Iterator[str]] = [
        map(repr, made.times_s),
        *(map(_cell, one.values) for one in made.columns),
    ]
    if waveform.marks:
        columns.append(events.get(at, "") for at in range(len(made.times_s)))
    lines = map(",".join, zip(*columns, strict=True))
    while part := list(islice(lines, _ROWS)):
        yield "\n".join(part) + "\n"


def _cell(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""


def events_of(times_s: Sequence[float], marks: Sequence[Mark]) -> dict[int, str]:
    """The text of each row that has one. What comes after the last row is told in it."""
    found: dict[int, str] = {}
    at, last = 0, len(times_s) - 1
    for mark in sorted(marks):
        while at < last and times_s[at] < mark.at_s:
            at += 1
        text = plain(mark.text)
        found[at] = f"{found[at]}; {text}" if at in found else text
    return found


def plain(text: str) -> str:
    """On one line and without what separates cells."""
    return " ".join(text.replace(",", ";").replace('"', "'").split())
