# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.traces``: see there for what they find."""

from libc.math cimport NAN, fabs, isfinite, rint
from libc.stdint cimport int16_t, int64_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    ANEW = 1000
    MOST_NEAR = 64
    LOWEST_COUNT = -32768
    HIGHEST_COUNT = 32767


def smoothed(const double[::1] times not None, const double[::1] values not None, double half, double[::1] made not None):
    """The mean of the known samples within ``half`` of each known one; NaN for the others."""
    cdef Py_ssize_t number = values.shape[0], begin = 0, end = 0, count = 0, at, near
    cdef double total = 0.0
    if not half >= 0.0:
        raise ValueError("%r s on either side: give a stretch of 0 s or longer" % half)
    if times.shape[0] != number or made.shape[0] != number:
        raise ValueError("%d times, %d values, room for %d: not one trace" % (times.shape[0], number, made.shape[0]))
    for at in range(number):
        while end < number and times[end] <= times[at] + half + 1e-9:
            if isfinite(values[end]):
                total += values[end]
                count += 1
            end += 1
        while times[begin] < times[at] - half - 1e-9:
            if isfinite(values[begin]):
                total -= values[begin]
                count -= 1
            begin += 1
        if at % ANEW == 0:
            total = 0.0
            for near in range(begin, end):
                if isfinite(values[near]):
                    total += values[near]
        made[at] = total / count if isfinite(values[at]) else NAN


def known(const double[::1] values not None, Py_ssize_t begin, Py_ssize_t end):
    """How many samples from ``begin`` to ``end`` are numbers."""
    cdef Py_ssize_t at, count = 0
    if not 0 <= begin <= end <= values.shape[0]:
        raise ValueError("samples %d to %d of %d are no stretch" % (begin, end, values.shape[0]))
    for at in range(begin, end):
        count += isfinite(values[at]) != 0
    return count


def extent(const double[::1] values not None):
    """The smallest and the largest number; NaN twice where there is none."""
    cdef double low = NAN, high = NAN
    cdef Py_ssize_t at
    for at in range(values.shape[0]):
        if isfinite(values[at]):
            low = values[at] if not low <= values[at] else low
            high = values[at] if not high >= values[at] else high
    return low, high


def first_not_rising(const double[::1] times not None):
    """The first sample that is not later than the one before it, -1 for none; a NaN is not."""
    cdef Py_ssize_t at
    for at in range(1, times.shape[0]):
        if not times[at] > times[at - 1]:
            return at
    return -1


def stuck_from(const double[::1] values not None, Py_ssize_t begin, Py_ssize_t least):
    """The next stretch of ``least`` or more equal samples, as its begin and end; the length twice for none."""
    cdef Py_ssize_t number = values.shape[0], at
    for at in range(begin + 1, number + 1):
        if at == number or values[at] != values[begin]:
            if at - begin >= least:
                return begin, at
            begin = at
    return number, number


def missing_from(const double[::1] values not None, Py_ssize_t begin):
    """The next stretch of samples that are no numbers, as its begin and end; the length twice for none."""
    cdef Py_ssize_t number = values.shape[0], end
    while begin < number and isfinite(values[begin]):
        begin += 1
    end = begin
    while end < number and not isfinite(values[end]):
        end += 1
    return begin, end


def rise_over(const double[::1] values not None, Py_ssize_t begin, double level):
    """The first sample from ``begin`` on above the level after one that is not; -1 for none."""
    cdef Py_ssize_t at
    for at in range(max(begin, 1), values.shape[0]):
        if values[at - 1] <= level < values[at]:
            return at
    return -1


def stands(const double[::1] values not None, double value, Py_ssize_t least):
    """Is this value there ``least`` times in a row?"""
    cdef Py_ssize_t at, number = 0
    for at in range(values.shape[0]):
        number = number + 1 if values[at] == value else 0
        if number >= least:
            return True
    return False


