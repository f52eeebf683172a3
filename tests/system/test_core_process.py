"""``rvos core`` as a service manager runs it: a real process, its sockets, its ports, its ends."""

import fcntl
import grp
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from gateway.model import Limb, Reason
from gateway.record.events import CoreStopped, SessionEnded, Tripped
from gateway.record.reader import JournalReader
from gateway.record.row import StoredRow
from gateway.record.verify import verify
from gateway.runtime.control_client import ask
from gateway.runtime.requests import (
    AlarmList,
    PatientHistory,
    Reply,
    SessionReset,
    SessionStart,
    SessionStatus,
    SessionStop,
)
from gateway.simulation.live import Truth, _truth
from gateway.simulation.nurse import start_request
from gateway.simulation.plant_process import PRESS_MS, press
from gateway.simulation.stage import Pty, Stage, open_pty

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0
RVOS = (sys.executable, "-m", "gateway.cli")
STALLED_MS = 1_000  # the controller's dead-man, and the board's watchdog

CONFIG = """\
[site]
site = "site"
ward = "ward"
device = "gateway-1"
[core]
state_dir = "{folder}/state"
runtime_dir = "{folder}"
operators_group = "{group}"
[cuff]
port = "{port}"
description = "a cuff"
[mqtt]
host = "localhost"
[link]
state_dir = "{folder}/link"
"""


class Place:
    """A configuration of its own, and the processes that were started on it."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self.folder, self._ending = folder, ending
        self.config = folder / "rvos.toml"
        self.journal = folder / "state" / "journal.db"
        self.configure(str(folder / "no-cuff"))

    def configure(self, port: str) -> None:
        group = grp.getgrgid(os.getgid()).gr_name
        self.config.write_text(CONFIG.format(folder=self.folder, group=group, port=port))

    def core(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start it and wait until it says that it is ready."""
        process = self._start(*(command or RVOS), "core", "--config", str(self.config), **environment)
        _read_until(process, b"rvos core: ready")
        return process

    def rvos(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A verb of the command line, run to its end."""
        command = [*RVOS, "--config", str(self.config), *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S)

    def ask(
        self,
        request: AlarmList | PatientHistory | SessionStart | SessionStatus | SessionReset | SessionStop,
    ) -> Reply:
        return ask(self.folder / "control.sock", request)

    def ask_until(self, what: str, process: "subprocess.Popen[bytes]", state: str, *wanted: object) -> None:
        """Look at the status ten times a second while the process lives."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if self.ask(SessionStatus()).data["state"][state] in wanted:
                return
            _wait_a_moment(process)
        raise AssertionError(f"waited in vain until {what}")

    def rows(self) -> list[StoredRow]:
        with JournalReader.open(self.journal) as reader:
            return list(reader.rows(kind="event"))

    def stage(self) -> Stage:
        """Simulated devices, ended with the test."""
        stage = Stage(self.folder / "logs")
        self._ending.callback(stage.close)
        return stage

    def _start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        inherited = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
        process = self._ending.enter_context(
            subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, env={**inherited, **environment})
        )
        self._ending.callback(process.kill)
        return process


@pytest.fixture
def place() -> Iterator[Place]:
    """A folder with a short name: a socket's path may have 107 characters only."""
    with TemporaryDirectory(prefix="rvos-") as name, ExitStack() as ending:
        yield Place(Path(name), ending)


@pytest.fixture
def pty() -> Iterator[Pty]:
    found = open_pty()
    yield found
    found.close()


class TestStart:
    def test_a_second_core_on_the_same_state_ends_with_the_name_of_the_first(self, place: Place) -> None:
        first = place.core()
        second = place.rvos("core")
        assert (second.returncode, second.stdout) == (75, "")
        assert second.stderr == (
            f"rvos: {place.folder}/state is in use by process {first.pid}; only one core may run\n"
        )
        assert place.ask(AlarmList()).exit_code == 0

    def test_a_wrong_configuration_is_located(self, place: Place) -> None:
        text = place.config.read_text().replace("[cuff]", "[cuff]\nceiling_mmhg = 301")
        place.config.write_text(text)
        line = text.split("\n").index("ceiling_mmhg = 301") + 1
        result = place.rvos("core")
        assert (result.returncode, result.stdout) == (78, "")
        assert f"{place.config}:{line}:16: cuff.ceiling_mmhg = 301" in result.stderr
        assert "Traceback" not in result.stderr
        assert not place.journal.exists()

    def test_the_core_loads_neither_numerics_nor_a_network_client(self) -> None:
        code = "import sys, gateway.runtime.service; print(*sorted(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S
        )
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        assert {"gateway", "asyncio", "serial"} <= loaded, done.stderr
        assert not loaded & {"numpy", "scipy", "pandas", "matplotlib", "paho"}

    def test_a_core_that_runs_has_no_openssl_in_it(self, place: Place) -> None:
        core = place.core()
        mapped = Path(f"/proc/{core.pid}/maps").read_text()
        assert "libc." in mapped
        assert "libssl" not in mapped
        assert "libcrypto" not in mapped


