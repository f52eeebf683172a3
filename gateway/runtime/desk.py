"""The operator's desk: requests from people, checked, journalled, answered.

Theory of operation
-------------------
``ask`` takes one request with who made it and a callable for the answer.  Most answers come at once;
four wait for something: a session and an export for their rows to be durable, a reset and a self-test for the
controller.  ``step`` delivers those.  Every request is written down with the asker's credentials
before it is acted on, except that some act first and are written after: a stop, and what else takes energy
away or says that somebody is there (a pain score, less current, an acknowledgement).  A user who asks too
often is counted instead of written down (``admission``), and then only those still act.

A start, a test of the cuff, a self-test and a reset wait one at a time: a second one is refused.

A refusal is one sentence and an exit code (``gateway.runtime.requests``); nothing is energised here.

Units: blood pressures mmHg, times ms.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from firmware_bridge import cuff as messages
from gateway.model import BloodPressure, DeviceFault, Reason
from gateway.record.events import CuffRemoved, PainScored
from gateway.runtime import device_view, pain, state_view
from gateway.runtime.admission import AuditRows
from gateway.runtime.arming import PRESS_FIRST, ArmingDesk, mistyped, unconfirmed
from gateway.runtime.core import Core
from gateway.runtime.cuff_desk import LONGEST_MS, CuffDesk
from gateway.runtime.exam_desk import ExamDesk
from gateway.runtime.opening import alarm_id
from gateway.runtime.patients import PatientDesk
from gateway.runtime.readers import Reader
from gateway.runtime.requests import (
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_NOT_PERMITTED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    PAUSE_LONGEST_S,
    AlarmAck,
    AlarmList,
    AlarmPause,
    AnyRequest,
    CuffAccept,
    DeviceList,
    Devices,
    ExamResult,
    ExamShow,
    ExamStart,
    ExamTracePage,
    PatientExport,
    PatientHistory,
    PatientImport,
    PatientShow,
    Reply,
    Request,
    SelfTest,
    SessionBegin,
    SessionClearPatient,
    SessionCuffRemoved,
    SessionLower,
    SessionPain,
    SessionPressure,
    SessionRaise,
    SessionReset,
    SessionStart,
    SessionStatus,
    SessionStop,
    refusal,
)
from gateway.runtime.starting import WAIT_MS, Pending, self_tested
from gateway.safety.inflation import blood_pressure_refusal
from gateway.safety.texts import text_of
from gateway.therapy.plan import Less, More, Word

_ONE_AT_A_TIME = (SessionStart, CuffAccept, SelfTest, SessionReset)
_PRESS_AGAIN = "not cleared: the fault came after your press; look, press again, then reset"
_MORE = "The rest may be given within an hour of its first interruption: `rvos session start --resume`"
_NO_MORE = "There is nothing to resume: an examination is not resumed, and no cycle is left"
_BUSY = "another start, test or reset is under way: wait for its answer"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is at the other end of the control socket, by the kernel's word."""

    uid: int
    gid: int
    pid: int
    operator: bool


Answer = Callable[[Reply], None]


@dataclass(slots=True)
class _Waiting:
    """An answer that is not known yet: ``poll`` gives it, or ``None``; then the deadline does."""

    poll: Callable[[int], Reply | None]
    late: Callable[[int], Reply]
    deadline_ms: int
    answer: Answer
    alone: bool


