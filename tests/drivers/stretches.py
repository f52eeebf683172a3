"""What the tests of sensors that stream without markers share: a message is a stretch of frames in a row.

Where frames have no marker, no single one can be believed; what such a codec promises it promises of some
frames in a row.  ``Stretches`` puts the frames that a decoder gives out together again: a stretch begins
where the counter is a multiple of its length, and is given out when all of it came.
"""

from collections.abc import Callable
from typing import Any


class Stretches:
    """A decoder of stretches of ``length`` frames over one of frames; ``counter_of`` reads the counter."""

    def __init__(self, decoder: Any, length: int, counter_of: Callable[[Any], int]) -> None:
        self.frames = decoder
        self._length = length
        self._counter_of = counter_of
        self._held: list[Any] = []

    def feed(self, data: bytes) -> list[Any]:
        return [stretch for frame in self.frames.feed(data) if (stretch := self._take(frame))]

    def _take(self, frame: Any) -> Any:
        place = self._counter_of(frame) % self._length
        if place == 0:
            self._held = []
        if place != len(self._held):
            self._held = []
            return None
        self._held.append(frame._replace(missing=0))
        if len(self._held) < self._length:
            return None
        stretch, self._held = tuple(self._held), []
        return stretch
