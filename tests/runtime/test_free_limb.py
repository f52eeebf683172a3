"""Blood pressures of a free limb: taken by themselves before inflations, and what no reading may do alone."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import suntech
from drivers.nibp_events import BloodPressureTaken
from gateway.model import BloodPressure, Limb
from gateway.record.events import (
    AlarmRaised,
    BloodPressureAuthorised,
    BloodPressureEntered,
    BloodPressureHeldBack,
    CycleSkipped,
    DeviceNoticed,
    InflationAuthorised,
    InflationStarted,
    SessionStarted,
)
from gateway.record.summary import Summary
from gateway.runtime.free_limb import CHANGE_MMHG, EMPTYING_MS, needs_a_person
from gateway.runtime.requests import EXIT_REFUSED, ExamStart
from gateway.simulation import suntech as simulated
from gateway.simulation.nurse import start_request
from gateway.simulation.suntech import Limb as Arm
from tests.runtime.arm_cuff import MODULE, PATIENT, ArmRoom

LEAD_MS = 60_000
EMPTY_MS = 3_000
"""From 160 mmHg, at what the simulated module lets go."""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ArmRoom]:
    """A bedside with a module at the left arm, half a minute before anything."""
    found = ArmRoom(tmp_path / "journal.db")
    yield found
    found.bedside.close()


def measuring(room: ArmRoom) -> None:
    """A session under way, its first measurement by the module too."""
    assert not room.start().exit_code
    room.until_measuring()
    room.bedside.run(5_000)
    assert room.device.mmhg > 50


class TestBeforeEachInflation:
    def test_it_is_taken_a_minute_before_and_counts_as_an_entry_does(self, room: ArmRoom) -> None:
        assert "the module on the left upper arm takes the next blood pressures" in room.start().message
        room.wired.arm = Arm(systolic_mmhg=131, diastolic_mmhg=76)
        room.until_inflating(1)
        (begins_ms, _), *_ = room.rows(InflationStarted)
        [(asked_ms, asked)] = room.rows(BloodPressureAuthorised)
        assert 0 <= begins_ms - asked_ms - LEAD_MS <= 200
        assert asked == {"limb": "left_upper_arm", "serial": "NB-000317"}
        (_, by_hand), (_, taken) = room.rows(BloodPressureEntered)
        assert by_hand == {"systolic_mmhg": 120, "diastolic_mmhg": 70, "source": "person", "serial": ""}
        assert taken == {
            "systolic_mmhg": 131,
            "diastolic_mmhg": 76,
            "source": "module",
            "serial": "NB-000317",
        }
        [(_, authorised)] = room.rows(InflationAuthorised)
        assert (authorised["systolic_mmhg"], authorised["target_dmmhg"]) == (131, 1810)
        assert not room.rows(AlarmRaised)

    def test_the_second_one_has_one_of_its_own_and_the_summary_says_whose(self, room: ArmRoom) -> None:
        room.start()
        room.until_inflating(2)
        (_, _), (second_ms, _) = room.rows(InflationStarted)
        (_, _), (asked_ms, _) = room.rows(BloodPressureAuthorised)
        assert 0 <= second_ms - asked_ms - LEAD_MS <= 200
        room.stop()
        room.bedside.run(12_000)
        [(_, summary)] = room.rows(Summary)
        assert summary["blood_pressure_sources"] == ["person", "module", "module"]
        assert len(summary["systolic_mmhg"]) == 3

    def test_the_status_says_what_counts_and_who_took_it(self, room: ArmRoom) -> None:
        room.start()
        shown = room.state
        assert (shown["systolic_mmhg"], shown["diastolic_mmhg"], shown["blood_pressure_by"]) == (
            120,
            70,
            "person",
        )
        room.wired.arm = Arm(systolic_mmhg=131, diastolic_mmhg=76)
        room.until_measured()
        shown = room.state
        assert (shown["systolic_mmhg"], shown["diastolic_mmhg"], shown["blood_pressure_by"]) == (
            131,
            76,
            "module",
        )
        assert shown["held_back_systolic_mmhg"] is None

    def test_one_that_is_fresh_enough_serves(self, room: ArmRoom) -> None:
        room.start("demo")
        room.until_inflating(2)
        assert not room.rows(BloodPressureAuthorised)

    def test_no_inflation_begins_while_it_measures(
        self, room: ArmRoom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(simulated, "BLEED_MMHG_S", 1.2)
        room.start()
        room.until_measuring()
        assert room.until(lambda: not room.measures) > LEAD_MS + 5_000, "longer than the minute before"
        assert not room.rows(InflationStarted)
        room.until_inflating(1)
        (began_ms, _), *_ = room.rows(InflationStarted)
        (_, _), (taken_ms, _) = room.rows(BloodPressureEntered)
        assert 0 < began_ms - taken_ms <= 3_000, "when the module's cuff is known to be empty"

    def test_an_examination_has_one_taken_too(self, room: ArmRoom) -> None:
        room.bedside.press_button()
        armed = room.bedside.ask(start_request("", Limb.LEFT_THIGH, 120, 70, patient=PATIENT))
        assert not armed.exit_code, armed
        room.bedside.run(1_000)
        assert not room.measures, "no inflation is planned while none is under way"
        choices = {"baseline_ms": 20_000, "occlusion_ms": 280_000, "recovery_ms": 20_000}
        begun = room.bedside.ask(ExamStart(exam="occlusion-test", confirm=True, choices=choices))
        assert not begun.exit_code, begun
        room.until(lambda: room.state["phase"] == "inflating")
        [(began_ms, _)] = room.rows(InflationStarted)
        [(asked_ms, _)] = room.rows(BloodPressureAuthorised)
        assert 0 <= began_ms - asked_ms - LEAD_MS <= 500
        assert room.state["blood_pressure_by"] == "module"
        assert not room.rows(AlarmRaised)


class TestWhatNeedsAPerson:
    @pytest.mark.parametrize("systolic", [120 - CHANGE_MMHG, 120 + CHANGE_MMHG])
    def test_up_to_the_limit_it_counts(self, room: ArmRoom, systolic: int) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=systolic, diastolic_mmhg=64)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == systolic + 50

    @pytest.mark.parametrize("systolic", [120 - CHANGE_MMHG - 1, 120 + CHANGE_MMHG + 1])
    def test_beyond_it_nothing_inflates_until_a_person_has_measured(
        self, room: ArmRoom, systolic: int
    ) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=systolic, diastolic_mmhg=64)
        room.until_measured()
        [(_, held)] = room.rows(BloodPressureHeldBack)
        assert (held["systolic_mmhg"], held["confirmed_systolic_mmhg"]) == (systolic, 120)
        assert (held["diastolic_mmhg"], held["serial"]) == (64, "NB-000317")
        assert "blood_pressure_changed" in room.alarms
        assert room.state["held_back_systolic_mmhg"] == systolic
        assert room.state["blood_pressure_age_s"] is None, "what it contradicts counts no longer"
        room.bedside.run(300_000)
        assert not room.rows(InflationStarted)
        assert len(room.rows(BloodPressureAuthorised)) == 1, "it does not ask the arm again and again"
        assert room.state["waiting_for"] == "blood_pressure_missing"
        room.enter(125)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == 175
        assert room.state["held_back_systolic_mmhg"] is None
        assert "blood_pressure_changed" not in room.alarms

    def test_a_person_who_measures_the_same_is_believed_and_is_the_new_measure(self, room: ArmRoom) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=160, diastolic_mmhg=80)
        room.until_measured()
        room.enter(158, 80)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == 208
        room.until_inflating(2)
        assert room.state["target_mmhg"] == 210

    def test_no_drift_of_small_steps_leads_away_from_what_a_person_saw(self, room: ArmRoom) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=145, diastolic_mmhg=76)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == 195
        room.wired.arm = Arm(systolic_mmhg=151, diastolic_mmhg=76)
        room.until_measured()
        [(_, held)] = room.rows(BloodPressureHeldBack)
        assert held["confirmed_systolic_mmhg"] == 120

    def test_an_unfit_pressure_keeps_the_cuff_empty_as_an_entry_does(self, room: ArmRoom) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=92, diastolic_mmhg=45)
        room.until_measured()
        room.until(lambda: room.state["waiting_for"] == "blood_pressure_out_of_range")
        assert "blood_pressure_out_of_range" in room.alarms
        room.wired.arm = Arm(systolic_mmhg=112, diastolic_mmhg=66)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == 162, "it is taken again by itself"

    def test_one_that_stays_unfit_skips_the_cycle_after_ten_minutes(self, room: ArmRoom) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=92, diastolic_mmhg=45)
        room.until(lambda: room.state["cycle"] == 2)
        [(skipped_ms, skipped)] = room.rows(CycleSkipped)
        assert skipped == {"cycle": 1, "reason": "blood_pressure_out_of_range"}
        raised_ms = min(at for at, row in room.rows(AlarmRaised) if row["condition"] == skipped["reason"])
        assert 600_000 <= skipped_ms - raised_ms <= 600_200, "measuring again does not begin the time anew"
        assert len(room.rows(BloodPressureAuthorised)) == 2, "one when the last is too old"

    def test_an_entry_while_it_measures_lets_nothing_begin_before_it_is_done(self, room: ArmRoom) -> None:
        room.start()
        room.wired.arm = Arm(systolic_mmhg=92, diastolic_mmhg=45)
        room.until(lambda: room.state["waiting_for"] == "blood_pressure_out_of_range")
        room.until_measuring()
        room.wired.arm = Arm(systolic_mmhg=118, diastolic_mmhg=70)
        room.enter(120)
        room.until(lambda: not room.measures)
        assert not room.rows(InflationStarted)
        room.until_inflating(1)

    @given(st.integers(0, 400), st.integers(60, 250))
    def test_a_reading_counts_alone_only_near_a_persons_and_where_one_could_be_typed(
        self, measured: int, confirmed: int
    ) -> None:
        alone = not needs_a_person(BloodPressure(confirmed, 40, 0), BloodPressure(measured, 40, 0, "S"))
        assert alone == (60 <= measured <= 250 and confirmed - 30 <= measured <= confirmed + 30)

    def test_without_a_persons_entry_no_reading_counts(self) -> None:
        assert needs_a_person(None, BloodPressure(120, 70, 0, "S"))


class TestTheModulesOwnCuff:
    def test_its_row_is_durable_before_its_cuff_inflates(
        self, room: ArmRoom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert room.bedside.core is not None
        room.start()
        monkeypatch.setattr(room.bedside.core.recorder, "is_durable", lambda ticket: False)
        room.bedside.run(232_000)
        assert room.rows(BloodPressureAuthorised)
        room.bedside.run(5_000)
        assert room.wired.highest_mmhg == 0
        monkeypatch.undo()
        room.until_measuring()

    def test_nothing_is_measured_without_a_session(self, room: ArmRoom) -> None:
        room.bedside.run(900_000)
        assert room.wired.highest_mmhg == 0
        assert room.state["alarms_active"] == 0, "and nobody is called for it"

    def test_a_stop_lets_the_air_out_at_once(self, room: ArmRoom) -> None:
        measuring(room)
        room.stop()
        room.bedside.run(20)
        assert room.device.is_idle
        room.bedside.run(EMPTY_MS)
        assert room.device.mmhg == 0
        assert "no blood pressure was taken: aborted" in [row["text"] for _, row in room.rows(DeviceNoticed)]
        room.bedside.run(400_000)
        assert room.device.mmhg == 0

    def test_the_button_at_the_bedside_does(self, room: ArmRoom) -> None:
        measuring(room)
        room.bedside.press_button()
        room.bedside.run(EMPTY_MS)
        assert (room.device.is_idle, room.device.mmhg) == (True, 0)

    def test_a_trip_does_and_what_is_latched_measures_nothing(self, room: ArmRoom) -> None:
        measuring(room)
        room.bedside.pull_cable()
        room.until(lambda: room.state["latched"] is not None)
        room.bedside.run(EMPTY_MS)
        assert (room.device.is_idle, room.device.mmhg) == (True, 0)
        room.bedside.plug_cable()
        room.bedside.run(600_000)
        assert room.device.mmhg == 0
        assert len(room.rows(BloodPressureAuthorised)) == 1

    def test_the_end_of_core_does(self, room: ArmRoom) -> None:
        measuring(room)
        assert room.bedside.core is not None
        room.bedside.core.shut_down("asked to stop", room.bedside.core_ms)
        room.wired.turn()
        assert room.device.is_idle

    def test_a_stop_is_said_to_a_module_that_does_nothing_as_far_as_we_know(self, room: ArmRoom) -> None:
        room.device.step(suntech.encode_command(suntech.MEASURE_ADULT), room.bedside.core_ms)
        room.bedside.run(100)
        assert not room.device.is_idle, "somebody else has begun"
        room.stop()
        room.bedside.run(EMPTY_MS)
        assert room.device.mmhg == 0

    def test_one_that_is_not_empty_in_time_is_an_alarm_until_it_is(self, room: ArmRoom) -> None:
        measuring(room)
        room.device.faults.never_lets_go = True
        room.stop()
        room.bedside.run(EMPTYING_MS - 500)
        assert "free_limb_not_deflated" not in room.alarms
        room.bedside.run(1_000)
        raised = {row["condition"]: row["priority"] for _, row in room.rows(AlarmRaised)}
        assert raised["free_limb_not_deflated"] == "medium"
        room.bedside.run(120_000)
        assert [alarm["presented"] for alarm in room.alarm_list if alarm["escalated"]] == ["high"]
        room.device.faults.never_lets_go = False
        room.bedside.run(EMPTY_MS)
        assert "free_limb_not_deflated" not in room.alarms

    @pytest.mark.parametrize("limb", list(Limb))
    def test_a_session_on_its_limb_is_refused(self, room: ArmRoom, limb: Limb) -> None:
        reply = room.start(limb=limb)
        if limb is not MODULE.limb:
            assert not reply.exit_code, reply
            return
        assert reply.exit_code == EXIT_REFUSED
        assert "the blood pressure module's cuff is on the left upper arm" in reply.message
        assert not room.rows(SessionStarted)


class TestFailures:
    def test_two_in_a_row_call_a_person_and_the_inflation_waits(self, room: ArmRoom) -> None:
        room.start()
        room.until_inflating(1)
        room.wired.arm = None
        room.until(lambda: "blood_pressure_not_taken" in room.alarms)
        assert len(room.rows(BloodPressureAuthorised)) == 3
        told = [row["text"] for _, row in room.rows(DeviceNoticed) if row["device"] == "blood_pressure"]
        assert (
            told
            == ["no blood pressure was taken: weak or no signal: look at the cuff's position and size"] * 2
        )
        room.bedside.run(200_000)
        assert len(room.rows(BloodPressureAuthorised)) == 3
        assert len(room.rows(InflationStarted)) == 1
        assert room.state["waiting_for"] == "blood_pressure_stale"
        room.enter(118)
        room.until_inflating(2)
        assert room.state["target_mmhg"] == 168
        assert "blood_pressure_not_taken" not in room.alarms

    def test_one_failure_is_tried_again_after_half_a_minute(self, room: ArmRoom) -> None:
        room.start()
        room.until_inflating(1)
        room.device.faults.moving = True
        room.until_measured()
        room.device.faults.moving = False
        room.until_inflating(2)
        assert room.state["blood_pressure_age_s"] < 30
        (_, _), (first_ms, _), (second_ms, _) = room.rows(BloodPressureAuthorised)
        assert second_ms - first_ms > 30_000

    def test_a_module_that_is_lost_is_told_and_persons_measure(self, room: ArmRoom) -> None:
        measuring(room)
        room.wired.pull()
        room.bedside.run(500)
        raised = {row["condition"]: row["priority"] for _, row in room.rows(AlarmRaised)}
        assert raised == {"blood_pressure_module_lost": "low", "blood_pressure_not_taken": "medium"}
        room.bedside.run(EMPTYING_MS + 60_000)
        assert not room.rows(InflationStarted), "nobody has looked at that limb"
        assert "free_limb_not_deflated" in room.alarms, "nobody sees any more that it empties"
        room.enter(122)
        room.until_inflating(1)
        assert room.state["target_mmhg"] == 172

    def test_one_that_was_lost_in_a_measurement_waits_for_a_person(self, room: ArmRoom) -> None:
        measuring(room)
        room.wired.pull()
        room.bedside.run(60_000)
        room.wired.plug()
        room.until_inflating(1)  # its cuff shows empty, and the person's first pressure still serves
        room.bedside.run(500_000)
        assert len(room.rows(BloodPressureAuthorised)) == 1
        assert "blood_pressure_not_taken" in room.alarms
        room.enter(122)
        room.until_inflating(3)
        assert room.state["blood_pressure_by"] == "module"
        assert not room.alarms & {"blood_pressure_module_lost", "blood_pressure_not_taken"}

    def test_what_a_person_enters_in_the_same_moment_goes_before_the_reading(
        self, room: ArmRoom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reading that contradicts it is held back and alarmed for: nothing is lost in silence."""
        room.start()
        room.wired.arm = Arm(systolic_mmhg=180, diastolic_mmhg=90)
        room.until_measuring()
        free_limb = room.bedside.core.free_limb
        heard = free_limb.heard

        def entered_first(event: object, now: int) -> None:
            if isinstance(event, BloodPressureTaken):
                assert room.enter(120).exit_code == 0
            heard(event, now)

        monkeypatch.setattr(free_limb, "heard", entered_first)
        room.until(lambda: not room.measures)
        room.bedside.run(2_000)
        assert room.state["held_back_systolic_mmhg"] == 180
        assert "blood_pressure_changed" in room.alarms

    def test_one_that_falls_silent_is_told(self, room: ArmRoom) -> None:
        room.start()
        room.device.faults.silent = True
        room.bedside.run(2_500)
        assert room.alarms == {"blood_pressure_module_lost"}

    def test_one_of_another_firmware_is_never_used_until_the_site_adds_it(self, tmp_path: Path) -> None:
        for name, further in (("refused", ()), ("added", ("ZZ1.",))):
            config = msgspec.structs.replace(MODULE, further_firmware=further)
            room = ArmRoom(tmp_path / f"{name}.db", config, plugged=False)
            room.device._text = suntech.ReturnText("ZZ1.05", "LS1.01", "LOT-7", "NB-000317", "123")
            room.wired.plug()
            room.start()
            room.bedside.run(400)
            assert ("blood_pressure_module_lost" in room.alarms) is not bool(further)
            room.bedside.run(280_000)
            assert bool(room.rows(BloodPressureAuthorised)) is bool(further)
            room.bedside.close()

    def test_without_a_module_nothing_calls_for_one(self, tmp_path: Path) -> None:
        config = msgspec.structs.replace(MODULE, serial="ANOTHER")
        room = ArmRoom(tmp_path / "journal.db", config)
        room.start()
        room.bedside.run(300_000)
        assert not room.rows(BloodPressureAuthorised), "it is not the one that was meant"
        assert "blood_pressure_module_lost" in room.alarms
        room.bedside.close()
