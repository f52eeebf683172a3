"""A journal of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.record.journal import Journal
from tests.record.script import DEVICE, Script


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
