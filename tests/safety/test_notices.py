"""The gateway's checks on itself, and the conditions that alarm without a trip."""

from dataclasses import replace

import pytest

from gateway.model import BloodPressure, Purpose, Reason, Sample
from gateway.safety.checks import holding
from gateway.safety.limits import HARD
from gateway.safety.observations import Tissue
from tests.safety.bedside import ARMING, TARGET, Bedside

# the gateway itself


def test_a_step_may_be_900_ms_late() -> None:
    bed = Bedside()
    bed.hold()
    assert bed.step(900).latched is None
    assert bed.step(901).latched is Reason.CYCLE_LATE


def test_a_late_step_is_no_trip_while_nothing_is_energised() -> None:
    bed = Bedside()
    bed.step()
    assert bed.step(60_000).latched is None


def test_the_first_step_of_a_run_cannot_be_late_or_early() -> None:
    bed = Bedside()
    assert bed.state.now_ms is None
    assert bed.step(-60_000).latched is None


def test_time_may_stand_but_not_run_back() -> None:
    bed = Bedside()
    bed.see(arming=None)
    bed.step()
    assert bed.step(0).latched is None
    assert bed.step(-1).latched is Reason.TIME_REVERSED


def test_durations_are_counted_anew_after_time_ran_back() -> None:
    bed = Bedside()
    bed.see(arming=None)
    bed.read(200)
    bed.run(500)
    bed.step(-20_000)
    bed.step(reset=True)
    assert bed.run(900).latched is None
    assert bed.step().latched is Reason.UNEXPECTED_PRESSURE


def test_a_vent_is_watched_for_10_s_after_time_ran_back() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.step(-3_600_000)
    bed.step(0, reset=True)
    assert bed.run(9_950).latched is None
    assert bed.step().latched is Reason.DEFLATION_FAILED


def test_a_failed_journal_trips_in_idle_too_and_no_reset_hides_it() -> None:
    bed = Bedside()
    assert bed.step(arming=None, journal_failed=True).latched is Reason.JOURNAL_FAILED
    assert bed.step(arming=None, journal_failed=True, reset=True).latched is Reason.JOURNAL_FAILED
    assert bed.step(arming=None, reset=True).latched is None


def test_a_reset_is_judged_as_if_a_session_were_armed() -> None:
    bed = Bedside()
    bed.step(arming=None, journal_failed=True)
    assert bed.step(arming=None, reset=True, cuff=None).latched is Reason.CUFF_STATUS_LOST


def test_a_broken_sensor_alarms_in_idle_and_owes_no_more_than_a_whole_occlusion() -> None:
    bed = Bedside()
    bed.read(None, 0)
    bed.see(arming=None)
    verdict = bed.run(3_600_000, every_ms=500)
    assert verdict.latched is None
    assert Reason.SENSOR_MISSING in verdict.conditions
    assert bed.debt.value_ms == bed.limits.debt_unknown_ms


@pytest.mark.parametrize(
    ("sensors", "lasting_ms", "condition"),
    [((None, 0), 200, Reason.SENSOR_MISSING), ((-10, 141), 1_000, Reason.SENSORS_DISAGREE)],
)
def test_a_broken_sensor_alarms_in_idle_and_latches_nothing(
    sensors: tuple[int | None, int], lasting_ms: int, condition: Reason
) -> None:
    bed = Bedside()
    bed.disarm()
    bed.read(*sensors)
    bed.step()
    assert bed.run(lasting_ms - 50).conditions == frozenset()
    assert bed.step().conditions == {condition}
    assert bed.verdict.latched is None


def test_a_refused_lease_is_no_trip_when_nothing_was_leased() -> None:
    assert Bedside().step(lease_refused=True).latched is None


# conditions that do not trip


def test_a_wait_alarms_only_in_a_session() -> None:
    bed = Bedside()
    bed.ask()
    bed.see(blood_pressure=None)
    assert Reason.BLOOD_PRESSURE_MISSING in bed.step().conditions
    assert bed.verdict.latched is None
    assert bed.step(arming=None).conditions == frozenset()


