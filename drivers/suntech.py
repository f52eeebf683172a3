"""What a SunTech Advantage OEM blood pressure module and its host say, both ends, without IO.

Theory of operation
-------------------
9600 8N1.  Host to module: ``3A`` command data checksum; how much data follows from the command.  Module to
host: ``3E`` total-length data checksum.  The checksum makes the sum of all bytes zero modulo 256.

==  =====================  ==========================  ================================================
20  measure an adult       -                           ack O at once, ack K when the measurement is over
79  abort                  01 00                       ack A
79  cuff pressure          05 00                       05: s16 mmHg; -1 is "no value"
79  blood pressure         03 00                       18: systolic, diastolic, test code, status, 8 test
                                                       codes, rate, mean, error code, 2 spare
00  module data            -                           ack K; the text can be asked for now
79  return text            02 40                       43: firmware, safety firmware (8 characters each),
                                                       lot, serial number (16 each), cycles (14), 2 spare
79  return code            02 03                       06: 3 bytes
86  venous stasis          mmHg, time, 0 adult         ack
17  first inflation        u16 mmHg                    ack
==  =====================  ==========================  ================================================

Acks have total length 4: O received, K executed, A aborted, B busy, E error, N unknown, D not understood, S
asleep, T timeout.

A frame is known by its end: whenever the last bytes begin with the mark, have a length that exists and sum to
zero, they are a frame, whatever stood before.  So a false start never hides a true frame.

**The checksum is a plain sum.**  It catches every single flipped bit and every damage within 8 neighbouring
bits of data and checksum, and nothing more: two flips of the same weight in opposite directions pass.  This
file drops besides what cannot be: pressures outside -50 to 400 mmHg, letters that are no ack.

Sources: two third-party monitors' sources (``nibp.c`` and its header; the nPM SuntechProvider); no document
of the maker, no device.  Unconfirmed: everything on real hardware; whether the error codes from 85 on are
decimal (two sources) or their digits hexadecimal (one function of one of them), so both are read; the unit
and the range of the time of a venous stasis (one source clamps an adult's to 10 to 20 of something).

Left out: the commands for pump and valves, calibration and sleep have a length here, so that the device side
stays in step, and no encoder of their own: nothing of ours sends them.

Units: mmHg, beats a minute.  Portable subset: runs on CPython and on MicroPython.
"""

import struct
from collections import namedtuple

from firmware_bridge.checksums import additive
from firmware_bridge.errors import EncodingError

HOST_MARK = 0x3A
MODULE_MARK = 0x3E

MODULE_DATA = 0x00
CALIBRATE = 0x04
PNEUMATICS = 0x0C
FIRST_INFLATION = 0x17
MEASURE_ADULT = 0x20
MEASURE_NEONATE = 0x28
ASK = 0x79
SLEEP = 0x81
STASIS = 0x86
MEASURE_CHILD = 0x87
RESET = 0x8A

ABORT = b"\x01\x00"
CUFF_PRESSURE = b"\x05\x00"
BLOOD_PRESSURE = b"\x03\x00"
RETURN_TEXT = b"\x02\x40"
RETURN_CODE = b"\x02\x03"

RECEIVED = "O"
EXECUTED = "K"
ABORTED = "A"
BUSY = "B"
ACKS = {
    "O": "received",
    "K": "executed",
    "A": "aborted",
    "B": "busy",
    "E": "it found an error in the command",
    "N": "it does not know the command",
    "D": "it did not understand the command",
    "S": "it is asleep",
    "T": "the command timed out",
}

# What a person is told. 131 and above: the same codes with their digits read as hexadecimal.
ERRORS = {
    1: "weak or no signal: look at the cuff's position and size",
    2: "erratic signal: the limb moved",
    3: "out of range, or too many tries",
    4: "the measurement took too long",
    85: "blocked hose: look for a kink",
    86: "ended before its time",
    87: "the cuff could not be inflated: look for a leak or a loose cuff",
    88: "the module's safety timer ended it",
    89: "over-pressure in the cuff",
    90: "supply voltage or another hardware fault",
    91: "not permitted, or zero out of range",
    97: "pressure sensor out of range",
    99: "the module's calibration memory failed",
}

LOWEST_MMHG = -50
HIGHEST_MMHG = 400

