"""Beats of a pulse wave (finger light, or pressure) as the samples arrive.

Theory of operation
-------------------
After Elgendi et al. 2013: the wave minus its slow mean, what is
below zero cut off, squared; where the mean over 111 ms of that is above the mean over 667 ms, a systole is.
The means are centred, so nothing is shifted and a beat is known ``delay_s`` after its systole.  A second
systole within 0.6 s that rises less than half as far is the diastolic wave of the first.  The peak is the
largest sample of that block of the wave as it came, the foot where the slope of the upstroke begins (a
twentieth of its steepest over 50 ms); a beat goes from foot to foot and is given when its second foot is
found.

Each beat is compared with a template, the mean of its predecessors from 0.2 s before the peak to 0.43 s
after it: the correlation is its quality.  The template learns from beats that resemble it; after five in a
row that do not it begins anew.  The first beat of a template has no quality.

A sample that is not finite is a gap: no beat goes over it, the means begin anew, the template stays.  Light
must rise with the pulse: turn the sign of a sensor for which it falls.

State: two rings, four running sums that are taken anew each time their ring comes round (so they do not
drift), the template and eight counters.  Only + - * / and square roots: every machine and chunking gives
the same bits.

Units: samples in any unit, rate Hz, times s from the first sample.
"""

import math

from dsp._pulse import BeatKernel
from dsp.errors import SignalRefused
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence
    from typing import Self

    from _typeshed import ReadableBuffer

SLOWEST_HZ = 20.0
FASTEST_HZ = 4000.0

WIDTH = 8
"""Numbers of one beat in ``Beats.out``: foot, peak and next foot as sample numbers; the values at foot and
peak; the mean over the beat; its resemblance; how many beats the template was made of."""

_SMOOTH_S = 0.05
_SLOW_S = 1.5
_PEAK_S = 0.111
_BEAT_S = 0.667
_NEAREST_S = 0.3
_LONGEST_S = 3.0
_OFFSET = 0.02
_REMEMBERED_S = 5.0
_ALIKE = 0.8
_GRID_S = 0.01


class Beat(NamedTuple):
    """One beat from foot to foot. ``resemblance`` is ``None`` for the first of a template."""

    foot_s: float
    peak_s: float
    next_foot_s: float
    foot: float
    peak: float
    mean: float
    resemblance: float | None

    @property
    def interval_s(self) -> float:
        """From foot to foot."""
        return self.next_foot_s - self.foot_s

    @property
    def perfusion_percent(self) -> float | None:
        """Pulse over mean; means something only where the samples are light without an offset."""
        return 100.0 * (self.peak - self.foot) / self.mean if self.mean > 0.0 else None


class Beats:
    """Samples in, ``WIDTH`` numbers for each beat out; ``push(chunk)`` returns how many stand in ``out``."""

    __slots__ = ("_kernel", "delay_s", "out", "push", "rate_hz")

    def __init__(self, rate_hz: float, largest_chunk: int) -> None:
        if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
            raise SignalRefused("pulse", "wrong_rate", f"{rate_hz} Hz: {SLOWEST_HZ:g} to {FASTEST_HZ:g} Hz")
        if largest_chunk < 1:
            raise SignalRefused(
                "pulse", "bad_parameter", f"chunks of {largest_chunk} samples: give 1 or more"
            )
        self.rate_hz = rate_hz
        smooth, slow, peak, beat = (_odd(rate_hz * one) for one in (_SMOOTH_S, _SLOW_S, _PEAK_S, _BEAT_S))
        self.delay_s = (slow // 2 + beat // 2 + peak) / rate_hz
        self._kernel = BeatKernel(
            smooth,
            slow,
            peak,
            beat,
            max(1, round(rate_hz * _NEAREST_S)),
            round(rate_hz * _LONGEST_S),
            _OFFSET,
            1.0 / (rate_hz * _REMEMBERED_S),
            _ALIKE,
            rate_hz * _GRID_S,
            largest_chunk,
        )
        self.out = self._kernel.out
        self.push: Callable[[ReadableBuffer], int] = self._kernel.push

    @classmethod
    def resumed(cls, rate_hz: float, largest_chunk: int, state: bytes) -> "Self":
        """Go on from ``state()`` of a kernel of the same rate."""
        made = cls(rate_hz, largest_chunk)
        made._kernel.resume(state)
        return made

    def state(self) -> bytes:
        """All there is to know, in the byte order of this machine."""
        return self._kernel.state()

    def read(self, count: int) -> list[Beat]:
        """The beats of the last ``push``, which returned ``count``."""
        return [_beat(self.out[at : at + WIDTH], self.rate_hz) for at in range(0, count, WIDTH)]


def beats(samples: "array[float]", rate_hz: float) -> list[Beat]:
    """Every beat of a recording. Raises ``SignalRefused`` where it is empty or constant."""
    from dsp import traces  # only whole recordings need it

    count, (lowest, highest) = traces.known(samples, 0, len(samples)), traces.extent(samples)
    if count < rate_hz * (_SLOW_S + _BEAT_S):
        raise SignalRefused("pulse", "too_short", f"{count} samples at {rate_hz:g} Hz: give some seconds")
    if lowest == highest:
        raise SignalRefused("pulse", "constant", f"all samples are {lowest:g}: check the sensor")
    kernel = Beats(rate_hz, len(samples))
    return kernel.read(kernel.push(samples))


def _beat(numbers: "Sequence[float]", rate_hz: float) -> Beat:
    foot, peak, next_foot, at_foot, at_peak, mean, alike, _ = numbers
    return Beat(
        foot / rate_hz,
        peak / rate_hz,
        next_foot / rate_hz,
        at_foot,
        at_peak,
        mean,
        None if math.isnan(alike) else alike,
    )


def _odd(length: float) -> int:
    return 2 * int(length / 2) + 1
