"""The gateway's side of a CPAR+ cuff algometer: a research instrument, driven by short programs. Sans-IO.

Theory of operation
-------------------
One ``CparHost`` belongs to one open port (``drivers.host``); the messages are ``drivers.cpar_messages``, what
a hold is made of and why stands in ``drivers.cpar_hold``, when it is over in ``drivers.cpar_holding``.  This
file adds the link:

================  ====================================================================================
identify          the first bytes out; again every second until answered.  Another maker or another
                  device is ``refused``: nothing is sent to it but a stop that somebody asks for
stop              the next bytes out whatever is pending; drops the hold; again every 100 ms until a
                  status shows the device idle or in emergency.  It stays wanted until the next hold, so a
                  device that stimulates without being asked is stopped, also one that was found running
setting up        once idle: rating device not in use, programs cleared.  Only then is it ``ready``
ping              every 400 ms, its answer within 200 ms: the way to the device and back works.  None is
                  sent while a stop waits to be heeded, so that the watchdog is a second way to the stop
hold              load a program (CRC-8 of the answer compared), start it, see it run, see it end; the next
                  one while the caller asks.  A start is never tried twice: who gets no answer stops
================  ====================================================================================

A hold is given up, told with its reason, and stopped, when: the caller has not renewed it for 1 s; its time
is over; no status has come for 500 ms or no ping was answered for 1 s; the device ended it (button,
emergency, watchdog, supply); or the device *strayed*: it reports a target above ours, a target on an outlet
that we did not ask for, a program that runs on.  Its frames carry no checksum, so what it says that it does
is watched.  After straying nothing is held until the port is opened again.

A real CPAR+ has one sensor for each outlet, no lease, and a watchdog whose length nobody has confirmed (the
maker's client pings once a second).  ``cpar_texts.NOTICE`` says what that means.

Life: ``last_valid_ms`` is when a valid frame arrived that is not the echo of one of ours.  A ping counter
that begins again is a device that restarted: it is identified and set up anew; nothing resumes by itself.

Units: pressures 0.1 mmHg, times ms of the clock handed in.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from drivers import cpar_messages as wire
from drivers import cpar_texts as texts
from drivers import cpar_waveform as waveform
from drivers.cpar_events import (
    DeviceReset,
    Ending,
    Happened,
    Identified,
    Refused,
    RequestLost,
    Status,
    Strayed,
)
from drivers.cpar_hold import SEGMENT_MS, Hold, segment_for
from drivers.cpar_holding import LEASE_MS, Holding
from drivers.cuff_pending import Order
from drivers.host import Block, Channel, Counters, Identity, Line, Stream

PING_MS = 400
PING_TIMEOUT_MS = 200
PING_SILENCE_MS = 1_000
REPLY_TIMEOUT_MS = 500
AGAIN_MS = 1_000
TRIES = 3
STATUS_AGE_MS = 250
SHORTEST_HOLD_MS = 2_000

_MMHG_PER_COUNT = 750.062 / waveform.FULL_COUNTS
STREAM = Stream(
    "cpar",
    20.0,
    "int16",
    (
        *(
            Channel(name, "mmHg", _MMHG_PER_COUNT)
            for name in ("actual_1", "actual_2", "target_1", "target_2")
        ),
        Channel("supply", "kPa", 1000 / waveform.FULL_COUNTS),
        Channel("rating", "cm", 10 / 255),
    ),
)
"""Every status as a frame. 20 Hz is the rate that the maker's client assumes: unconfirmed."""

_SETUP = {
    wire.OPERATING_MODE: wire.encode_operating_mode(wire.RATING_NOT_IN_USE),
    wire.CLEAR: wire.encode_clear(),
}
_OF_A_HOLD = (wire.SET_WAVEFORM, wire.START)
# Their answers look like the requests: on a line that echoes they prove nothing.
_ALIKE = (wire.STOP, wire.CLEAR)


@dataclass(slots=True)
class _Function:
    """What was asked and is not answered yet."""

    code: int
    sent_ms: int

    @property
    def timeout_ms(self) -> int:
        return PING_TIMEOUT_MS if self.code == wire.PING else REPLY_TIMEOUT_MS


