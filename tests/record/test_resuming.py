"""Which session may be taken up again, where in it, and since when."""

import pytest

from gateway.model import Limb, PastSession, Purpose
from gateway.record.ledger import Resumable
from gateway.record.row import ClockQuality
from tests.record.story import (
    EMPTY,
    HOUR_MS,
    MINUTE_MS,
    PATIENT,
    SECOND_MS,
    Story,
    history,
    killed,
)

MOST_MS = 330_000


class TestResuming:
    @pytest.fixture
    def interrupted(self, story: Story) -> Story:
        story.arms()
        story.gives(5, cycle=1)
        story.inflates(2)
        story.samples(170, MINUTE_MS)
        story.ends("interrupted")
        story.samples(EMPTY, SECOND_MS)
        return story

    def found(self, story: Story, patient: str = PATIENT) -> Resumable | None:
        return story.ledger.resumable(patient, story.stamp())

    def test_the_cycles_that_were_not_begun_remain(self, interrupted: Story) -> None:
        interrupted.passes(10 * MINUTE_MS)
        expected = Resumable("bed-1-1", "demo", "ab12", Limb.LEFT_THIGH, 3, 10 * MINUTE_MS + SECOND_MS)
        assert self.found(interrupted) == expected

    def test_an_examination_is_no_cycle(self, story: Story) -> None:
        story.arms()
        story.gives(1, Purpose.OCCLUSION_TEST, cycle=3)
        story.ends("interrupted")
        found = self.found(story)
        assert found is not None
        assert found.first_cycle == 1

    def test_a_skipped_cycle_is_not_given_later(self, story: Story) -> None:
        story.arms()
        story.gives(5, cycle=1)
        story.raw("cycle_skipped", {"cycle": 2, "reason": "blood_pressure_stale"})
        story.ends("interrupted")
        found = self.found(story)
        assert found is not None
        assert found.first_cycle == 3

    def test_a_cycle_that_was_only_authorised_when_the_core_died_may_have_been_given(
        self, story: Story
    ) -> None:
        story.arms()
        story.authorises(1)
        killed(story)
        story.ends("interrupted")
        found = self.found(story)
        assert found is not None
        assert found.first_cycle == 2

    @pytest.mark.parametrize("outcome", ["completed", "stopped"])
    def test_only_an_interrupted_session_may_go_on(self, story: Story, outcome: str) -> None:
        story.arms()
        story.ends(outcome)
        assert self.found(story) is None

    def test_a_session_that_runs_is_not_resumed(self, story: Story) -> None:
        story.arms()
        assert self.found(story) is None

    def test_nobody_else_may_resume_it(self, interrupted: Story) -> None:
        assert self.found(interrupted, "P-8") is None

    def test_nor_after_the_cuff_came_off(self, interrupted: Story) -> None:
        interrupted.cuff_off()
        assert self.found(interrupted) is None

    def test_nor_after_its_last_cycle_began(self, story: Story) -> None:
        story.arms(cycles=1)
        story.gives(5, cycle=1)
        story.ends("interrupted")
        assert self.found(story) is None

    def test_nor_without_a_session_at_all(self, story: Story) -> None:
        assert self.found(story) is None

    def test_the_hour_runs_from_the_interruption_and_not_from_the_restart(self, interrupted: Story) -> None:
        interrupted.clock = ClockQuality.SYNCHRONISED
        interrupted.arms()
        interrupted.starts("b", off_ms=2 * HOUR_MS)
        interrupted.raw("tripped", {"reason": "core_restarted", "detail": ""})
        interrupted.ends("interrupted")
        found = self.found(interrupted)
        assert found is not None
        assert found.interrupted_ago_ms == 2 * HOUR_MS

    def test_without_a_clock_nobody_knows_how_long_ago(self, interrupted: Story) -> None:
        interrupted.arms()
        interrupted.starts("b")
        interrupted.ends("interrupted")
        found = self.found(interrupted)
        assert found is not None
        assert found.interrupted_ago_ms is None

    def test_the_hour_runs_from_the_first_interruption_of_all(self, interrupted: Story) -> None:
        first_ms, resumed = interrupted.ms - SECOND_MS, "bed-1-1"
        for minutes in (20, 20, 25):
            interrupted.passes(minutes * MINUTE_MS)
            resumed = interrupted.arms(resumes=resumed, first_cycle=3)
            interrupted.ends("interrupted")
            found = self.found(interrupted)
            assert found is not None
            assert found.session == resumed
            assert found.interrupted_ago_ms == interrupted.ms - first_ms
        assert found.interrupted_ago_ms > HOUR_MS

    def test_what_resumes_a_session_of_another_journal_is_of_no_known_age(self, story: Story) -> None:
        story.arms(resumes="bed-0-7", first_cycle=2)
        story.ends("interrupted")
        found = self.found(story)
        assert found is not None
        assert found.interrupted_ago_ms is None

    def test_a_resumed_session_is_the_same_session(self, interrupted: Story) -> None:
        first = "bed-1-1"
        second = interrupted.arms(resumes=first, first_cycle=3)
        interrupted.ends("interrupted")
        interrupted.arms(resumes=second, first_cycle=3)
        interrupted.gives(5, cycle=3)
        interrupted.ends()
        assert history(interrupted).sessions == (PastSession(True, 0),)
        interrupted.cuff_off()
        interrupted.passes(HOUR_MS)
        assert history(interrupted).sessions == (PastSession(True, HOUR_MS),)
        interrupted.treats(5)
        assert len(history(interrupted).sessions) == 2

    def test_a_resumed_session_that_was_interrupted_at_once_keeps_its_cycles(
        self, interrupted: Story
    ) -> None:
        interrupted.arms(resumes="bed-1-1", first_cycle=3)
        interrupted.ends("interrupted")
        found = self.found(interrupted)
        assert found is not None
        assert found.first_cycle == 3

    def test_two_that_resume_one_of_an_older_journal_are_one(self, story: Story) -> None:
        story.arms(resumes="bed-0-7", first_cycle=2)
        story.ends("interrupted")
        story.arms(resumes="bed-0-7", first_cycle=3)
        assert len(history(story).sessions) == 1
