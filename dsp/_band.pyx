# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The loop of ``dsp.band``: see there for what it measures, its units and its state.

Integers only, so every machine and every chunking gives the same numbers.
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int64_t
from libc.string cimport strlen

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


cdef void _credit(int64_t* state, int64_t until_ms) noexcept nogil:
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


cdef Py_ssize_t _push(int64_t* state, const int64_t* samples, Py_ssize_t number) noexcept nogil:
    cdef Py_ssize_t at = 0
    cdef int64_t ms, value
    while at + 1 < number:
        ms = samples[at]
        value = samples[at + 1]
        if ms < state[LAST_MS] or ms > LARGEST_MS or value < MISSING_VALUE or value > LARGEST_VALUE:
            break
        _credit(state, ms)
        state[LAST_MS] = ms
        state[LAST_VALUE] = value
        at += 2
    return at


cdef int _hold(object numbers, Py_buffer* view) except -1:
    """Hold a buffer of int64. The caller releases it."""
    PyObject_GetBuffer(numbers, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    if view.itemsize == sizeof(int64_t) and view.format is not NULL and view.format[strlen(view.format) - 1] in b"ql":
        if view.format[0] in b"<=@ql":
            return 0
    given = (<bytes>view.format).decode("latin-1") if view.format is not NULL else "?"
    PyBuffer_Release(view)
    raise ValueError("numbers of format %r: give int64" % given)


cdef int64_t* _fields(bytearray state) except NULL:
    """The seven numbers of a state."""
    if len(state) != FIELDS * <Py_ssize_t>sizeof(int64_t):
        raise ValueError("a band state has %d numbers, this one has %d bytes" % (FIELDS, len(state)))
    return <int64_t*>PyByteArray_AS_STRING(state)


def push(bytearray state not None, samples):
    """Take pairs of ``samples`` into ``state``; the place of the first number that was refused, -1 for none."""
    cdef Py_buffer numbers
    cdef int64_t* into = _fields(state)
    _hold(samples, &numbers)
    cdef Py_ssize_t number = numbers.len // <Py_ssize_t>sizeof(int64_t)
    cdef Py_ssize_t taken = _push(into, <const int64_t*>numbers.buf, number)
    PyBuffer_Release(&numbers)
    return taken if taken < number else -1


def finish(bytearray state not None, int64_t end_ms):
    """Credit the last sample up to ``end_ms`` and forget it, so that nothing is credited twice."""
    cdef int64_t* into = _fields(state)
    _credit(into, end_ms)
    into[LAST_MS] = end_ms
    into[LAST_VALUE] = MISSING_VALUE
