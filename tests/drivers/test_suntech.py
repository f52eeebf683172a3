"""The SunTech messages: byte-identical frames, the shared conformance suite, what a plain sum guarantees."""

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import suntech as wire
from firmware_bridge.errors import EncodingError
from tests.drivers.conformance import Checksummed, Framing, bits_of, flipped, thorough

U8 = st.integers(0, 0xFF)
VALUE = st.integers(0, wire.HIGHEST_MMHG)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=">"), max_size=8)

COMMANDS = [
    ("3a 20 a6", wire.encode_command(wire.MEASURE_ADULT)),
    ("3a 87 3f", wire.encode_command(wire.MEASURE_CHILD)),
    ("3a 28 9e", wire.encode_command(wire.MEASURE_NEONATE)),
    ("3a 79 01 00 4c", wire.encode_command(wire.ASK, wire.ABORT)),
    ("3a 79 05 00 48", wire.encode_command(wire.ASK, wire.CUFF_PRESSURE)),
    ("3a 79 03 00 4a", wire.encode_command(wire.ASK, wire.BLOOD_PRESSURE)),
    ("3a 00 c6", wire.encode_command(wire.MODULE_DATA)),
    ("3a 79 02 40 0b", wire.encode_command(wire.ASK, wire.RETURN_TEXT)),
    ("3a 79 02 03 48", wire.encode_command(wire.ASK, wire.RETURN_CODE)),
    ("3a 0c 00 01 01 b8", wire.encode_command(wire.PNEUMATICS, b"\x00\x01\x01")),
    ("3a 8a 3c", wire.encode_command(wire.RESET)),
    ("3a 81 53 54 4f 50 ff", wire.encode_command(wire.SLEEP, b"STOP")),
]


@pytest.mark.parametrize(("golden", "encoded"), COMMANDS)
def test_golden_commands(golden: str, encoded: bytes) -> None:
    data = bytes.fromhex(golden)
    assert encoded == data
    assert wire.CommandDecoder().feed(data) == [wire.Command(data[1], data[2:-1])]


def test_the_layout_of_a_result() -> None:
    """24 bytes; systolic at 2, diastolic at 4, rate at 16, mean at 18, error at 20."""
    frame = wire.encode_blood_pressure(wire.BloodPressure(120, 70, 1, 2, b"abcdefgh", 72, 87, 3))
    assert frame[:23] == b"\x3e\x18\x78\0\x46\0\x01\x02abcdefgh\x48\0\x57\0\x03\0\0"
    assert (len(frame), sum(frame) % 256) == (24, 0)


def test_the_layout_of_the_other_replies() -> None:
    assert wire.encode_ack("O") == bytes.fromhex("3e 04 4f 6f")
    assert wire.encode_cuff_pressure(80) == bytes.fromhex("3e 05 50 00 6d")
    assert wire.encode_cuff_pressure(-3) == bytes.fromhex("3e 05 fd ff c1")
    assert wire.encode_cuff_pressure(None) == bytes.fromhex("3e 05 ff ff bf")
    assert wire.encode_return_code(b"\0\0\0") == bytes.fromhex("3e 06 00 00 00 bc")
    text = wire.encode_return_text(wire.ReturnText("LX1.05", "LS1", "lot", "serial", "42"))
    assert (len(text), text[:2], text[2:8], text[34:40]) == (67, b"\x3e\x43", b"LX1.05", b"serial")


# --- conformance -------------------------------------------------------------------------------------


def named(message: Any) -> Any:
    return (type(message).__name__, *message)


