"""The firmware's own ischaemia debt of the limb.

Theory of operation
-------------------
One millisecond is added for each that the cuff is pressed to the limb (either sensor above 15 mmHg, or a
sensor missing, which proves nothing) and one taken away for each that it is not, never below zero.  An
interval counts as pressed when it was so at either of its ends.  So occlusion and reperfusion balance
whatever the protocol is, and after a reset, when nobody knows what was before, the debt starts at the
longest occlusion that is allowed.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

from . import limits


class IschaemiaDebt:
    """Counts pressed against unpressed time."""

    def __init__(self) -> None:
        self.debt_ms = limits.DEBT_AFTER_RESET_MS
        self._was_pressed = True

    def step(self, elapsed_ms: int, control_dmmhg: int | None, limit_dmmhg: int | None) -> None:
        """Account for the time since the last step."""
        pressed = is_pressed(control_dmmhg, limit_dmmhg)
        if pressed or self._was_pressed:
            self.debt_ms += elapsed_ms
        else:
            self.debt_ms = max(0, self.debt_ms - elapsed_ms)
        self._was_pressed = pressed

    def allows(self, planned_ms: int) -> bool:
        """Whether an inflation of this planned time may start now."""
        return self.debt_ms + planned_ms <= limits.DEBT_INFLATION_MS

    def is_exceeded(self) -> bool:
        """Whether the cuff must be vented whatever anybody wants."""
        return self.debt_ms > limits.DEBT_VENT_MS


def is_pressed(control_dmmhg: int | None, limit_dmmhg: int | None) -> bool:
    """Whether the limb may be under pressure; a missing sensor cannot rule it out."""
    if control_dmmhg is None or limit_dmmhg is None:
        return True
    return max(control_dmmhg, limit_dmmhg) > limits.DEFLATED_DMMHG
