"""The Moxy feeder with the real bleak, over a real D-Bus: only BlueZ and its radio are not there."""

import asyncio
import contextlib
import getpass
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from drivers.host import Identity
from tests.drivers.test_moxy_feeder import ADDRESS, CONNECTED, Core
from tests.peers.environments import DEADLINE_S, ROOT, python_of

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
  <include>{policy}</include>
  <policy context="mandatory">
    <allow own="org.bluez"/>
  </policy>
</busconfig>
"""


PIPE = asyncio.subprocess.PIPE
BLUEZ = str(ROOT / "tests/peers/clients/bluez.py")


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(main())


@contextlib.asynccontextmanager
async def private_bus(directory: Path) -> AsyncIterator[str]:
    """A message bus of its own, on which we are the feeders' user (but may be BlueZ); yields its address."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("dbus-daemon is not installed here")
    config = directory / "bus.conf"
    policy = directory / "policy.conf"
    shipped = (ROOT / "systemd/rvos-feeder.dbus.conf").read_text()
    policy.write_text(shipped.replace('user="rvos-feeder"', f'user="{getpass.getuser()}"'))
    config.write_text(BUS.format(socket=directory / "bus", policy=policy))
    process = await asyncio.create_subprocess_exec(
        *(daemon, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.communicate()


class BlueZ:
    """The process that answers to org.bluez."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.asked: list[str] = []

    def say(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())

    async def is_asked(self, member: str, times: int = 1) -> None:
        assert self._process.stdout is not None
        while self.asked.count(member) < times:
            line = await self._process.stdout.readline()
            assert line, f"org.bluez ended; it was asked for {self.asked}"
            self.asked.append(line.decode().strip())


@contextlib.asynccontextmanager
async def started(*arguments: str, address: str, **pipes: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(str(python_of("bleak")), "-u", *arguments),
        cwd=ROOT,
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address, "PYTHONPATH": str(ROOT)},
        **pipes,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def feeder_of(core: Core, *options: str) -> tuple[str, ...]:
    return ("-m", "drivers.moxy_feeder", "--address", ADDRESS, "--socket", core.path, *options)


def test_the_feeder_hears_a_moxy_through_bleak_and_finds_it_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        core = Core(str(tmp_path / "moxy.sock"))
        port = await core.listen()
        async with (
            private_bus(tmp_path) as address,
            started(BLUEZ, address=address, stdin=PIPE, stdout=PIPE) as process,
        ):
            bluez = BlueZ(process)
            await bluez.is_asked("ready")
            async with started(*feeder_of(core), address=address):
                await bluez.is_asked("StartNotify")
                await core.hears(CONNECTED)
                bluez.say("notify CB0615021602C00400")
                await core.reads(1739)
                assert core.host.identity == Identity("MOXY5", ADDRESS, "1.2")
                bluez.say("lost")
                await core.hears("Moxy feeder: the link was lost")
                await bluez.is_asked("StartNotify", times=2)
                await core.hears(CONNECTED, times=2)
                bluez.say("notify CC0612021202C10400")
                await core.reads(1740)
            await bluez.is_asked("Disconnect")
            assert "WriteValue" not in bluez.asked
        await port.close()

    run(scenario)


def test_the_feeder_outlives_bluez_and_says_what_is_wrong(tmp_path: Path) -> None:
    async def scenario() -> None:
        core = Core(str(tmp_path / "moxy.sock"))
        port = await core.listen()
        async with (
            private_bus(tmp_path) as address,
            started(BLUEZ, address=address, stdin=PIPE, stdout=PIPE) as process,
        ):
            await BlueZ(process).is_asked("ready")
            async with started(*feeder_of(core, "--silent-after", "0.5"), address=address) as feeder:
                await core.hears(CONNECTED)
                process.kill()
                await core.hears("Moxy feeder: connected, but silent for 0.5 s")
                while not [text for text in core.told if "org.bluez" in text or "adapter" in text.lower()]:
                    await core.changed.wait()
                    core.changed.clear()
                assert feeder.returncode is None
        await port.close()

    run(scenario)