class TestCuffPort:
    def test_a_port_that_is_absent_is_named_and_the_core_runs(self, place: Place) -> None:
        place.core()
        refused = place.rvos(*_start_words())
        assert (refused.returncode, refused.stdout) == (69, "")
        assert f"{place.folder}/no-cuff: no serial port here" in refused.stderr
        assert place.rvos("session", "stop").returncode == 0

    def test_a_port_that_somebody_holds_is_named(self, place: Place, pty: Pty) -> None:
        fcntl.flock(pty.slave, fcntl.LOCK_EX)
        place.configure(pty.path)
        place.core()
        refused = place.rvos(*_start_words())
        assert refused.returncode == 69
        assert f"{pty.path}: in use by another program" in refused.stderr

    def test_a_port_where_nobody_answers_is_no_controller(self, place: Place, pty: Pty) -> None:
        place.configure(pty.path)
        place.core()
        refused = place.rvos(*_start_words())
        assert refused.returncode == 69
        assert "the cuff controller has not answered yet" in refused.stderr


class TestServiceManager:
    def test_it_is_told_ready_then_alive_again_and_again_then_stopping(self, place: Place) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(place.folder / "notify"))
            listener.settimeout(DEADLINE_S)
            core = place.core(NOTIFY_SOCKET=str(place.folder / "notify"))
            assert listener.recv(4096).startswith(b"READY=1\n")
            heard = [(listener.recv(4096), time.monotonic()) for _ in range(4)]
            assert {message for message, _ in heard} == {b"WATCHDOG=1"}
            assert heard[-1][1] - heard[0][1] >= 1.0, "fed by something faster than the cycle"
            core.send_signal(signal.SIGTERM)
            rest = {listener.recv(4096)}
            while b"STOPPING=1" not in rest:
                rest.add(listener.recv(4096))
            assert rest <= {b"WATCHDOG=1", b"STOPPING=1"}
            assert core.wait(DEADLINE_S) == 0


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_with_a_whole_journal(self, place: Place, number: signal.Signals) -> None:
        core = place.core()
        core.send_signal(number)
        assert core.wait(DEADLINE_S) == 0
        last = place.rows()[-1]
        assert last.type == CoreStopped.name
        assert msgspec.json.decode(last.body, type=CoreStopped).reason == "asked to stop"
        assert verify(place.journal).ok
        left = sorted(file.name for file in place.journal.parent.iterdir())
        assert left == ["core.lock", "journal.db", "journal.db-lock", "journal.db-reserve"]

    def test_after_a_kill_the_next_core_starts_at_once(self, place: Place) -> None:
        place.core().kill()
        core = place.core()
        assert place.ask(SessionStatus()).data["state"]["mode"] == "idle"
        core.send_signal(signal.SIGTERM)
        assert core.wait(DEADLINE_S) == 0
        assert [row.type for row in place.rows()].count("core_started") == 2
        assert verify(place.journal).ok

    def test_a_client_that_waits_does_not_hold_up_the_end(self, place: Place) -> None:
        core = place.core()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(place.folder / "control.sock"))
            place.ask(SessionStop())
            core.send_signal(signal.SIGTERM)
            assert core.wait(DEADLINE_S) == 0
        assert core.stderr is not None
        assert b"Traceback" not in core.stderr.read()


class TestNetwork:
    def test_every_socket_of_the_core_is_a_unix_socket(self, place: Place) -> None:
        core = place.core()
        place.ask(SessionStatus())
        ours = _sockets(core.pid)
        assert len(ours) >= 2, "control and feed at least"
        assert ours <= _inodes("unix", 6)
        for table in ("tcp", "tcp6", "udp", "udp6"):
            assert not ours & _inodes(table, 9)


