"""The plan of a vascular occlusion test: a pure step machine.

Theory of operation
-------------------
    baseline -> waiting -> inflating -> holding -> recovery -> finished

One occlusion at ``margin_mmhg`` above the systolic, for a fixed time or until tissue saturation is at a
target, in both cases never longer than 300 s from inflation command to vent command.  The cap is what is
asked of the supervisor as planned time, so debt and budget are those of the longest that may happen.

The target counts when every sample of ``confirm_ms`` is at or below it.  A target without a saturation for
``lost_ms`` ends the occlusion: there is nothing left to aim at.  An occlusion that something else ended (a
person, a trip) goes on to its recovery.  A refusal that needs a person ends the examination after
``pressure_wait_ms``.

Units: pressures 0.1 mmHg, times ms, saturation per mille.  Sources: systolic + 50 and 3 min, Creteur 2007 and
Bezemer 2009; a fixed time as the default and a cap for the target, our proposals (clinical facts, 4.2).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from gateway.exams.errors import PlanRefused
from gateway.exams.plan import VENT, InPhases, Seen, Step, begun_ms, wait
from gateway.model import BloodPressure, Intent, Output, Purpose, Reason

LONGEST_MS = 300_000
REST_LONGEST_MS = 600_000
"""Of baseline, recovery and a wait for a person, each: the trace of an examination is kept in memory."""
_MARGIN_MMHG = (20, 150)
_TARGET_PERMILLE = (200, 900)


@dataclass(frozen=True, slots=True)
class OcclusionTestOrder:
    """What is asked for. ``target_permille`` of ``None`` holds for ``occlusion_ms``; else that is the cap."""

    occlusion_ms: int = 180_000
    target_permille: int | None = None
    margin_mmhg: int = 50
    baseline_ms: int = 180_000
    recovery_ms: int = 300_000
    pressure_wait_ms: int = 600_000
    confirm_ms: int = 3_000
    lost_ms: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.occlusion_ms <= LONGEST_MS:
            raise PlanRefused("occlusion test", f"{self.occlusion_ms} ms of occlusion: 1 to {LONGEST_MS}")
        if not _MARGIN_MMHG[0] <= self.margin_mmhg <= _MARGIN_MMHG[1]:
            raise PlanRefused(
                "occlusion test", f"systolic + {self.margin_mmhg} mmHg: {_MARGIN_MMHG} is possible"
            )
        low, high = _TARGET_PERMILLE
        if self.target_permille is not None and not low <= self.target_permille <= high:
            raise PlanRefused(
                "occlusion test", f"a target of {self.target_permille} per mille: {low} to {high}"
            )
        if min(self.baseline_ms, self.recovery_ms, self.pressure_wait_ms, self.confirm_ms, self.lost_ms) < 0:
            raise PlanRefused("occlusion test", "a time is negative: give 0 or more")
        if max(self.baseline_ms, self.recovery_ms, self.pressure_wait_ms) > REST_LONGEST_MS:
            raise PlanRefused("occlusion test", f"baseline and recovery: {REST_LONGEST_MS} ms at most")

    exam: ClassVar[str] = "occlusion-test"
    inflations: ClassVar[int] = 1

    def under_pressure_ms(self, systolic_mmhg: int) -> int:
        """From inflation command to vent command, at the longest."""
        return self.occlusion_ms


def until_target(target_permille: int, cap_ms: int = LONGEST_MS) -> OcclusionTestOrder:
    """Until this saturation, at most ``cap_ms``. Raises ``PlanRefused``."""
    return OcclusionTestOrder(occlusion_ms=cap_ms, target_permille=target_permille)


class Phase(StrEnum):
    """Where the plan stands."""

    BASELINE = "baseline"
    WAITING = "waiting"
    INFLATING = "inflating"
    HOLDING = "holding"
    RECOVERY = "recovery"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class OcclusionTestPlan(InPhases):
    """An order and where it stands. ``since_ms`` is when the phase began."""

    order: OcclusionTestOrder
    phase_now: Phase
    since_ms: int
    target_dmmhg: int = 0
    started_ms: int = 0
    below_since_ms: int | None = None
    value_ms: int | None = None
    refused_since_ms: int | None = None

    cycle = 1

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts by the plan, at most for a target."""
        lasts_ms = {
            Phase.BASELINE: self.since_ms + self.order.baseline_ms,
            Phase.INFLATING: self.started_ms + self.order.occlusion_ms,
            Phase.HOLDING: self.started_ms + self.order.occlusion_ms,
            Phase.RECOVERY: self.since_ms + self.order.recovery_ms,
        }
        return max(0, lasts_ms.get(self.phase_now, now) - now)

    def next_inflation(self, pressure: BloodPressure | None) -> Intent:
        """The occlusion as it would be asked for now."""
        return _inflate(self, _target_dmmhg(self, pressure))

    def step(self, seen: Seen, now: int) -> Step:
        """One step; pure and total."""
        return _STEPS[self.phase_now](self, seen, now)


