"""Sensors that read the truth with noise, drift and defects.

Theory of operation
-------------------
A sensor draws its noise when it is read, from a generator of its own, and keeps the value for that
instant: reading twice at one instant gives the same, and reading one sensor never changes another.  A
defect (``defects.SensorDefect``) acts on the next reading.  A slow wander is redrawn once for every
second that has passed, so it does not depend on how often it is looked at.

Units: 0.1 mmHg, per mille, mN as integers; the truth in mmHg, percent and N.
"""

import random

from gateway.simulation.defects import SensorDefect
from gateway.simulation.models import Limb

WANDER_MS = 1000

# a difference of two uniform draws has variance 1/6, one centred uniform draw 1/12
_TRIANGLE = 6.0**0.5
_UNIFORM = 12.0**0.5

_HIGHEST_SATURATION = 1000
_HIGHEST_HAEMOGLOBIN = 9999

_SPIKE_SHARE = 0.05
"""How many readings of a spiking sensor are spikes: chosen."""


class PressureSensor:
    """One pressure sensor of the controller."""

    __slots__ = ("_draw", "_read_ms", "_scale", "_value")

    def __init__(self, seed: str, noise_mmhg: float) -> None:
        self._draw = random.Random(seed).random
        self._scale = 10.0 * noise_mmhg * _TRIANGLE
        self._read_ms = -1
        self._value = 0

    def read(self, now_ms: int, mmhg: float, defect: SensorDefect) -> int | None:
        """What it says of this pressure, 0.1 mmHg; ``None`` when it does not answer."""
        if now_ms != self._read_ms and not defect.frozen:
            self._read_ms = now_ms
            draw = self._draw
            noise = (draw() - draw()) * self._scale * defect.noise_factor
            self._value = round(10.0 * mmhg + noise) + defect.offset_dmmhg
            if defect.spike_dmmhg and draw() < _SPIKE_SHARE:
                self._value += defect.spike_dmmhg
        return None if defect.missing else self._value


class Channel:
    """One value of a probe: a noisy reading that wanders."""

    __slots__ = (
        *("_draw", "_highest", "_keep", "_next_ms", "_read_ms", "_scale"),
        *("_stride", "_value", "_wander", "_wander_draw"),
    )

    def __init__(
        self,
        seed: str,
        start_ms: int,
        noise_percent: float,
        wander_percent: float,
        wander_s: float,
        highest: int,
    ) -> None:
        self._draw = random.Random(seed).random
        self._wander_draw = random.Random(seed + " wander").random
        self._scale = 10.0 * noise_percent * _TRIANGLE
        self._keep = 1.0 - 1.0 / wander_s
        self._stride = 10.0 * wander_percent * (1.0 - self._keep * self._keep) ** 0.5 * _UNIFORM
        self._highest = highest
        self._next_ms = start_ms + WANDER_MS
        self._read_ms = -1
        self._wander = 0.0
        self._value = 0

    def read(self, now_ms: int, percent: float) -> int:
        """What it says of this value, per mille."""
        if now_ms != self._read_ms:
            self._read_ms = now_ms
            self._drift(now_ms)
            noise = (self._draw() - self._draw()) * self._scale
            self._value = min(self._highest, max(0, round(10.0 * percent + self._wander + noise)))
        return self._value

    def _drift(self, now_ms: int) -> None:
        while self._next_ms <= now_ms:
            self._next_ms += WANDER_MS
            self._wander = self._wander * self._keep + (self._wander_draw() - 0.5) * self._stride


def saturation_channel(seed: str, limb: Limb, start_ms: int) -> Channel:
    """Tissue saturation, 0 to 1000."""
    noise = (limb.probe_noise_percent, limb.probe_wander_percent, limb.probe_wander_s)
    return Channel(seed, start_ms, *noise, _HIGHEST_SATURATION)


def haemoglobin_channel(seed: str, limb: Limb, start_ms: int) -> Channel:
    """Total haemoglobin, 1000 at rest."""
    noise = (limb.haemoglobin_noise_percent, limb.haemoglobin_wander_percent, limb.probe_wander_s)
    return Channel(seed, start_ms, *noise, _HIGHEST_HAEMOGLOBIN)


class LoadCell:
    """The force at the ankle."""

    __slots__ = ("_draw", "_read_ms", "_scale", "_value")

    def __init__(self, seed: str, noise_n: float) -> None:
        self._draw = random.Random(seed).random
        self._scale = 1000.0 * noise_n * _TRIANGLE
        self._read_ms = -1
        self._value = 0

    def read(self, now_ms: int, newton: float) -> int:
        """What it says of this force, mN."""
        if now_ms != self._read_ms:
            self._read_ms = now_ms
            self._value = round(1000.0 * newton + (self._draw() - self._draw()) * self._scale)
        return self._value
