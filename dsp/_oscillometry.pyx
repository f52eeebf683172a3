# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loops of ``dsp.oscillometry``: see there for what they measure, their units and their state.

The split works on integers (2**-20 mmHg), so every machine and every chunking gives the same numbers and no
running sum drifts.
"""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport NAN, fabs, isfinite
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from dsp._chunk cimport answer, is_usual, room, room_of, shown, take

cdef double PER_MMHG = 1048576.0
cdef double LARGEST = 1000.0  # mmHg; what is beyond counts as missing

cdef enum:
    SMOOTH = 0
    SLOW = 1
    EVERY = 2
    TAKEN = 3
    VALID = 4  # frames since the last missing one
    SUMS = 5  # four running sums: smooth twice, slow twice
    HEAD = 9

LARGEST_WINDOW = 30000
"""Frames of the slow window: 1000 mmHg x 2**20 summed twice over more would not fit 63 bits."""


cdef struct Places:
    # Where the next sample goes: all of it follows from TAKEN, but divisions take long at one sample a call.
    int64_t here, behind, due, short, until
    # What the sums are divided by.
    double of_smooth, of_slow


cdef void _places_of(const int64_t* state, Places* at) noexcept nogil:
    cdef int64_t smooth = state[SMOOTH], slow = state[SLOW], taken = state[TAKEN]
    at.here, at.short, at.until = taken % slow, taken % smooth, state[EVERY] - taken % state[EVERY]
    at.behind, at.due = (at.here + slow - smooth) % slow, (at.here + smooth) % slow
    at.of_smooth, at.of_slow = PER_MMHG * smooth * smooth, PER_MMHG * slow * slow


cdef class Split:
    """Four moving sums in a row; ``dsp.cuff_split.PressureSplit`` gives them their lengths."""

    cdef readonly object out
    cdef object _room
    cdef int64_t* _state
    cdef Py_ssize_t _numbers, _largest_chunk, _usual_bytes, _usual_frames
    cdef Py_ssize_t _smooth, _slow, _every
    cdef Places _places

    def __cinit__(self, Py_ssize_t smooth, Py_ssize_t slow, Py_ssize_t every, Py_ssize_t largest_chunk):
        if not (1 <= smooth <= slow <= LARGEST_WINDOW and every >= 1 and largest_chunk >= 1):
            raise ValueError(
                "windows of %d and %d frames, every %d, chunks of %d: not possible"
                % (smooth, slow, every, largest_chunk)
            )
        self._smooth, self._slow, self._every = smooth, slow, every
        self._largest_chunk = largest_chunk
        self._numbers = HEAD + 3 * slow + smooth
        self._state = <int64_t*>PyMem_Calloc(self._numbers, sizeof(int64_t))
        if self._state == NULL:
            raise MemoryError
        self._state[SMOOTH], self._state[SLOW], self._state[EVERY] = smooth, slow, every
        _places_of(self._state, &self._places)
        self._room = room(2 * (largest_chunk // every + 1))
        self.out = shown(self._room)

    def __dealloc__(self):
        PyMem_Free(self._state)

    def state(self):
        """All there is to know, in the byte order of this machine."""
        return (<char*>self._state)[:self._numbers * sizeof(int64_t)]

    def restore(self, bytes state not None):
        """Go on from ``state()`` of a split with the same windows."""
        if len(state) != self._numbers * <Py_ssize_t>sizeof(int64_t):
            raise ValueError(
                "this split has a state of %d bytes, not %d" % (self._numbers * sizeof(int64_t), len(state))
            )
        cdef const int64_t* head = <const int64_t*><const char*>state
        if head[SMOOTH] != self._smooth or head[SLOW] != self._slow or head[EVERY] != self._every:
            raise ValueError("this state is of a split with other windows")
        if head[TAKEN] < 0:
            raise ValueError("this state is of a split that took %d frames" % head[TAKEN])
        memcpy(self._state, <const char*>state, len(state))
        _places_of(self._state, &self._places)

    def push(self, chunk):
        """Take float64 pressures; return how many numbers were written to ``out``."""
        if is_usual(chunk, self._usual_bytes):
            return answer(self._split(<const double*>PyBytes_AS_STRING(chunk), self._usual_frames))
        return self._held(chunk)

    @cython.final
    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames = take(chunk, &view, 1, self._largest_chunk)
        self._usual_bytes, self._usual_frames = view.len, frames
        frames = self._split(<const double*>view.buf, frames)
        PyBuffer_Release(&view)
        return frames

    @cython.final
    cdef inline Py_ssize_t _split(self, const double* chunk, Py_ssize_t frames) noexcept:
        return _push(self._state, &self._places, chunk, frames, room_of(self._room))


cdef Py_ssize_t _push(
    int64_t* state, Places* places, const double* chunk, Py_ssize_t frames, double* out
) noexcept nogil:
    cdef int64_t smooth = state[SMOOTH], slow = state[SLOW], every = state[EVERY]
    cdef int64_t* raw = state + HEAD  # the last ``slow`` frames
    cdef int64_t* slow_once = raw + slow
    cdef int64_t* waiting = slow_once + slow  # smooth values until the slow ones of the same instant come
    cdef int64_t* smooth_once = waiting + slow
    cdef int64_t* sums = state + SUMS
    cdef int64_t span = 2 * slow - 1, frame, first
    cdef int64_t here = places.here, short = places.short, until = places.until
    cdef int64_t behind = places.behind, due = places.due
    cdef double of_smooth = places.of_smooth, of_slow = places.of_slow, level, value
    cdef Py_ssize_t at, written = 0
    for at in range(frames):
        value = chunk[at]
        if fabs(value) <= LARGEST:  # which a NaN is not
            value = value * PER_MMHG + 0.5
            frame = <int64_t>value
            frame -= frame > value  # floor, without a call
            state[VALID] += 1
        else:
            frame = 0
            state[VALID] = 0
        sums[0] += frame - raw[behind]
        first = sums[0]
        sums[1] += first - smooth_once[short]
        smooth_once[short] = first
        waiting[here] = sums[1]
        sums[2] += frame - raw[here]
        raw[here] = frame
        first = sums[2]
        sums[3] += first - slow_once[here]
        slow_once[here] = first
        until -= 1
        if until == 0:
            until = every
            if state[VALID] >= span:
                level = sums[3] / of_slow
                out[written] = level
                out[written + 1] = waiting[due] / of_smooth - level
            else:
                out[written] = NAN
                out[written + 1] = NAN
            written += 2
        here = 0 if here + 1 == slow else here + 1
        behind = 0 if behind + 1 == slow else behind + 1
        due = 0 if due + 1 == slow else due + 1
        short = 0 if short + 1 == smooth else short + 1
    state[TAKEN] += frames
    places.here, places.behind, places.due, places.short, places.until = here, behind, due, short, until
    return written


cdef bint _is_peak(const double* split, Py_ssize_t at, Py_ssize_t reach, Py_ssize_t frames) noexcept nogil:
    cdef double here = split[2 * at + 1]
    cdef Py_ssize_t near
    if not isfinite(here):
        return False
    for near in range(max(0, at - reach), at):
        if split[2 * near + 1] >= here:
            return False
    for near in range(at + 1, min(frames, at + reach + 1)):
        if split[2 * near + 1] > here:
            return False
    return True


def peaks(
    object[double, ndim=1, mode="c"] split not None, Py_ssize_t reach, object[int64_t, ndim=1, mode="c"] found not None
):
    """Frames whose pulse is the largest within ``reach`` frames; how many were written to ``found``."""
    cdef Py_ssize_t frames = len(split) // 2, at = reach, number = 0
    if len(found) < frames // (reach + 1) + 1:
        raise ValueError("no room for the peaks")
    while at < frames - reach:
        if _is_peak(&split[0], at, reach, frames):
            found[number] = at
            number += 1
            at += reach
        at += 1
    return number


cdef Py_ssize_t _foot(const double* split, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """The frame with the smallest pulse in ``[begin, end)``; -1 where a frame is missing."""
    cdef Py_ssize_t at, lowest = begin
    for at in range(begin, end):
        if not isfinite(split[2 * at + 1]):
            return -1
        if split[2 * at + 1] <= split[2 * lowest + 1]:
            lowest = at
    return lowest


def amplitudes(
    object[double, ndim=1, mode="c"] split not None,
    object[int64_t, ndim=1, mode="c"] found not None,
    Py_ssize_t widest,
    object[double, ndim=1, mode="c"] out not None,
):
    """Per peak but the first and last: its height over the line between the feet beside it, and how far the
    slow pressure moved between those feet.  NaN where a foot is missing or farther than ``widest`` frames.
    """
    cdef Py_ssize_t number = len(found), at, before, after, left, right
    cdef double share
    if len(out) < 2 * number:
        raise ValueError("no room for the amplitudes")
    for at in range(number):
        out[2 * at] = NAN
        out[2 * at + 1] = NAN
        if at == 0 or at == number - 1:
            continue
        left = max(found[at - 1], found[at] - widest)
        right = min(found[at + 1], found[at] + widest)
        before, after = _foot(&split[0], left, found[at]), _foot(&split[0], found[at] + 1, right)
        if before < 0 or after < 0:
            continue
        share = <double>(found[at] - before) / <double>(after - before)
        out[2 * at] = split[2 * found[at] + 1] - (
            split[2 * before + 1] + share * (split[2 * after + 1] - split[2 * before + 1])
        )
        out[2 * at + 1] = split[2 * after] - split[2 * before]
