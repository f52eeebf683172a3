"""A simulated CPAR+ cuff algometer: the device side of ``drivers.cpar_messages``, in any time. Sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` takes what arrived and returns what leaves the device's port.  It plays programs in
cycles of 10 ms, sends a status every 50 ms, and answers one function at a time.  What the air does is not
its business: each outlet has a hook, ``physics(target_pa, now_ms) -> actual_pa``; ``lag`` is a plain one, a
first-order approach to the target.

What a real CPAR+ does where its maker's client does not say is chosen here and unconfirmed: the watchdog is
fed by pings only and bites after ``watchdog_ms`` (2 s; ``None``: there is none); set waveform, start and
clear are refused while it is not idle; after a program the outlet's target is zero; a program that was
played stays loaded; the counter of the status counts statuses; "out of compliance" is 10 kPa from the target
for 5 s.

``Faults`` is what can be wrong with it; buttons, supplies and a restart are methods and attributes.

Units: Pa on the air side, ms, counts on the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

from drivers import cpar_messages as wire
from drivers import cpar_waveform as waveform
from firmware_bridge import ecp
from gateway.simulation.cpar_player import Player

STATUS_MS = 50
WATCHDOG_MS = 2_000
COMPLIANCE_PA = 10_000
COMPLIANCE_MS = 5_000
SUPPLY_PA = 800_000

IDENTITY = wire.Identity(wire.NOCITECH, wire.CPAR_PLUS, 1042, 1, 2, 3, 0, 0, "Nocitech", "CPAR+")

Physics = Callable[[int, int], int]

_EVENT_START = 2
_EVENT_STOP = 3
_EVENT_EMERGENCY_ON = 11
_EVENT_EMERGENCY_OFF = 12
_EVENT_OF_REASON = {
    wire.REASON_COMPLETED: 13,
    wire.REASON_WATCHDOG: 15,
    wire.REASON_COMPLIANCE: 16,
    wire.REASON_SUPPLY: 18,
    wire.REASON_POWER: 19,
}


def lag(time_constant_ms: int = 300) -> Physics:
    """A cuff that follows its target with this time constant."""
    pressure, last_ms = 0.0, 0

    def follow(target_pa: int, now_ms: int) -> int:
        nonlocal pressure, last_ms
        share = 1.0 - exp(-max(0, now_ms - last_ms) / time_constant_ms)
        pressure, last_ms = pressure + (target_pa - pressure) * share, now_ms
        return round(pressure)

    return follow


@dataclass(slots=True)
class Faults:
    """What is wrong with it. ``target_added_pa`` goes to every target that it plays."""

    silent: bool = False
    deaf: bool = False
    ignores_stop: bool = False
    runs_on: bool = False
    crc_wrong: bool = False
    no_answer_to: int | None = None
    refuses: int | None = None
    target_added_pa: int = 0
    both_outlets: bool = False


class Cpar:
    """One CPAR+. ``state`` and ``stop_reason`` are the device's own."""

    def __init__(
        self,
        identity: wire.Identity = IDENTITY,
        watchdog_ms: int | None = WATCHDOG_MS,
        physics: tuple[Physics, Physics] | None = None,
    ) -> None:
        self.identity = identity
        self.watchdog_ms = watchdog_ms
        self.faults = Faults()
        self.power = True
        self.supply_low = False
        self.emergency = False
        self.button = False
        self.actual_pa = [0, 0]
        self._physics = physics or (lag(), lag())
        self._now_ms: int | None = None
        self.restart()

    def restart(self) -> None:
        """Power off and on: programs and counters are gone."""
        self._requests = wire.RequestDecoder()
        self.state = wire.IDLE
        self.stop_reason = wire.REASON_NONE
        self.mode = wire.RATING_IN_USE
        self.programs: dict[int, waveform.SetWaveform] = {}
        self._players: list[Player | None] = [None, None]
        self._criterion = wire.ON_BUTTON_OR_RATING
        self._final_pa = [0, 0]
        self._pings = 0
        self._pinged_ms = 0
        self._counter = 0
        self._astray_since_ms: int | None = None
        self._status_due_ms: int | None = None
        self._out = b""

    # --- time --------------------------------------------------------------------------------------

    def step(self, data: bytes, now_ms: int) -> bytes:
        """Live until ``now_ms``, then hear ``data``; what is sent."""
        if self._now_ms is None:
            self._now_ms = self._pinged_ms = now_ms
        while self._now_ms + waveform.CYCLE_MS <= now_ms:
            self._now_ms += waveform.CYCLE_MS
            self._cycle(self._now_ms)
        if not (self.faults.silent or self.faults.deaf):
            for request in self._requests.feed(data):
                self._answer(request, now_ms)
        self._report(now_ms)
        sent, self._out = self._out, b""
        return b"" if self.faults.silent else sent

    @property
    def target_pa(self) -> list[int]:
        """What each outlet is to have now."""
        targets = [player.target_pa if player is not None else 0 for player in self._players]
        if self.state != wire.STIMULATING:
            return [0, 0]
        if self.faults.both_outlets:
            targets = [max(targets)] * 2
        return [target + self.faults.target_added_pa if target else 0 for target in targets]

    def _cycle(self, now_ms: int) -> None:
        if self.state == wire.STIMULATING:
            running = [player for player in self._players if player is not None]
            for player in running:
                player.cycle()
            if all(player.is_over for player in running) and not self.faults.runs_on:
                self._end(wire.REASON_COMPLETED)
        self._watch(now_ms)
        self.actual_pa = [
            physics(target, now_ms) for physics, target in zip(self._physics, self.target_pa, strict=True)
        ]

    def _watch(self, now_ms: int) -> None:
        """What ends a stimulation beside its programs."""
        if self.emergency != (self.state == wire.EMERGENCY):
            self._turn_emergency()
        if self.state != wire.STIMULATING:
            return
        pressed_ends = self._criterion != wire.ON_BUTTON_RELEASED
        if self.button == pressed_ends:
            self._end(wire.REASON_BUTTON)
        elif self.watchdog_ms is not None and now_ms - self._pinged_ms > self.watchdog_ms:
            self._end(wire.REASON_WATCHDOG)
        elif not self.power:
            self._end(wire.REASON_POWER)
        elif self.supply_low:
            self._end(wire.REASON_SUPPLY)
        elif self._is_out_of_compliance(now_ms):
            self._end(wire.REASON_COMPLIANCE)

    def _turn_emergency(self) -> None:
        if self.emergency:
            self._out += wire.encode_event(_EVENT_EMERGENCY_ON)
            if self.state == wire.STIMULATING:
                self._end(wire.REASON_EMERGENCY)
            self.state = wire.EMERGENCY
        else:
            self._out += wire.encode_event(_EVENT_EMERGENCY_OFF)
            self.state = wire.IDLE

    def _is_out_of_compliance(self, now_ms: int) -> bool:
        apart = [abs(a - b) for a, b in zip(self.target_pa, self.actual_pa, strict=True)]
        if max(apart) <= COMPLIANCE_PA:
            self._astray_since_ms = None
        elif self._astray_since_ms is None:
            self._astray_since_ms = now_ms
        return self._astray_since_ms is not None and now_ms - self._astray_since_ms >= COMPLIANCE_MS

    def _end(self, reason: int) -> None:
        self.state = wire.IDLE
        self.stop_reason = reason
        self._final_pa = list(self.actual_pa)
        self._players = [None, None]
        self._astray_since_ms = None
        self._out += wire.encode_event(_EVENT_OF_REASON.get(reason, _EVENT_STOP))

    # --- functions ---------------------------------------------------------------------------------

    def _answer(self, request: tuple[object, ...], now_ms: int) -> None:
        code, answer = self._obey(request, now_ms)
        if code == self.faults.refuses:
            answer = ecp.encode_nack(wire.ERROR_CHANNEL)
        if code != self.faults.no_answer_to:
            self._out += answer

    def _obey(self, request: tuple[object, ...], now_ms: int) -> tuple[int, bytes]:
        if isinstance(request, wire.Unreadable):
            return request.code, ecp.encode_nack(request.error)
        if isinstance(request, wire.Identify):
            return wire.IDENTIFY, wire.encode_identity(self.identity)
        if isinstance(request, wire.Ping):
            self._pings, self._pinged_ms = self._pings + 1, now_ms
            return wire.PING, wire.encode_ping_reply(self._pings)
        if isinstance(request, waveform.SetWaveform):
            return wire.SET_WAVEFORM, self._load(request)
        if isinstance(request, wire.Start):
            return wire.START, self._done(wire.START, self._start(request, now_ms))
        if isinstance(request, wire.OperatingMode):
            self.mode = request.mode
            return wire.OPERATING_MODE, wire.encode_done(wire.OPERATING_MODE)
        if isinstance(request, wire.Clear):
            return wire.CLEAR, self._done(wire.CLEAR, self._clear())
        return wire.STOP, self._done(wire.STOP, self._stop())

    def _done(self, code: int, error: int) -> bytes:
        return ecp.encode_nack(error) if error else wire.encode_done(code)

    def _load(self, program: waveform.SetWaveform) -> bytes:
        if self.state != wire.IDLE:
            return ecp.encode_nack(wire.ERROR_NOT_IDLE)
        if program.channel > waveform.CHANNEL_2:
            return ecp.encode_nack(wire.ERROR_CHANNEL)
        if waveform.program_ms(program) > waveform.LONGEST_PROGRAM_MS:
            return ecp.encode_nack(wire.ERROR_TOO_LONG)
        self.programs[program.channel] = program
        return wire.encode_waveform_reply(waveform.waveform_crc(program) ^ self.faults.crc_wrong)

    def _start(self, start: wire.Start, now_ms: int) -> int:
        if self.state != wire.IDLE:
            return wire.ERROR_NOT_IDLE
        if not self.power or self.supply_low:
            return wire.ERROR_NO_SUPPLY if self.power else wire.ERROR_NO_POWER
        channels = [channel for channel in (start.outlet_1, start.outlet_2) if channel != waveform.NO_CHANNEL]
        if not channels or any(channel not in self.programs for channel in channels):
            return wire.ERROR_START
        for outlet, channel in enumerate((start.outlet_1, start.outlet_2)):
            program = self.programs.get(channel)
            self._players[outlet] = None if program is None else Player(program)
        self._criterion = start.criterion
        self.stop_reason = wire.REASON_NONE
        self.state = wire.PENDING if start.external else wire.STIMULATING
        self._out += wire.encode_event(_EVENT_START)
        return 0

    def _stop(self) -> int:
        if self.state in (wire.STIMULATING, wire.PENDING) and not self.faults.ignores_stop:
            self._end(wire.REASON_SOFTWARE)
        return 0

    def _clear(self) -> int:
        if self.state == wire.STIMULATING:
            return wire.ERROR_NOT_IDLE
        self.programs = {}
        return 0

    # --- status ------------------------------------------------------------------------------------

    def _report(self, now_ms: int) -> None:
        if self._status_due_ms is None:
            self._status_due_ms = now_ms
        if now_ms < self._status_due_ms:
            return
        self._status_due_ms += ((now_ms - self._status_due_ms) // STATUS_MS + 1) * STATUS_MS
        self._counter = (self._counter + 1) & 0xFFFF
        self._out += wire.encode_status(self._status())

    def _status(self) -> wire.Status:
        supply_pa = 0 if not self.power else SUPPLY_PA // 4 if self.supply_low else SUPPLY_PA
        return wire.Status(
            state=self.state,
            flags=self._flags(),
            counter=self._counter,
            stop_reason=self.stop_reason,
            rating=0,
            final_rating=0,
            supply=supply_pa * waveform.FULL_COUNTS // waveform.SUPPLY_FULL_SCALE_PA,
            actual_1=_counts(self.actual_pa[0]),
            actual_2=_counts(self.actual_pa[1]),
            target_1=_counts(self.target_pa[0]),
            target_2=_counts(self.target_pa[1]),
            final_1=_counts(self._final_pa[0]),
            final_2=_counts(self._final_pa[1]),
            stop_pressed=int(self.button),
        )

    def _flags(self) -> int:
        possible = self.state == wire.IDLE and self.power and not self.supply_low
        return (
            wire.RATING_LOW
            | wire.POWER_ON * self.power
            | wire.COMPRESSOR_RUNNING * (self.power and self.supply_low)
            | wire.START_POSSIBLE * possible
            | wire.SUPPLY_LOW * self.supply_low
        )


def _counts(pressure_pa: int) -> int:
    share = (pressure_pa * waveform.FULL_COUNTS + waveform.FULL_SCALE_PA // 2) // waveform.FULL_SCALE_PA
    return max(0, min(waveform.FULL_COUNTS, share))
