"""What a pair of EMG electrodes over a stimulated muscle picks up: artifacts, M-waves and noise.

Theory of operation
-------------------
Each pulse of a train leaves two things in the signal.  Its *artifact* comes at once, in proportion to the
current in the tissue: a pulse has two phases, each shorter than a sample, so it is one sample up, one down,
and a tail that dies away.  The *M-wave* comes ``LATENCY_S`` later, one turn up and one down within
``LONG_S``; its height is that of the muscle that was recruited (``muscle.recruited``), less what fatigue
takes: half of what it takes of the force.  Where pulses follow each other closely, what they leave adds up.

What comes is kept ahead (``_ahead``), sample by sample, so that it does not matter in how many calls it is
read.  A train that begins, begins with a pulse; its frequency need not divide the rate of sampling.

Units: uV, uA, s, samples.  Source: latency, length and shape of the M-wave are chosen; its 25 to 30 ms to the
very end in a quadriceps are from memory, and what is chosen here is shorter, so that a window can hold it.
"""

import random
from collections import deque
from math import exp, pi, sin

from gateway.simulation.models import Muscle
from gateway.simulation.muscle import Train, recruited

RATE_HZ = 2_000
LATENCY_S = 0.005
LONG_S = 0.015
_AHEAD_S = 0.04
_TAIL_SHARE = 0.02
"""Of the artifact, when its second phase is over: chosen."""


class EvokedEmg:
    """The voltage, sample after sample."""

    __slots__ = ("_ahead", "_artifact", "_draw", "_model", "_phase", "_wave")

    def __init__(self, model: Muscle, seed: str) -> None:
        self._model = model
        self._draw = random.Random(seed).gauss
        self._artifact = _artifact(model.artifact_tail_s)
        self._wave = _wave()
        self._ahead = deque([0.0] * len(self._wave))
        self._phase: float | None = None

    def samples(self, number: int, train: Train, current_ua: int, capacity: float) -> list[float]:
        """So many more, uV, while this train goes on with this amplitude in the tissue.

        ``capacity``: what share of its fresh force the muscle can give.
        """
        noise_uv = self._model.emg_noise_uv
        found = []
        for _ in range(number):
            if self._pulses(train, current_ua):
                self._stimulate(train, current_ua, capacity)
            found.append(self._ahead.popleft() + self._draw(0.0, noise_uv))
            self._ahead.append(0.0)
        return found

    def _pulses(self, train: Train, current_ua: int) -> bool:
        """Whether a pulse falls on this sample."""
        if not current_ua or not train.frequency_hz:
            self._phase = None
            return False
        phase = 1.0 if self._phase is None else self._phase + train.frequency_hz / RATE_HZ
        self._phase = phase % 1.0
        return phase >= 1.0

    def _stimulate(self, train: Train, current_ua: int, capacity: float) -> None:
        artifact_uv = self._model.artifact_uv_ma * current_ua * 1e-3
        wave_uv = self._model.mwave_uv * recruited(self._model, train, current_ua) * (1.0 + capacity) / 2.0
        ahead = self._ahead
        for at, (artifact, wave) in enumerate(zip(self._artifact, self._wave, strict=True)):
            ahead[at] += artifact_uv * artifact + wave_uv * wave


def _artifact(tail_s: float) -> list[float]:
    """One phase, the other, and what is left of both."""
    tail = [_TAIL_SHARE * exp(-at / (RATE_HZ * tail_s)) for at in range(_samples(_AHEAD_S) - 2)]
    return [1.0, -1.0, *tail]


def _wave() -> list[float]:
    """A response of 1 from peak to peak, in the samples after its pulse."""
    long = _samples(LONG_S)
    turns = [sin(2.0 * pi * at / long) * sin(pi * at / long) for at in range(long)]
    height = max(turns) - min(turns)
    before = [0.0] * _samples(LATENCY_S)
    after = [0.0] * (_samples(_AHEAD_S) - len(before) - long)
    return [*before, *(turn / height for turn in turns), *after]


def _samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)
