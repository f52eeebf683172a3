"""What a sensor says of each contraction: whether its pulses arrived, whether the muscle answered.

Theory of operation
-------------------
A ``Judge`` follows one sensor through every step of a session.  ``begin`` opens a contraction, ``step`` looks
on, ``verdict`` is what there is to say when it is over:

- ``ByForce``: the muscle answered where the force, while current flows, is 2 N or more above what it was just
  before.  A sensor that is silent, or tells the very same value for a second, says nothing;
- ``ByResponses``, of a loop on the evoked response: by how many pulses came and how many of them were
  answered; one pop in an EMG is no muscle;
- ``ByPulses``, wherever the EMG of the stimulated muscle is looked at: whether the pulses arrived.  That says
  nothing of the muscle.

What was wrong with a sensor in a contraction stays wrong for it.  Without a sensor everything is unknown; an
EMG that is wanted and is not there, or of which a quarter of a contraction is missing (a hub that begins
anew, an electrode that is off), has been silent in it.  Too few pulses in an EMG that stood at its end again
and again may be hidden there: unknown.  More than a quarter too many is noise.

What it cannot do: hum as steep as an artifact would pass for pulses of up to four times its frequency.  Of
fewer than four pulses nothing is said.

Units: uA, ms; mN of force; 0.1 Hz.  The shares are engineering proposals.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from gateway.model import Reason
from gateway.runtime.evoked import Counts, Look, pulses_alone
from gateway.safety.limits import HARD
from gateway.therapy.prescription import (
    NmesEvokedPrescription,
    NmesLoopPrescription,
    NmesPrescription,
    Prescription,
    Sweep,
)
from gateway.therapy.response import FROZEN_MS, Answer, Sensor

_ANSWERED = 3
"""So many, and it is the current that is answered: more than somebody who moves once."""
_FEW = 4
"""Of fewer pulses nothing is concluded."""
_SAMPLED = 0.75
"""So much of a contraction has to be there."""
PULSES_SHOW_UA = 5_000
"""A pulse of this current leaves the artifact that a site has written down."""


class Verdict(NamedTuple):
    """What a sensor says of a contraction; ``at_ua``: what flowed when it first saw an answer, if it did."""

    answer: Answer = Answer.UNKNOWN
    sensor: Sensor = Sensor.ABSENT
    at_ua: int | None = None


class Judge(ABC):
    """One sensor, one contraction after another."""

    def __init__(self) -> None:
        self._sensor = Sensor.ABSENT
        self._answered_ua: int | None = None
        self._began_ms = 0

    def begin(self, look: Look | None, now: int) -> None:
        """A contraction begins."""
        self._sensor, self._answered_ua, self._began_ms = Sensor.ABSENT, None, now
        self._open(look, now)

    def step(self, look: Look | None, current_ua: int | None, now: int) -> None:
        """Another step: of a contraction with this current, or (``None``) of the rest between two."""
        worth = self._worth(look, now)
        if current_ua is None:
            return
        if self._sensor in (Sensor.ABSENT, Sensor.THERE):
            self._sensor = worth
        if look is not None and self._answered_ua is None and self._is_answered(look):
            self._answered_ua = current_ua

    def verdict(self, look: Look | None, now: int) -> Verdict:
        """Of the contraction that is over now."""
        answer, sensor = self._judged(look, now)
        return Verdict(answer, sensor, self._answered_ua if answer is Answer.YES else None)

    @abstractmethod
    def _open(self, look: Look | None, now: int) -> None:
        """What was before the first pulse."""

    @abstractmethod
    def _worth(self, look: Look | None, now: int) -> Sensor:
        """What the sensor is worth now; asked at rest too, for a standstill may begin there."""

    @abstractmethod
    def _is_answered(self, look: Look) -> bool:
        """Whether an answer has been seen in this contraction by now."""

    @abstractmethod
    def _judged(self, look: Look | None, now: int) -> tuple[Answer, Sensor]:
        """What there is to say in the end."""


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


class ByForce(Judge):
    """A force sensor at the stimulated limb."""

    def __init__(self) -> None:
        super().__init__()
        self._standstill = _Standstill()
        self._rest: int | None = None

    def _open(self, look: Look | None, now: int) -> None:
        fresh = look is not None and 0 <= now - look.answer_ms <= HARD.response_force_age_ms
        self._rest = look.answer if look is not None and fresh else None

    def _worth(self, look: Look | None, now: int) -> Sensor:
        if look is None:
            return Sensor.ABSENT
        still_ms = self._standstill.ms(look.answer, now)
        if _is_silent(look, now):
            return Sensor.SILENT
        return Sensor.FROZEN if still_ms >= FROZEN_MS else Sensor.THERE

    def _is_answered(self, look: Look) -> bool:
        if self._rest is None or look.answer is None or look.answer_ms < self._began_ms:
            return False
        return look.answer - self._rest >= HARD.response_force_mn

    def _judged(self, look: Look | None, now: int) -> tuple[Answer, Sensor]:
        if self._answered_ua is not None:
            return Answer.YES, self._sensor
        known = self._rest is not None and self._sensor is Sensor.THERE
        return Answer.NO if known else Answer.UNKNOWN, self._sensor


class ByPulses(Judge):
    """The EMG of the stimulated muscle: whether the pulses arrive there."""

    def __init__(self, frequency_dhz: int) -> None:
        super().__init__()
        self._frequency_dhz = frequency_dhz
        self._before = Counts()

    def _open(self, look: Look | None, now: int) -> None:
        self._before = Counts() if look is None else look.counts

    def _worth(self, look: Look | None, now: int) -> Sensor:
        if look is None:
            return Sensor.ABSENT
        if _is_silent(look, now):
            return Sensor.SILENT
        return Sensor.NOISY if look.noisy else Sensor.THERE

    def _is_answered(self, look: Look) -> bool:
        return self._seen(look).pulses >= _ANSWERED

    def _judged(self, look: Look | None, now: int) -> tuple[Answer, Sensor]:
        if look is None or self._sensor is Sensor.ABSENT:
            return Answer.UNKNOWN, Sensor.SILENT
        if self._sensor is not Sensor.THERE:
            return Answer.UNKNOWN, self._sensor
        seen = self._seen(look)
        if seen.sampled_ms < _SAMPLED * (now - self._began_ms):
            return Answer.UNKNOWN, Sensor.SILENT
        return self._concluded(seen, seen.sampled_ms * self._frequency_dhz / 10_000)

    def _concluded(self, seen: Counts, expected: float) -> tuple[Answer, Sensor]:
        return arrived(seen, expected)

    def _seen(self, look: Look) -> Counts:
        """In this contraction."""
        return Counts(*(later - earlier for earlier, later in zip(self._before, look.counts, strict=True)))


class ByResponses(ByPulses):
    """The same EMG in a loop on the evoked response: whether the muscle answers its pulses."""

    def _is_answered(self, look: Look) -> bool:
        return self._seen(look).answered >= _ANSWERED

    def _concluded(self, seen: Counts, expected: float) -> tuple[Answer, Sensor]:
        return answered(seen, expected)


class Watching(NamedTuple):
    """What of the muscle a session looks at: responses to pulses, or pulses alone, or neither.

    ``sensor_lost`` is what a closed loop that does not hear its sensor alarms for.
    """

    responses: Sweep | None
    pulses: Sweep | None
    sensor_lost: Reason | None


def watching(prescription: Prescription, artifact_uv: int | None) -> Watching:
    """What a session with this prescription looks at, where the site says what a pulse looks like, or not."""
    sensor_lost = prescription.sensor_lost if isinstance(prescription, NmesLoopPrescription) else None
    if isinstance(prescription, NmesEvokedPrescription):
        return Watching(prescription.sweep, None, sensor_lost)
    if artifact_uv is None or not isinstance(prescription, NmesPrescription):
        return Watching(None, None, sensor_lost)
    return Watching(None, pulses_alone(artifact_uv, prescription.frequency_dhz), sensor_lost)


def judges_of(prescription: Prescription, seen: Watching) -> tuple[Judge, ByPulses | None]:
    """Who judges the muscle, and who the pulses, in a session with this prescription."""
    if not isinstance(prescription, NmesPrescription):
        return ByForce(), None
    pulses = ByPulses(prescription.frequency_dhz)
    if seen.responses is not None:
        return ByResponses(prescription.frequency_dhz), pulses
    return ByForce(), pulses if seen.pulses is not None else None


def arrived(seen: Counts, expected: float) -> tuple[Answer, Sensor]:
    """Whether the pulses of one contraction came, and what the sensor was worth that counted them."""
    if min(seen) < 0:
        return Answer.UNKNOWN, Sensor.SILENT  # counted anew: another hub
    if seen.pulses > 1.25 * expected + 2:
        return Answer.UNKNOWN, Sensor.NOISY
    if expected < _FEW:
        return Answer.UNKNOWN, Sensor.THERE
    if 2 * seen.pulses >= expected:
        return Answer.YES, Sensor.THERE
    hidden = 2 * (seen.pulses + seen.saturated) >= expected
    return (Answer.UNKNOWN, Sensor.SATURATED) if hidden else (Answer.NO, Sensor.THERE)


def answered(seen: Counts, expected: float) -> tuple[Answer, Sensor]:
    """Whether the muscle answered the pulses of one contraction: never where they did not come."""
    came, sensor = arrived(seen, expected)
    if came is not Answer.YES:
        return came, sensor
    if 4 * seen.saturated > seen.pulses:
        return Answer.UNKNOWN, Sensor.SATURATED
    enough = seen.answered >= _ANSWERED and 4 * seen.answered >= seen.pulses
    return Answer.YES if enough else Answer.NO, Sensor.THERE


def _is_silent(look: Look, now: int) -> bool:
    return now - look.heard_ms >= HARD.response_force_age_ms
