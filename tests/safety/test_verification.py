"""The verdict on an occlusion, its recovery, congestion, and the wrong limb."""

import pytest

from gateway.model import BloodPressure, Limb, Purpose, Reason, Sample
from gateway.safety.observations import Tissue
from tests.safety.bedside import LIMB, TARGET, Bedside

# the verdict


def held(before: int | None, after: int | None, **more: int) -> Bedside:
    """A hold of a minute; the saturation goes from one value to the other."""
    bed = Bedside()
    bed.oximeter(before, **{name: value for name, value in more.items() if name != "after_blood"})
    bed.hold(planned_ms=200_000)
    bed.oximeter(before, **{name: value for name, value in more.items() if name != "after_blood"})
    bed.step()
    for _ in range(60):
        blood = {"haemoglobin": more["after_blood"]} if "after_blood" in more else {}
        bed.oximeter(after, **blood)
        bed.run(1_000)
    return bed


def verdict_of(bed: Bedside) -> str | None:
    assert bed.state.watch is not None
    return bed.state.watch.verified


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(650, 600, "yes"), (650, 601, "no"), (None, 600, "unknown"), (650, None, "unknown")],
)
def test_a_minute_after_the_target_the_saturation_decides(
    before: int | None, after: int | None, verdict: str
) -> None:
    bed = held(before, after)
    assert verdict_of(bed) == verdict
    assert (Reason.OCCLUSION_UNVERIFIED in bed.verdict.conditions) is (verdict == "no")
    assert bed.energised


def test_there_is_no_verdict_before_the_minute_and_only_one_after() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=200_000)
    bed.run(59_950)
    assert verdict_of(bed) is None
    bed.oximeter(590)
    bed.step()
    assert verdict_of(bed) == "yes"
    bed.oximeter(650)
    bed.run(5_000)
    assert verdict_of(bed) == "yes"


@pytest.mark.parametrize(("blood", "verdict"), [(1050, "yes"), (950, "yes"), (949, "no")])
def test_blood_that_comes_or_goes_contradicts(blood: int, verdict: str) -> None:
    assert verdict_of(held(650, 590, haemoglobin=1000, after_blood=blood)) == verdict


@pytest.mark.parametrize(("flow", "verdict"), [(None, "yes"), (False, "yes"), (True, "no")])
def test_a_pulse_beyond_the_cuff_contradicts(flow: bool | None, verdict: str) -> None:
    bed = held(650, 590)
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=200_000)
    for _ in range(60):
        bed.see(tissue=Tissue(Sample(590, bed.now), flow_seen=flow))
        bed.run(1_000)
    assert verdict_of(bed) == verdict


def test_a_hold_that_ends_sooner_is_unknown() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=200_000)
    bed.run(30_000)
    bed.wishes = ()
    bed.step()
    bed.step()
    assert verdict_of(bed) == "unknown"


def test_an_old_value_says_nothing() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.run(10_050)
    bed.hold(planned_ms=200_000)
    assert bed.state.watch is not None
    assert bed.state.watch.saturation is None


def test_a_restriction_is_not_judged() -> None:
    bed = Bedside()
    bed.arm(limb_pressure_dmmhg=2000)
    bed.ask(1000, 200_000, purpose=Purpose.RESTRICTION)
    bed.authorise()
    bed.step()
    bed.read(1000)
    bed.run(61_000)
    assert verdict_of(bed) == "unknown"


# recovery


def released(saturations: list[int | None]) -> Bedside:
    """A real occlusion, then one value a second from the release on."""
    bed = Bedside()
    bed.occlude_for_a_minute(650, 590)
    bed.wishes = ()
    bed.step()
    bed.read(0)
    for value in saturations:
        bed.oximeter(value)
        bed.run(1_000)
    return bed


def test_half_of_the_fall_must_come_back_within_a_minute() -> None:
    assert released([619] * 59).verdict.latched is None
    assert released([619] * 62).verdict.latched is Reason.REPERFUSION_FAILED
    assert released([619] * 30 + [620] + [600] * 60).verdict.latched is None


def test_a_saturation_that_is_lost_trips_nothing() -> None:
    assert released([600] * 20 + [None] * 100).verdict.latched is None


