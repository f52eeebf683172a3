"""Inflations of which the samples do not tell all: the worst that can have been."""

from gateway.record.exposure import FRAME_LONGEST_MS
from tests.record.story import (
    EMPTY,
    FRAME_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Story,
    borne_ms,
)

MOST_MS = 330_000


class TestUnseen:
    """No sample shows what happened: the worst that can have been."""

    def test_events_alone_bound_an_inflation(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.passes(100 * SECOND_MS)
        assert borne_ms(story) == 100 * SECOND_MS
        story.deflated()
        story.passes(HOUR_MS)
        assert borne_ms(story) == 100 * SECOND_MS

    def test_a_row_that_says_empty_after_more_than_330_s_is_believed(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.passes(400 * SECOND_MS)
        assert borne_ms(story) == MOST_MS
        story.deflated()
        assert borne_ms(story) == 400 * SECOND_MS

    def test_only_the_first_row_that_says_empty_counts(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.passes(100 * SECOND_MS)
        story.deflated()
        story.passes(100 * SECOND_MS)
        story.deflated()
        assert borne_ms(story) == 100 * SECOND_MS

    def test_an_inflation_ends_before_the_next_one_begins(self, story: Story) -> None:
        story.arms()
        for cycle in (1, 2):
            story.inflates(cycle)
            story.passes(100 * SECOND_MS)
        story.deflated(2)
        story.passes(HOUR_MS)
        assert borne_ms(story) == 200 * SECOND_MS

    def test_a_gap_in_the_samples_of_an_inflation_counts_whole(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, MINUTE_MS)
        story.passes(30 * SECOND_MS)
        story.samples(170, MINUTE_MS)
        assert borne_ms(story) == 150 * SECOND_MS

    def test_a_gap_before_the_rise_counts_from_the_command(self, story: Story) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.passes(10 * SECOND_MS)
        story.inflates()
        story.passes(30 * SECOND_MS)
        story.samples(170, SECOND_MS)
        assert borne_ms(story) == 31 * SECOND_MS

    def test_a_gap_in_which_it_ended_counts_until_it_was_empty(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, MINUTE_MS)
        story.passes(10 * SECOND_MS)
        story.deflated()
        story.passes(10 * MINUTE_MS)
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == 70 * SECOND_MS

    def test_pressure_seen_after_that_is_one_frame_old(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, MINUTE_MS)
        story.passes(10 * SECOND_MS)
        story.deflated()
        story.passes(10 * MINUTE_MS)
        story.samples(30, SECOND_MS)
        assert borne_ms(story) == 70 * SECOND_MS + FRAME_LONGEST_MS + SECOND_MS - FRAME_MS

    def test_a_gap_without_pressure_counts_nothing(self, story: Story) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.passes(HOUR_MS)
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == 0

    def test_pressure_outside_of_inflations_counts_over_a_gap_up_to_330_s(self, story: Story) -> None:
        story.arms()
        story.samples(40, 10 * SECOND_MS)
        first_ms = FRAME_LONGEST_MS + 10 * SECOND_MS - FRAME_MS
        assert borne_ms(story) == first_ms
        story.passes(MINUTE_MS)
        assert borne_ms(story) == first_ms + MINUTE_MS
        story.passes(HOUR_MS)
        assert borne_ms(story) == MOST_MS
        story.inflates()
        story.passes(SECOND_MS)
        story.deflated()
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == MOST_MS + SECOND_MS
