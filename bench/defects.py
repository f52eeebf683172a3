"""Which check catches a defect that was put in on purpose, and in how long.

``python -m bench.defects [--json] [--tests] [--only NAME]``

Theory of operation
-------------------
Each row plants one defect (``bench.planted``), or the same one in both layers, plays one session in which
that protection is needed, and looks at what happens.  Time counts from the instant at which the protection
was needed (``since``).  *Caught* means that nothing is energised any more: by whatever latched, stopped or
refused last before that.  A harm, or a hardware duty that was not done, is caught by the harm monitor and by
nobody before it.  Somebody looks after an alarm only 20 s later.

Every row is played a second time without its defect: what caught it then, and when, shows that the defect
was really exercised.

``--tests`` plants each single defect for the unit tests of its room as well and tells which test fails first,
and after how many seconds.  Ends with 1 when a row is not caught as it says.

Units: ms of virtual time; seconds of the wall for tests.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import planted
from bench.planted import Patches, Plant
from gateway.model import DeviceFault, Limb, Permit, Reason, Safe
from gateway.runtime.session import Session
from gateway.simulation import campaign, trial
from gateway.simulation.attendant import Order
from gateway.simulation.conduct import Conduct
from gateway.simulation.faults import Fault
from gateway.simulation.models import LIMBS
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.protocols import SHORT, STIMULATION, WHOLE, Protocol

HOLD_MS, CONTRACTION_MS = 9_000, 1_500
"""Well inside the first hold of the short protocol, the first contraction of the stimulation."""
_FOREVER_MS = 10_000_000
_INFLATED_MMHG = 15.0
_CONDUCT = Conduct(answers_after_ms=20_000, again=True)
_LONG = Protocol(WHOLE.prescription, "fast_cuff", "fast_limb", 700_000, 1_000_000, ())

_KILLED = (Fault("core_killed", HOLD_MS, _FOREVER_MS),)
_SLIGHTLY_OFF = (Fault("sensor_offset", HOLD_MS, _FOREVER_MS, {"sensor": 1, "offset_dmmhg": 175}),)
_OFF = (Fault("sensor_offset", HOLD_MS, _FOREVER_MS, {"sensor": 1, "offset_dmmhg": 600}),)
_RESTARTED = (Fault("core_killed", 260_000, 3_000), Fault("device_reboots", 260_000, 3_000))
_KINK = (Fault("hose_kinked", HOLD_MS, _FOREVER_MS),)
_PEEL = (Fault("electrode_peels", CONTRACTION_MS, _FOREVER_MS, {"peel_percent": 95, "stops_itself": 0}),)
_SILENCE = (Fault("stimulator_silent", 1_100, 1_500),)
_PATIENT = (Fault("patient_stops", CONTRACTION_MS, 300),)


@dataclass(frozen=True, slots=True)
class Row:
    """One defect. ``caught``: by whom; ``since``: from when; ``tests``: who should notice as well."""

    name: str
    plants: tuple[Plant, ...]
    faults: tuple[Fault, ...]
    caught: str
    since: str = "fault"
    protocol: Protocol = SHORT
    tests: str = ""


_BOTH = "both layers"
ROWS = (
    Row(
        "supervisor ceiling",
        (planted.gateway_ceiling,),
        (),
        "gateway device_refused",
        "asked too much",
        tests="tests/safety/test_inflation.py",
    ),
    Row(
        f"ceiling, {_BOTH}",
        (planted.gateway_ceiling, planted.firmware_ceiling),
        (),
        "controller OVER_PRESSURE",
        "asked too much",
    ),
    Row(
        f"ceiling and over-pressure, {_BOTH}",
        (
            planted.gateway_ceiling,
            planted.firmware_ceiling,
            planted.gateway_over_pressure,
            planted.firmware_over_pressure,
        ),
        (),
        "monitor over_pressure",
        "asked too much",
    ),
    Row(
        "firmware dead-man",
        (planted.dead_man,),
        _KILLED,
        "monitor still_inflated",
        tests="tests/firmware_bridge/test_lease.py",
    ),
    Row(
        "vent on trip, gateway",
        (planted.gateway_vents_on_trip,),
        _SLIGHTLY_OFF,
        "controller GATEWAY_LOST",
        tests="tests/runtime/test_faults.py",
    ),
    Row(
        "vent on trip, controller",
        (planted.firmware_vents_on_trip,),
        _OFF,
        "gateway device_fault",
        tests="tests/firmware_bridge/test_interlock.py",
    ),
    Row(
        f"vent on trip, {_BOTH}",
        (planted.gateway_vents_on_trip, planted.firmware_vents_on_trip),
        _OFF,
        "monitor still_inflated",
    ),
    Row(
        "debt after restart, gateway",
        (planted.gateway_debt_after_restart,),
        _RESTARTED,
        "gateway ischaemia_debt",
        "began again",
        _LONG,
        tests="tests/runtime/test_faults.py",
    ),
    Row(
        "debt after restart, controller",
        (planted.firmware_debt_after_reset,),
        _RESTARTED,
        "gateway ischaemia_debt",
        "began again",
        _LONG,
        tests="tests/firmware_bridge/test_limbs.py",
    ),
    Row(
        f"debt after restart, {_BOTH}",
        (planted.gateway_debt_after_restart, planted.firmware_debt_after_reset),
        _RESTARTED,
        "monitor over_debt",
        "began again",
        _LONG,
    ),
    Row(
        "blocked hose, gateway",
        (planted.gateway_compares_sensors,),
        _KINK,
        "controller NOT_DEFLATED",
        "vent due",
        tests="tests/safety/test_sensors.py",
    ),
    Row(
        "blocked hose, controller",
        (planted.firmware_compares_sensors,),
        _KINK,
        "gateway sensors_disagree",
        "vent due",
        tests="tests/firmware_bridge/test_airflow.py",
    ),
    Row(
        f"blocked hose, {_BOTH}",
        (planted.gateway_compares_sensors, planted.firmware_compares_sensors),
        _KINK,
        "monitor hardware duty",
        "vent due",
    ),
    Row(
        "stimulator not stopped on trip",
        (planted.gateway_stops_stimulator,),
        _PEEL,
        "gateway electrode_fault",
        protocol=STIMULATION,
        tests="tests/runtime/test_stimulation.py",
    ),
    Row(
        "relay not opened on trip",
        (planted.gateway_opens_relay,),
        _PEEL,
        "gateway electrode_fault",
        protocol=STIMULATION,
        tests="tests/runtime/test_gate_outputs.py",
    ),
    Row(
        "neither stopped nor opened on trip",
        (planted.gateway_stops_stimulator, planted.gateway_opens_relay),
        _PEEL,
        "monitor electrode_error",
        protocol=STIMULATION,
    ),
    Row(
        "electrode error",
        (planted.gateway_sees_electrodes,),
        _PEEL,
        "monitor electrode_error",
        protocol=STIMULATION,
        tests="tests/safety/test_stimulation.py",
    ),
    Row(
        "stimulation resumes after a gap",
        (planted.gateway_sees_gaps,),
        _SILENCE,
        "monitor current_after_gap",
        protocol=STIMULATION,
        tests="tests/safety/test_stimulation.py",
    ),
    Row(
        "patient's stop, controller",
        (planted.firmware_heeds_people,),
        _PATIENT,
        "gateway stopped_by_patient",
        protocol=STIMULATION,
        tests="tests/firmware_bridge/test_people.py",
    ),
    Row(
        "patient's stop, gateway",
        (planted.gateway_heeds_people,),
        _PATIENT,
        "controller stopped by a person",
        protocol=STIMULATION,
        tests="tests/safety/test_purposes.py",
    ),
    Row(
        f"patient's stop, {_BOTH}",
        (planted.gateway_heeds_people, planted.firmware_heeds_people),
        _PATIENT,
        "monitor current_after_stop",
        protocol=STIMULATION,
    ),
)


@dataclass(frozen=True, slots=True)
class Caught:
    """What ended the danger, how long after it was needed, and what came of it."""

    by: str
    after_ms: int | None
    harms: tuple[str, ...]


class _Watched(trial.Trial):
    """A session whose turning points are noted."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.first_ms: dict[str, int] = {}
        self.caught: tuple[str, int] | None = None
        self.session: Session | None = None
        self._newest = ""
        self._told: set[str] = set()
        self._began: set[int] = set()

    def turn(self) -> None:
        """A turn, and what is new in it."""
        super().turn()
        for name, is_true in _MARKS.items():
            if name not in self.first_ms and is_true(self):
                self.first_ms[name] = self.bedside.now
        self._began.add(self.attendant.began_ms)
        core = self.bedside.core
        self.session = self.session if core is None or core.session is None else core.session

    @property
    def beginnings(self) -> int:
        """How many sessions somebody began."""
        return len(self._began - {-1})

    def look(self, since: str) -> None:
        """Note who ended it, once, from ``since`` on."""
        if since not in self.first_ms or self.caught is not None:
            return
        for word in (*_gateway_says(self), *_controller_says(self)):
            if word not in self._told:
                self._told.add(word)
                self._newest = word
        now = self.bedside.now
        wrong = [kind.value for kind in self.monitor.harms]
        wrong += ["hardware duty"] * (not all(duty.passed for duty in self.monitor.duties))
        if wrong:
            self.caught = (f"monitor {wrong[0]}", now)
        elif self._newest and not _is_energised(self):
            self.caught = (self._newest, now)


