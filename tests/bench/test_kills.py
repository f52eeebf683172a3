"""What the kill drills promise, and what they call broken."""

from dataclasses import replace

import pytest

from bench.kills import DEAD_MAN_MS, Drill, verdict

CORE = Drill(
    "core killed",
    runs=2,
    valve_open_ms=800,
    below_15_mmhg_ms=1800,
    outcomes={"interrupted": 2},
    journal_sound=True,
    events_in_journal=30,
    events_received=30,
)
LINK = replace(CORE, name="link killed", valve_open_ms=None, below_15_mmhg_ms=None, outcomes={"completed": 2})


@pytest.mark.parametrize("drill", [CORE, LINK], ids=lambda drill: drill.name)
def test_a_drill_that_kept_everything_is_not_broken(drill: Drill) -> None:
    assert verdict(drill) == []


@pytest.mark.parametrize(
    ("drill", "said"),
    [
        (replace(CORE, missing=1), "1 events never reached the subscriber"),
        (replace(CORE, events_in_journal=0), "0 events never reached"),
        (replace(CORE, journal_sound=False), "the journal does not verify"),
        (replace(CORE, outcomes={"interrupted": 1, "completed": 1}), "not all as interrupted"),
        (replace(LINK, outcomes={"interrupted": 2}), "not all as completed"),
        (replace(CORE, valve_open_ms=DEAD_MAN_MS + 1), f"valve open after {DEAD_MAN_MS + 1} ms"),
        (replace(CORE, below_15_mmhg_ms=None), "below 15 mmHg after None ms"),
    ],
)
def test_a_promise_that_was_not_kept_is_named(drill: Drill, said: str) -> None:
    found = verdict(drill)
    assert len(found) == 1
    assert said in found[0]


def test_duplicates_are_no_fault() -> None:
    assert verdict(replace(CORE, duplicates=17)) == []
