"""The feeder as a process: real sockets and signals; only the radio's client class is not bleak's."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers import moxy_radio
from drivers.feeder_port import FeederPort, open_feeder_port
from drivers.host import Identity
from drivers.moxy_feeder import LONGEST_PAUSE_S, STABLE_S, Pauses, main
from drivers.moxy_host import MoxyHost
from drivers.oximetry_events import OximeterNotice, Oximetry
from tests.drivers.no_radio import bleak as no_radio
from tests.drivers.ptys import run

ROOT = Path(__file__).parents[2]
NO_RADIO = Path(__file__).parent / "no_radio"
ADDRESS = "C0:FF:EE:00:11:22"
SELF = frozenset({os.geteuid()})


@dataclass
class Air:
    """The other side of ``no_radio/bleak.py``: what is on the air, decided by the test."""

    path: str
    answer: str = "ok"
    heard: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writer: asyncio.StreamWriter | None = None

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._connected, self.path)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().strip():
                self.heard.append(line)
                if line.startswith("connect"):
                    writer.write(f"{self.answer}\n".encode())
                self.changed.set()
        writer.close()
        self.heard.append("gone")
        self.changed.set()

    async def hears(self, line: str, times: int = 1) -> None:
        while self.heard.count(line) < times:
            await self.changed.wait()
            self.changed.clear()

    def say(self, line: str) -> None:
        assert self.writer is not None
        self.writer.write(f"{line}\n".encode())

    def notify(self, counter: int) -> None:
        self.say(f"notify {counter:02X}0015021602C00400")


@dataclass
class Core:
    """Core's end: a host for each connection, its events in one list."""

    path: str
    events: list[object] = field(default_factory=list)
    address: str = ADDRESS
    host: MoxyHost = field(default_factory=MoxyHost)
    connections: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> FeederPort:
        return await open_feeder_port(self.path, SELF, self._connected, self._bytes, self._lost)

    def _connected(self) -> None:
        self.host = MoxyHost(self.address)
        self.connections += 1
        self.changed.set()

    def _bytes(self, data: bytes) -> None:
        self.events += self.host.receive(data, int(asyncio.get_running_loop().time() * 1000))
        self.changed.set()

    def _lost(self, reason: str) -> None:
        self.changed.set()

    @property
    def told(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, OximeterNotice)]

    @property
    def counters(self) -> list[int | None]:
        return [event.counter for event in self.events if isinstance(event, Oximetry)]

    async def hears(self, notice: str, times: int = 1) -> None:
        while self.told.count(notice) < times:
            await self.changed.wait()
            self.changed.clear()

    async def reads(self, counter: int) -> None:
        while counter not in self.counters:
            await self.changed.wait()
            self.changed.clear()


CONNECTED = "Moxy feeder: the monitor is connected"


@contextlib.asynccontextmanager
async def feeder_process(
    air: Air, core: Core, *options: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The feeder, ended by SIGTERM if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drivers.moxy_feeder", "--address", ADDRESS, "--socket", core.path, *options),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(NO_RADIO), "NO_RADIO": air.path, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.fixture
def air(tmp_path: Path) -> Air:
    return Air(str(tmp_path / "air.sock"))


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(str(tmp_path / "moxy.sock"))


def test_notifications_become_readings_in_core(air: Air, core: Core) -> None:
    async def scenario() -> None:
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core):
            await air.hears("subscribed")
            await core.hears(CONNECTED)
            for counter in (1, 2, 5):
                air.notify(counter)
            await core.reads(5)
            assert core.counters == [1, 2, 5]
            assert core.host.identity == Identity("MOXY5", "12345")
            assert (core.host.counters.gaps, core.host.messages_lost, core.host.refusal) == (2, 0, "")
            newest = core.events[-1]
            assert isinstance(newest, Oximetry)
            assert (newest.channels[0].saturation_permille, newest.flags) == (533, ())
        await port.close()

    run(scenario)


def test_a_lost_link_is_told_and_the_monitor_returns_by_itself(air: Air, core: Core) -> None:
    async def scenario() -> None:
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core):
            await core.hears(CONNECTED)
            air.say("lost")
            await core.hears("Moxy feeder: the link was lost")
            await air.hears("disconnect")
            await core.hears(CONNECTED, times=2)
            air.notify(7)
            await core.reads(7)
        await port.close()

    run(scenario)


