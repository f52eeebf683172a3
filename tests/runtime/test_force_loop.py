"""A closed loop on force at a whole bedside: a sample, a decision, other pulses, in the same instant."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.model import Safe, StimulationPermit
from gateway.record.events import AlarmRaised
from gateway.runtime.requests import SessionRaise, SessionStop
from tests.runtime.stimulation import Stimulated

TARGET_MN = 20_000


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Stimulated]:
    """In the third contraction of the loop, which two presses have brought to 13 mA."""
    people = Stimulated(tmp_path / "journal.db", force=True)
    people.contracting("nmes-force-demo")
    for number in (1, 2):
        until(people, number)
        people.bedside.run(1_100)
        assert people.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
    until(people, 3)
    people.bedside.run(300)
    assert people.current_ua == 13_000
    yield people
    people.bedside.close()


def until(bed: Stimulated, number: int) -> None:
    """Let time pass until this contraction is being given."""
    for _ in range(10_000):
        session = bed.bedside.core.session
        assert session is not None
        if session.cycle == number and bed.current_ua:
            return
        bed.bedside.turn()
    raise AssertionError(f"contraction {number} never came")


def feel(bed: Stimulated, force_mn: int) -> None:
    """A sample of the force sensor, between two turns."""
    bed.bedside.core.force_read(force_mn, bed.bedside.core_ms)


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
        core.force_read(30_000, judged_ms + after_ms)
        assert core.state.now_ms == judged_ms
        permits.append((permitted_ua(bed), core.pulses.expires_ms))  # type: ignore[union-attr]
    assert [expires_ms for _, expires_ms in permits] == [judged_ms + 600] * 5
    assert len({current_ua for current_ua, _ in permits}) == 5


def test_it_settles_at_the_target_and_rises_by_1_ma_a_contraction_at_most(bed: Stimulated) -> None:
    most_mn = 0
    while bed.bedside.core.session is not None:
        bed.bedside.turn()
        session = bed.bedside.core.session
        if session is not None and session.cycle == 12:
            most_mn = max(most_mn, bed.bedside.plant.force_mn)
    assert most_mn <= TARGET_MN + 3_000
    currents = [one.current_ua for one in bed.contractions()]
    assert len(currents) == 12
    assert all(after - before <= 1_000 for before, after in pairwise(currents[2:]))
    assert {one.reason for one in bed.contractions()} == {"planned"}
    assert not bed.events_of(AlarmRaised)


def test_the_record_keeps_the_highest_current_of_a_contraction(bed: Stimulated) -> None:
    feel(bed, 30_000)
    bed.bedside.run(3_000)
    assert bed.contractions()[-1].current_ua == 13_000
