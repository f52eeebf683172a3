"""What a plan is to the session that carries it out: one protocol for every therapy.

Theory of operation
-------------------
A *plan* is a frozen value that knows its prescription and where it stands.  ``step`` looks at what was
answered and seen since the last step and gives the next plan, what it wishes of the outputs now, and what
it gave up.  It only wishes: that something was really given is read off the supervisor.  ``hear`` takes
what a person says to a running plan (a press for more current, a word for less); it answers with the next
plan and, where it cannot take it, with why.

A plan counts its *steps*: cycles of a cuff, contractions of a muscle.  ``cycle`` is the present one, from 1.

Units: pressures 0.1 mmHg, currents uA, times ms.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from gateway.model import (
    BloodPressure,
    Intent,
    Output,
    Permit,
    Reason,
    Safe,
    StimulationIntent,
    StimulationPermit,
)
from gateway.therapy.prescription import Prescription
from gateway.therapy.response import Judged

Wish = Intent | StimulationIntent


@dataclass(frozen=True, slots=True)
class Seen:
    """What a plan may look at: the last answers, the cuff's inflation and the train under way.

    ``train_started_ms`` is when the contraction that is being given began, ``None`` while there is none.
    ``judged`` is the last contraction that is over, as the muscle's sensor saw it; ``delivered`` the same of
    its pulses, as the EMG did.
    ``least_mmhg`` is what each target of the cuff is lifted to, because a person said so; 0: to nothing.
    """

    answer: Permit | Safe | None
    blood_pressure: BloodPressure | None
    inflation_started_ms: int | None
    hold_reached: bool
    deflated: bool
    pulses: StimulationPermit | Safe | None = None
    train_started_ms: int | None = None
    least_mmhg: int = 0
    judged: Judged | None = None
    delivered: Judged | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A cycle that was not given, and why."""

    cycle: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class More:
    """A person's press for more current."""

    by_ua: int


@dataclass(frozen=True, slots=True)
class Less:
    """A person's word for less current, at once."""

    by_ua: int


Word = More | Less


class Plan(Protocol):
    """One prescription under way."""

    @property
    def prescription(self) -> Prescription:
        """What is carried out."""

    @property
    def cycle(self) -> int:
        """The present cycle or contraction, from 1."""

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""

    @property
    def waits_for(self) -> Output | None:
        """The output that it has asked for and not been granted yet."""

    @property
    def is_finished(self) -> bool:
        """Whether all was asked for that is prescribed."""

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts, at least; 0 where it cannot be said."""

    def next_inflation_ms(self, now: int) -> int | None:
        """When it will ask for the cuff next, by the plan alone; ``None`` where it will not."""

    def step(self, seen: Seen, now: int) -> "Step[Plan]":
        """One step; pure and total."""

    def hear(self, word: Word, now: int) -> "tuple[Plan, str]":
        """Take a person's word; a sentence says why where it cannot be taken."""


class Regulated(Plan, Protocol):
    """A plan that answers to what it feels between two steps: a closed loop."""

    def feel(self, answer: int, now: int) -> "tuple[Plan, StimulationIntent | None]":
        """Take an answer of the muscle; what is wished where the current has to change, else ``None``."""


P_co = TypeVar("P_co", bound=Plan, covariant=True)


class Step(NamedTuple, Generic[P_co]):
    """The next plan, what it wishes, and what it gave up."""

    plan: P_co
    wishes: tuple[Wish, ...]
    skipped: tuple[Skipped, ...] = ()
