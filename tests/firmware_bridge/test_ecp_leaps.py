"""The decoder that leaps against the one that looks at every byte: the same packets, the same counts."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_bridge import ecp


class ByteByByte(ecp.Decoder):
    """The definition: no leap is ever of use."""

    def _leap(self, data: bytes, at: int, packets: list[ecp.Packet]) -> int:
        return at


def known(decoder: ecp.Decoder) -> dict[str, object]:
    """Counts and state; of the buffer what belongs to the frame under way."""
    return {**vars(decoder), "_payload": decoder._payload[: decoder._length]}


MARKED = st.sampled_from([0xFF, 0xFF, 0xFF, 0xF1, 0xF2, 0x00, 0x02])
"""Bytes out of which markers, pairs and false ends are made by chance."""

CONTENT = st.binary(max_size=140) | st.lists(MARKED, max_size=140).map(bytes)
FRAME = st.builds(
    ecp.encode_frame,
    st.sampled_from([0x02, 0xD0, 0xFF]),
    CONTENT,
    st.sampled_from([0, 0, 0xF2, 0xFF]),
    st.sampled_from([ecp.CHECKSUM_NONE, ecp.CHECKSUM_NONE, ecp.CHECKSUM_ADDITIVE, ecp.CHECKSUM_CRC8]),
)
TORN = st.tuples(FRAME, st.integers(0, 150), st.integers(0, 150)).map(
    lambda torn: torn[0][: torn[1]] + torn[0][torn[2] :]
)
MARKERS = st.sampled_from([b"\xff\xf1", b"\xff\xf2", b"\xff", b"\xff\xff", b"\xff\xff\xf2", b"\xff\x33"])
STREAM = st.lists(FRAME | TORN | MARKERS | st.lists(MARKED, max_size=20).map(bytes), max_size=12).map(
    b"".join
)


@settings(deadline=None, max_examples=600, derandomize=True)
@given(
    stream=STREAM,
    cuts=st.lists(st.integers(0, 800), max_size=6),
    longest=st.sampled_from([2, 3, 16, 60, 142, ecp.LONGEST_PAYLOAD]),
)
@example(stream=b"\xff\xf1\xd0\x02\xff\xff\xf2\xff\xff\xff\xf2", cuts=[], longest=16)
@example(stream=b"\xff\xf1\xd0\x00\xff\xf2\xff\xff\xf1\x02\x00\xff\xf2", cuts=[], longest=16)
@example(stream=b"\xff\xf1\xff\xff\xff\xff\xff\xff\xff\xf2", cuts=[6, 7], longest=3)
def test_leaps_change_nothing(stream: bytes, cuts: list[int], longest: int) -> None:
    leaping, plain = ecp.Decoder(longest), ByteByByte(longest)
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(edges):
        piece = stream[start:end]
        assert leaping.feed(piece) == plain.feed(piece)
        assert known(leaping) == known(plain)


def test_a_whole_frame_is_one_leap() -> None:
    """It is what the fast path is for: no byte of it is looked at alone, whatever it is made of."""

    class Counting(ecp.Decoder):
        looked_at = 0

        def _take(self, byte: int, packets: list[ecp.Packet]) -> None:
            self.looked_at += 1
            super()._take(byte, packets)

    frame = ecp.encode_frame(0xD0, bytes((0xF2, 0xFF)) * 50)
    whole, halves = Counting(), Counting()
    assert whole.feed(frame * 3) == [ecp.Packet(0xD0, bytes((0xF2, 0xFF)) * 50, 0, 0)] * 3
    assert whole.looked_at == 0
    assert len(halves.feed(frame[:65]) + halves.feed(frame[65:])) == 1
    assert halves.looked_at <= 2  # the two bytes of a pair that was cut
