# cython: language_level=3
"""Numbers kept in order while one goes and another comes: what a running median is made of."""

from libc.math cimport NAN, isfinite
from libc.string cimport memmove


cdef inline Py_ssize_t place(const double *values, Py_ssize_t count, double value) noexcept:
    """The first place whose value is not smaller."""
    cdef Py_ssize_t low = 0, rest = count, half
    if count == 0:
        return 0
    while rest > 1:  # without a branch that a processor could guess wrong
        half = rest // 2
        low += half * (values[low + half - 1] < value)
        rest -= half
    return low + (values[low] < value)


cdef inline Py_ssize_t exchanged(double *values, Py_ssize_t count, Py_ssize_t most, double old, double new) noexcept:
    """Take one value out and put another in; what is no number is neither. How many there are then."""
    cdef Py_ssize_t gone = place(values, count, old) if isfinite(old) else count, at
    if not isfinite(new):
        if gone == count:
            return count
        memmove(values + gone, values + gone + 1, 8 * (count - gone - 1))
        return count - 1
    at = place(values, count, new)
    if gone == count:
        if count == most:
            return count
        count += 1
    if gone < at:
        at -= 1
        memmove(values + gone, values + gone + 1, 8 * (at - gone))
    else:
        memmove(values + at + 1, values + at, 8 * (gone - at))
    values[at] = new
    return count


cdef inline double middle(const double *values, Py_ssize_t count) noexcept:
    """The one in the middle, or the mean of the middle two; NaN where there is none."""
    if count == 0:
        return NAN
    if count % 2:
        return values[count // 2]
    return values[count // 2 - 1] / 2 + values[count // 2] / 2
