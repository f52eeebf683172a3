"""ScienceMode4 frames: the packets of HASOMED's P24 stimulator, both ends, without IO. Portable.

Theory of operation
-------------------
A frame is 12 to 1200 bytes long::

    F0  81 x  81 x  81 x  81 x  body ...  0F
        length      CRC-16

Length (of the whole frame, start and stop included) and CRC are big-endian; each of their four bytes travels
as 81 and the byte XOR 55, whatever it is.  The body is two bytes of prefix, big-endian, the packet number
(6 bits) above the command (10 bits), and the data.  In the body F0, 0F and 81 travel as 81 and the byte XOR
55; other bytes as they are.  The CRC is CRC-16/XMODEM (polynomial 1021, initial 0, not reflected) over the
body as it travels, escapes included.  A reply has the number of its request and the next command.

**The trap**: the four escaped bytes of length and CRC can themselves be F0, 0F or 81 on the wire (a CRC byte
of 5A stands there as 0F).  A stream split at F0 and 0F tears such frames.  So the header is taken by its
position, and a stop byte counts from the ninth byte after the start on; one before the eleventh ends a frame
that is too short to be one.

``Decoder`` is fed whatever arrived and returns the packets that became complete.  In the body an F0 always
begins another frame, for no encoder leaves one there: a frame that was cut short costs at most itself and
the frame it ran into.  An escape of any byte is accepted.  It never raises and holds less than one frame.
It counts ``frames`` (returned), ``checksum_errors``, ``malformed`` (started like a frame, but lengths or
escapes contradict themselves), ``resyncs`` (runs of bytes thrown away while looking for a frame).

Claim of the checksum over number, command, data and CRC: every error of up to three bits and every burst of
up to 16 bits is caught.  The length is outside it; the place of the stop byte contradicts a damaged one.

Sources: P24 instructions for use v1.1, p16-26, and ScienceMode4_c_library (HASOMED); the golden frames of the
tests came out equal from that library and from the Python package science-mode-4 0.0.23.  No device has been
connected yet.
"""

from collections import namedtuple

from firmware_bridge.checksums import crc16
from firmware_bridge.errors import EncodingError

NUMBERS = 64
"""Packet numbers count 0 to 63 and begin again."""

SHORTEST_FRAME = 12
LONGEST_FRAME = 1200

_START = 0xF0
_STOP = 0x0F
_ESCAPE = 0x81
_KEY = 0x55
_ONE_START = b"\xf0"
_ONE_STOP = b"\x0f"
_HEADER = 9
_ESCAPE_PLACES = (1, 3, 5, 7)
_HIGHEST_COMMAND = 0x3FF

# number     0 to 63
# command    0 to 1023; sciencemode4_messages names them
# data       bytes, without escapes
Packet = namedtuple("Packet", ("number", "command", "data"))


def encode(packet: Packet) -> bytes:
    """The bytes on the wire; raises ``EncodingError`` for what a frame cannot carry."""
    number, command, data = packet
    if not 0 <= number < NUMBERS:
        raise EncodingError(f"ScienceMode4 packet number {number}: use 0 to {NUMBERS - 1}")
    if not 0 <= command <= _HIGHEST_COMMAND:
        raise EncodingError(f"ScienceMode4 command {command}: use 0 to {_HIGHEST_COMMAND}")
    return frame(escaped((number << 10 | command).to_bytes(2, "big") + data))


def frame(body: bytes) -> bytes:
    """Header, body (escaped already) and stop byte; raises ``EncodingError`` for a body that is too long."""
    length = len(body) + _HEADER + 1
    if length > LONGEST_FRAME:
        raise EncodingError(f"ScienceMode4 frame of {length} bytes: the longest is {LONGEST_FRAME}")
    return header(length, crc16(body, 0)) + body + _ONE_STOP


def header(length: int, crc: int) -> bytes:
    """Start byte, length and checksum, each byte of the two escaped."""
    length_high, length_low = length >> 8 ^ _KEY, length & 0xFF ^ _KEY
    crc_high, crc_low = crc >> 8 ^ _KEY, crc & 0xFF ^ _KEY
    return bytes((_START, _ESCAPE, length_high, _ESCAPE, length_low, _ESCAPE, crc_high, _ESCAPE, crc_low))


