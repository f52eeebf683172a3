"""Lines, a recovery and areas: what rates and amounts are read from a trace.

Theory of operation
-------------------
*Line.*  Least squares over the samples from one time to another, with R2 and Student's interval of the slope.
Neighbouring samples of a filtered signal are not independent, so the interval of a slope is a lower bound of
its uncertainty.  ``steepest_line`` looks for the window of a given length with the steepest line,
``linear_part`` for the longest part from the start whose line has more than a given R2.

*Recovery.*  ``y(t) = end - drop exp(-k (t - start))``.  For a given k the rest is linear, so only k is
searched (variable projection, Golub and Pereyra 1973): over a grid, then by halving, then Gauss-Newton with
damping on all three.  The interval of k is Student's from the curvature (what most programs print);
``profile_low`` and ``profile_high`` are where the sum of squares rises as an F test allows, which is
lopsided as it should be for few points.  A minimum at the edge of the grid is refused: the points do not
bend, or bend too fast to see.

*Area.*  Trapezoids between a level and the trace on one side of it, crossings between samples found linearly.

A sample whose value is not finite is passed over everywhere; times must rise.

Units: times s; slopes in the unit of the value per s; k in 1/s.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise

from dsp import _fits
from dsp.errors import SignalRefused
from dsp.record import NamedTuple
from dsp.student import quantile

CONFIDENCE = 0.95


class Line(NamedTuple):
    """``intercept + slope (t - start_s)`` over ``start_s`` to ``end_s``; bounds of the slope."""

    slope: float
    intercept: float
    start_s: float
    end_s: float
    r_squared: float
    low: float
    high: float
    confidence: float
    samples: int


class Recovery(NamedTuple):
    """``end - drop exp(-k (t - start_s))``; ``k_low`` to ``k_high`` from the curvature."""

    end: float
    drop: float
    k_per_s: float
    start_s: float
    k_low: float
    k_high: float
    profile_low: float | None
    profile_high: float | None
    confidence: float
    r_squared: float
    samples: int


class Area(NamedTuple):
    """How much lies beyond the level, in value x s, and for how long."""

    area: float
    beyond_s: float


def window(times_s: "array[float]", start_s: float, end_s: float) -> tuple[int, int]:
    """The samples from ``start_s`` to ``end_s``, both included to a microsecond, as a half-open range."""
    return bisect_left(times_s, start_s - 1e-6), bisect_right(times_s, end_s + 1e-6)


def line(
    times_s: "array[float]",
    values: "array[float]",
    start_s: float,
    end_s: float,
    confidence: float = CONFIDENCE,
) -> Line:
    """The least-squares line. Raises ``SignalRefused`` for fewer than three samples of different times."""
    begin, end = window(times_s, start_s, end_s)
    return _line(times_s, values, begin, end, confidence)


def steepest_line(
    times_s: "array[float]",
    values: "array[float]",
    start_s: float,
    end_s: float,
    span_s: float,
    *,
    rising: bool,
) -> Line:
    """The line of the window of ``span_s`` with the steepest rise (or fall). Raises ``SignalRefused``."""
    begin, end = window(times_s, start_s, end_s)
    first, last = (-1, -1)
    if end - begin >= 3:
        first, last = _fits.steepest(times_s, values, begin, end, span_s, 3, 1.0 if rising else -1.0)
    if first < 0:
        raise SignalRefused(
            "steepest slope",
            "window_too_short",
            f"no {span_s:g} s from {start_s:.1f} to {end_s:.1f} s: shorten it",
        )
    return _line(times_s, values, first, last, CONFIDENCE)


def linear_part(
    times_s: "array[float]",
    values: "array[float]",
    start_s: float,
    end_s: float,
    least_r_squared: float,
    *,
    least_s: float = 0.0,
    least_samples: int = 3,
) -> Line:
    """The line of the longest part from ``start_s`` with more than this R2. Raises ``SignalRefused``.

    The part lasts ``least_s`` and has ``least_samples`` at least: three samples of noise often lie on a line.
    """
    begin, end = window(times_s, start_s, end_s)
    shortest = _fits.sums(times_s, values, *window(times_s, start_s, start_s + least_s))[0]
    last = -1
    if begin < end and times_s[end - 1] >= start_s + least_s - 1e-6:
        least = max(3, least_samples, shortest)
        last = _fits.linear_part(times_s, values, begin, end, least_r_squared, least)
    if last < 0:
        of_s = f" of {least_s:g} s or longer" if least_s else ""
        raise SignalRefused(
            "linear part",
            "not_linear",
            f"no part{of_s} from {start_s:.1f} s has an R2 above {least_r_squared}",
        )
    return _line(times_s, values, begin, last, CONFIDENCE)


def area(
    times_s: "array[float]",
    values: "array[float]",
    start_s: float,
    end_s: float,
    level: float,
    *,
    above: bool,
) -> Area:
    """What lies above (or below) the level between two times."""
    begin, end = window(times_s, start_s, end_s)
    return Area(*_fits.area(times_s, values, begin, end, level, 1.0 if above else -1.0))


def crossing(
    times_s: "array[float]",
    values: "array[float]",
    start_s: float,
    end_s: float,
    level: float,
    *,
    rising: bool,
) -> float | None:
    """When the values first are at the level or beyond it, ``None`` if never."""
    begin, end = window(times_s, start_s, end_s)
    found = _fits.crossing(times_s, values, begin, end, level, 1.0 if rising else -1.0)
    return None if math.isnan(found) else found


def mean(times_s: "array[float]", values: "array[float]", start_s: float, end_s: float) -> float:
    """The mean of the samples of a window. Raises ``SignalRefused`` where there is none."""
    begin, end = window(times_s, start_s, end_s)
    count, _, value, *_ = _fits.sums(times_s, values, begin, end)
    if count == 0:
        raise SignalRefused(
            "mean", "no_samples", f"no sample from {start_s:.1f} to {end_s:.1f} s: choose another window"
        )
    return value


def recovery(times_s: "array[float]", values: "array[float]", confidence: float = CONFIDENCE) -> Recovery:
    """Fit the recovery to five points or more, the first at ``t = start_s``. Raises ``SignalRefused``."""
    times_s, values = _finite(times_s, values)
    start_s = times_s[0]
    steps = [later - earlier for earlier, later in pairwise(times_s)]
    span_s, step_s = times_s[-1] - start_s, min(steps)
    if step_s <= 0.0:
        raise SignalRefused("recovery", "times_fall", "times do not rise: sort the points, one for each time")
    k_per_s = _searched(times_s, values, 0.02 / span_s, 5.0 / step_s)
    end, drop, k_per_s, rest, inverse = _polished(times_s, values, k_per_s)
    return _with_bounds(times_s, values, (end, drop, k_per_s), rest, inverse, confidence)


def _line(times_s: "array[float]", values: "array[float]", begin: int, end: int, confidence: float) -> Line:
    count, time, value, time_time, time_value, value_value = _fits.sums(times_s, values, begin, end)
    if count < 3 or time_time <= 0.0:
        where = f"{times_s[begin]:.1f} s" if begin < len(times_s) else "the end"
        raise SignalRefused(
            "line", "too_few_samples", f"{count} samples from {where}: give three or more of different times"
        )
    slope = time_value / time_time
    rest = max(0.0, value_value - slope * time_value)
    half = quantile(confidence, count - 2) * math.sqrt(rest / (count - 2) / time_time)
    return Line(
        slope=slope,
        intercept=value + slope * (times_s[begin] - time),
        start_s=times_s[begin],
        end_s=times_s[end - 1],
        r_squared=1.0 - rest / value_value if value_value > 0.0 else 0.0,
        low=slope - half,
        high=slope + half,
        confidence=confidence,
        samples=count,
    )


def _finite(times_s: "array[float]", values: "array[float]") -> tuple["array[float]", "array[float]"]:
    pairs = [(t, v) for t, v in zip(times_s, values, strict=True) if math.isfinite(v) and math.isfinite(t)]
    if len(pairs) < 5:
        raise SignalRefused("recovery", "too_few_points", f"{len(pairs)} points: give five or more")
    return array("d", [t for t, _ in pairs]), array("d", [v for _, v in pairs])


def _searched(times_s: "array[float]", values: "array[float]", low: float, high: float) -> float:
    """The k of the smallest rest between two bounds, to some 1e-7."""
    k_per_s = _fits.searched(times_s, values, low, high)
    if k_per_s < 0.0:
        raise SignalRefused(
            "recovery", "no_recovery", "the points do not bend as a recovery does: look at the trace"
        )
    return k_per_s


_Matrix = tuple[float, float, float, float, float, float]


def _polished(
    times_s: "array[float]", values: "array[float]", k_per_s: float
) -> tuple[float, float, float, float, "_Matrix | None"]:
    """All three parameters, moved to where the gradient is zero, with what is left and the inverse of J'J."""
    base, value, base_base, base_value, _ = _fits.exponential_sums(times_s, values, k_per_s, times_s[0])
    drop = -base_value / base_base
    at = (value + drop * base, drop, k_per_s)
    matrix, gradient, rest = _fits.normal_equations(times_s, values, *at, times_s[0])
    for _ in range(20):
        step = _solved(matrix, gradient)
        if step is None:
            break
        trial = (at[0] + step[0], at[1] + step[1], at[2] + step[2])
        moved = _fits.normal_equations(times_s, values, *trial, times_s[0])
        if not trial[2] > 0.0 or not moved[2] < rest:
            break
        at, (matrix, gradient, rest) = trial, moved
    return *at, rest, _inverse(matrix)


