# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.nirs``: see there for what they compute, their units and their states."""

from array import array

cimport cython
from cpython.buffer cimport PyBuffer_Release
from libc.float cimport DBL_MAX
from libc.math cimport NAN, fabs, isfinite, log
from libc.stdint cimport int64_t

from dsp._chunk cimport take

cdef enum:
    FEW = 256  # numbers of a frame that go through the quick way


cdef object _numbers(object given, Py_ssize_t wanted, str what):
    held = array("d", given)
    if len(held) != wanted:
        raise ValueError("%d %s wanted, %d given" % (wanted, what, len(held)))
    return held


cdef object _state_of(bytes state, Py_ssize_t wanted):
    if len(state) != wanted:
        raise ValueError("a state of %d bytes, this one has %d" % (wanted, len(state)))
    return state


@cython.final
cdef class BeerLambertKernel:
    """Chunks of intensities or attenuations to changes of concentration; ``weights`` per channel and species."""

    cdef readonly object out
    cdef double[::1] _out, _weights, _reference
    cdef object _held
    cdef Py_ssize_t _channels, _wavelengths, _largest
    cdef bint _intensity, _begun
    cdef double[FEW] _changes

    def __init__(self, weights, channels, wavelengths, largest_chunk, intensity):
        self._channels, self._wavelengths, self._largest = channels, wavelengths, largest_chunk
        self._intensity = intensity
        self._weights = _numbers(weights, channels * 2 * wavelengths, "weights")
        self._held = array("d", [NAN]) * (channels * wavelengths)
        self._reference = self._held
        self.out = array("d", bytes(8 * largest_chunk * channels * 2))
        self._out = self.out

    def state(self):
        return self._held.tobytes()

    def resume(self, bytes state):
        _state_of(state, 8 * len(self._held))
        self._held[:] = array("d", state)
        self._reference = self._held
        self._begun = False

    def reference(self):
        return array("d", self._held)

    def push(self, chunk):
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, self._channels * self._wavelengths, self._largest)
        if frames:
            self._take(<const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return frames * self._channels * 2

    cdef void _take(self, const double* frame, Py_ssize_t frames) noexcept nogil:
        cdef Py_ssize_t at, channel, width = self._wavelengths, all = self._channels * self._wavelengths
        cdef double* made = &self._out[0]
        for at in range(frames):
            if self._begun and all <= FEW and self._is_light(frame, all):
                self._quick(frame, made, all)
            else:
                for channel in range(self._channels):
                    self._one(frame + channel * width, made + 2 * channel, channel)
                self._begun = self._has_reference(all)
            frame += all
            made += 2 * self._channels

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
        cdef const double* reference = &self._reference[0]
        cdef const double* weights = &self._weights[0]
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
        cdef double* reference = &self._reference[channel * width]
        cdef const double* weights = &self._weights[channel * 2 * width]
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
    cdef double[::1] _out, _slopes, _scatter, _weights
    cdef double[::1] _measured
    cdef int64_t[::1] _counts
    cdef object _held
    cdef Py_ssize_t _distances, _wavelengths, _largest
    cdef double _spread, _natural
    cdef bint _intensity

    def __init__(self, slopes, scatter, weights, spread, natural, largest_chunk, intensity):
        self._distances, self._wavelengths, self._largest = len(slopes), len(scatter), largest_chunk
        self._slopes = _numbers(slopes, self._distances, "distances")
        self._scatter = _numbers(scatter, self._wavelengths, "scatter factors")
        self._weights = _numbers(weights, 2 * self._wavelengths, "weights")
        self._spread, self._natural, self._intensity = spread, natural, intensity
        self._measured = array("d", bytes(8 * self._wavelengths))
        self._held = array("q", (0, 0))
        self._counts = self._held
        self.out = array("d", bytes(8 * 3 * largest_chunk))
        self._out = self.out

    def state(self):
        return self._held.tobytes()

    def resume(self, bytes state):
        _state_of(state, 8 * len(self._held))
        self._held[:] = array("q", state)
        self._counts = self._held

    def counts(self):
        return self._held[0], self._held[1]

    def push(self, chunk):
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, self._distances * self._wavelengths, self._largest)
        cdef Py_ssize_t at
        cdef const double* frame = <const double*>view.buf
        for at in range(frames):
            self._counts[0] += 1
            self._counts[1] += not self._one(frame, &self._out[3 * at])
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


@cython.final
cdef class BloodVolumeKernel:
    """Chunks of (O2Hb, HHb) to the same corrected for changes of blood volume, sample by sample."""

    cdef readonly object out
    cdef double[::1] _out, _memory
    cdef object _held
    cdef Py_ssize_t _largest
    cdef double _offset

    def __init__(self, offset, largest_chunk):
        self._offset, self._largest = offset, largest_chunk
        self._held = array("d", (NAN, NAN, 0.0, 0.0))
        self._memory = self._held
        self.out = array("d", bytes(16 * largest_chunk))
        self._out = self.out

    def state(self):
        return self._held.tobytes()

    def resume(self, bytes state):
        _state_of(state, 8 * len(self._held))
        self._held[:] = array("d", state)
        self._memory = self._held

    def push(self, chunk):
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, 2, self._largest)
        cdef const double* frame = <const double*>view.buf
        cdef Py_ssize_t at
        for at in range(frames):
            self._one(frame[2 * at], frame[2 * at + 1], &self._out[2 * at])
        PyBuffer_Release(&view)
        return frames * 2

    cdef void _one(self, double oxy, double deoxy, double* made) noexcept nogil:
        cdef double* memory = &self._memory[0]
        cdef double total = oxy + deoxy + 2.0 * self._offset
        cdef double share, change
        if not isfinite(oxy) or not isfinite(deoxy) or not total > 0.0:
            made[0] = made[1] = NAN
            return
        if memory[0] == memory[0]:
            share = (oxy + self._offset) / total
            change = (oxy - memory[0]) + (deoxy - memory[1])
            memory[2] += (oxy - memory[0]) - share * change
            memory[3] += (deoxy - memory[1]) - (1.0 - share) * change
        memory[0] = oxy
        memory[1] = deoxy
        made[0] = memory[2]
        made[1] = memory[3]


def smallest(const double[::1] values not None):
    """The smallest number; 0 where there is none that is smaller."""
    cdef double low = 0.0
    cdef Py_ssize_t at
    for at in range(values.shape[0]):
        if isfinite(values[at]) and values[at] < low:
            low = values[at]
    return low


def ryan(const double[::1] oxy, const double[::1] deoxy, double oxy_start, double deoxy_start, double[::1] made):
    """Changes from the start, corrected point by point; ``made`` alternates O2Hb and HHb."""
    cdef Py_ssize_t at
    cdef double oxy_change, deoxy_change, both, share, total
    for at in range(oxy.shape[0]):
        oxy_change = oxy[at] - oxy_start
        deoxy_change = deoxy[at] - deoxy_start
        both = fabs(oxy_change) + fabs(deoxy_change)
        share = fabs(oxy_change) / both if both > 0.0 else 0.5
        total = oxy_change + deoxy_change
        made[2 * at] = oxy_change - total * (1.0 - share)
        made[2 * at + 1] = deoxy_change - total * share
