"""The plant's records in virtual time, and the process for real: socket, drops, log, endings."""

import io
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.simulation.models import FAST_CUFF, FAST_LIMB
from gateway.simulation.plant import Plant
from gateway.simulation.plant_process import (
    BOARD_REPLY,
    BOARD_REQUEST,
    BUTTON_BIT,
    LOG_HEADER,
    PATIENT_STOP_BIT,
    PRESS,
    PROBE_REPLY,
    PROBE_REQUEST,
    Bedside,
    monotonic_ms,
    press,
)

INFLATE = 1 | 2
HOLD = 1
BUZZ = 4
DEADLINE_S = 20.0

Process = subprocess.Popen[bytes]


def board_record(bits: int, pump_permille: int = 0, lamp: int = 0, counter: int = 0) -> bytes:
    return BOARD_REQUEST.pack(0x41, pump_permille, bits, lamp, counter, 0)


PROBE_RECORD = PROBE_REQUEST.pack(0x4F)
INFLATING = board_record(INFLATE, 1000, 1)


# --- virtual time --------------------------------------------------------------------------------


@pytest.fixture
def bedside() -> Bedside:
    return Bedside(Plant(FAST_CUFF, FAST_LIMB, seed=1), None)


def test_records_are_eight_bytes() -> None:
    assert {r.size for r in (BOARD_REQUEST, BOARD_REPLY, PROBE_REQUEST, PROBE_REPLY)} == {8}


def test_answers_the_board_with_both_sensors_and_its_counter(bedside: Bedside) -> None:
    assert bedside.answer(INFLATING, 0)
    bedside.advance(990)
    reply = bedside.answer(board_record(HOLD, counter=200), 990)
    kind, control, limit, button, counter = BOARD_REPLY.unpack(reply)
    assert (kind, button, counter) == (0x53, 0, 200)
    assert control == pytest.approx(1700, abs=20)
    assert limit == pytest.approx(control, abs=20)
    assert limit != control


def test_answers_the_probe_with_saturation_lamp_and_pressure(bedside: Bedside) -> None:
    bedside.answer(board_record(INFLATE, 1000, lamp=2), 0)
    bedside.advance(900)
    kind, permille, lamp, pressure, counter = PROBE_REPLY.unpack(bedside.answer(PROBE_RECORD, 900))
    assert (kind, lamp, counter) == (0x4F, 2, 1)
    assert 600 < permille < 700
    assert pressure == pytest.approx(1550, abs=50)
    assert PROBE_REPLY.unpack(bedside.answer(PROBE_RECORD, 900))[4] == 2


def test_a_probe_does_not_keep_the_boards_watchdog_quiet(bedside: Bedside) -> None:
    bedside.answer(INFLATING, 0)
    for now_ms in range(10, 1001, 10):
        bedside.advance(now_ms)
        reply = bedside.answer(PROBE_RECORD, now_ms)
        assert PROBE_REPLY.unpack(reply)[2] == (1 if now_ms < 1000 else 0)


def buttons(bedside: Bedside, now_ms: int) -> int:
    """The button bits as the board hears them."""
    reply = bedside.answer(board_record(HOLD), now_ms)
    assert reply is not None
    return int(BOARD_REPLY.unpack(reply)[3])


def test_a_person_presses_a_button_for_a_while(bedside: Bedside) -> None:
    assert buttons(bedside, 0) == 0
    record = PRESS.pack(0x50, BUTTON_BIT, 200)
    assert bedside.answer(record, 1_000) == record
    assert [buttons(bedside, at) for at in (1_000, 1_199, 1_200)] == [BUTTON_BIT, BUTTON_BIT, 0]


def test_each_button_is_let_go_on_its_own(bedside: Bedside) -> None:
    bedside.answer(PRESS.pack(0x50, BUTTON_BIT, 100), 0)
    bedside.answer(PRESS.pack(0x50, PATIENT_STOP_BIT, 200), 50)
    both = BUTTON_BIT | PATIENT_STOP_BIT
    assert [buttons(bedside, at) for at in (60, 100, 250)] == [both, PATIENT_STOP_BIT, 0]


