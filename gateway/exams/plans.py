"""From the name of an examination with the cuff to its order and its plan.

Theory of operation
-------------------
The one place that knows which plan belongs to which name, and which choices it has.  A choice that is left
out keeps the order's own default; one that the examination does not have is refused, and so is a value that
its order refuses.  Two facts come from the gateway, not from a person: the site's ceiling, and how long this
cuff takes to its target.  Where nobody has measured that yet, a second is allowed for it, and the plan
itself gives up a cuff that takes longer.

Units: ms, mmHg, saturation per mille.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.exams import limb_pressure, occlusion_test_plan, oxidative_capacity_plan
from gateway.exams.errors import PlanRefused
from gateway.exams.limb_pressure import HIGHEST_MMHG, LimbPressureOrder
from gateway.exams.occlusion_test_plan import OcclusionTestOrder
from gateway.exams.oxidative_capacity_plan import SLOWEST_FILL_MS, ShortOcclusionsOrder
from gateway.exams.plan import ExamPlan

Order = OcclusionTestOrder | LimbPressureOrder | ShortOcclusionsOrder

_CHOICES: dict[str, tuple[str, ...]] = {
    OcclusionTestOrder.exam: ("occlusion_ms", "target_permille", "margin_mmhg", "baseline_ms", "recovery_ms"),
    LimbPressureOrder.exam: ("runs", "step_ms"),
    ShortOcclusionsOrder.exam: ("occlusions", "occlusion_ms", "rest_ms", "margin_mmhg"),
}
NAMES: tuple[str, ...] = tuple(_CHOICES)
"""The examinations that need the cuff."""


class Gateway(NamedTuple):
    """What the gateway itself knows: its ceiling, and the cuff's filling time where it was measured."""

    ceiling_mmhg: int
    fill_ms: int | None


def order(name: str, choices: Mapping[str, int], gateway: Gateway) -> Order:
    """What is asked for. Raises ``PlanRefused``."""
    possible = _CHOICES.get(name)
    if possible is None:
        raise PlanRefused(name, f"no examination with the cuff: choose one of {', '.join(NAMES)}")
    strange = [one for one in choices if one not in possible]
    if strange:
        raise PlanRefused(name, f"has no {strange[0]}; it has: {', '.join(possible)}")
    if name == OcclusionTestOrder.exam:
        longest = {"occlusion_ms": occlusion_test_plan.LONGEST_MS} if "target_permille" in choices else {}
        return OcclusionTestOrder(**{**longest, **choices})
    if name == LimbPressureOrder.exam:
        return LimbPressureOrder(highest_mmhg=min(HIGHEST_MMHG, gateway.ceiling_mmhg), **choices)
    fill_ms = SLOWEST_FILL_MS if gateway.fill_ms is None else gateway.fill_ms
    return ShortOcclusionsOrder(fill_ms=fill_ms, **choices)


def begin(asked: Order, now: int) -> ExamPlan:
    """The plan of this order at its start."""
    match asked:
        case OcclusionTestOrder():
            return occlusion_test_plan.start(asked, now)
        case LimbPressureOrder():
            return limb_pressure.start(asked, now)
        case ShortOcclusionsOrder():
            return oxidative_capacity_plan.start(asked, now)


def needs_saturation(asked: Order) -> bool:
    """Whether it measures by the oximeter."""
    return not isinstance(asked, LimbPressureOrder)


def margin_mmhg(asked: Order) -> int:
    """How far above the systolic it occludes; 0 where it climbs from the systolic."""
    return 0 if isinstance(asked, LimbPressureOrder) else asked.margin_mmhg
