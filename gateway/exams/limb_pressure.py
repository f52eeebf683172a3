"""Limb occlusion pressure: the plan of the measurement, and for what its result may be used.

Theory of operation
-------------------
A pure step machine (``gateway.exams.plan``):

    waiting -> climbing -> emptying -> waiting (next run) ... finished

A run starts at the systolic pressure and climbs by 10 mmHg, each step at most 10 s, to 300 mmHg (or the
site's ceiling) at most and for 300 s at most.  Where a pulse watcher says that the pulse was gone at the end
of two steps in a row, the run ends early: time under pressure is what this examination costs.  It is
repeated, because one measurement has no spread.  Each run is a schedule of its own: the supervisor grants it
when the debt of the one before is paid back, and it fits the day's budget or is left out.  The planned time
of a run does not change while it lasts.

The examination ends as planned when a run did; otherwise with what ended the last one.

The patient lies: sitting, the pressure is found in a third of the attempts only (clinical facts, 6.1).  A
result holds in this session, with this cuff, on this limb, in this posture, while the systolic stays within
20 mmHg of what it was; ``why_invalid`` says what changed.

Units: pressures 0.1 mmHg in the plan, mmHg elsewhere; times ms.  Sources: the steps, times and the 20 mmHg
are the project's (engineering proposal); supine: PMC12537725.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from gateway.exams.errors import PlanRefused
from gateway.exams.plan import VENT, InPhases, Seen, Step, begun_ms, wait
from gateway.model import BloodPressure, Intent, Limb, Output, Purpose, Reason, Safe

HIGHEST_MMHG = 300
LONGEST_STEP_MS = 10_000
LONGEST_RUN_MS = 300_000
STEP_MMHG = 10
FILL_MS = 45_000
"""What a run allows for the first filling: as long as the supervisor does before it calls it too slow."""

SYSTOLIC_WITHIN_MMHG = 20
_BEYOND_DMMHG = HIGHEST_MMHG * 10 + 1
"""Above every ceiling: the refusal says that the systolic leaves no step."""
SUPINE = "supine"


class Phase(StrEnum):
    """Where the plan stands."""

    WAITING = "waiting"
    CLIMBING = "climbing"
    EMPTYING = "emptying"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class LimbPressureOrder:
    """How the measurement is made. Raises ``PlanRefused`` beyond what the house allows.

    ``gone_steps``: after so many steps without pulse in a row a run ends.  ``pressure_wait_ms``: how long a
    run waits for a person's entry before it is left out.
    """

    runs: int = 2
    step_ms: int = LONGEST_STEP_MS
    highest_mmhg: int = HIGHEST_MMHG
    gone_steps: int = 2
    pressure_wait_ms: int = 600_000

    def __post_init__(self) -> None:
        bounds = {
            "runs": (self.runs, 2, 5),
            "step_ms": (self.step_ms, 5_000, LONGEST_STEP_MS),
            "highest_mmhg": (self.highest_mmhg, 100, HIGHEST_MMHG),
            "gone_steps": (self.gone_steps, 1, 10),
            "pressure_wait_ms": (self.pressure_wait_ms, 0, 600_000),
        }
        for name, (value, least, most) in bounds.items():
            if not least <= value <= most:
                raise PlanRefused("limb-pressure", f"{name} is {value}: must be {least} to {most}")

    exam: ClassVar[str] = "limb-pressure"

    @property
    def inflations(self) -> int:
        """How many there are."""
        return self.runs

    def under_pressure_ms(self, systolic_mmhg: int) -> int:
        """From inflation command to vent command, all runs together. Raises ``PlanRefused``."""
        return self.runs * planned_ms(self, systolic_mmhg)


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: at which target, and why (``PLANNED``: pulse gone, top or time reached)."""

    run: int
    target_dmmhg: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class LimbPressurePlan(InPhases):
    """An order and where it stands.

    ``cycle`` is the run.  ``since_ms`` is when the phase began; while climbing the step, and the first one
    only when the cuff is filled.  ``gone`` counts steps without pulse in a row.
    """

    order: LimbPressureOrder
    phase_now: Phase
    cycle: int
    since_ms: int
    target_dmmhg: int = 0
    planned_ms: int = 0
    started_ms: int = 0
    steps: int = 0
    gone: int = 0
    refused_since_ms: int | None = None
    ended: tuple[Ended, ...] = ()

    def time_left_ms(self, now: int) -> int:
        """How long a run still lasts by the plan, at most."""
        if self.phase_now is not Phase.CLIMBING:
            return 0
        return max(0, self.started_ms + self.planned_ms - now)

    def next_inflation(self, pressure: BloodPressure | None) -> Intent:
        """The next run as it would be asked for now."""
        return _wish(_aimed(self, pressure))

    def step(self, seen: Seen, now: int) -> Step:
        """One step; pure and total."""
        return _STEPS[self.phase_now](self, seen, now)


def start(order: LimbPressureOrder, now: int) -> LimbPressurePlan:
    """A plan before its first run."""
    return LimbPressurePlan(order, Phase.WAITING, 1, now)


def planned_ms(order: LimbPressureOrder, systolic_mmhg: int) -> int:
    """The longest that a run from this systolic may take. Raises ``PlanRefused`` where there is no step to
    make.
    """
    if not 0 < systolic_mmhg < order.highest_mmhg:
        text = f"a systolic of {systolic_mmhg} mmHg leaves no step below {order.highest_mmhg} mmHg"
        raise PlanRefused("limb-pressure", text)
    return _longest_ms(order, systolic_mmhg)


