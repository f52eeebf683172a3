"""The journal's disk when it is full, slow, silent or broken.

Theory of operation
-------------------
``TroubledJournal`` is the real journal, asked to write on a disk that says no: a full one gives the reserve
first, as the real one does, and then refuses; a failing one refuses at once.  ``TroubledWriter`` is the
writer of virtual time with a disk that is late or never answers.  It also keeps what it promised: every row
but the one-second traces whose ticket was durable.  ``lost`` compares that with the journal as it is found
afterwards.

``abandon`` is a process that dies: what was not written is gone.

Units: ms, bytes.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Self

from gateway.record.errors import JournalFull, JournalWriteFailed, RecordError
from gateway.record.journal import Connect, Journal, connect
from gateway.record.reader import JournalReader
from gateway.record.reserve import PIECE_BYTES
from gateway.record.row import Row, StoredRow
from gateway.record.verify import verify
from gateway.runtime.writer import DirectWriter

_ROWS_IN_A_PIECE = PIECE_BYTES // 4096
"""Every row in a page of its own: more than they need."""


class Health(Enum):
    """What the disk does with a row."""

    SOUND = "sound"
    FULL = "full"
    FAILING = "failing"


class TroubledJournal(Journal):
    """A journal on a disk with ``health``."""

    health = Health.SOUND
    reserve_rows = 0

    @classmethod
    def open(cls, path: Path | str, *, device: str, connect: Connect = connect) -> Self:
        """As ``Journal.open``, but the machine's disk is not waited for.

        What a loss of power takes away is decided by the fault plan, in memory; the bytes are the same.
        """
        journal = super().open(path, device=device, connect=connect)
        journal._connection.execute("PRAGMA synchronous = OFF")
        return journal

    def append(self, rows: Sequence[Row]) -> list[StoredRow]:
        """As ``Journal.append``; raises what it would raise on such a disk."""
        if rows and self.health is Health.FAILING:
            raise JournalWriteFailed(self.path, "not written (disk I/O error): check the disk")
        if rows and self.health is Health.FULL:
            self._take_reserve(len(rows))
        return super().append(rows)

    def next_boot(self) -> int:
        """As ``Journal.next_boot``; a disk that fails lets no core start, whose end frees the lock."""
        if self.health is Health.FAILING:
            self.close()
            raise JournalWriteFailed(self.path, "not written (disk I/O error): check the disk")
        return super().next_boot()

    def _take_reserve(self, rows: int) -> None:
        while self.reserve_rows < rows:
            if not self._reserve.give():
                raise JournalFull(self.path, "no space left: free disk space; no new row was recorded")
            self.reserve_rows += _ROWS_IN_A_PIECE
        self.reserve_rows -= rows


class TroubledWriter(DirectWriter):
    """Commits in the caller, or when its disk gets round to it; after a failed commit never again."""

    def __init__(self, journal: TroubledJournal) -> None:
        super().__init__(journal)
        self.disk = journal
        self.delay_ms = 0
        self.now_ms = 0
        self._answers_ms: int | None = None
        self._ended = False
        self._unpromised: deque[tuple[int, Row]] = deque()
        self._promised: list[Row] = []

    def submit(self, rows: Sequence[Row]) -> int:
        """Queue rows; on a slow disk they are durable later."""
        if self.delay_ms and self._answers_ms is None:
            self.freeze()
            self._answers_ms = self.now_ms + self.delay_ms
        ticket = super().submit(rows)
        self._unpromised.extend((ticket, row) for row in rows if row.kind != "trace")
        self._promise()
        return ticket

    def room_bytes(self) -> int:
        """Nothing on a full disk."""
        return 0 if self.disk.health is Health.FULL else super().room_bytes()

    def step(self, now: int) -> None:
        """Let a slow disk answer what it has got round to; a silent one has no such time."""
        self.now_ms = now
        if self._answers_ms is not None and self._answers_ms <= now:
            self.thaw()

    def answer_within(self, delay_ms: int) -> None:
        """From now on the disk takes this long, for what waits already too; 0 is at once."""
        self.delay_ms = delay_ms
        if self._answers_ms is not None:
            self._answers_ms = min(self._answers_ms, self.now_ms + delay_ms)
        if not delay_ms:
            self.thaw()

    def thaw(self) -> None:
        """Answer everything that waits."""
        self._answers_ms = None
        super().thaw()
        self._promise()

    def carried_on(self, journal: TroubledJournal) -> "TroubledWriter":
        """A writer over a copy of the same journal, with the same tickets."""
        other = TroubledWriter(journal)
        other._submitted, other.durable = self._submitted, self.durable
        return other

    def abandon(self) -> list[Row]:
        """The process is dead: what waits is gone. Returns what had been promised."""
        self._promise()
        self.disk.close()
        return self._promised

    def _commit(self) -> None:
        """The real writer's thread ends with its first failed commit."""
        if self._frozen or self._ended:
            return
        before = self.durable
        super()._commit()
        self._ended = self.failure is not None and self.durable == before

    def _promise(self) -> None:
        while self._unpromised and self._unpromised[0][0] <= self.durable:
            self._promised.append(self._unpromised.popleft()[1])


def lost(path: Path, promised: Sequence[Row]) -> list[str]:
    """Promised rows that the journal does not hold, by type."""
    with JournalReader.open(path) as reader:
        kept = {(row.type, row.session, row.stamp, row.body) for row in reader.rows() if row.kind != "trace"}
    return [row.type for row in promised if (row.type, row.session, row.stamp, row.body) not in kept]


def broken(path: Path) -> str:
    """What a verification finds wrong; empty when all is well."""
    try:
        report = verify(path)
    except RecordError as error:
        return str(error)
    return "" if report.ok else report.reason
