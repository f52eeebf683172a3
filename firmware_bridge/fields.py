"""How the content of a message of ours is packed, guarded by its CRC and taken apart again.

Theory of operation
-------------------
A layout is a little-endian ``struct`` format of the kinds B, b, H, h, I, i, 16s and 24s.  *Guarded* content
ends in a CRC-16 over the code and the bytes before it; *plain* content has none.  What does not fit its
field is refused when it is packed; what has another code, another length or a CRC that does not hold is
``None`` when it is taken apart.

Portable subset: runs on CPython and on MicroPython.
"""

import struct

from . import ecp
from .checksums import crc16
from .errors import EncodingError

# How a pressure that is not known travels.
MISSING = -32768

_TEXT_BYTES = {"t": 16, "u": 24}
_RANGES = {
    "B": (0, 0xFF),
    "b": (-0x80, 0x7F),
    "H": (0, 0xFFFF),
    "h": (-0x8000, 0x7FFF),
    "I": (0, 0xFFFFFFFF),
    "i": (-0x80000000, 0x7FFFFFFF),
}
# What packing raises where it does not cut; MicroPython has no ``struct.error``.
_REFUSED = (getattr(struct, "error", ValueError), ValueError, OverflowError, TypeError)


def guarded_frame(code: int, layout: str, values: tuple[int | bytes, ...]) -> bytes:
    """The whole frame of a guarded message; raises ``EncodingError`` for a value that does not fit."""
    return sealed_frame(code, pack(layout, values))


def sealed_frame(code: int, body: bytes) -> bytes:
    """The whole frame of content that is packed already, guarded by its CRC."""
    return ecp.encode_frame(code, body + _crc_bytes(code, body))


def guarded(packet: ecp.Packet, code: int, layout: str) -> tuple | None:  # type: ignore[type-arg]
    """The fields of a message whose code, length and CRC hold, else None."""
    size = struct.calcsize(layout)
    if packet.code != code or len(packet.content) != size + 2 or not crc_holds(packet):
        return None
    return struct.unpack(layout, packet.content[:size])


def plain(packet: ecp.Packet, code: int, layout: str) -> tuple | None:  # type: ignore[type-arg]
    """The fields of a message without CRC whose code and length hold, else None."""
    if packet.code != code or len(packet.content) != struct.calcsize(layout):
        return None
    return struct.unpack(layout, packet.content)


def single(packet: ecp.Packet, code: int, layout: str) -> int | None:
    """The only field of a guarded message, else None."""
    unpacked = guarded(packet, code, layout)
    return None if unpacked is None else unpacked[0]


def crc_holds(packet: ecp.Packet) -> bool:
    """Whether the last two bytes are the CRC-16 of code and content."""
    stored = packet.content[-2:]
    return len(stored) == 2 and stored == _crc_bytes(packet.code, packet.content[:-2])


def pack(layout: str, values: tuple[int | bytes, ...]) -> bytes:
    """``struct.pack`` that refuses what does not fit: MicroPython's would cut it in silence.

    What comes back from the bytes as it went in has fitted.  Only what does not (a text, padded with zeros,
    or a value that is too large) is looked at field by field.
    """
    try:
        packed = struct.pack(layout, *values)
        if struct.unpack(layout, packed) == values:
            return packed
    except _REFUSED:
        pass
    kinds = layout[1:].replace("16s", "t").replace("24s", "u")
    for index, kind in enumerate(kinds):
        _check(kind, values[index], index)
    return struct.pack(layout, *values)


def to_wire(pressure_dmmhg: int | None) -> int:
    """A pressure as it travels."""
    return MISSING if pressure_dmmhg is None else pressure_dmmhg


def from_wire(pressure_dmmhg: int) -> int | None:
    """A pressure as it is meant."""
    return None if pressure_dmmhg == MISSING else pressure_dmmhg


def _crc_bytes(code: int, body: bytes) -> bytes:
    return struct.pack("<H", crc16(bytes((code,)) + body))


def _check(kind: str, value: int | bytes, index: int) -> None:
    if isinstance(value, int):
        low, high = _RANGES[kind]
        if not low <= value <= high:
            raise EncodingError(f"message field {index} is {value}: use {low} to {high}")
    elif len(value) > _TEXT_BYTES[kind]:
        raise EncodingError(f"message field {index} is {len(value)} bytes long: shorten it")
