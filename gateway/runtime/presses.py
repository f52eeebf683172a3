"""When somebody pressed the button at the bedside: what the controller's counter says.

Theory of operation
-------------------
The controller counts presses modulo 256 in every status.  A count that moved between two frames of one
connection is a press, now.  The first count seen, after a reset or a silence of the controller too, is only
where counting begins: neither a restart nor a returning cable may look like a person.

A press counts once: whatever begins, and every stop and trip, uses it up (``Core``).

Units: ms.
"""

from gateway.model import CuffReading


class Presses:
    """The presses seen by one run of core."""

    def __init__(self, longest_gap_ms: int) -> None:
        self._longest_gap_ms = longest_gap_ms
        self._known: tuple[int, int, int] | None = None
        self._pressed_ms: int | None = None

    def take(self, reading: CuffReading, now: int) -> None:
        """One status frame."""
        known, self._known = self._known, (reading.nonce, reading.presses, now)
        if known is None or known[0] != reading.nonce or now - known[2] > self._longest_gap_ms:
            return
        if known[1] != reading.presses:
            self._pressed_ms = now

    def use_up(self) -> None:
        """What was pressed until now stands for nothing any more."""
        self._pressed_ms = None

    def ago_ms(self, now: int) -> int | None:
        """The age of the last press, ``None`` when nobody pressed since the last was used up."""
        return None if self._pressed_ms is None else now - self._pressed_ms
