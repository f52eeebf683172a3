"""The plan of a series of short occlusions: a pure step machine.

Theory of operation
-------------------
    waiting -> occluding -> rest -> waiting (next) ... finished

It begins when the exercise has ended and asks for ``occlusions`` of ``occlusion_ms`` each with ``rest_ms`` of
reperfusion between.  The rest is never shorter than an occlusion, so the ischaemia debt is paid each time.

The slope of an occlusion that takes seconds to come about says nothing, so a cuff that needs more than a
second to its target, or whose filling time nobody measured, is refused: it needs a reservoir.  Whatever was
measured before, each occlusion measures it again: one that is not at its target after a second is vented, and
the examination ends (``INFLATION_TOO_SLOW``).  An occlusion is asked for with its filling time on top, at
most 10 s, and a series lasts at most 10 min (the supervisor's rules; a refusal by them ends the examination
after ``pressure_wait_ms``).

Units: pressures 0.1 mmHg, times ms.  Sources: 5 s with 10 s between (mnirs, read); six suffice (Sumner 2020).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from gateway.exams.errors import PlanRefused
from gateway.exams.plan import VENT, InPhases, Seen, Step, begun_ms, wait
from gateway.model import BloodPressure, Intent, Output, Purpose, Reason

SLOWEST_FILL_MS = 1_000
LONGEST_MS = 10_000
SERIES_MS = 600_000
TOO_SLOW = f"this cuff takes longer than {SLOWEST_FILL_MS} ms to its target: it needs a reservoir"
FEWEST = 5


@dataclass(frozen=True, slots=True)
class ShortOcclusionsOrder:
    """What is asked for. ``fill_ms`` is how long this cuff takes to its target, measured."""

    fill_ms: int | None
    occlusions: int = 6
    occlusion_ms: int = 5_000
    rest_ms: int = 10_000
    margin_mmhg: int = 50
    pressure_wait_ms: int = 60_000

    def __post_init__(self) -> None:
        where = "oxidative capacity"
        if self.fill_ms is None or self.fill_ms < 0:
            raise PlanRefused(where, "the cuff's filling time is not known: measure it first")
        if self.fill_ms > SLOWEST_FILL_MS:
            raise PlanRefused(where, TOO_SLOW)
        if self.occlusion_ms < 1_000 or self.planned_ms > LONGEST_MS:
            raise PlanRefused(
                where, f"{self.planned_ms} ms under pressure: 1 s to {LONGEST_MS} ms with filling"
            )
        if self.rest_ms < self.planned_ms:
            raise PlanRefused(
                where, f"a rest of {self.rest_ms} ms does not pay the debt: {self.planned_ms} or more"
            )
        if self.occlusions < FEWEST:
            raise PlanRefused(where, f"{self.occlusions} occlusions: a recovery needs {FEWEST} or more")
        if self.occlusions * (self.planned_ms + self.rest_ms) > SERIES_MS:
            raise PlanRefused(where, f"the series lasts longer than {SERIES_MS} ms: fewer occlusions")
        if not 20 <= self.margin_mmhg <= 150 or self.pressure_wait_ms < 0:
            raise PlanRefused(where, f"systolic + {self.margin_mmhg} mmHg: 20 to 150 is possible")

    exam: ClassVar[str] = "oxidative-capacity"

    @property
    def planned_ms(self) -> int:
        """From inflation command to vent command."""
        return self.occlusion_ms + (self.fill_ms or 0)

    @property
    def inflations(self) -> int:
        """How many there are."""
        return self.occlusions

    def under_pressure_ms(self, systolic_mmhg: int) -> int:
        """From inflation command to vent command, all together."""
        return self.occlusions * self.planned_ms


class Phase(StrEnum):
    """Where the plan stands."""

    WAITING = "waiting"
    OCCLUDING = "occluding"
    REST = "rest"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class ShortOcclusionsPlan(InPhases):
    """An order and where it stands. ``since_ms``: when the phase began, of a rest when the cuff was empty."""

    order: ShortOcclusionsOrder
    phase_now: Phase
    cycle: int
    since_ms: int
    target_dmmhg: int = 0
    started_ms: int = 0
    refused_since_ms: int | None = None
    filled: bool = False

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts by the plan."""
        lasts_ms = {
            Phase.OCCLUDING: self.started_ms + self.order.planned_ms,
            Phase.REST: self.since_ms + self.order.rest_ms,
        }
        return max(0, lasts_ms.get(self.phase_now, now) - now)

    def next_inflation_ms(self, now: int) -> int | None:
        """Now, where it waits for its first one or for a person: a series under way lives on one pressure."""
        waits = self.phase_now is Phase.WAITING and (self.cycle == 1 or self.refused_since_ms is not None)
        return now if waits else None

    def next_inflation(self, pressure: BloodPressure | None) -> Intent:
        """The next occlusion as it would be asked for now."""
        return _inflate(self, _target_dmmhg(self, pressure))

    def step(self, seen: Seen, now: int) -> Step:
        """One step; pure and total."""
        return _STEPS[self.phase_now](self, seen, now)


