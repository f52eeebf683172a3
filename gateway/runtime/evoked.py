"""The pulses that reach a stimulated muscle, and its responses to them, out of the EMG of a hub.

Theory of operation
-------------------
A watch looks at one EMG channel for one session: each packet goes through ``dsp.pulse_responses``, which
finds the artifact of each pulse and measures what follows it.  ``PulseWatch`` counts the artifacts, in any
session of stimulation for which the site says what one looks like.  ``ResponseWatch`` is a closed loop's, and
measures the responses too.  Of several in one packet the highest counts.

- *no artifact* means that no pulse reaches the muscle, whatever the stimulator says of itself: nothing is
  told, and ``Counts`` show that too few came;
- *saturated* means that an amplifier stood at its end while the response should have come: it is more than
  can be told (``BEYOND``);
- *noisy*: what stands in the signal where no pulse is (hum, a muscle that moves by itself) could pass for a
  response; the loop is told nothing;
- *flat* is as silent: an amplifier that is connected has noise, and ``heard_ms`` is when it last moved;
- frames that are missing end the sweep that is under way: it is told nothing of that pulse.

Units: uV, ms; counts of the hub's EMG stream.
"""

from struct import unpack_from
from typing import NamedTuple

from drivers.host import Block, Stream
from dsp.pulse_responses import NO_RESPONSE, SATURATED, PulseResponses
from firmware_bridge.hub import MOST_FRAMES
from gateway.model import Sample
from gateway.therapy.prescription import Sweep

LEAST_RATE_HZ = 1_000
"""Slower, and a response is a handful of samples."""
LONGEST_TAIL_MS = 30
"""After an artifact no other is looked for so long, or for half of the time to the next pulse: its own second
half, its tail and the M-wave are none (an M-wave of a quadriceps lasts that long: from memory)."""
CALM_FACTOR = 2
"""A response is at least so many times what stands in the signal without a pulse (engineering proposal)."""
BEYOND = -1
"""An answer that is more than its sensor can tell."""

NEEDED = f"that needs 16 bits, volts, and {LEAST_RATE_HZ} samples a second or more"

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


class Counts(NamedTuple):
    """What a watch has seen since it began: artifacts, responses, what may hide them, and for how long.

    ``saturated`` are pulses of which nobody can say what the muscle made, or, where only pulses are counted,
    packets that touch an end: another pulse may be hidden there.
    """

    pulses: int = 0
    answered: int = 0
    saturated: int = 0
    sampled_ms: int = 0


class Look(NamedTuple):
    """A sensor of the muscle: its newest answer and when that came, when it was last heard.

    ``answer`` is ``None`` before the first.  ``noisy``: what stands in the EMG without a pulse could pass for
    a response.
    """

    answer: int | None
    answer_ms: int
    heard_ms: int
    counts: Counts = Counts()
    noisy: bool = False


class Looks(NamedTuple):
    """What looks at the muscle, and what looks at the pulses that reach it."""

    muscle: Look | None
    pulses: Look | None


class PulseWatch:
    """One channel of EMG in one session: how many pulses it has shown, and when it was last alive."""

    __slots__ = ("_emg", "_frames", "_railed", "_responses", "heard_ms")

    def __init__(self, emg: Emg, sweep: Sweep) -> None:
        self._emg, self._responses = emg, responses(emg, sweep)
        self._frames = self._railed = 0
        self.heard_ms: int | None = None

    @property
    def counts(self) -> Counts:
        """Everything so far."""
        return Counts(self._responses.pulses, 0, self._railed, self._sampled_ms)

    @property
    def _sampled_ms(self) -> int:
        return round(self._frames * 1_000 / self._emg.rate_hz)

    def look(self) -> Look | None:
        """What it says now; ``None`` before its first sign of life."""
        return None if self.heard_ms is None else Look(None, self.heard_ms, self.heard_ms, self.counts)

    def restart(self) -> None:
        """The signal was interrupted: what is under way is nobody's."""
        self._responses.restart()

    def take(self, block: Block, now: int) -> int | None:
        """Take these samples; ``None``: what the muscle answers is not looked at."""
        self._push(block, now)
        emg = self._emg
        samples = unpack_from(f"<{block.frames * emg.channels}h", block.data)[emg.channel :: emg.channels]
        self._railed += max(samples) >= emg.ends[1] or min(samples) <= emg.ends[0]
        return None

    def _push(self, block: Block, now: int) -> int:
        """How many responses these samples complete."""
        found = self._responses
        if block.missing:
            found.restart()
        number = found.push(block.data)
        self._frames += block.frames
        if found.still < block.frames:
            self.heard_ms = now
        return int(number)


class ResponseWatch(PulseWatch):
    """The responses of one session's muscle, for a loop on them."""

    __slots__ = ("_answered", "_least_uv", "_saturated", "newest")

    def __init__(self, emg: Emg, sweep: Sweep) -> None:
        super().__init__(emg, sweep)
        self._least_uv = sweep.least_uv
        self._answered = self._saturated = 0
        self.newest: Sample | None = None

    @property
    def counts(self) -> Counts:
        """Everything so far."""
        return Counts(self._responses.pulses, self._answered, self._saturated, self._sampled_ms)

    @property
    def noisy(self) -> bool:
        """Whether the signal without a pulse is not well below a response, or was never seen."""
        calm = self._responses.calm
        return calm < 0 or CALM_FACTOR * calm * self._emg.uv > self._least_uv

    def look(self) -> Look | None:
        """What it says now; ``None`` before its first sign of life."""
        if self.heard_ms is None:
            return None
        newest = self.newest or Sample(None, self.heard_ms)
        return Look(newest.value, newest.arrived_ms, self.heard_ms, self.counts, self.noisy)

    def take(self, block: Block, now: int) -> int | None:
        """The highest response that these samples complete, from peak to peak; 0: a pulse without one.

        ``BEYOND``: one is more than the amplifier can tell.
        """
        number = self._push(block, now)
        if not number or self.noisy:
            return None
        return self._told(list(self._responses.out[:number]), now)

    def _told(self, counts: list[float], now: int) -> int:
        self._saturated += counts.count(SATURATED)
        self._answered += sum(count > NO_RESPONSE for count in counts)
        if SATURATED in counts:
            return BEYOND
        peak_to_peak_uv = round(max(counts) * self._emg.uv)
        self.newest = Sample(peak_to_peak_uv, now)
        return peak_to_peak_uv


def misfit(emg: Emg, artifact_uv: int, highest_uv: int = 0) -> str:
    """Why this EMG cannot show such an artifact, and responses up to this height; empty where it can."""
    half_uv = (emg.ends[1] - emg.ends[0]) * emg.uv / 2
    for what, uv in (("an artifact", artifact_uv), ("a response", highest_uv)):
        if uv >= half_uv:
            return f"{what} of {uv} uV does not fit into an EMG that ends {half_uv:.0f} uV from its zero"
    return ""


def pulses_alone(artifact_uv: int, frequency_dhz: int) -> Sweep:
    """A sweep that finds the pulses of this frequency, and no responses."""
    rest_ms = min(LONGEST_TAIL_MS, max(2, 5_000 // frequency_dhz))
    return Sweep(artifact_uv, 0, rest_ms, artifact_uv)


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
