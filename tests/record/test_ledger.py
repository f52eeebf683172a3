"""What each patient has borne, folded from rows: what samples show, and what nobody saw."""

from collections.abc import Callable

import pytest

from firmware_bridge.mcu.controller import STATUS_MS
from gateway.model import Exposure, History, Limb, PastSession, Purpose
from gateway.record.errors import RowUnreadable
from gateway.record.exposure import CONTROLLER_VENTS_MS, DEFLATED_DMMHG, FRAME_LONGEST_MS
from gateway.record.row import ClockQuality, Row
from gateway.safety.limits import FIRMWARE_LIMITS, HARD
from tests.record.story import (
    EMPTY,
    FRAME_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Story,
    borne_ms,
    history,
    killed,
    powerless,
)

MOST_MS = 330_000


def test_the_bounds_are_those_of_the_supervisor_and_the_controller() -> None:
    assert HARD.deflated_dmmhg == DEFLATED_DMMHG
    assert STATUS_MS < FRAME_LONGEST_MS < 2 * STATUS_MS
    assert dict(FIRMWARE_LIMITS)["debt_vent_ms"] == CONTROLLER_VENTS_MS == MOST_MS


class TestSession:
    def test_an_empty_ledger_knows_nothing(self, story: Story) -> None:
        assert history(story) == History()

    def test_a_session_with_its_pressure_and_its_end(self, story: Story) -> None:
        story.treats(5)
        story.passes(HOUR_MS)
        found = history(story)
        above_ms = 5 * MINUTE_MS + FRAME_MS  # up to the first frame that is below again
        ended_ms = HOUR_MS + SECOND_MS - FRAME_MS
        assert found.exposures == (Exposure(Limb.LEFT_THIGH, True, above_ms, ended_ms, ended_ms + above_ms),)
        assert found.sessions == (PastSession(True, HOUR_MS),)
        assert found.told_ago_ms == HOUR_MS

    def test_each_patient_has_his_own(self, story: Story) -> None:
        story.treats(5)
        story.treats(3, patient="P-8", limb=Limb.RIGHT_UPPER_ARM)
        assert borne_ms(story) == 5 * MINUTE_MS + FRAME_MS
        [exposure] = history(story, "P-8").exposures
        assert (exposure.limb, exposure.above_ms) == (Limb.RIGHT_UPPER_ARM, 3 * MINUTE_MS + FRAME_MS)

    def test_a_session_that_is_bound_to_nobody_is_nobodys(self, story: Story) -> None:
        story.raw("session_started", {"limb": "left_thigh"}, session="bed-1-9")
        story.gives(5)
        assert history(story) == History()

    def test_a_session_of_the_first_schema_is_passed_over(self, story: Story) -> None:
        story.raw("session_started", {"side": "left"}, session="bed-1-9")
        story.gives(5)
        assert history(story) == History()

    def test_examinations_and_therapy_of_one_session(self, story: Story) -> None:
        story.arms()
        story.gives(3, Purpose.OCCLUSION_TEST)
        story.gives(5, Purpose.OCCLUSION)
        assert [(one.therapy, one.above_ms) for one in history(story).exposures] == [
            (False, 3 * MINUTE_MS + FRAME_MS),
            (True, 5 * MINUTE_MS + FRAME_MS),
        ]

    def test_only_what_was_inflated_for_therapy_makes_a_session_one_with_therapy(self, story: Story) -> None:
        story.arms()
        story.gives(3, Purpose.OCCLUSION_TEST)
        assert [one.therapy for one in history(story).sessions] == [False]
        story.gives(5, Purpose.RESTRICTION)
        assert [one.therapy for one in history(story).sessions] == [True]

    def test_a_session_lasts_until_the_cuff_is_off(self, story: Story) -> None:
        story.arms()
        story.gives(5)
        story.ends()
        story.passes(HOUR_MS)
        assert history(story).sessions == (PastSession(True, 0),)
        story.cuff_off()
        story.passes(MINUTE_MS)
        assert history(story).sessions == (PastSession(True, MINUTE_MS),)

    def test_the_next_session_says_that_the_last_cuff_is_off(self, story: Story) -> None:
        story.arms()
        story.gives(5)
        story.ends()
        story.passes(MINUTE_MS)
        story.arms("P-8")
        story.passes(HOUR_MS)
        story.cuff_off()
        assert history(story).sessions == (PastSession(True, HOUR_MS),)

    def test_a_second_word_about_the_cuff_changes_nothing(self, story: Story) -> None:
        story.treats()
        story.passes(HOUR_MS)
        story.cuff_off()
        assert history(story).sessions == (PastSession(True, HOUR_MS),)


