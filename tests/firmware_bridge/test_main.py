"""The firmware as a process: a pseudo-terminal for its wire, a Unix socket for its board."""

import os
import select
import socket
import struct
import subprocess
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware_bridge import cuff, ecp
from firmware_bridge.errors import BoardError
from firmware_bridge.mcu import main
from firmware_bridge.mcu.board_unix import OUTPUTS, READINGS
from firmware_bridge.mcu.controller import Controller
from tests.firmware_bridge.bench import NONCE, BenchBoard
from tests.firmware_bridge.conftest import ROOT

PATIENCE_S = 20.0


class Bedside:
    """Both ends that the firmware talks to: a plant whose pressure follows the pump, and a host."""

    def __init__(self, command: list[str], path: Path) -> None:
        self.master, self.slave = os.openpty()
        self.slave_name = os.ttyname(self.slave)
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(PATIENCE_S)
            self.process = subprocess.Popen(
                [*command, "--plant", str(path)],
                stdin=self.master,
                stdout=self.master,
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
            self.plant, _ = listener.accept()
        self.pressure_dmmhg = 0
        self.pressed = False
        self.bits = 0
        self.records = 0
        self.vented_at: float | None = None
        self.replies: list[ecp.Packet] = []
        self.statuses: list[cuff.Status] = []
        self._decoder = ecp.Decoder()

    def until(self, condition: Callable[[], bool]) -> None:
        """Work both ends until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            ready, _, _ = select.select([self.plant, self.slave], [], [], deadline - time.monotonic())
            assert ready, "nothing came any more"
            if self.plant in ready:
                self._serve_board()
            if self.slave in ready:
                self._serve_host()
            assert time.monotonic() < deadline, "the condition did not come true"

    def ask(self, frame: bytes) -> ecp.Packet:
        """Send one request; return its reply."""
        self.replies.clear()
        os.write(self.slave, frame)
        self.until(lambda: bool(self.replies))
        return self.replies[0]

    def reopen_wire(self) -> None:
        """The host goes away and comes back."""
        os.close(self.slave)
        seen = self.records
        while self.records < seen + 30:
            self._serve_board()
        self.slave = os.open(self.slave_name, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.slave)
        self._decoder = ecp.Decoder()

    def press(self) -> None:
        """A person presses the bedside button and lets it go."""
        for pressed in (False, True, False):
            self.pressed = pressed
            seen = self.records
            self.until(lambda seen=seen: self.records > seen + 10)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)
        self.plant.close()
        os.close(self.master)
        os.close(self.slave)

    def _serve_board(self) -> None:
        record = self.plant.recv(8, socket.MSG_WAITALL)
        assert len(record) == 8, "the firmware has closed its board"
        mark, pump, self.bits, _, counter, _ = struct.unpack(OUTPUTS, record)
        assert mark == 0x41
        self.records += 1
        self._move_air(pump)
        if not self.bits & 1 and self.vented_at is None:
            self.vented_at = time.monotonic()
        elif self.bits & 1:
            self.vented_at = None
        button = 1 if self.pressed else 0
        reading = struct.pack(
            READINGS, 0x53, self.pressure_dmmhg, self.pressure_dmmhg, button, counter & 0xFF
        )
        self.plant.sendall(reading)

    def _move_air(self, pump_permille: int) -> None:
        if self.bits & 2:
            self.pressure_dmmhg += pump_permille // 50
        if not self.bits & 1:
            self.pressure_dmmhg = self.pressure_dmmhg * 9 // 10

    def _serve_host(self) -> None:
        for packet in self._decoder.feed(os.read(self.slave, 4096)):
            status = cuff.decode_status(packet)
            if status is None:
                self.replies.append(packet)
            else:
                self.statuses.append(status)


@pytest.fixture
def bedside(firmware_command: list[str], tmp_path: Path) -> Iterator[Bedside]:
    bedside = Bedside(firmware_command, tmp_path / "plant")
    yield bedside
    bedside.close()


def hello_of(bedside: Bedside) -> cuff.Hello:
    hello = cuff.decode_hello_reply(bedside.ask(cuff.encode_hello_request()))
    assert hello is not None
    return hello


def energise(bedside: Bedside, nonce: int) -> float:
    """Inflate to 100 mmHg, renewing; return when the last lease was sent."""
    seq = 0
    sent = time.monotonic()
    while not (bedside.statuses and (bedside.statuses[-1].control_dmmhg or 0) > 960):
        seq += 1
        sent = time.monotonic()
        # a plan of 100 ms fits as soon as 100 ms of the debt after a reset are paid
        reply = bedside.ask(cuff.encode_lease_request(seq, 0, 1000, 1000, 100, nonce))
        lease = cuff.decode_lease_reply(reply)
        assert lease is not None
        assert lease.result in (cuff.OK, cuff.DEBT)
        seen = len(bedside.statuses)
        bedside.until(lambda seen=seen: len(bedside.statuses) > seen)
        assert seq < 400
    return sent


@pytest.mark.micropython
def test_hello_lease_status_and_silence(bedside: Bedside) -> None:
    hello = hello_of(bedside)
    assert hello.serial == main.SERIAL
    assert hello.board.endswith(b"-linux")
    bedside.until(lambda: bool(bedside.statuses) and bedside.statuses[-1].control_dmmhg is not None)
    reply = cuff.decode_self_test_reply(bedside.ask(cuff.encode_self_test_request(hello.nonce)))
    assert reply == (cuff.OK, 0, 0)

    bedside.press()
    last_lease = energise(bedside, hello.nonce)
    assert bedside.bits & 1
    bedside.until(lambda: bedside.vented_at is not None)
    assert bedside.vented_at is not None
    assert 0.9 < bedside.vented_at - last_lease <= 1.1
    bedside.until(lambda: bedside.statuses[-1].faults != 0)
    assert bedside.bits == 4
    assert bedside.statuses[-1].first_fault == cuff.FAULT_GATEWAY_LOST
    assert bedside.statuses[-1].actuators == cuff.BUZZER
    assert {status.nonce for status in bedside.statuses} == {hello.nonce}


@pytest.mark.micropython
def test_runs_at_100_hz_and_reports_at_20(bedside: Bedside) -> None:
    bedside.until(lambda: len(bedside.statuses) >= 2)
    first, records = bedside.statuses[-1], bedside.records
    bedside.until(lambda: bedside.statuses[-1].device_ms >= first.device_ms + 2000)
    last = bedside.statuses[-1]
    elapsed_ms = last.device_ms - first.device_ms
    # a busy machine may lose steps; it must not gain any
    assert 100 <= bedside.records - records <= elapsed_ms // 10 + 10
    assert elapsed_ms // 100 <= last.counter - first.counter <= elapsed_ms // 50 + 1


@pytest.mark.micropython
def test_a_host_that_comes_back_finds_the_same_device(bedside: Bedside) -> None:
    before = hello_of(bedside)
    bedside.reopen_wire()
    assert hello_of(bedside) == before


@pytest.mark.micropython
def test_a_plant_that_goes_away_ends_the_firmware_with_a_reason(bedside: Bedside) -> None:
    bedside.until(lambda: bool(bedside.statuses))
    bedside.plant.close()
    _, complaint = bedside.process.communicate(timeout=PATIENCE_S)
    assert bedside.process.returncode == 1
    assert b"plant" in complaint
    assert b"Traceback" not in complaint


@pytest.mark.micropython
def test_wrong_arguments_and_an_absent_plant(firmware_command: list[str], tmp_path: Path) -> None:
    def complaint(*arguments: str) -> tuple[int, bytes]:
        result = subprocess.run(
            [*firmware_command, *arguments], cwd=ROOT, capture_output=True, timeout=PATIENCE_S
        )
        assert result.stdout == b""
        return result.returncode, result.stderr

    assert complaint() == (2, b"usage: main.py --plant SOCKET\n")
    code, text = complaint("--plant", str(tmp_path / "absent"))
    assert code == 1
    assert b"no plant listens at" in text


class Witness:
    """Board and wire that write down what is done with them, and fail at one of it."""

    def __init__(self, failing: str = "") -> None:
        self.log: list[str] = []
        self._failing = failing

    def note(self, name: str) -> None:
        self.log.append(name)
        if name == self._failing:
            raise BoardError("taken away")


class WitnessBoard(BenchBoard):
    witness = Witness()

    def read(self) -> None:
        self.witness.note("board read")

    def write(self, *outputs: object) -> None:  # type: ignore[override]
        self.witness.note("board written")

    def feed_watchdog(self) -> None:
        self.witness.note("fed")


class WitnessWire:
    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def read(self) -> bytes:
        self._witness.note("wire read")
        return b""

    def write(self, data: bytes) -> bool:
        self._witness.note("wire written")
        return True


CYCLE = ["wire read", "board read", "board written", "wire written"]


def cycle_of(witness: Witness) -> list[str]:
    """What one cycle of a controller that was made before does."""
    board = WitnessBoard()
    controller = Controller(board, 0, NONCE)
    board.witness = witness
    main.cycle(controller, board, WitnessWire(witness), 10)  # type: ignore[arg-type]
    return witness.log


def test_the_watchdog_is_fed_last() -> None:
    assert cycle_of(Witness()) == [*CYCLE, "fed"]


@pytest.mark.parametrize("failing", CYCLE)
def test_whatever_hangs_before_it_starves_the_watchdog(failing: str) -> None:
    witness = Witness(failing)
    with pytest.raises(BoardError):
        cycle_of(witness)
    assert witness.log[-1] == failing
    assert "fed" not in witness.log
