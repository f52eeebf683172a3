"""The start of a session, once the desk has let it through: self-test, arming, first rows.

Theory of operation
-------------------
``Asked`` is a request that makes sense and may be granted (``arming`` judges that).  ``Start`` then waits for
the controller's self-test, writes the first rows, waits until they are durable, and only then arms the
session.  After each wait it looks whether anything happened meanwhile (``Core.epoch``); a start that was
overtaken, or that has waited too long, begins nothing, and closes what it wrote.  Nothing is energised here:
the session's plan asks, the supervisor decides.

States: testing -> writing -> armed, or given up.

Units: ms, 0.1 mmHg, uA.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers import cuff as wire
from gateway.model import BloodPressure, Limb, Reason
from gateway.record.events import (
    ScreeningAnswered,
    SelfTested,
    SessionEnded,
    SessionStarted,
)
from gateway.record.words import limb as limb_words
from gateway.runtime import ceilings, pressure_rows
from gateway.runtime.core import Core
from gateway.runtime.devices import cuff_of
from gateway.runtime.requests import EXIT_NOT_NOW, EXIT_UNAVAILABLE, Reply, SessionStart, refusal
from gateway.runtime.session import Session
from gateway.runtime.systolic_entries import SystolicEntries
from gateway.safety import budget
from gateway.safety.budget import Left
from gateway.safety.observations import Arming
from gateway.safety.readiness import Readiness
from gateway.therapy import plans, screening
from gateway.therapy.examinations import ExaminationsPlan
from gateway.therapy.plan import Plan
from gateway.therapy.prescription import NmesPrescription, NoPrescription, Prescription, RvosPrescription
from gateway.therapy.screening import Question

WAIT_MS = 3_000
"""How long an answer is waited for where nothing else is said."""

_UNTESTED = "; no acceptance of this cuff is on record: run `rvos cuff accept` when it is off the patient"
_MODULE = "; the module on the {limb} takes the next blood pressures by itself, if it answers"
_SILENT = "not started: the cuff controller did not answer the self-test"
_UNWRITTEN = "not started: the record did not reach the disk in time; look at the disk and start again"
_MEANWHILE = "not started: something else happened meanwhile; look again"


@dataclass(frozen=True, slots=True)
class Pending:
    """Something under way: ``poll`` says how it ended, or ``None``; ``late`` gives it up and says so."""

    poll: Callable[[int], Reply | None]
    late: Callable[[int], Reply]
    longest_ms: int = WAIT_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """A start request that makes sense: what it means."""

    request: SessionStart
    limb: Limb
    prescription: Prescription
    pressure: BloodPressure | None
    questions: tuple[Question, ...]
    left: Left
    stimulation_left_ms: int = 0
    therapies: int = 0
    first_cycle: int = 1
    resumes: str = ""

    @property
    def examines(self) -> bool:
        """Whether examinations may be given in it."""
        return self.request.examinations or isinstance(self.prescription, NoPrescription)

    def plan(self, now: int) -> Plan:
        """How it begins."""
        if self.request.examinations and not isinstance(self.prescription, NoPrescription):
            return ExaminationsPlan(self.prescription, now, due=True, first_cycle=self.first_cycle)
        return plans.begin(self.prescription, now, self.first_cycle)


class Start:
    """One start: its self-test is under way, then its rows are, then it is armed."""

    def __init__(self, core: Core, asked: Asked, entries: SystolicEntries) -> None:
        self._core, self._asked, self._entries = core, asked, entries
        self._epoch = core.epoch
        self._number, self._name, self._ticket = 0, "", 0

    def pending(self) -> Pending:
        """What the desk waits for."""
        return Pending(self._poll, self._late)

    def _poll(self, now: int) -> Reply | None:
        return self._durable(now) if self._name else self._tested(now)

    def _late(self, now: int) -> Reply:
        if not self._name:
            return refusal(EXIT_UNAVAILABLE, _SILENT)
        self._give_up(now)
        return refusal(EXIT_UNAVAILABLE, _UNWRITTEN)

    def _tested(self, now: int) -> Reply | None:
        result = self._core.gate.self_test
        if result is None:
            return None
        tested = self_tested(result)
        self._core.recorder.event(tested, "", now)
        if not tested.passed:
            return refusal(EXIT_NOT_NOW, f"not started: the self-test failed ({tested.detail})")
        if not self._is_as_it_was(now):
            return refusal(EXIT_NOT_NOW, _MEANWHILE)
        self._write(now)
        return self._durable(now)

    def _is_as_it_was(self, now: int) -> bool:
        """Whether no stop, trip, export or other beginning came between, and the press still counts."""
        core = self._core
        same = core.epoch == self._epoch and core.session is None and core.acceptance is None
        there = core.state.latched is None and core.gate.accepted and core.present(now)
        return same and there and core.was_pressed(now) and self._fits_still(now)

    def _fits_still(self, now: int) -> bool:
        """Whether nobody has told of more that this patient has borne, or handed the patient on.

        What may still be open (a cuff that nobody saw empty) grows by itself while we wait: at most so much.
        """
        core, asked, patient = self._core, self._asked, self._asked.request.patient
        limits, history = core.setup.limits, core.recorder.history(patient, now)
        left = budget.left(limits, history.exposures, asked.limb)
        fits = left.therapy_ms + WAIT_MS >= asked.left.therapy_ms
        fits = fits and left.examination_ms + WAIT_MS >= asked.left.examination_ms
        fits = fits and ceilings.left_ms(core, patient, now) >= asked.stimulation_left_ms
        fits = fits and sum(one.therapy for one in history.sessions) <= asked.therapies
        return fits and budget.is_known(limits, history)

    def _durable(self, now: int) -> Reply | None:
        if not self._is_as_it_was(now):
            self._give_up(now)
            return refusal(EXIT_NOT_NOW, _MEANWHILE)
        if not self._core.recorder.is_durable(self._ticket):
            return None
        self._core.begin_session(self._armed(now))
        words = f"{self._asked.prescription.title}, {limb_words(self._asked.limb.value)}{self._notice()}"
        return Reply(message=f"session {self._name} started: {words}", data={"session": self._name})

    def _notice(self) -> str:
        if not self._asked.prescription.uses_cuff:
            return ""
        module = self._core.setup.config.blood_pressure
        taken = _MODULE.format(limb=limb_words(module.limb.value)) if module is not None else ""
        return taken + ("" if _is_accepted(self._core) else _UNTESTED)

    def _write(self, now: int) -> None:
        """The first rows; the session's number is used, whatever becomes of it."""
        core, asked = self._core, self._asked
        self._number = core.next_run()
        self._name = f"{core.setup.config.site.device}-{core.setup.boot}-{self._number}"
        core.announce_session(self._name, uses_cuff=asked.prescription.uses_cuff)
        core.recorder.session_patient(self._name, asked.request.patient, now)
        core.recorder.event(self._started(), self._name, now)
        self._ticket = core.recorder.event(_screened(asked), self._name, now)
        if asked.pressure is not None:
            self._ticket = core.recorder.event(pressure_rows.entered(asked.pressure), self._name, now)
            self._entries.take(asked.pressure.systolic_mmhg)

    def _give_up(self, now: int) -> None:
        """Nothing was begun: say so after the rows that said otherwise."""
        ended = SessionEnded(outcome="stopped", reason=Reason.NOT_ARMED.value)
        self._core.recorder.event(ended, self._name, now)
        self._core.recorder.summarise(self._name, now)

    def _armed(self, now: int) -> Session:
        core, asked = self._core, self._asked
        history = core.recorder.history(asked.request.patient, now)
        left = budget.left(core.setup.limits, history.exposures, asked.limb)
        arming = Arming(
            number=self._number,
            limb=asked.limb,
            readiness=readiness(asked, core.presses.ago_ms(now), self_test_passed=True),
            therapy_left_ms=min(left.therapy_ms, asked.left.therapy_ms),
            examination_left_ms=min(left.examination_ms, asked.left.examination_ms),
            stimulation_left_ms=asked.stimulation_left_ms,
            stimulation=ceilings.of_site(core.setup.config.stimulator),
        )
        plan = asked.plan(now)
        hub, patient = core.setup.config.hub, asked.request.patient
        artifact_uv = None if hub is None else hub.artifact_uv
        return Session(self._name, plan, patient, arming, asked.pressure, core.recorder, artifact_uv)

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
            examinations=asked.examines,
            contractions_prescribed=stimulates.contractions if stimulates else 0,
            current_most_ua=stimulates.current_ua if stimulates else 0,
            stimulator_description=stimulator.description if stimulates and stimulator else "",
            version=setup.version,
            firmware=who.firmware if who else "",
            firmware_limits_crc=setup.firmware_limits_crc,
            cuff_serial=who.serial if who else "",
            cuff_description=setup.config.cuff.description,
            cuff_accepted=_is_accepted(self._core),
            oximeter_description=oximeter.description if oximeter else "",
        )


def _is_accepted(core: Core) -> bool:
    """Whether the newest test of this cuff at this controller was passed."""
    return cuff_of(core.gate.identity, core.setup.config.cuff.description) in core.accepted_cuffs


def readiness(asked: Asked, pressed_ago_ms: int | None, *, self_test_passed: bool) -> Readiness:
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


def _screened(asked: Asked) -> ScreeningAnswered:
    return ScreeningAnswered(
        questions=len(asked.questions),
        cuff_width_mm=asked.request.cuff_width_mm,
        circumference_mm=asked.request.circumference_mm,
    )