STASIS_LOWEST_MMHG = 30
STASIS_HIGHEST_MMHG = 140
STASIS_SHORTEST = 10
STASIS_LONGEST = 20
"""Of an unconfirmed unit."""

_NO_VALUE = -1
_DATA_BYTES = {
    MODULE_DATA: 0,
    CALIBRATE: 1,
    PNEUMATICS: 3,
    FIRST_INFLATION: 2,
    MEASURE_ADULT: 0,
    MEASURE_NEONATE: 0,
    ASK: 2,
    SLEEP: 4,
    STASIS: 3,
    MEASURE_CHILD: 0,
    RESET: 0,
}
_ACK = 0x04
_PRESSURE = 0x05
_CODE = 0x06
_RESULT = 0x18
_TEXT = 0x43
_REPLY_LENGTHS = (_ACK, _PRESSURE, _CODE, _RESULT, _TEXT)
_RESULT_LAYOUT = "<HHBB8sHHB2x"
_TEXT_LAYOUT = "8s8s16s16s14s2x"

Command = namedtuple("Command", ("code", "data"))

Ack = namedtuple("Ack", ("letter",))
# mmhg: None where the module had no value
CuffPressure = namedtuple("CuffPressure", ("mmhg",))
ReturnCode = namedtuple("ReturnCode", ("data",))
ReturnText = namedtuple("ReturnText", ("firmware", "safety_firmware", "lot", "serial", "cycles"))
# error: 0 or a code of ERRORS; status is not 0 where one source takes the values for good
BloodPressure = namedtuple(
    "BloodPressure",
    ("systolic", "diastolic", "test_code", "status", "tests", "rate", "mean", "error"),
)


def error_text(code: int) -> str:
    """What an error code means; also of a code whose decimal digits were sent as hexadecimal."""
    text = ERRORS.get(code)
    if text is None and code > 99 and code & 0x0F < 10 and code >> 4 < 10:
        text = ERRORS.get((code >> 4) * 10 + (code & 0x0F))
    return text if text is not None else f"error {code}, which this driver does not know"


# --- host side -------------------------------------------------------------------------------------


def encode_command(code: int, data: bytes = b"") -> bytes:
    """Any command that has a length. Raises ``EncodingError`` where code and data do not belong together."""
    if _DATA_BYTES.get(code) != len(data):
        raise EncodingError(f"SunTech command {code:02X} hex with {len(data)} bytes of data does not exist")
    return _sealed(bytes((HOST_MARK, code)) + data)


def encode_stasis(pressure_mmhg: int, time: int) -> bytes:
    """Hold this pressure in an adult's cuff for ``time`` of an unconfirmed unit. Raises ``EncodingError``."""
    if not STASIS_LOWEST_MMHG <= pressure_mmhg <= STASIS_HIGHEST_MMHG:
        raise EncodingError(f"a stasis of {pressure_mmhg} mmHg is not within 30 to 140")
    if not STASIS_SHORTEST <= time <= STASIS_LONGEST:
        raise EncodingError(f"a stasis time of {time} is not within 10 to 20")
    return encode_command(STASIS, bytes((pressure_mmhg, time, 0)))


class _FrameEnds:
    """Finds frames by their end. Counters: see ``Decoder``.

    ``length_of``: how long a frame is, by its second byte.
    """

    def __init__(self, mark: int, length_of: dict[int, int]) -> None:
        self.frames = 0
        self.checksum_errors = 0
        self.invalid = 0
        self.resyncs = 0
        self._mark = mark
        self._length_of = length_of
        self._lengths = sorted(set(length_of.values()))
        self._held = b""
        self._lost = False

    def _frames_in(self, data: bytes) -> list[bytes]:
        found = []
        for byte in data:
            self._hold(byte)
            frame = self._ended()
            if frame:
                self.resyncs += len(frame) < len(self._held) and not self._lost
                self._held, self._lost = b"", False
                found.append(frame)
        return found

    def _hold(self, byte: int) -> None:
        """Keep what the longest frame needs; what falls out is noise, counted once a run."""
        longest = self._lengths[-1]
        if len(self._held) >= longest:
            self.resyncs += not self._lost
            self._lost = True
        self._held = self._held[1 - longest :] + bytes((byte,))

    def _ended(self) -> bytes:
        """The frame that the last byte completed, or nothing."""
        held = self._held
        for length in self._lengths:
            at = len(held) - length
            if at < 0 or held[at] != self._mark or self._length_of.get(held[at + 1]) != length:
                continue
            if additive(held[at:]) == 0:
                return held[at:]
            self.checksum_errors += 1
        return b""


