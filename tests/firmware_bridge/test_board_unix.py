"""The simulated board over a real Unix socket, in a time of the test's own."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge import aio
from firmware_bridge.errors import BoardError
from firmware_bridge.mcu.board_unix import OUTPUTS, READINGS, UnixBoard


class Ticks:
    value = 0

    def __call__(self) -> int:
        return self.value


class Plant:
    """The far end of the socket, worked by the test."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.ticks = Ticks()
        self.board = UnixBoard(self.path, aio.Clock(self.ticks, lambda end, start: end - start))
        self.connection, _ = self.listener.accept()

    def answer(self, control: int, limit: int, button: int = 0) -> None:
        self.connection.sendall(struct.pack(READINGS, 0x53, control, limit, button, 0))

    def close(self) -> None:
        self.board._socket.close()
        self.connection.close()
        self.listener.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path / "plant")
    yield plant
    plant.close()


def test_outputs_are_one_record(plant: Plant) -> None:
    plant.board.write(750, True, True, True, 1)
    plant.board.write(0, False, True, False, 2)
    plant.board.write(0, False, False, False, 0, True)
    first, second, third = (plant.connection.recv(8) for _ in range(3))
    assert struct.unpack(OUTPUTS, first) == (0x41, 750, 0b111, 1, 1, 0)
    assert struct.unpack(OUTPUTS, second) == (0x41, 0, 0b001, 2, 2, 0)
    assert struct.unpack(OUTPUTS, third) == (0x41, 0, 0b1000, 0, 3, 0)
    assert (len(first), struct.calcsize(READINGS)) == (8, 8)


def test_nothing_is_known_before_the_first_record(plant: Plant) -> None:
    plant.board.read()
    assert (plant.board.control_dmmhg(), plant.board.limit_dmmhg(), plant.board.button()) == (
        None,
        None,
        False,
    )


def test_the_newest_record_counts(plant: Plant) -> None:
    plant.answer(100, 101)
    plant.answer(1700, -5, button=1)
    plant.board.read()
    assert (plant.board.control_dmmhg(), plant.board.limit_dmmhg(), plant.board.button()) == (1700, -5, True)


def test_records_may_come_in_pieces(plant: Plant) -> None:
    record = struct.pack(READINGS, 0x53, 1700, 1701, 0, 0)
    plant.connection.sendall(record + record[:3])
    plant.board.read()
    plant.connection.sendall(record[3:])
    plant.board.read()
    assert plant.board.limit_dmmhg() == 1701


def test_a_missing_sensor_is_missing(plant: Plant) -> None:
    plant.answer(-32768, 12)
    plant.board.read()
    assert (plant.board.control_dmmhg(), plant.board.limit_dmmhg()) == (None, 12)


def test_each_button_has_its_bit(plant: Plant) -> None:
    for bits, seen in ((0, (False, False)), (1, (True, False)), (2, (False, True)), (3, (True, True))):
        plant.answer(0, 0, button=bits)
        plant.board.read()
        assert (plant.board.button(), plant.board.patient_stop()) == seen


def test_pressures_age_and_buttons_stay_as_they_were(plant: Plant) -> None:
    plant.answer(1700, 1701, button=1)
    plant.board.read()
    plant.ticks.value = 100
    plant.board.read()
    assert plant.board.control_dmmhg() == 1700
    plant.ticks.value = 101
    assert (plant.board.control_dmmhg(), plant.board.limit_dmmhg()) == (None, None)
    assert (plant.board.button(), plant.board.patient_stop()) == (True, False)


def test_a_plant_that_does_not_read_gets_whole_records_later(plant: Plant) -> None:
    for _ in range(100000):
        plant.board.write(123, False, False, False, 0)
    data = b""
    plant.connection.setblocking(False)
    while True:
        try:
            data += plant.connection.recv(65536)
        except BlockingIOError:
            break
    plant.board.write(456, False, False, False, 0)
    data += plant.connection.recv(64)
    assert len(data) % 8 == 0
    assert data[:2] == data[-8:-6][:1] + b"\x7b"
    assert struct.unpack(OUTPUTS, data[-8:])[1] == 456


def test_a_plant_that_closes_ends_the_board(plant: Plant) -> None:
    plant.connection.close()
    with pytest.raises(BoardError, match="closed its socket"):
        plant.board.read()
    with pytest.raises(BoardError, match="writing to the plant failed"):
        plant.board.write(0, False, False, False, 0)


def test_a_record_of_another_kind_is_refused(plant: Plant) -> None:
    plant.connection.sendall(bytes(8))
    with pytest.raises(BoardError, match="another version"):
        plant.board.read()


def test_no_plant_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"no plant listens at .*absent"):
        UnixBoard(str(tmp_path / "absent"), aio.Clock())
