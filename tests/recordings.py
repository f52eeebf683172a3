"""Where the real recordings are that some tests read; no file of theirs is part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def recording(name: str) -> Path:
    """The file ``name`` below ``$RVOS_DATA``, or below ``../shared/data``; skips the test where it is not."""
    path = Path(os.environ.get("RVOS_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_file():
        pytest.skip(f"the recording {name} is not there: RVOS_DATA names its folder")
    return path
