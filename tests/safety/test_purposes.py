"""What an inflation is for decides its rules; and the stops at the bedside."""

from dataclasses import replace

import pytest

from gateway.model import BloodPressure, Output, Permit, Purpose, Reason, Safe
from tests.safety.bedside import TARGET, Bedside


def asked(target: int, purpose: Purpose, planned_ms: int = 6_000, **arming: object) -> Bedside:
    bed = Bedside()
    if arming:
        bed.arm(**arming)
    bed.ask(target, planned_ms, purpose=purpose)
    bed.authorise()
    bed.step()
    return bed


@pytest.mark.parametrize(
    ("target", "measured", "reason"),
    [
        (2500, None, None),
        (2501, None, Reason.TARGET_NEEDS_LIMB_PRESSURE),
        (2501, 2000, None),
        (3000, 2900, None),
    ],
)
def test_more_than_250_needs_a_measured_limb_pressure(
    target: int, measured: int | None, reason: Reason | None
) -> None:
    assert asked(target, Purpose.OCCLUSION, limb_pressure_dmmhg=measured).reason is reason


@pytest.mark.parametrize(
    ("target", "measured", "reason"),
    [
        (1000, None, Reason.TARGET_NEEDS_LIMB_PRESSURE),
        (1000, 2000, None),
        (2000, 2000, None),
        (2001, 2000, Reason.TARGET_ABOVE_CEILING),
    ],
)
def test_a_restriction_stays_under_the_measured_limb_pressure(
    target: int, measured: int | None, reason: Reason | None
) -> None:
    assert asked(target, Purpose.RESTRICTION, limb_pressure_dmmhg=measured).reason is reason


@pytest.mark.parametrize(
    ("target", "purpose", "reason"),
    [
        (1799, Purpose.OCCLUSION, Reason.TARGET_BELOW_SYSTOLIC),
        (1800, Purpose.OCCLUSION, None),
        (1799, Purpose.OCCLUSION_TEST, Reason.TARGET_BELOW_SYSTOLIC),
        (1799, Purpose.SHORT_OCCLUSIONS, Reason.TARGET_BELOW_SYSTOLIC),
        (1200, Purpose.LIMB_PRESSURE, None),
        (1200, Purpose.RESTRICTION, None),
    ],
)
def test_no_occlusion_below_what_this_limb_was_found_to_need(
    target: int, purpose: Purpose, reason: Reason | None
) -> None:
    planned_ms = 5_000 if purpose is Purpose.SHORT_OCCLUSIONS else 200_000
    bed = asked(target, purpose, planned_ms, least_dmmhg=1800, limb_pressure_dmmhg=1750)
    assert bed.reason is reason


def test_the_systolic_stays_the_least_where_the_limb_needed_less() -> None:
    bed = asked(1399, Purpose.OCCLUSION, least_dmmhg=1300)
    assert bed.reason is Reason.TARGET_BELOW_SYSTOLIC


def test_the_measurement_itself_may_go_to_the_ceiling() -> None:
    assert asked(3000, Purpose.LIMB_PRESSURE).energised
    assert asked(3001, Purpose.LIMB_PRESSURE).reason is Reason.TARGET_ABOVE_CEILING


def test_an_authorisation_is_for_one_purpose() -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise(purpose=Purpose.OCCLUSION_TEST)
    bed.step()
    assert bed.reason is Reason.JOURNAL_PENDING


@pytest.mark.parametrize("purpose", [Purpose.RESTRICTION, Purpose.LIMB_PRESSURE])
def test_only_an_occlusion_has_to_pass_the_systolic_within_30_s(purpose: Purpose) -> None:
    bed = asked(1000, purpose, 200_000, limb_pressure_dmmhg=2000)
    bed.read(500)
    assert bed.run(44_500, every_ms=500).latched is None
    assert bed.step(500).latched is Reason.INFLATION_TOO_SLOW  # the target itself has 45 s


