"""The boundaries of the checks on an inflation's course: its rise, its hold and its vent."""

from dataclasses import replace

import pytest

from gateway.model import BloodPressure, Reason
from tests.safety.bedside import START_MS, TARGET, Bedside

# the hold


def test_the_target_counts_as_reached_3_mmhg_below() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(TARGET - 31)
    bed.step()
    assert bed.state.inflation is not None
    assert bed.state.inflation.reached_ms is None
    bed.read(TARGET - 30)
    bed.step()
    assert bed.state.inflation.reached_ms == bed.now
    first = bed.now
    bed.run(1_000)
    assert bed.state.inflation.reached_ms == first


def test_reaching_the_target_needs_the_control_sensor_and_a_fresh_status() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(None, TARGET)
    bed.step()
    assert bed.state.inflation is not None
    assert bed.state.inflation.reached_ms is None


def test_the_target_must_be_reached_within_45_s() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(1400)
    assert bed.run(44_950).latched is None
    assert bed.energised
    assert bed.step().latched is Reason.INFLATION_TOO_SLOW


def test_systolic_plus_20_must_be_passed_within_30_s() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(160)  # above 15, and under the 20 mmHg from which a limb congests
    assert bed.run(29_950).latched is None
    assert bed.energised
    assert bed.step().latched is Reason.INFLATION_TOO_SLOW


def test_what_has_passed_systolic_plus_20_in_time_may_fall_back_a_little() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(1400)
    bed.step()
    bed.read(1399)
    assert bed.run(29_950).latched is None
    assert bed.energised


def test_a_pump_that_no_sensor_sees_is_stopped_after_5_s() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(150)
    assert bed.run(4_950).latched is None
    assert bed.step().latched is Reason.INFLATION_TOO_SLOW


def test_a_rise_that_ends_with_its_session_while_nobody_sees_the_cuff_is_not_too_slow() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(160)
    bed.run(5_000)
    bed.silent = True
    assert bed.step(501, arming=None).latched is None
    assert bed.reason is Reason.NOT_ARMED


