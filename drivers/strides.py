"""Frames of one length that no marker of their own sets apart, found in a byte stream. Sans-IO, portable.

Theory of operation
-------------------
Many sensors send frames of a fixed size and nothing else: a few fixed bits, a counter or a weak checksum.
One frame by itself then proves little.  ``Strides`` believes a place in the stream only when ``enough``
frames in a row stand there, each ``is_frame`` and each one that ``follows`` the one before.  It then gives
out all of them, so that nothing is lost by the waiting, and every further frame as soon as it is complete.
The first frame that breaks the run (``goes_on``) ends the belief; the search begins again at its first byte.

So one damaged frame costs itself and delays the next ``enough`` frames; bytes lost or added do the same; and
what is given out has proved its place by its neighbours.  What a subclass decides is only what a frame looks
like.  At most ``enough`` frames and a piece are held between two calls.  It never raises.

Counters: ``frames`` given out, ``damaged`` (not a frame where one was due), ``resyncs`` (runs of bytes thrown
away).

Portable subset: runs on CPython and on MicroPython.
"""

from collections import namedtuple

# frame: bytes of one frame; skipped: the bytes thrown away just before it, not more than a search holds
Found = namedtuple("Found", ("frame", "skipped"))


class Strides:
    """Cuts a stream into frames of ``size`` bytes; a subclass says what a frame is."""

    def __init__(self, size: int, enough: int) -> None:
        self.frames = 0
        self.damaged = 0
        self.resyncs = 0
        self._size = size
        self._enough = enough
        self._held = b""
        self._skipped = b""
        self._is_losing = False
        self._last: bytes | None = None

    def is_frame(self, frame: bytes) -> bool:
        """Whether these bytes, looked at alone, are a frame: none is until a protocol says what one is."""
        return False

    def follows(self, before: bytes, frame: bytes) -> bool:
        """Whether one frame can be the next after another; asked while searching."""
        return True

    def goes_on(self, before: bytes, frame: bytes) -> bool:
        """Whether a frame in its place is believed after ``before``; asked once the place is known."""
        return True

    def begin_again(self) -> None:
        """Another stream begins here: what is held is thrown away, the counters stay."""
        self._held = self._skipped = b""
        self._is_losing = False
        self._last = None

    def cut(self, data: bytes) -> list[Found]:
        """Take what arrived; the frames that are now known to be some, oldest first."""
        self._held += data
        found: list[Found] = []
        at = 0
        while len(self._held) - at >= self._size:
            taken = self._next(at, found) if self._last is not None else self._search(at, found)
            if taken == 0 and self._last is None:
                break
            at += taken
        self._held = self._held[at:]
        return found

    def _next(self, at: int, found: list[Found]) -> int:
        """The frame in its place: its size, or 0 when the place is not believed any longer."""
        frame = self._held[at : at + self._size]
        is_frame = self.is_frame(frame)
        if is_frame and self.goes_on(self._last or b"", frame):
            self._give(frame, found)
            return self._size
        self.damaged += not is_frame
        self._last = None
        return self._search(at, found)

    def _search(self, at: int, found: list[Found]) -> int:
        """How many bytes are done with: a whole run, one that begins none, 0 while that is not decided."""
        end = at + self._size
        frame = self._held[at:end]
        run = [frame]
        if not self.is_frame(frame):
            return self._skip(at)
        while len(run) < self._enough:
            if len(self._held) < end + self._size:
                return 0
            before, frame = frame, self._held[end : end + self._size]
            if not self.is_frame(frame) or not self.follows(before, frame):
                return self._skip(at)
            run.append(frame)
            end += self._size
        for frame in run:
            self._give(frame, found)
        return end - at

    def _give(self, frame: bytes, found: list[Found]) -> None:
        found.append(Found(frame, self._skipped))
        self.frames += 1
        self._skipped = b""
        self._is_losing = False
        self._last = frame

    def _skip(self, at: int) -> int:
        """Throw one byte away; the first are kept for whoever wants to see what was between frames."""
        self.resyncs += not self._is_losing
        self._is_losing = True
        if len(self._skipped) < self._enough * self._size:
            self._skipped += self._held[at : at + 1]
        return 1