# the measurement of the limb pressure climbs


def test_a_measurement_climbs_in_steps_each_with_its_own_45_s() -> None:
    bed = asked(1200, Purpose.LIMB_PRESSURE, 300_000)
    for target in range(1200, 1700, 100):
        bed.ask(target, 300_000, purpose=Purpose.LIMB_PRESSURE)
        bed.run(4_900)
        assert bed.energised
        bed.read(target)
        bed.step()
        assert bed.state.inflation is not None
        assert bed.state.inflation.reached_ms == bed.now
    bed.ask(1700, 300_000, purpose=Purpose.LIMB_PRESSURE)
    bed.step()
    aimed_ms = bed.now
    while bed.now < aimed_ms + 44_950:
        assert bed.step().latched is None
    assert bed.step().latched is Reason.INFLATION_TOO_SLOW


def test_a_climb_is_remembered_also_when_the_blood_pressure_was_taken_back() -> None:
    bed = Bedside()
    bed.ask(1_000, 60_000, purpose=Purpose.LIMB_PRESSURE)
    bed.authorise()
    bed.step()
    bed.read(1_000)
    bed.step()
    bed.ask(1_600, 60_000, purpose=Purpose.LIMB_PRESSURE)
    assert isinstance(bed.step(blood_pressure=None).cuff, Permit)
    assert bed.state.inflation is not None
    assert (bed.state.inflation.target_dmmhg, bed.state.inflation.aimed_ms) == (1_600, bed.now)
    assert bed.state.inflation.reached_ms is None


def test_a_measurement_climbs_no_higher_than_the_ceiling() -> None:
    bed = asked(1200, Purpose.LIMB_PRESSURE)
    bed.ask(3000, purpose=Purpose.LIMB_PRESSURE)
    bed.step()
    assert bed.energised
    bed.ask(3001, purpose=Purpose.LIMB_PRESSURE)
    bed.step()
    assert bed.reason is Reason.TARGET_ABOVE_CEILING


@pytest.mark.parametrize("purpose", [Purpose.OCCLUSION, Purpose.OCCLUSION_TEST, Purpose.SHORT_OCCLUSIONS])
def test_nothing_else_changes_its_target(purpose: Purpose) -> None:
    bed = asked(TARGET, purpose)
    assert bed.energised
    bed.ask(TARGET + 100, purpose=purpose)
    bed.step()
    assert bed.reason is Reason.REQUEST_CHANGED


def test_a_purpose_does_not_change_on_the_way() -> None:
    bed = asked(TARGET, Purpose.OCCLUSION)
    bed.ask(TARGET, purpose=Purpose.LIMB_PRESSURE)
    bed.step()
    assert bed.reason is Reason.REQUEST_CHANGED


# a series of short occlusions


@pytest.mark.parametrize(("planned_ms", "granted"), [(10_000, True), (10_001, False)])
def test_a_short_occlusion_lasts_10_s_at_most(planned_ms: int, granted: bool) -> None:
    bed = asked(TARGET, Purpose.SHORT_OCCLUSIONS, planned_ms)
    assert bed.energised is granted
    assert bed.reason is (None if granted else Reason.PLANNED_TIME_TOO_LONG)


def short(bed: Bedside, cycle: int, series: int = 1) -> Reason | None:
    """One short occlusion of 5 s; why it was not given, ``None`` when it was."""
    bed.ask(TARGET, 5_000, cycle, purpose=Purpose.SHORT_OCCLUSIONS, series=series)
    bed.authorise()
    bed.step()
    if not bed.energised:
        return bed.reason
    bed.read(TARGET)
    bed.run(4_900)
    bed.wishes = ()
    bed.step()
    bed.read(0)
    bed.run(5_050)
    return None


