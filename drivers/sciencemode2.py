"""ScienceMode 2: frames and messages of HASOMED's RehaStim2, host and device side. Sans-IO, portable.

Theory of operation
-------------------
The stimulator hangs on a USB serial converter: 460800 baud, 8E1.  Both sides send frames::

    F0  81 checksum^55  81 length^55  number command data...  0F

Checksum and length are always escaped; in the body (packet number, command, data) each F0, 0F and 81 is sent
as 81 and the byte XOR 55.  The length counts the *escaped* body, the checksum is a CRC-8 (polynomial 07,
initial 0, not reflected) over the escaped body.  At most 69 bytes in all.  Words travel high byte first.

**The trap.**  The escaped checksum can itself be F0, 0F or 81, so nobody can cut this stream at F0 and 0F.
``Decoder`` takes the header by position, and looks for the stop byte from index 7 on only (the shortest body
has two bytes); there a raw F0 or 0F that is not the announced end proves the frame broken, at once.  What
is given up is searched again from the byte behind its F0: a frame that began inside a damaged one is found.

The PC numbers its packets; the device repeats the number in its answer.  What the device sends by itself
(Init, UnknownCommand, StimulationError) carries a counter of its own.

Claim of the checksum: an odd number of flipped bits and every burst of up to 8 bits of the body are
caught; up to 14 bytes of escaped body every error of up to three bits as well.  A list of three channels or
more is longer than that.  The parity bit of the line adds to this and is not reckoned here.

Sources: HASOMED, ScienceMode2 description and protocol, v1.24 (2012-12-12).  Unconfirmed (seen in the
description only, never on a device): the number of StimulationError (38; one table of the description names
another), and what is in the data behind a result that is not 0.

Nothing here raises on what arrives, and at most ``LONGEST_FRAME`` bytes are held.  Units: times in steps of
0.5 ms (``half_ms``), pulse widths in us, currents in mA, as the protocol has them.
"""

from collections import namedtuple

from firmware_bridge.checksums import crc8
from firmware_bridge.errors import EncodingError

START = 0xF0
STOP = 0x0F
ESCAPE = 0x81
KEY = 0x55

LONGEST_FRAME = 69
LONGEST_BODY = LONGEST_FRAME - 6
SHORTEST_BODY = 2
_BODY = 5  # index of the first byte of the body

PROTOCOL_VERSION = 1
CHANNELS = 8

# Commands. D: the device sends it, P: the PC does.
INIT = 1  # D
INIT_ACK = 2  # P
UNKNOWN_COMMAND = 3  # D
WATCHDOG = 4  # P, not answered
GET_MODE = 10  # P
GET_MODE_ACK = 11  # D
INIT_CHANNEL_LIST = 30  # P
INIT_CHANNEL_LIST_ACK = 31  # D
START_CHANNEL_LIST = 32  # P, also the update
START_CHANNEL_LIST_ACK = 33  # D
STOP_CHANNEL_LIST = 34  # P
STOP_CHANNEL_LIST_ACK = 35  # D
SINGLE_PULSE = 36  # P
SINGLE_PULSE_ACK = 37  # D
STIMULATION_ERROR = 38  # D

# Modes of the device.
MODE_START = 0
MODE_INITIALISED = 1
MODE_STARTED = 2

# Results of an answer.
OK = 0
TRANSFER_ERROR = -1
PARAMETER_ERROR = -2
WRONG_MODE = -3
INCOMPATIBLE_VERSION = -5
BUSY = -8

# Codes of a StimulationError. None of them names a channel.
EMERGENCY_SWITCH = -1
ELECTRODE_ERROR = -2
MODULE_ERROR = -3

# Pulses of one channel in each main interval.
SINGLE = 0
DOUBLET = 1
TRIPLET = 2

HIGHEST_MA = 130
HIGHEST_WIDTH_US = 500
LONGEST_MAIN_HALF_MS = 2050
ONE_SHOT = 0
"""As a main interval: no repetition, each start gives one group."""

# number: int, command: int, data: bytes
Packet = namedtuple("Packet", ("number", "command", "data"))

