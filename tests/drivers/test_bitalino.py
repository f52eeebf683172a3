"""The BITalino's codec: conformance with the claims of its CRC-4, golden frames, what the sequence tells."""

import operator
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from drivers import bitalino
from tests.drivers.conformance import Checksummed, bits_of, flipped
from tests.drivers.portability import under_micropython
from tests.drivers.stretches import Stretches

STRETCH = 4

# Four inputs 1, 2, 3, 4, sequence 5, digital lines 1010: read by the maker's client.
GOLDEN = bytes.fromhex("40c00002 04a050")


def crc4(bits: str) -> int:
    """Long division by x^4 + x + 1, bit by bit: the textbook, not the table."""
    digits = [int(bit) for bit in bits + "0000"]
    for place in range(len(bits)):
        if digits[place]:
            for offset, bit in enumerate((1, 0, 0, 1, 1)):
                digits[place + offset] ^= bit
    return int("".join(str(digit) for digit in digits[-4:]), 2)


def stream(first: int, number: int, inputs: int = 6) -> bytes:
    counts = range(first, first + number)
    return b"".join(
        bitalino.encode_frame(count & 15, count & 15, tuple((count + place) & 63 for place in range(inputs)))
        for count in counts
    )


def sequences(decoded: list[Any]) -> list[int]:
    return [frame.sequence for frame in decoded]


def _stretch(begin: int, contents: list[tuple[int, tuple[int, ...]]]) -> tuple[bitalino.Frame, ...]:
    return tuple(
        bitalino.Frame(begin * STRETCH + place, digital, analogue, 0)
        for place, (digital, analogue) in enumerate(contents)
    )


class _Conformance(Checksummed):
    """CRC-4 by x^4 + x + 1: any flip, any burst of four bits. Two flips are caught unless 15 n bits apart.

    Damage that the checksum cannot see is left to the sequence number, which claims nothing.
    """

    claimed_flips = 1
    claimed_burst = 4
    inputs: ClassVar[int]

    def seal(self, message: tuple[bitalino.Frame, ...]) -> bytes:
        return b"".join(bitalino.encode_frame(*frame[:3]) for frame in message)

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> Stretches:
        return Stretches(bitalino.Decoder(self.inputs), STRETCH, operator.attrgetter("sequence"))

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))


def messages(inputs: int) -> st.SearchStrategy[tuple[bitalino.Frame, ...]]:
    analogue = st.tuples(*[st.integers(0, highest) for highest in bitalino.HIGHEST[:inputs]])
    contents = st.lists(st.tuples(st.integers(0, 15), analogue), min_size=STRETCH, max_size=STRETCH)
    return st.builds(_stretch, st.integers(0, 3), contents)


class TestConformanceOfSixInputs(_Conformance):
    inputs = 6
    messages = messages(6)


class TestConformanceOfOneInput(_Conformance):
    inputs = 1
    messages = messages(1)


class TestConformanceOfThreeInputs(_Conformance):
    """42 bits of content in 48: the six left over are under the checksum, too."""

    inputs = 3
    messages = messages(3)


def test_the_golden_frame() -> None:
    assert bitalino.encode_frame(5, 0b1010, (1, 2, 3, 4)) == GOLDEN
    assert bitalino.crc4(GOLDEN) == GOLDEN[-1] & 15


@pytest.mark.parametrize("inputs", range(1, 7))
def test_the_checksum_is_that_of_the_textbook(inputs: int) -> None:
    for frame_at in range(40):
        frame = stream(frame_at, 1, inputs)
        bits = "".join(f"{byte:08b}" for byte in frame)
        assert bitalino.crc4(frame) == crc4(bits[:-4])


@pytest.mark.parametrize(("inputs", "size"), [(1, 3), (2, 4), (3, 6), (4, 7), (5, 8), (6, 8)])
def test_the_size_of_a_frame(inputs: int, size: int) -> None:
    assert bitalino.frame_bytes(inputs) == size == len(stream(0, 1, inputs))


def test_two_flips_are_caught_unless_they_are_fifteen_bits_apart() -> None:
    """The claim of the docstring, exhaustively, over the longest frame."""
    frame = stream(3, 1)
    bits = len(frame) * 8
    for first in range(bits):
        for second in range(first + 1, bits):
            damaged = flipped(frame, [first, second])
            caught = bitalino.crc4(damaged) != damaged[-1] & 15
            assert caught == ((second - first) % 15 != 0)


def test_the_commands_are_those_of_the_makers_client() -> None:
    assert bitalino.VERSION == b"\x07"
    assert [bitalino.encode_rate(rate) for rate in bitalino.RATES_HZ] == [b"\x03", b"\x43", b"\x83", b"\xc3"]
    assert bitalino.encode_start((1, 2, 3, 4)) == b"\x3d"
    assert bitalino.encode_start((6,)) == b"\x81"


