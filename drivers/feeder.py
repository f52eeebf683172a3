"""What a feeder process says to core over a Unix socket: framed, counted, stamped. Sans-IO, portable.

Theory of operation
-------------------
A sensor that core cannot reach itself (Bluetooth needs D-Bus, and core has none) gets a process of its own,
the *feeder*.  It connects to a socket on which core listens, and only speaks: core never writes.  Each
message is one ECP frame (``firmware_bridge.ecp``: markers, escapes, length) whose content ends in a CRC-16
over its code and the bytes before, little-endian:

======  ==  =====================================================================================
HELLO   E0  version, number, stamp, then five texts: kind of sensor, address, model, serial, firmware
STATE   E1  version, number, stamp, state, text with the reason
DATA    E2  version, number, stamp, payload: what the sensor notified, untouched
======  ==  =====================================================================================

``number`` (16 bits) counts the messages of one feeder, those included that were dropped because core did
not read: a gap is what is missing.  ``stamp`` (ms, 32 bits, the feeder's monotonic clock) is when the
feeder got it, so that what waited in a buffer cannot pass for new.  A text is its length in one byte and
printable ASCII.

Claim of the CRC at these lengths: every error of up to three bits and, within code and content, every burst
of up to 16 bits is caught; the end marker contradicts a damaged length.  ``Decoder`` never raises and holds
one frame at most.

Portable subset, like its framing; nothing of it runs on a microcontroller today.
"""

import struct
from collections import namedtuple

from firmware_bridge import ecp
from firmware_bridge.checksums import crc16
from firmware_bridge.errors import EncodingError

VERSION = 1

HELLO = 0xE0
STATE = 0xE1
DATA = 0xE2

SEARCHING = 0  # looking for the sensor; the reason says why it is not there
SUBSCRIBED = 1  # the sensor is connected and notifies

LONGEST_TEXT = 22
LONGEST_REASON = 80
LONGEST_PAYLOAD = 64

_HEAD = "<BHI"
_HEAD_BYTES = 7
_TEXTS = 5
_LONGEST_FRAME = 192

# number: int, stamp_ms: int, and what the message carries
Hello = namedtuple("Hello", ("number", "stamp_ms", "kind", "address", "model", "serial", "firmware"))
State = namedtuple("State", ("number", "stamp_ms", "state", "reason"))
Data = namedtuple("Data", ("number", "stamp_ms", "payload"))


def encode(message: Hello | State | Data) -> bytes:
    """The bytes on the socket. Raises ``EncodingError`` for what does not fit."""
    code, body = _packed(message)
    try:
        head = struct.pack(_HEAD, VERSION, message.number & 0xFFFF, message.stamp_ms & 0xFFFFFFFF)
    except TypeError:
        raise EncodingError("feeder number and stamp are whole numbers") from None
    content = head + body
    return ecp.encode_frame(code, content + _crc(code, content))


