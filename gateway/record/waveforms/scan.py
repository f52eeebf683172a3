"""Finds the blocks of a waveform file, whatever happened to the bytes between them.

Theory of operation
-------------------
From the front: a head that is whole says how long its block is.  Where the body is damaged the block is
skipped by that length, if another head or the end of the file stands there; anything else is searched for the
next ``SYNC`` with a sound head and a sound body.  Numbers must rise: a block that was copied to another place
is damage too.  What is left at the end and is no block yet is the ``tail``: a block that is being written, or
was when its writer died.

Nothing is believed without its checksum, and no number of damaged bytes makes this raise.

Units: bytes.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from gateway.record.waveforms import blocks
from gateway.record.waveforms.blocks import HEAD, SYNC, TAIL, Head

_WINDOW_BYTES = 4 * 1024 * 1024


class Found(NamedTuple):
    """A sound block: where it begins, its head, its body."""

    offset: int
    head: Head
    body: bytes


class Damaged(NamedTuple):
    """Bytes from ``offset`` to ``end`` that are no block."""

    offset: int
    end: int


class Window:
    """A file as bytes, a few megabytes of it in memory."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self.size = descriptor, size
        self._begin, self._data = 0, b""

    def at(self, offset: int, length: int) -> bytes:
        """These bytes, fewer at the end of the file."""
        length = max(0, min(length, self.size - offset))
        begin = offset - self._begin
        if not 0 <= begin <= len(self._data) - length:
            self._data = os.pread(self._descriptor, max(_WINDOW_BYTES, length), offset)
            self._begin = begin = offset
            begin = 0
        return self._data[begin : begin + length]

    def find(self, wanted: bytes, offset: int) -> int:
        """Where these bytes stand next, -1 if nowhere."""
        while offset < self.size:
            part = self.at(offset, _WINDOW_BYTES // 2)
            found = part.find(wanted)
            if found >= 0:
                return offset + found
            offset += max(1, len(part) - len(wanted) + 1)
        return -1


def scan(window: Window, offset: int) -> Iterator[Found | Damaged]:
    """The blocks from here on and what is between them; ends before a tail that is no block yet."""
    newest = -1
    while offset < window.size:
        found = _sound(window, offset, newest)
        if found is not None:
            newest, offset = found.head.number, offset + found.head.block_bytes
            yield found
            continue
        after = _next(window, offset, newest)
        if after < 0:
            break
        yield Damaged(offset, after)
        offset = after
    if offset < window.size:
        yield Damaged(offset, window.size)


def _sound(window: Window, offset: int, newest: int) -> Found | None:
    """The block that begins here, if a whole one does."""
    head = blocks.head(window.at(offset, HEAD.size))
    if head is None or head.number <= newest:
        return None
    body = blocks.body(head, window.at(offset + HEAD.size, head.length + TAIL.size))
    return None if body is None else Found(offset, head, body)


def _next(window: Window, offset: int, newest: int) -> int:
    """Where the next sound block begins, -1 if there is none."""
    head = blocks.head(window.at(offset, HEAD.size))
    if head is not None and head.number > newest:
        behind = offset + head.block_bytes
        if _sound(window, behind, newest) is not None:
            return behind
    at = offset
    while (at := window.find(SYNC, at + 1)) >= 0:
        if _sound(window, at, newest) is not None:
            return at
    return -1
