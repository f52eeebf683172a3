"""Restarts that nobody asked for, in the last half hour by clocks that vouch for it."""

from collections.abc import Callable

import msgspec
import pytest

from gateway.record.errors import RowUnreadable
from gateway.record.restarts import unclean_restarts
from gateway.record.row import ClockQuality, StoredRow
from tests.record.story import HOUR_MS, MINUTE_MS, Story

WINDOW_MS = 30 * MINUTE_MS


def restarts(story: Story, boot_id: str | None = None) -> int:
    """As the next run of core would count them, at this moment."""
    rows = [
        StoredRow(*msgspec.structs.astuple(row), seq, seq, b"") for seq, row in enumerate(story.rows, start=1)
    ]
    now = msgspec.structs.replace(story.stamp(), boot=story.run + 1)
    return unclean_restarts(rows, boot_id or story.boot_id, now, WINDOW_MS)


def test_the_first_start_of_all_is_no_restart() -> None:
    story = Story()
    story.boot_id = "a"
    assert restarts(story) == 0


def test_a_start_after_an_orderly_stop_is_none(story: Story) -> None:
    story.stops()
    assert restarts(story) == 0


@pytest.mark.parametrize("reason", ["a defect ended core: KeyError()", ""])
def test_a_start_after_a_defect_is_one(story: Story, reason: str) -> None:
    story.stops(reason)
    assert restarts(story) == 1


def test_a_start_after_silence_is_one(story: Story) -> None:
    assert restarts(story) == 1


def test_they_add_up(story: Story) -> None:
    for _ in range(2):
        story.starts("a", after_ms=MINUTE_MS)
    assert restarts(story) == 3
    story.stops()
    assert restarts(story) == 2


def test_an_orderly_stop_excuses_only_the_start_after_it(story: Story) -> None:
    story.stops()
    story.starts("a")
    assert restarts(story) == 1
    story.starts("a")
    assert restarts(story) == 2


@pytest.mark.parametrize(("later_ms", "counted"), [(WINDOW_MS - 1, 3), (WINDOW_MS, 2)])
def test_only_those_of_the_last_half_hour_count(story: Story, later_ms: int, counted: int) -> None:
    story.starts("a")
    story.starts("a", after_ms=1)
    story.passes(later_ms - 1)
    assert restarts(story) == counted


def test_the_clock_of_the_machine_s_boot_goes_on_from_run_to_run(story: Story) -> None:
    for _ in range(5):
        story.starts("a", after_ms=20 * MINUTE_MS)
    story.passes(20 * MINUTE_MS)
    assert restarts(story) == 2


def power_cycles(story: Story, times: int, on_ms: int) -> None:
    """Switched on for so long, as a last row shows, then without power for an hour."""
    for number in range(times):
        story.passes(on_ms)
        story.clears("cuff_absent")
        story.starts(f"b{number}", off_ms=HOUR_MS)


def test_time_without_power_counts_as_zero(story: Story) -> None:
    power_cycles(story, 3, on_ms=MINUTE_MS)
    assert restarts(story, "c") == 4


def test_time_with_power_does_count(story: Story) -> None:
    power_cycles(story, 3, on_ms=20 * MINUTE_MS)
    assert restarts(story, "c") == 3  # 0, 0 and 20 minutes old, and not 40


def test_synchronised_clocks_count_the_time_without_power(story: Story) -> None:
    story.clock = ClockQuality.SYNCHRONISED
    power_cycles(story, 3, on_ms=MINUTE_MS)
    assert restarts(story, "c") == 2


def test_what_a_person_cleared_counts_no_more(story: Story) -> None:
    story.starts("a")
    story.starts("a")
    story.clears("core_restarted")
    assert restarts(story) == 3
    story.clears("restarts_too_many")
    assert restarts(story) == 1


@pytest.mark.parametrize("spoil", [Story.starts, Story.stops, lambda story: story.clears("x")])
def test_a_row_that_makes_no_sense_is_named(story: Story, spoil: Callable[[Story], None]) -> None:
    spoil(story)
    story.rows[-1] = msgspec.structs.replace(story.rows[-1], body=b"{}")
    with pytest.raises(RowUnreadable):
        restarts(story)
