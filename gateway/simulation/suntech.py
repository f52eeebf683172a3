"""A simulated SunTech blood pressure module with a patient's free limb in its cuff. Sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` takes what arrived and returns what leaves the module's port.  A measurement pumps the
cuff to its first pressure (or 30 mmHg above systolic), lets the air out slowly past diastolic, then at once:
about 30 s for 120/70.  What it finds comes from ``source``, asked when the measurement ends; ``None`` is a
limb without a pulse that could be felt (error 1).

Chosen, for no document of the maker was read: the rates at which it pumps and lets go; that it answers "busy"
to everything but questions while it measures; a safety timer of 180 s; that one unit of a stasis time is
``time_unit_ms`` (10 s).  ``Faults`` is what can be wrong with it.

Units: mmHg, mmHg/s, ms.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers import suntech as wire

CYCLE_MS = 10
PUMP_MMHG_S = 25.0
BLEED_MMHG_S = 5.0
DUMP_MMHG_S = 80.0
FIRST_INFLATION_MMHG = 160
ABOVE_SYSTOLIC_MMHG = 30
BELOW_DIASTOLIC_MMHG = 15
SAFETY_TIMER_MS = 180_000
INFLATION_LONGEST_MS = 40_000
OVER_PRESSURE_MMHG = 300.0

TEXT = wire.ReturnText("LX1.05", "LS1.01", "LOT-7", "NB-000317", "123")

_WEAK = 1
_ERRATIC = 2
_BLOCKED = 85
_ENDED = 86
_LEAK = 87
_TIMER = 88
_OVER_PRESSURE = 89


@dataclass(frozen=True, slots=True)
class Limb:
    """What the free limb's arteries have."""

    systolic_mmhg: int = 120
    diastolic_mmhg: int = 70
    rate_bpm: int = 72

    @property
    def mean_mmhg(self) -> int:
        """Diastolic and a third of the pulse."""
        return self.diastolic_mmhg + (self.systolic_mmhg - self.diastolic_mmhg) // 3


Source = Callable[[int], Limb | None]


@dataclass(slots=True)
class Faults:
    """What is wrong with it. ``lost_ack``: this letter never leaves it."""

    silent: bool = False
    moving: bool = False
    leak: bool = False
    kinked: bool = False
    never_lets_go: bool = False
    ignores_abort: bool = False
    pumps_on: bool = False
    lost_ack: str = ""
    busy: bool = False


