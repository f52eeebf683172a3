"""A whole bedside in one process and in virtual time.

Theory of operation
-------------------
The real core and the real firmware exchange the real bytes through memory; the plant is stepped
between them and an oximeter's lines arrive as they would on a wire.  One turn is 10 ms: physics,
firmware, bytes up, bytes down, and every 50 ms the core's own turn.  Nothing reads a clock, so a
seed reproduces a session, its journal included, byte for byte.

Who works at the bedside (``nurse``) reaches the core through the same desk as the control socket.

``troubled`` is this bedside with parts that fail: it replaces clock, journal, wires and turns by its own.

Units: ms of virtual time, which begins at ``START_MS``; wall time begins at ``EPOCH_MS``.
"""

import random
import struct
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path

from drivers.host import Block
from firmware_bridge.mcu.controller import Controller
from gateway.config import Config
from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Stamp
from gateway.runtime.core import STEP_MS, Core
from gateway.runtime.desk import Answer, Asker, Desk
from gateway.runtime.evoked import Emg
from gateway.runtime.readers import InThisProcess
from gateway.runtime.requests import AnyRequest, Reply
from gateway.runtime.service import compose
from gateway.runtime.writer import DirectWriter
from gateway.simulation.memory_board import MemoryBoard
from gateway.simulation.models import Cuff, Limb
from gateway.simulation.oximeter import Oximeter, Shown
from gateway.simulation.plant import Plant
from gateway.simulation.recording import Playback, Recording
from gateway.simulation.stimulator import Stimulator

TURN_MS = 10
PRESS_MS = 100
FORCE_EVERY_MS = 10
EMG = Emg(channels=1, channel=0, rate_hz=2_000.0, uv=0.2)
"""One channel as our hub tells it."""
LARGEST_COUNT = 32_767
HUM_HZ, HUM_UV = 50.0, 200.0
"""The mains in an EMG whose electrodes have a poor contact: chosen."""
START_MS = 1_000
EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z: a date to print, not the time of any day
OPERATOR = Asker(uid=0, gid=0, pid=0, operator=True)


class VirtualClock:
    """A clock that goes when it is told to."""

    boot_id = "virtual"

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        """The present instant."""
        return self.ms

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        """Wall time that is labelled for what it is."""
        return Stamp(boot, mono_ms, EPOCH_MS + mono_ms, ClockQuality.SIMULATED)


@dataclass(frozen=True, slots=True)
class Bed:
    """What stands at the bedside."""

    config: Config
    cuff: Cuff
    limb: Limb
    seed: int
    recording: Recording | None = None
    has_force_sensor: bool = False
    has_emg: bool = False


