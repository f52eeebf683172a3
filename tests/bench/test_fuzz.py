"""The fuzzer's targets: every codec and every host over a fixed corpus, and two under libFuzzer."""

import random
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench import fuzz
from bench.fuzz_frames import WIRES, Mutator, in_pieces, piece_starts, wire_of
from bench.fuzz_seeds import LONGEST_BYTES as LONGEST_SEED_BYTES
from bench.fuzz_seeds import plant, seeds
from bench.fuzz_targets import CODECS, HOSTS, check_codec, check_host

INPUTS = 150
LONGEST_BYTES = 300
FRAMES = tuple(frame for wire in WIRES.values() for frame in wire.frames)
"""Words of every protocol: what is cut, flipped and mixed."""


@cache
def corpus() -> tuple[bytes, ...]:
    """The same inputs at each run: noise, frames, and frames that were cut, flipped and mixed."""
    return tuple(_inputs(random.Random("corpus")))


def _inputs(chance: random.Random) -> Iterator[bytes]:
    for _ in range(INPUTS):
        parts = [_damaged(chance, chance.choice(FRAMES)) for _ in range(chance.randrange(6))]
        parts.append(chance.randbytes(chance.randrange(40)))
        chance.shuffle(parts)
        yield b"".join(parts)[:LONGEST_BYTES]


def _damaged(chance: random.Random, frame: bytes) -> bytes:
    match chance.randrange(4):
        case 0:
            return frame[: chance.randrange(len(frame))]
        case 1:
            at = chance.randrange(len(frame))
            return frame[:at] + bytes((frame[at] ^ 1 << chance.randrange(8),)) + frame[at + 1 :]
        case _:
            return frame


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_gives_the_same_whole_and_in_pieces(name: str) -> None:
    for data in corpus():
        check_codec(CODECS[name], data)


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_raises_nothing_and_lives_by_what_arrives_alone(name: str) -> None:
    for data in corpus():
        check_host(HOSTS[name], data)


@pytest.mark.parametrize("name", CODECS)
def test_every_wire_has_a_frame_that_its_codec_accepts(name: str) -> None:
    assert sum(check_codec(CODECS[name], frame) for frame in wire_of(name).frames)


@pytest.mark.parametrize("name", HOSTS)
def test_a_conversation_gives_a_host_life(name: str) -> None:
    assert max(check_host(HOSTS[name], seed) for seed in seeds(name)) >= 1


def test_seeds_are_the_same_each_time_and_short(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert plant("p24-host", tmp_path / "a") == plant("p24-host", tmp_path / "b") > 3
    for one in (tmp_path / "a").iterdir():
        assert one.read_bytes() == (tmp_path / "b" / one.name).read_bytes()
        assert 0 < len(one.read_bytes()) <= LONGEST_SEED_BYTES


@pytest.mark.parametrize("name", ["sciencemode4", "rehastim2-host"])
def test_half_of_the_mutations_carry_a_frame_with_a_right_checksum(name: str) -> None:
    def flipped(data: bytes, most: int) -> bytes:
        return (bytes((data[0] ^ 1,)) + data[1:])[:most] if data else b"\0"

    is_host = name in HOSTS
    mutator = Mutator(name, flipped, is_host=is_host)
    check, make = (check_host, HOSTS[name]) if is_host else (check_codec, CODECS[name])
    changed = [mutator(b"\x05noise", 200, seed) for seed in range(100)]
    assert changed == [mutator(b"\x05noise", 200, seed) for seed in range(100)]
    assert all(len(one) <= 200 for one in changed)
    assert sum(check(make, one) > 0 for one in changed) >= 25


def test_pieces_are_put_together_again() -> None:
    data = bytes(range(200))
    pieces = in_pieces(data, 2)
    starts = piece_starts(pieces)
    cut = [pieces[start + 1 : end] for start, end in pairwise(starts)]
    assert b"".join(cut) == data
    assert [pieces[start] // 64 for start in starts[:-1]] == [2, 0, 0, 0]


class Forgetful:
    """A codec that forgets what a piece ended with."""

    def feed(self, data: bytes) -> list[bytes]:
        return [data] if len(data) > 3 else []


class Vain:
    """A host that takes its own words for life."""

    last_valid_ms: int | None = None

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        return []

    def outgoing(self, now_ms: int) -> bytes:
        self.last_valid_ms = now_ms
        return b""


@pytest.mark.parametrize(("check", "make"), [(check_codec, Forgetful), (check_host, Vain)])
def test_a_defect_is_found(check: Callable[[Callable[[], Any], bytes], None], make: type[Any]) -> None:
    data = max(corpus(), key=len)
    with pytest.raises(AssertionError):
        check(make, data)


@pytest.mark.skipif(not fuzz.PYTHON.exists(), reason="no environment of peers: run scripts/peers")
@pytest.mark.parametrize("name", ["ecp", "rehastim2-host"])
def test_the_fuzzer_runs(name: str) -> None:
    has_it = subprocess.run([fuzz.PYTHON, "-c", "import atheris"], capture_output=True, check=False)
    if has_it.returncode:
        pytest.skip("atheris is not installed in the environment of peers")
    row = fuzz.fuzz(name, 2)
    assert row.executions > 50
    assert row.branches > 10
    assert row.behind > row.executions // 20
    assert row.frames >= row.behind
    assert not row.broke
