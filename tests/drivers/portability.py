"""A codec under a real MicroPython."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def under_micropython(program: str) -> str:
    """What the program prints under MicroPython, from the project's folder; skips where there is none."""
    beside = str(Path(sys.executable).parent)
    micropython = shutil.which("micropython", path=beside) or shutil.which("micropython")
    if micropython is None:
        pytest.skip("no micropython on this machine (its wheels are x86-64 only)")
    ran = subprocess.run(
        [micropython, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stderr == ""
    return ran.stdout
