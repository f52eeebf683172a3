"""What the fuzzer knows of each protocol: bodies, and how a frame with a right checksum is made of one.

Theory of operation
-------------------
Random bytes seldom pass a CRC, so a *wire* has the bodies of the codec's own frames and ``seals``: each makes
a frame of any bytes, with the checksum that belongs to them, or nothing where the layout cannot carry them.
``Mutator`` changes an input as libFuzzer does, or changes a body and puts the sealed frame into the input: so
what stands behind the checksum is reached as well.

An input for a host is pieces with time between them (``fuzz_targets.check_host``); ``in_pieces`` makes them.

Only floor 1 and the drivers are imported: the fuzzer's interpreter has nothing else.
"""

import random
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from drivers import (
    bitalino,
    cpar_messages,
    cyton,
    feeder,
    invos,
    moxy,
    nonin,
    nonin_oem,
    sciencemode2,
    sciencemode4,
    suntech,
)
from drivers.cpar_waveform import Instruction, SetWaveform, content_of
from firmware_bridge import cuff, ecp, fields, hub
from firmware_bridge.checksums import additive
from tests.drivers.cuff_bench import STATUS

Seal = Callable[[bytes], bytes]
NO_TIME, FIVE_MS, FIFTY_MS, LONG = range(4)
"""How much time passes before a piece; ``LONG``: 700 ms."""
LONGEST_PIECE = 62
"""63 with ``LONG`` would say hours."""
_BODY_BYTES = 96


class Wire(NamedTuple):
    """One protocol."""

    bodies: tuple[bytes, ...]
    seals: tuple[Seal, ...]

    @property
    def frames(self) -> tuple[bytes, ...]:
        """Every body in every frame that can carry it."""
        found = [_sealed(seal, body) for seal in self.seals for body in self.bodies]
        return tuple(frame for frame in found if frame)


def _sealed(seal: Seal, body: bytes) -> bytes:
    try:
        return seal(body)
    except (ValueError, struct.error):  # the layout cannot carry it
        return b""


# the framings


def _plain_ecp(body: bytes) -> bytes:
    return ecp.encode_frame(body[0], body[1:]) if body else b""


def _summed_ecp(body: bytes) -> bytes:
    return ecp.encode_frame(body[0], body[1:], checksum=ecp.CHECKSUM_ADDITIVE) if body else b""


def _guarded_ecp(body: bytes) -> bytes:
    return fields.sealed_frame(body[0], body[1:]) if body else b""


def _of_ecp(frames: Iterable[bytes], checksum_bytes: int = 0) -> tuple[bytes, ...]:
    packets = [packet for frame in frames for packet in ecp.Decoder().feed(frame)]
    return tuple(
        bytes((one.code,)) + one.content[: len(one.content) - checksum_bytes or None] for one in packets
    )


def _sciencemode2(body: bytes) -> bytes:
    return sciencemode2.encode(body[0], body[1], body[2:]) if len(body) > 1 else b""


def _sciencemode4(body: bytes) -> bytes:
    return sciencemode4.frame(sciencemode4.escaped(body))


def _suntech(body: bytes) -> bytes:
    frame = bytes((suntech.MODULE_MARK, len(body) + 3)) + body
    return frame + bytes((-additive(frame) & 0xFF,))


def _suntech_command(body: bytes) -> bytes:
    return suntech.encode_command(body[0], body[1:]) if body else b""


def _nonin(body: bytes) -> bytes:
    values = body.ljust(12, b"\0")
    channels = tuple(None if one > 100 else one * 10 for one in values[:4])
    index = tuple(None if one > 250 else one for one in values[4:8])
    flags = (values[8] & 1) * nonin.FLAG_EQUIPMENT_ALARM + (values[8] >> 1 & 1) * nonin.FLAG_EVENT_MARK
    clock = f"2026-01-{values[9] % 28 + 1:02}T{values[10] % 24:02}:{values[11] % 60:02}:00"
    line = nonin.encode_line(channels, clock, flags, haemoglobin=index, sensor_faults=values[8] >> 4)
    return line * (1 + values[9] % nonin.LINES_TO_LOCK)


