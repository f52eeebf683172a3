"""A simulated Moxy monitor behind its feeder: the bytes that arrive on core's feeder socket, sans-IO.

Theory of operation
-------------------
``step(now_ms)`` returns what the feeder writes at that instant: its greeting first, then one notification
of the monitor each ``period_ms``, and the feeder's state every 5 s, like ``drivers.moxy_feeder``.  What the
monitor shows comes from ``source``, given the same ``now_ms``; ``None`` is what a Moxy without a
measurement sends (unconfirmed).  "Previous" repeats the value before, as far as anybody knows what it
means.

Faults, from the moment they are set: ``silent`` (the link is there and says nothing), ``lost`` (out of
range: the feeder says so), ``skip(n)`` measurements that were not heard, ``restart()`` of the monitor,
``ambient_light``, ``foreign`` (notifications of another length), ``hold_ms`` (the feeder stood still: what
it says is so old).

Units: per mille, milliseconds, total haemoglobin 1000 at rest -> 12.00 g/dL (chosen).
"""

from drivers import feeder, moxy
from gateway.simulation.oximeter import Source

PERIOD_MS = 500
STATE_PERIOD_MS = 5000
HAEMOGLOBIN_AT_REST = 1200
"""Hundredths of a g/dL."""

_AMBIENT = 0x3FE
_INVALID = 0x3FF
_SUBSCRIBED = "the monitor is connected"
_LOST = "the link was lost"


class MoxyMonitor:
    """The monitor alone: one notification for each measurement."""

    def __init__(self, source: Source, first_counter: int = 0) -> None:
        self._source = source
        self._counter = first_counter
        self._previous = _INVALID
        self.ambient_light = False
        self.foreign = False

    def skip(self, measurements: int) -> None:
        """So many of them are not heard."""
        self._counter = (self._counter + measurements) % moxy.COUNTER_WRAP

    def restart(self) -> None:
        """Switched off and on again."""
        self._counter = 0

    def notification(self, now_ms: int) -> bytes:
        """What it notifies next."""
        shown = self._source(now_ms)
        self._counter = (self._counter + 1) % moxy.COUNTER_WRAP
        raw = _INVALID if shown.saturation is None else shown.saturation
        blood = 1000 if shown.haemoglobin is None else shown.haemoglobin
        if self.ambient_light:
            raw = _AMBIENT
        before, self._previous = self._previous, raw
        said = moxy.encode(self._counter, raw, before, blood * HAEMOGLOBIN_AT_REST // 1000)
        return said[:-1] if self.foreign else said


class MoxyFeed:
    """Monitor and feeder together; one object for one connection."""

    def __init__(self, monitor: MoxyMonitor, address: str, period_ms: int = PERIOD_MS) -> None:
        self.monitor = monitor
        self.silent = False
        self.lost = False
        self.hold_ms = 0
        self._sender = feeder.Sender(moxy.KIND, address)
        self._period_ms = period_ms
        self._due_ms: int | None = None
        self._state_due_ms = 0
        self._was_lost = False

    def step(self, now_ms: int) -> bytes:
        """The bytes on the socket now."""
        if self._due_ms is None:
            self._due_ms, self._state_due_ms = now_ms, now_ms + STATE_PERIOD_MS
            return self.greeting(now_ms)
        return self._changes(now_ms) + self._repeated(now_ms) + self._notified(now_ms)

    def greeting(self, now_ms: int) -> bytes:
        """With what a connection begins."""
        self._sender.describe("Moxy", "", "")
        hello = self._sender.hello(now_ms)
        if self.lost:
            return hello + self._sender.state(feeder.SEARCHING, _LOST, now_ms)
        return hello + self._sender.state(feeder.SUBSCRIBED, _SUBSCRIBED, now_ms)

    def _changes(self, now_ms: int) -> bytes:
        if self.lost == self._was_lost:
            return b""
        self._was_lost = self.lost
        if self.lost:
            return self._sender.state(feeder.SEARCHING, _LOST, now_ms)
        return self._sender.state(feeder.SUBSCRIBED, _SUBSCRIBED, now_ms)

    def _repeated(self, now_ms: int) -> bytes:
        if now_ms < self._state_due_ms:
            return b""
        self._state_due_ms = now_ms + STATE_PERIOD_MS
        return self._sender.state(feeder.SEARCHING if self.lost else feeder.SUBSCRIBED, "", now_ms)

    def _notified(self, now_ms: int) -> bytes:
        assert self._due_ms is not None
        if now_ms < self._due_ms:
            return b""
        self._due_ms += ((now_ms - self._due_ms) // self._period_ms + 1) * self._period_ms
        if self.silent or self.lost:
            return b""
        return self._sender.data(self.monitor.notification(now_ms), now_ms - self.hold_ms)
