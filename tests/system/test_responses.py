"""Faults of the response table on real processes, one run each, on one bedside."""

from pathlib import Path

import pytest

from bench.bedside import WiredBedside
from bench.faults import BY_NAME
from bench.responses import broken, measure

pytestmark = pytest.mark.system


def test_faults_are_safe_and_told_within_their_bounds(tmp_path: Path) -> None:
    late = {}
    with WiredBedside(tmp_path, seed=1) as bedside:
        for name in ("firmware hung", "over-pressure"):
            late[name] = broken(BY_NAME[name], measure(bedside, BY_NAME[name], 1, pause_s=0.1))
    assert late == {"firmware hung": [], "over-pressure": []}
