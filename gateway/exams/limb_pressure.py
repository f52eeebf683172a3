"""Limb occlusion pressure: the plan of the measurement, and for what its result may be used.

Theory of operation
-------------------
``step(protocol, state, seen, pulse_gone, now)`` is a pure step machine in the manner of the therapies' plans:
it only wishes.  What the cuff really did is read off the supervisor's answer.

    waiting -> climbing -> emptying -> waiting (next run) ... finished

A run starts at the systolic pressure and climbs by 10 mmHg, each step at most 10 s, to 300 mmHg at most and
for 300 s at most.  Where a pulse watcher says that the pulse was gone at the end of two steps in a row, the
run ends early: time under pressure is what this examination costs.  It is repeated, because one measurement
has no spread.  Each run is a schedule of its own: the supervisor grants it when the debt of the one before is
paid back, and it fits the day's budget or is left out.  The planned time of a run does not change while it
lasts.

The patient lies: sitting, the pressure is found in a third of the attempts only (clinical facts, 6.1).  A
result holds in this session, with this cuff, on this limb, in this posture, while the systolic stays within
20 mmHg of what it was; ``why_invalid`` says what changed.

Units: pressures 0.1 mmHg in the plan, mmHg elsewhere; times ms.  Sources: the steps, times and the 20 mmHg
are the project's (engineering proposal); supine: PMC12537725.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from gateway.exams.errors import PlanRefused
from gateway.exams.plan import VENT, Seen, begun_ms, wait
from gateway.model import Intent, Limb, Output, Purpose, Reason, Safe

HIGHEST_MMHG = 300
LONGEST_STEP_MS = 10_000
LONGEST_RUN_MS = 300_000
STEP_MMHG = 10
FILL_MS = 45_000
"""What a run allows for the first filling: as long as the supervisor does before it calls it too slow."""

SYSTOLIC_WITHIN_MMHG = 20
SUPINE = "supine"


class Phase(StrEnum):
    """Where the plan stands."""

    WAITING = "waiting"
    CLIMBING = "climbing"
    EMPTYING = "emptying"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class LimbPressureProtocol:
    """How the measurement is made. Raises ``PlanRefused`` beyond what the house allows.

    ``gone_steps``: after so many steps without pulse in a row a run ends.  ``wait_ms``: how long a run waits
    for a person's entry before it is left out.
    """

    runs: int = 2
    step_ms: int = LONGEST_STEP_MS
    highest_mmhg: int = HIGHEST_MMHG
    gone_steps: int = 2
    wait_ms: int = 600_000

    def __post_init__(self) -> None:
        bounds = {
            "runs": (self.runs, 2, 5),
            "step_ms": (self.step_ms, 5_000, LONGEST_STEP_MS),
            "highest_mmhg": (self.highest_mmhg, 100, HIGHEST_MMHG),
            "gone_steps": (self.gone_steps, 1, 10),
            "wait_ms": (self.wait_ms, 0, 3_600_000),
        }
        for name, (value, least, most) in bounds.items():
            if not least <= value <= most:
                raise PlanRefused("limb-pressure", f"{name} is {value}: must be {least} to {most}")


@dataclass(frozen=True, slots=True)
class PlanState:
    """The plan's memory. ``since_ms`` is when the phase began; while climbing the step, and the first one
    only when the cuff is filled.  ``gone`` counts steps without pulse in a row.
    """

    phase: Phase
    run: int
    since_ms: int
    target_dmmhg: int = 0
    planned_ms: int = 0
    started_ms: int = 0
    steps: int = 0
    gone: int = 0
    unusable_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: at which target, and why (``PLANNED``: pulse gone, top or time reached)."""

    run: int
    target_dmmhg: int
    reason: Reason


class Step(NamedTuple):
    """The next state, the wish for the cuff, the run that ended with this step."""

    state: PlanState
    wish: Intent
    ended: Ended | None = None


def start(now: int) -> PlanState:
    """Before the first run."""
    return PlanState(Phase.WAITING, 1, now)


