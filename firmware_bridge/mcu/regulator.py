"""The control law: from a pressure and a target to pump, inflate valve and dump valve.

Theory of operation
-------------------
Three modes.  *Raising* runs the pump through the open inflate valve, at full power until 13 mmHg below the
target and proportionally less from there, and stops where the pressure, carried on at its present rate for
the time that sensing and acting take, would arrive.  So one set of constants fits a small cuff that fills
in a second (the prediction brakes it) and a thigh cuff that needs twelve (nearly full power to the end).
*Keeping* closes everything; a leak is topped up when the pressure has sunk by 1.5 mmHg.  *Releasing*
opens the dump valve, for one step at a time when little is to go and until the predicted arrival when
much is, then waits for the pressure to settle before it looks again.

The bounds of a mode are its hysteresis: raising begins 1.5 mmHg below target and ends 0.3 below,
releasing begins 3.0 above and ends 1.0 above.  Sources: none but the two cuffs of the tests; a real cuff
has its constants confirmed on the bench.

Small integers only: the largest product is a rate (below 100 000 dmmHg/s) times 40.
Units: pressures 0.1 mmHg, times ms, rate dmmHg/s, pump 1/1000.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff

RAISE_BELOW_DMMHG = 15
RAISED_WITHIN_DMMHG = 3
RELEASE_ABOVE_DMMHG = 30
RELEASED_WITHIN_DMMHG = 10
BAND_DMMHG = 40

# A diaphragm pump does not turn below a fifth of its power.
PUMP_LEAST_PERMILLE = 200
PUMP_GAIN = 6
PUMP_FULL_PERMILLE = 1000

LOOK_AHEAD_MS = 40
SETTLE_MS = 60
RATE_STEPS = 4
RATE_LARGEST = 100000

_KEEPING = 0
_RAISING = 1
_RELEASING = 2


class Regulator:
    """Brings a pressure to its target and keeps it there."""

    def __init__(self) -> None:
        self.pump_permille = 0
        self.inflate_open = False
        self.dump_closed = False
        self.state = cuff.VENTED
        self._mode = _KEEPING
        self._closed_ms = 0
        self._recent: list[tuple[int, int]] = []

    def vent(self) -> None:
        """Everything off; the dump valve opens."""
        self._set(0, False)
        self.dump_closed = False
        self.state = cuff.VENTED
        self._mode = _KEEPING
        self._recent = []

    def hold(self) -> None:
        """Pump nothing while there is no reading; a dump valve that is open stays open."""
        self._set(0, False)
        self._recent = []

    def step(self, pressure_dmmhg: int, target_dmmhg: int, elapsed_ms: int) -> None:
        """Decide the outputs until the next step."""
        predicted = pressure_dmmhg + self._rate(pressure_dmmhg, elapsed_ms) * LOOK_AHEAD_MS // 1000
        self._choose(pressure_dmmhg - target_dmmhg, predicted - target_dmmhg)
        if self._mode == _RAISING:
            self._raise(target_dmmhg - predicted)
        elif self._mode == _RELEASING:
            self._release(pressure_dmmhg - target_dmmhg, predicted - target_dmmhg, elapsed_ms)
        else:
            self._set(0, False)
            self.dump_closed = True
        self.state = self._describe(pressure_dmmhg - target_dmmhg)

    def _rate(self, pressure_dmmhg: int, elapsed_ms: int) -> int:
        """Change per second over the last few steps."""
        self._recent.append((pressure_dmmhg, elapsed_ms))
        if len(self._recent) > RATE_STEPS + 1:
            self._recent.pop(0)
        # The first entry's time lies before its pressure, so it is not part of the span.
        span_ms = sum(entry[1] for entry in self._recent) - self._recent[0][1]
        if span_ms <= 0:
            return 0
        rate = (pressure_dmmhg - self._recent[0][0]) * 1000 // span_ms
        return max(-RATE_LARGEST, min(RATE_LARGEST, rate))

    def _choose(self, excess: int, predicted_excess: int) -> None:
        if self._mode == _KEEPING:
            if excess < -RAISE_BELOW_DMMHG:
                self._mode = _RAISING
            elif excess > RELEASE_ABOVE_DMMHG:
                self._mode = _RELEASING
                self._closed_ms = SETTLE_MS
        elif self._mode == _RAISING and predicted_excess >= -RAISED_WITHIN_DMMHG:
            self._mode = _KEEPING

    def _raise(self, missing: int) -> None:
        wanted = PUMP_LEAST_PERMILLE + missing * PUMP_GAIN
        self._set(max(PUMP_LEAST_PERMILLE, min(PUMP_FULL_PERMILLE, wanted)), True)
        self.dump_closed = True

    def _release(self, excess: int, predicted_excess: int, elapsed_ms: int) -> None:
        self._set(0, False)
        if not self.dump_closed:
            self.dump_closed = predicted_excess <= RELEASED_WITHIN_DMMHG or excess <= BAND_DMMHG
            self._closed_ms = 0
            return
        self._closed_ms += elapsed_ms
        if self._closed_ms < SETTLE_MS:
            return
        if excess <= RELEASED_WITHIN_DMMHG:
            self._mode = _KEEPING
        else:
            self.dump_closed = False

    def _describe(self, excess: int) -> int:
        if self._mode == _RAISING and excess < -BAND_DMMHG:
            return cuff.INFLATING
        if self._mode == _RELEASING and excess > BAND_DMMHG:
            return cuff.LOWERING
        return cuff.HOLDING

    def _set(self, pump_permille: int, inflate_open: bool) -> None:
        self.pump_permille = pump_permille
        self.inflate_open = inflate_open
