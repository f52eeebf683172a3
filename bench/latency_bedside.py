"""The live bedside of ``bench.latency``: hub and stimulator behind the tap, and the core that is measured.

Theory of operation
-------------------
``TappedBedside`` is a ``RepeatedBedside`` (plant, the real firmware of the cuff controller, oximeter, broker,
link) whose configuration has a hub and a P24 too.  Their ports are pseudo-terminals; the far ends, and those
of the plain relay, belong to ``latency_tap.c``.  Core is ``bench.latency_core``.
"""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from bench.bedside import RepeatedBedside
from bench.dsp_plain import FLAGS, NoCompiler
from bench.latency_core import PRESCRIPTION, hurry
from drivers import sciencemode4_messages as messages
from drivers.p24_pulses import wish
from drivers.sciencemode4 import Packet, encode
from drivers.stimulation import Pulses
from gateway.model import Limb
from gateway.runtime.requests import DeviceList, PatientHistory, SessionRaise
from gateway.simulation.live import LiveError, made
from gateway.simulation.nurse import PATIENT, start_request
from gateway.simulation.stage import Pty, _module, open_pty

ANY_PRESCRIPTION = "nmes-force-demo"
PRESS_MA = 5
PRESS_S = 1.5
PULSES = Pulses(6_000, 400, 450, 1)

_FOLDER = Path(__file__).parent
_TABLES = """
[stimulator]
driver = "p24"
port = "{stimulator}"
research_use = "a bench: nobody is connected"
description = "simulated P24"
current_ma = 60
pulse_width_us = 400
frequency_hz = 50
charge_uc = 24
pad_area_cm2 = 25
daily_minutes = 1440
device_current_ma = 130
device_pulse_width_us = 500
device_frequency_hz = 50

[hub]
port = "{hub}"
description = "simulated hub, made by the tap"
"""


COUNTS = ("decisions", "commands", "missed", "c_decisions", "c_missed", "slips")


class Tapped(NamedTuple):
    """What the tap has counted; times in ns."""

    loop: list[int]
    late: list[int]
    relay: list[int]
    decisions: int
    commands: int
    missed: int
    c_decisions: int
    c_missed: int
    slips: int


class TappedBedside(RepeatedBedside):
    """A repeated bedside with a hub, a P24 and the tap."""

    def __init__(self, state_dir: Path, seed: int) -> None:
        super().__init__(state_dir, seed)
        self._far = ExitStack()
        self._tap: subprocess.Popen[str] | None = None
        self._ports: dict[str, Pty] = {}
        self._patients = 0

    def __enter__(self) -> Self:
        with ExitStack() as far:
            self._far = far
            self._start_tap()
            super().__enter__()
            self._far = far.pop_all()
        return self

    def __exit__(self, *why: object) -> None:
        with self._far:
            super().__exit__(*why)  # type: ignore[arg-type]

    @property
    def pauses(self) -> Path:
        """What core says of its garbage collector when it has ended."""
        return self.state_dir / "pauses.json"

    def start_core(self) -> None:
        """The core that is measured, in the place of ``rvos core``."""
        arguments = ["--config", str(self.config), "--pauses", str(self.pauses)]
        self.stage._start("core", _module("bench.latency_core", *arguments))
        self.stage._await_word("core", "ready")

    def contract(self) -> None:
        """A session in closed loop, of a patient of its own, at a current that leaves the loop room."""
        self.wait_until("the stimulator and the hub are there", lambda state: self._is_ready(state))
        self._patients += 1
        patient = f"{PATIENT}-{self._patients}"
        self.ask(PatientHistory(patient=patient, nothing=True, confirm=True))
        request = start_request(ANY_PRESCRIPTION, Limb.LEFT_THIGH, None, None, patient=patient)
        self.ask(msgspec.structs.replace(request, prescription=PRESCRIPTION))
        self.wait_until("the muscle contracts", lambda state: state["phase"] == "contracting")
        for _ in range(2):
            self.ask(SessionRaise(by_ma=PRESS_MA, confirm=True))
            self.pause(PRESS_S)

    def _is_ready(self, state: dict[str, object]) -> bool:
        devices = {one["name"]: one["state"] for one in self.ask(DeviceList()).data["devices"]}
        return bool(state["cuff_ok"]) and all(devices.get(one) == "ready" for one in ("stimulator", "hub"))

    def measure(self, seconds: float, look: Callable[[float], None]) -> None:
        """So long, with what the tap sees counted; ``look`` is told every now and then how much has passed.

        Two packets that arrive as one lower the current for good; somebody presses so that it never comes
        down to the 1 mA below which the loop does not go.
        """
        self._say("M")
        began_s = time.monotonic()
        while (left_s := began_s + seconds - time.monotonic()) > 0:
            look(seconds - left_s)
            if self.state().get("session") is None:  # the longest there is lasts an hour
                self.contract()
            with suppress(LiveError):  # at its highest already, or the last press still waits
                self.ask(SessionRaise(by_ma=PRESS_MA, confirm=True))
            self.pause(min(PRESS_S, left_s))

    def tapped(self) -> Tapped:
        """End the tap; what it has counted."""
        assert self._tap is not None
        told, _ = self._tap.communicate("E")
        times: dict[str, list[int]] = {"loop": [], "late": [], "relay": []}
        *lines, last = told.splitlines()
        for line in lines:
            kind, time_ns = line.split()
            times[kind].append(int(time_ns))
        words = last.split()
        counts = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        return Tapped(times["loop"], times["late"], times["relay"], *(counts[name] for name in COUNTS))

    def _say(self, word: str) -> None:
        assert self._tap is not None
        assert self._tap.stdin is not None
        self._tap.stdin.write(word)
        self._tap.stdin.flush()

    def _configuration(self, cuff_port: str, oximeter_port: str) -> str:
        tables = _TABLES.format(stimulator=self._ports["stimulator"].path, hub=self._ports["hub"].path)
        return super()._configuration(cuff_port, oximeter_port) + tables

    # the far ends

    def _start_tap(self) -> None:
        built = made(self.state_dir / "built")
        for name in ("hub", "stimulator", "relay_in", "relay_out"):
            self._ports[name] = self._far.enter_context(closing(open_pty()))
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with near, far:
            devices = [sys.executable, "-m", "bench.latency_devices", str(far.fileno())]
            self._run(devices, pass_fds=(far.fileno(),))
            masters = [port.master for port in self._ports.values()]
            words = [*map(str, masters), str(near.fileno())]
            self._tap = self._run(
                [compiled("latency_tap", built), *words],
                pass_fds=(*masters, near.fileno()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        ways = [self._ports["relay_in"].path, self._ports["relay_out"].path]
        relay = self._run([compiled("latency_relay", built), *ways, str(command_bytes())])
        hurry(self._tap.pid)
        hurry(relay.pid)

    def _run(self, words: list[str], **how: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(words, text=True, **how)  # type: ignore[call-overload]
        self._far.callback(process.wait)
        self._far.callback(process.kill)
        found: subprocess.Popen[str] = process
        return found


def command_bytes() -> int:
    """How long an update of the stimulator is on the wire."""
    trains = wish(PULSES).trains
    return len(encode(Packet(1, messages.ML_UPDATE, messages.encode_ml_update(trains))))


def compiled(name: str, folder: Path) -> str:
    """A program of this folder, compiled. Raises ``NoCompiler``."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("no C compiler: install gcc")
    target = folder / name
    subprocess.run([compiler, *FLAGS, "-o", str(target), str(_FOLDER / f"{name}.c")], check=True)
    return str(target)