class Bedside:
    """Core, firmware, plant and oximeter, joined by memory."""

    def __init__(self, bed: Bed, journal_path: Path) -> None:
        self.clock = self._new_clock()
        self.plant = Plant(bed.cuff, bed.limb, bed.seed, START_MS)
        self.board = MemoryBoard(self.plant)
        self._bed, self._journal_path = bed, journal_path
        self._random = random.Random(bed.seed)
        self._playback = Playback(bed.recording, START_MS) if bed.recording else None
        self.oximeter = Oximeter(self._probes)
        self.stimulator = Stimulator(self.plant, START_MS) if bed.config.stimulator else None
        self.cable = True
        self.emg_gain = 1.0
        self._force_mn = 0
        self.start_firmware()
        self.start_core()

    def start_firmware(self) -> None:
        """Power the controller up: vented, a new nonce, its whole debt."""
        nonce = self._random.getrandbits(32)
        self.controller: Controller | None = Controller(
            self.board, self.now, nonce, b"virtual", self._bed.cuff.name.encode()
        )

    def kill_firmware(self) -> None:
        """Take the controller's power away: its outputs drop."""
        self.controller = None
        self.board.unplug()

    def start_core(self) -> None:
        """Start the core on the journal as it stands."""
        journal = self._open_journal()
        boot = journal.next_boot()
        self.sink = self._open_sink(journal)
        self.core: Core | None = compose(self._bed.config, self._journal_path, boot, self.sink, self.clock)
        self.desk = Desk(self.core, InThisProcess())
        if self.cable:
            self.core.cuff_connected(self.core_ms)
        self.core.oximeter_connected(self.core_ms)
        if self._bed.has_emg:
            self.core.senses.emg_told(EMG)
        if self.stimulator is not None:
            self.core.stimulator.connected(self.stimulator)

    def kill_core(self) -> None:
        """End the core without a word; what it had submitted is in the journal."""
        self.core = None
        self.sink.close()

    def pull_cable(self) -> None:
        """Unplug the controller's wire; the controller itself goes on."""
        self.cable = False
        if self.core is not None:
            self.core.cuff_lost("the cable was pulled", self.core_ms)

    def plug_cable(self) -> None:
        """Plug it in again."""
        self.cable = True
        if self.core is not None:
            self.core.cuff_connected(self.core_ms)

    @property
    def now(self) -> int:
        """The present instant, ms."""
        return self.clock.ms

    @property
    def core_ms(self) -> int:
        """The present instant by the gateway's own clock."""
        return self.clock.now_ms()

    def turn(self) -> None:
        """Ten milliseconds."""
        self.clock.ms += TURN_MS
        now = self.clock.ms
        self.board.step(now)
        self._firmware_turn(now)
        self._oximeter(now)
        if self.stimulator is not None:
            self._stimulate(self.stimulator, now)
        self._core_turn(now)
        self._down(now)

    def run(self, duration_ms: int) -> None:
        """Let this much time pass."""
        for _ in range(duration_ms // TURN_MS):
            self.turn()

    def press_button(self) -> None:
        """A person presses the bedside button and lets it go."""
        for pressed in (True, False):
            self.board.pressed = pressed
            self.run(PRESS_MS)

    def ask(self, request: AnyRequest, asker: Asker = OPERATOR) -> Reply:
        """A person's request and its answer, however many turns that takes."""
        replies: list[Reply] = []
        answer: Answer = replies.append
        self.desk.ask(request, asker, self.core_ms, answer)
        self._down(self.now)
        while not replies:
            self.turn()
        return replies[0]

    def close(self) -> None:
        """Stop the core as its service would, and close the journal."""
        if self.core is not None:
            self.core.shut_down("asked to stop", self.core_ms)
            self._down(self.now)
            self.kill_core()

    def _core_turn(self, now: int) -> None:
        if self.core is None or now % STEP_MS:
            return
        at = self.core_ms
        if self.core.state.now_ms != at:
            self.core.step(at)
        self.desk.step(at)
        self.core.link_is_listening(at)

    def _probes(self, now: int) -> Shown:
        """A recording is of one limb, and of its saturation only."""
        if self._playback is not None:
            return Shown(self._playback.permille(now))
        plant = self.plant
        return Shown(plant.sto2_permille, plant.haemoglobin_permille, plant.other_sto2_permille)

    def _oximeter(self, now: int) -> None:
        if self._playback is not None:
            self._playback.indicate(self.board.actuators.indicator, now)
        line = self.oximeter.step(now)
        if line and self.core is not None:
            self.core.oximeter_bytes(line, self.core_ms)

    def _stimulate(self, stimulator: Stimulator, now: int) -> None:
        for report in stimulator.step(now):
            if self.core is not None:
                self.core.stimulator.report(report, self.core_ms)
        core, defects = self.core, self.plant.defects
        if core is None or defects.muscle_sensor_silent:
            return
        if self._bed.has_force_sensor and now % FORCE_EVERY_MS == 0:
            if not defects.muscle_sensor_stuck:
                self._force_mn = self.plant.force_mn
            core.senses.force_read(self._force_mn, self.core_ms)
        if self._bed.has_emg and core.session is not None:  # nobody hears it at rest
            self._read_emg(core, 0.0 if defects.muscle_sensor_stuck else self.emg_gain)

    def _read_emg(self, core: Core, gain: float) -> None:
        """What the hub's amplifier makes of the muscle's EMG since the last turn."""
        frames = TURN_MS * int(EMG.rate_hz) // 1_000
        hum = self._hum(frames)
        told = [round(gain * (uv + hum[at]) / EMG.uv) for at, uv in enumerate(self.plant.emg_uv(frames))]
        counts = [min(max(count, -LARGEST_COUNT), LARGEST_COUNT) for count in told]
        block = Block("emg", frames, struct.pack(f"<{frames}h", *counts), 0, self.core_ms)
        core.senses.emg_read(block, self.core_ms)

    def _hum(self, frames: int) -> list[float]:
        """What the mains leave in these samples, uV."""
        if not self.plant.defects.muscle_sensor_hums:
            return [0.0] * frames
        began_s, step_s = self.now / 1_000, 1 / EMG.rate_hz
        return [HUM_UV * sin(2 * pi * HUM_HZ * (began_s + at * step_s)) for at in range(frames)]

    def _firmware_turn(self, now: int) -> None:
        if self.controller is not None:
            self.controller.step(now)
            self.board.feed_watchdog()
            self._up(self.controller.outgoing(), now)

    def _up(self, data: bytes, now: int) -> None:
        if data and self.cable and self.core is not None:
            self.core.cuff_bytes(data, self.core_ms)

    def _down(self, now: int) -> None:
        data = b"" if self.core is None else self.core.outgoing(self.core_ms)
        if data and self.cable and self.controller is not None:
            self.controller.receive(data, now)
            self._up(self.controller.outgoing(), now)

    def _new_clock(self) -> VirtualClock:
        return VirtualClock()

    def _open_journal(self) -> Journal:
        return Journal.open(self._journal_path, device=self._bed.config.site.device)

    def _open_sink(self, journal: Journal) -> DirectWriter:
        return DirectWriter(journal)
