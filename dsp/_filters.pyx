# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The kernels of ``dsp.filters``: see there for what they compute, their policies and their state."""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport NAN, fabs, floor, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from dsp._chunk cimport FLOAT64, INT16, RAW, fill, hold, is_usual, room, room_of, shown
from dsp._median cimport exchanged, middle


cdef extern from "stdlib.h" nogil:
    int posix_memalign(void **, size_t, size_t)


cdef extern from "_filters.h" nogil:
    ctypedef void (*CascadeCode)(double *, long, long, long, const double *, double *) noexcept
    int widest_lanes()
    CascadeCode cascade_for(int lanes, long padded)
    void weigh(const double *taps, long count, const double *window, long channels, long padded, double *written)
    void decode(const unsigned char *, long frames, long channels, long padded, long input, double gain, double *rows)


# What stands in the first sixteen numbers of a state.
cdef enum:
    KIND = 0
    INPUT = 1
    CHANNELS = 2
    FIRST_SIZE = 3
    SECOND_SIZE = 4
    SETTLES = 5
    FRAME = 6
    SETTLED = 7
    SLOT = 8
    FILLED = 9
    FIELDS = 16

cdef enum:
    CASCADE = 1
    DECIMATOR = 2
    MEDIAN = 3
    SEGMENT = 64
    MOST = 64  # channels, sections
    MOST_TAPS = 65536
    LONGEST_MEDIAN = 1001
    MOST_CHUNK = 1 << 26

cdef double NOTHING = 1e-150  # smaller than this is zero, so that no denormal number slows a filter down
cdef int WIDEST = widest_lanes()

MOST_CHANNELS = MOST
LONGEST_WINDOW = LONGEST_MEDIAN
INPUT_BYTES = (8, 2, 3)  # float64, int16, int24

cdef int[3] ELEMENTS = [FLOAT64, INT16, RAW]


cdef class Stream:
    """What the kernels share: a block of memory with everything in it, and chunks of whole frames."""

    cdef int64_t *has
    cdef double *numbers
    cdef double *scratch  # [SEGMENT][padded]
    cdef double *written
    cdef size_t doubles
    cdef Py_ssize_t padded, frame_bytes, usual_bytes, usual_frames
    cdef readonly Py_ssize_t largest_chunk
    cdef readonly object out
    cdef object _room

    def __cinit__(self):
        self.has = NULL
        self.usual_bytes = -1  # not even an empty chunk, before it was made

    def __dealloc__(self):
        free(self.has)

    cdef Py_ssize_t _size(self, const int64_t *has) except -1:
        """How many doubles the state has, after its numbers were found to be possible: none without a filter."""
        return 0

    cdef Py_ssize_t _most_written(self, const int64_t *has, Py_ssize_t frames):
        return frames * has[CHANNELS]

    cdef Py_ssize_t _take(self, const unsigned char *bytes, Py_ssize_t frames) noexcept:
        return 0

    cdef int _attach(self) except -1:
        return 0

    cdef int _lay_out(self, const int64_t *fields, Py_ssize_t largest_chunk) except -1:
        if self.has != NULL:
            raise ValueError("a kernel is made once")
        if not 0 <= fields[INPUT] <= 2 or not 1 <= fields[CHANNELS] <= MOST or fields[FRAME] < 0:
            raise ValueError("channels must be 1 to %d, the input float64, int16 or int24" % MOST)
        if not 1 <= largest_chunk <= MOST_CHUNK:
            raise ValueError("the largest chunk must be 1 to %d frames, not %d" % (MOST_CHUNK, largest_chunk))
        self.padded = (fields[CHANNELS] + 3) // 4 * 4
        self.doubles = self._size(fields)
        cdef size_t total = 8 * (FIELDS + self.doubles + SEGMENT * self.padded + 8)
        if posix_memalign(<void **>&self.has, 64, total):
            self.has = NULL
            raise MemoryError
        memset(self.has, 0, total)
        memcpy(self.has, fields, 8 * FIELDS)
        self.numbers = <double *>(self.has + FIELDS)
        self.scratch = self.numbers + (self.doubles + 7) // 8 * 8
        self.frame_bytes = INPUT_BYTES[fields[INPUT]] * fields[CHANNELS]
        self.largest_chunk = largest_chunk
        self._room = room(self._most_written(fields, largest_chunk))
        self.out, self.written = shown(self._room), room_of(self._room)
        return self._attach()

    @classmethod
    def resumed(cls, largest_chunk, state):
        """Continue from what ``state()`` returned. ``ValueError`` for what is no such state."""
        kernel = cls.__new__(cls)
        kernel._resume(state, largest_chunk)
        return kernel

    def _resume(self, state, Py_ssize_t largest_chunk):
        """Lay out from the numbers of a state and fill from the rest of it."""
        held = bytes(memoryview(state))
        cdef int64_t fields[FIELDS]
        cdef size_t size = len(held)
        cdef const char *given = held
        if size < 8 * FIELDS:
            raise ValueError("a state of %d bytes is shorter than that of any filter" % size)
        memcpy(fields, given, 8 * FIELDS)
        self._lay_out(fields, largest_chunk)
        if size != 8 * (FIELDS + self.doubles):
            raise ValueError(
                "this state of a filter must have %d bytes, it has %d" % (8 * (FIELDS + self.doubles), size)
            )
        memcpy(self.has, given, size)
        self._restored()

    cdef void _restored(self) noexcept:
        """After a state was filled in that somebody handed over."""

    def push(self, chunk):
        """Take whole frames; return how many numbers stand in ``out``."""
        if is_usual(chunk, self.usual_bytes):
            return self._take(<const unsigned char *>PyBytes_AS_STRING(chunk), self.usual_frames)
        return self._held(chunk)

    @cython.final
    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames
        if self.has == NULL:
            raise ValueError("a kernel that was never made takes no chunk")
        frames = hold(chunk, &view, ELEMENTS[self.has[INPUT]], self.frame_bytes, self.largest_chunk)
        self.usual_bytes, self.usual_frames = view.len, frames
        frames = self._take(<const unsigned char *>view.buf, frames)
        PyBuffer_Release(&view)
        return frames

    def state(self):
        """All there is to know, in the byte order of this machine."""
        if self.has == NULL:
            raise ValueError("a kernel that was never made has no state")
        return (<char *>self.has)[: 8 * (FIELDS + self.doubles)]

    @property
    def channels(self):
        return self.has[CHANNELS] if self.has != NULL else 0

    @property
    def frames(self):
        """Frames taken so far."""
        return self.has[FRAME] if self.has != NULL else 0


