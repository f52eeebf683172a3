"""What an analysis asks of a long trace: a running mean, what departs from it, what is missing or stuck.

Theory of operation
-------------------
*Mean.*  ``smoothed``: each known sample becomes the mean of the known ones within half a stretch on either
side, at the ends of those there are; a missing one stays missing.  The sum runs over a window that moves and
is taken anew every thousand samples, so nothing drifts.

*Departures.*  How far a sample is from the median of its neighbours on both sides, and how far the medians of
the two sides are apart.  Neighbours are thinned, so that a fast recording costs no more than a slow one.

*Stuck.*  The same value over and over: no light, or the end of a scale.

*Middle.*  The median of a long trace without sorting it: numbers have the order of their bits, so eight
rounds of counting, a byte each, find the one in the middle, in the same time for any trace.

A sample that is not finite is missing.  Units: as the trace; stretches in s.
"""

from array import array

from dsp import _traces

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "above",
    "counted",
    "departures",
    "evenly",
    "extent",
    "extremes",
    "known",
    "less",
    "middle",
    "missing",
    "missing_share",
    "rises",
    "rises_over",
    "smoothed",
    "spread",
    "stands",
    "steps",
    "stuck",
]


def smoothed(times_s: "array[float]", values: "array[float]", stretch_s: float) -> "array[float]":
    """The means, one for each sample. ``ValueError`` for a stretch below 0, or times for other values."""
    made = array("d", bytes(8 * len(values)))
    _traces.smoothed(times_s, values, stretch_s / 2.0, made)
    return made


def departures(
    values: "array[float]", begin: int, end: int, reach: int, most: int
) -> "tuple[array[float], array[float]]":
    """Of each sample from ``begin`` to ``end``: its distance from the median of the ``reach`` samples on
    either side (some ``most`` of each are looked at), and the distance of the two sides' medians.

    NaN where a side is cut off or has fewer than two known samples.
    """
    off, stepped = array("d", bytes(8 * (end - begin))), array("d", bytes(8 * (end - begin)))
    _traces.neighbours(values, begin, end, reach, 1 + reach // most, off, stepped)
    return off, stepped


def known(values: "ReadableBuffer", begin: int, end: int) -> int:
    """How many of these samples are there."""
    return _traces.known(values, begin, end)


def middle(values: "ReadableBuffer") -> float:
    """The median of the known samples; NaN where there is none."""
    return _traces.middle(values)


def less(values: "array[float]", amount: float) -> "array[float]":
    """Each sample less this amount."""
    made = array("d", bytes(8 * len(values)))
    _traces.less(values, amount, made)
    return made


def spread(values: "array[float]") -> tuple[float, float]:
    """The median of the known samples, and the median of their distances from it; NaN where there is none."""
    median, distances = middle(values), array("d", bytes(8 * len(values)))
    _traces.distances(values, median, distances)
    return median, middle(distances)


def above(values: "ReadableBuffer", level: float) -> int:
    """How many samples lie above this level; a missing one does not."""
    return _traces.above(values, level)


def counted(values: "array[float]", size: float, ends: tuple[float, float]) -> "array[int]":
    """Samples as int16 counts of this size, to the nearest. A missing sample is held (0 before the first).

    What is at or beyond one of the ``ends`` of the scale becomes that end of int16: it is seen as saturated.
    """
    made = array("h", bytes(2 * len(values)))
    _traces.counted(values, size, *ends, made)
    return made


def extent(values: "ReadableBuffer") -> tuple[float, float]:
    """The smallest and the largest known sample; NaN where there is none."""
    return _traces.extent(values)


def missing_share(values: "array[float]", begin: int, end: int) -> float:
    """How much of these samples is missing, 0 to 1; 1 where there are none."""
    end = min(end, len(values))
    return (end - begin - _traces.known(values, begin, end)) / (end - begin) if end > begin else 1.0


def rises(times_s: "array[float]") -> int | None:
    """The first sample that is not later than the one before it; ``None`` where all are."""
    at = _traces.first_not_rising(times_s)
    return None if at < 0 else at


def rises_over(values: "ReadableBuffer", level: float) -> list[int]:
    """Every sample above this level that follows one that is not."""
    found, at = [], _traces.rise_over(values, 0, level)
    while at >= 0:
        found.append(at)
        at = _traces.rise_over(values, at + 1, level)
    return found


def extremes(values: "array[float]", every: int) -> "list[tuple[int, int]]":
    """Where the smallest and the largest known of each stretch of ``every`` samples are.

    The stretch's first sample twice where none is known; the last stretch may be shorter.
    """
    places = array("q", bytes(16 * -(-len(values) // every)))
    _traces.extremes(values, every, places)
    return list(zip(places[0::2], places[1::2], strict=True))


def evenly(count: int, rate_hz: float) -> "array[float]":
    """The times of so many samples at this rate, in s from the first."""
    made = array("d", bytes(8 * count))
    _traces.evenly(rate_hz, made)
    return made


def stands(values: "ReadableBuffer", value: float, least: int) -> bool:
    """Is this value there ``least`` times in a row?"""
    return _traces.stands(values, value, least)


def steps(values: "ReadableBuffer", begin: int, end: int) -> tuple[float, int]:
    """The sum of the sizes of the steps between known neighbours, and how many pairs of them are equal."""
    return _traces.steps(values, begin, end)


def missing(values: "ReadableBuffer") -> list[tuple[int, int]]:
    """The stretches of missing samples, as half-open ranges."""
    found, (begin, end) = [], _traces.missing_from(values, 0)
    while begin < end:
        found.append((begin, end))
        begin, end = _traces.missing_from(values, end)
    return found


def stuck(values: "ReadableBuffer", least: int) -> list[tuple[int, int]]:
    """The stretches in which the same value stands ``least`` times or more, as half-open ranges."""
    found, at, number = [], 0, memoryview(values).nbytes // 8
    while at < number:
        begin, at = _traces.stuck_from(values, at, least)
        if begin < at:
            found.append((begin, at))
    return found
