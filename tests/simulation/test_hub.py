"""The simulated hub's sensors: what they make of the physics, and of what is wrong."""

import struct

import pytest

from firmware_bridge import ecp, hub
from gateway.simulation.hub import FULL, LOAD_CELL, SMALL, Leg, Sensors, SimulatedHub


@pytest.mark.parametrize("sensors", [FULL, LOAD_CELL, SMALL])
def test_each_set_of_sensors_describes_itself_without_a_contradiction(sensors: Sensors) -> None:
    assert hub.contradiction(sensors.period_us, sensors.streams) == ""


def test_the_full_load_is_what_it_is_called() -> None:
    assert [(stream.rate_mhz, len(stream.channels)) for stream in FULL.streams] == [
        (2_000_000, 8),
        (1_000_000, 1),
        (500_000, 1),
        (50_000, 4),
    ]


def stream_of(simulated: SimulatedHub, duration_ms: int) -> list[hub.Samples]:
    """Start it and listen."""
    packing = hub.Packing(simulated.board.streams)
    nonce = simulated.device.hello.nonce
    simulated.step(0, hub.encode_start_request((1 << len(simulated.board.streams)) - 1, nonce))
    decoder = ecp.Decoder()
    packets = [p for ms in range(1, duration_ms + 1) for p in decoder.feed(simulated.step(ms))]
    decoded = [packing.decode(packet) for packet in packets]
    assert None not in decoded
    return [one for one in decoded if one is not None]


def emg_spread(activation: float) -> float:
    leg = Leg()
    leg.activation = activation
    blocks = [one.blocks[0][2] for one in stream_of(SimulatedHub(leg), 200) if one.layout & 1]
    counts = [count for block in blocks for count in struct.unpack("<32h", block)]
    return 0.2 * (sum(count * count for count in counts) / len(counts)) ** 0.5


def test_a_muscle_at_work_is_heard() -> None:
    assert emg_spread(0.0) == pytest.approx(5.0, rel=0.1)
    assert emg_spread(0.5) == pytest.approx(155.0, rel=0.1)


def test_force_follows_the_activation() -> None:
    leg = Leg(force_n=100.0)
    leg.activation = 0.25
    blocks = [one.blocks[0][2] for one in stream_of(SimulatedHub(leg, LOAD_CELL), 100) if one.blocks]
    newtons = [(int.from_bytes(block, "little") - 8192) * 117e-6 for block in blocks]
    assert newtons == pytest.approx([25.0] * len(blocks), abs=0.3)


def test_an_electrode_without_contact_picks_up_the_mains() -> None:
    simulated = SimulatedHub(Leg())
    simulated.faults.electrodes_off = 1
    packets = stream_of(simulated, 200)
    counts = [struct.unpack("<32h", one.blocks[0][2])[::8] for one in packets]
    peak_uv = 0.2 * max(max(four) for four in counts)
    assert peak_uv == pytest.approx(3000.0, rel=0.02)
    assert {one.electrodes_off for one in packets} == {1}


def test_equal_seeds_give_equal_bytes() -> None:
    assert stream_of(SimulatedHub(Leg("a")), 20) == stream_of(SimulatedHub(Leg("a")), 20)
    assert stream_of(SimulatedHub(Leg("a")), 20) != stream_of(SimulatedHub(Leg("b")), 20)


def test_a_reset_hub_is_silent_and_has_another_nonce() -> None:
    simulated = SimulatedHub(Leg())
    stream_of(simulated, 20)
    nonce = simulated.device.hello.nonce
    simulated.reset(20)
    assert not simulated.streaming
    assert simulated.step(1000) == b""
    assert simulated.device.hello.nonce != nonce
