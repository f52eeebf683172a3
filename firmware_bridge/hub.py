"""The messages of our own force/EMG hub: both sides of the wire.

Theory of operation
-------------------
The hub is a sensor: nothing on it energises anything.  One function of the host is one ECP packet, answered
with the same code; samples (D0) come by themselves, one packet every ``period_us`` while the hub streams.

=====  =======  ==================================================  =========================================
code   name     request                                             reply
=====  =======  ==================================================  =========================================
50     hello    protocol_min, protocol_max                          who is there, and what it measures: below
51     start    mask of the streams wanted, nonce, CRC              result, mask of the streams that come, CRC
52     stop     nothing                                             result, CRC
53     ping     number, CRC                                         number, time of the hub, CRC
D0     samples  by itself                                           below
=====  =======  ==================================================  =========================================

*Hello* describes each ``Stream``: kind, unit, bytes of a sample, frames of a block, rate, and each channel's
stored zero and scale: ``value = (count - zero_count) x scale x 10**exponent``.  Streams are numbered as they
stand there.

*Samples*: layout, flags, electrodes off, counter, time of the hub, then a *block* for each stream whose bit
is set in the layout: index of its first frame, and its frames as files keep them (little-endian,
interleaved). So a packet says itself what is in it and how long it is; a slow stream is in it only when it
has a block. The counter counts packets, each index the frames of its own stream, lost ones included, both
modulo 65536: what is missing is known exactly, whoever lost it.  A layout of 0 is a hub that has nothing to
say but its flags.

Guard: CRC-16 over code and content (``fields``): up to three flipped bits and bursts of 16 bits are caught in
messages of up to 4 kB.  ``encode_*`` return whole frames, ``decode_*`` take an ``ecp.Packet`` and return the
message, or ``None`` for anything invalid.

``nonce`` changes at every reset of the hub; a start has to repeat it, so that a hub that came back with other
sensors is asked what they are before it streams.  The hub stops by itself when no host is heard for
``SILENT_HOST_MS``; any request counts.

Units: time of the hub in us modulo 2**30, rates in mHz, periods in us.
Portable subset: runs on CPython and on MicroPython.
"""

import struct
from collections import namedtuple

from . import ecp, fields
from .checksums import crc16

PROTOCOL_MIN = 1
PROTOCOL_MAX = 1

HELLO = 0x50
START = 0x51
STOP = 0x52
PING = 0x53
SAMPLES = 0xD0

# Results of start and stop.
OK = 0
WRONG_NONCE = 1
NO_SUCH_STREAM = 2

EMG = 1
FORCE = 2
PPG = 3
NIRS = 4

NAMES = {EMG: "emg", FORCE: "force", PPG: "ppg", NIRS: "nirs"}
UNITS = ("", "uV", "N", "Nm")
# What a stream of each kind may be in: a force without a stored calibration is in counts, which have no unit;
# so is the light that comes back (a channel for each wavelength and distance).
UNITS_OF = {EMG: ("uV",), FORCE: ("", "N", "Nm"), PPG: ("",), NIRS: ("",)}

# ``flags``.  LOST: frames were lost before a block of this packet, inside the hub.
FORCE_NOT_READY = 1
EMG_SATURATED = 2
FORCE_SATURATED = 4
PPG_SATURATED = 8
LOST = 16
SENSOR_FAULT = 32
NIRS_SATURATED = 64

SILENT_HOST_MS = 5000
DEVICE_US_PERIOD = 1 << 30
INDEX_PERIOD = 1 << 16

MOST_STREAMS = 4
MOST_CHANNELS = 16
MOST_ELECTRODES = 8
MOST_FRAMES = 64
PERIODS_US = (500, 1000000)

# value = (count - zero_count) x scale x 10**exponent, in the stream's unit
Channel = namedtuple("Channel", ("zero_count", "scale", "exponent"))
# unit: an index of UNITS; frames: of one block; channels: tuple of Channel
Stream = namedtuple("Stream", ("kind", "unit", "sample_bytes", "frames", "rate_mhz", "channels"))
HelloRequest = namedtuple("HelloRequest", ("protocol_min", "protocol_max"))
# serial and board are bytes without their padding; streams: tuple of Stream
Hello = namedtuple(
    "Hello",
    (
        "protocol_min",
        "protocol_max",
        "fw_major",
        "fw_minor",
        "fw_patch",
        "nonce",
        "period_us",
        "serial",
        "board",
        "streams",
    ),
)
StartRequest = namedtuple("StartRequest", ("streams", "nonce"))
StartReply = namedtuple("StartReply", ("result", "streams"))
PingReply = namedtuple("PingReply", ("number", "device_us"))
# blocks: tuple of (number of the stream, index of the first frame, bytes)
Samples = namedtuple("Samples", ("layout", "flags", "electrodes_off", "counter", "device_us", "blocks"))

