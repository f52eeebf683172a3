"""The firmware's own ischaemia debt, one for each limb.

Theory of operation
-------------------
One millisecond is added for each that the cuff is pressed to a limb (either sensor above 15 mmHg, or a
sensor missing, which proves nothing).  Pressed time is charged to the limb of the newest granted lease, and
to all four while no lease was granted since the reset, because nobody knows where the cuff is, or while the
newest one said that it is on none (``cuff.NO_LIMB``), because nobody can prove it.  Time in which it is not
pressed is taken from every limb, never below zero; pressed time pays nobody back, for the firmware knows
only where the cuff was said to be.  An interval counts as pressed when it was so at either of its ends.  So
occlusion and reperfusion balance whatever the protocol is, and after a reset, when nobody knows what was
before, each debt starts at the longest occlusion that is allowed.

Two limbs are kept apart as well: an inflation of another limb than the last one waits until the last
deflation, the end of the pressed time, is a minute ago.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import cuff
from . import limits


class IschaemiaDebt:
    """Counts pressed against unpressed time; ``limb`` is None until a lease named one."""

    def __init__(self) -> None:
        self.debts_ms = [limits.DEBT_AFTER_RESET_MS] * cuff.LIMBS
        self.limb: int | None = None
        self._was_pressed = True
        self._pressed_ms: int | None = None

    def step(self, now_ms: int, elapsed_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> None:
        """Account for the time since the last step."""
        pressed = is_pressed((control_dmmhg, limit_dmmhg))
        if pressed or self._was_pressed:
            self._charge(elapsed_ms)
        elif any(self.debts_ms):
            self.debts_ms = [max(0, debt_ms - elapsed_ms) for debt_ms in self.debts_ms]
        if pressed:
            self._pressed_ms = now_ms
        self._was_pressed = pressed

    def name(self, limb: int) -> None:
        """A lease was granted: the cuff is on this limb."""
        self.limb = limb

    def is_other(self, limb: int) -> bool:
        """Whether the cuff was last on another limb; after a reset none is another."""
        return self.limb is not None and limb != self.limb

    def is_too_soon(self, limb: int, now_ms: int) -> bool:
        """Whether the last deflation of another limb is less than a minute ago."""
        if self._pressed_ms is None or not self.is_other(limb):
            return False
        return now_ms - self._pressed_ms < limits.LIMB_GAP_MS

    def allows(self, limb: int, planned_ms: int) -> bool:
        """Whether an inflation of this limb and planned time may start now."""
        return self._owed_ms(limb) + planned_ms <= limits.DEBT_INFLATION_MS

    def is_exceeded(self) -> bool:
        """Whether the cuff must be vented whatever anybody wants."""
        return self.charged_ms() > limits.DEBT_VENT_MS

    def charged_ms(self) -> int:
        """The debt of the limb that is charged; the largest while that is all of them."""
        return self._owed_ms(cuff.NO_LIMB if self.limb is None else self.limb)

    def _owed_ms(self, limb: int) -> int:
        return max(self.debts_ms) if limb == cuff.NO_LIMB else self.debts_ms[limb]

    def _charge(self, elapsed_ms: int) -> None:
        if self.limb is not None and self.limb != cuff.NO_LIMB:
            self.debts_ms[self.limb] += elapsed_ms
            return
        self.debts_ms = [debt_ms + elapsed_ms for debt_ms in self.debts_ms]


def is_pressed(both: tuple[int | None, int | None]) -> bool:
    """Whether the limb may be under pressure; a missing sensor cannot rule it out."""
    return both[0] is None or both[1] is None or shows_more(both, limits.DEFLATED_DMMHG)


def shows_more(both: tuple[int | None, int | None], than_dmmhg: int) -> bool:
    """Whether a sensor that is there shows more than this."""
    control_dmmhg, limit_dmmhg = both
    return (control_dmmhg is not None and control_dmmhg > than_dmmhg) or (
        limit_dmmhg is not None and limit_dmmhg > than_dmmhg
    )
