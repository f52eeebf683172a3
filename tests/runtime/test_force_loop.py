"""A closed loop on force at a whole bedside: a sample, a decision, other pulses, in the same instant."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.model import Limb, Priority, Reason, Safe, StimulationPermit
from gateway.record.events import AlarmRaised
from gateway.runtime.requests import EXIT_NOT_NOW, SessionRaise, SessionStop
from gateway.simulation.nurse import start_request
from gateway.therapy.nmes import HELD_MOST_MS
from tests.runtime.conftest import PATIENT
from tests.runtime.stimulation import Stimulated

DEMO = "nmes-force-demo"
TARGET_MN = 20_000


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Stimulated]:
    """In the third contraction of the loop, which two presses have brought to 13 mA."""
    people = Stimulated(tmp_path / "journal.db", force=True)
    people.contracting("nmes-force-demo")
    for number in (1, 2):
        people.until_contraction(number)
        people.bedside.run(1_100)
        assert people.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
    people.until_contraction(3)
    people.bedside.run(300)
    assert people.current_ua == 13_000
    yield people
    people.bedside.close()


def feel(bed: Stimulated, force_mn: int) -> None:
    """A sample of the force sensor, between two turns."""
    bed.bedside.core.senses.force_read(force_mn, bed.bedside.core_ms)


def permitted_ua(bed: Stimulated) -> int:
    pulses = bed.bedside.core.pulses
    assert isinstance(pulses, StimulationPermit)
    return pulses.current_ua


def test_a_sample_above_the_target_changes_the_permit_and_the_word_to_the_device_at_once(
    bed: Stimulated,
) -> None:
    expires_ms = bed.bedside.core.pulses.expires_ms  # type: ignore[union-attr]
    feel(bed, 30_000)
    assert permitted_ua(bed) == pytest.approx(11_000, abs=200)  # the rest value has the sensor's noise
    assert bed.bedside.core.pulses.expires_ms == expires_ms  # type: ignore[union-attr]
    lowered_ua = permitted_ua(bed)
    bed.bedside.run(40)
    assert bed.current_ua == lowered_ua


def test_the_next_turn_of_the_cycle_goes_on_from_there(bed: Stimulated) -> None:
    feel(bed, 30_000)
    lowered_ua = permitted_ua(bed)
    bed.bedside.run(80)
    assert permitted_ua(bed) == lowered_ua


def test_a_stop_is_not_answered_by_a_sample(bed: Stimulated) -> None:
    assert bed.bedside.ask(SessionStop()).exit_code == 0
    feel(bed, 30_000)
    feel(bed, -30_000)
    assert isinstance(bed.bedside.core.pulses, Safe)
    bed.bedside.run(100)
    assert bed.current_ua == 0


def test_a_sample_alone_keeps_nothing_going(bed: Stimulated) -> None:
    """While the cycle stands still the permit lapses when it would have, however many samples come."""
    core = bed.bedside.core
    judged_ms = core.state.now_ms
    assert judged_ms is not None
    permits = []
    for after_ms in range(100, 600, 100):  # lower each time, which is plainly allowed
        core.senses.force_read(30_000, judged_ms + after_ms)
        assert core.state.now_ms == judged_ms
        permits.append((permitted_ua(bed), core.pulses.expires_ms))  # type: ignore[union-attr]
    assert [expires_ms for _, expires_ms in permits] == [judged_ms + 600] * 5
    assert len({current_ua for current_ua, _ in permits}) == 5


def test_it_settles_at_the_target_and_rises_by_1_ma_a_contraction_at_most(bed: Stimulated) -> None:
    assert bed.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0  # towards the muscle's 20 mA
    bed.until_contraction(4)
    assert bed.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
    most_mn = 0
    while bed.bedside.core.session is not None:
        bed.bedside.turn()
        session = bed.bedside.core.session
        if session is not None and session.cycle == 12:
            most_mn = max(most_mn, bed.bedside.plant.force_mn)
    assert most_mn <= TARGET_MN + 3_000
    currents = [one.current_ua for one in bed.contractions()]
    assert len(currents) == 12
    assert all(after - before <= 1_000 for before, after in pairwise(currents[4:]))
    assert {one.reason for one in bed.contractions()} == {"planned"}
    assert not bed.events_of(AlarmRaised)


def test_the_record_keeps_the_highest_current_of_a_contraction(bed: Stimulated) -> None:
    feel(bed, 30_000)
    bed.bedside.run(3_000)
    assert bed.contractions()[-1].current_ua == 13_000


# the stimulator reports success and delivers nothing


def held(bed: Stimulated) -> None:
    """The stimulator gives nothing any more, and says that it does, until the loop is held."""
    bed.answering(DEMO)
    bed.bedside.plant.defects.stimulator_idle = True
    bed.run_until("held", 60_000)


@pytest.fixture
def thigh(tmp_path: Path) -> Iterator[Stimulated]:
    people = Stimulated(tmp_path / "journal.db", force=True)
    yield people
    people.bedside.close()


class TestNothingDelivered:
    def test_the_loop_raises_nothing_stops_contracting_and_says_so(self, thigh: Stimulated) -> None:
        held(thigh)
        rows = thigh.contractions()
        answered_ua = max(one.current_ua for one in rows if one.response == "yes")
        lost = rows[-3:]
        assert [one.response for one in lost] == ["no"] * 3
        assert all(one.confirmed for one in lost)  # the device says that all is well
        assert max(one.current_ua for one in lost[1:]) <= answered_ua
        assert thigh.alarmed() == {Reason.STIMULATION_HELD: Priority.MEDIUM}
        assert thigh.bedside.core.session is not None

    def test_the_lead_is_mended_and_nothing_flows(self, thigh: Stimulated) -> None:
        held(thigh)
        thigh.bedside.plant.defects.stimulator_idle = False
        assert thigh.ms_of_current(HELD_MOST_MS // 2) == 0
        assert not thigh.bedside.board.actuators.relay_closed

    @pytest.mark.parametrize("stop", ["word", "button"])
    def test_a_person_stops_and_resumes_it_from_1_ma(self, thigh: Stimulated, stop: str) -> None:
        held(thigh)
        if stop == "word":
            assert thigh.bedside.ask(SessionStop()).exit_code == 0
        else:
            thigh.bedside.press_button()
        thigh.run_until_mode("idle")
        assert not thigh.alarmed()
        assert thigh.summary().outcome == "interrupted"
        thigh.bedside.plant.defects.stimulator_idle = False
        assert thigh.stimulate("nmes-force-demo", resume=True).exit_code == 0
        thigh.until_current_flows()
        assert thigh.current_ua == 1_000
        assert thigh.state()["cycle"] == len(thigh.contractions()) + 1

    def test_what_the_patient_stops_is_not_resumed(self, thigh: Stimulated) -> None:
        held(thigh)
        thigh.bedside.board.patient_stop_pressed = True
        thigh.bedside.run(300)
        thigh.bedside.board.patient_stop_pressed = False
        thigh.run_until_mode("idle")
        assert thigh.summary().outcome == "stopped"

    def test_the_press_that_stops_resumes_nothing(self, thigh: Stimulated) -> None:
        held(thigh)
        thigh.bedside.press_button()
        thigh.run_until_mode("idle")
        start = start_request("nmes-force-demo", Limb.LEFT_THIGH, None, None, patient=PATIENT, resume=True)
        assert "press the button" in thigh.bedside.ask(start).message

    def test_a_stop_before_it_is_held_is_a_stop(self, thigh: Stimulated) -> None:
        thigh.answering(DEMO)
        assert thigh.bedside.ask(SessionStop()).exit_code == 0
        thigh.run_until_mode("idle")
        assert thigh.summary().outcome == "stopped"

    def test_no_press_for_more_current_gets_past_the_hold(self, thigh: Stimulated) -> None:
        held(thigh)
        assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == EXIT_NOT_NOW
        assert thigh.ms_of_current(5_000) == 0

    def test_nobody_comes_and_it_is_interrupted(self, thigh: Stimulated) -> None:
        held(thigh)
        thigh.bedside.run(HELD_MOST_MS + 1_000)
        assert thigh.bedside.core.session is None
        assert (thigh.summary().outcome, thigh.summary().end_reason) == ("interrupted", "stimulation_held")

    def test_in_open_loop_it_is_named_and_goes_on(self, thigh: Stimulated) -> None:
        thigh.answering("nmes-after-angelopoulos")
        thigh.bedside.plant.defects.stimulator_idle = True
        given = len(thigh.contractions())
        while len(thigh.contractions()) < given + 3:
            thigh.bedside.run(50)
        thigh.bedside.run(100)
        assert thigh.alarmed() == {Reason.RESPONSE_MISSING: Priority.LOW}
        thigh.bedside.plant.defects.stimulator_idle = False
        while len(thigh.contractions()) < given + 5:
            thigh.bedside.run(50)
        thigh.bedside.run(100)
        assert not thigh.alarmed()

    def test_without_a_force_sensor_nothing_is_said(self, tmp_path: Path) -> None:
        thigh = Stimulated(tmp_path / "none.db")
        thigh.contracting("nmes-demo")
        thigh.bedside.plant.defects.stimulator_idle = True
        thigh.run_until_mode("idle")
        assert {one.response for one in thigh.contractions()} == {"unknown"}
        assert not thigh.events_of(AlarmRaised)
        thigh.bedside.close()


class TestSensor:
    """A sensor that this test plays: the bedside has none of its own."""

    @pytest.fixture
    def blind(self, tmp_path: Path) -> Iterator[Stimulated]:
        people = Stimulated(tmp_path / "journal.db")
        yield people
        people.bedside.close()

    def contractions_with(self, bed: Stimulated, number: int, force: Callable[[int], int | None]) -> None:
        """So many contractions while the sensor tells this of each instant."""
        wanted = len(bed.contractions()) + number
        while len(bed.contractions()) < wanted:
            assert bed.state()["phase"] != "held"
            bed.bedside.turn()
            told_mn = force(bed.bedside.now)
            if told_mn is not None:
                bed.bedside.core.senses.force_read(told_mn, bed.bedside.core_ms)
        bed.bedside.run(100)

    def test_a_frozen_one_raises_nothing_and_is_named(self, blind: Stimulated) -> None:
        assert blind.stimulate("nmes-force-demo").exit_code == 0
        self.contractions_with(blind, 2, lambda now: 7_000 + now % 30)
        assert [one.response for one in blind.contractions()] == ["no", "no"]
        self.contractions_with(blind, 3, lambda _: 7_000)
        assert [one.response for one in blind.contractions()[2:]] == ["unknown"] * 3
        assert {one.current_ua for one in blind.contractions()[3:]} == {2_000 + 1_000}
        assert blind.alarmed() == {Reason.FORCE_LOST: Priority.LOW}

    def test_a_silent_one_too(self, blind: Stimulated) -> None:
        assert blind.stimulate("nmes-force-demo").exit_code == 0
        self.contractions_with(blind, 1, lambda now: 7_000 + now % 30)
        self.contractions_with(blind, 2, lambda _: None)
        assert [one.response for one in blind.contractions()[1:]] == ["unknown"] * 2
        assert blind.alarmed() == {Reason.FORCE_LOST: Priority.LOW}

    @pytest.mark.parametrize("defect", ["muscle_sensor_silent", "muscle_sensor_stuck"])
    def test_the_simulated_one_fails_as_a_campaign_makes_it(self, thigh: Stimulated, defect: str) -> None:
        thigh.answering(DEMO)
        setattr(thigh.bedside.plant.defects, defect, True)
        given = len(thigh.contractions())
        while len(thigh.contractions()) < given + 3:
            thigh.bedside.turn()
        thigh.bedside.run(100)
        assert [one.response for one in thigh.contractions()[-2:]] == ["unknown"] * 2
        assert thigh.alarmed() == {Reason.FORCE_LOST: Priority.LOW}

    def test_a_loop_that_never_had_one_says_so(self, blind: Stimulated) -> None:
        assert blind.stimulate("nmes-force-demo").exit_code == 0
        self.contractions_with(blind, 2, lambda _: None)
        assert {one.current_ua for one in blind.contractions()} == {1_000}
        assert blind.alarmed() == {Reason.FORCE_LOST: Priority.LOW}

    def test_an_open_loop_that_had_one_says_so_and_goes_on(self, blind: Stimulated) -> None:
        assert blind.stimulate("nmes-demo").exit_code == 0
        self.contractions_with(blind, 1, lambda now: 7_000 + now % 30)
        self.contractions_with(blind, 2, lambda _: 7_000)
        assert blind.alarmed() == {Reason.FORCE_LOST: Priority.LOW}
        assert [one.current_ua for one in blind.contractions()] == [1_000, 2_000, 3_000]