class TestDefect:
    def test_a_defect_in_an_occlusion_vents_before_any_dead_man_and_latches(self, place: Place) -> None:
        stage, plant, log = place.stage(), place.folder / "plant.sock", place.folder / "truth.csv"
        stage.plant(plant, "fast_cuff", "fast_limb", 1, log)
        place.configure(stage.controller(plant))
        core = place.core(sys.executable, "-c", CORE_WITH_A_DEFECT, str(place.folder / "now"))
        place.ask_until("the cuff is there", core, "cuff_ok", True)
        assert place.ask(PatientHistory(patient="t-1", nothing=True, confirm=True)).exit_code == 0
        press(plant)
        stage.wait_a_moment(2 * PRESS_MS / 1000)
        assert place.ask(_start_request()).exit_code == 0
        place.ask_until("the cuff holds", core, "phase", "holding")

        planted_ms = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
        (place.folder / "now").touch()
        assert core.wait(DEADLINE_S) == 70
        assert core.stderr is not None
        said = core.stderr.read().decode()
        assert "rvos core: ended by a defect (KeyError('planted')); the cuff was told to vent" in said
        opened = _wait_for(stage, log, lambda truth: truth.t_ms >= planted_ms and truth.dump_open)
        assert opened.t_ms - planted_ms < STALLED_MS / 2

        again = place.core()
        place.ask_until("the cuff is back", again, "cuff_ok", True)
        state = place.ask(SessionStatus()).data["state"]
        assert (state["mode"], state["latched"]) == ("latched", "core_restarted")
        assert place.ask(_start_request()).exit_code == 75
        rows = place.rows()
        types = [row.type for row in rows]
        assert types.count(Tripped.name) == types.count(SessionEnded.name) == 1
        ended = next(row for row in rows if row.type == SessionEnded.name)
        assert msgspec.json.decode(ended.body, type=SessionEnded).reason == Reason.CORE_RESTARTED
        press(plant)
        stage.wait_a_moment(2 * PRESS_MS / 1000)
        assert place.ask(SessionReset(confirm=True)).exit_code == 0
        assert place.ask(SessionStatus()).data["state"]["latched"] is None
        assert verify(place.journal).ok


# the command line itself, with a core whose cycle breaks as soon as the file named first exists
CORE_WITH_A_DEFECT = """
import sys
from pathlib import Path
from gateway.cli.main import main
from gateway.runtime.core import Core
now = Path(sys.argv.pop(1))
step = Core.step
def broken(self, at):
    if now.exists():
        raise KeyError("planted")
    step(self, at)
Core.step = broken
main()
"""


def _start_words() -> list[str]:
    words = "session start --prescription demo --patient t-1 --limb left-thigh --systolic 120 --diastolic 70"
    return [*words.split(), "--confirm"]


def _start_request() -> SessionStart:
    return start_request("demo", Limb.LEFT_THIGH, 120, 70, patient="t-1")


def _read_until(process: "subprocess.Popen[bytes]", word: bytes) -> None:
    """Read what the process says until this word; nothing is read ahead."""
    assert process.stderr is not None
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while word not in said:
            assert selector.select(DEADLINE_S), f"deadline passed with {said!r}"
            arrived = os.read(process.stderr.fileno(), 4096)
            assert arrived, f"ended with {said!r}"
            said += arrived


def _wait_a_moment(process: "subprocess.Popen[bytes]") -> None:
    try:
        code = process.wait(0.1)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError(f"core ended too early, with {code}")


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process holds."""
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}


def _inodes(table: str, column: int) -> set[str]:
    """The inodes of one of the kernel's tables of sockets."""
    lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    return {line.split()[column] for line in lines}


def _wait_for(stage: Stage, log: Path, holds: Callable[[Truth], bool]) -> Truth:
    """The first line of the plant's log that is so; the line may be written a moment later."""
    for _ in range(100):
        found = next((truth for truth in _truths(log) if holds(truth)), None)
        if found is not None:
            return found
        stage.wait_a_moment(0.05)
    raise AssertionError("the plant's log never showed it")


def _truths(log: Path) -> list[Truth]:
    return [_truth(line) for line in log.read_text().splitlines()[1:] if line.count(",") == 5]
