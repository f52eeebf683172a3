"""What a CPAR+ cuff algometer and its host say to each other, both ends, without IO.

Theory of operation
-------------------
The CPAR+ (NociTech, built by Inventors' Way) is a research algometer with two air outlets.  It speaks ECP
(``firmware_bridge.ecp``: frames, doubled FF, packet forms) at 38400 8N1.  This file is what stands in the
packets.  A *function* is asked by the host and answered with the same code, or refused with code 00 and an
error byte; a *message* (80 status, 81 event) comes by itself.

==  ==============  ============================================================  =========================
01  identify        -                                                             64 bytes, ``Identity``
02  ping            -                                                             u32: pings so far
10  set waveform    channel 0/1, repeat, 1 to 256 instructions of 6 bytes         CRC-8 of the instructions
11  start           criterion, channel of outlet 1, of outlet 2, override, ext.   -
13  stop            -                                                             -
20  operating mode  0 rating device in use, 1 not                                 -
21  clear           -                                                             -
==  ==============  ============================================================  =========================

Programs and their instructions are ``drivers.cpar_waveform``.

**What is guaranteed.**  The maker's client sends the short form, which carries no checksum: a damaged status
or start that keeps its length is accepted by anyone.  Only the instructions come back as a CRC-8 (polynomial
07): it catches three flipped bits in the two instructions of a hold, and covers neither channel nor repeat.
So a host must watch what the device says that it does (``drivers.cpar``).  This file refuses what cannot be:
states above 3, readings of more than 12 bits, a wrong length.

Sources: the maker's own clients (Inventors.ECP; labbench-comm 0.1.3, which the peer test runs).  Unconfirmed,
for no device has been connected: all of it on real hardware; the meaning of the status counter (its source
files it under the running program, so that it cannot count lost frames); the length of the watchdog.

Units: raw counts.
Portable subset: runs on CPython and on MicroPython.
"""

import struct
from collections import namedtuple

from drivers.cpar_waveform import CHANNEL_1, FULL_COUNTS, NO_CHANNEL, SetWaveform, content_of, waveform_of
from firmware_bridge import ecp
from firmware_bridge.errors import EncodingError

IDENTIFY = 0x01
PING = 0x02
SET_WAVEFORM = 0x10
START = 0x11
STOP = 0x13
OPERATING_MODE = 0x20
CLEAR = 0x21
STATUS = 0x80
EVENT = 0x81

INVENTORS_WAY = 1
NOCITECH = 3
CPAR_PLUS = 4

ON_BUTTON_OR_RATING = 0
ON_BUTTON_PRESSED = 1
ON_BUTTON_RELEASED = 2

RATING_IN_USE = 0
RATING_NOT_IN_USE = 1

IDLE = 0
STIMULATING = 1
EMERGENCY = 2
PENDING = 3

RATING_CONNECTED = 0x01
RATING_LOW = 0x02
POWER_ON = 0x04
COMPRESSOR_RUNNING = 0x08
START_POSSIBLE = 0x10
SUPPLY_LOW = 0x20

REASON_NONE = 0
REASON_BUTTON = 1
REASON_COMPLETED = 3
REASON_TIME = 4
REASON_EMERGENCY = 6
REASON_SOFTWARE = 7
REASON_COMPLIANCE = 8
REASON_WATCHDOG = 9
REASON_POWER = 10
REASON_SUPPLY = 11

ERROR_UNKNOWN_FUNCTION = 1
ERROR_LENGTH = 2
ERROR_NOT_IDLE = 3
ERROR_CHANNEL = 4
ERROR_NO_SUPPLY = 7
ERROR_NO_POWER = 8
ERROR_START = 9
ERROR_STOP = 10
ERROR_TOO_LONG = 12

_IDENTITY = "<IHIBBBBH24s24s"
_STATUS = "<BBHBBBHHHHHHHB"
Identify = namedtuple("Identify", ())
Ping = namedtuple("Ping", ())
# criterion: ON_...; outlet_1, outlet_2: the channel that each gives; override: 1 starts whatever the rating
# is; external: 1 waits for a trigger
Start = namedtuple("Start", ("criterion", "outlet_1", "outlet_2", "override", "external"))
Stop = namedtuple("Stop", ())
OperatingMode = namedtuple("OperatingMode", ("mode",))
Clear = namedtuple("Clear", ())
# A request that cannot be read: its code, and the error byte that it deserves.
Unreadable = namedtuple("Unreadable", ("code", "error"))

