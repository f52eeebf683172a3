r"""Nonin OEM III and Xpod pulse oximeters, serial data formats 2 and 7. Sans-IO, portable.

Theory of operation
-------------------
9600 8N1, 75 frames of five bytes a second, device to host::

    format 2    01      STATUS     PLETH (8 bit)  DATA   sum of the first four, modulo 256
    format 7    STATUS  PLETH MSB  PLETH LSB      DATA   sum of the first four, modulo 256

Bit 7 of STATUS is always set, bit 0 (SYNC) in the first of every 25 frames.  The DATA bytes of those 25, a
*packet*, are the values, three times a second::

     1-2  heart rate     3  SpO2   4  firmware revision   6-7  timer   8  STAT2   9  SpO2-D   10  SpO2 fast
    11  SpO2 beat to beat   14-15  E-HR   16  E-SpO2   17  E-SpO2-D   20-21  HR-D   22-23  E-HR-D

A heart rate is (MSB & 3) << 7 | LSB & 7F beats a minute, 511 means none; a saturation is in percent, 127
(and whatever else is above 100) means none.  (E: average over eight beats instead of four; D: for display.)

01 alone marks nothing, it stands everywhere in a stream: a place is believed when six frames in a row have
their checksum, bit 7 (and 01), and frames are given out only while SYNC comes every 25 (``drivers.strides``).
``Frame.missing`` is what is known to be lost just before it: the frames that would fill the bytes thrown
away, and at a SYNC what the packet before it lacked (modulo 25, so at most 24 of a longer loss).

The checksum is a sum.  Its claim: every single flipped bit and every burst of up to eight bits is caught; two
flips that cancel out are not.  A packet with a frame lost or damaged gives no values.

``encode_select`` asks the device for a format: 02 70 04 02 FORMAT OPTIONS CHECK 03, CHECK the sum from 70 to
the options; answered by ACK (06) or NAK (15).  An answer between two frames is ``Answer``.

Sources: tables of the maker's OEM documents as given by two open drivers (mdpnp, Pufferfish, whose test
packet is a golden one here); the select command as several open programs send it (formats 2 and 8).
Unconfirmed: no device has been connected; the checksum over the options with options other than 0; whether an
OEM III takes the command at all (Bluetooth models do); the timer (7 bits each, or 8); whether format 2 fills
every value.

Nothing here raises on what arrives.  Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from drivers.strides import Found, Strides
from firmware_bridge.checksums import additive

BAUDRATE = 9600
RATE_HZ = 75
FRAME_BYTES = 5
FRAMES_TO_LOCK = 6
PACKET_FRAMES = 25

FORMAT_2 = 2
FORMAT_7 = 7
FORMATS = (FORMAT_2, FORMAT_7)
HIGHEST_PLETH = {FORMAT_2: 0xFF, FORMAT_7: 0xFFFF}

SENSOR_DISCONNECTED = 0x40
ARTEFACT = 0x20
OUT_OF_TRACK = 0x10
SENSOR_ALARM = 0x08
RED_PERFUSION = 0x04
GREEN_PERFUSION = 0x02
PERFUSION = RED_PERFUSION | GREEN_PERFUSION
SYNC = 0x01
_ALWAYS = 0x80

SMART_POINT = 0x20
LOW_BATTERY = 0x01

NO_RATE = 511
NO_SATURATION = 127
HIGHEST_SATURATION = 100

ACK = 0x06
NAK = 0x15

# position    1 to 25 within its packet, 0 where that is not known
# status      the STATUS byte
# pleth       0 to 255 (format 2) or to 65535 (format 7), the device's own unit
# data        the DATA byte
# missing     frames known to be lost just before this one
Frame = namedtuple("Frame", ("position", "status", "pleth", "data", "missing"))

# Rates in beats a minute, saturations in percent, None where the device has none.
# trouble     the STATUS bits of all 25 frames together, without those of perfusion, SYNC and bit 7
# perfusion   the last of RED_PERFUSION, GREEN_PERFUSION, PERFUSION (yellow: both) in the packet, 0 if none
# timer       unconfirmed: MSB << 7 | LSB
Packet = namedtuple(
    "Packet",
    (
        "heart_rate",
        "spo2",
        "revision",
        "timer",
        "stat2",
        "spo2_d",
        "spo2_fast",
        "spo2_beat",
        "e_heart_rate",
        "e_spo2",
        "e_spo2_d",
        "heart_rate_d",
        "e_heart_rate_d",
        "trouble",
        "perfusion",
    ),
)

# accepted: True for ACK, False for NAK
Answer = namedtuple("Answer", ("accepted",))

# What a host asks for. options: as the device's document defines them; 0 is what open programs send.
Select = namedtuple("Select", ("data_format", "options"))

_RATES = ((1, "heart_rate"), (14, "e_heart_rate"), (20, "heart_rate_d"), (22, "e_heart_rate_d"))
_SATURATIONS = (
    (3, "spo2"),
    (9, "spo2_d"),
    (10, "spo2_fast"),
    (11, "spo2_beat"),
    (16, "e_spo2"),
    (17, "e_spo2_d"),
)


class Decoder(Strides):
    """Host side: bytes in; frames, packets and answers out, in the order in which they became complete.

    ``gaps``: frames known to be lost; ``broken_packets``: packets without all their frames;
    ``unsynchronised``: frames dropped because no SYNC came among the 25 before.
    Raises ``ValueError`` for a format other than 2 and 7.
    """

    def __init__(self, data_format: int = FORMAT_7) -> None:
        _require_format(data_format)
        super().__init__(FRAME_BYTES, FRAMES_TO_LOCK)
        self.gaps = 0
        self.broken_packets = 0
        self.unsynchronised = 0
        self._format = data_format
        self._status_at = 1 if data_format == FORMAT_2 else 0
        self._is_new = True
        self._is_synchronised = False
        self._seen = 0  # frames since the last SYNC, or since the beginning
        self._told = 0  # missing frames told of since then
        self._whole = False  # no frame is lost since the last SYNC
        self._data = bytearray(PACKET_FRAMES)
        self._trouble = 0
        self._perfusion = 0

    def feed(self, data: bytes) -> list[Frame | Packet | Answer]:
        """Take what arrived; return what is now complete, oldest first."""
        told: list[Frame | Packet | Answer] = []
        for found in self.cut(data):
            self._take(found, told)
        return told

    def is_frame(self, frame: bytes) -> bool:
        """Bit 7 of the status, the checksum, and in format 2 the leading 01."""
        if self._status_at and frame[0] != 1:
            return False
        return frame[self._status_at] & _ALWAYS != 0 and additive(frame[:4]) == frame[4]

    def follows(self, before: bytes, frame: bytes) -> bool:
        """Two frames in a row never have SYNC."""
        return not before[self._status_at] & frame[self._status_at] & SYNC

    def _take(self, found: Found, told: list[Frame | Packet | Answer]) -> None:
        status = found.frame[self._status_at]
        skipped = self._skipped_frames(found.skipped, told)
        missing = self._packet_begins(skipped) if status & SYNC else self._packet_broken(skipped)
        self._seen += 1
        if self._seen > PACKET_FRAMES:
            self._whole = self._is_synchronised = False
            self.unsynchronised += 1
            return
        self.gaps += missing
        self._is_new = False
        pleth = found.frame[2] if self._status_at else found.frame[1] << 8 | found.frame[2]
        told.append(Frame(self._seen if self._whole else 0, status, pleth, found.frame[3], missing))
        self._collect(status, found.frame[3], told)

    def _skipped_frames(self, skipped: bytes, told: list[Frame | Packet | Answer]) -> int:
        """How many frames the bytes thrown away would have been; a single ACK or NAK is none of them."""
        if len(skipped) == 1 and skipped[0] in (ACK, NAK):
            told.append(Answer(skipped[0] == ACK))
            return 0
        return 0 if self._is_new else (len(skipped) + FRAME_BYTES - 1) // FRAME_BYTES

    def _packet_broken(self, missing: int) -> int:
        """Frames missing in the middle of a packet, as many as told of."""
        if missing:
            self._whole = False
            self._told += missing
        return missing

    def _packet_begins(self, skipped: int) -> int:
        """A SYNC: how many frames of the packet before it are missing and were not told of."""
        lacking = skipped
        if self._is_synchronised:
            lacking = max(0, -self._seen % PACKET_FRAMES - self._told)
            self.broken_packets += lacking > 0 or not self._whole
        self._is_synchronised = self._whole = True
        self._seen = self._told = self._trouble = self._perfusion = 0
        return lacking

    def _collect(self, status: int, data: int, told: list[Frame | Packet | Answer]) -> None:
        self._data[self._seen - 1] = data
        self._trouble |= status & ~(_ALWAYS | PERFUSION | SYNC)
        self._perfusion = status & PERFUSION or self._perfusion
        if self._whole and self._seen == PACKET_FRAMES:
            told.append(_packet(self._data, self._trouble, self._perfusion))


def encode_frame(data_format: int, status: int, pleth: int, data: int) -> bytes:
    """Device side: one frame. Raises ``ValueError`` for what it cannot carry."""
    _require_format(data_format)
    if not _ALWAYS <= status <= 0xFF or not 0 <= data <= 0xFF:
        raise ValueError(f"status {status} is outside 128 to 255, or data {data} outside 0 to 255")
    if not 0 <= pleth <= HIGHEST_PLETH[data_format]:
        raise ValueError(f"a pleth of {pleth} is outside 0 to {HIGHEST_PLETH[data_format]}")
    head = (1, status, pleth) if data_format == FORMAT_2 else (status, pleth >> 8, pleth & 0xFF)
    body = bytes(head) + bytes((data,))
    return body + bytes((additive(body),))


def packet_data(packet: Packet) -> bytes:
    """Device side: the 25 DATA bytes of a packet. Raises ``ValueError`` for what they cannot carry."""
    data = bytearray(PACKET_FRAMES)
    for place, name in _RATES:
        rate = getattr(packet, name)
        _require(name, rate, NO_RATE - 1)
        value = NO_RATE if rate is None else rate
        data[place - 1], data[place] = value >> 7, value & 0x7F
    for place, name in _SATURATIONS:
        percent = getattr(packet, name)
        _require(name, percent, HIGHEST_SATURATION)
        data[place - 1] = NO_SATURATION if percent is None else percent
    data[3], data[7] = packet.revision, packet.stat2
    data[5], data[6] = packet.timer >> 7 & 0x7F, packet.timer & 0x7F
    return bytes(data)


def encode_packet(data_format: int, packet: Packet, pleth: tuple[int, ...]) -> bytes:
    """Device side: 25 frames; ``trouble`` and ``perfusion`` are set in each. Raises ``ValueError``."""
    status = _ALWAYS | packet.trouble | packet.perfusion
    frames = [
        encode_frame(data_format, status | (SYNC if place == 0 else 0), pleth[place], data)
        for place, data in enumerate(packet_data(packet))
    ]
    return b"".join(frames)


def encode_select(data_format: int, options: int = 0) -> bytes:
    """Ask the device for a format; unconfirmed, see the top. Raises ``ValueError`` for other formats."""
    _require_format(data_format)
    body = bytes((0x70, 4, 2, data_format, options))
    return b"\x02" + body + bytes((additive(body), 0x03))


class SelectDecoder:
    """Device side: bytes in, requests for a format out; the short form 02 70 02 02 FORMAT 03 as well."""

    _LONG = 8
    _SHORT = 6

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Select]:
        """Requests completed by ``data``; the newest eight bytes are held."""
        requests = []
        for byte in data:
            self._held = (self._held + bytes((byte,)))[-self._LONG :]
            request = self._request()
            if request is not None:
                requests.append(request)
                self._held = b""
        return requests

    def _request(self) -> Select | None:
        long, short = self._held[-self._LONG :], self._held[-self._SHORT :]
        if long[:4] == b"\x02\x70\x04\x02" and len(long) == self._LONG and long[7] == 3:
            return Select(long[4], long[5]) if additive(long[1:6]) == long[6] else None
        if short[:4] == b"\x02\x70\x02\x02" and len(short) == self._SHORT and short[5] == 3:
            return Select(short[4], 0)
        return None


def _packet(data: bytearray, trouble: int, perfusion: int) -> Packet:
    values: dict[str, int | None] = {"revision": data[3], "stat2": data[7]}
    values["timer"] = (data[5] & 0x7F) << 7 | data[6] & 0x7F
    values["trouble"], values["perfusion"] = trouble, perfusion
    for place, name in _RATES:
        values[name] = _rate(data[place - 1], data[place])
    for place, name in _SATURATIONS:
        values[name] = _saturation(data[place - 1])
    return Packet(**values)


def _rate(high: int, low: int) -> int | None:
    rate = (high & 3) << 7 | low & 0x7F
    return None if rate == NO_RATE else rate


def _saturation(percent: int) -> int | None:
    return None if percent > HIGHEST_SATURATION else percent


def _require_format(data_format: int) -> None:
    if data_format not in FORMATS:
        raise ValueError(f"data format {data_format} is none of {FORMATS}")


def _require(name: str, value: int | None, highest: int) -> None:
    if value is not None and not 0 <= value <= highest:
        raise ValueError(f"{name} is {value}: use 0 to {highest}, or None")
