"""A cable for each test that asks for one."""

import os
from collections.abc import Iterator

import pytest

from tests.drivers.ptys import Cable


@pytest.fixture
def cable() -> Iterator[Cable]:
    master, slave = os.openpty()
    cable = Cable(master, os.ttyname(slave))
    os.close(slave)
    yield cable
    cable.pull()
