"""How long each fault takes to be safe: bounds from the code, times from real processes.

``python -m bench.responses [--runs N] [--only FAULT] [--state DIR] [--json] [--write]``

Theory of operation
-------------------
One live bedside (real core and link, the real firmware under MicroPython, pseudo-terminals) is started, and
every fault of ``bench.faults`` is made N times in the first hold of a session of its own: ``ready``,
``occlude``, make, mend, look.  What happened to cuff and buzzer is read from the plant's log of the truth
(100 Hz), what core said from its journal.  The instant of a fault within the lease that runs is left to
chance, from a seed.

``--write`` puts the table into docs/safety/response-times.md.  Bounds that are on that page and not
those of the code fail a test.

Ends with 0 when every time of every run kept its bound and every session ended as it should, 1 otherwise.

Units: ms.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.bedside import DEFLATED_MMHG, WiredBedside
from bench.faults import BY_NAME, FAULTS, Bound, Fault, total_ms
from bench.response_page import PAGE, Row, render
from gateway.simulation.live import LiveError
from gateway.simulation.stage import micropython

SEED = 1
_LONGEST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """What one fault did. ``None``: it did not happen."""

    valve_ms: int | None
    empty_ms: int | None
    buzzer_ms: int | None
    core_ms: int | None
    outcome: str


def measure(bedside: WiredBedside, fault: Fault, run: int, pause_s: float) -> Run:
    """One session, one fault. Raises ``LiveError`` when the bedside itself does not work."""
    bedside.ready()
    bedside.occlude()
    bedside.pause(pause_s)
    before = bedside.events_recorded()
    at_ms = fault.make(bedside, run)
    fault.mend(bedside, at_ms)
    outcome = bedside.end_of_session()
    truth = bedside.truth_since(at_ms) if fault.vents else []
    alarms = [alarm for alarm in bedside.alarms_since(before) if alarm.condition in fault.by_core]
    return Run(
        valve_ms=next((line.t_ms - at_ms for line in truth if line.dump_open), None),
        empty_ms=next((line.t_ms - at_ms for line in truth if line.pressure_mmhg < DEFLATED_MMHG), None),
        buzzer_ms=next((line.t_ms - at_ms for line in truth if line.buzzer), None),
        core_ms=next((alarm.at_ms - at_ms for alarm in alarms), None),
        outcome=outcome,
    )


def broken(fault: Fault, run: Run) -> list[str]:
    """The bounds that this run did not keep, in words."""
    found = []
    for what, bound, value_ms in (
        ("valve open", fault.valve, run.valve_ms),
        ("below 15 mmHg", fault.empty_bound, run.empty_ms),
        ("buzzer", fault.buzzer, run.buzzer_ms),
        ("alarm of core", fault.core, run.core_ms),
    ):
        if bound is not None and not _kept(bound, value_ms):
            found.append(f"{what} after {value_ms} ms, bound {total_ms(bound)} ms")
    expected = "interrupted" if fault.vents else "completed"
    if run.outcome != expected:
        found.append(f"the session ended as {run.outcome}, not as {expected}")
    return found


def _kept(bound: Bound, value_ms: int | None) -> bool:
    return value_ms is not None and value_ms <= total_ms(bound)


def row_of(fault: Fault, runs: Sequence[Run]) -> Row:
    """Median and worst of the runs, for the times that have a bound."""
    return Row(
        fault,
        len(runs),
        _figures(fault.valve, [run.valve_ms for run in runs]),
        _figures(fault.empty_bound, [run.empty_ms for run in runs]),
        _figures(fault.buzzer, [run.buzzer_ms for run in runs]),
        _figures(fault.core, [run.core_ms for run in runs]),
    )


def _figures(bound: Bound | None, values: Sequence[int | None]) -> tuple[int, int] | None:
    known = [value for value in values if value is not None]
    if bound is None or not known:
        return None
    return statistics.median_high(known), max(known)


def series(bedside: WiredBedside, fault: Fault, runs: int, pauses: random.Random) -> list[Run]:
    """The same fault again and again; each run is told on standard error."""
    found = []
    for number in range(1, runs + 1):
        run = measure(bedside, fault, number, pauses.uniform(0.0, _LONGEST_PAUSE_S))
        wrong = "; ".join(broken(fault, run)) or "kept"
        print(f"{fault.name} {number}/{runs}: {_text(run)}: {wrong}", file=sys.stderr, flush=True)
        found.append(run)
    return found


def _text(run: Run) -> str:
    return (
        f"valve open {run.valve_ms} ms, < 15 mmHg {run.empty_ms} ms, buzzer {run.buzzer_ms} ms, "
        f"core's alarm {run.core_ms} ms, {run.outcome}"
    )


def conditions(runs: int) -> str:
    """One sentence on what was measured on."""
    firmware = "MicroPython" if micropython() else "CPython"
    return (
        f"runs of each fault: {runs}, seed {SEED}; {platform.machine()}, {os.cpu_count()} processors, Linux, "
        f"CPython {platform.python_version()}; the controller's program under {firmware}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.responses", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs of each fault (3)")
    parser.add_argument("--only", choices=sorted(BY_NAME), help="one fault")
    parser.add_argument("--state", type=Path, help="folder for journal and logs (default: a new one)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs every fault; leave --only out")
    folder = options.state or Path(tempfile.mkdtemp(prefix="rvos-responses-"))
    folder.mkdir(parents=True, exist_ok=True)
    faults = [BY_NAME[options.only]] if options.only else FAULTS
    pauses = random.Random(SEED)
    try:
        with WiredBedside(folder.resolve(), SEED) as bedside:
            found = {fault.name: series(bedside, fault, options.runs, pauses) for fault in faults}
    except LiveError as error:
        print(f"bench.responses: {error}", file=sys.stderr)
        return 1
    page = render([row_of(fault, found[fault.name]) for fault in faults], conditions(options.runs))
    if options.write:
        PAGE.write_text(page)
    if options.json:
        json.dump({name: [asdict(run) for run in runs] for name, runs in found.items()}, sys.stdout)
    else:
        print(page)
    return 1 if any(broken(BY_NAME[name], run) for name, runs in found.items() for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
