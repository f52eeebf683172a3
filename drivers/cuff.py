"""The gateway's side of our cuff controller: what is asked, what is answered, what is lost. Sans-IO.

Theory of operation
-------------------
One ``CuffHost`` belongs to one open port and ends with it.  The shell hands it what arrived
(``receive``, with ``b""`` when nothing did) and sends what it wants to send (``outgoing``) every cycle and
after each request; both also let time pass for what is pending.  The messages are
``firmware_bridge.cuff``; this file adds order and time:

=================  ===================================================================================
one at a time      a function is *pending* until its reply, a refusal (NACK) or its timeout
hello, tighten,    500 ms, up to 3 tries, then ``RequestLost``; what else waits goes in between.  Asked
self-test, clear,  for again before it went out, or before it is tried again, the newer one replaces
annunciate         the older one
lease, relay       go before all other waiting functions; never tried again; a newer one replaces one of
lease              the same output that did not go out yet; 150 ms for its answer, then it counts as lost.
                   What is left of its time is computed when it goes out, so that waiting never lengthens it
vent               is the next bytes out whatever is pending, drops every lease of the cuff (waiting or
                   pending), and is sent again every 100 ms until a status shows the cuff de-energised (dump
                   valve open, no lease running).  It stays wanted until the next lease: a later status
                   that shows otherwise starts it again.  Leases are refused while it is not confirmed
relay open         the same for the relay in the stimulator's lead and its leases; next after a vent
=================  ===================================================================================

Life: ``last_valid_ms`` is when the last valid frame arrived.  It is never touched by what we send, nor
by frames that look the same in both directions (orders, annunciate), which an echoing line would return,
nor by a status that repeats the counter of the last one or of one shortly before it.

Trust: the nonce is kept from the last compatible hello.  A status or a hello with another one means that
the device restarted: ``DeviceReset``, once; the nonce is forgotten, leases are dropped, and nothing that
could energise is sent until somebody asks for a hello again.  The version is the overlap of both sides'
protocol ranges; without overlap ``Hello.compatible`` is False and no nonce is kept.

Lease numbers follow the one that the device reports in its status, so a gateway that restarted goes on
where the last one ended; before the first status, and after a reset or ``OLD_SEQUENCE`` until the next one,
there is no lease.  Units: pressures 0.1 mmHg, times ms of the clock handed in.
"""

from collections.abc import Callable
from typing import Any

from drivers.cuff_events import (
    Annunciated,
    Cleared,
    DeviceReset,
    Event,
    Hello,
    LeaseResult,
    Nack,
    RelayResult,
    RequestLost,
    SelfTestResult,
    Status,
    TightenResult,
)
from drivers.cuff_pending import Function, Lease, Leasing, Order
from drivers.errors import NotGreetedError
from firmware_bridge import cuff as wire
from firmware_bridge import ecp
from firmware_bridge.errors import EncodingError

__all__ = (
    "HOST_PROTOCOL_MAX",
    "HOST_PROTOCOL_MIN",
    "Annunciated",
    "Cleared",
    "CuffHost",
    "DeviceReset",
    "Event",
    "Hello",
    "LeaseResult",
    "Nack",
    "RelayResult",
    "RequestLost",
    "SelfTestResult",
    "Status",
    "TightenResult",
)

HOST_PROTOCOL_MIN = 2
HOST_PROTOCOL_MAX = 2

TRIES = 3

OLD_STATUSES = 64
"""So many numbers behind the last status's are an old one that came again: a little over 3 s of them."""


_REPLIES: dict[int, tuple[Callable[[ecp.Packet], Any], Callable[[Any], Event]]] = {
    wire.TIGHTEN: (wire.decode_tighten_reply, lambda reply: TightenResult(*reply)),
    wire.SELF_TEST: (wire.decode_self_test_reply, lambda reply: SelfTestResult(*reply)),
    wire.CLEAR_FAULTS: (wire.decode_clear_reply, Cleared),
    wire.ANNUNCIATE: (wire.decode_annunciate_reply, Annunciated),
}


