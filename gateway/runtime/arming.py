"""Arming: everything that must be settled before a session may ask for pressure.

Theory of operation
-------------------
``begin`` takes one start request through five gates.  *Words*: what was asked for exists and can be meant.
*Patient*: screening and blood pressure; what forbids is named, nothing can be overridden.  *Bedside*:
no latch, room on the disk, an accepted and empty cuff, the bedside button pressed within the last minute,
a stimulator that answers where one is used.  *Budget*: what this patient's limb has borne in the last day,
here and elsewhere.
*Self-test*: the controller checks both sensors against zero.  Only then does the session exist, and its
first rows must be durable before the answer is given.

A session that was interrupted may be resumed within an hour of its first interruption, on the same limb, with
the cycles that it has not given; it passes the same gates.

Units: blood pressures mmHg, lengths mm, times ms.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers import cuff as wire
from gateway.model import BloodPressure, CuffReading, Limb, Reason
from gateway.record.events import ScreeningAnswered, SelfTested, SessionStarted
from gateway.record.words import limb as limb_words
from gateway.runtime import ceilings
from gateway.runtime.core import Core
from gateway.runtime.requests import (
    EXIT_CONFIG,
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    Reply,
    SessionStart,
    refusal,
)
from gateway.runtime.session import Session
from gateway.runtime.systolic_entries import SystolicEntries
from gateway.safety import budget
from gateway.safety.budget import Left
from gateway.safety.inflation import blood_pressure_refusal
from gateway.safety.limits import ENTRY_HIGHEST_MMHG, ENTRY_LOWEST_MMHG, FIRMWARE_LIMITS
from gateway.safety.observations import Arming
from gateway.safety.readiness import Check, Readiness, missing
from gateway.safety.texts import text_of
from gateway.therapy import plans, prescription, screening
from gateway.therapy.prescription import (
    NmesPrescription,
    Prescription,
    PrescriptionError,
    RvosPrescription,
)
from gateway.therapy.screening import Question

ZERO_DMMHG = dict(FIRMWARE_LIMITS)["self_test_zero_dmmhg"]
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}")
ROOM_FOR_A_SESSION_BYTES = 64_000_000
"""Less than this on the journal's disk refuses a new session (engineering proposal: 30 whole sessions)."""

PRESS_FIRST = "press the button at the bedside first; it counts for a minute"
_SLOW = "the journal is slow: the session waits; see `rvos session status`"
_TOO_OLD = (
    "not resumed: it was first interrupted more than an hour ago, or no clock vouches for less; "
    "what is left is another session"
)
_HANDED_ON = (
    " The history was exported from here: enter what was done elsewhere since (--nothing if nothing was), "
    "or import the file from there."
)
_SILENT = "not started: the cuff controller did not answer the self-test"

_MISSING = {
    Check.SCREENING: "the screening is not answered",
    Check.SKIN: "nobody has looked at the skin",
    Check.LIMB: "side and limb are not confirmed",
    Check.CUFF_WIDTH: "the width of the cuff is missing (--cuff-width)",
    Check.NOTHING_UNDER_CUFF: "what lies under the cuff is not answered",
    Check.PROBE: "the place of the probe is not answered",
    Check.CIRCUMFERENCE: "a thigh needs its circumference, 77 cm at most (--circumference)",
    Check.SELF_TEST: "the self-test has not passed",
    Check.BUTTON: PRESS_FIRST,
}


@dataclass(frozen=True, slots=True)
class Pending:
    """A start under way: ``poll`` says how it ended, or ``None``; ``late`` is the answer if it never does."""

    poll: Callable[[int], Reply | None]
    late: Reply


@dataclass(frozen=True, slots=True)
class _Asked:
    """A start request that makes sense: what it means."""

    request: SessionStart
    limb: Limb
    prescription: Prescription
    pressure: BloodPressure | None
    questions: tuple[Question, ...]
    left: Left
    pressed_ago_ms: int | None = None
    stimulation_left_ms: int = 0
    first_cycle: int = 1
    resumes: str = ""


