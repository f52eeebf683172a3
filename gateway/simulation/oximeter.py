"""A simulated tissue oximeter: one "Nonin 1" line a second, sans-IO.

Theory of operation
-------------------
``step(now_ms)`` returns the bytes that leave the device's serial port at that instant: a line at the first
step, then one for each second that has begun.  Called late, it sends one line and not the backlog, like the
device, which measures when it sends.  What it shows comes from ``source``, given the same ``now_ms``: the
physics or a recording (``recording.Playback.permille``).  ``None`` is a probe without a value.

Channel 1 has the probe of the limb that the session names, channel 2 that of the other one.  Total
haemoglobin goes into the haemoglobin index, 12.0 at rest (chosen).  The device's clock is set to a fixed
date and runs with ``now_ms``, so that equal runs give equal bytes.  Units: per mille, milliseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers import nonin

LINE_PERIOD_MS = 1000

_CLOCK_ZERO = datetime(2000, 1, 1)

HAEMOGLOBIN_AT_REST = 120
"""The haemoglobin index of a limb at rest, in tenths."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the probes see, per mille: StO2, total haemoglobin (1000 at rest), StO2 of the other limb."""

    saturation: int | None
    haemoglobin: int | None = None
    other: int | None = None


Source = Callable[[int], Shown]


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
        shown = self._source(now_ms)
        return nonin.encode_line(
            (shown.saturation, shown.other, None, None),
            _clock_text(now_ms),
            haemoglobin=(_index(shown.haemoglobin), None, None, None),
        )


def _index(permille: int | None) -> int | None:
    return None if permille is None else min(999, (permille * HAEMOGLOBIN_AT_REST + 500) // 1000)


def _clock_text(now_ms: int) -> str:
    return (_CLOCK_ZERO + timedelta(seconds=now_ms // 1000)).isoformat()
