r"""BITalino: up to six analogue inputs and four digital ones at 1 to 1000 Hz. Sans-IO, portable.

Theory of operation
-------------------
115200 8N1, over a cable or the Bluetooth serial profile.  Commands are single bytes:

=============================  ==========================================================================
07                             who are you; answered by a line such as ``BITalino_v5.2`` and LF
rate index << 6 | 03           sampling rate of the next acquisition: 1, 10, 100, 1000 Hz
01 | input bits << 2           start acquiring these inputs, bit 0 is A1
00                             end an acquisition; *outside one it sets the battery lamp's threshold to 0*
FF                             idle from whatever it does (second generation, firmware 4.2 and later)
=============================  ==========================================================================

The stream is frames without a marker.  For n inputs a frame has ceil((12 + 10 n) / 8) bytes up to four of
them, and ceil((52 + 6 (n - 4)) / 8) above.  Counted from its end: byte -1 is the sequence number (4 bits) and
the CRC-4; byte -2 has I1 I2 O1 O2 in its upper half; the first four inputs follow with 10 bits each, the
fifth and sixth with 6 bits: read as one little-endian number, the frame has them one below the other.

The checksum is a CRC-4 (polynomial x^4 + x + 1, initial 0) over the frame without its own four bits.  Its
claim: every single flipped bit and every burst of up to four bits is caught, so are two flipped bits unless
they stand exactly 15, 30 or 45 bits apart; of all other damage one in sixteen passes.  Therefore a frame is
believed only if its sequence number continues as well, and a place in the stream only when four frames in a
row do (``drivers.strides``); a frame lost or damaged delays the next four and loses none of them.
``Frame.missing`` is how many the sequence shows to be lost just before, *modulo 16*: at 1000 Hz a longer
loss than 15 ms is told as shorter than it was.

Sources: the maker's Python client 1.2.6 (commands, layout, checksum), played against the simulator of this
protocol.  Unconfirmed: no device has been connected; first-generation devices (below firmware 4.2).

Nothing here raises on what arrives.  Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from drivers.strides import Strides

BAUDRATE = 115200
RATES_HZ = (1, 10, 100, 1000)
INPUTS = 6
FRAMES_TO_LOCK = 4
SEQUENCE_VALUES = 16
HIGHEST = (1023, 1023, 1023, 1023, 63, 63)
"""The largest count of the first to the sixth input of a frame."""

VERSION = b"\x07"
STOP = b"\x00"
IDLE = b"\xff"
LONGEST_TEXT = 256
_MODEL = "BITalino"

_NIBBLES = b"\x00\x03\x06\x05\x0c\x0f\x0a\x09\x0b\x08\x0d\x0e\x07\x04\x01\x02"
_BYTES = bytes([_NIBBLES[_NIBBLES[byte >> 4] ^ (byte & 15)] for byte in range(256)])

# sequence    0 to 15
# digital     4 bits: I1 (highest) I2 O1 O2
# analogue    tuple of counts, one for each acquired input
# missing     frames lost just before this one, by the sequence number (modulo 16)
Frame = namedtuple("Frame", ("sequence", "digital", "analogue", "missing"))


class Decoder(Strides):
    """Host side, for frames of ``inputs`` analogue inputs: bytes in, frames out. ``gaps``: frames lost.

    Raises ``ValueError`` for a number of inputs that no frame has.
    """

    def __init__(self, inputs: int = INPUTS) -> None:
        super().__init__(frame_bytes(inputs), FRAMES_TO_LOCK)
        self.gaps = 0
        self._fields = list(zip(_shifts(inputs), HIGHEST))
        self._sequence: int | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Take what arrived; return the frames that are now complete, oldest first."""
        return [self._frame(found.frame) for found in self.cut(data)]

    def begin_again(self) -> None:
        """Another stream begins here; what was lost since the last one no sequence tells."""
        super().begin_again()
        self._sequence = None

    def is_frame(self, frame: bytes) -> bool:
        """The checksum holds."""
        return crc4(frame) == frame[-1] & 15

    def follows(self, before: bytes, frame: bytes) -> bool:
        """The sequence number goes up by one."""
        return frame[-1] >> 4 == (before[-1] >> 4) + 1 & 15

    def goes_on(self, before: bytes, frame: bytes) -> bool:
        """Four bits of checksum are too few to believe without the sequence."""
        return self.follows(before, frame)

    def _frame(self, frame: bytes) -> Frame:
        sequence, last = frame[-1] >> 4, self._sequence
        missing = 0 if last is None else (sequence - last - 1) & 15
        self._sequence = sequence
        self.gaps += missing
        packed = int.from_bytes(frame, "little")
        analogue = tuple([packed >> shift & highest for shift, highest in self._fields])
        return Frame(sequence, frame[-2] >> 4, analogue, missing)