_HELLO_REQUEST = "<BB"
_HELLO = "<BBBBBII16s24sB"
_STREAM = "<BBBBIB"
_CHANNEL = "<iib"
_START_REQUEST = "<BI"
_START_REPLY = "<BB"
_RESULT = "<B"
_NUMBER = "<H"
_PING_REPLY = "<HI"
_SAMPLES = "<BBBHI"
_CRC_OF_SAMPLES = crc16(bytes((SAMPLES,)))

# With the two bytes of the CRC where there is one.
_REQUEST_LENGTHS = {HELLO: 2, START: 7, STOP: 0, PING: 4}


# --- hello -------------------------------------------------------------------------------------------


def encode_hello_request(protocol_min: int = PROTOCOL_MIN, protocol_max: int = PROTOCOL_MAX) -> bytes:
    """Ask who is there, saying which protocol versions we speak."""
    return ecp.encode_frame(HELLO, fields.pack(_HELLO_REQUEST, (protocol_min, protocol_max)))


def decode_hello_request(packet: ecp.Packet) -> HelloRequest | None:
    """The hub's view of a hello."""
    unpacked = fields.plain(packet, HELLO, _HELLO_REQUEST)
    return None if unpacked is None else HelloRequest(*unpacked)


def encode_hello_reply(hello: Hello) -> bytes:
    """Answer a hello; raises ``EncodingError`` for what does not fit its field."""
    parts = [_counted(_HELLO, hello)]
    for stream in hello.streams:
        parts.append(_counted(_STREAM, stream))
        parts.extend([fields.pack(_CHANNEL, tuple(channel)) for channel in stream.channels])
    return fields.sealed_frame(HELLO, b"".join(parts))


def _counted(layout: str, values: tuple) -> bytes:  # type: ignore[type-arg]
    """The values packed, with how many stand in the last one in its place."""
    count = (len(values[-1]),)
    return fields.pack(layout, values[:-1] + count)


def decode_hello_reply(packet: ecp.Packet) -> Hello | None:
    """Who is there; what its streams say of themselves is judged by ``contradiction``."""
    size = struct.calcsize(_HELLO)
    if packet.code != HELLO or len(packet.content) < size + 2 or not fields.crc_holds(packet):
        return None
    unpacked = struct.unpack(_HELLO, packet.content[:size])
    streams = _streams(packet.content[size:-2], unpacked[-1])
    if streams is None:
        return None
    serial, board = unpacked[7].rstrip(b"\x00"), unpacked[8].rstrip(b"\x00")
    return Hello(*unpacked[:7], serial, board, streams)  # type: ignore[call-arg]


def _streams(data: bytes, count: int) -> tuple[Stream, ...] | None:
    """The streams that exactly fill these bytes."""
    streams = []
    at = 0
    for _ in range(count):
        if len(data) - at < struct.calcsize(_STREAM):
            return None
        head = struct.unpack_from(_STREAM, data, at)
        at += struct.calcsize(_STREAM)
        channels = _channels(data, at, head[-1])
        at += struct.calcsize(_CHANNEL) * head[-1]
        streams.append(Stream(*head[:-1], channels))  # type: ignore[call-arg]
    return tuple(streams) if at == len(data) else None


def _channels(data: bytes, at: int, count: int) -> tuple[Channel, ...]:
    size = struct.calcsize(_CHANNEL)
    if len(data) < at + size * count:
        return ()
    return tuple([Channel(*struct.unpack_from(_CHANNEL, data, at + size * one)) for one in range(count)])


# --- start, stop, ping -------------------------------------------------------------------------------


def encode_start_request(streams: int, nonce: int) -> bytes:
    """Ask for these streams (bit n: stream n), from index 0 on."""
    return fields.guarded_frame(START, _START_REQUEST, (streams, nonce))


def decode_start_request(packet: ecp.Packet) -> StartRequest | None:
    """The hub's view of a start."""
    unpacked = fields.guarded(packet, START, _START_REQUEST)
    return None if unpacked is None else StartRequest(*unpacked)


def encode_start_reply(result: int, streams: int) -> bytes:
    """Answer with the streams that come from now on."""
    return fields.guarded_frame(START, _START_REPLY, (result, streams))


def decode_start_reply(packet: ecp.Packet) -> StartReply | None:
    """Result and the streams that come."""
    unpacked = fields.guarded(packet, START, _START_REPLY)
    return None if unpacked is None else StartReply(*unpacked)


def encode_stop_request() -> bytes:
    """Ask for silence; carries nothing that could fail."""
    return ecp.encode_frame(STOP)


def decode_stop_request(packet: ecp.Packet) -> bool:
    """Whether this is a stop."""
    return bool(packet.code == STOP and not packet.content)


def encode_stop_reply(result: int) -> bytes:
    """Answer a stop."""
    return fields.guarded_frame(STOP, _RESULT, (result,))


