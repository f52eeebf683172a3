"""A cable for each test that asks for one, and another for those that need two."""

import os
from collections.abc import Iterator

import pytest

from tests.drivers.ptys import Cable


def _cable() -> Iterator[Cable]:
    master, slave = os.openpty()
    cable = Cable(master, os.ttyname(slave))
    os.close(slave)
    yield cable
    cable.pull()


@pytest.fixture
def cable() -> Iterator[Cable]:
    yield from _cable()


@pytest.fixture
def other() -> Iterator[Cable]:
    yield from _cable()
