"""The boundaries of the checks on the cuff's readings: how much, and for how long."""

import pytest

from gateway.model import Reason
from tests.safety.bedside import ARMING, TARGET, Bedside

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
    bed.see(arming=None)
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
    bed.see(arming=None)
    bed.read(3200)
    assert bed.step().latched is None
    bed.read(*which)
    assert bed.step().latched is Reason.OVER_PRESSURE


def test_a_missing_sensor_is_not_zero_and_not_over_pressure() -> None:
    bed = Bedside()
    bed.read(None)
    assert bed.step().latched is None
    assert bed.debt.above


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


def test_a_lost_status_in_idle_alarms_after_5_s_and_does_not_latch() -> None:
    bed = Bedside()
    bed.see(arming=None)
    bed.step()
    bed.silent = True
    bed.step(501)
    bed.step(4_999)
    assert bed.verdict.conditions == frozenset()
    assert bed.step(1).conditions == frozenset({Reason.CUFF_ABSENT})
    assert bed.verdict.latched is None
    bed.silent = False
    assert bed.step().conditions == frozenset()


def test_a_cuff_that_comes_and_goes_is_not_absent() -> None:
    bed = Bedside()
    bed.see(arming=None)
    for _ in range(4):
        bed.silent = True
        bed.run(4_000, 1_000)
        bed.silent = False
        assert bed.step().conditions == frozenset()


def test_a_controller_that_is_no_longer_accepted_ends_the_inflation() -> None:
    bed = Bedside()
    bed.step(cuff_accepted=False)
    assert bed.verdict.latched is None
    bed.hold()
    assert bed.step(cuff_accepted=False).latched is Reason.CUFF_STATUS_LOST


def test_a_restarted_controller_is_no_trip_before_a_session() -> None:
    bed = Bedside()
    bed.see(arming=None)
    bed.step()
    bed.read(0, nonce=8)
    bed.step()
    bed.see(arming=ARMING)
    assert bed.step().latched is None
    assert bed.state.nonce == 8


def test_a_nonce_is_taken_from_a_fresh_status_only() -> None:
    bed = Bedside()
    bed.silent = True
    bed.step(501, arming=None)
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
    bed.see(arming=None)
    assert bed.run(1_000).latched is None


@pytest.mark.parametrize("which", [(0, -151), (-151, 0)])
def test_a_sensor_may_read_15_mmhg_below_zero(which: tuple[int, int]) -> None:
    bed = Bedside()
    bed.read(-150)
    assert bed.step().latched is None
    bed.read(*which)
    assert bed.step(arming=None).latched is None
    assert bed.step().latched is Reason.SENSOR_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("pressure", "still_out"), [(-151, True), (-150, False), (4_000, False), (4_001, True)]
)
def test_a_sensor_is_back_in_range_from_15_below_zero_to_400_mmhg(pressure: int, still_out: bool) -> None:
    bed = Bedside()
    bed.read(0, -151)
    bed.step()
    bed.read(0, pressure)
    assert (Reason.SENSOR_OUT_OF_RANGE in bed.step().holding) is still_out


def test_what_is_no_longer_seen_is_no_longer_out_of_range_and_stays_latched() -> None:
    bed = Bedside()
    bed.read(0, -151)
    assert bed.step().holding == {Reason.SENSOR_OUT_OF_RANGE}
    bed.silent = True
    verdict = bed.step(501)
    assert (verdict.latched, verdict.holding) == (Reason.SENSOR_OUT_OF_RANGE, set())


@pytest.mark.parametrize("limit", [1550, 1850])
def test_sensors_may_disagree_by_15_mmhg(limit: int) -> None:
    bed = Bedside()
    bed.alive = True
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


def test_a_missing_sensor_does_not_disagree() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    for _ in range(4):
        bed.read(TARGET, 1900)
        bed.run(900)
        bed.read(TARGET, None)
        bed.run(150)
    assert bed.verdict.latched is None


def test_a_step_within_the_same_instant_starts_no_duration_anew() -> None:
    bed = Bedside()
    bed.disarm()
    bed.read(200)
    bed.run(500)
    bed.step(0)
    assert bed.run(500).latched is None
    assert bed.step().latched is Reason.UNEXPECTED_PRESSURE


def test_a_stale_status_starts_the_durations_anew() -> None:
    bed = Bedside()
    bed.see(arming=None)
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
    bed.see(arming=None)
    for allowed in ((150, 150), (150, None), (None, None)):
        bed.read(*allowed)
        assert bed.run(3_000).latched is None
    bed.read(0)
    bed.step()
    bed.read(*which)
    bed.step()
    assert bed.step(999).latched is None
    assert bed.step(1).latched is Reason.UNEXPECTED_PRESSURE
