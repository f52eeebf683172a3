"""The operator's desk: requests from people, checked, journalled, answered.

Theory of operation
-------------------
``ask`` takes one request with who made it and a callable for the answer.  Most answers come at once;
three wait for something: a session for its rows to be durable, a reset and a self-test for the
controller.  ``step`` delivers those.  Every request is written down with the asker's credentials
before it is acted on, except that "stop" acts first and is written after.

A refusal is one sentence and an exit code (``gateway.runtime.requests``); nothing is energised here.

Units: blood pressures mmHg, times ms.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.model import BloodPressure, DeviceFault, Side
from gateway.record.events import BloodPressureEntered, CuffRemoved, SelfTested, SessionStarted
from gateway.runtime import state_view
from gateway.runtime.core import Core
from gateway.runtime.opening import alarm_id
from gateway.runtime.requests import (
    EXIT_CONFIG,
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_NOT_PERMITTED,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AlarmAck,
    AlarmList,
    AnyRequest,
    Reply,
    Request,
    SelfTest,
    SessionCuffRemoved,
    SessionPressure,
    SessionReset,
    SessionStart,
    SessionStatus,
    SessionStop,
    refusal,
)
from gateway.runtime.session import Session
from gateway.safety.inflation import blood_pressure_refusal
from gateway.safety.limits import ENTRY_HIGHEST_MMHG, ENTRY_LOWEST_MMHG
from gateway.safety.reasons import text_of
from gateway.therapy import prescription
from gateway.therapy.prescription import PrescriptionError, RvosPrescription

_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}")
_WAIT_MS = 3_000
ROOM_FOR_A_SESSION_BYTES = 64_000_000
"""Less than this on the journal's disk refuses a new session (engineering proposal: 30 whole sessions)."""


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
    late: Reply
    deadline_ms: int
    answer: Answer


