"""``rvos demo``: one whole session on a simulated limb, through the real processes.

Theory of operation
-------------------
Plant, controller, oximeter, broker, core and link run as processes (``live``); this one plays the people:
it waits for readings, starts the prescription ``demo`` through the control socket, watches, notes that
the cuff is off, and is at the same time the subscriber on the ward.  It judges at the end: the summary
that came over MQTT must equal the fold of the journal by a fresh process.

No rule is bent for it: the limb owes 300 s at first, because an empty journal proves nothing, and what
the 6-second occlusions wait for is that debt.

``--full`` is ``gateway.simulation.full``.
"""

import shutil
from pathlib import Path

from gateway.record.errors import RecordError
from gateway.runtime.control_client import CoreUnavailable
from gateway.runtime.requests import EXIT_FINDING, EXIT_UNAVAILABLE, EXIT_USAGE, SessionCuffRemoved
from gateway.runtime.state_lock import StateLock, StateLocked
from gateway.simulation import full
from gateway.simulation.live import CUFF, LIMB, LiveBedside, LiveError, oximeter_words
from gateway.simulation.models import CUFFS
from gateway.simulation.options import DemoOptions
from gateway.simulation.recording import RecordingError, load
from gateway.simulation.show import Progress, finish
from gateway.simulation.stage import StageError, micropython
from gateway.simulation.subscriber import SubscriberError
from gateway.ward.errors import WardError

DEFAULT_STATE = Path("rvos-demo")
_SESSION_LOOKS = 240
_SUMMARY_S = 20.0


class FolderInUse(Exception):
    """The state folder holds another run's journal."""


def run(options: DemoOptions) -> int:
    """Show a session; the exit code."""
    say = Progress()
    try:
        state_dir = _state_dir(options.state)
        payload = _give(state_dir, options, say)
    except (RecordingError, FolderInUse) as error:
        say.say(f"rvos demo: {error}")
        return EXIT_USAGE
    except (StageError, SubscriberError, WardError, CoreUnavailable) as error:
        say.end()
        say.say(f"rvos demo: {error}")
        return EXIT_UNAVAILABLE
    except (LiveError, RecordError) as error:
        say.end()
        say.say(f"rvos demo: {error}")
        return EXIT_FINDING
    return finish(payload, state_dir, as_json=options.as_json, say=say)


def _state_dir(asked: Path | None) -> Path:
    """The folder asked for, without a journal of another run; the default one is emptied."""
    if asked is None:
        _empty(DEFAULT_STATE)
    elif (asked / "journal.db").exists():
        raise FolderInUse(f"{asked} holds the journal of another run; name an empty folder with --state")
    folder = (asked or DEFAULT_STATE).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _empty(folder: Path) -> None:
    """Delete the last run, unless it still runs."""
    if folder.exists():
        try:
            StateLock(folder).release()
        except StateLocked as error:
            raise FolderInUse(f"another demo is running ({error}); name a folder with --state") from error
        shutil.rmtree(folder)


def _give(state_dir: Path, options: DemoOptions, say: Progress) -> bytes:
    if options.replay is not None:
        load(options.replay)  # what is wrong with it is said before anything starts
    if options.full:
        return full.run(state_dir, options.seed, options.replay, say)
    with LiveBedside(state_dir, options.seed, options.replay) as bedside:
        _introduce(bedside, options.replay, say)
        return _session(bedside, say)


def _introduce(bedside: LiveBedside, replay: Path | None, say: Progress) -> None:
    interpreter = "MicroPython" if micropython() else "CPython (no MicroPython is installed)"
    say.say(f"cuff controller: our firmware under {interpreter}; {CUFFS[CUFF].description}")
    say.say(f"limb: {oximeter_words(LIMB, replay)}")
    say.say(f"broker: 127.0.0.1:{bedside.broker.port}; configuration: {bedside.config}")


def _session(bedside: LiveBedside, say: Progress) -> bytes:
    say.say(bedside.start_session())
    for _ in range(_SESSION_LOOKS):
        state = bedside.state()
        say.show(state)
        if state["mode"] != "session":
            break
        bedside.pause()
    say.end()
    bedside.ask(SessionCuffRemoved())
    payload = bedside.subscriber.wait_for("/session/summary", _SUMMARY_S)
    if payload is None:
        raise LiveError(f"no summary arrived over MQTT; see {bedside.state_dir / 'logs'}")
    return payload
