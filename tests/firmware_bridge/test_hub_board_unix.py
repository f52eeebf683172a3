"""The hub's simulated board over a real Unix socket."""

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge import hub
from firmware_bridge.errors import BoardError
from firmware_bridge.hub_mcu.board_unix import DESCRIPTION, HEAD, MOST_WAITING, SENSORS_MARK, UnixBoard
from tests.firmware_bridge.hub_bench import EMG, FORCE, HELLO, STREAMS


def record(kind: int, data: bytes, flags: int = 0, off: int = 0, mark: int = SENSORS_MARK) -> bytes:
    return struct.pack(HEAD, mark, kind, flags, off, len(data)) + data


DESCRIBED = record(DESCRIPTION, hub.encode_hello_reply(HELLO))


class Sensors:
    """The far end of the socket, worked by the test."""

    def __init__(self, path: Path, first: bytes = DESCRIBED) -> None:
        self.path = str(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self.path)
            listener.listen(1)
            accepting = threading.Thread(target=self._accept, args=(listener, first))
            accepting.start()
            try:
                self.board = UnixBoard(self.path)
            finally:
                accepting.join()

    def _accept(self, listener: socket.socket, first: bytes) -> None:
        self.connection, _ = listener.accept()
        self.connection.sendall(first)
        if first is not DESCRIBED:
            self.connection.close()

    def close(self) -> None:
        self.board._socket.close()
        self.connection.close()


@pytest.fixture
def sensors(tmp_path: Path) -> Iterator[Sensors]:
    sensors = Sensors(tmp_path / "sensors")
    yield sensors
    sensors.close()


def test_it_describes_what_the_sensors_described(sensors: Sensors) -> None:
    assert (sensors.board.period_us, sensors.board.streams) == (2000, STREAMS)


def test_start_and_stop_are_told(sensors: Sensors) -> None:
    sensors.board.start(5)
    sensors.board.stop()
    assert sensors.connection.recv(8) == b"\x68\x05\x68\x00"


def test_frames_become_blocks_however_they_come(sensors: Sensors) -> None:
    sensors.board.start(3)
    data = bytes(range(40))
    stream = record(0, data[:10]) + record(1, b"abc") + record(0, data[10:])
    sensors.connection.sendall(stream[:21])
    sensors.board.poll()
    sensors.connection.sendall(stream[21:])
    sensors.board.poll()
    assert (sensors.board.waiting(0), sensors.board.waiting(1), sensors.board.waiting(2)) == (2, 1, 0)
    assert [sensors.board.take(0), sensors.board.take(0)] == [data[:16], data[16:32]]
    assert sensors.board.take(1) == b"abc"
    assert sensors.board.waiting(0) == 0


def test_what_nobody_takes_is_lost_from_the_oldest_on(sensors: Sensors) -> None:
    sensors.board.start(2)
    for number in range(MOST_WAITING + 3):
        sensors.connection.sendall(record(1, bytes((number, 0, 0))))
    sensors.board.poll()
    assert sensors.board.waiting(1) == MOST_WAITING
    assert (sensors.board.lost(1), sensors.board.lost(1)) == (3, 0)
    assert sensors.board.take(1) == bytes((3, 0, 0))


def test_flags_are_kept_until_they_are_asked_for(sensors: Sensors) -> None:
    sensors.board.start(1)
    sensors.connection.sendall(record(0, b"", 2, 1) + record(0, b"", 4, 6))
    sensors.board.poll()
    assert (sensors.board.flags(), sensors.board.flags()) == (6, 0)
    assert sensors.board.electrodes_off() == 6


def test_what_was_sampled_before_a_start_is_forgotten(sensors: Sensors) -> None:
    sensors.connection.sendall(record(1, b"old"))
    sensors.board.start(2)
    sensors.connection.sendall(record(1, b"new"))
    sensors.board.poll()
    assert sensors.board.take(1) == b"new"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (record(0, b"", mark=0x53), "begins with 83"),
        (record(3, b"abc"), "stream 3, which they have not described"),
    ],
)
def test_a_record_that_nobody_announced_ends_it(sensors: Sensors, sent: bytes, words: str) -> None:
    sensors.board.start(1)
    sensors.connection.sendall(sent)
    with pytest.raises(BoardError, match=words):
        sensors.board.poll()


def test_sensors_that_close_end_it(sensors: Sensors) -> None:
    sensors.connection.close()
    with pytest.raises(BoardError, match="closed their socket"):
        sensors.board.poll()
    with pytest.raises(BoardError, match="writing to the sensors failed"):
        sensors.board.stop()


DOUBLE = hub.Hello(1, 1, 0, 0, 0, 0, 2000, b"", b"", (EMG, EMG))


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"", "closed their socket without a description"),
        (record(0, b"abc"), "sent no description first"),
        (record(DESCRIPTION, b"abc"), "cannot be read"),
        (record(DESCRIPTION, hub.encode_hello_reply(DOUBLE)), "emg: described twice"),
    ],
)
def test_without_a_description_there_is_no_hub(tmp_path: Path, first: bytes, words: str) -> None:
    with pytest.raises(BoardError, match=words):
        Sensors(tmp_path / "sensors", first)


def test_no_sensors_says_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"no sensors listen at .*absent"):
        UnixBoard(str(tmp_path / "absent"))


def test_the_bench_streams_are_what_this_file_thinks() -> None:
    assert (hub.block_bytes(EMG), hub.block_bytes(FORCE)) == (16, 3)
