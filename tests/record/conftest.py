"""A journal of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.record.journal import Journal
from tests.record.script import DEVICE, Script
from tests.record.story import Story


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, device=DEVICE) as opened:
        yield opened


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def story() -> Story:
    """A gateway that has just been started, on boot "a" of its machine."""
    found = Story()
    found.starts("a")
    return found
