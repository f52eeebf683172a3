"""``rvos core``: the composition root and the shell that moves bytes around the core.

Theory of operation
-------------------
Start: take the state lock, open the journal, count the boot, restore what it proves, build the core,
open its sockets, say "ready", freeze the garbage collector's view of what start-up made.  Then two
things happen for ever: bytes go in and out as they come, and every 50 ms the cycle turns.

systemd's watchdog is fed from the cycle and has to be earned: only when the last turn is under 100 ms
old and none was skipped since the last feeding.  A port that is not there is tried again every 2 s;
what that means for a session is the supervisor's business, not the shell's.

A defect anywhere in here (a task that ends, an exception in a callback) ends the service: the cuff is
told to vent in the same instant, stimulator and blood pressure module to stop, and nothing else is ever sent
to them; the journal gets a row that
latches the next run, and the process ends with 70.  Running on blind is no choice.

The core has no network: this module opens Unix sockets and serial ports only.
"""

import asyncio
import contextlib
import gc
import signal
import sys
import traceback
import zlib
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

import gateway
from drivers.link import Condition
from drivers.usb import SYS
from gateway.config import Config, config_hash, load
from gateway.record.journal import Journal
from gateway.record.ledger_fold import fold
from gateway.record.reader import JournalReader
from gateway.runtime import state_view
from gateway.runtime.annunciator import Annunciator, Output, TerminalOutput, open_output
from gateway.runtime.clock import Clock, SystemClock
from gateway.runtime.control_server import ControlServer
from gateway.runtime.core import STEP_MS, Core
from gateway.runtime.cuff_link import CuffLink
from gateway.runtime.desk import Desk
from gateway.runtime.equipment import Equipment
from gateway.runtime.feed_server import FeedServer
from gateway.runtime.gate import VENT
from gateway.runtime.readers import InItsOwnProcess
from gateway.runtime.recorder import Recorder
from gateway.runtime.requests import EXIT_DEFECT, EXIT_OK, EXIT_RECORD
from gateway.runtime.restore import restore
from gateway.runtime.service_manager import ServiceManager
from gateway.runtime.setup import Setup
from gateway.runtime.state_lock import StateLock
from gateway.runtime.waveforms import FOLDER, Recorded, Waveforms
from gateway.runtime.writer import JournalSink, ThreadWriter
from gateway.safety.limits import HARD, firmware_limits_text

JOURNAL = "journal.db"
CONTROL_SOCKET = "control.sock"
FEED_SOCKET = "feed.sock"

_FEED_MS = 1000
_WATCHDOG_MS = 500
_ON_TIME_MS = 100


