"""Take each process away in the middle of an occlusion, and see what becomes of cuff and record.

``python -m bench.kills [--runs N] [--only NAME] [--state DIR] [--json]``

Theory of operation
-------------------
For each of core, firmware, link and broker (SIGKILL) a live bedside runs the prescription ``demo`` until the
first hold; then the process is taken away, started again, and the session comes to its end.  That is done N
times on the same bedside, so that its journal, its link's cursor and its subscriber live through all N.
In the end all that is in the journal must be with the subscriber: the journal is verified, its event
numbers compared with the ``seq`` of what was received.  The plant's own log of the truth (100 Hz) says when
the dump valve was open and the cuff below 15 mmHg; ``bench.responses`` has the table of those.

What is counted: ms from the signal to the first line of the log that shows the state, the worst of all runs;
events in the journal, received at least once, missing, and received more than once; ``sounded``: who raised
a signal (``buzzer``: the controller; otherwise conditions of core's alarm rows).

Ends with 0 when every drill kept its promises (``verdict``), 1 otherwise.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.bedside import DEFLATED_MMHG, RepeatedBedside, monotonic_ms
from gateway.record.reader import JournalReader
from gateway.record.verify import verify
from gateway.simulation.live import LiveError

DEAD_MAN_MS = 1100
DEFLATION_MS = 2500
AWAY_S = 3.0
SEED = 1

_LOOKS = 120


@dataclass(slots=True)
class Drill:
    """What one drill found in all its runs. Times in ms from the signal, the worst of the runs."""

    name: str
    runs: int = 0
    valve_open_ms: int | None = None
    below_15_mmhg_ms: int | None = None
    sounded: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    journal_sound: bool = False
    events_in_journal: int = 0
    events_received: int = 0
    missing: int = 0
    duplicates: int = 0
    broken: list[str] = field(default_factory=list)


def core_killed(bedside: RepeatedBedside) -> int:
    """SIGKILL of core; started again after the cuff has had time to empty."""
    at_ms = _kill(bedside, "core")
    bedside.pause(AWAY_S)
    bedside.start_core()
    return at_ms


def firmware_killed(bedside: RepeatedBedside) -> int:
    """SIGKILL of the controller: its power is gone. Powered up again, it stays latched out until a reset."""
    at_ms = _kill(bedside, "controller")
    bedside.wait_until("the session has ended", lambda state: state.get("session") is None)
    bedside.start_controller()
    bedside.wait_until("the controller is back", lambda state: state["cuff_ok"])
    if bedside.state()["latched"] is None:
        raise LiveError("the latch did not wait for a person")
    return at_ms


def link_killed(bedside: RepeatedBedside) -> int:
    """SIGKILL of the link; started again three seconds later."""
    at_ms = _kill(bedside, "link")
    bedside.pause(AWAY_S)
    bedside.start_link()
    return at_ms


def broker_killed(bedside: RepeatedBedside) -> int:
    """SIGKILL of the broker; started again on its port three seconds later."""
    at_ms = monotonic_ms()
    bedside.broker.kill()
    bedside.pause(AWAY_S)
    bedside.restart_broker()
    return at_ms


DRILLS: dict[str, Callable[[RepeatedBedside], int]] = {
    "core killed": core_killed,
    "firmware killed": firmware_killed,
    "link killed": link_killed,
    "broker killed": broker_killed,
}

_VENTS = ("core killed", "firmware killed")


def run(name: str, state_dir: Path, runs: int = 1) -> Drill:
    """One drill on a bedside of its own. Raises ``LiveError`` when the bedside itself does not work."""
    drill = Drill(name)
    with RepeatedBedside(state_dir, SEED) as bedside:
        for _ in range(runs):
            _once(bedside, drill)
        _compare(bedside, drill)
    drill.journal_sound = verify(bedside.journal).ok
    drill.broken += verdict(drill)
    return drill


def _once(bedside: RepeatedBedside, drill: Drill) -> None:
    bedside.ready()
    bedside.occlude()
    before = bedside.events_recorded()
    at_ms = DRILLS[drill.name](bedside)
    outcome = bedside.end_of_session()
    drill.runs += 1
    drill.outcomes[outcome] = drill.outcomes.get(outcome, 0) + 1
    heard = {alarm.condition for alarm in bedside.alarms_since(before)}
    _look_at_the_cuff(bedside, drill, at_ms, heard)


def _look_at_the_cuff(bedside: RepeatedBedside, drill: Drill, at_ms: int, heard: set[str]) -> None:
    after = bedside.truth_since(at_ms)
    if any(line.buzzer for line in after):
        heard.add("buzzer")
    drill.sounded = sorted(heard | set(drill.sounded))
    if drill.name not in _VENTS:
        return
    opened = next((line.t_ms - at_ms for line in after if line.dump_open), None)
    emptied = next((line.t_ms - at_ms for line in after if line.pressure_mmhg < DEFLATED_MMHG), None)
    if opened is None or emptied is None or not heard:
        drill.broken.append(
            f"run {drill.runs}: valve open {opened}, empty {emptied}, sounded {heard or 'no'}"
        )
        return
    drill.valve_open_ms = max(opened, drill.valve_open_ms or 0)
    drill.below_15_mmhg_ms = max(emptied, drill.below_15_mmhg_ms or 0)


def _kill(bedside: RepeatedBedside, name: str) -> int:
    at_ms = monotonic_ms()
    bedside.stage.kill(name, signal.SIGKILL)
    return at_ms


def _compare(bedside: RepeatedBedside, drill: Drill) -> None:
    """Wait until everything in the journal has been received, or until nothing more comes."""
    for _ in range(_LOOKS):
        with JournalReader.open(bedside.journal) as reader:
            recorded = {row.event_seq for row in reader.rows(kind="event") if row.event_seq is not None}
        received = bedside.subscriber.events()
        drill.events_in_journal, drill.events_received = len(recorded), len(recorded & set(received))
        drill.missing = len(recorded - set(received))
        drill.duplicates = len(received) - len(set(received))
        if recorded and not drill.missing:
            return
        bedside.pause()


def verdict(drill: Drill) -> list[str]:
    """The promises that this drill did not keep."""
    broken = []
    if drill.missing or not drill.events_in_journal:
        broken.append(f"{drill.missing} events never reached the subscriber")
    if not drill.journal_sound:
        broken.append("the journal does not verify")
    expected = "interrupted" if drill.name in _VENTS else "completed"
    if drill.outcomes != {expected: drill.runs}:
        broken.append(f"the sessions ended as {drill.outcomes}, not all as {expected}")
    return [*broken, *_not_vented(drill)] if drill.name in _VENTS else broken


def _not_vented(drill: Drill) -> list[str]:
    broken = []
    if drill.valve_open_ms is None or drill.valve_open_ms > DEAD_MAN_MS:
        broken.append(f"valve open after {drill.valve_open_ms} ms, promised {DEAD_MAN_MS} ms")
    if drill.below_15_mmhg_ms is None or drill.below_15_mmhg_ms > DEAD_MAN_MS + DEFLATION_MS:
        broken.append(f"below 15 mmHg after {drill.below_15_mmhg_ms} ms")
    return broken


def _text(drill: Drill) -> str:
    words = "kept" if not drill.broken else "BROKEN: " + "; ".join(drill.broken)
    vent = f"valve open {drill.valve_open_ms} ms, < 15 mmHg {drill.below_15_mmhg_ms} ms at worst"
    cuff = vent if drill.name in _VENTS else "therapy went on"
    return (
        f"{drill.name:<16} {drill.runs} runs: {cuff}; sounded: {', '.join(drill.sounded) or 'nobody'}; "
        f"{drill.outcomes}; journal {'sound' if drill.journal_sound else 'NOT sound'}; received "
        f"{drill.events_received}/{drill.events_in_journal}, {drill.missing} missing, "
        f"{drill.duplicates} duplicates; {words}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drills and print what they found."""
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="kills of each process (1)")
    parser.add_argument("--only", choices=list(DRILLS), help="one drill")
    parser.add_argument("--state", type=Path, help="folder for journals and logs (default: a new one)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    root = options.state or Path(tempfile.mkdtemp(prefix="rvos-kills-"))
    drills = []
    for name in [options.only] if options.only else DRILLS:
        folder = root / name.replace(" ", "-")
        folder.mkdir(parents=True)
        try:
            drills.append(run(name, folder.resolve(), options.runs))
        except LiveError as error:
            drills.append(Drill(name, broken=[str(error)]))
        if not options.json:
            print(_text(drills[-1]), flush=True)
    if options.json:
        json.dump([asdict(drill) for drill in drills], sys.stdout)
    return 1 if any(drill.broken for drill in drills) else 0


if __name__ == "__main__":
    sys.exit(main())