cdef class Cascade(Stream):
    """numbers: gain (padded to 8), coefficients [sections][4], states [sections][2][padded], held [padded]."""

    cdef CascadeCode code
    cdef double *coefficients
    cdef double *filters
    cdef double *held

    def _new(self, int input, long channels, coefficients, double gain, bint settles, Py_ssize_t largest):
        cdef int64_t fields[FIELDS]
        memset(fields, 0, sizeof(fields))
        fields[KIND], fields[INPUT], fields[CHANNELS] = CASCADE, input, channels
        fields[FIRST_SIZE], fields[SETTLES] = len(coefficients) // 4, settles
        self._lay_out(fields, largest)
        self.numbers[0] = gain
        fill(self.coefficients, 4 * fields[FIRST_SIZE], coefficients, "coefficients")

    cdef Py_ssize_t _size(self, const int64_t *has) except -1:
        if has[KIND] != CASCADE or not 1 <= has[FIRST_SIZE] <= MOST:
            raise ValueError("no state of a cascade, or not 1 to %d sections" % MOST)
        return 8 + (4 * has[FIRST_SIZE] + 7) // 8 * 8 + (2 * has[FIRST_SIZE] + 1) * self.padded

    cdef int _attach(self) except -1:
        self.coefficients = self.numbers + 8
        self.filters = self.coefficients + (4 * self.has[FIRST_SIZE] + 7) // 8 * 8
        self.held = self.filters + 2 * self.has[FIRST_SIZE] * self.padded
        self.code = cascade_for(WIDEST, self.padded)
        return 0

    def use_lanes(self, int lanes):
        """Take the code for vectors of so many doubles; the bits stay the same. For tests and measurements."""
        if lanes not in (2, 4, 8) or lanes > WIDEST:
            raise ValueError("this processor has no code for vectors of %d doubles" % lanes)
        self.code = cascade_for(lanes, self.padded)

    cdef Py_ssize_t _take(self, const unsigned char *bytes, Py_ssize_t frames) noexcept:
        cdef int64_t *has = self.has
        cdef Py_ssize_t channels = has[CHANNELS], now, n, c
        cdef uint64_t everybody = (~<uint64_t>0) >> (64 - channels)
        cdef uint64_t gaps[SEGMENT]
        cdef double *written = self.written
        cdef double *row
        while frames:
            # Segments end where states are looked at for denormal numbers, whatever the chunks.
            now = min(frames, SEGMENT - has[FRAME] % SEGMENT)
            if <uint64_t>has[SETTLED] != everybody:
                now = 1
            decode(bytes, now, has[CHANNELS], self.padded, has[INPUT], self.numbers[0], self.scratch)
            self._hold(now, gaps)
            self.code(self.scratch, now, self.padded, has[FIRST_SIZE], self.coefficients, self.filters)
            for n in range(now):
                row = self.scratch + n * self.padded
                memcpy(written, row, 8 * channels)
                if gaps[n]:
                    for c in range(channels):
                        if gaps[n] >> c & 1:
                            written[c] = NAN
                written += channels
            bytes += now * self.frame_bytes
            frames -= now
            has[FRAME] += now
            if has[FRAME] % SEGMENT == 0:
                for n in range(2 * has[FIRST_SIZE] * self.padded):
                    if fabs(self.filters[n]) < NOTHING:
                        self.filters[n] = 0.0
        return written - self.written

    @cython.final
    cdef void _hold(self, Py_ssize_t frames, uint64_t *gaps) noexcept:
        """Put the last good value where there is none, and settle channels at their first good one."""
        cdef Py_ssize_t n, c
        cdef double *row
        for n in range(frames):
            gaps[n] = 0
            row = self.scratch + n * self.padded
            for c in range(self.has[CHANNELS]):
                if not isfinite(row[c]):
                    gaps[n] |= <uint64_t>1 << c
                    row[c] = self.held[c]
                elif not self.has[SETTLED] >> c & 1:
                    self._settle(c, row[c])
                self.held[c] = row[c]

    @cython.final
    cdef void _settle(self, Py_ssize_t c, double x) noexcept:
        """As if the first good value had stood for ever."""
        cdef Py_ssize_t s
        cdef double y
        cdef double *k
        self.has[SETTLED] |= <int64_t>(<uint64_t>1 << c)
        if not self.has[SETTLES]:
            return
        for s in range(self.has[FIRST_SIZE]):
            k = self.coefficients + 4 * s
            y = x * ((1.0 + k[0] + k[1]) / (1.0 + k[2] + k[3]))
            self.filters[2 * s * self.padded + c] = y - x
            self.filters[(2 * s + 1) * self.padded + c] = k[1] * x - k[3] * y
            x = y


