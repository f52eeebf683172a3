"""Our end of a Moxy monitor, behind its feeder process. Sans-IO.

Theory of operation
-------------------
One host belongs to one connection of the feeder (``drivers.feeder_port``) and ends with it.  Nothing is ever
sent: ``outgoing`` is empty, and the socket is closed for writing.  ``drivers.feeder`` unpacks the messages,
``drivers.moxy`` what the monitor notified.

Time.  A reading is as old as the moment at which the feeder got it.  Feeder and core have clocks of their
own; the smallest difference between arrival and stamp that this connection has shown is taken for the
difference of the two, and ``arrived_ms`` is the stamp carried over with it: never later than the arrival.
What waited in a buffer, or behind a feeder that stood still, is given out with its age and the flag
``late``.  A feeder clock that jumps ahead makes later readings older than they are, never newer; so does a
machine that slept, until the feeder connects again.

Life is the last *notification* of the monitor.  Hello and state of the feeder are no sign of life of a
sensor.

Counting.  ``missing`` of a reading are the steps that the monitor's own counter skipped.  The same counter
again is the same measurement and is not given out twice.  A counter that goes back is a monitor that was
switched off and on: a notice.  ``Counters.gaps`` adds the messages that the feeder numbered and we did not
get.

Identity comes with the first notification: what the monitor's Device Information told the feeder, which may
be nothing; the Bluetooth address then stands for the serial number.

Refusal: another kind of sensor or another address than the configured one; ten notifications in a row that
are none of a Moxy; ten frames in a row with a wrong checksum or of another version of the feeder.

Units: those of ``drivers.oximetry_events``; ms of the clock handed in.
"""

from drivers import feeder, moxy
from drivers.host import Counters, Identity, Line
from drivers.oximetry_events import LATE, OximeterNotice, Oximetry, TissueChannel

FRAMES_TO_REFUSE = 10
LATE_MS = 1000
"""A reading that waited for longer than this is said to be late."""

_MODEL = "Moxy (sports product)"
_WRAP_MS = 1 << 32


class FeederClock:
    """The feeder's stamps in our time, by the smallest delay seen so far."""

    def __init__(self) -> None:
        self._difference_ms: int | None = None
        self._last_ms = 0

    def ours(self, stamp_ms: int, now_ms: int) -> int:
        """When it was stamped, in our time; never after ``now_ms``."""
        unwrapped = self._unwrapped(stamp_ms)
        delay_ms = now_ms - unwrapped
        if self._difference_ms is None or delay_ms < self._difference_ms:
            self._difference_ms = delay_ms
        return unwrapped + self._difference_ms

    def _unwrapped(self, stamp_ms: int) -> int:
        """32 bits wrap after seven weeks; whatever is nearest to the last one is meant."""
        step = (stamp_ms - self._last_ms) % _WRAP_MS
        self._last_ms += step if step < _WRAP_MS // 2 else step - _WRAP_MS
        return self._last_ms


class MoxyHost:
    """``address`` is the configured one; empty accepts whichever monitor the feeder was told.

    Counters beyond ``counters``: ``repeats`` of a measurement that was given out already, ``messages_lost``.
    """

    line = Line(0)
    """There is no serial line."""

    def __init__(self, address: str = "") -> None:
        self._address = address.upper()
        self._messages = feeder.Decoder()
        self._clock = FeederClock()
        self._hello: feeder.Hello | None = None
        self._number: int | None = None
        self._counter: int | None = None
        self._gaps = 0
        self._bad_before = 0
        self._strangers = 0
        self.repeats = 0
        self.messages_lost = 0
        self.last_valid_ms: int | None = None

    @property
    def identity(self) -> Identity | None:
        """Known from the first notification on."""
        hello = self._hello
        if hello is None or self.last_valid_ms is None:
            return None
        return Identity(hello.model or _MODEL, hello.serial or hello.address, hello.firmware)

    @property
    def refusal(self) -> str:
        """Why this is not the feeder, or not the monitor, that is configured."""
        hello = self._hello
        if hello is not None and hello.kind != moxy.KIND:
            return f"the feeder speaks for a '{hello.kind}', not for a Moxy: correct unit or configuration"
        if hello is not None and self._address not in ("", hello.address.upper()):
            return f"the feeder speaks for {hello.address}, {self._address} is configured"
        if self._strangers >= FRAMES_TO_REFUSE:
            return (
                f"{self._strangers} notifications in a row are not those of a Moxy: another device, or a "
                "firmware that nobody has read yet"
            )
        if self._bad >= self._bad_before + FRAMES_TO_REFUSE:
            return (
                f"{self._bad - self._bad_before} frames in a row are damaged or of another version: feeder "
                "and core are of different releases"
            )
        return ""

    @property
    def counters(self) -> Counters:
        """Frames of the feeder; gaps are the measurements that the monitor's own counter skipped."""
        messages = self._messages
        return Counters(messages.frames, messages.checksum_errors, messages.resyncs, self._gaps)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """One ``Oximetry`` for each new measurement; notices about the feeder and the monitor."""
        events: list[object] = []
        for message in self._messages.feed(data):
            self._bad_before = self._bad
            self._count(message.number)
            stamped_ms = self._clock.ours(message.stamp_ms, now_ms)
            if isinstance(message, feeder.Hello):
                self._hello = message
            elif isinstance(message, feeder.State):
                events += self._told(message, now_ms)
            else:
                events += self._notified(message.payload, stamped_ms, now_ms)
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """Nothing, ever: core does not write to a feeder."""
        return b""

    @property
    def _bad(self) -> int:
        return self._messages.checksum_errors + self._messages.foreign

    def _count(self, number: int) -> None:
        if self._number is not None:
            self.messages_lost += (number - self._number - 1) & 0xFFFF
        self._number = number

    def _told(self, state: feeder.State, now_ms: int) -> list[OximeterNotice]:
        if not state.reason:
            return []
        return [OximeterNotice(f"Moxy feeder: {state.reason}", now_ms)]

    def _notified(self, payload: bytes, stamped_ms: int, now_ms: int) -> list[object]:
        measurement = moxy.decode(payload)
        if measurement is None:
            self._strangers += 1
            return []
        self._strangers = 0
        if self._hello is None or self.refusal:
            return []
        first, self.last_valid_ms = self.last_valid_ms is None, stamped_ms
        events: list[object] = [OximeterNotice(_FIRST, now_ms)] if first else []
        steps = self._steps(measurement.counter)
        if steps is None:
            events.append(OximeterNotice("Moxy: the monitor has begun to count anew: it was off", now_ms))
        elif not steps:
            self.repeats += 1
            return events
        missing = max(0, (steps or 1) - 1)
        self._gaps += missing
        events.append(_oximetry(measurement, missing, stamped_ms, now_ms))
        return events

    def _steps(self, counter: int) -> int | None:
        """How far the monitor's counter went on; 1 for the first one, ``None`` for a new beginning."""
        before, self._counter = self._counter, counter
        return 1 if before is None else moxy.steps_between(before, counter)


_FIRST = (
    "Moxy: a sports product, for research only; the meaning of its bytes is known from open projects and "
    "unconfirmed by its maker"
)


def _oximetry(measurement: moxy.Measurement, missing: int, stamped_ms: int, now_ms: int) -> Oximetry:
    reasons = (measurement.reason,) if measurement.reason else ()
    return Oximetry(
        (TissueChannel(measurement.saturation, measurement.haemoglobin, reasons),),
        stamped_ms,
        counter=measurement.counter,
        missing=missing,
        flags=(LATE,) if now_ms - stamped_ms > LATE_MS else (),
    )