class Desk:
    """Takes requests for one core."""

    def __init__(self, core: Core, reader: Reader) -> None:
        self._core = core
        self._arming = ArmingDesk(core)
        self._cuff = CuffDesk(core, self._arming)
        self._patients = PatientDesk(core)
        self._exams = ExamDesk(core, reader)
        self._waiting: list[_Waiting] = []
        self._audit_rows = AuditRows()

    def ask(self, request: AnyRequest, asker: Asker, now: int, answer: Answer) -> None:
        """Handle one request; ``answer`` is called once, now or from a later ``step``."""
        if request.needs_operator and not asker.operator:
            self._journal(request, asker, now, "refused")
            group = self._core.setup.config.core.operators_group
            answer(refusal(EXIT_NOT_PERMITTED, f"only members of the group {group!r} may do this"))
            return
        if isinstance(request, SessionStop | SessionClearPatient):
            answer(self._stop(request, asker, now))
            return
        acts_first = isinstance(request, SessionPain | SessionLower | AlarmAck)
        looks_only = isinstance(request, SessionStatus | DeviceList | AlarmList | ExamShow | ExamTracePage)
        if not acts_first and not looks_only and not self._journal(request, asker, now, "asked"):
            answer(refusal(EXIT_NOT_NOW, "too many requests of this user: wait a minute"))
            return
        reply = self._handle(request, now, answer)
        if acts_first:
            self._journal(request, asker, now, "asked")
        if reply is not None:
            answer(reply)

    def step(self, now: int) -> None:
        """Deliver the answers that have become known, and those that are late; count what was not written."""
        for uid, requests in self._audit_rows.ended(now):
            self._core.recorder.audit("requests_unwritten", {"uid": uid, "requests": requests}, "", now)
        for waiting in list(self._waiting):
            reply = waiting.poll(now)
            if reply is None and now >= waiting.deadline_ms:
                reply = waiting.late(now)
            if reply is not None:
                self._waiting.remove(waiting)
                waiting.answer(reply)

    def _handle(self, request: AnyRequest, now: int, answer: Answer) -> Reply | None:
        if isinstance(request, _ONE_AT_A_TIME) and self._is_busy:
            return refusal(EXIT_NOT_NOW, _BUSY)
        match request:
            case SessionStart():
                return self._start(request, now, answer)
            case SessionPain():
                return self._pain(request, now)
            case SessionPressure():
                return self._pressure(request, now)
            case SessionRaise():
                return self._raise(request, now)
            case SessionLower():
                return self._hear(Less(request.by_ma * 1000), now)
            case SessionReset():
                return self._reset(request, now, answer)
            case SessionCuffRemoved():
                return self._cuff_removed(now)
            case SessionStatus():
                return self._status(now)
            case DeviceList():
                seen = Devices(devices=device_view.devices(self._core, now))
                return Reply(data=msgspec.to_builtins(seen))
            case AlarmList():
                return self._alarms(now)
            case AlarmAck():
                return self._acknowledge(request, now)
            case AlarmPause():
                return self._pause_alarms(request, now)
            case SelfTest():
                return self._self_test(now, answer)
            case CuffAccept():
                return self._accept_cuff(request, now, answer)
            case PatientHistory() | PatientImport() | PatientExport() | PatientShow():
                return self._begun(self._patients.handle(request, now), now, answer, alone=False)
            case ExamStart() | ExamShow() | ExamTracePage() | ExamResult() | SessionBegin():
                return self._begun(self._exams.handle(request, now), now, answer, alone=False)
            case _:
                return refusal(EXIT_USAGE, "this request is not known")

    @property
    def _is_busy(self) -> bool:
        """Whether something waits that may begin or clear; a test that has begun says so itself."""
        return self._core.acceptance is None and any(waiting.alone for waiting in self._waiting)

    def _journal(self, request: Request, asker: Asker, now: int, what: str) -> bool:
        """Write the request down; says no when its user has had too many rows this minute."""
        if not self._audit_rows.admits(asker.uid, asker.operator, now):
            return False
        verb = str(request.__struct_config__.tag)
        body: dict[str, str | int] = {"verb": verb, "uid": asker.uid, "gid": asker.gid, "pid": asker.pid}
        if isinstance(request, SessionStart):
            body["patient"] = request.patient
        session = self._core.session
        self._core.recorder.audit(f"request_{what}", body, session.name if session else "", now)
        return True

    def _wait(
        self,
        poll: Callable[[int], Reply | None],
        late: Callable[[int], Reply],
        now: int,
        answer: Answer,
        longest_ms: int = WAIT_MS,
        *,
        alone: bool = True,
    ) -> None:
        self._waiting.append(_Waiting(poll, late, now + longest_ms, answer, alone))

    # the verbs

    def _stop(self, request: SessionStop | SessionClearPatient, asker: Asker, now: int) -> Reply:
        clears = isinstance(request, SessionClearPatient)
        running = self._core.stop(Reason.PATIENT_CLEARED if clears else Reason.STOPPED_BY_OPERATOR, now)
        self._journal(request, asker, now, "asked")
        done = "stopped; the cuff is venting" if running else "nothing was running; vented again"
        return Reply(message=f"{done}; unplug the cuff's hose and the stimulator's lead" if clears else done)

    def _status(self, now: int) -> Reply:
        return Reply(data=msgspec.to_builtins(state_view.feed(self._core, now)))

    def _accept_cuff(self, request: CuffAccept, now: int, answer: Answer) -> Reply | None:
        begun = self._cuff.begin(request, now)
        if isinstance(begun, Reply):
            return begun
        self._wait(begun.poll, begun.late, now, answer, LONGEST_MS)
        return None

    def _start(self, request: SessionStart, now: int, answer: Answer) -> Reply | None:
        return self._begun(self._arming.begin(request, now), now, answer)

    def _begun(self, begun: Reply | Pending, now: int, answer: Answer, *, alone: bool = True) -> Reply | None:
        """An answer that is there, or that is waited for."""
        if isinstance(begun, Reply):
            return begun
        reply = begun.poll(now)
        if reply is None:
            self._wait(begun.poll, begun.late, now, answer, begun.longest_ms, alone=alone)
        return reply

    def _pain(self, request: SessionPain, now: int) -> Reply:
        wrong = pain.mistyped(request.nrs, request.cpot)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        session = self._core.session
        if session is None:
            return refusal(EXIT_NOT_NOW, "no session is running: a pain score belongs to a session")
        scale, score = ("cpot", request.cpot or 0) if request.nrs is None else ("nrs", request.nrs)
        session.pain.score(now)
        session.note(PainScored(cycle=session.cycle, scale=scale, score=score), now)
        if not pain.stops(request.nrs, request.cpot):
            return Reply(message="entered")
        self._core.stop(Reason.INTOLERABLE, now)
        more = self._core.recorder.ledger.leaves_some(session.name)
        return Reply(message=f"stopped: the cuff is venting; ask the patient. {_MORE if more else _NO_MORE}")

    def _pressure(self, request: SessionPressure, now: int) -> Reply:
        wrong = unconfirmed(request.confirm) or mistyped(request.systolic_mmhg, request.diastolic_mmhg)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        session = self._core.session
        if session is None:
            return refusal(EXIT_NOT_NOW, "no session is running: a blood pressure belongs to a session")
        again = self._arming.enters(request.systolic_mmhg, request.measured_again)
        if again:
            return refusal(EXIT_NOT_NOW, again)
        pressure = BloodPressure(request.systolic_mmhg, request.diastolic_mmhg, now)
        session.enter_pressure(pressure, now)
        unfit = blood_pressure_refusal(self._core.setup.limits, pressure, now)
        return Reply(message=f"entered; {text_of(unfit)}" if unfit else "entered; it counts for 5 minutes")

    def _raise(self, request: SessionRaise, now: int) -> Reply:
        wrong = unconfirmed(request.confirm)
        return refusal(EXIT_USAGE, wrong) if wrong else self._hear(More(request.by_ma * 1000), now)

    def _hear(self, word: Word, now: int) -> Reply:
        session = self._core.session
        if session is None or not session.running:
            return refusal(EXIT_NOT_NOW, "no session is running: there is no current to change")
        if isinstance(word, Less) and word.by_ua <= 0:
            return refusal(EXIT_USAGE, "a current is lowered by 1 mA or more")
        objection = session.hear(word, now)
        if objection:
            return refusal(EXIT_NOT_NOW, objection)
        self._core.step(now)
        return Reply(message="lowered" if isinstance(word, Less) else "noted: it rises as soon as it may")

    def _cuff_removed(self, now: int) -> Reply:
        core = self._core
        self._exams.end_idle_session(now)
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, "the session is still running; stop it before the cuff comes off")
        core.cuff_removed()
        core.recorder.event(CuffRemoved(), core.last_session, now)
        return Reply(message="noted: the cuff is off")

    def _alarms(self, now: int) -> Reply:
        listed = msgspec.to_builtins(state_view.alarm_list(self._core))
        left_s = state_view.pause_left_s(self._core, now)
        return Reply(message=f"{len(listed)} alarms", data={"alarms": listed, "pause_left_s": left_s})

    def _acknowledge(self, request: AlarmAck, now: int) -> Reply:
        number = None
        if request.alarm_id:
            known = {alarm_id(self._core.setup.boot, a.number): a.number for a in self._core.alarms.alarms}
            if request.alarm_id not in known:
                return refusal(EXIT_USAGE, f"no alarm {request.alarm_id!r}; see `rvos alarm list`")
            number = known[request.alarm_id]
        silenced = self._core.acknowledge(number, now)
        return Reply(message=f"acknowledged: {silenced}" if silenced else "no alarm waits to be acknowledged")

    def _pause_alarms(self, request: AlarmPause, now: int) -> Reply:
        if not 0 <= request.seconds <= PAUSE_LONGEST_S:
            return refusal(EXIT_USAGE, f"the sound is paused for 1 to {PAUSE_LONGEST_S} s; 0 ends a pause")
        changed = self._core.pause_alarms(request.seconds * 1000, now)
        if not request.seconds:
            return Reply(message="the pause is over" if changed else "the sound was not paused")
        if not changed:
            return Reply(message="nothing sounds: nothing was paused, and a new alarm will sound at once")
        return Reply(message=f"sound paused for {request.seconds} s; any new alarm ends the pause")

    def _reset(self, request: SessionReset, now: int, answer: Answer) -> Reply | None:
        wrong = unconfirmed(request.confirm)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        core = self._core
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, "the session is still ending; wait until the cuff is empty")
        if not core.was_pressed(now):
            return refusal(EXIT_NOT_NOW, PRESS_FIRST if core.hears_cuff(now) else self._unheard())
        asked, epoch = core.state.latched, core.epoch
        core.gate.clear_faults()

        def cleared(at: int) -> Reply | None:
            if core.epoch != epoch:
                return refusal(EXIT_NOT_NOW, "not cleared: a stop or a trip came between; look again")
            if core.state.latched != asked:
                new = core.state.latched
                return refusal(EXIT_NOT_NOW, f"not cleared: something else latched ({new}); look again")
            if core.gate.clear_result == messages.NO_PRESENCE:
                return refusal(EXIT_NOT_NOW, _PRESS_AGAIN)
            if core.cuff is not None and core.cuff.faults != DeviceFault.NONE:
                return None
            left = core.reset(at)
            if left is None:
                return Reply(message="cleared; nothing is latched")
            return refusal(EXIT_NOT_NOW, f"latched again ({left.value}): {text_of(left)}")

        reply = cleared(now)
        if reply is None:
            late = "the cuff controller keeps reporting a fault; check it"
            self._wait(cleared, lambda _: refusal(EXIT_UNAVAILABLE, late), now, answer)
        return reply

    def _unheard(self) -> str:
        """Where no press can be seen, it is no use to ask for one."""
        latched = self._core.state.latched
        left = f"; what is latched: {latched.value}" if latched else ""
        return f"the cuff controller is not heard, nor its button: check its cable and power first{left}"

    def _self_test(self, now: int, answer: Answer) -> Reply | None:
        core = self._core
        if core.session is not None or core.acceptance is not None:
            return refusal(EXIT_NOT_NOW, "a session is running; the self-test needs an empty, idle cuff")
        if not core.gate.accepted:
            return refusal(EXIT_UNAVAILABLE, f"self-test: {core.gate.refusal or 'the cuff is being set up'}")
        core.gate.start_self_test()

        def finished(at: int) -> Reply | None:
            result = core.gate.self_test
            if result is None:
                return None
            tested = self_tested(result)
            core.recorder.event(tested, "", at)
            words = "passed" if tested.passed else "FAILED: the cuff is not empty or a sensor is off its zero"
            return Reply(
                exit_code=0 if tested.passed else EXIT_FINDING,
                message=f"self-test {words}",
                data=msgspec.to_builtins(tested),
            )

        late = "self-test: the cuff controller did not answer"
        self._wait(finished, lambda _: refusal(EXIT_UNAVAILABLE, late), now, answer)
        return None