class TestPressure:
    def test_a_session_that_runs_counts_what_it_has_had(self, story: Story) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.inflates()
        story.samples(170, MINUTE_MS)
        assert borne_ms(story) == MINUTE_MS
        story.passes(900)  # the next row of samples is not written yet
        assert borne_ms(story) == MINUTE_MS + 900
        assert borne_ms(story) == MINUTE_MS + 900

    @pytest.mark.parametrize(
        ("control", "limit", "counts"),
        [(15, 15, False), (16, 15, True), (15, 16, True), (170, None, True), (None, 170, True)],
    )
    def test_either_sensor_above_15_mmhg_counts(
        self, story: Story, control: int | None, limit: int | None, counts: bool
    ) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.frames([(control, limit)] * 20)
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == (SECOND_MS + FRAME_MS if counts else 0)

    @pytest.mark.parametrize("blind", [(None, None), (None, EMPTY), (EMPTY, None)])
    def test_a_missing_sensor_counts_while_an_inflation_is_under_way(
        self, story: Story, blind: tuple[int | None, int | None]
    ) -> None:
        story.arms()
        story.frames([blind] * 20)
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == 0
        story.inflates()
        story.frames([blind] * 20)
        story.deflated()
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == SECOND_MS + FRAME_MS

    def test_pressure_that_nobody_asked_for_counts_as_what_the_session_is_for(self, story: Story) -> None:
        for prescription in ("demo", ""):
            story.arms(prescription=prescription)
            story.samples(EMPTY, SECOND_MS)
            story.samples(40, 2 * SECOND_MS)
            story.samples(EMPTY, SECOND_MS)
            story.cuff_off()
        found = [(one.therapy, one.above_ms) for one in history(story).exposures]
        assert found == [(True, 2 * SECOND_MS + FRAME_MS), (False, 2 * SECOND_MS + FRAME_MS)]

    def test_pressure_that_stays_after_the_inflation_counts(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, MINUTE_MS)
        story.ends()  # without a row that says empty
        story.samples(20, MINUTE_MS)
        story.samples(EMPTY, SECOND_MS)
        story.passes(HOUR_MS)
        assert borne_ms(story) == 2 * MINUTE_MS + FRAME_MS

    def test_pressure_without_anybody_under_the_cuff_is_nobodys(self, story: Story) -> None:
        story.treats(5)
        story.samples(170, MINUTE_MS)
        story.arms("P-8")
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == 5 * MINUTE_MS + FRAME_MS
        assert borne_ms(story, "P-8") == 0

    def test_pressure_after_somebody_said_that_the_cuff_is_off_is_nobodys(self, story: Story) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.samples(40, SECOND_MS)
        story.cuff_off()
        story.samples(40, MINUTE_MS)
        story.passes(SECOND_MS)
        assert borne_ms(story) == SECOND_MS

    def test_rises_and_falls_within_one_inflation_are_its_own(self, story: Story) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.inflates()
        story.samples(EMPTY, SECOND_MS)  # the pump has only begun
        story.samples(170, MINUTE_MS)
        story.deflated()
        story.samples(EMPTY, MINUTE_MS)
        story.inflates(2)
        story.samples(170, SECOND_MS)
        story.deflated(2)
        story.samples(EMPTY, SECOND_MS)
        assert [one.above_ms for one in history(story).exposures] == [
            MINUTE_MS + FRAME_MS,
            SECOND_MS + FRAME_MS,
        ]

    def test_inflations_within_one_second_of_samples_are_told_apart(self, story: Story) -> None:
        """Two events are older than the row of samples that shows what they did."""
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.inflates(1, Purpose.SHORT_OCCLUSIONS)
        story.passes(350)
        story.deflated(1)
        story.passes(150)
        story.inflates(2, Purpose.SHORT_OCCLUSIONS)
        story.passes(250)
        story.deflated(2)
        assert borne_ms(story) == 600
        story.ms -= 750
        story.frames([(170, 170)] * 6 + [(0, 0)] * 4 + [(170, 170)] * 4 + [(0, 0)] * 20)
        found = history(story).exposures
        assert [(one.therapy, one.above_ms) for one in found] == [(False, 350), (False, 250)]

    def test_frames_that_are_told_twice_count_once(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, MINUTE_MS)
        story.ms -= SECOND_MS
        story.samples(170, SECOND_MS)
        assert borne_ms(story) == MINUTE_MS


Death = Callable[[Story], None]


