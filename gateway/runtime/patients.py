"""What patients have borne: told by hand, taken over from another gateway, handed on, shown.

Theory of operation
-------------------
``handle`` answers four requests from the ledger that the recorder keeps.  What is told is added to what
is known, never taken back: there is no way to enter less.  Telling what happened elsewhere, or that
nothing did, makes a patient's last 24 h known; so does a file from another gateway, if it was known there,
if two synchronised clocks say how long ago it was written, and if that was after this gateway handed the
patient on.  Entries that this gateway knows already are not counted twice.  While a session of the patient
runs nothing is told or taken over: its budgets were judged without it.  Whoever learns of more stops the
session first.

An export hands the patient on: whoever has the file may treat with it, so from then on the last 24 h are
unknown here until somebody tells what was done elsewhere.  The row that says so is durable before the file
is given.

Units: requests speak minutes, as people do; everything else ms.
"""

import re

import msgspec

from gateway.model import LIMBS, Limb
from gateway.record.errors import HistoryFileUnusable
from gateway.record.history_file import (
    DAY_MS,
    MOST_ENTRIES,
    TOKEN,
    Entry,
    HistoryFile,
    Stimulation,
    elapsed_ms,
    of_object,
    written,
)
from gateway.record.ledger_rows import BY_HAND
from gateway.runtime import ceilings
from gateway.runtime.core import Core
from gateway.runtime.patient_view import Borne, LimbLeft, PatientView
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AnyPatientRequest,
    DeclaredSession,
    DeclaredStimulation,
    PatientExport,
    PatientHistory,
    PatientImport,
    PatientShow,
    Reply,
    refusal,
)
from gateway.runtime.starting import Pending
from gateway.safety import budget

_MINUTE_MS = 60_000
_DAY_MIN = DAY_MS // _MINUTE_MS
_ABOVE, _PULSES = "above 15 mmHg", "of stimulation"
_FILE = "the file"
_UNCONFIRMED = "nothing was done: this decides about a patient and needs --confirm"
_NOW_KNOWN = "the last 24 hours are known"
_SLOW = refusal(EXIT_UNAVAILABLE, "nothing was exported: the journal did not take the row in time; try again")


