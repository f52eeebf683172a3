# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loop of ``dsp.pulse``: see there for what it finds, its units and its state.

One ring holds the last samples, another what the band-pass made of them; every mean over a window is a running
sum that is taken anew whenever its ring comes round, at the same samples whatever the chunks.
"""

from array import array

cimport cython
from cpython.buffer cimport PyBuffer_Release
from libc.math cimport NAN, floor, isfinite, sqrt
from libc.stdint cimport int64_t

from dsp._chunk cimport take

cdef enum:
    POINTS = 64     # of the template, a hundredth of a second apart
    LEAD = 20       # of them before the peak
    WIDTH = 8       # numbers of one beat

cdef enum:
    # integers of the state
    AT = 0          # samples taken since the beginning
    RUN = 1         # samples since the last gap
    BLOCK = 2       # where the present block of interest began, -1 outside one
    LAST_PEAK = 3   # of the last beat that was found, -1 for none
    PENDING = 4     # a foot that waits for the next one
    PENDING_PEAK = 5
    LEARNED = 6     # beats in the template
    REJECTED = 7    # beats in a row that did not look like it
    INTEGERS = 8

cdef enum:
    # numbers of the state
    SMOOTH_SUM = 0
    SLOW_SUM = 1
    PEAK_SUM = 2
    BEAT_SUM = 3
    ENERGY = 4
    RISE = 5        # of the last systole, foot to peak
    TEMPLATE = 6
    NUMBERS = 70    # 6 + POINTS


cdef double _anew(const double* ring, int64_t newest, int64_t length, int64_t mask) noexcept nogil:
    cdef double total = 0.0
    cdef int64_t at
    for at in range(length):
        total += ring[(newest - at) & mask]
    return total


@cython.final
cdef class BeatKernel:
    """Samples of a pulse wave to beats."""

    cdef readonly object out
    cdef object _numbers_held, _integers_held, _rings_held
    cdef double[::1] _out, _numbers, _rings
    cdef int64_t[::1] _integers
    cdef Py_ssize_t _largest, _size, _made
    cdef Py_ssize_t _smooth, _slow, _peak, _beat, _nearest, _longest, _delay
    cdef Py_ssize_t[4] _lengths
    cdef int64_t[4] _late  # how many samples after the newest each sum begins
    cdef int64_t[4] _until  # how many samples until each sum is taken anew: follows from RUN
    cdef double _offset, _forget, _alike, _grid

    def __init__(self, smooth, slow, peak, beat, nearest, longest, offset, forget, alike, grid, largest_chunk):
        self._smooth, self._slow, self._peak, self._beat = smooth, slow, peak, beat
        self._nearest, self._longest, self._largest = nearest, longest, largest_chunk
        self._offset, self._forget, self._alike, self._grid = offset, forget, alike, grid
        self._delay = slow // 2 + beat // 2
        self._lengths = [smooth, slow, peak, beat]
        self._late = [slow // 2 - smooth // 2, 0, slow - 1 + beat // 2 - peak // 2, slow - 1]
        self._size = 1  # a power of two, so that the remainder is a mask
        while self._size < 2 * longest + slow + beat + peak + smooth + 2:
            self._size *= 2
        self._numbers_held = array("d", bytes(8 * NUMBERS))
        self._integers_held = array("q", [0, 0, -1, -1, -1, -1, 0, 0])
        self._rings_held = array("d", bytes(8 * 2 * self._size))
        self._numbers, self._integers = self._numbers_held, self._integers_held
        self._rings = self._rings_held
        self.out = array("d", bytes(8 * WIDTH * (largest_chunk // nearest + 2)))
        self._out = self.out
        self._count_down()

    def state(self):
        return self._integers_held.tobytes() + self._numbers_held.tobytes() + self._rings_held.tobytes()

    def resume(self, bytes state):
        first, second = 8 * INTEGERS, 8 * (INTEGERS + NUMBERS)
        if len(state) != second + 8 * len(self._rings_held):
            raise ValueError("a state of %d bytes, this one has %d" % (second + 8 * len(self._rings_held), len(state)))
        self._integers_held[:] = array("q", state[:first])
        self._numbers_held[:] = array("d", state[first:second])
        self._rings_held[:] = array("d", state[second:])
        self._count_down()

    cdef void _count_down(self) noexcept nogil:
        """From how many samples each sum has seen to when it is taken anew."""
        cdef int64_t run, length
        cdef int which
        for which in range(4):
            run, length = self._integers[RUN] - self._late[which], self._lengths[which]
            self._until[which] = length - (run % length if run > 0 else run)

    def push(self, chunk):
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, 1, self._largest)
        self._made = 0
        if frames:
            self._take(<const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return self._made * WIDTH

    cdef void _take(self, const double* samples, Py_ssize_t frames) noexcept nogil:
        cdef Py_ssize_t at
        for at in range(frames):
            if isfinite(samples[at]):
                self._one(samples[at])
            else:
                self._gap()
            self._integers[AT] += 1

    cdef void _gap(self) noexcept nogil:
        """No beat goes over a gap; the template stays."""
        cdef Py_ssize_t at
        for at in range(TEMPLATE):
            self._numbers[at] = 0.0
        self._integers[RUN] = 0
        for at in range(BLOCK, LEARNED):
            self._integers[at] = -1
        self._count_down()

    cdef inline double _raw(self, int64_t number) noexcept nogil:
        return self._rings[number & (self._size - 1)]

    cdef void _one(self, double sample) noexcept nogil:
        cdef int64_t now = self._integers[AT], run = self._integers[RUN] + 1
        cdef int64_t centre = now - self._slow // 2
        cdef double* squared = &self._rings[self._size]
        self._rings[now & (self._size - 1)] = sample
        self._integers[RUN] = run
        self._slide(SMOOTH_SUM, &self._rings[0], now - self._late[SMOOTH_SUM], run)
        self._slide(SLOW_SUM, &self._rings[0], now, run)
        if run < self._slow:
            self._until[PEAK_SUM] -= 1
            self._until[BEAT_SUM] -= 1
            return
        self._squared(centre)
        self._slide(PEAK_SUM, squared, centre + self._peak // 2 - self._beat // 2, run)
        self._slide(BEAT_SUM, squared, centre, run)
        if run - self._late[BEAT_SUM] >= self._beat:
            self._judge(now - self._delay)

    cdef void _slide(self, int which, const double* ring, int64_t newest, int64_t run) noexcept nogil:
        """The sum of the last ``length`` of a ring, taken anew every ``length`` samples."""
        cdef int64_t length = self._lengths[which], mask = self._size - 1, seen = run - self._late[which]
        cdef double* total = &self._numbers[which]
        self._until[which] -= 1
        if seen <= 0:
            return
        if self._until[which] == 0:
            self._until[which] = length
            total[0] = _anew(ring, newest, length, mask)
            return
        total[0] += ring[newest & mask]
        if seen > length:
            total[0] -= ring[(newest - length) & mask]

    cdef void _squared(self, int64_t centre) noexcept nogil:
        """The part of the band-passed sample that is above zero, squared."""
        cdef double wave = self._numbers[SMOOTH_SUM] / self._smooth - self._numbers[SLOW_SUM] / self._slow
        cdef double energy = wave * wave if wave > 0.0 else 0.0
        cdef double* mean = &self._numbers[ENERGY]
        self._rings[self._size + (centre & (self._size - 1))] = energy
        # One blow must not deafen it: no sample counts for more than four times the usual.
        mean[0] += ((min(energy, 4.0 * mean[0]) if mean[0] > 0.0 else energy) - mean[0]) * self._forget

    cdef void _judge(self, int64_t centre) noexcept nogil:
        """Is this sample inside a block where a systole is?"""
        cdef double threshold = self._numbers[BEAT_SUM] / self._beat + self._offset * self._numbers[ENERGY]
        cdef bint inside = self._numbers[PEAK_SUM] / self._peak > threshold
        if inside and self._integers[BLOCK] < 0:
            self._integers[BLOCK] = centre
        elif not inside and self._integers[BLOCK] >= 0:
            if centre - self._integers[BLOCK] >= self._peak:
                self._found(self._integers[BLOCK], centre)
            self._integers[BLOCK] = -1

    cdef void _found(self, int64_t begin, int64_t end) noexcept nogil:
        """A systole lies in this block: its peak, the foot before it, and so the beat that the foot ends."""
        cdef int64_t peak = begin, last = self._integers[LAST_PEAK], foot, at
        cdef double rise
        for at in range(begin, end):
            if self._raw(at) > self._raw(peak):
                peak = at
        if last >= 0 and peak - last < self._nearest:
            return
        foot = self._foot(peak)
        rise = self._raw(peak) - self._raw(foot)
        if last >= 0 and peak - last < 2 * self._nearest and rise < 0.5 * self._numbers[RISE]:
            return  # the diastolic wave of the same beat
        self._numbers[RISE] = rise
        self._integers[LAST_PEAK] = peak
        if self._integers[PENDING] >= 0 and foot - self._integers[PENDING] <= self._longest:
            self._beat_between(self._integers[PENDING], self._integers[PENDING_PEAK], foot)
        self._integers[PENDING] = foot
        self._integers[PENDING_PEAK] = peak

    cdef int64_t _foot(self, int64_t peak) noexcept nogil:
        """Back from the steepest part of the upstroke to where hardly anything of its slope is left."""
        cdef int64_t reach = max(1, self._smooth // 2)
        cdef int64_t earliest = max(peak - 2 * self._nearest, self._integers[AT] - self._integers[RUN] + 1 + reach)
        cdef int64_t at, steepest = peak
        cdef double most = 0.0, rise
        for at in range(peak - reach, max(peak - self._nearest, earliest) - 1, -1):
            rise = self._raw(at + reach) - self._raw(at - reach)
            if rise > most:
                most, steepest = rise, at
        at = steepest
        while at > earliest and self._raw(at + reach) - self._raw(at - reach) > 0.05 * most:
            at -= 1
        return at

    cdef void _beat_between(self, int64_t foot, int64_t peak, int64_t next_foot) noexcept nogil:
        cdef double* made = &self._out[self._made * WIDTH]
        cdef double mean = 0.0
        cdef int64_t at
        for at in range(foot, next_foot):
            mean += self._raw(at)
        made[0] = foot
        made[1] = peak
        made[2] = next_foot
        made[3] = self._raw(foot)
        made[4] = self._raw(peak)
        made[5] = mean / (next_foot - foot)
        made[6] = self._resemblance(peak)
        made[7] = self._integers[LEARNED]
        self._made += 1

    cdef double _resemblance(self, int64_t peak) noexcept nogil:
        """The correlation with the template, which then learns from the beat; NaN for the first."""
        cdef double[POINTS] shape
        cdef double* template = &self._numbers[TEMPLATE]
        cdef double alike = NAN, weight
        cdef Py_ssize_t at
        self._resampled(peak, shape)
        if self._integers[LEARNED] > 0:
            alike = 0.0
            for at in range(POINTS):
                alike += shape[at] * template[at]
            if alike < self._alike:
                self._integers[REJECTED] += 1
                if self._integers[REJECTED] < 5:
                    return alike
                self._integers[LEARNED] = 0
        self._integers[REJECTED] = 0
        self._integers[LEARNED] = min(self._integers[LEARNED] + 1, 8)
        weight = 1.0 / self._integers[LEARNED]
        for at in range(POINTS):
            template[at] += (shape[at] - template[at]) * weight
        self._normalise(template)
        return alike

    cdef void _resampled(self, int64_t peak, double* shape) noexcept nogil:
        """The wave around the peak on a fixed number of points, without its mean and of length one."""
        cdef int64_t first = self._integers[AT] - self._integers[RUN] + 1
        cdef double where, share
        cdef Py_ssize_t at
        cdef int64_t below
        for at in range(POINTS):
            where = (at - LEAD) * self._grid
            below = <int64_t>floor(where)
            share = where - below
            below = max(first, peak + below)
            shape[at] = (1.0 - share) * self._raw(below) + share * self._raw(below + 1)
        self._normalise(shape)

    cdef void _normalise(self, double* shape) noexcept nogil:
        cdef double mean = 0.0, size = 0.0
        cdef Py_ssize_t at
        for at in range(POINTS):
            mean += shape[at]
        mean /= POINTS
        for at in range(POINTS):
            shape[at] -= mean
            size += shape[at] * shape[at]
        size = sqrt(size)
        for at in range(POINTS):
            shape[at] = shape[at] / size if size > 0.0 else 0.0


def extent(const double[::1] samples not None):
    """How many samples are numbers, the smallest and the largest of them."""
    cdef double low = NAN, high = NAN
    cdef Py_ssize_t at, count = 0
    for at in range(samples.shape[0]):
        if isfinite(samples[at]):
            count += 1
            low = samples[at] if not low <= samples[at] else low
            high = samples[at] if not high >= samples[at] else high
    return count, low, high