def _invos(body: bytes) -> bytes:
    values = body.ljust(4, b"\0")
    texts = {f"rso2-{number}": str(values[number - 1] % 100) for number in (1, 2, 3, 4)}
    return invos.encode_line(invos.CASE_HISTORY, texts) * (1 + values[0] % 6)


def _cyton(body: bytes) -> bytes:
    values = body.ljust(34, b"\0")
    counts = tuple(int.from_bytes(values[at : at + 3], "little", signed=True) for at in range(2, 26, 3))
    end = cyton.END_ACCELEROMETER + values[1] % 7
    run = range(values[0], values[0] + 2 * cyton.FRAMES_TO_LOCK)
    return b"".join(cyton.encode_frame(number & 0xFF, counts, values[26:32], end) for number in run)


def _cyton_text(body: bytes) -> bytes:
    return body + cyton.END_OF_TEXT


def _bitalino(body: bytes) -> bytes:
    values = body.ljust(13, b"\0")
    counts = tuple(
        int.from_bytes(values[1 + 2 * at : 3 + 2 * at], "little") & highest
        for at, highest in enumerate(bitalino.HIGHEST)
    )
    run = range(values[0], values[0] + 2 * bitalino.FRAMES_TO_LOCK)
    return b"".join(bitalino.encode_frame(number & 15, values[0] >> 4, counts) for number in run)


def _bitalino_text(body: bytes) -> bytes:
    return b"BITalino" + body + b"\n"


def _nonin_oem(body: bytes) -> bytes:
    """A whole packet and a bit, whose 25 DATA bytes are any."""
    values = body.ljust(30, b"\0")
    status, pleth = 0x80 | values[25] & 0x7E, int.from_bytes(values[26:28], "big")
    places = range(nonin_oem.PACKET_FRAMES + nonin_oem.FRAMES_TO_LOCK)
    return b"".join(
        nonin_oem.encode_frame(nonin_oem.FORMAT_7, status | (place % 25 == 0), pleth, values[place % 25])
        for place in places
    )


def _nonin_oem_select(body: bytes) -> bytes:
    content = (b"\x70\x04" + body)[:5].ljust(5, b"\0")
    return b"\x02" + content + bytes((additive(content), 0x03))


# the bodies