class ArmingDesk:
    """Starts sessions for one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._entries = SystolicEntries()

    def begin(self, request: SessionStart, now: int) -> Pending | Reply:
        """Take a start through its gates; a refusal at once, or what to wait for."""
        asked = self._words(request, now)
        if isinstance(asked, Reply):
            return asked
        refused = self._bedside(now) or self._stimulator(asked, now)
        refused = refused or self._patient(asked, now) or self._open_checks(asked, now)
        if refused is not None:
            return refused
        allowed = self._budget(replace(asked, pressed_ago_ms=self._core.presses.ago_ms(now)), now)
        if isinstance(allowed, Reply):
            return allowed
        self._core.gate.start_self_test()
        return _Start(self._core, allowed, self._entries).pending()

    def enters(self, systolic_mmhg: int, measured_again: bool) -> str:
        """Take a systolic that was entered during a session; why not, when it is not taken."""
        query = self._entries.query(systolic_mmhg, measured_again)
        if not query:
            self._entries.take(systolic_mmhg)
        return query

    # the gates

    def _words(self, request: SessionStart, now: int) -> _Asked | Reply:
        wrong = _wrong_words(request)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        try:
            found = prescription.load(request.prescription)
        except PrescriptionError as error:
            return refusal(EXIT_CONFIG, str(error))
        wrong = _wrong_pressure(request, needed=found.uses_cuff)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        if isinstance(found, NmesPrescription):
            setup = self._core.setup
            fitted = ceilings.fitted(setup.limits, setup.config.stimulator, found)
            if isinstance(fitted, str):
                return refusal(EXIT_REFUSED, fitted)
            found = fitted
        limb = Limb(request.limb)
        asked = screening.questions(limb, cuff=found.uses_cuff, stimulation=found.uses_stimulator)
        return _Asked(request, limb, found, _pressure(request, now), asked, Left(0, 0))

    def _patient(self, asked: _Asked, now: int) -> Reply | None:
        objection = screening.objection(asked.questions, asked.request.answers)
        if objection:
            return refusal(EXIT_REFUSED, f"not started: {objection}")
        if not isinstance(asked.prescription, RvosPrescription) or asked.pressure is None:
            return None
        return self._pressure_gate(asked, asked.pressure, asked.prescription.margin_mmhg, now)

    def _pressure_gate(
        self, asked: _Asked, pressure: BloodPressure, margin_mmhg: int, now: int
    ) -> Reply | None:
        limits = self._core.setup.limits
        unfit = blood_pressure_refusal(limits, pressure, now)
        if unfit is not None:
            return refusal(EXIT_REFUSED, f"not started: {text_of(unfit)}")
        target = (pressure.systolic_mmhg + margin_mmhg) * 10
        if target > limits.pressure_ceiling_dmmhg:
            return refusal(
                EXIT_REFUSED,
                f"not started: the target of {target // 10} mmHg (systolic + {margin_mmhg}) is above the "
                f"ceiling of {limits.pressure_ceiling_dmmhg // 10} mmHg; it is refused, not reduced",
            )
        self._entries.of_patient(asked.request.patient)
        again = self._entries.query(pressure.systolic_mmhg, asked.request.measured_again)
        return refusal(EXIT_NOT_NOW, again) if again else None

    def _budget(self, asked: _Asked, now: int) -> _Asked | Reply:
        """What the patient's last day leaves for this limb; a resumed session is no new one."""
        recorder, limits, patient = self._core.recorder, self._core.setup.limits, asked.request.patient
        history = recorder.history(patient, now)
        left = budget.left(limits, history.exposures, asked.limb)
        asked = replace(asked, left=left, stimulation_left_ms=ceilings.left_ms(self._core, patient, now))
        wanted = asked.prescription
        if isinstance(wanted, NmesPrescription) and asked.stimulation_left_ms < wanted.on_ms:
            return self._no_budget(Reason.BUDGET_SPENT, patient, now)
        above_ms = wanted.occlusion_ms + limits.not_deflated_ms if isinstance(wanted, RvosPrescription) else 0
        exposures, limb = history.exposures, asked.limb
        if asked.request.resume:
            unfit = budget.inflation_refusal(limits, exposures, limb, therapy=True, above_ms=above_ms)
            unfit = unfit if budget.is_known(limits, history) else Reason.HISTORY_UNKNOWN
            return self._resumed(asked, now) if unfit is None else self._no_budget(unfit, patient, now)
        unfit = budget.session_refusal(limits, history, limb, therapy=True, above_ms=above_ms)
        return asked if unfit is None else self._no_budget(unfit, patient, now)

    def _no_budget(self, unfit: Reason, patient: str, now: int) -> Reply:
        why = text_of(unfit, self._core.setup.language)
        handed_on = unfit is Reason.HISTORY_UNKNOWN and self._core.recorder.handed_on_age(patient, now)
        return refusal(EXIT_REFUSED, f"not started: {why}{_HANDED_ON if handed_on else ''}")

    def _resumed(self, asked: _Asked, now: int) -> _Asked | Reply:
        recorder = self._core.recorder
        found = recorder.ledger.resumable(asked.request.patient, recorder.stamp(now))
        if found is None:
            return refusal(EXIT_REFUSED, "not resumed: no session of this patient was interrupted here")
        if not budget.may_resume(self._core.setup.limits, found.interrupted_ago_ms):
            return refusal(EXIT_REFUSED, _TOO_OLD)
        same = (found.prescription_hash, found.limb) == (asked.prescription.sha256, asked.limb)
        if not same:
            words = limb_words(found.limb.value)
            return refusal(
                EXIT_REFUSED, f"not resumed: {found.session} was {found.prescription} on the {words}"
            )
        return replace(asked, first_cycle=found.first_cycle, resumes=found.session)

    def _bedside(self, now: int) -> Reply | None:
        core = self._core
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, f"session {core.session.name} is still running; stop it first")
        if core.state.latched is not None:
            return refusal(
                EXIT_NOT_NOW, f"latched ({core.state.latched.value}): {text_of(core.state.latched)}"
            )
        if core.recorder.failure is not None:
            return refusal(EXIT_UNAVAILABLE, f"the record cannot be written: {core.recorder.failure}")
        if core.recorder.room_bytes < ROOM_FOR_A_SESSION_BYTES:
            left = core.recorder.room_bytes // 1_000_000
            return refusal(
                EXIT_UNAVAILABLE, f"not started: the disk is nearly full ({left} MB left); make room"
            )
        if not core.gate.accepted:
            return refusal(
                EXIT_UNAVAILABLE, f"not started: {core.gate.refusal or 'the cuff is being set up'}"
            )
        if not core.deflated(now):
            return refusal(EXIT_UNAVAILABLE, "not started: the cuff is not empty, or its status is missing")
        return _off_zero(core.cuff)

    def _stimulator(self, asked: _Asked, now: int) -> Reply | None:
        silent = ceilings.silence(self._core, now) if asked.prescription.uses_stimulator else ""
        return refusal(EXIT_UNAVAILABLE, silent) if silent else None

    def _open_checks(self, asked: _Asked, now: int) -> Reply | None:
        """What people still owe; the self-test comes after them."""
        pressed_ago_ms = self._core.presses.ago_ms(now) if self._core.present(now) else None
        ready = readiness(asked, pressed_ago_ms, self_test_passed=True)
        open_checks = missing(self._core.setup.limits, asked.limb, ready)
        if not open_checks:
            return None
        return refusal(EXIT_NOT_NOW, "not started: " + "; ".join(_MISSING[check] for check in open_checks))


