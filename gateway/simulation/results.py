"""What a campaign has played so far, in a file: one that takes hours may be broken off and gone on with.

Theory of operation
-------------------
The first line of the file names the campaign and the sources (``compiled.fingerprint``) that play it, each
further line is one session, written as soon as it is known.  A campaign that finds its file plays what is
not in it.  Sessions of one campaign and the same sources are the same whoever plays them, so the sum is that
of one run; of other sources or another campaign nothing is mixed in: ``ResultsForeign``.

A line that was cut off by the end of the process counts as not played.  ``wall_s`` of a line is the time that
the campaign had taken by then, breaks left out.
"""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from gateway.simulation.tally import Played


class ResultsForeign(Exception):
    """A file of results that this campaign cannot go on with; the message says why and what to do."""


class _Heading(msgspec.Struct, frozen=True):
    """Whose results these are."""

    campaign: str
    sources: str


class _Line(msgspec.Struct, frozen=True):
    """One session."""

    number: int
    wall_s: float
    played: Played


class Results:
    """The sessions that were played, by number; ``add`` keeps another."""

    def __init__(self, file: BinaryIO, played: dict[int, Played], wall_s: float) -> None:
        self._file = file
        self.played = played
        self.wall_s = wall_s

    @classmethod
    def open(cls, path: Path, campaign: str, sources: str) -> Self:
        """Those of this file, which begins to exist. Raises ``ResultsForeign``."""
        heading = _Heading(campaign, sources)
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        whole, cut = lines[:-1], lines[-1:]
        if whole:
            _check(path, whole[0], heading)
        known = [_line(path, line) for line in whole[1:]]
        file = path.open("ab")
        if any(cut):
            file.truncate(file.tell() - len(cut[0]))
        results = cls(file, {one.number: one.played for one in known}, known[-1].wall_s if known else 0.0)
        if not whole:
            results._write(heading)
        return results

    @classmethod
    def nowhere(cls) -> Self:
        """Results that nobody wants to keep."""
        return cls(BytesIO(), {}, 0.0)

    def add(self, number: int, played: Played, wall_s: float) -> None:
        """Keep one more session."""
        self.played[number] = played
        self._write(_Line(number, wall_s, played))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, value: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")
        self._file.flush()


def _check(path: Path, line: bytes, wanted: _Heading) -> None:
    try:
        found = msgspec.json.decode(line, type=_Heading)
    except msgspec.MsgspecError as error:
        raise ResultsForeign(f"{path}: not the results of a campaign; name another file") from error
    if found.campaign != wanted.campaign:
        raise ResultsForeign(f"{path}: of another campaign ({found.campaign}); name another file")
    if found.sources != wanted.sources:
        raise ResultsForeign(f"{path}: played with other sources than these; name another file")


def _line(path: Path, line: bytes) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.MsgspecError as error:
        raise ResultsForeign(f"{path}: a line is no session ({error}); name another file") from error
