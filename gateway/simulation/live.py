"""The live bedside: every process of the demonstration, and the people around it.

Theory of operation
-------------------
One object owns broker, plant, devices, core and link (``stage``), the subscriber on the ward, and the
control socket through which people act.  ``rvos demo`` gives one session on it; the kill drills take its
processes away one by one and read what happened from the plant's own log of the truth.

Units: s for waits, ms of CLOCK_MONOTONIC for what is read from the log.
"""

import grp
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.model import Limb
from gateway.record.reader import JournalReader
from gateway.runtime.arming import PRESS_FIRST
from gateway.runtime.control_client import ask
from gateway.runtime.requests import (
    AnyRequest,
    PatientHistory,
    Reply,
    SessionReset,
    SessionStart,
    SessionStatus,
)
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import PATIENT, start_request
from gateway.simulation.plant_process import PRESS_MS, press
from gateway.simulation.stage import Stage
from gateway.simulation.subscriber import Subscriber
from gateway.ward.broker import HOST, EmbeddedBroker

CUFF, LIMB = "fast_cuff", "fast_limb"
LOOK_S = 0.5

_PRESSES = 3


class LiveError(Exception):
    """The live bedside did not do what was waited for; the message says what, and where to look."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One line of the plant's log."""

    t_ms: int
    pressure_mmhg: float
    dump_open: bool
    buzzer: bool


class LiveBedside:
    """Everything, running. A context manager; ``state_dir`` gets journal, logs and the truth."""

    def __init__(self, state_dir: Path, seed: int, replay: Path | None = None) -> None:
        self.state_dir, self._seed, self._replay = state_dir, seed, replay
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ending:
            self._runtime_dir = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="rvos-")))
            self.broker = ending.enter_context(EmbeddedBroker(made(self.state_dir / "logs")))
            self.stage = Stage(self.state_dir / "logs")
            ending.callback(self.stage.close)
            self.subscriber = Subscriber(HOST, self.broker.port)
            ending.callback(self.subscriber.close)
            self._set_up()
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    @property
    def plant_socket(self) -> Path:
        """Where the devices reach the physics."""
        return self._runtime_dir / "plant.sock"

    @property
    def config(self) -> Path:
        """The configuration of core and link."""
        return self.state_dir / "rvos.toml"

    @property
    def journal(self) -> Path:
        """The core's journal."""
        return self.state_dir / "journal.db"

    def start_controller(self) -> str:
        """Power the controller up; returns its port, which keeps its name when the controller comes back."""
        port = made(self.state_dir / "dev") / "cuff"
        port.unlink(missing_ok=True)
        port.symlink_to(self.stage.controller(self.plant_socket))
        return str(port)

    def start_core(self) -> None:
        """Start ``rvos core``, the first time or again."""
        self.stage.core(self.config)

    def start_link(self) -> None:
        """Start ``rvos link``, the first time or again."""
        self.stage.link(self.config)

    def restart_broker(self) -> None:
        """Start the broker again on the port that it had, with nothing in its memory."""
        again = EmbeddedBroker(self.state_dir / "logs", port=self.broker.port)
        self.broker = self._ending.enter_context(again)

    def ask(self, request: AnyRequest) -> Reply:
        """A person's request; a refusal is a ``LiveError``.

        Who starts or resets presses the button first, and once more where that was not seen.
        """
        needs_a_press = isinstance(request, SessionStart | SessionReset)
        for _ in range(_PRESSES if needs_a_press else 1):
            if needs_a_press:
                self.press_button()
            reply = ask(self._runtime_dir / "control.sock", request)
            if PRESS_FIRST not in reply.message:
                break
        if reply.exit_code:
            raise LiveError(reply.message)
        return reply

    def press_button(self) -> None:
        """Press the bedside button and let it go."""
        press(self.plant_socket)
        self.stage.wait_a_moment(2 * PRESS_MS / 1000)

    def state(self) -> dict[str, Any]:
        """What ``rvos session status`` shows."""
        return dict(self.ask(SessionStatus()).data["state"])

    def start_session(self) -> str:
        """Start the prescription ``demo`` as soon as there are readings; what core answers."""
        self.wait_until(
            "cuff and oximeter give readings", lambda state: state["cuff_ok"] and state["sto2_ok"]
        )
        limb = LIMBS[LIMB]
        self.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
        request = start_request(
            "demo", Limb.LEFT_THIGH, round(limb.systolic_mmhg), round(limb.diastolic_mmhg)
        )
        return self.ask(request).message

    def wait_until(self, what: str, holds: Callable[[dict[str, Any]], bool], looks: int = 120) -> None:
        """Look twice a second until the state is as wished."""
        for _ in range(looks):
            if holds(self.state()):
                return
            self.pause()
        raise LiveError(f"waited in vain until {what}; see {self.state_dir / 'logs'}")

    def pause(self, seconds: float = LOOK_S) -> None:
        """Let time pass; a process that has died meanwhile is a ``LiveError``."""
        self.stage.wait_a_moment(seconds)
        dead = self.stage.dead()
        if dead:
            raise LiveError(f"{', '.join(dead)} ended too early; see {self.state_dir / 'logs'}")

    def events_recorded(self) -> int:
        """The number of the journal's newest event."""
        with JournalReader.open(self.journal) as reader:
            return reader.head().event_seq

    def truth(self) -> list[Truth]:
        """The plant's log so far."""
        lines = (self.state_dir / "truth.csv").read_text().splitlines()[1:]
        return [_truth(line) for line in lines if line.count(",") == 5]

    def _set_up(self) -> None:
        self.stage.plant(self.plant_socket, CUFF, LIMB, self._seed, self.state_dir / "truth.csv")
        cuff_port = self.start_controller()
        oximeter_port = self.stage.oximeter(self.plant_socket, self._replay)
        made(self.state_dir / "link")
        self.config.write_text(self._configuration(cuff_port, oximeter_port))
        self.start_core()
        self.start_link()

    def _configuration(self, cuff_port: str, oximeter_port: str) -> str:
        return f"""\
[site]
site = "demo"
ward = "demo"
device = "rvos-demo"

[core]
state_dir = "{self.state_dir}"
runtime_dir = "{self._runtime_dir}"
operators_group = "{grp.getgrgid(os.getgid()).gr_name}"

[cuff]
port = "{cuff_port}"
description = "{CUFFS[CUFF].description}"

[oximeter]
port = "{oximeter_port}"
channel = 1
description = "{oximeter_words(LIMB, self._replay)}"

[mqtt]
host = "{HOST}"
port = {self.broker.port}
protocol = "5"

[link]
state_dir = "{self.state_dir / "link"}"
"""


def oximeter_words(limb: str, replay: Path | None) -> str:
    """Where the oximeter's values come from, for summary and picture."""
    return f"recording {replay.name}, replayed" if replay else LIMBS[limb].description


def made(folder: Path) -> Path:
    """The folder, made if it was not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _truth(line: str) -> Truth:
    t_ms, pressure, dump_open, _pump, buzzer, _sto2 = line.split(",")
    return Truth(int(t_ms), float(pressure), dump_open == "1", buzzer == "1")