class VersionDecoder:
    """Host side: bytes in; the version text, such as ``BITalino_v5.2``, once its line is complete."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[str]:
        """Version texts completed by ``data``; what stands before the name is the end of a stream."""
        texts = []
        lines = (self._held + data).split(b"\n")
        for line in lines[:-1]:
            at = line.rfind(_MODEL.encode())
            text = line[at:].strip()
            if at >= 0 and len(text) <= LONGEST_TEXT and max(text) < 127 and min(text) >= 32:
                texts.append(text.decode())
        self._held = lines[-1][-LONGEST_TEXT:]
        return texts


def frame_bytes(inputs: int) -> int:
    """The size of a frame. Raises ``ValueError`` for a number of inputs that no frame has."""
    if not 1 <= inputs <= INPUTS:
        raise ValueError(f"a frame has 1 to {INPUTS} inputs, not {inputs}")
    bits = 12 + 10 * inputs if inputs <= 4 else 52 + 6 * (inputs - 4)
    return (bits + 7) // 8


def crc4(frame: bytes) -> int:
    """The checksum of a whole frame, whatever stands in the place of its own checksum."""
    crc = 0
    for byte in frame[:-1]:
        crc = _BYTES[crc << 4 ^ byte]
    return _NIBBLES[crc ^ frame[-1] >> 4]


def encode_frame(sequence: int, digital: int, analogue: tuple[int, ...]) -> bytes:
    """Device side: one frame. Raises ``ValueError`` for what it cannot carry."""
    size = frame_bytes(len(analogue))
    for index, count in enumerate(analogue):
        if not 0 <= count <= HIGHEST[index]:
            raise ValueError(f"input {index + 1} of the frame is {count}: use 0 to {HIGHEST[index]}")
    if not 0 <= sequence <= 15 or not 0 <= digital <= 15:
        raise ValueError(f"sequence {sequence} or digital inputs {digital} are outside 0 to 15")
    packed = (sequence << 8 | digital) << 8 * size - 12
    for count, shift in zip(analogue, _shifts(len(analogue))):
        packed |= count << shift
    frame = packed.to_bytes(size, "little")
    return frame[:-1] + bytes((frame[-1] | crc4(frame),))


def encode_rate(rate_hz: int) -> bytes:
    """Choose the sampling rate. Raises ``ValueError`` for one that the device does not have."""
    if rate_hz not in RATES_HZ:
        raise ValueError(f"{rate_hz} Hz is none of the rates {RATES_HZ}")
    return bytes((RATES_HZ.index(rate_hz) << 6 | 3,))


def encode_start(inputs: tuple[int, ...]) -> bytes:
    """Start acquiring these inputs (1 to 6). Raises ``ValueError`` for others."""
    command = 1
    for number in inputs:
        if not 1 <= number <= INPUTS or command >> 1 + number & 1:
            raise ValueError(f"inputs {inputs}: give each of 1 to {INPUTS} at most once")
        command |= 1 << 1 + number
    if command == 1:
        raise ValueError("no input to acquire: give at least one of 1 to 6")
    return bytes((command,))


def _shifts(inputs: int) -> list[int]:
    """Where each input ends, in bits from the start of a frame read as one little-endian number."""
    top = 8 * frame_bytes(inputs) - 12
    return [top - 10 * place if place <= 4 else top - 40 - 6 * (place - 4) for place in range(1, inputs + 1)]
