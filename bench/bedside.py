"""The live bedside of the measurements: wires that can be cut, many sessions on one start-up.

Theory of operation
-------------------
``RepeatedBedside`` is a ``gateway.simulation.live.LiveBedside`` that ``ready`` brings back to where a session
may start: what was taken away is there again, a person has reset what latched and acknowledged what sounds.
Each session is another patient's, so that no budget of a patient ends a series, and begins with another
systolic pressure, so that nobody is asked whether the same figure was typed three times.

``WiredBedside`` has the two wires of ``bench.wires`` put in: board -> copper -> plant, and core -> cable ->
controller.

Units: ms of CLOCK_MONOTONIC (the plant's log); rows of the journal have core's CLOCK_BOOTTIME and are
converted by ``alarms_since``.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from gateway.model import Limb, Reason
from gateway.record.events import AlarmRaised
from gateway.record.reader import JournalReader
from gateway.record.summary import Summary
from gateway.runtime.requests import AlarmAck, AlarmList, PatientHistory, SessionReset
from gateway.simulation.live import LIMB, LiveBedside, LiveError, Truth, _truth, made
from gateway.simulation.models import LIMBS
from gateway.simulation.nurse import start_request
from gateway.simulation.plant_process import TICK_MS

DEFLATED_MMHG = 15.0
SYSTOLIC_MMHG = 120

_LOOKS = 100
_A_MOMENT_S = 0.1
_LINE_BYTES = 64
_SLACK_TICKS = 100


class Alarm(NamedTuple):
    """One alarm that core raised: when, and why."""

    at_ms: int
    condition: str


class RepeatedBedside(LiveBedside):
    """A live bedside on which one session follows the other."""

    def __init__(self, state_dir: Path, seed: int) -> None:
        super().__init__(state_dir, seed)
        self._sessions = 0

    def ready(self) -> None:
        """Nothing runs, nothing is latched, nothing sounds, the controller is there."""
        self.wait_until("the session has ended", lambda state: state.get("session") is None)
        self.wait_until("the controller is there", lambda state: state["cuff_ok"])
        for _ in range(_LOOKS):
            if self.state()["latched"] is None:
                break
            self.ask(SessionReset(confirm=True))
            self.pause(_A_MOMENT_S)
        self.ask(AlarmAck())
        self.watch("the buzzer is silent", lambda truth: not truth.buzzer, monotonic_ms())

    def occlude(self) -> None:
        """A session, up to its first hold."""
        self.wait_until("there are readings", lambda state: state["cuff_ok"] and state["sto2_ok"])
        self._sessions += 1
        patient = f"patient-{self._sessions}"
        self.ask(PatientHistory(patient=patient, nothing=True, confirm=True))
        systolic_mmhg = SYSTOLIC_MMHG + self._sessions % 3
        diastolic_mmhg = round(LIMBS[LIMB].diastolic_mmhg)
        self.ask(start_request("demo", Limb.LEFT_THIGH, systolic_mmhg, diastolic_mmhg, patient=patient))
        self.wait_until("the cuff holds", lambda state: state["phase"] == "holding")

    def end_of_session(self) -> str:
        """Wait for the end of the session and for its summary; its outcome."""
        self.wait_until("the session has ended", lambda state: state.get("session") is None)
        for _ in range(_LOOKS):
            told = self._outcomes()
            if len(told) == self._sessions:
                return told[-1]
            self.pause(_A_MOMENT_S)
        raise LiveError(f"{self._sessions} sessions have {len(told)} summaries; see {self.journal}")

    def watch(self, what: str, holds: Callable[[Truth], bool], since_ms: int) -> Truth:
        """The first line of the plant's log, not before ``since_ms``, that is so; waits for it."""
        for _ in range(_LOOKS):
            found = next((truth for truth in self.truth_since(since_ms) if holds(truth)), None)
            if found is not None:
                return found
            self.pause(_A_MOMENT_S)
        raise LiveError(f"waited in vain until {what}; see {self.state_dir / 'truth.csv'}")

    def wait_for_alarm(self, condition: Reason) -> None:
        """Until core says that this alarm is active."""
        for _ in range(_LOOKS):
            listed = self.ask(AlarmList()).data["alarms"]
            if any(alarm["condition"] == condition.value for alarm in listed):
                return
            self.pause()
        raise LiveError(f"waited in vain for the alarm {condition.value}")

    def truth_since(self, since_ms: int) -> list[Truth]:
        """The plant's log from this instant on."""
        with (self.state_dir / "truth.csv").open("rb") as log:
            log.seek(0, os.SEEK_END)
            ticks = (monotonic_ms() - since_ms) // TICK_MS + _SLACK_TICKS
            log.seek(max(0, log.tell() - ticks * _LINE_BYTES))
            log.readline()
            lines = log.read().decode("ascii").splitlines(keepends=True)
        found = (_truth(line.strip()) for line in lines if line.endswith("\n"))
        return [truth for truth in found if truth.t_ms >= since_ms]

    def _outcomes(self) -> list[str]:
        with JournalReader.open(self.journal) as reader:
            bodies = [row.body for row in reader.rows(kind="event") if row.type == Summary.name]
        return [msgspec.json.decode(body, type=Summary).outcome for body in bodies]

    def alarms_since(self, event: int) -> list[Alarm]:
        """What core raised after this event of the journal."""
        with JournalReader.open(self.journal) as reader:
            rows = [row for row in reader.rows(kind="event") if row.type == AlarmRaised.name]
        offset_ms = _boot_ahead_ms()
        return [
            Alarm(row.stamp.mono_ms - offset_ms, msgspec.json.decode(row.body, type=AlarmRaised).condition)
            for row in rows
            if (row.event_seq or 0) > event
        ]


