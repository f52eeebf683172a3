"""A troubled wire does what its trouble says, keeps order, and is the same for the same seed."""

import pytest

from gateway.simulation.links import SOUND, Link, Trouble

FRAME = bytes(range(40))


def sent(trouble: Trouble, times: int = 200, seed: int = 1, frame: bytes = FRAME) -> list[bytes]:
    """What arrives at each of so many turns of 10 ms, a frame sent at each; then until nothing comes."""
    link = Link(seed)
    link.trouble = trouble
    arrived = [link.carry(frame, turn * 10) for turn in range(times)]
    link.trouble = SOUND
    return [*arrived, *(link.carry(b"", (times + turn) * 10) for turn in range(1000))]


def test_a_sound_wire_is_no_wire() -> None:
    assert sent(SOUND)[:200] == [FRAME] * 200


def test_frames_are_dropped_whole() -> None:
    arrived = [data for data in sent(Trouble(drop=500)) if data]
    assert set(arrived) == {FRAME}
    assert 60 < len(arrived) < 140


def test_frames_arrive_twice() -> None:
    arrived = sent(Trouble(duplicate=1000))
    assert arrived[:200] == [FRAME * 2] * 200


def test_bits_turn_over_and_nothing_is_lost() -> None:
    arrived = [data for data in sent(Trouble(corrupt=100)) if data]
    assert [len(data) for data in arrived] == [len(FRAME)] * 200
    damaged = [got ^ was for data in arrived for got, was in zip(data, FRAME, strict=True) if got != was]
    assert 400 < len(damaged) < 1200
    assert all(bits.bit_count() == 1 for bits in damaged)


def test_parts_come_in_order() -> None:
    arrived = sent(Trouble(split=1000))
    assert b"".join(arrived) == FRAME * 200
    assert FRAME not in arrived


def test_what_waits_makes_the_rest_wait_in_order() -> None:
    frames = [bytes([number]) * 3 for number in range(100)]
    link = Link(3)
    link.trouble = Trouble(delay_ms=500)
    arrived = [link.carry(frame, turn * 10) for turn, frame in enumerate(frames)]
    late = [link.carry(b"", 1000 + turn * 10) for turn in range(60)]
    assert b"".join([*arrived, *late]) == b"".join(frames)
    assert arrived[0] == b""


def test_a_wire_that_became_sound_still_delivers_what_waits_first() -> None:
    link = Link(1)
    link.trouble = Trouble(delay_ms=500, split=0)
    link.carry(b"first", 0)
    link.trouble = SOUND
    got = b"".join(link.carry(b"second" if not turn else b"", turn) for turn in range(600))
    assert got == b"firstsecond"


def test_noise_comes_by_itself() -> None:
    link = Link(1)
    link.trouble = Trouble(noise=500)
    assert sum(bool(link.carry(b"", turn)) for turn in range(100)) > 20


def test_a_dead_wire_is_silent() -> None:
    assert not b"".join(sent(Trouble(cut=True)))


def test_a_closed_port_forgets_what_was_under_way() -> None:
    link = Link(1)
    link.trouble = Trouble(delay_ms=500)
    link.carry(FRAME, 0)
    link.empty()
    assert link.carry(b"", 1000) == b""


def test_a_buffer_is_not_endless() -> None:
    link = Link(1)
    link.trouble = Trouble(delay_ms=1)
    for _ in range(3000):
        link.carry(FRAME, 0)
    link.trouble = SOUND
    assert len(link.carry(b"", 10)) <= 65_536


@pytest.mark.parametrize(
    "trouble", [Trouble(split=500, drop=200, duplicate=200, corrupt=50, noise=300, delay_ms=99)]
)
def test_the_same_seed_gives_the_same_bytes(trouble: Trouble) -> None:
    assert sent(trouble, seed=5) == sent(trouble, seed=5)
    assert sent(trouble, seed=5) != sent(trouble, seed=6)
