"""``rvos demo`` hands its options down; the demonstration itself is tested where it lives."""

from pathlib import Path
from typing import Any

import pytest

from gateway.simulation.options import DemoOptions

demo = pytest.importorskip("gateway.simulation.demo")


@pytest.mark.parametrize("code", [0, 1])
def test_options_go_down_and_the_code_comes_up(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    given = []
    monkeypatch.setattr(demo, "run", lambda options: given.append(options) or code)
    recording = folder / "r.csv"
    recording.write_text("t_s,sto2_percent\n")
    words = ["--replay", str(recording), "--full", "--seed", "7", "--state", str(folder / "new"), "--json"]
    assert run("demo", *words).exit_code == run("demo").exit_code == code
    assert given == [DemoOptions(recording, True, 7, folder / "new", True), DemoOptions()]


def test_a_recording_that_is_not_there(run: Any) -> None:
    result = run("demo", "--replay", "/no/such.csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "/no/such.csv" in result.stderr
