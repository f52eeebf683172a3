# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.evoked``: see there for what they measure, their units and their state."""

from cpython.buffer cimport PyBuffer_Release
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport NAN, sqrt
from libc.string cimport memcpy, memset

from dsp._chunk cimport take

cdef extern from "_sweeps.h" nogil:
    ctypedef int (*WithinCode)(const double *values, long number, double limit) noexcept
    ctypedef void (*AddCode)(double *sums, const double *values, long number) noexcept
    WithinCode within_for(int lanes)
    AddCode add_for(int lanes)
    int widest_lanes()

cdef WithinCode all_in = within_for(widest_lanes())
cdef AddCode add = add_for(widest_lanes())


cdef enum:
    SAMPLES = 0
    PER_MEAN = 1
    LIMIT = 2
    SUMMED = 3
    LEFT_OUT = 4
    SUMS = 5

PHASE_NUMBERS = 6
"""Numbers per phase: begin, onset, peak place, peak, end, area."""


cdef class Mean:
    """A running sum of sweeps; ``dsp.evoked.SweepMean`` is its face."""

    cdef double* _state
    cdef Py_ssize_t _numbers, _samples, _largest_chunk
    cdef double[::1] _out

    def __cinit__(self, Py_ssize_t samples, Py_ssize_t per_mean, double limit, Py_ssize_t largest_chunk, out):
        if not (samples >= 1 and per_mean >= 1 and largest_chunk >= 1 and limit > 0.0):
            raise ValueError(
                "sweeps of %d samples, means of %d, chunks of %d, limit %r: must be positive"
                % (samples, per_mean, largest_chunk, limit)
            )
        self._samples, self._largest_chunk, self._out = samples, largest_chunk, out
        self._numbers = SUMS + samples
        self._state = <double*>PyMem_Malloc(self._numbers * sizeof(double))
        if self._state == NULL:
            raise MemoryError
        memset(self._state, 0, self._numbers * sizeof(double))
        self._state[SAMPLES], self._state[PER_MEAN], self._state[LIMIT] = samples, per_mean, limit

    def __dealloc__(self):
        PyMem_Free(self._state)

    def state(self):
        """All there is to know, in the byte order of this machine."""
        return (<char*>self._state)[:self._numbers * sizeof(double)]

    def restore(self, bytes state not None):
        """Go on from ``state()`` of a mean of the same kind."""
        if len(state) != self._numbers * <Py_ssize_t>sizeof(double):
            raise ValueError(
                "this mean has a state of %d bytes, not %d" % (self._numbers * sizeof(double), len(state))
            )
        cdef const double* head = <const double*><const char*>state
        if head[SAMPLES] != self._samples or head[PER_MEAN] != self._state[PER_MEAN]:
            raise ValueError("this state is of a mean over other sweeps")
        if head[LIMIT] != self._state[LIMIT]:
            raise ValueError("this state is of a mean with another limit")
        memcpy(self._state, <const char*>state, len(state))

    def counts(self):
        """Sweeps in the mean under way, and sweeps left out since the start."""
        return int(self._state[SUMMED]), int(self._state[LEFT_OUT])

    def so_far(self, double[::1] into not None):
        """Write the mean of the sweeps since the last whole one; how many sweeps it is of."""
        cdef Py_ssize_t at
        if into.shape[0] < self._samples:
            raise ValueError("no room for %d samples" % self._samples)
        for at in range(self._samples):
            into[at] = self._state[SUMS + at] / self._state[SUMMED] if self._state[SUMMED] else NAN
        return int(self._state[SUMMED])

    def push(self, chunk):
        """Take whole sweeps of float64; return how many numbers were written to ``out``."""
        cdef Py_buffer view
        cdef Py_ssize_t sweeps = take(chunk, &view, self._samples, self._largest_chunk)
        cdef Py_ssize_t written = _push(self._state, <const double*>view.buf, sweeps, &self._out[0])
        PyBuffer_Release(&view)
        return written


cdef Py_ssize_t _push(double* state, const double* sweep, Py_ssize_t sweeps, double* out) noexcept nogil:
    cdef Py_ssize_t samples = <Py_ssize_t>state[SAMPLES], at, nth, written = 0
    cdef double* sums = state + SUMS
    for nth in range(sweeps):
        if not all_in(sweep, samples, state[LIMIT]):  # false for a NaN
            state[LEFT_OUT] += 1
        else:
            add(sums, sweep, samples)
            state[SUMMED] += 1
            if state[SUMMED] == state[PER_MEAN]:
                for at in range(samples):
                    out[written + at] = sums[at] / state[PER_MEAN]
                    sums[at] = 0
                written += samples
                state[SUMMED] = 0
        sweep += samples
    return written


def all_within(const double[::1] sweep not None, double limit):
    """Whether every sample is smaller than ``limit`` in size; a NaN is not."""
    return sweep.shape[0] == 0 or all_in(&sweep[0], sweep.shape[0], limit) != 0


