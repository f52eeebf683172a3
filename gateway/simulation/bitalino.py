"""A simulated BITalino, sans-IO.

Theory of operation
-------------------
``step(data, now_ms)`` is handed what the host sent and returns what leaves the device at that instant: the
version text, and while it acquires one frame for each period that has passed, at most a second of them.
``source`` gives the counts of the six inputs and the digital lines of a sample, by its number.

Commands are those of the second generation (``drivers.bitalino``).  The byte 00 outside an acquisition sets
``battery_threshold``, as on the device: a host must not send it there carelessly.

What can be wrong with it stands in ``Defects``; ``power_cycle`` is a device switched off and on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers import bitalino

Source = Callable[[int], tuple[tuple[int, ...], int]]

BATTERY_THRESHOLD = 30
_ACQUIRES = 1
_SETS_RATE = 3


@dataclass(slots=True)
class Defects:
    """What is wrong with it.

    ``silent``: nothing leaves it; ``text``: what it says of itself; ``dropped``: numbers of samples that
    never leave it; ``flipped``: by the number of a sample, the bits of its frame that are wrong on the wire.
    """

    silent: bool = False
    text: str = "BITalino_v5.2"
    dropped: set[int] = field(default_factory=set)
    flipped: dict[int, int] = field(default_factory=dict)


class Bitalino:
    """The device."""

    def __init__(self, source: Source) -> None:
        self.defects = Defects()
        self.commands = b""
        self.battery_threshold = BATTERY_THRESHOLD
        self._source = source
        self._rate_hz = bitalino.RATES_HZ[-1]
        self._inputs: tuple[int, ...] = ()
        self._started_ms: int | None = None
        self._sample = 0

    @property
    def is_acquiring(self) -> bool:
        """Whether it sends frames."""
        return self._started_ms is not None

    def power_cycle(self) -> None:
        """Switched off and on: idle, nothing set."""
        self._started_ms, self._rate_hz = None, bitalino.RATES_HZ[-1]
        self.battery_threshold = BATTERY_THRESHOLD

    def step(self, data: bytes, now_ms: int) -> bytes:
        """What leaves the device now."""
        sent = b"".join(self._obey(command, now_ms) for command in data)
        sent += self._due_frames(now_ms)
        return b"" if self.defects.silent else sent

    def _obey(self, command: int, now_ms: int) -> bytes:
        self.commands += bytes((command,))
        if command == bitalino.IDLE[0] or (self.is_acquiring and command == bitalino.STOP[0]):
            self._started_ms = None
        elif self.is_acquiring:
            return b""
        elif command == bitalino.VERSION[0]:
            return self.defects.text.encode() + b"\n"
        elif command & 3 == _ACQUIRES:
            self._inputs = tuple(number for number in range(1, 7) if command >> 1 + number & 1)
            self._started_ms, self._sample = now_ms, 0
        elif command & 0x3F == _SETS_RATE:
            self._rate_hz = bitalino.RATES_HZ[command >> 6]
        elif command & 3 == 0:
            self.battery_threshold = command >> 2
        return b""

    def _due_frames(self, now_ms: int) -> bytes:
        if self._started_ms is None:
            return b""
        due = (now_ms - self._started_ms) * self._rate_hz // 1000
        first, self._sample = max(self._sample, due - self._rate_hz), due
        return b"".join(self._frame(number) for number in range(first, due) if self._leaves(number))

    def _leaves(self, number: int) -> bool:
        return number not in self.defects.dropped

    def _frame(self, number: int) -> bytes:
        counts, digital = self._source(number)
        acquired = tuple(counts[one - 1] for one in self._inputs)
        shown = tuple(count & highest for count, highest in zip(acquired, bitalino.HIGHEST, strict=False))
        frame = bitalino.encode_frame(number & 15, digital, shown)
        wrong = self.defects.flipped.get(number, 0)
        return (int.from_bytes(frame, "big") ^ wrong).to_bytes(len(frame), "big")
