"""The shipped files, read by systemd's own tools."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config import CoreConfig, LinkConfig

SHIPPED = Path(__file__).parents[2] / "systemd"
UNITS = ("rvos-core.service", "rvos-link.service")
PROGRAM = "/opt/rvos/venv/bin/rvos"
EXPOSURE_TIMES_TEN = {"rvos-core.service": 12, "rvos-link.service": 15}
RULE_LINE = re.compile(r"^[^#\n].*SYMLINK.*$", re.MULTILINE)


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60, check=False
    )


def settings(unit: str) -> dict[str, list[str]]:
    """Each directive of a unit with its values in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", (SHIPPED / unit).read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def installed(unit: str, directory: Path, planted: str = "") -> Path:
    """A copy whose program exists on this machine; ``planted`` goes into its [Service] section."""
    text = (SHIPPED / unit).read_text()
    assert text.count(PROGRAM) == 1
    program = shutil.which("true")
    assert program is not None
    path = directory / unit
    path.write_text(text.replace(PROGRAM, program).replace("[Service]", f"[Service]\n{planted}"))
    return path


def complaints(directory: Path, planted: str = "") -> str:
    """What systemd-analyze verify says about both units; its exit code says nothing."""
    paths = [installed(unit, directory, planted) for unit in UNITS]
    said = run(tool("systemd-analyze"), "verify", "--man=no", *paths).stderr
    return "\n".join(line for line in said.splitlines() if "rvos-" in line)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    assert complaints(tmp_path) == ""


@pytest.mark.parametrize(
    "planted", ["NoSuchDirective=yes", "WatchdogSec=soon", "SystemCallFilter=@no-such-set"]
)
def test_a_wrong_line_would_be_noticed(tmp_path: Path, planted: str) -> None:
    assert complaints(tmp_path, planted) != ""


def exposure(path: Path, threshold: int) -> int:
    security = ("security", "--offline=yes", "--no-pager", f"--threshold={threshold}")
    return run(tool("systemd-analyze"), *security, path).returncode


@pytest.mark.parametrize("unit", UNITS)
def test_the_exposure_stays_low(tmp_path: Path, unit: str) -> None:
    assert exposure(installed(unit, tmp_path), EXPOSURE_TIMES_TEN[unit]) == 0


@pytest.mark.parametrize("unit", UNITS)
def test_a_loss_of_hardening_would_be_noticed(tmp_path: Path, unit: str) -> None:
    path = installed(unit, tmp_path)
    path.write_text(path.read_text().replace("CapabilityBoundingSet=\n", ""))
    assert exposure(path, EXPOSURE_TIMES_TEN[unit]) != 0


def test_core_has_devices_and_no_network_and_the_link_the_reverse() -> None:
    core, link = settings("rvos-core.service"), settings("rvos-link.service")
    assert core["PrivateNetwork"] == ["yes"]
    assert core["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert core["DeviceAllow"] == ["char-166 rw", "char-188 rw"]
    assert "DeviceAllow" not in link
    assert link["PrivateDevices"] == ["yes"]
    assert link["User"] != core["User"]


def test_core_is_watched_and_its_start_and_control_socket_work_as_it_expects() -> None:
    core = settings("rvos-core.service")
    assert core["Type"] == ["notify"]
    assert core["WatchdogSec"] == ["2"]
    assert core["Restart"] == ["always"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_hardening_leaves_what_the_services_must_know(unit: str) -> None:
    """The quality of the clock and the identity of the boot, and to core who asks: see the units."""
    found = settings(unit)
    assert (found["ProtectClock"], found["ProcSubset"]) == (["no"], ["all"])
    assert found["SystemCallFilter"][-1] == "adjtimex clock_adjtime"
    assert found["CapabilityBoundingSet"] == [""]
    assert found["PrivateUsers"] == ["no" if unit == "rvos-core.service" else "yes"]


def test_the_units_agree_with_the_defaults_of_the_configuration() -> None:
    core, link = settings("rvos-core.service"), settings("rvos-link.service")
    assert f"/var/lib/{core['StateDirectory'][0]}" == CoreConfig().state_dir
    assert f"/run/{core['RuntimeDirectory'][0]}" == CoreConfig().runtime_dir
    assert f"/var/lib/{link['StateDirectory'][0]}" == LinkConfig().state_dir
    users = (SHIPPED / "rvos.sysusers").read_text()
    for name in (core["User"][0], link["User"][0], CoreConfig().operators_group):
        assert re.search(rf"^[ug]\s+{name}\s", users, re.MULTILINE), name


def sysusers(root: Path, text: str) -> list[str]:
    """The lines that systemd-sysusers refuses; its exit code says nothing."""
    (root / "etc").mkdir(exist_ok=True)
    path = root / "rvos.sysusers"
    path.write_text(text)
    said = run(tool("systemd-sysusers"), f"--root={root}", path).stderr
    return [line for line in said.splitlines() if not line.startswith("Creating ")]


def test_users_groups_and_directories_are_made(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes files that belong to other users")
    assert sysusers(tmp_path, (SHIPPED / "rvos.sysusers").read_text()) == []
    users = (tmp_path / "etc/passwd").read_text()
    assert {line.split(":")[0] for line in users.splitlines()} == {"rvos", "rvos-link"}
    made = run(tool("systemd-tmpfiles"), "--create", f"--root={tmp_path}", SHIPPED / "rvos.tmpfiles")
    assert made.stderr == ""
    directory = (tmp_path / "etc/rvos").stat()
    assert (directory.st_mode & 0o777, directory.st_uid, directory.st_gid) == (0o755, 0, 0)


def test_a_wrong_user_line_would_be_noticed(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: makes files that belong to other users")
    assert sysusers(tmp_path, 'u rvos - "a colon: is not allowed"\n') != []


def test_devices_are_named_by_serial_number_for_the_group_of_core() -> None:
    rules = RULE_LINE.findall((SHIPPED / "60-rvos.rules").read_text())
    assert [re.findall(r'SYMLINK\+="([^"]+)"', rule) for rule in rules] == [["rvos-cuff"], ["rvos-oximeter"]]
    for rule in rules:
        assert re.search(r'ATTRS\{serial\}=="[^"]+"', rule)
        for setting in ('GROUP="rvos"', 'MODE="0660"', 'ENV{ID_MM_DEVICE_IGNORE}="1"'):
            assert setting in rule


def test_udev_understands_every_rule() -> None:
    udevadm = tool("udevadm")
    if "verify" not in run(udevadm, "--help").stdout:
        pytest.skip("this udevadm has no verify (systemd 254 and later have)")
    checked = run(udevadm, "verify", SHIPPED / "60-rvos.rules")
    assert checked.returncode == 0, checked.stderr