def run_core(config_path: Path) -> int:
    """Run the core until SIGTERM or SIGINT; 0, 70 when a defect ended it, 74 when its record is not whole.

    Raises ``ConfigError``, ``StateLocked`` and the record room's errors, each with its cure.
    """
    config = load(config_path)
    state_dir = Path(config.core.state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = StateLock(state_dir)
    try:
        return asyncio.run(_serve(config, state_dir / JOURNAL))
    finally:
        lock.release()


def compose(config: Config, journal_path: Path, boot: int, sink: JournalSink, clock: Clock) -> Core:
    """A core over a journal that is open for this boot: the same at the bedside and in virtual time."""
    now = clock.now_ms()
    limits = HARD.tightened(config.cuff.ceiling_mmhg * 10)
    with JournalReader.open(journal_path) as reader:
        restored = restore(reader, limits, clock.boot_id, clock.stamp(boot, now))
        ledger = fold(reader, clock.boot_id, clock.stamp(boot, now))
    setup = Setup(
        config=config,
        limits=limits,
        version=gateway.__version__,
        boot=boot,
        boot_id=clock.boot_id,
        config_hash=config_hash(config),
        firmware_limits_crc=zlib.crc32(firmware_limits_text()),
    )
    return Core(setup, Recorder(sink, clock, boot, ledger), restored, now)


async def _serve(config: Config, journal_path: Path) -> int:
    clock = SystemClock()
    output = open_output(config.annunciator)
    journal = Journal.open(journal_path, device=config.site.device)
    boot = journal.next_boot()
    sink = ThreadWriter(journal)
    try:
        ended = await CoreShell(compose(config, journal.path, boot, sink, clock), clock, output).run()
    finally:
        sink.close()
        if sink.failure is not None:
            _say(f"rvos core: the record is not whole: {sink.failure}")
    return EXIT_RECORD if ended == EXIT_OK and sink.failure is not None else ended


class CoreShell:
    """Ports, sockets and the timer around one core."""

    def __init__(self, core: Core, clock: Clock, output: Output | None = None, sys_root: Path = SYS) -> None:
        self._core, self._clock = core, clock
        self._config = core.setup.config
        self._desk = Desk(core, InItsOwnProcess())
        self._control = ControlServer(
            self._desk, self._config.core.operators_group, clock.now_ms, self._send_now
        )
        self._feed = FeedServer()
        self._manager = ServiceManager()
        self._annunciator = Annunciator(output or TerminalOutput(), core.setup.language)
        self._files = ThreadPoolExecutor(1, "waveforms")
        folder = Path(self._config.core.state_dir) / FOLDER
        self._waveforms = Waveforms(folder, core.recorder.stamp, core.note, self._files)
        core.recorder.tape = self._waveforms
        self._cuff = CuffLink(core, clock.now_ms, sys_root)
        self._equipment = Equipment(core, self._waveforms, clock.now_ms, sys_root)
        core.conditions = self._conditions
        core.send_now = self._send_now
        self._stop = asyncio.Event()
        self._defect: BaseException | None = None
        self._stepped_ms = clock.now_ms()
        self._fed_ms = self._published_ms = 0
        self._skipped = self._ready = False
        self._published_stage = ("", "", 0)

    async def run(self) -> int:
        """Serve until told to stop or until a defect shows; the exit code of the process."""
        runtime_dir = Path(self._config.core.runtime_dir)
        runtime_dir.mkdir(parents=True, exist_ok=True)
        await self._control.start(runtime_dir / CONTROL_SOCKET)
        await self._feed.start(runtime_dir / FEED_SOCKET)
        self._catch_signals()
        asyncio.get_running_loop().set_exception_handler(self._callback_failed)
        tasks = [asyncio.create_task(work) for work in self._work()]
        for task in tasks:
            task.add_done_callback(self._task_ended)
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        await self._shut_down(tasks)
        return EXIT_OK if self._defect is None else EXIT_DEFECT

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _work(self) -> list[Coroutine[None, None, None]]:
        return [self._cycle(), self._cuff.keep(), *self._equipment.work()]

    def _conditions(self) -> list[Condition]:
        return [self._cuff.condition(), *self._equipment.conditions()]

    async def _shut_down(self, tasks: list[asyncio.Task[None]]) -> None:
        self._manager.stopping()
        if self._defect is None:
            [error] = await asyncio.gather(self._say_goodbye(), return_exceptions=True)
            if error is not None:
                self._give_up(error)
        if self._defect is not None:
            self._report(self._defect)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._waveforms.close(self._clock.now_ms())
        self._files.shutdown()
        await self._control.stop()
        await self._feed.stop()
        self._annunciator.close()
        self._manager.close()

    async def _say_goodbye(self) -> None:
        self._core.shut_down("asked to stop", self._clock.now_ms())
        self._send_now()

    # defects

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() and self._stop.is_set():
            return
        error = None if task.cancelled() else task.exception()
        self._give_up(error or RuntimeError(f"{task.get_coro()!r} came to its end"))

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio says of its own sockets (an OSError) is only worth a line; the rest is a defect."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._give_up(error)
        else:
            loop.default_exception_handler(context)

    def _give_up(self, error: BaseException) -> None:
        """Vent now, and never send anything again. The first defect stands."""
        if self._defect is not None:
            return
        self._defect = error
        self._cuff.say_last(VENT)
        self._stop.set()
        for say in self._equipment.last_words():  # each by itself: the defect may be in one of them
            asyncio.get_running_loop().call_soon(say)

    def _report(self, error: BaseException) -> None:
        _say("".join(traceback.format_exception(error)))
        _say(f"rvos core: ended by a defect ({error!r}); the cuff was told to vent")
        self._core.give_up(f"a defect ended core: {error!r}", self._clock.now_ms())

    # the cycle

    async def _cycle(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._turn(self._clock.now_ms())
            due = max(due + STEP_MS / 1000, loop.time())
            await asyncio.sleep(due - loop.time())

    def _turn(self, now: int) -> None:
        self._skipped = self._skipped or now - self._stepped_ms > _ON_TIME_MS
        self._stepped_ms = now
        self._equipment.turn()
        self._core.step(now)
        self._desk.step(now)
        self._cuff.turn()
        self._publish(now)
        self._announce(now)
        self._record(now)
        self._say_ready()
        self._feed_watchdog(now)

    def _say_ready(self) -> None:
        """Once, when this start is on the disk and counts as one that can lock out, or the disk fails."""
        recorder = self._core.recorder
        if not self._ready and (recorder.is_settled or recorder.failure):
            self._ready = True
            self._manager.ready("core cycle running")
            _say("rvos core: ready")

    def _send_now(self) -> None:
        """A "stop" leaves with the request that asked for it, not with the next turn."""
        self._cuff.send_now()

    def _publish(self, now: int) -> None:
        if self._feed.readers:
            self._core.link_is_listening(now)
        stage = state_view.stage(self._core)
        if now - self._published_ms < _FEED_MS and stage == self._published_stage:
            return
        self._published_ms, self._published_stage = now, stage
        self._feed.publish(msgspec.json.encode(state_view.feed(self._core, now)) + b"\n")

    def _announce(self, now: int) -> None:
        self._annunciator.step(state_view.announcement(self._core, now), now)
        self._core.annunciator_lost = bool(self._annunciator.failure)

    def _record(self, now: int) -> None:
        running = self._core.session
        site = self._config.site
        session = None
        if running is not None:
            session = Recorded(running.name, site.device, self._core.setup.boot, running.limb)
        self._waveforms.turn(session, self._equipment.streams, now)
        self._core.waveform_lost = bool(self._waveforms.failure)

    def _feed_watchdog(self, now: int) -> None:
        if not self._ready or now - self._fed_ms < _WATCHDOG_MS:
            return
        self._fed_ms = now
        if not self._skipped:
            self._manager.alive()
        self._skipped = False


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a log that nobody takes any more must not stop the control cycle
        print(text, file=sys.stderr, flush=True)
