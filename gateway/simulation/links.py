"""A wire that does what wires do: splits, drops, repeats, damages, delays, adds noise.

Theory of operation
-------------------
``carry(data, now)`` takes what one end sent at this instant and returns what the other end receives at it.
A sound wire returns what it was given.  Each ``Trouble`` is a chance in thousand, per piece that was sent
(one or a few frames), or per byte for damage; ``delay_ms`` is the longest wait, drawn for each piece.
Order is kept, as on any serial line: what waits makes all that follows wait behind it.

*Split* pieces arrive in parts of 1 to 7 bytes, one part a call: the gaps between them are turns of the
simulation.  ``cut`` is a wire with a broken core: nothing arrives, nobody is told.

Chance comes from the generator handed in, so a seed gives the same bytes.  Units: ms, 1/1000.
"""

import random
from collections import deque
from dataclasses import dataclass

WHOLE = 1000
_LONGEST_PART = 7
_LONGEST_NOISE = 24
_LONGEST_QUEUE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a wire now. The default is nothing."""

    split: int = 0
    drop: int = 0
    duplicate: int = 0
    corrupt: int = 0
    noise: int = 0
    delay_ms: int = 0
    cut: bool = False


SOUND = Trouble()


class Link:
    """One direction of one wire."""

    def __init__(self, seed: int) -> None:
        self.trouble = SOUND
        self._random = random.Random(seed)
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0

    def carry(self, data: bytes, now: int) -> bytes:
        """Send ``data`` now; what arrives now."""
        if self.trouble is SOUND and not self._waiting:
            return data
        if data:
            self._send(data, now)
        noise = self._noise()
        return noise + self._arrived(now)

    def empty(self) -> None:
        """Forget what is under way: the port was closed."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def _send(self, data: bytes, now: int) -> None:
        trouble = self.trouble
        if trouble.cut or self._happens(trouble.drop):
            return
        data = self._damaged(data)
        due_ms = now + (self._random.randint(0, trouble.delay_ms) if trouble.delay_ms else 0)
        for _ in range(2 if self._happens(trouble.duplicate) else 1):
            if self._happens(trouble.split):
                self._put_in_parts(data, due_ms)
            else:
                self._put(data, due_ms)

    def _damaged(self, data: bytes) -> bytes:
        """Each byte by itself may have one bit turned over."""
        if not self.trouble.corrupt:
            return data
        bits = [1 << self._random.randrange(8) if self._happens(self.trouble.corrupt) else 0 for _ in data]
        return bytes(byte ^ bit for byte, bit in zip(data, bits, strict=True))

    def _put_in_parts(self, data: bytes, due_ms: int) -> None:
        while data:
            length = self._random.randint(1, _LONGEST_PART)
            self._put(data[:length], due_ms)
            due_ms, data = due_ms + 1, data[length:]

    def _put(self, data: bytes, due_ms: int) -> None:
        """A full buffer loses what comes, like any driver's."""
        if self._waiting_bytes + len(data) > _LONGEST_QUEUE_BYTES:
            return
        if self._waiting:
            due_ms = max(due_ms, self._waiting[-1][0])
        self._waiting.append((due_ms, data))
        self._waiting_bytes += len(data)

    def _arrived(self, now: int) -> bytes:
        parts = []
        while self._waiting and self._waiting[0][0] <= now:
            parts.append(self._waiting.popleft()[1])
        data = b"".join(parts)
        self._waiting_bytes -= len(data)
        return data

    def _noise(self) -> bytes:
        if not self._happens(self.trouble.noise):
            return b""
        return self._random.randbytes(self._random.randint(1, _LONGEST_NOISE))

    def _happens(self, chance: int) -> bool:
        return chance > 0 and self._random.randrange(WHOLE) < chance
