"""Contractions in a trace of force: where each begins and ends, how strong it is, and which are missing.

Theory of operation
-------------------
The trace is averaged over blocks of ``BLOCK_S``.  Its *level at rest* is local: a line through the medians of
what lies between contractions (the later half of each pause), so a drift of the sensor moves no peak.  The
*threshold* is the noise of these pauses: median plus ``MADS`` median absolute deviations over the level at
rest, and at least ``LEAST_SHARE`` of the range, so a tired contraction is found however strong the first one
was.  Level and noise need the
contractions and these need them, so both are found in turns, beginning with a low quantile of what is near
and a fifth of the range.

A contraction begins where the trace passes the threshold, and twice the lowest level since the one before;
it ends where it is below half of its peak.  So contractions of a muscle that does not relax fully are told
apart, each by its own height.  Contractions and pauses last ``LEAST_S`` or longer.  The peak is the largest
sample over the local level at rest.

Where the beginnings are evenly spaced (``REGULAR_SHARE`` of the spacings within ``REGULAR_WITHIN`` of their
median), a contraction that is due and was not found is *missing*: a peak without a value, which keeps its
place.  After the last one nothing is due, because the test may have ended; a recording that goes on is told.

A peak is *saturated* where it is three or more equal samples at the largest value of the recording, in two
contractions or more.

Units: s; the trace's own.  All numbers here are engineering proposals of this project.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from gateway.exams.fatigue import Peak

BLOCK_S = 0.05
LEAST_S = 0.2
MADS = 5.0
FIRST_SHARE = 0.2
LEAST_SHARE = 0.01
NEAR_S = 30.0
REGULAR_SHARE = 0.8
REGULAR_WITHIN = 0.2
FLAT_TOP = 3
_TURNS = 6
_LOW = 0.1


class Found(NamedTuple):
    """The contractions. ``peaks`` has those that are missing too; ``parts`` are samples, of those found."""

    peaks: list[Peak]
    parts: list[tuple[int, int]]
    threshold: float
    noise: float
    missing: int
    saturated: int
    sample_noise: float
    """Median absolute deviation of single samples in the pauses."""
    goes_on_s: float
    """How long the recording goes on after the last one, where another was due; else 0."""


class _Blocks(NamedTuple):
    values: list[float]
    samples: int
    block_s: float

    def in_blocks(self, duration_s: float) -> int:
        return max(1, round(duration_s / self.block_s))


def contractions(
    times_s: "array[float]", values: "array[float]", rate_hz: float, above: float | None = None
) -> Found:
    """All contractions; ``above`` is a stated threshold, in the trace's unit and not over the rest."""
    blocks = _averaged(values, rate_hz)
    rest = _near(blocks)
    risen = sorted(one for one in _over(blocks.values, rest) if one == one)
    span = risen[-1 - len(risen) // 100] - risen[len(risen) // 20] if risen else 0.0
    noise, threshold = 0.0, FIRST_SHARE * span
    parts: list[tuple[int, int]] = []
    for _ in range(_TURNS):
        over = _over(blocks.values, rest)
        found = _parts(over, threshold, blocks.in_blocks(LEAST_S)) if above is None else _above(blocks, above)
        if found == parts:
            break
        parts = found
        pauses = _pauses(parts, len(over))
        rest = _level(blocks.values, pauses) or rest
        quiet = [blocks.values[at] - rest[at] for begin, end in pauses for at in range(begin, end)]
        quiet = [one for one in quiet if one == one]
        if quiet:
            middle = median(quiet)
            noise = median(abs(one - middle) for one in quiet)
            threshold = max(middle + MADS * noise, LEAST_SHARE * span)
    return _described(times_s, values, blocks, rest, parts, threshold if above is None else above, noise)


def _averaged(values: "array[float]", rate_hz: float) -> _Blocks:
    samples = max(1, round(BLOCK_S * rate_hz))
    whole = range(0, len(values) - samples + 1, samples)
    return _Blocks(
        [math.fsum(values[at : at + samples]) / samples for at in whole], samples, samples / rate_hz
    )


def _near(blocks: _Blocks) -> list[float]:
    """A low quantile of what is near each block: a first guess of the level at rest."""
    every = blocks.in_blocks(NEAR_S / 10.0)
    reach = blocks.in_blocks(NEAR_S / 2.0)
    knots = []
    for at in range(0, len(blocks.values), every):
        near = sorted(one for one in blocks.values[max(0, at - reach) : at + reach + 1] if one == one)
        if near:
            knots.append((float(at), near[int(_LOW * (len(near) - 1))]))
    return _through(knots, len(blocks.values))


def _level(values: Sequence[float], pauses: Sequence[tuple[int, int]]) -> list[float]:
    knots = []
    for begin, end in pauses:
        known = [one for one in values[begin:end] if one == one]
        if known:
            knots.append(((begin + end - 1) / 2.0, median(known)))
    return _through(knots, len(values)) if knots else []


def _through(knots: Sequence[tuple[float, float]], number: int) -> list[float]:
    """The line through these, level before the first and after the last."""
    made, at = [], 0
    for place in range(number):
        while at + 1 < len(knots) and knots[at + 1][0] <= place:
            at += 1
        (x, y), (later, level) = knots[at], knots[min(at + 1, len(knots) - 1)]
        share = 0.0 if later == x else min(1.0, max(0.0, (place - x) / (later - x)))
        made.append(y + share * (level - y))
    return made


def _over(values: Sequence[float], rest: Sequence[float]) -> list[float]:
    return [one - level for one, level in zip(values, rest, strict=True)]


def _parts(over: Sequence[float], threshold: float, least: int) -> list[tuple[int, int]]:
    """Beginnings and ends of contractions, in blocks; a missing block belongs to what it is in."""
    made: list[tuple[int, int]] = []
    lowest, highest, begin, down = 0.0, 0.0, -1, 0
    for at, value in enumerate(over):
        if begin < 0:
            lowest = min(lowest, value) if value == value else lowest
            if value > max(threshold, 2.0 * lowest):
                begin, highest, down = at, value, 0
        elif value < max(threshold, 0.5 * highest) or value != value:
            down += 1
            if down >= least:
                made.append((begin, at - down + 1))
                begin, lowest = (
                    -1,
                    max(0.0, min((one for one in over[at - down + 1 : at + 1] if one == one), default=0.0)),
                )
        else:
            highest, down = max(highest, value), 0
    if begin >= 0:
        made.append((begin, len(over) - down))
    return [(first, last) for first, last in made if last - first >= least]


def _above(blocks: _Blocks, above: float) -> list[tuple[int, int]]:
    least, made = blocks.in_blocks(LEAST_S), list[tuple[int, int]]()
    for at, value in enumerate(blocks.values):
        if not value > above:
            continue
        if made and at - made[-1][1] < least:
            made[-1] = (made[-1][0], at + 1)
        else:
            made.append((at, at + 1))
    return [(first, last) for first, last in made if last - first >= least]


def _pauses(parts: Sequence[tuple[int, int]], number: int) -> list[tuple[int, int]]:
    """The later half of what lies before each contraction, and all that follows the last."""
    made, last = [], 0
    for begin, end in parts:
        if begin > last:
            made.append(((last + begin) // 2 if last else 0, begin))
        last = end
    if number > last:
        made.append(((last + number) // 2, number))
    return made


def _described(
    times_s: "array[float]",
    values: "array[float]",
    blocks: _Blocks,
    rest: Sequence[float],
    parts: Sequence[tuple[int, int]],
    threshold: float,
    noise: float,
) -> Found:
    own = [(begin * blocks.samples, min(len(values), end * blocks.samples)) for begin, end in parts]
    places = [max(range(begin, end), key=lambda at: _known(values[at])) for begin, end in own]
    peaks = [Peak(times_s[at], values[at] - rest[min(at // blocks.samples, len(rest) - 1)]) for at in places]
    begins_s = [times_s[begin] for begin, _ in own]
    period_s = _period_s(begins_s)
    whole = _with_missing(peaks, begins_s, period_s)
    left_s = times_s[-1] - begins_s[-1] if begins_s else 0.0
    highest = max((_known(one) for one in values), default=0.0)
    flat = sum(values[at] == highest and _level_at(values, at) >= FLAT_TOP for at in places)
    return Found(
        whole,
        own,
        threshold,
        noise,
        len(whole) - len(peaks),
        flat if flat > 1 else 0,
        _sample_noise(values, blocks, rest, parts),
        left_s - period_s if period_s is not None and left_s > 2.0 * period_s else 0.0,
    )


def _sample_noise(
    values: "array[float]", blocks: _Blocks, rest: Sequence[float], parts: Sequence[tuple[int, int]]
) -> float:
    off = [
        abs(one - rest[at])
        for begin, end in _pauses(parts, len(rest))
        for at in range(begin, end)
        for one in values[at * blocks.samples : (at + 1) * blocks.samples]
        if one == one
    ]
    return median(off) if off else 0.0


def _known(value: float) -> float:
    return value if value == value else -math.inf


def _level_at(values: "array[float]", at: int) -> int:
    """Equal samples in a row from the first of the largest."""
    end = at
    while end < len(values) and end - at < FLAT_TOP and values[end] == values[at]:
        end += 1
    return end - at


def _period_s(begins_s: Sequence[float]) -> float | None:
    """How often a contraction is due; ``None`` where they do not come evenly."""
    steps = [later - one for one, later in pairwise(begins_s)]
    if len(steps) < 4:
        return None
    usual_s = median(steps)
    even = sum(abs(one - usual_s) <= REGULAR_WITHIN * usual_s for one in steps)
    return usual_s if even >= REGULAR_SHARE * len(steps) else None


def _with_missing(peaks: Sequence[Peak], begins_s: Sequence[float], period_s: float | None) -> list[Peak]:
    if period_s is None:
        return list(peaks)
    made = list(peaks[:1])
    for number in range(1, len(peaks)):
        step_s = begins_s[number] - begins_s[number - 1]
        due = round(step_s / period_s)
        if due > 1 and abs(step_s - due * period_s) <= REGULAR_WITHIN * period_s * due:
            before_s, after_s = peaks[number - 1].time_s, peaks[number].time_s
            made += [Peak(before_s + (after_s - before_s) * at / due, None) for at in range(1, due)]
        made.append(peaks[number])
    return made
