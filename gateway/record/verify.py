"""Checking a journal: is every row there, in order, and as it was written?

Theory of operation
-------------------
Walks all rows from the first and recomputes numbers and hashes; the first row that does not fit is
named and the walk ends there.  Then SQLite checks the file's structure, because the indexes, which
the chain does not cover, decide what a reader finds.  Works on a journal that is being written:
rows that arrive meanwhile are checked too.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from gateway.record.chain import Head, genesis, link
from gateway.record.errors import JournalCorrupt, JournalUnreadable
from gateway.record.reader import JournalReader
from gateway.record.schema import Record


class VerifyReport(msgspec.Struct, frozen=True):
    """``rows`` and ``events`` count what was found sound before the first fault."""

    rows: int
    events: int
    ok: bool
    first_broken_seq: int | None
    reason: str


def verify(path: Path | str, witness: Head | None = None) -> VerifyReport:
    """Check the whole journal; ``witness`` is a head that somebody kept, which it must contain.

    Raises what ``JournalReader.open`` raises when there is no journal to check.
    """
    with JournalReader.open(path) as reader:
        walk = _Walk(genesis(reader.device), witness)
        try:
            fault = walk.first_fault(reader.records())
            if fault is None:
                fault = reader.damage()
        except (JournalCorrupt, JournalUnreadable) as error:
            fault = error.message
    return VerifyReport(walk.head.seq, walk.head.event_seq, fault is None, walk.broken_seq, fault or "")


class _Walk:
    """How far the rows were found sound."""

    def __init__(self, start: Head, witness: Head | None) -> None:
        self.head = start
        self.broken_seq: int | None = None
        self._witness = witness

    def first_fault(self, records: Iterable[Record]) -> str | None:
        for record in records:
            fault = self._fault(record)
            if fault is not None:
                self.broken_seq = self.head.seq + 1
                return fault
            self.head = Head(record[0], record[1] or self.head.event_seq, record[-1])
        if self._witness is not None and self._witness.seq > self.head.seq:
            self.broken_seq = self.head.seq + 1
            return f"ends at row {self.head.seq}, but row {self._witness.seq} was witnessed"
        return None

    def _fault(self, record: Record) -> str | None:
        seq, event_seq, kind, body, digest = record[0], record[1], record[2], record[9], record[10]
        expected_event = self.head.event_seq + 1 if kind == "event" else None
        if seq != self.head.seq + 1:
            return f"row {self.head.seq + 1} is missing"
        if event_seq != expected_event:
            return f"row {seq} has event number {event_seq} where {expected_event} belongs"
        if digest != link(self.head.hash, record[:9], body):
            return f"row {seq} does not match its hash"
        if self._witness is not None and seq == self._witness.seq and digest != self._witness.hash:
            return f"row {seq} is not the row that was witnessed"
        return None
