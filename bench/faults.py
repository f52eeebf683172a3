"""The faults of the response table: how each is made, what it may take, where the bound comes from.

Theory of operation
-------------------
A ``Fault`` takes something away (``make``; it answers with the instant from which time counts) and brings
it back (``mend``).  Its bounds are sums of figures of the code, never measurements: the longest lease, the
times of the interlock, and for each loop involved its own limit for being late, because a loop that is later
than that is a fault of its own, which vents by itself.  Deflation is that of the simulated cuff: the time
that its model claims, drawn out to the highest pressure that the cuff can have had.

Four times are bounded: dump valve open; cuff below 15 mmHg; the controller's buzzer; an alarm row of core
(its light and text follow in the same turn of its cycle).  ``None`` means that nobody promises it, as with
an alarm of a core that has been killed.

Units: ms.
"""

import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bench.bedside import DEFLATED_MMHG, SYSTOLIC_MMHG, WiredBedside, monotonic_ms
from bench.wires import CONTROL_MISSING, HONEST, LIMIT_MISSING, RUNAWAY
from firmware_bridge.mcu import limits as firmware
from firmware_bridge.mcu.controller import STATUS_MS
from gateway.model import Reason
from gateway.safety.limits import HARD
from gateway.simulation.plant import WATCHDOG_MS
from gateway.simulation.plant_process import TICK_MS

MARGIN_MMHG = 50
RELIEF_MMHG = 330
SCHEDULER_MS = 50

# "1 s down" in the description of the fast cuff is the time from 170 to 15 mmHg, held within 3 % by
# tests/simulation/test_plant.py.
_CLAIMED_FROM_MMHG = 170
_CLAIMED_DOWN_MS = 1030


class Term(NamedTuple):
    """One figure of a bound: how the page writes it, its value, why it is part of the sum."""

    written: str
    value_ms: int
    why: str


Bound = tuple[Term, ...]


def total_ms(bound: Bound) -> int:
    """The sum of a bound."""
    return sum(term.value_ms for term in bound)


def deflation(from_mmhg: int) -> Term:
    """The simulated cuff's way from a pressure to 15 mmHg, from the time that its model claims."""
    share = math.log(from_mmhg / DEFLATED_MMHG) / math.log(_CLAIMED_FROM_MMHG / DEFLATED_MMHG)
    value_ms = math.ceil(_CLAIMED_DOWN_MS * share)
    down = f"ln({from_mmhg} / {DEFLATED_MMHG:.0f}) / ln({_CLAIMED_FROM_MMHG} / {DEFLATED_MMHG:.0f})"
    written = f"{value_ms} ({_CLAIMED_DOWN_MS} x {down})"
    return Term(written, value_ms, f"the simulated cuff empties, exponentially, from {from_mmhg} mmHg")


LEASE = Term(
    f"`Limits.permit_ms = {HARD.permit_ms}`", HARD.permit_ms, "the longest lease, given just before the fault"
)
CONTROLLER_STEP = Term(
    f"`limits.LOOP_LATE_MS = {firmware.LOOP_LATE_MS}`",
    firmware.LOOP_LATE_MS,
    "the controller's next step; a later one is a fault of its own and vents",
)
CORE_TURN = Term(
    f"`Limits.cycle_late_ms = {HARD.cycle_late_ms}`",
    HARD.cycle_late_ms,
    "core's next turn; a later one is a trip of its own",
)
STATUS = Term(f"`controller.STATUS_MS = {STATUS_MS}`", STATUS_MS, "the next status tells core")
STATUS_AGE = Term(f"`Limits.status_age_ms = {HARD.status_age_ms}`", HARD.status_age_ms, "core's patience")
SENSOR_MISSING = Term(
    f"`limits.SENSOR_MISSING_MS = {firmware.SENSOR_MISSING_MS}`",
    firmware.SENSOR_MISSING_MS,
    "a sensor without a value for longer than this",
)
OVER_PRESSURE = Term(
    f"`limits.PRESSURE_TRIP_MS = {firmware.PRESSURE_TRIP_MS}`",
    firmware.PRESSURE_TRIP_MS,
    "a sensor above 310 mmHg for so long",
)
WATCHDOG = Term(
    f"`plant.WATCHDOG_MS = {WATCHDOG_MS}`", WATCHDOG_MS, "the hardware watchdog of the controller's board"
)
LINK_GRACE = Term(
    f"`Limits.link_silent_ms = {HARD.link_silent_ms}`",
    HARD.link_silent_ms,
    "nobody has read core's feed for so long",
)
LOG_LINE = Term(
    f"`plant_process.TICK_MS = {TICK_MS}`", TICK_MS, "one line of the log that shows what is true"
)

SCHEDULER = Term(
    f"{SCHEDULER_MS} (scheduler)",
    SCHEDULER_MS,
    "signal, controller and plant are processes of a machine that is not real-time (engineering proposal)",
)

