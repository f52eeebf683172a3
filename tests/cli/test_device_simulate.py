"""``rvos device simulate``: the real command behind a real pseudo-terminal, and our own hosts before it."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import tomllib
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from drivers.bitalino_host import BitalinoHost
from drivers.cpar import CparHost
from drivers.cyton_host import CytonHost
from drivers.hub import HubHost
from drivers.nibp import NibpHost
from drivers.nonin_host import NoninHost
from drivers.nonin_oem_host import NoninOemHost
from drivers.p24 import P24Host
from drivers.rehastim2 import Rehastim2Host
from gateway.cli.device import simulate as simulate_command
from gateway.config import (
    AlgometerConfig,
    BloodPressureConfig,
    EmgConfig,
    HubConfig,
    OximeterConfig,
    PulseConfig,
    StimulatorConfig,
)
from gateway.simulation.protocols import STIMULATOR
from gateway.simulation.table_top import NAMES, configuration_lines

LONGEST_S = 20.0
TABLES = {
    "oximeter": OximeterConfig,
    "stimulator": StimulatorConfig,
    "hub": HubConfig,
    "emg": EmgConfig,
    "pulse": PulseConfig,
    "blood_pressure": BloodPressureConfig,
    "algometer": AlgometerConfig,
}
SAID: dict[str, tuple[Callable[[], Any], str]] = {
    "nonin": (lambda: NoninHost(6), ""),
    "rehastim2": (Rehastim2Host, ""),
    "p24": (P24Host, "SIM"),
    "hub": (HubHost, "simulated"),
    "cyton": (CytonHost, "simulated"),
    "bitalino": (BitalinoHost, "simulated"),
    "nonin-oem": (NoninOemHost, ""),
    "suntech": (NibpHost, "SIMULATED"),
    "cpar": (CparHost, "simulated"),
}
"""The host of each, and what stands in the identity that it gets, where the protocol has a text."""


class Simulated:
    """The command, and its port."""

    def __init__(self, name: str, port: Path) -> None:
        self.port = port
        command = [sys.executable, "-m", "gateway.cli", "device", "simulate", name, "--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self.first_line = self._process.stderr.readline()

    def end(self, number: int) -> tuple[int, str]:
        """Its exit code and what it printed."""
        self._process.send_signal(number)
        told, _ = self._process.communicate(timeout=LONGEST_S)
        return self._process.returncode, told


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[[str], Simulated]]:
    running = []

    def begin(name: str) -> Simulated:
        running.append(Simulated(name, tmp_path / "port"))
        return running[-1]

    yield begin
    for one in running:
        one._process.kill()
        one._process.communicate()


def opened(port: Path) -> int:
    """The port, as a host opens it, once it is there."""
    deadline = time.monotonic() + LONGEST_S
    while True:
        try:
            found = os.open(port, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        except FileNotFoundError:
            assert time.monotonic() < deadline
            select.select([], [], [], 0.02)
            continue
        tty.setraw(found)
        return found


def heard(host: Any, port: int, *, wanted: Callable[[], bool]) -> None:
    """Let the host talk to what is behind the port, until it has what is wanted."""
    deadline = time.monotonic() + LONGEST_S
    while not wanted():
        now_ms = time.monotonic_ns() // 1_000_000
        assert time.monotonic() < deadline, f"{host.last_valid_ms}, {host.refusal}"
        os.write(port, host.outgoing(now_ms))
        if select.select([port], [], [], 0.02)[0]:
            host.receive(os.read(port, 4_096), time.monotonic_ns() // 1_000_000)


@pytest.mark.parametrize("name", SAID)
def test_the_host_of_a_device_lives_on_it_and_is_told_that_it_is_simulated(
    simulate: Callable[[str], Simulated], name: str
) -> None:
    make, text = SAID[name]
    device, host = simulate(name), make()
    assert device.first_line.startswith(f"SIMULATED {name} at {device.port}")
    port = opened(device.port)
    heard(host, port, wanted=lambda: host.last_valid_ms is not None and (not text or _is_named(host, text)))
    assert not host.refusal
    os.close(port)
    exit_code, told = device.end(signal.SIGINT)
    assert exit_code == 0
    assert told.splitlines() == list(configuration_lines(name, device.port))
    assert not os.path.lexists(device.port)


def _is_named(host: Any, text: str) -> bool:
    return any(text in str(value) for value in vars(host).values())


def test_a_terminate_ends_it_as_well(simulate: Callable[[str], Simulated]) -> None:
    device = simulate("hub")
    os.close(opened(device.port))
    assert device.end(signal.SIGTERM)[0] == 0
    assert not os.path.lexists(device.port)


def test_who_opens_it_and_does_not_read_does_not_stop_it(simulate: Callable[[str], Simulated]) -> None:
    device = simulate("cyton")
    port = opened(device.port)
    os.write(port, b"vb")  # streams 8 kB a second; the terminal holds 4 kB
    select.select([], [], [], 1.5)
    assert device.end(signal.SIGINT)[0] == 0
    os.close(port)


def test_a_name_that_is_taken_is_refused(simulate: Callable[[str], Simulated], tmp_path: Path) -> None:
    (tmp_path / "port").write_text("somebody's")
    device = simulate("hub")
    assert device.end(0)[0] == 2
    assert (tmp_path / "port").read_text() == "somebody's"


def test_a_name_that_no_device_has_is_refused(simulate: Callable[[str], Simulated]) -> None:
    assert simulate("toaster").end(0)[0] == 2


@pytest.mark.parametrize("name", NAMES)
def test_its_lines_are_a_table_of_the_configuration(name: str) -> None:
    tables = tomllib.loads("\n".join(configuration_lines(name, Path("/run/port"))))
    [(table, lines)] = tables.items()
    if table == "stimulator":
        ceilings = msgspec.to_builtins(STIMULATOR)
        lines = ceilings | lines | ({"research_use": "signed"} if name == "p24" else {})
    if table == "algometer":
        lines = lines | {"research_use": "signed"}
    found = msgspec.convert(lines, TABLES[table])
    assert (found.port, found.description) == ("/run/port", f"SIMULATED {name}")  # type: ignore[attr-defined]


def test_its_help_names_every_device() -> None:
    said = CliRunner().invoke(simulate_command, ["--help"]).output
    assert set(NAMES) <= set(re.findall(r"[a-z0-9-]+", said))
