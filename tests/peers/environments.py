"""The virtual environment of the third-party clients, made by ``scripts/peers``.

Theory of operation
-------------------
A peer is somebody else's client of a device that we simulate.  It runs as a process of its own, under an
interpreter of its own, with a pseudo-terminal as its port, and prints what it found as one JSON object.
"""

import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.simulation.plugs import Device

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers"
DEADLINE_S = 60
PLAY_S = 30
"""How long a client may talk to a device."""


def python_of(name: str) -> Path:
    """The interpreter for a peer; skips, saying why, where its packages could not be installed."""
    python, failed = PEERS / "bin" / "python", PEERS / f"{name}.failed"
    if failed.exists():
        pytest.skip(f"the peer {name} cannot be installed here: {failed.read_text().strip()}")
    if not python.exists():
        pytest.skip(f"the peer {name} is not installed: run scripts/peers")
    return python


def start(name: str, client: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start ``tests/peers/clients/<client>.py`` under the peer's interpreter."""
    script = Path(__file__).parent / "clients" / f"{client}.py"
    command = [str(python_of(name)), "-u", str(script), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def play(client: "subprocess.Popen[str]", device: Device, master: int) -> None:
    """Be the device until the client has gone. Real time: the client is a process with its own clock."""
    began = time.monotonic()
    while client.poll() is None:
        assert time.monotonic() - began < PLAY_S, "the client never ended"
        ready, _, _ = select.select([master], [], [], 0.005)
        data = os.read(master, 4096) if ready else b""
        os.write(master, device.step(data, int((time.monotonic() - began) * 1000)))


def outcome(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The JSON object that it printed last; fails with what it complained of."""
    told, complaints = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, complaints
    last = told.strip().splitlines()[-1]
    found: dict[str, Any] = json.loads(last)
    return found