def start(order: ShortOcclusionsOrder, now: int) -> ShortOcclusionsPlan:
    """A plan at its start: the exercise has just ended."""
    return ShortOcclusionsPlan(order, Phase.WAITING, 1, now)


def _inflate(plan: ShortOcclusionsPlan, target_dmmhg: int) -> Intent:
    order = plan.order
    schedule_ms = (order.occlusions - plan.cycle + 1) * order.planned_ms
    return Intent(
        Output.CUFF, target_dmmhg, order.planned_ms, plan.cycle, Purpose.SHORT_OCCLUSIONS, schedule_ms
    )


def _target_dmmhg(plan: ShortOcclusionsPlan, pressure: BloodPressure | None) -> int:
    """What would be asked for; 0, which cannot be granted, while no blood pressure is known."""
    return 0 if pressure is None else (pressure.systolic_mmhg + plan.order.margin_mmhg) * 10


def _ask(plan: ShortOcclusionsPlan, seen: Seen) -> Step:
    target_dmmhg = _target_dmmhg(plan, seen.blood_pressure)
    return Step(replace(plan, target_dmmhg=target_dmmhg), (_inflate(plan, target_dmmhg),))


def _waiting(plan: ShortOcclusionsPlan, seen: Seen, now: int) -> Step:
    started_ms = begun_ms(seen, plan.target_dmmhg)
    if started_ms is not None:
        begun = replace(
            plan,
            phase_now=Phase.OCCLUDING,
            since_ms=now,
            started_ms=started_ms,
            refused_since_ms=None,
            filled=False,
        )
        return Step(begun, (_inflate(begun, begun.target_dmmhg),))
    waited = wait(seen, plan.refused_since_ms, plan.order.pressure_wait_ms, now)
    if waited.given_up is not None:
        return Step(replace(plan, phase_now=Phase.FINISHED, since_ms=now), (VENT,), waited.given_up)
    return _ask(replace(plan, refused_since_ms=waited.since_ms), seen)


def _occluding(plan: ShortOcclusionsPlan, seen: Seen, now: int) -> Step:
    plan = replace(plan, filled=plan.filled or seen.hold_reached)
    inflated = seen.inflation_started_ms is not None
    if inflated and not plan.filled and now - plan.started_ms > SLOWEST_FILL_MS:
        slow = replace(plan, phase_now=Phase.FINISHED, since_ms=now)
        return Step(slow, (VENT,), Reason.INFLATION_TOO_SLOW)
    if seen.inflation_started_ms is None or now - plan.started_ms >= plan.order.planned_ms:
        return Step(replace(plan, phase_now=Phase.REST, since_ms=now), (VENT,))
    return Step(plan, (_inflate(plan, plan.target_dmmhg),))


def _rest(plan: ShortOcclusionsPlan, seen: Seen, now: int) -> Step:
    if not seen.deflated:
        return Step(replace(plan, since_ms=now), (VENT,))
    if now - plan.since_ms < plan.order.rest_ms:
        return Step(plan, (VENT,))
    if plan.cycle >= plan.order.occlusions:
        return Step(replace(plan, phase_now=Phase.FINISHED, since_ms=now), (VENT,), Reason.PLANNED)
    return _ask(replace(plan, phase_now=Phase.WAITING, cycle=plan.cycle + 1, since_ms=now), seen)


def _finished(plan: ShortOcclusionsPlan, seen: Seen, now: int) -> Step:
    return Step(plan, (VENT,))


_STEPS = {
    Phase.WAITING: _waiting,
    Phase.OCCLUDING: _occluding,
    Phase.REST: _rest,
    Phase.FINISHED: _finished,
}