def test_a_higher_systolic_entered_during_the_hold_counts_at_once() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.see(blood_pressure=BloodPressure(TARGET // 10 - 10, 80, bed.now))
    assert bed.run(1_500).latched is None
    assert bed.step().latched is Reason.PRESSURE_LOST


@pytest.mark.parametrize("since", [None, BloodPressure(100, 80, START_MS)])
def test_no_pressure_that_is_lower_or_taken_back_excuses_a_lost_one(since: BloodPressure | None) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.see(blood_pressure=since)
    bed.read(1400)
    assert bed.run(5_000).latched is None
    bed.read(1399)
    assert bed.run(1_500).latched is None
    assert bed.step().latched is Reason.PRESSURE_LOST


def test_what_arrives_in_the_last_moment_is_not_too_slow() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(1400)
    bed.run(44_950)
    bed.read(TARGET)
    assert bed.step().latched is None
    assert bed.run(5_000).latched is None


def test_what_has_arrived_is_never_too_slow() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    assert bed.run(50_000, every_ms=500).latched is None
    assert bed.energised


def test_pressure_lost_is_under_systolic_plus_20_for_1500_ms() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(1400)
    assert bed.run(5_000).latched is None
    bed.read(1399)
    bed.step()
    assert bed.step(800).latched is None
    assert bed.step(699).latched is None
    assert bed.step(1).latched is Reason.PRESSURE_LOST


def test_a_good_frame_now_and_then_does_not_bring_the_pressure_back() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(1399)
    bed.step()
    lost_ms = bed.now
    bed.read(1400)
    bed.step(999 - 500)
    bed.step(500)
    bed.read(1399)
    assert bed.step(500).latched is None
    assert bed.step(1).latched is Reason.PRESSURE_LOST
    assert bed.now == lost_ms + 1_500


def test_a_second_of_relief_is_enough() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    for _ in range(3):
        bed.read(1399)
        bed.step()
        assert bed.step(800).latched is None
        bed.read(1400)
        bed.step(500)
        bed.step(500)
        assert bed.state.timers.low_ms is None


def test_a_lost_pressure_is_not_carried_into_the_next_inflation() -> None:
    bed = Bedside()
    bed.hold(planned_ms=6_000)
    bed.read(1399)
    bed.run(1_400)
    bed.wishes = ()
    bed.read(0)
    bed.step()
    bed.hold(planned_ms=6_000)
    bed.read(1399)
    assert bed.run(1_500).latched is None
    assert bed.step().latched is Reason.PRESSURE_LOST


def test_pressure_is_not_lost_before_it_was_there() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(500)
    assert bed.run(10_000).latched is None
    assert bed.verdict.conditions == frozenset()


def test_a_missing_control_sensor_is_not_a_lost_pressure() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(None, TARGET)
    bed.step()
    assert bed.state.timers.low_ms is None
    assert bed.state.timers.deviation_ms is None


@pytest.mark.parametrize("off", [150, -150])
def test_a_deviation_of_more_than_15_mmhg_alarms_after_1500_ms(off: int) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(TARGET + off)
    assert Reason.PRESSURE_DEVIATION not in bed.run(5_000).conditions
    bed.read(TARGET + off + (1 if off > 0 else -1))
    bed.step()
    bed.step(800)
    assert Reason.PRESSURE_DEVIATION not in bed.step(699).conditions
    assert Reason.PRESSURE_DEVIATION in bed.step(1).conditions
    assert bed.energised


# the vent


def test_a_vented_cuff_has_10_s() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    assert bed.run(9_950).latched is None
    assert bed.step().latched is Reason.DEFLATION_FAILED


def test_an_inflation_under_way_is_no_failed_vent_whatever_is_remembered() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.state = replace(bed.state, vented_ms=bed.now - 20_000)
    assert bed.step().latched is None


def test_a_cuff_at_15_mmhg_has_deflated() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.read(150)
    bed.step()
    assert bed.state.vented_ms is None
    assert bed.run(11_000).latched is None


@pytest.mark.parametrize("late_ms", [501, -1])
def test_a_status_that_is_not_fresh_proves_no_deflation(late_ms: int) -> None:
    bed = Bedside()
    bed.hold()
    bed.see(arming=None)
    bed.step()
    vented_ms = bed.now
    bed.silent = True
    bed.read(0, arrived_ms=bed.now + 50 - late_ms)
    bed.step()
    assert bed.state.vented_ms == vented_ms


def test_a_deflation_that_fails_after_another_trip_alarms_too() -> None:
    bed = Bedside()
    bed.hold()
    bed.step(lease_refused=True)
    bed.run(9_950)
    assert Reason.DEFLATION_FAILED not in bed.verdict.conditions
    bed.step()
    assert bed.verdict.latched is Reason.DEVICE_REFUSED
    assert Reason.DEFLATION_FAILED in bed.verdict.conditions


@pytest.mark.parametrize(
    ("pressure", "debt", "danger"),
    [
        (3201, 0, Reason.OVER_PRESSURE),
        (200, 0, Reason.UNEXPECTED_PRESSURE),
        (200, 314_000, Reason.OCCLUSION_TIME),
    ],
)
def test_a_limb_in_danger_alarms_behind_an_older_latch(pressure: int, debt: int, danger: Reason) -> None:
    """The first reason may have been acknowledged long ago; a cuff that fills then is not silent."""
    bed = Bedside(debt, latched=Reason.CORE_RESTARTED)
    bed.see(arming=None)
    bed.read(pressure)
    bed.run(1_050)
    assert bed.verdict.latched is Reason.CORE_RESTARTED
    assert danger in bed.verdict.conditions
    bed.read(0)
    assert danger not in bed.step().conditions


def test_a_vent_that_nobody_sees_is_a_failed_one_after_10_s() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.step(stop=Reason.STOPPED_BY_OPERATOR)
    bed.disarm()
    bed.wishes = ()
    bed.silent = True
    assert Reason.DEFLATION_FAILED not in bed.run(9_950).conditions
    assert Reason.DEFLATION_FAILED in bed.step().conditions
    assert bed.verdict.latched is Reason.DEFLATION_FAILED
