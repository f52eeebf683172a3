"""What a person at the simulated bedside can hear: the gateway's own signal, the controller's buzzer.

Theory of operation
-------------------
``Room`` is the output of the gateway's annunciator: it keeps what was shown and rung in one of its turns.
``Ear`` listens to a buzzer that can only be on or off, and tells its patterns apart.

Units: ms.
"""

from gateway.model import Priority
from gateway.runtime.alarm_patterns import Signal
from gateway.runtime.annunciator import Announcement, Annunciator
from gateway.simulation.bedside import TURN_MS

_CONTINUOUS_MS = 300
"""A buzzer that sounds this long without a break says HIGH; MEDIUM and LOW beep for 200 ms."""
_LONGEST_PAUSE_MS = 4_000


class Room:
    """What the gateway's own annunciator does: an ``Output`` that is listened to."""

    def __init__(self) -> None:
        self.said: Priority | None = None
        self._rang = False
        self._buzzer = False
        self._annunciator = Annunciator(self)

    def step(self, announcement: Announcement | None, now: int) -> None:
        """One turn of the annunciator."""
        self._rang = False
        self._annunciator.step(announcement, now)
        heard = announcement is not None and (self._rang or self._buzzer)
        self.said = announcement.priority if announcement is not None and heard else None

    def say(self, line: str, *, ring: bool) -> None:
        """A line, and the bell."""
        self._rang = self._rang or ring

    def show(self, signal: Signal) -> None:
        """Lamps and buzzer."""
        self._buzzer = signal.buzzer

    def close(self) -> None:
        """Nothing is held."""


class Ear:
    """What a person at the bedside hears of the controller's buzzer."""

    def __init__(self) -> None:
        self._on_since_ms: int | None = None
        self._listened_ms = 0
        self._last_on_ms = -_LONGEST_PAUSE_MS - 1

    def listen(self, buzzer: bool, now: int) -> Priority | None:
        """The priority that the sound says; ``None`` for silence. What was not listened to was not heard."""
        if not buzzer or now - self._listened_ms > TURN_MS:
            self._on_since_ms = None
        self._listened_ms = now
        if buzzer:
            self._last_on_ms = now
            self._on_since_ms = now if self._on_since_ms is None else self._on_since_ms
            if now - self._on_since_ms >= _CONTINUOUS_MS:
                return Priority.HIGH
        return Priority.MEDIUM if now - self._last_on_ms <= _LONGEST_PAUSE_MS else None