def test_the_relay_is_one_of_the_outputs(bedside: Bedside) -> None:
    bedside.answer(board_record(8), 0)
    assert bedside._stage.actuators.relay_closed
    bedside.board_gone()
    assert not bedside._stage.actuators.relay_closed


def test_more_than_full_pump_is_full_pump(bedside: Bedside) -> None:
    other = Bedside(Plant(FAST_CUFF, FAST_LIMB, seed=1), None)
    for each, permille in ((bedside, 1000), (other, 65535)):
        each.answer(board_record(INFLATE, permille), 0)
        each.advance(500)
    assert bedside.answer(PROBE_RECORD, 500) == other.answer(PROBE_RECORD, 500)


def test_a_record_of_unknown_type_has_no_answer(bedside: Bedside) -> None:
    assert bedside.answer(b"\x00" * 8, 0) is None


def test_the_log_has_a_line_for_each_tick_however_late() -> None:
    log = io.StringIO()
    bedside = Bedside(Plant(FAST_CUFF, FAST_LIMB, seed=1, start_ms=500), log)
    bedside.answer(board_record(INFLATE | BUZZ, 800, 1), 500)
    bedside.advance(517)
    bedside.board_gone()
    bedside.advance(535)
    lines = log.getvalue().splitlines(keepends=True)
    assert lines[0] == LOG_HEADER == "t_ms,pressure_mmhg,dump_open,pump,buzzer,sto2\n"
    rows = [line.split(",") for line in lines[1:]]
    assert [row[0] for row in rows] == ["510", "520", "530"]
    assert [row[2:5] for row in rows] == [["0", "800", "1"], ["1", "0", "0"], ["1", "0", "0"]]
    assert float(rows[1][1]) > float(rows[2][1]) > 0.0 < float(rows[0][1])
    assert all(row[5] == "68.00\n" for row in rows)


# --- the process ---------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plant.sock"


@pytest.fixture
def connect(path: Path) -> Iterator[Callable[[], socket.socket]]:
    made: list[socket.socket] = []

    def connect_one() -> socket.socket:
        made.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        made[-1].settimeout(DEADLINE_S)
        made[-1].connect(str(path))
        return made[-1]

    yield connect_one
    for connection in made:
        connection.close()


def received(connection: socket.socket, count: int) -> bytes:
    """Exactly ``count`` bytes. (MSG_WAITALL does not wait on a socket that has a time-out.)"""
    data = b""
    while len(data) < count:
        arrived = connection.recv(count - len(data))
        assert arrived, f"closed after {data!r}"
        data += arrived
    return data


def exchange(connection: socket.socket, record: bytes) -> bytes:
    connection.sendall(record)
    return received(connection, 8)


@pytest.fixture
def log(tmp_path: Path, path: Path, start_plant: Callable[..., Process]) -> Iterator[Iterator[list[float]]]:
    """The rows of a running plant's log, as they are written: read from a pipe, so no waiting blindly."""
    pipe = tmp_path / "truth.csv"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    start_plant(path, "--log", pipe)
    os.set_blocking(descriptor, True)
    with open(descriptor) as lines:
        assert lines.readline() == LOG_HEADER
        yield ([float(field) for field in line.split(",")] for line in lines)


def inflated(board: socket.socket, log: Iterator[list[float]]) -> int:
    """Drive the board until 150 mmHg; when the last record was sent, by the clock of the log."""
    for row in log:
        sent_ms = monotonic_ms()
        reply = BOARD_REPLY.unpack(exchange(board, INFLATING))
        if row[1] > 150.0:
            return sent_ms
        assert reply[0] == 0x53
    raise AssertionError("the log ended")


def first(log: Iterator[list[float]], wanted: Callable[[list[float]], bool]) -> list[float]:
    return next(row for row in log if wanted(row))


