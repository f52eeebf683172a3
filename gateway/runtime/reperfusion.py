"""After a restart: whether the journal shows a fall of the saturation that nobody has seen come back.

Theory of operation
-------------------
The supervisor lets nothing be inflated until half of a real fall has come back
(``gateway.safety.verification``).  A run that ends takes that with it, so the next one reads it from the
journal.  ``Holds`` is told of events in their order and keeps the newest hold that may still matter: from its
target reached to the next inflation, which was permitted only because the blood had come back or a whole
minute had passed without a value, or to a person's "cuff removed".  ``unrecovered`` then reads its own
samples: what the oximeter showed at the target, the lowest until the vent, and whether half of the fall was
seen again once the cuff was empty.

What is not known counts against the limb.  A hold without a vent command (a kill, a power loss) counts as
long enough.  Only samples of the hold's own run count as recovery; those of a later one are judged by that
run itself.  Where the supervisor has tripped for a failed recovery and the samples do not show the fall, only
a cuff that is removed ends it.

Units: ms; per mille.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from gateway.model import Reason
from gateway.record.events import (
    CuffDeflated,
    CuffRemoved,
    HoldReached,
    InflationStarted,
    SessionStarted,
    Tripped,
    VentCommanded,
)
from gateway.record.ledger_rows import Given, body_of
from gateway.record.reader import JournalReader
from gateway.record.row import Stamp, StoredRow
from gateway.safety.limits import Limits
from gateway.safety.verification import Unrecovered

UNSEEN_FALL = Unrecovered(2_000, 1_900, failed=True)
"""A fall that the samples do not show: above what an oximeter can, so that it never comes back."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold from its target reached on; ``after_seq`` is the row before its session's first."""

    after_seq: int
    reached: Stamp
    vented: Stamp | None = None
    empty: Stamp | None = None
    failed: bool = False


@dataclass(slots=True)
class Holds:
    """The fold of events: ``last`` is the hold that may still have to recover."""

    last: Hold | None = None
    _after_seq: int = 0

    def take(self, row: StoredRow) -> None:
        """One event, in the journal's order."""
        if row.type == SessionStarted.name:
            self._after_seq = row.seq - 1
        elif row.type in (InflationStarted.name, CuffRemoved.name):
            self.last = None
        elif row.type == HoldReached.name and self.last is None:
            self.last = Hold(self._after_seq, row.stamp)
        elif row.type == Tripped.name and body_of(row, Given).reason == Reason.REPERFUSION_FAILED:
            self.last = replace(self.last or Hold(self._after_seq, row.stamp), failed=True)
        elif self.last is not None and row.stamp.boot == self.last.reached.boot:
            self.last = _ended(self.last, row)


def _ended(hold: Hold, row: StoredRow) -> Hold:
    if row.type == VentCommanded.name and hold.vented is None:
        return replace(hold, vented=row.stamp)
    if row.type == CuffDeflated.name and hold.empty is None:
        return replace(hold, empty=row.stamp)
    return hold


def unrecovered(reader: JournalReader, limits: Limits, hold: Hold | None) -> Unrecovered | None:
    """The fall of this hold, if it was a real one and has not come back. Raises ``RowUnreadable``."""
    if hold is None or not (hold.failed or _is_long(limits, hold)):
        return None
    before, lowest, recovered = None, None, False
    reached_ms = hold.reached.mono_ms
    for at_ms, value in _samples(reader, hold):
        if at_ms <= reached_ms:
            before = lowest = value if reached_ms - at_ms <= limits.tissue_saturation_age_ms else None
        elif before is None or lowest is None or value is None:
            continue
        elif hold.vented is None or at_ms <= hold.vented.mono_ms:
            lowest = min(lowest, value)
        elif hold.empty is not None and at_ms >= hold.empty.mono_ms:
            recovered = recovered or 2 * value >= before + lowest
    if before is None or lowest is None or before - lowest < limits.saturation_fall_permille:
        return UNSEEN_FALL if hold.failed else None
    return None if recovered else Unrecovered(before, lowest, hold.failed)


def _is_long(limits: Limits, hold: Hold) -> bool:
    """Whether it lasted long enough to be judged; one that nobody saw the end of may have."""
    return hold.vented is None or hold.vented.mono_ms - hold.reached.mono_ms >= limits.verify_ms


class _Saturations(msgspec.Struct):
    """Of a trace, what is looked at here."""

    sto2: list[tuple[int, int | None]]


def _samples(reader: JournalReader, hold: Hold) -> Iterator[tuple[int, int | None]]:
    """The saturations of the run of this hold, from its session's begin on."""
    for row in reader.rows(after_seq=hold.after_seq, kind="trace"):
        if row.stamp.boot != hold.reached.boot:
            return
        yield from body_of(row, _Saturations).sto2
