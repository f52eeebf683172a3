"""What patients have borne: told by hand, taken over from another gateway, handed on, shown.

Theory of operation
-------------------
``handle`` answers four requests from the ledger that the recorder keeps.  What is told is added to what
is known, never taken back: there is no way to enter less.  Telling what happened elsewhere, or that
nothing did, makes a patient's last 24 h known; so does a file from another gateway, if it was known there
and two synchronised clocks say how long ago it was written.  Entries that this gateway knows already are
not counted twice.

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
    EXIT_USAGE,
    AnyPatientRequest,
    DeclaredSession,
    PatientExport,
    PatientHistory,
    PatientImport,
    PatientShow,
    Reply,
    refusal,
)
from gateway.safety import budget

_MINUTE_MS = 60_000
_DAY_MIN = DAY_MS // _MINUTE_MS
_FILE = "the file"
_UNCONFIRMED = "nothing was done: this decides about a patient and needs --confirm"
_NOW_KNOWN = "the last 24 hours are known"


class PatientDesk:
    """Answers for one core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def handle(self, request: AnyPatientRequest, now: int) -> Reply:
        """The answer, at once."""
        match request:
            case PatientHistory():
                return self._declare(request, now)
            case PatientImport():
                return self._import(request, now)
            case PatientExport():
                return _wrong_token(request.patient) or self._export(request.patient, now)
            case PatientShow():
                return _wrong_token(request.patient) or self._show(request.patient, now)

    # told

    def _declare(self, request: PatientHistory, now: int) -> Reply:
        wrong = _wrong_token(request.patient) or _wrong_declaration(request)
        if wrong is not None:
            return wrong
        entries = [_entry(session) for session in request.sessions]
        self._core.recorder.told(request.patient, BY_HAND, 0, entries, now)
        what = f"{_counted(len(entries), 'session')} elsewhere" if entries else "nothing elsewhere"
        return Reply(message=f"noted for patient {request.patient}: {what}; {_NOW_KNOWN}")

    def _import(self, request: PatientImport, now: int) -> Reply:
        if not request.confirm:
            return refusal(EXIT_USAGE, _UNCONFIRMED)
        try:
            document = of_object(request.document, _FILE)
            elapsed = elapsed_ms(document, _FILE, self._core.recorder.stamp(now))
        except HistoryFileUnusable as error:
            return refusal(EXIT_REFUSED, str(error))
        return self._take_over(document, elapsed, now)

    def _take_over(self, document: HistoryFile, elapsed: int | None, now: int) -> Reply:
        known = {_name(entry) for entry in self._entries(document.patient, now) if entry.session}
        entries = [
            entry.older(elapsed or 0)
            for entry in document.entries
            if _name(entry) not in known and entry.over_ago_ms + (elapsed or 0) < DAY_MS
        ]
        told_ago_ms = _told_ago_ms(document, elapsed)
        self._core.recorder.told(document.patient, document.device, told_ago_ms, entries, now)
        new = _counted(len(entries), "new entry", "new entries")
        return Reply(
            message=f"taken over for patient {document.patient} from {document.device}: {new}; "
            + _knowledge(document, elapsed)
        )

    # handed on

    def _export(self, patient: str, now: int) -> Reply:
        core = self._core
        if core.session is not None and core.session.patient == patient:
            return refusal(EXIT_NOT_NOW, f"session {core.session.name} is still running; stop it first")
        entries = self._entries(patient, now)
        history = core.recorder.history(patient, now)
        known = budget.is_known(core.setup.limits, history)
        if not entries and not known:
            return refusal(EXIT_REFUSED, f"nothing is known here of patient {patient}'s last 24 hours")
        if len(entries) > MOST_ENTRIES:
            return refusal(
                EXIT_REFUSED,
                f"{len(entries)} entries in 24 hours, a file takes {MOST_ENTRIES}: enter them there by hand",
            )
        told_ago_ms = history.told_ago_ms if known else None
        stamp, device = core.recorder.stamp(now), core.setup.config.site.device
        return Reply(data=msgspec.to_builtins(written(device, patient, told_ago_ms, entries, stamp)))

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
        )
        return Reply(data=msgspec.to_builtins(view))

    def _stimulation_s(self, patient: str, now: int) -> float | None:
        has_stimulator = self._core.setup.config.stimulator is not None
        return ceilings.left_ms(self._core, patient, now) / 1000 if has_stimulator else None

    def _entries(self, patient: str, now: int) -> list[Entry]:
        recorder = self._core.recorder
        return recorder.ledger.entries(patient, recorder.stamp(now))


def _wrong_token(patient: str) -> Reply | None:
    if re.fullmatch(TOKEN, patient):
        return None
    return refusal(EXIT_USAGE, "the patient token must be 1 to 64 letters, digits or hyphens, and no name")


def _wrong_declaration(request: PatientHistory) -> Reply | None:
    if request.nothing == bool(request.sessions):
        return refusal(EXIT_USAGE, "declare sessions or that there was nothing, and not both")
    if len(request.sessions) > MOST_ENTRIES:
        return refusal(EXIT_USAGE, f"{len(request.sessions)} sessions in 24 hours: at most {MOST_ENTRIES}")
    for session in request.sessions:
        wrong = _wrong_session(session)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
    return None if request.confirm else refusal(EXIT_USAGE, _UNCONFIRMED)


def _wrong_session(session: DeclaredSession) -> str:
    if session.limb not in set(Limb):
        return f"the limb must be one of {', '.join(Limb)}, not {session.limb!r}"
    if not 0 <= session.ended_min_ago < _DAY_MIN:
        return f"ended {session.ended_min_ago} minutes ago: only the last 24 hours count, leave it out"
    if not 0 < session.above_min < _DAY_MIN:
        return f"{session.above_min} minutes above 15 mmHg cannot be meant"
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


def _name(entry: Entry) -> tuple[str, Limb, bool, int]:
    """What tells an entry of a named session from every other."""
    return (entry.session, entry.limb, entry.therapy, entry.above_ms)


def _told_ago_ms(document: HistoryFile, elapsed: int | None) -> int | None:
    return None if document.told_ago_ms is None or elapsed is None else document.told_ago_ms + elapsed


def _knowledge(document: HistoryFile, elapsed: int | None) -> str:
    """Whether the file made the last 24 h known, and what to do if not."""
    told_ago_ms = _told_ago_ms(document, elapsed)
    if told_ago_ms is not None and told_ago_ms <= DAY_MS:
        return _NOW_KNOWN
    if document.told_ago_ms is None:
        why = f"{document.device} did not know them"
    elif elapsed is None:
        why = "no clock vouches for the age of the file"
    else:
        why = "the file is too old"
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
