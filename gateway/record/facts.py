"""What a journal's rows say about one session, sorted but not yet measured.

Theory of operation
-------------------
``gather`` walks the rows of a session once, from ``session_started`` to ``session_ended`` in the order
of the journal.  For each fact it keeps where it happened (``Moment``), for each cycle its milestones;
of a milestone that is reported twice the first counts.  Inflations of examinations are no cycles: what an
examination found is kept instead.  Samples of the trace rows are kept per run of
core, because monotonic times of two runs cannot be compared; a trace row may follow the session's end
by up to a second, so samples that were taken before the end still count, and nothing else that
follows it does.  Row types that it does not know are passed over: the record is additive.  A stored
summary is one of those, so a summary never depends on an earlier one.

Units: as in ``events``.
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.model import Purpose
from gateway.record.errors import UNREADABLE, RowUnreadable, SessionUnknown
from gateway.record.events import (
    EVENTS,
    AlarmRaised,
    BloodPressureEntered,
    CuffDeflated,
    CycleSkipped,
    Event,
    ExaminationEnded,
    ExaminationResult,
    ExaminationStarted,
    HoldReached,
    InflationAuthorised,
    InflationStarted,
    LimbPressureMeasured,
    SessionEnded,
    SessionStarted,
    SessionStopped,
    StimulationEnded,
    Trace,
    Tripped,
    VentCommanded,
)
from gateway.record.row import ClockQuality, Stamp, StoredRow

_EVENT_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in EVENTS.items()}
_TRACE_DECODER = msgspec.json.Decoder(Trace)

_WALL_COMPARABLE = (ClockQuality.SYNCHRONISED, ClockQuality.SIMULATED)


class Moment(NamedTuple):
    """A place in time; moments of one session compare in the order in which they happened."""

    boot: int
    mono_ms: int
    wall_ms: int
    clock: ClockQuality

    @classmethod
    def of(cls, stamp: Stamp) -> "Moment":
        return cls(stamp.boot, stamp.mono_ms, stamp.wall_ms, stamp.clock)

    def seconds_until(self, later: "Moment") -> float | None:
        """Seconds to ``later``; across runs of core by two synchronised wall clocks, else unknown."""
        if later.boot == self.boot:
            return (later.mono_ms - self.mono_ms) / 1000
        if self.clock in _WALL_COMPARABLE and later.clock in _WALL_COMPARABLE:
            apart_ms = later.wall_ms - self.wall_ms
            return apart_ms / 1000 if apart_ms >= 0 else None
        return None


EMPTY_DMMHG = 150
"""Up to here a cuff counts as empty."""


class CuffSample(NamedTuple):
    """The control sensor in one status frame; ``None`` where it was missing."""

    mono_ms: int
    dmmhg: int | None


class SaturationSample(NamedTuple):
    """One oximeter value; ``None`` where it had none."""

    mono_ms: int
    permille: int | None


class Cycle:
    """The milestones of one cycle, ``None`` until they happen."""

    def __init__(self) -> None:
        self.target_dmmhg: int | None = None
        self.inflation_started: Moment | None = None
        self.hold_reached: Moment | None = None
        self.hold_target_dmmhg = 0
        self.vent_commanded: Moment | None = None
        self.vent_reason: str | None = None
        self.deflated: Moment | None = None
        self.skipped = False

    @property
    def delivered(self) -> bool:
        """The target was reached and the plan's own time was up."""
        return self.hold_reached is not None and self.vent_reason == "planned"


class Examination:
    """One examination: how it ended and what was made of it, ``None`` until then; the newest result."""

    def __init__(self, started: ExaminationStarted) -> None:
        self.started = started
        self.ended: ExaminationEnded | None = None
        self.result: ExaminationResult | None = None


class Facts:
    """One session's facts.  ``last`` is the newest moment of any of its rows."""

    def __init__(self, started: SessionStarted, at: Moment) -> None:
        self.started = started
        self.started_at = at
        self.last = at
        self.ended: SessionEnded | None = None
        self.ended_at: Moment | None = None
        self.cycles: dict[int, Cycle] = {}
        self.examinations: dict[int, Examination] = {}
        self.limb_pressure: LimbPressureMeasured | None = None
        self.examining = False
        self.examined_at: list[Moment] = []
        self.trains: list[StimulationEnded] = []
        self.pressures: list[BloodPressureEntered] = []
        self.alarms: list[tuple[Moment, AlarmRaised]] = []
        self.trips: list[tuple[Moment, Tripped]] = []
        self.stops: list[tuple[Moment, SessionStopped]] = []
        self.debt_at_start_ms: int | None = None
        self.last_ms_of_boot: dict[int, int] = {}
        self.clocks: set[ClockQuality] = set()
        self.cuff: dict[int, list[CuffSample]] = {}
        self.saturation: dict[int, list[SaturationSample]] = {}

    @property
    def over_at(self) -> Moment:
        """The session's end, or as far as its record goes."""
        return self.ended_at or self.last

    def first_inflation(self) -> Moment | None:
        return min((c.inflation_started for c in self.cycles.values() if c.inflation_started), default=None)

    def inflation_after(self, moment: Moment) -> Moment | None:
        """The next inflation of any cycle or examination."""
        begun = [c.inflation_started for c in self.cycles.values() if c.inflation_started]
        return min((at for at in (*begun, *self.examined_at) if at > moment), default=None)