class _Named:
    """Named tuples of different kinds and equal content are equal; here they are not."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> list[Any]:
        return [named(message) for message in self._decoder.feed(data)]


REPLIES: dict[str, Any] = {
    "Ack": wire.encode_ack,
    "CuffPressure": wire.encode_cuff_pressure,
    "ReturnCode": wire.encode_return_code,
    "ReturnText": lambda *fields: wire.encode_return_text(wire.ReturnText(*fields)),
    "BloodPressure": lambda *fields: wire.encode_blood_pressure(wire.BloodPressure(*fields)),
}
MMHG = st.none() | st.integers(wire.LOWEST_MMHG, wire.HIGHEST_MMHG).filter(lambda mmhg: mmhg != -1)
TESTS = st.binary(min_size=8, max_size=8)
SHORT_REPLIES = st.one_of(
    st.tuples(st.just("Ack"), st.sampled_from(sorted(wire.ACKS))),
    st.tuples(st.just("CuffPressure"), MMHG),
    st.tuples(
        st.just("BloodPressure"), VALUE, VALUE, U8, U8, st.binary(min_size=8, max_size=8), VALUE, VALUE, U8
    ),
)


class _SunTech:
    """A frame is its own framing: mark, length and sum stand in it."""

    def frame(self, sealed: bytes) -> bytes:
        return sealed


class _Summed(_SunTech, Checksummed):
    """One flipped bit, or any damage within eight neighbouring bits. Mark and length are not claimed."""

    claimed_flips = 1
    claimed_burst = 8

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(2, len(sealed))


class TestReplies(_Summed):
    messages = SHORT_REPLIES

    def seal(self, message: Any) -> bytes:
        framed: bytes = REPLIES[message[0]](*message[1:])
        return framed

    def decoder(self) -> Any:
        return _Named(wire.Decoder())


class TestLongReplies(_SunTech, Framing):
    """Texts and return codes: no claim is made for the text, which only names the module."""

    messages = st.one_of(
        st.tuples(st.just("ReturnText"), TEXT, TEXT, TEXT, TEXT, TEXT),
        st.tuples(st.just("ReturnCode"), st.binary(min_size=3, max_size=3)),
    )

    def seal(self, message: Any) -> bytes:
        framed: bytes = REPLIES[message[0]](*message[1:])
        return framed

    def decoder(self) -> Any:
        return _Named(wire.Decoder())


class TestCommands(_Summed):
    """Here a false accept would move air."""

    messages: ClassVar = st.one_of(
        st.sampled_from([wire.MODULE_DATA, wire.MEASURE_ADULT, wire.RESET]).map(
            lambda code: wire.Command(code, b"")
        ),
        st.sampled_from([wire.ABORT, wire.CUFF_PRESSURE, wire.RETURN_TEXT]).map(
            lambda data: wire.Command(wire.ASK, data)
        ),
        st.builds(lambda *data: wire.Command(wire.STASIS, bytes(data)), U8, U8, U8),
        st.builds(lambda *data: wire.Command(wire.FIRST_INFLATION, bytes(data)), U8, U8),
    )

    def seal(self, message: wire.Command) -> bytes:
        return wire.encode_command(*message)

    def decoder(self) -> wire.CommandDecoder:
        return wire.CommandDecoder()

    def protected_bits(self, sealed: bytes) -> range:
        """Data and checksum; a damaged command byte may have another length."""
        return bits_of(2, len(sealed))

    def burst_bits(self, sealed: bytes) -> range:
        return bits_of(2, len(sealed))


def test_what_a_sum_does_not_guarantee() -> None:
    """Two flips of the same weight in opposite directions pass: 80 mmHg are read as 96 - 16 elsewhere."""
    frame = wire.encode_cuff_pressure(80)
    damaged = flipped(frame, [8 * 2 + 3, 8 * 4 + 3])
    assert wire.Decoder().feed(damaged) in ([wire.CuffPressure(64)], [wire.CuffPressure(96)])


def test_every_single_flip_of_what_our_host_sends_is_caught() -> None:
    """Stronger than the claim: mark and command byte too."""
    for _, encoded in COMMANDS:
        for bit in range(len(encoded) * 8):
            assert wire.CommandDecoder().feed(flipped(encoded, [bit])) == []


def test_no_stasis_hides_a_measurement() -> None:
    """A frame is known by its end, so no frame that we send may hold another one."""
    for pressure in range(30, 141):
        for time in range(10, 21):
            frame = wire.encode_stasis(pressure, time)
            assert wire.CommandDecoder().feed(frame) == [
                wire.Command(wire.STASIS, bytes((pressure, time, 0)))
            ]


# --- what cannot be ----------------------------------------------------------------------------------

REFUSED = [
    lambda: wire.encode_command(0x55),
    lambda: wire.encode_command(wire.ASK, b"\x01"),
    lambda: wire.encode_stasis(29, 10),
    lambda: wire.encode_stasis(141, 10),
    lambda: wire.encode_stasis(60, 9),
    lambda: wire.encode_stasis(60, 21),
    lambda: wire.encode_ack("X"),
    lambda: wire.encode_cuff_pressure(-1),
    lambda: wire.encode_cuff_pressure(401),
    lambda: wire.encode_return_code(b"12"),
]


@pytest.mark.parametrize("encode", REFUSED)
def test_what_does_not_exist_is_not_sent(encode: Any) -> None:
    with pytest.raises(EncodingError):
        encode()


def sealed(content: bytes) -> bytes:
    frame = bytes((wire.MODULE_MARK, len(content) + 3)) + content
    return frame + bytes((-sum(frame) & 0xFF,))


@pytest.mark.parametrize(
    "frame",
    [
        sealed(b"X"),
        sealed((401).to_bytes(2, "little")),
        sealed((-51 & 0xFFFF).to_bytes(2, "little")),
        wire.encode_blood_pressure(wire.BloodPressure(401, 70, 0, 1, bytes(8), 72, 87, 0)),
        wire.encode_blood_pressure(wire.BloodPressure(120, 70, 0, 1, bytes(8), 401, 87, 0)),
    ],
)
def test_what_adds_up_and_cannot_be_is_counted_and_dropped(frame: bytes) -> None:
    decoder = wire.Decoder()
    assert decoder.feed(frame + wire.encode_ack("K")) == [wire.Ack("K")]
    assert (decoder.frames, decoder.invalid) == (1, 1)


def test_noise_and_wrong_sums_are_counted() -> None:
    decoder = wire.Decoder()
    good = wire.encode_cuff_pressure(80)
    assert decoder.feed(good + b"\x3e\x04K\x00" + good + b"x" * 500 + good) == [wire.CuffPressure(80)] * 3
    assert (decoder.checksum_errors, decoder.resyncs) == (1, 2)


@given(noise=st.binary(max_size=70))
@thorough
def test_a_false_start_hides_nothing(noise: bytes) -> None:
    decoder = wire.Decoder()
    frame = wire.encode_blood_pressure(wire.BloodPressure(120, 70, 0, 1, bytes(8), 72, 87, 0))
    assert wire.BloodPressure(120, 70, 0, 1, bytes(8), 72, 87, 0) in decoder.feed(b"\x3e\x43" + noise + frame)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (1, "signal"),
        (85, "hose"),
        (0x85, "hose"),
        (88, "timer"),
        (0x99, "memory"),
        (42, "error 42"),
        (0xAB, "171"),
    ],
)
def test_each_error_has_a_sentence(code: int, word: str) -> None:
    assert word in wire.error_text(code)
