"""ECP framing and packets, both ends, without IO.

Theory of operation
-------------------
ECP is the open protocol of the CPAR+ research cuff (Inventors' Way, Inventors.ECP; read-out checked
against their Python client).  Our own cuff controller uses the same layer with its own codes.

Frame: ``FF F1`` payload ``FF F2``; every FF inside the payload is sent twice.  Payload:

=========  ==============================================================================
short      code, length (< 128), content
extended   code, format, length (little endian), [address], content, [checksum]
=========  ==============================================================================

The format byte has bit 7 set; bit 4 says that an address byte follows the length; bits 3-2 choose
the checksum (0 none, 1 additive, 2 CRC-8) over everything before it; bits 1-0 the width of the length
(0: 1 byte, 1: 2 bytes, 2: 4 bytes).  Codes below 80 hex are functions, answered with the same code;
codes from 80 on are unsolicited messages; code 00 is a refusal with one error byte.

``Decoder`` is fed whatever arrived and returns the packets that became complete.  It never raises,
never holds more than one payload, and a start marker always begins a new frame, so that a damaged
frame costs at most itself and the frame it ran into.  It counts: ``frames`` (packets returned),
``checksum_errors``, ``malformed`` (lengths or formats that contradict themselves, too long) and
``resyncs`` (runs of bytes thrown away while looking for a start marker, frames cut short).

The decoder is written twice.  ``_take`` looks at one byte and is the definition.  ``_leap`` goes over what
needs no look at each byte (a whole frame, the part of one that has arrived, noise) with the searches of
``bytes``, which are C on both interpreters: half of the bytes of a small signal are FF, and a stream of 500
messages a second would otherwise cost its host more than its decisions.  Both give the same packets and the
same counts for every input, however it is cut into pieces (``tests/firmware_bridge/test_ecp_leaps.py``).

Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from .checksums import additive, crc8
from .errors import EncodingError

MARK = 0xFF
START = 0xF1
END = 0xF2
_ONE_MARK = b"\xff"
_TWO_MARKS = b"\xff\xff"
_START_MARKER = b"\xff\xf1"
_END_MARKER = b"\xff\xf2"

NACK = 0x00
FIRST_UNSOLICITED = 0x80

# Error bytes of a NACK: the first two are ECP's own, the others are ours.
ERROR_UNKNOWN_FUNCTION = 0x01
ERROR_LENGTH = 0x02
ERROR_CRC = 0x20
ERROR_VALUE = 0x21

CHECKSUM_NONE = 0
CHECKSUM_ADDITIVE = 1
CHECKSUM_CRC8 = 2

LONGEST_SHORT = 127
# A CPAR+ waveform of 256 instructions of 6 bytes, its two leading bytes and the largest header fit.
LONGEST_PAYLOAD = 1600

_EXTENDED = 0x80
_HAS_ADDRESS = 0x10
_LENGTH_WIDTHS = (1, 2, 4)

# Decoder states.
_HUNT = 0  # outside a frame, waiting for FF
_HUNT_MARKED = 1  # outside a frame, the last byte was FF
_BODY = 2  # inside a frame
_BODY_MARKED = 3  # inside a frame, the last byte was an FF that is not yet decided

# code: int, content: bytes, address: int (0 when absent), checksum: one of CHECKSUM_*
Packet = namedtuple("Packet", ("code", "content", "address", "checksum"))


def encode_frame(code: int, content: bytes = b"", address: int = 0, checksum: int = CHECKSUM_NONE) -> bytes:
    """Return the bytes on the wire of one packet, in the shortest form that can carry it.

    Raises ``EncodingError`` when code, address or checksum do not exist in ECP.
    """
    return _stuff(encode_payload(code, content, address, checksum))


def encode_nack(error: int) -> bytes:
    """Return the frame that refuses the last function with this error byte."""
    return encode_frame(NACK, bytes((error,)))


def encode_payload(code: int, content: bytes = b"", address: int = 0, checksum: int = CHECKSUM_NONE) -> bytes:
    """Return the payload of one packet, before framing."""
    _require(0 <= code <= 0xFF, "code", code, "0 to 255")
    _require(0 <= address <= 0xFF, "address", address, "0 to 255")
    _require(checksum in (CHECKSUM_NONE, CHECKSUM_ADDITIVE, CHECKSUM_CRC8), "checksum", checksum, "0 to 2")
    if not address and checksum == CHECKSUM_NONE and len(content) <= LONGEST_SHORT:
        return bytes((code, len(content))) + content
    return _extended(code, content, address, checksum)


def _require(holds: bool, name: str, value: int, allowed: str) -> None:
    if not holds:
        raise EncodingError(f"ECP {name} {value} does not exist: use {allowed}")


def _extended(code: int, content: bytes, address: int, checksum: int) -> bytes:
    width = _width_code(len(content))
    form = _EXTENDED | (_HAS_ADDRESS if address else 0) | checksum << 2 | width
    head = bytes((code, form)) + len(content).to_bytes(_LENGTH_WIDTHS[width], "little")
    body = head + (bytes((address,)) if address else b"") + content
    return body + _checksum_of(checksum, body)


def _width_code(length: int) -> int:
    if length <= 0xFF:
        return 0
    return 1 if length <= 0xFFFF else 2


def _checksum_of(kind: int, data: bytes) -> bytes:
    if kind == CHECKSUM_NONE:
        return b""
    return bytes((additive(data) if kind == CHECKSUM_ADDITIVE else crc8(data),))


def _stuff(payload: bytes) -> bytes:
    return _START_MARKER + payload.replace(_ONE_MARK, _TWO_MARKS) + _END_MARKER


class Decoder:
    """Turns a byte stream, in any chunks, into packets."""

    def __init__(self, longest_payload: int = LONGEST_PAYLOAD) -> None:
        self.frames = 0
        self.checksum_errors = 0
        self.malformed = 0
        self.resyncs = 0
        self._payload = bytearray(longest_payload)
        self._length = 0
        self._state = _HUNT
        # Garbage is counted once a run; the first bytes of a stream may be the tail of a frame.
        self._lost = False

    def feed(self, data: bytes) -> list[Packet]:
        """Take what arrived; return the packets that are now complete, oldest first."""
        packets: list[Packet] = []
        at = 0
        while at < len(data):
            went = self._leap(data, at, packets)
            if went == at:
                self._take(data[at], packets)
                went += 1
            at = went
        return packets

    def _take(self, byte: int, packets: list[Packet]) -> None:
        """Advance by one byte."""
        if self._state == _BODY_MARKED:
            self._take_after_mark(byte, packets)
        elif self._state == _BODY and byte != MARK:
            self._store(byte)
        elif self._state == _BODY:
            self._state = _BODY_MARKED
        elif byte == MARK:
            self._state = _HUNT_MARKED
        elif self._state == _HUNT_MARKED and byte == START:
            self._begin()
        else:
            self._lose()

    def _take_after_mark(self, byte: int, packets: list[Packet]) -> None:
        if byte == END:
            self._end(b"", packets)
        elif byte == MARK:
            self._state = _BODY
            self._store(byte)
        elif byte == START:
            self.resyncs += 1
            self._begin()
        else:
            self._lose()

    def _begin(self) -> None:
        self._length = 0
        self._lost = False
        self._state = _BODY

    def _lose(self) -> None:
        if not self._lost:
            self.resyncs += 1
        self._lost = True
        self._length = 0
        self._state = _HUNT

    def _end(self, rest: bytes, packets: list[Packet]) -> None:
        """The frame is complete: what was held, and ``rest``."""
        payload = bytes(memoryview(self._payload)[: self._length]) + rest
        self._length = 0
        self._state = _HUNT
        self._finish(payload, packets)

    def _store(self, byte: int) -> None:
        if self._length == len(self._payload):
            self.malformed += 1
            self._lose()
            return
        self._payload[self._length] = byte
        self._length += 1

    def _finish(self, payload: bytes, packets: list[Packet]) -> None:
        packet = _parse(payload)
        if packet is None:
            self.malformed += 1
        elif packet.checksum != CHECKSUM_NONE and not _checksum_holds(payload, packet.checksum):
            self.checksum_errors += 1
        else:
            self.frames += 1
            packets.append(packet)

    # --- the same, many bytes at a time: each returns where to go on, ``at`` where it is of no use ---------

    def _leap(self, data: bytes, at: int, packets: list[Packet]) -> int:
        if self._state == _HUNT:
            if data.startswith(_START_MARKER, at):
                return self._leap_frame(data, at + 2, packets)
            return self._leap_noise(data, at)
        return self._leap_body(data, at, packets) if self._state == _BODY else at

    def _leap_frame(self, data: bytes, at: int, packets: list[Packet]) -> int:
        """The frame whose body begins at ``at``; only its start where it is not whole or not sound."""
        end = data.find(_END_MARKER, at, at + 2 * len(self._payload) + 2)
        payload = None if end < 0 else _unstuffed(data[at:end])
        self._begin()
        if payload is None or len(payload) > len(self._payload):
            return at
        self._state = _HUNT
        self._finish(payload, packets)
        return end + 2

    def _leap_body(self, data: bytes, at: int, packets: list[Packet]) -> int:
        """To the frame's end or the next marker, but no more bytes than there is room for."""
        limit = min(len(data), at + len(self._payload) - self._length)
        end = data.find(_END_MARKER, at, limit)
        piece = _unstuffed(data[at : limit if end < 0 else end])
        if piece is not None and end >= 0:
            self._end(piece, packets)
            return end + 2
        end = limit if piece is not None else _first_marker(data, at, limit)
        piece = data[at:end].replace(_TWO_MARKS, _ONE_MARK) if piece is None else piece
        self._payload[self._length : self._length + len(piece)] = piece
        self._length += len(piece)
        return end

    def _leap_noise(self, data: bytes, at: int) -> int:
        """Up to the next mark."""
        end = data.find(_ONE_MARK, at)
        end = len(data) if end < 0 else end
        if end > at:
            self._lose()
        return end


