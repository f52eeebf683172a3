"""A recording that was read: columns over one time axis, with what is known of its gaps and marks.

Theory of operation
-------------------
Every analysis takes a ``Recording``; whoever makes one (a reader of
files, the gateway's own waveforms, a test) goes through ``checked``, which refuses what no analysis should
see: no samples, times that do not rise, another rate than was stated, more samples than a day at 1 kHz.  A
gap is where two samples are more than 1.5 times the usual distance apart.  What is missing inside a column
is NaN and counted, never filled.

Units: times in s from the first sample; each column says its own.
"""

import math
from array import array
from dataclasses import dataclass, replace
from operator import sub
from typing import NamedTuple

from dsp import traces
from gateway.exams.errors import RecordingUnusable
from gateway.exams.result import Flag, Parameter, Probe, Source
from gateway.model import Limb

MOST_SAMPLES = 86_400_000
GAP_FACTOR = 1.5
RATE_TOLERANCE = 0.02


class Column(NamedTuple):
    """One quantity. ``header`` is what the file calls it, where that is not the name it is kept under.

    ``probe`` and ``limb`` are what the file says of where it was measured, if it does.
    """

    values: "array[float]"
    unit: str
    header: str = ""
    probe: Probe | None = None
    limb: Limb | None = None


class Mark(NamedTuple):
    """A word that somebody or something put at an instant."""

    at_s: float
    text: str


class Gap(NamedTuple):
    """No samples between these two instants."""

    start_s: float
    end_s: float


class CuffTrace(NamedTuple):
    """The cuff's pressure in mmHg over times of its own, counted as the recording's."""

    times_s: "array[float]"
    pressures_mmhg: "array[float]"


@dataclass(frozen=True, slots=True)
class Recording:
    """Columns of equal length over ``times_s``, which rises from zero.

    ``cuff`` is there where the cuff was recorded at another rate than the rest: the gateway has twenty
    pressures for each saturation, and an onset must not be rounded to whole seconds.
    """

    source: Source
    device: str
    times_s: "array[float]"
    columns: dict[str, Column]
    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()
    cuff: CuffTrace | None = None
    parameters: tuple[Parameter, ...] = ()
    """Choices that the reader of the file made, for the result."""
    flags: tuple[Flag, ...] = ()
    """What the reader of the file found, for the result."""

    @property
    def cuff_trace(self) -> CuffTrace | None:
        """The cuff as it was recorded: beside the rest, or in a column of it. Raises ``TraceUnusable``."""
        if self.cuff is not None or "cuff" not in self.columns:
            return self.cuff
        return CuffTrace(self.times_s, self.column("cuff", "mmHg"))

    @property
    def rate_hz(self) -> float:
        """The usual rate: one over the median distance of two samples."""
        return self.source.rate_hz or 0.0

    @property
    def end_s(self) -> float:
        """The time of the last sample."""
        return self.times_s[-1]

    def column(self, name: str, unit: str) -> "array[float]":
        """This column's values. Raises ``RecordingUnusable`` where it is missing or in another unit."""
        found = self.columns.get(name)
        if found is None:
            there = ", ".join(self.columns) or "none"
            raise RecordingUnusable(self.source.name, f"no column {name!r}; there are: {there}")
        if found.unit != unit:
            raise RecordingUnusable(self.source.name, f"{name} is in {found.unit!r}, {unit!r} is needed")
        return found.values

    def gaps_in(self, start_s: float, end_s: float) -> tuple[Gap, ...]:
        """The gaps that touch this part."""
        return tuple(one for one in self.gaps if one.start_s < end_s and one.end_s > start_s)


def checked(
    name: str,
    sha256: str,
    device: str,
    times_s: "array[float]",
    columns: dict[str, Column],
    marks: tuple[Mark, ...] = (),
    stated_rate_hz: float | None = None,
) -> Recording:
    """The recording, its times counted from its first sample. Raises ``RecordingUnusable``."""
    _enough(name, times_s, columns)
    _rising(name, times_s)
    steps = array("d", map(sub, times_s[1:], times_s))
    usual_s = traces.middle(steps)
    _as_stated(name, 1.0 / usual_s, stated_rate_hz)
    start_s = times_s[0]
    own_s = traces.less(times_s, start_s)
    gaps = tuple(Gap(own_s[at], own_s[at + 1]) for at in _longer(steps, GAP_FACTOR * usual_s))
    kept = tuple(Mark(one.at_s - start_s, one.text) for one in marks)
    rate_hz = stated_rate_hz or 1.0 / usual_s
    source = Source(name=name, sha256=sha256, rate_hz=rate_hz, duration_s=own_s[-1])
    return Recording(source, device, own_s, columns, kept, gaps)


def _longer(steps: "array[float]", longest_s: float) -> list[int]:
    """The steps that are longer than this."""
    if traces.extent(steps)[1] <= longest_s:
        return []
    return [at for at, step in enumerate(steps) if step > longest_s]


def _enough(name: str, times_s: "array[float]", columns: dict[str, Column]) -> None:
    if len(times_s) < 3:
        raise RecordingUnusable(name, f"{len(times_s)} samples: a recording has three or more")
    if len(times_s) > MOST_SAMPLES:
        raise RecordingUnusable(name, f"{len(times_s)} samples: cut it, at most {MOST_SAMPLES} are taken")
    for called, column in columns.items():
        if len(column.values) != len(times_s):
            raise RecordingUnusable(name, f"{called} has {len(column.values)} values, not {len(times_s)}")
    if traces.known(times_s, 0, len(times_s)) < len(times_s):
        raise RecordingUnusable(name, "a time is missing: give every sample its time")


def _rising(name: str, times_s: "array[float]") -> None:
    at = traces.rises(times_s)
    if at is not None:
        raise RecordingUnusable(
            name, f"the time of sample {at + 1} is not after the one before it: sort the samples by time"
        )


def _as_stated(name: str, found_hz: float, stated_hz: float | None) -> None:
    if stated_hz is None:
        return
    if not (math.isfinite(stated_hz) and stated_hz > 0.0):
        raise RecordingUnusable(name, f"a rate of {stated_hz} Hz: state a positive one")
    if abs(found_hz / stated_hz - 1.0) > RATE_TOLERANCE:
        raise RecordingUnusable(name, f"{found_hz:.3g} Hz by its times, {stated_hz:g} Hz stated: correct it")


def with_saturation_of_haemoglobin(recording: Recording) -> Recording:
    """The same with ``sto2`` made of one distance's O2Hb and HHb, for devices that give nothing better.

    Their absolute values rest on assumptions, so it is relative: its slopes compare only with their own kind.
    """
    oxy, deoxy = recording.column("o2hb", "uM"), recording.column("hhb", "uM")
    made = array(
        "d", [100.0 * o / (o + h) if o + h > 0.0 else math.nan for o, h in zip(oxy, deoxy, strict=True)]
    )
    return replace(recording, columns={**recording.columns, "sto2": Column(made, "%")})
