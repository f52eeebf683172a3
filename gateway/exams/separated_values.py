"""Recordings in a table of one row a sample: comma-separated values and their kin.

Theory of operation
-------------------
A column of time says its unit in its name: ``time_s``, ``t_s``, ``time_ms``, ``Time (s)`` and the names of a
few devices (``_TIMES``); another one is stated (``Layout.time``).  A file that counts its samples
(``sample``) needs the rate to be stated; one that has neither has its rows counted.  Any other column is
named by its header; a known ending (``_um``, ``_percent``, ``_mmhg`` ...) or what stands in brackets is its
unit, some columns of known devices have theirs from a table.  ``event``, ``comment``, ``mark`` and
``marker`` are texts.  A cell that is no number is missing (NaN).

Units: as each column says; times in s.
"""

import re
from array import array
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from gateway.exams.cells import Table, table
from gateway.exams.errors import RecordingUnusable
from gateway.exams.recording import MOST_SAMPLES, Column, Mark, Recording, checked

TIME_UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0}

_TIMES = {"elpsec": 1.0, "seconds": 1.0, "timer": 1e-3}
"""Time columns of known devices, and what their unit is in s."""

_TIME_STEMS = ("time", "t", "elapsed", "elapsed time")
_TEXTS = ("event", "comment", "mark", "marker")
_ROWS = 8192
_BRACKETED = re.compile(r"^(.*?)\s*[(\[]\s*([^)\]]*?)\s*[)\]]$")

UNITS = {
    "um": "uM",
    "µm": "uM",
    "percent": "%",
    "%": "%",
    "mmhg": "mmHg",
    "kpa": "kPa",
    "uv": "uV",
    "µv": "uV",
    "mv": "mV",
    "v": "V",
    "n": "N",
    "nm": "N m",
    "n m": "N m",
    "bpm": "/min",
    "gdl": "g/dL",
    "g/dl": "g/dL",
    "au": "au",
    "a.u.": "au",
}
"""Endings of names, and words in brackets, that say a unit."""

KNOWN = {
    "o2hb": ("o2hb", "uM"),
    "hbo2": ("o2hb", "uM"),
    "hhb": ("hhb", "uM"),
    "thb": ("thb", "uM"),
    "toi": ("sto2", "%"),
    "tsi": ("sto2", "%"),
    "sto2": ("sto2", "%"),
    "smo2": ("sto2", "%"),
    "nthi": ("thi", "au"),
    "hr": ("ppg", "au"),
    "ppg": ("ppg", "au"),
}
"""Columns of known devices without a unit in their name: ours and its unit. HeartPy calls light ``hr``."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a person states of a file that does not say it itself.

    ``header``: the names of its columns; ``time``: which of them is the time, in ``time_unit``.
    """

    header: tuple[str, ...] = ()
    time: str = ""
    time_unit: str = "s"


class _Time(NamedTuple):
    """Where the time stands (-1: rows are counted), and what a step of it is in s."""

    at: int
    scale_s: float
    from_rate: bool


def read_columns(
    name: str, sha256: str, text: str, rate_hz: float | None, layout: Layout | None = None
) -> Recording:
    """The recording in this text. Raises ``RecordingUnusable``."""
    stated = layout or Layout()
    cells = table(name, text, stated.header)
    time = _time(name, cells.header, rate_hz, stated)
    wanted = _quantities(cells.header, time.at)
    times_s, values, marks = _read(cells, time, [at for at, _, _ in wanted])
    if not times_s:
        raise RecordingUnusable(name, "no header with samples below it: give comma-separated values")
    columns: dict[str, Column] = {}
    for (at, called, unit), own in zip(wanted, values, strict=True):
        free = called if called not in columns else cells.header[at]
        if free in columns:
            raise RecordingUnusable(name, f"two columns are called {free}: give each its own name")
        columns[free] = Column(own, unit, cells.header[at])
    return checked(name, sha256, "", times_s, columns, marks, rate_hz)


