"""Take each process away in the middle of an occlusion, and see what happens.

``python -m bench.kills [--state DIR] [--only NAME] [--json]``

Theory of operation
-------------------
For each of core, firmware, link and broker (SIGKILL) and core once more (SIGSTOP, then SIGCONT) a fresh live
bedside runs the prescription ``demo`` until the first hold; then the process is taken away.  The plant's
own log of the truth gives the time to "dump valve open" and to "below 15 mmHg", and whether the buzzer of
the controller sounded.  Then what was taken away is started again, the session comes to its end, and all that
is in the journal must be with the subscriber: the journal is verified, its event numbers compared with the
``seq`` of what was received.

What is counted: ms from the signal to the first line of the log (100 Hz) that shows the state; ``sounded``:
who raised a signal (``buzzer``: the controller by itself or for core; ``core``: an alarm row).

Ends with 0 when every drill kept its promises (``_broken``), 1 otherwise.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from gateway.record.events import AlarmRaised
from gateway.record.reader import JournalReader
from gateway.record.summary import Summary
from gateway.record.verify import verify
from gateway.runtime.requests import SessionReset
from gateway.simulation.live import LiveBedside, LiveError

DEFLATED_MMHG = 15.0
DEAD_MAN_MS = 1100
DEFLATION_MS = 2500
_LOOKS = 60


@dataclass(slots=True)
class Drill:
    """What one drill found. Times in ms from the signal, ``None`` where the cuff stayed as it was."""

    name: str
    valve_open_ms: int | None = None
    below_15_mmhg_ms: int | None = None
    sounded: list[str] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    journal_sound: bool = False
    events_in_journal: int = 0
    events_received: int = 0
    missing: int = 0
    duplicates: int = 0
    broken: list[str] = field(default_factory=list)


def core_killed(bedside: LiveBedside) -> int:
    """SIGKILL of core; started again after the cuff has had time to empty."""
    at = _signal(bedside, "core", signal.SIGKILL)
    bedside.pause(3.0)
    bedside.start_core()
    return at


def core_stopped(bedside: LiveBedside) -> int:
    """SIGSTOP of core for three seconds."""
    at = _signal(bedside, "core", signal.SIGSTOP)
    bedside.pause(3.0)
    bedside.stage.kill("core", signal.SIGCONT)
    return at


def firmware_killed(bedside: LiveBedside) -> int:
    """SIGKILL of the controller: its power is gone. Powered up again, it stays latched out until a reset."""
    at = _signal(bedside, "controller", signal.SIGKILL)
    bedside.wait_until("the session has ended", lambda state: state.get("session") is None)
    bedside.start_controller()
    bedside.wait_until("the controller is back", lambda state: state["cuff_ok"])
    if bedside.state()["latched"] is None:
        raise LiveError("the latch did not wait for a person")
    bedside.ask(SessionReset(confirm=True))
    return at


def link_killed(bedside: LiveBedside) -> int:
    """SIGKILL of the link; started again three seconds later."""
    at = _signal(bedside, "link", signal.SIGKILL)
    bedside.pause(3.0)
    bedside.start_link()
    return at


def broker_killed(bedside: LiveBedside) -> int:
    """SIGKILL of the broker; started again on its port three seconds later."""
    at = _now_ms()
    bedside.broker.kill()
    bedside.pause(3.0)
    bedside.restart_broker()
    return at


DRILLS: dict[str, Callable[[LiveBedside], int]] = {
    "core killed": core_killed,
    "core stopped": core_stopped,
    "firmware killed": firmware_killed,
    "link killed": link_killed,
    "broker killed": broker_killed,
}

_VENTS = ("core killed", "core stopped", "firmware killed")


def run(name: str, state_dir: Path) -> Drill:
    """One drill on a fresh bedside. Raises ``LiveError`` when the bedside itself does not work."""
    with LiveBedside(state_dir, seed=1) as bedside:
        bedside.start_session()
        bedside.wait_until("the cuff holds", lambda state: state["phase"] == "holding")
        before = bedside.events_recorded()
        at_ms = DRILLS[name](bedside)
        drill = Drill(name)
        bedside.wait_until("the session has ended", lambda state: state.get("session") is None)
        _compare(bedside, drill)
        _look_at_the_cuff(bedside, drill, at_ms)
        drill.sounded += _alarms_since(bedside, before)
    drill.journal_sound = verify(bedside.journal).ok
    drill.broken = _broken(drill)
    return drill


def _signal(bedside: LiveBedside, name: str, number: int) -> int:
    at = _now_ms()
    bedside.stage.kill(name, number)
    return at


def _now_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


def _look_at_the_cuff(bedside: LiveBedside, drill: Drill, at_ms: int) -> None:
    after = [line for line in bedside.truth() if line.t_ms >= at_ms]
    if drill.name in _VENTS:
        drill.valve_open_ms = next((line.t_ms - at_ms for line in after if line.dump_open), None)
        emptied = (line.t_ms - at_ms for line in after if line.pressure_mmhg < DEFLATED_MMHG)
        drill.below_15_mmhg_ms = next(emptied, None)
    if any(line.buzzer for line in after):
        drill.sounded.append("buzzer")


def _alarms_since(bedside: LiveBedside, event: int) -> list[str]:
    with JournalReader.open(bedside.journal) as reader:
        rows = [row for row in reader.rows(kind="event") if row.type == AlarmRaised.name]
    later = [row.body for row in rows if (row.event_seq or 0) > event]
    return [f"core: {msgspec.json.decode(body, type=AlarmRaised).condition}" for body in later]


def _compare(bedside: LiveBedside, drill: Drill) -> None:
    """Wait until everything in the journal has been received, or until nothing more comes."""
    for _ in range(_LOOKS):
        with JournalReader.open(bedside.journal) as reader:
            rows = [row for row in reader.rows(kind="event") if row.event_seq is not None]
        drill.events_in_journal = len(rows)
        received = bedside.subscriber.events()
        missing = {row.event_seq for row in rows} - set(received)
        drill.events_received, drill.missing = len(set(received)), len(missing)
        drill.duplicates = len(received) - len(set(received))
        summaries = [msgspec.json.decode(row.body, type=Summary) for row in rows if row.type == Summary.name]
        if summaries and not missing:
            drill.outcome, drill.reason = summaries[-1].outcome, summaries[-1].end_reason or ""
            return
        bedside.pause()


def _broken(drill: Drill) -> list[str]:
    """The promises that this drill did not keep."""
    broken = []
    if drill.missing or not drill.events_in_journal:
        broken.append(f"{drill.missing} events never reached the subscriber")
    if not drill.journal_sound:
        broken.append("the journal does not verify")
    if drill.name in _VENTS:
        broken += _not_vented(drill)
    elif drill.outcome != "completed":
        broken.append(f"therapy changed: {drill.outcome} ({drill.reason})")
    return broken


def _not_vented(drill: Drill) -> list[str]:
    broken = []
    if drill.valve_open_ms is None or drill.valve_open_ms > DEAD_MAN_MS:
        broken.append(f"valve open after {drill.valve_open_ms} ms, promised {DEAD_MAN_MS} ms")
    if drill.below_15_mmhg_ms is None or drill.below_15_mmhg_ms > DEAD_MAN_MS + DEFLATION_MS:
        broken.append(f"below 15 mmHg after {drill.below_15_mmhg_ms} ms")
    if drill.outcome != "interrupted":
        broken.append(f"the session ended as {drill.outcome}, not as interrupted")
    if not drill.sounded:
        broken.append("nobody sounded")
    return broken


def _text(drill: Drill) -> str:
    verdict = "kept" if not drill.broken else "BROKEN: " + "; ".join(drill.broken)
    vent = f"valve open {drill.valve_open_ms} ms, < 15 mmHg {drill.below_15_mmhg_ms} ms"
    cuff = vent if drill.name in _VENTS else "therapy went on"
    return (
        f"{drill.name:<16} {cuff}; sounded: {', '.join(drill.sounded) or 'nobody'}; {drill.outcome} "
        f"({drill.reason}); journal {'sound' if drill.journal_sound else 'NOT sound'}; received "
        f"{drill.events_received}/{drill.events_in_journal}, {drill.missing} missing, "
        f"{drill.duplicates} duplicates; {verdict}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the drills and print what they found."""
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, help="folder for journals and logs (default: a new one)")
    parser.add_argument("--only", choices=list(DRILLS), help="one drill")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    root = options.state or Path(tempfile.mkdtemp(prefix="rvos-kills-"))
    drills = []
    for name in [options.only] if options.only else DRILLS:
        folder = root / name.replace(" ", "-")
        folder.mkdir(parents=True)
        try:
            drills.append(run(name, folder.resolve()))
        except LiveError as error:
            drills.append(Drill(name, broken=[str(error)]))
        if not options.json:
            print(_text(drills[-1]), flush=True)
    if options.json:
        json.dump([asdict(drill) for drill in drills], sys.stdout)
    return 1 if any(drill.broken for drill in drills) else 0


if __name__ == "__main__":
    sys.exit(main())
