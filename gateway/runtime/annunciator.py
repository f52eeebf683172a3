"""Local alarm signals on the gateway itself: one line and the terminal bell.

Theory of operation
-------------------
The cuff controller's buzzer is the bedside sounder: the core tells it the loudest priority, and it
sounds by itself when the core falls silent.  This class is the second signal, on the gateway's own
terminal or service log: one line when the loudest priority changes, repeated at the burst interval
of its priority for as long as nobody has acknowledged it.

Burst intervals (s): high 5, medium 15, low 30; within the ranges of IEC 60601-1-8 (standard from
memory).
"""

from collections.abc import Callable

from gateway.model import Priority

_INTERVAL_MS = {Priority.HIGH: 5_000, Priority.MEDIUM: 15_000, Priority.LOW: 30_000}


class Annunciator:
    """Repeats the loudest alarm until it is acknowledged. ``say`` writes one line and rings."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: tuple[Priority, str] | None = None
        self._next_ms = 0

    def step(self, loudest: Priority | None, text: str, now: int) -> None:
        """Announce when something changed, or when the interval is over."""
        if loudest is None:
            self._last = None
            return
        if self._last == (loudest, text) and now < self._next_ms:
            return
        self._last = (loudest, text)
        self._next_ms = now + _INTERVAL_MS[loudest]
        self._say(f"{loudest.value.upper()} ALARM: {text}")
