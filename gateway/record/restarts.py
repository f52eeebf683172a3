"""How often the core has died lately: restarts that nobody asked for.

Theory of operation
-------------------
A run of core that ends in order says ``core_stopped`` with the words of its service; one that was killed,
crashed or lost its power says nothing, or names the defect.  The start that follows such a run is a
restart.  Restarts count while they are not certainly older than the window: time that no clock vouches
for counts as zero.  What a person cleared after too many of them counts no more.

Units: ms.
"""

from collections.abc import Iterable

from gateway.model import Reason
from gateway.record.events import CoreStarted, CoreStopped, TripCleared
from gateway.record.ledger_rows import Given, Run, body_of
from gateway.record.row import Stamp, StoredRow
from gateway.record.timeline import Instant, Timeline

ASKED_TO_STOP = "asked to stop"
"""What the service writes when it was told to stop."""


def unclean_restarts(rows: Iterable[StoredRow], boot_id: str, now: Stamp, window_ms: int) -> int:
    """Restarts in the last ``window_ms``, with the one at ``now`` if it is one.

    ``rows`` are the journal's before the first of the new run, at least its events; ``boot_id`` is the
    machine's boot of the new run.  Raises ``RowUnreadable``.
    """
    timeline, restarts, clean = Timeline(), list[Instant](), True
    for row in rows:
        if row.type == CoreStarted.name:
            timeline.run_began(row.stamp.boot, body_of(row, Run).boot_id)
        at = timeline.note(row.stamp)
        if row.type == CoreStarted.name:
            restarts += [] if clean else [at]
            clean = False
        elif row.type == CoreStopped.name:
            clean = body_of(row, Given).reason == ASKED_TO_STOP
        elif row.type == TripCleared.name and body_of(row, Given).reason == Reason.RESTARTS_TOO_MANY:
            restarts = []
    timeline.run_began(now.boot, boot_id)
    present = timeline.note(now)
    recent = [at for at in restarts if timeline.age(at, present).at_least_ms < window_ms]
    return len(recent) + (0 if clean else 1)
