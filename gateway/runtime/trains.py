"""The trains of one session: their authorisation, and what the journal keeps of each contraction.

Theory of operation
-------------------
A train is the pulses of one contraction.  Before its first pulse its row is durable (``authorise``).  What
became of it is read off the supervisor's state (``follow``): when it began, the highest current, when it
ended and why; that the stimulator confirmed it; and whether the muscle answered.

The muscle's answer is judged by what looks at it (``Judge``): a force sensor, where one is read, by the
highest force while the current flows, above the force just before; in a closed loop on evoked responses, the
EMG.  Without a sensor, or with one that was silent, frozen or saturated and showed no answer, it is unknown,
which is what is written.  ``judged`` is what the plan learns of it.

Units: uA, ms; mN of force, uV of responses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.model import Reason, Safe, StimulationIntent, StimulationPermit
from gateway.record.events import Event, StimulationAuthorised, StimulationEnded, StimulationStarted
from gateway.runtime.evoked import Look
from gateway.safety.limits import HARD
from gateway.safety.stimulation import StimulationState, StimulatorReading, TrainAuthorisation
from gateway.therapy.prescription import NmesEvokedPrescription, Prescription
from gateway.therapy.response import FROZEN_MS, Answer, Judged, Sensor


class Judge(NamedTuple):
    """What counts as an answer: ``least`` or more, above what was there before where it is a force."""

    least: int
    above_rest: bool


OF_FORCE = Judge(HARD.response_force_mn, above_rest=True)


def judge_of(prescription: Prescription) -> Judge:
    """By what a session with this prescription is judged."""
    if isinstance(prescription, NmesEvokedPrescription):
        return Judge(prescription.sweep.least_uv, above_rest=False)
    return OF_FORCE


@dataclass(slots=True)
class _Train:
    """The contraction that is being given."""

    contraction: int
    started_ms: int
    highest_ua: int
    rest: int | None
    answered_ua: int | None = None
    confirmed: bool = False
    sensor: Sensor = Sensor.ABSENT

    def answer(self) -> Answer:
        """Whether the muscle answered."""
        if self.answered_ua is not None:
            return Answer.YES
        return Answer.NO if self.rest is not None and self.sensor is Sensor.THERE else Answer.UNKNOWN

    def judged(self) -> Judged:
        """What the plan learns of it."""
        return Judged(self.contraction, self.highest_ua, self.answer(), self.sensor, self.answered_ua)


@dataclass(slots=True)
class _Standstill:
    """Since when the sensor has told the value that it tells."""

    value: int | None = None
    since_ms: int = 0

    def ms(self, answer: int | None, now: int) -> int:
        """For how long, with this one."""
        if answer != self.value:
            self.value, self.since_ms = answer, now
        return now - self.since_ms


@dataclass(slots=True)
class _Asked:
    """The authorisation row on its way to the disk."""

    wish: StimulationIntent
    ticket: int


Note = Callable[[Event, int], int]


class Trains:
    """What a session knows of its trains."""

    def __init__(self, note: Note, is_durable: Callable[[int], bool], judge: Judge = OF_FORCE) -> None:
        self._note, self._is_durable, self._judge = note, is_durable, judge
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
        look: Look | None,
        now: int,
    ) -> None:
        """Write what the supervisor's stimulation did in this step: began, ended."""
        train = self._train
        if train is not None and not (state.on and state.contraction == train.contraction):
            self._end(train, _reason(answer), now)
            train = None
        if train is None and state.on:
            train = self._begin(state, look, now)
        sensor = self._sensor(look, now)
        if train is not None:
            _follow(train, state, reading, sensor)
            self._seek_answer(train, state, look)

    def _sensor(self, look: Look | None, now: int) -> Sensor:
        """What the sensor is worth now; asked in every step, for a standstill may begin at rest."""
        if look is None:
            return Sensor.ABSENT
        still_ms = self._standstill.ms(look.answer, now)
        if now - look.heard_ms >= HARD.response_force_age_ms:
            return Sensor.SILENT
        if self._train is not None and look.saturated_ms is not None:
            return Sensor.SATURATED if look.saturated_ms >= self._train.started_ms else Sensor.THERE
        return Sensor.FROZEN if self._judge.above_rest and still_ms >= FROZEN_MS else Sensor.THERE

    def gave(self, current_ua: int) -> None:
        """Another current between two steps."""
        if self._train is not None:
            self._train.highest_ua = max(self._train.highest_ua, current_ua)

    def _begin(self, state: StimulationState, look: Look | None, now: int) -> _Train:
        rest = None if self._judge.above_rest else 0
        fresh = look is not None and 0 <= now - look.answer_ms <= HARD.response_force_age_ms
        if look is not None and fresh and self._judge.above_rest:
            rest = look.answer
        self._train = _Train(state.contraction, now, state.current_ua, rest)
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

    def _seek_answer(self, train: _Train, state: StimulationState, look: Look | None) -> None:
        if look is None or look.answer is None or train.rest is None or train.answered_ua is not None:
            return
        if look.answer_ms >= train.started_ms and look.answer - train.rest >= self._judge.least:
            train.answered_ua = state.current_ua


def _follow(
    train: _Train, state: StimulationState, reading: StimulatorReading | None, sensor: Sensor
) -> None:
    train.highest_ua = max(train.highest_ua, state.current_ua)
    if train.sensor not in (Sensor.SILENT, Sensor.FROZEN):  # these stay wrong; a good pulse may still come
        train.sensor = sensor
    if reading is not None and reading.stimulating and reading.arrived_ms >= train.started_ms:
        train.confirmed = True


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
