"""The inflation under way: when it began, and how long it was said to last.

Theory of operation
-------------------
The debt rule lets an inflation start by the planned time that its first lease names.  That is the host's
word, so it is held to it: the planned time is kept from the first grant to the vent, a renewal that names
another one is refused, and 20 s after its end the cuff is vented and OCCLUSION_TIME latches, as for the debt.
The gateway does the same after 15 s, so it comes first.  A host that says a millisecond gets 20 s.

Units: ms.
Portable subset: runs on CPython and on MicroPython.
"""

from . import limits


class Inflation:
    """What was granted when the cuff left its rest."""

    def __init__(self) -> None:
        self._planned_ms: int | None = None
        self._over_by_ms: int | None = None

    def begin(self, planned_ms: int, now_ms: int) -> None:
        """The first lease was granted."""
        self._planned_ms = planned_ms
        self._over_by_ms = now_ms + planned_ms + limits.OVERDUE_MS

    def end(self) -> None:
        """The cuff is vented."""
        self._planned_ms = None
        self._over_by_ms = None

    def keeps(self, planned_ms: int) -> bool:
        """Whether a renewal names the planned time that this inflation began with."""
        return planned_ms == self._planned_ms

    def is_overdue(self, now_ms: int) -> bool:
        """Whether it has lasted longer than it may, whatever anybody renews."""
        return self._over_by_ms is not None and now_ms >= self._over_by_ms
