"""The gateway's side of our force/EMG hub: asked who it is, started, heard. Sans-IO.

Theory of operation
-------------------
One ``HubHost`` belongs to one open port and ends with it.  The hub is a sensor, so the host brings it to
where it is wanted by itself, and again after a silence or a reset:

=========  ===================================================  ============================================
state      what the host does                                   what ends it
=========  ===================================================  ============================================
stranger   hello every 500 ms                                   a hello that can be relied on: greeted
greeted    start every 500 ms, if streaming is wanted           the reply: streaming
streaming  ping every second: so the hub knows that we live     silence for 1 s: stranger; a stop: greeted
refused    nothing                                              another port
=========  ===================================================  ============================================

Refused is what is no hub (it does not know the hello, or sends the status of a cuff), another protocol, a
description that contradicts itself, a wanted stream that is not there, and a hub that comes back on the same
port with other sensors than before: whoever records it has been told the first ones.

One request is pending at a time, 500 ms; a stop goes out at once.  Requests and replies differ in length, so
a line that echoes is no sign of life.  A packet that repeats the counter of the last one or of one shortly
before it is dropped.  Packets from before the reply to our start belong to somebody else's run and are
dropped too.

The bytes of a block go from the packet into ``Block.data`` as they are; nothing here looks at a sample.

Units: ms of the clock handed in.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from drivers.host import Block, Counters, Identity, Line, Stream
from drivers.hub_events import Condition, Event, Greeted, Restarted, Started, Stopped
from drivers.hub_streams import Conditions, Indices, described
from firmware_bridge import cuff, ecp, fields
from firmware_bridge import hub as wire

__all__ = ("Condition", "Event", "Greeted", "HubHost", "Restarted", "Started", "Stopped")

REPLY_TIMEOUT_MS = 500
PING_MS = 1000
SILENT_MS = 1000
OLD_PACKETS = 64
"""So many numbers behind the last packet's are an old one that came again."""

NACKS_TO_REFUSE = 2
"""A single one may answer what somebody else left on the line."""

MODEL = "rvos force/EMG hub"

_CPAR_STATUS = 0x80
_CPAR_STATUS_BYTES = 22


class _Pending(NamedTuple):
    code: int
    sent_ms: int