# factor               low-frequency factor, 0 to 7
# active               mask of the channels in use, bit 0 = channel 1
# low_frequency        mask of the channels that skip intervals by the factor
# inter_pulse_half_ms  between the pulses of a doublet or triplet, 3 to 258 (1.5 to 129 ms)
# main_half_ms         between groups, 3 to 2050 (1.5 to 1025 ms; the firmware: from 8 ms); ONE_SHOT
ChannelList = namedtuple(
    "ChannelList", ("factor", "active", "low_frequency", "inter_pulse_half_ms", "main_half_ms")
)

# mode: SINGLE, DOUBLET or TRIPLET; width_us: of one phase; current_ma
ChannelPulse = namedtuple("ChannelPulse", ("mode", "width_us", "current_ma"))

# channel: 0 to 7
SinglePulse = namedtuple("SinglePulse", ("channel", "width_us", "current_ma"))

# mode is None where the result is not OK
Mode = namedtuple("Mode", ("result", "mode"))


# --- encoding, the PC's side -------------------------------------------------------------------------


def encode_init_ack(number: int, result: int = OK) -> bytes:
    """The answer to an Init: ``OK`` or ``INCOMPATIBLE_VERSION``."""
    return encode(number, INIT_ACK, _signed(result))


def encode_watchdog(number: int) -> bytes:
    """A sign of life; the device does not answer it."""
    return encode(number, WATCHDOG)


def encode_get_mode(number: int) -> bytes:
    """Ask for the device's mode."""
    return encode(number, GET_MODE)


def encode_channel_list(number: int, channels: ChannelList) -> bytes:
    """Set channels and intervals up; nothing is given yet. Raises ``EncodingError``."""
    _require(0 <= channels.factor <= 7, "low-frequency factor", channels.factor, "0 to 7")
    _require(0 < channels.active <= 0xFF, "active channels", channels.active, "1 to 255")
    _require(
        0 <= channels.low_frequency <= 0xFF, "low-frequency channels", channels.low_frequency, "0 to 255"
    )
    inter = channels.inter_pulse_half_ms
    _require(3 <= inter <= 258, "inter-pulse interval in half ms", inter, "3 to 258")
    coded = _coded_main(channels.main_half_ms)
    head = bytes((channels.factor, channels.active, channels.low_frequency, inter - 3))
    return encode(number, INIT_CHANNEL_LIST, head + bytes((coded >> 8, coded & 0xFF, 0)))


def encode_start(number: int, pulses: tuple[ChannelPulse, ...]) -> bytes:
    """Give these pulses, one entry for each active channel, ascending. Raises ``EncodingError``."""
    _require(1 <= len(pulses) <= CHANNELS, "number of channels", len(pulses), "1 to 8")
    data = b""
    for pulse in pulses:
        _require(SINGLE <= pulse.mode <= TRIPLET, "pulse mode", pulse.mode, "0 to 2")
        data += bytes((pulse.mode,)) + _shape(pulse.width_us, pulse.current_ma)
    return encode(number, START_CHANNEL_LIST, data)


def encode_stop(number: int) -> bytes:
    """Give no pulses any more."""
    return encode(number, STOP_CHANNEL_LIST)


def encode_single_pulse(number: int, pulse: SinglePulse) -> bytes:
    """Give one pulse on one channel. Raises ``EncodingError``."""
    _require(0 <= pulse.channel < CHANNELS, "channel", pulse.channel, "0 to 7")
    return encode(number, SINGLE_PULSE, bytes((pulse.channel,)) + _shape(pulse.width_us, pulse.current_ma))


# --- encoding, the device's side ---------------------------------------------------------------------


def encode_init(number: int, version: int = PROTOCOL_VERSION) -> bytes:
    """The device has started and waits for its InitAck."""
    return encode(number, INIT, bytes((version,)))


def encode_unknown(number: int, command: int) -> bytes:
    """The device does not know this command."""
    return encode(number, UNKNOWN_COMMAND, bytes((command,)))


