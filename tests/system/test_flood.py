"""A real core under a flood from another user: its cycle, its other users, its record."""

import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.runtime.control_client import ask as ask_core
from gateway.runtime.requests import SessionStatus, SessionStop
from tests.system.test_core_process import ROOT, Place

STATUS = b'{"verb":"session_status"}\n'


@pytest.fixture
def place() -> Iterator[Place]:
    with TemporaryDirectory(prefix="rvos-") as name, ExitStack() as ending:
        yield Place(Path(name), ending)


FLOODS = {
    "connections that say nothing": None,
    "half a request": b'{"verb":"session_',
    "nonsense": b"\xff" * 4_000 + b"\n",
    "what is not permitted": STATUS,
    "stops": b'{"verb":"session_stop"}\n',
}

FLOOD = """
import os, socket, sys
path, said, user = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
os.setgroups([])
os.setgid(user)
os.setuid(user)
kept = []
print("flooding", flush=True)
while True:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(1.0)
    try:
        connection.connect(path)
        connection.sendall(said)
        if said.endswith(b"\\n"):
            connection.recv(65536)
        elif said:
            kept = [*kept[-500:], connection]
            continue
    except OSError:
        pass
    connection.close()
"""


@pytest.mark.system
@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_from_another_user_costs_the_cycle_nothing(place: Place, flood: str) -> None:
    """Two processes flood a real core; it keeps feeding the watchdog, and everybody else is served."""
    place.folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, ExitStack() as flooding:
        manager.bind(str(place.folder / "notify"))
        manager.settimeout(2.0)  # systemd's own patience: WatchdogSec of rvos-core.service
        place.core(NOTIFY_SOCKET=str(place.folder / "notify"))
        for _ in range(2):
            _start_flooding(flooding, place.folder / "control.sock", FLOODS[flood] or b"")
        assert manager.recv(4096).startswith(b"READY=1\n")
        for _ in range(4):
            assert manager.recv(4096) == b"WATCHDOG=1"
            assert ask_core(place.folder / "control.sock", SessionStop(), 2.0).exit_code == 0
    state = place.ask(SessionStatus()).data["state"]
    assert state["latched"] is None, "a cycle that came late would have tripped"


def _start_flooding(until: ExitStack, path: Path, said: bytes) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    process = until.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", FLOOD, str(path), said.hex(), str(nobody)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
    )
    until.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"flooding\n"