class TestDeath:
    """The core dies with the cuff inflated: nobody will write that it was emptied."""

    @pytest.mark.parametrize("death", [killed, powerless])
    def test_it_counts_as_the_most_that_the_controller_allows(self, story: Story, death: Death) -> None:
        story.arms()
        story.inflates()
        story.samples(170, 100 * SECOND_MS)
        death(story)
        story.ends("interrupted")
        story.passes(HOUR_MS)
        assert borne_ms(story) == MOST_MS

    @pytest.mark.parametrize("death", [killed, powerless])
    def test_without_a_sample_too(self, story: Story, death: Death) -> None:
        story.arms()
        story.inflates()
        death(story)
        story.passes(HOUR_MS)
        assert borne_ms(story) == MOST_MS

    @pytest.mark.parametrize("death", [killed, powerless])
    def test_an_inflation_that_was_only_authorised_may_have_begun(self, story: Story, death: Death) -> None:
        story.arms()
        story.authorises(1)
        assert borne_ms(story) == 0
        death(story)
        story.ends("interrupted")
        story.passes(HOUR_MS)
        found = history(story)
        assert [one.above_ms for one in found.exposures] == [MOST_MS]
        assert [one.therapy for one in found.sessions] == [True]

    @pytest.mark.parametrize("over", [Story.ends, Story.treats, Story.inflates])
    def test_what_was_authorised_and_given_up_has_not_begun(
        self, story: Story, over: Callable[[Story], object]
    ) -> None:
        story.arms()
        story.samples(EMPTY, SECOND_MS)
        story.authorises(1)
        over(story)
        known_ms = borne_ms(story)
        story.deflated()
        powerless(story)
        assert borne_ms(story) == known_ms

    def test_samples_of_the_next_run_show_less(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, 100 * SECOND_MS)
        killed(story)
        assert borne_ms(story) == 103 * SECOND_MS
        story.samples(EMPTY, SECOND_MS)
        story.passes(HOUR_MS)
        assert borne_ms(story) == 103 * SECOND_MS + FRAME_MS

    def test_samples_of_the_next_run_show_more(self, story: Story) -> None:
        """A stuck valve and a controller that does not vent: what is seen counts, without a bound."""
        story.arms()
        story.inflates()
        story.samples(170, 100 * SECOND_MS)
        killed(story)
        story.samples(170, 400 * SECOND_MS)
        assert borne_ms(story) == 503 * SECOND_MS

    def test_another_boot_shows_nothing_of_the_time_between(self, story: Story) -> None:
        story.arms()
        story.inflates()
        story.samples(170, 100 * SECOND_MS)
        powerless(story)
        story.samples(EMPTY, SECOND_MS)
        assert borne_ms(story) == MOST_MS

    def test_an_inflation_after_a_reboot_closes_the_one_before(self, story: Story) -> None:
        story.arms()
        story.inflates()
        powerless(story)
        story.arms()
        story.inflates()
        story.passes(MINUTE_MS)
        story.deflated()
        assert borne_ms(story) == MOST_MS + MINUTE_MS

    def test_a_row_of_another_boot_says_nothing_about_the_cuff(self, story: Story) -> None:
        story.arms()
        story.inflates()
        powerless(story)
        story.passes(SECOND_MS)
        story.deflated()
        assert borne_ms(story) == MOST_MS

    def test_a_death_between_inflations_adds_nothing(self, story: Story) -> None:
        story.arms()
        story.gives(5)
        killed(story)
        story.ends("interrupted")
        story.passes(HOUR_MS)
        assert borne_ms(story) == 5 * MINUTE_MS + FRAME_MS


class TestAges:
    def test_time_without_power_counts_as_zero(self, story: Story) -> None:
        story.treats(5)
        story.passes(2 * HOUR_MS)
        story.stops()
        story.starts("b", off_ms=10 * HOUR_MS)
        story.passes(HOUR_MS)
        found = history(story)
        assert [one.ended_ago_ms for one in found.sessions] == [3 * HOUR_MS]
        assert found.told_ago_ms is None

    def test_synchronised_clocks_count_it(self, story: Story) -> None:
        story.clock = ClockQuality.SYNCHRONISED
        story.treats(5)
        story.passes(2 * HOUR_MS)
        story.stops()
        story.starts("b", off_ms=10 * HOUR_MS)
        story.passes(HOUR_MS)
        found = history(story)
        assert [one.ended_ago_ms for one in found.sessions] == [13 * HOUR_MS]
        assert found.told_ago_ms == 13 * HOUR_MS

    def test_a_restart_does_not_make_an_old_session_recent(self, story: Story) -> None:
        story.clock = ClockQuality.SYNCHRONISED
        story.arms()
        story.gives(5)
        story.starts("b", off_ms=30 * HOUR_MS)
        story.ends("interrupted")
        assert history(story).told_ago_ms == 30 * HOUR_MS


class TestRows:
    @pytest.mark.parametrize(
        ("kind", "type", "body"),
        [
            ("event", "core_started", b"{}"),
            ("event", "session_started", b'{"limb":"tail"}'),
            ("event", "inflation_started", b'{"cycle":"one"}'),
            ("event", "inflation_authorised", b'{"cycle":1,"purpose":"fun"}'),
            ("event", "session_ended", b"no json"),
            ("event", "session_ended", b'{"outcome":"\xff"}'),
            ("event", "cycle_skipped", b"{}"),
            ("trace", "trace", b'{"cuff":[[1,2]]}'),
            ("audit", "session_patient", b'{"session":"s"}'),
            ("audit", "patient_history", b'{"patient":"p","source":"","told_ago_ms":0,"entries":[{}]}'),
        ],
    )
    def test_a_row_that_decides_and_makes_no_sense_is_named(
        self, story: Story, kind: str, type: str, body: bytes
    ) -> None:
        name = story.arms()
        with pytest.raises(RowUnreadable, match=rf"not a {type} "):
            story.ledger.take(Row(kind, type, name, story.stamp(), body))  # type: ignore[arg-type]

    def test_rows_of_sessions_that_began_before_the_first_row_are_passed_over(self) -> None:
        story = Story()
        story.starts("a")
        story._session = "bed-0-1"
        story.gives(5)
        story.raw("cycle_skipped", {"cycle": 2})
        story.ends()
        story.cuff_off()
        assert history(story) == History()
