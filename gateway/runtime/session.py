"""One session: from "start" to its end, and what it leaves in the journal.

Theory of operation
-------------------
A session is a plan (``gateway.therapy.plan``) + blood pressure + the authorisation of the inflation that
is about to start, or of the contraction (``trains``) + its examinations (``examining``).  While an
examination is under way it is the one that wishes.  A session that was armed for a prescription and
examinations begins with these, goes on with the prescription when a person says so, and has room for
examinations again when that is over.  It ends in two steps.  ``end`` decides how
("completed", "stopped", "interrupted") and stops asking for anything at once; the row that closes it is
written when the cuff has deflated, or 10 s later, so that the record holds the fall of the pressure too.

States: running -> ending (vented, waiting for the cuff to empty) -> over.
Units: ms; 0.1 mmHg.
"""

from dataclasses import dataclass, replace

from gateway.exams.limb_pressure import Measured
from gateway.exams.plan import Seen as ExamSeen
from gateway.exams.plans import Order
from gateway.model import (
    BloodPressure,
    Intent,
    Limb,
    Output,
    Permit,
    Reason,
    Safe,
    Sample,
    StimulationIntent,
)
from gateway.record.events import (
    CuffDeflated,
    CurrentChanged,
    CycleSkipped,
    Event,
    HoldReached,
    InflationAuthorised,
    InflationStarted,
    OcclusionJudged,
    PrescriptionBegun,
    SessionEnded,
    VentCommanded,
)
from gateway.runtime import pressure_rows
from gateway.runtime.answers import Answers, misses_row, refusal_in, vent_reason
from gateway.runtime.examining import Circumstances, Examination, Examining
from gateway.runtime.judging import judges_of, watching
from gateway.runtime.pain import PainScores
from gateway.runtime.recorder import Recorder
from gateway.runtime.trains import Trains
from gateway.safety.observations import Arming, Authorisation, Inflation, State, Watch
from gateway.safety.reasons import Kind, kind_of
from gateway.therapy import plans
from gateway.therapy.examinations import ExaminationsPlan
from gateway.therapy.nmes import NmesPlan
from gateway.therapy.nmes_loop import NmesLoopPlan
from gateway.therapy.plan import More, Plan, Seen, Wish, Word
from gateway.therapy.prescription import RvosPrescription