def steps(const double[::1] values not None, Py_ssize_t begin, Py_ssize_t end):
    """The sum of the sizes of the steps between known neighbours, and how many steps are none."""
    cdef Py_ssize_t at, still = 0
    cdef double total = 0.0, step
    if not 0 <= begin <= end <= values.shape[0]:
        raise ValueError("samples %d to %d of %d are no stretch" % (begin, end, values.shape[0]))
    for at in range(begin + 1, end):
        step = fabs(values[at] - values[at - 1])
        still += step == 0.0
        if isfinite(step):
            total += step
    return total, still


def extremes(const double[::1] values not None, Py_ssize_t every, int64_t[::1] made not None):
    """Where the smallest and the largest known of every so many samples are; its begin twice where there is none."""
    cdef Py_ssize_t number = values.shape[0], at, begin, low, high, nth
    if every < 1 or made.shape[0] != 2 * ((number + every - 1) // every):
        raise ValueError("%d samples by %d, room for %d places" % (number, every, made.shape[0]))
    for nth in range(made.shape[0] // 2):
        begin = nth * every
        low = high = -1
        for at in range(begin, min(begin + every, number)):
            if isfinite(values[at]):
                low = at if low < 0 or values[at] < values[low] else low
                high = at if high < 0 or values[at] > values[high] else high
        made[2 * nth] = low if low >= 0 else begin
        made[2 * nth + 1] = high if high >= 0 else begin


def evenly(double rate_hz, double[::1] made not None):
    """The time of each sample at this rate."""
    cdef Py_ssize_t at
    for at in range(made.shape[0]):
        made[at] = at / rate_hz


cdef inline uint64_t _rank(double value) noexcept nogil:
    """An integer that is larger for a larger number."""
    cdef uint64_t bits
    memcpy(&bits, &value, sizeof(double))
    return ~bits if bits >> 63 else bits | (<uint64_t>1 << 63)


cdef double _in_order(const double[::1] values, Py_ssize_t nth) noexcept nogil:
    """The known sample with so many others before it: counted byte by byte of its rank, so never slow."""
    cdef Py_ssize_t[256] counts
    cdef uint64_t found = 0, looked_at = 0, rank
    cdef Py_ssize_t at
    cdef int shift, byte
    cdef double value
    for shift in range(56, -1, -8):
        for byte in range(256):
            counts[byte] = 0
        for at in range(values.shape[0]):
            rank = _rank(values[at])
            if (rank ^ found) & looked_at == 0 and isfinite(values[at]):
                counts[(rank >> shift) & 255] += 1
        byte = 0
        while nth >= counts[byte]:
            nth -= counts[byte]
            byte += 1
        found |= <uint64_t>byte << shift
        looked_at |= <uint64_t>255 << shift
    found = found ^ (<uint64_t>1 << 63) if found >> 63 else ~found
    memcpy(&value, &found, sizeof(double))
    return value


def middle(const double[::1] values not None):
    """The median of the known samples; NaN where there is none."""
    cdef Py_ssize_t count = known(values, 0, values.shape[0])
    if count == 0:
        return NAN
    if count % 2:
        return _in_order(values, count // 2)
    return (_in_order(values, count // 2 - 1) + _in_order(values, count // 2)) / 2


def less(const double[::1] values not None, double amount, double[::1] made not None):
    """Each number less this one."""
    cdef Py_ssize_t at
    if made.shape[0] != values.shape[0]:
        raise ValueError("%d values, room for %d" % (values.shape[0], made.shape[0]))
    for at in range(values.shape[0]):
        made[at] = values[at] - amount


def distances(const double[::1] values not None, double amount, double[::1] made not None):
    """How far each number is from this one."""
    cdef Py_ssize_t at
    if made.shape[0] != values.shape[0]:
        raise ValueError("%d values, room for %d" % (values.shape[0], made.shape[0]))
    for at in range(values.shape[0]):
        made[at] = fabs(values[at] - amount)


def above(const double[::1] values not None, double level):
    """How many numbers are larger than this one; a NaN is not."""
    cdef Py_ssize_t at, count = 0
    for at in range(values.shape[0]):
        count += values[at] > level
    return count


def counted(
    const double[::1] values not None, double size, double lowest, double highest, int16_t[::1] made not None
):
    """Numbers as counts of this size, the last one for a missing one; at and beyond the ends those of int16."""
    cdef Py_ssize_t at
    cdef double count = 0.0
    if made.shape[0] != values.shape[0] or not size > 0.0:
        raise ValueError("%d values, room for %d, counts of %r" % (values.shape[0], made.shape[0], size))
    for at in range(values.shape[0]):
        if values[at] <= lowest:
            count = LOWEST_COUNT
        elif values[at] >= highest:
            count = HIGHEST_COUNT
        elif isfinite(values[at]):
            count = min(max(rint(values[at] / size), <double>LOWEST_COUNT), <double>HIGHEST_COUNT)
        made[at] = <int16_t>count


cdef double _median(double* few, Py_ssize_t count) noexcept nogil:
    """Of a few numbers, which are put in order."""
    cdef Py_ssize_t at, before
    cdef double value
    for at in range(1, count):
        value = few[at]
        before = at
        while before > 0 and few[before - 1] > value:
            few[before] = few[before - 1]
            before -= 1
        few[before] = value
    return few[count // 2] if count % 2 else (few[count // 2 - 1] + few[count // 2]) / 2


cdef Py_ssize_t _near(const double[::1] values, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t step, double* few) noexcept nogil:
    cdef Py_ssize_t at = begin, count = 0
    while at < end:
        if isfinite(values[at]):
            few[count] = values[at]
            count += 1
        at += step
    return count


def neighbours(
    const double[::1] values not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    Py_ssize_t reach,
    Py_ssize_t step,
    double[::1] off not None,
    double[::1] stepped not None,
):
    """For each sample with ``reach`` others on either side: how far it is from their median, and the medians
    of the two sides from each other; NaN where a side has fewer than two."""
    cdef double[MOST_NEAR] few, other
    cdef Py_ssize_t at, first, second
    cdef double before, after
    if not (0 <= begin <= end <= values.shape[0] and off.shape[0] == stepped.shape[0] == end - begin):
        raise ValueError("samples %d to %d of %d are no stretch" % (begin, end, values.shape[0]))
    if not 1 <= step or reach // step + 1 > MOST_NEAR // 2:
        raise ValueError("%d neighbours, every %d: %d at most" % (reach, step, MOST_NEAR // 2 - 1))
    for at in range(begin, end):
        off[at - begin] = stepped[at - begin] = NAN
        if at - begin < reach or end - at <= reach or not isfinite(values[at]):
            continue
        first = _near(values, at - reach, at, step, few)
        second = _near(values, at + 1, at + 1 + reach, step, other)
        if first < 2 or second < 2:
            continue
        before, after = _median(few, first), _median(other, second)
        second = _near(values, at + 1, at + 1 + reach, step, few + first)
        off[at - begin] = fabs(values[at] - _median(few, first + second))
        stepped[at - begin] = fabs(after - before)


def add_wave(double[::1] total not None, const double[::1] samples not None, double begin, double step, double foot):
    """Add the wave that begins at the sample ``begin``, read every ``step`` samples, over its foot.

    False, and nothing added, where the recording ends inside it or a sample is missing.
    """
    cdef Py_ssize_t at, below, number = total.shape[0]
    cdef double where, share
    if not (begin >= 0.0 and step > 0.0) or begin + step * number + 1 >= samples.shape[0]:
        return False
    for at in range(number):
        where = begin + at * step
        below = <Py_ssize_t>where
        share = where - below
        if not isfinite((1.0 - share) * samples[below] + share * samples[below + 1] - foot):
            return False
    for at in range(number):
        where = begin + at * step
        below = <Py_ssize_t>where
        share = where - below
        total[at] += (1.0 - share) * samples[below] + share * samples[below + 1] - foot
    return True


def small_numbers(const double[::1] rows not None, Py_ssize_t first, Py_ssize_t stride, unsigned char[::1] made not None):
    """Every ``stride``-th number from ``first`` on, all of them 0 to 255, as bytes."""
    cdef Py_ssize_t at
    if stride < 1 or first < 0 or first + stride * (made.shape[0] - 1) >= rows.shape[0]:
        raise ValueError("%d numbers from %d, every %d: there are %d" % (made.shape[0], first, stride, rows.shape[0]))
    for at in range(made.shape[0]):
        made[at] = <unsigned char>rows[first + at * stride]