def test_a_series_lives_on_one_blood_pressure_for_ten_minutes() -> None:
    bed = Bedside()
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now - 299_000))
    assert short(bed, 1) is None
    began_ms = bed.state.series_ms
    assert began_ms is not None
    for cycle in range(2, 58):
        assert short(bed, cycle) is None
    while bed.now + 50 + 5_000 <= began_ms + 600_000:
        bed.wishes = ()
        bed.step()
    assert short(bed, 59) is Reason.BLOOD_PRESSURE_STALE
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    assert short(bed, 60) is None
    assert bed.state.series_ms > began_ms


def test_another_series_does_not_live_on_the_pressure_of_the_first() -> None:
    bed = Bedside()
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now - 299_000))
    assert short(bed, 1, series=1) is None
    assert short(bed, 2, series=1) is None, "older than five minutes, and of the same series"
    assert short(bed, 3, series=2) is Reason.BLOOD_PRESSURE_STALE
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    began_ms = bed.now
    assert short(bed, 3, series=2) is None
    assert (bed.state.series, bed.state.series_ms) == (2, began_ms + 50), "ten minutes of its own"
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now - 301_000))
    assert short(bed, 4, series=1) is Reason.BLOOD_PRESSURE_STALE, "the first one is over"


@pytest.mark.parametrize(
    ("purpose", "began_ago_ms", "reason"),
    [
        (Purpose.SHORT_OCCLUSIONS, 595_000, None),
        (Purpose.SHORT_OCCLUSIONS, 595_001, Reason.BLOOD_PRESSURE_STALE),
        (Purpose.SHORT_OCCLUSIONS, -1, Reason.BLOOD_PRESSURE_STALE),
        (Purpose.OCCLUSION, 595_000, Reason.BLOOD_PRESSURE_STALE),
        (Purpose.OCCLUSION_TEST, 595_000, Reason.BLOOD_PRESSURE_STALE),
    ],
)
def test_the_pressure_of_a_series_is_for_what_ends_within_it(
    purpose: Purpose, began_ago_ms: int, reason: Reason | None
) -> None:
    bed = Bedside()
    bed.step()
    now = bed.now + 50
    bed.state = replace(bed.state, series_ms=now - began_ago_ms)
    bed.see(blood_pressure=BloodPressure(120, 80, now - 600_000))
    bed.ask(TARGET, 5_000, purpose=purpose)
    bed.authorise()
    bed.step()
    assert bed.reason is reason


def test_a_pressure_entered_during_a_series_is_judged_as_well() -> None:
    bed = Bedside()
    assert short(bed, 1) is None
    bed.see(blood_pressure=BloodPressure(85, 60, bed.now))
    assert short(bed, 2) is Reason.BLOOD_PRESSURE_OUT_OF_RANGE


def test_a_pressure_from_the_future_is_no_pressure_in_a_series_either() -> None:
    bed = Bedside()
    assert short(bed, 1) is None
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now + 60_000))
    assert short(bed, 2) is Reason.BLOOD_PRESSURE_STALE


def test_another_inflation_ends_the_series() -> None:
    bed = Bedside()
    assert short(bed, 1) is None
    bed.ask(TARGET, 5_000, 2)
    bed.authorise()
    bed.step()
    assert bed.state.series_ms is None


# pressure lost


def test_a_restriction_has_lost_its_pressure_at_half_its_target() -> None:
    bed = asked(1000, Purpose.RESTRICTION, 60_000, limb_pressure_dmmhg=2000)
    bed.read(1000)
    bed.step()
    bed.read(500)
    assert bed.run(2_000).latched is None
    bed.read(499)
    bed.step()
    assert bed.run(1_450).latched is None
    assert bed.step().latched is Reason.PRESSURE_LOST


# movement


def test_a_movement_widens_the_deviation_and_what_follows_it() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(TARGET + 300)
    bed.see(moving=True)
    assert Reason.PRESSURE_DEVIATION not in bed.run(5_000).conditions
    bed.see(moving=False)
    assert Reason.PRESSURE_DEVIATION not in bed.run(1_500).conditions
    assert Reason.PRESSURE_DEVIATION not in bed.run(1_500).conditions
    assert Reason.PRESSURE_DEVIATION in bed.run(50).conditions


