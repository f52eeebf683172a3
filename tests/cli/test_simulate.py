"""``rvos simulate`` hands its options down; the campaigns themselves are tested where they live."""

from pathlib import Path
from typing import Any

import pytest

from gateway.simulation import campaign
from gateway.simulation.campaign import Campaign
from gateway.simulation.faults import KINDS


@pytest.mark.parametrize("code", [0, 1])
def test_options_go_down_and_the_code_comes_up(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    given: list[tuple[Campaign, bool]] = []
    monkeypatch.setattr(campaign, "run", lambda asked, as_json: given.append((asked, as_json)) or code)
    words = ["--sessions", "7", "--seed", "5", "--faults", "leak", "--jobs", "2", "--full-length", "3"]
    words += ["--only", "4", "--keep", str(folder), "--json"]
    assert run("simulate", *words).exit_code == run("simulate").exit_code == code
    assert given == [(Campaign(7, 5, "leak", 2, 3, 4, folder), True), (Campaign(100, 1), False)]


def test_the_faults_are_listed(run: Any) -> None:
    result = run("simulate", "--list-faults")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(KINDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "leek"], "choose all, none or of"),
        (["--faults", "broker"], "broker cannot be given"),
        (["--sessions", "3", "--full-length", "4"], "must not be larger"),
        (["--sessions", "3", "--only", "3"], "must not be larger"),
        (["--sessions", "0"], "--sessions"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Any, words: list[str], said: str) -> None:
    result = run("simulate", *words)
    assert result.exit_code == 2
    assert said in result.stderr
