"""What a feeder says to core: the shared suite with the claims of its CRC-16, golden frames, refusals."""

import binascii
import struct
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from drivers import feeder
from firmware_bridge.errors import EncodingError
from tests.drivers.conformance import Checksummed, bits_of, one_flip_each

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=feeder.LONGEST_TEXT)
REASON = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=feeder.LONGEST_REASON)
STATE = st.sampled_from([feeder.SEARCHING, feeder.SUBSCRIBED])

SAMPLES = [
    feeder.Hello(1, 0x01020304, "moxy", "C0:FF:EE:00:11:22", "MOXY5", "12345", "1.2"),
    feeder.State(2, 0x01020305, feeder.SUBSCRIBED, "the monitor is connected"),
    feeder.Data(3, 0x010203FF, bytes.fromhex("CB0615021602C00400")),
]


def stuffed(payload: bytes) -> bytes:
    """ECP framing, written here a second time so that damaged payloads can be framed as well."""
    return b"\xff\xf1" + payload.replace(b"\xff", b"\xff\xff") + b"\xff\xf2"


def sealed(code: int, body: bytes) -> bytes:
    """A message with a right CRC, by an independent CRC: what a decoder of ours must still look at."""
    crc = binascii.crc_hqx(bytes((code,)) + body, 0xFFFF)
    return bytes((code, len(body) + 2)) + body + struct.pack("<H", crc)


class TestFeederMessages(Checksummed):
    """CRC-16 over code and content: distance 4 at these lengths, bursts of 16 within code and content.

    The length byte is not under the CRC; the end marker contradicts it when it is damaged. The CRC itself
    travels low byte first, which keeps the claim on flips and limits the one on bursts to the content.
    """

    claimed_flips = 3
    claimed_burst = 16
    messages: ClassVar[st.SearchStrategy[Any]] = st.one_of(
        st.builds(feeder.Hello, U16, U32, TEXT, TEXT, TEXT, TEXT, TEXT),
        st.builds(feeder.State, U16, U32, STATE, REASON),
        st.builds(feeder.Data, U16, U32, st.binary(max_size=feeder.LONGEST_PAYLOAD)),
    )

    def seal(self, message: Any) -> bytes:
        return feeder.encode(message)[2:-2].replace(b"\xff\xff", b"\xff")

    def frame(self, sealed: bytes) -> bytes:
        return stuffed(sealed)

    def decoder(self) -> feeder.Decoder:
        return feeder.Decoder()

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))

    def burst_bits(self, sealed: bytes) -> list[int]:
        return [*bits_of(0, 1), *bits_of(2, len(sealed) - 2)]

    @pytest.mark.parametrize("message", SAMPLES)
    def test_every_single_flip_on_the_wire_is_caught(self, message: Any) -> None:
        """Stronger than the claim: here the markers and escapes are damaged too."""
        for damaged in one_flip_each(self.wire(message)):
            assert self.decoder().feed(damaged) in ([], [message])


GOLDEN = [
    "FF F1 E0 30 01 01 00 04 03 02 01 04 6D 6F 78 79 11 43 30 3A 46 46 3A 45 45 3A "
    "30 30 3A 31 31 3A 32 32 05 4D 4F 58 59 35 05 31 32 33 34 35 03 31 2E 32 79 D2 "
    "FF F2",
    "FF F1 E1 23 01 02 00 05 03 02 01 01 18 74 68 65 20 6D 6F 6E 69 74 6F 72 20 69 "
    "73 20 63 6F 6E 6E 65 63 74 65 64 5E DE FF F2",
    "FF F1 E2 12 01 03 00 FF FF 03 02 01 CB 06 15 02 16 02 C0 04 00 B3 A9 FF F2",
]


@pytest.mark.parametrize(("message", "golden"), list(zip(SAMPLES, GOLDEN, strict=True)))
def test_golden_frames(message: Any, golden: str) -> None:
    """Our own protocol: these bytes are what other releases of ours must still read."""
    framed = bytes.fromhex(golden)
    assert feeder.encode(message) == framed
    assert feeder.Decoder().feed(framed) == [message]
    payload = framed[2:-2].replace(b"\xff\xff", b"\xff")
    assert sealed(payload[0], payload[2:-2]) == payload


