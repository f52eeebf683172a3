"""The two buttons at the bedside: what a person's press stops, and what it allows.

Theory of operation
-------------------
Each contact bounces, so it changes once it has read the same for three steps.  A *press* of the bedside
button is one closing: a button that is held or stuck is one press, and one that is closed at power-up is
none until it was let go.

*Stopping*: a press while anything is energised de-energises it, in here, without a host.  So does the
patient's stop, for as long as it is pressed.  Neither is a fault.

*Presence*: nothing energises from rest unless a person's press stands.  A press while nothing is energised
makes it stand; a reset, a newly latched fault, and a stop by either button take it away.  A press that began
while something was energised is a stop, also when the host vented before the contact was steady.  While the
bedside button is still down, or the patient's stop is pressed, it does not stand: a stop that cannot be
pressed any more is no stop.

A vent by the host does not take it away: what a plan ends and what a person at the host has stopped look the
same in here, and so do a press for the next session and one that means "stop" between two inflations.  Both
are for the host to tell apart.  What is left is time: a press stands while inflations or contractions keep
coming, and lapses when nothing was energised for 20 min.

A *recent* press also lets a host clear faults, whatever it stopped or allowed, if it was made after the
newest of them latched: who pressed before has not seen it.

Units: ms.
Portable subset: runs on CPython and on MicroPython.
"""

from . import limits

STEADY_STEPS = 3


class Contact:
    """A contact that bounces."""

    def __init__(self, closed: bool) -> None:
        self.closed = closed
        self._steps = 0

    def step(self, closed: bool) -> bool:
        """Look at it once a step; True when it has just closed."""
        self._steps = self._steps + 1 if closed != self.closed else 0
        if self._steps < STEADY_STEPS:
            return False
        self.closed = closed
        self._steps = 0
        return closed


class Presence:
    """Bedside button and patient's stop; ``presses`` counts those of the former."""

    def __init__(self) -> None:
        self.presses = 0
        # The patient has stopped, and nobody pressed the bedside button since.
        self.patient_stopped = False
        self._button = Contact(closed=True)
        self._patient_stop = Contact(closed=False)
        self._stands = False
        self._pressed_ms: int | None = None
        # When a person pressed, or something was energised, last.
        self._used_ms: int | None = None
        # For how many steps more a press is taken for one that began while something was energised.
        self._stops_for = STEADY_STEPS

    def step(self, button: bool, patient_stop: bool, energised: bool, now_ms: int) -> bool:
        """Look at both buttons; True when a person wants everything off now."""
        pressed = self._button.step(button)
        self._patient_stop.step(patient_stop)
        self._stops_for = STEADY_STEPS if energised else max(0, self._stops_for - 1)
        if pressed:
            self.presses = (self.presses + 1) & 0xFF
            self._pressed_ms = now_ms
            self._stands = self._stops_for == 0
            self.patient_stopped = False
        if self._patient_stop.closed:
            self._stands = False
            self.patient_stopped = True
        self._lapse(pressed or energised, now_ms)
        return pressed or self._patient_stop.closed

    def take_away(self) -> None:
        """Something happened that a person has to look at before anything energises again."""
        self._stands = False
        self._pressed_ms = None

    def stands(self) -> bool:
        """Whether something may be energised from rest."""
        return self._stands and not self._button.closed

    def is_recent(self, now_ms: int) -> bool:
        """Whether the bedside button was pressed a moment ago, and after the newest fault."""
        return self._pressed_ms is not None and now_ms - self._pressed_ms <= limits.PRESENCE_MS

    def _lapse(self, used: bool, now_ms: int) -> None:
        if used or self._used_ms is None:
            self._used_ms = now_ms
        elif now_ms - self._used_ms >= limits.PRESENCE_REST_MS:
            self._stands = False