class _Start:
    """One start whose self-test is under way: then it arms, then it waits for its rows to be durable."""

    def __init__(self, core: Core, asked: _Asked, entries: SystolicEntries) -> None:
        self._core, self._asked, self._entries = core, asked, entries
        self._session: Session | None = None
        self._ticket = 0

    def pending(self) -> Pending:
        """What the desk waits for."""
        return Pending(self._poll, refusal(EXIT_UNAVAILABLE, _SILENT))

    def _poll(self, now: int) -> Reply | None:
        if self._session is None:
            return self._tested(now)
        return self._durable(self._session)

    def _tested(self, now: int) -> Reply | None:
        result = self._core.gate.self_test
        if result is None:
            return None
        tested = self_tested(result)
        self._core.recorder.event(tested, "", now)
        if not tested.passed:
            return refusal(EXIT_NOT_NOW, f"not started: the self-test failed ({tested.detail})")
        if not self._is_as_it_was(now):
            return refusal(EXIT_NOT_NOW, "not started: something else happened meanwhile; look again")
        self._session, self._ticket = self._arm(now)
        return self._durable(self._session)

    def _is_as_it_was(self, now: int) -> bool:
        """While the self-test was under way a trip, a stop or an export may have come between."""
        core = self._core
        idle = core.session is None and core.state.latched is None and core.present(now)
        history = core.recorder.history(self._asked.request.patient, now)
        return idle and budget.is_known(core.setup.limits, history)

    def _durable(self, session: Session) -> Reply | None:
        if self._core.session is not session or not session.running:
            return refusal(EXIT_NOT_NOW, f"session {session.name} was stopped before it began")
        if not self._core.recorder.is_durable(self._ticket):
            return None
        words = f"{self._asked.prescription.title}, {limb_words(self._asked.limb.value)}"
        return Reply(message=f"session {session.name} started: {words}", data={"session": session.name})

    def _arm(self, now: int) -> tuple[Session, int]:
        core, asked = self._core, self._asked
        name = f"{core.setup.config.site.device}-{core.setup.boot}-{core.sessions_given + 1}"
        arming = Arming(
            number=core.sessions_given + 1,
            limb=asked.limb,
            readiness=readiness(asked, asked.pressed_ago_ms, self_test_passed=True),
            therapy_left_ms=asked.left.therapy_ms,
            examination_left_ms=asked.left.examination_ms,
            stimulation_left_ms=asked.stimulation_left_ms,
            stimulation=ceilings.of_site(core.setup.config.stimulator),
        )
        plan = plans.begin(asked.prescription, now, asked.first_cycle)
        session = Session(name, plan, asked.request.patient, arming, asked.pressure, core.recorder)
        core.recorder.session_patient(name, asked.request.patient, now)
        session.note(self._started(), now)
        ticket = session.note(_screened(asked), now)
        if asked.pressure is not None:
            ticket = session.enter_pressure(asked.pressure, now)
            self._entries.take(asked.pressure.systolic_mmhg)
        core.begin_session(session, now)
        return session, ticket

    def _started(self) -> SessionStarted:
        setup, who, asked = self._core.setup, self._core.gate.identity, self._asked
        oximeter, stimulator = setup.config.oximeter, setup.config.stimulator
        wanted = asked.prescription
        occludes = wanted if isinstance(wanted, RvosPrescription) else None
        stimulates = wanted if isinstance(wanted, NmesPrescription) else None
        return SessionStarted(
            prescription=wanted.name,
            prescription_hash=wanted.sha256,
            limb=asked.limb.value,
            resumes=asked.resumes,
            first_cycle=asked.first_cycle,
            cycles_prescribed=occludes.cycles if occludes else 0,
            occlusion_ms=occludes.occlusion_ms if occludes else 0,
            reperfusion_ms=occludes.reperfusion_ms if occludes else 0,
            margin_mmhg=occludes.margin_mmhg if occludes else 0,
            therapy=wanted.therapy,
            uses_cuff=wanted.uses_cuff,
            contractions_prescribed=stimulates.contractions if stimulates else 0,
            current_most_ua=stimulates.current_ua if stimulates else 0,
            stimulator_description=stimulator.description if stimulates and stimulator else "",
            version=setup.version,
            firmware=who.firmware if who else "",
            firmware_limits_crc=setup.firmware_limits_crc,
            cuff_serial=who.serial if who else "",
            cuff_description=setup.config.cuff.description,
            oximeter_description=oximeter.description if oximeter else "",
        )