def test_a_refusal_alarms_only_in_a_session() -> None:
    bed = Bedside()
    bed.ask(3_001)
    assert bed.step().conditions == {Reason.TARGET_ABOVE_CEILING}
    assert bed.step(arming=None).conditions == frozenset()
    refused = frozenset({Reason.TARGET_ABOVE_CEILING, Reason.BLOOD_PRESSURE_MISSING})
    for arming, alarming in ((ARMING, refused), (None, frozenset())):
        seen = replace(bed.seen, arming=arming)
        assert holding(HARD, bed.state, seen, refused, bed.now) == alarming


def test_a_wait_without_a_priority_is_silent() -> None:
    bed = Bedside(debt_ms=300_000)
    bed.ask()
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    assert bed.verdict.conditions == frozenset()


@pytest.mark.parametrize(
    ("verified", "alarms"), [("no", True), ("yes", False), ("unknown", False), (None, False)]
)
def test_an_occlusion_that_was_not_verified_alarms_while_it_lasts(verified: str | None, alarms: bool) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.step()
    assert bed.state.watch is not None
    bed.state = replace(bed.state, watch=replace(bed.state.watch, verified=verified))
    assert bed.step().conditions == ({Reason.OCCLUSION_UNVERIFIED} if alarms else set())
    bed.wishes = ()
    assert bed.step().conditions == set()


def test_a_rising_cuff_is_not_far_above_a_new_systolic_before_it_has_arrived() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.see(blood_pressure=BloodPressure(60, 50, bed.now))
    bed.read(1_000)
    assert bed.step().conditions == set()
    bed.read(TARGET)
    assert bed.step().conditions == {Reason.TARGET_FAR_ABOVE_SYSTOLIC}
    unarmed = replace(bed.seen, cuff=bed.cuff, arming=None)
    assert holding(HARD, bed.state, unarmed, frozenset(), bed.now) == set()


def test_a_measurement_of_the_limb_pressure_may_be_far_above_the_systolic() -> None:
    bed = Bedside()
    bed.ask(TARGET, 60_000, purpose=Purpose.LIMB_PRESSURE)
    bed.authorise()
    bed.step()
    bed.read(TARGET)
    bed.see(blood_pressure=BloodPressure(60, 50, bed.now))
    assert bed.step().conditions == set()
    assert bed.energised


def test_an_oximeter_without_a_value_alarms_after_10_s() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    bed.see(tissue=Tissue(Sample(650, bed.now)))
    bed.step()
    for _ in range(10):
        bed.see(tissue=Tissue(Sample(None, bed.now)))
        assert bed.run(1_000).conditions == frozenset()
    assert bed.step().conditions == frozenset({Reason.TISSUE_SATURATION_LOST})
    assert Reason.TISSUE_SATURATION_LOST not in bed.step(arming=None).conditions
    assert Reason.TISSUE_SATURATION_LOST not in bed.step(saturation_expected=False).conditions


def test_a_few_missing_values_of_a_moving_limb_do_not_alarm() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    for second in range(60):
        bed.see(tissue=Tissue(Sample(650 if second % 9 == 0 else None, bed.now)))
        assert bed.run(1_000).conditions == frozenset()


def test_a_silent_oximeter_alarms_after_10_s() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True, tissue=Tissue(Sample(650, bed.now)))
    assert bed.run(10_000).conditions == frozenset()
    assert bed.step(1).conditions == frozenset({Reason.TISSUE_SATURATION_LOST})


def test_an_oximeter_that_never_spoke_alarms_after_10_s() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    assert bed.run(10_000).conditions == frozenset()
    assert bed.step().conditions == frozenset({Reason.TISSUE_SATURATION_LOST})


def test_an_oximeter_that_never_spoke_alarms_after_10_s_of_no_status_too() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    bed.silent = True
    bed.see(arming=None)
    bed.step()
    bed.run(9_950)
    bed.silent = False
    assert bed.step(arming=ARMING).conditions == frozenset({Reason.TISSUE_SATURATION_LOST})


def test_limits_are_those_that_are_given() -> None:
    bed = Bedside(limits=HARD.tightened(1_699))
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.TARGET_ABOVE_CEILING