@pytest.mark.system
def test_serves_whole_split_and_joined_records(
    path: Path, connect: Callable[[], socket.socket], start_plant: Callable[..., Process]
) -> None:
    start_plant(path)
    board, probe = connect(), connect()
    for part in (INFLATING[:3], INFLATING[3:] + board_record(HOLD, counter=9)[:5]):
        board.sendall(part)
    assert BOARD_REPLY.unpack(received(board, 8))[0] == 0x53
    board.sendall(board_record(HOLD, counter=9)[5:] + board_record(HOLD, counter=10))
    replies = received(board, 16)
    assert [BOARD_REPLY.unpack(replies[at : at + 8])[4] for at in (0, 8)] == [9, 10]
    assert 600 < PROBE_REPLY.unpack(exchange(probe, PROBE_RECORD))[1] < 760


@pytest.mark.system
def test_a_person_s_press_reaches_the_board(
    path: Path, connect: Callable[[], socket.socket], start_plant: Callable[..., Process]
) -> None:
    start_plant(path)
    board = connect()
    assert BOARD_REPLY.unpack(exchange(board, board_record(0)))[3] == 0
    press(path, hold_ms=60_000)
    assert BOARD_REPLY.unpack(exchange(board, board_record(0)))[3] == BUTTON_BIT


@pytest.mark.system
def test_a_client_that_talks_nonsense_is_closed_and_the_others_go_on(
    path: Path, connect: Callable[[], socket.socket], start_plant: Callable[..., Process]
) -> None:
    start_plant(path)
    stranger, board = connect(), connect()
    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert stranger.recv(8) == b""
    assert len(exchange(board, INFLATING)) == 8


@pytest.mark.system
def test_the_dump_valve_opens_when_the_boards_connection_closes(
    log: Iterator[list[float]], connect: Callable[[], socket.socket]
) -> None:
    board = connect()
    inflated(board, log)
    closed_ms = monotonic_ms()
    board.close()
    opened = first(log, lambda row: row[2] == 1)
    assert opened[0] - closed_ms < 500
    assert (opened[3], opened[4]) == (0, 0)
    assert first(log, lambda row: row[1] < 15.0)[0] - opened[0] < 1200


@pytest.mark.system
def test_the_dump_valve_opens_when_the_board_is_silent_for_a_second(
    log: Iterator[list[float]], connect: Callable[[], socket.socket]
) -> None:
    board, probe = connect(), connect()
    last_ms = inflated(board, log)
    rows = []
    for row in log:
        rows.append(row)
        exchange(probe, PROBE_RECORD)  # others talk on
        if row[2] == 1:
            break
    assert 990 <= rows[-1][0] - last_ms < 1500
    assert all(later[0] - earlier[0] == 10 for earlier, later in pairwise(rows))


@pytest.mark.system
def test_a_probe_that_leaves_does_not_vent(
    log: Iterator[list[float]], connect: Callable[[], socket.socket]
) -> None:
    board, probe = connect(), connect()
    exchange(probe, PROBE_RECORD)
    inflated(board, log)
    probe.close()
    left_ms = monotonic_ms()
    for row in log:
        exchange(board, board_record(HOLD, lamp=2))
        if row[0] > left_ms + 300:
            break
        assert row[2] == 0


@pytest.mark.system
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_on_a_signal(path: Path, start_plant: Callable[..., Process], ending: int) -> None:
    plant = start_plant(path)
    plant.send_signal(ending)
    _, said = plant.communicate(timeout=DEADLINE_S)
    assert (plant.returncode, said) == (0, b"")
    assert not path.exists()


@pytest.mark.system
def test_takes_over_the_socket_of_a_killed_plant_but_not_of_a_living_one(
    path: Path, start_plant: Callable[..., Process], start: Callable[..., Process]
) -> None:
    killed = start_plant(path)
    killed.kill()
    killed.wait(DEADLINE_S)
    start_plant(path)
    second = start("plant_process", "--socket", path, "--cuff", "thigh_cuff", "--limb", "limb", "--seed", 1)
    _, said = second.communicate(timeout=DEADLINE_S)
    assert second.returncode == 69
    assert str(path).encode() in said


@pytest.mark.system
def test_an_unknown_model_is_a_usage_error(path: Path, start: Callable[..., Process]) -> None:
    refused = start("plant_process", "--socket", path, "--cuff", "cuff", "--limb", "limb", "--seed", 1)
    _, said = refused.communicate(timeout=DEADLINE_S)
    assert refused.returncode == 2
    assert b"thigh_cuff" in said
