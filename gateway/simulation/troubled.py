"""The bedside in memory with everything about it that can fail.

Theory of operation
-------------------
``TroubledBedside`` is ``bedside.Bedside`` on wires, a disk and clocks that may misbehave, and with a core and
a controller that may stand still, die and come back.  Without trouble its sessions are the same, byte for
byte.  It decides nothing: ``injector`` says what fails and when, ``trial`` plays a session on it.

A process that stands still leaves its bytes in the buffer of its port (4 kB, what does not fit is lost);
they are read when it goes on.  A controller that stands still for a second is reset by its hardware
watchdog. A process that dies takes with it what its disk had not written.  A board that loses its power
while the dump valve is energised sounds from a battery of its own until the power is back, for at most two
minutes: that sounder is hardware, required like the relief valve, and nobody's software could stand in for
it.

Units: ms of virtual time; the gateway's own clock may differ from it.
"""

import random
from dataclasses import replace
from pathlib import Path

import msgspec

from drivers.stimulation import Report
from firmware_bridge import cuff, ecp
from gateway.config import Config
from gateway.model import Priority
from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Row, Stamp
from gateway.runtime import state_view
from gateway.runtime.core import STEP_MS
from gateway.simulation import muscle
from gateway.simulation.bedside import EPOCH_MS, Bed, Bedside, VirtualClock
from gateway.simulation.broker import Broker
from gateway.simulation.disk import Health, TroubledJournal, TroubledWriter
from gateway.simulation.hearing import Ear, Room
from gateway.simulation.links import Link
from gateway.simulation.stimulator import Stimulator
from gateway.simulation.tap import WireTap

_BUFFER_BYTES = 4096
_BUFFER_REPORTS = 200
_WATCHDOG_MS = 1000
_RESET_TAKES_MS = 100
_UPTIME_MS = 20_000
"""The gateway's monotonic clock when its core starts after a loss of power."""
SOUNDER_MS = 120_000
"""For how long the board's sounder lives on its own battery: what the hardware has to provide."""


class TroubledClock(VirtualClock):
    """The gateway's clocks: boot time, wall time, and what the kernel says of them."""

    def __init__(self) -> None:
        super().__init__()
        self.boot_id = "virtual-1"
        self.behind_ms = 0
        self.wall_ahead_ms = 0
        self.quality = ClockQuality.SYNCHRONISED

    def now_ms(self) -> int:
        """What the gateway takes for the present instant."""
        return self.ms - self.behind_ms

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        """Wall time with the kernel's word on it."""
        wall_ms = EPOCH_MS + mono_ms + self.behind_ms + self.wall_ahead_ms
        return Stamp(boot, mono_ms, wall_ms, self.quality)

    def lose_power(self, lost_ms: int) -> None:
        """A boot later: boot time begins anew, wall time stood still for ``lost_ms`` and is not trusted."""
        self.boot_id = f"virtual-{int(self.boot_id.rpartition('-')[2]) + 1}"
        self.behind_ms = self.ms - _UPTIME_MS
        self.wall_ahead_ms -= lost_ms
        self.quality = ClockQuality.UNSYNCHRONISED