class HubHost:
    """``wanted``: names of the streams to start (``emg``, ``force``, ``ppg``, ``nirs``); ``None``: all of
    them.

    Counters of its own: ``unexpected`` (answers and packets that nobody waited for), ``repeats``, ``invalid``
    (codes and contents that are none of the hub's), ``timeouts``.
    """

    line = Line(115200)

    def __init__(self, wanted: Collection[str] | None = None) -> None:
        self.last_valid_ms: int | None = None
        self.refusal = ""
        self.device: wire.Hello | None = None
        self.unexpected = 0
        self.repeats = 0
        self.invalid = 0
        self.timeouts = 0
        self._wanted = wanted
        self._decoder = ecp.Decoder()
        self._packing = wire.Packing(())
        self._indices = Indices(())
        self._conditions = Conditions()
        self._names: tuple[str, ...] = ()
        self._frames_of: tuple[int, ...] = ()
        self._events: list[object] = []
        self._pending: _Pending | None = None
        self._greeted = False
        self._streaming = False
        self._should_stream = wanted is None or bool(wanted)
        self._stop_due = False
        self._counter = 0
        self._samples_ms = 0
        self._ping_due_ms = 0
        self._ping = 0
        self._nacks = 0
        self._frames = 0
        self._crc_errors = 0
        self._gaps = 0
        self._round_trip_ms: int | None = None
        self._takers: dict[int, Callable[[ecp.Packet, int], bool]] = {
            wire.HELLO: self._take_hello,
            wire.START: self._take_start,
            wire.STOP: self._take_stop,
            wire.PING: self._take_ping,
            ecp.NACK: self._take_nack,
        }

    @property
    def identity(self) -> Identity | None:
        """Who the hub is."""
        if self.device is None:
            return None
        hello = self.device
        model = f"{MODEL} ({_text(hello.board)})"
        return Identity(model, _text(hello.serial), f"{hello.fw_major}.{hello.fw_minor}.{hello.fw_patch}")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What the hub measures, in its own order; empty before it is known."""
        return () if self.device is None else tuple(described(stream) for stream in self.device.streams)

    @property
    def streaming(self) -> bool:
        """Whether samples come."""
        return self._streaming

    @property
    def counters(self) -> Counters:
        """What went over the link."""
        return Counters(
            self._frames,
            self._crc_errors + self._decoder.checksum_errors,
            self._decoder.resyncs + self._decoder.malformed,
            self._gaps,
            self._round_trip_ms,
        )

    def start(self) -> None:
        """Stream; what a new host that wants a stream does by itself."""
        self._should_stream = self._wanted is None or bool(self._wanted)
        self._stop_due = False

    def stop(self) -> None:
        """Stop streaming and stay silent; the next thing on the wire."""
        self._should_stream = False
        self._stop_due = self._greeted

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """Blocks and events, oldest first. Never raises."""
        for packet in self._decoder.feed(data):
            self._take(packet, now_ms)
        self._let_time_pass(now_ms)
        events = self._events
        self._events = []
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now."""
        self._let_time_pass(now_ms)
        if self.refusal:
            return b""
        if self._stop_due:
            self._stop_due = False
            return self._ask(wire.STOP, wire.encode_stop_request(), now_ms)
        return b"" if self._pending is not None else self._next_request(now_ms)

    # --- what is asked ---------------------------------------------------------------------------

    def _next_request(self, now_ms: int) -> bytes:
        if not self._greeted or self.device is None:
            return self._ask(wire.HELLO, wire.encode_hello_request(), now_ms)
        if self._should_stream and not self._streaming:
            start = wire.encode_start_request(self._mask(), self.device.nonce)
            return self._ask(wire.START, start, now_ms)
        if self._streaming and not self._should_stream:
            return self._ask(wire.STOP, wire.encode_stop_request(), now_ms)
        if now_ms >= self._ping_due_ms:
            self._ping_due_ms = now_ms + PING_MS
            self._ping = (self._ping + 1) & 0xFFFF
            return self._ask(wire.PING, wire.encode_ping_request(self._ping), now_ms)
        return b""

    def _ask(self, code: int, frame: bytes, now_ms: int) -> bytes:
        self._pending = _Pending(code, now_ms)
        return frame

    def _mask(self) -> int:
        wanted = self._names if self._wanted is None else self._wanted
        return sum(1 << number for number, name in enumerate(self._names) if name in wanted)

    def _let_time_pass(self, now_ms: int) -> None:
        pending = self._pending
        if pending is not None and now_ms - pending.sent_ms >= REPLY_TIMEOUT_MS:
            self._pending = None
            self.timeouts += 1
        if self._streaming and now_ms - self._samples_ms > self._silent_ms():
            self._end_run(True, now_ms)
            self._greeted = False

    def _silent_ms(self) -> int:
        """Never shorter than three periods of a hub that is slow on purpose."""
        return SILENT_MS if self.device is None else max(SILENT_MS, 3 * self.device.period_us // 1000)

    def _end_run(self, silent: bool, now_ms: int) -> None:
        if self._streaming:
            self._streaming = False
            self._events.append(Stopped(silent, now_ms))

    # --- what arrives: each taker says whether the packet was valid --------------------------------

    def _take(self, packet: ecp.Packet, now_ms: int) -> None:
        if packet.code == wire.SAMPLES:
            valid = self._take_samples(packet, now_ms)
        else:
            taker = self._takers.get(packet.code)
            valid = taker(packet, now_ms) if taker is not None else self._take_foreign(packet)
        if valid:
            self._frames += 1
            self.last_valid_ms = now_ms
        elif packet.content and not fields.crc_holds(packet):
            self._crc_errors += 1
        else:
            self.invalid += 1

    def _take_samples(self, packet: ecp.Packet, now_ms: int) -> bool:
        samples = self._packing.decode(packet)
        if samples is None:
            return False
        step = (samples.counter - self._counter) & 0xFFFF
        if not self._streaming or self.refusal:
            self.unexpected += 1
            return True
        if step > 0xFFFF - OLD_PACKETS:
            self.repeats += 1
            return True
        self._gaps += step
        self._counter = samples.counter + 1
        self._samples_ms = now_ms
        self._hand_out(samples, now_ms)
        return True

    def _hand_out(self, samples: wire.Samples, now_ms: int) -> None:
        for number, index, data in samples.blocks:
            missing = self._indices.missing(number, index, samples.device_us)
            name, frames = self._names[number], self._frames_of[number]
            self._events.append(Block(name, frames, data, missing, now_ms))
        if self._conditions.changed(samples.flags, samples.electrodes_off, now_ms):
            words, off = self._conditions.words(), self._conditions.electrodes_off()
            self._events.append(Condition(words, off, now_ms))

    def _take_hello(self, packet: ecp.Packet, now_ms: int) -> bool:
        hello = wire.decode_hello_reply(packet)
        if hello is None:
            return False
        if self._answered(wire.HELLO):
            self._judge(hello, now_ms)
        return True

    def _judge(self, hello: wire.Hello, now_ms: int) -> None:
        before = self.device
        self.refusal = self.refusal or _unusable(hello, before, self._wanted)
        if self.refusal:
            self._end_run(False, now_ms)
            self.device = before or hello
            return
        if before is not None and before.nonce != hello.nonce:
            self._events.append(Restarted(hello.nonce, now_ms))
        self.device = hello
        self._greeted = True
        self._packing = wire.Packing(hello.streams)
        self._names = tuple(wire.NAMES[stream.kind] for stream in hello.streams)
        self._frames_of = tuple(stream.frames for stream in hello.streams)
        self._events.append(Greeted(hello, now_ms))

    def _take_start(self, packet: ecp.Packet, now_ms: int) -> bool:
        reply = wire.decode_start_reply(packet)
        if reply is None:
            return False
        if not self._answered(wire.START) or self.device is None:
            return True
        if reply.result != wire.OK:
            self._greeted = False  # it restarted between our questions: ask again who it is
            return True
        self._streaming = True
        self._counter = 0
        self._samples_ms = now_ms
        self._indices = Indices(self.device.streams)
        names = tuple(name for number, name in enumerate(self._names) if reply.streams >> number & 1)
        self._events.append(Started(names, now_ms))
        return True

    def _take_stop(self, packet: ecp.Packet, now_ms: int) -> bool:
        if wire.decode_stop_reply(packet) is None:
            return False
        if self._answered(wire.STOP):
            self._end_run(False, now_ms)
        return True

    def _take_ping(self, packet: ecp.Packet, now_ms: int) -> bool:
        reply = wire.decode_ping_reply(packet)
        if reply is None:
            return False
        pending = self._pending
        if self._answered(wire.PING) and pending is not None and reply.number == self._ping:
            self._round_trip_ms = now_ms - pending.sent_ms
        return True

    def _take_nack(self, packet: ecp.Packet, now_ms: int) -> bool:
        """A refusal of our request; of a hello, again and again, it says that this is no hub."""
        if len(packet.content) != 1:
            return False
        asked = None if self._pending is None else self._pending.code
        if packet.content[0] == ecp.ERROR_CRC:
            self._pending = None  # damaged on its way: ask again at once; else after the timeout
        if asked == wire.HELLO and packet.content[0] == ecp.ERROR_UNKNOWN_FUNCTION:
            self._nacks += 1
        if self._nacks >= NACKS_TO_REFUSE and self.device is None:
            self.refusal = (
                "this device speaks our framing and does not know the hub's hello: "
                "a cuff or another controller; check which port is configured for the hub"
            )
        return True

    def _take_foreign(self, packet: ecp.Packet) -> bool:
        """What only another device sends by itself: said once it is sure that no hub has answered."""
        device = ""
        if cuff.decode_status(packet) is not None:
            device = "our cuff controller"
        elif packet.code == _CPAR_STATUS and len(packet.content) == _CPAR_STATUS_BYTES:
            device = "a CPAR+ cuff"
        if device and self.device is None:
            self.refusal = f"this is {device}, not the hub: check which port is configured for which"
        return False

    def _answered(self, code: int) -> bool:
        """Whether this reply was waited for; if so, the way is free for the next request."""
        if self._pending is None or self._pending.code != code:
            self.unexpected += 1
            return False
        self._pending = None
        return True


def _unusable(hello: wire.Hello, before: wire.Hello | None, wanted: Collection[str] | None) -> str:
    """Why this hub cannot be used, for a person; empty when it can."""
    if hello.protocol_min > wire.PROTOCOL_MAX or hello.protocol_max < wire.PROTOCOL_MIN:
        return (
            f"the hub speaks protocol {hello.protocol_min} to {hello.protocol_max}, the gateway "
            f"{wire.PROTOCOL_MIN} to {wire.PROTOCOL_MAX}: install the firmware that belongs to this gateway"
        )
    wrong = wire.contradiction(hello.period_us, hello.streams)
    if wrong:
        return f"the hub's description contradicts itself ({wrong}): install its firmware again"
    names = [wire.NAMES[stream.kind] for stream in hello.streams]
    absent = [name for name in wanted or () if name not in names]
    if absent:
        return f"the hub has no {' and no '.join(absent)}, only {', '.join(names)}: correct the configuration"
    if before is not None and (before.streams, before.period_us) != (hello.streams, hello.period_us):
        return "the hub came back with other sensors than before: open its port again"
    if before is not None and before.serial != hello.serial:
        return "another hub came back on this port: open its port again"
    return ""


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")
