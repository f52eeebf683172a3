"""What a limb may bear in a day, and how often a patient is treated: at, under and over each bound."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Exposure, History, Limb, PastSession, Reason
from gateway.safety.budget import (
    Left,
    inflation_refusal,
    is_known,
    left,
    may_resume,
    session_refusal,
    session_wait_ms,
    spent_ms,
    stimulation_left_ms,
)
from gateway.safety.limits import HARD

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
THIGH, OTHER = Limb.LEFT_THIGH, Limb.RIGHT_THIGH
WHOLE = Left(45 * MINUTE_MS, 20 * MINUTE_MS)


def therapy(ended_ago_ms: int, above_ms: int, started_ago_ms: int | None = None) -> Exposure:
    return Exposure(THIGH, True, above_ms, ended_ago_ms, started_ago_ms)


def examination(ended_ago_ms: int, above_ms: int, started_ago_ms: int | None = None) -> Exposure:
    return Exposure(THIGH, False, above_ms, ended_ago_ms, started_ago_ms)


def unbroken(ended_ago_ms: int, above_ms: int) -> Exposure:
    """One that was above 15 mmHg from its start to its end."""
    return therapy(ended_ago_ms, above_ms, ended_ago_ms + above_ms)


class TestLeft:
    def test_nothing_borne_leaves_both_budgets_whole(self) -> None:
        assert left(HARD, (), THIGH) == WHOLE

    def test_therapy_and_examinations_have_budgets_of_their_own(self) -> None:
        borne = (therapy(HOUR_MS, 10 * MINUTE_MS), examination(HOUR_MS, 3 * MINUTE_MS))
        assert left(HARD, borne, THIGH) == Left(35 * MINUTE_MS, 17 * MINUTE_MS)

    def test_a_limb_has_budgets_of_its_own(self) -> None:
        assert left(HARD, (therapy(HOUR_MS, 10 * MINUTE_MS),), OTHER) == WHOLE

    def test_exposures_add_up(self) -> None:
        borne = (therapy(HOUR_MS, 10 * MINUTE_MS), therapy(9 * HOUR_MS, 20 * MINUTE_MS))
        assert left(HARD, borne, THIGH).therapy_ms == 15 * MINUTE_MS

    def test_too_much_borne_leaves_nothing_and_not_less(self) -> None:
        borne = (therapy(HOUR_MS, 50 * MINUTE_MS), examination(HOUR_MS, 21 * MINUTE_MS))
        assert left(HARD, borne, THIGH) == Left(0, 0)

    @pytest.mark.parametrize(("ended_h", "counts"), [(19, True), (20, False), (23, False), (25, False)])
    def test_therapy_of_20_hours_ago_counts_no_more(self, ended_h: int, counts: bool) -> None:
        borne = (therapy(ended_h * HOUR_MS, MINUTE_MS),)
        assert (left(HARD, borne, THIGH).therapy_ms < WHOLE.therapy_ms) == counts

    @pytest.mark.parametrize(("ended_h", "counts"), [(20, True), (23, True), (24, False)])
    def test_examinations_of_24_hours_ago_count_no_more(self, ended_h: int, counts: bool) -> None:
        borne = (examination(ended_h * HOUR_MS, MINUTE_MS),)
        assert (left(HARD, borne, THIGH).examination_ms < WHOLE.examination_ms) == counts

    def test_what_ended_a_millisecond_inside_the_window_counts(self) -> None:
        assert spent_ms((therapy(999, 5),), 1000) == 5
        assert spent_ms((therapy(1000, 5),), 1000) == 0


class TestOverlap:
    """What began before the window counts with what can lie inside it."""

    @pytest.mark.parametrize(
        ("ended", "above", "started", "inside"),
        [
            (900, 50, 950, 50),  # inside
            (900, 100, 1000, 100),  # just inside
            (900, 101, 1001, 100),  # its first millisecond is outside
            (900, 400, 1300, 100),  # a quarter is inside
            (900, 80, 1300, 80),  # 80 somewhere in 400: all of it may be inside
            (900, 120, 1300, 100),  # 120 somewhere in 400: at most the overlap
            (900, 400, None, 400),  # nobody knows when it began: whole
            (0, 2000, 2000, 1000),  # longer than the window
        ],
    )
    def test_the_part_inside(self, ended: int, above: int, started: int | None, inside: int) -> None:
        assert spent_ms((therapy(ended, above, started),), 1000) == inside

    def test_the_window_moves_while_the_planned_inflation_lasts(self) -> None:
        borne = (unbroken(900, 400),)
        assert [spent_ms(borne, 1000, ahead) for ahead in (0, 40, 99, 100, 5000)] == [100, 60, 1, 0, 0]


class TestInflation:
    @pytest.mark.parametrize(("planned_min", "reason"), [(45, None), (46, Reason.BUDGET_SPENT)])
    def test_a_fresh_limb_bears_its_whole_budget(self, planned_min: int, reason: Reason | None) -> None:
        above_ms = planned_min * MINUTE_MS
        assert inflation_refusal(HARD, (), THIGH, therapy=True, above_ms=above_ms) is reason

    def test_a_millisecond_too_much_is_refused(self) -> None:
        borne = (therapy(HOUR_MS, 40 * MINUTE_MS),)
        for above_ms, reason in ((5 * MINUTE_MS, None), (5 * MINUTE_MS + 1, Reason.BUDGET_SPENT)):
            assert inflation_refusal(HARD, borne, THIGH, therapy=True, above_ms=above_ms) is reason

    def test_examinations_are_judged_by_theirs(self) -> None:
        borne = (therapy(HOUR_MS, 45 * MINUTE_MS), examination(HOUR_MS, 17 * MINUTE_MS))
        for above_ms, reason in ((3 * MINUTE_MS, None), (3 * MINUTE_MS + 1, Reason.BUDGET_SPENT)):
            assert inflation_refusal(HARD, borne, THIGH, therapy=False, above_ms=above_ms) is reason
        assert inflation_refusal(HARD, borne, THIGH, therapy=True, above_ms=MINUTE_MS) is Reason.BUDGET_SPENT

    def test_what_leaves_the_window_meanwhile_makes_room(self) -> None:
        """45 min, unbroken, whose first five minutes are 20 h old: the window gives back what it takes."""
        borne = (unbroken(HARD.therapy_window_ms - 40 * MINUTE_MS, 45 * MINUTE_MS),)
        assert left(HARD, borne, THIGH).therapy_ms == 5 * MINUTE_MS
        assert inflation_refusal(HARD, borne, THIGH, therapy=True, above_ms=45 * MINUTE_MS) is None
        undated = tuple(replace(one, started_ago_ms=None) for one in borne)
        refused = inflation_refusal(HARD, undated, THIGH, therapy=True, above_ms=1)
        assert refused is Reason.BUDGET_SPENT

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 400), st.integers(1, 120)),  # a pause, an inflation
            max_size=40,
        )
    )
    def test_what_is_let_through_keeps_every_window(self, asked: list[tuple[int, int]]) -> None:
        """Greedily take all that is not refused; then look at every window of the whole time line."""
        limits = replace(HARD, therapy_budget_ms=150, therapy_window_ms=600)
        given_: list[tuple[int, int]] = []
        now = 0
        for pause, above_ms in asked:
            now += pause
            borne = tuple(Exposure(THIGH, True, e - s, now - e, now - s) for s, e in given_)
            if inflation_refusal(limits, borne, THIGH, therapy=True, above_ms=above_ms) is None:
                given_.append((now, now + above_ms))
                now += above_ms
        pressed = [any(s <= t < e for s, e in given_) for t in range(now)]
        sums = [sum(pressed[max(0, end - 600) : end]) for end in range(now + 1)]
        assert max(sums, default=0) <= 150

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 300)), max_size=8),
        st.integers(1, 200),
        st.integers(0, 3000),
    )
    def test_a_clock_that_knows_less_never_allows_more(
        self, ages: list[tuple[int, int]], above_ms: int, unproven_ms: int
    ) -> None:
        limits = replace(HARD, therapy_budget_ms=150, therapy_window_ms=600)
        truth = tuple(unbroken(ended + unproven_ms, length) for ended, length in ages)
        taken = tuple(unbroken(ended, length) for ended, length in ages)
        if inflation_refusal(limits, taken, THIGH, therapy=True, above_ms=above_ms) is None:
            assert inflation_refusal(limits, truth, THIGH, therapy=True, above_ms=above_ms) is None


def treated(*hours_ago: float) -> tuple[PastSession, ...]:
    return tuple(PastSession(True, round(hours * HOUR_MS)) for hours in hours_ago)


def examined(*hours_ago: float) -> tuple[PastSession, ...]:
    return tuple(replace(one, therapy=False) for one in treated(*hours_ago))


def asked(history: History, *, is_therapy: bool = True, above_ms: int = 5 * MINUTE_MS) -> Reason | None:
    return session_refusal(HARD, history, THIGH, therapy=is_therapy, above_ms=above_ms)


class TestSession:
    def test_a_known_patient_without_a_session_may_have_one(self) -> None:
        assert asked(History(told_ago_ms=0)) is None

    @pytest.mark.parametrize("is_therapy", [True, False])
    def test_an_unknown_day_refuses_everything(self, is_therapy: bool) -> None:
        assert asked(History(), is_therapy=is_therapy) is Reason.HISTORY_UNKNOWN

    @pytest.mark.parametrize(("told_ago_ms", "known"), [(24 * HOUR_MS, True), (24 * HOUR_MS + 1, False)])
    def test_what_was_told_holds_for_24_hours(self, told_ago_ms: int, known: bool) -> None:
        history = History(told_ago_ms=told_ago_ms)
        assert is_known(HARD, history) is known
        assert asked(history) is (None if known else Reason.HISTORY_UNKNOWN)

    @pytest.mark.parametrize(
        ("sessions", "reason"),
        [
            (treated(4), None),
            (treated(4 - 1 / HOUR_MS), Reason.TOO_SOON_AFTER_SESSION),
            (treated(0), Reason.TOO_SOON_AFTER_SESSION),
            (treated(4, 9), None),
            (treated(4, 9, 14), Reason.TOO_MANY_SESSIONS),
            (treated(4, 9, 24 - 1 / HOUR_MS), Reason.TOO_MANY_SESSIONS),
            (treated(4, 9, 24), None),
            (treated(24, 4, 9), None),
            (treated(4, 5, 6, 30), Reason.TOO_MANY_SESSIONS),
            (treated(1, 9, 14), Reason.TOO_MANY_SESSIONS),
            (examined(0, 1, 2, 3), None),
            (treated(4, 9) + examined(0, 1, 2), None),
        ],
    )
    def test_number_and_distance_of_sessions(
        self, sessions: tuple[PastSession, ...], reason: Reason | None
    ) -> None:
        history = History(sessions=sessions, told_ago_ms=0)
        assert asked(history) is reason
        assert asked(history, is_therapy=False) is None
        assert (session_wait_ms(HARD, sessions) > 0) == (reason is not None)

    def test_how_long_to_wait(self) -> None:
        assert session_wait_ms(HARD, ()) == 0
        assert session_wait_ms(HARD, treated(1)) == 3 * HOUR_MS
        assert session_wait_ms(HARD, treated(1, 9)) == 3 * HOUR_MS
        assert session_wait_ms(HARD, treated(5, 9, 14)) == 10 * HOUR_MS
        assert session_wait_ms(HARD, treated(1, 9, 22)) == 3 * HOUR_MS

    def test_what_must_fit_must_fit(self) -> None:
        history = History((therapy(5 * HOUR_MS, 41 * MINUTE_MS),), treated(5), 0)
        assert asked(history) is Reason.BUDGET_SPENT
        assert asked(history, above_ms=4 * MINUTE_MS) is None
        assert asked(history, is_therapy=False, above_ms=20 * MINUTE_MS) is None
        assert asked(history, is_therapy=False, above_ms=20 * MINUTE_MS + 1) is Reason.BUDGET_SPENT


@pytest.mark.parametrize(("ago_ms", "may"), [(0, True), (HOUR_MS, True), (HOUR_MS + 1, False), (None, False)])
def test_an_interrupted_session_may_go_on_for_an_hour(ago_ms: int | None, may: bool) -> None:
    assert may_resume(HARD, ago_ms) is may


def test_stimulation_has_the_budget_of_its_site() -> None:
    trains = (examination(HOUR_MS, 10 * MINUTE_MS), therapy(23 * HOUR_MS, 5 * MINUTE_MS))
    assert stimulation_left_ms(HARD, 30 * MINUTE_MS, trains) == 15 * MINUTE_MS
    assert stimulation_left_ms(HARD, 12 * MINUTE_MS, trains) == 0
    assert stimulation_left_ms(HARD, 30 * MINUTE_MS, (therapy(24 * HOUR_MS, MINUTE_MS),)) == 30 * MINUTE_MS
