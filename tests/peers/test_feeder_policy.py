"""The bus policy of the Bluetooth feeders on a real bus, asked by a real user."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.peers.environments import ROOT, python_of
from tests.systemd.test_units import SHIPPED, run, tool

NOBODY = "nobody"
OTHERS = ["org.freedesktop.systemd1", "org.freedesktop.login1", "org.freedesktop.NetworkManager"]

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={directory}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.systemd1"/>
    <allow send_destination="org.freedesktop.login1"/>
    <allow send_destination="org.freedesktop.NetworkManager"/>
    <allow send_destination="org.bluez"/>
  </policy>
  <include>{directory}/policy.conf</include>
</busconfig>
"""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a bus like a system's; our policy holds for the user nobody."""
    if os.geteuid() != 0:
        pytest.skip("needs root: speaks on the bus as another user")
    policy = (SHIPPED / "rvos-feeder.dbus.conf").read_text()
    assert policy.count('user="rvos-feeder"') == 1
    (tmp_path / "policy.conf").write_text(policy.replace('user="rvos-feeder"', f'user="{NOBODY}"'))
    (tmp_path / "bus.conf").write_text(BUS.format(directory=tmp_path))
    for directory in (tmp_path, *tmp_path.parents):
        if directory == Path(tempfile.gettempdir()):
            break
        directory.chmod(0o755)
    command = [tool("dbus-daemon"), f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address"]
    with started(command) as daemon:
        address = daemon.readline().strip()
        names = [
            str(python_of("bleak")),
            str(ROOT / "tests/peers/clients/bus_names.py"),
            "org.bluez",
            *OTHERS,
        ]
        with started(names, DBUS_SYSTEM_BUS_ADDRESS=address) as owner:
            assert owner.readline() == "ready\n"
            yield address


@contextlib.contextmanager
def started(command: list[str], **environment: str) -> Iterator[IO[str]]:
    """What this process prints, while it runs."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.communicate()


def denied(bus: str, user: str, destination: str, member: str) -> bool:
    """Whether the bus keeps this call of this user from its destination."""
    command = (
        *(tool("setpriv"), f"--reuid={user}", "--clear-groups", tool("dbus-send"), f"--bus={bus}"),
        *("--print-reply", "--reply-timeout=3000", f"--dest={destination}", "/", member),
    )
    said = run(*command)
    assert "NoReply" not in said.stderr, said.stderr
    return "AccessDenied" in said.stderr


@pytest.mark.parametrize(
    "member", ["org.bluez.Device1.Connect", "org.freedesktop.DBus.ObjectManager.GetManagedObjects"]
)
def test_a_feeder_may_ask_bluez(bus: str, member: str) -> None:
    assert not denied(bus, NOBODY, "org.bluez", member)


@pytest.mark.parametrize(
    "member", ["org.bluez.GattCharacteristic1.WriteValue", "org.bluez.GattDescriptor1.WriteValue"]
)
def test_a_feeder_may_write_nothing_to_a_sensor(bus: str, member: str) -> None:
    assert denied(bus, NOBODY, "org.bluez", member)
    assert not denied(bus, "root", "org.bluez", member)


@pytest.mark.parametrize("destination", OTHERS)
def test_a_feeder_may_ask_nobody_else(bus: str, destination: str) -> None:
    assert denied(bus, NOBODY, destination, "org.freedesktop.DBus.Peer.Ping")
    assert not denied(bus, "root", destination, "org.freedesktop.DBus.Peer.Ping")


def test_a_feeder_may_ask_the_bus_itself(bus: str) -> None:
    assert not denied(bus, NOBODY, "org.freedesktop.DBus", "org.freedesktop.DBus.ListNames")
