"""A simulated OpenBCI Cyton behind its dongle, sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` is handed what the host sent and returns what leaves the dongle at that instant: texts
that answer commands, and while the board streams one frame for each 4 ms that have passed.  Called late, it
sends the backlog, up to a second of it.  ``source`` gives the eight counts of a sample, by its number since
the start of the stream.

What can be wrong with it stands in ``Defects``; ``power_cycle`` is a board switched off and on.

Sources: texts and commands of OpenBCI's Cyton SDK page; ``drivers.cyton`` for the frame.  The accelerometer
lies still, +1 g on z and 0.1 g on x, and speaks in every tenth frame, as the board's does (BrainFlow passes
over a frame whose x is 0).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers import cyton

SAMPLE_MS = 1000 // cyton.RATE_HZ
BACKLOG_SAMPLES = cyton.RATE_HZ
FULL_SCALE = (1 << 23) - 1

TEXT = "OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\nLIS3DH Device ID: 0x33\nFirmware: v3.1.2\n"
OUT_OF_REACH = "Failure: Communications timeout - Device failed to poll host"
_AT_REST = (round(0.1 / cyton.G_PER_COUNT), 0, round(1 / cyton.G_PER_COUNT))
_ACCELERATION_EVERY = 10
_SETTING_BYTES = 9

Source = Callable[[int], tuple[int, ...]]


@dataclass(slots=True)
class Defects:
    """What is wrong with the board or its radio.

    ``silent``: nothing leaves the dongle; ``out_of_reach``: the dongle answers, the board does not;
    ``text``: what it says of itself; ``deaf_to``: commands without an answer; ``dropped``: numbers of samples
    that the radio loses; ``railed``: channels (1 to 8) whose electrode is off.
    """

    silent: bool = False
    out_of_reach: bool = False
    text: str = TEXT
    deaf_to: bytes = b""
    dropped: set[int] = field(default_factory=set)
    railed: set[int] = field(default_factory=set)


class Cyton:
    """The board and its dongle. ``settings``: the channel settings that it was told, by channel."""

    def __init__(self, source: Source) -> None:
        self.defects = Defects()
        self.settings: dict[int, str] = {}
        self.commands: list[str] = []
        self._source = source
        self._held = b""
        self._started_ms: int | None = None
        self._sample = 0

    @property
    def is_streaming(self) -> bool:
        """Whether it sends frames."""
        return self._started_ms is not None

    def power_cycle(self) -> bytes:
        """Switched off and on: it says its text and waits."""
        self._started_ms, self._held = None, b""
        self.settings.clear()
        return self._answer(self.defects.text)

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What leaves the dongle now."""
        self._held += data
        sent = b""
        while (command := self._next_command()) is not None:
            sent += self._obey(command, now_ms)
        sent += self._due_frames(now_ms)
        return b"" if self.defects.silent else sent

    def _next_command(self) -> str | None:
        size = _SETTING_BYTES if self._held[:1] == b"x" else 1
        if len(self._held) < size:
            return None
        command, self._held = self._held[:size], self._held[size:]
        return command.decode("latin-1")

    def _obey(self, command: str, now_ms: int) -> bytes:
        self.commands.append(command)
        if self.defects.out_of_reach:
            return self._answer(OUT_OF_REACH)
        if command == "b":
            self._started_ms, self._sample = now_ms, 0
        elif command == "s":
            self._started_ms = None
        elif command.encode("latin-1")[:1] not in self.defects.deaf_to:
            return self._configure(command)
        return b""

    def _configure(self, command: str) -> bytes:
        if command == "v":
            return self.power_cycle()
        if command == "d":
            self.settings.clear()
            return self._answer("updating channel settings to default")
        if command == "c" and "Daisy" in self.defects.text:
            return self._answer("daisy removed")
        if command[0] == "x":
            return self._set_channel(command)
        return b""

    def _set_channel(self, command: str) -> bytes:
        if command[-1] != "X" or command[1] not in "12345678":
            return self._answer("Failure: 9th char not X")
        self.settings[int(command[1])] = command[2:-1]
        return self._answer(f"Success: Channel set for {command[1]}")

    def _answer(self, text: str) -> bytes:
        return b"" if self.is_streaming else text.encode() + cyton.END_OF_TEXT

    def _due_frames(self, now_ms: int) -> bytes:
        if self._started_ms is None:
            return b""
        due = (now_ms - self._started_ms) // SAMPLE_MS
        first, self._sample = max(self._sample, due - BACKLOG_SAMPLES), max(self._sample, due)
        if self.defects.out_of_reach:
            return b""
        numbers = [number for number in range(first, due) if number not in self.defects.dropped]
        return b"".join(self._frame(number) for number in numbers)

    def _frame(self, number: int) -> bytes:
        counts = self._source(number)
        shown = tuple(
            FULL_SCALE if channel in self.defects.railed else count for channel, count in enumerate(counts, 1)
        )
        still = (0, 0, 0) if number % _ACCELERATION_EVERY else _AT_REST
        return cyton.encode_frame(number & 0xFF, shown, struct.pack(">3h", *still))