class Desk:
    """Takes requests for one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[_Waiting] = []

    def ask(self, request: AnyRequest, asker: Asker, now: int, answer: Answer) -> None:
        """Handle one request; ``answer`` is called once, now or from a later ``step``."""
        if request.needs_operator and not asker.operator:
            self._journal(request, asker, now, "refused")
            group = self._core.setup.config.core.operators_group
            answer(refusal(EXIT_NOT_PERMITTED, f"only members of the group {group!r} may do this"))
            return
        if isinstance(request, SessionStop):
            answer(self._stop(request, asker, now))
            return
        if not isinstance(request, SessionStatus | AlarmList):
            self._journal(request, asker, now, "asked")
        reply = self._handle(request, now, answer)
        if reply is not None:
            answer(reply)

    def step(self, now: int) -> None:
        """Deliver the answers that have become known, and those that are late."""
        for waiting in list(self._waiting):
            reply = waiting.poll(now)
            if reply is None and now >= waiting.deadline_ms:
                reply = waiting.late
            if reply is not None:
                self._waiting.remove(waiting)
                waiting.answer(reply)

    def _handle(self, request: AnyRequest, now: int, answer: Answer) -> Reply | None:
        match request:
            case SessionStart():
                return self._start(request, now, answer)
            case SessionPressure():
                return self._pressure(request, now)
            case SessionReset():
                return self._reset(request, now, answer)
            case SessionCuffRemoved():
                return self._cuff_removed(now)
            case SessionStatus():
                return self._status(now)
            case AlarmList():
                return self._alarms(now)
            case AlarmAck():
                return self._acknowledge(request, now)
            case SelfTest():
                return self._self_test(now, answer)
            case _:
                return refusal(EXIT_USAGE, "this request is not known")

    def _journal(self, request: Request, asker: Asker, now: int, what: str) -> None:
        verb = str(request.__struct_config__.tag)
        body: dict[str, str | int] = {"verb": verb, "uid": asker.uid, "gid": asker.gid, "pid": asker.pid}
        if isinstance(request, SessionStart):
            body["patient"] = request.patient
        session = self._core.session
        self._core.recorder.audit(f"request_{what}", body, session.name if session else "", now)

    def _wait(self, poll: Callable[[int], Reply | None], late: Reply, now: int, answer: Answer) -> None:
        self._waiting.append(_Waiting(poll, late, now + _WAIT_MS, answer))

    # the verbs

    def _stop(self, request: SessionStop, asker: Asker, now: int) -> Reply:
        running = self._core.stop(now)
        self._journal(request, asker, now, "asked")
        return Reply(
            message="stopped; the cuff is venting" if running else "nothing was running; vented again"
        )

    def _status(self, now: int) -> Reply:
        return Reply(data=msgspec.to_builtins(state_view.feed(self._core, now)))

    def _start(self, request: SessionStart, now: int, answer: Answer) -> Reply | None:
        asked = self._check_start(request, now)
        if isinstance(asked, Reply):
            return asked
        pressure = BloodPressure(request.systolic_mmhg, request.diastolic_mmhg, now)
        session, ticket = self._arm(asked, request.side, pressure, now)
        reply = Reply(
            message=f"session {session.name} started: {asked.title}, {request.side} leg",
            data={"session": session.name},
        )

        def durable(at: int) -> Reply | None:
            if self._core.session is not session or not session.running:
                return refusal(EXIT_NOT_NOW, f"session {session.name} was stopped before it began")
            return reply if self._core.recorder.is_durable(ticket) else None

        if durable(now) is not None:
            return reply
        late = refusal(EXIT_UNAVAILABLE, "the journal is slow: the session waits; see `rvos session status`")
        self._wait(durable, late, now, answer)
        return None

    def _check_start(self, request: SessionStart, now: int) -> RvosPrescription | Reply:
        limits = self._core.setup.limits
        wrong = _wrong_words(request) or _mistyped(request.systolic_mmhg, request.diastolic_mmhg)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        try:
            asked = prescription.load(request.prescription)
        except PrescriptionError as error:
            return refusal(EXIT_CONFIG, str(error))
        unfit = blood_pressure_refusal(
            limits, BloodPressure(request.systolic_mmhg, request.diastolic_mmhg, now), now
        )
        if unfit is not None:
            return refusal(EXIT_REFUSED, f"not started: {text_of(unfit)}")
        target = (request.systolic_mmhg + asked.margin_mmhg) * 10
        if target > limits.pressure_ceiling_dmmhg:
            return refusal(
                EXIT_REFUSED,
                f"not started: the target of {target // 10} mmHg (systolic + {asked.margin_mmhg}) is above "
                f"the ceiling of {limits.pressure_ceiling_dmmhg // 10} mmHg; it is refused, not reduced",
            )
        return self._not_ready(now) or asked

    def _not_ready(self, now: int) -> Reply | None:
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
        return None

    def _arm(
        self, asked: RvosPrescription, side: str, pressure: BloodPressure, now: int
    ) -> tuple[Session, int]:
        core = self._core
        name = f"{core.setup.config.site.device}-{core.setup.boot}-{core.sessions_given + 1}"
        session = Session(name, asked, side, pressure, core.recorder, now)
        session.note(self._started(asked, side), now)
        entered = BloodPressureEntered(
            systolic_mmhg=pressure.systolic_mmhg, diastolic_mmhg=pressure.diastolic_mmhg
        )
        ticket = session.note(entered, now)
        core.begin_session(session, now)
        return session, ticket

    def _started(self, asked: RvosPrescription, side: str) -> SessionStarted:
        setup, who = self._core.setup, self._core.gate.identity
        oximeter = setup.config.oximeter
        return SessionStarted(
            prescription=asked.name,
            prescription_hash=asked.sha256,
            side=side,
            cycles_prescribed=asked.cycles,
            occlusion_ms=asked.occlusion_ms,
            reperfusion_ms=asked.reperfusion_ms,
            margin_mmhg=asked.margin_mmhg,
            version=setup.version,
            firmware=who.firmware if who else "",
            firmware_limits_crc=setup.firmware_limits_crc,
            cuff_serial=who.serial if who else "",
            cuff_description=setup.config.cuff.description,
            oximeter_description=oximeter.description if oximeter else "",
        )

    def _pressure(self, request: SessionPressure, now: int) -> Reply:
        wrong = _unconfirmed(request.confirm) or _mistyped(request.systolic_mmhg, request.diastolic_mmhg)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        session = self._core.session
        if session is None:
            return refusal(EXIT_NOT_NOW, "no session is running: a blood pressure belongs to a session")
        pressure = BloodPressure(request.systolic_mmhg, request.diastolic_mmhg, now)
        session.enter_pressure(pressure, now)
        unfit = blood_pressure_refusal(self._core.setup.limits, pressure, now)
        return Reply(message=f"entered; {text_of(unfit)}" if unfit else "entered; it counts for 5 minutes")

    def _cuff_removed(self, now: int) -> Reply:
        core = self._core
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, "the session is still running; stop it before the cuff comes off")
        core.cuff_removed()
        core.recorder.event(CuffRemoved(), core.last_session, now)
        return Reply(message="noted: the cuff is off")

    def _alarms(self, now: int) -> Reply:
        listed = msgspec.to_builtins(state_view.alarm_list(self._core))
        return Reply(message=f"{len(listed)} alarms", data={"alarms": listed})

    def _acknowledge(self, request: AlarmAck, now: int) -> Reply:
        number = None
        if request.alarm_id:
            known = {alarm_id(self._core.setup.boot, a.number): a.number for a in self._core.alarms.alarms}
            if request.alarm_id not in known:
                return refusal(EXIT_USAGE, f"no alarm {request.alarm_id!r}; see `rvos alarm list`")
            number = known[request.alarm_id]
        silenced = self._core.acknowledge(number, now)
        return Reply(message=f"acknowledged: {silenced}" if silenced else "no alarm waits to be acknowledged")

    def _reset(self, request: SessionReset, now: int, answer: Answer) -> Reply | None:
        wrong = _unconfirmed(request.confirm)
        if wrong:
            return refusal(EXIT_USAGE, wrong)
        core = self._core
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, "the session is still ending; wait until the cuff is empty")
        asked = core.state.latched
        core.gate.clear_faults()

        def cleared(at: int) -> Reply | None:
            if core.state.latched != asked:
                new = core.state.latched
                return refusal(EXIT_NOT_NOW, f"not cleared: something else latched ({new}); look again")
            if core.cuff is not None and core.cuff.faults != DeviceFault.NONE:
                return None
            left = core.reset(at)
            if left is None:
                return Reply(message="cleared; nothing is latched")
            return refusal(EXIT_NOT_NOW, f"latched again ({left.value}): {text_of(left)}")

        reply = cleared(now)
        if reply is None:
            late = refusal(EXIT_UNAVAILABLE, "the cuff controller keeps reporting a fault; check it")
            self._wait(cleared, late, now, answer)
        return reply

    def _self_test(self, now: int, answer: Answer) -> Reply | None:
        core = self._core
        if core.session is not None:
            return refusal(EXIT_NOT_NOW, "a session is running; the self-test needs an empty, idle cuff")
        if not core.gate.accepted:
            return refusal(EXIT_UNAVAILABLE, f"self-test: {core.gate.refusal or 'the cuff is being set up'}")
        core.gate.start_self_test()

        def finished(at: int) -> Reply | None:
            result = core.gate.self_test
            if result is None:
                return None
            tested = SelfTested(
                passed=result.result == 0,
                control_zero_dmmhg=result.control_dmmhg,
                limit_zero_dmmhg=result.limit_dmmhg,
                detail="" if result.result == 0 else f"controller result {result.result}",
            )
            core.recorder.event(tested, "", at)
            words = "passed" if tested.passed else "FAILED: the cuff is not empty or a sensor is off its zero"
            return Reply(
                exit_code=0 if tested.passed else EXIT_FINDING,
                message=f"self-test {words}",
                data=msgspec.to_builtins(tested),
            )

        late = refusal(EXIT_UNAVAILABLE, "self-test: the cuff controller did not answer")
        self._wait(finished, late, now, answer)
        return None


def _unconfirmed(confirm: bool) -> str:
    return "" if confirm else "nothing was done: this acts on a patient and needs --confirm"


def _wrong_words(request: SessionStart) -> str:
    if not _TOKEN.fullmatch(request.patient):
        return "the patient token must be 1 to 64 letters, digits or hyphens, and no name"
    if request.side not in set(Side):
        return f"the side must be left or right, not {request.side!r}"
    return _unconfirmed(request.confirm)


def _mistyped(systolic_mmhg: int, diastolic_mmhg: int) -> str:
    if not ENTRY_LOWEST_MMHG <= systolic_mmhg <= ENTRY_HIGHEST_MMHG:
        return (
            f"a systolic of {systolic_mmhg} mmHg is outside {ENTRY_LOWEST_MMHG}-{ENTRY_HIGHEST_MMHG}: "
            "is it mistyped?"
        )
    if not 0 < diastolic_mmhg < systolic_mmhg:
        return f"a diastolic of {diastolic_mmhg} mmHg does not go with a systolic of {systolic_mmhg}"
    return ""