def encode_ack(number: int, command: int, result: int) -> bytes:
    """The answer ``command`` (one of the ..._ACK) with its result."""
    return encode(number, command, _signed(result))


def encode_mode(number: int, result: int, mode: int | None) -> bytes:
    """The answer to a GetStimulationMode; without a mode where the result is not ``OK``."""
    return encode(number, GET_MODE_ACK, _signed(result) + (b"" if mode is None else bytes((mode,))))


def encode_error(number: int, code: int) -> bytes:
    """Stimulation has ended by itself; ``code`` says why."""
    return encode(number, STIMULATION_ERROR, _signed(code))


# --- frames ------------------------------------------------------------------------------------------


def encode(number: int, command: int, data: bytes = b"") -> bytes:
    """One frame. Raises ``EncodingError`` for what it cannot carry."""
    _require(0 <= number <= 0xFF, "packet number", number, "0 to 255")
    _require(0 <= command <= 0xFF, "command", command, "0 to 255")
    body = escape(bytes((number, command)) + data)
    _require(len(body) <= LONGEST_BODY, "escaped body in bytes", len(body), "at most 63")
    head = bytes((START, ESCAPE, crc8(body) ^ KEY, ESCAPE, len(body) ^ KEY))
    return head + body + bytes((STOP,))


def escape(body: bytes) -> bytes:
    """The body as it travels."""
    escaped = bytearray()
    for byte in body:
        if byte in (START, STOP, ESCAPE):
            escaped.append(ESCAPE)
            byte ^= KEY
        escaped.append(byte)
    return bytes(escaped)


class Decoder:
    """Bytes in, packets out; the same for both sides.

    Counters: ``frames`` given out; ``checksum_errors``; ``malformed`` (no header behind an F0, a stop byte
    at the wrong place, a broken escape); ``resyncs`` (runs of bytes thrown away).
    """

    def __init__(self) -> None:
        self.frames = 0
        self.checksum_errors = 0
        self.malformed = 0
        self.resyncs = 0
        self._held = b""
        self._lost = False

    def feed(self, data: bytes) -> list[Packet]:
        """Packets completed by ``data``, oldest first, however they were cut into pieces."""
        packets: list[Packet] = []
        at = 0
        while at < len(data):
            taken = data[at : at + LONGEST_FRAME]
            self._held += taken
            at += len(taken)
            self._sift(packets)
        return packets

    def _sift(self, packets: list[Packet]) -> None:
        """Take every frame that is complete out of what is held."""
        while self._held:
            if self._held[0] != START:
                self._skip()
                continue
            length = _frame_length(self._held)
            if length == 0:
                return
            packet = self._packet(length)
            if packet is None:
                self._lose(1)
                continue
            self.frames += 1
            self._lost = False
            self._held = self._held[length:]
            packets.append(packet)

    def _packet(self, length: int) -> Packet | None:
        """The frame of this length at the start of what is held; None, counted, if it is broken."""
        if length < 0:
            self.malformed += 1
            return None
        body = self._held[_BODY : length - 1]
        if crc8(body) ^ KEY != self._held[2]:
            self.checksum_errors += 1
            return None
        plain = _unescape(body)
        if len(plain) < SHORTEST_BODY:
            self.malformed += 1
            return None
        return Packet(plain[0], plain[1], plain[2:])

    def _skip(self) -> None:
        start = self._held.find(bytes((START,)))
        self._lose(len(self._held) if start < 0 else start)

    def _lose(self, count: int) -> None:
        self.resyncs += not self._lost
        self._lost = True
        self._held = self._held[count:]


def _frame_length(held: bytes) -> int:
    """Bytes of the frame at the start of ``held``; 0 while it is not complete, -1 if it is none.

    It is none as soon as one byte contradicts it, so a torn frame never waits for more than the next one.
    """
    for index in (1, 3):
        if len(held) > index and held[index] != ESCAPE:
            return -1
    if len(held) < _BODY:
        return 0
    length = held[4] ^ KEY
    if not SHORTEST_BODY <= length <= LONGEST_BODY:
        return -1
    stop = _BODY + length
    for index in range(_BODY, min(stop, len(held))):
        if held[index] in (START, STOP):
            return -1
    if len(held) <= stop:
        return 0
    return stop + 1 if held[stop] == STOP else -1


