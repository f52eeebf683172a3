# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The loop of ``dsp.band``: see there for what it measures, its units and its state.

Integers only, so every machine and every chunking gives the same numbers.
"""

from libc.stdint cimport int64_t

cdef enum:
    START = 0
    TARGET = 1
    LAST_MS = 2
    LAST_VALUE = 3
    WITHIN_5PCT = 4
    WITHIN_10PCT = 5
    WITHIN_15MMHG = 6
    FIELDS = 7

cdef enum:
    MISSING_VALUE = -32768
    LARGEST_VALUE = 32767
    STANDS_FOR_MS = 250
    BAND_DMMHG = 150

cdef int64_t LARGEST_MS = <int64_t>1 << 62  # an end 250 ms later still fits

MISSING = MISSING_VALUE


cdef void _credit(int64_t[::1] state, int64_t until_ms) noexcept nogil:
    """Give the last sample the time that it stands for, up to ``until_ms``, inside the hold."""
    cdef int64_t begin = max(state[LAST_MS], state[START])
    cdef int64_t end = min(until_ms, state[LAST_MS] + STANDS_FOR_MS)
    cdef int64_t target = state[TARGET]
    cdef int64_t off = state[LAST_VALUE] - target
    if state[LAST_VALUE] == MISSING_VALUE or end <= begin:
        return
    if off < 0:
        off = -off
    if off * 20 <= target:
        state[WITHIN_5PCT] += end - begin
    if off * 10 <= target:
        state[WITHIN_10PCT] += end - begin
    if off <= BAND_DMMHG:
        state[WITHIN_15MMHG] += end - begin


cdef Py_ssize_t _push(int64_t[::1] state, const int64_t[::1] samples) noexcept nogil:
    cdef Py_ssize_t at = 0
    cdef int64_t ms, value
    while at + 1 < samples.shape[0]:
        ms = samples[at]
        value = samples[at + 1]
        if ms < state[LAST_MS] or ms > LARGEST_MS or value < MISSING_VALUE or value > LARGEST_VALUE:
            break
        _credit(state, ms)
        state[LAST_MS] = ms
        state[LAST_VALUE] = value
        at += 2
    return at


cdef int _check(int64_t[::1] state) except -1:
    if state.shape[0] != FIELDS:
        raise ValueError("a band state has %d numbers, this one has %d" % (FIELDS, state.shape[0]))
    return 0


def push(int64_t[::1] state not None, const int64_t[::1] samples not None):
    """Take pairs of ``samples`` into ``state`` until one is refused; return how many numbers were taken."""
    _check(state)
    return _push(state, samples)


def finish(int64_t[::1] state not None, int64_t end_ms):
    """Credit the last sample up to ``end_ms`` and forget it, so that nothing is credited twice."""
    _check(state)
    _credit(state, end_ms)
    state[LAST_MS] = end_ms
    state[LAST_VALUE] = MISSING_VALUE
