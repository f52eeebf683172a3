"""The plan of the measurement, alone and with the real supervisor, and what its result may be used for."""

from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.exams.errors import PlanRefused
from gateway.exams.limb_pressure import (
    Ended,
    LimbPressureOrder,
    LimbPressurePlan,
    Measured,
    Phase,
    planned_ms,
    start,
    why_invalid,
)
from gateway.exams.plan import VENT, Seen
from gateway.model import BloodPressure, Intent, Limb, Output, Permit, Purpose, Reason, Safe
from gateway.safety.limits import HARD
from tests.safety.bedside import Bedside

ORDER = LimbPressureOrder()


class Patient:
    """The plan, the real supervisor, and a cuff that follows its target at 30 mmHg/s up and at once down."""

    def __init__(
        self, bed: Bedside | None = None, closed_mmhg: int | None = None, order: LimbPressureOrder = ORDER
    ) -> None:
        self.bed = bed or Bedside()
        self.plan: LimbPressurePlan = start(order, self.bed.now)
        self.closed_dmmhg = None if closed_mmhg is None else closed_mmhg * 10
        self.over: Reason | None = None
        self.targets: list[tuple[int, int, int]] = []
        self.pressure = 0
        self.above_ms = 0

    @property
    def ended(self) -> tuple[Ended, ...]:
        return self.plan.ended

    def step(self) -> None:
        bed = self.bed
        plan, (wish,), ended = self.plan.step(self.seen(), bed.now)
        assert isinstance(plan, LimbPressurePlan)
        self.plan, self.over = plan, ended or self.over
        self.wish(wish)
        bed.step()
        self.follow()

    def wish(self, wish: Intent) -> None:
        bed = self.bed
        bed.wishes = (wish,)
        if bed.state.inflation is None and wish.pressure_dmmhg is not None:
            bed.authorise()
        last = self.targets[-1] if self.targets else None
        if (
            bed.energised
            and wish.pressure_dmmhg is not None
            and (last is None or last[1] != wish.pressure_dmmhg)
        ):
            self.targets.append((wish.cycle, wish.pressure_dmmhg, bed.now))

    def follow(self) -> None:
        """The cuff after 50 ms."""
        bed = self.bed
        target = bed.verdict.cuff.pressure_dmmhg if isinstance(bed.verdict.cuff, Permit) else 0
        self.pressure = min(target, self.pressure + 15) if target else 0
        bed.read(self.pressure)
        self.above_ms += 50 * (self.pressure > HARD.deflated_dmmhg)

    def seen(self) -> Seen:
        bed = self.bed
        under_way = bed.state.inflation
        return Seen(
            bed.verdict.cuff,
            bed.seen.blood_pressure,
            None if under_way is None else under_way.started_ms,
            under_way is not None and under_way.reached_ms is not None,
            self.pressure <= HARD.deflated_dmmhg,
            pulse_gone=self.gone(),
        )

    def gone(self) -> bool | None:
        return None if self.closed_dmmhg is None else self.pressure >= self.closed_dmmhg

    def run(self, fresh: bool = True) -> None:
        begun = self.bed.now
        while not self.plan.is_finished:
            if fresh and self.plan.phase_now is Phase.WAITING:
                self.bed.see(blood_pressure=BloodPressure(120, 80, self.bed.now))
            self.step()
            assert self.bed.state.latched is None, self.bed.state.latched
            assert self.bed.now - begun < 3_600_000


@pytest.fixture(scope="module")
def patient() -> Patient:
    """Somebody whose pulse nobody watches, after the whole examination."""
    whole = Patient()
    whole.run()
    return whole


def test_two_runs_climb_from_the_systolic_to_300_and_the_supervisor_permits_them(patient: Patient) -> None:
    assert [one.reason for one in patient.ended] == [Reason.PLANNED, Reason.PLANNED]
    assert patient.over is Reason.PLANNED
    for run in (1, 2):
        targets = [target for cycle, target, _ in patient.targets if cycle == run]
        assert targets == list(range(1200, 3001, 100))
    assert patient.above_ms < 2 * 300_000


