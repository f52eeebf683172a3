"""What each patient has borne: the journal folded into sessions, time above 15 mmHg and what was told.

Theory of operation
-------------------
The ledger takes the journal's rows in their order: those of the last 30 h from the disk (``ledger_fold``),
then every row that a running core writes, so that an answer needs no disk.

- A *session* runs from its ``session_started`` until the cuff is off: ``cuff_removed``, or the start of the
  next session.  The token is in no event; an ``audit`` row binds it to the session.
- *Time above 15 mmHg* is the matter of ``gateway.record.exposure``.  An inflation that was authorised by
  a run of core which then died counts as begun: of the rows around the first lease only the
  authorisation was certainly on the disk.
- A session that *resumes* another belongs to it: they are one session in every count.
- *Stimulation* is the matter of ``gateway.record.trains``.  A session without a cuff is over with its end.
- *Told* entries are what happened at other gateways (``gateway.record.tellings``).

A patient's last 24 h are known as long as no more than 24 h have passed, by clocks that vouch, since they
were told or since a session here was running: it was armed on that knowledge only, so it carries it on.
Handing the patient on ends that: what was known before counts no more.

A session may be taken up again for an hour after it was first interrupted, however often it was resumed.

Units: ms; "ago" is an age (``gateway.record.timeline``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.model import Exposure, History, Limb, PastSession
from gateway.record.events import (
    CoreStarted,
    CuffDeflated,
    CuffRemoved,
    CycleSkipped,
    InflationAuthorised,
    InflationStarted,
    SessionEnded,
    SessionStarted,
    StimulationAuthorised,
    StimulationEnded,
    StimulationStarted,
)
from gateway.record.exposure import Owner, PressureTime, Span
from gateway.record.history_file import DAY_MS, OLDEST_MS, Entry, Stimulation
from gateway.record.ledger_rows import (
    HANDED_ON,
    PATIENT,
    TOLD,
    Bound,
    Ended,
    Frames,
    HandedOn,
    Inflated,
    Run,
    Skipped,
    Started,
    Stimulated,
    Told,
    body_of,
)
from gateway.record.row import TRACE_TYPE, Row, Stamp
from gateway.record.tellings import Tellings
from gateway.record.timeline import Age, Instant, Timeline
from gateway.record.trains import Authorised, Began, Train, Trains

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Resumable:
    """A session that was interrupted, with the cuff still on, and its first cycle that was not begun.

    ``interrupted_ago_ms`` is the age of the first interruption of all that it resumes, ``None`` where no
    clock vouches for the time since, or the row of the first session is not there.
    """

    session: str
    prescription: str
    prescription_hash: str
    limb: Limb
    first_cycle: int
    interrupted_ago_ms: int | None


@dataclass(slots=True)
class _Session:
    """``root`` is the session that it goes on with, or itself.

    ``lived`` is its newest row until its end, written by the run that began it: later ones only tell.
    """

    name: str
    root: str
    limb: Limb
    started: Started
    run: int
    lived: Instant
    cycle: int
    therapy: bool = False
    outcome: str = ""
    over: Instant | None = None

    @property
    def owner(self) -> Owner:
        """Whose the pressure is before any inflation said what it is for."""
        return Owner(self.name, self.limb, bool(self.started.prescription))


class _Authorised(NamedTuple):
    """An inflation that may have begun: nothing said so yet."""

    session: _Session
    inflated: Inflated
    at: Instant


@dataclass(slots=True)
class Ledger:
    """The fold. ``take`` every row, in order; then ask."""

    timeline: Timeline = field(default_factory=Timeline)
    _pressure: PressureTime = field(default_factory=PressureTime)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _patients: dict[str, str] = field(default_factory=dict)
    _tellings: Tellings = field(default_factory=Tellings)
    _newest: _Session | None = None
    _authorised: _Authorised | None = None
    _trains: Trains = field(default_factory=Trains)

    def take(self, row: Row) -> None:
        """One more row. Raises ``RowUnreadable`` for a body of another shape."""
        if row.type == CoreStarted.name:
            self.timeline.run_began(row.stamp.boot, body_of(row, Run).boot_id)
            self._run_ended()
        at = self.timeline.note(row.stamp)
        _FOLDS.get(row.type, _nothing)(self, row, at)
        session = self._sessions.get(row.session)
        if session is not None and row.stamp.boot == session.run and not session.outcome:
            session.lived = at

    def history(self, patient: str, now: Stamp) -> History:
        """What is known of this patient at ``now``."""
        at = self.timeline.note(now)
        exposures = [self._exposure(span, at) for span in self._spans_of(patient, at)]
        ago_ms = self._ago(at)
        exposures += [
            Exposure(one.limb, one.therapy, one.above_ms, one.ended_ago_ms, one.started_ago_ms)
            for one in self._tellings.entries(patient, ago_ms)
        ]
        sessions = (*self._own_sessions(patient, at), *self._tellings.sessions(patient, ago_ms))
        return History(tuple(exposures), sessions, self._told_ago_ms(patient, at))

    def trains(self, patient: str, now: Stamp) -> tuple[Exposure, ...]:
        """This patient's stimulation: of each train here, and of what was told, limb, time and ages."""
        at = self.timeline.note(now)
        own = [self._train(one, session.limb, at) for session, one in self._trains_of(patient)]
        told = [
            Exposure(one.limb, True, one.stimulated_ms, one.ended_ago_ms, one.started_ago_ms)
            for one in self._tellings.stimulation(patient, self._ago(at))
        ]
        return (*own, *told)

    def entries(self, patient: str, now: Stamp) -> list[Entry]:
        """The same in one entry for each session, limb and budget, of the last 24 h, oldest first."""
        at = self.timeline.note(now)
        found = [*self._own_entries(patient, at), *self._tellings.entries(patient, self._ago(at))]
        recent = [entry for entry in found if entry.over_ago_ms < DAY_MS]
        return sorted(recent, key=lambda entry: entry.ended_ago_ms, reverse=True)

    def stimulation(self, patient: str, now: Stamp) -> list[Stimulation]:
        """Stimulation in one entry for each session, of the last 24 h, oldest first."""
        at = self.timeline.note(now)
        told = self._tellings.stimulation(patient, self._ago(at))
        recent = [one for one in [*self._own_stimulation(patient, at), *told] if one.over_ago_ms < DAY_MS]
        return sorted(recent, key=lambda entry: entry.ended_ago_ms, reverse=True)

    def handed_on(self, patient: str, now: Stamp) -> Age | None:
        """How long ago this patient's history left for another gateway, ``None`` if it never did."""
        at, then = self.timeline.note(now), self._tellings.handed_on(patient)
        return None if then is None else self.timeline.age(then, at)

    def resumable(self, patient: str, now: Stamp) -> Resumable | None:
        """The session that this patient may take up again, ``None`` where there is none."""
        at, last = self.timeline.note(now), self._newest
        if last is None or self._patients.get(last.name) != patient:
            return None
        if last.over is not None and last.started.uses_cuff:
            return None
        if last.outcome != INTERRUPTED or last.cycle >= last.started.steps_prescribed:
            return None
        first = self._sessions.get(last.root)
        return Resumable(
            last.name,
            last.started.prescription,
            last.started.prescription_hash,
            last.limb,
            last.cycle + 1,
            None if first is None else self.timeline.age(first.lived, at).exactly_ms,
        )

    def leaves_some(self, session: str) -> bool:
        """Whether the newest session, by this name, was prescribed more than it has begun."""
        last = self._newest
        return last is not None and last.name == session and last.cycle < last.started.steps_prescribed

    # folding

    def _run_ended(self) -> None:
        """What the run that died had authorised may have begun."""
        if self._authorised is not None:
            self._began(*self._authorised)
        self._trains.run_ended()

    def _began(self, session: _Session, inflated: Inflated, at: Instant) -> None:
        self._authorised = None
        therapy = inflated.purpose.is_therapy
        session.therapy = session.therapy or therapy
        if therapy:
            session.cycle = max(session.cycle, inflated.cycle)
        self._pressure.inflation_began(Owner(session.name, session.limb, therapy), at)

    def session_started(self, row: Row, at: Instant) -> None:
        """A new session: the cuff of the last one must have come off."""
        self._cuff_off(at)
        self._authorised = None
        started = body_of(row, Started)
        if started.limb is None:
            return
        before = self._sessions.get(started.resumes)
        session = _Session(
            name=row.session,
            root=before.root if before else started.resumes or row.session,
            limb=started.limb,
            started=started,
            run=row.stamp.boot,
            lived=at,
            cycle=started.first_cycle - 1,
        )
        self._sessions[row.session] = self._newest = session
        self._pressure.lies_under_cuff(session.owner)

    def inflation_authorised(self, row: Row, at: Instant) -> None:
        """Durable before the first lease."""
        if row.session in self._sessions:
            self._authorised = _Authorised(self._sessions[row.session], body_of(row, Inflated), at)

    def inflation_started(self, row: Row, at: Instant) -> None:
        """The first lease left."""
        if row.session in self._sessions:
            self._began(self._sessions[row.session], body_of(row, Inflated), at)

    def stimulation_authorised(self, row: Row, at: Instant) -> None:
        """Durable before the first pulse."""
        self._trains.authorised(row.session, body_of(row, Authorised).planned_ms, at)

    def stimulation_started(self, row: Row, at: Instant) -> None:
        """The first pulse of a contraction: therapy has begun."""
        self._trains.began(row.session, at)
        session = self._sessions.get(row.session)
        if session is not None:
            session.therapy = True
            session.cycle = max(session.cycle, body_of(row, Began).contraction)

    def stimulation_ended(self, row: Row, at: Instant) -> None:
        """The last pulse of a contraction."""
        self._trains.ended(row.session, body_of(row, Stimulated).duration_ms)

    def cuff_deflated(self, row: Row, at: Instant) -> None:
        """The cuff was empty after a vent."""
        self._pressure.cuff_empty(at)

    def cycle_skipped(self, row: Row, at: Instant) -> None:
        """A cycle that is not given any more."""
        session = self._sessions.get(row.session)
        if session is not None:
            session.cycle = max(session.cycle, body_of(row, Skipped).cycle)

    def session_ended(self, row: Row, at: Instant) -> None:
        """No more pressure; the cuff, where there is one, is still on."""
        self._authorised = None
        self._trains.session_ended()
        session = self._sessions.get(row.session)
        if session is None:
            return
        session.outcome = body_of(row, Ended).outcome
        if not session.started.uses_cuff and session is self._newest:
            self._cuff_off(at)

    def cuff_removed(self, row: Row, at: Instant) -> None:
        """A person says so; it concerns the last session."""
        self._cuff_off(at)

    def _cuff_off(self, at: Instant) -> None:
        if self._newest is not None and self._newest.over is None:
            self._newest.over = at
        self._pressure.lies_under_cuff(None)

    def trace(self, row: Row, at: Instant) -> None:
        """One second of cuff samples."""
        if self._pressure.is_idle:
            return
        self._pressure.cuff_frames(at.segment, body_of(row, Frames).cuff)

    def session_patient(self, row: Row, at: Instant) -> None:
        """Whose session it is."""
        bound = body_of(row, Bound)
        self._patients[bound.session] = bound.patient

    def patient_history(self, row: Row, at: Instant) -> None:
        """What a person or a file told."""
        self._tellings.tell(body_of(row, Told), at)

    def patient_handed_on(self, row: Row, at: Instant) -> None:
        """The patient may be treated elsewhere from now on."""
        self._tellings.hand_on(body_of(row, HandedOn).patient, at)

    # answering

    def _of(self, patient: str) -> Iterator[_Session]:
        return (one for one in self._sessions.values() if self._patients.get(one.name) == patient)

    def _spans_of(self, patient: str, at: Instant) -> list[Span]:
        return [one for one in self._pressure.spans(at) if self._patients.get(one.owner.session) == patient]

    def _trains_of(self, patient: str) -> Iterator[tuple[_Session, Train]]:
        own = {session.name: session for session in self._of(patient)}
        return ((own[one.session], one) for one in self._trains.over if one.session in own)

    def _ago_ms(self, then: Instant, at: Instant) -> int:
        return self.timeline.age(then, at).at_least_ms

    def _ago(self, at: Instant) -> Callable[[Instant], int]:
        return lambda then: self._ago_ms(then, at)

    def _exposure(self, span: Span, at: Instant) -> Exposure:
        return Exposure(
            span.owner.limb,
            span.owner.therapy,
            span.above_ms,
            self._ago_ms(span.ended, at),
            self._ago_ms(span.began, at),
        )

    def _train(self, train: Train, limb: Limb, at: Instant) -> Exposure:
        """Its end is ``lasted_ms`` younger than its begin."""
        began_ago_ms = self._ago_ms(train.began, at)
        return Exposure(limb, True, train.lasted_ms, max(0, began_ago_ms - train.lasted_ms), began_ago_ms)

    def _over_ago_ms(self, session: _Session, at: Instant) -> int:
        return 0 if session.over is None else self._ago_ms(session.over, at)

    def _own_sessions(self, patient: str, at: Instant) -> tuple[PastSession, ...]:
        """One for each chain of resumed sessions, as old as its youngest."""
        chains: dict[str, list[_Session]] = {}
        for session in self._of(patient):
            chains.setdefault(session.root, []).append(session)
        return tuple(
            PastSession(any(one.therapy for one in chain), min(self._over_ago_ms(one, at) for one in chain))
            for chain in chains.values()
        )

    def _own_entries(self, patient: str, at: Instant) -> Iterator[Entry]:
        by_owner: dict[Owner, list[Exposure]] = {}
        for span in self._spans_of(patient, at):
            by_owner.setdefault(span.owner, []).append(self._exposure(span, at))
        for owner, exposures in by_owner.items():
            ended_ago_ms = min(one.ended_ago_ms for one in exposures)
            yield Entry(
                session=owner.session,
                limb=owner.limb,
                therapy=owner.therapy,
                above_ms=sum(one.above_ms for one in exposures),
                started_ago_ms=min(OLDEST_MS, max(one.started_ago_ms or 0 for one in exposures)),
                ended_ago_ms=ended_ago_ms,
                over_ago_ms=min(ended_ago_ms, self._over_ago_ms(self._sessions[owner.session], at)),
            )

    def _own_stimulation(self, patient: str, at: Instant) -> Iterator[Stimulation]:
        by_session: dict[str, list[Exposure]] = {}
        for session, train in self._trains_of(patient):
            by_session.setdefault(session.name, []).append(self._train(train, session.limb, at))
        for name, trains in by_session.items():
            ended_ago_ms = min(one.ended_ago_ms for one in trains)
            yield Stimulation(
                session=name,
                limb=trains[0].limb,
                stimulated_ms=min(DAY_MS, sum(one.above_ms for one in trains)),
                started_ago_ms=min(OLDEST_MS, max(one.started_ago_ms or 0 for one in trains)),
                ended_ago_ms=min(OLDEST_MS, ended_ago_ms),
                over_ago_ms=min(OLDEST_MS, ended_ago_ms, self._over_ago_ms(self._sessions[name], at)),
            )

    def _told_ago_ms(self, patient: str, at: Instant) -> int | None:
        """How long ago the patient's day was last known whole, ``None`` where that is not known."""
        contacts = [(session.lived, 0) for session in self._of(patient)]
        contacts += self._tellings.contacts(patient)
        left = self._tellings.handed_on(patient)
        since = contacts if left is None else [(then, ms) for then, ms in contacts if then > left]
        ages = ((self.timeline.age(then, at).exactly_ms, before_ms) for then, before_ms in since)
        return min((ago_ms + before_ms for ago_ms, before_ms in ages if ago_ms is not None), default=None)


_FOLDS: dict[str, Callable[[Ledger, Row, Instant], None]] = {
    SessionStarted.name: Ledger.session_started,
    InflationAuthorised.name: Ledger.inflation_authorised,
    InflationStarted.name: Ledger.inflation_started,
    StimulationAuthorised.name: Ledger.stimulation_authorised,
    StimulationStarted.name: Ledger.stimulation_started,
    StimulationEnded.name: Ledger.stimulation_ended,
    CuffDeflated.name: Ledger.cuff_deflated,
    CycleSkipped.name: Ledger.cycle_skipped,
    SessionEnded.name: Ledger.session_ended,
    CuffRemoved.name: Ledger.cuff_removed,
    TRACE_TYPE: Ledger.trace,
    PATIENT: Ledger.session_patient,
    TOLD: Ledger.patient_history,
    HANDED_ON: Ledger.patient_handed_on,
}


def _nothing(ledger: Ledger, row: Row, at: Instant) -> None:
    return
