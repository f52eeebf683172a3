"""After a restart: what the journal proves about the limb, the latch and the last session.

Theory of operation
-------------------
``restore`` folds the journal's events, and the traces since the last session began, into what the
new run of the core must start with.  Traces outside the session count: a cuff may come under pressure
when nobody asked for it.

- *latched*: the reason of the last trip that nobody has cleared.  A session that never ended means
  that the core died in it; that latches ``CORE_RESTARTED`` unless an earlier reason stands.
- *ischaemia debt*: proven only if the last trace ends with both sensors below 15 mmHg, nothing tripped
  after it, and every inflation that was authorised has been vented, or its session ended, before it: the
  rows of an inflation that has begun may be lost with the power.  Then the time since counts as reperfusion
  where a clock vouches for it (the same boot of the machine, or wall clocks that were synchronised
  both times), and counts as nothing where none does.  Anything else is 300 s.
- *open session*: to be ended as interrupted, so that its summary reaches the ward; so is an examination that
  was under way in it.
- *untold session*: one that ended, and whose summary a kill prevented.
- *open alarms*: what was raised and not ended, and whether somebody had acknowledged it.
- *cuff on*: whether a session was given after the last "cuff removed"; *limb*: on which limb it was, ``None``
  where nobody knows (rows of version 0.1.0, whose traces prove no debt of a limb either); *idle*:
  how long ago, at least, the last session ended, so that the reminder to take the cuff off does not begin
  anew with each start.  A session that never ended counts from its last row.
- *accepted cuffs*: controllers and cuffs whose newest test was passed.
- *unrecovered*: a fall of the saturation that nobody has seen come back (``reperfusion``).

Units: ms; 0.1 mmHg.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from gateway.model import LIMBS, Limb, Reason
from gateway.record.errors import UNREADABLE, RowUnreadable
from gateway.record.events import (
    AlarmAcknowledged,
    AlarmEnded,
    AlarmRaised,
    CoreStarted,
    CuffRemoved,
    CuffTested,
    ExaminationEnded,
    ExaminationStarted,
    InflationAuthorised,
    SessionEnded,
    SessionStarted,
    Trace,
    TripCleared,
    Tripped,
    VentCommanded,
)
from gateway.record.reader import JournalReader
from gateway.record.restarts import unclean_restarts
from gateway.record.row import ClockQuality, Stamp, StoredRow
from gateway.record.summary import Summary
from gateway.record.timeline import Instant, Timeline
from gateway.runtime.reperfusion import Holds, unrecovered
from gateway.safety.limits import Limits
from gateway.safety.verification import Unrecovered

SAME_BOOT = "same_boot"
SYNCHRONISED = "synchronised"
NO_TIME = "no_time"
NONE = "none"


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm of an earlier run that nobody ended."""

    alarm_id: str
    condition: Reason
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What the new run starts with."""

    debts_ms: tuple[int, ...]
    debt_proof: str
    latched: Reason | None = None
    open_session: str = ""
    cuff_on: bool = False
    last_session: str = ""
    untold_session: str = ""
    open_alarms: tuple[OpenAlarm, ...] = ()
    limb: Limb | None = None
    tripped: Reason | None = None
    idle_ms: int = 0
    accepted_cuffs: frozenset[tuple[str, str]] = frozenset()
    unrecovered: Unrecovered | None = None
    open_examination: ExaminationStarted | None = None


def with_test(accepted: frozenset[tuple[str, str]], test: CuffTested) -> frozenset[tuple[str, str]]:
    """The accepted cuffs (serial of the controller, words for the cuff) after one more test."""
    tested = {(test.cuff_serial, test.cuff_description)}
    return accepted | tested if test.accepted else accepted - tested


@dataclass(slots=True)
class _Fold:
    timeline: Timeline = field(default_factory=Timeline)
    ended: Instant | None = None
    latched: Reason | None = None
    open_session: str = ""
    last_session: str = ""
    last_session_seq: int = 0
    cuff_on: bool = False
    limb: Limb | None = None
    inflation_open: bool = False
    last_pressed_seq: int = 0  # the cuff may have been under pressure until this row
    untold_session: str = ""
    alarms: dict[str, OpenAlarm] = field(default_factory=dict)
    accepted_cuffs: frozenset[tuple[str, str]] = frozenset()
    examination: ExaminationStarted | None = None
    holds: Holds = field(default_factory=Holds)


def restore(reader: JournalReader, limits: Limits, boot_id: str, stamp: Stamp) -> Restored:
    """What the journal proves, seen from the boot and the instant of the new run.

    Raises ``RowUnreadable`` for a row that this depends on, ``JournalCorrupt`` where a row since the last
    session began is not as it was written, and the reader's other errors.
    """
    fold = _fold_events(reader.rows(kind="event"))
    debts_ms, proof = _proven_debts(reader, limits, fold, boot_id, stamp)
    tripped = None if fold.latched else _latched_by_restart(reader, limits, fold, boot_id, stamp)
    return Restored(
        debts_ms,
        proof,
        fold.latched or tripped,
        fold.open_session,
        fold.cuff_on,
        fold.last_session,
        fold.untold_session,
        tuple(fold.alarms.values()),
        fold.limb,
        tripped,
        _idle_ms(fold, boot_id, stamp),
        fold.accepted_cuffs,
        unrecovered(reader, limits, fold.holds.last),
        fold.examination,
    )


def _idle_ms(fold: _Fold, boot_id: str, stamp: Stamp) -> int:
    """How long ago the last session ended: what the clocks vouch for, and nothing more."""
    if fold.ended is None:
        return 0
    fold.timeline.run_began(stamp.boot, boot_id)
    return fold.timeline.age(fold.ended, fold.timeline.note(stamp)).at_least_ms


def _latched_by_restart(
    reader: JournalReader, limits: Limits, fold: _Fold, boot_id: str, stamp: Stamp
) -> Reason | None:
    restarts = unclean_restarts(reader.rows(kind="event"), boot_id, stamp, limits.restarts_window_ms)
    if restarts >= limits.restarts_most:
        return Reason.RESTARTS_TOO_MANY
    return Reason.CORE_RESTARTED if fold.open_session else None


def nothing_proven(limits: Limits) -> Restored:
    """What an empty journal proves."""
    return Restored(_whole(limits), NONE)


def _fold_events(rows: Iterable[StoredRow]) -> _Fold:
    fold = _Fold()
    for row in rows:
        if row.type == CoreStarted.name:
            fold.timeline.run_began(row.stamp.boot, _body(row, CoreStarted).boot_id)
        at = fold.timeline.note(row.stamp)
        _FOLDS.get(row.type, _ignore)(fold, row)
        fold.holds.take(row)
        if row.session and (row.session == fold.open_session or row.type == SessionEnded.name):
            fold.ended = at
    return fold


def _ignore(fold: _Fold, row: StoredRow) -> None:
    return


def _session_started(fold: _Fold, row: StoredRow) -> None:
    fold.open_session = fold.last_session = row.session
    fold.last_session_seq = row.seq
    started = _body(row, SessionStarted)
    fold.cuff_on = fold.cuff_on or started.uses_cuff
    try:
        fold.limb = Limb(started.limb) if started.limb else None
    except ValueError as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error


def _session_ended(fold: _Fold, row: StoredRow) -> None:
    fold.open_session = ""
    fold.examination = None
    fold.untold_session = row.session
    if fold.inflation_open:
        _vented(fold, row)


def _examination_started(fold: _Fold, row: StoredRow) -> None:
    fold.examination = _body(row, ExaminationStarted)


def _examination_ended(fold: _Fold, row: StoredRow) -> None:
    fold.examination = None


def _session_told(fold: _Fold, row: StoredRow) -> None:
    fold.untold_session = ""


def _alarm_raised(fold: _Fold, row: StoredRow) -> None:
    raised = _body(row, AlarmRaised)
    try:
        condition = Reason(raised.condition)
    except ValueError as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error
    fold.alarms[raised.alarm_id] = OpenAlarm(raised.alarm_id, condition)


def _alarm_ended(fold: _Fold, row: StoredRow) -> None:
    fold.alarms.pop(_body(row, AlarmEnded).alarm_id, None)


def _alarm_acknowledged(fold: _Fold, row: StoredRow) -> None:
    alarm = fold.alarms.get(_body(row, AlarmAcknowledged).alarm_id)
    if alarm is not None:
        fold.alarms[alarm.alarm_id] = replace(alarm, acknowledged=True)


def _cuff_removed(fold: _Fold, row: StoredRow) -> None:
    fold.cuff_on = False


def _cuff_tested(fold: _Fold, row: StoredRow) -> None:
    fold.accepted_cuffs = with_test(fold.accepted_cuffs, _body(row, CuffTested))


def _tripped(fold: _Fold, row: StoredRow) -> None:
    fold.last_pressed_seq = row.seq
    if fold.latched is None:
        fold.latched = _reason(row)


def _reason(row: StoredRow) -> Reason:
    try:
        return Reason(_body(row, Tripped).reason)
    except ValueError as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error


def _trip_cleared(fold: _Fold, row: StoredRow) -> None:
    fold.latched = None


def _authorised(fold: _Fold, row: StoredRow) -> None:
    fold.last_pressed_seq = row.seq
    fold.inflation_open = True


def _vented(fold: _Fold, row: StoredRow) -> None:
    fold.inflation_open, fold.last_pressed_seq = False, row.seq


_FOLDS = {
    SessionStarted.name: _session_started,
    SessionEnded.name: _session_ended,
    ExaminationStarted.name: _examination_started,
    ExaminationEnded.name: _examination_ended,
    CuffRemoved.name: _cuff_removed,
    CuffTested.name: _cuff_tested,
    Tripped.name: _tripped,
    TripCleared.name: _trip_cleared,
    InflationAuthorised.name: _authorised,
    VentCommanded.name: _vented,
    Summary.name: _session_told,
    AlarmRaised.name: _alarm_raised,
    AlarmEnded.name: _alarm_ended,
    AlarmAcknowledged.name: _alarm_acknowledged,
}

_Body = TypeVar("_Body", bound=msgspec.Struct)


def _body(row: StoredRow, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(row.body, type=kind)
    except UNREADABLE as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error


def _proven_debts(
    reader: JournalReader, limits: Limits, fold: _Fold, boot_id: str, stamp: Stamp
) -> tuple[tuple[int, ...], str]:
    """The debt of each limb, paid back for the time that a clock vouches for; or the whole debt of all."""
    last = _last_trace(reader, fold)
    if last is None or fold.inflation_open or last.seq < fold.last_pressed_seq:
        return _whole(limits), NONE
    trace = _body(last, Trace)
    if not _ends_deflated(limits, trace) or len(trace.debts_ms) != len(LIMBS):
        return _whole(limits), NONE
    then_boot_id = fold.timeline.boot_ids.get(last.stamp.boot, "")
    paid_ms, proof = _trusted_elapsed(then_boot_id, last.stamp, boot_id, stamp)
    return tuple(max(0, owed_ms - paid_ms) for owed_ms in trace.debts_ms), proof


def _whole(limits: Limits) -> tuple[int, ...]:
    return (limits.debt_unknown_ms,) * len(LIMBS)


def _last_trace(reader: JournalReader, fold: _Fold) -> StoredRow | None:
    """The last one since the last session began; before a first session nothing was ever followed.

    What a session leaves behind stands in its rows and in those that follow: none of them may have changed.
    """
    last = None
    for row in reader.chained(after_seq=max(0, fold.last_session_seq - 1)):
        if row.kind == "trace" and fold.last_session:
            last = row
    return last


def _ends_deflated(limits: Limits, trace: Trace) -> bool:
    if not trace.cuff:
        return False
    _, control, limit = trace.cuff[-1]
    if control is None or limit is None:
        return False
    return max(control, limit) <= limits.deflated_dmmhg


def _trusted_elapsed(then_boot_id: str, then: Stamp, now_boot_id: str, now: Stamp) -> tuple[int, str]:
    if then_boot_id == now_boot_id and now.mono_ms >= then.mono_ms:
        return now.mono_ms - then.mono_ms, SAME_BOOT
    both_synchronised = then.clock is now.clock is ClockQuality.SYNCHRONISED
    if both_synchronised and now.wall_ms >= then.wall_ms:
        return now.wall_ms - then.wall_ms, SYNCHRONISED
    return 0, NO_TIME
