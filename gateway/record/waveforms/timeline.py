"""When each frame of a stream was taken, and where frames are missing.

Theory of operation
-------------------
A *run* is frames that follow each other.  Between two runs is a ``Gap`` that says what is known: how many
frames are missing and why.  Frames that were in a damaged block are missing too; their number is known by the
indices around them.  Nothing is filled in.

*Times.*  A block says when its first frame was taken, as core saw it, a few ms late or early.  Frames of one
device keep their distance, so all blocks up to a silence share one straight line of time over index: of the
nominal rate under ``FITTED_FROM_S``, fitted to the stamps from there on.  The line goes on through a gap
whose frames are counted.  After a hole whose blocks are damaged it goes on only if the next stamp fits: the
block that told of a silence may be gone. Lines never cross: a segment begins at the earliest one period after
the last frame before it.

Units: times in s from the beginning that the description states; counts and indices in frames.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.record.waveforms import blocks
from gateway.record.waveforms.blocks import DataFields
from gateway.record.waveforms.streams import Stream

FITTED_FROM_S = 60.0
_WORDS = {blocks.TOLD: "told by the device", blocks.QUEUE: "recorder too slow", blocks.SILENCE: "silence"}
_DAMAGE = "damage"
_AT_END = "lost at the end"


class Stored(NamedTuple):
    """A data block: where its samples begin in the file, and what it says of them."""

    offset: int
    fields: DataFields

    @property
    def end_index(self) -> int:
        """The index after its last frame."""
        return self.fields.first_index + self.fields.frames


class Run(NamedTuple):
    """Frames without a hole: the first at ``start_s``, then one every ``period_s``."""

    first_index: int
    frames: int
    start_s: float
    period_s: float
    stored: tuple[Stored, ...]

    def time_s(self, at: int) -> float:
        """The time of this run's frame ``at``, rounded to the us."""
        return round(self.start_s + at * self.period_s, 6)

    @property
    def end_s(self) -> float:
        """When the frame after the last would have come."""
        return self.start_s + self.frames * self.period_s


class Gap(NamedTuple):
    """No frames between these instants. ``missing`` is ``None`` where nobody knows how many."""

    start_s: float
    end_s: float
    missing: int | None
    causes: tuple[str, ...]


class Track(NamedTuple):
    """One stream of a file. ``measured_hz`` by its stamps, where there are enough."""

    number: int
    stream: Stream
    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...]
    measured_hz: float | None

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return sum(one.frames for one in self.runs)

    @property
    def name(self) -> str:
        """What the stream is called."""
        return self.stream.name


class _Line(NamedTuple):
    """Time over index."""

    start_s: float
    period_s: float

    def at(self, index: int) -> float:
        return self.start_s + index * self.period_s


def track(
    number: int, stream: Stream, stored: Sequence[Stored], begin_us: int, reached: Sequence[int]
) -> Track:
    """The runs and gaps of these blocks, in order; ``reached``: the indices that the file's end tells."""
    runs: list[Run] = []
    measured: tuple[float, float] | None = None
    for segment in _segments(stored, 1e6 / stream.rate_hz):
        line = _line(segment, stream.rate_hz, begin_us)
        length_s = _length_s(segment)
        if length_s >= FITTED_FROM_S and (measured is None or length_s > measured[0]):
            measured = (length_s, 1.0 / line.period_s)
        after_s = runs[-1].end_s if runs else None
        runs += _runs(segment, line if after_s is None else _behind(line, segment, after_s))
    gaps = _gaps(runs) + _end_gap(runs, number, reached)
    return Track(number, stream, tuple(runs), tuple(gaps), measured[1] if measured else None)


def _segments(stored: Sequence[Stored], period_us: float) -> list[list[Stored]]:
    segments: list[list[Stored]] = []
    for one in stored:
        if segments and not _breaks(segments[-1][-1], one, period_us):
            segments[-1].append(one)
        else:
            segments.append([one])
    return segments


def _breaks(before: Stored, one: Stored, period_us: float) -> bool:
    if one.fields.flags & blocks.SILENCE:
        return True
    steps = one.fields.first_index - before.fields.first_index
    expected_us = before.fields.mono_us + steps * period_us
    is_torn = one.fields.first_index - before.end_index > one.fields.missing
    return is_torn and abs(one.fields.mono_us - expected_us) > blocks.allowed_us(period_us)


def _length_s(segment: Sequence[Stored]) -> float:
    return (segment[-1].fields.mono_us - segment[0].fields.mono_us) / 1e6


def _line(segment: Sequence[Stored], rate_hz: float, begin_us: int) -> _Line:
    """The line through the stamps of a segment, least squares where it is long enough."""
    count = len(segment)
    origin = segment[0].fields.first_index
    indices = [one.fields.first_index - origin for one in segment]
    times_s = [(one.fields.mono_us - begin_us) / 1e6 for one in segment]
    middle, middle_s = sum(indices) / count, sum(times_s) / count
    period_s = 1.0 / rate_hz
    if _length_s(segment) >= FITTED_FROM_S:
        spread = sum((one - middle) ** 2 for one in indices)
        shared = sum((x - middle) * (y - middle_s) for x, y in zip(indices, times_s, strict=True))
        period_s = shared / spread if spread and shared > 0.0 else period_s
    return _Line(middle_s - (middle + origin) * period_s, period_s)


def _behind(line: _Line, segment: Sequence[Stored], after_s: float) -> _Line:
    late_s = max(0.0, after_s - line.at(segment[0].fields.first_index))
    return _Line(line.start_s + late_s, line.period_s)


def _runs(segment: Sequence[Stored], line: _Line) -> list[Run]:
    groups: list[list[Stored]] = [[segment[0]]]
    for before, one in pairwise(segment):
        if one.fields.first_index == before.end_index:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [_run(group, line) for group in groups]


def _run(group: Sequence[Stored], line: _Line) -> Run:
    first = group[0].fields.first_index
    count = group[-1].end_index - first
    return Run(first, count, line.at(first), line.period_s, tuple(group))


def _gaps(runs: Sequence[Run]) -> list[Gap]:
    gaps = []
    if runs and runs[0].first_index:
        first = runs[0]
        start_s = first.start_s - first.first_index * first.period_s
        gaps.append(Gap(start_s, first.start_s, first.first_index, _causes(first, first.first_index)))
    for before, one in pairwise(runs):
        missing = one.first_index - before.first_index - before.frames
        is_known = missing and not one.stored[0].fields.flags & blocks.SILENCE
        causes = _causes(one, missing)
        gaps.append(Gap(before.end_s, one.start_s, missing if is_known else None, causes))
    return gaps


def _causes(run: Run, missing: int) -> tuple[str, ...]:
    """Why ``missing`` frames are not there before this run."""
    fields = run.stored[0].fields
    words = [word for flag, word in _WORDS.items() if fields.flags & flag]
    if missing > fields.missing or not words:
        words.append(_DAMAGE)
    return tuple(words)


def _end_gap(runs: Sequence[Run], number: int, reached: Sequence[int]) -> list[Gap]:
    if number >= len(reached) or not runs:
        return []
    last = runs[-1]
    missing = reached[number] - last.first_index - last.frames
    if missing <= 0:
        return []
    return [Gap(last.end_s, last.end_s + missing * last.period_s, missing, (_AT_END,))]
