"""What is against a device or its port, written down once.

Theory of operation
-------------------
A link says its doubts (``drivers.link.Doubt``) for as long as they stand, twenty times a second.  The journal
gets one row of each kind, for each time that the port was opened: a wrong device, one that says nothing, an
adapter that is slow.

Units: ms.
"""

from collections.abc import Iterable

from drivers.link import Doubt
from gateway.record.events import DeviceNoticed
from gateway.runtime.core import Core


class DoubtRows:
    """The rows of one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._written: dict[tuple[str, str], int] = {}

    def write(self, device: str, opened: int, doubts: Iterable[Doubt], now_ms: int) -> None:
        """Write down what was not, since the port was opened for the ``opened``-th time."""
        for doubt in doubts:
            if self._written.get((device, doubt.about)) != opened:
                self._written[device, doubt.about] = opened
                self._core.note(DeviceNoticed(device=device, text=doubt.text), now_ms)
