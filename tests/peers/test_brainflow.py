"""BrainFlow, the usual client of OpenBCI boards, against our simulated Cyton."""

from itertools import pairwise
from typing import Any

import pytest

from drivers import cyton
from gateway.simulation.cyton import Cyton
from tests.peers.environments import outcome, start
from tests.peers.terminals import terminal

SAMPLES = 260


def counts(number: int) -> tuple[int, ...]:
    """Numbers that name their sample and their channel, of both signs."""
    return tuple((1000 * number + channel) * (-1) ** channel for channel in range(cyton.CHANNELS))


@pytest.fixture(scope="module")
def board() -> Cyton:
    return Cyton(counts)


@pytest.fixture(scope="module")
def found(board: Cyton) -> dict[str, Any]:
    with terminal() as far_end:
        process = start("brainflow", "brainflow", far_end.path, str(SAMPLES))
        far_end.serve(process, board.step)
    return outcome(process)


def test_it_speaks_as_our_host_does(found: dict[str, Any], board: Cyton) -> None:
    assert board.commands == ["v", "d", "x1050100X", "b", "s"]
    assert found["setting"] == "Success: Channel set for 1$$$"


def test_it_receives_every_frame(found: dict[str, Any]) -> None:
    counters = found["counters"]
    assert len(counters) >= SAMPLES
    assert counters[0] == 0
    assert all(after == (before + 1) % 256 for before, after in pairwise(counters))


def test_its_microvolts_are_those_of_our_scale(found: dict[str, Any]) -> None:
    """It keeps account of gains: channel 1 was set to 12, the others stand at the board's 24."""
    for channel, values in enumerate(found["microvolts"]):
        scale = cyton.microvolts_per_count(12 if channel == 0 else 24)
        expected = [counts(number)[channel] * scale for number in range(len(values))]
        assert values == pytest.approx(expected, rel=1e-9)


def test_its_accelerometer_reads_one_g(found: dict[str, Any]) -> None:
    x, y, z = found["acceleration"]
    assert (x[-1], y[-1], z[-1]) == pytest.approx((0.1, 0.0, 1.0))


def test_its_rate_is_ours(found: dict[str, Any]) -> None:
    assert found["rate_hz"] == cyton.RATE_HZ