def test_every_message_is_a_short_frame() -> None:
    """The length byte stays below 128, whatever is said: the claim of the checksum needs it."""
    full = "x" * feeder.LONGEST_TEXT
    longest = feeder.encode(feeder.Hello(1, 1, full, full, full, full, full))
    assert longest[3] == len(longest) - 6 <= 127


HEAD = b"\x01\x05\x00\x07\x00\x00\x00"


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (feeder.DATA, b"\x02" + HEAD[1:] + b"abc"),
        (feeder.DATA, HEAD[:6]),
        (feeder.DATA, HEAD + b"x" * 65),
        (0xE3, HEAD),
        (0x40, HEAD),
        (feeder.STATE, HEAD + b"\x02\x00"),
        (feeder.STATE, HEAD + b"\x01"),
        (feeder.STATE, HEAD + b"\x01\x02a"),
        (feeder.STATE, HEAD + b"\x01\x01\x07"),
        (feeder.STATE, HEAD + b"\x01\x01a\x01b"),
        (feeder.HELLO, HEAD + b"\x00" * 4),
        (feeder.HELLO, HEAD + b"\x00" * 6),
        (feeder.HELLO, HEAD + b"\x17" + b"a" * 23 + b"\x00" * 4),
        (feeder.HELLO, HEAD + b"\x01\xe4" + b"\x00" * 4),
    ],
)
def test_a_right_crc_over_something_else_is_counted_not_guessed(code: int, body: bytes) -> None:
    decoder = feeder.Decoder()
    assert decoder.feed(stuffed(sealed(code, body))) == []
    assert (decoder.foreign, decoder.frames, decoder.checksum_errors) == (1, 0, 0)


def test_what_is_damaged_and_what_is_noise_are_counted_apart() -> None:
    decoder = feeder.Decoder()
    good = feeder.encode(SAMPLES[2])
    assert decoder.feed(b"noise" + good.replace(b"\xcb", b"\xcc") + good) == [SAMPLES[2]]
    assert (decoder.checksum_errors, decoder.resyncs, decoder.frames) == (1, 1, 1)


@pytest.mark.parametrize(
    "message",
    [
        feeder.Hello(1, 1, "moxy", "x" * 23, "", "", ""),
        feeder.Hello(1, 1, "moxy", "ä", "", "", ""),
        feeder.State(1, 1, 2, ""),
        feeder.State(1, 1, 0, "x" * 81),
        feeder.Data(1, 1, b"x" * 65),
        feeder.Data(None, 1, b""),
    ],
)
def test_the_encoder_refuses_what_does_not_fit(message: Any) -> None:
    with pytest.raises(EncodingError):
        feeder.encode(message)


class TestSender:
    def test_every_message_has_the_next_number(self) -> None:
        sender = feeder.Sender("moxy", "AA")
        said = [sender.hello(1), sender.state(0, "", 2), sender.data(b"x", 3)]
        assert [message.number for message in feeder.Decoder().feed(b"".join(said))] == [1, 2, 3]

    def test_numbers_and_stamps_wrap(self) -> None:
        sender = feeder.Sender("moxy", "AA")
        for _ in range(0xFFFF):
            sender.data(b"", 0)
        [message] = feeder.Decoder().feed(sender.data(b"", (1 << 32) + 5))
        assert (message.number, message.stamp_ms) == (0, 5)

    def test_what_a_sensor_says_of_itself_always_fits(self) -> None:
        sender = feeder.Sender("moxy", "AA")
        sender.describe("Möxy\n" + "x" * 40, "\ufffd", "")
        [hello] = feeder.Decoder().feed(sender.hello(1))
        assert (hello.model, hello.serial) == ("M?xy?" + "x" * 17, "?")

    def test_a_notification_that_is_too_long_is_cut(self) -> None:
        [message] = feeder.Decoder().feed(feeder.Sender("moxy", "AA").data(b"x" * 500, 1))
        assert message.payload == b"x" * 64