Identity = namedtuple(
    "Identity",
    (
        "manufacturer",
        "device",
        "serial",
        "major",
        "minor",
        "patch",
        "engineering",
        "checksum",
        "maker",
        "name",
    ),
)
PingReply = namedtuple("PingReply", ("count",))
WaveformReply = namedtuple("WaveformReply", ("crc",))
# A function without content in its answer was done.
Done = namedtuple("Done", ("code",))
Nack = namedtuple("Nack", ("error",))
Event = namedtuple("Event", ("code",))
# Pressures and supply are counts of 12 bits, ratings counts of 8 bits (10 cm); stop_pressed: 0 or not
Status = namedtuple(
    "Status",
    (
        "state",
        "flags",
        "counter",
        "stop_reason",
        "rating",
        "final_rating",
        "supply",
        "actual_1",
        "actual_2",
        "target_1",
        "target_2",
        "final_1",
        "final_2",
        "stop_pressed",
    ),
)


# --- host side: what is asked ------------------------------------------------------------------------


def encode_identify() -> bytes:
    """Who is there?"""
    return ecp.encode_frame(IDENTIFY)


def encode_ping() -> bytes:
    """Still there; and so are we."""
    return ecp.encode_frame(PING)


def encode_set_waveform(waveform: SetWaveform) -> bytes:
    """Keep this program for a channel. Raises ``EncodingError`` for one that the device cannot have."""
    return ecp.encode_frame(SET_WAVEFORM, content_of(waveform))


def encode_start(start: Start) -> bytes:
    """Give the programs on these outlets, now."""
    _require(start.criterion <= ON_BUTTON_RELEASED, "stop criterion", start.criterion, "0 to 2")
    for outlet in (start.outlet_1, start.outlet_2):
        _require(CHANNEL_1 <= outlet <= NO_CHANNEL, "channel of an outlet", outlet, "0 to 2")
    return ecp.encode_frame(START, bytes(start))


def encode_stop() -> bytes:
    """No pressure, on no outlet."""
    return ecp.encode_frame(STOP)


def encode_operating_mode(mode: int) -> bytes:
    """Whether the patient's rating device is in use."""
    _require(mode in (RATING_IN_USE, RATING_NOT_IN_USE), "operating mode", mode, "0 or 1")
    return ecp.encode_frame(OPERATING_MODE, bytes((mode,)))


def encode_clear() -> bytes:
    """Forget all programs."""
    return ecp.encode_frame(CLEAR)


class Decoder:
    """Host side: bytes in, what the device said out. Never raises; holds one packet at most.

    Counters: ``frames`` (messages given out), ``checksum_errors`` (of packets that carry one), ``invalid``
    (well framed, but no message of a CPAR+), ``resyncs`` (noise skipped, frames cut short).
    """

    def __init__(self) -> None:
        self._packets = ecp.Decoder()
        self.frames = 0
        self.invalid = 0

    @property
    def checksum_errors(self) -> int:
        """Packets whose own checksum did not hold."""
        return self._packets.checksum_errors

    @property
    def resyncs(self) -> int:
        """Runs of noise skipped, frames cut short or contradicting themselves."""
        return self._packets.resyncs + self._packets.malformed

    def feed(self, data: bytes, now_ms: int = 0) -> list[tuple]:  # type: ignore[type-arg]
        """What became complete, oldest first; the time is not looked at."""
        messages = []
        for packet in self._packets.feed(data):
            message = decode_reply(packet)
            if message is None:
                self.invalid += 1
            else:
                self.frames += 1
                messages.append(message)
        return messages


