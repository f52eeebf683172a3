"""Time as the link has lived through it.

Theory of operation
-------------------
That a broker keeps what it took is concluded from time: it answered again 30 s later.  A clock that jumps
(a suspended machine, a defect of the kernel) or a link that stood still would make 30 s of a moment, and an
event count as safe that the broker still forgets.  So a turn of the link counts for a second at most,
however much the clock says, and a clock that goes backwards for nothing.  Where turns take longer the link
waits longer, which costs duplicates and no event.

Units: ms.
"""

LONGEST_TURN_MS = 1000
"""The loop turns every 200 ms and whenever bytes arrive."""


class Lived:
    """A clock that no jump moves by more than a second."""

    def __init__(self, now_ms: int) -> None:
        self._last_ms = now_ms
        self.ms = 0

    def turn(self, now_ms: int) -> int:
        """A turn begins at this time of the clock; the time lived through so far."""
        self.ms += min(max(now_ms - self._last_ms, 0), LONGEST_TURN_MS)
        self._last_ms = now_ms
        return self.ms
