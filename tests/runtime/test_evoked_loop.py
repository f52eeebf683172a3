"""A closed loop on the evoked response at a whole bedside: a pulse, its response, other pulses."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.config import HubConfig
from gateway.model import Priority, Reason, Safe, StimulationPermit
from gateway.record.events import AlarmRaised
from gateway.runtime.requests import EXIT_UNAVAILABLE, SessionRaise, SessionStop
from gateway.simulation.plant import Plant
from tests.runtime.stimulation import Stimulated

DEMO = "nmes-evoked-demo"
TARGET_UV = 1_000
PULSE_MS = 40
HUB = HubConfig(port="memory", description="hub", evoked_channel=1)


@pytest.fixture
def thigh(tmp_path: Path) -> Iterator[Stimulated]:
    people = Stimulated(tmp_path / "journal.db", hub=HUB, emg=True)
    yield people
    people.bedside.close()


def permitted_ua(bed: Stimulated) -> int:
    pulses = bed.bedside.core.pulses
    return pulses.current_ua if isinstance(pulses, StimulationPermit) else 0


def test_a_response_above_the_target_lowers_the_current_with_the_pulse_that_shows_it(
    thigh: Stimulated,
) -> None:
    thigh.answering(DEMO, presses=5)
    thigh.bedside.run(1_100)
    assert thigh.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
    thigh.bedside.run(10)
    pressed_ua = permitted_ua(thigh)
    thigh.bedside.run(2 * PULSE_MS)
    assert permitted_ua(thigh) < pressed_ua


def test_it_settles_at_the_target_and_rises_by_1_ma_a_contraction_at_most(thigh: Stimulated) -> None:
    thigh.answering(DEMO, presses=5)
    last_uv: list[int] = []
    while thigh.bedside.core.session is not None:
        thigh.bedside.turn()
        session = thigh.bedside.core.session
        if session is not None and session.cycle == 12 and permitted_ua(thigh):
            look = thigh.bedside.core.senses.looks(session).muscle
            assert look is not None
            assert look.answer is not None
            last_uv.append(look.answer)
    assert len(last_uv) > 100
    assert all(abs(uv - TARGET_UV) <= 350 for uv in last_uv[20:])
    currents = [one.current_ua for one in thigh.contractions()]
    assert len(currents) == 12
    assert all(after - before <= 1_000 for before, after in pairwise(currents[6:]))
    assert {one.reason for one in thigh.contractions()} == {"planned"}
    assert not thigh.events_of(AlarmRaised)


def test_a_stop_is_not_answered_by_a_response(thigh: Stimulated) -> None:
    thigh.answering(DEMO, presses=5)
    assert thigh.bedside.ask(SessionStop()).exit_code == 0
    thigh.bedside.run(200)
    assert isinstance(thigh.bedside.core.pulses, Safe)
    assert thigh.current_ua == 0


def test_a_force_sensor_beside_it_moves_nothing(tmp_path: Path) -> None:
    both = Stimulated(tmp_path / "journal.db", hub=HUB, emg=True, force=True)
    both.contracting(DEMO)
    before = both.bedside.core.session.plan  # type: ignore[union-attr]
    both.bedside.core.senses.force_read(400_000, both.bedside.core_ms)
    assert both.bedside.core.session.plan == before  # type: ignore[union-attr]
    both.bedside.close()


@pytest.mark.parametrize("hub", [None, HubConfig(port="memory", description="a load cell")])
def test_without_a_channel_over_the_muscle_nothing_begins(tmp_path: Path, hub: HubConfig | None) -> None:
    blind = Stimulated(tmp_path / "journal.db", hub=hub, emg=True)
    reply = blind.stimulate(DEMO)
    assert reply.exit_code == EXIT_UNAVAILABLE
    assert "hub.evoked_channel" in reply.message
    blind.bedside.close()


def test_a_hub_that_tells_no_emg_lets_nothing_begin(tmp_path: Path) -> None:
    blind = Stimulated(tmp_path / "journal.db", hub=HUB)
    reply = blind.stimulate(DEMO)
    assert (reply.exit_code, "no EMG of that channel" in reply.message) == (EXIT_UNAVAILABLE, True)
    blind.bedside.close()


class TestNothingDelivered:
    def test_an_emg_that_pops_is_no_muscle(self, thigh: Stimulated, monkeypatch: pytest.MonkeyPatch) -> None:
        """Steps of 3 mV every 1.5 s, each with a wobble, and a stimulator that gives nothing."""
        thigh.bedside.plant.defects.stimulator_idle = True
        wobble = [3_000.0] + [3_000.0 + 250.0 * (-1) ** (at // 4) for at in range(50)]
        quiet, left = Plant.emg_uv, list[float]()

        def popping(plant: Plant, samples: int) -> list[float]:
            if thigh.bedside.now % 1_500 == 0:
                left.extend(wobble)
            return [uv + (left.pop(0) if left else 0.0) for uv in quiet(plant, samples)]

        monkeypatch.setattr(Plant, "emg_uv", popping)
        assert thigh.stimulate(DEMO).exit_code == 0
        thigh.run_until("held", 60_000)
        assert [one.response for one in thigh.contractions()] == ["no"] * 3

    def test_no_artifact_is_no_response_and_the_loop_is_held(self, thigh: Stimulated) -> None:
        """The stimulator says that it gives pulses, and gives none."""
        thigh.answering(DEMO, presses=5)
        thigh.bedside.plant.defects.stimulator_idle = True
        thigh.run_until("held", 60_000)
        lost = thigh.contractions()[-3:]
        assert [one.response for one in lost] == ["no"] * 3
        assert all(one.confirmed for one in lost)
        answered_ua = max(one.current_ua for one in thigh.contractions() if one.response == "yes")
        assert max(one.current_ua for one in lost[1:]) <= answered_ua
        assert thigh.alarmed() == {
            Reason.STIMULATION_HELD: Priority.MEDIUM,
            Reason.PULSES_MISSING: Priority.LOW,
        }

    def test_an_artifact_alone_is_no_response(self, thigh: Stimulated) -> None:
        """Below the motor threshold (20 mA) every pulse has its artifact and its tail, and no M-wave."""
        assert thigh.stimulate(DEMO).exit_code == 0
        thigh.run_until("held", 60_000)
        assert [one.response for one in thigh.contractions()] == ["no"] * 3
        assert [one.current_ua for one in thigh.contractions()] == [1_000, 2_000, 3_000]


class TestEmg:
    """An EMG that tells nothing: the loop raises nothing, and the bedside is told."""

    def given(self, bed: Stimulated, number: int) -> None:
        wanted = len(bed.contractions()) + number
        while len(bed.contractions()) < wanted:
            bed.bedside.turn()
        bed.bedside.run(100)

    def test_a_saturated_one_raises_nothing_and_is_named(self, thigh: Stimulated) -> None:
        thigh.answering(DEMO, presses=5)
        thigh.bedside.emg_gain = 40.0
        self.given(thigh, 3)
        rows = thigh.contractions()[-2:]
        assert [one.response for one in rows] == ["unknown"] * 2
        assert rows[0].current_ua >= rows[1].current_ua
        assert thigh.alarmed() == {Reason.EMG_LOST: Priority.LOW}

    def test_it_lowers_what_is_beyond_what_it_can_tell(self, thigh: Stimulated) -> None:
        thigh.answering(DEMO, presses=5)
        before_ua = permitted_ua(thigh)
        thigh.bedside.emg_gain = 40.0
        thigh.bedside.run(600)
        assert 0 < permitted_ua(thigh) <= before_ua - 2_000

    @pytest.mark.parametrize("defect", ["muscle_sensor_silent", "muscle_sensor_stuck", "muscle_sensor_hums"])
    def test_a_silent_one_too_and_a_flat_line(self, thigh: Stimulated, defect: str) -> None:
        thigh.answering(DEMO, presses=5)
        setattr(thigh.bedside.plant.defects, defect, True)
        self.given(thigh, 3)
        rows = thigh.contractions()[-2:]
        assert [one.response for one in rows] == ["unknown"] * 2
        assert rows[0].current_ua == rows[1].current_ua
        assert thigh.alarmed() == {Reason.EMG_LOST: Priority.LOW}

    def test_one_that_never_came_too(self, tmp_path: Path) -> None:
        blind = Stimulated(tmp_path / "journal.db", hub=HUB, emg=True)
        blind.bedside.plant.defects.muscle_sensor_silent = True
        assert blind.stimulate(DEMO).exit_code == 0
        blind.until_current_flows()
        blind.bedside.run(1_200)
        assert blind.alarmed() == {Reason.EMG_LOST: Priority.LOW}  # while the first contraction is on
        self.given(blind, 3)
        assert {one.current_ua for one in blind.contractions()} == {1_000}
        assert {one.response for one in blind.contractions()} == {"unknown"}
        assert blind.alarmed() == {Reason.EMG_LOST: Priority.LOW}
        blind.bedside.close()