def _unstuffed(body: bytes) -> bytes | None:
    """The payload of a body in which every mark is one of a pair, else None.

    So None, too, where the mark before an F2 was the second of a pair: that was no end.
    """
    payload = body.replace(_TWO_MARKS, _ONE_MARK)
    pairs = len(body) - len(payload)
    return payload if body.count(_ONE_MARK) == 2 * pairs else None


def _first_marker(data: bytes, at: int, limit: int) -> int:
    """Where the first mark is that is not one of a pair; ``limit`` for none."""
    for part in data[at:limit].split(_TWO_MARKS):
        mark = part.find(_ONE_MARK)
        if mark >= 0:
            return at + mark
        at += len(part) + 2
    return limit


def _parse(payload: bytes) -> Packet | None:
    """Return the packet of a payload whose lengths agree, else None; the checksum is not looked at."""
    if len(payload) < 2:
        return None
    if not payload[1] & _EXTENDED:
        return Packet(payload[0], payload[2:], 0, CHECKSUM_NONE) if len(payload) == 2 + payload[1] else None
    return _parse_extended(payload, payload[1])


def _parse_extended(payload: bytes, form: int) -> Packet | None:
    kind = (form >> 2) & 3
    width_code = form & 3
    if form & 0x60 or kind > CHECKSUM_CRC8 or width_code >= len(_LENGTH_WIDTHS):
        return None
    start = 2 + _LENGTH_WIDTHS[width_code]
    length = int.from_bytes(payload[2:start], "little")
    has_address = 1 if form & _HAS_ADDRESS else 0
    if len(payload) != start + has_address + length + (1 if kind else 0):
        return None
    address = payload[start] if has_address else 0
    start += has_address
    return Packet(payload[0], payload[start : start + length], address, kind)


def _checksum_holds(payload: bytes, kind: int) -> bool:
    return _checksum_of(kind, payload[:-1]) == payload[-1:]
