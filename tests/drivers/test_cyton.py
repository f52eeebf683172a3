"""The Cyton's codec: conformance, golden frames, texts, what the counter tells."""

import operator
import struct
from typing import Any

import pytest
from hypothesis import strategies as st

from drivers import cyton
from tests.drivers.conformance import Framing
from tests.drivers.portability import under_micropython
from tests.drivers.stretches import Stretches

STRETCH = 4
INT24 = st.integers(-(1 << 23), (1 << 23) - 1)

# Count 1000 of channel 1 at gain 24, as BrainFlow reads it; the accelerometer at 0, 0, 1 g.
GOLDEN = bytes.fromhex("a005 0003e8 000000 000000 000000 000000 000000 000001 800000 0000 0000 1f40 c0")


def little(*counts: int) -> bytes:
    return b"".join(struct.pack("<i", count)[:3] for count in counts)


def frames(first: int, number: int) -> bytes:
    return b"".join(cyton.encode_frame(count & 0xFF, (count,) * 8) for count in range(first, first + number))


def counters(decoded: list[Any]) -> list[int]:
    return [frame.counter for frame in decoded]


def _stretch(begin: int, counts: list[tuple[int, ...]], extra: bytes, end: int) -> tuple[cyton.Frame, ...]:
    return tuple(
        cyton.Frame(begin * STRETCH + place, little(*channels), extra, end, 0)
        for place, channels in enumerate(counts)
    )


class TestConformance(Framing):
    """No checksum, so no claim about damage; what is promised holds for four frames in a row."""

    messages = st.builds(
        _stretch,
        st.integers(0, 256 // STRETCH - 1),
        st.lists(st.tuples(*[INT24] * 8), min_size=STRETCH, max_size=STRETCH),
        st.binary(min_size=6, max_size=6),
        st.integers(cyton.END_ACCELEROMETER, cyton.END_LAST),
    )

    def seal(self, message: tuple[cyton.Frame, ...]) -> bytes:
        return b"".join(
            bytes((0xA0, frame.counter)) + big(frame.channels) + frame.extra + bytes((frame.end,))
            for frame in message
        )

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> Stretches:
        return Stretches(cyton.Decoder(), STRETCH, operator.attrgetter("counter"))


def big(channels: bytes) -> bytes:
    """Written a second time, by plain words."""
    return b"".join(channels[at : at + 3][::-1] for at in range(0, 24, 3))


def test_the_encoder_gives_the_golden_frame() -> None:
    counts = (1000, 0, 0, 0, 0, 0, 1, -(1 << 23))
    assert cyton.encode_frame(5, counts, struct.pack(">3h", 0, 0, 8000)) == GOLDEN
    assert len(GOLDEN) == cyton.FRAME_BYTES


def test_the_golden_frame_reads_as_brainflow_reads_it() -> None:
    following = [GOLDEN[:1] + bytes((5 + place,)) + GOLDEN[2:] for place in range(3)]
    frame = cyton.Decoder().feed(b"".join(following))[0]
    assert frame == cyton.Frame(
        5, little(1000, 0, 0, 0, 0, 0, 1, -(1 << 23)), b"\0\0\0\0\x1f\x40", cyton.END_ACCELEROMETER, 0
    )
    assert 1000 * cyton.microvolts_per_count(24) == pytest.approx(22.3517, abs=5e-5)
    assert 8000 * cyton.G_PER_COUNT == 1.0


def test_the_channel_setting_is_that_of_the_documentation() -> None:
    """OpenBCI's own example sets channel 3 to gain 2 without bias; ours differs there: bias is on."""
    assert cyton.encode_channel_setting(3, 2, bipolar=True) == b"x3010100X"
    assert cyton.encode_channel_setting(8, 24, bipolar=False) == b"x8060110X"


@pytest.mark.parametrize(
    "bad",
    [
        lambda: cyton.encode_frame(256, (0,) * 8),
        lambda: cyton.encode_frame(0, (0,) * 7),
        lambda: cyton.encode_frame(0, (0,) * 8, b"12345"),
        lambda: cyton.encode_frame(0, (0,) * 8, end=0xC7),
        lambda: cyton.encode_frame(0, (1 << 23, *(0,) * 7)),
        lambda: cyton.encode_frame(0, (-(1 << 23) - 1, *(0,) * 7)),
        lambda: cyton.encode_channel_setting(9, 24, bipolar=True),
        lambda: cyton.encode_channel_setting(1, 3, bipolar=True),
    ],
)
def test_what_the_device_does_not_have_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"channel|counter|count"):
        bad()