def _gateway_says(watched: _Watched) -> list[str]:
    core = watched.bedside.core
    if core is None:
        return []
    said = [] if core.state.latched is None else [core.state.latched.value]
    if watched.session is not None and watched.session.ending is not None:
        said.append(watched.session.ending.reason.value)
    if isinstance(core.answer, Safe) and core.answer.reason is Reason.ISCHAEMIA_DEBT:
        said.append(core.answer.reason.value)
    return [f"gateway {word}" for word in said if word != Reason.PLANNED.value]


def _controller_says(watched: _Watched) -> list[str]:
    controller = watched.bedside.controller
    if controller is None:
        return []
    faults = controller.core.interlock.faults
    said = [f"controller {fault.name}" for fault in DeviceFault if fault and faults & fault.value]
    return [*said, *["controller stopped by a person"] * controller.core.stopped]


def _is_energised(watched: _Watched) -> bool:
    controller = watched.bedside.controller
    if controller is None:
        return False
    return controller.core.lease.is_active() or watched.bedside.plant.tissue_current_ua > 0


def _asks_too_much(watched: _Watched) -> bool:
    core = watched.bedside.core
    if core is None or not isinstance(core.answer, Permit):
        return False
    return core.answer.pressure_dmmhg > core.setup.limits.pressure_ceiling_dmmhg


