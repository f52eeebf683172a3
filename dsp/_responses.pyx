# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False, cdivision=True
"""The loop of ``dsp.pulse_responses``: see there for what it finds, its units and its state."""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int16_t, int64_t
from libc.string cimport memcpy, memset

from dsp._chunk cimport INT16, hold, is_usual, restore, room, room_of, shown

cdef enum:
    NO_PULSE = -1

# What stands in a state: first what the kernel is made for, then where it is.
cdef struct State:
    int64_t channels, channel, artifact, begin, end, rest, least, floor, ceiling
    int64_t pulses, since, has_last, ever, last, still
    int64_t low, high, rise, fall, saturated
    int64_t rested, calm_low, calm_high, calm

cdef enum:
    MADE_FOR = 9 * sizeof(int64_t)


cdef class Responses:
    """One channel's pulses and responses; ``dsp.pulse_responses.PulseResponses`` is its face."""

    cdef readonly object out
    cdef object _room
    cdef State _state
    cdef Py_ssize_t _frame_bytes, _largest_chunk, _usual_bytes, _usual_frames

    def __cinit__(
        self, Py_ssize_t largest_chunk, Py_ssize_t channels, Py_ssize_t channel, Py_ssize_t artifact,
        Py_ssize_t begin, Py_ssize_t end, Py_ssize_t rest, Py_ssize_t least,
        Py_ssize_t floor, Py_ssize_t ceiling,
    ):
        if not (largest_chunk >= 1 and 0 <= channel < channels <= 64):
            raise ValueError("channel %d of %d, chunks of %d: not so" % (channel, channels, largest_chunk))
        if not 0 < begin < end <= rest:
            raise ValueError(
                "a window from %d to %d and a rest of %d: it must begin after the artifact, end later, and be "
                "over before another pulse is looked for" % (begin, end, rest)
            )
        if not (artifact >= 1 and least >= 1 and floor < ceiling):
            raise ValueError(
                "artifact %d, least %d must be positive, and the converter end above %d, not at %d"
                % (artifact, least, floor, ceiling)
            )
        memset(&self._state, 0, sizeof(State))
        self._state.channels, self._state.channel = channels, channel
        self._state.artifact, self._state.least = artifact, least
        self._state.floor, self._state.ceiling = floor, ceiling
        self._state.begin, self._state.end, self._state.rest = begin, end, rest
        self._state.since = self._state.calm = NO_PULSE
        self._frame_bytes, self._largest_chunk = 2 * channels, largest_chunk
        self._usual_bytes = -1
        self._room = room(largest_chunk // rest + 1)
        self.out = shown(self._room)

    @property
    def pulses(self):
        """Artifacts since the start."""
        return self._state.pulses

    @property
    def still(self):
        """Samples since the signal last changed."""
        return self._state.still

    @property
    def calm(self):
        """From peak to peak, the last stretch as long as a window in which no pulse was; -1 before the first."""
        return self._state.calm

    def state(self):
        """All there is to know, in the byte order of this machine."""
        return (<char*>&self._state)[:sizeof(State)]

    def restore(self, bytes state not None):
        """Go on from ``state()`` of the same kind."""
        cdef State given
        restore(&given, sizeof(State), state)
        if (<char*>&given)[:MADE_FOR] != (<char*>&self._state)[:MADE_FOR]:
            raise ValueError("this state is of other channels, another window or other thresholds")
        self._state = given

    def restart(self):
        """Samples are missing here: forget the sweep under way and the last sample."""
        self._state.since, self._state.has_last = NO_PULSE, 0
        self._state.rested = -self._state.rest  # what follows may be of a pulse that nobody saw

    def push(self, chunk):
        """Take whole frames of int16; return how many responses were written to ``out``."""
        if is_usual(chunk, self._usual_bytes):
            return _push(&self._state, PyBytes_AS_STRING(chunk), self._usual_frames, room_of(self._room))
        return self._held(chunk)

    @cython.final
    cdef Py_ssize_t _held(self, chunk) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t frames = hold(chunk, &view, INT16, self._frame_bytes, self._largest_chunk)
        cdef Py_ssize_t written
        self._usual_bytes, self._usual_frames = view.len, frames
        written = _push(&self._state, <const char*>view.buf, frames, room_of(self._room))
        PyBuffer_Release(&view)
        return written


cdef Py_ssize_t _push(State* state, const char* frame, Py_ssize_t frames, double* out) noexcept nogil:
    cdef Py_ssize_t nth, written = 0, frame_bytes = 2 * state.channels
    cdef int16_t sample
    frame += 2 * state.channel
    for nth in range(frames):
        memcpy(&sample, frame, 2)
        frame += frame_bytes
        if state.since != NO_PULSE:
            state.since += 1
            if state.begin <= state.since < state.end:
                _look(state, sample)
                if state.since == state.end - 1:
                    out[written] = _response(state)
                    written += 1
        state.still = state.still + 1 if state.ever and sample == state.last else 0
        if state.has_last and _steps(state, sample):
            state.pulses += 1
            state.since = state.rested = 0
        elif state.since == NO_PULSE or state.since >= state.rest:
            _rest(state, sample)
        state.last, state.has_last, state.ever = sample, 1, 1
    return written


cdef inline bint _steps(const State* state, int64_t sample) noexcept nogil:
    """Does an artifact begin with this sample?"""
    cdef int64_t step = sample - state.last
    if state.since != NO_PULSE and state.since < state.rest:
        return False
    return step >= state.artifact or -step >= state.artifact


cdef inline void _look(State* state, int64_t sample) noexcept nogil:
    """One sample of the window."""
    if state.since == state.begin:
        state.low = state.high = sample
        state.rise = state.fall = state.saturated = 0
    state.rise = max(state.rise, sample - state.low)
    state.fall = max(state.fall, state.high - sample)
    state.low, state.high = min(state.low, sample), max(state.high, sample)
    if sample <= state.floor or sample >= state.ceiling:
        state.saturated = 1


cdef inline void _rest(State* state, int64_t sample) noexcept nogil:
    """One sample without a pulse."""
    if state.rested < 0:
        state.rested += 1
        return
    if state.rested == 0:
        state.calm_low = state.calm_high = sample
    state.calm_low, state.calm_high = min(state.calm_low, sample), max(state.calm_high, sample)
    state.rested += 1
    if state.rested == state.end - state.begin:
        state.calm, state.rested = state.calm_high - state.calm_low, 0


cdef inline double _response(const State* state) noexcept nogil:
    """What the whole window was."""
    if state.saturated:
        return -1.0
    if state.rise < state.least or state.fall < state.least:
        return 0.0
    return state.high - state.low
