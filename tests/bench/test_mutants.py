"""No survivor in a few small parts of the rooms, each judged by the tests of its own.

The whole of it is ``python -m bench.mutants``.
"""

import json
import subprocess
import sys

import pytest

from bench.mutants import PARTS, ROOT


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_room_has_no_survivor(part: str) -> None:
    """In a process of its own: one that has loaded the room could not change it any more."""
    command = [sys.executable, "-m", "bench.mutants", "--room", part, "--sample", "30", "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [found] = json.loads(ended.stdout)
    assert found["made"] >= 20
    assert not found["unargued"]