def test_steps_take_at_most_10_s_and_a_run_at_most_300_s(patient: Patient) -> None:
    for run in (1, 2):
        times = [at for cycle, _, at in patient.targets if cycle == run]
        gaps = [after - at for at, after in pairwise(times)]
        assert max(gaps[1:]) <= 10_050
        assert times[-1] + 10_000 - times[0] <= 300_000


def test_the_second_run_waits_until_the_debt_is_paid(patient: Patient) -> None:
    first, second = (next(at for cycle, _, at in patient.targets if cycle == run) for run in (1, 2))
    own_ms = planned_ms(ORDER, 120)
    assert second - first >= patient.above_ms / 2 + (patient.above_ms / 2 + own_ms - 300_000)


def test_it_ends_two_steps_after_the_pulse_is_gone() -> None:
    patient = Patient(closed_mmhg=165)
    patient.run()
    assert [one.target_dmmhg for one in patient.ended] == [1800, 1800]
    assert patient.above_ms < 2 * 90_000


def climbing(since_ms: int = 0, **changes: int) -> LimbPressurePlan:
    plan = LimbPressurePlan(ORDER, Phase.CLIMBING, 1, since_ms, target_dmmhg=1200, planned_ms=250_000)
    return replace(plan, **changes)


def seen(hold_reached: bool = True, gone: bool | None = None) -> Seen:
    return Seen(Permit(Output.CUFF, 1200, 0), None, 0, hold_reached, False, pulse_gone=gone)


def after(plan: LimbPressurePlan, what: Seen, now: int) -> LimbPressurePlan:
    made = plan.step(what, now).plan
    assert isinstance(made, LimbPressurePlan)
    return made


def test_a_pulse_that_comes_back_counts_anew() -> None:
    plan = climbing(target_dmmhg=1700, planned_ms=300_000, steps=5, gone=1)
    assert after(plan, seen(gone=False), 10_000).gone == 0
    assert after(plan, seen(gone=None), 10_000).gone == 0
    assert after(plan, seen(gone=True), 10_000).ended == (Ended(1, 1700, Reason.PLANNED),)


def test_the_first_step_counts_from_when_the_cuff_is_filled_and_the_others_from_their_wish() -> None:
    filling = after(climbing(), seen(False), 20_000)
    assert after(filling, seen(), 29_950).target_dmmhg == 1200
    second = after(filling, seen(), 30_000)
    assert second.target_dmmhg == 1300
    late = after(second, seen(False), 41_000)
    assert late.target_dmmhg == 1300, "a step that was not reached is not left"
    assert after(late, seen(), 41_050).target_dmmhg == 1400


def test_a_run_ends_with_its_planned_time_wherever_it_is() -> None:
    assert after(climbing(), seen(False), 249_950).ended == ()
    made = climbing().step(seen(False), 250_000)
    assert made.wishes == (VENT,)
    assert isinstance(made.plan, LimbPressurePlan)
    assert (made.plan.ended, made.plan.phase) == ((Ended(1, 1200, Reason.PLANNED),), "emptying")


def test_the_top_is_the_sites_ceiling() -> None:
    low = LimbPressureOrder(highest_mmhg=250)
    patient = Patient(order=low)
    patient.run()
    assert max(target for _, target, _ in patient.targets) == 2500


def test_a_systolic_that_leaves_no_step_is_asked_for_in_vain() -> None:
    bed = Bedside()
    bed.see(blood_pressure=BloodPressure(150, 80, bed.now))
    patient = Patient(bed, order=LimbPressureOrder(highest_mmhg=140, pressure_wait_ms=20_000))
    patient.step()
    assert bed.reason is Reason.TARGET_ABOVE_CEILING
    patient.run(fresh=False)
    assert (patient.over, patient.above_ms) == (Reason.TARGET_ABOVE_CEILING, 0)


