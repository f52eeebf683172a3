r"""OpenBCI Cyton: eight 24-bit channels at 250 Hz over a radio dongle. Sans-IO, portable.

Theory of operation
-------------------
115200 8N1.  Commands are single letters; while the board does not stream, it answers most of them with a
text that ends in ``$$$`` (``TextDecoder``).  ``v`` resets it and makes it say what it is, ``d`` restores the
channels' defaults, ``x N 0 GAIN INPUT BIAS SRB2 SRB1 X`` sets one channel, ``b`` starts and ``s`` stops the
stream; ``b`` and ``s`` are not answered.  The stream is frames of 33 bytes (``Decoder``)::

    A0  counter 0-255  8 x int24 big-endian  6 bytes  C0..C6

The last byte says what the six bytes are: C0 three int16 big-endian of the accelerometer (0.002 g / 16 a
count), C1 analogue inputs, C2 to C6 others, which are passed on as they are.

*There is no checksum*: damage within a frame that leaves its first and last byte alone goes unseen, and of
frames in which bytes were lost or added on the line about one in forty passes.  What is certain is where
frames begin: three in a row, with a counter that goes up by one, before any of them is believed
(``drivers.strides``).  After that a frame in its place is believed whatever its counter says, because the
radio drops whole frames and never bytes; ``Frame.missing`` is how many the counter shows to be lost just
before, modulo 256 (1.024 s).  A counter that stands still is a frame that came twice: it is counted
(``repeats``) and not given out.

Scale: volts = count x 4.5 / gain / (2^23 - 1).  ``microvolts_per_count(24)`` is 0.0223517.

Sources: OpenBCI's Cyton SDK and data format pages (commands, texts, defaults); BrainFlow's cyton.cpp (frame);
BrainFlow 5.23.0 played against the simulator of this protocol.  Unconfirmed: no board has been connected; the
meaning of the six bytes under C2 to C6; the text of a board with a Daisy module (any text with the word).

Nothing here raises on what arrives.  Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

from drivers.strides import Strides

BAUDRATE = 115200
RATE_HZ = 250
CHANNELS = 8
FRAME_BYTES = 33
FRAMES_TO_LOCK = 3

RESET = b"v"
DEFAULTS = b"d"
START = b"b"
STOP = b"s"
EIGHT_CHANNELS = b"c"

END_OF_TEXT = b"$$$"
LONGEST_TEXT = 2048

END_ACCELEROMETER = 0xC0
END_ANALOGUE = 0xC1
END_LAST = 0xC6
_HEAD = 0xA0

GAINS = (1, 2, 4, 6, 8, 12, 24)
G_PER_COUNT = 0.002 / 16
_REFERENCE_VOLTS = 4.5
_FULL_SCALE = (1 << 23) - 1

# counter     0 to 255
# channels    24 bytes: eight int24, little-endian (on the wire they are big-endian)
# extra       6 bytes as they stood on the wire
# end         the last byte: END_ACCELEROMETER, END_ANALOGUE, up to END_LAST
# missing     frames lost just before this one, by the counter (modulo 256)
Frame = namedtuple("Frame", ("counter", "channels", "extra", "end", "missing"))


class Decoder(Strides):
    """Host side: bytes in, frames out. ``gaps``: frames lost by the counter; ``repeats``: see the top."""

    def __init__(self) -> None:
        super().__init__(FRAME_BYTES, FRAMES_TO_LOCK)
        self.gaps = 0
        self.repeats = 0
        self._counter: int | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Take what arrived; return the frames that are now complete, oldest first."""
        frames = [self._frame(found.frame) for found in self.cut(data)]
        return [frame for frame in frames if frame is not None]

    def begin_again(self) -> None:
        """Another stream begins here; what was lost since the last one no counter tells."""
        super().begin_again()
        self._counter = None

    def is_frame(self, frame: bytes) -> bool:
        """The two fixed places: A0 first, C0 to C6 last."""
        return frame[0] == _HEAD and END_ACCELEROMETER <= frame[-1] <= END_LAST

    def follows(self, before: bytes, frame: bytes) -> bool:
        """The counter goes up by one."""
        return frame[1] == (before[1] + 1) & 0xFF

    def _frame(self, frame: bytes) -> Frame | None:
        counter, last = frame[1], self._counter
        if counter == last:
            self.repeats += 1
            return None
        missing = 0 if last is None else (counter - last - 1) & 0xFF
        self._counter = counter
        self.gaps += missing
        return Frame(counter, reversed_triples(frame[2:26]), frame[26:32], frame[32], missing)


class TextDecoder:
    """Host side: bytes in, the texts before each ``$$$`` out, at most the newest ``LONGEST_TEXT`` bytes."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[str]:
        """Texts completed by ``data``; what is not plain ASCII (a stream not yet stopped) is left out."""
        texts = []
        pieces = (self._held + data).split(END_OF_TEXT)
        for piece in pieces[:-1]:
            texts.append(_plain(piece[-LONGEST_TEXT:]))
        self._held = pieces[-1][-LONGEST_TEXT:]
        return texts


def encode_frame(
    counter: int, channels: tuple[int, ...], extra: bytes = bytes(6), end: int = END_ACCELEROMETER
) -> bytes:
    """Device side: one frame; ``channels`` are eight counts.

    Raises ``ValueError`` for what the frame cannot carry.
    """
    if len(channels) != CHANNELS or len(extra) != 6:
        raise ValueError(f"a frame has {CHANNELS} channels and 6 bytes, not {len(channels)} and {len(extra)}")
    if not 0 <= counter <= 0xFF or not END_ACCELEROMETER <= end <= END_LAST:
        raise ValueError(f"counter {counter} is outside 0 to 255, or end {end:#x} outside C0 to C6")
    body = b"".join([_int24(count) for count in channels])
    return bytes((_HEAD, counter)) + body + extra + bytes((end,))


def encode_channel_setting(channel: int, gain: int, *, bipolar: bool) -> bytes:
    """Set one channel (1 to 8): on, normal input, part of the bias; P against N, or P against SRB2.

    Raises ``ValueError`` for a channel or a gain that the board does not have.
    """
    if not 1 <= channel <= CHANNELS or gain not in GAINS:
        raise ValueError(f"channel {channel} is not of 1 to {CHANNELS}, or gain {gain} is none of {GAINS}")
    return f"x{channel}0{GAINS.index(gain)}01{0 if bipolar else 1}0X".encode()


def microvolts_per_count(gain: int) -> float:
    """The scale of one channel at ``gain``."""
    return _REFERENCE_VOLTS / gain / _FULL_SCALE * 1e6


def reversed_triples(data: bytes) -> bytes:
    """The same int24 numbers in the other byte order."""
    turned = bytearray(data)
    for at in range(0, len(data), 3):
        turned[at], turned[at + 2] = turned[at + 2], turned[at]
    return bytes(turned)


def _int24(count: int) -> bytes:
    if not -_FULL_SCALE - 1 <= count <= _FULL_SCALE:
        raise ValueError(f"a count of {count} does not fit into 24 bits")
    return (count & 0xFFFFFF).to_bytes(3, "big")


def _plain(text: bytes) -> str:
    return bytes([byte for byte in text if byte in (9, 10) or 32 <= byte < 127]).decode()