def _read(
    cells: Table, time: _Time, wanted: list[int]
) -> "tuple[array[float], list[array[float]], tuple[Mark, ...]]":
    times_s, values = array("d"), [array("d") for _ in wanted]
    texts = [at for at, called in enumerate(cells.header) if called in _TEXTS]
    marks: list[Mark] = []
    while rows := list(islice(cells.rows, _ROWS)):
        begin, columns = len(times_s), list(zip(*rows, strict=True))
        if begin + len(rows) > MOST_SAMPLES:
            raise RecordingUnusable(cells.name, f"more than {MOST_SAMPLES} samples: cut it")
        found = cells.numbers(columns[time.at]) if time.at >= 0 else range(begin, begin + len(rows))
        times_s.extend([time.scale_s * one for one in found])
        for at, own in zip(wanted, values, strict=True):
            own.extend(cells.numbers(columns[at]))
        for at in texts:
            marks += [
                Mark(times_s[begin + n], cell.strip()) for n, cell in enumerate(columns[at]) if cell.strip()
            ]
    return times_s, values, tuple(sorted(marks, key=lambda one: one.at_s))


def _time(name: str, header: list[str], rate_hz: float | None, layout: Layout) -> _Time:
    if layout.time:
        return _stated_time(name, header, layout)
    for at, called in enumerate(header):
        scale_s = _scale_s(called)
        if scale_s is not None:
            return _Time(at, scale_s, False)
    if "sample" not in header and rate_hz is None:
        there = ", ".join(header[:8])
        text = f"no time among {there}: name one time_s, say which it is (--time NAME:UNIT) or state the rate"
        raise RecordingUnusable(name, text)
    if rate_hz is None or not 0.0 < rate_hz < float("inf"):
        text = "it counts samples and has no rate: state the rate in Hz (--rate)"
        raise RecordingUnusable(name, text)
    return _Time(header.index("sample") if "sample" in header else -1, 1.0 / rate_hz, True)


def _stated_time(name: str, header: list[str], layout: Layout) -> _Time:
    if layout.time.lower() not in header:
        raise RecordingUnusable(name, f"no column {layout.time!r}; there are: {', '.join(header)}")
    if layout.time_unit not in TIME_UNITS:
        text = f"no unit {layout.time_unit!r} of time: choose one of {', '.join(TIME_UNITS)}"
        raise RecordingUnusable(name, text)
    return _Time(header.index(layout.time.lower()), TIME_UNITS[layout.time_unit], False)


def _scale_s(called: str) -> float | None:
    """What the unit of this column is in s, where it is a time."""
    if called in _TIMES:
        return _TIMES[called]
    stem, unit = _parts(called)
    return TIME_UNITS.get(unit) if stem in _TIME_STEMS else None


def _parts(called: str) -> tuple[str, str]:
    """The name and what it says of its unit: in brackets, or as its ending."""
    bracketed = _BRACKETED.match(called)
    if bracketed:
        return bracketed[1].replace("_", " "), bracketed[2]
    stem, _, ending = called.rpartition("_")
    return (stem, ending) if stem else (called, "")


def _quantities(header: list[str], time_at: int) -> list[tuple[int, str, str]]:
    """Where each quantity stands, what we call it, and its unit."""
    found = []
    for at, called in enumerate(header):
        if at == time_at or called in (*_TIMES, *_TEXTS, "sample", "time", "") or _scale_s(called):
            continue
        found.append((at, *named(called)))
    return found


def named(called: str) -> tuple[str, str]:
    """What we call the column of this header, and its unit."""
    stem, ending = _parts(called)
    if ending in UNITS:
        ours, unit = KNOWN.get(stem, (stem, ""))
        return ours if unit == UNITS[ending] else stem, UNITS[ending]
    if stem in KNOWN and ending.isdigit():
        ours, unit = KNOWN[stem]
        return f"{ours}_{ending}", unit
    return KNOWN.get(called, (called, ""))