@pytest.mark.parametrize(
    "bad",
    [
        lambda: bitalino.encode_frame(16, 0, (0,)),
        lambda: bitalino.encode_frame(0, 16, (0,)),
        lambda: bitalino.encode_frame(0, 0, ()),
        lambda: bitalino.encode_frame(0, 0, (0,) * 7),
        lambda: bitalino.encode_frame(0, 0, (1024,)),
        lambda: bitalino.encode_frame(0, 0, (0, 0, 0, 0, 64)),
        lambda: bitalino.encode_rate(500),
        lambda: bitalino.encode_start(()),
        lambda: bitalino.encode_start((0,)),
        lambda: bitalino.encode_start((7,)),
        lambda: bitalino.encode_start((1, 1)),
        lambda: bitalino.Decoder(0),
        lambda: bitalino.Decoder(7),
    ],
)
def test_what_the_device_does_not_have_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"input|sequence|rates"):
        bad()


class TestSequence:
    def test_frames_lost_are_counted_and_cost_no_others(self) -> None:
        decoder = bitalino.Decoder()
        decoded = decoder.feed(stream(0, 10) + stream(13, 6))
        assert sequences(decoded) == [*range(10), 13, 14, 15, 0, 1, 2]
        assert [frame.missing for frame in decoded] == [0] * 10 + [3] + [0] * 5
        assert (decoder.gaps, decoder.frames, decoder.damaged) == (3, 16, 0)

    def test_sixteen_frames_lost_are_not_seen(self) -> None:
        """What four bits of sequence cannot tell, said in the codec's docstring."""
        decoder = bitalino.Decoder()
        assert len(decoder.feed(stream(0, 8) + stream(24, 8))) == 16
        assert decoder.gaps == 0

    def test_a_damaged_frame_costs_itself(self) -> None:
        decoder = bitalino.Decoder()
        damaged = flipped(stream(0, 12), [8 * 8 * 5 + 11])
        decoded = decoder.feed(damaged)
        assert sequences(decoded) == [0, 1, 2, 3, 4, *range(6, 12)]
        assert (decoder.damaged, decoder.gaps, decoder.resyncs) == (1, 1, 1)

    def test_a_frame_whose_damage_the_checksum_misses_is_held_to_its_sequence(self) -> None:
        sequence_bit = 8 * 8 * 5 + 8 * 7
        damaged = flipped(stream(0, 12), [sequence_bit, sequence_bit - 15])
        decoder = bitalino.Decoder()
        assert sequences(decoder.feed(damaged)) == [0, 1, 2, 3, 4, *range(6, 12)]
        assert (decoder.damaged, decoder.gaps) == (0, 1)

    def test_another_stream_begins_without_a_gap(self) -> None:
        decoder = bitalino.Decoder()
        decoder.feed(stream(0, 9))
        decoder.begin_again()
        assert [frame.missing for frame in decoder.feed(stream(4, 4))] == [0, 0, 0, 0]

    def test_equal_values_for_ever_give_no_second_place(self) -> None:
        """Only the true place has a number that counts."""
        for value in (0, 63, 21, 42):
            frames = [bitalino.encode_frame(count & 15, 5, (value,) * 6) for count in range(64)]
            for cut in range(8):
                decoded = bitalino.Decoder().feed(b"".join(frames)[cut:])
                assert {frame.analogue for frame in decoded} == {(value,) * 6}
                assert len(decoded) >= 63


class TestVersion:
    def test_however_it_is_cut(self) -> None:
        sent = b"\x80\x07\n\xffBITalino_v5.2\n"
        assert bitalino.VersionDecoder().feed(sent) == ["BITalino_v5.2"]
        decoder = bitalino.VersionDecoder()
        assert [text for byte in sent for text in decoder.feed(bytes((byte,)))] == ["BITalino_v5.2"]

    def test_what_is_no_text_is_none(self) -> None:
        assert bitalino.VersionDecoder().feed(b"BITalino_v\xff5.2\n\n  \nNONIN\n") == []

    def test_a_flood_is_not_kept(self) -> None:
        decoder = bitalino.VersionDecoder()
        assert decoder.feed(b"x" * 50_000) == []
        assert decoder.feed(b"BITalino_v5.2\n") == ["BITalino_v5.2"]


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    program = (
        "from drivers import bitalino\n"
        "stream = b''.join([bitalino.encode_frame(n, n, (1023, n, 3, 4, 63, n)) for n in range(4)])\n"
        "decoder = bitalino.Decoder()\n"
        "print(decoder.feed(b'noise' + stream)[3].analogue, decoder.resyncs)\n"
        "print(bitalino.encode_frame(5, 10, (1, 2, 3, 4)))\n"
    )
    assert under_micropython(program) == f"(1023, 3, 3, 4, 63, 3) 1\n{GOLDEN!r}\n"
