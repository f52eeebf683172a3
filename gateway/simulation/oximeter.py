"""A simulated tissue oximeter: one "Nonin 1" line a second, sans-IO.

Theory of operation
-------------------
``step(now_ms)`` returns the bytes that leave the device's serial port at that instant: a line at
the first step, then one for each second that has begun.  Called late, it sends one line and not
the backlog, like the device, which measures when it sends.  The value comes from ``source``, given
the same ``now_ms``: the physics (``lambda now_ms: plant.sto2_permille``) or a recording
(``recording.Playback.permille``).  ``None`` is a probe without a value.

Only channel 1 has a probe.  The device's clock is set to a fixed date and runs with ``now_ms``, so
that equal runs give equal bytes.  Units: per mille, milliseconds.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from drivers import nonin

LINE_PERIOD_MS = 1000

_CLOCK_ZERO = datetime(2000, 1, 1)

Source = Callable[[int], int | None]


class Oximeter:
    """The device side of the line, fed by ``source``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._due_ms: int | None = None

    def step(self, now_ms: int) -> bytes:
        """The bytes to send now: one line or nothing."""
        if self._due_ms is None:
            self._due_ms = now_ms
        if now_ms < self._due_ms:
            return b""
        self._due_ms += ((now_ms - self._due_ms) // LINE_PERIOD_MS + 1) * LINE_PERIOD_MS
        return nonin.encode_line((self._source(now_ms), None, None, None), _clock_text(now_ms))


def _clock_text(now_ms: int) -> str:
    return (_CLOCK_ZERO + timedelta(seconds=now_ms // 1000)).isoformat()
