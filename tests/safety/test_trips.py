"""Every reason that trips, provoked; and the boundaries of each check."""

from collections.abc import Callable

import pytest

from gateway.model import DeviceFault, Reason, Safe, Sample
from gateway.safety.limits import HARD
from gateway.safety.reasons import MEANINGS, Kind
from tests.safety.bedside import TARGET, Bedside


def over_pressure(bed: Bedside) -> None:
    bed.read(3201)
    bed.step()


def occlusion_time(bed: Bedside) -> None:
    bed.hold()
    bed.run(6_000 + 15_000)


def cuff_status_lost(bed: Bedside) -> None:
    bed.step()
    bed.silent = True
    bed.run(550)


def sensor_missing(bed: Bedside) -> None:
    bed.read(0, None)
    bed.run(250)


def sensor_out_of_range(bed: Bedside) -> None:
    bed.read(0, -151)
    bed.step()


def sensors_disagree(bed: Bedside) -> None:
    bed.hold()
    bed.read(1700, 1900)
    bed.run(1_050)


def unexpected_pressure(bed: Bedside) -> None:
    bed.read(200)
    bed.run(1_050)


def inflation_too_slow(bed: Bedside) -> None:
    bed.inflate(planned_ms=60_000)
    bed.read(1000)
    bed.run(45_000)


def pressure_lost(bed: Bedside) -> None:
    bed.hold()
    bed.read(1399)
    bed.run(1_550)


def deflation_failed(bed: Bedside) -> None:
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.run(10_000)


def device_fault(bed: Bedside) -> None:
    bed.read(0, faults=DeviceFault.LOOP_LATE)
    bed.step()


def device_reset(bed: Bedside) -> None:
    bed.step()
    bed.read(0, nonce=8)
    bed.step()


def device_refused(bed: Bedside) -> None:
    bed.inflate()
    bed.step(lease_refused=True)


def cycle_late(bed: Bedside) -> None:
    bed.hold()
    bed.step(901)


def time_reversed(bed: Bedside) -> None:
    bed.step()
    bed.step(-1)


def journal_failed(bed: Bedside) -> None:
    bed.step(journal_failed=True)


def core_restarted(bed: Bedside) -> None:
    bed.state = Bedside(latched=Reason.CORE_RESTARTED).state
    bed.step()


PROVOKED: dict[Reason, Callable[[Bedside], None]] = {
    Reason(provoke.__name__): provoke
    for provoke in (
        over_pressure,
        occlusion_time,
        cuff_status_lost,
        sensor_missing,
        sensor_out_of_range,
        sensors_disagree,
        unexpected_pressure,
        inflation_too_slow,
        pressure_lost,
        deflation_failed,
        device_fault,
        device_reset,
        device_refused,
        cycle_late,
        time_reversed,
        journal_failed,
        core_restarted,
    )
}


def test_every_trip_is_provoked() -> None:
    assert PROVOKED.keys() == {reason for reason, meaning in MEANINGS.items() if meaning.kind is Kind.TRIP}


@pytest.mark.parametrize("reason", PROVOKED)
def test_a_trip_vents_latches_and_alarms_until_the_reset(reason: Reason) -> None:
    bed = Bedside()
    PROVOKED[reason](bed)
    assert bed.verdict.latched is reason
    assert isinstance(bed.verdict.cuff, Safe)
    assert bed.verdict.cuff.reason is reason
    assert reason in bed.verdict.conditions
    bed.silent = False
    bed.read(0, nonce=7, faults=DeviceFault.NONE)
    bed.ask()
    for _ in range(30):
        bed.authorise()
        assert bed.step().latched is reason
        assert not bed.energised
        assert reason in bed.verdict.conditions
    assert bed.step(reset=True).latched is None
    assert reason not in bed.verdict.conditions


# over-pressure


@pytest.mark.parametrize("which", [(3101, 0), (0, 3101)])
def test_over_310_for_100_ms_trips(which: tuple[int, int]) -> None:
    bed = Bedside()
    bed.read(*which)
    bed.step()
    assert bed.step(99).latched is None
    assert bed.step(1).latched is Reason.OVER_PRESSURE


def test_310_itself_and_breaks_in_between_do_not_trip() -> None:
    bed = Bedside()
    bed.see(armed=False)
    for _ in range(5):
        bed.read(3101)
        bed.step(50)
        bed.step(50)
        bed.read(3100)
        bed.step(50)
    assert bed.verdict.latched is None