def _is_vent_due(watched: _Watched) -> bool:
    bedside = watched.bedside
    inflated = bedside.plant.pressure_mmhg > _INFLATED_MMHG
    return bool(watched.injector.begun) and inflated and not bedside.tap.leased(bedside.now)


_MARKS: dict[str, Callable[[_Watched], bool]] = {
    "fault": lambda watched: bool(watched.injector.begun),
    "asked too much": _asks_too_much,
    "vent due": _is_vent_due,
    "began again": lambda watched: watched.beginnings > 1,
}


def play(row: Row, folder: Path, *, healthy: bool = False) -> Caught:
    """Play the row's session, with its defect or without; what caught it."""
    warm, patches = campaign._warm_bedside(row.protocol), Patches()
    for plant in () if healthy else row.plants:
        plant(patches)
    try:
        bedside = warm.bedside(LIMBS[row.protocol.limb], 1, folder / "journal.db")
        order = Order(row.protocol.prescription, Limb.LEFT_THIGH, "somebody", _CONDUCT)
        watched = _Watched(bedside, order, row.faults, Task(0, 1, (), row.protocol))
        outcome = _run(watched, row.since)
    finally:
        patches.undo()
    by, at_ms = watched.caught or ("nobody", None)
    after_ms = None if at_ms is None else at_ms - watched.first_ms[row.since]
    return Caught(by, after_ms, tuple(harm.kind.value for harm in outcome.harms))


def _run(watched: _Watched, since: str) -> Outcome:
    turn = watched.turn

    def turn_and_look() -> None:
        turn()
        watched.look(since)

    watched.turn = turn_and_look  # type: ignore[method-assign]
    return watched.run()


# --- tests ------------------------------------------------------------------------------------------

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def tested(row: Row) -> tuple[str, float]:
    """The first unit test that fails with the row's defect, and after how many seconds."""
    began_s = time.monotonic()
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "bench.planted", row.tests]
    names = ",".join(plant.__name__ for plant in row.plants)
    ended = subprocess.run(
        words, env=os.environ | {planted.VARIABLE: names}, capture_output=True, text=True, check=False
    )
    failed = _FAILED.search(ended.stdout)
    return failed[1] if failed else "none", time.monotonic() - began_s


# --- telling ----------------------------------------------------------------------------------------


def measure(rows: Sequence[Row], *, tests: bool) -> list[dict[str, object]]:
    """What became of every row."""
    found: list[dict[str, object]] = []
    for row in rows:
        with tempfile.TemporaryDirectory(prefix="rvos-defects-") as name:
            (Path(name) / "healthy").mkdir()
            with_it = play(row, Path(name))
            without = play(row, Path(name) / "healthy", healthy=True)
        told: dict[str, object] = {
            "defect": row.name,
            "planted": [plant.__name__ for plant in row.plants],
            "fault": [fault.kind for fault in row.faults],
            "since": row.since,
            **asdict(with_it),
            "as_expected": with_it.by == row.caught,
            "without_it": {"by": without.by, "after_ms": without.after_ms},
        }
        if tests and row.tests:
            test, seconds = tested(row)
            told["test"], told["test_s"] = test, round(seconds, 1)
        found.append(told)
    return found


def table(found: Sequence[dict[str, object]]) -> str:
    """The rows for a person."""
    lines = [f"{'defect':<40}{'caught by':<30}{'after':>9}  harm; without the defect"]
    for row in found:
        without = row["without_it"]
        assert isinstance(without, dict)
        usual = f"{without['by']} {without['after_ms']} ms" if without["after_ms"] is not None else "nothing"
        harms = row["harms"]
        assert isinstance(harms, tuple)
        words = ", ".join(harms) or "none"
        lines.append(f"{row['defect']:<40}{row['by']:<30}{row['after_ms']!s:>6} ms  {words}; {usual}")
        if "test" in row:
            lines.append(f"{'':<40}{row['test']} in {row['test_s']} s")
    return "\n".join(lines)


def main() -> None:
    """Plant, play, tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.defects", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON list")
    parser.add_argument("--tests", action="store_true", help="run the unit tests of each defect's room too")
    parser.add_argument("--only", default="", help="only the rows whose name contains this")
    options = parser.parse_args()
    rows = [row for row in ROWS if options.only in row.name]
    found = measure(rows, tests=options.tests)
    print(json.dumps(found) if options.as_json else table(found))
    sys.exit(0 if all(row["as_expected"] for row in found) else 1)


if __name__ == "__main__":
    main()
