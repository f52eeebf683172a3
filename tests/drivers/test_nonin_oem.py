"""The Nonin OEM codec: conformance of both formats, golden bytes, packets, lost frames, requests."""

from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from drivers import nonin_oem
from drivers.nonin_oem import Answer, Frame, Packet
from tests.drivers.conformance import Checksummed, Framing, bits_of, flipped
from tests.drivers.portability import under_micropython

# The packet of the test suite of the Pufferfish ventilator's Nonin driver, format 2: 72 beats a minute, 97 %,
# revision 48. Theirs, not ours: it was not made by the encoder under test.
_ZERO = "01 80 01 00 82"
GOLDEN_2 = bytes.fromhex(
    "01 81 01 00 83 01 80 01 48 ca 01 80 01 61 e3 01 80 01 30 b2"
    + _ZERO * 4
    + "01 80 01 61 e3" * 3
    + _ZERO * 3
    + "01 80 01 48 ca 01 80 01 61 e3 01 80 01 61 e3"
    + _ZERO * 3
    + "01 80 01 48 ca"
    + _ZERO
    + "01 80 01 48 ca"
    + _ZERO * 2
)
GOLDEN_PACKET = Packet(
    heart_rate=72,
    spo2=97,
    revision=48,
    timer=0,
    stat2=0,
    spo2_d=97,
    spo2_fast=97,
    spo2_beat=97,
    e_heart_rate=72,
    e_spo2=97,
    e_spo2_d=97,
    heart_rate_d=72,
    e_heart_rate_d=72,
    trouble=0,
    perfusion=0,
)
# Format 7 by the table: SYNC and artefact, pulse wave 0x1234, heart rate MSB of 300 (2), sum.
GOLDEN_7 = bytes.fromhex("a1 12 34 02 e9")


def packets(decoded: list[Any]) -> list[Packet]:
    return [one for one in decoded if isinstance(one, Packet)]


def frames(decoded: list[Any]) -> list[Frame]:
    return [one for one in decoded if isinstance(one, Frame)]


def wave(first: int, number: int, data_format: int = 7) -> bytes:
    """``number`` frames from frame ``first`` on, which counts from a SYNC; the pulse wave is their number."""
    data = nonin_oem.packet_data(GOLDEN_PACKET)
    return b"".join(
        nonin_oem.encode_frame(data_format, 0x80 | (at % 25 == 0), at & 0xFF, data[at % 25])
        for at in range(first, first + number)
    )


class _PacketsOnly:
    """What the suite compares: packets."""

    def __init__(self, data_format: int) -> None:
        self._frames = nonin_oem.Decoder(data_format)

    def feed(self, data: bytes) -> list[Packet]:
        return packets(self._frames.feed(data))


RATE = st.none() | st.integers(0, 510)
SATURATION = st.none() | st.integers(0, 100)
PACKETS = st.builds(
    Packet,
    heart_rate=RATE,
    spo2=SATURATION,
    revision=st.integers(0, 255),
    timer=st.integers(0, 0x3FFF),
    stat2=st.integers(0, 255),
    spo2_d=SATURATION,
    spo2_fast=SATURATION,
    spo2_beat=SATURATION,
    e_heart_rate=RATE,
    e_spo2=SATURATION,
    e_spo2_d=SATURATION,
    heart_rate_d=RATE,
    e_heart_rate_d=RATE,
    trouble=st.sampled_from([0, 0x40, 0x38, 0x78]),
    perfusion=st.sampled_from([0, 2, 4, 6]),
)


class _Conformance(Checksummed):
    """A sum catches one flipped bit, and any burst of eight, in the 125 bytes of a packet."""

    messages = PACKETS
    claimed_flips = 1
    claimed_burst = 8
    data_format: ClassVar[int]

    def seal(self, message: Packet) -> bytes:
        highest = nonin_oem.HIGHEST_PLETH[self.data_format]
        pleth = tuple(message.revision * (place + 1) % highest for place in range(25))
        return nonin_oem.encode_packet(self.data_format, message, pleth)

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> _PacketsOnly:
        return _PacketsOnly(self.data_format)

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))


class TestConformanceOfFormat2(_Conformance):
    data_format = 2


class TestConformanceOfFormat7(_Conformance):
    data_format = 7


class TestConformanceOfRequests(Framing):
    """The device's side of the select command."""

    messages = st.builds(nonin_oem.Select, st.sampled_from(nonin_oem.FORMATS), st.integers(0, 255))

    def seal(self, message: nonin_oem.Select) -> bytes:
        return nonin_oem.encode_select(*message)

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> nonin_oem.SelectDecoder:
        return nonin_oem.SelectDecoder()


