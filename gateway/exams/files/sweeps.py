"""Recorded responses of a conduction study: sweeps about each stimulus, measured site by site.

Theory of operation
-------------------
A table of one row a sample: the time from the stimulus, the response, and which nerve, side, site and sweep
it belongs to; what is one throughout may be stated instead.  Each sweep has a baseline before its stimulus.

With a column of stimulus strengths the site's *recruitment curve* is read (``dsp.evoked.recruitment``): where
it reaches a plateau the stimulation was supramaximal, and the response is the mean over the plateau.  Where
it does not, the response is that of the strongest stimulus, the site is marked as not supramaximal and its
amplitude may be too small.  Without strengths the response is the mean of all sweeps, and nobody knows.

Sweeps with a missing sample are left out and counted.

Units: ms from the stimulus, mV; strengths in their own unit.
"""

import hashlib
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from dsp.errors import SignalRefused
from dsp.evoked import Plateau, Response, measure, recruitment
from gateway.exams.cells import Table, table, text_of
from gateway.exams.errors import NotStated, RecordingUnusable, TraceUnusable
from gateway.exams.files.stated import positive
from gateway.exams.recordings import content
from gateway.exams.result import Source
from gateway.exams.separated_values import TIME_UNITS, UNITS

ROLES = ("time", "response", "nerve", "side", "site", "sweep", "stimulus", "distance_mm")
_MV = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
_TIMES = {f"time_{unit}": unit for unit in ("s", "ms", "us")}
_LEAST_STRENGTHS = 10
_UNEVEN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How the sweeps are measured, and what the file does not say of them."""

    negative_is: str = ""
    artifact_ms: float | None = None
    end_ms: float | None = None
    full_scale_mv: float | None = None
    columns: tuple[str, ...] = ()
    nerve: str = ""
    side: str = ""
    site: str = ""


class Sweep(NamedTuple):
    """One response: its samples in mV from ``first_ms`` on."""

    first_ms: float
    rate_hz: float
    samples: "array[float]"
    strength: float | None


class SiteSweeps(NamedTuple):
    """All of one site, and what was made of them. ``response`` is ``None`` where there was none."""

    nerve: str
    side: str
    site: str
    distance_mm: float | None
    sweeps: tuple[Sweep, ...]
    left_out: int
    mean: Sweep
    averaged: int
    response: Response | None
    amplitudes_mv: tuple[float, ...]
    plateau: Plateau | None
    no_plateau: str

    @property
    def supramaximal(self) -> bool | None:
        """Whether the recruitment curve shows it."""
        return self.plateau is not None if self.amplitudes_mv else None

    @property
    def of(self) -> str:
        """Such as ``median left wrist``."""
        return f"{self.nerve} {self.side} {self.site}"


def has_sweeps(path: Path, measuring: Measuring) -> bool:
    """Whether this table has samples over time rather than one row a site."""
    header = table(path.name, text_of(path.name, content(path))).header
    stated = any(one.startswith("time=") for one in measuring.columns)
    return stated or any(name in header for name in _TIMES)


def read_sites(path: Path, measuring: Measuring) -> tuple[tuple[SiteSweeps, ...], Source]:
    """Every site of the file. Raises ``ExamRefused`` and its kinds."""
    positive("--end-ms", measuring.end_ms)
    positive("--full-scale-mv", measuring.full_scale_mv)
    data = content(path)
    cells = table(path.name, text_of(path.name, data))
    places = _places(cells, measuring)
    negative_is, artifact_ms = _needed(measuring)
    groups = _groups(cells, places, measuring)
    source = Source(name=path.name, sha256=hashlib.sha256(data).hexdigest())
    return tuple(_site(group, measuring, negative_is, artifact_ms) for group in groups), source


def _needed(measuring: Measuring) -> tuple[Literal["up", "down"], float]:
    missing = [
        option
        for option, value in (
            ("--negative-is up|down", measuring.negative_is),
            ("--artifact-ms", measuring.artifact_ms),
        )
        if value in ("", None)
    ]
    if missing:
        text = f"state {' and '.join(missing)}: which way is negative, and how long the artifact lasts"
        raise NotStated("conduction", text)
    if measuring.artifact_ms is None or not 0.0 <= measuring.artifact_ms < math.inf:
        raise NotStated("--artifact-ms", f"{measuring.artifact_ms}: give 0 or more")
    return ("up" if measuring.negative_is == "up" else "down"), measuring.artifact_ms


class _Group(NamedTuple):
    """The sweeps of one site as they were read."""

    nerve: str
    side: str
    site: str
    distance_mm: float | None
    sweeps: tuple[Sweep, ...]
    left_out: int


class _Places(NamedTuple):
    """Where each role stands; -1 where the file has no such column."""

    at: dict[str, int]
    time_ms: float
    response_mv: float


def _groups(cells: Table, places: _Places, measuring: Measuring) -> list[_Group]:
    raw: dict[tuple[str, str, str], dict[str, tuple[list[float], array[float], float, float]]] = {}
    for row in cells.rows:
        key = (
            _word(row, places, "nerve", measuring.nerve),
            _word(row, places, "side", measuring.side),
            _word(row, places, "site", measuring.site),
        )
        own = raw.setdefault(key, {})
        name = _word(row, places, "sweep", "1")
        if name not in own:
            own[name] = (
                [],
                array("d"),
                _cell(cells, row, places, "stimulus"),
                _cell(cells, row, places, "distance_mm"),
            )
        own[name][0].append(places.time_ms * _cell(cells, row, places, "time"))
        own[name][1].append(places.response_mv * _cell(cells, row, places, "response"))
    if not raw:
        raise RecordingUnusable(cells.name, "no header with samples below it: give one row a sample")
    _stated(cells, raw)
    return [_group(cells, key, own) for key, own in raw.items()]


def _word(row: Sequence[str], places: _Places, role: str, stated: str) -> str:
    at = places.at.get(role, -1)
    return stated if at < 0 else row[at].strip()


def _cell(cells: Table, row: Sequence[str], places: _Places, role: str) -> float:
    at = places.at.get(role, -1)
    return math.nan if at < 0 else cells.number(row[at])


def _stated(cells: Table, keys: Mapping[tuple[str, str, str], object]) -> None:
    for nerve, side, site in keys:
        missing = [name for name, value in (("nerve", nerve), ("side", side), ("site", site)) if not value]
        if missing:
            options = " ".join(f"--{name} ..." for name in missing)
            text = f"{', '.join(missing)} missing: give a column, or state it: {options}"
            raise NotStated(cells.name, text)
        if side not in ("left", "right"):
            raise NotStated(cells.name, f"side {side!r}: left or right")


def _places(cells: Table, measuring: Measuring) -> _Places:
    at = {role: cells.header.index(role) for role in ROLES if role in cells.header}
    time_ms, response_mv = math.nan, math.nan
    for name, unit in _TIMES.items():
        if name in cells.header:
            at["time"], time_ms = cells.header.index(name), 1e3 * TIME_UNITS[unit]
    for name in ("response_mv", "response_uv"):
        if name in cells.header:
            at["response"], response_mv = cells.header.index(name), _MV[UNITS[name[-2:]]]
    for text in measuring.columns:
        role, place, unit = _asked(cells, text)
        at[role] = place
        if role == "time":
            time_ms = 1e3 * TIME_UNITS[unit] if unit in TIME_UNITS else math.nan
        elif role == "response":
            response_mv = _MV.get(UNITS.get(unit, ""), math.nan)
    _have_units(cells, at, time_ms, response_mv)
    return _Places(at, time_ms, response_mv)


def _asked(cells: Table, text: str) -> tuple[str, int, str]:
    role, is_there, name = text.partition("=")
    if not is_there or role not in ROLES:
        raise NotStated("--column", f"{text!r}: write ROLE=NAME, ROLE being one of {', '.join(ROLES)}")
    wanted, unit = name.strip().lower(), ""
    if wanted not in cells.header:
        wanted, _, unit = wanted.rpartition(":")
    if wanted not in cells.header:
        raise NotStated(cells.name, f"no column {name!r} for {role}; there are: {', '.join(cells.header)}")
    return role, cells.header.index(wanted), unit or wanted.rpartition("_")[2]


def _have_units(cells: Table, at: Mapping[str, int], time_ms: float, response_mv: float) -> None:
    for role, factor, example in (("time", time_ms, "ms"), ("response", response_mv, "mV")):
        if role not in at:
            text = (
                f"no column is {role}; there are: {', '.join(cells.header)}: --column {role}=NAME:{example}"
            )
            raise NotStated(cells.name, text)
        if math.isnan(factor):
            text = (
                f"{cells.header[at[role]]} says no unit: --column {role}={cells.header[at[role]]}:{example}"
            )
            raise NotStated(cells.name, text)


def _group(
    cells: Table,
    key: tuple[str, str, str],
    raw: Mapping[str, tuple[list[float], "array[float]", float, float]],
) -> _Group:
    kept = []
    for name, (times_ms, samples, strength, _) in raw.items():
        where = f"{cells.name}, {' '.join(key)}, sweep {name}"
        rate_hz = _rate_hz(where, times_ms)
        if all(math.isfinite(one) for one in samples):
            kept.append(Sweep(times_ms[0], rate_hz, samples, None if math.isnan(strength) else strength))
    if not kept:
        raise TraceUnusable(
            f"{cells.name}, {' '.join(key)}", "every sweep has missing samples: record it again"
        )
    shape = {(len(one.samples), round(one.first_ms, 6)) for one in kept}
    if len(shape) > 1:
        raise RecordingUnusable(
            f"{cells.name}, {' '.join(key)}", "its sweeps differ in length or begin: cut them alike"
        )
    distance_mm = next(iter(raw.values()))[3]
    known_mm = None if math.isnan(distance_mm) else distance_mm
    return _Group(*key, known_mm, tuple(kept), len(raw) - len(kept))


def _rate_hz(where: str, times_ms: Sequence[float]) -> float:
    if len(times_ms) < 3:
        raise RecordingUnusable(where, f"{len(times_ms)} samples: a sweep has three or more")
    steps = [later - earlier for earlier, later in pairwise(times_ms)]
    usual_ms = median(steps)
    if not usual_ms > 0.0 or not all(abs(one - usual_ms) < _UNEVEN * usual_ms + 1e-6 for one in steps):
        raise RecordingUnusable(
            where, "its times do not rise evenly: sort the samples, one sweep after the other, without gaps"
        )
    if not times_ms[0] < 0.0:
        raise RecordingUnusable(where, "it begins at the stimulus: a sweep begins before it, times negative")
    return 1000.0 / usual_ms


def _site(
    group: _Group, measuring: Measuring, negative_is: Literal["up", "down"], artifact_ms: float
) -> SiteSweeps:
    def response(sweep: Sweep) -> Response | None:
        return _response(group, sweep, measuring, negative_is, artifact_ms)

    strengths = [one.strength for one in group.sweeps if one.strength is not None]
    if len(strengths) < len(group.sweeps) or len(strengths) < _LEAST_STRENGTHS:
        mean = _mean(group.sweeps)
        return SiteSweeps(*group, mean, len(group.sweeps), response(mean), (), None, "")
    ordered = sorted(group.sweeps, key=lambda one: one.strength or 0.0)
    found = [response(one) for one in ordered]
    amplitudes = tuple(0.0 if one is None else one.negative_peak_mv for one in found)
    plateau, why = _plateau([one.strength or 0.0 for one in ordered], amplitudes)
    level = [
        one for one in ordered if plateau is not None and (one.strength or 0.0) >= plateau.from_strength
    ] or ordered[-1:]
    mean, own = _mean(level), group._replace(sweeps=tuple(ordered))
    return SiteSweeps(*own, mean, len(level), response(mean), amplitudes, plateau, why)


def _plateau(strengths: Sequence[float], amplitudes: Sequence[float]) -> tuple[Plateau | None, str]:
    try:
        return recruitment(strengths, amplitudes), ""
    except SignalRefused as refused:
        return None, refused.message


def _mean(sweeps: Sequence[Sweep]) -> Sweep:
    rows = zip(*(one.samples for one in sweeps), strict=True)
    samples = array("d", (math.fsum(row) / len(sweeps) for row in rows))
    return sweeps[0]._replace(samples=samples)


def _response(
    group: _Group,
    sweep: Sweep,
    measuring: Measuring,
    negative_is: Literal["up", "down"],
    artifact_ms: float,
) -> Response | None:
    """The response, or ``None`` where there is none. Raises ``TraceUnusable`` for what is no sweep."""
    try:
        return measure(
            sweep.samples,
            sweep.rate_hz,
            -sweep.first_ms,
            negative_is,
            artifact_ms=artifact_ms,
            end_ms=measuring.end_ms,
            full_scale_mv=measuring.full_scale_mv,
        )
    except SignalRefused as refused:
        if refused.code == "no_response":
            return None
        where = f"{group.nerve} {group.side} {group.site}"
        raise TraceUnusable(where, f"{refused.message} ({refused.code})") from refused
