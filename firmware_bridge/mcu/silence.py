"""Whether the host has fallen silent.

Theory of operation
-------------------
A host that was heard once and then says nothing for five seconds has been lost, whether or not anything is
energised.  That is no fault and latches nothing: the controller sounds until a frame comes, or until a
person has pressed the bedside button and so heard it.  A controller that was never spoken to is quiet.

Units: ms.
Portable subset: runs on CPython and on MicroPython.
"""

from . import limits


class HostSilence:
    """When the host was last heard."""

    def __init__(self) -> None:
        self._heard_ms: int | None = None

    def hear(self, now_ms: int) -> None:
        """A valid frame of the host arrived."""
        self._heard_ms = now_ms

    def step(self, pressed: bool, now_ms: int) -> bool:
        """Whether to sound for it; ``pressed``: a person has just pressed the bedside button."""
        lost = self._heard_ms is not None and now_ms - self._heard_ms >= limits.SILENT_HOST_MS
        if lost and pressed:
            self._heard_ms = None
            return False
        return lost