class TestGolden:
    def test_the_packet_of_another_driver_reads_as_theirs(self) -> None:
        decoded = nonin_oem.Decoder(2).feed(GOLDEN_2)
        assert packets(decoded) == [GOLDEN_PACKET]
        assert [frame.pleth for frame in frames(decoded)] == [1] * 25
        assert [frame.position for frame in frames(decoded)] == list(range(1, 26))

    def test_the_encoder_gives_their_packet(self) -> None:
        assert nonin_oem.encode_packet(2, GOLDEN_PACKET, (1,) * 25) == GOLDEN_2

    def test_a_frame_of_format_7_is_that_of_the_table(self) -> None:
        status = 0x80 | nonin_oem.ARTEFACT | nonin_oem.SYNC
        assert nonin_oem.encode_frame(7, status, 0x1234, 2) == GOLDEN_7
        [frame, *_] = frames(nonin_oem.Decoder(7).feed(GOLDEN_7 + wave(1, 5)))
        assert frame == Frame(1, status, 0x1234, 2, 0)

    def test_the_rates_are_seven_bits_each(self) -> None:
        data = nonin_oem.packet_data(GOLDEN_PACKET._replace(heart_rate=300, e_heart_rate=None))
        assert data[:2] == bytes((2, 44))
        assert data[13:15] == bytes((3, 127))

    def test_the_select_command_is_that_of_open_programs(self) -> None:
        assert nonin_oem.encode_select(2) == bytes.fromhex("02 70 04 02 02 00 78 03")
        asked = nonin_oem.SelectDecoder().feed(bytes.fromhex("02 70 04 02 08 00 7e 03"))
        assert asked == [nonin_oem.Select(8, 0)]

    def test_the_short_form_is_understood(self) -> None:
        assert nonin_oem.SelectDecoder().feed(bytes.fromhex("02 70 02 02 07 03")) == [nonin_oem.Select(7, 0)]


@pytest.mark.parametrize(
    ("place", "byte", "name"),
    [
        (1, 3, "heart_rate"),
        (3, 127, "spo2"),
        (3, 101, "spo2"),
        (10, 127, "spo2_fast"),
        (20, 3, "heart_rate_d"),
    ],
)
def test_what_is_missing_is_none_and_no_number(place: int, byte: int, name: str) -> None:
    data = bytearray(nonin_oem.packet_data(GOLDEN_PACKET))
    data[place - 1] = byte
    if byte == 3:
        data[place] = 127
    stream = b"".join(nonin_oem.encode_frame(7, 0x80 | (at == 0), 0, one) for at, one in enumerate(data))
    [packet] = packets(nonin_oem.Decoder().feed(stream))
    assert getattr(packet, name) is None


@pytest.mark.parametrize(
    "bad",
    [
        lambda: nonin_oem.Decoder(8),
        lambda: nonin_oem.encode_select(13),
        lambda: nonin_oem.encode_frame(8, 0x80, 0, 0),
        lambda: nonin_oem.encode_frame(7, 0x7F, 0, 0),
        lambda: nonin_oem.encode_frame(7, 0x80, 65536, 0),
        lambda: nonin_oem.encode_frame(2, 0x80, 256, 0),
        lambda: nonin_oem.encode_frame(7, 0x80, 0, 256),
        lambda: nonin_oem.packet_data(GOLDEN_PACKET._replace(heart_rate=511)),
        lambda: nonin_oem.packet_data(GOLDEN_PACKET._replace(spo2=101)),
    ],
)
def test_what_a_frame_cannot_carry_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"format|status|pleth|heart_rate|spo2"):
        bad()


class TestPlace:
    @pytest.mark.parametrize("data_format", nonin_oem.FORMATS)
    def test_bytes_that_only_look_like_frames_are_not_believed(self, data_format: int) -> None:
        """Zeros have a right sum, 01 stands everywhere: neither is enough, nor are five frames in a row."""
        for noise in (bytes(5000), b"\x01" * 5000, b"\x80" * 5000, b"\xff" * 5000):
            assert nonin_oem.Decoder(data_format).feed(noise) == []
        assert nonin_oem.Decoder(data_format).feed(wave(0, 5, data_format)) == []
        assert len(frames(nonin_oem.Decoder(data_format).feed(wave(0, 6, data_format)))) == 6

    @pytest.mark.parametrize("data_format", nonin_oem.FORMATS)
    @pytest.mark.parametrize("pleth", [0, 128, 255])
    def test_a_flat_line_is_read_at_its_place_only(self, data_format: int, pleth: int) -> None:
        none = GOLDEN_PACKET._replace(
            **dict.fromkeys(("heart_rate", "spo2", "e_spo2")), revision=0, trouble=0x40
        )
        stream = nonin_oem.encode_packet(data_format, none, (pleth,) * 25) * 4
        for cut in range(125):
            told = frames(nonin_oem.Decoder(data_format).feed(stream[cut:]))
            assert len(told) == (500 - cut) // 5
            assert {frame.pleth for frame in told} == {pleth}

    def test_one_format_is_never_read_as_the_other(self) -> None:
        for data_format, other in ((2, 7), (7, 2)):
            for first in range(25):
                decoder = nonin_oem.Decoder(other)
                assert decoder.feed(wave(first, 400, data_format)) == []
                assert decoder.frames == 0

    def test_sync_in_every_frame_is_no_stream(self) -> None:
        stream = nonin_oem.encode_frame(7, 0x80 | nonin_oem.SYNC, 3, 4) * 50
        assert nonin_oem.Decoder().feed(stream) == []

    def test_frames_without_sync_are_dropped(self) -> None:
        stream = b"".join(nonin_oem.encode_frame(7, 0x80, at & 255, 0) for at in range(100))
        decoder = nonin_oem.Decoder()
        assert len(frames(decoder.feed(stream))) == 25
        assert decoder.unsynchronised == 75
        assert packets(decoder.feed(wave(0, 25))) == [GOLDEN_PACKET]


