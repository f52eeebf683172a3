"""The plan of a repetitive vascular occlusion: a pure step machine.

Theory of operation
-------------------
``step(prescription, state, seen, now)`` returns the next state, the intent for the cuff and the
cycles that were skipped; ``RvosPlan`` makes a ``gateway.therapy.plan.Plan`` of it.  What the cuff really
did is not the plan's to tell: that is read off the supervisor.  The plan only wishes: it asks for an
inflation until the supervisor has let it begin, follows it from there, and asks for the vent when its
time is up.

    baseline -> waiting -> inflating -> holding -> reperfusion -> waiting (next cycle) ... finished
                   |                                                 ^
                   +--- no usable blood pressure for 10 min: skipped-+

The target is the prescription's, lifted to what the limb was found to need where a person said so.  It is
fixed when the inflation begins: parameters change at phase boundaries only.  The
occlusion runs from the inflation command (the first lease) to the vent command; reperfusion is
counted from the cuff being below 15 mmHg.  The last reperfusion belongs to the session, so that
recovery is seen.

Units: pressures 0.1 mmHg, times ms.  Source of the numbers: the prescription.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.model import Intent, Output, Permit, Reason, Safe
from gateway.therapy import plan
from gateway.therapy.plan import Plan, Seen, Skipped, Word
from gateway.therapy.prescription import RvosPrescription

__all__ = ["Phase", "PlanState", "RvosPlan", "Seen", "Skipped", "start", "step", "time_left_ms"]

_VENT = Intent(Output.CUFF, None)

_NEEDS_A_PERSON = frozenset(
    {
        Reason.BLOOD_PRESSURE_MISSING,
        Reason.BLOOD_PRESSURE_STALE,
        Reason.BLOOD_PRESSURE_OUT_OF_RANGE,
        Reason.TARGET_ABOVE_CEILING,
        Reason.TARGET_BELOW_SYSTOLIC,
        Reason.TARGET_NEEDS_LIMB_PRESSURE,
        Reason.BUDGET_SPENT,
        Reason.NOT_READY,
    }
)


class Phase(StrEnum):
    """Where the plan stands."""

    BASELINE = "baseline"
    WAITING = "waiting"
    INFLATING = "inflating"
    HOLDING = "holding"
    REPERFUSION = "reperfusion"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class PlanState:
    """The plan's memory. ``since_ms`` is when the phase began."""

    phase: Phase
    cycle: int
    since_ms: int
    target_dmmhg: int = 0
    started_ms: int = 0
    deflated_ms: int | None = None
    unusable_since_ms: int | None = None


Step = tuple[PlanState, Intent, tuple[Skipped, ...]]


