"""Everything that goes onto the microcontroller compiles for it."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests.firmware_bridge.conftest import ROOT

FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "firmware_bridge").rglob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_compiles_for_armv6m(mpy_cross: list[str], name: str, tmp_path: Path) -> None:
    output = tmp_path / "out.mpy"
    command = [*mpy_cross, "-march=armv6m", "-o", str(output), str(ROOT / name)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert output.read_bytes()[:1] == b"M"


def test_a_file_that_does_not_compile_is_noticed(mpy_cross: list[str], tmp_path: Path) -> None:
    source = tmp_path / "wrong.py"
    source.write_text("seen = [*range(3), 4]\n")
    command = [*mpy_cross, "-march=armv6m", str(source)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0


def test_the_firmware_imports_nothing_that_is_not_checked_here() -> None:
    """What is ours and imported by the firmware lies in this package."""
    for name in FILES:
        tree = ast.parse((ROOT / name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] not in ("gateway", "drivers", "dsp"), name