class CuffHost:
    """Counters: ``frames`` (valid), ``crc_errors``, ``invalid`` (CRC right or absent, content unknown),
    ``resyncs`` (noise skipped, frames cut short), ``status_gaps`` (statuses missed), ``status_repeats``,
    ``statuses`` (accepted), ``unexpected`` (answers that nobody waited for), ``refused_crc`` (frames of ours
    that came damaged, by the device's word), ``retries``, ``leases_lost``.  ``round_trip_ms``: from the
    newest request that was answered to its answer.
    """

    def __init__(self) -> None:
        self.last_valid_ms: int | None = None
        self.round_trip_ms: int | None = None
        self.frames = 0
        self.invalid = 0
        self.statuses = 0
        self.status_gaps = 0
        self.status_repeats = 0
        self.unexpected = 0
        self.refused_crc = 0
        self.retries = 0
        self.leases_lost = 0
        self._crc_errors = 0
        self._decoder = ecp.Decoder()
        self._events: list[Event] = []
        self._pending: Function | None = None
        self._waiting: dict[int, Function] = {}
        self._cuff = Leasing(wire.LEASE)
        self._relay = Leasing(wire.RELAY)
        self._vent = Order(wire.encode_vent())
        self._relay_open = Order(wire.encode_relay_open())
        self._nonce: int | None = None
        self._last_status: wire.Status | None = None
        self._takers: dict[int, Callable[[ecp.Packet, int], bool]] = {
            wire.STATUS: self._take_status,
            wire.HELLO: self._take_hello,
            wire.LEASE: self._take_lease,
            wire.RELAY: self._take_relay,
            **dict.fromkeys(_REPLIES, self._take_reply),
            wire.VENT: self._take_order,
            wire.RELAY_OPEN: self._take_order,
            ecp.NACK: self._take_nack,
        }

    @property
    def crc_errors(self) -> int:
        """Frames whose checksum, ECP's or ours, did not hold."""
        return self._crc_errors + self._decoder.checksum_errors

    @property
    def resyncs(self) -> int:
        """Runs of noise skipped, frames cut short or contradicting themselves."""
        return self._decoder.resyncs + self._decoder.malformed

    @property
    def nonce(self) -> int | None:
        """The nonce of the device that said a compatible hello, None before and after a reset."""
        return self._nonce

    @property
    def venting(self) -> bool:
        """True while a vent is wanted and no status since it was sent has shown the device de-energised."""
        return self._vent.is_open

    @property
    def opening(self) -> bool:
        """True while the relay is to be open and no status since it was said has shown it open."""
        return self._relay_open.is_open

    # --- what may be asked -----------------------------------------------------------------------

    def request_hello(self) -> None:
        """Ask who is there; answered by ``Hello``."""
        self._enqueue(wire.HELLO, wire.encode_hello_request(HOST_PROTOCOL_MIN, HOST_PROTOCOL_MAX))

    def tighten(self, ceiling_dmmhg: int) -> None:
        """Lower the device's own ceiling; ``TightenResult``. Raises ``NotGreetedError``."""
        self._enqueue(wire.TIGHTEN, wire.encode_tighten_request(ceiling_dmmhg, self._greeted("tighten")))

    def self_test(self) -> None:
        """Have a vented device check its zeros; ``SelfTestResult``. Raises ``NotGreetedError``."""
        self._enqueue(wire.SELF_TEST, wire.encode_self_test_request(self._greeted("self-test")))

    def clear(self) -> None:
        """Forgive the latched faults, as a person asked; ``Cleared``. Raises ``NotGreetedError``."""
        self._enqueue(wire.CLEAR_FAULTS, wire.encode_clear_request(self._greeted("clear")))

    def annunciate(self, priority: int) -> None:
        """Sound the device's buzzer (``firmware_bridge.cuff`` SILENT to HIGH); ``Annunciated``."""
        self._enqueue(wire.ANNUNCIATE, wire.encode_annunciate_request(priority))

    def lease(
        self, limb: int, target_dmmhg: int, duration_ms: int, planned_ms: int, now_ms: int
    ) -> int | None:
        """Ask for a pressure on a limb for ``duration_ms`` from now; the number ``LeaseResult`` will carry.

        ``None`` if no lease can be asked for now: no compatible hello, no status yet (see the top), or a
        vent that is not confirmed.  Raises ``EncodingError`` for values that the message cannot carry.
        """
        seq, nonce = self._cuff.next_seq(), self._nonce
        if nonce is None or seq is None or self.venting:
            return None
        if target_dmmhg < 0:
            raise EncodingError(f"lease target {target_dmmhg} is below zero: vent instead")

        def frame(left_ms: int) -> bytes:
            return wire.encode_lease_request(seq, limb, target_dmmhg, left_ms, planned_ms, nonce)

        frame(duration_ms)
        self._cuff.ask(Lease(seq, now_ms + duration_ms, frame))
        self._vent.withdraw()
        return seq

    def relay_lease(self, duration_ms: int, now_ms: int) -> int | None:
        """Ask for the relay to be closed for ``duration_ms`` from now; the number of its ``RelayResult``.

        ``None`` and errors as for ``lease``.
        """
        seq, nonce = self._relay.next_seq(), self._nonce
        if nonce is None or seq is None or self.opening:
            return None

        def frame(left_ms: int) -> bytes:
            return wire.encode_relay_request(seq, left_ms, nonce)

        frame(duration_ms)
        self._relay.ask(Lease(seq, now_ms + duration_ms, frame))
        self._relay_open.withdraw()
        return seq

    def vent(self) -> None:
        """Vent now, and until the device shows it. Calling it every cycle costs nothing."""
        self._drop_leases(self._cuff)
        self._vent.want()

    def open_relay(self) -> None:
        """Open the relay now, and until the device shows it. Calling it every cycle costs nothing."""
        self._drop_leases(self._relay)
        self._relay_open.want()

    # --- bytes -----------------------------------------------------------------------------------

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now: vent and relay-open first, then at most one function."""
        orders = b""
        if self._vent.is_open or self._relay_open.is_open:
            orders = self._vent.outgoing(now_ms) + self._relay_open.outgoing(now_ms)
        self._expire(now_ms)
        return orders + self._function_bytes(now_ms)

    def receive(self, data: bytes, now_ms: int) -> list[Event]:
        """What ``data``, and the time that passed, have brought; oldest first. Never raises."""
        for packet in self._decoder.feed(data):
            self._take(packet, now_ms)
        self._expire(now_ms)
        events = self._events
        self._events = []
        return events

    def _function_bytes(self, now_ms: int) -> bytes:
        if self._pending is not None:
            return b""
        function = self._next_lease(now_ms) or self._next_function()
        if function is None:
            return b""
        function.tries += 1
        function.sent_ms = now_ms
        self._pending = function
        return function.frame

    def _next_lease(self, now_ms: int) -> Function | None:
        for leasing in (self._cuff, self._relay):
            if leasing.waiting is None:
                continue
            function, ran_out = leasing.take(now_ms)
            self.leases_lost += ran_out
            if function is not None:
                return function
        return None

    def _next_function(self) -> Function | None:
        for code in self._waiting:
            return self._waiting.pop(code)
        return None

    # --- pending functions -----------------------------------------------------------------------

    def _greeted(self, request: str) -> int:
        if self._nonce is None:
            raise NotGreetedError(request)
        return self._nonce

    def _enqueue(self, code: int, frame: bytes) -> None:
        self._waiting[code] = Function(code, frame)

    def _drop_leases(self, leasing: Leasing) -> None:
        leasing.waiting = None
        if self._pending is not None and self._pending.code == leasing.code:
            self._pending = None

    def _expire(self, now_ms: int) -> None:
        if self._pending is not None and now_ms - self._pending.sent_ms >= self._pending.timeout_ms:
            self._try_failed(self._pending)

    def _try_failed(self, function: Function) -> None:
        self._pending = None
        if function.is_lease:
            self.leases_lost += 1
        elif function.code in self._waiting:
            return
        elif function.tries < TRIES:
            self.retries += 1
            self._waiting[function.code] = function
        else:
            self._events.append(RequestLost(function.code, function.tries))

    def _answered(self, code: int, now_ms: int) -> bool:
        """Whether this reply was waited for; if so, the way is free for the next function."""
        if self._pending is None or self._pending.code != code:
            self.unexpected += 1
            return False
        self.round_trip_ms = now_ms - self._pending.sent_ms
        self._pending = None
        return True

    # --- what arrives: each taker says whether the packet was valid --------------------------------

    def _take(self, packet: ecp.Packet, now_ms: int) -> None:
        taker = self._takers.get(packet.code)
        if taker is not None and taker(packet, now_ms):
            self.frames += 1
        elif taker is not None and not wire.crc_holds(packet):
            self._crc_errors += 1
        else:
            self.invalid += 1

    def _take_status(self, packet: ecp.Packet, now_ms: int) -> bool:
        status = wire.decode_status(packet)
        if status is None:
            return False
        if self._is_repeat(status):
            self.status_repeats += 1
            return True
        self.last_valid_ms = now_ms
        self.statuses += 1
        self._last_status = status
        if self._nonce is not None and status.nonce != self._nonce:
            self._forget(status.nonce)
        self._cuff.follow(status.lease_seq)
        self._relay.follow(status.relay_seq)
        self._vent.see(not (status.actuators & wire.DUMP_CLOSED or status.lease_left_ms))
        self._relay_open.see(not status.actuators & wire.RELAY_CLOSED)
        self._events.append(Status(status, now_ms))
        return True

    def _is_repeat(self, status: wire.Status) -> bool:
        """The last one again, or one from before it; also counts what is missing between the two."""
        last = self._last_status
        if last is None or last.nonce != status.nonce:
            return False
        step = (status.counter - last.counter) & 0xFFFF
        if not 0 < step <= 0xFFFF - OLD_STATUSES:
            return True
        self.status_gaps += step - 1
        return False

    def _forget(self, nonce: int) -> None:
        self._nonce = None
        for leasing in (self._cuff, self._relay):
            leasing.seq = None
            self._drop_leases(leasing)
        self._events.append(DeviceReset(nonce))

    def _take_hello(self, packet: ecp.Packet, now_ms: int) -> bool:
        hello = wire.decode_hello_reply(packet)
        if hello is None:
            return False
        self.last_valid_ms = now_ms
        if self._answered(wire.HELLO, now_ms):
            self._greet(hello, now_ms)
        return True

    def _greet(self, hello: wire.Hello, now_ms: int) -> None:
        if self._nonce is not None and self._nonce != hello.nonce:
            self._forget(hello.nonce)
        compatible = hello.protocol_min <= HOST_PROTOCOL_MAX and hello.protocol_max >= HOST_PROTOCOL_MIN
        self._nonce = hello.nonce if compatible else None
        self._events.append(Hello(hello, compatible, now_ms))

    def _take_lease(self, packet: ecp.Packet, now_ms: int) -> bool:
        reply = wire.decode_lease_reply(packet)
        if reply is not None and self._lease_answered(self._cuff, *reply, now_ms):
            self._events.append(LeaseResult(*reply))
        return reply is not None

    def _take_relay(self, packet: ecp.Packet, now_ms: int) -> bool:
        reply = wire.decode_relay_reply(packet)
        if reply is not None and self._lease_answered(self._relay, *reply, now_ms):
            self._events.append(RelayResult(*reply))
        return reply is not None

    def _lease_answered(self, leasing: Leasing, result: int, seq: int, now_ms: int) -> bool:
        """Whether this answers the lease that is pending."""
        self.last_valid_ms = now_ms
        pending = self._pending
        if pending is None or (pending.code, pending.seq) != (leasing.code, seq):
            self.unexpected += 1
            return False
        self.round_trip_ms = now_ms - pending.sent_ms
        self._pending = None
        if result == wire.OLD_SEQUENCE:
            leasing.seq = None
        return True

    def _take_reply(self, packet: ecp.Packet, now_ms: int) -> bool:
        decode, event = _REPLIES[packet.code]
        reply = decode(packet)
        if reply is None:
            return False
        if packet.code != wire.ANNUNCIATE:  # its request looks the same: an echo is no sign of life
            self.last_valid_ms = now_ms
        if self._answered(packet.code, now_ms):
            self._events.append(event(reply))
        return True

    def _take_order(self, packet: ecp.Packet, now_ms: int) -> bool:
        """The reply has the bytes of the command: no sign of life, and no proof. A status is the proof."""
        return wire.decode_vent(packet) or wire.decode_relay_open(packet)

    def _take_nack(self, packet: ecp.Packet, now_ms: int) -> bool:
        error = wire.decode_nack(packet)
        if error is None:
            return False
        self.last_valid_ms = now_ms
        self.refused_crc += error == ecp.ERROR_CRC
        self._events.append(Nack(error, None if self._pending is None else self._pending.code))
        if self._pending is not None:
            self._try_failed(self._pending)
        return True
