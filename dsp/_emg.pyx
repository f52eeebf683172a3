# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The kernel of ``dsp.emg``: see there for what it computes; the arithmetic stands in ``_emg_wide.h``.

``push`` takes one positional argument and reads bytes without a buffer view: what a call costs beside its
arithmetic is what counts at one frame a call.
"""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int16_t, int64_t
from libc.string cimport memcpy, memset

from dsp._chunk cimport INT16, fill, hold, is_usual, room, room_of, shown


cdef extern from "stdlib.h" nogil:
    int posix_memalign(void **, size_t, size_t)
    void free(void *)


cdef extern from "_emg_chain.h" nogil:
    enum:
        EMG_MAGIC
        EMG_MARKS
        EMG_MOST_CHANNELS
        EMG_SEGMENT
        EMG_FLAT
        EMG_SATURATED

    ctypedef struct EmgFields:
        int64_t magic, channels, sections, block_frames, window_blocks
        int64_t hold_blocks, release_blocks, before_frames, after_frames
        double gain
        int64_t frame, in_block, clean, slot, blocks, settled, blank_until, late, marks, first_mark
        int64_t mark[64]

    ctypedef struct EmgChain:
        EmgFields fields "is"
        long padded, padded16
        double *coefficients
        double *filters
        double *held
        double *one
        double *two
        double *energy
        double *teager
        double *threshold
        double *ring
        double *ring_clean
        int64_t *above
        int64_t *below
        int64_t *active
        int16_t *low
        int16_t *high
        double *samples
        double *out

    ctypedef long (*EmgPush)(EmgChain *, const unsigned char *, long) noexcept
    int widest_lanes()
    EmgPush emg_push_for(int lanes, long padded)

    long HAS_WIDER

FLAT = EMG_FLAT
SATURATED = EMG_SATURATED
MOST_CHANNELS = EMG_MOST_CHANNELS
MOST_MARKS = EMG_MARKS
WIDEST_LANES = widest_lanes()

cdef enum:
    MOST_SECTIONS = 64
    MOST_BLOCKS = 4096
    MOST_FRAMES = 1 << 24  # of a block, of a blanked stretch
    MOST_CHUNK = 1 << 26


cdef inline size_t _whole(size_t count) noexcept:
    """So many doubles that what follows begins at a cache line."""
    return (count + 7) // 8 * 8


cdef int _check(EmgFields *has, long largest_chunk) except -1:
    """Everything that memory and loops rely on, of a new kernel and of a state that somebody hands in."""
    if (
        has.magic != EMG_MAGIC
        or not 1 <= has.channels <= EMG_MOST_CHANNELS
        or not 1 <= has.sections <= MOST_SECTIONS
        or not 2 <= has.block_frames <= MOST_FRAMES
        or not 1 <= has.window_blocks <= MOST_BLOCKS
        or not 1 <= has.hold_blocks <= MOST_BLOCKS
        or not 1 <= has.release_blocks <= MOST_BLOCKS
        or not 0 <= has.before_frames <= MOST_FRAMES
        or not 0 <= has.after_frames <= MOST_FRAMES
        or not 0 <= has.in_block < has.block_frames
        or not 0 <= has.clean <= has.in_block
        or not 0 <= has.slot < has.window_blocks
        or not 0 <= has.blocks <= has.window_blocks
        or not 0 <= has.marks <= EMG_MARKS
        or not 0 <= has.first_mark < EMG_MARKS
        or has.frame < 0
    ):
        raise ValueError("no state of an EMG chain, or numbers out of range for one")
    if not 1 <= largest_chunk <= MOST_CHUNK:
        raise ValueError("the largest chunk must be 1 to %d frames, not %d" % (MOST_CHUNK, largest_chunk))
    return 0


cdef class Chain:
    """Counts and gains as in ``dsp.emg.EmgChain``, which checks and names them.

    ``sections``: b1, b2, a1, a2 of each second-order section, a buffer of doubles; b0 is 1.
    """

    cdef EmgChain chain
    cdef EmgPush code
    cdef double *memory
    cdef size_t doubles
    cdef Py_ssize_t frame_bytes, usual_bytes, usual_frames
    cdef readonly Py_ssize_t largest_chunk
    cdef readonly object out
    cdef object _room

    def __cinit__(self):
        memset(&self.chain, 0, sizeof(EmgChain))
        self.memory = NULL
        self.usual_bytes = -1  # not even an empty chunk, before it was made

    def __dealloc__(self):
        free(self.memory)

    def _new(self, counts, double gain, sections, long largest_chunk):
        """Lay out a kernel that has seen nothing."""
        cdef EmgFields *has = &self.chain.fields
        has.magic = EMG_MAGIC
        has.channels, has.sections, has.block_frames, has.window_blocks = counts[0], len(sections) // 4, counts[1], counts[2]
        has.hold_blocks, has.release_blocks, has.before_frames, has.after_frames = counts[3:]
        has.gain = gain
        self._lay_out(largest_chunk)
        cdef long c
        fill(self.chain.coefficients, 4 * has.sections, sections, "coefficients")
        for c in range(self.chain.padded):
            self.chain.threshold[c] = float("inf")
        for c in range(self.chain.padded16):
            self.chain.low[c] = 32767
            self.chain.high[c] = -32768

    @classmethod
    def resumed(cls, largest_chunk, state):
        """Continue from what ``state()`` returned. ``ValueError`` for what is no such state."""
        chain = cls.__new__(cls)
        chain._resume(state, largest_chunk)
        return chain

    def _resume(self, state, long largest_chunk):
        """Lay out a kernel and fill it from what ``state()`` returned."""
        held = bytes(memoryview(state))
        cdef size_t size = len(held)
        cdef const char *given = held
        if size < sizeof(EmgFields):
            raise ValueError("a state of %d bytes is shorter than that of any EMG chain" % size)
        memcpy(&self.chain.fields, given, sizeof(EmgFields))
        self._lay_out(largest_chunk)
        if size != sizeof(EmgFields) + 8 * self.doubles:
            raise ValueError(
                "this state of an EMG chain must have %d bytes, it has %d"
                % (sizeof(EmgFields) + 8 * self.doubles, size)
            )
        memcpy(self.memory, given + sizeof(EmgFields), 8 * self.doubles)

    cdef int _lay_out(self, long largest_chunk) except -1:
        cdef EmgChain *chain = &self.chain
        cdef EmgFields *has = &chain.fields
        if self.memory != NULL:
            raise ValueError("an EMG chain is made once")
        _check(has, largest_chunk)
        chain.padded = (has.channels + 3) // 4 * 4
        chain.padded16 = (has.channels + 7) // 8 * 8
        cdef size_t lane = _whole(chain.padded)
        cdef size_t sizes[15]
        sizes[:] = [
            _whole(4 * has.sections), _whole(2 * has.sections * chain.padded), lane, lane, lane, lane, lane, lane,
            _whole(has.window_blocks * chain.padded), _whole(has.window_blocks), lane, lane, lane, lane, lane,
        ]
        cdef size_t total = 0
        cdef int i
        for i in range(15):
            total += sizes[i]
        self.doubles = total
        cdef size_t scratch = EMG_SEGMENT * chain.padded
        if posix_memalign(<void **>&self.memory, 64, 8 * (total + scratch)):
            self.memory = NULL
            raise MemoryError
        memset(self.memory, 0, 8 * (total + scratch))
        cdef double **numbers = &chain.coefficients
        cdef double *at = self.memory
        for i in range(10):
            numbers[i] = at
            at += sizes[i]
        chain.above, chain.below, chain.active = <int64_t *>at, <int64_t *>(at + lane), <int64_t *>(at + 2 * lane)
        chain.low, chain.high = <int16_t *>(at + 3 * lane), <int16_t *>(at + 4 * lane)
        chain.samples = at + 5 * lane
        # A vector may write past a row's last channel: 8 numbers more than the rows need.
        rows = largest_chunk // has.block_frames + 1
        self._room = room(rows * (4 * has.channels + 1) + 8)
        self.out, chain.out = shown(self._room), room_of(self._room)
        self.code = emg_push_for(WIDEST_LANES, chain.padded)
        self.frame_bytes = 2 * has.channels
        self.largest_chunk = largest_chunk
        return 0

    def push(self, chunk):
        """Take whole frames of int16; return how many numbers stand in ``out``."""
        if is_usual(chunk, self.usual_bytes):
            return self.code(&self.chain, <const unsigned char *>PyBytes_AS_STRING(chunk), self.usual_frames)
        return self._held(chunk)

    @cython.final
    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames
        if self.memory == NULL:
            raise ValueError("an EMG chain that was never made takes no chunk")
        frames = hold(chunk, &view, INT16, self.frame_bytes, self.largest_chunk)
        self.usual_bytes, self.usual_frames = view.len, frames
        frames = self.code(&self.chain, <const unsigned char *>view.buf, frames)
        PyBuffer_Release(&view)
        return frames

    def state(self):
        """All there is to know, in the byte order of this machine."""
        cdef EmgFields *has = &self.chain.fields
        if self.memory == NULL:
            raise ValueError("an EMG chain that was never made has no state")
        return (<char *>has)[: sizeof(EmgFields)] + (<char *>self.memory)[: 8 * self.doubles]

    def stimulus(self, int64_t frame):
        """Blank around a pulse at ``frame``, counted from 0; pulses come in order of time."""
        cdef EmgFields *has = &self.chain.fields
        cdef int64_t last = 0
        if has.marks:
            last = has.mark[(has.first_mark + has.marks - 1) % EMG_MARKS]
        if frame < last or self.memory == NULL:
            raise ValueError("a stimulus at frame %d after one at frame %d: they come in order" % (frame, last))
        if has.marks == EMG_MARKS:
            raise ValueError("%d stimuli are waiting for their frames: push frames first" % EMG_MARKS)
        has.late += frame - has.before_frames < has.frame
        has.mark[(has.first_mark + has.marks) % EMG_MARKS] = frame
        has.marks += 1

    def set_threshold(self, int channel, double threshold):
        """The mean Teager-Kaiser energy of a block above which a channel may become active."""
        if self.memory == NULL or not 0 <= channel < self.chain.fields.channels:
            raise ValueError("there is no channel %d" % channel)
        if not threshold >= 0.0:
            raise ValueError("a threshold of %r: it must be a number of at least 0" % threshold)
        self.chain.threshold[channel] = threshold

    def use_lanes(self, int lanes):
        """Take the code for vectors of so many doubles; the bits stay the same. For tests and measurements."""
        if lanes not in (2, 4, 8) or lanes > WIDEST_LANES:
            raise ValueError("this processor has no code for vectors of %d doubles" % lanes)
        self.code = emg_push_for(lanes, self.chain.padded)

    @property
    def frames(self):
        """Frames taken so far."""
        return self.chain.fields.frame

    @property
    def late_stimuli(self):
        """Stimuli that were told after the first frame that they should have blanked."""
        return self.chain.fields.late

    @property
    def waiting_stimuli(self):
        """Stimuli whose frames have not come; at most ``MOST_MARKS`` may wait."""
        return self.chain.fields.marks

    @property
    def blank_before(self):
        return self.chain.fields.before_frames

    @property
    def channels(self):
        return self.chain.fields.channels

    @property
    def row_length(self):
        """Numbers that a finished block writes: four for each channel, and how many frames were clean."""
        return 4 * self.chain.fields.channels + 1