class TestCounter:
    def test_frames_lost_by_the_radio_are_counted_and_cost_no_others(self) -> None:
        decoder = cyton.Decoder()
        stream = frames(0, 10) + frames(13, 1) + frames(15, 3)
        decoded = decoder.feed(stream)
        assert counters(decoded) == [*range(10), 13, 15, 16, 17]
        assert [frame.missing for frame in decoded] == [0] * 10 + [3, 1, 0, 0]
        assert (decoder.gaps, decoder.frames, decoder.resyncs) == (4, 14, 0)

    def test_the_counter_goes_round(self) -> None:
        decoder = cyton.Decoder()
        assert counters(decoder.feed(frames(250, 12))) == [*range(250, 256), *range(6)]
        assert decoder.gaps == 0

    def test_a_frame_that_came_twice_is_not_given_out_again(self) -> None:
        decoder = cyton.Decoder()
        assert counters(decoder.feed(frames(0, 5) + frames(4, 2))) == [0, 1, 2, 3, 4, 5]
        assert (decoder.repeats, decoder.gaps) == (1, 0)

    def test_another_stream_begins_without_a_gap(self) -> None:
        decoder = cyton.Decoder()
        decoder.feed(frames(0, 9))
        decoder.begin_again()
        assert [frame.missing for frame in decoder.feed(frames(100, 3))] == [0, 0, 0]


class TestPlace:
    """The worst case without checksum: data that looks like frames at another place."""

    LOOKALIKE = b"\x00\xc3\xa0" * 8  # every channel has C3 A0 in it, 33 bytes apart from frame to frame

    def test_a_place_whose_counter_does_not_count_is_not_believed(self) -> None:
        stream = b"".join(bytes((0xA0, count)) + self.LOOKALIKE + bytes(6) + b"\xc0" for count in range(20))
        decoder = cyton.Decoder()
        decoded = decoder.feed(stream[5:])
        assert counters(decoded) == list(range(1, 20))
        assert all(frame.channels == b"\xa0\xc3\x00" * 8 for frame in decoded)

    def test_two_frames_in_a_row_are_not_enough(self) -> None:
        decoder = cyton.Decoder()
        assert decoder.feed(frames(0, 2)) == []
        assert counters(decoder.feed(frames(2, 1))) == [0, 1, 2]

    @pytest.mark.parametrize("lost", range(1, 33))
    def test_bytes_lost_cost_their_frame_only(self, lost: int) -> None:
        decoder = cyton.Decoder()
        decoded = decoder.feed(frames(0, 5) + frames(5, 1)[lost:] + frames(6, 5))
        assert counters(decoded) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
        assert (decoder.gaps, decoder.resyncs, decoder.damaged) == (1, 1, 1)

    def test_a_frame_with_a_wrong_end_costs_itself(self) -> None:
        damaged = bytearray(frames(0, 10))
        damaged[5 * 33 + 32] = 0xC7
        assert counters(cyton.Decoder().feed(bytes(damaged))) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


class TestTexts:
    def test_a_text_ends_at_three_dollars_however_it_is_cut(self) -> None:
        stream = b"OpenBCI V3\r\nFirmware: v3.1.1\r\n$$$Success: Channel set for 3$$$rest"
        whole = cyton.TextDecoder().feed(stream)
        assert whole == ["OpenBCI V3\nFirmware: v3.1.1\n", "Success: Channel set for 3"]
        decoder = cyton.TextDecoder()
        assert [text for byte in stream for text in decoder.feed(bytes((byte,)))] == whole

    def test_the_end_of_a_stream_before_it_is_left_out(self) -> None:
        [text] = cyton.TextDecoder().feed(b"\xa0\x01\xff\x80OpenBCI V3$$$")
        assert text == "OpenBCI V3"

    def test_a_flood_is_not_kept(self) -> None:
        decoder = cyton.TextDecoder()
        assert decoder.feed(b"x" * 50_000) == []
        assert len(decoder.feed(b"$$$")[0]) == cyton.LONGEST_TEXT


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    program = (
        "from drivers import cyton\n"
        "stream = b''.join([cyton.encode_frame(n, (n, -n, 0, 1, 2, 3, 4, -8388608)) for n in range(4)])\n"
        "decoder = cyton.Decoder()\n"
        "decoded = decoder.feed(b'noise' + stream)\n"
        "print(decoded[3].channels, decoder.resyncs, cyton.TextDecoder().feed(b'OpenBCI$$$'))\n"
    )
    assert under_micropython(program) == f"{little(3, -3, 0, 1, 2, 3, 4, -(1 << 23))!r} 1 ['OpenBCI']\n"