def _unescape(body: bytes) -> bytes:
    """The body as it was meant; empty if it ends inside an escape. Any byte may have been escaped."""
    plain = bytearray()
    key = 0
    for byte in body:
        if byte == ESCAPE and not key:
            key = KEY
            continue
        plain.append(byte ^ key)
        key = 0
    return b"" if key else bytes(plain)


# --- decoding: each is None for another command, another length or values that do not exist -----------


def decode_version(packet: Packet) -> int | None:
    """The protocol version of an Init."""
    return packet.data[0] if packet.command == INIT and len(packet.data) == 1 else None


def decode_unknown(packet: Packet) -> int | None:
    """The command that an UnknownCommand is about."""
    return packet.data[0] if packet.command == UNKNOWN_COMMAND and len(packet.data) == 1 else None


def decode_result(packet: Packet, command: int) -> int | None:
    """The result of this answer; ``INIT_ACK`` and ``STIMULATION_ERROR`` look the same."""
    return _int8(packet.data[0]) if packet.command == command and len(packet.data) == 1 else None


def decode_mode(packet: Packet) -> Mode | None:
    """The answer to a GetStimulationMode."""
    if packet.command != GET_MODE_ACK or not 1 <= len(packet.data) <= 2:
        return None
    result = _int8(packet.data[0])
    if result != OK:
        return Mode(result, None)
    if len(packet.data) != 2 or packet.data[1] > MODE_STARTED:
        return None
    return Mode(result, packet.data[1])


def decode_channel_list(packet: Packet) -> ChannelList | None:
    """What an InitChannelListMode sets up."""
    data = packet.data
    if packet.command != INIT_CHANNEL_LIST or len(data) != 7 or data[0] > 7:
        return None
    coded = data[4] << 8 | data[5]
    if coded > LONGEST_MAIN_HALF_MS - 2:
        return None
    return ChannelList(data[0], data[1], data[2], data[3] + 3, coded + 2 if coded else ONE_SHOT)


def decode_start(packet: Packet) -> tuple[ChannelPulse, ...] | None:
    """The entries of a StartChannelListMode; whether they fit the active channels is not known here."""
    data = packet.data
    if packet.command != START_CHANNEL_LIST or not data or len(data) % 4 or len(data) > 4 * CHANNELS:
        return None
    entries = [data[at : at + 4] for at in range(0, len(data), 4)]
    return tuple([ChannelPulse(entry[0], entry[1] << 8 | entry[2], entry[3]) for entry in entries])


def decode_single_pulse(packet: Packet) -> SinglePulse | None:
    """What a SinglePulse asks for."""
    data = packet.data
    if packet.command != SINGLE_PULSE or len(data) != 4:
        return None
    return SinglePulse(data[0], data[1] << 8 | data[2], data[3])


def _coded_main(half_ms: int) -> int:
    """The main interval as it travels. 1 ms is coded 0, which means one-shot, so it does not exist."""
    if half_ms == ONE_SHOT:
        return 0
    _require(3 <= half_ms <= LONGEST_MAIN_HALF_MS, "main interval in half ms", half_ms, "3 to 2050")
    return half_ms - 2


def _shape(width_us: int, current_ma: int) -> bytes:
    _require(0 <= width_us <= HIGHEST_WIDTH_US, "pulse width in us", width_us, "0 to 500")
    _require(0 <= current_ma <= HIGHEST_MA, "current in mA", current_ma, "0 to 130")
    return bytes((width_us >> 8, width_us & 0xFF, current_ma))


def _signed(value: int) -> bytes:
    _require(-128 <= value <= 127, "result", value, "-128 to 127")
    return bytes((value & 0xFF,))


def _int8(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _require(holds: bool, name: str, value: int, allowed: str) -> None:
    if not holds:
        raise EncodingError(f"ScienceMode 2: {name} {value} cannot be sent: use {allowed}")
