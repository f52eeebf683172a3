"""Examinations at the desk: what must be true before one begins, and what it showed.

Theory of operation
-------------------
An examination runs inside a session that is armed for examinations, alone or beside a prescription; several
may follow each other in it.  ``SessionBegin`` begins the prescription, once, on that press at the bedside.
``ExamStart`` goes through four gates.  *Words*: the examination and its choices make sense
(``gateway.exams.plans``).  *Bedside*: such a session is running and idle, the press that armed it still
stands at the controller, an oximeter gives values where one is needed.  *Schedule*: all of its time under
pressure fits the budget of examinations.  *Supervisor*: the first inflation is put to the supervisor's own
rules; what only needs time (debt) is waited for by the plan, everything else is a refusal now.  Nothing is
energised here, and each inflation is judged again when it is asked for.

The analysis runs outside core, which only hands out the trace, page by page, and takes the result back
(``exam_results``).

Units: ms, mmHg, 0.1 mmHg.
"""

import re
from dataclasses import replace

from gateway.exams import plans
from gateway.exams.errors import PlanRefused
from gateway.exams.limb_pressure import SUPINE, LimbPressureOrder, Measured
from gateway.exams.oxidative_capacity_plan import TOO_SLOW
from gateway.exams.plans import Gateway, Order
from gateway.model import Intent, Reason
from gateway.record.words import duration
from gateway.record.words import limb as limb_words
from gateway.runtime.arming import unconfirmed
from gateway.runtime.core import Core
from gateway.runtime.devices import cuff_of
from gateway.runtime.exam_results import ExamResults
from gateway.runtime.examining import GIVEN_UP, Circumstances, Examination
from gateway.runtime.readers import Reader
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AnyExamRequest,
    ExamResult,
    ExamShow,
    ExamStart,
    ExamTracePage,
    Reply,
    SessionBegin,
    refusal,
)
from gateway.runtime.session import Session
from gateway.runtime.sight import observations
from gateway.runtime.starting import Pending
from gateway.safety import budget, inflation
from gateway.safety.texts import text_of

_POSTURE = re.compile(r"[a-z ]{0,32}")
PAGE_SAMPLES = 2_000
"""Of each kind in one answer: some 40 kB, a fraction of a millisecond of core's time."""
_PASSES = (
    Reason.JOURNAL_PENDING,
    Reason.ISCHAEMIA_DEBT,
    Reason.NOT_DEFLATED_YET,
    Reason.OTHER_LIMB_DEFLATED,
)
_NO_SESSION = "no session for examinations is running: arm one with `rvos exam run NAME --patient ...`"
_PRESCRIBED = (
    "a prescription is being carried out: examinations have room before it begins and after it is over, in a "
    "session that was armed for both (rvos session start --with-examinations), or in one of their own"
)
_NOT_DUE = (
    "no prescription waits to be begun: only a session that was started --with-examinations has one that does"
)
_TOO_LOW_FOR_LIMB = (
    "the prescription would give {given} mmHg, and this limb was found to need up to {needed} mmHg to be "
    "occluded: it would congest the limb. --at-limb-pressure lifts its targets to that"
)
_NO_POSTURE = "a posture is one or two words in small letters, such as supine"
_BEGUN = (
    "begun: {title}, {limb}. Before each inflation the blood pressure must be at most {age} old: "
    "rvos session pressure"
)
_CUT_OFF = (
    "{exam} {number} of session {session} was interrupted: core restarted while it was under way. The cuff "
    "was vented, and it has no result. Look at the limb and the cuff; then press the button and run rvos "
    "session reset --confirm"
)
_RESTED = (
    "the press that armed this session no longer stands at the controller: say `rvos session cuff-removed`, "
    "and arm a new session"
)
_NO_SATURATION = (
    "the oximeter gives no value: look at probe and cable; this examination measures nothing without it"
)
_SUPINE = "a limb occlusion pressure is measured lying: say --posture supine"
_GONE = "is not the newest examination of this run of core: its trace is in the journal only"