@dataclass(frozen=True, slots=True)
class RvosPlan:
    """A prescription and where it stands."""

    prescription: RvosPrescription
    state: PlanState

    @property
    def cycle(self) -> int:
        """The present cycle, from 1."""
        return self.state.cycle

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""
        return self.state.phase.value

    @property
    def waits_for(self) -> Output | None:
        """The cuff, before each inflation."""
        return Output.CUFF if self.state.phase is Phase.WAITING else None

    @property
    def is_finished(self) -> bool:
        """Whether the last reperfusion is over."""
        return self.state.phase is Phase.FINISHED

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts by the plan, at least."""
        return time_left_ms(self.prescription, self.state, now)

    def next_inflation_ms(self, now: int) -> int | None:
        """When it will ask for the cuff next; the debt may make it wait for longer."""
        return next_inflation_ms(self.prescription, self.state, now)

    def step(self, seen: Seen, now: int) -> "plan.Step[RvosPlan]":
        """One step."""
        state, intent, skipped = step(self.prescription, self.state, seen, now)
        return plan.Step(RvosPlan(self.prescription, state), (intent,), skipped)

    def hear(self, word: Word, now: int) -> tuple[Plan, str]:
        """There is no current to change."""
        return self, "this prescription stimulates nothing"


def start(now: int, first_cycle: int = 1) -> PlanState:
    """A plan that begins with its baseline; one that was interrupted goes on with its first missing cycle."""
    return PlanState(Phase.BASELINE, first_cycle, now)


def step(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    """One step; pure and total."""
    return _STEPS[state.phase](prescription, state, seen, now)


def time_left_ms(prescription: RvosPrescription, state: PlanState, now: int) -> int:
    """How long the present phase still lasts by the plan, at least; 0 where it cannot be said."""
    if state.phase is Phase.BASELINE:
        return max(0, state.since_ms + prescription.baseline_ms - now)
    if state.phase in (Phase.INFLATING, Phase.HOLDING):
        return max(0, state.started_ms + prescription.occlusion_ms - now)
    if state.phase is Phase.REPERFUSION:
        since_ms = now if state.deflated_ms is None else state.deflated_ms
        return max(0, since_ms + prescription.reperfusion_ms - now)
    return 0


def next_inflation_ms(prescription: RvosPrescription, state: PlanState, now: int) -> int | None:
    """When the plan will ask for the next inflation, at the earliest; ``None`` where there is none left."""
    if state.phase is Phase.WAITING:
        return now
    if state.phase is Phase.BASELINE:
        return now + time_left_ms(prescription, state, now)
    if state.phase is Phase.FINISHED or state.cycle >= prescription.cycles:
        return None
    left_ms = time_left_ms(prescription, state, now)
    return now + left_ms + (0 if state.phase is Phase.REPERFUSION else prescription.reperfusion_ms)


def _baseline(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    if now - state.since_ms < prescription.baseline_ms:
        return state, _VENT, ()
    return _wait(prescription, replace(state, phase=Phase.WAITING, since_ms=now), seen)


def _wait(prescription: RvosPrescription, state: PlanState, seen: Seen) -> Step:
    if seen.blood_pressure is None:
        # No target yet: ask with one that cannot be granted, so that the refusal says what is missing.
        return state, _inflate(prescription, state.cycle, 0), ()
    target = 10 * max(prescription.target_mmhg(seen.blood_pressure.systolic_mmhg), seen.least_mmhg)
    return replace(state, target_dmmhg=target), _inflate(prescription, state.cycle, target), ()


def _inflate(prescription: RvosPrescription, cycle: int, target_dmmhg: int) -> Intent:
    return Intent(Output.CUFF, target_dmmhg, prescription.occlusion_ms, cycle)


def _waiting(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    if isinstance(seen.answer, Permit) and seen.inflation_started_ms is not None:
        return _started(prescription, state, seen.inflation_started_ms, now)
    if not _needs_a_person(seen):
        return _wait(prescription, replace(state, unusable_since_ms=None), seen)
    since = now if state.unusable_since_ms is None else state.unusable_since_ms
    if now - since >= prescription.pressure_wait_ms and isinstance(seen.answer, Safe):
        skipped = Skipped(state.cycle, seen.answer.reason)
        return _next_cycle(prescription, state, now), _VENT, (skipped,)
    return _wait(prescription, replace(state, unusable_since_ms=since), seen)


def _needs_a_person(seen: Seen) -> bool:
    return isinstance(seen.answer, Safe) and seen.answer.reason in _NEEDS_A_PERSON


def _started(prescription: RvosPrescription, state: PlanState, started_ms: int, now: int) -> Step:
    state = replace(state, phase=Phase.INFLATING, since_ms=now, started_ms=started_ms, unusable_since_ms=None)
    return state, _inflate(prescription, state.cycle, state.target_dmmhg), ()


def _occluding(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    if state.phase is Phase.INFLATING and seen.hold_reached:
        state = replace(state, phase=Phase.HOLDING, since_ms=now)
    if now - state.started_ms < prescription.occlusion_ms:
        return state, _inflate(prescription, state.cycle, state.target_dmmhg), ()
    return replace(state, phase=Phase.REPERFUSION, since_ms=now, deflated_ms=None), _VENT, ()


def _reperfusion(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    if not seen.deflated:
        return replace(state, deflated_ms=None), _VENT, ()
    if state.deflated_ms is None:
        return replace(state, deflated_ms=now), _VENT, ()
    if now - state.deflated_ms < prescription.reperfusion_ms:
        return state, _VENT, ()
    return _next_cycle(prescription, state, now), _VENT, ()


def _next_cycle(prescription: RvosPrescription, state: PlanState, now: int) -> PlanState:
    if state.cycle >= prescription.cycles:
        return PlanState(Phase.FINISHED, state.cycle, now)
    return PlanState(Phase.WAITING, state.cycle + 1, now)


def _finished(prescription: RvosPrescription, state: PlanState, seen: Seen, now: int) -> Step:
    return state, _VENT, ()


_STEPS = {
    Phase.BASELINE: _baseline,
    Phase.WAITING: _waiting,
    Phase.INFLATING: _occluding,
    Phase.HOLDING: _occluding,
    Phase.REPERFUSION: _reperfusion,
    Phase.FINISHED: _finished,
}
