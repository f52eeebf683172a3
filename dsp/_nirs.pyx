# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.nirs``: see there for what they compute, their units and their states."""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.float cimport DBL_MAX
from libc.math cimport NAN, fabs, isfinite, log
from libc.stdint cimport int64_t

from dsp._chunk cimport answer, fill, is_usual, restore, room, room_of, shown, take

cdef enum:
    FEW = 256  # numbers of a frame that go through the quick way


cdef int _possible(Py_ssize_t first, Py_ssize_t second, Py_ssize_t largest_chunk) except -1:
    if first < 1 or second < 1 or largest_chunk < 1:
        raise ValueError("%d by %d numbers, chunks of %d: give 1 or more" % (first, second, largest_chunk))
    return 0


@cython.final
cdef class BeerLambertKernel:
    """Chunks of intensities or attenuations to changes of concentration; ``weights`` per channel and species."""

    cdef readonly object out
    cdef object _room
    cdef double* _weights
    cdef double* _reference
    cdef Py_ssize_t _channels, _wavelengths, _largest, _usual_bytes, _usual_frames
    cdef bint _intensity, _begun
    cdef double[FEW] _changes

    def __cinit__(self, weights, Py_ssize_t channels, Py_ssize_t wavelengths, Py_ssize_t largest_chunk, bint intensity):
        _possible(channels, wavelengths, largest_chunk)
        cdef Py_ssize_t at, all = channels * wavelengths
        self._channels, self._wavelengths, self._largest = channels, wavelengths, largest_chunk
        self._intensity = intensity
        self._weights = <double*>PyMem_Calloc(3 * all, sizeof(double))
        if self._weights == NULL:
            raise MemoryError
        self._reference = self._weights + 2 * all
        fill(self._weights, 2 * all, weights, "weights")
        for at in range(all):
            self._reference[at] = NAN
        self._room = room(largest_chunk * channels * 2)
        self.out = shown(self._room)

    def __dealloc__(self):
        PyMem_Free(self._weights)

    def state(self):
        return (<char*>self._reference)[: 8 * self._channels * self._wavelengths]

    def resume(self, bytes state not None):
        restore(self._reference, 8 * self._channels * self._wavelengths, state)
        self._begun = False

    def reference(self):
        return tuple([self._reference[at] for at in range(self._channels * self._wavelengths)])

    def push(self, chunk):
        if is_usual(chunk, self._usual_bytes):
            return self._take(<const double*>PyBytes_AS_STRING(chunk), self._usual_frames)
        return self._held(chunk)

    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, self._channels * self._wavelengths, self._largest)
        self._usual_bytes, self._usual_frames = view.len, frames
        frames = self._take(<const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return frames

    cdef Py_ssize_t _take(self, const double* frame, Py_ssize_t frames) noexcept:
        cdef Py_ssize_t at, channel, width = self._wavelengths, all = self._channels * self._wavelengths
        cdef double* made = room_of(self._room)
        for at in range(frames):
            if self._begun and all <= FEW and self._is_light(frame, all):
                self._quick(frame, made, all)
            else:
                for channel in range(self._channels):
                    self._one(frame + channel * width, made + 2 * channel, channel)
                self._begun = self._has_reference(all)
            frame += all
            made += 2 * self._channels
        return 2 * frames * self._channels

    cdef bint _has_reference(self, Py_ssize_t all) noexcept nogil:
        cdef Py_ssize_t at
        for at in range(all):
            if self._reference[at] != self._reference[at]:
                return False
        return True

    cdef bint _is_light(self, const double* frame, Py_ssize_t all) noexcept nogil:
        """Is every number of this frame one? Without a branch inside, so that several are looked at at once."""
        cdef Py_ssize_t at
        cdef double most = DBL_MAX
        cdef bint so = True
        if self._intensity:
            for at in range(all):
                so &= (frame[at] > 0.0) & (frame[at] <= most)
        else:
            for at in range(all):
                so &= fabs(frame[at]) <= most
        return so

    cdef void _quick(self, const double* frame, double* made, Py_ssize_t all) noexcept nogil:
        """A whole frame of valid numbers: the divisions together, then the logarithms, then the sums."""
        cdef const double* reference = self._reference
        cdef const double* weights = self._weights
        cdef const double* changes = self._changes
        cdef Py_ssize_t at, channel, width = self._wavelengths
        cdef double oxy, deoxy
        if self._intensity:
            for at in range(all):
                self._changes[at] = reference[at] / frame[at]
            for at in range(all):
                self._changes[at] = log(self._changes[at])
        else:
            for at in range(all):
                self._changes[at] = frame[at] - reference[at]
        if width == 2:  # as most devices have
            for channel in range(self._channels):
                made[2 * channel] = 0.0 + weights[0] * changes[0] + weights[1] * changes[1]
                made[2 * channel + 1] = 0.0 + weights[2] * changes[0] + weights[3] * changes[1]
                changes += 2
                weights += 4
            return
        for channel in range(self._channels):
            oxy = deoxy = 0.0
            for at in range(width):
                oxy += weights[at] * changes[at]
                deoxy += weights[width + at] * changes[at]
            made[2 * channel], made[2 * channel + 1] = oxy, deoxy
            changes += width
            weights += 2 * width

    cdef void _one(self, const double* light, double* made, Py_ssize_t channel) noexcept nogil:
        cdef Py_ssize_t width = self._wavelengths
        cdef double* reference = self._reference + channel * width
        cdef const double* weights = self._weights + channel * 2 * width
        cdef double change, oxy = 0.0, deoxy = 0.0
        cdef Py_ssize_t at
        if not self._is_valid(light):
            made[0] = made[1] = NAN
            return
        for at in range(width):
            if reference[at] != reference[at]:
                reference[at] = light[at]
            change = log(reference[at] / light[at]) if self._intensity else light[at] - reference[at]
            oxy += weights[at] * change
            deoxy += weights[width + at] * change
        made[0] = oxy
        made[1] = deoxy

    cdef bint _is_valid(self, const double* light) noexcept nogil:
        cdef Py_ssize_t at
        for at in range(self._wavelengths):
            if not isfinite(light[at]) or (self._intensity and light[at] <= 0.0):
                return False
        return True


@cython.final
cdef class SpatiallyResolvedKernel:
    """Chunks of absolute intensities or attenuations at several distances to saturation."""

    cdef readonly object out
    cdef object _room
    cdef double* _slopes
    cdef double* _scatter
    cdef double* _weights
    cdef double* _measured
    cdef int64_t[2] _counts
    cdef Py_ssize_t _distances, _wavelengths, _largest
    cdef double _spread, _natural
    cdef bint _intensity

    def __cinit__(
        self, slopes, scatter, weights, double spread, double natural, Py_ssize_t largest_chunk, bint intensity
    ):
        cdef Py_ssize_t distances = len(slopes), wavelengths = len(scatter)
        _possible(distances, wavelengths, largest_chunk)
        self._distances, self._wavelengths, self._largest = distances, wavelengths, largest_chunk
        self._slopes = <double*>PyMem_Calloc(distances + 4 * wavelengths, sizeof(double))
        if self._slopes == NULL:
            raise MemoryError
        self._scatter = self._slopes + distances
        self._weights = self._scatter + wavelengths
        self._measured = self._weights + 2 * wavelengths
        fill(self._slopes, distances, slopes, "distances")
        fill(self._scatter, wavelengths, scatter, "scatter factors")
        fill(self._weights, 2 * wavelengths, weights, "weights")
        self._spread, self._natural, self._intensity = spread, natural, intensity
        self._room = room(3 * largest_chunk)
        self.out = shown(self._room)

    def __dealloc__(self):
        PyMem_Free(self._slopes)

    def state(self):
        return (<char*>self._counts)[:16]

    def resume(self, bytes state not None):
        restore(self._counts, 16, state)

    def counts(self):
        return self._counts[0], self._counts[1]

    def push(self, chunk):
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, self._distances * self._wavelengths, self._largest)
        cdef Py_ssize_t at
        cdef const double* frame = <const double*>view.buf
        cdef double* made = room_of(self._room)
        for at in range(frames):
            self._counts[0] += 1
            self._counts[1] += not self._one(frame, made + 3 * at)
            frame += self._distances * self._wavelengths
        PyBuffer_Release(&view)
        return frames * 3

    cdef bint _one(self, const double* frame, double* made) noexcept nogil:
        cdef double oxy = 0.0, deoxy = 0.0
        cdef Py_ssize_t at
        made[0] = made[1] = made[2] = NAN
        for at in range(self._wavelengths):
            if not self._absorption(frame, at):
                return False
        for at in range(self._wavelengths):
            oxy += self._weights[at] * self._measured[at]
            deoxy += self._weights[self._wavelengths + at] * self._measured[at]
        if not oxy + deoxy > 0.0:
            return False
        made[0] = 100.0 * oxy / (oxy + deoxy)
        made[1] = oxy
        made[2] = deoxy
        return True

    cdef bint _absorption(self, const double* frame, Py_ssize_t wavelength) noexcept nogil:
        """k times the absorption at one wavelength, from how attenuation grows with distance."""
        cdef double slope = 0.0, value, rest
        cdef Py_ssize_t at
        for at in range(self._distances):
            value = frame[at * self._wavelengths + wavelength]
            if not isfinite(value) or (self._intensity and value <= 0.0):
                return False
            slope += self._slopes[at] * (-log(value) if self._intensity else value)
        rest = self._natural * slope - self._spread
        if not rest > 0.0:
            return False
        self._measured[wavelength] = rest * rest / self._scatter[wavelength]
        return True