class PatientDesk:
    """Answers for one core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def handle(self, request: AnyPatientRequest, now: int) -> Reply | Pending:
        """The answer, or what it waits for."""
        match request:
            case PatientHistory():
                return self._declare(request, now)
            case PatientImport():
                return self._import(request, now)
            case PatientExport():
                return _wrong_token(request.patient) or self._export(request.patient, now)
            case PatientShow():
                return _wrong_token(request.patient) or self._show(request.patient, now)

    def _runs(self, patient: str) -> Reply | None:
        """Budgets are judged when a session is armed: until it is over, nothing moves under it."""
        session = self._core.session
        if session is None or session.patient != patient:
            return None
        return refusal(EXIT_NOT_NOW, f"session {session.name} is still running; stop it first")

    # told

    def _declare(self, request: PatientHistory, now: int) -> Reply:
        wrong = _wrong_token(request.patient) or _wrong_declaration(request) or self._runs(request.patient)
        if wrong is not None:
            return wrong
        entries = [_entry(session) for session in request.sessions]
        trains = [_stimulation(session) for session in request.stimulation]
        self._core.recorder.told(request.patient, BY_HAND, 0, entries, trains, now)
        told = len(entries) + len(trains)
        what = f"{_counted(told, 'session')} elsewhere" if told else "nothing elsewhere"
        return Reply(message=f"noted for patient {request.patient}: {what}; {_NOW_KNOWN}")

    def _import(self, request: PatientImport, now: int) -> Reply:
        if not request.confirm:
            return refusal(EXIT_USAGE, _UNCONFIRMED)
        try:
            document = of_object(request.document, _FILE)
            elapsed = elapsed_ms(document, _FILE, self._core.recorder.stamp(now))
        except HistoryFileUnusable as error:
            return refusal(EXIT_REFUSED, str(error))
        return self._runs(document.patient) or self._take_over(document, elapsed, now)

    def _take_over(self, document: HistoryFile, elapsed: int | None, now: int) -> Reply:
        patient, recorder = document.patient, self._core.recorder
        known = {_name(one) for one in self._entries(patient, now) if one.session}
        known_trains = {_train_name(one) for one in self._trains(patient, now) if one.session}
        entries = [one for one in document.entries if _name(one) not in known and _counts(one, elapsed)]
        trains = [
            one for one in document.trains if _train_name(one) not in known_trains and _counts(one, elapsed)
        ]
        ignorance = self._ignorance(document, elapsed, now)
        told_ago_ms = None if ignorance else _told_ago_ms(document, elapsed)
        recorder.told(
            patient,
            document.device,
            told_ago_ms,
            [one.older(elapsed or 0) for one in entries],
            [one.older(elapsed or 0) for one in trains],
            now,
        )
        new = _counted(len(entries) + len(trains), "new entry", "new entries")
        return Reply(
            message=f"taken over for patient {patient} from {document.device}: {new}; "
            + (_unknown(ignorance) if ignorance else _NOW_KNOWN)
        )

    def _ignorance(self, document: HistoryFile, elapsed: int | None, now: int) -> str:
        """Why the file does not make the last 24 h known; empty where it does."""
        told_ago_ms = _told_ago_ms(document, elapsed)
        if document.told_ago_ms is None:
            return f"{document.device} did not know them"
        if elapsed is None or told_ago_ms is None:
            return "no clock vouches for the age of the file"
        if told_ago_ms > DAY_MS:
            return "the file is too old"
        if not document.is_whole:
            return "it says nothing of stimulation: an earlier version wrote it"
        return self._left_since(document, elapsed, now)

    def _left_since(self, document: HistoryFile, elapsed: int, now: int) -> str:
        """What may have been done elsewhere since the patient was handed on stands in no file before that."""
        handed_on = self._core.recorder.handed_on_age(document.patient, now)
        own = document.device == self._core.setup.config.site.device
        if handed_on is None or (elapsed < handed_on.at_least_ms and not own):
            return ""
        return "it is from before the patient was handed on from here"

    # handed on

    def _export(self, patient: str, now: int) -> Reply | Pending:
        core, runs = self._core, self._runs(patient)
        if runs is not None:
            return runs
        entries, trains = self._entries(patient, now), self._trains(patient, now)
        history = core.recorder.history(patient, now)
        known = budget.is_known(core.setup.limits, history)
        if not entries and not trains and not known:
            return refusal(EXIT_REFUSED, f"nothing is known here of patient {patient}'s last 24 hours")
        most = max(len(entries), len(trains))
        if most > MOST_ENTRIES:
            return refusal(
                EXIT_REFUSED,
                f"{most} entries in 24 hours, a file takes {MOST_ENTRIES}: enter them there by hand",
            )
        told_ago_ms = history.told_ago_ms if known else None
        stamp, device = core.recorder.stamp(now), core.setup.config.site.device
        document = written(device, patient, told_ago_ms, entries, stamp, trains)
        ticket = core.recorder.handed_on(patient, now)
        given = Reply(data=msgspec.to_builtins(document))
        return Pending(lambda _: given if core.recorder.is_durable(ticket) else None, lambda _: _SLOW)

    def _show(self, patient: str, now: int) -> Reply:
        recorder, limits = self._core.recorder, self._core.setup.limits
        history = recorder.history(patient, now)
        resumable = recorder.ledger.resumable(patient, recorder.stamp(now))
        may_resume = resumable is not None and budget.may_resume(limits, resumable.interrupted_ago_ms)
        view = PatientView(
            patient=patient,
            known=budget.is_known(limits, history),
            told_ago_s=None if history.told_ago_ms is None else history.told_ago_ms / 1000,
            session_wait_s=budget.session_wait_ms(limits, history.sessions) / 1000,
            therapy_budget_s=limits.therapy_budget_ms / 1000,
            examination_budget_s=limits.examination_budget_ms / 1000,
            limbs=[_left(limb, budget.left(limits, history.exposures, limb)) for limb in LIMBS],
            borne=[_borne(entry) for entry in self._entries(patient, now)],
            resumable=resumable.session if resumable is not None and may_resume else None,
            stimulation_s=self._stimulation_s(patient, now),
            handed_on_ago_s=self._handed_on_ago_s(patient, now),
        )
        return Reply(data=msgspec.to_builtins(view))

    def _stimulation_s(self, patient: str, now: int) -> float | None:
        has_stimulator = self._core.setup.config.stimulator is not None
        return ceilings.left_ms(self._core, patient, now) / 1000 if has_stimulator else None

    def _handed_on_ago_s(self, patient: str, now: int) -> float | None:
        age = self._core.recorder.handed_on_age(patient, now)
        return None if age is None else age.at_least_ms / 1000

    def _entries(self, patient: str, now: int) -> list[Entry]:
        recorder = self._core.recorder
        return recorder.ledger.entries(patient, recorder.stamp(now))

    def _trains(self, patient: str, now: int) -> list[Stimulation]:
        recorder = self._core.recorder
        return recorder.ledger.stimulation(patient, recorder.stamp(now))


def _wrong_token(patient: str) -> Reply | None:
    if re.fullmatch(TOKEN, patient):
        return None
    return refusal(EXIT_USAGE, "the patient token must be 1 to 64 letters, digits or hyphens, and no name")


def _wrong_declaration(request: PatientHistory) -> Reply | None:
    if request.nothing == bool(request.sessions or request.stimulation):
        return refusal(EXIT_USAGE, "declare sessions or that there was nothing, and not both")
    most = max(len(request.sessions), len(request.stimulation))
    if most > MOST_ENTRIES:
        return refusal(EXIT_USAGE, f"{most} sessions in 24 hours: at most {MOST_ENTRIES}")
    wrong = [_wrong_session(one.limb, one.ended_min_ago, one.above_min, _ABOVE) for one in request.sessions]
    wrong += [
        _wrong_session(one.limb, one.ended_min_ago, one.stimulated_min, _PULSES)
        for one in request.stimulation
    ]
    for sentence in filter(None, wrong):
        return refusal(EXIT_USAGE, sentence)
    return None if request.confirm else refusal(EXIT_USAGE, _UNCONFIRMED)


def _wrong_session(limb: str, ended_min_ago: int, lasted_min: int, of_what: str) -> str:
    if limb not in set(Limb):
        return f"the limb must be one of {', '.join(Limb)}, not {limb!r}"
    if not 0 <= ended_min_ago < _DAY_MIN:
        return f"ended {ended_min_ago} minutes ago: only the last 24 hours count, leave it out"
    if not 0 < lasted_min < _DAY_MIN:
        return f"{lasted_min} minutes {of_what} cannot be meant"
    return ""


def _entry(session: DeclaredSession) -> Entry:
    ago_ms = session.ended_min_ago * _MINUTE_MS
    return Entry(
        limb=Limb(session.limb),
        therapy=session.therapy,
        above_ms=session.above_min * _MINUTE_MS,
        ended_ago_ms=ago_ms,
        over_ago_ms=ago_ms,
    )


def _stimulation(session: DeclaredStimulation) -> Stimulation:
    ago_ms = session.ended_min_ago * _MINUTE_MS
    return Stimulation(
        limb=Limb(session.limb),
        stimulated_ms=session.stimulated_min * _MINUTE_MS,
        ended_ago_ms=ago_ms,
        over_ago_ms=ago_ms,
    )


def _counts(entry: Entry | Stimulation, elapsed: int | None) -> bool:
    return entry.over_ago_ms + (elapsed or 0) < DAY_MS


def _train_name(entry: Stimulation) -> tuple[str, Limb, int]:
    """What tells an entry of a named session from every other."""
    return (entry.session, entry.limb, entry.stimulated_ms)


def _name(entry: Entry) -> tuple[str, Limb, bool, int]:
    """What tells an entry of a named session from every other."""
    return (entry.session, entry.limb, entry.therapy, entry.above_ms)


def _told_ago_ms(document: HistoryFile, elapsed: int | None) -> int | None:
    return None if document.told_ago_ms is None or elapsed is None else document.told_ago_ms + elapsed


def _unknown(why: str) -> str:
    return f"the last 24 hours are not known by it ({why}): complete them with `rvos patient history`"


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"


def _left(limb: Limb, left: budget.Left) -> LimbLeft:
    return LimbLeft(
        limb=limb.value, therapy_s=left.therapy_ms / 1000, examination_s=left.examination_ms / 1000
    )


def _borne(entry: Entry) -> Borne:
    return Borne(
        session=entry.session,
        limb=entry.limb.value,
        therapy=entry.therapy,
        above_s=entry.above_ms / 1000,
        ended_ago_s=entry.ended_ago_ms / 1000,
    )
