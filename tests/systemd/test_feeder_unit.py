"""The unit and the user of the Bluetooth feeders, read by systemd's own tools."""

import os
import shutil
from pathlib import Path

import pytest

from gateway.config import CoreConfig
from tests.systemd.test_units import SHIPPED, exposure, run, settings, sysusers, tool

UNIT = "rvos-feeder-moxy@.service"
PROGRAM = "/opt/rvos/venv/bin/python"
EXPOSURE_TIMES_TEN = 4


def installed(directory: Path, planted: str = "") -> Path:
    """A copy whose program exists on this machine; ``planted`` goes into its [Service] section."""
    text = (SHIPPED / UNIT).read_text()
    assert text.count(PROGRAM) == 1
    program = shutil.which("true")
    assert program is not None
    path = directory / UNIT
    path.write_text(text.replace(PROGRAM, program).replace("[Service]", f"[Service]\n{planted}"))
    return path


def complaints(directory: Path, planted: str = "") -> str:
    said = run(tool("systemd-analyze"), "verify", "--man=no", installed(directory, planted)).stderr
    return "\n".join(line for line in said.splitlines() if "rvos-feeder" in line)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    assert complaints(tmp_path) == ""


@pytest.mark.parametrize("planted", ["NoSuchDirective=yes", "WatchdogSec=soon"])
def test_a_wrong_line_would_be_noticed(tmp_path: Path, planted: str) -> None:
    assert complaints(tmp_path, planted) != ""


def test_the_exposure_stays_low(tmp_path: Path) -> None:
    assert exposure(installed(tmp_path), EXPOSURE_TIMES_TEN) == 0


def test_a_loss_of_hardening_would_be_noticed(tmp_path: Path) -> None:
    path = installed(tmp_path)
    path.write_text(path.read_text().replace("PrivateNetwork=yes\n", ""))
    assert exposure(path, EXPOSURE_TIMES_TEN) != 0


def test_it_has_no_network_no_device_and_nothing_of_cores() -> None:
    found = settings(UNIT)
    assert found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert found["PrivateNetwork"] == ["yes"]
    assert found["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in found
    assert "SupplementaryGroups" not in found
    assert found["User"] != settings("rvos-core.service")["User"]
    for state in (CoreConfig().state_dir, "/etc/rvos"):
        assert f"-{state}" in found["InaccessiblePaths"][0].split()


def test_it_is_watched_and_finds_core_where_core_listens() -> None:
    found = settings(UNIT)
    assert (found["Type"], found["Restart"]) == (["notify"], ["always"])
    assert f"--socket {CoreConfig().runtime_dir}/moxy.sock" in found["ExecStart"][0]
    assert "--address %i" in found["ExecStart"][0]
    assert found["RestartPreventExitStatus"] == ["2 78"]


def test_its_user_is_made(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes files that belong to other users")
    assert sysusers(tmp_path, (SHIPPED / "rvos-feeder.sysusers").read_text()) == []
    users = (tmp_path / "etc/passwd").read_text()
    assert {line.split(":")[0] for line in users.splitlines()} == set(settings(UNIT)["User"])
