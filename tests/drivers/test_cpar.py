"""The CPAR+ messages: byte-identical frames, the shared conformance suite, what cannot be encoded."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import cpar_messages as wire
from drivers import cpar_waveform as waveform
from drivers.cpar_hold import program
from firmware_bridge import ecp
from firmware_bridge.errors import EncodingError
from tests.drivers.conformance import Framing, flipped, thorough

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
COUNTS = st.integers(0, waveform.FULL_COUNTS)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=24)

INSTRUCTION = st.builds(
    waveform.Instruction, st.integers(0, 3), st.integers(0, waveform.FULL_SCALE), st.integers(0, 60)
)
WAVEFORM = st.builds(
    waveform.SetWaveform,
    st.integers(0, 1),
    st.integers(1, 3),
    st.lists(INSTRUCTION, min_size=1, max_size=40).map(tuple),
)

# As observed between the maker's client and an earlier simulator, and as that client encodes.
PROGRAM = waveform.SetWaveform(
    waveform.CHANNEL_1,
    1,
    (
        waveform.Instruction(waveform.STEP, waveform.operand_of_pa(40_000), 100),
        waveform.Instruction(waveform.STEP, 0x06D37C13, 50),
        waveform.Instruction(waveform.STEP, 0, 10),
    ),
)
PROGRAM_BYTES = "ff f1 10 14 00 01 64 00 99 99 99 d9 32 00 13 7c d3 c6 0a 00 00 00 00 c0 ff f2"
ENCODED = [
    ("ff f1 01 00 ff f2", wire.encode_identify()),
    ("ff f1 02 00 ff f2", wire.encode_ping()),
    ("ff f1 20 01 01 ff f2", wire.encode_operating_mode(wire.RATING_NOT_IN_USE)),
    ("ff f1 21 00 ff f2", wire.encode_clear()),
    ("ff f1 13 00 ff f2", wire.encode_stop()),
    (PROGRAM_BYTES, wire.encode_set_waveform(PROGRAM)),
    ("ff f1 11 05 01 00 02 01 00 ff f2", wire.encode_start(wire.Start(1, 0, 2, 1, 0))),
    ("ff f1 02 04 01 00 00 00 ff f2", wire.encode_ping_reply(1)),
    ("ff f1 10 01 7b ff f2", wire.encode_waveform_reply(waveform.waveform_crc(PROGRAM))),
    ("ff f1 11 00 ff f2", wire.encode_done(wire.START)),
]


@pytest.mark.parametrize(("golden", "encoded"), ENCODED)
def test_golden_frames(golden: str, encoded: bytes) -> None:
    assert encoded == bytes.fromhex(golden)


def test_golden_instructions_of_the_makers_client() -> None:
    """labbench-comm 0.1.3, ``InstructionCodec.encode``: 5 kPa/s for 2 s, -2.5 kPa/s for 1 s."""
    rise = waveform.Instruction(waveform.INCREASE, waveform.operand_of_slope(5_000), 200)
    fall = waveform.Instruction(waveform.DECREASE, waveform.operand_of_slope(2_500), 100)
    content = waveform.content_of(waveform.SetWaveform(0, 1, (rise, fall)))
    assert content[2:] == bytes.fromhex("c8 00 26 31 08 40  64 00 93 18 04 80")


def test_golden_status_head() -> None:
    status = wire.Status(0, 0x17, 1, 0, 0, 0, 0x0CCC, 0, 0, 0, 0, 0, 0, 0)
    assert wire.encode_status(status)[:15] == bytes.fromhex("ff f1 80 16 00 17 01 00 00 00 00 cc 0c 00 00")
    assert wire.Decoder().feed(wire.encode_status(status)) == [status]


def test_identity_lies_where_the_makers_client_reads_it() -> None:
    identity = wire.Identity(3, 4, 1042, 1, 2, 3, 9, 0xBEEF, "Nocitech", "CPAR+")
    (packet,) = ecp.Decoder().feed(wire.encode_identity(identity))
    content = packet.content
    assert len(content) == 64
    assert content[:16] == bytes.fromhex("03000000 0400 12040000 01 02 03 09 efbe")
    assert content[16:40].rstrip(b"\0") == b"Nocitech"
    assert content[40:].rstrip(b"\0") == b"CPAR+"


# --- conformance: ECP's short form has no checksum, so there is nothing to claim ----------------------


def named(messages: list[Any]) -> list[Any]:
    """Named tuples of different kinds and equal content are equal; here they are not."""
    return [(type(message).__name__, *message) for message in messages]


class _Named:
    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> list[Any]:
        return named(self._decoder.feed(data))


REPLIES: dict[str, Any] = {
    "Identity": lambda *fields: wire.encode_identity(wire.Identity(*fields)),
    "PingReply": wire.encode_ping_reply,
    "WaveformReply": wire.encode_waveform_reply,
    "Done": wire.encode_done,
    "Nack": ecp.encode_nack,
    "Status": lambda *fields: wire.encode_status(wire.Status(*fields)),
    "Event": wire.encode_event,
}
REQUESTS: dict[str, Any] = {
    "Identify": wire.encode_identify,
    "Ping": wire.encode_ping,
    "SetWaveform": lambda *fields: wire.encode_set_waveform(waveform.SetWaveform(*fields)),
    "Start": lambda *fields: wire.encode_start(wire.Start(*fields)),
    "Stop": wire.encode_stop,
    "OperatingMode": wire.encode_operating_mode,
    "Clear": wire.encode_clear,
}
STATUS = st.tuples(
    st.just("Status"),
    *(st.integers(0, 3), U8, U16, U8, U8, U8, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, U8),
)


class _Cpar(Framing):
    encoders: dict[str, Any]

    def seal(self, message: Any) -> bytes:
        framed: bytes = self.encoders[message[0]](*message[1:])
        return framed[2:-2].replace(b"\xff\xff", b"\xff")

    def frame(self, sealed: bytes) -> bytes:
        return b"\xff\xf1" + sealed.replace(b"\xff", b"\xff\xff") + b"\xff\xf2"


class TestMessagesToHost(_Cpar):
    encoders = REPLIES
    messages = st.one_of(
        STATUS,
        st.tuples(st.just("Identity"), U32, U16, U32, U8, U8, U8, U8, U16, TEXT, TEXT),
        st.tuples(st.just("PingReply"), U32),
        st.tuples(st.just("WaveformReply"), U8),
        st.tuples(st.just("Done"), st.sampled_from([wire.START, wire.STOP, wire.CLEAR])),
        st.tuples(st.just("Nack"), U8),
        st.tuples(st.just("Event"), U8),
    )

    def decoder(self) -> Any:
        return _Named(wire.Decoder())


class TestMessagesToDevice(_Cpar):
    encoders = REQUESTS
    messages = st.one_of(
        st.sampled_from([("Identify",), ("Ping",), ("Stop",), ("Clear",)]),
        WAVEFORM.map(lambda one: ("SetWaveform", *one)),
        st.tuples(st.just("Start"), *[st.integers(0, 2)] * 3, U8, U8),
        st.tuples(st.just("OperatingMode"), st.integers(0, 1)),
    )

    def decoder(self) -> Any:
        return _Named(wire.RequestDecoder())


# --- what the CRC-8 of a program guarantees -----------------------------------------------------------


def test_three_flipped_bits_in_the_instructions_of_a_hold_are_caught() -> None:
    """Linear: a damage pattern is caught wherever it is caught on one program. All 142 880 are tried."""
    held = program(waveform.CHANNEL_1, 2_000, 10_000)
    content = waveform.content_of(held)
    crc = waveform.waveform_crc(held)
    bits = range(16, len(content) * 8)
    syndromes = [crc ^ _crc_of(flipped(content, [bit])) for bit in bits]
    for size in (1, 2, 3):
        for chosen in combinations(syndromes, size):
            syndrome = 0
            for one in chosen:
                syndrome ^= one
            assert syndrome


def test_channel_and_repeat_are_not_covered() -> None:
    """Why a host watches what the device says that it gives."""
    content = waveform.content_of(program(waveform.CHANNEL_1, 2_000, 10_000))
    for bit in range(16):
        assert _crc_of(flipped(content, [bit])) == _crc_of(content)


def _crc_of(content: bytes) -> int:
    decoded = waveform.waveform_of(content)
    assert decoded is not None
    return waveform.waveform_crc(decoded)


# --- quantities and refusals --------------------------------------------------------------------------


@given(dmmhg=st.integers(0, 7_500))
@thorough
def test_a_target_is_never_above_what_was_asked(dmmhg: int) -> None:
    pa = waveform.operand_of_dmmhg(dmmhg) * waveform.FULL_SCALE_PA / waveform.FULL_SCALE
    assert dmmhg * 13.3322 - 0.001 < pa <= dmmhg * 13.3322
    counts = waveform.counts_of_operand(waveform.operand_of_dmmhg(dmmhg))
    assert abs(waveform.dmmhg_of_counts(counts) - dmmhg) <= 1


def test_the_supply_has_a_scale_of_its_own() -> None:
    full = waveform.dmmhg_of_counts(waveform.FULL_COUNTS, waveform.SUPPLY_FULL_SCALE_PA)
    assert full == 75_006


STEP = waveform.Instruction(waveform.STEP, 1, 1)
REFUSED = [
    (lambda: waveform.operand_of_dmmhg(7_501), "pressure"),
    (lambda: waveform.operand_of_dmmhg(-1), "pressure"),
    (lambda: waveform.operand_of_pa(100_001), "pressure"),
    (lambda: waveform.cycles_of_ms(600_001), "duration"),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(2, 1, (STEP,))), "channel"),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 0, (STEP,))), "repeat"),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 256, (STEP,))), "repeat"),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 1, ())), "number"),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 1, (STEP,) * 257)), "number"),
    (
        lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 2, (STEP._replace(cycles=30_001),))),
        "length of the program",
    ),
    (lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 1, (STEP._replace(opcode=4),))), "opcode"),
    (
        lambda: wire.encode_set_waveform(waveform.SetWaveform(0, 1, (STEP._replace(operand=1 << 30),))),
        "operand",
    ),
    (lambda: wire.encode_start(wire.Start(3, 0, 2, 1, 0)), "stop criterion"),
    (lambda: wire.encode_start(wire.Start(1, 3, 2, 1, 0)), "outlet"),
    (lambda: wire.encode_operating_mode(2), "operating mode"),
    (lambda: wire.encode_identity(wire.Identity(3, 4, 1, 1, 1, 1, 1, 1, "x" * 25, "")), "length of a text"),
]


@pytest.mark.parametrize(("encode", "named_quantity"), REFUSED)
def test_what_does_not_exist_is_not_sent(encode: Any, named_quantity: str) -> None:
    with pytest.raises(EncodingError, match=named_quantity):
        encode()


def test_the_longest_waveform_travels() -> None:
    longest = waveform.SetWaveform(1, 255, (waveform.Instruction(3, waveform.FULL_SCALE, 0),) * 256)
    assert wire.RequestDecoder().feed(wire.encode_set_waveform(longest)) == [longest]


@pytest.mark.parametrize(
    ("code", "content", "error"),
    [
        (wire.PING, b"x", wire.ERROR_LENGTH),
        (wire.SET_WAVEFORM, b"\0\1", wire.ERROR_LENGTH),
        (wire.SET_WAVEFORM, b"\0\1123456x", wire.ERROR_LENGTH),
        (wire.START, b"1234", wire.ERROR_LENGTH),
        (wire.OPERATING_MODE, b"", wire.ERROR_LENGTH),
        (0x55, b"", wire.ERROR_UNKNOWN_FUNCTION),
    ],
)
def test_a_request_that_cannot_be_read_deserves_its_error(code: int, content: bytes, error: int) -> None:
    assert wire.decode_request(ecp.Packet(code, content, 0, 0)) == wire.Unreadable(code, error)


GOOD = wire.Status(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "frame",
    [
        wire.encode_status(GOOD._replace(state=4)),
        *(wire.encode_status(GOOD._replace(**{name: 4096})) for name in GOOD._fields[6:13]),
        ecp.encode_frame(wire.STATUS, bytes(21)),
        ecp.encode_frame(wire.IDENTIFY, bytes(63)),
        ecp.encode_frame(wire.PING, bytes(3)),
        ecp.encode_frame(wire.START, b"x"),
        ecp.encode_frame(wire.EVENT, b""),
        ecp.encode_frame(0xFE, b"debug text"),
        ecp.encode_frame(0xFE, b"d"),
    ],
)
def test_what_a_cpar_cannot_say_is_counted_and_dropped(frame: bytes) -> None:
    decoder = wire.Decoder()
    assert decoder.feed(frame + wire.encode_status(GOOD)) == [GOOD]
    assert (decoder.frames, decoder.invalid) == (1, 1)


def test_unprintable_names_are_left_out() -> None:
    content = bytes(16) + b"N\xf8\nci\0tech".ljust(24, b"\0") + b"\xff" * 24
    (identity,) = wire.Decoder().feed(ecp.encode_frame(wire.IDENTIFY, content))
    assert (identity.maker, identity.name) == ("Nci", "")


def test_checksums_and_noise_are_counted() -> None:
    decoder = wire.Decoder()
    damaged = flipped(ecp.encode_frame(wire.PING, bytes(4), checksum=ecp.CHECKSUM_CRC8), [50])
    assert decoder.feed(b"noise" + damaged + wire.encode_ping_reply(7)) == [wire.PingReply(7)]
    assert (decoder.checksum_errors, decoder.resyncs) == (1, 1)