def decode_stop_reply(packet: ecp.Packet) -> int | None:
    """The result of a stop."""
    return fields.single(packet, STOP, _RESULT)


def encode_ping_request(number: int) -> bytes:
    """Ask for a sign of life; the reply repeats the number."""
    return fields.guarded_frame(PING, _NUMBER, (number,))


def decode_ping_request(packet: ecp.Packet) -> int | None:
    """The number of a ping."""
    return fields.single(packet, PING, _NUMBER)


def encode_ping_reply(number: int, device_us: int) -> bytes:
    """Answer a ping."""
    return fields.guarded_frame(PING, _PING_REPLY, (number, device_us))


def decode_ping_reply(packet: ecp.Packet) -> PingReply | None:
    """The number that is answered, and the time of the hub."""
    unpacked = fields.guarded(packet, PING, _PING_REPLY)
    return None if unpacked is None else PingReply(*unpacked)


# --- samples -----------------------------------------------------------------------------------------


def encode_samples(samples: Samples) -> bytes:
    """One packet; blocks stand in the order of their streams' numbers, indices are taken modulo 65536.

    Raises ``EncodingError`` for a value that does not fit its field.
    """
    parts = [fields.pack(_SAMPLES, samples[:-1])]
    for _, index, data in samples.blocks:
        parts.append(struct.pack(_NUMBER, index % INDEX_PERIOD))
        parts.append(data)
    return fields.sealed_frame(SAMPLES, b"".join(parts))


class Packing:
    """How a hub's packets are taken apart: one ``struct`` layout for each set of blocks that it may send."""

    def __init__(self, streams: tuple[Stream, ...]) -> None:
        self._forms = {}
        for layout in range(1 << len(streams)):
            numbers = tuple([number for number in range(len(streams)) if layout >> number & 1])
            form = _SAMPLES + "".join([f"H{block_bytes(streams[number])}s" for number in numbers]) + "H"
            self._forms[layout] = (form, struct.calcsize(form), numbers)

    def decode(self, packet: ecp.Packet) -> Samples | None:
        """The samples of a packet whose layout is known and whose length and CRC hold, else ``None``."""
        content = packet.content
        form = self._forms.get(content[0]) if content else None
        if form is None or len(content) != form[1] or packet.code != SAMPLES:
            return None
        values = struct.unpack(form[0], content)
        if crc16(content[:-2], _CRC_OF_SAMPLES) != values[-1]:
            return None
        at = 5
        blocks = []
        for number in form[2]:
            blocks.append((number, values[at], values[at + 1]))
            at += 2
        return Samples(*values[:5], tuple(blocks))  # type: ignore[call-arg]


def block_bytes(stream: Stream) -> int:
    """How long a block of this stream is."""
    return int(stream.sample_bytes * stream.frames * len(stream.channels))


# --- what a description must fulfil ------------------------------------------------------------------


def contradiction(period_us: int, streams: tuple[Stream, ...]) -> str:
    """What is wrong with a description, for a person; empty when it can be relied on."""
    if not PERIODS_US[0] <= period_us <= PERIODS_US[1]:
        return f"a packet every {period_us} us"
    if not 0 < len(streams) <= MOST_STREAMS:
        return f"{len(streams)} streams"
    kinds = [stream.kind for stream in streams]
    for stream in streams:
        wrong = _stream_contradiction(period_us, stream)
        if wrong or kinds.count(stream.kind) > 1:
            return f"{NAMES.get(stream.kind, 'stream')}: {wrong or 'described twice'}"
    return ""


def _stream_contradiction(period_us: int, stream: Stream) -> str:
    if stream.kind not in NAMES:
        return f"of the unknown kind {stream.kind}"
    if stream.unit >= len(UNITS) or UNITS[stream.unit] not in UNITS_OF[stream.kind]:
        return f"in the unit {stream.unit}"
    if not 2 <= stream.sample_bytes <= 4 or not 0 < stream.frames <= MOST_FRAMES:
        return f"blocks of {stream.frames} frames of {stream.sample_bytes} bytes"
    most = MOST_ELECTRODES if stream.kind == EMG else MOST_CHANNELS
    if not 0 < len(stream.channels) <= most:
        return f"{len(stream.channels)} channels"
    for channel in stream.channels:
        if channel.scale == 0 or not -12 <= channel.exponent <= 12:
            return f"a scale of {channel.scale} x 10**{channel.exponent}"
    if stream.rate_mhz == 0 or stream.rate_mhz * period_us > stream.frames * 1000000000:
        return f"{stream.rate_mhz} mHz in blocks of {stream.frames} every {period_us} us"
    return ""


# --- refusals ----------------------------------------------------------------------------------------


def request_length(code: int) -> int | None:
    """How long the content of a request with this code is; ``None`` for a code that is no request."""
    return _REQUEST_LENGTHS.get(code)


def has_crc(code: int) -> bool:
    """Whether a request with this code ends in a CRC."""
    return code in (START, PING)