def _inverse(matrix: _Matrix) -> _Matrix | None:
    """Of a symmetric 3x3 matrix given by its upper triangle, scaled so that its diagonal is one."""
    a, b, c, d, e, f = matrix
    if min(a, d, f) <= 0.0:
        return None
    p, q, r = math.sqrt(a), math.sqrt(d), math.sqrt(f)
    b, c, e = b / (p * q), c / (p * r), e / (q * r)
    whole = 1.0 - e * e - b * (b - c * e) + c * (b * e - c)
    if whole <= 1e-14:
        return None
    return (
        (1.0 - e * e) / whole / (p * p),
        (c * e - b) / whole / (p * q),
        (b * e - c) / whole / (p * r),
        (1.0 - c * c) / whole / (q * q),
        (b * c - e) / whole / (q * r),
        (1.0 - b * b) / whole / (r * r),
    )


def _solved(matrix: _Matrix, right: tuple[float, float, float]) -> tuple[float, float, float] | None:
    inverse = _inverse(matrix)
    if inverse is None:
        return None
    a, b, c, d, e, f = inverse
    x, y, z = right
    return a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z


def _with_bounds(
    times_s: "array[float]",
    values: "array[float]",
    at: tuple[float, float, float],
    rest: float,
    inverse: _Matrix | None,
    confidence: float,
) -> Recovery:
    count = len(times_s)
    if inverse is None:
        raise SignalRefused(
            "recovery",
            "not_determined",
            "the three numbers cannot be told apart from these points: add points",
        )
    t = quantile(confidence, count - 3)
    half = t * math.sqrt(rest / (count - 3) * inverse[5])
    limit = rest * (1.0 + t * t / (count - 3))
    whole = _fits.exponential_sums(times_s, values, at[2], times_s[0])[4]
    return Recovery(
        end=at[0],
        drop=at[1],
        k_per_s=at[2],
        start_s=times_s[0],
        k_low=at[2] - half,
        k_high=at[2] + half,
        profile_low=_profile(times_s, values, at[2], limit, 0.5),
        profile_high=_profile(times_s, values, at[2], limit, 2.0),
        confidence=confidence,
        r_squared=1.0 - rest / whole,
        samples=count,
    )


def _profile(
    times_s: "array[float]", values: "array[float]", k_per_s: float, limit: float, factor: float
) -> float | None:
    """Where the rest comes to ``limit`` on one side of k; ``None`` where it does not within 2^20."""
    found = _fits.profile(times_s, values, k_per_s, limit, factor)
    return None if found < 0.0 else found