class ExamDesk:
    """Examinations for one core."""

    def __init__(self, core: Core, reader: Reader) -> None:
        self._core = core
        self._results = ExamResults(core, reader)

    def handle(self, request: AnyExamRequest, now: int) -> Reply | Pending:
        """An answer, or what to wait for."""
        match request:
            case SessionBegin():
                return self._begin_prescription(request, now)
            case ExamStart():
                return self._start(request, now)
            case ExamShow():
                return self._show(now)
            case ExamTracePage():
                return self._page(request)
            case ExamResult():
                found = self._found(request.session, request.examination)
                return found if isinstance(found, Reply) else self._results.take(found, request, now)

    def end_idle_session(self, now: int) -> None:
        """The cuff comes off: a session for examinations that has none under way is over with that."""
        session = self._core.session
        if session is not None and session.has_room and self._core.state.inflation is None:
            session.end_idle(now)
            self._core.step(now)

    # beginning

    def _begin_prescription(self, request: SessionBegin, now: int) -> Reply:
        wrong = unconfirmed(request.confirm)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        session = self._idle_session()
        if isinstance(session, Reply):
            return session
        if not session.is_due:
            return refusal(EXIT_NOT_NOW, _NOT_DUE)
        if not self._core.present(now):
            return refusal(EXIT_NOT_NOW, f"not begun: {_RESTED}")
        if not _POSTURE.fullmatch(request.posture):
            return refusal(EXIT_USAGE, _NO_POSTURE)
        where = self._circumstances(session, request.posture)
        wrong = self._wrong_target(session, where, follows_limb=request.at_limb_pressure)
        if wrong:
            return refusal(EXIT_REFUSED, f"not begun: {wrong}")
        session.begin_prescription(where, now, follows_limb=request.at_limb_pressure)
        title, limb = session.prescription.title, limb_words(session.limb.value)
        age = duration(self._core.setup.limits.blood_pressure_age_ms / 1000)
        return Reply(message=_BEGUN.format(title=title, limb=limb, age=age))

    def _wrong_target(self, session: Session, where: Circumstances, *, follows_limb: bool) -> str:
        """Why what the prescription would give now would not be granted; empty where it would."""
        limits, language = self._core.setup.limits, self._core.setup.language
        found = session.examining.limb_pressure(where, session.blood_pressure)
        given, needed = session.prescription_mmhg, session.examining.needed_mmhg
        if follows_limb:
            if not isinstance(found, Measured):
                return found
            given = max(given or 0, found.high_mmhg)
        if given is None:
            return ""
        if needed is not None and given < needed:
            return _TOO_LOW_FOR_LIMB.format(given=given, needed=needed)
        if given * 10 > limits.pressure_ceiling_dmmhg:
            return f"{given} mmHg: {text_of(Reason.TARGET_ABOVE_CEILING, language)}"
        if given * 10 > limits.unmeasured_target_dmmhg and not isinstance(found, Measured):
            return f"{given} mmHg: {text_of(Reason.TARGET_NEEDS_LIMB_PRESSURE, language)} ({found})"
        return ""

    def _start(self, request: ExamStart, now: int) -> Reply:
        wrong = unconfirmed(request.confirm)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        if not _POSTURE.fullmatch(request.posture):
            return refusal(EXIT_USAGE, _NO_POSTURE)
        session = self._idle_session()
        if isinstance(session, Reply):
            return session
        try:
            order = plans.order(request.exam, request.choices, self._known(session))
        except PlanRefused as error:
            return refusal(EXIT_REFUSED, f"not started: {error}")
        where = self._circumstances(session, request.posture)
        refused = self._bedside(order, where, now) or self._schedule(session, order, now)
        refused = refused or self._supervisor(session, order, where, now)
        return refused or self._begin(session, order, where, now)

    def _idle_session(self) -> Session | Reply:
        session = self._core.session
        if session is None or not session.running:
            return refusal(EXIT_NOT_NOW, _NO_SESSION)
        current = session.examining.current
        if current is not None:
            return refusal(EXIT_NOT_NOW, f"{current.exam} is still under way: wait, or `rvos session stop`")
        return session if session.has_room else refusal(EXIT_NOT_NOW, _PRESCRIBED)

    def _known(self, session: Session) -> Gateway:
        ceiling_mmhg = self._core.setup.limits.pressure_ceiling_dmmhg // 10
        return Gateway(ceiling_mmhg, session.examining.fill_ms)

    def _circumstances(self, session: Session, posture: str) -> Circumstances:
        core = self._core
        cuff = cuff_of(core.gate.identity, core.setup.config.cuff.description)
        arming = session.arming
        width_mm = arming.readiness.cuff_width_mm if arming is not None else None
        return Circumstances(session.name, session.limb, cuff, posture, width_mm or 0)

    def _bedside(self, order: Order, where: Circumstances, now: int) -> Reply | None:
        if isinstance(order, LimbPressureOrder) and where.posture != SUPINE:
            return refusal(EXIT_REFUSED, f"not started: {_SUPINE}")
        if not self._core.present(now):
            return refusal(EXIT_NOT_NOW, f"not started: {_RESTED}")
        if plans.needs_saturation(order) and not self._sees_saturation(now):
            return refusal(EXIT_UNAVAILABLE, f"not started: {_NO_SATURATION}")
        return None

    def _sees_saturation(self, now: int) -> bool:
        sample = self._core.oximeter.tissue.saturation
        if sample is None or sample.value is None:
            return False
        return now - sample.arrived_ms <= self._core.setup.limits.tissue_saturation_age_ms

    def _schedule(self, session: Session, order: Order, now: int) -> Reply | None:
        """All of it has to fit the budget, with the time that the cuff may take to empty each time."""
        core, limits = self._core, self._core.setup.limits
        if session.blood_pressure is None:
            return None  # the supervisor says so
        try:
            above_ms = order.under_pressure_ms(session.blood_pressure.systolic_mmhg)
        except PlanRefused as error:
            return refusal(EXIT_REFUSED, f"not started: {error}")
        above_ms += order.inflations * limits.not_deflated_ms
        exposures = core.recorder.history(session.patient, now).exposures
        unfit = budget.inflation_refusal(limits, exposures, session.limb, therapy=False, above_ms=above_ms)
        if unfit is None:
            return None
        left_ms = budget.left(limits, exposures, session.limb, above_ms).examination_ms
        return refusal(
            EXIT_REFUSED,
            f"not started: {text_of(unfit, core.setup.language)} It takes up to {duration(above_ms / 1000)} "
            f"under pressure; {duration(left_ms / 1000)} are left for examinations of this limb.",
        )

    def _supervisor(self, session: Session, order: Order, where: Circumstances, now: int) -> Reply | None:
        """What the supervisor would say to the first inflation, had it been written down already."""
        core, limits = self._core, self._core.setup.limits
        wish = plans.begin(order, now).next_inflation(session.blood_pressure)
        seen = replace(
            observations(core, None, reset=False), arming=session.arming_for(where), authorisation=None
        )
        reason = inflation.refusal(limits, core.state, seen, wish, now)
        if reason is None or reason in _PASSES:
            return self._too_low(session, where, wish.pressure_dmmhg or 0, order)
        if reason is Reason.TARGET_BELOW_SYSTOLIC:  # with the figures, where they are known
            too_low = self._too_low(session, where, wish.pressure_dmmhg or 0, order)
            if too_low is not None:
                return too_low
        why = text_of(reason, core.setup.language)
        if reason is Reason.TARGET_NEEDS_LIMB_PRESSURE:
            found = session.examining.limb_pressure(where, session.blood_pressure)
            why = f"{why} ({found})"
        late = reason in (Reason.BLOOD_PRESSURE_STALE, Reason.BLOOD_PRESSURE_MISSING)
        return refusal(EXIT_NOT_NOW if late else EXIT_REFUSED, f"not started: {why}")

    def _too_low(
        self, session: Session, where: Circumstances, target_dmmhg: int, order: Order
    ) -> Reply | None:
        """A target below what this limb was just found to need occludes nothing."""
        found = session.examining.limb_pressure(where, session.blood_pressure)
        if isinstance(order, LimbPressureOrder) or not isinstance(found, Measured):
            return None
        if target_dmmhg >= found.high_mmhg * 10:
            return None
        return refusal(
            EXIT_REFUSED,
            f"not started: {target_dmmhg // 10} mmHg may not occlude this limb. Its occlusion pressure "
            f"is {found.pressure_mmhg} mmHg, {found.high_mmhg} mmHg at most: ask for a larger --margin",
        )

    def _begin(self, session: Session, order: Order, where: Circumstances, now: int) -> Reply:
        begun = session.examine(order, where, now)
        rest_ms = self._rest_ms(begun.plan.next_inflation(session.blood_pressure))
        wait = f"; the limb needs {duration(rest_ms / 1000)} of blood flow first" if rest_ms > 0 else ""
        return Reply(
            message=f"{begun.exam} {begun.number} of session {session.name} started, "
            f"{limb_words(session.limb.value)}{wait}",
            data={"session": session.name, "examination": begun.number},
        )

    def _rest_ms(self, wish: Intent) -> int:
        """How long the debt forbids what would be asked for now."""
        core = self._core
        device_ms = core.cuff.debt_of_ms(core.state.limb) if core.cuff is not None else 0
        wanted_ms = max(wish.planned_ms, wish.schedule_ms)
        return max(core.owed_ms, device_ms) + wanted_ms - core.setup.limits.debt_inflation_ms

    # what it showed

    def _show(self, now: int) -> Reply:
        found = self._core.examination
        if found is None:
            return self._none()
        where, trace = found.circumstances, found.trace
        return Reply(
            data={
                "session": where.session,
                "examination": found.number,
                "exam": found.exam,
                "limb": where.limb.value,
                "posture": where.posture,
                "cuff_serial": where.cuff[0],
                "cuff_description": where.cuff[1],
                "cuff_width_mm": where.cuff_width_mm,
                "systolics_mmhg": found.systolics_mmhg,
                "phase": found.plan.phase,
                "phase_left_s": found.plan.time_left_ms(now) / 1000,
                "outcome": found.outcome,
                "reason": found.reason.value if found.outcome else "",
                "text": self._why_over(found) if found.outcome else "",
                "cuff_samples": trace.cuff_samples,
                "sto2_samples": trace.sto2_samples,
                "trace_complete": trace.complete,
                "trace_sha256": found.trace_sha256,
                "oximeter": self._oximeter(),
            }
        )

    def _none(self) -> Reply:
        """What to say of no examination in this run: the last run may have been cut off in one."""
        cut_off = self._core.cut_off
        if cut_off is None:
            return refusal(EXIT_NOT_NOW, "no examination was started since core began")
        names = {"exam": cut_off.exam, "number": cut_off.examination, "session": self._core.last_session}
        return refusal(EXIT_NOT_NOW, _CUT_OFF.format(**names))

    def _why_over(self, found: Examination) -> str:
        """Nothing has tripped where its own plan gave up a slow cuff."""
        slow = found.outcome == GIVEN_UP and found.reason is Reason.INFLATION_TOO_SLOW
        return TOO_SLOW if slow else text_of(found.reason, self._core.setup.language)

    def _oximeter(self) -> str:
        config = self._core.setup.config.oximeter
        return config.description if config is not None else ""

    def _found(self, session: str, number: int) -> Examination | Reply:
        found = self._core.examination
        if found is None and self._core.cut_off is not None:
            return self._none()
        if found is None or (found.circumstances.session, found.number) != (session, number):
            return refusal(EXIT_NOT_NOW, f"examination {number} of {session!r} {_GONE}")
        if not found.outcome:
            return refusal(EXIT_NOT_NOW, f"{found.exam} is still under way")
        return found

    def _page(self, request: ExamTracePage) -> Reply:
        found = self._found(request.session, request.examination)
        if isinstance(found, Reply):
            return found
        page = found.trace.page(request.cuff_from, request.sto2_from, PAGE_SAMPLES)
        return Reply(data={"cuff": page.cuff, "sto2": page.sto2})
