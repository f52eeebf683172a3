"""What is told about a patient from outside: the entries of a declaration, and the file between gateways.

Theory of operation
-------------------
An ``Entry`` is the time above 15 mmHg of one limb in one session, in therapy or in examinations, a
``Stimulation`` the time of pulses in one, each with its ages at the moment of telling.  A person enters some
by hand; a gateway exports all that it knows as a ``HistoryFile``: one small JSON document with a schema
version, the device that wrote it, the wall clock with its quality, and a SHA-256 over everything else, which
shows damage (not intent).

Files of schema 1 are still read.  They say nothing of stimulation: ``stimulation`` is then unset, which is
"not known", and such a file does not make the patient's last 24 h known.

The file is read by another gateway, perhaps much later.  Only where both wall clocks are synchronised is
the time in between known; elsewhere the entries count as if they had been written now, and the
file does not make the patient's last 24 h known.

A file has at most ``MOST_ENTRIES`` entries of each kind, so that a request that carries it stays within what
the control socket takes.

Units: ms; "ago" is the age of an instant when the entry was told.
"""

from hashlib import sha256
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.model import Limb
from gateway.record.errors import UNREADABLE, HistoryFileUnusable
from gateway.record.row import ClockQuality, Stamp

SCHEMA = 2
WITHOUT_STIMULATION = 1
"""The first schema."""
MOST_ENTRIES = 16
LONGEST_BYTES = 16_384
DAY_MS = 86_400_000
OLDEST_MS = 7 * DAY_MS
"""No age is said to be more: ages are lower bounds, and no window reaches back so far."""

TOKEN = r"[A-Za-z0-9-]{1,64}"
"""A patient token: the study's, never a name."""

_Token = Annotated[str, msgspec.Meta(pattern=rf"\A{TOKEN}\Z")]
_Word = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]{0,64}\Z")]
_Age = Annotated[int, msgspec.Meta(ge=0, le=OLDEST_MS)]


def _older(age_ms: int | None, by_ms: int) -> int | None:
    return None if age_ms is None else min(OLDEST_MS, age_ms + by_ms)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time above 15 mmHg of one limb in one session; ``session`` is empty where it was told by hand.

    ``over_ago_ms`` is the age of the session's end, the cuff being off.  ``started_ago_ms`` is ``None``
    where nobody knows when the pressure began.
    """

    session: _Word = ""
    limb: Limb
    therapy: bool
    above_ms: Annotated[int, msgspec.Meta(ge=1, le=DAY_MS)]
    started_ago_ms: _Age | None = None
    ended_ago_ms: _Age
    over_ago_ms: _Age

    def older(self, by_ms: int) -> "Entry":
        """The same, told ``by_ms`` later."""
        return msgspec.structs.replace(
            self,
            started_ago_ms=_older(self.started_ago_ms, by_ms),
            ended_ago_ms=min(OLDEST_MS, self.ended_ago_ms + by_ms),
            over_ago_ms=min(OLDEST_MS, self.over_ago_ms + by_ms),
        )


class Stimulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time of pulses at one limb in one session; ages and ``session`` are those of ``Entry``."""

    session: _Word = ""
    limb: Limb
    stimulated_ms: Annotated[int, msgspec.Meta(ge=1, le=DAY_MS)]
    started_ago_ms: _Age | None = None
    ended_ago_ms: _Age
    over_ago_ms: _Age

    @property
    def therapy(self) -> bool:
        """There is no stimulation that is not."""
        return True

    def older(self, by_ms: int) -> "Stimulation":
        """The same, told ``by_ms`` later."""
        return msgspec.structs.replace(
            self,
            started_ago_ms=_older(self.started_ago_ms, by_ms),
            ended_ago_ms=min(OLDEST_MS, self.ended_ago_ms + by_ms),
            over_ago_ms=min(OLDEST_MS, self.over_ago_ms + by_ms),
        )


class HistoryFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A patient's last 24 h as one gateway knew them.

    ``told_ago_ms`` is how long before the writing they were last known whole, ``None`` if they were not.
    """

    schema: int
    device: _Word
    patient: _Token
    written_wall_ms: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
    written_clock: ClockQuality
    told_ago_ms: _Age | None
    entries: Annotated[list[Entry], msgspec.Meta(max_length=MOST_ENTRIES)]
    sha256: str = ""
    stimulation: Annotated[list[Stimulation], msgspec.Meta(max_length=MOST_ENTRIES)] | UnsetType = UNSET

    @property
    def trains(self) -> list[Stimulation]:
        """What it says of stimulation; nothing is not known to be none where it is unset."""
        return [] if isinstance(self.stimulation, UnsetType) else self.stimulation

    @property
    def is_whole(self) -> bool:
        """Whether it says everything that a patient's last 24 h are made of."""
        return not isinstance(self.stimulation, UnsetType)


def written(
    device: str,
    patient: str,
    told_ago_ms: int | None,
    entries: list[Entry],
    stamp: Stamp,
    stimulation: list[Stimulation] | None = None,
) -> HistoryFile:
    """The document for these entries, with its hash."""
    document = HistoryFile(
        schema=SCHEMA,
        device=device,
        patient=patient,
        written_wall_ms=stamp.wall_ms,
        written_clock=stamp.clock,
        told_ago_ms=told_ago_ms,
        entries=entries,
        stimulation=stimulation or [],
    )
    return msgspec.structs.replace(document, sha256=_hash(document))


def read(data: bytes | str, where: str) -> HistoryFile:
    """The document in a file's contents. Raises ``HistoryFileUnusable``, which names ``where``."""
    if len(data) > LONGEST_BYTES:
        raise HistoryFileUnusable(where, f"longer than {LONGEST_BYTES} bytes: this is no patient history")
    try:
        document = msgspec.json.decode(data, type=HistoryFile)
    except UNREADABLE as error:
        raise _foreign(where, error) from error
    return _checked(document, where)


def of_object(document: dict[str, Any], where: str) -> HistoryFile:
    """The document that a request carries as an object. Raises ``HistoryFileUnusable``."""
    try:
        return _checked(msgspec.convert(document, HistoryFile), where)
    except msgspec.ValidationError as error:
        raise _foreign(where, error) from error


def elapsed_ms(document: HistoryFile, where: str, now: Stamp) -> int | None:
    """How long ago it was written, ``None`` where no clock vouches for it.

    Raises ``HistoryFileUnusable`` when it was written in the future, by two clocks that claim to be right.
    """
    if not (document.written_clock is now.clock is ClockQuality.SYNCHRONISED):
        return None
    elapsed = now.wall_ms - document.written_wall_ms
    if elapsed < 0:
        raise HistoryFileUnusable(
            where, f"was written {-elapsed // 1000} s in the future: the clock of one gateway is wrong"
        )
    return elapsed


def _foreign(where: str, error: Exception) -> HistoryFileUnusable:
    return HistoryFileUnusable(where, f"not a patient history ({error}): export it again")


def _checked(document: HistoryFile, where: str) -> HistoryFile:
    if document.schema not in (WITHOUT_STIMULATION, SCHEMA):
        raise HistoryFileUnusable(
            where,
            f"has schema {document.schema}, this rvos reads {WITHOUT_STIMULATION} and {SCHEMA}: "
            "use the same version on both",
        )
    if _hash(document) != document.sha256:
        raise HistoryFileUnusable(
            where, "its contents do not match its hash: damaged or edited; export it again"
        )
    if document.is_whole is not (document.schema == SCHEMA):
        raise HistoryFileUnusable(where, "its contents are not those of its schema: export it again")
    told: list[Entry | Stimulation] = [*document.entries, *document.trains]
    for number, entry in enumerate(told, start=1):
        if not _makes_sense(entry):
            raise HistoryFileUnusable(where, f"entry {number} contradicts itself: export it again")
    return document


def _makes_sense(entry: Entry | Stimulation) -> bool:
    """Started, ended, over: in this order."""
    started_ms = entry.ended_ago_ms if entry.started_ago_ms is None else entry.started_ago_ms
    return started_ms >= entry.ended_ago_ms >= entry.over_ago_ms


def _hash(document: HistoryFile) -> str:
    return sha256(msgspec.json.encode(msgspec.structs.replace(document, sha256=""))).hexdigest()
