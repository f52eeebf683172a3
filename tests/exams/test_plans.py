"""The plans of occlusion test and short occlusions: every step, every ending, the supervisor's limits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exams import limb_pressure, occlusion_test_plan, oxidative_capacity_plan
from gateway.exams.errors import PlanRefused
from gateway.exams.limb_pressure import LimbPressureOrder
from gateway.exams.occlusion_test_plan import OcclusionTestOrder, OcclusionTestPlan, until_target
from gateway.exams.oxidative_capacity_plan import ShortOcclusionsOrder, ShortOcclusionsPlan
from gateway.exams.plan import VENT, ExamPlan, Seen
from gateway.model import BloodPressure, Intent, Output, Permit, Purpose, Reason, Safe, Sample
from gateway.safety.limits import Limits

PRESSURE = BloodPressure(120, 80, 0)
STEP_MS = 100


class Bedside:
    """Grants what is asked for, fills and empties the cuff at once, and has saturation fall with time."""

    def __init__(self, plan: ExamPlan, answer: Callable[[Intent, int], Any] | None = None) -> None:
        self.plan, self.now, self.started_ms = plan, 0, None
        self.answer = answer or (lambda wish, now: Permit(wish.output, wish.pressure_dmmhg or 0, now + 500))
        self.tissue: Callable[[int], int | None] = lambda ms: max(200, 700 - ms // 500)
        self.given: Any = None
        self.fills = True
        self.held: list[tuple[int, int]] = []
        self.wishes: list[Intent] = []
        self.ended: Reason | None = None

    def step(self) -> None:
        since_ms = 0 if self.started_ms is None else self.now - self.started_ms
        sample = Sample(self.tissue(since_ms), self.now)
        holds = self.started_ms is not None
        seen = Seen(self.given, PRESSURE, self.started_ms, holds and self.fills, not holds, sample)
        self.plan, (wish,), ended = self.plan.step(seen, self.now)
        self.ended = self.ended or ended
        self.wishes.append(wish)
        if wish.pressure_dmmhg is None:
            self.given = Safe(Output.CUFF, Reason.NO_REQUEST)
            if self.started_ms is not None:
                self.held.append((self.started_ms, self.now))
            self.started_ms = None
        else:
            self.given = self.answer(wish, self.now)
            if isinstance(self.given, Permit) and self.started_ms is None:
                self.started_ms = self.now
        self.now += STEP_MS

    def run(self, most_ms: int = 3_000_000) -> "Bedside":
        while not self.plan.is_finished and self.now < most_ms:
            self.step()
        return self


def test_a_fixed_time_is_held_and_recovered_from() -> None:
    bedside = Bedside(occlusion_test_plan.start(OcclusionTestOrder(), 0)).run()
    ((begin, end),) = bedside.held
    assert (begin, end - begin) == (180_000, 180_000)
    assert bedside.ended is Reason.PLANNED
    assert bedside.now >= 180_000 + 180_000 + 300_000
    asked = {wish for wish in bedside.wishes if wish.pressure_dmmhg is not None}
    assert asked == {Intent(Output.CUFF, 1700, 180_000, 1, Purpose.OCCLUSION_TEST, 180_000)}


def test_a_target_ends_it_when_it_is_sure() -> None:
    bedside = Bedside(occlusion_test_plan.start(until_target(400), 0)).run()
    ((begin, end),) = bedside.held
    assert 150_000 + 3_000 <= end - begin <= 150_000 + 3_500


def test_one_low_sample_is_no_target() -> None:
    bedside = Bedside(occlusion_test_plan.start(until_target(400), 0))
    bedside.tissue = lambda ms: 300 if ms == 50_000 else 600
    ((begin, end),) = bedside.run().held
    assert end - begin == 300_000


def test_a_target_has_a_cap() -> None:
    bedside = Bedside(occlusion_test_plan.start(until_target(250, 120_000), 0))
    ((begin, end),) = bedside.run().held
    assert end - begin == 120_000
    assert bedside.wishes[2000].planned_ms == 120_000


@pytest.mark.parametrize("lost", [None, "silent"])
def test_a_target_that_cannot_be_seen_ends_it(lost: str | None) -> None:
    bedside = Bedside(occlusion_test_plan.start(until_target(400), 0))
    bedside.tissue = lambda ms: None if ms > 30_000 else 600
    ((begin, end),) = bedside.run().held
    assert end - begin == pytest.approx(40_000, abs=300)


def test_an_old_sample_is_not_a_new_one() -> None:
    plan = occlusion_test_plan.start(until_target(400), 0)
    plan = plan.step(Seen(None, PRESSURE, None, False, True), 180_000).plan  # type: ignore[assignment]
    permit = Permit(Output.CUFF, 1700, 200_000)
    old = Sample(300, 170_000)
    seen = Seen(permit, PRESSURE, 180_100, True, False, old)
    for now in range(180_100, 189_000, 100):
        plan = plan.step(seen, now).plan  # type: ignore[assignment]
    assert plan.phase == "holding"


def test_a_fixed_time_does_not_look_at_saturation() -> None:
    bedside = Bedside(occlusion_test_plan.start(OcclusionTestOrder(), 0))
    bedside.tissue = lambda ms: None
    ((begin, end),) = bedside.run().held
    assert end - begin == 180_000


PLANS: list[Callable[[], ExamPlan]] = [
    lambda: occlusion_test_plan.start(OcclusionTestOrder(), 0),
    lambda: oxidative_capacity_plan.start(ShortOcclusionsOrder(800), 0),
]


@pytest.mark.parametrize("begin", PLANS)
@pytest.mark.parametrize(
    "reason", [Reason.BLOOD_PRESSURE_STALE, Reason.BUDGET_SPENT, Reason.PLANNED_TIME_TOO_LONG]
)
def test_a_refusal_that_needs_a_person_ends_it_in_the_end(
    begin: Callable[[], ExamPlan], reason: Reason
) -> None:
    bedside = Bedside(begin(), lambda wish, now: Safe(Output.CUFF, reason)).run()
    assert (bedside.ended, bedside.held) == (reason, [])
    assert bedside.plan.is_finished


@pytest.mark.parametrize("begin", PLANS)
def test_a_wait_passes_by_itself(begin: Callable[[], ExamPlan]) -> None:
    def answer(wish: Intent, now: int) -> Permit | Safe:
        if now < 900_000:
            return Safe(Output.CUFF, Reason.ISCHAEMIA_DEBT)
        return Permit(Output.CUFF, wish.pressure_dmmhg or 0, now + 500)

    bedside = Bedside(begin(), answer).run()
    assert bedside.ended is Reason.PLANNED
    assert bedside.held[0][0] >= 900_000


@pytest.mark.parametrize("begin", PLANS)
def test_without_a_blood_pressure_nothing_that_could_be_granted_is_asked(
    begin: Callable[[], ExamPlan],
) -> None:
    plan = begin()
    for now in range(0, 200_000, 100):
        plan, (wish,), _ = plan.step(Seen(None, None, None, False, True), now)
        assert wish.pressure_dmmhg in (None, 0)


def test_an_occlusion_that_was_ended_by_others_is_recovered_from() -> None:
    bedside = Bedside(occlusion_test_plan.start(OcclusionTestOrder(), 0))
    while bedside.now < 200_000:
        bedside.step()
    bedside.started_ms = None  # somebody vented
    bedside.step()
    assert (bedside.plan.phase, bedside.wishes[-1]) == ("recovery", VENT)


def test_short_occlusions_with_their_rests() -> None:
    bedside = Bedside(oxidative_capacity_plan.start(ShortOcclusionsOrder(800, occlusions=6), 0)).run()
    assert [end - begin for begin, end in bedside.held] == [5_800] * 6
    gaps = [later[0] - one[1] for one, later in zip(bedside.held, bedside.held[1:], strict=False)]
    assert all(10_000 <= gap <= 10_300 for gap in gaps)
    schedules = [wish.schedule_ms for wish in bedside.wishes if wish.pressure_dmmhg is not None]
    assert sorted(set(schedules), reverse=True) == [
        6 * 5_800,
        5 * 5_800,
        4 * 5_800,
        3 * 5_800,
        2 * 5_800,
        5_800,
    ]
    assert {wish.purpose for wish in bedside.wishes if wish.pressure_dmmhg} == {Purpose.SHORT_OCCLUSIONS}
    assert bedside.ended is Reason.PLANNED


def test_a_cuff_that_turns_out_to_be_slow_is_vented_at_once() -> None:
    bedside = Bedside(oxidative_capacity_plan.start(ShortOcclusionsOrder(800), 0))
    bedside.fills = False
    ((begin, end),) = bedside.run().held
    assert 1_000 < end - begin <= 1_200
    assert bedside.ended is Reason.INFLATION_TOO_SLOW


def test_the_debt_is_paid_in_every_rest() -> None:
    order = ShortOcclusionsOrder(1_000, occlusions=20, occlusion_ms=5_000, rest_ms=10_000)
    debt = largest = 0
    bedside = Bedside(oxidative_capacity_plan.start(order, 0))
    while not bedside.plan.is_finished:
        bedside.step()
        debt = max(0, debt + (STEP_MS if bedside.started_ms is not None else -STEP_MS))
        largest = max(largest, debt)
    assert largest <= order.planned_ms
    assert debt == 0


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"fill_ms": None}, "not known: measure it"),
        ({"fill_ms": 1_001}, "needs a reservoir"),
        ({"fill_ms": -1}, "not known"),
        ({"occlusion_ms": 9_500}, "under pressure"),
        ({"occlusion_ms": 500}, "under pressure"),
        ({"rest_ms": 5_000}, "pay the debt"),
        ({"occlusions": 4}, "5 or more"),
        ({"occlusions": 40}, "fewer occlusions"),
        ({"margin_mmhg": 10}, "20 to 150"),
    ],
)
def test_series_that_make_no_sense_are_refused(other: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanRefused, match=why):
        ShortOcclusionsOrder(**{"fill_ms": 800, **other})


@pytest.mark.parametrize(
    "other",
    [
        {"occlusion_ms": 300_001},
        {"occlusion_ms": 0},
        {"margin_mmhg": 19},
        {"margin_mmhg": 151},
        {"target_permille": 199},
        {"target_permille": 901},
        {"baseline_ms": -1},
        {"baseline_ms": 600_001},
        {"confirm_ms": -1},
    ],
)
def test_occlusion_tests_that_make_no_sense_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(PlanRefused, match="occlusion test"):
        OcclusionTestOrder(**other)


def test_the_caps_are_those_of_the_supervisor() -> None:
    limits = Limits()
    assert limits.planned_longest_ms == occlusion_test_plan.LONGEST_MS
    assert limits.short_longest_ms == oxidative_capacity_plan.LONGEST_MS
    assert limits.short_series_ms == oxidative_capacity_plan.SERIES_MS


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "permit", Reason.ISCHAEMIA_DEBT, Reason.BUDGET_SPENT, Reason.NOT_ARMED]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.integers(0, 400_000),
            st.one_of(st.none(), st.integers(0, 1000)),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_whatever_happens_a_plan_asks_for_no_more_than_its_order(rows: list[Any], target: bool) -> None:
    """Any answers in any order: never beyond the order's time, never another target inside an inflation."""
    order = until_target(400) if target else OcclusionTestOrder(baseline_ms=0)
    plans: list[OcclusionTestPlan | ShortOcclusionsPlan] = [
        occlusion_test_plan.start(order, 0),
        oxidative_capacity_plan.start(ShortOcclusionsOrder(800), 0),
    ]
    for plan in plans:
        now, one = 0, plan
        for answer, running, held, empty, later, tissue in rows:
            now += later
            given_answer = Permit(Output.CUFF, 1700, now + 500) if answer == "permit" else None
            refused = Safe(Output.CUFF, answer) if isinstance(answer, Reason) else given_answer
            seen = Seen(refused, PRESSURE, now if running else None, held, empty, Sample(tissue, now))
            before = one
            one, wishes, _ = one.step(seen, now)  # type: ignore[assignment]
            (wish,) = wishes
            assert wish.pressure_dmmhg in (None, 1700)
            if before.phase in ("holding", "inflating", "occluding"):
                over = now - before.started_ms >= wish_time(before)
                assert not over or wish == VENT
            assert one.time_left_ms(now) >= 0
            assert (one.waits_for is Output.CUFF) == (one.phase == "waiting")


