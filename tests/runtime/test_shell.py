"""The shell around a real core: ports that come and go, defects that must not go unnoticed, the watchdog.

The cuff is the real firmware behind a pseudo-terminal; it answers what it is asked.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from drivers import link
from drivers.usb import SYS
from gateway.config import Config, CoreConfig, CuffConfig, MqttConfig, SiteConfig
from gateway.model import Reason
from gateway.record.errors import JournalFull
from gateway.record.events import CoreStopped
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.row import Row, StoredRow
from gateway.record.verify import verify
from gateway.runtime import service
from gateway.runtime.annunciator import TerminalOutput
from gateway.runtime.clock import SystemClock
from gateway.runtime.cuff_link import CuffLink
from gateway.runtime.equipment import Equipment
from gateway.runtime.gate import VENT
from gateway.runtime.requests import SessionStop
from gateway.runtime.restore import restore
from gateway.runtime.service import CoreShell, compose
from gateway.runtime.writer import DirectWriter, ThreadWriter
from gateway.safety.limits import HARD
from gateway.simulation.bedside import VirtualClock
from gateway.simulation.stage import Pty, open_pty
from tests.drivers.cuff_bench import NONCE, Controller, PressedCuff
from tests.runtime.sockets import DEADLINE_S, Client, ask

DEVICE = "gateway-1"


class Device:
    """The firmware at the far end of a cable that is plugged in by name."""

    def __init__(self, port: Path) -> None:
        self._port = port
        self._pty: Pty | None = None
        self.received = b""

    def plug(self) -> None:
        self._pty = open_pty()
        self._controller = Controller(PressedCuff(), 0, NONCE, b"RV-1", b"bench")
        self._port.symlink_to(self._pty.path)
        asyncio.get_running_loop().add_reader(self._pty.master, self._read)

    def pull(self) -> None:
        if self._pty is not None:
            self._port.unlink()
            asyncio.get_running_loop().remove_reader(self._pty.master)
            self._pty.close()
            self._pty = None

    def send(self, data: bytes) -> None:
        assert self._pty is not None
        os.write(self._pty.master, data)

    def _read(self) -> None:
        assert self._pty is not None
        data = os.read(self._pty.master, 65536)
        self.received += data
        self._controller.receive(data, 0)
        self.send(self._controller.outgoing())


class Bench:
    """A core in its shell, in this process and in real time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal.db"
        self.control = folder / service.CONTROL_SOCKET
        self.device = Device(folder / "cuff")
        self.sys_root = SYS

    @property
    def config(self) -> Config:
        return Config(
            site=SiteConfig(site="site", ward="ward", device=DEVICE),
            core=CoreConfig(state_dir=str(self.folder), runtime_dir=str(self.folder)),
            cuff=CuffConfig(port=str(self.folder / "cuff"), description="a cuff"),
            mqtt=MqttConfig(host="nowhere"),
        )

    def run(self, scenario: Callable[[], Awaitable[None]]) -> int:
        """Serve until the scenario has brought the end about; the exit code."""

        async def serving() -> int:
            journal = Journal.open(self.journal, device=DEVICE)
            sink = ThreadWriter(journal)
            self.core = compose(self.config, self.journal, journal.next_boot(), sink, SystemClock())
            self.shell = CoreShell(self.core, SystemClock(), sys_root=self.sys_root)
            try:
                async with asyncio.timeout(DEADLINE_S):
                    running = asyncio.create_task(self.shell.run())
                    await scenario()
                    return await running
            finally:
                self.device.pull()
                sink.close()

        return asyncio.run(serving())

    async def accepted(self) -> None:
        self.device.plug()
        await until(lambda: self.core.gate.accepted)

    def rows(self) -> list[StoredRow]:
        with JournalReader.open(self.journal) as reader:
            return list(reader.rows(kind="event"))

    def types(self) -> list[str]:
        return [row.type for row in self.rows()]

    def latched(self) -> Reason | None:
        clock = SystemClock()
        with JournalReader.open(self.journal) as reader:
            return restore(reader, HARD, clock.boot_id, clock.stamp(9, clock.now_ms())).latched


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until this holds; the deadline of the run ends the wait."""
    while not holds():  # noqa: ASYNC110 - what happens inside the core has no event
        await asyncio.sleep(0)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(link, "RETRY_S", 0.02)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with TemporaryDirectory(prefix="rvos-") as name:
        yield Bench(Path(name))
    gc.unfreeze()


def _broken(*_: object, **__: object) -> None:
    raise KeyError("planted")


async def _in_the_cycle(bench: Bench) -> None:
    bench.core.step = _broken  # type: ignore[method-assign]


async def _in_the_gate(bench: Bench) -> None:
    bench.core.gate.act = _broken  # type: ignore[method-assign]


async def _in_the_cuff_s_bytes(bench: Bench) -> None:
    bench.core.cuff_bytes = _broken  # type: ignore[method-assign]
    bench.device.send(b"x")


async def _in_a_request(bench: Bench) -> None:
    bench.core.stop = _broken  # type: ignore[method-assign]
    client = await Client.connect(bench.control)
    client.send(msgspec.json.encode(SessionStop()) + b"\n")
    assert await client.rest() == b""


async def _in_the_farewell(bench: Bench) -> None:
    bench.core.shut_down = _broken  # type: ignore[method-assign]
    signal.raise_signal(signal.SIGTERM)


DEFECTS = [
    _in_the_cycle,
    _in_the_gate,
    _in_the_cuff_s_bytes,
    _in_a_request,
    _in_the_farewell,
]


class TestEnding:
    def end(self, bench: Bench) -> int:
        """Serve as the process does, and stop it as a service manager does."""

        async def serving() -> int:
            async with asyncio.timeout(DEADLINE_S):
                running = asyncio.create_task(service._serve(bench.config, bench.journal))
                await until(lambda: signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
                signal.raise_signal(signal.SIGTERM)
                return await running

        return asyncio.run(serving())

    def test_a_whole_record_ends_with_zero(self, bench: Bench) -> None:
        assert self.end(bench) == 0
        assert bench.types()[-1] == CoreStopped.name

    def test_a_record_that_is_not_whole_ends_with_a_code_and_says_why(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        append = Journal.append

        def fail(journal: Journal, rows: Sequence[Row]) -> object:
            if any(row.type == CoreStopped.name for row in rows):
                raise JournalFull(bench.journal, "no space left on device")
            return append(journal, rows)

        monkeypatch.setattr(Journal, "append", fail)
        assert self.end(bench) == 74
        said = capfd.readouterr().err
        assert "rvos core: the record is not whole: " in said
        assert "no space left on device" in said


class TestDefects:
    def test_an_os_error_in_a_stop_is_a_defect_and_not_a_client_that_left(self, bench: Bench) -> None:
        def broken(*_: object, **__: object) -> None:
            raise OSError("planted")

        async def scenario() -> None:
            await bench.accepted()
            bench.core.stop = broken  # type: ignore[method-assign,assignment]
            client = await Client.connect(bench.control)
            client.send(msgspec.json.encode(SessionStop()) + b"\n")
            assert await client.rest() == b""
            await until(lambda: VENT in bench.device.received)

        assert bench.run(scenario) == 70
        assert bench.latched() is Reason.CORE_RESTARTED

    def test_one_last_word_that_fails_keeps_no_other_from_being_said(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []

        def words(equipment: Equipment) -> tuple[Callable[[], object], ...]:
            return (lambda: {}["broken"], lambda: said.append("stop"))

        monkeypatch.setattr(Equipment, "last_words", words)

        async def scenario() -> None:
            await bench.accepted()
            await DEFECTS[0](bench)
            await until(lambda: bool(said))

        assert bench.run(scenario) == 70
        assert said == ["stop"]
        assert bench.latched() is Reason.CORE_RESTARTED
        assert bench.types()[-1] == CoreStopped.name

    @pytest.mark.parametrize("plant", DEFECTS)
    def test_a_defect_vents_at_once_and_ends_the_process_latched(
        self, bench: Bench, plant: Callable[[Bench], Awaitable[None]], capfd: pytest.CaptureFixture[str]
    ) -> None:
        async def scenario() -> None:
            await bench.accepted()
            bench.device.received = b""
            await plant(bench)
            await until(lambda: VENT in bench.device.received)

        assert bench.run(scenario) == 70
        assert bench.device.received.endswith(VENT), "something was sent after the vent"
        assert bench.device.received.count(VENT) == 1
        assert bench.latched() is Reason.CORE_RESTARTED
        last = bench.rows()[-1]
        assert last.type == CoreStopped.name
        assert "KeyError('planted')" in msgspec.json.decode(last.body, type=CoreStopped).reason
        assert verify(bench.journal).ok
        said = capfd.readouterr().err
        assert "Traceback" in said
        assert said.endswith(
            "rvos core: ended by a defect (KeyError('planted')); the cuff was told to vent\n"
        )

    def test_a_task_that_just_ends_is_a_defect(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        async def come_to_an_end(_: CuffLink) -> None:
            return

        async def scenario() -> None:
            return

        monkeypatch.setattr(CuffLink, "keep", come_to_an_end)
        assert bench.run(scenario) == 70
        assert "came to its end" in capfd.readouterr().err

    def test_without_a_cuff_a_defect_ends_the_process_as_well(self, bench: Bench) -> None:
        async def scenario() -> None:
            await until(bench.control.exists)
            await _in_the_cycle(bench)

        assert bench.run(scenario) == 70
        assert bench.latched() is Reason.CORE_RESTARTED

    def test_trouble_of_a_socket_is_worth_a_line_and_no_more(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scenario() -> None:
            await bench.accepted()
            context = {"message": "socket.accept() out of system resource", "exception": OSError(24, "full")}
            asyncio.get_running_loop().call_exception_handler(context)
            reply = await ask(bench.control, SessionStop())
            assert reply.exit_code == 0
            signal.raise_signal(signal.SIGTERM)

        with caplog.at_level(logging.ERROR, logger="asyncio"):
            assert bench.run(scenario) == 0
        assert "out of system resource" in caplog.text

    def test_a_log_that_nobody_takes_is_no_defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with open("/dev/full", "w") as full:
            monkeypatch.setattr(sys, "stderr", full)
            service._say("lost")
            TerminalOutput().say("HIGH ALARM: lost", ring=True)
            monkeypatch.undo()
            with pytest.raises(OSError, match="No space left"):
                full.flush()
            full.buffer.raw.close()


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_with_nothing_latched(self, bench: Bench, number: signal.Signals) -> None:
        async def scenario() -> None:
            await bench.accepted()
            signal.raise_signal(number)

        assert bench.run(scenario) == 0
        assert bench.types()[-1] == "core_stopped"
        assert bench.latched() is None

    def test_the_ports_are_free_afterwards(self, bench: Bench) -> None:
        held: list[str] = []

        async def scenario() -> None:
            await bench.accepted()
            held.extend(_open_terminals())
            signal.raise_signal(signal.SIGTERM)
            await until(lambda: len(_open_terminals()) < len(held))

        assert bench.run(scenario) == 0


class TestPorts:
    def test_a_cuff_that_is_lost_and_returns_is_met_again(self, bench: Bench) -> None:
        def refused(words: str) -> Callable[[], bool]:
            return lambda: words in bench.core.gate.refusal

        async def scenario() -> None:
            await until(lambda: hasattr(bench, "core"))
            await until(refused("cuff: no serial port here (No such file or directory)"))
            await bench.accepted()
            bench.device.pull()
            await until(refused("unplugged or gone"))
            await until(refused("no serial port here"))
            assert not bench.core.gate.accepted
            await bench.accepted()
            signal.raise_signal(signal.SIGTERM)

        assert bench.run(scenario) == 0
        devices = [kind for kind in bench.types() if kind.startswith("device_")]
        assert devices == ["device_identified", "device_lost", "device_identified"]

    def test_a_cuff_that_is_never_there_leaves_a_core_that_answers(self, bench: Bench) -> None:
        async def scenario() -> None:
            await until(bench.control.exists)
            await until(lambda: "no serial port" in bench.core.gate.refusal)
            assert (await ask(bench.control, SessionStop())).exit_code == 0
            signal.raise_signal(signal.SIGTERM)

        assert bench.run(scenario) == 0
        assert not [kind for kind in bench.types() if kind.startswith("device_")]


class TestWatchdog:
    """Fed twice a second by a cycle that is on time; turns in virtual time, a real socket for systemd."""

    @pytest.fixture
    def listener(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
        address = str(bench.folder / "notify")
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
            found.bind(address)
            found.setblocking(False)
            yield found

    @pytest.fixture
    def turn(self, bench: Bench, listener: socket.socket) -> Iterator[Callable[[int], None]]:
        clock = VirtualClock()
        journal = Journal.open(bench.journal, device=DEVICE)
        sink = DirectWriter(journal)
        shell = CoreShell(compose(bench.config, bench.journal, journal.next_boot(), sink, clock), clock)

        def turn(after_ms: int) -> None:
            clock.ms += after_ms
            shell._turn(clock.ms)

        yield turn
        shell._manager.close()
        sink.close()

    def test_a_cycle_on_time_feeds_it(self, turn: Callable[[int], None], listener: socket.socket) -> None:
        for _ in range(100):
            turn(50)
        assert _fed(listener) == 10

    @pytest.mark.parametrize(("late_ms", "fed"), [(100, 3), (101, 2)])
    def test_one_late_turn_is_one_feeding_less(
        self, turn: Callable[[int], None], listener: socket.socket, late_ms: int, fed: int
    ) -> None:
        for _ in range(20):
            turn(50)
        _fed(listener)
        turn(late_ms)
        for _ in range(20):
            turn(50)
        assert _fed(listener) == fed

    def test_a_cycle_that_is_always_late_starves_it(
        self, turn: Callable[[int], None], listener: socket.socket
    ) -> None:
        for _ in range(50):
            turn(101)
        assert _fed(listener) == 0


def _fed(listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            count += listener.recv(4096) == b"WATCHDOG=1"
        except BlockingIOError:
            return count


def _open_terminals() -> list[str]:
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return [link for link in links if os.path.lexists(link) and os.readlink(link).startswith("/dev/pts/")]
