"""Time in band: how long a regulated pressure stood near its target.

Theory of operation
-------------------
Tourniquets and blood-flow-restriction cuffs are compared by the share of hold time during which the
pressure is near its target: within 5 % at rest and 10 % in exercise (Front. Sports Act. Living
2025, 1582387), or within the 15 mmHg at which surgical tourniquets alarm.  ``TimeInBand`` counts
that time as samples arrive.

Each sample stands for the time until the next sample, at most 250 ms: at 20 status frames a second
that bridges four lost frames, and a longer silence counts as out of band.  A missing value (a frame
arrived, its sensor did not answer) stands for nothing.  The sample before the hold's start stands
for the beginning of the hold by the same rule.  The bounds belong to the band.

State: seven int64 numbers (start, target, last time, last value, and the three counts), handed to
the kernel and changed in place.  Feeding samples one by one, in any chunks, or continuing from a
stored state gives the same bits, because everything is an integer.

Units: times in milliseconds of one monotonic clock, pressures in 0.1 mmHg.
"""

from dsp._band import MISSING, finish, push

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from typing import Self

    from _typeshed import ReadableBuffer

__all__ = ["LARGEST_DMMHG", "MISSING", "STANDS_FOR_MS", "TimeInBand"]

STANDS_FOR_MS = 250
"""The longest time that one sample stands for."""

LARGEST_DMMHG = 32767
"""The largest pressure of a 16-bit sensor; the value below the smallest is ``MISSING``."""

_BEFORE_TIME = -(2**62)


class TimeInBand:
    """Milliseconds within 5 %, 10 % and 15 mmHg of ``target_dmmhg`` since ``start_ms``.

    ``target_dmmhg``: positive, at most ``LARGEST_DMMHG``, else ``ValueError``.
    """

    __slots__ = ("_state",)

    def __init__(self, target_dmmhg: int, start_ms: int) -> None:
        if not 0 < target_dmmhg <= LARGEST_DMMHG:
            raise ValueError(f"target of {target_dmmhg} x 0.1 mmHg: must be 1 to {LARGEST_DMMHG}")
        self._state = bytearray(7 * 8)
        numbers = self._numbers()
        for at, number in enumerate((start_ms, target_dmmhg, _BEFORE_TIME, MISSING)):
            numbers[at] = number

    @classmethod
    def resumed(cls, state: bytes) -> "Self":
        """Continue from what ``state()`` returned."""
        band = cls(1, 0)
        if len(state) != len(band.state()):
            raise ValueError(f"a band state has {len(band.state())} bytes, this one has {len(state)}")
        band._state = bytearray(state)
        return band

    def state(self) -> bytes:
        """All there is to know, in the byte order of this machine."""
        return bytes(self._state)

    def push(self, samples: "ReadableBuffer") -> None:
        """Take a buffer of int64 ``ms, dmmhg, ms, dmmhg, ...``; ``MISSING`` for a value that is not there.

        Times never decrease; of two samples of one time the later counts.  On ``ValueError`` the
        samples before the offending one have been taken.
        """
        refused = push(self._state, samples)
        if refused >= 0:
            raise ValueError(self._why_refused(refused, memoryview(samples).cast("B").cast("q")))

    def finish(self, end_ms: int) -> None:
        """End the hold.  ``ValueError`` if a sample of a later time was taken."""
        last_ms = self._numbers()[2]
        if end_ms < last_ms:
            raise ValueError(f"the hold ends at {end_ms} ms but has a sample of {last_ms} ms")
        finish(self._state, end_ms)

    @property
    def within_5pct_ms(self) -> int:
        return self._numbers()[4]

    @property
    def within_10pct_ms(self) -> int:
        return self._numbers()[5]

    @property
    def within_15mmhg_ms(self) -> int:
        return self._numbers()[6]

    def _numbers(self) -> "memoryview[int]":
        return memoryview(self._state).cast("q")

    def _why_refused(self, at: int, numbers: memoryview) -> str:
        if at + 1 >= len(numbers):
            return f"{len(numbers)} numbers do not make pairs of time and pressure"
        return (
            f"sample {at // 2}, {numbers[at + 1]} x 0.1 mmHg at {numbers[at]} ms: times must not decrease "
            f"(last was {self._numbers()[2]} ms) and pressures must lie within {MISSING} to {LARGEST_DMMHG}"
        )
