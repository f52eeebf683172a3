"""``science-mode-4`` 0.0.23: its client against our simulated P24, its encoder against our bytes.

Theory of operation
-------------------
The client proves the simulator, and by it what the host was tried against.  The encoder is an oracle of its
own for every frame that the host can send.  It cannot be asked for periods in halves of a millisecond (it
takes whole ones and up to 16383 ms), for the battery, and for currents between two steps.
"""

import json
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers import sciencemode4_messages as messages
from drivers.p24 import P24Host
from drivers.sciencemode4 import Packet, encode
from drivers.sciencemode4_messages import Point, Pulse, Train, biphasic
from drivers.stimulation import Pulses
from gateway.simulation.p24 import P24
from tests.drivers.p24_bench import Bench
from tests.peers.environments import outcome, play, start

NAME = "science-mode-4"
OFF_OHM = 1_000_000

# --- its client against our device ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def device() -> P24:
    """Nothing is connected to its last channel."""
    return P24(lead=lambda channel: OFF_OHM if channel == 7 else 1_000)


@pytest.fixture(scope="module")
def found(device: P24) -> dict[str, Any]:
    master, slave = os.openpty()
    try:
        tty.setraw(slave, termios.TCSANOW)
        client = start(NAME, "science_mode_4_session", os.ttyname(slave))
        play(client, device, master)
        return outcome(client)
    finally:
        os.close(master)
        os.close(slave)


def test_it_identifies_our_device(found: dict[str, Any]) -> None:
    assert found["identity"] == ["P24-SIM-01", "2.0.0", "4.0.0"]


def test_it_sees_the_modes_and_the_high_voltage(found: dict[str, Any]) -> None:
    assert found["initialised"] == ["MID_LEVEL_INITIALIZED", True]
    assert found["running"] == ["MID_LEVEL_RUNNING", True]
    assert found["stopped"] == ["NO_LEVEL_INITIALIZED", False]
    assert found["low_level"] == ["LOW_LEVEL_INITIALIZED", True]
    assert found["low_level_stopped"] == ["NO_LEVEL_INITIALIZED", False]


def test_it_sees_the_channels_and_the_pause_after_two_seconds(found: dict[str, Any], device: P24) -> None:
    both = [True, False, False, False, True, False, False, False]
    assert found["active"] == both
    assert found["errors"] == ["NO_ERROR"] * 8
    assert found["paused"] == [False] * 8
    assert found["resumed"] == both
    assert (device.pauses, device.resumes) == (1, 1)


def test_it_sees_which_electrode_is_off(found: dict[str, Any]) -> None:
    active, errors = found["electrode"]
    assert not any(active)
    assert errors == ["NO_ERROR"] * 7 + ["ELECTRODE_ERROR"]


def test_its_single_pulses_are_given_and_answered(found: dict[str, Any], device: P24) -> None:
    assert found["pulses"] == [["NO_ERROR", 0, 0], ["ELECTRODE_ERROR", 3, 1]]
    assert device.single_pulses == 1


# --- its encoder against our bytes ---------------------------------------------------------------------

Case = tuple[dict[str, Any], bytes]

SIMPLE = {
    messages.DEVICE_ID: b"",
    messages.RESET: b"",
    messages.STIMULATION_STATUS: b"",
    messages.EXTENDED_VERSION: b"",
    messages.LL_STOP: b"",
    messages.ML_STOP: b"",
    messages.ML_CURRENT_DATA: messages.encode_current_data_request(),
}
UNORDINARY = (Point(15, -150_000), Point(240, 0), Point(129, 150_000), Point(4095, -500), Point(10, 14_500))


def case(number: int, command: int, data: bytes, **wanted: Any) -> Case:
    return {"name": messages.NAMES[command], "number": number, **wanted}, encode(
        Packet(number, command, data)
    )


def told(points: tuple[Point, ...]) -> list[tuple[int, float]]:
    """Points as the peer takes them: us and mA."""
    return [(point.duration_us, point.current_ua / 1000) for point in points]