@pytest.mark.parametrize(("before", "after"), [(650, 601), (None, 590)])
def test_without_a_real_fall_there_is_nothing_to_recover(before: int | None, after: int) -> None:
    bed = Bedside()
    bed.oximeter(before)
    bed.hold(planned_ms=200_000)
    for _ in range(61):
        bed.oximeter(after)
        bed.run(1_000)
    bed.wishes = ()
    bed.read(0)
    for _ in range(100):
        bed.oximeter(after)
        bed.run(1_000)
    assert bed.verdict.latched is None


def test_a_short_occlusion_is_not_asked_to_recover() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=200_000)
    bed.oximeter(550)
    bed.run(59_000)
    bed.wishes = ()
    bed.read(0)
    for _ in range(100):
        bed.oximeter(560)
        bed.run(1_000)
    assert bed.verdict.latched is None


def test_nothing_is_inflated_before_the_recovery_is_seen() -> None:
    bed = released([600] * 10)
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    bed.ask(cycle=2)
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    bed.oximeter(640)
    bed.authorise()
    bed.step()
    assert bed.energised


def test_an_unseen_recovery_delays_by_a_minute_and_no_more() -> None:
    bed = released([None] * 58)
    bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
    bed.ask(cycle=2)
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    bed.run(3_000)
    assert bed.energised


def test_clearing_the_trip_does_not_forget_that_the_blood_stayed_away() -> None:
    bed = released([600] * 62)
    assert bed.verdict.latched is Reason.REPERFUSION_FAILED
    assert bed.step(reset=True).latched is None
    for second in range(120):
        bed.oximeter(600)
        bed.see(blood_pressure=BloodPressure(120, 80, bed.now))
        bed.ask(cycle=2 + second)
        bed.authorise()
        bed.run(1_000)
        assert bed.reason is Reason.ISCHAEMIA_DEBT
        assert bed.verdict.latched is None
    bed.oximeter(640)
    bed.authorise()
    bed.step()
    assert bed.energised


def test_another_trip_in_the_hold_does_not_end_the_watch_on_the_recovery() -> None:
    bed = Bedside()
    bed.occlude_for_a_minute(650, 590)
    bed.read(1399)
    bed.run(1_600)
    assert bed.verdict.latched is Reason.PRESSURE_LOST
    bed.read(0)
    bed.run(100)
    assert bed.step(reset=True).latched is None
    for _ in range(62):
        bed.oximeter(600)
        bed.run(1_000)
    assert bed.verdict.latched is Reason.REPERFUSION_FAILED


# congestion


@pytest.mark.parametrize("pressure", [201, 1399])
def test_a_pressure_that_only_shuts_the_veins_vents_after_30_s(pressure: int) -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(1400)
    bed.step()
    bed.read(pressure)
    assert bed.run(30_000).latched is None
    assert bed.step().latched is Reason.VENOUS_CONGESTION


@pytest.mark.parametrize("pressure", [200, 1400])
def test_outside_that_range_nothing_congests(pressure: int) -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.read(1400)
    bed.step()
    bed.read(pressure)
    assert bed.run(35_000).latched is None


def test_a_good_frame_now_and_then_does_not_end_the_congestion() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=200_000)
    bed.read(1400)
    bed.step()
    for _ in range(31):
        bed.read(1399)
        bed.run(900)
        bed.read(1400)
        bed.run(100)
    assert bed.verdict.latched is Reason.VENOUS_CONGESTION


def test_a_second_of_relief_ends_it() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=200_000)
    bed.read(1400)
    bed.step()
    for _ in range(2):
        bed.read(1399)
        bed.run(20_000)
        bed.read(1400)
        bed.run(1_050)
        assert bed.state.timers.congestion_ms is None
    assert bed.energised


def test_blood_that_collects_for_10_s_vents() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.oximeter(650, haemoglobin=1000)
    bed.step()
    bed.oximeter(650, haemoglobin=1051)
    bed.step()
    assert bed.run(9_950).latched is None
    bed.oximeter(650, haemoglobin=1051)
    assert bed.step().latched is Reason.VENOUS_CONGESTION