cdef struct Pair:
    # The last valid pair and what was moved up to it: the state.
    double oxy, deoxy, oxy_moved, deoxy_moved


@cython.final
cdef class BloodVolumeKernel:
    """Chunks of (O2Hb, HHb) to the same corrected for changes of blood volume, sample by sample."""

    cdef readonly object out
    cdef object _room
    cdef Pair _last
    cdef Py_ssize_t _largest, _usual_bytes, _usual_frames
    cdef double _offset

    def __cinit__(self, double offset, Py_ssize_t largest_chunk):
        _possible(1, 1, largest_chunk)
        self._offset, self._largest = offset, largest_chunk
        self._last = Pair(NAN, NAN, 0.0, 0.0)
        self._room = room(2 * largest_chunk)
        self.out = shown(self._room)

    def state(self):
        return (<char*>&self._last)[: sizeof(Pair)]

    def resume(self, bytes state not None):
        restore(&self._last, sizeof(Pair), state)

    def push(self, chunk):
        if is_usual(chunk, self._usual_bytes):
            return answer(self._take(<const double*>PyBytes_AS_STRING(chunk), self._usual_frames))
        return self._held(chunk)

    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, 2, self._largest)
        self._usual_bytes, self._usual_frames = view.len, frames
        frames = self._take(<const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return frames

    cdef inline Py_ssize_t _take(self, const double* frame, Py_ssize_t frames) noexcept:
        _corrected(&self._last, self._offset, frame, frames, room_of(self._room))
        return 2 * frames


cdef void _corrected(
    Pair* last, double offset, const double* frame, Py_ssize_t frames, double* made
) noexcept nogil:
    cdef Pair has = last[0]
    cdef double oxy, deoxy, total, share, oxy_step, deoxy_step, change
    cdef Py_ssize_t at
    for at in range(frames):
        oxy, deoxy = frame[2 * at], frame[2 * at + 1]
        total = oxy + deoxy + 2.0 * offset
        if not 0.0 < total <= DBL_MAX and not (isfinite(oxy) and isfinite(deoxy) and total > 0.0):
            made[2 * at] = made[2 * at + 1] = NAN
            continue
        if has.oxy == has.oxy:
            share = (oxy + offset) / total
            oxy_step, deoxy_step = oxy - has.oxy, deoxy - has.deoxy
            change = oxy_step + deoxy_step
            has.oxy_moved += oxy_step - share * change
            has.deoxy_moved += deoxy_step - (1.0 - share) * change
        has.oxy, has.deoxy = oxy, deoxy
        made[2 * at], made[2 * at + 1] = has.oxy_moved, has.deoxy_moved
    last[0] = has


def ryan(
    object[double, ndim=1, mode="c"] oxy not None,
    object[double, ndim=1, mode="c"] deoxy not None,
    double oxy_start,
    double deoxy_start,
    object[double, ndim=1, mode="c"] made not None,
):
    """Changes from the start, corrected point by point; ``made`` alternates O2Hb and HHb."""
    cdef Py_ssize_t at, number = len(oxy)
    cdef double oxy_change, deoxy_change, both, share, total
    if len(deoxy) != number or len(made) != 2 * number:
        raise ValueError("%d and %d values, room for %d: not pairs" % (number, len(deoxy), len(made)))
    for at in range(number):
        oxy_change = oxy[at] - oxy_start
        deoxy_change = deoxy[at] - deoxy_start
        both = fabs(oxy_change) + fabs(deoxy_change)
        share = fabs(oxy_change) / both if both > 0.0 else 0.5
        total = oxy_change + deoxy_change
        made[2 * at] = oxy_change - total * (1.0 - share)
        made[2 * at + 1] = deoxy_change - total * share