def escaped(content: bytes) -> bytes:
    """The content of a body as it travels."""
    return (
        content.replace(b"\x81", b"\x81\xd4").replace(_ONE_START, b"\x81\xa5").replace(_ONE_STOP, b"\x81\x5a")
    )


class Decoder:
    """Turns a byte stream, in any chunks, into packets. See the top for what it counts."""

    def __init__(self) -> None:
        self.frames = 0
        self.checksum_errors = 0
        self.malformed = 0
        self.resyncs = 0
        self._held = b""
        self._lost = False

    def feed(self, data: bytes) -> list[Packet]:
        """Take what arrived; return the packets that are now complete, oldest first."""
        packets: list[Packet] = []
        held = self._held + data
        at = 0
        while at < len(held):
            taken = self._take(held, at, packets)
            if not taken:
                break
            at += taken
        self._held = held[at:]
        return packets

    def _take(self, held: bytes, at: int, packets: list[Packet]) -> int:
        """How many bytes from ``at`` on are done with; 0 where more must arrive first."""
        if held[at] != _START:
            return self._skip(held, at)
        length = _stated_length(held, at)
        if length is None:
            return self._lose(held, at)
        if length == 0:
            return 0
        body = held[at + _HEADER : at + length]
        stop, start = body.find(_ONE_STOP), body.find(_ONE_START)
        if start >= 0 and not 0 <= stop < start:
            return self._contradiction(held, at)
        if stop >= 0:
            return self._finish(held, at, body[:stop], length, packets)
        return self._contradiction(held, at) if len(held) - at >= length else 0

    def _finish(self, held: bytes, at: int, body: bytes, length: int, packets: list[Packet]) -> int:
        """The stop byte was found behind ``body``; ``length`` is what the header states."""
        content = _unescaped(body)
        if len(body) + _HEADER + 1 != length or content is None or len(content) < 2:
            return self._contradiction(held, at)
        self._lost = False
        if _stated_crc(held, at) != crc16(body, 0):
            self.checksum_errors += 1
        else:
            self.frames += 1
            packets.append(_packet(content))
        return length

    def _contradiction(self, held: bytes, at: int) -> int:
        self.malformed += 1
        return self._lose(held, at)

    def _lose(self, held: bytes, at: int) -> int:
        """Throw the start byte away; what follows may hold another one."""
        return 1 + self._skip(held, at + 1)

    def _skip(self, held: bytes, at: int) -> int:
        """Throw away what stands before the next start byte; a run is counted once."""
        self.resyncs += not self._lost
        self._lost = True
        start = held.find(_ONE_START, at)
        return (len(held) if start < 0 else start) - at


def _stated_length(held: bytes, at: int) -> int | None:
    """The length that a header states, 0 while it is incomplete, ``None`` where this is no header."""
    for place in _ESCAPE_PLACES:
        if at + place < len(held) and held[at + place] != _ESCAPE:
            return None
    if len(held) - at > 2 and held[at + 2] ^ _KEY > LONGEST_FRAME >> 8:
        return None
    if len(held) - at < _HEADER:
        return 0
    length = (held[at + 2] ^ _KEY) << 8 | held[at + 4] ^ _KEY
    return length if SHORTEST_FRAME <= length <= LONGEST_FRAME else None


def _stated_crc(held: bytes, at: int) -> int:
    return (held[at + 6] ^ _KEY) << 8 | held[at + 8] ^ _KEY


def _unescaped(body: bytes) -> bytes | None:
    """The content of a body as it is meant; ``None`` where an escape has nothing to escape."""
    content = bytearray()
    escape = False
    for byte in body:
        if escape:
            content.append(byte ^ _KEY)
            escape = False
        elif byte == _ESCAPE:
            escape = True
        else:
            content.append(byte)
    return None if escape else bytes(content)


def _packet(content: bytes) -> Packet:
    prefix = content[0] << 8 | content[1]
    return Packet(prefix >> 10, prefix & _HIGHEST_COMMAND, content[2:])