cdef class Decimator(Stream):
    """numbers: taps, then the last inputs [taps][padded] twice over, so that a window is always in one piece."""

    cdef double *ring

    def _new(self, int input, long channels, taps, long factor, Py_ssize_t largest):
        cdef int64_t fields[FIELDS]
        memset(fields, 0, sizeof(fields))
        fields[KIND], fields[INPUT], fields[CHANNELS] = DECIMATOR, input, channels
        fields[FIRST_SIZE], fields[SECOND_SIZE] = len(taps), factor
        self._lay_out(fields, largest)
        fill(self.numbers, len(taps), taps, "taps")

    @property
    def delay_frames(self):
        """The input frame that the first output belongs to."""
        return self.has[FIRST_SIZE] // 2 if self.has != NULL else 0

    cdef Py_ssize_t _size(self, const int64_t *has) except -1:
        if (
            has[KIND] != DECIMATOR
            or not 1 <= has[FIRST_SIZE] <= MOST_TAPS
            or not 1 <= has[SECOND_SIZE] <= MOST_TAPS
            or not 0 <= has[SLOT] < has[FIRST_SIZE]
        ):
            raise ValueError("no state of a decimator, or not 1 to %d taps" % MOST_TAPS)
        return has[FIRST_SIZE] + 2 * has[FIRST_SIZE] * self.padded

    cdef Py_ssize_t _most_written(self, const int64_t *has, Py_ssize_t frames):
        return (frames // has[SECOND_SIZE] + 1) * has[CHANNELS]

    cdef int _attach(self) except -1:
        self.ring = self.numbers + self.has[FIRST_SIZE]
        return 0

    cdef Py_ssize_t _take(self, const unsigned char *bytes, Py_ssize_t frames) noexcept:
        cdef int64_t *has = self.has
        cdef Py_ssize_t taps = has[FIRST_SIZE], now, n
        cdef double *written = self.written
        while frames:
            now = min(frames, <Py_ssize_t>SEGMENT)
            decode(bytes, now, has[CHANNELS], self.padded, has[INPUT], 1.0, self.scratch)
            for n in range(now):
                memcpy(self.ring + has[SLOT] * self.padded, self.scratch + n * self.padded, 8 * self.padded)
                memcpy(self.ring + (has[SLOT] + taps) * self.padded, self.scratch + n * self.padded, 8 * self.padded)
                has[SLOT] = has[SLOT] + 1 if has[SLOT] + 1 < taps else 0
                has[FRAME] += 1
                if has[FRAME] >= taps and (has[FRAME] - taps) % has[SECOND_SIZE] == 0:
                    weigh(self.numbers, taps, self.ring + has[SLOT] * self.padded, has[CHANNELS], self.padded, written)
                    written += has[CHANNELS]
            bytes += now * self.frame_bytes
            frames -= now
        return written - self.written


cdef class Median(Stream):
    """numbers: the last inputs [window][padded], then the good ones sorted [channels][window], their counts."""

    cdef double *sorted
    cdef double *counts

    def _new(self, int input, long channels, long window, Py_ssize_t largest):
        cdef int64_t fields[FIELDS]
        memset(fields, 0, sizeof(fields))
        fields[KIND], fields[INPUT], fields[CHANNELS], fields[FIRST_SIZE] = MEDIAN, input, channels, window
        self._lay_out(fields, largest)

    cdef Py_ssize_t _size(self, const int64_t *has) except -1:
        if (
            has[KIND] != MEDIAN
            or not 1 <= has[FIRST_SIZE] <= LONGEST_MEDIAN
            or has[FIRST_SIZE] % 2 == 0
            or not 0 <= has[SLOT] < has[FIRST_SIZE]
            or not 0 <= has[FILLED] <= has[FIRST_SIZE]
        ):
            raise ValueError("no state of a median, or not an odd window of 1 to %d frames" % LONGEST_MEDIAN)
        return has[FIRST_SIZE] * self.padded + has[CHANNELS] * has[FIRST_SIZE] + has[CHANNELS]

    cdef int _attach(self) except -1:
        self.sorted = self.numbers + self.has[FIRST_SIZE] * self.padded
        self.counts = self.sorted + self.has[CHANNELS] * self.has[FIRST_SIZE]
        return 0

    cdef Py_ssize_t _take(self, const unsigned char *bytes, Py_ssize_t frames) noexcept:
        cdef int64_t *has = self.has
        cdef Py_ssize_t window = has[FIRST_SIZE], now, n, c
        cdef double *written = self.written
        cdef double *oldest
        cdef double *values
        cdef double value
        while frames:
            now = min(frames, <Py_ssize_t>SEGMENT)
            decode(bytes, now, has[CHANNELS], self.padded, has[INPUT], 1.0, self.scratch)
            for n in range(now):
                oldest = self.numbers + has[SLOT] * self.padded
                for c in range(has[CHANNELS]):
                    value = self.scratch[n * self.padded + c]
                    values = self.sorted + c * window
                    self.counts[c] = exchanged(
                        values, <Py_ssize_t>self.counts[c], window, oldest[c] if has[FILLED] == window else NAN, value
                    )
                    oldest[c] = value
                has[SLOT] = has[SLOT] + 1 if has[SLOT] + 1 < window else 0
                has[FILLED] = min(has[FILLED] + 1, window)
                if has[FILLED] == window:
                    for c in range(has[CHANNELS]):
                        written[c] = middle(self.sorted + c * window, <Py_ssize_t>self.counts[c])
                    written += has[CHANNELS]
            has[FRAME] += now
            bytes += now * self.frame_bytes
            frames -= now
        return written - self.written

    cdef void _restored(self) noexcept:
        """Counts are whole and within the window, whatever the state says."""
        cdef Py_ssize_t c
        for c in range(self.has[CHANNELS]):
            if not 0.0 <= self.counts[c] <= self.has[FIRST_SIZE]:  # a NaN is not
                self.counts[c] = 0.0
            self.counts[c] = floor(self.counts[c])
