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
from dataclasses import replace

from gateway.model import BloodPressure, CuffReading, Limb, Reason
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
from gateway.runtime.starting import Asked, Pending, Start, readiness
from gateway.runtime.systolic_entries import SystolicEntries
from gateway.safety import budget
from gateway.safety.budget import Left
from gateway.safety.inflation import blood_pressure_refusal
from gateway.safety.limits import HARD
from gateway.safety.readiness import Check, missing
from gateway.safety.texts import text_of
from gateway.therapy import prescription, screening
from gateway.therapy.prescription import (
    NmesPrescription,
    NoPrescription,
    Prescription,
    PrescriptionError,
    RvosPrescription,
)

ZERO_DMMHG = HARD.self_test_zero_dmmhg
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}")
ROOM_FOR_A_SESSION_BYTES = 64_000_000
"""Less than this on the journal's disk refuses a new session (engineering proposal: 30 whole sessions)."""

PRESS_FIRST = "press the button at the bedside first; it counts for a minute"
_TOO_OLD = (
    "not resumed: it was first interrupted more than an hour ago, or no clock vouches for less; "
    "what is left is another session"
)
_HANDED_ON = (
    " The history was exported from here: enter what was done elsewhere since (--nothing if nothing was), "
    "or import the file from there."
)
_WITH_EXAMINATIONS = "A session that is started --with-examinations can measure it"
_SAME_LIMB = (
    "not started: by the configuration the blood pressure module's cuff is on the {limb}. Choose another "
    "limb, or move that cuff and correct blood_pressure.limb"
)
_NO_CUFF = (
    "examinations go with a prescription for the cuff: this one stimulates; give them a session of their own"
)
MISSING_WORDS = {
    Check.SCREENING: "the screening is not answered",
    Check.SKIN: "nobody has looked at the skin",
    Check.LIMB: "side and limb are not confirmed",
    Check.CUFF_WIDTH: "the width of the cuff is missing (--cuff-width)",
    Check.NOTHING_UNDER_CUFF: "what lies under the cuff is not answered",
    Check.PROBE: "the place of the probe is not answered",
    Check.CIRCUMFERENCE: "a thigh needs its circumference, 77 cm at most (--circumference)",
    Check.SELF_TEST: "the self-test has not passed",
    Check.BUTTON: PRESS_FIRST,
    Check.OFF_EVERY_LIMB: "nobody has confirmed that the cuff is off every limb",
}


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
        refused = self._free_limb(asked) or self.bedside(now) or self._stimulator(asked, now)
        refused = refused or self._patient(asked, now) or self._open_checks(asked, now)
        if refused is not None:
            return refused
        allowed = self._budget(asked, now)
        if isinstance(allowed, Reply):
            return allowed
        self._core.gate.start_self_test()
        return Start(self._core, allowed, self._entries).pending()

    def enters(self, systolic_mmhg: int, measured_again: bool) -> str:
        """Take a systolic that was entered during a session; why not, when it is not taken."""
        query = self._entries.query(systolic_mmhg, measured_again)
        if not query:
            self._entries.take(systolic_mmhg)
        return query

    # the gates

    def _words(self, request: SessionStart, now: int) -> Asked | Reply:
        wrong = _wrong_words(request)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        if request.resume and (request.examinations or not request.prescription):
            return refusal(EXIT_USAGE, "examinations are not resumed: arm a new session for them")
        try:
            found = _prescribed(request.prescription)
        except PrescriptionError as error:
            return refusal(EXIT_CONFIG, str(error))
        if request.examinations and not found.uses_cuff:
            return refusal(EXIT_USAGE, _NO_CUFF)
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
        return Asked(request, limb, found, _pressure(request, now), asked, Left(0, 0))

    def _patient(self, asked: Asked, now: int) -> Reply | None:
        objection = screening.objection(asked.questions, asked.request.answers)
        if objection:
            return refusal(EXIT_REFUSED, f"not started: {objection}")
        if asked.pressure is None or not asked.prescription.uses_cuff:
            return None
        margin_mmhg = getattr(asked.prescription, "margin_mmhg", 0)
        return self._pressure_gate(asked, asked.pressure, margin_mmhg, now)

    def _pressure_gate(
        self, asked: Asked, pressure: BloodPressure, margin_mmhg: int, now: int
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
        if target > limits.unmeasured_target_dmmhg and not asked.examines:
            why = text_of(Reason.TARGET_NEEDS_LIMB_PRESSURE)
            return refusal(EXIT_REFUSED, f"not started: {target // 10} mmHg. {why} {_WITH_EXAMINATIONS}")
        self._entries.of_patient(asked.request.patient)
        again = self._entries.query(pressure.systolic_mmhg, asked.request.measured_again)
        return refusal(EXIT_NOT_NOW, again) if again else None

    def _budget(self, asked: Asked, now: int) -> Asked | Reply:
        """What the patient's last day leaves for this limb; a resumed session is no new one."""
        recorder, limits, patient = self._core.recorder, self._core.setup.limits, asked.request.patient
        history = recorder.history(patient, now)
        left = budget.left(limits, history.exposures, asked.limb)
        asked = replace(
            asked,
            left=left,
            stimulation_left_ms=ceilings.left_ms(self._core, patient, now),
            therapies=sum(one.therapy for one in history.sessions),
        )
        wanted = asked.prescription
        if isinstance(wanted, NmesPrescription) and asked.stimulation_left_ms < wanted.on_ms:
            return self._no_budget(Reason.BUDGET_SPENT, patient, now)
        above_ms = wanted.occlusion_ms + limits.not_deflated_ms if isinstance(wanted, RvosPrescription) else 0
        exposures, limb = history.exposures, asked.limb
        if asked.request.resume:
            unfit = budget.inflation_refusal(limits, exposures, limb, therapy=True, above_ms=above_ms)
            unfit = unfit if budget.is_known(limits, history) else Reason.HISTORY_UNKNOWN
            return self._resumed(asked, now) if unfit is None else self._no_budget(unfit, patient, now)
        therapy = not isinstance(wanted, NoPrescription)
        unfit = budget.session_refusal(limits, history, limb, therapy=therapy, above_ms=above_ms)
        return asked if unfit is None else self._no_budget(unfit, patient, now)

    def _no_budget(self, unfit: Reason, patient: str, now: int) -> Reply:
        why = text_of(unfit, self._core.setup.language)
        handed_on = unfit is Reason.HISTORY_UNKNOWN and self._core.recorder.handed_on_age(patient, now)
        return refusal(EXIT_REFUSED, f"not started: {why}{_HANDED_ON if handed_on else ''}")

    def _resumed(self, asked: Asked, now: int) -> Asked | Reply:
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

    def bedside(self, now: int) -> Reply | None:
        """What at the bedside forbids to energise anything now."""
        core = self._core
        if core.acceptance is not None:
            return refusal(EXIT_NOT_NOW, "the cuff is being tested; wait, or `rvos session stop`")
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

    def _stimulator(self, asked: Asked, now: int) -> Reply | None:
        wanted = asked.prescription
        if not isinstance(wanted, NmesPrescription):
            return None
        why = ceilings.silence(self._core, now) or ceilings.blindness(self._core, wanted)
        return refusal(EXIT_UNAVAILABLE, why) if why else None

    def _free_limb(self, asked: Asked) -> Reply | None:
        """The blood pressure module's cuff is on a limb without ours, or nothing begins."""
        module = self._core.setup.config.blood_pressure
        if module is None or not asked.prescription.uses_cuff or module.limb is not asked.limb:
            return None
        return refusal(EXIT_REFUSED, _SAME_LIMB.format(limb=limb_words(asked.limb.value)))

    def _open_checks(self, asked: Asked, now: int) -> Reply | None:
        """What people still owe; the self-test comes after them."""
        pressed_ago_ms = self._core.presses.ago_ms(now) if self._core.present(now) else None
        ready = readiness(asked, pressed_ago_ms, self_test_passed=True)
        open_checks = missing(self._core.setup.limits, asked.limb, ready)
        if not open_checks:
            return None
        return refusal(
            EXIT_NOT_NOW, "not started: " + "; ".join(MISSING_WORDS[check] for check in open_checks)
        )


def _prescribed(name: str) -> Prescription:
    """What this name stands for; no name: examinations alone. Raises PrescriptionError."""
    return prescription.load(name) if name else NoPrescription()


def unconfirmed(confirm: bool) -> str:
    """What to say to a request that acts on a patient and was not confirmed."""
    return "" if confirm else "nothing was done: this acts on a patient and needs --confirm"


def mistyped(systolic_mmhg: int, diastolic_mmhg: int) -> str:
    """What is wrong with a blood pressure as typed; empty when nothing is."""
    lowest, highest = HARD.systolic_entry_lowest_mmhg, HARD.systolic_entry_highest_mmhg
    if not lowest <= systolic_mmhg <= highest:
        return f"a systolic of {systolic_mmhg} mmHg is outside {lowest}-{highest}: is it mistyped?"
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
