"""The hub firmware as a process: a pseudo-terminal for its wire, a Unix socket for its sensors."""

import os
import select
import socket
import struct
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.host import Block
from drivers.hub import Condition, HubHost, Started, Stopped
from firmware_bridge import hub
from firmware_bridge.hub_mcu import main
from firmware_bridge.hub_mcu.board_unix import BOARD_MARK, DESCRIPTION, HEAD, SENSORS_MARK
from firmware_bridge.hub_mcu.device import Device
from gateway.simulation.hub import FULL, LOAD_CELL, Sensors
from tests.firmware_bridge.conftest import ROOT
from tests.firmware_bridge.hub_bench import NONCE, BenchBoard

PATIENCE_S = 20.0
RUN_PACKETS = 500


@pytest.fixture(params=["cpython", "micropython"])
def hub_command(request: pytest.FixtureRequest) -> list[str]:
    """How to start the hub's firmware under each interpreter, without the address of its sensors."""
    if request.param == "cpython":
        return [sys.executable, "-m", "firmware_bridge.hub_mcu.main"]
    return [*request.getfixturevalue("micropython"), str(ROOT / "firmware_bridge/hub_mcu/main.py")]


def block_of(stream: hub.Stream, index: int) -> bytes:
    """What the sensors sample: bytes that say which block it is, many of them marks of the framing."""
    return (struct.pack("<I", index) + b"\xff\xf2\xff\xff\xff\xf1" * 40)[: hub.block_bytes(stream)]


