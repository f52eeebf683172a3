"""Somebody else at another terminal: asks for this and that while a session begins, runs and ends.

Theory of operation
-------------------
The attendant asks for one thing after the other and waits for each answer.  A ward does not: while a start
waits for its self-test somebody stops, tests the cuff, exports the patient, asks for a second session.  One
session in three has a ``Visitor`` with one to four such ``Visit``s, half of them in the first seconds, where
answers are waited for.  What the visitor is answered does not matter; the harm monitor judges what happens.

Nothing of this is a fault of the equipment, and none of it calls for an alarm.

Units: ms since the session was asked for.  Source of the chances: chosen, so that each pair of requests meets
in some ten of a thousand sessions.
"""

import random
from dataclasses import dataclass

from gateway.runtime.requests import (
    AlarmAck,
    AlarmPause,
    AnyRequest,
    CuffAccept,
    PatientExport,
    SelfTest,
    SessionBegin,
    SessionClearPatient,
    SessionCuffRemoved,
    SessionLower,
    SessionPain,
    SessionReset,
    SessionStart,
    SessionStop,
)
from gateway.simulation.attendant import Order
from gateway.simulation.bedside import OPERATOR
from gateway.simulation.nurse import start_request
from gateway.simulation.troubled import TroubledBedside

_SOME = 1 / 3
_MOST = 4
_EARLY_MS = 12_000
_BORNE = 4


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at one instant."""

    at_ms: int
    request: AnyRequest


def draw(randomness: random.Random, order: Order, span_ms: int) -> tuple[Visit, ...]:
    """What is asked for in a session of about ``span_ms``; mostly nothing."""
    if randomness.random() >= _SOME:
        return ()
    requests = _requests(order)
    visits = [
        Visit(_instant(randomness, span_ms), randomness.choice(requests))
        for _ in range(randomness.randint(1, _MOST))
    ]
    return tuple(sorted(visits, key=lambda visit: visit.at_ms))


def _instant(randomness: random.Random, span_ms: int) -> int:
    return randomness.randrange(_EARLY_MS if randomness.random() < 0.5 else span_ms) // 10 * 10


def _requests(order: Order) -> tuple[AnyRequest, ...]:
    start = start_request(order.prescription, order.limb, 120, 70, patient=order.patient)
    examining = (order.exam_start, SessionBegin(confirm=True)) if order.exam else ()
    return (
        *examining,
        start,
        CuffAccept(off_every_limb=True, confirm=True),
        SelfTest(),
        SessionStop(),
        SessionClearPatient(),
        SessionReset(confirm=True),
        SessionPain(nrs=_BORNE),
        SessionLower(),
        SessionCuffRemoved(),
        AlarmAck(),
        AlarmPause(seconds=60),
        PatientExport(patient=order.patient),
    )


class Visitor:
    """Asks what was drawn.

    ``stopped_ms``, ``asked_ms``: when it asked for a stop, for something to begin;
    ``silenced_at_ms``: when it silenced what sounds, for ``silenced_ms``.
    """

    def __init__(self, bedside: TroubledBedside, visits: tuple[Visit, ...]) -> None:
        self.stopped_ms = self.asked_ms = self.acknowledged_ms = self.silenced_at_ms = -1
        self.silenced_ms = 0
        self._bedside, self._left = bedside, list(visits)
        self._start_ms = bedside.now

    def step(self, now: int) -> None:
        """Ask what is due, of a core that turns."""
        while self._left and now - self._start_ms >= self._left[0].at_ms:
            request = self._left.pop(0).request
            if self._bedside.core_runs:
                self._ask(request, now)

    def _ask(self, request: AnyRequest, now: int) -> None:
        match request:
            case SessionStop() | SessionClearPatient():
                self.stopped_ms = now
            case SessionStart() | CuffAccept():
                self.asked_ms = now
            case AlarmAck():
                self.acknowledged_ms = now
            case AlarmPause(seconds=seconds):
                self.silenced_at_ms, self.silenced_ms = now, 1_000 * seconds
        self._bedside.desk.ask(request, OPERATOR, self._bedside.core_ms, lambda reply: None)
