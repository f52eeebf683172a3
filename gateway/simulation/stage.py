"""The demonstration's equipment: every device and service as a process of its own.

Theory of operation
-------------------
The plant owns the truth.  The cuff controller is our firmware under a real MicroPython where one is
installed, else under CPython; the oximeter is a second process.  Each sits behind a pseudo-terminal whose
far end core opens like any serial port, and reaches the plant by a Unix socket that core cannot see.
Broker, core and link are what they are at the bedside.

Every process logs to its own file and is ended when the stage closes, in the order in which a person
would switch things off: link, core, devices, plant, broker.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_STOP_S = 10.0
_HEAP = "heapsize=192k"
_FIRMWARE = Path(__file__).parents[2] / "firmware_bridge" / "mcu" / "main.py"


class StageError(Exception):
    """A process of the demonstration did not start; the message names it and its log."""


@dataclass(slots=True)
class Pty:
    """A pseudo-terminal: ``master`` is the device's end, ``path`` what core opens."""

    master: int
    slave: int
    path: str

    def close(self) -> None:
        """Let go of both ends."""
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)


def open_pty() -> Pty:
    """A raw pseudo-terminal whose device end does not block.

    The near end stays open here as well, so that the device does not see a hang-up before core has
    opened it.
    """
    master, slave = os.openpty()
    for end in (master, slave):
        tty.setraw(end, termios.TCSANOW)
    os.set_blocking(master, False)
    return Pty(master, slave, os.ttyname(slave))


def micropython() -> str | None:
    """The MicroPython interpreter of this environment, ``None`` where its wheel does not install."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("micropython", path=beside) or shutil.which("micropython")


class Stage:
    """Starts processes, knows them by name, ends them all."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts: dict[str, int] = {}
        self._ptys: list[Pty] = []
        logs.mkdir(parents=True, exist_ok=True)

    def plant(self, socket: Path, cuff: str, limb: str, seed: int, log: Path) -> None:
        """Start the physics and wait until it listens."""
        arguments = ["--socket", str(socket), "--cuff", cuff, "--limb", limb, "--seed", str(seed)]
        self._start("plant", _module("gateway.simulation.plant_process", *arguments, "--log", str(log)))
        self._await_word("plant", "ready")

    def controller(self, socket: Path) -> str:
        """Start the firmware; returns the path of its port."""
        interpreter = micropython()
        if interpreter is not None:
            command = [interpreter, "-X", _HEAP, str(_FIRMWARE), "--plant", str(socket)]
        else:
            command = _module("firmware_bridge.mcu.main", "--plant", str(socket))
        return self._device("controller", command)

    def oximeter(self, socket: Path, replay: Path | None) -> str:
        """Start the oximeter; returns the path of its port."""
        arguments = ["--plant", str(socket)]
        if replay is not None:
            arguments += ["--replay", str(replay)]
        return self._device("oximeter", _module("gateway.simulation.oximeter_process", *arguments))

    def core(self, config: Path) -> None:
        """Start ``rvos core`` and wait until it is ready."""
        self._start("core", _module("gateway.cli", "core", "--config", str(config)))
        self._await_word("core", "ready")

    def link(self, config: Path) -> None:
        """Start ``rvos link``."""
        self._start("link", _module("gateway.cli", "link", "--config", str(config)))

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process of this name."""
        return self._running[name]

    def dead(self) -> list[str]:
        """Who has ended that should not have."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def wait_a_moment(self, seconds: float) -> None:
        """Let time pass, but no longer than the plant lives."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running["plant"].wait(seconds)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal; a process that was killed is forgotten."""
        process = self._running[name]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()
            del self._running[name]

    def close(self) -> None:
        """End everything."""
        for name in ("link", "core", "oximeter", "controller", "plant"):
            self.end(name)
        for pty in self._ptys:
            pty.close()

    def end(self, name: str) -> None:
        """End one process, gently if it lets itself."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _device(self, name: str, command: Sequence[str]) -> str:
        pty = open_pty()
        self._ptys.append(pty)
        self._start(name, command, wire=pty.master)
        os.close(pty.master)  # the device's alone: its death is the far end's hang-up
        return pty.path

    def _start(self, name: str, command: Sequence[str], wire: int | None = None) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = _spawn(command, wire, log)
        self._starts[name] = self._starts.get(name, 0) + 1

    def _await_word(self, name: str, word: str) -> None:
        log = self._logs / f"{name}.log"
        for text in _growing(log, self._running[name]):
            if text.count(word) >= self._starts[name]:
                return
        raise StageError(
            f"{name} did not start; its log is {log}:\n{log.read_text(errors='replace')[-1000:]}"
        )


def _spawn(command: Sequence[str], wire: int | None, log: IO[bytes]) -> subprocess.Popen[bytes]:
    end = subprocess.DEVNULL if wire is None else wire
    out = log if wire is None else wire
    return subprocess.Popen(list(command), stdin=end, stdout=out, stderr=log)


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _growing(log: Path, process: subprocess.Popen[bytes], looks: int = 300) -> Iterator[str]:
    """The text of a log, looked at ten times a second while its process lives."""
    for _ in range(looks):
        yield log.read_text(errors="replace")
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        yield log.read_text(errors="replace")
        return