ENDING_LONGEST_MS = 10_000


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ends, and since when it is ending."""

    outcome: str
    reason: Reason
    since_ms: int


@dataclass(slots=True)
class _Asked:
    """The authorisation row on its way to the disk."""

    intent: Intent
    ticket: int


class Session:
    """The one session that may run."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        patient: str,
        arming: Arming,
        pressure: BloodPressure | None,
        recorder: Recorder,
        artifact_uv: int | None = None,
    ) -> None:
        """``artifact_uv``: what a pulse looks like in the EMG of the stimulated muscle, if that is known."""
        self.name, self.plan, self.patient = name, plan, patient
        self.prescription = plan.prescription
        self._examines = isinstance(plan, ExaminationsPlan)
        self._given_in: Circumstances | None = None
        self._follows_limb = False
        if arming.limb is None:
            raise ValueError("a session is on a limb: only the cuff's own test is on none")
        self.limb: Limb = arming.limb
        self.blood_pressure = self.confirmed = pressure
        wanted = plan.prescription
        self.watching = watching(wanted, artifact_uv)
        self.trains = Trains(self.note, recorder.is_durable, judges_of(wanted, self.watching))
        self.pain = PainScores()
        self.examining = Examining(self.note, recorder)
        self._arming = arming
        self._judged_cycle = 0
        self._inflated_cycle: int | None = None
        self.ending: Ending | None = None
        self.authorisation: Authorisation | None = None
        self._asked: _Asked | None = None
        self._recorder = recorder
        self._deflated_noted = True

    @property
    def running(self) -> bool:
        """Whether the plan may still ask for pressure."""
        return self.ending is None

    @property
    def occludes(self) -> bool:
        """Whether it needs the oximeter: only an occlusion is watched by it."""
        return self.prescription.uses_cuff

    @property
    def has_room(self) -> bool:
        """Whether an examination may begin: none is under way, nor is a prescription."""
        free = self.running and self.examining.current is None
        return free and isinstance(self.plan, ExaminationsPlan)

    @property
    def is_due(self) -> bool:
        """Whether it has a prescription that a person has to begin."""
        return isinstance(self.plan, ExaminationsPlan) and self.plan.due

    @property
    def prescription_mmhg(self) -> int | None:
        """What its prescription would give now, ``None`` without a blood pressure or a cuff."""
        if self.blood_pressure is None or not isinstance(self.prescription, RvosPrescription):
            return None
        return self.prescription.target_mmhg(self.blood_pressure.systolic_mmhg)

    @property
    def _least_mmhg(self) -> int:
        """What each target of the prescription is lifted to, as long as the measurement counts."""
        if not self._follows_limb or self._given_in is None:
            return 0
        found = self.examining.limb_pressure(self._given_in, self.blood_pressure)
        return found.high_mmhg if isinstance(found, Measured) else 0

    @property
    def cycle(self) -> int:
        """The present inflation of an examination, else the present cycle or contraction."""
        examination = self.examining.current
        return self.plan.cycle if examination is None else examination.cycle

    @property
    def phase(self) -> str:
        """Where the session stands, in one word."""
        return "ending" if self.ending is not None else self.plan_phase

    @property
    def plan_phase(self) -> str:
        """The same without regard to its end: the trace tells what it was doing then."""
        examination = self.examining.current
        return self.plan.phase if examination is None else examination.plan.phase

    @property
    def waits_for(self) -> Output | None:
        """The output that was asked for and not been granted yet."""
        examination = self.examining.current
        return self.plan.waits_for if examination is None else examination.plan.waits_for

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts, at least."""
        examination = self.examining.current
        return (self.plan if examination is None else examination.plan).time_left_ms(now)

    @property
    def arming(self) -> Arming | None:
        """What was settled when this session was armed; ``None`` once it is ending."""
        if self.ending is not None:
            return None
        examination = self.examining.current
        return self.arming_for(self._given_in if examination is None else examination.circumstances)

    def arming_for(self, where: Circumstances | None) -> Arming:
        """The arming with what was found of the limb: what it needs, and the pressure that counts here."""
        needed_mmhg = self.examining.needed_mmhg
        if needed_mmhg is None:
            return self._arming
        found = None if where is None else self.examining.limb_pressure(where, self.blood_pressure)
        counts_dmmhg = found.pressure_mmhg * 10 if isinstance(found, Measured) else None
        return replace(self._arming, limb_pressure_dmmhg=counts_dmmhg, least_dmmhg=needed_mmhg * 10)

    def examine(self, order: Order, where: Circumstances, now: int) -> Examination:
        """Begin an examination; the desk has made sure that it may. Raises ``PlanRefused``."""
        systolic_mmhg = self.blood_pressure.systolic_mmhg if self.blood_pressure else 0
        return self.examining.begin(order, where, systolic_mmhg, now)

    def note(self, event: Event, now: int) -> int:
        """Write an event of this session."""
        return self._recorder.event(event, self.name, now)

    def enter_pressure(self, pressure: BloodPressure, now: int) -> int:
        """Take a new blood pressure from a person; it counts from the next inflation on."""
        self.confirmed = pressure
        return self.take_pressure(pressure, now)

    def take_pressure(self, pressure: BloodPressure, now: int) -> int:
        """Take a new blood pressure, whoever measured it."""
        self.blood_pressure = pressure
        return self.note(pressure_rows.entered(pressure), now)

    def hold_back(self, measured: BloodPressure, now: int) -> int:
        """The module contradicts what is known: no blood pressure counts until a person enters one."""
        self.blood_pressure = None
        return self.note(pressure_rows.held_back(measured, self.confirmed), now)

    def wishes(
        self, answers: Answers, state: State, deflated: bool, saturation: Sample | None, now: int
    ) -> tuple[Wish, ...]:
        """What the examination or the plan wishes now; nothing once the session is ending."""
        under_way, train = state.inflation, state.stimulation
        self._note_deflated(deflated, under_way, now)
        if self.ending is not None:
            return ()
        if self.examining.current is not None:
            return self._examined(self.examining.current, answers.cuff, under_way, deflated, saturation, now)
        seen = Seen(
            answers.cuff,
            self.blood_pressure,
            under_way.started_ms if under_way else None,
            under_way is not None and under_way.reached_ms is not None,
            deflated,
            answers.stimulator,
            train.started_ms if train.on else None,
            self._least_mmhg,
            self.trains.judged,
            self.trains.delivered,
        )
        self.plan, wishes, given_up = self.plan.step(seen, now)
        for skipped in given_up:
            self.note(CycleSkipped(cycle=skipped.cycle, reason=skipped.reason.value), now)
        if self.plan.is_finished:
            self._plan_over(now)
        return wishes

    def begin_prescription(self, where: Circumstances, now: int, *, follows_limb: bool) -> None:
        """A person begins what this session was armed for; the row stands before that of any inflation.

        ``follows_limb``: each target is lifted to what the limb was found to need.
        """
        if not isinstance(self.plan, ExaminationsPlan) or not self.plan.due:
            raise ValueError("no prescription is due: the desk has to refuse that")
        first_cycle = self.plan.first_cycle
        self._given_in, self._follows_limb = where, follows_limb
        begun = PrescriptionBegun(
            prescription=self.prescription.name,
            first_cycle=first_cycle,
            posture=where.posture,
            least_mmhg=self._least_mmhg,
        )
        self.note(begun, now)
        self.plan = plans.begin(self.prescription, now, first_cycle)

    def _plan_over(self, now: int) -> None:
        """All was given that was prescribed, or nobody has asked for anything for too long."""
        if self._examines and not isinstance(self.plan, ExaminationsPlan):
            self.plan = ExaminationsPlan(self.prescription, now)
        elif isinstance(self.plan, NmesLoopPlan) and self.plan.given_up:
            self.end("interrupted", Reason.STIMULATION_HELD, now)
        else:
            self.end_idle(now)

    def end_idle(self, now: int) -> None:
        """Nobody asks for more: as planned, unless its prescription was never begun."""
        if self.is_due:
            self.end("stopped", Reason.NO_REQUEST, now)
        else:
            self.end("completed", Reason.PLANNED, now)

    def _examined(
        self,
        examination: Examination,
        answer: Permit | Safe,
        under_way: Inflation | None,
        deflated: bool,
        saturation: Sample | None,
        now: int,
    ) -> tuple[Wish, ...]:
        seen = ExamSeen(
            answer,
            self.blood_pressure,
            under_way.started_ms if under_way else None,
            under_way is not None and under_way.reached_ms is not None,
            deflated,
            saturation,
        )
        wishes = self.examining.step(examination, seen, now)
        if self.examining.current is None and isinstance(self.plan, ExaminationsPlan):
            self.plan = self.plan.anew(now)
        return wishes

    @property
    def is_closed_loop(self) -> bool:
        """Whether its plan answers to what the muscle does."""
        return isinstance(self.plan, NmesLoopPlan)

    def feel(self, answer: int, now: int) -> StimulationIntent | None:
        """An answer of the muscle for a closed loop; what it wishes where the current has to change."""
        if self.ending is not None or not isinstance(self.plan, NmesLoopPlan):
            return None
        self.plan, wish = self.plan.feel(answer, now)
        return wish

    def exceed(self, now: int) -> StimulationIntent | None:
        """An answer that is more than its sensor can tell."""
        if self.ending is not None or not isinstance(self.plan, NmesLoopPlan):
            return None
        self.plan, wish = self.plan.exceed(now)
        return wish

    def hear(self, word: Word, now: int) -> str:
        """Take a person's word for more or less current; a sentence where it cannot be taken."""
        self.plan, objection = self.plan.hear(word, now)
        if not objection:
            by_ua = word.by_ua if isinstance(word, More) else -word.by_ua
            self.note(CurrentChanged(contraction=self.plan.cycle, by_ua=by_ua), now)
        return objection

    @property
    def concerns(self) -> frozenset[Reason]:
        """What its plan has to alarm for: what the muscle answers, or does not."""
        if self.ending is not None or not isinstance(self.plan, NmesPlan | NmesLoopPlan):
            return frozenset()
        return self.plan.concerns

    @property
    def is_held(self) -> bool:
        """Whether its stimulation waits for a person to look, who stops it: what is left may be resumed."""
        return Reason.STIMULATION_HELD in self.concerns

    def authorise(self, wishes: tuple[Wish, ...], answers: Answers, debt_ms: int, now: int) -> None:
        """Ask the journal for the durable row that the supervisor misses; take it when it is there."""
        for wish in wishes:
            if isinstance(wish, Intent) and misses_row(answers.cuff):
                self._authorise_inflation(wish, debt_ms, now)
            elif not isinstance(wish, Intent) and misses_row(answers.stimulator):
                self.trains.authorise(wish, now)

    def lost(self, before: State, answers: Answers) -> Reason | None:
        """Why an output that the plan needs is gone for good, ``None`` while none is."""
        cuff, stimulator = refusal_in(answers.cuff), refusal_in(answers.stimulator)
        if before.inflation is not None and cuff is not None:
            return cuff
        if stimulator is None:
            return None
        never = self.plan.waits_for is Output.STIMULATOR and kind_of(stimulator) is Kind.REFUSAL
        return stimulator if never or before.stimulation.on else None

    def _authorise_inflation(self, intent: Intent, debt_ms: int, now: int) -> None:
        if self._asked is None or self._asked.intent != intent:
            self._asked = _Asked(intent, self._note_authorisation(intent, debt_ms, now))
        elif self._recorder.is_durable(self._asked.ticket):
            self.authorisation = _granted(intent, now)
            self._asked = None

    def follow(
        self, before: Inflation | None, after: Inflation | None, answer: Permit | Safe, now: int
    ) -> None:
        """Write what the supervisor's inflation did in this step: began, arrived, was vented."""
        if before is None and after is not None:
            self.authorisation = None
            self._deflated_noted, self._inflated_cycle, self._judged_cycle = False, after.cycle, 0
            self.examining.inflated(after)
            started = InflationStarted(
                cycle=after.cycle, target_dmmhg=after.target_dmmhg, purpose=after.purpose.value
            )
            self.note(started, now)
        if before is not None and after is None:
            self.note(VentCommanded(cycle=before.cycle, reason=vent_reason(answer).value), now)
        elif after is not None and after.reached_ms is not None and _not_yet_there(before):
            self.examining.filled(after)
            self.note(HoldReached(cycle=after.cycle, target_dmmhg=after.target_dmmhg), now)

    def judge(self, watch: Watch | None, now: int) -> None:
        """Write the verdict on an occlusion, once, when it is there; not that of a session before."""
        if watch is None or self._inflated_cycle is None:
            return
        if watch.verified is None or watch.cycle == self._judged_cycle:
            return
        self._judged_cycle = watch.cycle
        self.note(OcclusionJudged(cycle=watch.cycle, verified=watch.verified), now)

    def end(self, outcome: str, reason: Reason, now: int) -> None:
        """Ask for no more pressure. The first ending stands."""
        if self.ending is None:
            self.ending = Ending(outcome, reason, now)
            self.examining.end(outcome, reason, now)

    def close_if_over(self, deflated: bool, now: int) -> bool:
        """Write the closing row once the cuff is empty or has had its time; says whether it did."""
        if self.ending is None or not (deflated or now - self.ending.since_ms >= ENDING_LONGEST_MS):
            return False
        self._note_deflated(deflated, None, now)
        self.note(SessionEnded(outcome=self.ending.outcome, reason=self.ending.reason.value), now)
        return True

    def _note_authorisation(self, intent: Intent, debt_ms: int, now: int) -> int:
        return self.note(
            InflationAuthorised(
                cycle=intent.cycle,
                target_dmmhg=intent.pressure_dmmhg or 0,
                planned_ms=intent.planned_ms,
                ischaemia_debt_ms=debt_ms,
                systolic_mmhg=self.blood_pressure.systolic_mmhg if self.blood_pressure else 0,
                purpose=intent.purpose.value,
            ),
            now,
        )

    def _note_deflated(self, deflated: bool, under_way: Inflation | None, now: int) -> None:
        if deflated and under_way is None and not self._deflated_noted:
            self._deflated_noted = True
            self.note(CuffDeflated(cycle=self._inflated_cycle or self.plan.cycle), now)


def _not_yet_there(before: Inflation | None) -> bool:
    return before is None or before.reached_ms is None


def _granted(intent: Intent, now: int) -> Authorisation:
    return Authorisation(intent.cycle, intent.pressure_dmmhg or 0, intent.planned_ms, now, intent.purpose)