class SunTech:
    """One module."""

    def __init__(
        self,
        source: Source = lambda now_ms: Limb(),
        text: wire.ReturnText = TEXT,
        time_unit_ms: int = 10_000,
    ) -> None:
        self.faults = Faults()
        self.mmhg = 0.0
        self._source = source
        self._text = text
        self._time_unit_ms = time_unit_ms
        self._commands = wire.CommandDecoder()
        self._now_ms: int | None = None
        self._first_mmhg = FIRST_INFLATION_MMHG
        self._result = wire.BloodPressure(0, 0, 0, 0, bytes(8), 0, 0, 0)
        self._phase = "idle"
        self._began_ms = 0
        self._peak_mmhg = 0.0
        self._held_until_ms = 0
        self._out = b""

    @property
    def is_idle(self) -> bool:
        """Neither measuring nor holding; the cuff may still be emptying."""
        return self._phase == "idle"

    def step(self, data: bytes, now_ms: int) -> bytes:
        """Live until ``now_ms``, then hear ``data``; what is sent."""
        if self._now_ms is None:
            self._now_ms = now_ms
        while self._now_ms + CYCLE_MS <= now_ms:
            self._now_ms += CYCLE_MS
            self._cycle(self._now_ms)
        if not self.faults.silent:
            for command in self._commands.feed(data):
                self._obey(command, now_ms)
        sent, self._out = self._out, b""
        return b"" if self.faults.silent else sent

    # --- air ---------------------------------------------------------------------------------------

    def _cycle(self, now_ms: int) -> None:
        if self._phase == "pump":
            self._pump(now_ms)
        elif self._phase == "bleed":
            self._bleed(now_ms)
        elif self._phase == "hold" and now_ms >= self._held_until_ms:
            self._phase = "idle"
            self._ack(wire.EXECUTED)
        elif self._phase == "idle" and not self.faults.never_lets_go:
            self._move(-DUMP_MMHG_S)
        if self._phase != "idle":
            self._watch(now_ms)

    def _move(self, mmhg_s: float) -> None:
        self.mmhg = max(0.0, self.mmhg + mmhg_s * CYCLE_MS / 1000)

    def _pump(self, now_ms: int) -> None:
        if not self.faults.leak:
            self._move(PUMP_MMHG_S)
        if self.faults.kinked and self.mmhg > 50:
            self._finish(now_ms, _BLOCKED)
        elif now_ms - self._began_ms > INFLATION_LONGEST_MS:
            self._finish(now_ms, _LEAK)
        elif self.mmhg >= self._peak_mmhg and not self.faults.pumps_on:
            self._phase = "hold" if self._held_until_ms else "bleed"

    def _bleed(self, now_ms: int) -> None:
        if not self.faults.never_lets_go:
            self._move(-BLEED_MMHG_S)
        limb = self._source(now_ms)
        lowest = (limb.diastolic_mmhg if limb is not None else 60) - BELOW_DIASTOLIC_MMHG
        if self.mmhg <= lowest:
            self._finish(now_ms, _ERRATIC if self.faults.moving else 0)

    def _watch(self, now_ms: int) -> None:
        if self.mmhg > OVER_PRESSURE_MMHG + 20:
            self._finish(now_ms, _OVER_PRESSURE)
        elif now_ms - self._began_ms > SAFETY_TIMER_MS:
            self.faults.never_lets_go = False
            self._finish(now_ms, _TIMER)

    def _finish(self, now_ms: int, error: int) -> None:
        """The measurement is over: keep its result, say so, and let the air out."""
        limb = self._source(now_ms)
        self._phase = "idle"
        if error or limb is None:
            self._result = wire.BloodPressure(0, 0, 0, 0, bytes(8), 0, 0, error or _WEAK)
        else:
            values = (limb.systolic_mmhg, limb.diastolic_mmhg, 0, 1, bytes(8), limb.rate_bpm)
            self._result = wire.BloodPressure(*values, limb.mean_mmhg, 0)
        self._ack(wire.EXECUTED)

    # --- commands ----------------------------------------------------------------------------------

    def _ack(self, letter: str) -> None:
        if letter != self.faults.lost_ack:
            self._out += wire.encode_ack(letter)

    def _obey(self, command: wire.Command, now_ms: int) -> None:
        if command.code == wire.ASK:
            self._answer(command.data)
        elif not self.is_idle or self.faults.busy:
            self._ack(wire.BUSY)
        elif command.code == wire.MODULE_DATA:
            self._ack(wire.RECEIVED)
            self._ack(wire.EXECUTED)
        elif command.code == wire.FIRST_INFLATION:
            self._first_mmhg = int.from_bytes(command.data, "little")
            self._ack(wire.EXECUTED)
        elif command.code == wire.MEASURE_ADULT:
            limb = self._source(now_ms)
            above = limb.systolic_mmhg + ABOVE_SYSTOLIC_MMHG if limb is not None else 0
            self._begin(max(self._first_mmhg, above), 0, now_ms)
        elif command.code == wire.STASIS:
            pressure_mmhg, time, _ = command.data
            self._begin(pressure_mmhg, now_ms + time * self._time_unit_ms, now_ms)
        else:
            self._ack("N")

    def _begin(self, peak_mmhg: float, held_until_ms: int, now_ms: int) -> None:
        self._phase, self._began_ms = "pump", now_ms
        self._peak_mmhg, self._held_until_ms = peak_mmhg, held_until_ms
        self._ack(wire.RECEIVED)

    def _answer(self, question: bytes) -> None:
        if question == wire.ABORT:
            self._abort()
        elif question == wire.CUFF_PRESSURE:
            self._out += wire.encode_cuff_pressure(min(round(self.mmhg), wire.HIGHEST_MMHG))
        elif question == wire.BLOOD_PRESSURE:
            self._out += wire.encode_blood_pressure(self._result)
        elif question == wire.RETURN_TEXT:
            self._out += wire.encode_return_text(self._text)
        elif question == wire.RETURN_CODE:
            self._out += wire.encode_return_code(bytes(3))
        else:
            self._ack("D")

    def _abort(self) -> None:
        if self.faults.ignores_abort:
            return
        if not self.is_idle:
            self._phase = "idle"
            self._result = wire.BloodPressure(0, 0, 0, 0, bytes(8), 0, 0, _ENDED)
        self._ack(wire.ABORTED)
        self._ack(wire.EXECUTED)
