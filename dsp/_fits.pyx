# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.fits``: see there for what they compute.  A sample whose value is not finite is passed over."""

from libc.math cimport exp, fabs, isfinite, log, log1p, pow, sqrt

cdef enum:
    GRID = 240
    MOST_STEPS = 60
    KEPT = 512


cdef struct Sums:
    Py_ssize_t count
    double time, value, time_time, time_value, value_value


cdef Sums _sums(const double[::1] times, const double[::1] values, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Count, means and sums about the means: two passes, so that nothing cancels."""
    cdef Sums made = Sums(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    cdef Py_ssize_t at
    cdef double time, value
    for at in range(begin, end):
        if isfinite(values[at]):
            made.count += 1
            made.time += times[at]
            made.value += values[at]
    if made.count == 0:
        return made
    made.time /= made.count
    made.value /= made.count
    for at in range(begin, end):
        if isfinite(values[at]):
            time = times[at] - made.time
            value = values[at] - made.value
            made.time_time += time * time
            made.time_value += time * value
            made.value_value += value * value
    return made


def sums(const double[::1] times not None, const double[::1] values not None, Py_ssize_t begin, Py_ssize_t end):
    """(count, mean time, mean value, and the three sums about them) of the samples ``begin`` to ``end``."""
    cdef Sums made = _sums(times, values, begin, end)
    return made.count, made.time, made.value, made.time_time, made.time_value, made.value_value


def steepest(
    const double[::1] times not None,
    const double[::1] values not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    double span,
    Py_ssize_t least,
    double sign,
):
    """The window of ``span`` inside ``begin`` to ``end`` whose line is steepest in the direction ``sign``."""
    cdef Py_ssize_t first, last = begin, best_first = -1, best_last = -1
    cdef double best = 0.0, slope
    cdef Sums made
    for first in range(begin, end):
        while last < end and times[last] <= times[first] + span * (1.0 + 1e-6):
            last += 1
        if times[first] + span > times[end - 1] + 1e-6 * span:
            break
        made = _sums(times, values, first, last)
        if made.count < least or made.time_time <= 0.0:
            continue
        slope = sign * made.time_value / made.time_time
        if best_first < 0 or slope > best:
            best, best_first, best_last = slope, first, last
    return best_first, best_last


def linear_part(
    const double[::1] times not None,
    const double[::1] values not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    double least_r_squared,
    Py_ssize_t least,
):
    """Where the longest part that begins at ``begin`` and whose line has more than this R2 ends; -1 for none."""
    cdef Py_ssize_t at, count = 0, best = -1
    cdef double time, value, t = 0.0, v = 0.0, tt = 0.0, tv = 0.0, vv = 0.0, step_time, step_value
    for at in range(begin, end):
        if not isfinite(values[at]):
            continue
        count += 1
        step_time = times[at] - t
        step_value = values[at] - v
        t += step_time / count
        v += step_value / count
        time = times[at] - t
        value = values[at] - v
        tt += step_time * time
        tv += step_time * value
        vv += step_value * value
        if count >= least and tt > 0.0 and vv > 0.0 and tv * tv > least_r_squared * tt * vv:
            best = at + 1
    return best


def area(
    const double[::1] times not None,
    const double[::1] values not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    double level,
    double sign,
):
    """The area by which the values lie beyond the level in the direction ``sign``, and for how long they do."""
    cdef Py_ssize_t at, before = -1
    cdef double made = 0.0, beyond = 0.0, first, second, width, share
    for at in range(begin, end):
        if not isfinite(values[at]):
            continue
        if before >= 0:
            first = sign * (values[before] - level)
            second = sign * (values[at] - level)
            width = times[at] - times[before]
            if first >= 0.0 and second >= 0.0:
                made += 0.5 * (first + second) * width
                beyond += width
            elif first > 0.0 or second > 0.0:
                share = (first if first > 0.0 else second) / (first - second if first > 0.0 else second - first)
                made += 0.5 * (first if first > 0.0 else second) * share * width
                beyond += share * width
        before = at
    return made, beyond


def crossing(
    const double[::1] times not None,
    const double[::1] values not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    double level,
    double sign,
):
    """When the values first reach the level in the direction ``sign``, between samples linearly; NaN if never."""
    cdef Py_ssize_t at, before = -1
    cdef double first, second
    for at in range(begin, end):
        if not isfinite(values[at]):
            continue
        second = sign * (values[at] - level)
        if second >= 0.0:
            if before < 0:
                return times[at]
            first = sign * (values[before] - level)
            return times[before] + (times[at] - times[before]) * (-first / (second - first))
        before = at
    return float("nan")


def exponential_sums(const double[::1] times not None, const double[::1] values not None, double rate, double start):
    """For the basis ``exp(-rate (t - start))``: count, its mean, the values' mean, and the three sums about them."""
    cdef Py_ssize_t at, count = times.shape[0]
    cdef double base = 0.0, value = 0.0, base_base = 0.0, base_value = 0.0, value_value = 0.0, one, other
    for at in range(count):
        base += exp(-rate * (times[at] - start))
        value += values[at]
    base /= count
    value /= count
    for at in range(count):
        one = exp(-rate * (times[at] - start)) - base
        other = values[at] - value
        base_base += one * one
        base_value += one * other
        value_value += other * other
    return base, value, base_base, base_value, value_value


def normal_equations(
    const double[::1] times not None,
    const double[::1] values not None,
    double end,
    double drop,
    double rate,
    double start,
):
    """J'J (upper triangle), J'r and r'r of ``end - drop exp(-rate (t - start))``, parameters in that order."""
    cdef Py_ssize_t at
    cdef double decay, since, off, by_drop, by_rate
    cdef double a01 = 0.0, a02 = 0.0, a11 = 0.0, a12 = 0.0, a22 = 0.0, g0 = 0.0, g1 = 0.0, g2 = 0.0, rest = 0.0
    for at in range(times.shape[0]):
        since = times[at] - start
        decay = exp(-rate * since)
        off = values[at] - (end - drop * decay)
        by_drop = -decay
        by_rate = drop * since * decay
        a01 += by_drop
        a02 += by_rate
        a11 += by_drop * by_drop
        a12 += by_drop * by_rate
        a22 += by_rate * by_rate
        g0 += off
        g1 += by_drop * off
        g2 += by_rate * off
        rest += off * off
    return (float(times.shape[0]), a01, a02, a11, a12, a22), (g0, g1, g2), rest


cdef double _rest(const double* times, const double* values, Py_ssize_t count, double rate) noexcept nogil:
    """The sum of squares that the best curve of this rate leaves."""
    cdef double[KEPT] decays  # of the first samples: an exponential takes longer than all else here
    cdef Py_ssize_t at
    cdef double base = 0.0, value = 0.0, base_base = 0.0, base_value = 0.0, value_value = 0.0, one, other
    for at in range(count):
        one = exp(-rate * (times[at] - times[0]))
        if at < KEPT:
            decays[at] = one
        base += one
        value += values[at]
    base /= count
    value /= count
    for at in range(count):
        one = (decays[at] if at < KEPT else exp(-rate * (times[at] - times[0]))) - base
        other = values[at] - value
        base_base += one * one
        base_value += one * other
        value_value += other * other
    return value_value - base_value * base_value / base_base if base_base > 0.0 else value_value


cdef double _golden(const double* times, const double* values, Py_ssize_t count, double low, double high) noexcept nogil:
    """The logarithm of the rate with the smallest rest, between two of them."""
    cdef double share = (sqrt(5.0) - 1.0) / 2.0
    cdef double inner = high - share * (high - low), outer = low + share * (high - low)
    cdef double at_inner = _rest(times, values, count, exp(inner)), at_outer = _rest(times, values, count, exp(outer))
    cdef int step
    for step in range(MOST_STEPS):
        if at_inner < at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - share * (high - low)
            at_inner = _rest(times, values, count, exp(inner))
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + share * (high - low)
            at_outer = _rest(times, values, count, exp(outer))
    return 0.5 * (low + high)


def searched(const double[::1] times not None, const double[::1] values not None, double low, double high):
    """The rate of the smallest rest between two bounds, to some 1e-7; -1 where it is at a bound."""
    cdef double[GRID] grid, rests
    cdef double ratio = pow(high / low, 1.0 / (GRID - 1))
    cdef Py_ssize_t at, best = 0, count = times.shape[0]
    if count < 2 or values.shape[0] != count:
        raise ValueError("%d times and %d values: give pairs" % (count, values.shape[0]))
    for at in range(GRID):
        grid[at] = low * pow(ratio, <double>at)
        rests[at] = _rest(&times[0], &values[0], count, grid[at])
        if rests[at] < rests[best]:
            best = at
    if rests[0] == 0.0 or best == 0 or best == GRID - 1 or not rests[best] < min(rests[0], rests[GRID - 1]):
        return -1.0
    return exp(_golden(&times[0], &values[0], count, log(grid[best - 1]), log(grid[best + 1])))


def profile(
    const double[::1] times not None, const double[::1] values not None, double rate, double limit, double factor
):
    """Where the rest comes to ``limit`` on the side of ``rate`` that ``factor`` says; -1 if not within 2**20."""
    cdef double inside = rate, outside = rate * factor, middle
    cdef Py_ssize_t step, count = times.shape[0]
    if count < 2 or values.shape[0] != count:
        raise ValueError("%d times and %d values: give pairs" % (count, values.shape[0]))
    for step in range(20):
        if _rest(&times[0], &values[0], count, outside) >= limit:
            break
        inside, outside = outside, outside * factor
    else:
        return -1.0
    for step in range(MOST_STEPS):
        middle = sqrt(inside * outside)
        if _rest(&times[0], &values[0], count, middle) < limit:
            inside = middle
        else:
            outside = middle
    return sqrt(inside * outside)


cdef double TINY = 1e-300


cdef double _term(double a, double b, double x, int step) noexcept nogil:
    cdef int half = step // 2
    if step % 2:
        return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1.0))
    return half * (b - half) * x / ((a + 2 * half - 1.0) * (a + 2 * half))


cdef double _continued_fraction(double a, double b, double x) noexcept nogil:
    """Lentz's way."""
    cdef double front = 1.0, numerator = 1.0, denominator = 0.0, term
    cdef int step
    for step in range(1, 501):
        term = _term(a, b, x, step)
        denominator = 1.0 + term * denominator
        denominator = 1.0 / (denominator if denominator != 0.0 else TINY)
        numerator = 1.0 + term / numerator
        if numerator == 0.0:
            numerator = TINY
        front *= numerator * denominator
        if fabs(numerator * denominator - 1.0) < 1e-16:
            break
    return front


cdef double _beta_part(double a, double b, double x, double scale) noexcept nogil:
    return exp(scale + a * log(x) + b * log1p(-x)) / (a * _continued_fraction(a, b, x))


def incomplete_beta(double a, double b, double x, double scale, double swapped):
    """The regularised incomplete beta function; ``scale``: the logarithm of 1/B(a, b), ``swapped`` of 1/B(b, a)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(b, a, 1.0 - x, swapped, scale)
    return _beta_part(a, b, x, scale)
