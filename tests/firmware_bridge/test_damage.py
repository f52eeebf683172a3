"""What a bad wire can do to frames, exhaustively and at random."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import cuff, ecp
from firmware_bridge.checksums import crc16, crc16_by_nibbles

# The second lease has bytes FF in its content and in its CRC's neighbourhood, so that stuffing is hit too.
LEASES = [(513, 1, 1700, 500, 300000, 0x01020304), (0xFFFF, 3, 0x00FF, 255, 0xFF00FF, 0xFFFFFFFF)]

FRAMES = st.one_of(
    st.builds(cuff.encode_lease_reply, st.integers(0, 255), st.integers(0, 65535)),
    st.builds(
        ecp.encode_frame, st.integers(0, 255), st.binary(max_size=300), st.integers(0, 255), st.integers(0, 2)
    ),
)


def leases_in(wire: bytes) -> list[cuff.LeaseRequest]:
    decoded = [cuff.decode_lease_request(packet) for packet in ecp.Decoder().feed(wire)]
    return [lease for lease in decoded if lease is not None]


def flipped(frame: bytes, *bits: int) -> bytes:
    damaged = bytearray(frame)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("lease", LEASES)
def test_no_single_bit_makes_another_lease(lease: tuple[int, ...]) -> None:
    frame = cuff.encode_lease_request(*lease)
    assert leases_in(frame) == [lease]
    for bit in range(len(frame) * 8):
        assert leases_in(flipped(frame, bit)) == []


@pytest.mark.parametrize("lease", LEASES)
def test_no_two_bits_make_another_lease(lease: tuple[int, ...]) -> None:
    frame = cuff.encode_lease_request(*lease)
    for first, second in combinations(range(len(frame) * 8), 2):
        assert leases_in(flipped(frame, first, second)) == []


@pytest.mark.parametrize("lease", LEASES)
def test_two_bits_anywhere_in_two_frames_cost_at_most_both(lease: tuple[int, ...]) -> None:
    frame = cuff.encode_lease_request(*lease)
    for bit in range(len(frame) * 16):
        found = leases_in(flipped(frame + frame, bit, (bit * 7 + 3) % (len(frame) * 16)) + frame)
        assert found
        assert set(found) == {lease}


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_any_chunking_is_the_same(frames: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(frames)
    whole = ecp.Decoder()
    pieces = ecp.Decoder()
    expected = whole.feed(wire)
    found: list[ecp.Packet] = []
    position = 0
    index = 0
    while position < len(wire):
        size = sizes[index % len(sizes)]
        found += pieces.feed(wire[position : position + size])
        position += size
        index += 1
    assert len(expected) == len(frames)
    assert found == expected
    assert live(pieces) == live(whole)


def live(decoder: ecp.Decoder) -> dict[str, object]:
    """All that a decoder knows; of its buffer what belongs to the frame under way."""
    return {**vars(decoder), "_payload": decoder._payload[: decoder._length]}


@given(st.binary(max_size=400))
def test_garbage_never_raises_and_never_energises(garbage: bytes) -> None:
    assert leases_in(garbage) == []


@given(st.binary(max_size=200), FRAMES, FRAMES)
def test_resynchronises_within_one_frame(garbage: bytes, first: bytes, second: bytes) -> None:
    expected = ecp.Decoder().feed(second)
    assert ecp.Decoder().feed(garbage + first + second)[-1:] == expected


@given(st.integers(0, 255), st.binary(max_size=80))
def test_decoders_take_any_packet(code: int, content: bytes) -> None:
    packet = ecp.Packet(code, content, 0, 0)
    for name in dir(cuff):
        if name.startswith("decode_"):
            getattr(cuff, name)(packet)


@given(
    st.builds(
        cuff.Status,
        *(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
        *(st.none() | st.integers(-32767, 32767) for _ in range(3)),
        *(st.integers(0, 3), st.integers(0, 255), st.integers(0, 65535)),
        *(st.integers(0, 2**32 - 1) for _ in range(4)),
        st.sampled_from((0, 1, 2, 3, cuff.NO_LIMB)),
        *(st.integers(0, 65535) for _ in range(5)),
        *(st.integers(0, 255), st.integers(0, 1)),
    )
)
def test_status_round_trip(status: cuff.Status) -> None:
    packets = ecp.Decoder().feed(cuff.encode_status(status))
    assert [cuff.decode_status(packet) for packet in packets] == [status]


@given(st.binary(max_size=80), st.integers(0, 0xFFFF))
def test_both_ways_to_a_crc16_agree(data: bytes, start: int) -> None:
    assert crc16(data, start) == crc16_by_nibbles(data, start)
