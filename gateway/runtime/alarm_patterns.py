"""What each alarm priority looks and sounds like: lamp and buzzer, on or off, as a function of time.

Theory of operation
-------------------
``pattern`` says what lamp and buzzer do at one instant, given since when a priority is announced.  The
buzzer sounds in *bursts* of pulses, one burst at once and then one every period; the lamp flashes, or is
steady for a low priority.  Figures stand in ``BURSTS`` and ``FLASHES`` and nowhere else.

All times are whole turns of core's cycle (50 ms), so a pulse is never cut by the cycle's own rhythm.
High priority has ten pulses in two groups of five, a longer gap after the third and the eighth pulse.

Units: ms.
Source: IEC 60601-1-8 (standard from memory).  Pulses in a burst: high 10, medium 3, low 1 or 2.  Length of
a pulse: high 75-200 ms, medium and low 125-250 ms.  From the end of a burst to the next: high 2.5-15 s,
medium 2.5-30 s, low more than 15 s.  Lamp: high red, 1.4-2.8 Hz; medium yellow, 0.4-0.8 Hz, both lit for
20-60 % of the time; low cyan or yellow, steady.  Tone and melody belong to the sounder: a line only
switches it.  Which value within a range is an engineering proposal.
"""

from typing import NamedTuple

from gateway.model import Priority


class Burst(NamedTuple):
    """Pulses of equal length, the gaps between them, and the silence until the next burst, in ms."""

    pulse_ms: int
    gaps_ms: tuple[int, ...]
    silence_ms: int

    @property
    def starts_ms(self) -> tuple[int, ...]:
        """When each pulse begins, from the beginning of the burst."""
        return tuple(
            index * self.pulse_ms + sum(self.gaps_ms[:index]) for index in range(len(self.gaps_ms) + 1)
        )

    @property
    def length_ms(self) -> int:
        """From the beginning of the first pulse to the end of the last."""
        return self.starts_ms[-1] + self.pulse_ms

    @property
    def period_ms(self) -> int:
        """From the beginning of one burst to that of the next."""
        return self.length_ms + self.silence_ms

    def sounds(self, elapsed_ms: int) -> bool:
        """Whether a pulse is on, so long after the first burst began."""
        within = elapsed_ms % self.period_ms
        return any(start <= within < start + self.pulse_ms for start in self.starts_ms)


class Flash(NamedTuple):
    """A lamp that is lit for the first ``lit_ms`` of each period; steady where both are equal."""

    red: bool
    lit_ms: int
    period_ms: int

    def is_lit(self, elapsed_ms: int) -> bool:
        """Whether the lamp is lit, so long after it began."""
        return elapsed_ms % self.period_ms < self.lit_ms


class Signal(NamedTuple):
    """What lamps and buzzer do at one instant."""

    red: bool = False
    yellow: bool = False
    buzzer: bool = False


SILENT = Signal()

BURSTS = {
    Priority.HIGH: Burst(150, (100, 100, 350, 100, 500, 100, 100, 350, 100), 2_700),
    Priority.MEDIUM: Burst(200, (200, 200), 14_000),
    Priority.LOW: Burst(200, (200,), 29_400),
}
FLASHES = {
    Priority.HIGH: Flash(red=True, lit_ms=250, period_ms=500),
    Priority.MEDIUM: Flash(red=False, lit_ms=1_000, period_ms=2_000),
    Priority.LOW: Flash(red=False, lit_ms=1_000, period_ms=1_000),
}


def pattern(priority: Priority | None, since_ms: int, now: int) -> Signal:
    """Lamps and buzzer at ``now`` for what is announced since ``since_ms``; everything off for ``None``."""
    if priority is None:
        return SILENT
    elapsed_ms = max(0, now - since_ms)
    flash, lit = FLASHES[priority], FLASHES[priority].is_lit(elapsed_ms)
    return Signal(
        red=flash.red and lit, yellow=not flash.red and lit, buzzer=BURSTS[priority].sounds(elapsed_ms)
    )