def wish_time(plan: OcclusionTestPlan | ShortOcclusionsPlan) -> int:
    order = plan.order
    return order.planned_ms if isinstance(order, ShortOcclusionsOrder) else order.occlusion_ms


def test_each_plan_says_when_it_will_ask_for_the_cuff_next() -> None:
    resting = occlusion_test_plan.start(OcclusionTestOrder(baseline_ms=20_000), 1_000)
    assert resting.next_inflation_ms(5_000) == 21_000
    waiting = replace(resting, phase_now=occlusion_test_plan.Phase.WAITING)
    assert waiting.next_inflation_ms(25_000) == 25_000
    held = replace(resting, phase_now=occlusion_test_plan.Phase.HOLDING)
    assert held.next_inflation_ms(25_000) is None
    assert limb_pressure.start(LimbPressureOrder(), 1_000).next_inflation_ms(5_000) == 5_000


def test_a_series_needs_a_blood_pressure_at_its_first_one_and_where_a_person_does() -> None:
    series = oxidative_capacity_plan.start(ShortOcclusionsOrder(fill_ms=1_000), 1_000)
    assert series.next_inflation_ms(5_000) == 5_000
    later = replace(series, cycle=3)
    assert later.next_inflation_ms(5_000) is None
    assert replace(later, refused_since_ms=4_000).next_inflation_ms(5_000) == 5_000
    resting = replace(series, phase_now=oxidative_capacity_plan.Phase.REST)
    assert resting.next_inflation_ms(5_000) is None
