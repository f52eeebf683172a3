"""``rvos demo``: one whole session on a simulated limb, through the real processes.

Theory of operation
-------------------
Plant, controller, oximeter, broker, core and link are started as processes; this one plays the people:
it waits for readings, starts the prescription ``demo`` through the control socket, watches, notes that
the cuff is off, and is at the same time the subscriber on the ward.  It judges at the end: the summary
that came over MQTT must equal the fold of the journal by a fresh process.

No rule is bent for it: the limb owes 300 s at first, because an empty journal proves nothing, and what the
6-second occlusions wait for is that debt.

``--full`` is ``gateway.simulation.full``.
"""

import grp
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gateway.record.errors import RecordError
from gateway.runtime.control_client import CoreUnavailable, ask
from gateway.runtime.requests import (
    EXIT_FINDING,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AnyRequest,
    Reply,
    SessionCuffRemoved,
    SessionStart,
    SessionStatus,
)
from gateway.simulation import full
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.options import DemoOptions
from gateway.simulation.recording import RecordingError, load
from gateway.simulation.show import Progress, finish
from gateway.simulation.stage import Stage, StageError, micropython
from gateway.simulation.subscriber import Subscriber, SubscriberError
from gateway.ward.broker import HOST, EmbeddedBroker
from gateway.ward.errors import WardError

DEFAULT_STATE = Path("rvos-demo")
CUFF, LIMB = "fast_cuff", "fast_limb"
_LOOK_S = 0.5
_READINGS_LOOKS = 80
_SESSION_LOOKS = 240
_SUMMARY_S = 20.0


class DemoFailed(Exception):
    """The demonstration did not get to its end; the message says why."""


def run(options: DemoOptions) -> int:
    """Show a session; the exit code."""
    say = Progress()
    try:
        state_dir = _state_dir(options.state)
        if options.replay is not None:
            load(options.replay)
        if options.full:
            payload = full.run(state_dir, options.seed, options.replay, say)
        else:
            payload = _live(state_dir, options, say)
    except RecordingError as error:
        say.say(f"rvos demo: {error}")
        return EXIT_USAGE
    except (DemoFailed, StageError, SubscriberError, WardError, CoreUnavailable, RecordError) as error:
        say.end()
        say.say(f"rvos demo: {error}")
        return EXIT_UNAVAILABLE if isinstance(error, StageError | WardError) else EXIT_FINDING
    return finish(payload, state_dir, as_json=options.as_json, say=say)


def _state_dir(asked: Path | None) -> Path:
    """The folder asked for, without a journal of another run; the default one is emptied."""
    if asked is None:
        shutil.rmtree(DEFAULT_STATE, ignore_errors=True)
    elif (asked / "journal.db").exists():
        raise DemoFailed(f"{asked} holds the journal of another run; name an empty folder")
    folder = (asked or DEFAULT_STATE).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _live(state_dir: Path, options: DemoOptions, say: Progress) -> bytes:
    with ExitStack() as ending:
        runtime_dir = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="rvos-")))
        broker = ending.enter_context(EmbeddedBroker(_made(state_dir / "logs")))
        stage = Stage(state_dir / "logs")
        ending.callback(stage.close)
        subscriber = Subscriber(HOST, broker.port)
        ending.callback(subscriber.close)
        _set_up(stage, state_dir, runtime_dir, broker.port, options, say)
        return _Session(stage, runtime_dir / "control.sock", subscriber, say).give()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _set_up(
    stage: Stage, state_dir: Path, runtime_dir: Path, port: int, options: DemoOptions, say: Progress
) -> None:
    socket = runtime_dir / "plant.sock"
    stage.plant(socket, CUFF, LIMB, options.seed, state_dir / "truth.csv")
    cuff_port = stage.controller(socket)
    oximeter_port = stage.oximeter(socket, options.replay)
    _made(state_dir / "link")
    config = state_dir / "rvos.toml"
    config.write_text(configuration(state_dir, runtime_dir, cuff_port, oximeter_port, port, options.replay))
    interpreter = "MicroPython" if micropython() else "CPython (no MicroPython is installed)"
    say.say(f"cuff controller: our firmware under {interpreter}; {CUFFS[CUFF].description}")
    say.say(f"limb: {oximeter_words(LIMB, options.replay)}")
    say.say(f"broker: 127.0.0.1:{port}; configuration: {config}")
    stage.core(config)
    stage.link(config)


def oximeter_words(limb: str, replay: Path | None) -> str:
    """Where the oximeter's values come from, for summary and picture."""
    return f"recording {replay.name}, replayed" if replay else LIMBS[limb].description


def configuration(
    state_dir: Path,
    runtime_dir: Path,
    cuff_port: str,
    oximeter_port: str,
    mqtt_port: int,
    replay: Path | None,
) -> str:
    """The configuration file of the demonstration's core and link."""
    group = grp.getgrgid(os.getgid()).gr_name
    return f"""\
[site]
site = "demo"
ward = "demo"
device = "rvos-demo"

[core]
state_dir = "{state_dir}"
runtime_dir = "{runtime_dir}"
operators_group = "{group}"

[cuff]
port = "{cuff_port}"
description = "{CUFFS[CUFF].description}"

[oximeter]
port = "{oximeter_port}"
channel = 1
description = "{oximeter_words(LIMB, replay)}"

[mqtt]
host = "{HOST}"
port = {mqtt_port}
protocol = "5"

[link]
state_dir = "{state_dir / "link"}"
"""


class _Session:
    """The people: who starts, who watches, who listens."""

    def __init__(self, stage: Stage, control: Path, subscriber: Subscriber, say: Progress) -> None:
        self._stage, self._control, self._subscriber, self._say = stage, control, subscriber, say

    def give(self) -> bytes:
        """One session; the summary's payload as it was received."""
        self._await_readings()
        limb = LIMBS[LIMB]
        started = self._ask(
            SessionStart(
                prescription="demo",
                patient="simulated-limb",
                side="left",
                systolic_mmhg=round(limb.systolic_mmhg),
                diastolic_mmhg=round(limb.diastolic_mmhg),
                confirm=True,
            )
        )
        self._say.say(started.message)
        self._watch()
        self._ask(SessionCuffRemoved())
        payload = self._subscriber.wait_for("/session/summary", _SUMMARY_S)
        if payload is None:
            raise DemoFailed("no summary arrived over MQTT; see the logs of link and broker")
        return payload

    def _await_readings(self) -> None:
        for _ in range(_READINGS_LOOKS):
            state = self._state()
            if state["cuff_ok"] and state["sto2_ok"]:
                return
            self._pause()
        raise DemoFailed("cuff or oximeter gave no readings; see the logs")

    def _watch(self) -> None:
        for _ in range(_SESSION_LOOKS):
            state = self._state()
            self._say.show(state)
            if state["mode"] != "session":
                self._say.end()
                return
            self._pause()
        raise DemoFailed("the session did not end; see the logs")

    def _pause(self) -> None:
        """Half a second, or less when somebody has died."""
        dead = self._stage.dead()
        if dead:
            raise DemoFailed(f"{', '.join(dead)} ended too early; see the logs")
        self._stage.wait_a_moment(_LOOK_S)

    def _state(self) -> dict[str, Any]:
        return dict(self._ask(SessionStatus()).data["state"])

    def _ask(self, request: AnyRequest) -> Reply:
        reply = ask(self._control, request)
        if reply.exit_code:
            raise DemoFailed(reply.message)
        return reply