@pytest.mark.parametrize("systolic", range(90, 181, 10))
def test_every_systolic_that_the_supervisor_accepts_has_a_run_that_fits(systolic: int) -> None:
    longest_ms = planned_ms(ORDER, systolic)
    assert longest_ms <= HARD.planned_longest_ms
    climb_ms = (1 + (300 - systolic) // 10) * 10_000
    assert longest_ms >= climb_ms, "the top is reached"


def test_a_budget_that_is_spent_leaves_the_second_run_out() -> None:
    bed = Bedside()
    bed.arm(examination_left_ms=planned_ms(ORDER, 120) + HARD.not_deflated_ms)
    patient = Patient(bed, closed_mmhg=130, order=LimbPressureOrder(pressure_wait_ms=20_000))
    patient.run()
    assert [one.reason for one in patient.ended] == [Reason.PLANNED, Reason.BUDGET_SPENT]


def test_without_a_blood_pressure_it_asks_says_why_and_gives_up() -> None:
    bed = Bedside()
    bed.see(blood_pressure=None)
    patient = Patient(bed, order=LimbPressureOrder(pressure_wait_ms=20_000))
    patient.step()
    patient.step()
    assert bed.reason is Reason.BLOOD_PRESSURE_MISSING
    patient.run(fresh=False)
    assert [one.reason for one in patient.ended] == [Reason.BLOOD_PRESSURE_MISSING] * 2
    assert patient.over is Reason.BLOOD_PRESSURE_MISSING
    assert patient.above_ms == 0


def test_a_supervisor_that_vents_ends_the_run() -> None:
    patient = Patient()
    while patient.plan.phase_now is not Phase.CLIMBING:
        patient.step()
    stopped = Safe(patient.bed.wishes[0].output, Reason.STOPPED_AT_BEDSIDE)
    made = patient.plan.step(replace(patient.seen(), answer=stopped), patient.bed.now)
    assert made.wishes == (VENT,)
    assert isinstance(made.plan, LimbPressurePlan)
    assert made.plan.ended == (Ended(1, 1200, Reason.STOPPED_AT_BEDSIDE),)


def test_each_wish_is_for_this_purpose_and_counts_its_own_run() -> None:
    patient = Patient()
    while not patient.targets:
        patient.step()
    (wish,) = patient.bed.wishes
    assert wish.purpose is Purpose.LIMB_PRESSURE
    assert wish.schedule_ms == wish.planned_ms == planned_ms(ORDER, 120)


@pytest.mark.parametrize(
    "changes", [{"runs": 1}, {"runs": 6}, {"step_ms": 10_001}, {"highest_mmhg": 301}, {"gone_steps": 0}]
)
def test_a_protocol_beyond_the_house_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(PlanRefused, match="must be"):
        LimbPressureOrder(**changes)


@pytest.mark.parametrize("systolic", [0, 300, 310])
def test_a_systolic_without_steps_above_it_is_refused(systolic: int) -> None:
    with pytest.raises(PlanRefused, match="no step"):
        planned_ms(ORDER, systolic)


MEASURED = Measured(180, 190, "session 7", "thigh 18 cm", Limb.LEFT_THIGH, "supine", 120)
HERE = {
    "session": "session 7",
    "cuff": "thigh 18 cm",
    "limb": Limb.LEFT_THIGH,
    "posture": "supine",
    "systolic_mmhg": 120,
}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"systolic_mmhg": 140}, ""),
        ({"systolic_mmhg": 100}, ""),
        ({"systolic_mmhg": 141}, "systolic"),
        ({"systolic_mmhg": 99}, "systolic"),
        ({"session": "session 8"}, "session"),
        ({"cuff": "thigh 11 cm"}, "cuff"),
        ({"limb": Limb.RIGHT_THIGH}, "limb"),
        ({"posture": "sitting"}, "posture"),
    ],
)
def test_a_measurement_holds_here_and_now_only(changes: dict[str, object], word: str) -> None:
    said = why_invalid(MEASURED, **(HERE | changes))  # type: ignore[arg-type]
    assert (word in said) if word else said == ""