class Decoder(_FrameEnds):
    """Host side: bytes in, what the module said out. Never raises; holds 67 bytes at most.

    Counters: ``frames`` (messages given out), ``checksum_errors`` (what began like a frame and did not add
    up), ``invalid`` (adds up, and cannot be), ``resyncs`` (runs of noise before a frame).
    """

    def __init__(self) -> None:
        super().__init__(MODULE_MARK, {length: length for length in _REPLY_LENGTHS})

    def feed(self, data: bytes, now_ms: int = 0) -> list[tuple]:  # type: ignore[type-arg]
        """What became complete, oldest first; the time is not looked at."""
        messages = []
        for frame in self._frames_in(data):
            message = _reply(frame)
            if message is None:
                self.invalid += 1
            else:
                self.frames += 1
                messages.append(message)
        return messages


def _reply(frame: bytes) -> tuple | None:  # type: ignore[type-arg]
    content = frame[2:-1]
    if frame[1] == _ACK:
        letter = chr(content[0])
        return Ack(letter) if letter in ACKS else None
    if frame[1] == _PRESSURE:
        (mmhg,) = struct.unpack("<h", content)
        return CuffPressure(None if mmhg == _NO_VALUE else mmhg) if _is_pressure(mmhg) else None
    if frame[1] == _CODE:
        return ReturnCode(content)
    if frame[1] == _TEXT:
        return ReturnText(*[_text(field) for field in struct.unpack(_TEXT_LAYOUT, content)])
    result = BloodPressure(*struct.unpack(_RESULT_LAYOUT, content))
    highest = max(result.systolic, result.diastolic, result.mean, result.rate)
    return result if highest <= HIGHEST_MMHG else None


def _is_pressure(mmhg: int) -> bool:
    return LOWEST_MMHG <= mmhg <= HIGHEST_MMHG


def _text(field: bytes) -> str:
    """What can be printed of a text that ends with a zero."""
    return "".join([chr(byte) for byte in field.split(b"\0")[0] if 32 <= byte < 127]).strip()


# --- device side -----------------------------------------------------------------------------------


class CommandDecoder(_FrameEnds):
    """Device side: bytes in, ``Command`` out. Never raises; holds 7 bytes at most."""

    def __init__(self) -> None:
        super().__init__(HOST_MARK, {code: count + 3 for code, count in _DATA_BYTES.items()})

    def feed(self, data: bytes) -> list[Command]:
        """The commands that became complete, oldest first."""
        commands = [Command(frame[1], frame[2:-1]) for frame in self._frames_in(data)]
        self.frames += len(commands)
        return commands


def encode_ack(letter: str) -> bytes:
    """One of ``ACKS``. Raises ``EncodingError`` for another letter."""
    if letter not in ACKS:
        raise EncodingError(f"SunTech ack '{letter}' does not exist")
    return _packet(letter.encode())


def encode_cuff_pressure(mmhg: int | None) -> bytes:
    """The pressure in the cuff; ``None`` is "no value"."""
    if mmhg is not None and (mmhg == _NO_VALUE or not _is_pressure(mmhg)):
        raise EncodingError(f"a cuff pressure of {mmhg} mmHg cannot travel")
    return _packet(struct.pack("<h", _NO_VALUE if mmhg is None else mmhg))


def encode_blood_pressure(result: BloodPressure) -> bytes:
    """The result of the last measurement."""
    return _packet(struct.pack(_RESULT_LAYOUT, *result))


def encode_return_text(text: ReturnText) -> bytes:
    """Who the module is."""
    return _packet(struct.pack(_TEXT_LAYOUT, *[field.encode() for field in text]))


def encode_return_code(data: bytes) -> bytes:
    """Three bytes, the last of which is 0 where all is well."""
    if len(data) != 3:
        raise EncodingError(f"a return code has 3 bytes, not {len(data)}")
    return _packet(data)


def _packet(content: bytes) -> bytes:
    return _sealed(bytes((MODULE_MARK, len(content) + 3)) + content)


def _sealed(frame: bytes) -> bytes:
    return frame + bytes((-additive(frame) & 0xFF,))