class TroubledBedside(Bedside):
    """A bedside whose parts can be made to fail."""

    def __init__(self, bed: Bed, journal_path: Path) -> None:
        self.up, self.down, self.line = Link(bed.seed), Link(bed.seed + 1), Link(bed.seed + 2)
        self.tap = WireTap()
        self.ear = Ear()
        self.core_stands = False
        self.firmware_stands_since_ms: int | None = None
        self.controller_ahead_ms = 0
        self.feed_is_read = self.link_reads = True
        self.broker = Broker()
        self.oximeter_there = True
        self.powered = True
        self.disk_health, self.disk_delay_ms = Health.SOUND, 0
        self.greeting_rewritten: dict[str, int] = {}
        self.promised: list[tuple[Path, list[Row]]] = []
        self._kept_up = self._kept_line = self._unread = b""
        self._kept_reports: list[Report] = []
        self._sounds_until_ms = 0
        super().__init__(bed, journal_path)

    # the parts

    def start_core(self) -> None:
        """A new process, with an annunciator of its own."""
        self._room = Room()
        super().start_core()

    def kill_core(self) -> None:
        """The process is gone, and what it had not written."""
        if self.core is not None:
            self.promised.append((self._journal_path, self.disk.abandon()))
        self.core = None
        self.core_stands = False
        self._kept_up = self._kept_line = b""
        self._kept_reports = []
        self.up.empty()

    def close(self) -> None:
        """Stop the core as its service would; what waits is written if the disk lets it."""
        if self.core is not None:
            self.core.shut_down("asked to stop", self.core_ms)
            self._down(self.now)
            self.disk.thaw()
            self.kill_core()

    def set_disk(self, health: Health = Health.SOUND, delay_ms: int = 0) -> None:
        """What the disk does from now on, also for a core that starts later."""
        self.disk_health, self.disk_delay_ms = health, delay_ms
        if self.core is None:
            return
        self.disk.step(self.clock.ms)
        self.disk.disk.health = health
        self.disk.answer_within(delay_ms)

    def exchange_gateway(self, journal_path: Path) -> None:
        """Another gateway, with a journal of its own, takes the place of this one; it is not started yet."""
        self.kill_core()
        config = self._bed.config
        site = msgspec.structs.replace(config.site, device=f"{config.site.device}-2")
        self._bed = replace(self._bed, config=msgspec.structs.replace(config, site=site))
        self._journal_path = journal_path

    def begin_session_of_its_own(self, bed: Bed, journal_path: Path) -> None:
        """After a copy: what belongs to one session only."""
        self._bed, self._journal_path = bed, journal_path
        self._random = random.Random(bed.seed)
        self.up, self.down, self.line = Link(bed.seed), Link(bed.seed + 1), Link(bed.seed + 2)

    def kill_firmware(self) -> None:
        """The controller is without power."""
        if self.board.actuators.dump_closed:
            self._sounds_until_ms = self.now + SOUNDER_MS
        super().kill_firmware()
        self.firmware_stands_since_ms = None
        self._unread = b""
        self.tap.restarted()

    def pull_cable(self) -> None:
        """The port is gone, and what was under way."""
        self.up.empty()
        self.down.empty()
        self._kept_up = self._unread = b""
        super().pull_cable()

    @property
    def disk(self) -> TroubledWriter:
        """The writer of the core that runs now."""
        assert isinstance(self.sink, TroubledWriter)
        return self.sink

    @property
    def core_runs(self) -> bool:
        """Whether there is a core, and it turns."""
        return self.core is not None and not self.core_stands

    @property
    def journal_path(self) -> Path:
        """The journal of the gateway that stands at the bedside now."""
        return self._journal_path

    @property
    def config(self) -> Config:
        """How the gateway that stands at the bedside now is configured."""
        return self._bed.config

    @property
    def is_at_rest(self) -> bool:
        """Whether no air presses and no current flows."""
        plant = self.plant
        return plant.pressure_mmhg <= 0.0 and plant.train is muscle.SILENT

    @property
    def current_ma(self) -> float:
        """The r.m.s. current in the tissue."""
        return 0.0 if self.plant.train is muscle.SILENT else self.plant.tissue_current_rms_ua / 1000

    @property
    def button_is_heard(self) -> bool:
        """Whether the controller's loop turns, so that a button does something."""
        return self.controller is not None and self.firmware_stands_since_ms is None

    @property
    def is_defeated(self) -> bool:
        """Whether nothing that software drives can empty the cuff."""
        defects = self.plant.defects
        if defects.hose_unplugged:
            return False
        pump_wins = defects.pump_stuck_on and defects.inflate_stuck_open
        return defects.dump_stuck_closed or defects.hose_kinked or pump_wins

    @property
    def systolic_mmhg(self) -> float:
        """The limb's true systolic pressure."""
        return self.plant.limb.systolic_mmhg + self.plant.defects.systolic_change_mmhg

    @property
    def occlusion_mmhg(self) -> float:
        """The limb's true occlusion pressure."""
        return self.systolic_mmhg + self.plant.limb.occlusion_margin_mmhg

    @property
    def diastolic_mmhg(self) -> float:
        """The limb's true diastolic pressure, which changes half as much as the systolic."""
        return self.plant.limb.diastolic_mmhg + self.plant.defects.systolic_change_mmhg / 2

    def alarm(self, now: int) -> Priority | None:
        """The loudest that can be heard: the gateway's own signal, the controller's buzzer, its sounder."""
        heard = self.ear.listen(self.board.actuators.buzzer, now)
        if self.controller is None and now < self._sounds_until_ms:
            return Priority.HIGH
        said = self._room.said if self.core_runs else None
        return Priority.HIGH if Priority.HIGH in (heard, said) else heard or said

    def is_tripped(self) -> bool:
        """Whether whoever is alive says that it is latched."""
        core, controller = self.core, self.controller
        if core is not None and not self.core_stands and core.state.latched is not None:
            return True
        if controller is None or self.firmware_stands_since_ms is not None:
            return False
        return controller.core.interlock.faults != 0

    # a turn

    def turn(self) -> None:
        """Ten milliseconds."""
        if self.core is not None and self.disk_delay_ms:
            self.disk.step(self.clock.ms)
        super().turn()

    def _firmware_turn(self, now: int) -> None:
        if self.firmware_stands_since_ms is not None:
            self._firmware_stands(self.firmware_stands_since_ms, now)
        elif self.controller is not None:
            if self._unread:
                self._to_controller(b"", now)
            self.controller.step(now + self.controller_ahead_ms)
            self.board.feed_watchdog()
            self._up(self._from_controller(), now)
            return
        self._up(b"", now)

    def _firmware_stands(self, since_ms: int, now: int) -> None:
        """The hardware watchdog resets what has stood for too long."""
        if now - since_ms < _WATCHDOG_MS:
            return
        self.kill_firmware()
        if now - since_ms >= _WATCHDOG_MS + _RESET_TAKES_MS:
            self.start_firmware()
        else:
            self.firmware_stands_since_ms = since_ms

    def _core_turn(self, now: int) -> None:
        if self.core is None or self.core_stands:
            return
        if self._kept_up or self._kept_line or self._kept_reports:
            self._deliver_kept()
        if now % STEP_MS:
            return
        if not (self.feed_is_read and self.link_reads):
            self._core_turn_unread(now)
            return
        super()._core_turn(now)
        self._announce()

    def _core_turn_unread(self, now: int) -> None:
        seen_ms = self.core.link_seen_ms if self.core is not None else 0
        super()._core_turn(now)
        self._announce()
        if self.core is not None:
            self.core.link_seen_ms = seen_ms

    def _announce(self) -> None:
        if self.core is not None:
            self._room.step(state_view.announcement(self.core, self.core_ms), self.core_ms)

    def _deliver_kept(self) -> None:
        if self.core is None:
            return
        kept_up, self._kept_up = self._kept_up, b""
        kept_line, self._kept_line = self._kept_line, b""
        if kept_up:
            self.core.cuff_bytes(kept_up, self.core_ms)
        if kept_line:
            self.core.oximeter_bytes(kept_line, self.core_ms)
        kept_reports, self._kept_reports = self._kept_reports, []
        for report in kept_reports:
            self.core.stimulator.report(report, self.core_ms)

    def _oximeter(self, now: int) -> None:
        if self._playback is not None:
            self._playback.indicate(self.board.actuators.indicator, now)
        line = self.line.carry(self.oximeter.step(now), now)
        if line and self.core is not None and self.oximeter_there:
            self._kept_line = (self._kept_line + line)[-_BUFFER_BYTES:]
            if not self.core_stands:
                self._deliver_kept()

    def _stimulate(self, stimulator: Stimulator, now: int) -> None:
        if not self.core_stands:
            super()._stimulate(stimulator, now)
            return
        self._kept_reports = [*self._kept_reports, *stimulator.step(now)][-_BUFFER_REPORTS:]

    def _up(self, data: bytes, now: int) -> None:
        data = self.up.carry(data, now)
        if not data or not self.cable or self.core is None:
            return
        if self.core_stands:
            self._kept_up = (self._kept_up + data)[-_BUFFER_BYTES:]
        else:
            self.core.cuff_bytes(data, self.core_ms)

    def _down(self, now: int) -> None:
        data = b"" if self.core is None or self.core_stands else self.core.outgoing(self.core_ms)
        data = self.down.carry(data if self.cable else b"", now)
        if data and self.cable and self.controller is not None:
            self._to_controller(data, now)
            self._up(self._from_controller(), now)

    def _to_controller(self, data: bytes, now: int) -> None:
        if self.firmware_stands_since_ms is not None:
            self._unread = (self._unread + data)[-_BUFFER_BYTES:]
            return
        data, self._unread = self._unread + data, b""
        self.tap.to_controller(data, now)
        if self.controller is not None:
            self.controller.receive(data, now + self.controller_ahead_ms)

    def _from_controller(self) -> bytes:
        data = b"" if self.controller is None else self.controller.outgoing()
        if data:
            self.tap.from_controller(data)
        return self._rewritten(data) if self.greeting_rewritten and data else data

    def _rewritten(self, data: bytes) -> bytes:
        """The controller's answer to hello as another firmware would give it."""
        packets = ecp.Decoder().feed(data)
        hellos = [hello for packet in packets if (hello := cuff.decode_hello_reply(packet)) is not None]
        if not hellos:
            return data
        return b"".join(
            cuff.encode_hello_reply(hello._replace(**self.greeting_rewritten)) for hello in hellos
        )

    def _open_journal(self) -> TroubledJournal:
        journal = TroubledJournal.open(self._journal_path, device=self._bed.config.site.device)
        journal.health = self.disk_health
        return journal

    def _open_sink(self, journal: Journal) -> TroubledWriter:
        assert isinstance(journal, TroubledJournal)
        writer = TroubledWriter(journal)
        writer.step(self.clock.ms)
        writer.delay_ms = self.disk_delay_ms
        return writer

    def _new_clock(self) -> TroubledClock:
        return TroubledClock()
