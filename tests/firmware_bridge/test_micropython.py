"""The portable tests again, under a real MicroPython with a heap of 192 kB."""

import subprocess

import pytest

from tests.firmware_bridge.conftest import ROOT

PORTABLE = [
    *("test_ecp", "test_cuff", "test_lease", "test_limbs", "test_relay", "test_people", "test_interlock"),
    *("test_airflow", "test_controller", "test_wrap", "test_regulation", "test_edges"),
    *("test_hub", "test_hub_device", "test_hx711"),
]


@pytest.mark.micropython
@pytest.mark.parametrize("module", PORTABLE)
def test_portable_tests_pass(micropython: list[str], module: str) -> None:
    runner = ROOT / "tests/firmware_bridge/run_portable.py"
    result = subprocess.run(
        [*micropython, str(runner), str(ROOT), module], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr + result.stdout
    source = (runner.parent / f"{module}.py").read_text()
    assert int(result.stdout) == source.count("\ndef test_")
