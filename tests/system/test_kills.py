"""Each process taken away in the middle of an occlusion: drills of ``bench.kills``, one run each."""

from pathlib import Path

import pytest

from bench.kills import run

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", ["core killed", "link killed", "broker killed"])
def test_every_promise_of_the_drill_is_kept(name: str, tmp_path: Path) -> None:
    assert run(name, tmp_path).broken == []
