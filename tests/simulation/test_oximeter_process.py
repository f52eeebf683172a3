"""The oximeter process for real: a plant, a pseudo-terminal, recordings and every ending."""

import os
import signal
import socket
import subprocess
import termios
import tty
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drivers.nonin import COVERAGE_THROUGH_LABEL, LineDecoder, Reading
from gateway.simulation.oximeter_process import ANSWER_VALID_MS, PhysicsFeed
from gateway.simulation.plant_process import BOARD_REQUEST, monotonic_ms

DEADLINE_S = 20.0
LAMP_HOLDING = 2

RECORDING = "t_s,sto2_percent,event\n0,77,\n0.01,77,occlusion\n0.02,33,\n600,33,\n"

Process = subprocess.Popen[bytes]
ReadUntil = Callable[[int, Callable[[bytes], bool]], bytes]

pytestmark = pytest.mark.system


def decoded(data: bytes) -> list[Reading]:
    return LineDecoder(COVERAGE_THROUGH_LABEL).feed(data, 0)


def has_lines(count: int) -> Callable[[bytes], bool]:
    return lambda data: len(decoded(data)) >= count


def device_clock_ms(reading: Reading) -> int:
    return (datetime.fromisoformat(reading.clock) - datetime(2000, 1, 1)) // timedelta(milliseconds=1)


@pytest.fixture
def plant(tmp_path: Path, start_plant: Callable[..., Process]) -> Process:
    return start_plant(tmp_path / "plant.sock")


@pytest.fixture
def oximeter(
    tmp_path: Path, plant: Process, start: Callable[..., Process], pty: tuple[int, int]
) -> Callable[..., Process]:
    """Starts the oximeter on one end of the pseudo-terminal, and leaves it that end alone."""

    def start_one(end: int, *more: object) -> Process:
        process = start("oximeter_process", "--plant", tmp_path / "plant.sock", *more, wire=end)
        os.close(end)
        return process

    return start_one


def test_sends_the_physics_once_a_second(
    oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    oximeter(master)
    readings = decoded(read_until(slave, has_lines(3)))
    # the very first line may leave before the plant has answered
    assert all(660 <= reading.channels[0] <= 700 for reading in readings[1:])
    clocks = [device_clock_ms(reading) for reading in readings]
    assert clocks == [clocks[0], clocks[0] + 1000, clocks[0] + 2000]


def test_replays_a_recording_that_follows_the_lamp(
    tmp_path: Path, oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    replay = tmp_path / "recording.csv"
    replay.write_text(RECORDING)
    oximeter(master, "--replay", replay)
    assert decoded(read_until(slave, has_lines(2)))[1].channels[0] == 770
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as board:
        board.settimeout(DEADLINE_S)
        board.connect(str(tmp_path / "plant.sock"))
        board.sendall(BOARD_REQUEST.pack(0x41, 0, 1, LAMP_HOLDING, 0, 0))
        assert board.recv(8)
        seen = read_until(slave, lambda data: any(r.channels[0] == 330 for r in decoded(data)))
    assert {reading.channels[0] for reading in decoded(seen)} <= {770, 330}


def test_goes_on_when_the_far_end_closes_and_sends_nothing_stale_when_it_comes_back(
    oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    name = os.ttyname(slave)
    process = oximeter(master)
    read_until(slave, has_lines(1))
    os.close(slave)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3.5)
    returned = os.open(name, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(returned, termios.TCSANOW)
    returned_ms = monotonic_ms()
    # one line may have left between the closing and its being noticed
    readings = decoded(read_until(returned, has_lines(2)))
    os.close(returned)
    assert device_clock_ms(readings[1]) >= returned_ms - 1000


def test_ends_when_the_line_is_gone(
    oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    process = oximeter(slave)
    read_until(master, has_lines(1))
    os.close(master)
    assert process.communicate(timeout=DEADLINE_S)[1] == b"the line is gone\n"
    assert process.returncode == 0


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ends_cleanly_on_a_signal(
    oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil, ending: int
) -> None:
    master, slave = pty
    process = oximeter(master)
    read_until(slave, has_lines(1))
    process.send_signal(ending)
    assert process.communicate(timeout=DEADLINE_S)[1] == b""
    assert process.returncode == 0


def test_ends_with_the_plant(
    plant: Process, oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    process = oximeter(master)
    read_until(slave, has_lines(1))
    plant.kill()
    assert process.communicate(timeout=DEADLINE_S)[1] == b"the plant is gone\n"
    assert process.returncode == 0


def test_says_no_value_when_the_plant_stops_answering(
    plant: Process, oximeter: Callable[..., Process], pty: tuple[int, int], read_until: ReadUntil
) -> None:
    master, slave = pty
    oximeter(master)
    read_until(slave, has_lines(2))
    plant.send_signal(signal.SIGSTOP)
    read_until(slave, lambda data: any(reading.channels[0] is None for reading in decoded(data)))
    plant.send_signal(signal.SIGCONT)
    read_until(slave, lambda data: any(reading.channels[0] is not None for reading in decoded(data)))


def test_a_value_is_good_for_a_second() -> None:
    feed = PhysicsFeed()
    assert feed.permille(0) is None
    feed.answered(654, 0, 100)
    assert feed.permille(100 + ANSWER_VALID_MS) == 654
    assert feed.permille(101 + ANSWER_VALID_MS) is None


def test_without_a_plant_it_says_so(tmp_path: Path, start: Callable[..., Process]) -> None:
    process = start("oximeter_process", "--plant", tmp_path / "absent.sock")
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 69
    assert b"absent.sock" in said


def test_a_bad_recording_is_refused_with_its_place(tmp_path: Path, start: Callable[..., Process]) -> None:
    replay = tmp_path / "bad.csv"
    replay.write_text("t_s,sto2_percent\n0,700\n")
    process = start("oximeter_process", "--plant", tmp_path / "absent.sock", "--replay", replay)
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 78
    assert b"bad.csv:2, column sto2_percent: " in said
