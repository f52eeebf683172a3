"""Stimulation without a loop, and the EMG of the muscle: whether the pulses arrive, whatever is said."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.config import HubConfig
from gateway.model import Priority, Reason
from gateway.record.events import AlarmRaised
from gateway.record.sheet import sheet
from gateway.runtime.requests import SessionRaise
from gateway.simulation.protocols import STIMULATOR
from tests.runtime.stimulation import Stimulated

HUB = HubConfig(port="memory", description="hub", evoked_channel=1, artifact_uv=2_500)
LOW = msgspec.structs.replace(STIMULATOR, current_ma=2)


@pytest.fixture
def thigh(tmp_path: Path) -> Iterator[Stimulated]:
    people = Stimulated(tmp_path / "journal.db", hub=HUB, emg=True)
    yield people
    people.bedside.close()


def given(bed: Stimulated, number: int) -> None:
    """So many contractions more, and what follows from the last."""
    wanted = len(bed.contractions()) + number
    while len(bed.contractions()) < wanted:
        bed.bedside.turn()
    bed.bedside.run(100)


def arrivals(bed: Stimulated) -> list[str]:
    return [one.pulses for one in bed.contractions()]


def test_the_rows_say_that_they_arrived_and_nothing_of_the_muscle(thigh: Stimulated) -> None:
    assert thigh.stimulate().exit_code == 0
    thigh.run_until_mode("idle")
    assert arrivals(thigh) == ["yes"] * 6
    assert {one.response for one in thigh.contractions()} == {"unknown"}
    assert not thigh.events_of(AlarmRaised)


def test_m_waves_of_a_strong_contraction_are_no_pulses(thigh: Stimulated) -> None:
    thigh.contracting()
    for _ in range(4):
        assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
        given(thigh, 1)
    thigh.run_until_mode("idle")
    assert thigh.contractions()[-1].current_ua > 20_000
    assert arrivals(thigh) == ["yes"] * 6


def test_pulses_that_no_longer_arrive_are_named_and_it_goes_on(thigh: Stimulated) -> None:
    thigh.contracting()
    given(thigh, 1)
    thigh.bedside.plant.defects.stimulator_idle = True
    given(thigh, 2)
    assert not thigh.alarmed()
    given(thigh, 1)
    assert all(one.confirmed for one in thigh.contractions())  # the device says so
    assert arrivals(thigh) == ["yes", "no", "no", "no"]
    assert thigh.alarmed() == {Reason.PULSES_MISSING: Priority.LOW}
    thigh.bedside.plant.defects.stimulator_idle = False
    given(thigh, 1)
    assert not thigh.alarmed()


def test_pulses_that_never_arrive_are_named_from_5_ma_on(tmp_path: Path) -> None:
    """By 1 mA a contraction; below, an artifact could be too small to be seen."""
    idle = Stimulated(tmp_path / "idle.db", hub=HUB, emg=True)
    idle.bedside.plant.defects.stimulator_idle = True
    assert idle.stimulate("nmes-after-angelopoulos").exit_code == 0
    given(idle, 6)
    assert not idle.alarmed()
    given(idle, 1)
    assert [one.current_ua for one in idle.contractions()][-3:] == [5_000, 6_000, 7_000]
    assert idle.alarmed() == {Reason.PULSES_MISSING: Priority.LOW}
    idle.bedside.close()


def test_the_summary_counts_what_did_not_arrive(thigh: Stimulated) -> None:
    """Six contractions, the last three with nothing in them: too late for an alarm that somebody hears."""
    thigh.contracting()
    given(thigh, 3)
    thigh.bedside.plant.defects.stimulator_idle = True
    thigh.run_until_mode("idle")
    summary = thigh.summary()
    assert (summary.contractions_given, summary.contractions_without_pulses) == (6, 3)
    assert "3 contractions, as the muscle's EMG shows" in sheet(summary)


def test_without_an_emg_that_looks_the_summary_says_nothing(tmp_path: Path) -> None:
    blind = Stimulated(tmp_path / "blind.db")
    assert blind.stimulate().exit_code == 0
    blind.run_until_mode("idle")
    assert blind.summary().contractions_without_pulses is None
    blind.bedside.close()


def test_a_muscle_that_never_answers_is_named_at_the_highest_current(tmp_path: Path) -> None:
    low = Stimulated(tmp_path / "low.db", ceilings=LOW, force=True)
    assert low.stimulate().exit_code == 0
    given(low, 3)
    assert not low.alarmed()
    given(low, 1)
    assert low.alarmed() == {Reason.RESPONSE_MISSING: Priority.LOW}
    low.bedside.close()


def test_a_press_for_more_current_is_a_look_and_begins_the_count_anew(thigh: Stimulated) -> None:
    thigh.contracting()
    given(thigh, 1)
    thigh.bedside.plant.defects.stimulator_idle = True
    given(thigh, 3)
    assert Reason.PULSES_MISSING in thigh.alarmed()
    assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
    thigh.run_until("contracting", 6_000)
    thigh.bedside.run(100)
    assert not thigh.alarmed()


def test_a_flat_emg_proves_nothing_and_is_named(thigh: Stimulated) -> None:
    thigh.bedside.emg_gain = 0.0
    assert thigh.stimulate().exit_code == 0
    given(thigh, 1)
    assert arrivals(thigh) == ["unknown"]
    assert thigh.alarmed() == {Reason.EMG_LOST: Priority.LOW}


@pytest.mark.parametrize(
    "hub",
    [
        None,
        HubConfig(port="memory", description="no word on artifacts", evoked_channel=1),
    ],
)
def test_who_does_not_look_says_nothing(tmp_path: Path, hub: HubConfig | None) -> None:
    blind = Stimulated(tmp_path / "blind.db", ceilings=LOW, hub=hub, emg=True)
    blind.bedside.plant.defects.stimulator_idle = True
    assert blind.stimulate().exit_code == 0
    given(blind, 4)
    assert arrivals(blind) == ["unknown"] * 4
    assert not blind.alarmed()
    blind.bedside.close()


def test_in_a_loop_on_the_evoked_response_the_rows_tell_both(tmp_path: Path) -> None:
    loop = Stimulated(tmp_path / "loop.db", hub=HUB, emg=True)
    assert loop.stimulate("nmes-evoked-demo").exit_code == 0
    given(loop, 2)
    assert [(one.pulses, one.response) for one in loop.contractions()] == [("yes", "no")] * 2
    loop.bedside.close()


@pytest.mark.parametrize(("artifact_uv", "emg"), [(7_000, True), (2_500, False)])
def test_an_emg_that_should_look_and_cannot_is_named(tmp_path: Path, artifact_uv: int, emg: bool) -> None:
    """It ends 6.5 mV from its zero; or the hub is not there."""
    hub = HubConfig(port="memory", description="hub", evoked_channel=1, artifact_uv=artifact_uv)
    blind = Stimulated(tmp_path / "blind.db", hub=hub, emg=emg)
    assert blind.stimulate().exit_code == 0
    given(blind, 1)
    assert arrivals(blind) == ["unknown"]
    assert blind.alarmed() == {Reason.EMG_LOST: Priority.LOW}
    blind.bedside.close()