def readiness(asked: _Asked, pressed_ago_ms: int | None, *, self_test_passed: bool) -> Readiness:
    """The answers of this request as the supervisor judges them."""
    answers, questions = asked.request.answers, asked.questions
    return Readiness(
        uses_cuff=asked.prescription.uses_cuff,
        screened=screening.satisfied(questions, answers, "screening"),
        skin_seen=screening.satisfied(questions, answers, "skin"),
        limb_confirmed=screening.satisfied(questions, answers, "limb"),
        cuff_width_mm=asked.request.cuff_width_mm,
        nothing_under_cuff=screening.satisfied(questions, answers, "nothing_under_cuff"),
        probe_distal=screening.satisfied(questions, answers, "probe"),
        circumference_mm=asked.request.circumference_mm,
        self_test_passed=self_test_passed,
        pressed_ago_ms=pressed_ago_ms,
    )


def self_tested(result: wire.SelfTestResult) -> SelfTested:
    """The row of one self-test."""
    return SelfTested(
        passed=result.result == 0,
        control_zero_dmmhg=result.control_dmmhg,
        limit_zero_dmmhg=result.limit_dmmhg,
        detail="" if result.result == 0 else f"controller result {result.result}",
    )


def unconfirmed(confirm: bool) -> str:
    """What to say to a request that acts on a patient and was not confirmed."""
    return "" if confirm else "nothing was done: this acts on a patient and needs --confirm"


