# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.evoked``: see there for what they measure, their units and their state."""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport NAN, fabs, sqrt
from libc.string cimport memcpy

from dsp._chunk cimport is_usual, room, room_of, shown, take

cdef extern from "_sweeps.h" nogil:
    ctypedef int (*WithinCode)(const double *values, long number, double limit) noexcept
    ctypedef void (*AddCode)(double *sums, const double *values, long number) noexcept
    WithinCode within_for(int lanes)
    AddCode add_for(int lanes)
    void extremes_of(const double *values, long number, double *low, double *high)
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

cdef enum:
    MOST_SAMPLES = 1000000
    MOST_PHASES = 64

LONGEST_SWEEP = MOST_SAMPLES
FLAGS = ("onset_in_artifact", "artifact_not_over", "not_over_at_end", "several_negative_phases", "near_noise")


cdef class Mean:
    """A running sum of sweeps; ``dsp.sweep_mean.SweepMean`` is its face."""

    cdef readonly object out
    cdef object _room
    cdef double* _state
    cdef Py_ssize_t _numbers, _samples, _largest_chunk, _usual_bytes, _usual_sweeps

    def __cinit__(self, Py_ssize_t samples, Py_ssize_t per_mean, double limit, Py_ssize_t largest_chunk):
        if not (samples >= 1 and per_mean >= 1 and largest_chunk >= 1 and limit > 0.0):
            raise ValueError(
                "sweeps of %d samples, means of %d, chunks of %d, limit %r: must be positive"
                % (samples, per_mean, largest_chunk, limit)
            )
        self._samples, self._largest_chunk = samples, largest_chunk
        self._numbers = SUMS + samples
        self._state = <double*>PyMem_Calloc(self._numbers, sizeof(double))
        if self._state == NULL:
            raise MemoryError
        self._state[SAMPLES], self._state[PER_MEAN], self._state[LIMIT] = samples, per_mean, limit
        self._room = room(samples * (largest_chunk // per_mean + 1))
        self.out = shown(self._room)

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

    def so_far(self, object[double, ndim=1, mode="c"] into not None):
        """Write the mean of the sweeps since the last whole one; how many sweeps it is of."""
        cdef Py_ssize_t at
        if len(into) < self._samples:
            raise ValueError("no room for %d samples" % self._samples)
        for at in range(self._samples):
            into[at] = self._state[SUMS + at] / self._state[SUMMED] if self._state[SUMMED] else NAN
        return int(self._state[SUMMED])

    def push(self, chunk):
        """Take whole sweeps of float64; return how many numbers were written to ``out``."""
        if is_usual(chunk, self._usual_bytes):
            return self._add(<const double*>PyBytes_AS_STRING(chunk), self._usual_sweeps)
        return self._held(chunk)

    @cython.final
    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t sweeps = take(chunk, &view, self._samples, self._largest_chunk)
        self._usual_bytes, self._usual_sweeps = view.len, sweeps
        sweeps = self._add(<const double*>view.buf, sweeps)
        PyBuffer_Release(&view)
        return sweeps

    @cython.final
    cdef inline Py_ssize_t _add(self, const double* sweep, Py_ssize_t sweeps) noexcept:
        return _push(self._state, sweep, sweeps, room_of(self._room))


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


cdef struct Phase:
    # Places are fractional sample numbers.
    double left  # where it leaves the baseline; NaN when it had before the search began
    double onset
    double top, peak
    double back  # NaN when it is not before the search ends
    double area  # in units times samples


cdef struct Sweep:
    const double* samples
    Py_ssize_t stimulus, begin, end
    double sign, baseline, noise, threshold


def measured(
    sweep,
    Py_ssize_t stimulus,
    Py_ssize_t begin,
    Py_ssize_t end,
    double sign,
    double per_ms,
    double most,
    double full_scale,
    double factor,
    double least_share,
):
    """``(refusal, threshold, numbers)`` of one sweep: the word of a refusal, or what ``Response`` is made of.

    ``stimulus``: so many samples are baseline; ``begin`` to ``end``: where the response is looked for;
    ``sign`` makes the negative side positive.  ``least_share`` of the highest peak makes a phase of its own.
    """
    cdef Py_buffer view
    cdef Py_ssize_t number = take(sweep, &view, 1, MOST_SAMPLES)
    try:
        if not (2 <= stimulus <= begin < end <= number):
            raise ValueError("samples %d, %d to %d of %d are no stretch" % (stimulus, begin, end, number))
        return _measured(
            Sweep(<const double*>view.buf, stimulus, begin, end, sign, 0.0, 0.0, 0.0),
            number, per_ms, most, full_scale, factor, least_share,
        )
    finally:
        PyBuffer_Release(&view)


cdef object _measured(
    Sweep sweep, Py_ssize_t number, double per_ms, double most, double full_scale, double factor, double least_share
):
    cdef Phase[MOST_PHASES] phases
    cdef double low, high
    if not all_in(sweep.samples, number, most):
        return "missing", 0.0, None
    extremes_of(sweep.samples + sweep.begin, sweep.end - sweep.begin, &low, &high)
    if low == high:
        return "constant", 0.0, None
    if max(-low, high) >= full_scale:
        return "saturated", 0.0, None
    _moments(sweep.samples, sweep.stimulus, &sweep.baseline, &sweep.noise)
    sweep.threshold = factor * sweep.noise
    number = _large(phases, _phases(&sweep, phases), least_share)
    if number == 0:
        return "no_response", sweep.threshold, None
    return "", sweep.threshold, _numbers(&sweep, phases, number, per_ms, high - low)


cdef tuple _numbers(const Sweep* sweep, const Phase* phases, Py_ssize_t number, double per_ms, double range_mv):
    """Times in ms from the stimulus, areas in ms; ``None`` for what is not known."""
    cdef const Phase* first = &phases[0]
    cdef const Phase* last = &phases[number - 1]
    cdef const Phase* main = first
    cdef double onset = (first.onset - sweep.stimulus) / per_ms, area = 0.0, open = 0.0
    cdef Py_ssize_t at
    for at in range(number):
        if phases[at].peak > main.peak:
            main = &phases[at]
        area += phases[at].area
        open += phases[at].left  # NaN where one of them is
    return (
        _known(onset),
        main.peak,
        (main.top - sweep.stimulus) / per_ms,
        range_mv,
        _known((main.back - sweep.stimulus) / per_ms - onset),
        _known(main.area / per_ms if main.back == main.back and main.left == main.left else NAN),
        _known((last.back - sweep.stimulus) / per_ms - onset),
        _known(area / per_ms if last.back == last.back and open == open else NAN),
        number,
        sweep.baseline,
        sweep.noise,
        sweep.threshold,
        _flags(sweep, first, last, main, number),
    )


cdef object _known(double value):
    return value if value == value else None


cdef tuple _flags(const Sweep* sweep, const Phase* first, const Phase* last, const Phase* main, Py_ssize_t number):
    cdef bint onset = first.onset != first.onset, open = last.back != last.back
    cdef bint artifact = fabs(_value(sweep, sweep.begin)) > sweep.threshold
    cdef bint near = main.peak < 2 * sweep.threshold
    if not (onset or artifact or open or number > 1 or near):
        return ()
    return tuple([name for name, so in zip(FLAGS, (onset, artifact, open, number > 1, near)) if so])


cdef void _moments(const double* samples, Py_ssize_t number, double* mean, double* deviation) noexcept nogil:
    """Mean and standard deviation (n - 1) of the first so many."""
    cdef Py_ssize_t at
    cdef double total = 0, squares = 0, middle
    for at in range(number):
        total += samples[at]
    middle = total / number
    for at in range(number):
        squares += (samples[at] - middle) * (samples[at] - middle)
    mean[0], deviation[0] = middle, sqrt(squares / (number - 1))


cdef Py_ssize_t _large(Phase* phases, Py_ssize_t number, double least_share) noexcept nogil:
    """Only those with so much of the highest peak; how many."""
    cdef double highest = 0.0
    cdef Py_ssize_t at, kept = 0
    for at in range(number):
        highest = max(highest, phases[at].peak)
    for at in range(number):
        if phases[at].peak >= least_share * highest:
            phases[kept] = phases[at]
            kept += 1
    return kept


cdef inline double _value(const Sweep* sweep, Py_ssize_t at) noexcept nogil:
    return sweep.sign * (sweep.samples[at] - sweep.baseline)


cdef Py_ssize_t _phases(const Sweep* sweep, Phase* phases) noexcept nogil:
    """Stretches on the negative side of the baseline that come above the threshold; how many.

    The onset is on the line through where one first passes the threshold and twice that, at the baseline, and
    never before it left the baseline; NaN when it was above the threshold where the search began.
    """
    cdef Py_ssize_t number = 0, at = sweep.begin
    while number < MOST_PHASES:
        at = _next_above(sweep, at)
        if at == sweep.end:
            break
        while at > sweep.begin and _value(sweep, at - 1) > 0:
            at -= 1
        at = _phase(sweep, at, &phases[number])
        number += 1
    return number


cdef Py_ssize_t _next_above(const Sweep* sweep, Py_ssize_t at) noexcept nogil:
    """The next sample on this side of the baseline that comes above the threshold: most of a sweep is noise."""
    cdef double value
    while at < sweep.end:
        value = _value(sweep, at)
        if value >= sweep.threshold and value > 0:
            break
        at += 1
    return at


cdef Py_ssize_t _phase(const Sweep* sweep, Py_ssize_t first, Phase* made) noexcept nogil:
    """Measure the phase whose first sample this is; where it ends."""
    cdef double threshold = sweep.threshold, twice = 2 * sweep.threshold
    cdef double value = _value(sweep, first), before = 0, peak = value, area = 0
    cdef double left = NAN, risen = NAN, onset = NAN, back = NAN, share
    cdef Py_ssize_t at = first, top = first
    if first > sweep.begin:
        before = _value(sweep, first - 1)
        share = before / (before - value)
        left = first - 1 + share
        area = 0.5 * value * (1 - share)
    while True:
        if value > peak:
            peak, top = value, at
        if risen != risen and value >= threshold and at > sweep.begin and before < threshold:
            risen = at - 1 + (threshold - before) / (value - before)
        if onset != onset and value >= twice and at > sweep.begin and before < twice:
            onset = 2 * risen - (at - 1 + (twice - before) / (value - before))
        at += 1
        if at == sweep.end:
            break
        before, value = value, _value(sweep, at)
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
    made[0] = Phase(left, onset, top, peak, back, area)
    return at
