"""Stimulation on the virtual bedside: real core, real firmware, a simulated device; the tissue decides."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.model import Reason
from gateway.record.events import (
    StimulationAuthorised,
    StimulationStarted,
)
from gateway.record.reader import JournalReader
from gateway.record.sheet import sheet
from gateway.record.summary import fold
from gateway.record.verify import verify
from gateway.runtime.gate import RENEW_MS
from gateway.runtime.requests import (
    SessionClearPatient,
    SessionLower,
    SessionPain,
    SessionRaise,
    SessionStop,
)
from gateway.safety.limits import HARD
from gateway.simulation import stimulator as device
from gateway.simulation.protocols import STIMULATOR
from tests.runtime.stimulation import ONE_POLL_MS, RELAY_DEAD_MAN_MS, STOP_MS, Stimulated


@pytest.fixture
def thigh(tmp_path: Path) -> Iterator[Stimulated]:
    """A bedside with a stimulator that answers."""
    found = Stimulated(tmp_path / "journal.db")
    yield found
    found.bedside.close()


class TestSession:
    def test_it_is_given_and_recorded(self, thigh: Stimulated) -> None:
        reply = thigh.stimulate()
        assert reply.exit_code == 0, reply
        highest = 0
        while thigh.bedside.core.session is not None:
            thigh.bedside.turn()
            highest = max(highest, thigh.current_ua)
        assert highest == 6_000
        assert [(one.contraction, one.current_ua) for one in thigh.contractions()] == [
            (number, number * 1_000) for number in range(1, 7)
        ]
        assert {(one.reason, one.confirmed, one.response) for one in thigh.contractions()} == {
            ("planned", True, "unknown")
        }
        assert all(one.duration_ms == 2_000 for one in thigh.contractions())

    def test_its_summary_is_the_fold_and_reads_well(self, thigh: Stimulated) -> None:
        name = thigh.stimulate().data["session"]
        thigh.run_until_mode("idle")
        summary = thigh.summary()
        with JournalReader.open(thigh.journal) as reader:
            assert fold(reader.rows(session=name), name) == summary
        assert (summary.outcome, summary.therapy, summary.alarms, summary.trips) == (
            "completed",
            "nmes",
            [],
            [],
        )
        assert (summary.contractions_given, summary.contractions_prescribed) == (6, 6)
        assert (summary.current_highest_ma, summary.stimulation_s) == (6.0, 12.0)
        assert summary.contractions_without_response is None
        assert (summary.cycles_prescribed, summary.occlusion_s, summary.systolic_mmhg) == (0, [], [])
        text = sheet(summary)
        assert "6 of 6 given" in text
        assert "12 s of pulses, highest current 6.0 mA" in text
        assert "cycle" not in text.lower()
        assert verify(thigh.journal).ok

    def test_its_journal_is_the_same_for_the_same_seed(self, tmp_path: Path) -> None:
        journals = []
        for name in ("a.db", "b.db"):
            thigh = Stimulated(tmp_path / name, force=True)
            thigh.stimulate()
            thigh.run_until_mode("idle")
            thigh.bedside.close()
            journals.append((tmp_path / name).read_bytes())
        assert journals[0] == journals[1]

    def test_each_train_s_row_is_durable_before_its_first_pulse(self, thigh: Stimulated) -> None:
        thigh.stimulate()
        thigh.until_current_flows()
        rows = {row.type: row.stamp.mono_ms for row in thigh.events()}
        assert rows[StimulationAuthorised.name] < rows[StimulationStarted.name] < thigh.bedside.now

    def test_without_its_row_nothing_flows(self, thigh: Stimulated, monkeypatch: pytest.MonkeyPatch) -> None:
        assert thigh.stimulate().exit_code == 0
        monkeypatch.setattr(thigh.bedside.core.session.trains, "_is_durable", lambda ticket: False)
        assert thigh.ms_of_current(5_000) == 0
        assert thigh.state()["waiting_for"] == "journal_pending"
        assert not thigh.bedside.board.actuators.relay_closed

    def test_the_cuff_stays_empty_and_nobody_is_asked_to_take_it_off(self, thigh: Stimulated) -> None:
        thigh.stimulate()
        while thigh.bedside.core.session is not None:
            thigh.bedside.turn()
            assert not thigh.bedside.board.actuators.dump_closed
        thigh.bedside.run(310_000)
        assert thigh.bedside.core.alarms.alarms == ()

    def test_the_status_says_what_flows(self, thigh: Stimulated) -> None:
        assert (thigh.state()["stimulator_ok"], thigh.state().get("current_ma")) == (True, None)
        thigh.contracting()
        state = thigh.state()
        assert (state["phase"], state["current_ma"], state["therapy"]) == ("contracting", 1.0, "nmes")
        assert (state["cycle"], state["cycles_prescribed"]) == (1, 6)
        thigh.run_until("resting")
        assert thigh.state().get("current_ma") is None

    def test_the_relay_is_open_in_every_pause(self, thigh: Stimulated) -> None:
        thigh.contracting()
        assert thigh.bedside.board.actuators.relay_closed
        thigh.run_until("resting")
        thigh.bedside.run(100)
        while thigh.state()["phase"] == "resting":
            assert not thigh.bedside.board.actuators.relay_closed
            assert thigh.bedside.plant.train.current_ua == 0
            thigh.bedside.run(50)


class TestCurrent:
    def test_a_person_raises_it_at_once_and_once_a_second(self, thigh: Stimulated) -> None:
        thigh.contracting()
        assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
        thigh.bedside.run(STOP_MS)
        assert thigh.current_ua == 6_000
        thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True))
        assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 75
        thigh.bedside.run(500)
        assert thigh.current_ua == 6_000
        thigh.bedside.run(600)
        assert thigh.current_ua == 11_000

    def test_less_is_at_once_and_stays(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True))
        thigh.bedside.run(STOP_MS)
        assert thigh.bedside.ask(SessionLower(by_ma=4)).exit_code == 0
        thigh.bedside.run(STOP_MS)
        assert thigh.current_ua == 2_000
        thigh.run_until_mode("idle")
        assert {one.current_ua for one in thigh.contractions()[1:]} == {2_000}
        assert thigh.types().count("current_changed") == 2

    @pytest.mark.parametrize(
        ("request_", "exit_code"),
        [
            (SessionRaise(by_ma=6, confirm=True), 75),
            (SessionRaise(by_ma=0, confirm=True), 75),
            (SessionRaise(by_ma=1, confirm=False), 2),
            (SessionLower(by_ma=0), 2),
            (SessionLower(by_ma=-5), 2),
        ],
    )
    def test_what_cannot_be_meant_changes_nothing(
        self, thigh: Stimulated, request_: SessionRaise | SessionLower, exit_code: int
    ) -> None:
        thigh.contracting()
        assert thigh.bedside.ask(request_).exit_code == exit_code
        thigh.bedside.run(STOP_MS)
        assert thigh.current_ua == 1_000

    def test_without_a_session_there_is_no_current_to_change(self, thigh: Stimulated) -> None:
        assert thigh.bedside.ask(SessionRaise(by_ma=1, confirm=True)).exit_code == 75

    def test_an_occlusion_has_no_current(self, thigh: Stimulated) -> None:
        assert thigh.start().exit_code == 0
        reply = thigh.bedside.ask(SessionRaise(by_ma=1, confirm=True))
        assert (reply.exit_code, reply.message) == (75, "this prescription stimulates nothing")

    def test_a_site_s_ceiling_is_never_passed(self, tmp_path: Path) -> None:
        thigh = Stimulated(tmp_path / "j.db", ceilings=msgspec.structs.replace(STIMULATOR, current_ma=3))
        thigh.stimulate()
        highest = 0
        while thigh.bedside.core.session is not None:
            thigh.bedside.turn()
            highest = max(highest, thigh.current_ua)
        assert highest == 3_000
        assert [one.at_cap for one in thigh.contractions()] == [False, False, True, True, True, True]
        thigh.bedside.close()


class TestResponse:
    def test_a_muscle_that_contracts_is_seen(self, tmp_path: Path) -> None:
        thigh = Stimulated(tmp_path / "j.db", force=True)
        thigh.contracting()
        for _ in range(6):
            thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True))
            thigh.bedside.run(1_200)
        thigh.run_until_mode("idle")
        found = thigh.contractions()
        assert found[0].response == "no"  # a few mA evoke nothing
        assert found[-1].response == "yes"
        thigh.bedside.close()

    def test_none_at_the_cap_is_recorded_as_no_response(self, tmp_path: Path) -> None:
        low = msgspec.structs.replace(STIMULATOR, current_ma=3)
        thigh = Stimulated(tmp_path / "j.db", ceilings=low, force=True)
        thigh.stimulate()
        thigh.run_until_mode("idle")
        summary = thigh.summary()
        assert summary.contractions_without_response == 4
        assert "4 contractions at the highest current" in sheet(summary)
        thigh.bedside.close()


class TestStops:
    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            (SessionStop(), "stopped_by_operator"),
            (SessionClearPatient(), "patient_cleared"),
            (SessionPain(nrs=7), "intolerable"),
        ],
    )
    def test_by_a_person_at_the_desk(
        self, thigh: Stimulated, request_: SessionStop | SessionClearPatient | SessionPain, reason: str
    ) -> None:
        thigh.contracting()
        thigh.bedside.ask(request_)
        assert thigh.ms_of_current(10_000) <= STOP_MS
        assert not thigh.bedside.board.actuators.relay_closed
        assert thigh.summary().end_reason == reason
        assert thigh.contractions()[-1].reason == reason

    def test_by_the_button_at_the_bedside(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.board.pressed = True
        assert thigh.ms_of_current(5_000) <= STOP_MS
        thigh.bedside.board.pressed = False
        thigh.bedside.run(1_000)
        assert thigh.summary().end_reason == "stopped_at_bedside"

    def test_by_the_patient(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.board.patient_stop_pressed = True
        assert thigh.ms_of_current(5_000) <= STOP_MS
        assert thigh.summary().end_reason == "stopped_by_patient"

    def test_by_a_trip_of_the_cuff(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.control.missing = True
        assert thigh.ms_of_current(5_000) <= HARD.sensor_missing_ms + 2 * STOP_MS
        assert thigh.bedside.core.state.latched in (Reason.SENSOR_MISSING, Reason.DEVICE_FAULT)

    def test_by_the_end_of_the_service(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.core.shut_down("asked to stop", thigh.bedside.core_ms)
        thigh.bedside.turn()
        assert thigh.ms_of_current(3_000) <= STOP_MS

    def test_nothing_flows_again_until_somebody_starts_again(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.ask(SessionClearPatient())
        thigh.bedside.run(1_000)
        assert thigh.ms_of_current(60_000) == 0
        assert thigh.stimulate(resume=True).exit_code == 0
        thigh.until_current_flows()
        assert thigh.state()["cycle"] == 2
        assert thigh.current_ua == 1_000


class TestLosses:
    def test_a_killed_core_leaves_no_current_after_the_relay_s_dead_man(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.kill_core()
        assert thigh.ms_of_current(5_000) <= RELAY_DEAD_MAN_MS
        assert thigh.bedside.plant.train.current_ua == 0  # the device's own watchdog

    def test_the_device_s_watchdog_is_enough_where_the_relay_sticks(
        self, thigh: Stimulated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thigh.contracting()
        thigh.bedside.kill_core()
        monkeypatch.setattr(type(thigh.bedside.plant), "relay_closed", property(lambda plant: True))
        assert thigh.ms_of_current(5_000) <= device.WATCHDOG_MS + RENEW_MS

    def test_the_next_core_latches_and_stimulates_nobody(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.kill_core()
        thigh.bedside.run(300)
        thigh.bedside.start_core()
        assert thigh.bedside.core.state.latched is Reason.CORE_RESTARTED
        assert thigh.ms_of_current(20_000) <= RELAY_DEAD_MAN_MS
        assert thigh.summary().outcome == "interrupted"
        assert not thigh.bedside.core.cuff_on

    def test_a_pulled_cable_of_the_controller_opens_the_relay(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.pull_cable()
        assert thigh.ms_of_current(5_000) <= RELAY_DEAD_MAN_MS
        assert thigh.bedside.core.state.latched is Reason.CUFF_STATUS_LOST

    def test_a_controller_without_power_opens_the_relay(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.kill_firmware()
        assert thigh.ms_of_current(5_000) == 0

    def test_a_silent_device_trips_after_one_poll(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.stimulator_silent = True
        assert thigh.ms_of_current(5_000) <= ONE_POLL_MS + RENEW_MS + STOP_MS
        assert thigh.bedside.core.state.latched is Reason.STIMULATOR_LOST

    def test_a_lost_port_trips(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.core.stimulator_lost("the cable was pulled", thigh.bedside.core_ms)
        assert thigh.ms_of_current(5_000) <= STOP_MS
        assert thigh.bedside.core.state.latched is Reason.STIMULATOR_LOST
        assert "device_lost" in thigh.types()

    def test_in_a_pause_a_gap_trips_too(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.run_until("resting")
        thigh.bedside.plant.defects.stimulator_silent = True
        thigh.bedside.run(ONE_POLL_MS + 400)
        assert thigh.bedside.core.state.latched is Reason.STIMULATOR_LOST


class TestGaps:
    """A device that comes back by itself and goes on with its last pulses."""

    @pytest.fixture
    def dangerous(self, thigh: Stimulated) -> Stimulated:
        thigh.contracting()
        defects = thigh.bedside.plant.defects
        defects.stimulator_silent = defects.stimulator_restarts = True
        thigh.bedside.run(3_000)
        assert thigh.current_ua == 0
        return thigh

    def test_it_never_resumes_by_itself(self, dangerous: Stimulated) -> None:
        dangerous.bedside.plant.defects.stimulator_silent = False
        dangerous.bedside.turn()
        assert dangerous.device.pulses is not None  # it does stimulate, into an open lead
        assert dangerous.ms_of_current(30_000) == 0
        assert dangerous.device.pulses is None  # it was told to stop until it did
        assert dangerous.bedside.core.state.latched is Reason.STIMULATOR_LOST

    def test_a_reset_resumes_nothing_either(self, dangerous: Stimulated) -> None:
        dangerous.bedside.plant.defects.stimulator_silent = False
        dangerous.bedside.run(1_000)
        assert dangerous.reset().exit_code == 0
        assert dangerous.ms_of_current(30_000) == 0

    def test_a_gap_too_short_to_be_silence_is_seen_by_its_restart(self, thigh: Stimulated) -> None:
        thigh.contracting()
        defects = thigh.bedside.plant.defects
        defects.stimulator_silent = defects.stimulator_restarts = True
        thigh.bedside.run(200)
        assert thigh.bedside.core.state.latched is None
        defects.stimulator_silent = False
        thigh.bedside.run(300)
        assert thigh.bedside.core.state.latched is Reason.STIMULATOR_LOST
        assert thigh.ms_of_current(30_000) == 0

    def test_one_that_obeys_no_stop_is_cut_off_by_the_relay(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.stimulator_runs_on = True
        thigh.bedside.ask(SessionStop())
        assert thigh.ms_of_current(30_000) <= STOP_MS
        assert thigh.device.pulses is not None
        assert thigh.bedside.core.state.latched is Reason.STIMULATOR_UNEXPECTED
