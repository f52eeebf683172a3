"""How long ago something was: what the journal's clocks can vouch for, and nothing more.

Theory of operation
-------------------
Rows carry a monotonic clock, which means something within one boot of the machine, and a wall clock,
which is worth what its quality says.  The timeline cuts the journal into *segments*: stretches in which
the monotonic clock of one boot ran forwards.  Between two segments lies time that was not measured.

The age of an instant is exact within the present segment, and where both segments have seen a
synchronised wall clock that does not contradict the order of the rows.  Otherwise it is a lower bound:
what the segments on the way measured themselves, and between them only what two synchronised clocks say.

Example: a session ended two hours before the power failed; the gateway came back without a time server
and has been running for one hour.  The session is at least three hours old, however long the power was
off.

Units: ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.record.row import ClockQuality, Stamp

_TURN_LONGEST_MS = 1_000
"""Rows of one turn of the core may be stamped in another order than they are written; more is a clock that
ran backwards (engineering proposal)."""


class Instant(NamedTuple):
    """A place on the timeline; instants compare in the order in which they happened."""

    segment: int
    mono_ms: int


class Age(NamedTuple):
    """How old an instant is: at least so much; exactly so much where clocks vouch for all of it."""

    at_least_ms: int
    exact: bool

    @property
    def exactly_ms(self) -> int | None:
        """The age, ``None`` where it may be more."""
        return self.at_least_ms if self.exact else None


@dataclass(slots=True)
class _Segment:
    """``ahead_ms`` is how much the newest synchronised wall clock was ahead of the monotonic one."""

    boot_id: str
    first_ms: int
    last_ms: int
    ahead_ms: int | None = None


class Timeline:
    """The clocks of a journal, noted row by row in the journal's order.

    ``boot_ids`` names the machine's boot of runs of core that began before the first row noted.
    """

    def __init__(self, boot_ids: Mapping[int, str] | None = None) -> None:
        self._boot_ids = dict(boot_ids or {})
        self._segments: list[_Segment] = []

    @property
    def boot_ids(self) -> Mapping[int, str]:
        """The machine's boot of each run of core."""
        return self._boot_ids

    def run_began(self, run: int, boot_id: str) -> None:
        """This run of core belongs to this boot of the machine."""
        self._boot_ids[run] = boot_id

    def note(self, stamp: Stamp) -> Instant:
        """The place of this stamp, which is not older than those before."""
        boot_id = self._boot_ids.get(stamp.boot, f"run {stamp.boot}")
        last = self._segments[-1] if self._segments else None
        if last is None or last.boot_id != boot_id or stamp.mono_ms < last.last_ms - _TURN_LONGEST_MS:
            last = _Segment(boot_id, stamp.mono_ms, stamp.mono_ms)
            self._segments.append(last)
        last.last_ms = max(last.last_ms, stamp.mono_ms)
        if stamp.clock is ClockQuality.SYNCHRONISED:
            last.ahead_ms = stamp.wall_ms - stamp.mono_ms
        return Instant(len(self._segments) - 1, stamp.mono_ms)

    def age(self, instant: Instant, now: Instant) -> Age:
        """How old ``instant`` is at ``now``, which lies in the newest segment."""
        if instant.segment == now.segment:
            return Age(max(0, now.mono_ms - instant.mono_ms), True)
        reading_ms, exact = self._reading_ms(instant.segment, now)
        return Age(max(0, reading_ms - instant.mono_ms), exact)

    def _reading_ms(self, segment: int, now: Instant) -> tuple[int, bool]:
        """What the clock of this segment would read now, at least; and whether exactly that."""
        newest = self._segments[now.segment]
        reading_ms, exact = now.mono_ms, True
        wall_ms = None if newest.ahead_ms is None else now.mono_ms + newest.ahead_ms
        for number in range(now.segment - 1, segment - 1, -1):
            one, after = self._segments[number], self._segments[number + 1]
            reading_ms, exact = one.last_ms + reading_ms - after.first_ms, False
            if one.ahead_ms is None:
                continue
            if wall_ms is None:
                wall_ms = reading_ms + one.ahead_ms
            exact = newest.ahead_ms is not None and wall_ms - one.ahead_ms >= reading_ms
            reading_ms = max(reading_ms, wall_ms - one.ahead_ms)
        return reading_ms, exact