def update(number: int, trains: tuple[Train | None, ...]) -> Case:
    wanted = [
        train and {"ramp": train.ramp, "period_ms": train.period_us // 1000, "points": told(train.points)}
        for train in trains
    ]
    return case(number, messages.ML_UPDATE, messages.encode_ml_update(trains), trains=wanted)


def pulse(number: int, channel: int, connector: int, points: tuple[Point, ...], execute: bool) -> Case:
    data = messages.encode_ll_channel_config(Pulse(execute, channel, connector, points))
    return case(
        number,
        messages.LL_CHANNEL_CONFIG,
        data,
        execute=execute,
        channel=channel,
        connector=connector,
        points=told(points),
    )


def inits() -> Iterator[Case]:
    for measurement in range(4):
        for high_voltage in range(7):
            data = messages.encode_ll_init(measurement, high_voltage)
            yield case(9, messages.LL_INIT, data, measurement=measurement, high_voltage=high_voltage)
    for stop_all in (False, True):
        for number in range(64):
            yield case(number, messages.ML_INIT, messages.encode_ml_init(stop_all), stop_all=stop_all)


def pulses() -> Iterator[Case]:
    for channel in range(4):
        for connector in range(2):
            for execute in (False, True):
                yield pulse(60, channel, connector, UNORDINARY, execute)


def currents() -> Iterator[Case]:
    for half_ma in range(-300, 301):
        yield update(1, (Train(20_000, 0, (Point(300, half_ma * 500),)),))


def widths() -> Iterator[Case]:
    for duration_us in (*range(10, 300), *range(300, 4096, 53), 4095):
        yield update(2, (Train(50_000, 0, (Point(duration_us, 20_000),)),))


def periods() -> Iterator[Case]:
    for period_ms in (*range(1, 300), *range(300, 16_384, 331), 16_383):
        yield update(3, (Train(period_ms * 1000, 0, biphasic(30_000, 250)),))


def points_and_ramps() -> Iterator[Case]:
    for count in range(1, 17):
        yield update(4, (Train(100_000, 16 - count, (UNORDINARY * 4)[:count]),))


def channels() -> Iterator[Case]:
    for mask in (*range(0, 256, 7), *[1 << channel for channel in range(8)], 255):
        train = Train(25_000, 3, biphasic(40_000, 300))
        yield update(mask % 64, tuple(train if mask >> channel & 1 else None for channel in range(8)))


def whole_commands() -> Iterator[Case]:
    for command, data in SIMPLE.items():
        for number in range(64):
            yield case(number, command, data)


def theirs(cases: list[Case], directory: Path) -> list[str]:
    """The frames that the peer makes of these."""
    requests = directory / "requests.json"
    requests.write_text(json.dumps([wanted for wanted, _ in cases]))
    frames: list[str] = outcome(start(NAME, "science_mode_4_encoder", str(requests)))["frames"]
    return frames


KINDS = [whole_commands, inits, pulses, currents, widths, periods, points_and_ramps, channels]


@pytest.mark.parametrize("kind", KINDS)
def test_its_encoder_makes_our_bytes(kind: Any, tmp_path: Path) -> None:
    cases = list(kind())
    ours = [frame.hex() for _, frame in cases]
    assert theirs(cases, tmp_path) == ours
    assert len(ours) >= 16


def test_what_the_host_says_is_what_the_peer_would_say(tmp_path: Path) -> None:
    """A whole session of the host, frame by frame; what the peer cannot say is left out and counted."""
    bench = Bench(host=P24Host(interphase_gap_us=100))
    for current_ua in (20_000, 25_500, 60_000):
        bench.renew = Pulses(current_ua, 300, 400, 0b10001)
        bench.run(1_000)
    bench.host.stop()
    bench.renew = None
    bench.run(500)
    cases, beyond = [], []
    for _, packet in bench.sent:
        try:
            cases.append(as_case(packet))
        except KeyError:
            beyond.append(packet.command)
    assert theirs(cases, tmp_path) == [frame.hex() for _, frame in cases]
    assert set(beyond) <= {messages.BATTERY}
    assert {wanted["name"] for wanted, _ in cases} >= {"init", "update", "current data", "stop", "device id"}


def as_case(packet: Packet) -> Case:
    """One packet of the host as a request to the peer; ``KeyError`` where it has none."""
    if packet.command == messages.ML_UPDATE:
        return update(packet.number, messages.decode_ml_update(packet.data) or ())
    if packet.command == messages.ML_INIT:
        stop_all = messages.decode_ml_init(packet.data)
        return case(packet.number, packet.command, packet.data, stop_all=stop_all)
    assert SIMPLE[packet.command] == packet.data
    return case(packet.number, packet.command, packet.data)