class TestLosses:
    def test_a_damaged_frame_costs_itself_and_its_packet(self) -> None:
        decoder = nonin_oem.Decoder()
        told = decoder.feed(flipped(wave(0, 75), [8 * (5 * 30 + 2)]))
        assert [frame.pleth for frame in frames(told)] == [*range(30), *range(31, 75)]
        assert [frame.missing for frame in frames(told) if frame.missing] == [1]
        assert len(packets(told)) == 2
        assert (decoder.gaps, decoder.damaged, decoder.resyncs, decoder.broken_packets) == (1, 1, 1, 1)

    def test_bytes_lost_cost_their_frame_and_packet(self) -> None:
        decoder = nonin_oem.Decoder()
        stream = wave(0, 75)
        told = decoder.feed(stream[: 5 * 30 + 2] + stream[5 * 30 + 4 :])
        assert [frame.pleth for frame in frames(told)] == [*range(30), *range(31, 75)]
        assert (decoder.gaps, len(packets(told))) == (1, 2)

    def test_frames_lost_whole_are_told_at_the_next_sync(self) -> None:
        decoder = nonin_oem.Decoder()
        told = decoder.feed(wave(0, 30) + wave(37, 38))
        missing = {frame.pleth: frame.missing for frame in frames(told) if frame.missing}
        assert missing == {50: 7}
        assert (decoder.gaps, decoder.broken_packets, len(packets(told))) == (7, 1, 2)

    def test_damage_and_loss_in_one_packet_are_told_once_each(self) -> None:
        decoder = nonin_oem.Decoder()
        damaged = flipped(wave(25, 10), [8 * (5 * 5 + 2)])
        told = decoder.feed(wave(0, 25) + damaged + wave(40, 35))
        missing = {frame.pleth: frame.missing for frame in frames(told) if frame.missing}
        assert missing == {31: 1, 50: 5}
        assert decoder.gaps == 6

    def test_noise_between_two_packets_loses_nothing(self) -> None:
        decoder = nonin_oem.Decoder()
        told = decoder.feed(wave(0, 50) + b"\x12\x34\x56" + wave(50, 25))
        assert len(packets(told)) == 3
        assert (decoder.gaps, decoder.broken_packets, decoder.resyncs) == (0, 0, 1)

    def test_a_stream_that_begins_in_the_middle_lacks_nothing(self) -> None:
        decoder = nonin_oem.Decoder()
        told = decoder.feed(wave(7, 43))
        assert [frame.position for frame in frames(told)] == [0] * 18 + list(range(1, 26))
        assert (decoder.gaps, decoder.broken_packets, len(packets(told))) == (0, 0, 1)


class TestAnswers:
    @pytest.mark.parametrize(("byte", "accepted"), [(b"\x06", True), (b"\x15", False)])
    def test_an_answer_between_frames_is_one_and_costs_nothing(self, byte: bytes, accepted: bool) -> None:
        decoder = nonin_oem.Decoder()
        told = decoder.feed(wave(0, 30) + byte + wave(30, 20))
        assert [one for one in told if isinstance(one, Answer)] == [Answer(accepted)]
        assert (len(packets(told)), decoder.gaps) == (2, 0)

    def test_an_answer_before_the_first_frame_is_one(self) -> None:
        assert nonin_oem.Decoder().feed(b"\x06" + wave(0, 6))[0] == Answer(True)


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    program = (
        "from drivers import nonin_oem as nonin\n"
        f"packet = nonin.Packet(*{tuple(GOLDEN_PACKET)!r})\n"
        "told = nonin.Decoder(2).feed(b'noise' + nonin.encode_packet(2, packet, (1,) * 25))\n"
        "print(nonin.encode_packet(2, packet, (1,) * 25))\n"
        "print(tuple(told[-1]), nonin.SelectDecoder().feed(nonin.encode_select(7))[0][0])\n"
    )
    assert under_micropython(program) == f"{GOLDEN_2!r}\n{tuple(GOLDEN_PACKET)!r} 7\n"
