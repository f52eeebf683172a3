"""Readers: comma-separated values with a header, Oxysoft's text export, Moxy's memory export.

Theory of operation
-------------------
``read`` looks at the first lines and takes the reader that knows them.

*Tables* of one row a sample, the gateway's own and those of other programs: ``separated_values``.

*Oxysoft*: header lines, a legend of numbered traces, a row of numbers, then tab-separated samples with
events. The rate is the export's own.  Traces are named by what they end in; one pair of O2Hb and HHb is
called ``o2hb`` and ``hhb``, of several each keeps its optodes in front.

*Moxy*: two lines of part numbers, a header, then a clock of whole seconds.  A change of lap is a mark.

Formats of other rooms are handed in (``Format``), known by their first bytes.

Units: uM, %, mmHg, g/dL, as each column says.
"""

import hashlib
import math
import re
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.exams.cells import text_of
from gateway.exams.errors import RecordingUnusable
from gateway.exams.recording import Column, Mark, Recording, checked
from gateway.exams.separated_values import KNOWN, Layout, read_columns

LARGEST_BYTES = 512 * 1024 * 1024


class Format(NamedTuple):
    """A format of another room: its first bytes, and what makes a recording of these columns of a file.

    ``read`` raises ``RecordingUnusable``; it takes the columns by their names or headers, and leaves out
    those that are not there.
    """

    magic: bytes
    read: Callable[[Path, Sequence[str]], Recording]


def format_of(path: Path, formats: Sequence[Format]) -> Format | None:
    """Which of these formats the file begins as, if one. What cannot be opened is nobody's here."""
    try:
        with path.open("rb") as file:
            begin = file.read(max((len(one.magic) for one in formats), default=0))
    except OSError:
        return None
    return next((one for one in formats if begin.startswith(one.magic)), None)


def content(path: Path) -> bytes:
    """All bytes of this file. Raises ``RecordingUnusable``: not there, a folder, no right, too large."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise RecordingUnusable(path, f"more than {LARGEST_BYTES // 2**20} MB: cut it")
        return path.read_bytes()
    except OSError as error:
        raise RecordingUnusable(
            path, f"cannot be read ({error.strerror}): check the path and rights"
        ) from error


def read(path: Path, rate_hz: float | None = None, layout: Layout | None = None) -> Recording:
    """The recording in this file; ``rate_hz`` and ``layout`` where it does not say them.

    Raises ``RecordingUnusable``.
    """
    return parse(path.name, content(path), rate_hz, layout)


def parse(name: str, data: bytes, rate_hz: float | None = None, layout: Layout | None = None) -> Recording:
    """The recording in these bytes. Raises ``RecordingUnusable``."""
    text, sha256 = text_of(name, data), hashlib.sha256(data).hexdigest()
    head = text[:2000].lower()
    if "oxysoft export of" in head:
        return _oxysoft(name, sha256, text, rate_hz)
    if "smo2 live" in head:
        return _moxy(name, sha256, text, rate_hz)
    return read_columns(name, sha256, text, rate_hz, layout)


def number(cell: str) -> float:
    """The number in a cell; NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _moxy(name: str, sha256: str, text: str, rate_hz: float | None) -> Recording:
    lines = [line for line in text.splitlines() if line.strip()]
    start = next(at for at, line in enumerate(lines) if "smo2 live" in line.lower())
    body = [[cell.strip() for cell in line.split(",")] for line in lines[start + 1 :]]
    if any(len(row) != 7 for row in body):
        raise RecordingUnusable(name, "a row has not seven cells: export it again from the sensor")
    times_s = _clock(name, [row[1] for row in body])
    columns = {
        "sto2": Column(array("d", [number(row[2]) for row in body]), "%"),
        "sto2_averaged": Column(array("d", [number(row[3]) for row in body]), "%"),
        "thb": Column(array("d", [number(row[4]) for row in body]), "g/dL"),
    }
    laps = [
        Mark(times_s[at], f"lap {body[at][5]}")
        for at in range(1, len(body))
        if body[at][5] != body[at - 1][5]
    ]
    return checked(name, sha256, "Moxy", times_s, columns, tuple(laps), rate_hz)