_CUFF_GUARDED = _of_ecp(
    (
        cuff.encode_hello_reply(cuff.Hello(2, 2, 0, 1, 0, 0x1234, 7, b"RV-1", b"bench")),
        cuff.encode_status(STATUS),
        cuff.encode_status(STATUS._replace(target_dmmhg=1700, state=cuff.HOLDING, lease_left_ms=900)),
        cuff.encode_tighten_request(3000, 7),
        cuff.encode_tighten_reply(0, 3000),
        cuff.encode_lease_reply(0, 1),
        cuff.encode_relay_request(1, 900, 7),
        cuff.encode_relay_reply(0, 1),
        cuff.encode_self_test_reply(0, 1, -1),
        cuff.encode_clear_reply(0),
        cuff.encode_annunciate_reply(0),
    ),
    2,
)
_CUFF_PLAIN = _of_ecp((cuff.encode_vent(), cuff.encode_relay_open(), ecp.encode_nack(ecp.ERROR_CRC)))
_CHANNEL = hub.Channel(0, 1, -3)
_HUB = _of_ecp(
    (
        hub.encode_hello_reply(
            hub.Hello(
                1,
                1,
                0,
                1,
                0,
                7,
                10_000,
                b"H",
                b"bench",
                (hub.Stream(hub.FORCE, 2, 3, 2, 80_000, (_CHANNEL,)),),
            )
        ),
        hub.encode_start_reply(hub.OK, 1),
        hub.encode_ping_reply(1, 1_000),
        hub.encode_samples(hub.Samples(1, 0, 0, 1, 20_000, ((0, 0, bytes(6)),))),
    ),
    2,
)
_CPAR = _of_ecp(
    (
        cpar_messages.encode_identity(
            cpar_messages.Identity(1, 4, 5, 1, 2, 3, 0, 0, "Inventors' Way", "CPAR+")
        ),
        cpar_messages.encode_ping_reply(3),
        cpar_messages.encode_waveform_reply(17),
        cpar_messages.encode_done(cpar_messages.START),
        cpar_messages.encode_status(cpar_messages.Status(*(0,) * len(cpar_messages.Status._fields))),
        cpar_messages.encode_event(1),
        ecp.encode_nack(9),
    )
)
_CPAR_REQUESTS = _of_ecp(
    (
        cpar_messages.encode_identify(),
        cpar_messages.encode_ping(),
        cpar_messages.encode_start(cpar_messages.Start(0, 1, 0, 1, 0)),
        cpar_messages.encode_stop(),
        cpar_messages.encode_operating_mode(0),
        cpar_messages.encode_clear(),
        ecp.encode_frame(
            cpar_messages.SET_WAVEFORM, content_of(SetWaveform(0, 1, (Instruction(3, 100, 20),)))
        ),
    )
)
_SCIENCEMODE2 = tuple(
    bytes((number, command)) + data
    for number, command, data in (
        (0, sciencemode2.INIT, b"\x01"),
        (0, sciencemode2.INIT_ACK, b"\0"),
        (1, sciencemode2.GET_MODE_ACK, b"\0\x01"),
        (2, sciencemode2.INIT_CHANNEL_LIST_ACK, b"\0"),
        (3, sciencemode2.START_CHANNEL_LIST_ACK, b"\0"),
        (4, sciencemode2.STOP_CHANNEL_LIST_ACK, b"\0"),
        (5, sciencemode2.STIMULATION_ERROR, b"\xfe"),
        (6, sciencemode2.UNKNOWN_COMMAND, b"\x63"),
    )
)
_SCIENCEMODE4 = tuple(
    struct.pack(">H", number << 10 | command) + data
    for number, command, data in (
        (0, 30, b""),
        (1, 31, b"\0"),
        (2, 33, b"\0"),
        (3, 53, b"\0\x01"),
        (63, 67, b"\0"),
    )
)
_SUNTECH = (b"O", b"K", b"A", b"B", b"\x78\x00", b"\xff\xff", b"\0\0\0", bytes(21), b"1" * 64)
_SUNTECH_COMMANDS = tuple(
    bytes((code,)) + bytes(count)
    for code in range(256)
    for count in range(5)
    if _sealed(_suntech_command, bytes((code,)) + bytes(count))
)
_SENDER = feeder.Sender(moxy.KIND, "02:00:00:00:00:01")
_FEEDER = _of_ecp(
    (
        _SENDER.hello(0),
        _SENDER.state(feeder.SEARCHING, "no radio", 5),
        _SENDER.state(feeder.SUBSCRIBED, "", 10),
        _SENDER.data(moxy.encode(1, 700, 700, 1200), 20),
        _SENDER.data(moxy.encode(2, 0x3FE, 0x3FF, 0xFFE), 30),
    ),
    2,
)
_ANY = (bytes(34), bytes(range(34)), b"\xff" * 34, bytes(range(200, 234)))