_HIGHEST_TARGET_MMHG = SYSTOLIC_MMHG + 2 + MARGIN_MMHG + HARD.deviation_dmmhg // 10
FROM_TARGET = deflation(_HIGHEST_TARGET_MMHG)
FROM_RELIEF = deflation(RELIEF_MMHG)


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. ``by_core`` is the condition that core must raise, if it must."""

    name: str
    counted_from: str
    make: Callable[[WiredBedside, int], int]
    mend: Callable[[WiredBedside, int], None]
    valve: Bound | None
    empty: Term | None
    buzzer: Bound | None
    core: Bound | None
    by_core: tuple[Reason, ...] = ()

    @property
    def vents(self) -> bool:
        """Whether there is something to make safe."""
        return self.valve is not None

    @property
    def empty_bound(self) -> Bound | None:
        """When the cuff is below 15 mmHg."""
        return None if self.valve is None or self.empty is None else (*self.valve, self.empty)


def _emptied(bedside: WiredBedside, at_ms: int) -> None:
    bedside.watch("the cuff is empty", lambda truth: truth.pressure_mmhg < DEFLATED_MMHG, at_ms)


def _core_killed(bedside: WiredBedside, run: int) -> int:
    at_ms = monotonic_ms()
    bedside.stage.kill("core", signal.SIGKILL)
    return at_ms


def _core_back(bedside: WiredBedside, at_ms: int) -> None:
    _emptied(bedside, at_ms)
    bedside.start_core()


def _stopper(name: str) -> Callable[[WiredBedside, int], int]:
    def make(bedside: WiredBedside, run: int) -> int:
        at_ms = monotonic_ms()
        bedside.stage.kill(name, signal.SIGSTOP)
        return at_ms

    return make


def _core_continued(bedside: WiredBedside, at_ms: int) -> None:
    _emptied(bedside, at_ms)
    bedside.stage.kill("core", signal.SIGCONT)


def _reset_by_watchdog(bedside: WiredBedside, at_ms: int) -> None:
    """What the hardware watchdog does to a real board: the program starts anew."""
    _emptied(bedside, at_ms)
    bedside.stage.kill("controller", signal.SIGKILL)
    bedside.start_controller()


def _link_killed(bedside: WiredBedside, run: int) -> int:
    at_ms = monotonic_ms()
    bedside.stage.kill("link", signal.SIGKILL)
    return at_ms


def _link_back(bedside: WiredBedside, at_ms: int) -> None:
    bedside.wait_for_alarm(Reason.LINK_LOST)
    bedside.start_link()


def _cable_pulled(bedside: WiredBedside, run: int) -> int:
    return bedside.pull_cable()


def _cable_plugged(bedside: WiredBedside, at_ms: int) -> None:
    _emptied(bedside, at_ms)
    bedside.plug_cable()


def _sensor_lost(bedside: WiredBedside, run: int) -> int:
    """The one and the other by turns."""
    return bedside.lie(LIMIT_MISSING if run % 2 else CONTROL_MISSING)


def _honest(bedside: WiredBedside, at_ms: int) -> None:
    _emptied(bedside, at_ms)
    bedside.lie(HONEST)


def _over_pressure(bedside: WiredBedside, run: int) -> int:
    limit_mmhg = firmware.PRESSURE_TRIP_DMMHG / 10
    since_ms = bedside.lie(RUNAWAY)
    return bedside.watch(
        f"the pressure passes {limit_mmhg:.0f} mmHg", lambda truth: truth.pressure_mmhg > limit_mmhg, since_ms
    ).t_ms


_LEASE_ENDS = (LEASE, CONTROLLER_STEP, LOG_LINE)
_SENSOR = (SENSOR_MISSING, CONTROLLER_STEP, LOG_LINE)
_PRESSURE = (OVER_PRESSURE, CONTROLLER_STEP, LOG_LINE)

FAULTS = (
    Fault(
        "core killed", "SIGKILL", _core_killed, _core_back, _LEASE_ENDS, FROM_TARGET, _LEASE_ENDS, core=None
    ),
    Fault(
        "core stopped",
        "SIGSTOP",
        _stopper("core"),
        _core_continued,
        _LEASE_ENDS,
        FROM_TARGET,
        _LEASE_ENDS,
        core=None,
    ),
    Fault(
        "cable pulled",
        "the cable's process is gone",
        _cable_pulled,
        _cable_plugged,
        _LEASE_ENDS,
        FROM_TARGET,
        _LEASE_ENDS,
        core=(CORE_TURN,),
        by_core=(Reason.CUFF_STATUS_LOST,),
    ),
    Fault(
        "firmware hung",
        "SIGSTOP of the controller's program",
        _stopper("controller"),
        _reset_by_watchdog,
        (WATCHDOG, SCHEDULER, LOG_LINE),
        FROM_TARGET,
        buzzer=None,
        core=(STATUS_AGE, CORE_TURN),
        by_core=(Reason.CUFF_STATUS_LOST,),
    ),
    Fault(
        "sensor lost",
        "the first reading without a value",
        _sensor_lost,
        _honest,
        _SENSOR,
        FROM_TARGET,
        _SENSOR,
        core=(SENSOR_MISSING, CONTROLLER_STEP, STATUS, CORE_TURN),
        by_core=(Reason.DEVICE_FAULT, Reason.SENSOR_MISSING),
    ),
    Fault(
        "over-pressure",
        "the true pressure passes 310 mmHg",
        _over_pressure,
        _honest,
        _PRESSURE,
        FROM_RELIEF,
        _PRESSURE,
        core=(OVER_PRESSURE, CONTROLLER_STEP, STATUS, CORE_TURN),
        by_core=(Reason.OVER_PRESSURE, Reason.DEVICE_FAULT),
    ),
    Fault(
        "link killed",
        "SIGKILL",
        _link_killed,
        _link_back,
        valve=None,
        empty=None,
        buzzer=None,
        core=(LINK_GRACE, CORE_TURN),
        by_core=(Reason.LINK_LOST,),
    ),
)
"""The rows of the table, in its order."""

BY_NAME = {fault.name: fault for fault in FAULTS}