class Bedside:
    """Both ends that the hub talks to: sensors that sample in real time, and the gateway's host."""

    def __init__(self, command: list[str], path: Path, sensors: Sensors) -> None:
        self.sensors = sensors
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(PATIENCE_S)
            self.process = subprocess.Popen(
                [*command, "--sensors", str(path)],
                stdin=self.master,
                stdout=self.master,
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
            self.plant, _ = listener.accept()
        self.host = HubHost()
        self.events: list[object] = []
        self.running = 0
        self.flags = 0
        self.off = 0
        self.sampled = [0] * len(sensors.streams)
        self._began = time.monotonic()
        hello = hub.Hello(1, 1, 0, 0, 0, 0, sensors.period_us, b"", b"", sensors.streams)
        self._send(DESCRIPTION, hub.encode_hello_reply(hello))

    def until(self, condition: Callable[[], bool]) -> None:
        """Work both ends until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            os.write(self.slave, self.host.outgoing(self._now_ms()))
            self._sample()
            ready, _, _ = select.select([self.plant, self.slave], [], [], 0.002)
            if self.plant in ready:
                self._obey()
            if self.slave in ready:
                self.events += self.host.receive(os.read(self.slave, 4096), self._now_ms())
            assert time.monotonic() < deadline, f"did not come true; {self.host.counters} {self.host.refusal}"

    def blocks(self, name: str) -> list[Block]:
        return [event for event in self.events if isinstance(event, Block) and event.stream == name]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)
        self.plant.close()
        os.close(self.master)
        os.close(self.slave)

    def _now_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def _obey(self) -> None:
        for mark, running in struct.iter_unpack("<BB", self.plant.recv(64)):
            assert mark == BOARD_MARK
            self.running = running
            self._began_us = time.monotonic() * 1e6
            self.sampled = [0] * len(self.sampled)

    def _sample(self) -> None:
        if not self.running:
            return
        due = int((time.monotonic() * 1e6 - self._began_us) / self.sensors.period_us)
        for index in range(self.sampled[0], due):
            for number, stream in enumerate(self.sensors.streams):
                self._send(number, block_of(stream, index))
        self.sampled = [due] * len(self.sampled)

    def _send(self, kind: int, data: bytes) -> None:
        self.plant.sendall(struct.pack(HEAD, SENSORS_MARK, kind, self.flags, self.off, len(data)) + data)


@pytest.fixture
def make(hub_command: list[str], tmp_path: Path) -> Iterator[Callable[..., Bedside]]:
    made: list[Bedside] = []

    def bedside(sensors: Sensors = FULL) -> Bedside:
        made.append(Bedside(hub_command, tmp_path / "sensors", sensors))
        return made[-1]

    yield bedside
    for one in made:
        one.close()


@pytest.mark.micropython
def test_the_full_load_arrives_byte_by_byte(make: Callable[..., Bedside]) -> None:
    """8 x 2 kHz, 1 kHz, 500 Hz: every byte of every block, in order, 500 packets a second."""
    bedside = make()
    bedside.until(lambda: bool(bedside.blocks("emg")))
    began = time.monotonic()
    bedside.until(lambda: len(bedside.blocks("emg")) >= RUN_PACKETS)
    elapsed_s = time.monotonic() - began
    for number, stream in enumerate(FULL.streams):
        blocks = bedside.blocks(hub.NAMES[stream.kind])
        index = 0
        for block in blocks:
            index += block.missing // stream.frames
            assert block.data == block_of(stream, index), (number, index)
            index += 1
    assert bedside.host.identity is not None
    assert bedside.host.identity.serial == "SIM-HUB-1"
    assert bedside.host.counters.checksum_errors == bedside.host.counters.resyncs == 0
    assert elapsed_s > RUN_PACKETS * 0.002 * 0.9, "it gained packets"
    bedside.until(lambda: bedside.host.counters.round_trip_ms is not None)


@pytest.mark.micropython
def test_a_slow_hub_sends_what_it_has_and_says_what_is_wrong(make: Callable[..., Bedside]) -> None:
    bedside = make(LOAD_CELL)
    bedside.flags, bedside.off = hub.FORCE_SATURATED, 0
    bedside.until(lambda: len(bedside.blocks("force")) >= 10)
    assert {len(block.data) for block in bedside.blocks("force")} == {3}
    (condition,) = [event for event in bedside.events if isinstance(event, Condition)]
    assert condition.words == ("force saturated",)


@pytest.mark.micropython
def test_stop_silences_it_and_start_begins_anew(make: Callable[..., Bedside]) -> None:
    bedside = make()
    bedside.until(lambda: bool(bedside.blocks("ppg")))
    bedside.host.stop()
    bedside.until(lambda: any(isinstance(event, Stopped) for event in bedside.events))
    bedside.until(lambda: bedside.running == 0)
    bedside.events.clear()
    bedside.host.start()
    bedside.until(lambda: bool(bedside.blocks("emg")))
    assert isinstance(bedside.events[0], Started)
    assert bedside.blocks("emg")[0].missing == 0


@pytest.mark.micropython
def test_sensors_that_go_away_end_it_with_a_reason(make: Callable[..., Bedside]) -> None:
    bedside = make()
    bedside.until(lambda: bool(bedside.blocks("emg")))
    bedside.plant.close()
    _, complaint = bedside.process.communicate(timeout=PATIENCE_S)
    assert bedside.process.returncode == 1
    assert b"sensors" in complaint
    assert b"Traceback" not in complaint


@pytest.mark.micropython
def test_wrong_arguments_and_absent_sensors(hub_command: list[str], tmp_path: Path) -> None:
    def complaint(*arguments: str) -> tuple[int, bytes]:
        command = [*hub_command, *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE_S)
        assert result.stdout == b""
        return result.returncode, result.stderr

    assert complaint() == (2, b"usage: main.py --sensors SOCKET\n")
    code, text = complaint("--sensors", str(tmp_path / "absent"))
    assert code == 1
    assert b"no sensors listen at" in text


def test_the_watchdog_is_fed_last() -> None:
    log: list[str] = []

    class Witness(BenchBoard):
        def poll(self) -> None:
            log.append("sampled")

        def feed_watchdog(self) -> None:
            log.append("fed")

    class Wire:
        def read(self) -> bytes:
            log.append("read")
            return b""

        def write(self, data: bytes) -> bool:
            log.append("written" if not data else "sent")
            return True

        def backlog(self) -> int:
            return waits

    board = Witness()
    device = Device(board, 0, NONCE)
    waits = 0
    assert not main.cycle(device, board, Wire(), 1, 1000)  # type: ignore[arg-type]
    assert log == ["read", "sampled", "written", "fed"]
    device.receive(hub.encode_hello_request(), 1)
    waits = 7
    assert not main.cycle(device, board, Wire(), 2, 2000)  # type: ignore[arg-type]
    waits = 0
    assert main.cycle(device, board, Wire(), 3, 3000)  # type: ignore[arg-type]
    assert log[4:] == ["read", "sampled", "written", "fed", "read", "sampled", "sent", "fed"]
