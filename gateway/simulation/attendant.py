"""The person at the simulated bedside: starts the session, stays with it, looks after what went wrong.

Theory of operation
-------------------
``_work`` reads like what a person does: a generator that yields either how long to wait (ms) or a request,
and gets the reply, or ``None`` when nobody answered within 5 s.  What was interrupted is resumed once, if
this person is one who does that.  ``step(now)`` lets it go on when its time has come.  Everything goes
through the desk, as from a terminal; the buttons are those of the device.  What this person does and leaves
undone is settled beforehand (``conduct``).

Blood pressures are the limb's true ones with a scatter of a few mmHg.  ``known_systolic_mmhg`` is the last
that was measured: what a person could know.  ``calls_for`` collects the conditions that this person's own
omissions call for: an alarm of one of those is no false alarm.  ``began_ms`` and ``stopped_ms`` say when a
person last began or stopped a session by word; buttons are seen where they are pressed.

Units: ms, mmHg.
"""

import random
from collections.abc import Generator
from dataclasses import dataclass

import msgspec

from gateway.model import Limb, Reason
from gateway.runtime.core import Core
from gateway.runtime.requests import (
    AlarmAck,
    AnyRequest,
    DeclaredSession,
    ExamStart,
    PatientHistory,
    Reply,
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
)
from gateway.simulation import examining
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.conduct import Conduct, Stop
from gateway.simulation.examining import LIMB_PRESSURE, SUPINE, Work
from gateway.simulation.nurse import pressure_is_due, start_request
from gateway.simulation.troubled import TroubledBedside
from gateway.therapy import prescription

