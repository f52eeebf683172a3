# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loop of ``dsp.pulse``: see there for what it finds, its units and its state.

One ring holds the last samples, another what the band-pass made of them; every mean over a window is a running
sum that is taken anew whenever its ring comes round, at the same samples whatever the chunks.
"""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport NAN, floor, isfinite, sqrt
from libc.stdint cimport int64_t

from dsp._chunk cimport answer, is_usual, restore, room, room_of, shown, take

cdef enum:
    POINTS = 64  # of the template, a hundredth of a second apart
    LEAD = 20  # of them before the peak
    WIDTH = 8  # numbers of one beat

cdef enum:
    # the windows, and their sums
    SMOOTH = 0
    SLOW = 1
    PEAK = 2
    BEAT = 3


cdef struct Wave:
    # What is known, and the beginning of the state; the two rings follow it.
    int64_t at  # samples taken since the beginning
    int64_t run  # samples since the last gap
    int64_t block  # where the present block of interest began, -1 outside one
    int64_t last_peak  # of the last beat that was found, -1 for none
    int64_t pending  # a foot that waits for the next one
    int64_t pending_peak
    int64_t learned  # beats in the template
    int64_t rejected  # beats in a row that did not look like it
    double[4] sums
    double energy
    double rise  # of the last systole, foot to peak
    double[POINTS] template


cdef struct Kernel:
    Wave* wave
    double* raw
    double* squared
    double* out
    int64_t mask  # the rings are a power of two long, so that the remainder is a mask
    int64_t[4] lengths
    double[4] sizes  # the same as doubles
    int64_t[4] late  # how many samples after the newest each sum begins
    int64_t[4] until  # how many samples until each sum is taken anew: follows from run
    int64_t filled  # after how many samples every window is full and has lost a sample
    int64_t half_slow, shift, delay, nearest, longest
    double offset, forget, alike, grid
    Py_ssize_t made


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
    cdef object _room
    cdef Kernel _kernel
    cdef Py_ssize_t _largest, _state_bytes, _usual_bytes, _usual_frames

    def __cinit__(
        self,
        int64_t smooth,
        int64_t slow,
        int64_t peak,
        int64_t beat,
        int64_t nearest,
        int64_t longest,
        double offset,
        double forget,
        double alike,
        double grid,
        Py_ssize_t largest_chunk,
    ):
        cdef Kernel* kernel = &self._kernel
        cdef int64_t size = 1
        cdef int which
        if min(smooth, slow, peak, beat, nearest, longest, largest_chunk) < 1:
            raise ValueError("windows, distances and chunks of 1 sample or more are wanted")
        kernel.lengths = [smooth, slow, peak, beat]
        kernel.sizes = [smooth, slow, peak, beat]
        kernel.half_slow, kernel.shift, kernel.delay = slow // 2, peak // 2 - beat // 2, slow // 2 + beat // 2
        kernel.late = [slow // 2 - smooth // 2, 0, slow - 1 - kernel.shift, slow - 1]
        for which in range(4):
            kernel.filled = max(kernel.filled, kernel.late[which] + kernel.lengths[which])
        kernel.nearest, kernel.longest = nearest, longest
        kernel.offset, kernel.forget, kernel.alike, kernel.grid = offset, forget, alike, grid
        while size < 2 * longest + slow + beat + peak + smooth + 2:
            size *= 2
        self._state_bytes = sizeof(Wave) + 16 * size
        kernel.wave = <Wave*>PyMem_Calloc(self._state_bytes, 1)
        if kernel.wave == NULL:
            raise MemoryError
        kernel.mask, kernel.raw = size - 1, <double*>(kernel.wave + 1)
        kernel.squared = kernel.raw + size
        _begin(kernel)
        self._largest = largest_chunk
        self._room = room(WIDTH * (largest_chunk // nearest + 2))
        self.out, kernel.out = shown(self._room), room_of(self._room)

    def __dealloc__(self):
        PyMem_Free(self._kernel.wave)

    def state(self):
        return (<char*>self._kernel.wave)[: self._state_bytes]

    def resume(self, bytes state not None):
        restore(self._kernel.wave, self._state_bytes, state)
        _count_down(&self._kernel)

    def push(self, chunk):
        if is_usual(chunk, self._usual_bytes):
            return answer(_take(&self._kernel, <const double*>PyBytes_AS_STRING(chunk), self._usual_frames))
        return self._held(chunk)

    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, 1, self._largest)
        self._usual_bytes, self._usual_frames = view.len, frames
        frames = _take(&self._kernel, <const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return frames


cdef void _begin(Kernel* kernel) noexcept nogil:
    """At the beginning and after a gap: no beat goes over one; the template stays."""
    cdef Wave* wave = kernel.wave
    cdef int which
    for which in range(4):
        wave.sums[which] = 0.0
    wave.energy = wave.rise = 0.0
    wave.run = 0
    wave.block = wave.last_peak = wave.pending = wave.pending_peak = -1
    _count_down(kernel)


cdef void _count_down(Kernel* kernel) noexcept nogil:
    """From how many samples each sum has seen to when it is taken anew."""
    cdef int64_t run, length
    cdef int which
    for which in range(4):
        run, length = kernel.wave.run - kernel.late[which], kernel.lengths[which]
        kernel.until[which] = length - (run % length if run > 0 else run)


cdef Py_ssize_t _take(Kernel* kernel, const double* samples, Py_ssize_t frames) noexcept nogil:
    cdef Wave* wave = kernel.wave
    cdef Py_ssize_t at
    kernel.made = 0
    for at in range(frames):
        if not isfinite(samples[at]):
            _begin(kernel)
        else:
            wave.run += 1
            kernel.raw[wave.at & kernel.mask] = samples[at]
            if wave.run > kernel.filled:
                _one(kernel)
            else:
                _one_of_the_first(kernel)
        wave.at += 1
    return kernel.made * WIDTH


cdef inline void _one(Kernel* kernel) noexcept nogil:
    """The newest sample, where every window is full."""
    cdef int64_t now = kernel.wave.at, centre = now - kernel.half_slow
    _roll(kernel, SMOOTH, kernel.raw, now - kernel.late[SMOOTH])
    _roll(kernel, SLOW, kernel.raw, now)
    _squared(kernel, centre)
    _roll(kernel, PEAK, kernel.squared, centre + kernel.shift)
    _roll(kernel, BEAT, kernel.squared, centre)
    _judge(kernel, now - kernel.delay)


cdef inline void _roll(Kernel* kernel, int which, const double* ring, int64_t newest) noexcept nogil:
    """The sum of the last so many of a ring, taken anew every so many samples."""
    cdef int64_t length = kernel.lengths[which], mask = kernel.mask
    kernel.until[which] -= 1
    if kernel.until[which] == 0:
        kernel.until[which] = length
        kernel.wave.sums[which] = _anew(ring, newest, length, mask)
    else:
        kernel.wave.sums[which] = kernel.wave.sums[which] + ring[newest & mask] - ring[(newest - length) & mask]


cdef void _one_of_the_first(Kernel* kernel) noexcept nogil:
    """The same while windows fill."""
    cdef int64_t now = kernel.wave.at, run = kernel.wave.run, centre = now - kernel.half_slow
    _fill(kernel, SMOOTH, kernel.raw, now - kernel.late[SMOOTH])
    _fill(kernel, SLOW, kernel.raw, now)
    if run < kernel.lengths[SLOW]:
        kernel.until[PEAK] -= 1
        kernel.until[BEAT] -= 1
        return
    _squared(kernel, centre)
    _fill(kernel, PEAK, kernel.squared, centre + kernel.shift)
    _fill(kernel, BEAT, kernel.squared, centre)
    if run - kernel.late[BEAT] >= kernel.lengths[BEAT]:
        _judge(kernel, now - kernel.delay)


cdef void _fill(Kernel* kernel, int which, const double* ring, int64_t newest) noexcept nogil:
    cdef int64_t seen = kernel.wave.run - kernel.late[which]
    if seen > kernel.lengths[which] or kernel.until[which] == 1:
        _roll(kernel, which, ring, newest)
        return
    kernel.until[which] -= 1
    if seen > 0:
        kernel.wave.sums[which] += ring[newest & kernel.mask]


cdef inline void _squared(Kernel* kernel, int64_t centre) noexcept nogil:
    """The part of the band-passed sample that is above zero, squared."""
    cdef Wave* wave = kernel.wave
    cdef double part = wave.sums[SMOOTH] / kernel.sizes[SMOOTH] - wave.sums[SLOW] / kernel.sizes[SLOW]
    cdef double energy = part * part if part > 0.0 else 0.0
    kernel.squared[centre & kernel.mask] = energy
    # One blow must not deafen it: no sample counts for more than four times the usual.
    wave.energy += ((min(energy, 4.0 * wave.energy) if wave.energy > 0.0 else energy) - wave.energy) * kernel.forget


cdef inline void _judge(Kernel* kernel, int64_t centre) noexcept nogil:
    """Is this sample inside a block where a systole is?"""
    cdef Wave* wave = kernel.wave
    cdef double threshold = wave.sums[BEAT] / kernel.sizes[BEAT] + kernel.offset * wave.energy
    cdef bint inside = wave.sums[PEAK] / kernel.sizes[PEAK] > threshold
    if inside == (wave.block >= 0):
        return
    if inside:
        wave.block = centre
    else:
        if centre - wave.block >= kernel.lengths[PEAK]:
            _found(kernel, wave.block, centre)
        wave.block = -1


cdef inline double _raw(const Kernel* kernel, int64_t number) noexcept nogil:
    return kernel.raw[number & kernel.mask]


cdef void _found(Kernel* kernel, int64_t begin, int64_t end) noexcept nogil:
    """A systole lies in this block: its peak, the foot before it, and so the beat that the foot ends."""
    cdef Wave* wave = kernel.wave
    cdef int64_t peak = begin, last = wave.last_peak, foot, at
    cdef double rise
    for at in range(begin, end):
        if _raw(kernel, at) > _raw(kernel, peak):
            peak = at
    if last >= 0 and peak - last < kernel.nearest:
        return
    foot = _foot(kernel, peak)
    rise = _raw(kernel, peak) - _raw(kernel, foot)
    if last >= 0 and peak - last < 2 * kernel.nearest and rise < 0.5 * wave.rise:
        return  # the diastolic wave of the same beat
    wave.rise, wave.last_peak = rise, peak
    if wave.pending >= 0 and foot - wave.pending <= kernel.longest:
        _beat_between(kernel, wave.pending, wave.pending_peak, foot)
    wave.pending, wave.pending_peak = foot, peak


cdef int64_t _foot(const Kernel* kernel, int64_t peak) noexcept nogil:
    """Back from the steepest part of the upstroke to where hardly anything of its slope is left."""
    cdef int64_t reach = max(1, kernel.lengths[SMOOTH] // 2)
    cdef int64_t earliest = max(peak - 2 * kernel.nearest, kernel.wave.at - kernel.wave.run + 1 + reach)
    cdef int64_t at, steepest = peak
    cdef double most = 0.0, rise
    for at in range(peak - reach, max(peak - kernel.nearest, earliest) - 1, -1):
        rise = _raw(kernel, at + reach) - _raw(kernel, at - reach)
        if rise > most:
            most, steepest = rise, at
    at = steepest
    while at > earliest and _raw(kernel, at + reach) - _raw(kernel, at - reach) > 0.05 * most:
        at -= 1
    return at


cdef void _beat_between(Kernel* kernel, int64_t foot, int64_t peak, int64_t next_foot) noexcept nogil:
    cdef double* made = kernel.out + kernel.made * WIDTH
    cdef double mean = 0.0
    cdef int64_t at
    for at in range(foot, next_foot):
        mean += _raw(kernel, at)
    made[0], made[1], made[2] = foot, peak, next_foot
    made[3], made[4] = _raw(kernel, foot), _raw(kernel, peak)
    made[5] = mean / (next_foot - foot)
    made[6] = _resemblance(kernel, peak)
    made[7] = kernel.wave.learned
    kernel.made += 1


cdef double _resemblance(Kernel* kernel, int64_t peak) noexcept nogil:
    """The correlation with the template, which then learns from the beat; NaN for the first."""
    cdef Wave* wave = kernel.wave
    cdef double[POINTS] shape
    cdef double alike = NAN, weight
    cdef Py_ssize_t at
    _resampled(kernel, peak, shape)
    if wave.learned > 0:
        alike = 0.0
        for at in range(POINTS):
            alike += shape[at] * wave.template[at]
        if alike < kernel.alike:
            wave.rejected += 1
            if wave.rejected < 5:
                return alike
            wave.learned = 0
    wave.rejected = 0
    wave.learned = min(wave.learned + 1, 8)
    weight = 1.0 / wave.learned
    for at in range(POINTS):
        wave.template[at] += (shape[at] - wave.template[at]) * weight
    _normalise(wave.template)
    return alike


cdef void _resampled(const Kernel* kernel, int64_t peak, double* shape) noexcept nogil:
    """The wave around the peak on a fixed number of points, without its mean and of length one."""
    cdef int64_t first = kernel.wave.at - kernel.wave.run + 1, below
    cdef double where, share
    cdef Py_ssize_t at
    for at in range(POINTS):
        where = (at - LEAD) * kernel.grid
        below = <int64_t>floor(where)
        share = where - below
        below = max(first, peak + below)
        shape[at] = (1.0 - share) * _raw(kernel, below) + share * _raw(kernel, below + 1)
    _normalise(shape)


cdef void _normalise(double* shape) noexcept nogil:
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
