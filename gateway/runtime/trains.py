"""The trains of one session: their authorisation, and what the journal keeps of each contraction.

Theory of operation
-------------------
A train is the pulses of one contraction.  Before its first pulse its row is durable (``authorise``).  What
became of it is read off the supervisor's state (``follow``): when it began, the highest current, when it
ended and why; that the stimulator confirmed it; and whether the muscle answered.

The muscle's answer is judged by a force sensor, where one is read: the highest force while the current
flows, above the force just before.  Without a sensor, or with one that was silent or frozen and showed
none, it is unknown, which is what is written.  ``judged`` is what the plan learns of it.

Units: uA, mN, ms.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import Reason, Safe, Sample, StimulationIntent, StimulationPermit
from gateway.record.events import Event, StimulationAuthorised, StimulationEnded, StimulationStarted
from gateway.safety.limits import HARD
from gateway.safety.stimulation import StimulationState, StimulatorReading, TrainAuthorisation
from gateway.therapy.response import FROZEN_MS, Answer, Judged, Sensor


@dataclass(slots=True)
class _Train:
    """The contraction that is being given."""

    contraction: int
    started_ms: int
    highest_ua: int
    rest_mn: int | None
    answered_ua: int | None = None
    confirmed: bool = False
    sensor: Sensor = Sensor.ABSENT

    def answer(self) -> Answer:
        """Whether the muscle answered."""
        if self.answered_ua is not None:
            return Answer.YES
        return Answer.NO if self.rest_mn is not None and self.sensor is Sensor.THERE else Answer.UNKNOWN

    def judged(self) -> Judged:
        """What the plan learns of it."""
        return Judged(self.contraction, self.highest_ua, self.answer(), self.sensor, self.answered_ua)


@dataclass(slots=True)
class _Standstill:
    """Since when the force has had the value that it has."""

    value: int | None = None
    since_ms: int = 0

    def ms(self, force: Sample, now: int) -> int:
        """For how long, with this sample."""
        if force.value != self.value:
            self.value, self.since_ms = force.value, now
        return now - self.since_ms


@dataclass(slots=True)
class _Asked:
    """The authorisation row on its way to the disk."""

    wish: StimulationIntent
    ticket: int


Note = Callable[[Event, int], int]


class Trains:
    """What a session knows of its trains."""

    def __init__(self, note: Note, is_durable: Callable[[int], bool]) -> None:
        self._note, self._is_durable = note, is_durable
        self._asked: _Asked | None = None
        self._train: _Train | None = None
        self._standstill = _Standstill()
        self.judged: Judged | None = None
        self.authorisation: TrainAuthorisation | None = None

    def authorise(self, wish: StimulationIntent, now: int) -> None:
        """The supervisor misses the durable row: ask the journal, take it when it is there."""
        if self._asked is None or self._asked.wish.contraction != wish.contraction:
            self._asked = _Asked(wish, self._note(_row(wish), now))
        elif self._is_durable(self._asked.ticket):
            self.authorisation = _granted(self._asked.wish, now)
            self._asked = None

    def follow(
        self,
        state: StimulationState,
        answer: StimulationPermit | Safe,
        reading: StimulatorReading | None,
        force: Sample | None,
        now: int,
    ) -> None:
        """Write what the supervisor's stimulation did in this step: began, ended."""
        train = self._train
        if train is not None and not (state.on and state.contraction == train.contraction):
            self._end(train, _reason(answer), now)
            train = None
        if train is None and state.on:
            train = self._begin(state, force, now)
        sensor = self._sensor(force, now)
        if train is not None:
            _look(train, state, reading, force, sensor)

    def _sensor(self, force: Sample | None, now: int) -> Sensor:
        """What the force sensor is worth now; asked in every step, for a standstill may begin at rest."""
        if force is None:
            return Sensor.ABSENT
        still_ms = self._standstill.ms(force, now)
        if now - force.arrived_ms >= HARD.response_force_age_ms:
            return Sensor.SILENT
        return Sensor.FROZEN if still_ms >= FROZEN_MS else Sensor.THERE

    def gave(self, current_ua: int) -> None:
        """Another current between two steps."""
        if self._train is not None:
            self._train.highest_ua = max(self._train.highest_ua, current_ua)

    def _begin(self, state: StimulationState, force: Sample | None, now: int) -> _Train:
        rest_mn = None
        if force is not None and 0 <= now - force.arrived_ms <= HARD.response_force_age_ms:
            rest_mn = force.value
        self._train = _Train(state.contraction, now, state.current_ua, rest_mn)
        self._note(StimulationStarted(contraction=state.contraction, current_ua=state.current_ua), now)
        return self._train

    def _end(self, train: _Train, reason: Reason, now: int) -> None:
        self._train, self.judged = None, train.judged()
        row = self.authorisation
        ended = StimulationEnded(
            contraction=train.contraction,
            current_ua=train.highest_ua,
            duration_ms=max(0, now - train.started_ms),
            reason=reason.value,
            confirmed=train.confirmed,
            response=train.answer().value,
            at_cap=row is not None and train.highest_ua >= row.ceiling_ua,
        )
        self._note(ended, now)


def _look(
    train: _Train,
    state: StimulationState,
    reading: StimulatorReading | None,
    force: Sample | None,
    sensor: Sensor,
) -> None:
    train.highest_ua = max(train.highest_ua, state.current_ua)
    if train.sensor in (Sensor.ABSENT, Sensor.THERE):  # what was wrong in it stays wrong
        train.sensor = sensor
    if reading is not None and reading.stimulating and reading.arrived_ms >= train.started_ms:
        train.confirmed = True
    if force is not None and force.arrived_ms >= train.started_ms and train.answered_ua is None:
        train.answered_ua = state.current_ua if _shows(train.rest_mn, force.value) else None


def _shows(rest_mn: int | None, force_mn: int | None) -> bool:
    """Whether this force is a response."""
    return rest_mn is not None and force_mn is not None and force_mn - rest_mn >= HARD.response_force_mn


def _reason(answer: StimulationPermit | Safe) -> Reason:
    if isinstance(answer, StimulationPermit) or answer.reason is Reason.NO_REQUEST:
        return Reason.PLANNED
    return answer.reason


def _row(wish: StimulationIntent) -> StimulationAuthorised:
    return StimulationAuthorised(
        contraction=wish.contraction,
        current_ua=wish.ceiling_ua,
        pulse_width_us=wish.pulse_width_us,
        frequency_dhz=wish.frequency_dhz,
        planned_ms=wish.planned_ms,
    )


def _granted(wish: StimulationIntent, now: int) -> TrainAuthorisation:
    return TrainAuthorisation(
        contraction=wish.contraction,
        ceiling_ua=wish.ceiling_ua,
        pulse_width_us=wish.pulse_width_us,
        frequency_dhz=wish.frequency_dhz,
        planned_ms=wish.planned_ms,
        durable_ms=now,
    )
