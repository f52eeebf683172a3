"""The harm monitor finds each harm, at its limit and not before it, from physics alone."""

import ast
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from gateway.model import LIMBS, Limb, Priority
from gateway.simulation import harm, harm_current, physics
from gateway.simulation.harm import HarmMonitor
from gateway.simulation.physics import HardwareDuty, HarmKind, Physics

TURN_MS = 10
HIGH = Priority.HIGH


def on_left(mmhg: float) -> tuple[float, ...]:
    return tuple(mmhg if limb is Limb.LEFT_THIGH else 0.0 for limb in LIMBS)


def inflated(mmhg: float = 170.0) -> Physics:
    return Physics(limbs_mmhg=on_left(mmhg), leased=True)


EMPTY = Physics()


class Judged:
    """A monitor that is fed whole spans of one and the same physics."""

    def __init__(self) -> None:
        self.monitor = HarmMonitor(0)
        self.now = 0

    def see(self, physics: Physics, span_ms: int) -> "Judged":
        for _ in range(span_ms // TURN_MS):
            self.now += TURN_MS
            self.monitor.step(self.now, physics)
        return self

    @property
    def harms(self) -> set[HarmKind]:
        return set(self.monitor.harms)


@pytest.fixture
def judged() -> Judged:
    return Judged()


def test_a_good_occlusion_harms_nobody(judged: Judged) -> None:
    judged.see(inflated(), 300_000)
    for pressure in (150.0, 100.0, 60.0, 25.0, 16.0):
        judged.see(Physics(limbs_mmhg=on_left(pressure)), 1_000)
    judged.see(EMPTY, 300_000)
    assert not judged.harms
    assert not judged.monitor.duties


@pytest.mark.parametrize(
    ("mmhg", "span_ms", "harmful"),
    [(330.0, 10, False), (330.1, 10, True), (310.1, 500, False), (310.1, 520, True), (310.0, 60_000, False)],
)
def test_over_pressure(judged: Judged, mmhg: float, span_ms: int, harmful: bool) -> None:
    judged.see(inflated(mmhg)._replace(alarm=HIGH), span_ms)
    assert (HarmKind.OVER_PRESSURE in judged.harms) is harmful


def test_over_debt_is_the_limb_s_own_account(judged: Judged) -> None:
    judged.see(inflated(15.1), 340_000)
    assert judged.monitor.debts_ms[Limb.LEFT_THIGH.number] == 340_000
    assert HarmKind.OVER_DEBT not in judged.harms
    judged.see(inflated(15.1), TURN_MS)
    assert HarmKind.OVER_DEBT in judged.harms


def test_debt_is_paid_back_second_by_second_and_never_below_zero(judged: Judged) -> None:
    judged.see(inflated(), 200_000).see(inflated(15.0), 50_000)
    assert judged.monitor.debts_ms[Limb.LEFT_THIGH.number] == 150_000
    judged.see(EMPTY, 500_000).see(inflated(), 340_000)
    assert HarmKind.OVER_DEBT not in judged.harms


def test_debts_are_kept_apart(judged: Judged) -> None:
    arm = tuple(170.0 if limb is Limb.LEFT_UPPER_ARM else 0.0 for limb in LIMBS)
    judged.see(inflated(), 200_000).see(Physics(limbs_mmhg=arm, leased=True), 200_000)
    assert judged.monitor.debts_ms == [0, 0, 200_000, 0]
    assert not judged.harms


def test_both_thighs(judged: Judged) -> None:
    both = tuple(15.1 if limb.is_thigh else 0.0 for limb in LIMBS)
    one_and_an_arm = tuple(200.0 if limb in (Limb.LEFT_THIGH, Limb.LEFT_UPPER_ARM) else 0.0 for limb in LIMBS)
    judged.see(Physics(limbs_mmhg=one_and_an_arm, leased=True), TURN_MS)
    assert not judged.harms
    judged.see(Physics(limbs_mmhg=both, leased=True), TURN_MS)
    assert judged.harms == {HarmKind.BOTH_THIGHS}


@pytest.mark.parametrize(("mmhg", "harmful"), [(20.0, False), (20.1, True), (139.9, True), (140.0, False)])
def test_congestion_is_the_band_below_systolic_plus_20(judged: Judged, mmhg: float, harmful: bool) -> None:
    judged.see(inflated(mmhg), 31_000)
    assert not judged.harms
    judged.see(inflated(mmhg), 20)
    assert (judged.harms == {HarmKind.CONGESTION}) is harmful


def test_congestion_is_counted_on_over_a_short_way_out(judged: Judged) -> None:
    judged.see(inflated(100.0), 20_000).see(inflated(150.0), 900).see(inflated(100.0), 11_000)
    assert HarmKind.CONGESTION in judged.harms


def test_congestion_begins_anew_after_a_real_way_out_and_ends_with_the_lease(judged: Judged) -> None:
    judged.see(inflated(100.0), 20_000).see(inflated(150.0), 1_100).see(inflated(100.0), 20_000)
    judged.see(Physics(limbs_mmhg=on_left(100.0)), 5_000).see(inflated(100.0), 20_000)
    assert not judged.harms


@pytest.mark.parametrize(("closed_from", "harmful"), [(125.0, False), (125.1, True), (139.0, True)])
def test_under_sensors_that_err_alike_congestion_is_blood_that_flows_in(
    judged: Judged, closed_from: float, harmful: bool
) -> None:
    judged.see(inflated(125.0)._replace(closed_from_mmhg=closed_from), 31_020)
    assert (judged.harms == {HarmKind.CONGESTION}) is harmful


def test_restriction_congests_on_purpose(judged: Judged) -> None:
    judged.see(inflated(100.0)._replace(partial=True), 120_000)
    assert not judged.harms


def test_a_higher_systolic_that_was_measured_makes_the_hold_congest(judged: Judged) -> None:
    judged.see(inflated(170.0)._replace(systolic_mmhg=155.0), 31_020)
    assert HarmKind.CONGESTION in judged.harms


# --- current ------------------------------------------------------------------------------------------

FLOWS = Physics(current_ma=5.0, relay_leased=True)
OFF_SKIN = FLOWS._replace(electrode_off=True)
SILENT = Physics(stimulator_silent=True)


@pytest.mark.parametrize(("span_ms", "harmful"), [(110, False), (120, True)])
def test_current_without_permit(judged: Judged, span_ms: int, harmful: bool) -> None:
    judged.see(FLOWS, 10_000)
    judged.see(Physics(current_ma=5.0), span_ms)
    assert (judged.harms == {HarmKind.CURRENT_WITHOUT_PERMIT}) is harmful


@pytest.mark.parametrize(
    ("stands_ms", "runs_ms", "harmful"), [(1_110, 0, False), (1_120, 0, True), (900, 120, True)]
)
def test_a_controller_that_stands_still_has_the_time_of_its_watchdog(
    judged: Judged, stands_ms: int, runs_ms: int, harmful: bool
) -> None:
    judged.see(FLOWS, 10_000)
    judged.see(Physics(current_ma=5.0, controller_runs=False), stands_ms)
    if runs_ms:
        judged.see(Physics(current_ma=5.0), runs_ms)
    assert (judged.harms == {HarmKind.CURRENT_WITHOUT_PERMIT}) is harmful


@pytest.mark.parametrize(("span_ms", "harmful"), [(700, False), (710, True)])
def test_current_after_a_person_s_stop(judged: Judged, span_ms: int, harmful: bool) -> None:
    judged.see(FLOWS, 1_000)
    judged.monitor.person_stopped(judged.now)
    judged.see(FLOWS, span_ms)
    assert (judged.harms == {HarmKind.CURRENT_AFTER_STOP}) is harmful


def test_a_stop_stands_until_a_person_begins_again(judged: Judged) -> None:
    judged.see(FLOWS, 1_000)
    judged.monitor.person_stopped(judged.now)
    judged.see(FLOWS, 100).see(EMPTY, 30_000)
    judged.monitor.person_stopped(judged.now)
    judged.monitor.person_began(judged.now + 1)
    judged.see(FLOWS, 5_000)
    assert not judged.harms
    judged.monitor.person_stopped(judged.now)
    judged.see(EMPTY, 30_000).see(FLOWS, TURN_MS)
    assert judged.harms == {HarmKind.CURRENT_AFTER_STOP}


def test_a_stop_between_the_asking_and_the_beginning_stands(judged: Judged) -> None:
    asked_ms = judged.now
    judged.see(EMPTY, 100)
    judged.monitor.person_stopped(judged.now)
    judged.monitor.person_began(asked_ms)
    judged.see(Physics(limbs_mmhg=on_left(170.0), leased=True, alarm=HIGH), 20_000)
    assert HarmKind.STILL_INFLATED in judged.harms


@pytest.mark.parametrize(("span_ms", "harmful"), [(710, False), (720, True)])
def test_current_after_something_latched(judged: Judged, span_ms: int, harmful: bool) -> None:
    judged.see(FLOWS, 1_000).see(FLOWS._replace(tripped=True, alarm=HIGH), span_ms)
    assert (judged.harms == {HarmKind.CURRENT_AFTER_STOP}) is harmful


@pytest.mark.parametrize(("gap_ms", "harmful"), [(600, False), (640, True)])
def test_current_that_resumes_after_a_gap(judged: Judged, gap_ms: int, harmful: bool) -> None:
    judged.see(FLOWS, 1_000).see(SILENT, gap_ms).see(EMPTY, 2_000).see(FLOWS, 1_000)
    assert (judged.harms == {HarmKind.CURRENT_AFTER_GAP}) is harmful


def test_a_gap_before_the_first_pulses_or_before_a_new_session_interrupts_nothing(judged: Judged) -> None:
    judged.see(SILENT, 5_000).see(FLOWS, 2_000).see(SILENT, 5_000)
    judged.monitor.person_began(judged.now)
    judged.see(FLOWS, 5_000)
    assert not judged.harms


def test_current_that_nobody_ends_in_a_gap(judged: Judged) -> None:
    judged.see(FLOWS, 1_000).see(FLOWS._replace(stimulator_silent=True), 1_310)
    assert not judged.harms
    judged.see(FLOWS._replace(stimulator_silent=True), 20)
    assert judged.harms == {HarmKind.CURRENT_AFTER_GAP}


@pytest.mark.parametrize(("span_ms", "harmful"), [(610, False), (620, True)])
def test_an_electrode_error_ends_within_600_ms(judged: Judged, span_ms: int, harmful: bool) -> None:
    judged.see(FLOWS, 5_000).see(OFF_SKIN, span_ms)
    assert (judged.harms == {HarmKind.ELECTRODE_ERROR}) is harmful


def test_an_electrode_error_is_counted_while_there_is_a_gateway_to_end_it(judged: Judged) -> None:
    judged.see(OFF_SKIN, 400).see(OFF_SKIN._replace(gateway_runs=False), 5_000).see(OFF_SKIN, 200)
    assert not judged.harms
    judged.see(OFF_SKIN, 30)
    assert judged.harms == {HarmKind.ELECTRODE_ERROR}


def test_an_electrode_error_begins_anew_with_the_current(judged: Judged) -> None:
    judged.see(OFF_SKIN, 500).see(EMPTY, 60_000).see(OFF_SKIN, 500)
    assert not judged.harms


@pytest.mark.parametrize(
    ("change", "harmful"),
    [
        ({"current_ma": 50.0}, False),
        ({"current_ma": 50.1}, True),
        ({"density_ma_cm2": 2.0}, False),
        ({"density_ma_cm2": 2.1, "contact": 0.5}, True),
        ({"density_ma_cm2": 9.9, "contact": 0.49}, False),
    ],
)
def test_over_current(judged: Judged, change: dict[str, float], harmful: bool) -> None:
    judged.see(FLOWS._replace(**change), TURN_MS)
    assert (judged.harms == {HarmKind.OVER_CURRENT}) is harmful


# --- the vent that does not come ------------------------------------------------------------------------


def test_still_inflated_after_a_person_s_stop(judged: Judged) -> None:
    judged.see(inflated(), 5_000)
    judged.monitor.person_stopped(judged.now)
    judged.see(inflated()._replace(alarm=HIGH), 10_000)
    assert not judged.harms
    judged.see(inflated()._replace(alarm=HIGH), 20)
    assert judged.harms == {HarmKind.STILL_INFLATED}


@pytest.mark.parametrize(
    "physics",
    [
        Physics(limbs_mmhg=on_left(15.1), alarm=HIGH),
        Physics(limbs_mmhg=on_left(170.0), leased=True, tripped=True, alarm=HIGH),
    ],
    ids=["the lease ended", "tripped, and leased all the same"],
)
def test_still_inflated(judged: Judged, physics: Physics) -> None:
    judged.see(inflated(), 5_000).see(physics, 10_000)
    assert not judged.harms
    judged.see(physics, 20)
    assert judged.harms == {HarmKind.STILL_INFLATED}


LATCHED = Physics(tripped=True)


def test_a_latch_must_be_heard_within_two_seconds(judged: Judged) -> None:
    judged.see(LATCHED, 2_010)
    assert not judged.harms
    judged.see(LATCHED, TURN_MS)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_a_latch_must_be_heard_until_somebody_acknowledges(judged: Judged) -> None:
    judged.see(LATCHED, 1_000).see(LATCHED._replace(alarm=HIGH), 100).see(LATCHED, 7_000)
    assert not judged.harms
    judged.see(LATCHED, 20)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_an_acknowledgement_silences_this_state_and_not_the_next(judged: Judged) -> None:
    judged.see(LATCHED._replace(alarm=HIGH), 100).see(LATCHED._replace(acknowledged=True), TURN_MS)
    judged.see(LATCHED, 60_000).see(EMPTY, 1_000)
    assert not judged.harms
    judged.see(LATCHED, 2_020)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_a_silence_that_a_person_asked_for_ends(judged: Judged) -> None:
    judged.see(LATCHED._replace(alarm=HIGH), 100).see(LATCHED._replace(silenced_ms=60_000), TURN_MS)
    judged.see(LATCHED, 67_000)
    assert not judged.harms
    judged.see(LATCHED, 20)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_a_silence_is_for_what_sounds_then_and_not_for_the_next(judged: Judged) -> None:
    judged.see(EMPTY._replace(silenced_ms=60_000), TURN_MS).see(LATCHED, 2_020)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_a_gateway_that_stood_still_is_latched_as_before(judged: Judged) -> None:
    judged.see(LATCHED._replace(alarm=HIGH), 100).see(LATCHED._replace(acknowledged=True), TURN_MS)
    judged.see(EMPTY._replace(gateway_stands=True), 600).see(LATCHED, 60_000)
    assert not judged.harms
    judged.see(EMPTY, TURN_MS).see(LATCHED, 2_020)
    assert judged.harms == {HarmKind.UNSAFE_WITHOUT_ALARM}


def test_an_over_pressure_that_nobody_hears(judged: Judged) -> None:
    judged.see(inflated(311.0), 2_020)
    assert HarmKind.UNSAFE_WITHOUT_ALARM in judged.harms


STUCK = Physics(limbs_mmhg=on_left(170.0), defeated=True)


def duty_after(judged: Judged, spans: Iterable[tuple[Physics, int]]) -> list[HardwareDuty]:
    judged.see(inflated(), 5_000)
    for instant, span_ms in spans:
        judged.see(instant, span_ms)
    return judged.monitor.duties


def test_a_stuck_valve_is_a_duty_done_and_never_a_harm(judged: Judged) -> None:
    duties = duty_after(judged, [(STUCK, 2_900), (STUCK._replace(alarm=HIGH), 400_000)])
    assert [duty.passed for duty in duties] == [True]
    assert not judged.harms


@pytest.mark.parametrize(
    ("spans", "pump_off", "alarm"),
    [
        ([(STUCK._replace(pump_on=True, alarm=HIGH), 1_020), (STUCK, 5_000)], False, True),
        ([(STUCK._replace(alarm=Priority.MEDIUM), 3_010), (STUCK._replace(alarm=HIGH), 100)], True, False),
        ([(STUCK._replace(pump_on=True), 1_000), (STUCK._replace(alarm=HIGH), 3_000)], True, True),
    ],
    ids=["pump", "alarm", "both just in time"],
)
def test_a_duty_that_is_not_done_fails(
    judged: Judged, spans: list[tuple[Physics, int]], pump_off: bool, alarm: bool
) -> None:
    assert duty_after(judged, spans) == [HardwareDuty(5_010, pump_off, alarm)]


def test_a_nearly_empty_cuff_gives_ten_seconds_to_tell(judged: Judged) -> None:
    nearly = STUCK._replace(limbs_mmhg=on_left(40.0))
    duties = duty_after(judged, [(nearly, 11_900), (nearly._replace(alarm=HIGH), 1_000)])
    assert [duty.passed for duty in duties] == [True]


def test_a_valve_that_comes_free_at_once_leaves_no_duty(judged: Judged) -> None:
    assert not duty_after(
        judged, [(STUCK, 1_500), (Physics(limbs_mmhg=on_left(60.0)), 3_000), (EMPTY, 5_000)]
    )
    assert not judged.harms


def test_a_valve_that_comes_free_has_ten_seconds_from_then(judged: Judged) -> None:
    free = Physics(limbs_mmhg=on_left(100.0), alarm=HIGH)
    duty_after(judged, [(STUCK._replace(alarm=HIGH), 60_000), (free, 10_000)])
    assert not judged.harms
    judged.see(free, 20)
    assert judged.harms == {HarmKind.STILL_INFLATED}


def test_a_defeated_vent_excuses_no_lease(judged: Judged) -> None:
    """As long as software holds the cuff up itself, everything is its own doing."""
    judged.see(inflated()._replace(defeated=True, alarm=HIGH), 340_020)
    assert judged.harms == {HarmKind.OVER_DEBT}


def test_a_duty_is_settled_at_its_deadline(judged: Judged) -> None:
    judged.see(inflated(), 1_000).see(STUCK, 2_990)
    assert not judged.monitor.settled
    judged.see(STUCK, 30)
    assert judged.monitor.settled


def test_a_record_that_lost_a_promised_row_or_does_not_verify(judged: Judged) -> None:
    judged.monitor.record([], "", 10)
    assert not judged.harms
    judged.monitor.record(["tripped"], "", 10)
    assert "tripped" in judged.monitor.harms[HarmKind.RECORD_LOST].detail
    other = HarmMonitor(0)
    other.record([], "row 7 is missing", 10)
    assert "row 7 is missing" in other.harms[HarmKind.RECORD_LOST].detail


@pytest.mark.parametrize("of", [harm, harm_current, physics], ids=lambda module: module.__name__)
def test_the_monitor_knows_nothing_of_the_gateway(of: ModuleType) -> None:
    tree = ast.parse(Path(of.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    parts = {"gateway.simulation.physics", "gateway.simulation.harm_current"}
    ours = {
        name for name in imported if name and name.split(".")[0] in ("gateway", "drivers", "firmware_bridge")
    }
    assert ours
    assert ours <= {"gateway.model", *parts}
