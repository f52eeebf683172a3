"""How old something is, where clocks vouch for it and where they do not: never older than it is."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.record.row import ClockQuality, Stamp
from gateway.record.timeline import Age, Instant, Timeline
from tests.record.script import WALL_MS

SYNCHRONISED, FREE = ClockQuality.SYNCHRONISED, ClockQuality.UNSYNCHRONISED

Note = Callable[..., Instant]


@pytest.fixture
def timeline() -> Timeline:
    """Runs 1, 2 and 3 of core were on boots a, b and c of the machine."""
    found = Timeline({1: "a", 2: "b"})
    found.run_began(3, "c")
    return found


@pytest.fixture
def note(timeline: Timeline) -> Note:
    """Notes a stamp of a run; ``wall_ms`` is counted from 2026."""

    def noted(run: int, mono_ms: int, wall_ms: int = 0, clock: ClockQuality = FREE) -> Instant:
        return timeline.note(Stamp(run, mono_ms, WALL_MS + wall_ms, clock))

    return noted


def test_within_one_boot_the_age_is_exact(timeline: Timeline, note: Note) -> None:
    then, now = note(1, 100), note(1, 400)
    assert timeline.age(then, now) == Age(300, True)
    assert timeline.age(now, now) == Age(0, True)


def test_two_runs_on_one_boot_share_its_clock(timeline: Timeline, note: Note) -> None:
    timeline.run_began(4, "a")
    then = note(1, 100)
    assert timeline.age(then, note(4, 900)) == Age(800, True)


def test_two_runs_that_nobody_named_share_nothing() -> None:
    timeline = Timeline()
    then = timeline.note(Stamp(1, 100, WALL_MS, FREE))
    now = timeline.note(Stamp(2, 900, WALL_MS, FREE))
    assert timeline.age(then, now) == Age(0, False)


def test_without_a_clock_only_what_was_measured_counts(timeline: Timeline, note: Note) -> None:
    then = note(1, 100)
    note(1, 600)  # 500 more on boot a
    note(2, 50)
    note(2, 80)  # 30 on boot b
    now = note(3, 10)
    assert timeline.age(then, now) == Age(530, False)
    assert timeline.age(then, note(3, 25)) == Age(545, False)


@pytest.mark.parametrize("then_clock", ClockQuality)
@pytest.mark.parametrize("now_clock", ClockQuality)
def test_only_two_synchronised_clocks_bridge_a_gap(
    timeline: Timeline, note: Note, then_clock: ClockQuality, now_clock: ClockQuality
) -> None:
    then = note(1, 100, 1_000, then_clock)
    age = timeline.age(then, note(2, 5, 8_000, now_clock))
    bridged = then_clock is now_clock is SYNCHRONISED
    assert age == (Age(7_000, True) if bridged else Age(0, False))


def test_a_clock_synchronised_later_in_the_boot_dates_what_was_before(timeline: Timeline, note: Note) -> None:
    then = note(1, 100)
    note(1, 300, 1_300, SYNCHRONISED)
    note(2, 5, 8_000, SYNCHRONISED)
    now = note(2, 105)
    assert timeline.age(then, now) == Age(7_000, True)


def test_a_wall_clock_that_went_back_proves_nothing(timeline: Timeline, note: Note) -> None:
    then = note(1, 100, 9_000, SYNCHRONISED)
    note(1, 300, 9_200, SYNCHRONISED)
    assert timeline.age(then, note(2, 5, 8_000, SYNCHRONISED)) == Age(200, False)


def test_clocks_that_agree_to_the_millisecond_are_exact(timeline: Timeline, note: Note) -> None:
    then = note(1, 100, 1_000, SYNCHRONISED)
    assert timeline.age(then, note(2, 5, 1_000, SYNCHRONISED)) == Age(0, True)


def test_a_synchronised_boot_in_between_counts_but_makes_nothing_exact(
    timeline: Timeline, note: Note
) -> None:
    then = note(1, 100, 1_000, SYNCHRONISED)
    note(2, 5, 8_000, SYNCHRONISED)
    note(2, 25, 8_020, SYNCHRONISED)
    assert timeline.age(then, note(3, 5)) == Age(7_020, False)
    assert timeline.age(then, note(3, 9)) == Age(7_024, False)


def test_a_boot_without_a_clock_in_between_does_not_matter(timeline: Timeline, note: Note) -> None:
    then = note(1, 100, 1_000, SYNCHRONISED)
    between = note(2, 5)
    now = note(3, 5, 8_000, SYNCHRONISED)
    assert timeline.age(then, now) == Age(7_000, True)
    assert timeline.age(between, now) == Age(0, False)


def test_a_monotonic_clock_that_ran_backwards_begins_anew(timeline: Timeline, note: Note) -> None:
    then = note(1, 5_000)
    note(1, 5_200)
    assert timeline.age(then, note(1, 4_199)) == Age(200, False)
    assert timeline.age(then, note(1, 4_299)) == Age(300, False)


def test_rows_of_one_turn_may_be_out_of_order(timeline: Timeline, note: Note) -> None:
    then = note(1, 5_000)
    note(1, 6_000)
    early = note(1, 5_000)
    assert timeline.age(then, early) == Age(0, True)
    assert timeline.age(early, note(1, 6_100)) == Age(1_100, True)
    note(2, 5)
    assert timeline.age(then, note(2, 5)) == Age(1_100, False)


def test_what_lies_after_the_last_row_of_its_boot_is_as_young_as_it_can_be(
    timeline: Timeline, note: Note
) -> None:
    segment = note(1, 100).segment
    note(2, 5)
    now = note(2, 35)
    assert timeline.age(Instant(segment, 120), now) == Age(10, False)
    assert timeline.age(Instant(segment, 900), now) == Age(0, False)


def test_only_an_exact_age_is_said_exactly() -> None:
    assert Age(5, True).exactly_ms == 5
    assert Age(5, False).exactly_ms is None


boots = st.lists(
    st.tuples(
        st.integers(0, 500),  # switched off before it, unknown to anybody
        st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=5,
)


@given(boots)
def test_no_age_is_over_the_truth_and_exact_ones_are_true(
    history: list[tuple[int, list[tuple[int, bool]]]],
) -> None:
    """The truth is one clock of the world; a synchronised wall clock shows it, a free one shows nonsense."""
    timeline = Timeline({run: f"boot {run}" for run in range(len(history))})
    truth = 0
    noted: list[tuple[Instant, int]] = []
    for run, (off_ms, rows) in enumerate(history):
        truth += off_ms
        powered_up = truth
        for later_ms, synchronised in rows:
            truth += later_ms
            clock = SYNCHRONISED if synchronised else FREE
            wall_ms = WALL_MS + truth if synchronised else 77
            stamp = Stamp(run, truth - powered_up, wall_ms, clock)
            noted.append((timeline.note(stamp), truth))
    now, present = noted[-1]
    for instant, at in noted:
        age = timeline.age(instant, now)
        assert 0 <= age.at_least_ms <= present - at
        assert not age.exact or age.at_least_ms == present - at
