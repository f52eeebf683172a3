"""A plan that never vents: however it asks, and whoever resets, the limb's time under pressure is bounded."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import BloodPressure, Permit, Reason
from gateway.safety.limits import HARD
from tests.safety.bedside import TARGET, Bedside

STEP_MS = 500


class NeverVents:
    """Asks again as soon as it is refused, for a cuff that follows the permits at once or slowly."""

    def __init__(self, planned_ms: int, slope_dmmhg: int, resets: bool) -> None:
        self.bed, self.planned_ms, self.slope, self.resets = Bedside(), planned_ms, slope_dmmhg, resets
        self.occluded_ms = self.longest_ms = self.running_ms = 0
        self.permits = 0

    def step(self) -> None:
        bed = self.bed
        bed.ask(TARGET, self.planned_ms)
        bed.authorise()
        bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
        bed.step(STEP_MS, reset=self.resets)
        self._move(TARGET if isinstance(bed.verdict.cuff, Permit) else 0)

    def _move(self, towards: int) -> None:
        here = self.bed.cuff.control_dmmhg or 0
        there = here + max(-self.slope, min(self.slope, towards - here))
        self.bed.cuff = replace(self.bed.cuff, control_dmmhg=there, limit_dmmhg=there)
        self.permits += self.bed.energised
        self.running_ms = self.running_ms + STEP_MS if there > HARD.deflated_dmmhg else 0
        self.occluded_ms += STEP_MS if self.running_ms else 0
        self.longest_ms = max(self.longest_ms, self.running_ms)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.sampled_from([1_000, 20_000, 100_000, 300_000]), st.integers(250, 1_700))
def test_without_a_person_it_ends_after_one_inflation(planned_ms: int, slope: int) -> None:
    plan = NeverVents(planned_ms, slope, resets=False)
    for _ in range(1_000):
        plan.step()
    assert plan.permits
    assert plan.bed.verdict.latched is Reason.OCCLUSION_TIME
    assert plan.occluded_ms <= planned_ms + HARD.overdue_ms + HARD.not_deflated_ms


@pytest.mark.parametrize("planned_ms", [1_000, 60_000, 300_000])
def test_with_a_person_who_always_resets_the_limb_is_perfused_half_of_the_time(planned_ms: int) -> None:
    plan = NeverVents(planned_ms, 700, resets=True)
    hours = 2 * 3_600_000
    for _ in range(hours // STEP_MS):
        plan.step()
    assert plan.permits
    assert plan.longest_ms <= planned_ms + HARD.overdue_ms + HARD.not_deflated_ms
    assert plan.occluded_ms <= (hours + HARD.debt_vent_ms + HARD.not_deflated_ms) // 2