_SUNTECH_WIRE = Wire(_SUNTECH, (_suntech,))
WIRES: dict[str, Wire] = {
    "ecp": Wire(_CUFF_PLAIN + _CPAR, (_plain_ecp, _summed_ecp)),
    "cuff": Wire(_CUFF_GUARDED + _CUFF_PLAIN, (_guarded_ecp, _plain_ecp)),
    "hub": Wire(_HUB, (_guarded_ecp, _plain_ecp)),
    "sciencemode2": Wire(_SCIENCEMODE2, (_sciencemode2,)),
    "sciencemode4": Wire(_SCIENCEMODE4, (_sciencemode4,)),
    "cpar": Wire(_CPAR, (_plain_ecp,)),
    "cpar-device": Wire(_CPAR_REQUESTS, (_plain_ecp,)),
    "suntech": _SUNTECH_WIRE,
    "suntech-device": Wire(_SUNTECH_COMMANDS, (_suntech_command,)),
    "nonin": Wire(_ANY, (_nonin,)),
    "invos": Wire(_ANY, (_invos,)),
    "feeder": Wire(_FEEDER, (_guarded_ecp,)),
    "cyton": Wire(_ANY, (_cyton,)),
    "cyton-text": Wire((b"OpenBCI V3 8-16 channel\r\nFirmware: v3.1.1\r\n",), (_cyton_text,)),
    "bitalino": Wire(_ANY, (_bitalino,)),
    "bitalino-text": Wire((b"_v5.2", b"_v3"), (_bitalino_text,)),
    "nonin-oem": Wire(_ANY, (_nonin_oem,)),
    "nonin-oem-device": Wire((b"\x02\x07\0", b"\x02\x02\0"), (_nonin_oem_select,)),
}
_WIRE_OF_HOST = {
    "cuff-host": "cuff",
    "rehastim2-host": "sciencemode2",
    "p24-host": "sciencemode4",
    "hub-host": "hub",
    "cpar-host": "cpar",
    "nibp-host": "suntech",
    "nonin-host": "nonin",
    "invos-host": "invos",
    "moxy-host": "feeder",
    "cyton-host": "cyton",
    "bitalino-host": "bitalino",
    "nonin-oem-host": "nonin-oem",
}


def wire_of(target: str) -> Wire:
    """The wire of a codec or a host."""
    return WIRES[_WIRE_OF_HOST.get(target, target)]


# the inputs


def in_pieces(data: bytes, time: int) -> bytes:
    """The same as an input for a host: after so much time, in pieces without time between them."""
    pieces = [data[at : at + LONGEST_PIECE] for at in range(0, len(data), LONGEST_PIECE)] or [b""]
    marked = [
        bytes((len(piece) + 64 * (time if number == 0 else NO_TIME),)) for number, piece in enumerate(pieces)
    ]
    return b"".join(mark + piece for mark, piece in zip(marked, pieces, strict=True))


def piece_starts(data: bytes) -> list[int]:
    """Where the pieces of an input for a host begin, and its end."""
    at, starts = 0, [0]
    while at < len(data):
        at += 1 + data[at] % 64
        starts.append(min(at, len(data)))
    return starts


class Mutator:
    """``change`` is libFuzzer's own: bytes and the most that they may become."""

    def __init__(self, target: str, change: Callable[[bytes, int], bytes], *, is_host: bool) -> None:
        self._wire, self._change, self._is_host = wire_of(target), change, is_host

    def __call__(self, data: bytes, most: int, seed: int) -> bytes:
        """Another input: half of them with another body in a frame whose checksum is right."""
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return self._change(data, most)
        body = self._change(chance.choice(self._wire.bodies), _BODY_BYTES)
        return self._put(_sealed(chance.choice(self._wire.seals), bytes(body)), data, chance)[:most]

    def _put(self, frame: bytes, data: bytes, chance: random.Random) -> bytes:
        """In the place of a part of the input, or between two parts."""
        if self._is_host:
            starts, frame = (
                piece_starts(data),
                in_pieces(frame, chance.choice((NO_TIME, FIVE_MS, FIFTY_MS, LONG))),
            )
        else:
            starts = [0, len(data), chance.randint(0, len(data))]
        first = chance.choice(starts)
        last = chance.choice([start for start in starts if start >= first])
        return data[:first] + frame + data[first if chance.random() < 0.7 else last :]