def moments(const double[::1] sweep not None, Py_ssize_t begin, Py_ssize_t end):
    """Mean and standard deviation (n - 1) of ``sweep[begin:end]``, at least two samples."""
    cdef Py_ssize_t at
    cdef double total = 0, squares = 0, middle
    if not 0 <= begin < end - 1 < sweep.shape[0]:
        raise ValueError("samples %d to %d of %d are no stretch of two" % (begin, end, sweep.shape[0]))
    for at in range(begin, end):
        total += sweep[at]
    middle = total / (end - begin)
    for at in range(begin, end):
        squares += (sweep[at] - middle) * (sweep[at] - middle)
    return middle, sqrt(squares / (end - begin - 1))


def extremes(const double[::1] sweep not None, Py_ssize_t begin, Py_ssize_t end):
    """Smallest and largest of ``sweep[begin:end]``."""
    cdef Py_ssize_t at
    if not 0 <= begin < end <= sweep.shape[0]:
        raise ValueError("samples %d to %d of %d are no stretch" % (begin, end, sweep.shape[0]))
    cdef double low = sweep[begin], high = sweep[begin]
    for at in range(begin, end):
        low = min(low, sweep[at])
        high = max(high, sweep[at])
    return low, high


def phases(
    const double[::1] sweep not None,
    Py_ssize_t begin,
    Py_ssize_t end,
    double baseline,
    double sign,
    double threshold,
    double[::1] out not None,
):
    """Runs of ``sign * (sweep - baseline) > 0`` in ``[begin, end)`` that come above ``threshold``.

    Writes ``PHASE_NUMBERS`` each, places as fractional sample numbers: where it leaves the baseline (NaN when
    it had before ``begin``), its onset (NaN when it was above the threshold at ``begin``), the peak's place,
    the peak, where it is back (NaN when it is not before ``end``), the area in units times samples.  The
    onset is on the line through where it first passes the threshold and twice that, at the baseline, and
    never before it left the baseline.  Returns how many phases.
    """
    cdef Py_ssize_t number = 0, room = out.shape[0] // PHASE_NUMBERS_C, at = begin
    if not 0 <= begin < end <= sweep.shape[0]:
        raise ValueError("samples %d to %d of %d are no stretch" % (begin, end, sweep.shape[0]))
    while number < room:
        at = _next_above(&sweep[0], at, end, baseline, sign, threshold)
        if at == end:
            break
        while at > begin and sign * (sweep[at - 1] - baseline) > 0:
            at -= 1
        at = _phase(&sweep[0], begin, at, end, baseline, sign, threshold, &out[number * PHASE_NUMBERS_C])
        number += 1
    return number


cdef Py_ssize_t _next_above(
    const double* sweep, Py_ssize_t at, Py_ssize_t end, double baseline, double sign, double threshold
) noexcept nogil:
    """The next sample on this side of the baseline that comes above the threshold: most of a sweep is noise."""
    cdef double value
    while at < end:
        value = sign * (sweep[at] - baseline)
        if value >= threshold and value > 0:
            break
        at += 1
    return at


cdef Py_ssize_t _phase(
    const double* sweep,
    Py_ssize_t begin,
    Py_ssize_t first,
    Py_ssize_t end,
    double baseline,
    double sign,
    double threshold,
    double* out,
) noexcept nogil:
    """Measure the phase whose first sample this is; where it ends."""
    cdef double value = sign * (sweep[first] - baseline), before = 0, peak = value, area = 0
    cdef double left = NAN, risen = NAN, onset = NAN, back = NAN, share
    cdef Py_ssize_t at = first, top = first
    if first > begin:
        before = sign * (sweep[first - 1] - baseline)
        share = before / (before - value)
        left = first - 1 + share
        area = 0.5 * value * (1 - share)
    while True:
        if value > peak:
            peak, top = value, at
        if risen != risen and value >= threshold and at > begin and before < threshold:
            risen = at - 1 + (threshold - before) / (value - before)
        if onset != onset and value >= 2 * threshold and at > begin and before < 2 * threshold:
            onset = 2 * risen - (at - 1 + (2 * threshold - before) / (value - before))
        at += 1
        if at == end:
            break
        before, value = value, sign * (sweep[at] - baseline)
        if not value > 0:
            share = before / (before - value)
            area += 0.5 * before * share
            back = at - 1 + share
            break
        area += 0.5 * (before + value)
    if onset != onset:  # never twice the threshold: from its peak
        onset = risen if peak <= threshold or risen != risen else (risen * peak - top * threshold) / (peak - threshold)
    if onset < left:
        onset = left
    out[0], out[1], out[2], out[3], out[4], out[5] = left, onset, top, peak, back, area
    return at


cdef enum:
    PHASE_NUMBERS_C = 6

