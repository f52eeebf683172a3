"""Moxy muscle oxygen monitor: what its Bluetooth notifications and its ANT+ page say. Sans-IO, portable.

Theory of operation
-------------------
A sports product, not a medical device.  One optode on a muscle gives SmO2 (StO2 of muscle) and total
haemoglobin.  Over Bluetooth Low Energy it notifies nine bytes on characteristic ``CHARACTERISTIC`` of
service ``SERVICE``, little-endian:

=====  ==================================================================
bytes  field
=====  ==================================================================
0-1    counter of measurements
2-3    SmO2, 0.1 %
4-5    "previous" SmO2, 0.1 %
6-7    total haemoglobin, 0.01 g/dL
8      bit 0: the monitor asks for the time of day (it is never told)
=====  ==================================================================

The maker has published none of this.  The layout agrees in three independent open projects, one of which
shows five consecutive notifications: the golden bytes of the tests.  In that recording "previous" is *not*
what the notification before it said (1739: 53.3 %; 1740: previous 53.0 %), so it is passed on and nothing is
concluded from it: loss is seen by the counter.

No checksum of ours or theirs stands in these bytes; Bluetooth's own 24-bit CRC protects the air, and the way
from the feeder process to us is framed by ``drivers.feeder``.  What is refused here: another length, and flag
bits that nobody has seen.  Values that cannot be are ``None`` with a reason.

Unconfirmed: that SmO2 1022 and 1023 mean ambient light and no measurement over Bluetooth, as they do over
ANT+; where the counter wraps (32767 by one source); how often it notifies (0.5 to 2 s, 2 s with smoothing by
default, by one source); that no haemoglobin at all means no skin.

ANT+ (device type 31, page 01) carries the same in eight bytes, ``decode_ant_page``; no receiver is driven.
Unconfirmed: that byte 3 alone holds the capabilities, as the bits of bytes 4 to 7 leave no room for more.

Units: per mille; hundredths of a g/dL; the counter is a number without a unit.
Sources: open projects dvmarinoff/Auuki (layout, recording, ranges), two further readers of the same bytes;
SmallEarthTech AntPlus (page 01 and its test bytes).
"""

import struct
from collections import namedtuple

KIND = "moxy"
"""What a feeder calls this sensor."""

SERVICE = "6404d801-4cb9-11e8-b566-0800200c9a66"
CHARACTERISTIC = "6404d804-4cb9-11e8-b566-0800200c9a66"

COUNTER_WRAP = 0x8000
"""Steps of the counter are taken modulo this: right for a counter of 15 bits and for one of 16."""

LONGEST_STEP = 1024
"""A longer step, or one backwards, is a monitor that was switched off and on."""

NO_REASON = ""
AMBIENT_LIGHT = "ambient-light"
INVALID = "invalid"
OUT_OF_RANGE = "out-of-range"
NO_HAEMOGLOBIN = "no-haemoglobin"

_LAYOUT = "<HHHHB"
_BYTES = 9
_ANT_PAGE = 1
_ANT_BYTES = 8
_SATURATION_MOST = 1000
_SATURATION_AMBIENT = 0x3FE
_SATURATION_INVALID = 0x3FF
_HAEMOGLOBIN_MOST = 4000
_HAEMOGLOBIN_AMBIENT = 0xFFE
_HAEMOGLOBIN_INVALID = 0xFFF

# counter       the monitor's count of its measurements (8 bits over ANT+)
# saturation    SmO2 in per mille, None with a reason
# previous      "previous" SmO2 in per mille, None where it cannot be
# haemoglobin   total haemoglobin in hundredths of a g/dL, None with a reason
# reason        why there is no saturation, else empty
# wants_time    the monitor asks for the time of day
Measurement = namedtuple(
    "Measurement", ("counter", "saturation", "previous", "haemoglobin", "reason", "wants_time")
)


def decode(payload: bytes) -> Measurement | None:
    """The measurement of one notification, ``None`` for bytes that are none."""
    if len(payload) != _BYTES:
        return None
    counter, saturation, previous, haemoglobin, flags = struct.unpack(_LAYOUT, payload)
    if flags & 0xFE:
        return None
    return _measurement(counter, saturation, previous, haemoglobin, bool(flags & 1))


def encode(
    counter: int, saturation: int, previous: int, haemoglobin: int, *, wants_time: bool = False
) -> bytes:
    """Device side: one notification of these raw numbers.

    Raises ``ValueError`` for a number that has more than 16 bits.
    """
    for value in (counter, saturation, previous, haemoglobin):
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"{value} does not fit into the 16 bits of a Moxy notification")
    return struct.pack(_LAYOUT, counter, saturation, previous, haemoglobin, int(wants_time))


def decode_ant_page(page: bytes) -> Measurement | None:
    """The measurement of an ANT+ muscle oxygen page 01, ``None`` for anything else."""
    if len(page) != _ANT_BYTES or page[0] != _ANT_PAGE:
        return None
    packed = int.from_bytes(page[4:], "little")
    return _measurement(
        page[1], packed >> 22 & 0x3FF, packed >> 12 & 0x3FF, packed & 0xFFF, bool(page[2] & 1)
    )


def steps_between(before: int, after: int) -> int | None:
    """How many measurements on ``after`` is; ``None`` when the monitor has begun to count anew."""
    steps = (after - before) % COUNTER_WRAP
    return steps if steps <= LONGEST_STEP else None


def _measurement(
    counter: int, saturation: int, previous: int, haemoglobin: int, wants_time: bool
) -> Measurement:
    reason = _why_no_saturation(saturation, haemoglobin)
    return Measurement(
        counter,
        None if reason else saturation,
        previous if previous <= _SATURATION_MOST else None,
        haemoglobin if 0 < haemoglobin <= _HAEMOGLOBIN_MOST else None,
        reason,
        wants_time,
    )


def _why_no_saturation(saturation: int, haemoglobin: int) -> str:
    if saturation == _SATURATION_AMBIENT or haemoglobin == _HAEMOGLOBIN_AMBIENT:
        return AMBIENT_LIGHT
    if saturation == _SATURATION_INVALID or haemoglobin == _HAEMOGLOBIN_INVALID:
        return INVALID
    if saturation > _SATURATION_MOST or haemoglobin > _HAEMOGLOBIN_MOST:
        return OUT_OF_RANGE
    return NO_REASON if haemoglobin else NO_HAEMOGLOBIN
