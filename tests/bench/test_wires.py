"""The wires of the measured bedside: what they carry, what they change, what a cut one looks like."""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.wires import (
    CONTROL_MISSING,
    HONEST,
    LIMIT_MISSING,
    RUNAWAY,
    Copper,
    Lie,
    Records,
    carry_bytes,
)
from firmware_bridge import cuff
from firmware_bridge.mcu.board_unix import OUTPUTS, OUTPUTS_MARK, READINGS, READINGS_MARK
from gateway.simulation.stage import Pty, open_pty

CLOSED, OPEN_TO_PUMP = 1, 2
DEADLINE_S = 30.0


def outputs(pump: int, bits: int, state: int) -> bytes:
    fields = struct.unpack(OUTPUTS, bytes(struct.calcsize(OUTPUTS)))
    return struct.pack(OUTPUTS, OUTPUTS_MARK, pump, bits, state, *fields[4:])


def readings(control: int, limit: int) -> bytes:
    fields = struct.unpack(READINGS, bytes(struct.calcsize(READINGS)))
    return struct.pack(READINGS, READINGS_MARK, control, limit, *fields[3:])


HOLDING = outputs(0, CLOSED, cuff.HOLDING)
LOWERING = outputs(0, 0, cuff.LOWERING)
VENTED = outputs(0, 0, cuff.VENTED)
READING = readings(1700, 1701)


class TestLie:
    def test_honest_copper_changes_nothing(self) -> None:
        lie = Lie([].append)
        assert lie.to_plant(HOLDING, 5) == HOLDING
        assert lie.to_board(READING, 5) == READING

    @pytest.mark.parametrize(
        ("word", "changed"),
        [(CONTROL_MISSING, readings(cuff.MISSING, 1701)), (LIMIT_MISSING, readings(1700, cuff.MISSING))],
    )
    def test_one_sensor_goes_missing_and_the_other_stays(self, word: str, changed: bytes) -> None:
        lie = Lie([].append)
        lie.hear(word, 5)
        assert lie.to_board(READING, 6) == changed
        assert lie.to_plant(HOLDING, 6) == HOLDING

    @pytest.mark.parametrize("record", [HOLDING, LOWERING])
    def test_a_runaway_pumps_whatever_the_control_law_says(self, record: bytes) -> None:
        lie = Lie([].append)
        lie.hear(RUNAWAY, 5)
        pump, bits = struct.unpack(OUTPUTS, lie.to_plant(record, 6))[1:3]
        assert (pump, bits) == (1000, CLOSED | OPEN_TO_PUMP)

    def test_a_runaway_leaves_a_vent_alone(self) -> None:
        lie = Lie([].append)
        lie.hear(RUNAWAY, 5)
        assert lie.to_plant(VENTED, 6) == VENTED

    def test_it_says_once_when_the_first_record_was_changed(self) -> None:
        said: list[str] = []
        lie = Lie(said.append)
        lie.hear(LIMIT_MISSING, 5)
        assert said == []
        for now_ms in (7, 8):
            lie.to_board(READING, now_ms)
        lie.hear(HONEST, 9)
        assert said == [f"7 {LIMIT_MISSING}", f"9 {HONEST}"]

    def test_a_word_that_is_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'lie' is not one of honest"):
            Lie([].append).hear("lie", 5)


class TestCopper:
    def test_records_come_whole_and_in_order_however_they_are_cut(self) -> None:
        records = Records()
        stream = HOLDING + VENTED
        found = [record for at in range(len(stream)) for record in records.take(stream[at : at + 1])]
        assert found == [HOLDING, VENTED]

    def test_both_directions_until_an_end_closes(self) -> None:
        (board, near), (plant, far) = socket.socketpair(), socket.socketpair()
        with board, plant:
            wire = Copper(near, far, Lie([].append))
            board.sendall(HOLDING)
            assert wire.carry(near, 1)
            assert plant.recv(64) == HOLDING
            plant.sendall(READING)
            assert wire.carry(far, 1)
            assert board.recv(64) == READING
            board.close()
            assert not wire.carry(near, 2)
            wire.close()


@pytest.fixture
def device() -> Iterator[Pty]:
    """The controller's end of a serial line."""
    pty = open_pty()
    yield pty
    pty.close()


class TestCable:
    def test_what_nobody_takes_is_lost_and_holds_nothing_up(self, device: Pty) -> None:
        source, sink = os.pipe()
        os.set_blocking(source, False)
        full = bytes(65536)
        while True:
            try:
                os.write(device.master, full)
            except BlockingIOError:
                break
        os.write(sink, b"lost")
        assert carry_bytes(source, device.master)
        assert carry_bytes(source, device.master), "an empty source is no hang-up"
        os.close(sink)
        assert not carry_bytes(source, device.master)
        os.close(source)

    def test_a_controller_that_lost_its_power_is_a_hang_up(self, device: Pty) -> None:
        source, sink = os.pipe()
        far = os.open(device.path, os.O_RDWR | os.O_NOCTTY)
        device.close()
        os.write(sink, b"lease")
        assert not carry_bytes(source, far)
        for end in (source, sink, far):
            os.close(end)

    def test_killed_it_hangs_up_on_the_gateway_and_not_on_the_controller(self, device: Pty) -> None:
        command = [sys.executable, "-m", "bench.wires", "cable", "--device", device.path]
        cable = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        with cable:
            assert cable.stdout is not None
            port = os.open(cable.stdout.readline().strip(), os.O_RDWR | os.O_NOCTTY)
            os.write(device.master, b"status")
            assert os.read(port, 64) == b"status"
            cable.kill()
            cable.wait(DEADLINE_S)
            with pytest.raises(OSError, match="Input/output error"):
                os.write(port, b"lease")
            os.close(port)
            assert os.write(device.master, b"status") == 6
