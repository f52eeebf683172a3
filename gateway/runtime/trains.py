"""The trains of one session: their authorisation, and what the journal keeps of each contraction.

Theory of operation
-------------------
A train is the pulses of one contraction.  Before its first pulse its row is durable (``authorise``).  What
became of it is read off the supervisor's state (``follow``): when it began, the highest current, when it
ended and why; that the stimulator confirmed it; and what the sensors said (``judging``): whether the muscle
answered, whether the pulses arrived.  Where none looked it is unknown, which is what is written.  ``judged``
and ``delivered`` are what the plan learns of it.

Units: uA, ms.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import Reason, Safe, StimulationIntent, StimulationPermit
from gateway.record.events import Event, StimulationAuthorised, StimulationEnded, StimulationStarted
from gateway.runtime.evoked import Looks
from gateway.runtime.judging import PULSES_SHOW_UA, ByPulses, Judge, Verdict
from gateway.safety.stimulation import StimulationState, StimulatorReading, TrainAuthorisation
from gateway.therapy.response import Judged


@dataclass(slots=True)
class _Train:
    """The contraction that is being given."""

    contraction: int
    started_ms: int
    highest_ua: int
    confirmed: bool = False


@dataclass(slots=True)
class _Asked:
    """The authorisation row on its way to the disk."""

    wish: StimulationIntent
    ticket: int


Note = Callable[[Event, int], int]


class Trains:
    """What a session knows of its trains."""

    def __init__(
        self, note: Note, is_durable: Callable[[int], bool], judges: tuple[Judge, ByPulses | None]
    ) -> None:
        self._note, self._is_durable = note, is_durable
        self._asked: _Asked | None = None
        self._train: _Train | None = None
        self._muscle, self._pulses = judges
        self.judged: Judged | None = None
        self.delivered: Judged | None = None
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
        looks: Looks,
        now: int,
    ) -> None:
        """Write what the supervisor's stimulation did in this step: began, ended."""
        train = self._train
        if train is not None and not (state.on and state.contraction == train.contraction):
            self._end(train, looks, _reason(answer), now)
            train = None
        if train is None and state.on:
            train = self._begin(state, looks, now)
        current_ua = None if train is None else state.current_ua
        self._muscle.step(looks.muscle, current_ua, now)
        if self._pulses is not None:
            self._pulses.step(looks.pulses, current_ua, now)
        if train is not None:
            _follow(train, state, reading)

    def gave(self, current_ua: int) -> None:
        """Another current between two steps."""
        if self._train is not None:
            self._train.highest_ua = max(self._train.highest_ua, current_ua)

    def _begin(self, state: StimulationState, looks: Looks, now: int) -> _Train:
        self._train = _Train(state.contraction, now, state.current_ua)
        self._muscle.begin(looks.muscle, now)
        if self._pulses is not None:
            self._pulses.begin(looks.pulses, now)
        self._note(StimulationStarted(contraction=state.contraction, current_ua=state.current_ua), now)
        return self._train

    def _end(self, train: _Train, looks: Looks, reason: Reason, now: int) -> None:
        row = self.authorisation
        at_cap = row is not None and train.highest_ua >= row.ceiling_ua
        muscle = self._muscle.verdict(looks.muscle, now)
        pulses = Verdict() if self._pulses is None else self._pulses.verdict(looks.pulses, now)
        self._train = None
        self.judged = _judged(train, muscle, due=at_cap)
        self.delivered = _judged(train, pulses, due=train.highest_ua >= PULSES_SHOW_UA)
        ended = StimulationEnded(
            contraction=train.contraction,
            current_ua=train.highest_ua,
            duration_ms=max(0, now - train.started_ms),
            reason=reason.value,
            confirmed=train.confirmed,
            pulses=pulses.answer.value,
            response=muscle.answer.value,
            at_cap=at_cap,
        )
        self._note(ended, now)


def _judged(train: _Train, found: Verdict, *, due: bool) -> Judged:
    """What the plan learns of it."""
    return Judged(train.contraction, train.highest_ua, found.answer, found.sensor, found.at_ua, due)


def _follow(train: _Train, state: StimulationState, reading: StimulatorReading | None) -> None:
    train.highest_ua = max(train.highest_ua, state.current_ua)
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
