"""The examinations of one session: one at a time, each with its plan, its trace and what became of it.

Theory of operation
-------------------
An examination is a plan (``gateway.exams.plan``) that wishes, exactly as a therapy's does; its wishes go the
same way through supervisor, gate and durable rows.  Inflations are counted through all examinations of a
session, so that no two rows of it mean the same inflation; each examination's short occlusions are a series.

``end`` is how a session that ends takes its examination with it; a plan that is over ends by itself and
leaves the session armed.  While one is under way the recorder gives every sample to its trace.

A measured limb occlusion pressure is kept here, for this session only.  It counts for an examination of the
same limb, cuff and posture as long as the systolic is within 20 mmHg of what it was at each run
(``gateway.exams.limb_pressure.why_invalid``).

``fill_ms`` is how long the newest inflation of this session took to its first target.

Units: ms, mmHg, 0.1 mmHg.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gateway.exams import plans
from gateway.exams.limb_pressure import LimbPressureOrder, Measured, why_invalid
from gateway.exams.oxidative_capacity_plan import SLOWEST_FILL_MS
from gateway.exams.plan import ExamPlan, Seen
from gateway.exams.plans import Order
from gateway.model import BloodPressure, Intent, Limb, Reason
from gateway.record.events import Event, ExaminationEnded, ExaminationStarted
from gateway.record.exam_trace import ExamTrace
from gateway.runtime.recorder import Recorder
from gateway.safety.observations import Inflation

COMPLETED, GIVEN_UP = "completed", "given_up"
_UNMEASURED = "no limb occlusion pressure was measured in this session"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where an examination is made: what a limb occlusion pressure depends on."""

    session: str
    limb: Limb
    cuff: tuple[str, str]
    posture: str
    cuff_width_mm: int


@dataclass(slots=True)
class Examination:
    """One examination, under way or over. ``systolics_mmhg`` has one entry for each inflation."""

    number: int
    order: Order
    circumstances: Circumstances
    plan: ExamPlan
    cycles_before: int
    trace: ExamTrace
    systolics_mmhg: list[int] = field(default_factory=list)
    outcome: str = ""
    reason: Reason = Reason.NO_REQUEST
    trace_sha256: str = ""

    @property
    def exam(self) -> str:
        """Its name."""
        return self.order.exam

    @property
    def cycle(self) -> int:
        """The number of its present inflation in the session."""
        return self.cycles_before + self.plan.cycle


class Examining:
    """The examinations of one session."""

    def __init__(self, note: Callable[[Event, int], int], recorder: Recorder) -> None:
        self._note, self._recorder = note, recorder
        self.current: Examination | None = None
        self.newest: Examination | None = None
        self.fill_ms: int | None = None
        self._measured: tuple[Measured, ...] = ()
        self._number = self._cycles = 0

    def begin(self, order: Order, where: Circumstances, systolic_mmhg: int, now: int) -> Examination:
        """Begin one; the desk has made sure that none is under way. Raises ``PlanRefused``."""
        under_pressure_ms = order.under_pressure_ms(systolic_mmhg)
        self._number += 1
        if isinstance(order, LimbPressureOrder):
            self.retract()
        plan, trace = plans.begin(order, now), ExamTrace(now)
        begun = Examination(self._number, order, where, plan, self._cycles, trace)
        self.current = self.newest = begun
        self._recorder.trace = trace
        self._note(_started(begun, under_pressure_ms), now)
        return begun

    def step(self, examination: Examination, seen: Seen, now: int) -> tuple[Intent, ...]:
        """What it wishes now, its inflations counted through the session."""
        examination.plan, wishes, ended = examination.plan.step(seen, now)
        if examination.plan.is_finished:
            reason = Reason.PLANNED if ended is None else ended
            if reason is Reason.INFLATION_TOO_SLOW:
                self.fill_ms = SLOWEST_FILL_MS + 1  # at least: it was vented before it arrived
            self.end(COMPLETED if reason is Reason.PLANNED else GIVEN_UP, reason, now)
        return tuple(_counted(wish, examination) for wish in wishes)

    def end(self, outcome: str, reason: Reason, now: int) -> None:
        """It is over, whatever it was doing; nothing where none is under way."""
        over = self.current
        if over is None:
            return
        self.current, self._recorder.trace = None, None
        self._cycles = over.cycle
        over.outcome, over.reason, over.trace_sha256 = outcome, reason, over.trace.sha256()
        self._note(_ended(over), now)

    def inflated(self, began: Inflation) -> None:
        """An inflation of this session began."""
        if self.current is not None:
            self.current.systolics_mmhg.append(began.systolic_mmhg)

    def filled(self, under_way: Inflation) -> None:
        """It arrived at a target; the first one says how fast this cuff is."""
        if under_way.reached_ms is not None and under_way.aimed_ms == under_way.started_ms:
            self.fill_ms = under_way.reached_ms - under_way.started_ms

    def measured(self, examination: Examination, pressure_mmhg: int, high_mmhg: int) -> None:
        """A limb occlusion pressure that may be used was found, and its row is durable."""
        where = examination.circumstances
        self._measured = tuple(
            Measured(
                pressure_mmhg,
                high_mmhg,
                where.session,
                " ".join(where.cuff),
                where.limb,
                where.posture,
                systolic,
            )
            for systolic in examination.systolics_mmhg
        )

    def retract(self) -> None:
        """What was measured before counts no longer: it is being measured anew, or what came is doubtful."""
        self._measured = ()

    @property
    def needed_mmhg(self) -> int | None:
        """The upper end of what this limb was found to need in this session; ``None``: not measured."""
        return max((one.high_mmhg for one in self._measured), default=None)

    def limb_pressure(self, where: Circumstances, pressure: BloodPressure | None) -> Measured | str:
        """The measured limb occlusion pressure as far as it counts here; or why none does."""
        if not self._measured or pressure is None:
            return _UNMEASURED
        for one in self._measured:
            why = why_invalid(
                one,
                session=where.session,
                cuff=" ".join(where.cuff),
                limb=where.limb,
                posture=where.posture,
                systolic_mmhg=pressure.systolic_mmhg,
            )
            if why:
                return why
        return self._measured[-1]


def _counted(wish: Intent, of: Examination) -> Intent:
    if wish.pressure_dmmhg is None:
        return wish
    return replace(wish, cycle=of.cycles_before + wish.cycle, series=of.number)


def _started(begun: Examination, under_pressure_ms: int) -> ExaminationStarted:
    order, where = begun.order, begun.circumstances
    return ExaminationStarted(
        examination=begun.number,
        exam=begun.exam,
        limb=where.limb.value,
        posture=where.posture,
        inflations=order.inflations,
        under_pressure_ms=under_pressure_ms,
        margin_mmhg=plans.margin_mmhg(order),
        occlusion_ms=getattr(order, "occlusion_ms", 0),
        target_permille=getattr(order, "target_permille", None),
    )


def _ended(over: Examination) -> ExaminationEnded:
    return ExaminationEnded(
        examination=over.number,
        exam=over.exam,
        outcome=over.outcome,
        reason=over.reason.value,
        cuff_samples=over.trace.cuff_samples,
        sto2_samples=over.trace.sto2_samples,
        trace_complete=over.trace.complete,
        trace_sha256=over.trace_sha256,
    )
