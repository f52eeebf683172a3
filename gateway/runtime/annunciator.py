"""Local alarm signals on the gateway itself: lamp, buzzer, and lines for a person to read.

Theory of operation
-------------------
The cuff controller's buzzer is the bedside sounder: the core tells it the loudest priority, and it
sounds by itself when the core falls silent.  This class is the second signal, on the gateway's own lamp
and buzzer (``GpioOutput``) or on its terminal (``TerminalOutput``: lines and the bell; in a service's log
without the bell).  Whatever the output, a line is written when something changes and with each burst.

``step`` is handed what is to be announced: the most urgent alarm that nobody has acknowledged, and
whether its sound is paused.  A pause stops bell and buzzer; lamp and lines go on, and the line says that the
sound is paused.  Lamp and buzzer follow ``alarm_patterns``.

An output that fails (a GPIO chip that is gone) is never failed in silence: ``failure`` says why, the
terminal takes over, and core raises an alarm of its own.

Units: ms.
"""

import sys
from typing import NamedTuple, Protocol

from gateway.config import AnnunciatorConfig
from gateway.model import Priority
from gateway.runtime.alarm_patterns import BURSTS, SILENT, Signal, pattern
from gateway.safety.texts import Language


class Announcement(NamedTuple):
    """What is to be announced: ``priority`` as presented, ``text`` in the site's language."""

    priority: Priority
    text: str
    audible: bool = True
    escalated: bool = False


class Output(Protocol):
    """Where alarms show and sound."""

    def say(self, line: str, *, ring: bool) -> None:
        """Show one line; ring where the output has a bell."""

    def show(self, signal: Signal) -> None:
        """Lamps and buzzer as given. Raises ``OSError`` when they cannot be driven."""

    def close(self) -> None:
        """Everything off; the output is not used again."""


class TerminalOutput:
    """Lines on stderr, with the bell where that is a terminal; it has no lamp."""

    def say(self, line: str, *, ring: bool) -> None:
        """One line; a log that nobody takes any more must not stop the control cycle."""
        try:
            print(f"\a{line}" if ring and sys.stderr.isatty() else line, file=sys.stderr, flush=True)
        except OSError:
            return

    def show(self, signal: Signal) -> None:
        """A terminal's lines say it all."""

    def close(self) -> None:
        """Nothing is held."""


class _Words(NamedTuple):
    """The few words around an alarm's own sentence."""

    priorities: dict[Priority, str]
    unanswered: str
    paused: str


_WORDS = {
    Language.ENGLISH: _Words(
        {Priority.HIGH: "HIGH ALARM", Priority.MEDIUM: "MEDIUM ALARM", Priority.LOW: "LOW ALARM"},
        "nobody has answered",
        "sound paused",
    ),
    Language.FRENCH: _Words(
        {Priority.HIGH: "ALARME HAUTE", Priority.MEDIUM: "ALARME MOYENNE", Priority.LOW: "ALARME BASSE"},
        "personne n'a répondu",
        "son en pause",
    ),
}


class Annunciator:
    """Repeats the most urgent alarm until it is acknowledged."""

    def __init__(self, output: Output, language: Language = Language.ENGLISH) -> None:
        self._output, self._words = output, _WORDS[language]
        self._announced: Announcement | None = None
        self._since_ms = self._next_line_ms = 0
        self._shown = SILENT
        self.failure = ""

    def step(self, announcement: Announcement | None, now: int) -> None:
        """Announce when something changed, and for as long as it lasts."""
        if announcement is not None and _starts_anew(self._announced, announcement):
            self._since_ms = now
        self._show(self._signal(announcement, now))
        if announcement is not None and (announcement != self._announced or now >= self._next_line_ms):
            self._next_line_ms = now + BURSTS[announcement.priority].period_ms
            self._output.say(self._line(announcement), ring=announcement.audible)
        self._announced = announcement

    def close(self) -> None:
        """Lamp and buzzer off."""
        self._show(SILENT)
        self._output.close()

    def _signal(self, announcement: Announcement | None, now: int) -> Signal:
        if announcement is None:
            return SILENT
        signal = pattern(announcement.priority, self._since_ms, now)
        return signal if announcement.audible else signal._replace(buzzer=False)

    def _show(self, signal: Signal) -> None:
        if signal == self._shown:
            return
        self._shown = signal
        try:
            self._output.show(signal)
        except OSError as error:
            self._fall_back(str(error))

    def _fall_back(self, why: str) -> None:
        self.failure = why
        self._output = TerminalOutput()
        self._output.say(f"rvos core: lamp and buzzer cannot be driven: {why}", ring=True)

    def _line(self, announcement: Announcement) -> str:
        words = self._words
        notes = [words.unanswered] if announcement.escalated else []
        notes += [] if announcement.audible else [words.paused]
        note = f" ({', '.join(notes)})" if notes else ""
        return f"{words.priorities[announcement.priority]}{note}: {announcement.text}"


def _starts_anew(before: Announcement | None, after: Announcement) -> bool:
    """Another text of the same priority does not cut a burst that is sounding."""
    return before is None or (before.priority, before.audible) != (after.priority, after.audible)


def open_output(config: AnnunciatorConfig) -> Output:
    """The output that the configuration names. Raises ``AnnunciatorUnavailable``."""
    if config.output == "terminal":
        return TerminalOutput()
    from gateway.runtime.gpio_output import GpioOutput  # only here: it loads a library that is optional

    return GpioOutput.open(config)
