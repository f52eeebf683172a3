"""A simulated INVOS monitor: one PC LINK line after another, sans-IO.

Theory of operation
-------------------
``step(now_ms)`` returns the bytes that leave the monitor's serial port at that instant: a line at the first
step, then one each ``period_ms``.  Called late, it sends one line and not the backlog.  The columns are
those that it is made with: the real order is unconfirmed.  What it shows comes from ``source``, given the
same ``now_ms``, in per mille and cut to the scale of the device, 15 to 95 %; ``None`` is an inactive
channel.

Faults, from the moment they are set: ``silent``; ``garbage`` (noise instead of lines); ``columns`` changed,
as by a hand in the monitor's menu.  The monitor's clock runs with ``now_ms`` from a fixed date, so that
equal runs give equal bytes.

Units: per mille, milliseconds.  The period is an assumption (5 s, chosen): the manual says none.
"""

from datetime import datetime, timedelta

from drivers import invos
from gateway.simulation.oximeter import Source

PERIOD_MS = 5000
VERSION = "1.2.34.56/1/1"

_CLOCK_ZERO = datetime(2000, 1, 1)
_NOISE = bytes((0x93, 0x0A, 0xF1, 0x00, 0x8C, 0x20, 0x20, 0x0A))


class InvosMonitor:
    """The device side of the line, fed by ``source``: channel 1 the treated limb, channel 2 the other one."""

    def __init__(self, source: Source, columns: tuple[str, ...], period_ms: int = PERIOD_MS) -> None:
        self._source = source
        self._period_ms = period_ms
        self._due_ms: int | None = None
        self.columns = invos.checked_columns(columns)
        self.silent = False
        self.garbage = False

    def step(self, now_ms: int) -> bytes:
        """The bytes to send now: one line or nothing."""
        if self._due_ms is None:
            self._due_ms = now_ms
        if now_ms < self._due_ms:
            return b""
        self._due_ms += ((now_ms - self._due_ms) // self._period_ms + 1) * self._period_ms
        if self.silent:
            return b""
        return _NOISE if self.garbage else self._line(now_ms)

    def _line(self, now_ms: int) -> bytes:
        shown = self._source(now_ms)
        clock = _CLOCK_ZERO + timedelta(seconds=now_ms // 1000)
        values = {
            "version": VERSION,
            "date": clock.strftime("%m/%d/%y"),
            "time": clock.strftime("%H:%M:%S"),
            "rso2-1": _percent(shown.saturation),
            "rso2-2": _percent(shown.other),
        }
        return invos.encode_line(
            self.columns, {name: text for name, text in values.items() if name in self.columns}
        )


def _percent(permille: int | None) -> str:
    if permille is None:
        return "0"
    return str(min(invos.RSO2_HIGHEST, max(invos.RSO2_LOWEST, (permille + 5) // 10)))
