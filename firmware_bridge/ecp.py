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

Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from .checksums import additive, crc8
from .errors import EncodingError

MARK = 0xFF
START = 0xF1
END = 0xF2
_ONE_MARK = b"\xff"

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
    return b"\xff\xf1" + payload.replace(b"\xff", b"\xff\xff") + b"\xff\xf2"


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
            if self._state == _BODY and data[at] != MARK:
                at = self._store_run(data, at)
                continue
            if self._take(data[at]):
                self._finish(packets)
            at += 1
        return packets

    def _take(self, byte: int) -> bool:
        """Advance by one byte that may be part of a marker; True when a frame is complete."""
        if self._state == _BODY:
            self._state = _BODY_MARKED
        elif self._state == _BODY_MARKED:
            return self._take_after_mark(byte)
        elif byte == MARK:
            self._state = _HUNT_MARKED
        elif self._state == _HUNT_MARKED and byte == START:
            self._begin()
        else:
            self._lose()
        return False

    def _take_after_mark(self, byte: int) -> bool:
        if byte == END:
            self._state = _HUNT
            return True
        if byte == MARK:
            self._state = _BODY
            self._store_run(_ONE_MARK, 0, 1)
        elif byte == START:
            self.resyncs += 1
            self._begin()
        else:
            self._lose()
        return False

    def _begin(self) -> None:
        self._length = 0
        self._lost = False
        self._state = _BODY

    def _lose(self) -> None:
        if not self._lost:
            self.resyncs += 1
        self._lost = True
        self._state = _HUNT

    def _store_run(self, data: bytes, start: int, end: int = -1) -> int:
        """Take the bytes of ``data`` up to the next mark (or ``end``); returns where to go on."""
        if end < 0:
            end = data.find(_ONE_MARK, start)
            end = len(data) if end < 0 else end
        room = len(self._payload) - self._length
        if end - start > room:
            self.malformed += 1
            self._lose()
            return start + room + 1
        self._payload[self._length : self._length + end - start] = data[start:end]
        self._length += end - start
        return end

    def _finish(self, packets: list[Packet]) -> None:
        payload = bytes(memoryview(self._payload)[: self._length])
        packet = _parse(payload)
        if packet is None:
            self.malformed += 1
        elif not _checksum_holds(payload, packet.checksum):
            self.checksum_errors += 1
        else:
            self.frames += 1
            packets.append(packet)


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
    return kind == CHECKSUM_NONE or _checksum_of(kind, payload[:-1]) == payload[-1:]
