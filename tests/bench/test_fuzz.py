"""The fuzzer's targets: every codec and every host over a fixed corpus, and two under libFuzzer."""

import random
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from bench import fuzz
from bench.fuzz_targets import CODECS, HOSTS, check_codec, check_host
from drivers import bitalino, cyton, feeder, moxy, nonin, nonin_oem, sciencemode2, suntech
from firmware_bridge import cuff

INPUTS = 150
LONGEST_BYTES = 300
FRAMES = (
    cuff.encode_vent(),
    cuff.encode_tighten_reply(0, 0),
    sciencemode2.encode_init(0),
    sciencemode2.encode_stop(2),
    sciencemode2.encode_ack(2, sciencemode2.STOP_CHANNEL_LIST_ACK, sciencemode2.OK),
    nonin.encode_line((700, None, None, None), "2026-01-02T03:04:05"),
    cyton.encode_frame(5, (1000, 0, 0, 0, 0, 0, 1, -8388608), bytes(6)),
    bitalino.encode_frame(5, 0b1010, (1, 2, 3, 4, 5, 6)),
    nonin_oem.encode_frame(7, 0x81, 0x1234, 2),
    suntech.encode_ack("O"),
    feeder.Sender(moxy.KIND, "02:00:00:00:00:01").hello(0),
)
"""One word each of most protocols: what is cut, flipped and mixed."""


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
    assert row.executions > 100
    assert row.branches > 10
    assert not row.broke
