"""Really started processes of the simulated bedside, ended with the test."""

import contextlib
import os
import selectors
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DEADLINE_S = 20.0

Process = subprocess.Popen[bytes]


@pytest.fixture
def read_until() -> Callable[[int, Callable[[bytes], bool]], bytes]:
    """Bytes from a descriptor until the condition accepts them; fails at the deadline."""
    return _read_until


def _read_until(descriptor: int, wanted: Callable[[bytes], bool]) -> bytes:
    data = b""
    deadline = time.monotonic() + DEADLINE_S
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not wanted(data):
            assert selector.select(max(0.0, deadline - time.monotonic())), f"deadline passed with {data!r}"
            arrived = os.read(descriptor, 65536)
            assert arrived, f"end of stream after {data!r}"
            data += arrived
    return data


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts ``python -m gateway.simulation.NAME arguments``; what still runs at the end is killed."""
    with contextlib.ExitStack() as processes:

        def start_one(name: str, *arguments: object, wire: int = subprocess.DEVNULL) -> Process:
            process = subprocess.Popen(
                [sys.executable, "-m", f"gateway.simulation.{name}", *map(str, arguments)],
                cwd=PROJECT,
                stdin=wire,
                stdout=wire,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start_one


@pytest.fixture
def start_plant(start: Callable[..., Process]) -> Callable[..., Process]:
    """Starts a plant with the fast cuff and limb, and returns when it listens."""

    def start_one(socket: Path, *more: object) -> Process:
        process = start(
            "plant_process",
            *("--socket", socket, "--cuff", "fast_cuff", "--limb", "fast_limb", "--seed", 1, *more),
        )
        _read_until(process.stderr.fileno(), lambda said: b"ready\n" in said)
        return process

    return start_one


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    """A raw pseudo-terminal: master and slave."""
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    yield master, slave
    for descriptor in (master, slave):
        with contextlib.suppress(OSError):  # a test that hangs up has closed it
            os.close(descriptor)
