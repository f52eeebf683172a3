"""Electrodes, the device itself, arming and budget of stimulation, on the virtual bedside."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.model import Limb, Reason
from gateway.record.events import (
    SessionStarted,
    StimulationEnded,
    StimulationStarted,
    Tripped,
)
from gateway.runtime.requests import (
    PatientShow,
    SessionReset,
    SessionStop,
)
from gateway.safety.limits import HARD
from gateway.safety.texts import text_of
from gateway.simulation.nurse import start_request
from gateway.simulation.protocols import STIMULATOR
from tests.runtime.conftest import PATIENT
from tests.runtime.stimulation import ELECTRODE_MS, Stimulated


@pytest.fixture
def thigh(tmp_path: Path) -> Iterator[Stimulated]:
    """A bedside with a stimulator that answers."""
    found = Stimulated(tmp_path / "journal.db")
    yield found
    found.bedside.close()


class TestElectrodes:
    def test_a_peel_that_the_device_finds_stops_within_600_ms(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.electrode_peel = 0.95
        assert thigh.ms_of_current(5_000) <= ELECTRODE_MS
        assert thigh.bedside.core.state.latched is Reason.ELECTRODE_FAULT
        assert thigh.contractions()[-1].reason == "electrode_fault"

    def test_also_where_the_device_itself_goes_on(self, thigh: Stimulated) -> None:
        thigh.device.stops_itself = False
        thigh.contracting()
        thigh.bedside.plant.defects.electrode_peel = 0.95
        assert thigh.ms_of_current(5_000) <= ELECTRODE_MS
        assert thigh.bedside.core.state.latched is Reason.ELECTRODE_FAULT

    def test_a_peel_below_detection_stays_silent_and_within_the_density(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.electrode_peel = 0.5
        thigh.run_until_mode("idle")
        assert thigh.summary().outcome == "completed"
        assert thigh.bedside.core.state.latched is None

    def test_half_a_pad_at_the_site_s_highest_stays_below_2_ma_rms_per_cm2(self, thigh: Stimulated) -> None:
        plant = thigh.bedside.plant
        thigh.contracting()
        plant.defects.electrode_peel = 0.5
        plant.train = replace(plant.train, current_ua=60_000, pulse_width_us=400, frequency_hz=50)
        assert 0 < plant.current_density_ua_cm2 < HARD.stimulation_density_ua_cm2

    def test_a_person_clears_it(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.plant.defects.electrode_peel = 0.95
        thigh.bedside.run(2_000)
        thigh.bedside.plant.defects.electrode_peel = 0.0
        assert thigh.reset().exit_code == 0
        assert thigh.bedside.core.state.latched is None


class TestDevice:
    def test_one_that_gives_nothing_is_no_response(self, tmp_path: Path) -> None:
        low = msgspec.structs.replace(STIMULATOR, current_ma=1)
        thigh = Stimulated(tmp_path / "j.db", ceilings=low, force=True)
        thigh.bedside.plant.defects.stimulator_idle = True
        thigh.stimulate()
        thigh.run_until_mode("idle")
        assert thigh.summary().contractions_given == 6  # the device says so
        assert thigh.summary().contractions_without_response == 6  # the muscle does not
        thigh.bedside.close()

    def test_a_relay_that_the_controller_refuses_trips(self, thigh: Stimulated) -> None:
        assert thigh.stimulate().exit_code == 0
        assert thigh.bedside.controller is not None
        thigh.bedside.controller.core.presence.take_away()
        assert thigh.ms_of_current(5_000) == 0
        assert thigh.bedside.core.state.latched is Reason.DEVICE_REFUSED


class TestArming:
    def refused(self, thigh: Stimulated, *, press: bool = True, **changes: object) -> str:
        """Why this start is refused."""
        if press:
            thigh.bedside.press_button()
        request = start_request("nmes-demo", Limb.LEFT_THIGH, None, None, patient=PATIENT)
        reply = thigh.bedside.ask(msgspec.structs.replace(request, **changes))
        assert reply.exit_code != 0
        assert thigh.bedside.core.session is None
        return reply.message

    def test_a_site_without_ceilings_stimulates_nobody(self, tmp_path: Path) -> None:
        thigh = Stimulated(tmp_path / "j.db", ceilings=None)
        assert text_of(Reason.STIMULATION_NOT_CONFIGURED) in thigh.stimulate().message
        thigh.bedside.close()

    @pytest.mark.parametrize("ceiling", [{"pulse_width_us": 399}, {"frequency_hz": 44}])
    def test_pulses_above_a_ceiling_are_refused_not_reduced(
        self, tmp_path: Path, ceiling: dict[str, int]
    ) -> None:
        thigh = Stimulated(tmp_path / "j.db", ceilings=msgspec.structs.replace(STIMULATOR, **ceiling))
        assert "refused, not reduced" in thigh.stimulate().message
        thigh.bedside.close()

    def test_the_answers_about_stimulation_count(self, thigh: Stimulated) -> None:
        answers = dict(start_request("nmes-demo", Limb.LEFT_THIGH, None, None).answers)
        assert "pacemaker" in self.refused(thigh, answers=answers | {"implant": "yes"})
        del answers["epilepsy"]
        assert "not answered: epilepsy" in self.refused(thigh, answers=answers)

    def test_somebody_must_be_there(self, thigh: Stimulated) -> None:
        assert "press the button" in self.refused(thigh, press=False)

    def test_half_a_blood_pressure_is_none(self, thigh: Stimulated) -> None:
        assert "systolic and diastolic" in self.refused(thigh, systolic_mmhg=120)

    def test_an_occlusion_still_needs_its_blood_pressure(self, thigh: Stimulated) -> None:
        assert "a blood pressure is needed" in self.refused(thigh, prescription="demo")

    def test_an_unknown_day_is_no_session(self, thigh: Stimulated) -> None:
        assert text_of(Reason.HISTORY_UNKNOWN) in self.refused(thigh)

    def test_a_stimulator_that_does_not_answer_is_none(self, thigh: Stimulated) -> None:
        thigh.bedside.plant.defects.stimulator_silent = True
        thigh.bedside.run(1_000)
        assert "has fallen silent" in self.refused(thigh)
        thigh.bedside.core.stimulator.disconnected()
        assert "no stimulator answers" in self.refused(thigh)

    def test_the_row_says_what_was_armed(self, thigh: Stimulated) -> None:
        thigh.stimulate()
        started = msgspec.json.decode(thigh.events_of(SessionStarted)[0].body, type=SessionStarted)
        assert (started.therapy, started.uses_cuff, started.contractions_prescribed) == ("nmes", False, 6)
        assert (started.current_most_ua, started.cycles_prescribed) == (40_000, 0)
        assert started.stimulator_description == STIMULATOR.description


class TestBudget:
    def test_the_day_s_minutes_are_counted_over_sessions_and_restarts(self, tmp_path: Path) -> None:
        """One minute a day; six contractions of two seconds are twelve of its seconds."""
        ceilings = msgspec.structs.replace(STIMULATOR, daily_minutes=1)
        thigh = Stimulated(tmp_path / "j.db", ceilings=ceilings)
        thigh.stimulate()
        thigh.run_until_mode("idle")
        core = thigh.bedside.core
        spent = [one.above_ms for one in core.recorder.trains(PATIENT, core.state.now_ms or 0)]
        assert sum(spent) == 12_000
        thigh.bedside.kill_core()
        thigh.bedside.start_core()
        again = thigh.bedside.core.recorder.trains(PATIENT, thigh.bedside.core_ms)
        assert sum(one.above_ms for one in again) == 12_000
        assert thigh.bedside.core.recorder.trains("somebody-else", thigh.bedside.core_ms) == ()
        shown = thigh.bedside.ask(PatientShow(patient=PATIENT)).data
        assert shown["stimulation_s"] == 60.0 - 12.0
        thigh.bedside.close()

    def test_a_spent_day_ends_the_session_and_lets_none_begin(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.runtime.ceilings._MINUTE_MS", 150)  # 30 minutes become 4.5 s
        thigh = Stimulated(tmp_path / "j.db")
        assert thigh.stimulate().exit_code == 0
        thigh.run_until_mode("idle")
        summary = thigh.summary()
        assert (summary.outcome, summary.end_reason) == ("interrupted", "budget_spent")
        assert summary.contractions_given == 2
        assert 4.4 <= summary.stimulation_s <= 4.7
        assert text_of(Reason.BUDGET_SPENT) in thigh.stimulate(resume=True).message
        thigh.bedside.close()

    def test_a_train_that_core_died_in_counts_as_long_as_it_can_have_lasted(self, thigh: Stimulated) -> None:
        thigh.contracting()
        thigh.bedside.kill_core()
        thigh.bedside.start_core()
        (train,) = thigh.bedside.core.recorder.trains(PATIENT, thigh.bedside.core_ms)
        assert train.above_ms == 2_000 + 2_000

    def test_it_is_a_session_with_therapy(self, thigh: Stimulated) -> None:
        thigh.stimulate()
        thigh.run_until_mode("idle")
        assert text_of(Reason.TOO_SOON_AFTER_SESSION) in thigh.stimulate().message


def test_no_event_names_a_stimulation_that_did_not_begin(thigh: Stimulated) -> None:
    thigh.stimulate()
    thigh.bedside.ask(SessionStop())
    thigh.bedside.run(2_000)
    assert thigh.events_of(StimulationStarted) == []
    assert thigh.events_of(StimulationEnded) == []
    assert thigh.events_of(Tripped) == []


def test_a_reset_needs_the_button(thigh: Stimulated) -> None:
    thigh.contracting()
    thigh.bedside.plant.defects.stimulator_silent = True
    thigh.bedside.run(70_000)
    assert thigh.bedside.ask(SessionReset(confirm=True)).exit_code == 75