def decode_reply(packet: ecp.Packet) -> tuple | None:  # type: ignore[type-arg]
    """A message of the device, ``None`` for what it cannot be."""
    code, content = packet.code, packet.content
    if code in (START, STOP, OPERATING_MODE, CLEAR):
        return Done(code) if not content else None
    if code == STATUS:
        return _status(content)
    if code == IDENTIFY:
        return _identity(content)
    if code == PING:
        return PingReply(int.from_bytes(content, "little")) if len(content) == 4 else None
    if len(content) != 1:
        return None
    single = {SET_WAVEFORM: WaveformReply, EVENT: Event, ecp.NACK: Nack}.get(code)
    return None if single is None else single(content[0])


def _status(content: bytes) -> Status | None:
    if len(content) != struct.calcsize(_STATUS):
        return None
    status = Status(*struct.unpack(_STATUS, content))
    readings = (status.supply, status.actual_1, status.actual_2, status.target_1, status.target_2)
    highest = max(*readings, status.final_1, status.final_2)
    return status if status.state <= PENDING and highest <= FULL_COUNTS else None


def _identity(content: bytes) -> Identity | None:
    if len(content) != struct.calcsize(_IDENTITY):
        return None
    fields = struct.unpack(_IDENTITY, content)
    texts = (_text(fields[-2]), _text(fields[-1]))
    return Identity(*(fields[:-2] + texts))


def _text(field: bytes) -> str:
    """What can be printed of a text that ends with a zero."""
    return "".join([chr(byte) for byte in field.split(b"\0")[0] if 32 <= byte < 127])


# --- device side -------------------------------------------------------------------------------------


def encode_identity(identity: Identity) -> bytes:
    """Who the device is; texts of up to 24 ASCII characters."""
    texts = (identity.maker.encode(), identity.name.encode())
    for text in texts:
        _require(len(text) <= 24, "length of a text", len(text), "up to 24")
    numbers = tuple(identity)[:-2]
    return ecp.encode_frame(IDENTIFY, struct.pack(_IDENTITY, *(numbers + texts)))


def encode_ping_reply(count: int) -> bytes:
    """How many pings have come."""
    return ecp.encode_frame(PING, struct.pack("<I", count & 0xFFFFFFFF))


def encode_waveform_reply(crc: int) -> bytes:
    """The CRC-8 of the instructions as they arrived."""
    return ecp.encode_frame(SET_WAVEFORM, bytes((crc,)))


def encode_done(code: int) -> bytes:
    """This function was done; it has no content in its answer."""
    return ecp.encode_frame(code)


def encode_status(status: Status) -> bytes:
    """One status message."""
    return ecp.encode_frame(STATUS, struct.pack(_STATUS, *status))


def encode_event(code: int) -> bytes:
    """Something happened."""
    return ecp.encode_frame(EVENT, bytes((code,)))


class RequestDecoder:
    """Device side: bytes in, requests out; one that cannot be read is ``Unreadable``. Never raises."""

    def __init__(self) -> None:
        self._packets = ecp.Decoder()

    def feed(self, data: bytes) -> list[tuple]:  # type: ignore[type-arg]
        """The requests that became complete, oldest first."""
        return [decode_request(packet) for packet in self._packets.feed(data)]


def decode_request(packet: ecp.Packet) -> tuple:  # type: ignore[type-arg]
    """A request of the host, ``Unreadable`` with the error byte for what is none."""
    code, content = packet.code, packet.content
    empty = {IDENTIFY: Identify, PING: Ping, STOP: Stop, CLEAR: Clear}.get(code)
    if empty is not None:
        return Unreadable(code, ERROR_LENGTH) if content else empty()
    if code == SET_WAVEFORM:
        return _waveform(content)
    if code == START:
        return Start(*content) if len(content) == 5 else Unreadable(code, ERROR_LENGTH)
    if code == OPERATING_MODE:
        return OperatingMode(content[0]) if len(content) == 1 else Unreadable(code, ERROR_LENGTH)
    return Unreadable(code, ERROR_UNKNOWN_FUNCTION)


def _waveform(content: bytes) -> tuple:  # type: ignore[type-arg]
    waveform = waveform_of(content)
    return Unreadable(SET_WAVEFORM, ERROR_LENGTH) if waveform is None else waveform


def _require(holds: bool, name: str, value: int, allowed: str) -> None:
    if not holds:
        raise EncodingError(f"CPAR+ {name} {value} does not exist: use {allowed}")