def _clock(name: str, texts: list[str]) -> "array[float]":
    """Seconds from hh:mm:ss; a step back of more than 12 h is midnight."""
    times_s, days = array("d"), 0
    for text in texts:
        parts = re.fullmatch(r"(\d\d?):(\d\d):(\d\d(?:\.\d+)?)", text)
        if parts is None:
            raise RecordingUnusable(name, f"{text!r} is no time of day: give hh:mm:ss")
        own_s = int(parts[1]) * 3600.0 + int(parts[2]) * 60.0 + float(parts[3])
        if times_s and times_s[-1] - days * 86400.0 - own_s > 43200.0:
            days += 1
        times_s.append(own_s + days * 86400.0)
    return times_s


def _oxysoft(name: str, sha256: str, text: str, rate_hz: float | None) -> Recording:
    rows = [[cell.strip() for cell in line.split("\t")] for line in text.splitlines()]
    own_hz = _oxysoft_rate(name, rows)
    if rate_hz is not None and abs(rate_hz / own_hz - 1.0) > 0.02:
        raise RecordingUnusable(name, f"exported at {own_hz:g} Hz, {rate_hz:g} Hz stated: correct it")
    legend, start = _oxysoft_legend(name, rows)
    body = [row for row in rows[start:] if len(row) >= len(legend) - 1 and row[0]]
    times_s = array("d", [number(row[0]) / own_hz for row in body])
    columns = {
        called: Column(array("d", [number(row[at]) for row in body]), unit)
        for at, called, unit in _traces(legend)
    }
    marks = _oxysoft_events(legend, body, times_s)
    return checked(name, sha256, "Artinis", times_s, columns, marks, own_hz)


def _oxysoft_rate(name: str, rows: list[list[str]]) -> float:
    for wanted in ("export sample rate:", "datafile sample rate:"):
        for row in rows:
            if row[0].lower() == wanted:
                found = next((number(cell) for cell in row[1:] if cell), math.nan)
                if found > 0.0:
                    return found
    raise RecordingUnusable(name, "an Oxysoft export without a sample rate: export it again with its header")


def _oxysoft_legend(name: str, rows: list[list[str]]) -> tuple[list[str], int]:
    """The name of each column, and the row that the samples begin with."""
    legend: list[str] = []
    for at, row in enumerate(rows):
        numbered = [cell for cell in row if cell]
        if legend and numbered == [str(one + 1) for one in range(len(legend))]:
            return legend, at + 1
        if len(numbered) >= 2 and numbered[0] == str(len(legend) + 1) and _is_trace(numbered[1], legend):
            legend.append(numbered[1])
    raise RecordingUnusable(
        name, "an Oxysoft export without a legend of its columns: export it again with one"
    )


def _is_trace(text: str, legend: list[str]) -> bool:
    return bool(legend) or "sample number" in text.lower()


def _traces(legend: list[str]) -> list[tuple[int, str, str]]:
    found = []
    for at, text in enumerate(legend):
        words = re.findall(r"(o2hb|hhb|thb|tsi)\b", text.lower())
        if words:
            ours, unit = KNOWN[words[-1]]
            found.append((at, ours, unit, text))
    alone = {ours for _, ours, _, _ in found if sum(one[1] == ours for one in found) == 1}
    return [(at, ours if ours in alone else text.lower(), unit) for at, ours, unit, text in found]


def _oxysoft_events(legend: list[str], body: list[list[str]], times_s: Sequence[float]) -> tuple[Mark, ...]:
    at = next((at for at, text in enumerate(legend) if "event" in text.lower()), len(legend))
    return tuple(
        Mark(time_s, " ".join(cell for cell in row[at:] if cell))
        for row, time_s in zip(body, times_s, strict=True)
        if any(cell and cell != "0" for cell in row[at:])
    )
