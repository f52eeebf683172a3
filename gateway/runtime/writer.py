"""The journal's one writer, apart from the control cycle.

Theory of operation
-------------------
The core never waits for a disk.  It submits rows and gets a ticket; a ticket is durable once the
transaction that holds its rows has been committed (``durable``).  Whatever authorises energy waits
for its ticket; whatever takes energy away does not.

``ThreadWriter`` commits on a thread, everything that is waiting in one transaction.
``DirectWriter`` commits at once, in the caller: for virtual time, where threads would make minutes
of a millisecond.  Both fold a session's summary from the journal itself and append it as a row,
after everything that was submitted before.

A failure to write is kept (``failure``), never swallowed: the supervisor sees it and vents.  After
a failed commit nothing more is written, so that the record has no hole.  A summary that cannot be
folded is a failure too, but what follows is still written.
"""

import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.record.errors import RecordError
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.reserve import room_bytes
from gateway.record.row import Row, Stamp
from gateway.record.summary import Summary, fold

_MOST_TRACES = 5


class JournalSink(Protocol):
    """What the core needs of a writer."""

    failure: str | None
    durable: int

    def submit(self, rows: Sequence[Row]) -> int:
        """Queue rows; the ticket says when they are durable."""
        ...

    def summarise(self, session: str, stamp: Stamp) -> int:
        """Queue the fold of a session into its summary row."""
        ...

    def room_bytes(self) -> int:
        """How much the disk still takes."""
        ...

    def close(self) -> None:
        """Write what is queued and close the journal."""
        ...


class _Summarise(msgspec.Struct, frozen=True):
    session: str
    stamp: Stamp


def summary_row(path: Path, session: str, stamp: Stamp) -> Row:
    """The summary of a session, folded from the journal at ``path``, as a row."""
    with JournalReader.open(path) as reader:
        summary = fold(reader.rows(session=session), session)
    return Row("event", Summary.name, session, stamp, msgspec.json.encode(summary))


class DirectWriter:
    """Commits in the caller; a few traces wait and share the transaction of the next other row.

    A trace that waits counts as durable: nothing cuts the power between two turns of virtual time.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._traces: list[Row] = []
        self._submitted = 0
        self._frozen = False
        self._summaries: list[tuple[str, Stamp]] = []
        self.failure: str | None = None
        self.durable = 0

    def submit(self, rows: Sequence[Row]) -> int:
        """Append the rows now; traces with the next row that is none, or five at a time."""
        self._submitted += 1
        self._traces += rows
        if len(self._traces) >= _MOST_TRACES or any(row.kind != "trace" for row in rows):
            self._commit()
        elif self.failure is None and not self._frozen:
            self.durable = self._submitted
        return self._submitted

    def summarise(self, session: str, stamp: Stamp) -> int:
        """Fold and append now, or after everything that waits."""
        if self._frozen:
            self._summaries.append((session, stamp))
            self._submitted += 1
            return self._submitted
        self._commit()
        try:
            row = summary_row(self._journal.path, session, stamp)
        except RecordError as error:
            self.failure = str(error)
            return self.submit([])
        return self.submit([row])

    def room_bytes(self) -> int:
        """How much the disk still takes."""
        return room_bytes(self._journal.path)

    def close(self) -> None:
        """Commit what waits and close the journal."""
        self._commit()
        self._journal.close()

    def freeze(self) -> None:
        """Take rows and say nothing, as a disk does that hangs."""
        self._frozen = True

    def thaw(self) -> None:
        """Answer again."""
        self._frozen = False
        self._commit()
        waiting, self._summaries = self._summaries, []
        for session, stamp in waiting:
            self.summarise(session, stamp)

    def _commit(self) -> None:
        if self._frozen:
            return
        try:
            self._journal.append(self._traces)
        except RecordError as error:
            self.failure = str(error)
            return
        self._traces = []
        self.durable = self._submitted


class ThreadWriter:
    """Commits on a thread of its own; only this thread touches the database."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._jobs: queue.SimpleQueue[Sequence[Row] | _Summarise | None] = queue.SimpleQueue()
        self._submitted = 0
        self.failure: str | None = None
        self.durable = 0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(self, rows: Sequence[Row]) -> int:
        """Queue rows for the thread."""
        return self._put(list(rows))

    def summarise(self, session: str, stamp: Stamp) -> int:
        """Queue the fold of a session."""
        return self._put(_Summarise(session, stamp))

    def room_bytes(self) -> int:
        """How much the disk still takes; asks the file system, not the database."""
        return room_bytes(self._journal.path)

    def close(self) -> None:
        """Write what is queued, close the journal, end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _put(self, job: Sequence[Row] | _Summarise) -> int:
        self._submitted += 1
        if self._thread.is_alive():  # else nobody would ever take it out again
            self._jobs.put(job)
        return self._submitted

    def _run(self) -> None:
        died: str | None = "the journal's thread died of a defect: look at the log"
        try:
            while self._commit_waiting():
                pass
            died = None
        except RecordError as error:
            died = str(error)
        finally:
            self._end(died)

    def _end(self, died: str | None) -> None:
        self.failure = self.failure or died
        try:
            self._journal.close()
        except RecordError as error:
            self.failure = self.failure or str(error)

    def _commit_waiting(self) -> bool:
        job = self._jobs.get()
        rows: list[Row] = []
        jobs = 0
        while job is not None and not isinstance(job, _Summarise):
            rows += job
            jobs += 1
            if self._jobs.empty():
                break
            job = self._jobs.get()
        if rows:
            self._journal.append(rows)
            self.durable += jobs
        if isinstance(job, _Summarise):
            self._append_summary(job)
            self.durable += 1
        return job is not None

    def _append_summary(self, job: _Summarise) -> None:
        try:
            row = summary_row(self._journal.path, job.session, job.stamp)
        except RecordError as error:
            self.failure = str(error)
            return
        self._journal.append([row])
