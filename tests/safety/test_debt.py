"""The ischaemia debt: its arithmetic, its forced vent, and what nobody saw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import BloodPressure, CuffReading, DeviceFault, Limb, Reason
from gateway.safety.debt import Debt, Debts, advance, advance_all, is_above, is_fresh, is_seen_above
from gateway.safety.limits import HARD
from tests.safety.bedside import Bedside


def reading(control: int | None, limit: int | None, arrived_ms: int) -> CuffReading:
    return CuffReading(control, limit, 0, False, DeviceFault.NONE, 0, 7, 0, arrived_ms)


EMPTY, FULL = (0, 0), (1700, 1700)


@pytest.mark.parametrize(
    ("both", "above"),
    [
        ((150, 150), False),
        ((151, 0), True),
        ((0, 151), True),
        ((None, 0), True),
        ((0, None), True),
        ((None, None), True),
        ((-20, -20), False),
    ],
)
def test_above_15_mmhg_or_missing_counts_as_occluding(
    both: tuple[int | None, int | None], above: bool
) -> None:
    assert is_above(HARD, reading(*both, 0)) is above


@pytest.mark.parametrize(
    ("both", "seen"),
    [
        ((150, 150), False),
        ((151, 0), True),
        ((0, 151), True),
        ((None, 151), True),
        ((None, 150), False),
        ((151, None), True),
        ((150, None), False),
        ((None, None), False),
    ],
)
def test_pressure_is_seen_by_a_sensor_that_is_there(both: tuple[int | None, int | None], seen: bool) -> None:
    assert is_seen_above(HARD, reading(*both, 0)) is seen


def test_each_limb_has_its_debt_and_an_unknown_limb_the_largest() -> None:
    debts = Debts.of_ms((10, 40, 30, 20), 7)
    assert debts.of_limbs == (Debt(10, 7), Debt(40, 7), Debt(30, 7), Debt(20, 7))
    assert debts.values_ms == (10, 40, 30, 20)
    assert [debts.largest(limb).value_ms for limb in Limb] == [10, 40, 30, 20]
    assert debts.largest(None) == Debt(40, 7)


@pytest.mark.parametrize(("now", "left_ms"), [(6, 3), (7, 3), (8, 2), (10, 0), (11, 0), (99, 0)])
def test_a_limb_without_the_cuff_recovers_by_the_clock_and_never_below_nothing(
    now: int, left_ms: int
) -> None:
    rested = advance_all(HARD, Debts.equal(3, 7), Limb.LEFT_THIGH, None, now).of(Limb.RIGHT_THIGH)
    assert rested == Debt(left_ms, now)


def test_the_limb_under_the_cuff_owes_by_the_reading_and_every_limb_where_nobody_said_which() -> None:
    debts, full = Debts.equal(100, 0), reading(1700, 1700, 50)
    owed = {limb: advance_all(HARD, debts, limb, full, 50).values_ms for limb in (Limb.RIGHT_THIGH, None)}
    assert owed == {Limb.RIGHT_THIGH: (50, 150, 50, 50), None: (150, 150, 150, 150)}


@pytest.mark.parametrize(("age_ms", "fresh"), [(0, True), (500, True), (501, False), (-1, False)])
def test_a_reading_is_fresh_for_500_ms(age_ms: int, fresh: bool) -> None:
    assert is_fresh(HARD, reading(0, 0, 1_000), 1_000 + age_ms) is fresh
    assert not is_fresh(HARD, None, 0)


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (Debt(1_000, 0, True), FULL, Debt(1_050, 50, True)),
        (Debt(1_000, 0, False), EMPTY, Debt(950, 50, False)),
        (Debt(20, 0, False), EMPTY, Debt(0, 50, False)),
        (Debt(1_000, 0, False), FULL, Debt(1_050, 50, True)),
        (Debt(1_000, 0, True), EMPTY, Debt(1_050, 50, False)),
        (Debt(0, 0, False), (None, 0), Debt(50, 50, True)),
    ],
)
def test_a_second_above_is_owed_and_a_second_below_is_paid(
    before: Debt, now: tuple[int | None, int | None], after: Debt
) -> None:
    assert advance(HARD, before, reading(*now, 50), 50) == after


def test_time_without_a_reading_pays_nothing() -> None:
    assert advance(HARD, Debt(1_000, 0), None, 60_000) == Debt(1_000, 60_000)
    assert advance(HARD, Debt(1_000, 0), reading(*EMPTY, 0), 501) == Debt(1_000, 501)


def test_a_stalled_gateway_is_credited_with_one_status_age() -> None:
    assert advance(HARD, Debt(10_000, 0), reading(*EMPTY, 60_000), 60_000) == Debt(9_500, 60_000)


def test_a_stalled_gateway_owes_all_of_it() -> None:
    assert advance(HARD, Debt(0, 0, True), reading(*FULL, 60_000), 60_000) == Debt(60_000, 60_000, True)


def test_a_cuff_last_seen_under_pressure_is_counted_as_occluding_up_to_the_forced_vent() -> None:
    assert advance(HARD, Debt(0, 0, True), None, 60_000) == Debt(60_000, 60_000, True)
    assert advance(HARD, Debt(300_000, 0, True), None, 60_000) == Debt(315_000, 60_000, True)
    assert advance(HARD, Debt(320_000, 0, True), None, 60_000) == Debt(320_000, 60_000, True)


@pytest.mark.parametrize(
    ("owed_ms", "after_ms"), [(200_000, 200_500), (299_700, 300_000), (300_000, 300_000), (310_000, 310_000)]
)
@pytest.mark.parametrize("both", [(None, 0), (0, None), (None, None)])
def test_a_missing_sensor_owes_no_more_than_a_whole_occlusion(
    both: tuple[int | None, int | None], owed_ms: int, after_ms: int
) -> None:
    for above in (False, True):
        owed = advance(HARD, Debt(owed_ms, 0, above), reading(*both, 500), 500)
        assert owed == Debt(after_ms, 500, True)


def test_a_missing_sensor_beside_one_that_shows_pressure_owes_all_of_it() -> None:
    owed = advance(HARD, Debt(299_700, 0), reading(None, 151, 500), 500)
    assert owed == Debt(300_200, 500, True)


def test_time_that_ran_back_changes_nothing_but_the_time() -> None:
    assert advance(HARD, Debt(1_000, 500, True), reading(*FULL, 100), 100) == Debt(1_000, 100, True)
    assert advance(HARD, Debt(1_000, 500), reading(*EMPTY, 100), 100) == Debt(1_000, 100)


readings = st.sampled_from([None, EMPTY, FULL, (151, 0), (None, 0)])


@given(st.integers(0, 320_000), st.booleans(), readings, st.integers(-10, 2_000), st.integers(-10, 600))
def test_no_more_is_paid_than_time_went_by_and_the_debt_is_never_negative(
    owed: int, above: bool, seen: tuple[int | None, int | None] | None, gone: int, age: int
) -> None:
    cuff = None if seen is None else reading(*seen, 1_000 + gone - age)
    after = advance(HARD, Debt(owed, 1_000, above), cuff, 1_000 + gone)
    assert after.value_ms >= max(0, owed - max(0, gone))
    assert after.value_ms >= owed or seen == EMPTY
    assert after.value_ms <= owed + max(0, gone)


# the forced vent


def occluded(pressure: int, debt_ms: int) -> Bedside:
    """An idle gateway beside a cuff under pressure: within the first second only the debt can trip."""
    bed = Bedside(debt_ms)
    bed.see(arming=None)
    bed.read(pressure)
    return bed


def test_the_forced_vent_comes_at_exactly_315_s() -> None:
    bed = occluded(151, 314_000)
    assert bed.step(999).latched is None
    assert bed.step(1).latched is Reason.OCCLUSION_TIME


def test_the_larger_of_both_debts_forces_the_vent() -> None:
    bed = occluded(151, 0)
    bed.read(151, debt_ms=314_999)
    assert bed.step(1).latched is None
    bed.read(151, debt_ms=315_000)
    assert bed.step(1).latched is Reason.OCCLUSION_TIME


def test_at_15_mmhg_nothing_is_forced() -> None:
    bed = occluded(150, 320_000)
    bed.read(150, debt_ms=320_000)
    assert bed.run(1_000).latched is None
    assert bed.debt.value_ms == 319_000


def test_a_stale_status_of_a_full_cuff_still_forces_the_vent() -> None:
    bed = occluded(1700, 314_000)
    bed.step(50)
    bed.silent = True
    assert bed.step(949).latched is None
    assert bed.step(1).latched is Reason.OCCLUSION_TIME


def test_a_stale_status_says_nothing_about_the_controllers_debt() -> None:
    bed = occluded(151, 0)
    bed.step(1)
    bed.silent = True
    bed.read(151, debt_ms=400_000)
    assert bed.step(501).latched is None
    bed.silent = False
    assert bed.step(1).latched is Reason.OCCLUSION_TIME


def test_a_full_inflation_is_vented_at_315_s() -> None:
    bed = Bedside()
    bed.hold(planned_ms=300_000)
    began = bed.state.inflation.started_ms if bed.state.inflation else 0
    while bed.energised:
        bed.step(250)
    assert bed.verdict.latched is Reason.OCCLUSION_TIME
    assert 315_000 <= bed.now - began < 315_250


@pytest.mark.parametrize("planned_ms", [1_000, 6_000])
def test_a_short_inflation_is_vented_15_s_after_its_plan(planned_ms: int) -> None:
    bed = Bedside()
    bed.hold(planned_ms=planned_ms)
    assert bed.run(planned_ms + 14_900).latched is None
    assert bed.energised
    assert bed.step(50).latched is Reason.OCCLUSION_TIME


def test_five_minutes_are_followed_by_five_minutes() -> None:
    bed = Bedside(debt_ms=300_000)
    bed.ask(planned_ms=300_000)
    waited = 0
    while not bed.energised:
        bed.authorise()
        bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
        bed.step(500)
        waited += 500
        assert bed.energised or bed.reason is Reason.ISCHAEMIA_DEBT
    assert waited == 300_000
