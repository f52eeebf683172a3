"""What is told about patients, what a ledger hands on, and what a journal makes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.model import Exposure, History, Limb, PastSession, Purpose
from gateway.record.history_file import Stimulation
from gateway.record.journal import Journal
from gateway.record.ledger import Ledger
from gateway.record.ledger_fold import fold
from gateway.record.reader import JournalReader
from gateway.record.row import Row
from tests.record.script import DEVICE
from tests.record.story import (
    FRAME_MS,
    HOUR_MS,
    MINUTE_MS,
    PATIENT,
    SECOND_MS,
    Story,
    borne_ms,
    history,
    killed,
    told,
)

MOST_MS = 330_000


class TestTold:
    def test_what_is_told_counts_from_when_it_was_told(self, story: Story) -> None:
        story.tells(told(20, 5), told(3, 1, therapy=False, limb=Limb.RIGHT_THIGH))
        story.passes(HOUR_MS)
        found = history(story)
        assert found.exposures == (
            Exposure(Limb.LEFT_THIGH, True, 20 * MINUTE_MS, 6 * HOUR_MS),
            Exposure(Limb.RIGHT_THIGH, False, 3 * MINUTE_MS, 2 * HOUR_MS),
        )
        assert found.sessions == (PastSession(True, 6 * HOUR_MS), PastSession(False, 2 * HOUR_MS))
        assert found.told_ago_ms == HOUR_MS

    def test_nothing_told_is_something_told(self, story: Story) -> None:
        story.tells()
        assert history(story) == History(told_ago_ms=0)
        assert history(story, "P-8") == History()

    def test_tellings_add_up(self, story: Story) -> None:
        story.tells(told(20, 5))
        story.tells(told(5, 1))
        story.tells()
        assert borne_ms(story) == 25 * MINUTE_MS

    def test_entries_of_one_named_session_are_one_session(self, story: Story) -> None:
        story.tells(told(5, 4, session="w-1-1"), told(3, 3, therapy=False, session="w-1-1"), told(1, 2))
        assert history(story).sessions == (PastSession(True, 3 * HOUR_MS), PastSession(True, 2 * HOUR_MS))

    def test_what_was_known_earlier_is_older(self, story: Story) -> None:
        story.tells(told_ago_ms=2 * HOUR_MS)
        story.passes(HOUR_MS)
        assert history(story).told_ago_ms == 3 * HOUR_MS

    def test_a_telling_may_leave_the_day_unknown(self, story: Story) -> None:
        story.tells(told(5, 1), told_ago_ms=None)
        assert history(story).told_ago_ms is None

    def test_the_newest_knowledge_counts(self, story: Story) -> None:
        story.tells()
        story.passes(HOUR_MS)
        story.treats(5)
        assert history(story).told_ago_ms == 0


class TestHandedOn:
    def test_what_was_known_before_is_known_no_longer(self, story: Story) -> None:
        story.tells()
        story.treats(5)
        story.hands_on()
        found = history(story)
        assert found.told_ago_ms is None
        assert len(found.exposures) == len(found.sessions) == 1

    def test_a_telling_after_it_makes_it_known_again(self, story: Story) -> None:
        story.tells()
        story.hands_on()
        story.passes(HOUR_MS)
        story.tells(told(5, 1))
        story.passes(HOUR_MS)
        assert history(story).told_ago_ms == HOUR_MS

    def test_a_telling_that_knows_nothing_does_not(self, story: Story) -> None:
        story.tells()
        story.hands_on()
        story.passes(1)
        story.tells(told(5, 1), told_ago_ms=None)
        assert history(story).told_ago_ms is None

    def test_nobody_else_is_forgotten(self, story: Story) -> None:
        story.tells()
        story.hands_on("P-8")
        assert history(story).told_ago_ms == 0

    def test_it_outlives_the_run(self, story: Story) -> None:
        story.tells()
        story.hands_on()
        killed(story)
        assert history(story).told_ago_ms is None
        age = story.ledger.handed_on(PATIENT, story.stamp())
        assert age is not None
        assert age.exactly_ms == 3 * SECOND_MS
        assert story.ledger.handed_on("P-8", story.stamp()) is None


class TestStimulation:
    def test_one_for_each_session_here_and_elsewhere(self, story: Story) -> None:
        name = story.arms(prescription="nmes")
        for contraction in (1, 2):
            story.stimulates(contraction, 5 * SECOND_MS)
            story.passes(5 * SECOND_MS)
        story.ends()
        story.cuff_off()
        elsewhere = Stimulation(
            limb=Limb.RIGHT_THIGH, stimulated_ms=MINUTE_MS, ended_ago_ms=HOUR_MS, over_ago_ms=HOUR_MS
        )
        story.tells(stimulation=[elsewhere])
        found = story.ledger.stimulation(PATIENT, story.stamp())
        assert [(one.session, one.limb, one.stimulated_ms) for one in found] == [
            ("", Limb.RIGHT_THIGH, MINUTE_MS),
            (name, Limb.LEFT_THIGH, 10 * SECOND_MS),
        ]
        own = found[1]
        ages = (own.started_ago_ms, own.ended_ago_ms, own.over_ago_ms)
        assert ages == (20 * SECOND_MS, 5 * SECOND_MS, 0)

    def test_what_was_told_counts_as_pulses_and_as_a_session(self, story: Story) -> None:
        both = {"session": "w-1-1", "limb": Limb.LEFT_THIGH, "ended_ago_ms": HOUR_MS, "over_ago_ms": HOUR_MS}
        train = Stimulation(stimulated_ms=MINUTE_MS, **both)
        story.tells(told(5, 1, therapy=False, session="w-1-1"), stimulation=[train])
        assert story.ledger.trains(PATIENT, story.stamp()) == (
            Exposure(Limb.LEFT_THIGH, True, MINUTE_MS, HOUR_MS),
        )
        assert history(story).sessions == (PastSession(True, HOUR_MS),)

    def test_only_of_the_last_24_hours(self, story: Story) -> None:
        story.arms(prescription="nmes")
        story.stimulates(1, 5 * SECOND_MS)
        story.ends()
        story.cuff_off()
        story.passes(24 * HOUR_MS - 1)
        assert len(story.ledger.stimulation(PATIENT, story.stamp())) == 1
        story.passes(1)
        assert story.ledger.stimulation(PATIENT, story.stamp()) == []


class TestEntries:
    def test_one_for_each_session_limb_and_budget(self, story: Story) -> None:
        name = story.arms()
        story.gives(1, Purpose.OCCLUSION_TEST)
        story.gives(5, cycle=1)
        story.gives(5, cycle=2)
        story.cuff_off()
        story.tells(told(20, 5))
        story.passes(HOUR_MS)
        elsewhere, tested, treated = story.ledger.entries(PATIENT, story.stamp())
        assert elsewhere == told(20, 6)
        assert (tested.session, tested.therapy, tested.above_ms) == (name, False, MINUTE_MS + FRAME_MS)
        assert (treated.session, treated.therapy) == (name, True)
        assert treated.above_ms == 2 * (5 * MINUTE_MS + FRAME_MS)
        assert treated.started_ago_ms == treated.ended_ago_ms + treated.above_ms + SECOND_MS - FRAME_MS
        assert treated.ended_ago_ms == HOUR_MS + SECOND_MS - FRAME_MS
        assert treated.over_ago_ms == HOUR_MS

    def test_only_of_the_last_24_hours(self, story: Story) -> None:
        story.treats(5)
        story.passes(24 * HOUR_MS - 1)
        assert len(story.ledger.entries(PATIENT, story.stamp())) == 1
        story.passes(1)
        assert story.ledger.entries(PATIENT, story.stamp()) == []

    def test_a_cuff_that_came_off_before_the_worst_case_ended_is_over_with_it(self, story: Story) -> None:
        story.arms()
        story.inflates()
        killed(story)
        story.passes(10 * MINUTE_MS)
        story.cuff_off()
        [entry] = story.ledger.entries(PATIENT, story.stamp())
        assert entry.over_ago_ms <= entry.ended_ago_ms


class TestFold:
    @pytest.fixture
    def folded(self, tmp_path: Path) -> Callable[[Story], Ledger]:
        """Writes the story into a journal and reads it again, as the next run of core would."""

        def fold_of(story: Story) -> Ledger:
            with Journal.open(tmp_path / "journal.db", device=DEVICE) as journal:
                journal.append(story.rows)
                with JournalReader.open(journal.path) as reader:
                    return fold(reader, story.boot_id, story.stamp())

        return fold_of

    def test_a_journal_gives_the_same_as_its_rows(
        self, story: Story, folded: Callable[[Story], Ledger]
    ) -> None:
        story.tells(told(20, 5))
        story.treats(2)
        story.passes(HOUR_MS)
        story.arms(cycles=3)
        story.gives(1)
        killed(story)
        story.ends("interrupted")
        ledger, now = folded(story), story.stamp()
        assert ledger.history(PATIENT, now) == history(story)
        assert ledger.resumable(PATIENT, now) == story.ledger.resumable(PATIENT, now)

    def test_the_next_run_knows_it_before_its_own_first_row(
        self, story: Story, folded: Callable[[Story], Ledger]
    ) -> None:
        story.treats(2)
        story.passes(HOUR_MS)
        story.run += 1
        assert folded(story).history(PATIENT, story.stamp()).told_ago_ms == HOUR_MS

    def test_what_is_certainly_too_old_to_matter_is_not_read(
        self, story: Story, folded: Callable[[Story], Ledger]
    ) -> None:
        unreadable = Row("event", "session_started", "bed-0-0", story.stamp(), b'{"limb":7}')
        story.rows.append(unreadable)
        story.passes(HOUR_MS)
        story.clears("cuff_absent")
        story.passes(30 * HOUR_MS)
        story.treats(2)
        assert len(folded(story).history(PATIENT, story.stamp()).exposures) == 1

    def test_what_no_clock_makes_old_is_read(self, story: Story, folded: Callable[[Story], Ledger]) -> None:
        story.treats(2)
        story.stops()
        for boot in range(3):
            story.starts(f"b{boot}", off_ms=100 * HOUR_MS)
            story.passes(9 * HOUR_MS)
            story.stops()
        found = folded(story).history(PATIENT, story.stamp())
        assert [one.ended_ago_ms for one in found.sessions] == [27 * HOUR_MS]
