"""The journal as the link reads it: numbered events, and what core last said of itself.

Theory of operation
-------------------
``Backlog`` wraps the read-only ``JournalReader``: ``newest`` is the number of the newest event and
``event`` fetches one by number through a read-ahead page: the outbox asks for neighbours.  A journal
that is being replaced or busy at this instant (``JournalUnreadable``) shows nothing new for now; one
that contradicts itself ends the link with the record room's own message.
"""

import logging
from typing import Any

import msgspec

from gateway.record.errors import UNREADABLE, JournalUnreadable, RowUnreadable
from gateway.record.reader import JournalReader
from gateway.record.row import StoredRow
from gateway.ward.cursor import Cursor
from gateway.ward.errors import MessageError
from gateway.ward.outbox import Position

PAGE = 64

_log = logging.getLogger(__name__)


class Backlog:
    """The events of one journal."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._newest = 0
        self._page: dict[int, StoredRow] = {}

    def newest(self) -> int:
        """The number of the newest event; 0 when there is none."""
        try:
            self._newest = self._reader.head().event_seq
        except JournalUnreadable as error:
            _log.warning("%s", error)
        return self._newest

    def event(self, seq: int) -> StoredRow:
        """Event number ``seq``, which ``newest`` has announced."""
        if seq not in self._page:
            rows = self._reader.events(seq - 1, PAGE)
            self._page = {row.event_seq: row for row in rows if row.event_seq is not None}
        if seq not in self._page:
            raise MessageError(f"{self._reader.path}: event {seq} is missing: run `rvos journal verify`")
        return self._page[seq]

    def boot(self) -> int:
        """The newest run of core."""
        return self._reader.last_boot()

    def digest(self, seq: int) -> str:
        """The hash of event ``seq``, which tells one journal from another; empty for none."""
        rows = self._reader.events(seq - 1, 1) if seq > 0 else []
        return rows[0].hash.hex() if rows and rows[0].event_seq == seq else ""

    def position(self, cursor: Cursor) -> Position:
        """Where to begin: what the cursor says, if it tells of this journal."""
        is_of_it = cursor.is_within(self.newest()) and cursor.journal == self.digest(cursor.settled_through)
        if is_of_it:
            return cursor.position
        _log.warning("%s is not the journal that the cursor tells of: sending all of it", self._reader.path)
        return Position()

    def latest(self, boot: int, *types: str) -> list[tuple[str, dict[str, Any]]]:
        """The event bodies of run ``boot`` that have one of these types, oldest first."""
        start = self._newest
        rows: list[StoredRow] = []
        while start > 0 and (not rows or rows[0].stamp.boot >= boot):
            start = max(0, start - PAGE)
            rows = [row for row in self._reader.events(start, PAGE) if row.event_seq is not None][
                :PAGE
            ] + rows
        chosen = [row for row in rows if row.stamp.boot == boot and row.type in types]
        return [(row.type, _body(row)) for row in chosen]

    def close(self) -> None:
        self._reader.close()


def _body(row: StoredRow) -> dict[str, Any]:
    try:
        body: dict[str, Any] = msgspec.json.decode(row.body, type=dict[str, Any])
    except UNREADABLE as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error
    return body
