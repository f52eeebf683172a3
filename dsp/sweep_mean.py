"""Means of evoked responses as the sweeps come.

Theory of operation
-------------------
A *sweep* is the recording about one stimulus, float64 mV; what is not in step with the stimulus averages out.
``SweepMean`` adds sweeps and writes a mean whenever ``per_mean`` of them have come.  A sweep with a NaN, or
with a value of ``limit`` or more (an amplifier's end), is left out and counted.  What is read off a sweep or
a mean stands in ``dsp.evoked``.

State: the sums, how many sweeps they are of, how many were left out.  Each sum is of one sample over the
sweeps in their order, so any chunking and any vector width give the same bits.

Units: mV.
"""

from dsp._evoked import Mean

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from typing import Self

__all__ = ["LARGEST_MV", "SweepMean"]

LARGEST_MV = 1e6
"""Beyond any voltage: such a sample is as good as missing."""


class SweepMean(Mean):
    """The mean of every ``per_mean`` sweeps of ``samples`` float64 numbers, as they come.

    ``push(chunk)`` takes whole sweeps, at most ``largest_chunk``, and says how many numbers stand in ``out``:
    ``samples`` for each mean that became whole.  ``ValueError`` for sizes that are not positive.
    """

    __slots__ = ()

    def __new__(cls, largest_chunk: int, samples: int, per_mean: int, *, limit: float = LARGEST_MV) -> "Self":
        return super().__new__(cls, samples, per_mean, limit, largest_chunk)

    def __init__(self, *args: object, **more: object) -> None:
        """All is made in ``__new__``, as compiled classes are."""

    @classmethod
    def resumed(
        cls, largest_chunk: int, samples: int, per_mean: int, state: bytes, *, limit: float = LARGEST_MV
    ) -> "Self":
        """Go on from ``state()`` of a mean over the same kind of sweeps."""
        mean = cls(largest_chunk, samples, per_mean, limit=limit)
        mean.restore(state)
        return mean

    @property
    def under_way(self) -> int:
        """Sweeps in the mean that is not whole yet."""
        return self.counts()[0]

    @property
    def left_out(self) -> int:
        """Sweeps that were not averaged, since the start."""
        return self.counts()[1]
