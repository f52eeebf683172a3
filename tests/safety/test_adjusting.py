"""Another current between two whole judgements: never more than the whole judgement would permit."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Reason, StimulationIntent, StimulationPermit
from gateway.safety import supervisor
from gateway.safety.adjusting import adjust, adjusted
from gateway.safety.limits import HARD
from gateway.safety.observations import State
from tests.safety.test_stimulation import PLANNED_MS, Stimulated


class Contracting(Stimulated):
    """In the middle of a contraction of 10 mA, the first of its session."""

    def __init__(self, left_ms: int = 600_000) -> None:
        super().__init__(left_ms=left_ms)
        self.raised(9_500)
        assert self.pulse(10_000) is None
        self.judged = self.state

    def wish(self, current_ua: int, **more: int) -> StimulationIntent:
        asked = StimulationIntent(current_ua, 300, 500, 1, 0, PLANNED_MS, 200_000)
        return asked._replace(**more)

    def adjust(
        self, current_ua: int, after_ms: int = 2, **more: int
    ) -> tuple[State, StimulationPermit] | None:
        """What it permits, and the state that follows."""
        arming, train = self.seen.arming, self.seen.train
        wish, now = self.wish(current_ua, **more), self.now + after_ms
        assert arming is not None
        permit = adjust(HARD, self.state, arming, train, wish, now)
        return None if permit is None else (adjusted(HARD, self.state, wish, now), permit)


def permitted(found: tuple[State, StimulationPermit] | None) -> StimulationPermit:
    assert found is not None
    return found[1]


def test_less_and_a_little_more_are_permitted_at_once() -> None:
    bed = Contracting()
    assert permitted(bed.adjust(9_000)).current_ua == 9_000
    assert permitted(bed.adjust(10_500)).current_ua == 10_500
    assert bed.adjust(10_501) is None


def test_it_lapses_with_the_permit_of_the_last_whole_judgement() -> None:
    bed = Contracting()
    assert permitted(bed.adjust(9_000)).expires_ms == bed.now + HARD.stimulation_permit_ms
    assert permitted(bed.adjust(9_000, 599)).expires_ms == bed.now + HARD.stimulation_permit_ms
    assert bed.adjust(9_000, HARD.stimulation_permit_ms) is None


def test_adjusting_for_ever_prolongs_nothing() -> None:
    bed = Contracting()
    begun = bed.now
    for after_ms in range(2, HARD.stimulation_permit_ms, 2):
        found = bed.adjust(9_000 + after_ms % 4, after_ms)
        bed.state = found[0] if found else bed.state
        assert permitted(found).expires_ms == begun + HARD.stimulation_permit_ms
    assert bed.adjust(9_000, HARD.stimulation_permit_ms) is None


def test_time_that_runs_backwards_permits_nothing() -> None:
    assert Contracting().adjust(9_000, -1) is None
    assert Contracting().adjust(9_000, 0) is not None


def test_before_the_first_judgement_nothing_is_permitted() -> None:
    bed = Contracting()
    bed.state = replace(bed.state, now_ms=None)
    assert bed.adjust(9_000) is None


def test_what_fell_rises_from_where_it_fell_to() -> None:
    bed = Contracting()
    fallen = bed.adjust(5_000)
    assert fallen is not None
    bed.state = fallen[0]
    assert permitted(bed.adjust(6_000, 4)).current_ua == 6_000
    assert bed.adjust(6_001, 4) is None


def test_a_press_between_two_judgements_counts_once() -> None:
    bed = Contracting()
    pressed = bed.adjust(15_000, presses=1)
    assert pressed is not None
    bed.state = pressed[0]
    assert bed.adjust(20_000, 4, presses=1) is None
    assert bed.adjust(20_000, 4, presses=2) is None


@pytest.mark.parametrize(
    "change",
    [
        {"contraction": 2},
        {"contraction": 0},
        {"pulse_width_us": 299},
        {"frequency_dhz": 499},
        {"planned_ms": 1},
    ],
)
def test_anything_else_than_the_current_is_for_the_whole_judgement(change: dict[str, int]) -> None:
    assert Contracting().adjust(9_000, **change) is None


def test_a_current_of_nothing_is_for_the_whole_judgement() -> None:
    assert Contracting().adjust(0) is None


def test_after_the_contraction_nothing_is_permitted() -> None:
    bed = Contracting()
    bed.pause(50)
    assert bed.adjust(9_000) is None


def test_what_latched_permits_nothing() -> None:
    bed = Contracting()
    bed.state = replace(bed.state, latched=Reason.STIMULATOR_LOST)
    assert bed.adjust(9_000) is None


def test_another_session_permits_nothing() -> None:
    bed = Contracting()
    assert bed.seen.arming is not None
    bed.see(arming=replace(bed.seen.arming, number=2))
    assert bed.adjust(9_000) is None


def test_without_a_row_or_ceilings_nothing_is_permitted() -> None:
    bed = Contracting()
    bed.see(train=None)
    assert bed.adjust(9_000) is None
    bed = Contracting()
    assert bed.seen.arming is not None
    bed.see(arming=replace(bed.seen.arming, stimulation=None))
    assert bed.adjust(9_000) is None


def test_the_budget_is_spent_by_the_millisecond() -> None:
    bed = Contracting(left_ms=5)
    for after_ms in (2, 4, 5):
        found = bed.adjust(9_000, after_ms)
        assert found is not None
        bed.state = found[0]
    assert bed.state.stimulation.spent_ms == 5
    assert bed.adjust(9_000, 6) is None


def test_only_the_stimulation_of_the_state_changes() -> None:
    bed = Contracting()
    found = bed.adjust(9_000)
    assert found is not None
    assert replace(found[0], stimulation=bed.state.stimulation) == bed.state


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    asked=st.lists(
        st.tuples(
            st.integers(1, 70).map(lambda half_ma: half_ma * 500),
            st.integers(1, 40),
            st.integers(0, 2),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_permitted_the_whole_judgement_permits_as_well(
    asked: list[tuple[int, int, int, bool]],
) -> None:
    bed = Contracting()
    now = bed.now
    for current_ua, after_ms, presses, whole in asked:
        now += after_ms
        found = bed.adjust(current_ua, now - bed.now, presses=presses)
        bed.report(arrived_ms=now)
        seen = replace(bed.seen, cuff=replace(bed.cuff, arrived_ms=now))
        wish = bed.wish(current_ua, presses=presses)
        state, verdict = supervisor.step(HARD, bed.state, seen, (wish,), now)
        if found is not None:
            assert isinstance(verdict.stimulator, StimulationPermit)
            assert verdict.stimulator.current_ua == found[1].current_ua
            assert verdict.stimulator.expires_ms >= found[1].expires_ms
            assert state.stimulation == found[0].stimulation
        if found is None or whole:
            bed.state, bed.now = state, now
        else:
            bed.state = found[0]
