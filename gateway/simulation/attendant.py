"""The person at the simulated bedside: starts the session, stays with it, looks after what went wrong.

Theory of operation
-------------------
``_work`` reads like what a person does: a generator that yields either how long to wait (ms) or a request,
and gets the reply, or ``None`` when nobody answered within 5 s.  What was interrupted is resumed once, if
this person is one who does that.  ``step(now)`` lets it go on when its time has come.  Everything goes
through the desk, as from a terminal; the button is the one of the device.

Blood pressures are the limb's true ones with a scatter of a few mmHg.  ``known_systolic_mmhg`` is the last
that was measured: what a person could know.

Units: ms, mmHg.
"""

import random
from collections.abc import Generator
from dataclasses import dataclass

import msgspec

from gateway.model import Limb
from gateway.runtime.core import Core
from gateway.runtime.requests import (
    AlarmAck,
    AnyRequest,
    PatientHistory,
    Reply,
    SessionCuffRemoved,
    SessionPain,
    SessionPressure,
    SessionReset,
    SessionStart,
    SessionStatus,
)
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.nurse import pressure_is_due, start_request
from gateway.simulation.troubled import TroubledBedside

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

Work = Generator[AnyRequest | int, Reply | None, None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be given, and how this person is. ``again``: starts once more after an interruption."""

    prescription: str
    limb: Limb
    patient: str
    answers_after_ms: int
    measures_again_ms: int
    again: bool


class Attendant:
    """One person, one session, perhaps a second one."""

    def __init__(self, bedside: TroubledBedside, order: Order, seed: int) -> None:
        self.known_systolic_mmhg = bedside.plant.limb.systolic_mmhg
        self.done = False
        self.sessions: list[str] = []
        self.acknowledged_ms = -1
        self._bedside, self._order = bedside, order
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
        self._bedside.desk.ask(request, OPERATOR, self._bedside.core_ms, self._answered)

    def _answered(self, reply: Reply) -> None:
        self._reply = reply

    # the work

    def _work(self) -> Work:
        for resume in (False, True) if self._order.again else (False,):
            if not (yield from self._start(resume)):
                break
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
        for _ in range(_TRIES):
            yield PatientHistory(patient=self._order.patient, nothing=True, confirm=True)
            yield from self._press()
            reply = yield self._start_request(resume)
            if reply is not None and reply.exit_code == 0:
                self.sessions.append(str(reply.data["session"]))
                return True
            yield _BETWEEN_TRIES_MS
        return False

    def _attend(self) -> Generator[AnyRequest | int, Reply | None, bool]:
        """Stay until the session is over; says whether it ended as it should."""
        lost = 0
        while lost < _LOST_LOOKS:
            yield _LOOK_MS
            state = yield from self._state()
            lost = 0 if state else lost + 1
            if state and state["mode"] != "session":
                return state["mode"] == "idle"
            if state and (pressure_is_due(state) or self._has_changed()):
                yield from self._enter_pressure()
            if state and self._pain_is_due(state):
                yield SessionPain(nrs=self._random.randint(0, _PAIN_BORNE))
        return False

    def _look_after(self) -> Work:
        """Acknowledge, look at the limb, unplug the hose if it is tight, clear."""
        yield self._order.answers_after_ms
        if (yield AlarmAck()) is not None:
            self.acknowledged_ms = self._bedside.now
        yield from self._free_the_limb()
        for _ in range(_TRIES):
            yield _BETWEEN_TRIES_MS
            yield from self._press()
            reply = yield SessionReset(confirm=True)
            if reply is not None and reply.exit_code == 0:
                return

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
        return self._bedside.now - self._changed_since_ms >= self._order.measures_again_ms

    def _pain_is_due(self, state: dict[str, object]) -> bool:
        """Minutes 2 and 4 of each occlusion, by this person's own watch."""
        if state["phase"] not in ("inflating", "holding"):
            self._occluded_ms, self._scores = self._bedside.now, 0
            return False
        due = self._bedside.now - self._occluded_ms >= _PAIN_EVERY_MS * (self._scores + 1)
        self._scores += due
        return due

    def _enter_pressure(self) -> Work:
        systolic, diastolic = self._measure()
        yield SessionPressure(
            systolic_mmhg=systolic, diastolic_mmhg=diastolic, confirm=True, measured_again=True
        )

    def _measure(self) -> tuple[int, int]:
        scatter = self._random.randint(-_SCATTER_MMHG, _SCATTER_MMHG)
        self.known_systolic_mmhg = round(self._bedside.systolic_mmhg) + scatter
        return self.known_systolic_mmhg, round(self._bedside.diastolic_mmhg) + scatter

    def _start_request(self, resume: bool) -> SessionStart:
        systolic, diastolic = self._measure()
        order = self._order
        request = start_request(order.prescription, order.limb, systolic, diastolic)
        return msgspec.structs.replace(request, patient=order.patient, measured_again=True, resume=resume)
