"""Where core puts the samples that it sees, for whoever records them.

Theory of operation
-------------------
The recorder of the journal hands on what it sees and what happens, and expects nothing back: a tape never
waits and never raises.  ``NO_TAPE`` is the one of a core that nobody records, as in virtual time.

Units: per mille, uA, ms.
"""

from typing import Protocol

from gateway.model import CuffReading


class Tape(Protocol):
    """Takes samples, and marks for what happens."""

    def mark(self, text: str, now: int) -> None:
        """Something happened: the name of an event."""

    def cuff(self, reading: CuffReading) -> None:
        """A status of the controller."""

    def saturation(self, treated: int | None, other: int | None, now: int) -> None:
        """A reading of the oximeter: the treated limb, the other one."""

    def stimulation(self, current_ua: int, now: int) -> None:
        """A decision of a closed loop: the current that is permitted from now on, 0 for none."""


class _NoTape:
    def mark(self, text: str, now: int) -> None:
        """Nobody records."""

    def cuff(self, reading: CuffReading) -> None:
        """Nobody records."""

    def saturation(self, treated: int | None, other: int | None, now: int) -> None:
        """Nobody records."""

    def stimulation(self, current_ua: int, now: int) -> None:
        """Nobody records."""


NO_TAPE: Tape = _NoTape()