_LOOK_MS = 1_000
_ANSWER_MS = 5_000
_READY_LOOKS = 90
_TRIES = 3
_BETWEEN_TRIES_MS = 6_000
_LOST_LOOKS = 120
_SCATTER_MMHG = 3
_TIGHT_MMHG = 15.0
_LOOSE_MMHG = 2.0
_PAIN_EVERY_MS = 122_000
_PAIN_BORNE = 4
_NRS_STOPPING, _CPOT_STOPPING = (7, 10), (3, 8)
_PRESS_MS = (60, 2_000)
_STOPPING_WORDS = (SessionStop, SessionClearPatient)
_RESUMABLE = (Stop.INTOLERABLE, Stop.CLEAR)
_ROUND_TO_MMHG = 10
_NOTHING_MORE = ("ready", "prescription_ready")
"""A session for examinations in which nobody asks for anything any more."""
_UNDER_PRESSURE = ("inflating", "holding", "climbing", "occluding")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be given, and how these people are."""

    prescription: str
    limb: Limb
    patient: str
    conduct: Conduct
    exam: str = ""
    choices: tuple[tuple[str, int], ...] = ()
    presses: tuple[tuple[int, int], ...] = ()

    @property
    def exam_start(self) -> ExamStart:
        """The request that begins its examination."""
        return ExamStart(exam=self.exam, confirm=True, posture=SUPINE, choices=dict(self.choices))


class Attendant:
    """One person, one session, perhaps a second one."""

    def __init__(self, bedside: TroubledBedside, order: Order, seed: int) -> None:
        self.known_systolic_mmhg = bedside.plant.limb.systolic_mmhg
        self.done = False
        self.sessions: list[str] = []
        self.calls_for: set[str] = set()
        self.acknowledged_ms = self.began_ms = self.asked_ms = self.stopped_ms = -1
        self._bedside, self._order, self._conduct = bedside, order, order.conduct
        self._uses_cuff = not order.prescription or prescription.load(order.prescription).uses_cuff
        self.measures_limb = False
        self._words = list(order.conduct.words)
        self._presses: list[tuple[int, int]] = []
        self._may_stop = order.conduct.stop is not Stop.NOBODY
        self._random = random.Random(seed)
        self._work_under_way = self._work()
        self._wake_ms = bedside.now
        self._asked_core: Core | None = None
        self._deadline_ms = 0
        self._reply: Reply | None = None
        self._changed_since_ms = self._occluded_ms = bedside.now
        self._scores = 0

    def step(self, now: int) -> None:
        """Go on with the work, if it is time."""
        if self.done:
            return
        if self._asked_core is not None:
            waiting = self._reply is None and now < self._deadline_ms
            if waiting and self._asked_core is self._bedside.core:
                return
            self._asked_core = None
            self._go_on(self._reply, now)
        elif now >= self._wake_ms:
            self._go_on(None, now)

    def _go_on(self, reply: Reply | None, now: int) -> None:
        try:
            wish = next(self._work_under_way) if reply is None else self._work_under_way.send(reply)
        except StopIteration:
            self.done = True
            return
        if isinstance(wish, int):
            self._wake_ms = now + wish
        else:
            self._ask(wish, now)

    def _ask(self, request: AnyRequest, now: int) -> None:
        """A terminal whose core is dead or stands still answers nothing for a moment."""
        self._reply, self._wake_ms = None, now + _LOOK_MS
        if not self._bedside.core_runs:
            return
        self._asked_core, self._deadline_ms = self._bedside.core, now + _ANSWER_MS
        if isinstance(request, _STOPPING_WORDS) or (isinstance(request, SessionPain) and _stops(request)):
            self.stopped_ms = now
        if isinstance(request, SessionStart):
            self.asked_ms = now
        self._bedside.desk.ask(request, OPERATOR, self._bedside.core_ms, self._answered)

    def _answered(self, reply: Reply) -> None:
        self._reply = reply

    # the work

    def _work(self) -> Work:
        resumes = self._conduct.again and self._order.prescription
        for resume in (False, True) if resumes else (False,):
            if not (yield from self._start(resume)):
                break
            if self._order.exam and not resume:
                yield from examining.give(self._order, self._look_at_examination)
            self.measures_limb = False
            if (yield from self._attend()):
                break
            yield from self._look_after()
        yield SessionCuffRemoved()

    def _start(self, resume: bool) -> Generator[AnyRequest | int, Reply | None, bool]:
        """Wait for readings, press the button, start; tries again a few times."""
        for _ in range(_READY_LOOKS):
            state = yield from self._state()
            if state.get("cuff_ok") and state.get("mode") == "idle":
                break
            yield _LOOK_MS
        for attempt in range(_TRIES):
            yield self._history()
            yield from self._press()
            reply = yield self._start_request(resume, measured_again=attempt > 0)
            if reply is not None and reply.exit_code == 0:
                self.sessions.append(str(reply.data["session"]))
                self.began_ms = self._bedside.now
                return True
            yield _BETWEEN_TRIES_MS
        return False

    def _attend(self) -> Generator[AnyRequest | int, Reply | None, bool]:
        """Stay until the session is over; says whether that is the end of it."""
        lost, begun_ms = 0, self._bedside.now
        self._presses = list(self._order.presses)
        while lost < _LOST_LOOKS:
            yield _LOOK_MS
            state = yield from self._state()
            lost = 0 if state else lost + 1
            if state and state["mode"] != "session":
                return state["mode"] == "idle" and not self._was_interrupted
            if state and state["phase"] in _NOTHING_MORE:
                yield SessionCuffRemoved()
            elif state:
                yield from self._care(state, self._bedside.now - begun_ms)
        return False

    def _look_at_examination(self, since_ms: int) -> Generator[AnyRequest | int, Reply | None, bool]:
        """A second of an examination with whatever is due in it; whether its session still runs."""
        self.measures_limb = self._order.exam == LIMB_PRESSURE
        yield _LOOK_MS
        state = yield from self._state()
        if not state or state["mode"] != "session":
            return False
        yield from self._care(state, since_ms)
        return True

    def _care(self, state: dict[str, object], since_ms: int) -> Work:
        """One look at a session that runs: whatever is due now."""
        if self._uses_cuff and (pressure_is_due(state) or self._has_changed()):
            yield from self._enter_pressure()
        if self._pain_is_due(state):
            yield from self._ask_for_pain()
        for words in (self._presses, self._words):
            if words and since_ms >= words[0][0]:
                yield self._change(words.pop(0)[1])
        if state["phase"] == "held":
            yield self._conduct.answers_after_ms
            yield SessionStop()
        if self._may_stop and since_ms >= self._conduct.stop_at_ms:
            self._may_stop = False
            yield from self._stop(self._conduct.stop)

    def _change(self, by_ma: int) -> SessionRaise | SessionLower:
        """More or less current; a muscle that answers to less no more calls for whoever lowered it."""
        if by_ma > 0:
            return SessionRaise(by_ma=by_ma, confirm=True)
        self.calls_for.add(Reason.STIMULATION_HELD.value)
        return SessionLower(by_ma=-by_ma)

    def _ask_for_pain(self) -> Work:
        if not self._conduct.answers_prompts:
            self.calls_for.add(Reason.PAIN_SCORE_DUE.value)
            return
        yield self._pain((0, _PAIN_BORNE), (0, _CPOT_STOPPING[0] - 1))

    def _pain(self, nrs: tuple[int, int], cpot: tuple[int, int]) -> SessionPain:
        """A score between these, on the scale that this patient can be asked on."""
        if self._conduct.speaks:
            return SessionPain(nrs=self._random.randint(*nrs))
        return SessionPain(cpot=self._random.randint(*cpot))

    def _stop(self, how: Stop) -> Work:
        """Somebody wants it to end, now."""
        board = self._bedside.board
        match how:
            case Stop.INTOLERABLE:
                yield self._pain(_NRS_STOPPING, _CPOT_STOPPING)
            case Stop.PATIENT:
                board.patient_stop_pressed = True
                yield self._random.randint(*_PRESS_MS)
                board.patient_stop_pressed = False
            case Stop.BUTTON:
                yield from self._press()
            case Stop.TERMINAL:
                yield SessionStop()
            case Stop.CLEAR:
                yield SessionClearPatient()

    @property
    def _was_interrupted(self) -> bool:
        """Whether this person ended it in a way after which it may go on."""
        return self._conduct.stop in _RESUMABLE and not self._may_stop

    def _look_after(self) -> Work:
        """Acknowledge, look at the limb, unplug the hose if it is tight, clear."""
        yield self._conduct.answers_after_ms
        if (yield AlarmAck()) is not None:
            self.acknowledged_ms = self._bedside.now
        yield from self._free_the_limb()
        for _ in range(_TRIES):
            yield _BETWEEN_TRIES_MS
            yield from self._press()
            reply = yield SessionReset(confirm=True)
            if reply is not None and reply.exit_code == 0:
                return
            if reply is not None:  # told to who asked: as good as an acknowledgement
                self.acknowledged_ms = self._bedside.now

    def _free_the_limb(self) -> Work:
        """A cuff that is still tight is freed by hand; the hose goes back on when it has emptied."""
        plant = self._bedside.plant
        if plant.pressure_mmhg <= _TIGHT_MMHG:
            return
        plant.defects.hose_unplugged = True
        while plant.pressure_mmhg > _LOOSE_MMHG:
            yield _LOOK_MS
        yield _BETWEEN_TRIES_MS
        plant.defects.hose_unplugged = False

    def _state(self) -> Generator[AnyRequest | int, Reply | None, dict[str, object]]:
        reply = yield SessionStatus()
        if reply is None or not isinstance(reply.data.get("state"), dict):
            return {}
        return dict(reply.data["state"])

    def _press(self) -> Work:
        """Half a second on the bedside button."""
        self._bedside.board.pressed = True
        yield 500
        self._bedside.board.pressed = False
        yield 200

    def _has_changed(self) -> bool:
        """A person who is there notices after a while that the blood pressure has changed."""
        true_mmhg = self._bedside.systolic_mmhg
        if abs(true_mmhg - self.known_systolic_mmhg) <= 2 * _SCATTER_MMHG:
            self._changed_since_ms = self._bedside.now
        return self._bedside.now - self._changed_since_ms >= self._conduct.measures_again_ms

    def _pain_is_due(self, state: dict[str, object]) -> bool:
        """Minutes 2 and 4 of each occlusion, by this person's own watch."""
        if state["phase"] not in _UNDER_PRESSURE:
            self._occluded_ms, self._scores = self._bedside.now, 0
            return False
        due = self._bedside.now - self._occluded_ms >= _PAIN_EVERY_MS * (self._scores + 1)
        self._scores += due
        return due

    def _enter_pressure(self) -> Work:
        """A gateway that wonders at the third identical value gets a new one, and the answer that it is."""
        if not self._conduct.answers_prompts:
            self.calls_for.add(Reason.BLOOD_PRESSURE_STALE.value)
            return
        for measured_again in (False, True):
            systolic, diastolic = self._measure()
            reply = yield SessionPressure(
                systolic_mmhg=systolic, diastolic_mmhg=diastolic, confirm=True, measured_again=measured_again
            )
            if reply is None or reply.exit_code == 0:
                return

    def _measure(self) -> tuple[int, int]:
        """Systolic and diastolic as this person reads them; who rounds, rounds."""
        scatter = self._random.randint(-_SCATTER_MMHG, _SCATTER_MMHG)
        systolic = round(self._bedside.systolic_mmhg) + scatter
        diastolic = round(self._bedside.diastolic_mmhg) + scatter
        if self._conduct.rounds:
            systolic = round(systolic / _ROUND_TO_MMHG) * _ROUND_TO_MMHG
        self.known_systolic_mmhg = systolic
        return systolic, diastolic

    def _history(self) -> PatientHistory:
        """What the patient had elsewhere in the last day."""
        patient, elsewhere = self._order.patient, self._conduct.elsewhere
        if elsewhere is None:
            return PatientHistory(patient=patient, nothing=True, confirm=True)
        session = DeclaredSession(
            limb=self._order.limb.value,
            ended_min_ago=elsewhere.ended_min_ago,
            above_min=elsewhere.above_min,
            therapy=True,
        )
        return PatientHistory(patient=patient, sessions=[session], confirm=True)

    def _start_request(self, resume: bool, measured_again: bool) -> SessionStart:
        order = self._order
        systolic, diastolic = self._measure() if self._uses_cuff else (None, None)
        request = start_request(
            order.prescription,
            order.limb,
            systolic,
            diastolic,
            patient=order.patient,
            resume=resume,
            examinations=bool(order.exam and order.prescription and not resume),
        )
        answers = dict(request.answers)
        if self._conduct.contraindicated:
            answers["skin"] = "no"
        return msgspec.structs.replace(request, measured_again=measured_again, answers=answers)


def _stops(request: SessionPain) -> bool:
    """Whether this score is one that nobody should have to bear; written here by hand, from the issue."""
    return (request.nrs or 0) >= _NRS_STOPPING[0] or (request.cpot or 0) >= _CPOT_STOPPING[0]