def start(order: OcclusionTestOrder, now: int) -> OcclusionTestPlan:
    """A plan that begins with its baseline."""
    return OcclusionTestPlan(order, Phase.BASELINE, now)


def _inflate(plan: OcclusionTestPlan, target_dmmhg: int) -> Intent:
    longest_ms = plan.order.occlusion_ms
    return Intent(Output.CUFF, target_dmmhg, longest_ms, 1, Purpose.OCCLUSION_TEST, longest_ms)


def _target_dmmhg(plan: OcclusionTestPlan, pressure: BloodPressure | None) -> int:
    """What would be asked for; 0, which cannot be granted, while no blood pressure is known."""
    return 0 if pressure is None else (pressure.systolic_mmhg + plan.order.margin_mmhg) * 10


def _baseline(plan: OcclusionTestPlan, seen: Seen, now: int) -> Step:
    if now - plan.since_ms < plan.order.baseline_ms:
        return Step(plan, (VENT,))
    return _ask(replace(plan, phase_now=Phase.WAITING, since_ms=now), seen)


def _ask(plan: OcclusionTestPlan, seen: Seen) -> Step:
    target_dmmhg = _target_dmmhg(plan, seen.blood_pressure)
    return Step(replace(plan, target_dmmhg=target_dmmhg), (_inflate(plan, target_dmmhg),))


def _waiting(plan: OcclusionTestPlan, seen: Seen, now: int) -> Step:
    started_ms = begun_ms(seen, plan.target_dmmhg)
    if started_ms is not None:
        begun = replace(
            plan,
            phase_now=Phase.INFLATING,
            since_ms=now,
            started_ms=started_ms,
            value_ms=now,
        )
        return Step(begun, (_inflate(begun, begun.target_dmmhg),))
    waited = wait(seen, plan.refused_since_ms, plan.order.pressure_wait_ms, now)
    if waited.given_up is not None:
        return Step(replace(plan, phase_now=Phase.FINISHED, since_ms=now), (VENT,), waited.given_up)
    return _ask(replace(plan, refused_since_ms=waited.since_ms), seen)


def _occluding(plan: OcclusionTestPlan, seen: Seen, now: int) -> Step:
    if plan.phase_now is Phase.INFLATING and seen.hold_reached:
        plan = replace(plan, phase_now=Phase.HOLDING, since_ms=now)
    plan = _looked(plan, seen, now)
    ended = seen.inflation_started_ms is None or now - plan.started_ms >= plan.order.occlusion_ms
    if ended or _is_at_target(plan, now) or _has_lost_its_target(plan, now):
        return Step(replace(plan, phase_now=Phase.RECOVERY, since_ms=now), (VENT,))
    return Step(plan, (_inflate(plan, plan.target_dmmhg),))


def _looked(plan: OcclusionTestPlan, seen: Seen, now: int) -> OcclusionTestPlan:
    """Note since when saturation is at or below the target, and when there last was a value."""
    target, sample = plan.order.target_permille, seen.tissue
    if target is None or sample is None or sample.value is None:
        return plan
    if plan.value_ms is not None and sample.arrived_ms <= plan.value_ms:
        return plan
    below_ms = plan.below_since_ms if plan.below_since_ms is not None else sample.arrived_ms
    return replace(
        plan,
        value_ms=sample.arrived_ms,
        below_since_ms=below_ms if sample.value <= target else None,
    )


def _is_at_target(plan: OcclusionTestPlan, now: int) -> bool:
    if plan.below_since_ms is None or plan.value_ms is None:
        return False
    return plan.value_ms - plan.below_since_ms >= plan.order.confirm_ms


def _has_lost_its_target(plan: OcclusionTestPlan, now: int) -> bool:
    if plan.order.target_permille is None or plan.value_ms is None:
        return False
    return now - plan.value_ms >= plan.order.lost_ms


def _recovery(plan: OcclusionTestPlan, seen: Seen, now: int) -> Step:
    if not seen.deflated:
        return Step(replace(plan, since_ms=now), (VENT,))
    if now - plan.since_ms < plan.order.recovery_ms:
        return Step(plan, (VENT,))
    return Step(replace(plan, phase_now=Phase.FINISHED, since_ms=now), (VENT,), Reason.PLANNED)


def _finished(plan: OcclusionTestPlan, seen: Seen, now: int) -> Step:
    return Step(plan, (VENT,))


_STEPS = {
    Phase.BASELINE: _baseline,
    Phase.WAITING: _waiting,
    Phase.INFLATING: _occluding,
    Phase.HOLDING: _occluding,
    Phase.RECOVERY: _recovery,
    Phase.FINISHED: _finished,
}
