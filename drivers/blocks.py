"""Frames of a stream gathered into blocks: what arrived together goes on together. Sans-IO.

Theory of operation
-------------------
A host adds each frame in the order of arrival, with how many are known to be missing just before it, and
takes the blocks once for each arrival.  A block has no hole inside: a missing frame begins another one.
"""

from drivers.host import Block


class Blocks:
    """The blocks of one stream under way; ``stream`` is its name."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._runs: list[tuple[int, list[bytes]]] = []

    def add(self, frame: bytes, missing: int) -> None:
        """One frame of the stream, little-endian, behind ``missing`` lost ones."""
        if missing or not self._runs:
            self._runs.append((missing, []))
        self._runs[-1][1].append(frame)

    def take(self, arrived_ms: int) -> list[Block]:
        """What was added since the last time, oldest first."""
        runs, self._runs = self._runs, []
        return [
            Block(self._stream, len(frames), b"".join(frames), missing, arrived_ms)
            for missing, frames in runs
        ]