def test_a_movement_excuses_30_mmhg_and_no_more() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.see(moving=True)
    bed.read(TARGET + 301)
    bed.step()
    assert Reason.PRESSURE_DEVIATION in bed.run(1_500).conditions


# residual pressure, far above the systolic


@pytest.mark.parametrize(("pressure", "alarms"), [(50, False), (51, True), (150, True)])
def test_a_vented_cuff_that_still_presses_alarms_after_a_minute(pressure: int, alarms: bool) -> None:
    bed = Bedside()
    bed.step()
    bed.read(pressure)
    assert Reason.RESIDUAL_PRESSURE not in bed.run(60_000).conditions
    assert (Reason.RESIDUAL_PRESSURE in bed.step().conditions) is alarms


def presses_for_a_minute_from_now(bed: Bedside) -> bool:
    """Whether what presses from the next step on alarms a minute after that and not before."""
    bed.step()
    early = Reason.RESIDUAL_PRESSURE in bed.run(59_500, every_ms=500).conditions
    return not early and Reason.RESIDUAL_PRESSURE in bed.step(500).conditions


def test_the_minute_begins_with_the_vent() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(100)
    bed.run(4_000)
    bed.wishes = ()
    bed.step()
    assert presses_for_a_minute_from_now(bed)


def test_more_than_15_mmhg_are_no_residual_pressure() -> None:
    bed = Bedside()
    bed.step()
    bed.read(151)
    assert Reason.RESIDUAL_PRESSURE not in bed.run(61_000, every_ms=500).conditions
    bed.read(150)
    assert presses_for_a_minute_from_now(bed)


def test_a_cuff_that_is_on_no_limb_may_keep_a_little_air() -> None:
    bed = Bedside()
    bed.disarm()
    bed.read(100)
    assert Reason.RESIDUAL_PRESSURE not in bed.run(70_000).conditions


@pytest.mark.parametrize(("systolic", "alarms"), [(70, False), (69, True)])
def test_a_target_far_above_a_new_systolic_alarms(systolic: int, alarms: bool) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.see(blood_pressure=BloodPressure(systolic, 50, bed.now))
    assert (Reason.TARGET_FAR_ABOVE_SYSTOLIC in bed.step().conditions) is alarms
    assert bed.energised


def test_a_target_from_a_measured_limb_pressure_may_be_far_above() -> None:
    bed = Bedside()
    bed.arm(limb_pressure_dmmhg=2000)
    bed.hold(planned_ms=60_000)
    bed.see(blood_pressure=BloodPressure(60, 50, bed.now))
    assert Reason.TARGET_FAR_ABOVE_SYSTOLIC not in bed.step().conditions


# stops at the bedside


def test_a_press_of_the_button_stops_and_keeps_stopping() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(TARGET, presses=1)
    assert bed.step().cuff == Safe(Output.CUFF, Reason.STOPPED_AT_BEDSIDE)
    bed.read(0)
    bed.authorise()
    assert bed.step().cuff == Safe(Output.CUFF, Reason.STOPPED_AT_BEDSIDE)
    assert bed.verdict.latched is None


def test_presses_before_the_session_are_no_stop() -> None:
    bed = Bedside()
    bed.disarm()
    bed.read(0, presses=7)
    bed.step()
    bed.arm()
    bed.step()
    bed.hold()
    assert isinstance(bed.verdict.cuff, Permit)


def test_the_patients_button_stops() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(TARGET, patient_stop=True)
    assert bed.step().cuff == Safe(Output.CUFF, Reason.STOPPED_BY_PATIENT)


def test_a_stop_is_answered_as_what_it_was() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    assert bed.step(stop=Reason.INTOLERABLE).cuff == Safe(Output.CUFF, Reason.INTOLERABLE)
    assert bed.verdict.latched is None