def _longest_ms(order: LimbPressureOrder, systolic_mmhg: int) -> int:
    steps = 1 + max(0, -(-(order.highest_mmhg - systolic_mmhg) // STEP_MMHG))
    return min(LONGEST_RUN_MS, FILL_MS + steps * order.step_ms)


def _wish(plan: LimbPressurePlan) -> Intent:
    longest_ms = plan.planned_ms
    return Intent(Output.CUFF, plan.target_dmmhg, longest_ms, plan.cycle, Purpose.LIMB_PRESSURE, longest_ms)


def _aimed(plan: LimbPressurePlan, pressure: BloodPressure | None) -> LimbPressurePlan:
    """At the systolic.  Without one, or with one that leaves no step, at what is never granted."""
    if pressure is None:
        return replace(plan, target_dmmhg=0, planned_ms=plan.order.step_ms)
    if not 0 < pressure.systolic_mmhg < plan.order.highest_mmhg:
        return replace(plan, target_dmmhg=_BEYOND_DMMHG, planned_ms=plan.order.step_ms)
    longest_ms = _longest_ms(plan.order, pressure.systolic_mmhg)
    return replace(plan, target_dmmhg=pressure.systolic_mmhg * 10, planned_ms=longest_ms)


def _waiting(plan: LimbPressurePlan, seen: Seen, now: int) -> Step:
    started_ms = begun_ms(seen, plan.target_dmmhg)
    if started_ms is not None:
        begun = replace(
            plan,
            phase_now=Phase.CLIMBING,
            since_ms=now,
            started_ms=started_ms,
            steps=0,
            gone=0,
        )
        return Step(begun, (_wish(begun),))
    waited = wait(seen, plan.refused_since_ms, plan.order.pressure_wait_ms, now)
    if waited.given_up is not None:
        return _next_run(_with_end(plan, waited.given_up), now)
    asking = _aimed(replace(plan, refused_since_ms=waited.since_ms), seen.blood_pressure)
    return Step(asking, (_wish(asking),))


def _climbing(plan: LimbPressurePlan, seen: Seen, now: int) -> Step:
    if isinstance(seen.answer, Safe):
        return _end(plan, seen.answer.reason, now)
    if now - plan.started_ms >= plan.planned_ms:
        return _end(plan, Reason.PLANNED, now)
    if plan.steps == 0 and not seen.hold_reached:
        return Step(replace(plan, since_ms=now), (_wish(plan),))
    if now - plan.since_ms < plan.order.step_ms or not seen.hold_reached:
        return Step(plan, (_wish(plan),))
    gone = plan.gone + 1 if seen.pulse_gone else 0
    top_dmmhg = plan.order.highest_mmhg * 10
    if plan.target_dmmhg >= top_dmmhg or gone >= plan.order.gone_steps:
        return _end(plan, Reason.PLANNED, now)
    higher = min(plan.target_dmmhg + STEP_MMHG * 10, top_dmmhg)
    climbed = replace(plan, target_dmmhg=higher, since_ms=now, steps=plan.steps + 1, gone=gone)
    return Step(climbed, (_wish(climbed),))


def _with_end(plan: LimbPressurePlan, reason: Reason) -> LimbPressurePlan:
    return replace(plan, ended=(*plan.ended, Ended(plan.cycle, plan.target_dmmhg, reason)))


def _end(plan: LimbPressurePlan, reason: Reason, now: int) -> Step:
    emptying = replace(_with_end(plan, reason), phase_now=Phase.EMPTYING, since_ms=now)
    return Step(emptying, (VENT,))


def _emptying(plan: LimbPressurePlan, seen: Seen, now: int) -> Step:
    return _next_run(plan, now) if seen.deflated else Step(plan, (VENT,))


def _next_run(plan: LimbPressurePlan, now: int) -> Step:
    order, ended = plan.order, plan.ended
    if plan.cycle < order.runs:
        return Step(LimbPressurePlan(order, Phase.WAITING, plan.cycle + 1, now, ended=ended), (VENT,))
    over = LimbPressurePlan(order, Phase.FINISHED, plan.cycle, now, ended=ended)
    planned = any(one.reason is Reason.PLANNED for one in ended)
    return Step(over, (VENT,), Reason.PLANNED if planned else ended[-1].reason)


def _finished(plan: LimbPressurePlan, seen: Seen, now: int) -> Step:
    return Step(plan, (VENT,))


_STEPS = {
    Phase.WAITING: _waiting,
    Phase.CLIMBING: _climbing,
    Phase.EMPTYING: _emptying,
    Phase.FINISHED: _finished,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A limb occlusion pressure, the upper end of its interval, and what it was measured under."""

    pressure_mmhg: int
    high_mmhg: int
    session: str
    cuff: str
    limb: Limb
    posture: str
    systolic_mmhg: int


def why_invalid(
    measured: Measured, *, session: str, cuff: str, limb: Limb, posture: str, systolic_mmhg: int
) -> str:
    """Why this measurement may not be used here, in one sentence; empty where it may."""
    now = {"session": session, "cuff": cuff, "limb": limb, "posture": posture}
    for what, is_now in now.items():
        was = getattr(measured, what)
        if was != is_now:
            return f"measured in another {what} ({was}, now {is_now or 'not stated'}): measure again"
    if abs(systolic_mmhg - measured.systolic_mmhg) > SYSTOLIC_WITHIN_MMHG:
        return (
            f"the systolic was {measured.systolic_mmhg} mmHg and is {systolic_mmhg} mmHg: more than "
            f"{SYSTOLIC_WITHIN_MMHG} mmHg apart, measure again"
        )
    return ""
