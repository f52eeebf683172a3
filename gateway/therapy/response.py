"""Whether the muscle answers: what a plan of stimulation makes of its contractions, one by one.

Theory of operation
-------------------
A stimulator may report success and deliver nothing.  Where a sensor looks, of force or (in a loop on evoked
responses) of EMG, each contraction is judged when it is over (``Judged``): the muscle answered, it did not,
or nobody can say, because the sensor is absent, was silent, *saturated* (an amplifier at its end), *noisy*
(what it shows without a pulse could pass for an answer), or stood *frozen*: a load cell has noise, and one
that tells the very same value for a second tells nothing.  ``Responses`` is the fold of these over a session:

- a response is *gone* where a contraction had none at a current that had one before, or where one is *due*
  whatever was before: of a muscle at the highest current authorised, of pulses from the current on at which a
  site's artifact shows;
- contractions without response are counted in a row.  One that nobody can judge neither counts nor ends the
  row; a response ends it, and so does a person's press for more current: somebody is there and looks.

The same fold serves whether the pulses arrive, where the EMG of the muscle is looked at: an *answer* is then
that they did.

What follows is the plan's: an open loop goes on and is alarmed for (``nmes``), a closed loop does not raise
and in the end stops contracting (``nmes_loop``).

Units: currents uA, times ms.  Source: engineering proposal.  Three contractions are not yet a raised current
(3 mA at most) and more than a cough or a moved leg; a weak or paralysed muscle looks the same as a lead that
lies open, so nobody is stopped for one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.model import Reason

UNANSWERED_MOST = 3
"""So many contractions in a row without response, and a person has to look."""
FROZEN_MS = 1_000
"""The very same value for so long is no measurement: 80 samples of an HX711, whose noise is milli-newtons."""


class Answer(StrEnum):
    """Whether the muscle answered."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Sensor(StrEnum):
    """What the sensor was worth in a contraction."""

    ABSENT = "absent"
    THERE = "there"
    SILENT = "silent"
    FROZEN = "frozen"
    SATURATED = "saturated"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class Judged:
    """One contraction that is over. ``current_ua`` is its highest, ``answered_ua`` what flowed when the
    sensor first showed a response; ``due``: there should be an answer, whatever was before."""

    contraction: int
    current_ua: int
    answer: Answer
    sensor: Sensor
    answered_ua: int | None = None
    due: bool = False


@dataclass(frozen=True, slots=True)
class Responses:
    """The fold. ``least_ua`` is the least current that was ever answered, ``last_ua`` the highest of the last
    contraction that was; ``gone`` counts those of the ``unanswered`` at a current that should be answered;
    ``sensor`` is that of the last contraction, ``None`` before there was one.
    """

    contraction: int = 0
    least_ua: int | None = None
    last_ua: int | None = None
    unanswered: int = 0
    gone: int = 0
    may_rise: bool = False
    sensor: Sensor | None = None

    def concerns(self, missing: Reason, sensor_lost: Reason) -> frozenset[Reason]:
        """What has to be alarmed for while stimulation goes on: which answer is missing, which sensor."""
        found = set()
        if self.gone >= UNANSWERED_MOST:
            found.add(missing)
        if self.sensor in (Sensor.SILENT, Sensor.FROZEN, Sensor.SATURATED, Sensor.NOISY):
            found.add(sensor_lost)
        return frozenset(found)

    def with_judged(self, judged: Judged) -> "Responses":
        """With one more contraction; one that is known already changes nothing."""
        if judged.contraction <= self.contraction:
            return self
        seen = replace(self, contraction=judged.contraction, sensor=judged.sensor, may_rise=False)
        match judged.answer:
            case Answer.YES:
                return seen._answered(judged)
            case Answer.NO:
                return seen._missed(judged)
            case Answer.UNKNOWN:
                return seen

    def pressed(self) -> "Responses":
        """A person asked for more: whoever presses looks, and the count begins anew."""
        return replace(self, unanswered=0, gone=0)

    def _answered(self, judged: Judged) -> "Responses":
        at_ua = judged.current_ua if judged.answered_ua is None else judged.answered_ua
        least_ua = at_ua if self.least_ua is None else min(self.least_ua, at_ua)
        may_rise = self.sensor is Sensor.THERE
        return replace(
            self, least_ua=least_ua, last_ua=judged.current_ua, unanswered=0, gone=0, may_rise=may_rise
        )

    def _missed(self, judged: Judged) -> "Responses":
        before = self.least_ua is not None and judged.current_ua >= self.least_ua
        gone = before or judged.due
        return replace(
            self, unanswered=self.unanswered + 1, gone=self.gone + 1 if gone else 0, may_rise=not gone
        )


UNJUDGED = Responses()
"""Before the first contraction."""