@pytest.mark.parametrize("which", [(3201, 0), (0, 3201), (None, 3201), (3201, None)])
def test_over_320_trips_once_armed_or_not(which: tuple[int | None, int | None]) -> None:
    bed = Bedside()
    bed.see(armed=False)
    bed.read(3200)
    assert bed.step().latched is None
    bed.read(*which)
    assert bed.step().latched is Reason.OVER_PRESSURE


def test_a_missing_sensor_is_not_zero_and_not_over_pressure() -> None:
    bed = Bedside()
    bed.read(None)
    assert bed.step().latched is None
    assert bed.state.debt.above


# status


def test_status_is_fresh_at_500_ms_and_lost_at_501() -> None:
    bed = Bedside()
    bed.hold()
    bed.silent = True
    assert bed.step(500).latched is None
    assert bed.energised
    assert bed.step(1).latched is Reason.CUFF_STATUS_LOST


def test_a_status_from_the_future_is_none() -> None:
    bed = Bedside()
    bed.step()
    bed.silent = True
    bed.read(0, arrived_ms=bed.now + 51)
    assert bed.step(50).latched is Reason.CUFF_STATUS_LOST


def test_a_lost_status_in_idle_alarms_but_does_not_latch() -> None:
    bed = Bedside()
    bed.see(armed=False)
    bed.step()
    assert Reason.CUFF_ABSENT not in bed.verdict.conditions
    bed.silent = True
    assert bed.step(501).latched is None
    assert Reason.CUFF_ABSENT in bed.verdict.conditions


def test_a_controller_that_is_no_longer_accepted_ends_the_inflation() -> None:
    bed = Bedside()
    bed.step(cuff_accepted=False)
    assert bed.verdict.latched is None
    bed.hold()
    assert bed.step(cuff_accepted=False).latched is Reason.CUFF_STATUS_LOST


def test_a_restarted_controller_is_no_trip_before_a_session() -> None:
    bed = Bedside()
    bed.see(armed=False)
    bed.step()
    bed.read(0, nonce=8)
    bed.step()
    bed.see(armed=True)
    assert bed.step().latched is None
    assert bed.state.nonce == 8


def test_a_nonce_is_taken_from_a_fresh_status_only() -> None:
    bed = Bedside()
    bed.silent = True
    bed.step(501, armed=False)
    bed.step(0, reset=True)
    assert bed.state.nonce is None


# sensors


def test_a_sensor_may_be_missing_for_less_than_200_ms() -> None:
    bed = Bedside()
    bed.hold()
    bed.read(TARGET, None)
    bed.step()
    assert bed.step(199).latched is None
    assert bed.step(1).latched is Reason.SENSOR_MISSING


def test_a_missing_sensor_starts_no_inflation_and_ends_no_idleness() -> None:
    bed = Bedside()
    bed.read(None, 0)
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.NOT_DEFLATED_YET
    bed.see(armed=False)
    assert bed.run(1_000).latched is None


@pytest.mark.parametrize("which", [(0, -151), (-151, 0)])
def test_a_sensor_may_read_15_mmhg_below_zero(which: tuple[int, int]) -> None:
    bed = Bedside()
    bed.read(-150)
    assert bed.step().latched is None
    bed.read(*which)
    assert bed.step(armed=False).latched is None
    assert bed.step().latched is Reason.SENSOR_OUT_OF_RANGE


@pytest.mark.parametrize("limit", [1550, 1850])
def test_sensors_may_disagree_by_15_mmhg(limit: int) -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.read(TARGET, limit)
    assert bed.run(5_000).latched is None
    bed.read(TARGET, limit + (1 if limit > TARGET else -1))
    bed.step()
    assert bed.run(950).latched is None
    assert bed.step().latched is Reason.SENSORS_DISAGREE


def test_sensors_that_agree_in_between_start_anew() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    for _ in range(4):
        bed.read(TARGET, 1900)
        bed.run(950)
        bed.read(TARGET)
        bed.step()
    assert bed.verdict.latched is None


def test_a_stale_status_starts_the_durations_anew() -> None:
    bed = Bedside()
    bed.see(armed=False)
    bed.read(200)
    bed.run(900)
    bed.silent = True
    bed.step(501)
    bed.silent = False
    bed.run(1_000)
    assert bed.verdict.latched is None
    assert bed.step().latched is Reason.UNEXPECTED_PRESSURE


