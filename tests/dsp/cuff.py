"""A cuff on an arm that is not there: pressures with known amplitudes at known pressures.

Theory of operation
-------------------
The course is a straight line.  The pulses are short rises with the shape of a raised cosine; their height
over the cuff's pressure is a tent: ``largest_mmhg`` at ``mean_mmhg``, half of it at ``systolic_mmhg`` and at
the diastolic, and ``floor_mmhg`` from ``closed_mmhg`` on.  Noise is seeded.

Units: mmHg, s.
"""

import math
import random
from array import array
from dataclasses import dataclass

RATE_HZ = 1000.0


@dataclass(frozen=True)
class Cuff:
    """One run, between ``top_mmhg`` and ``bottom_mmhg``."""

    rate_hz: float = RATE_HZ
    rising: bool = False
    seconds: float = 60.0
    top_mmhg: float = 180.0
    bottom_mmhg: float = 30.0
    mean_mmhg: float = 90.0
    closed_mmhg: float = 140.0
    empty_mmhg: float = 50.0
    largest_mmhg: float = 2.0
    floor_mmhg: float = 0.2
    noise_mmhg: float = 0.02
    beat_s: float = 0.85

    def amplitude(self, mmhg: float) -> float:
        """The height of a pulse at this pressure."""
        side = self.closed_mmhg if mmhg > self.mean_mmhg else self.empty_mmhg
        share = max(0.0, 1 - abs(mmhg - self.mean_mmhg) / abs(side - self.mean_mmhg))
        return self.floor_mmhg + (self.largest_mmhg - self.floor_mmhg) * share

    def run(self) -> "array[float]":
        """The pressures."""
        randomness, made = random.Random(1), array("d")
        number = int(self.seconds * self.rate_hz)
        for at in range(number):
            gone = at / number
            mmhg = self.top_mmhg + (self.bottom_mmhg - self.top_mmhg) * (1 - gone if self.rising else gone)
            made.append(mmhg + self.pulse(at / self.rate_hz, mmhg) + randomness.gauss(0, self.noise_mmhg))
        return made

    def pulse(self, time_s: float, mmhg: float) -> float:
        """What the artery adds at this instant."""
        into = time_s % self.beat_s
        width_s = 0.45
        if into > width_s:
            return 0.0
        return self.amplitude(mmhg) * 0.5 * (1 - math.cos(2 * math.pi * into / width_s))


def climb(
    start_mmhg: float = 120.0,
    top_mmhg: float = 230.0,
    step_mmhg: float = 10.0,
    step_s: float = 10.0,
    cuff: Cuff | None = None,
    left: float = 0.0,
    irregular: bool = False,
) -> "tuple[array[float], array[float]]":
    """Pressures and a distal pulse of a climb in steps, each reached within 1.5 s.

    The distal pulse has height 10 far below ``closed_mmhg``, falls over the last 60 mmHg and is noise above,
    but for the part of it that is ``left``.  An ``irregular`` heart comes early or late by up to 0.3 s.
    """
    cuff = cuff or Cuff(mean_mmhg=100.0, closed_mmhg=180.0, rate_hz=100.0)
    randomness, pressures, distal = random.Random(2), array("d"), array("d")
    steps = int((top_mmhg - start_mmhg) / step_mmhg) + 1
    late_s = [randomness.uniform(-0.3, 0.3) * irregular for _ in range(int(steps * step_s / cuff.beat_s) + 2)]
    for at in range(int(steps * step_s * cuff.rate_hz)):
        time_s = at / cuff.rate_hz
        nth, into = divmod(time_s, step_s)
        mmhg = start_mmhg + step_mmhg * (nth + min(0.0, into / 1.5 - 1))
        pulse = cuff.pulse(time_s - late_s[int(time_s / cuff.beat_s)] + 0.3 * irregular, mmhg)
        share = min(1.0, max(left, (cuff.closed_mmhg - mmhg) / 60))
        beyond = 10 * share * pulse / cuff.amplitude(mmhg)
        pressures.append(mmhg + pulse + randomness.gauss(0, cuff.noise_mmhg))
        distal.append(beyond + randomness.gauss(0, 0.1))
    return pressures, distal
