"""The evoked responses of a stimulated muscle, out of the EMG of a hub.

Theory of operation
-------------------
``Watch`` looks at one EMG channel for one session: each packet goes through ``dsp.pulse_responses``, which
finds the artifact of each pulse and measures what follows it.  What it says of a pulse is at most a packet
old when the last sample of its window has arrived, and at most a few packets end a window at a time: only the
newest counts.

- *no artifact* means that no pulse reaches the muscle, whatever the stimulator says of itself: nothing is
  told, and the contraction is one without response;
- *saturated* means that an amplifier stood at its end while the response should have come: nobody can say,
  and the loop is told nothing;
- *flat* is as silent: an amplifier that is connected has noise, and ``heard_ms`` is when it last moved;
- frames that are missing end the sweep that is under way: it is told nothing of that pulse.

Units: uV, ms; counts of the hub's EMG stream.
"""

from typing import NamedTuple

from drivers.host import Block, Stream
from dsp.pulse_responses import SATURATED, PulseResponses
from gateway.model import Sample
from gateway.therapy.prescription import Sweep

LEAST_RATE_HZ = 1_000
"""Slower, and a response is a handful of samples."""
MOST_FRAMES = 1_024
"""More than any packet brings."""

NEEDED = f"a loop needs 16 bits, volts, and {LEAST_RATE_HZ} samples a second or more"

_UV = {"uV": 1.0, "mV": 1_000.0}
_FULL_SCALE = 32_767


class Emg(NamedTuple):
    """How a hub tells its EMG; ``channel`` counts from 0 and lies over the stimulated muscle.

    ``ends``: where its converter ends.  One that counts from 0 has its zero in the middle (12 bits: 0 to
    4095, zero 2048); one with its zero at 0 has all of int16.
    """

    channels: int
    channel: int
    rate_hz: float
    uv: float
    ends: tuple[int, int] = (-_FULL_SCALE, _FULL_SCALE)


def emg_in(stream: Stream, channel: int) -> Emg | None:
    """How this stream tells it; ``None`` for one that a loop cannot use, or that has no such channel."""
    fit = stream.name == "emg" and stream.sample == "int16" and stream.rate_hz >= LEAST_RATE_HZ
    if not fit or channel >= len(stream.channels):
        return None
    told = stream.channels[channel]
    if told.unit not in _UV or told.scale <= 0.0:
        return None
    zero = round(-told.offset / told.scale)
    ends = (0, 2 * zero - 1) if zero > 0 else (-_FULL_SCALE, _FULL_SCALE)
    return Emg(len(stream.channels), channel, stream.rate_hz, told.scale * _UV[told.unit], ends)


class Look(NamedTuple):
    """A sensor of the muscle: its newest answer and when that came, when it was last heard.

    ``answer`` is ``None`` before the first.  ``saturated_ms``: when the newest pulse came, where the
    amplifier stood at its end and nobody can say what the muscle did.
    """

    answer: int | None
    answer_ms: int
    heard_ms: int
    saturated_ms: int | None = None


class Watch:
    """The responses of one session's muscle."""

    __slots__ = ("_emg", "_responses", "heard_ms", "newest", "saturated_ms")

    def __init__(self, emg: Emg, sweep: Sweep) -> None:
        self._emg = emg
        self._responses = responses(emg, sweep)
        self.newest: Sample | None = None
        self.heard_ms: int | None = None
        self.saturated_ms: int | None = None

    @property
    def pulses(self) -> int:
        """How many artifacts there were so far."""
        return self._responses.pulses

    def take(self, block: Block, now: int) -> int | None:
        """The newest response that these samples complete, from peak to peak; 0: a pulse without one."""
        found = self._responses
        if block.missing:
            found.restart()
        number = found.push(block.data)
        if found.still < block.frames:
            self.heard_ms = now
        if not number:
            return None
        counts = found.out[number - 1]
        if counts == SATURATED:
            self.saturated_ms = now
            return None
        self.saturated_ms = None
        peak_to_peak_uv = round(counts * self._emg.uv)
        self.newest = Sample(peak_to_peak_uv, now)
        return peak_to_peak_uv


def responses(emg: Emg, sweep: Sweep) -> PulseResponses:
    """The kernel for this sweep, in samples and counts."""
    begin, end = (max(1, round(ms * emg.rate_hz / 1_000)) for ms in (sweep.begin_ms, sweep.end_ms))
    return PulseResponses(
        MOST_FRAMES,
        emg.channels,
        emg.channel,
        artifact=_counts(sweep.artifact_uv, emg),
        begin=begin,
        end=end,
        rest=end,
        least=_counts(sweep.least_uv, emg),
        floor=emg.ends[0],
        ceiling=emg.ends[1],
    )


def _counts(uv: int, emg: Emg) -> int:
    return max(1, round(uv / emg.uv))