def printable(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text`` as a message can carry it: other characters become '?', and the rest is cut off."""
    return "".join([character if " " <= character <= "~" else "?" for character in text])[:longest]


class Sender:
    """The feeder's side: gives every message its number, also to those that are dropped afterwards."""

    def __init__(self, kind: str, address: str) -> None:
        self._number = 0
        self._kind, self._address = kind, address
        self._described = ("", "", "")

    def describe(self, model: str, serial: str, firmware: str) -> None:
        """What the sensor says of itself; what a message cannot carry becomes '?' or is cut off."""
        self._described = (printable(model), printable(serial), printable(firmware))

    def hello(self, now_ms: int) -> bytes:
        """Who is speaking, for the start of a connection and for each change."""
        return encode(Hello(self._next(), now_ms, self._kind, self._address, *self._described))

    def state(self, state: int, reason: str, now_ms: int) -> bytes:
        """How the sensor's link is."""
        return encode(State(self._next(), now_ms, state, printable(reason, LONGEST_REASON)))

    def data(self, payload: bytes, now_ms: int) -> bytes:
        """What the sensor notified, cut off behind what a message can carry: such a one is refused anyway."""
        return encode(Data(self._next(), now_ms, bytes(payload[:LONGEST_PAYLOAD])))

    def _next(self) -> int:
        self._number = (self._number + 1) & 0xFFFF
        return self._number


class Decoder:
    """Turns the byte stream of one feeder, in any chunks, into messages.

    Counters: ``frames`` (valid), ``checksum_errors``, ``foreign`` (whole frames with a right CRC that are no
    message, or of another version), ``resyncs`` (noise skipped, frames cut short).
    """

    def __init__(self) -> None:
        self.frames = 0
        self.checksum_errors = 0
        self.foreign = 0
        self._frames = ecp.Decoder(_LONGEST_FRAME)

    @property
    def resyncs(self) -> int:
        """Runs of bytes thrown away, and frames that contradict themselves."""
        return self._frames.resyncs + self._frames.malformed + self._frames.checksum_errors

    def feed(self, data: bytes) -> list[Hello | State | Data]:
        """Take what arrived; return the messages that are now complete, oldest first."""
        messages = []
        for packet in self._frames.feed(data):
            message = self._message(packet)
            if message is not None:
                self.frames += 1
                messages.append(message)
        return messages

    def _message(self, packet: ecp.Packet) -> Hello | State | Data | None:
        content = packet.content[:-2]
        if packet.content[-2:] != _crc(packet.code, content):
            self.checksum_errors += 1
            return None
        message = _unpacked(packet.code, content)
        self.foreign += message is None
        return message


def _crc(code: int, content: bytes) -> bytes:
    return struct.pack("<H", crc16(bytes((code,)) + content))


def _packed(message: Hello | State | Data) -> tuple[int, bytes]:
    if isinstance(message, Hello):
        texts = (message.kind, message.address, message.model, message.serial, message.firmware)
        return HELLO, b"".join([_text(text, LONGEST_TEXT) for text in texts])
    if isinstance(message, State):
        if message.state not in (SEARCHING, SUBSCRIBED):
            raise EncodingError(f"feeder state {message.state} does not exist")
        return STATE, bytes((message.state,)) + _text(message.reason, LONGEST_REASON)
    if len(message.payload) > LONGEST_PAYLOAD:
        raise EncodingError(f"a payload of {len(message.payload)} bytes: at most {LONGEST_PAYLOAD} fit")
    return DATA, bytes(message.payload)


def _text(text: str, longest: int) -> bytes:
    if printable(text, longest) != text:
        raise EncodingError(f"'{text}' has more than {longest} characters, or some that are not printable")
    return bytes((len(text),)) + text.encode()


def _unpacked(code: int, content: bytes) -> Hello | State | Data | None:
    if code not in (HELLO, STATE, DATA) or len(content) < _HEAD_BYTES:
        return None
    version, number, stamp_ms = struct.unpack(_HEAD, content[:_HEAD_BYTES])
    body = content[_HEAD_BYTES:]
    if version != VERSION:
        return None
    if code == DATA:
        return Data(number, stamp_ms, body) if len(body) <= LONGEST_PAYLOAD else None
    if code == STATE:
        reason = _texts(body[1:], 1, LONGEST_REASON)
        known = body[:1] in (b"\x00", b"\x01")
        return State(number, stamp_ms, body[0], reason[0]) if known and reason else None
    texts = _texts(body, _TEXTS, LONGEST_TEXT)
    return Hello(number, stamp_ms, *texts) if texts else None


def _texts(body: bytes, count: int, longest: int) -> list[str] | None:
    """Exactly this many texts, nothing before, between or after them."""
    texts = []
    at = 0
    while at < len(body):
        piece = body[at + 1 : at + 1 + body[at]]
        if len(piece) != body[at] or len(piece) > longest:
            return None
        if piece and (min(piece) < 0x20 or max(piece) > 0x7E):
            return None
        texts.append(piece.decode())
        at += 1 + len(piece)
    return texts if len(texts) == count else None