def mistyped(systolic_mmhg: int, diastolic_mmhg: int) -> str:
    """What is wrong with a blood pressure as typed; empty when nothing is."""
    if not ENTRY_LOWEST_MMHG <= systolic_mmhg <= ENTRY_HIGHEST_MMHG:
        return (
            f"a systolic of {systolic_mmhg} mmHg is outside {ENTRY_LOWEST_MMHG}-{ENTRY_HIGHEST_MMHG}: "
            "is it mistyped?"
        )
    if not 0 < diastolic_mmhg < systolic_mmhg:
        return f"a diastolic of {diastolic_mmhg} mmHg does not go with a systolic of {systolic_mmhg}"
    return ""


def _pressure(request: SessionStart, now: int) -> BloodPressure | None:
    if request.systolic_mmhg is None or request.diastolic_mmhg is None:
        return None
    return BloodPressure(request.systolic_mmhg, request.diastolic_mmhg, now)


def _wrong_pressure(request: SessionStart, *, needed: bool) -> str:
    """What is wrong with the blood pressure of a start; where no cuff inflates, it may be left out."""
    if request.systolic_mmhg is not None and request.diastolic_mmhg is not None:
        return mistyped(request.systolic_mmhg, request.diastolic_mmhg)
    half = request.systolic_mmhg is not None or request.diastolic_mmhg is not None
    return "a blood pressure is needed: systolic and diastolic, just measured" if needed or half else ""


def _wrong_words(request: SessionStart) -> str:
    if not _TOKEN.fullmatch(request.patient):
        return "the patient token must be 1 to 64 letters, digits or hyphens, and no name"
    if request.limb not in set(Limb):
        return f"the limb must be one of {', '.join(Limb)}, not {request.limb!r}"
    return unconfirmed(request.confirm)


def _off_zero(reading: CuffReading | None) -> Reply | None:
    """The self-test would fail and latch: a cuff that still empties is only waited for."""
    if reading is None or max(abs(reading.control_dmmhg or 0), abs(reading.limit_dmmhg or 0)) <= ZERO_DMMHG:
        return None
    return refusal(
        EXIT_NOT_NOW,
        f"not started: the empty cuff's sensors show {(reading.control_dmmhg or 0) / 10:.1f} and "
        f"{(reading.limit_dmmhg or 0) / 10:.1f} mmHg; both must be within {ZERO_DMMHG // 10} of zero: "
        "wait until the cuff is empty, or call the technician",
    )


def _screened(asked: _Asked) -> ScreeningAnswered:
    return ScreeningAnswered(
        questions=len(asked.questions),
        cuff_width_mm=asked.request.cuff_width_mm,
        circumference_mm=asked.request.circumference_mm,
    )