class WiredBedside(RepeatedBedside):
    """A repeated bedside whose controller hangs on two wires."""

    def __init__(self, state_dir: Path, seed: int) -> None:
        super().__init__(state_dir, seed)
        self._wires = ExitStack()
        self._copper: subprocess.Popen[str] | None = None
        self._cable: subprocess.Popen[str] | None = None
        self._device = ""

    def __enter__(self) -> Self:
        with ExitStack() as wires:
            self._wires = wires
            super().__enter__()
            self._wires = wires.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._wires:
            super().__exit__(kind, error, trace)

    def start_controller(self) -> str:
        """Power the controller up on its wires; returns the port that core opens."""
        socket = self.plant_socket.with_name("copper.sock")
        if self._copper is None:
            self._copper = self._start("copper", "--listen", str(socket), "--plant", str(self.plant_socket))
            _read(self._copper)
        self._device = self.stage.controller(socket)
        self.plug_cable()
        return str(self._port)

    def plug_cable(self) -> None:
        """Plug the controller's cable in; the port keeps its name."""
        self._cable = self._start("cable", "--device", self._device)
        path = _read(self._cable)
        self._port.unlink(missing_ok=True)
        self._port.symlink_to(path)

    def pull_cable(self) -> int:
        """Pull it; the instant, ms."""
        if self._cable is None:
            raise LiveError("there is no cable to pull")
        at_ms = monotonic_ms()
        self._cable.kill()
        self._cable.wait()
        return at_ms

    def lie(self, word: str) -> int:
        """Change what the copper carries; the instant of the first record that was changed, ms."""
        if self._copper is None or self._copper.stdin is None:
            raise LiveError("there is no copper to lie on")
        self._copper.stdin.write(f"{word}\n")
        self._copper.stdin.flush()
        return int(_read(self._copper).split()[0])

    @property
    def _port(self) -> Path:
        return made(self.state_dir / "dev") / "cuff"

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.wires", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wires.callback(_end, process)
        return process


def monotonic_ms() -> int:
    """The clock of the plant's log."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


def _boot_ahead_ms() -> int:
    """How far core's clock is ahead of the plant's: the time that this machine was suspended."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return (boot_ns - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1_000_000


def _read(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line:
        raise LiveError("a wire of the bedside has ended; what it said is above")
    return line


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
