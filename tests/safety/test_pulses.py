"""What is remembered of the pulses that are given: by which contraction, press, link and time."""

import pytest

from gateway.model import Reason, StimulationIntent
from gateway.safety.limits import HARD
from gateway.safety.stimulation import (
    StimulationState,
    StimulatorReading,
    TrainAuthorisation,
    give,
    highest_ua,
    refusal,
    rest,
)
from tests.safety.bedside import SITE

LINK = StimulatorReading(stimulating=False, electrode_fault=False, link=7, arrived_ms=1_000)
NOW = 1_000


def wish(current_ua: int = 1_000, contraction: int = 1, presses: int = 0) -> StimulationIntent:
    return StimulationIntent(current_ua, 300, 500, contraction, presses, 60_000, 60_000)


def row(contraction: int = 1, durable_ms: int = NOW) -> TrainAuthorisation:
    return TrainAuthorisation(contraction, 60_000, 300, 500, 60_000, durable_ms)


def test_nothing_has_been_given_at_first() -> None:
    assert StimulationState() == StimulationState(
        on=False,
        contraction=0,
        current_ua=0,
        base_ua=0,
        presses=0,
        pressed_ms=None,
        permitted_ms=None,
        link=None,
        spent_ms=0,
        started_ms=None,
        rested_ms=None,
    )


def test_the_first_pulses_are_remembered_whole() -> None:
    given = give(HARD, StimulationState(), LINK, wish(900, contraction=3), NOW)
    assert given == StimulationState(True, 3, 900, 0, 0, None, NOW, 7, 0, NOW)


def test_a_contraction_keeps_its_base_and_its_begin_and_the_next_counts_from_the_last_current() -> None:
    first = StimulationState(True, 3, 900, 400, 0, None, NOW, 7, 50, NOW - 5)
    same = give(HARD, first, LINK, wish(800, contraction=3), NOW + 10)
    assert (same.base_ua, same.started_ms, same.current_ua, same.spent_ms) == (400, NOW - 5, 800, 60)
    following = give(HARD, rest(same, NOW + 15), LINK, wish(800, contraction=4), NOW + 20)
    assert (following.base_ua, following.started_ms, following.spent_ms) == (800, NOW + 20, 60)


@pytest.mark.parametrize(
    ("on", "permitted_ms", "now", "spent_ms"),
    [
        (True, NOW, NOW + 600, 650),
        (True, NOW, NOW, 50),
        (True, NOW, NOW - 1, 50),
        (True, None, NOW, 50),
        (False, NOW, NOW + 600, 50),
    ],
)
def test_time_is_spent_from_one_permit_to_the_next(
    on: bool, permitted_ms: int | None, now: int, spent_ms: int
) -> None:
    state = StimulationState(on=on, contraction=1, permitted_ms=permitted_ms, spent_ms=50)
    assert give(HARD, state, LINK, wish(), now).spent_ms == spent_ms


def test_a_press_that_counts_is_remembered_and_its_current_is_the_base_of_the_contraction() -> None:
    state = StimulationState(True, 1, 4_000, 3_500, presses=1, permitted_ms=NOW)
    pressed = give(HARD, state, LINK, wish(9_000, presses=2), NOW)
    assert (pressed.presses, pressed.pressed_ms, pressed.base_ua) == (2, NOW, 9_000)
    weaker = give(HARD, state, LINK, wish(3_000, presses=2), NOW)
    assert (weaker.presses, weaker.base_ua) == (2, 3_000)
    again = give(HARD, pressed, LINK, wish(9_500, presses=3), NOW + 999)
    assert (again.presses, again.pressed_ms, again.base_ua) == (2, NOW, 9_000)


def test_the_link_of_the_first_pulses_is_the_only_one() -> None:
    used = StimulationState(contraction=1, link=6)
    assert give(HARD, used, LINK, wish(), NOW).link == 6
    assert give(HARD, used, None, wish(), NOW).link == 6
    assert give(HARD, StimulationState(), LINK, wish(), NOW).link == 7
    assert give(HARD, StimulationState(), None, wish(), NOW).link is None


def test_rest_ends_the_pulses_and_nothing_else() -> None:
    given = StimulationState(True, 3, 900, 400, 2, NOW, NOW, 7, 50, NOW)
    resting = rest(given, NOW + 20)
    assert resting == StimulationState(False, 3, 900, 400, 2, NOW, NOW, 7, 50, NOW, NOW + 20)
    assert rest(resting, NOW + 40) is resting


def test_a_contraction_numbered_like_none_needs_its_row_as_young_as_any_other() -> None:
    old = row(contraction=0, durable_ms=NOW - HARD.authorisation_age_ms - 1)
    young = row(contraction=0, durable_ms=NOW - HARD.authorisation_age_ms)
    asked = wish(contraction=0)
    assert refusal(HARD, SITE, StimulationState(), old, asked, NOW) is Reason.JOURNAL_PENDING
    assert refusal(HARD, SITE, StimulationState(), young, asked, NOW) is None
    assert give(HARD, StimulationState(), LINK, asked, NOW).started_ms == NOW


@pytest.mark.parametrize(("width_us", "rate_dhz"), [(401, 500), (300, 501), (0, 500)])
def test_pulses_that_no_current_may_have_have_no_highest(width_us: int, rate_dhz: int) -> None:
    assert highest_ua(HARD, SITE, width_us, rate_dhz) == 0