class CparHost:
    """``confirmed_watchdog_ms``, ``segment_ms``: see ``drivers.cpar_hold``.

    Counters beside ``counters``: ``unexpected`` (answers that nobody waited for), ``retries``,
    ``pings_lost``.  Raises ``ValueError`` for a watchdog or a segment that is none.
    """

    line = Line(38400)
    streams = (STREAM,)

    def __init__(self, confirmed_watchdog_ms: int | None = None, segment_ms: int = SEGMENT_MS) -> None:
        self._segment_ms = segment_for(confirmed_watchdog_ms, segment_ms)
        self.last_valid_ms: int | None = None
        self.unexpected = 0
        self.retries = 0
        self.pings_lost = 0
        self._decoder = wire.Decoder()
        self._events: list[object] = []
        self._holding = Holding(self._tell, self._hold_ended)
        self._stop = Order(wire.encode_stop())
        self._strayed = ""
        self._round_trip_ms: int | None = None
        self._pending: _Function | None = None
        self._tries: dict[int, int] = {}
        self._not_before_ms = 0
        self._forget()
        self._takers: dict[type, Callable[..., None]] = {
            wire.Identity: self._take_identity,
            wire.PingReply: self._take_ping,
            wire.WaveformReply: self._take_waveform,
            wire.Done: self._take_done,
            wire.Nack: self._take_nack,
            wire.Status: self._take_status,
            wire.Event: self._take_event,
        }

    def _forget(self) -> None:
        """What we know of a device until it restarts."""
        self._identity: Identity | None = None
        self._refusal = ""
        self._setup = dict(_SETUP)
        self._status: Status | None = None
        self._pings: int | None = None
        self._pinged_ms: int | None = None
        self._answered_ms: int | None = None

    # --- what drivers.host asks for ----------------------------------------------------------------

    @property
    def identity(self) -> Identity | None:
        """Who the device is, once it has said so."""
        return self._identity

    @property
    def refusal(self) -> str:
        """Why it is no CPAR+."""
        return self._refusal

    @property
    def counters(self) -> Counters:
        """Gaps cannot be counted: the meaning of the device's counter is unconfirmed."""
        decoder = self._decoder
        return Counters(
            decoder.frames, decoder.checksum_errors, decoder.resyncs + decoder.invalid, 0, self._round_trip_ms
        )

    # --- what a shell wants to know ------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether it is a CPAR+, set up, and not being stopped."""
        known = self._identity is not None and not self._refusal
        return known and not self._setup and not self._stop.is_open

    @property
    def holding(self) -> bool:
        """Whether a hold is under way."""
        return self._holding.hold is not None

    @property
    def stopping(self) -> bool:
        """Whether a stop is wanted that no status has shown heeded."""
        return self._stop.is_open

    # --- what may be asked -------------------------------------------------------------------------

    def hold(self, outlet: int, target_dmmhg: int, left_ms: int, now_ms: int) -> str:
        """Hold this pressure on outlet 1 or 2 for ``left_ms``, of which the next second is certain.

        To be said again within each second.  Returns why not, or an empty text.  The same outlet and target
        as before renew the hold; what is left only ever gets less.  Raises ``EncodingError`` for a pressure
        that the device cannot have.
        """
        held = self._holding.hold
        if held is not None and (outlet - 1, target_dmmhg) == (held.channel, held.target_dmmhg):
            held.renew(now_ms + left_ms, now_ms + LEASE_MS)
            return ""
        why = self.hold_refusal(outlet, left_ms, now_ms)
        if not why:
            waveform.operand_of_dmmhg(target_dmmhg)
            self._holding.begin(Hold(outlet - 1, target_dmmhg, now_ms + left_ms, self._segment_ms), now_ms)
            self._stop.withdraw()
        return why

    def hold_refusal(self, outlet: int, left_ms: int, now_ms: int) -> str:
        """Why no hold can begin now, in a sentence; empty when one can."""
        if self._refusal or self._strayed:
            return self._refusal or self._strayed
        if self.holding:
            return "the CPAR+ holds another pressure: stop it first"
        if not self.ready:
            return "the CPAR+ is not identified, set up and idle yet"
        if outlet not in (1, 2) or not SHORTEST_HOLD_MS <= left_ms <= waveform.LONGEST_PROGRAM_MS:
            return f"a CPAR+ holds on outlet 1 or 2 for 2 to 600 s, not on {outlet} for {left_ms} ms"
        return self._state_refusal(now_ms)

    def _state_refusal(self, now_ms: int) -> str:
        status, answered_ms = self._status, self._answered_ms
        if status is None or now_ms - status.arrived_ms > STATUS_AGE_MS:
            return "the CPAR+ has sent no status just now"
        if answered_ms is None or now_ms - answered_ms > PING_SILENCE_MS:
            return "the CPAR+ answers no ping"
        frame = status.frame
        if frame.state != wire.IDLE or frame.stop_pressed:
            return "the CPAR+ is not idle: look at its emergency stop and its stop button"
        if not frame.flags & wire.POWER_ON:
            return texts.STOP_REASONS[wire.REASON_POWER]
        if frame.flags & wire.SUPPLY_LOW:
            return texts.STOP_REASONS[wire.REASON_SUPPLY]
        return "" if frame.flags & wire.START_POSSIBLE else "the CPAR+ says that no start is possible"

    def stop(self) -> None:
        """No pressure, now and until the device shows it. Calling it every cycle costs nothing."""
        self._holding.end(Ending.STOPPED, "stopped")
        self._stop.want()

    # --- bytes -------------------------------------------------------------------------------------

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now: a stop first, then at most one function."""
        self._pass_time(now_ms)
        function = None if self._pending is not None else self._next_function(now_ms)
        order = self._stop.outgoing(now_ms)
        if function is None:
            return order
        code, frame = function
        self._pending = _Function(code, now_ms)
        self._tries[code] = self._tries.get(code, 0) + 1
        self.retries += self._tries[code] > 1
        return order + frame

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What ``data``, and the time that passed, have brought; oldest first. Never raises."""
        for message in self._decoder.feed(data):
            if not (isinstance(message, wire.Done) and message.code in _ALIKE):
                self.last_valid_ms = now_ms
            self._takers[type(message)](message, now_ms)
        self._pass_time(now_ms)
        events, self._events = self._events, []
        return events

    def _next_function(self, now_ms: int) -> tuple[int, bytes] | None:
        if self._refusal or now_ms < self._not_before_ms:
            return None
        if self._identity is None:
            return wire.IDENTIFY, wire.encode_identify()
        due = self._holding.function(now_ms)
        if due is not None or self._stop.is_open:
            return due
        if self._pinged_ms is None or now_ms - self._pinged_ms >= PING_MS:
            self._pinged_ms = now_ms
            return wire.PING, wire.encode_ping()
        return next(iter(self._setup.items()), None)

    # --- time --------------------------------------------------------------------------------------

    def _pass_time(self, now_ms: int) -> None:
        pending = self._pending
        if pending is not None and now_ms - pending.sent_ms >= pending.timeout_ms:
            self._pending = None
            self._unanswered(pending.code, now_ms)
        if self.holding and self._answered_ms is not None and now_ms - self._answered_ms > PING_SILENCE_MS:
            self._holding.end(Ending.UNANSWERED, "the CPAR+ answers no ping")
        self._holding.pass_time(now_ms, self._status)

    def _unanswered(self, code: int, now_ms: int) -> None:
        """One try failed: in time, or by an answer that was wrong."""
        if code == wire.PING:
            self.pings_lost += 1
            self._tries.pop(code)
        elif code == wire.START or self._tries[code] >= TRIES:
            self._tell(RequestLost(code, self._tries.pop(code)))
            self._not_before_ms = now_ms + (0 if code in _OF_A_HOLD else AGAIN_MS)
            if code in _OF_A_HOLD:
                self._holding.end(Ending.UNANSWERED, "the CPAR+ did not take the program or its start")

    def _answered(self, code: int) -> bool:
        """Whether this was waited for; if so, the way is free for the next function."""
        if self._pending is None or self._pending.code != code:
            self.unexpected += 1
            return False
        self._pending = None
        self._tries.pop(code)
        return True

    def _tell(self, event: object) -> None:
        self._events.append(event)

    def _hold_ended(self, ending: Ending, text: str) -> None:
        self._stop.want()
        if self._pending is not None and self._pending.code in _OF_A_HOLD:
            self._tries.pop(self._pending.code, None)
            self._pending = None
        if ending is Ending.STRAYED:
            self._stray(text)

    def _stray(self, text: str) -> None:
        self._strayed = text
        self._tell(Strayed(text))

    # --- what arrives --------------------------------------------------------------------------------

    def _take_identity(self, identity: wire.Identity, now_ms: int) -> None:
        if not self._answered(wire.IDENTIFY):
            return
        version = f"{identity.major}.{identity.minor}.{identity.patch}"
        version += f".r{identity.engineering}" if identity.engineering else ""
        self._identity = Identity(identity.name, str(identity.serial), version)
        self._refusal = _identity_refusal(identity)
        if not self._refusal:
            self._stop.want()
        self._tell(Identified(self._identity, self._refusal))

    def _take_ping(self, reply: wire.PingReply, now_ms: int) -> None:
        pending = self._pending
        if not self._answered(wire.PING) or pending is None:
            return
        self._round_trip_ms = now_ms - pending.sent_ms
        if self._pings is not None and reply.count <= self._pings:
            self._restarted(reply.count)
            return
        self._pings, self._answered_ms = reply.count, now_ms

    def _restarted(self, pings: int) -> None:
        self._tell(DeviceReset(pings))
        self._holding.end(Ending.DEVICE, "the CPAR+ restarted")
        self._forget()

    def _take_waveform(self, reply: wire.WaveformReply, now_ms: int) -> None:
        if self._pending is None or self._pending.code != wire.SET_WAVEFORM:
            self.unexpected += 1
        elif self._holding.is_loaded(reply.crc):
            self._answered(wire.SET_WAVEFORM)
        else:
            self._pending = None
            self._unanswered(wire.SET_WAVEFORM, now_ms)

    def _take_done(self, done: wire.Done, now_ms: int) -> None:
        if done.code == wire.STOP or not self._answered(done.code):
            return
        self._setup.pop(done.code, None)
        if done.code == wire.START:
            self._holding.started(now_ms)

    def _take_nack(self, nack: wire.Nack, now_ms: int) -> None:
        if nack.error == wire.ERROR_STOP:
            return
        code = None if self._pending is None else self._pending.code
        self._pending = None
        if code is not None:
            self._tries.pop(code)
        text = texts.error(nack.error)
        if code in _OF_A_HOLD:
            self._holding.end(Ending.REFUSED, f"the CPAR+ refused: {text}")
            return
        self._tell(Refused(nack.error, text, code))
        if code != wire.PING:
            self._not_before_ms = now_ms + AGAIN_MS

    def _take_status(self, frame: wire.Status, now_ms: int) -> None:
        actual = (waveform.dmmhg_of_counts(frame.actual_1), waveform.dmmhg_of_counts(frame.actual_2))
        target = (waveform.dmmhg_of_counts(frame.target_1), waveform.dmmhg_of_counts(frame.target_2))
        self._status = Status(frame, actual, target, now_ms)
        self._tell(self._status)
        self._tell(Block(STREAM.name, 1, _samples(frame), 0, now_ms))
        energised = frame.state in (wire.STIMULATING, wire.PENDING)
        if energised and self.ready and not self.holding:
            self._stray("the CPAR+ stimulates though nobody asked for it")
        self._stop.see(not energised)
        self._holding.follow(self._status)

    def _take_event(self, event: wire.Event, now_ms: int) -> None:
        self._tell(Happened(event.code, texts.event(event.code), now_ms))


def _identity_refusal(identity: wire.Identity) -> str:
    if identity.manufacturer in (wire.INVENTORS_WAY, wire.NOCITECH) and identity.device == wire.CPAR_PLUS:
        return ""
    return (
        f"not a CPAR+: the device on this port is '{identity.name}' of '{identity.maker}' "
        f"(maker {identity.manufacturer}, device {identity.device}). Connect the CPAR+, or correct the port."
    )


def _samples(frame: wire.Status) -> bytes:
    readings = (frame.actual_1, frame.actual_2, frame.target_1, frame.target_2, frame.supply, frame.rating)
    return struct.pack("<6h", *readings)
