"""The ledger of a journal that is already there: the rows that can still matter, read once.

Theory of operation
-------------------
``fold`` first walks over the events for the clocks alone, then hands the ledger every row of the last 30 h.

Units: ms.
"""

from collections.abc import Iterator

from gateway.record.events import CoreStarted
from gateway.record.history_file import DAY_MS
from gateway.record.ledger import Ledger
from gateway.record.ledger_rows import Run, body_of
from gateway.record.reader import JournalReader
from gateway.record.row import Stamp
from gateway.record.timeline import Instant, Timeline

LOOK_BACK_MS = DAY_MS + 21_600_000
"""Rows that are certainly older matter to no window of 24 h: a session that reaches into it is whole as long
as it took no more than six hours (engineering proposal)."""
_MARK_EVERY_MS = 3_600_000


def fold(reader: JournalReader, boot_id: str, now: Stamp) -> Ledger:
    """The ledger of a journal, for a run of core that begins at ``now`` on this boot of the machine.

    Raises ``RowUnreadable`` and the reader's errors.
    """
    timeline = Timeline()
    marks = list(_marks(reader, timeline))
    timeline.run_began(now.boot, boot_id)
    present = timeline.note(now)
    old = (seq for seq, at in reversed(marks) if timeline.age(at, present).at_least_ms >= LOOK_BACK_MS)
    ledger = Ledger(Timeline(timeline.boot_ids))
    for row in reader.rows(after_seq=next(old, 0)):
        ledger.take(row)
    return ledger


def _marks(reader: JournalReader, timeline: Timeline) -> Iterator[tuple[int, Instant]]:
    """Row numbers with their place in time, about one an hour; the timeline learns all of them."""
    last: Instant | None = None
    for row in reader.rows(kind="event"):
        if row.type == CoreStarted.name:
            timeline.run_began(row.stamp.boot, body_of(row, Run).boot_id)
        at = timeline.note(row.stamp)
        if last is None or at.segment != last.segment or at.mono_ms - last.mono_ms >= _MARK_EVERY_MS:
            last = at
            yield row.seq, at
