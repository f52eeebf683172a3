"""CRC-16 in machine code, for microcontrollers that have to seal a message every 2 ms.

Theory of operation
-------------------
The same CRC as ``checksums.crc16``, compiled by MicroPython's viper emitter on the board itself: some ten
instructions for a byte (the four shifts are the remainder of one byte by the polynomial 1021) where the
interpreter needs some ten bytecodes for each half of one.  CPython has no such compiler: importing this file
there fails, and ``checksums`` uses what CPython has instead.

Portable subset: runs on MicroPython only.
"""

import micropython


@micropython.viper  # type: ignore[untyped-decorator]
def crc16_native(data: ptr8, length: int, crc: int) -> int:  # type: ignore[name-defined]  # noqa: F821
    """CRC-16/CCITT-FALSE over ``length`` bytes; ``crc`` continues an earlier call."""
    for at in range(length):
        remainder = (crc >> 8) ^ data[at]
        remainder ^= remainder >> 4
        crc = ((crc << 8) ^ (remainder << 12) ^ (remainder << 5) ^ remainder) & 0xFFFF
    return crc