def gather(rows: Iterable[StoredRow], session: str) -> Facts:
    """The facts of ``session`` among ``rows``.

    Raises ``SessionUnknown`` if it never started here, ``RowUnreadable`` for a body of another shape.
    """
    facts: Facts | None = None
    for row in rows:
        if row.session != session:
            continue
        at = Moment.of(row.stamp)
        body = _body(row)
        if facts is None:
            if not isinstance(body, SessionStarted):
                continue
            facts = Facts(body, at)
        if facts.ended_at is not None:
            if isinstance(body, Trace):
                _note_samples(facts, body, at.boot, facts.ended_at)
            continue
        _note_row(facts, at)
        if isinstance(body, Trace):
            _note_debt(facts, body.ischaemia_debt_ms)
            _note_samples(facts, body, at.boot)
        elif body is not None:
            _note_event(facts, body, at)
    if facts is None:
        raise SessionUnknown(session)
    _sort_samples(facts)
    return facts


def _body(row: StoredRow) -> Event | Trace | None:
    decoder = _TRACE_DECODER if row.kind == "trace" else _EVENT_DECODERS.get(row.type)
    if decoder is None or row.kind == "audit":
        return None
    try:
        body: Event | Trace = decoder.decode(row.body)
    except UNREADABLE as error:
        raise RowUnreadable(row.seq, row.type, str(error)) from error
    return body


def _note_row(facts: Facts, at: Moment) -> None:
    facts.last = max(facts.last, at)
    facts.clocks.add(at.clock)
    facts.last_ms_of_boot[at.boot] = max(at.mono_ms, facts.last_ms_of_boot.get(at.boot, at.mono_ms))


def _note_samples(facts: Facts, trace: Trace, boot: int, until: Moment | None = None) -> None:
    """Keep a trace row's samples; after the session's end, those that were taken before it.

    Of a session without a cuff what its empty cuff shows is left out: 20 samples a second that say nothing.
    """
    end = (boot, sys.maxsize) if until is None else (until.boot, until.mono_ms)
    least_dmmhg = -sys.maxsize if facts.started.uses_cuff else EMPTY_DMMHG + 1
    facts.cuff.setdefault(boot, []).extend(
        CuffSample(ms, control)
        for ms, control, _ in trace.cuff
        if (boot, ms) <= end and (control is None or control >= least_dmmhg)
    )
    facts.saturation.setdefault(boot, []).extend(
        SaturationSample(ms, permille) for ms, permille in trace.sto2 if (boot, ms) <= end
    )


def _note_debt(facts: Facts, debt_ms: int) -> None:
    if facts.debt_at_start_ms is None:
        facts.debt_at_start_ms = debt_ms


def _note_event(facts: Facts, event: Event, at: Moment) -> None:
    match event:
        case BloodPressureEntered():
            facts.pressures.append(event)
        case InflationAuthorised():
            _note_debt(facts, event.ischaemia_debt_ms)
        case AlarmRaised():
            facts.alarms.append((at, event))
        case Tripped():
            facts.trips.append((at, event))
        case SessionStopped():
            facts.stops.append((at, event))
        case SessionEnded():
            facts.ended, facts.ended_at = event, at
        case StimulationEnded():
            facts.trains.append(event)
        case ExaminationStarted() | ExaminationEnded() | ExaminationResult() | LimbPressureMeasured():
            _note_examination(facts, event)
        case _ if facts.started.uses_cuff:
            _note_cycle(facts, event, at)


def _note_examination(
    facts: Facts, event: ExaminationStarted | ExaminationEnded | ExaminationResult | LimbPressureMeasured
) -> None:
    if isinstance(event, LimbPressureMeasured):
        facts.limb_pressure = event
    elif isinstance(event, ExaminationStarted):
        facts.examinations[event.examination] = Examination(event)
    elif event.examination in facts.examinations:
        found = facts.examinations[event.examination]
        if isinstance(event, ExaminationEnded):
            found.ended = event
        else:
            found.result = event


def _note_cycle(facts: Facts, event: Event, at: Moment) -> None:
    number = getattr(event, "cycle", None)
    if number is None:
        return
    if isinstance(event, InflationStarted):
        facts.examining = not Purpose(event.purpose).is_therapy
        if facts.examining:
            facts.examined_at.append(at)
    if facts.examining and not isinstance(event, CycleSkipped):
        return
    cycle = facts.cycles.setdefault(number, Cycle())
    match event:
        case InflationStarted() if cycle.inflation_started is None:
            cycle.inflation_started, cycle.target_dmmhg = at, event.target_dmmhg
        case HoldReached() if cycle.hold_reached is None:
            cycle.hold_reached, cycle.hold_target_dmmhg = at, event.target_dmmhg
        case VentCommanded() if cycle.vent_commanded is None:
            cycle.vent_commanded, cycle.vent_reason = at, event.reason
        case CuffDeflated() if cycle.deflated is None:
            cycle.deflated = at
        case CycleSkipped():
            cycle.skipped = True


def _sort_samples(facts: Facts) -> None:
    """Arrival order is time order unless a writer was at fault; measures rely on it."""
    for cuff in facts.cuff.values():
        cuff.sort(key=lambda sample: sample.mono_ms)
    for saturation in facts.saturation.values():
        saturation.sort(key=lambda sample: sample.mono_ms)
