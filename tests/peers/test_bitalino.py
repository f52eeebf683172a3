"""The maker's Python client (GPL: a process of its own, never imported) against our simulated BITalino."""

import pytest

from gateway.simulation.bitalino import BATTERY_THRESHOLD, Bitalino
from tests.peers.environments import outcome, start
from tests.peers.terminals import terminal

SAMPLES = 120


def counts(number: int) -> tuple[tuple[int, ...], int]:
    """Values that name their sample and their input."""
    analogue = tuple((7 * number + 100 * place) & (1023 if place < 4 else 63) for place in range(6))
    return analogue, number * 5 & 15


@pytest.mark.parametrize(
    ("rate_hz", "inputs", "commands"),
    [
        (1000, (1, 2, 3, 4, 5, 6), b"\x07\xc3\xfd\x00"),
        (1000, (1, 2, 3, 4, 5), b"\x07\xc3\x7d\x00"),
        (100, (1, 2, 3, 4), b"\x07\x83\x3d\x00"),
        (1000, (2,), b"\x07\xc3\x09\x00"),
    ],
)
def test_it_reads_what_was_measured(rate_hz: int, inputs: tuple[int, ...], commands: bytes) -> None:
    device = Bitalino(counts)
    with terminal() as far_end:
        process = start("bitalino", "bitalino", far_end.path, str(rate_hz), *map(str, inputs))
        far_end.serve(process, device.step)
    found = outcome(process)
    assert device.commands == commands
    assert found["second_generation"]
    assert device.battery_threshold == BATTERY_THRESHOLD
    for number, (sequence, *row) in enumerate(found["rows"]):
        analogue, digital = counts(number)
        lines = [digital >> place & 1 for place in (3, 2, 1, 0)]
        assert (sequence, row) == (number & 15, [*lines, *(analogue[one - 1] for one in inputs)])
    assert len(found["rows"]) == SAMPLES