@pytest.mark.parametrize(("late_ms", "blood"), [(-50, None), (0, 900), (10_000, 900), (10_050, None)])
def test_the_blood_at_the_target_is_what_is_first_measured_after_it(late_ms: int, blood: int | None) -> None:
    """Until the target is reached blood collects; long after it, it may have collected already."""
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    assert bed.state.watch is not None
    reached_ms = bed.state.watch.reached_ms
    bed.run(max(50, late_ms))
    bed.see(tissue=Tissue(haemoglobin=Sample(900, reached_ms + late_ms)))
    bed.step()
    assert bed.state.watch.haemoglobin == blood


def test_the_first_blood_after_the_target_stands() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    for value in (900, 1000):
        bed.oximeter(650, haemoglobin=value)
        bed.step()
    assert bed.state.watch is not None
    assert bed.state.watch.haemoglobin == 900


def test_blood_that_goes_or_comes_back_in_time_does_not() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.oximeter(650, haemoglobin=1000)
    bed.step()
    for blood in (1051, 1050, 1051, 900, 1051):
        bed.oximeter(650, haemoglobin=blood)
        assert bed.run(9_000).latched is None


@pytest.mark.parametrize("purpose", [Purpose.RESTRICTION, Purpose.LIMB_PRESSURE])
def test_where_congestion_is_the_purpose_it_is_no_fault(purpose: Purpose) -> None:
    bed = Bedside()
    bed.arm(limb_pressure_dmmhg=2000)
    bed.oximeter(650, haemoglobin=1000)
    bed.ask(1000, 200_000, purpose=purpose)
    bed.authorise()
    bed.step()
    bed.read(1000)
    bed.step()
    bed.oximeter(650, haemoglobin=1000)
    bed.step()
    for _ in range(60):
        bed.oximeter(640, haemoglobin=1200)
        bed.run(1_000)
    assert bed.verdict.latched is None
    assert bed.energised


def test_after_the_vent_congestion_is_no_longer_judged() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.oximeter(650, haemoglobin=1000)
    bed.step()
    bed.wishes = ()
    bed.read(1000)
    bed.oximeter(650, haemoglobin=1500)
    assert bed.run(9_900).latched is None


# the other limb


def test_oxygen_that_falls_on_the_other_limb_is_the_wrong_limb() -> None:
    bed = Bedside()
    bed.oximeter(650, other=640)
    bed.hold(planned_ms=120_000)
    bed.oximeter(650, other=591)
    assert bed.run(5_000).latched is None
    bed.oximeter(650, other=590)
    assert bed.step().latched is Reason.WRONG_LIMB


def test_any_minute_counts_and_not_only_that_after_the_target() -> None:
    bed = Bedside()
    bed.oximeter(650, other=700)
    bed.hold(planned_ms=290_000)
    for second in range(120):
        bed.oximeter(590, other=700 - max(0, second - 30))  # a point in ten seconds, across the first minute
        bed.run(1_000)
    assert bed.verdict.latched is Reason.WRONG_LIMB


def test_a_slow_drift_of_the_other_limb_is_none() -> None:
    bed = Bedside()
    bed.oximeter(650, other=700)
    bed.hold(planned_ms=290_000)
    for second in range(240):
        bed.oximeter(590, other=700 - second // 2)  # 3 points a minute
        bed.run(1_000)
    assert bed.verdict.latched is None


def test_without_a_second_channel_nothing_is_said() -> None:
    bed = Bedside()
    bed.oximeter(650)
    bed.hold(planned_ms=120_000)
    bed.oximeter(650, other=100)  # it was plugged in just now: there is nothing to compare with
    assert bed.run(1_000).latched is None


def test_the_other_limb_is_not_judged_between_inflations() -> None:
    bed = Bedside()
    bed.oximeter(650, other=640)
    bed.hold(planned_ms=120_000)
    bed.wishes = ()
    bed.step()
    bed.read(0)
    bed.oximeter(650, other=300)
    assert bed.run(5_000).latched is None


def test_the_watch_belongs_to_the_limb_under_the_cuff() -> None:
    assert LIMB is Limb.LEFT_THIGH
    bed = Bedside()
    bed.hold(TARGET, planned_ms=60_000)
    assert bed.state.watch is not None
    assert bed.state.watch.cycle == 1
