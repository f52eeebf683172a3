"""A cuff's pressure taken apart as it comes: the slow course, and the artery's pulses on it.

Theory of operation
-------------------
Both parts are moving averages taken twice, symmetrical, hence of known delay and without distortion of time:
over two mains periods for the pulses (mains and what lies above is gone), over 1.5 s for the slow course.  A
course that falls in a straight line leaves exactly nothing in the pulses.  The sums are integers of 2**-20
mmHg: they do not drift, and any chunking on any machine gives the same bits.

*Missing samples.*  A NaN, an infinity and anything beyond 1000 mmHg is missing.  Every result whose windows
hold a missing sample, or reach before the first one, is NaN; 3 s later all is as if nothing had been.  A gap
in time cannot be seen in pressures: fill it with NaN.

State: the last frames, the averages on their way, four sums, two counts.  What is read off the two parts
stands in ``dsp.oscillometry``.

Units: mmHg, seconds.  The windows are ours (engineering proposal).
"""

from dsp._oscillometry import LARGEST_WINDOW, Split

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from typing import Self

__all__ = ["FASTEST_RATE_HZ", "SLOWEST_RATE_HZ", "SLOW_S", "PressureSplit"]

SLOWEST_RATE_HZ = 20.0
"""As often as our cuff controller reports: seven samples in the shortest beat."""

SLOW_S = 1.5
"""How long the window of the slow course is."""

FASTEST_RATE_HZ = LARGEST_WINDOW / SLOW_S


class PressureSplit(Split):
    """The slow course and the pulses of a cuff pressure, as they come: ``out`` holds pairs of them, in mmHg.

    ``rate_hz``: 20 to 20,000; ``mains_hz`` 50 or 60; one pair for ``every`` samples.  ``ValueError`` else.
    ``push(chunk)`` takes float64 mmHg and says how many numbers stand in ``out``.  Pair k, from 0, is of the
    instant ``(k + 1) * every / rate_hz - delay_s`` after the start.
    """

    __slots__ = ("delay_s",)

    delay_s: float
    """How old the instant of a pair is when it is written."""

    def __new__(cls, largest_chunk: int, rate_hz: float, *, mains_hz: float = 50.0, every: int = 1) -> "Self":
        smooth, slow = _windows(rate_hz, mains_hz)
        split = super().__new__(cls, smooth, slow, every, largest_chunk)
        split.delay_s = slow / rate_hz
        return split

    def __init__(self, *args: object, **more: object) -> None:
        """All is made in ``__new__``, as compiled classes are."""

    @classmethod
    def resumed(
        cls, largest_chunk: int, rate_hz: float, state: bytes, *, mains_hz: float = 50.0, every: int = 1
    ) -> "Self":
        """Go on from ``state()`` of a split with the same rate, mains and ``every``."""
        split = cls(largest_chunk, rate_hz, mains_hz=mains_hz, every=every)
        split.restore(state)
        return split


def _windows(rate_hz: float, mains_hz: float) -> tuple[int, int]:
    if not SLOWEST_RATE_HZ <= rate_hz <= FASTEST_RATE_HZ:
        raise ValueError(f"a rate of {rate_hz} Hz: must be {SLOWEST_RATE_HZ} to {FASTEST_RATE_HZ} Hz")
    if mains_hz not in (50.0, 60.0):
        raise ValueError(f"mains of {mains_hz} Hz: must be 50 or 60")
    return max(1, round(2 * rate_hz / mains_hz)), round(SLOW_S * rate_hz)