def test_a_monitor_that_falls_silent_is_left_and_looked_for_again(air: Air, core: Core) -> None:
    async def scenario() -> None:
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core, "--silent-after", "0.3"):
            await core.hears("Moxy feeder: connected, but silent for 0.3 s")
            await air.hears("disconnect")
            await core.hears(CONNECTED, times=2)
        await port.close()

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("other", "the device at this address has no Moxy service: another device"),
        ("odd", "the Moxy service lacks its sensor data: a firmware that nobody has read yet"),
        ("Device was not found.", "Device was not found."),
    ],
)
def test_what_is_no_moxy_is_refused_with_the_reason(air: Air, core: Core, answer: str, told: str) -> None:
    async def scenario() -> None:
        air.answer = answer
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core):
            await core.hears(f"Moxy feeder: {told}")
            air.answer = "ok"
            await core.hears(CONNECTED)
            assert "subscribed" in air.heard
        await port.close()

    run(scenario)


def test_a_core_that_restarts_is_found_again_and_greeted(air: Air, core: Core) -> None:
    async def scenario() -> None:
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core):
            await core.hears(CONNECTED)
            await port.close()
            air.notify(1)  # nobody hears this one: it shows the feeder that core has gone
            port = await core.listen()
            while core.connections < 2:
                await core.changed.wait()
                core.changed.clear()
            await core.hears(CONNECTED, times=2)
            air.notify(2)
            await core.reads(2)
            assert core.counters == [2]
            assert core.host.identity == Identity("MOXY5", "12345")
        await port.close()

    run(scenario)


def test_a_core_that_comes_later_is_found(air: Air, core: Core) -> None:
    async def scenario() -> None:
        async with await air.serve(), feeder_process(air, core):
            await air.hears("subscribed")
            air.notify(1)
            port = await core.listen()
            await core.hears(CONNECTED)
            air.notify(2)
            await core.reads(2)
            assert core.counters == [2]
        await port.close()

    run(scenario)


def test_a_signal_ends_it_and_the_link_is_left_properly(air: Air, core: Core) -> None:
    async def scenario() -> None:
        port = await core.listen()
        async with await air.serve(), feeder_process(air, core) as process:
            await air.hears("subscribed")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            await air.hears("disconnect")
        await port.close()

    run(scenario)


def test_systemd_is_told_that_it_is_ready_and_lives(air: Air, core: Core, tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.settimeout(5)
            async with await air.serve(), feeder_process(air, core, NOTIFY_SOCKET=str(tmp_path / "notify")):
                said = [await asyncio.to_thread(manager.recv, 100) for _ in range(2)]
                assert said == [b"READY=1", b"WATCHDOG=1"]
                await air.hears("subscribed")

    run(scenario)


def test_a_subscription_that_is_never_answered_has_an_end(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    """BlueZ does this when the monitor goes away at the wrong moment."""
    monkeypatch.setattr(moxy_radio, "SUBSCRIBE_S", 0.2)
    monkeypatch.setattr(moxy_radio, "load_bleak", lambda: no_radio)
    monkeypatch.setenv("NO_RADIO", air.path)
    air.answer = "never"

    async def scenario() -> None:
        async with await air.serve():
            with pytest.raises(moxy_radio.RadioLost, match=r"no subscription within 0\.2 s"):
                await moxy_radio.listen(ADDRESS, lambda _: None, lambda _: None)
            await air.hears("gone")

    run(scenario)


def test_whatever_is_heard_breaks_the_silence(air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moxy_radio, "load_bleak", lambda: no_radio)
    monkeypatch.setenv("NO_RADIO", air.path)
    heard: list[bytes] = []

    def another(payload: bytes) -> None:
        heard.append(payload)
        if len(heard) < 5:
            asyncio.get_running_loop().call_later(0.25, air.notify, len(heard))

    async def scenario() -> None:
        async with await air.serve():
            with pytest.raises(moxy_radio.RadioLost, match="but silent"):
                await moxy_radio.listen(ADDRESS, lambda _: air.notify(0), another, silent_s=0.8)
            await air.hears("gone")
            assert "disconnect" in air.heard
            assert [payload[0] for payload in heard] == [0, 1, 2, 3, 4]

    run(scenario)


def test_without_bleak_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bleak", None)
    assert main(["--address", ADDRESS, "--socket", str(tmp_path / "moxy.sock")]) == 78
    assert "pip install 'rvos[ble]'" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["", "C0:FF:EE:00:11", "C0:FF:EE:00:11:GG", "moxy"])
def test_an_address_that_is_none_is_wrong_usage(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--address", address, "--socket", "/tmp/x"])
    assert "is no Bluetooth address" in capsys.readouterr().err


class TestPauses:
    def test_they_double_up_to_a_minute(self) -> None:
        pauses = Pauses()
        assert [pauses.after(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S]

    def test_a_link_that_lived_starts_them_again_and_a_short_one_does_not(self) -> None:
        pauses = Pauses()
        pauses.after(0)
        assert pauses.after(STABLE_S - 1) == 2
        assert pauses.after(STABLE_S) == 1
        assert pauses.after(0) == 2
