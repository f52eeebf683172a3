"""The trains of one session: their authorisation, and what the journal keeps of each contraction.

Theory of operation
-------------------
A train is the pulses of one contraction.  Before its first pulse its row is durable (``authorise``).  What
became of it is read off the supervisor's state (``follow``): when it began, the highest current, when it
ended and why; that the stimulator confirmed it; and whether the muscle answered.

The muscle's answer is judged by what looks at it: a force sensor, where one is read, by the
highest force while the current flows, above the force just before; in a closed loop on evoked responses, the
EMG, by how many pulses came and how many of them were answered (``by_pulses``): one pop in it is no muscle.
Without a sensor, or with one that was silent, frozen, noisy or saturated, it is unknown, which is what is
written.  ``judged`` is what the plan learns of it.

Units: uA, ms; mN of force, uV of responses.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import Reason, Safe, StimulationIntent, StimulationPermit
from gateway.record.events import Event, StimulationAuthorised, StimulationEnded, StimulationStarted
from gateway.runtime.evoked import Counts, Look
from gateway.safety.limits import HARD
from gateway.safety.stimulation import StimulationState, StimulatorReading, TrainAuthorisation
from gateway.therapy.prescription import NmesEvokedPrescription, Prescription
from gateway.therapy.response import FROZEN_MS, Answer, Judged, Sensor

_ANSWERED = 3
"""So many responses, and it is the current that is answered: more than somebody who moves once."""
_FEW = 4
"""Of fewer pulses nothing is concluded."""


def counted_dhz(prescription: Prescription) -> int | None:
    """How often pulses come to be counted in the EMG; ``None`` where a force is what is judged."""
    return prescription.frequency_dhz if isinstance(prescription, NmesEvokedPrescription) else None


def by_pulses(seen: Counts, expected: float) -> tuple[Answer, Sensor]:
    """What the pulses of one contraction say, and what the sensor was worth that saw them."""
    if min(seen) < 0:
        return Answer.UNKNOWN, Sensor.SILENT  # counted anew: another hub
    if seen.pulses > 1.25 * expected + 2:
        return Answer.UNKNOWN, Sensor.NOISY
    if expected < _FEW:
        return Answer.UNKNOWN, Sensor.THERE
    if 2 * seen.pulses < expected:
        return Answer.NO, Sensor.THERE
    if 4 * seen.saturated > seen.pulses:
        return Answer.UNKNOWN, Sensor.SATURATED
    answered = seen.answered >= _ANSWERED and 4 * seen.answered >= seen.pulses
    return Answer.YES if answered else Answer.NO, Sensor.THERE


@dataclass(slots=True)
class _Train:
    """The contraction that is being given."""

    contraction: int
    started_ms: int
    highest_ua: int
    rest: int | None
    before: Counts
    answered_ua: int | None = None
    confirmed: bool = False
    sensor: Sensor = Sensor.ABSENT


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

    def __init__(self, note: Note, is_durable: Callable[[int], bool], counted_dhz: int | None = None) -> None:
        self._note, self._is_durable, self._counted_dhz = note, is_durable, counted_dhz
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
            self._end(train, look, _reason(answer), now)
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
        if self._counted_dhz is not None:
            return Sensor.NOISY if look.noisy else Sensor.THERE
        return Sensor.FROZEN if still_ms >= FROZEN_MS else Sensor.THERE

    def gave(self, current_ua: int) -> None:
        """Another current between two steps."""
        if self._train is not None:
            self._train.highest_ua = max(self._train.highest_ua, current_ua)

    def _begin(self, state: StimulationState, look: Look | None, now: int) -> _Train:
        fresh = look is not None and 0 <= now - look.answer_ms <= HARD.response_force_age_ms
        rest = look.answer if look is not None and fresh else None
        before = Counts() if look is None else look.counts
        self._train = _Train(state.contraction, now, state.current_ua, rest, before)
        self._note(StimulationStarted(contraction=state.contraction, current_ua=state.current_ua), now)
        return self._train

    def _end(self, train: _Train, look: Look | None, reason: Reason, now: int) -> None:
        judged = self._judged(train, look, now)
        self._train, self.judged = None, judged
        row = self.authorisation
        ended = StimulationEnded(
            contraction=train.contraction,
            current_ua=train.highest_ua,
            duration_ms=max(0, now - train.started_ms),
            reason=reason.value,
            confirmed=train.confirmed,
            response=judged.answer.value,
            at_cap=row is not None and train.highest_ua >= row.ceiling_ua,
        )
        self._note(ended, now)

    def _judged(self, train: _Train, look: Look | None, now: int) -> Judged:
        """What the plan learns of it."""
        answer, sensor = self._answer(train, look, now)
        at_ua = train.answered_ua if answer is Answer.YES else None
        return Judged(train.contraction, train.highest_ua, answer, sensor, at_ua)

    def _answer(self, train: _Train, look: Look | None, now: int) -> tuple[Answer, Sensor]:
        if self._counted_dhz is not None:
            if train.sensor is not Sensor.THERE or look is None:
                return Answer.UNKNOWN, train.sensor
            expected = (now - train.started_ms) * self._counted_dhz / 10_000
            return by_pulses(_since(train.before, look.counts), expected)
        if train.answered_ua is not None:
            return Answer.YES, train.sensor
        known = train.rest is not None and train.sensor is Sensor.THERE
        return Answer.NO if known else Answer.UNKNOWN, train.sensor

    def _seek_answer(self, train: _Train, state: StimulationState, look: Look | None) -> None:
        if look is not None and train.answered_ua is None and self._is_answer(train, look):
            train.answered_ua = state.current_ua

    def _is_answer(self, train: _Train, look: Look) -> bool:
        if self._counted_dhz is not None:
            return _since(train.before, look.counts).answered >= _ANSWERED
        if train.rest is None or look.answer is None or look.answer_ms < train.started_ms:
            return False
        return look.answer - train.rest >= HARD.response_force_mn


def _since(before: Counts, after: Counts) -> Counts:
    return Counts(*(later - earlier for earlier, later in zip(before, after, strict=True)))


def _follow(
    train: _Train, state: StimulationState, reading: StimulatorReading | None, sensor: Sensor
) -> None:
    train.highest_ua = max(train.highest_ua, state.current_ua)
    if train.sensor in (Sensor.ABSENT, Sensor.THERE):  # what was wrong in it stays wrong
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
