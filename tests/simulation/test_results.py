"""A campaign that was broken off goes on from its file, and adds up to the same as one that was not."""

from pathlib import Path
from typing import Any

import pytest

from gateway.simulation import campaign
from gateway.simulation.campaign import Campaign, play
from gateway.simulation.outcome import Task
from gateway.simulation.physics import Harm, HarmKind
from gateway.simulation.results import Results, ResultsForeign
from gateway.simulation.tally import Played

SESSIONS = 3


def asked(results: Path | None, sessions: int = SESSIONS) -> Campaign:
    return Campaign(sessions, 5, "core_killed,leak", results=results)


def told(found: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on how fast this machine is."""
    return {key: value for key, value in found.items() if key not in ("wall_s", "speed")}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    (*_, tally) = play(asked(None))
    return told(tally.document())


def test_a_campaign_that_was_broken_off_plays_the_rest(
    undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results"
    first = play(asked(file))
    next(first)
    first.close()
    kept = Results.open(file, asked(file).line(), campaign.compiled.fingerprint())
    kept.close()
    left = SESSIONS - len(kept.played)
    assert 0 < left < SESSIONS

    numbers = []
    give = campaign.give

    def counted(warm: Any, task: Task, folder: Path) -> Any:
        numbers.append(task.number)
        return give(warm, task, folder)

    monkeypatch.setattr(campaign, "give", counted)
    (*_, tally) = play(asked(file))
    assert len(numbers) == left
    assert told(tally.document()) == undisturbed
    (*_, again) = play(asked(file))
    assert len(numbers) == left
    assert told(again.document()) == undisturbed
    assert again.wall_s >= tally.wall_s > kept.wall_s > 0


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A file with one session of campaign "a" and sources "s"."""
    file = tmp_path / "results"
    results = Results.open(file, "a", "s")
    outcome = campaign.Outcome(0, 1, (), (Harm(HarmKind.DEFECT, 0, "x"),), (), (), (), (), "d")
    results.add(0, Played(outcome, 1.5, False), 2.0)
    results.close()
    return file


def test_what_was_written_is_what_is_read(one: Path) -> None:
    results = Results.open(one, "a", "s")
    results.close()
    assert results.wall_s == 2.0
    assert results.played[0].outcome.harms == (Harm(HarmKind.DEFECT, 0, "x"),)


def test_a_line_that_was_cut_off_was_not_played(one: Path) -> None:
    whole = one.read_bytes()
    one.write_bytes(whole + whole.split(b"\n")[1][:30])
    results = Results.open(one, "a", "s")
    assert list(results.played) == [0]
    results.close()
    assert one.read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "sources", "words"),
    [("b", "s", r"of another campaign \(a\)"), ("a", "t", "played with other sources")],
)
def test_results_of_something_else_are_refused(one: Path, line: str, sources: str, words: str) -> None:
    with pytest.raises(ResultsForeign, match=words):
        Results.open(one, line, sources)


@pytest.mark.parametrize(("at", "words"), [(0, "not the results"), (1, "a line is no session")])
def test_a_file_of_something_else_is_refused(one: Path, at: int, words: str) -> None:
    lines = one.read_bytes().split(b"\n")
    lines[at] = b'{"x":1}'
    one.write_bytes(b"\n".join(lines))
    with pytest.raises(ResultsForeign, match=words):
        Results.open(one, "a", "s")