def planned_ms(protocol: LimbPressureProtocol, systolic_mmhg: int) -> int:
    """The longest that a run from this systolic may take. Raises ``PlanRefused`` where there is no step to
    make.
    """
    if not 0 < systolic_mmhg < protocol.highest_mmhg:
        text = f"a systolic of {systolic_mmhg} mmHg leaves no step below {protocol.highest_mmhg} mmHg"
        raise PlanRefused("limb-pressure", text)
    steps = 1 + -(-(protocol.highest_mmhg - systolic_mmhg) // STEP_MMHG)
    return min(LONGEST_RUN_MS, FILL_MS + steps * protocol.step_ms)


def step(
    protocol: LimbPressureProtocol, state: PlanState, seen: Seen, pulse_gone: bool | None, now: int
) -> Step:
    """One step; pure.  ``pulse_gone`` is what a watcher says of the step under way, ``None`` without one."""
    if state.phase is Phase.WAITING:
        return _waiting(protocol, state, seen, now)
    if state.phase is Phase.CLIMBING:
        return _climbing(protocol, state, seen, pulse_gone, now)
    if state.phase is Phase.EMPTYING:
        return _emptying(protocol, state, seen, now)
    return Step(state, VENT)


def _wish(state: PlanState) -> Intent:
    return Intent(
        Output.CUFF,
        state.target_dmmhg,
        state.planned_ms,
        state.run,
        Purpose.LIMB_PRESSURE,
        state.planned_ms,
    )


def _waiting(protocol: LimbPressureProtocol, state: PlanState, seen: Seen, now: int) -> Step:
    started_ms = begun_ms(seen, state.target_dmmhg)
    if started_ms is not None:
        begun = replace(
            state,
            phase=Phase.CLIMBING,
            since_ms=now,
            started_ms=started_ms,
            steps=0,
            gone=0,
        )
        return Step(begun, _wish(begun))
    waited = wait(seen, state.unusable_since_ms, protocol.wait_ms, now)
    if waited.given_up is not None:
        ended = Ended(state.run, state.target_dmmhg, waited.given_up)
        return Step(_next_run(protocol, state, now), VENT, ended)
    return _ask(protocol, replace(state, unusable_since_ms=waited.since_ms), seen)


def _ask(protocol: LimbPressureProtocol, state: PlanState, seen: Seen) -> Step:
    pressure = seen.blood_pressure
    if pressure is None:
        # No target yet: ask with one that cannot be granted, so that the refusal says what is missing.
        asking = replace(state, target_dmmhg=STEP_MMHG * 10, planned_ms=protocol.step_ms)
        return Step(asking, _wish(asking))
    longest_ms = planned_ms(protocol, pressure.systolic_mmhg)
    asking = replace(state, target_dmmhg=pressure.systolic_mmhg * 10, planned_ms=longest_ms)
    return Step(asking, _wish(asking))


def _climbing(
    protocol: LimbPressureProtocol, state: PlanState, seen: Seen, pulse_gone: bool | None, now: int
) -> Step:
    if isinstance(seen.answer, Safe):
        return _end(state, seen.answer.reason, now)
    if now - state.started_ms >= state.planned_ms:
        return _end(state, Reason.PLANNED, now)
    if state.steps == 0 and not seen.hold_reached:
        return Step(replace(state, since_ms=now), _wish(state))
    if now - state.since_ms < protocol.step_ms or not seen.hold_reached:
        return Step(state, _wish(state))
    gone = state.gone + 1 if pulse_gone else 0
    top = state.target_dmmhg >= protocol.highest_mmhg * 10
    if top or gone >= protocol.gone_steps:
        return _end(state, Reason.PLANNED, now)
    higher = min(state.target_dmmhg + STEP_MMHG * 10, protocol.highest_mmhg * 10)
    climbed = replace(state, target_dmmhg=higher, since_ms=now, steps=state.steps + 1, gone=gone)
    return Step(climbed, _wish(climbed))


def _end(state: PlanState, reason: Reason, now: int) -> Step:
    emptying = replace(state, phase=Phase.EMPTYING, since_ms=now)
    return Step(emptying, VENT, Ended(state.run, state.target_dmmhg, reason))


def _emptying(protocol: LimbPressureProtocol, state: PlanState, seen: Seen, now: int) -> Step:
    return Step(_next_run(protocol, state, now) if seen.deflated else state, VENT)


def _next_run(protocol: LimbPressureProtocol, state: PlanState, now: int) -> PlanState:
    if state.run >= protocol.runs:
        return PlanState(Phase.FINISHED, state.run, now)
    return PlanState(Phase.WAITING, state.run + 1, now)


@dataclass(frozen=True, slots=True)
class Measured:
    """A limb occlusion pressure and what it was measured under."""

    pressure_mmhg: int
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
            return f"measured in another {what} ({was}, now {is_now}): measure again"
    if abs(systolic_mmhg - measured.systolic_mmhg) > SYSTOLIC_WITHIN_MMHG:
        return (
            f"the systolic was {measured.systolic_mmhg} mmHg and is {systolic_mmhg} mmHg: more than "
            f"{SYSTOLIC_WITHIN_MMHG} mmHg apart, measure again"
        )
    return ""
