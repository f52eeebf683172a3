"""The checksums of the wire: additive, CRC-8 and CRC-16.

Theory of operation
-------------------
ECP's extended packets carry an additive sum or a CRC-8 (polynomial 07, initial 0, not reflected).
Our own cuff messages carry a CRC-16/CCITT-FALSE (polynomial 1021, initial FFFF, not reflected, no
final exclusive or), whose check value over ``b"123456789"`` is 29B1.  At our message lengths it
detects every error of up to three bits.  CPython has the same CRC in C, and uses it; MicroPython compiles it
to machine code where its port can (``checksums_native``).  Elsewhere it runs nibble by nibble over a
table of sixteen entries: a full table costs a microcontroller more memory than the time is worth.

Portable subset: runs on CPython and on MicroPython.
"""

import binascii

_crc_in_c = getattr(binascii, "crc_hqx", None)  # MicroPython has none

try:
    from .checksums_native import crc16_native as _crc_native
except (ImportError, SyntaxError):  # CPython has no viper; a port of MicroPython may have none
    _crc_native = None

_CRC16_NIBBLES = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip


def additive(data: bytes | bytearray | memoryview) -> int:
    """Sum of all bytes modulo 256."""
    return sum(data) & 0xFF


def crc8(data: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """CRC-8, polynomial 07, initial 0, not reflected; ``crc`` continues an earlier call."""
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def crc16(data: bytes | bytearray | memoryview, crc: int = 0xFFFF) -> int:
    """CRC-16/CCITT-FALSE; ``crc`` continues an earlier call."""
    if _crc_in_c is not None:
        return int(_crc_in_c(data, crc))
    if _crc_native is not None:
        return int(_crc_native(data, len(data), crc))
    return crc16_by_nibbles(data, crc)


def crc16_by_nibbles(data: bytes | bytearray | memoryview, crc: int = 0xFFFF) -> int:
    """The same without help from C."""
    for byte in data:
        crc = ((crc << 4) & 0xFFFF) ^ _CRC16_NIBBLES[(crc >> 12) ^ (byte >> 4)]
        crc = ((crc << 4) & 0xFFFF) ^ _CRC16_NIBBLES[(crc >> 12) ^ (byte & 15)]
    return crc