# pressure nobody asked for


@pytest.mark.parametrize("which", [(151, 0), (0, 151), (151, None), (None, 151)])
def test_unexpected_pressure_is_over_15_mmhg_for_a_second(which: tuple[int | None, int | None]) -> None:
    bed = Bedside()
    bed.see(armed=False)
    bed.read(150)
    assert bed.run(3_000).latched is None
    bed.read(*which)
    bed.step()
    assert bed.step(999).latched is None
    assert bed.step(1).latched is Reason.UNEXPECTED_PRESSURE


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
    bed.read(1000)
    assert bed.run(44_950).latched is None
    assert bed.energised
    assert bed.step().latched is Reason.INFLATION_TOO_SLOW


def test_what_arrives_in_the_last_moment_is_not_too_slow() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.run(44_950)
    bed.read(TARGET)
    assert bed.step().latched is None
    assert bed.run(5_000).latched is None


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


def test_pressure_is_not_lost_before_it_was_there() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(500)
    assert bed.run(10_000).latched is None


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


def test_a_cuff_at_15_mmhg_has_deflated() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.read(150)
    bed.step()
    assert bed.state.vented_ms is None
    assert bed.run(11_000).latched is None


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
    bed.see(armed=False)
    bed.read(pressure)
    bed.run(1_050)
    assert bed.verdict.latched is Reason.CORE_RESTARTED
    assert danger in bed.verdict.conditions
    bed.read(0)
    assert danger not in bed.step().conditions


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
    bed.see(armed=False)
    bed.step()
    assert bed.step(0).latched is None
    assert bed.step(-1).latched is Reason.TIME_REVERSED


def test_durations_are_counted_anew_after_time_ran_back() -> None:
    bed = Bedside()
    bed.see(armed=False)
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


def test_a_failed_journal_is_no_trip_in_idle() -> None:
    assert Bedside().step(armed=False, journal_failed=True).latched is None


def test_a_refused_lease_is_no_trip_when_nothing_was_leased() -> None:
    assert Bedside().step(lease_refused=True).latched is None


# conditions that do not trip


def test_a_wait_alarms_only_in_a_session() -> None:
    bed = Bedside()
    bed.ask()
    bed.see(blood_pressure=None)
    assert Reason.BLOOD_PRESSURE_MISSING in bed.step().conditions
    assert bed.verdict.latched is None
    assert bed.step(armed=False).conditions == frozenset()


def test_a_wait_without_a_priority_is_silent() -> None:
    bed = Bedside(debt_ms=300_000)
    bed.ask()
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    assert bed.verdict.conditions == frozenset()


def test_an_oximeter_without_a_value_alarms_after_10_s() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    for value in (650, None):
        bed.see(saturation=Sample(value, bed.now))
        bed.step()
    assert bed.run(9_950).conditions == frozenset()
    assert bed.step().conditions == frozenset({Reason.TISSUE_SATURATION_LOST})
    assert Reason.TISSUE_SATURATION_LOST not in bed.step(armed=False).conditions
    assert Reason.TISSUE_SATURATION_LOST not in bed.step(saturation_expected=False).conditions


def test_a_few_missing_values_of_a_moving_limb_do_not_alarm() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    for second in range(60):
        bed.see(saturation=Sample(650 if second % 9 == 0 else None, bed.now))
        assert bed.run(1_000).conditions == frozenset()


def test_a_silent_oximeter_alarms_after_10_s() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True, saturation=Sample(650, bed.now))
    assert bed.run(10_000).conditions == frozenset()
    assert bed.step(1).conditions == frozenset({Reason.TISSUE_SATURATION_LOST})


def test_an_oximeter_that_never_spoke_alarms_after_10_s_of_no_status_too() -> None:
    bed = Bedside()
    bed.see(saturation_expected=True)
    bed.silent = True
    bed.see(armed=False)
    bed.step()
    bed.run(9_950)
    bed.silent = False
    assert bed.step(armed=True).conditions == frozenset({Reason.TISSUE_SATURATION_LOST})


def test_limits_are_those_that_are_given() -> None:
    bed = Bedside(limits=HARD.tightened(1_699))
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.TARGET_ABOVE_CEILING
