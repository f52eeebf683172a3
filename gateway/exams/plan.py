"""What the plan of an examination is to the session that carries it out.

Theory of operation
-------------------
The same shape as a therapy's plan (this room may not import that
one): a frozen value whose ``step`` looks at what was answered and seen since the last step and gives the
next plan and what it wishes of the outputs now.  It only wishes; the supervisor, the debt and the budgets
of examinations decide, and a refusal that needs a person ends the examination after a while.  Every wish
says its ``Purpose`` and how much time under pressure is still to come, so that no examination begins that
the budget could not finish.

Units: pressures 0.1 mmHg, times ms, tissue saturation per mille.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from gateway.model import BloodPressure, Intent, Output, Permit, Reason, Safe, Sample

VENT = Intent(Output.CUFF, None)

NEEDS_A_PERSON = frozenset(
    {
        Reason.BLOOD_PRESSURE_MISSING,
        Reason.BLOOD_PRESSURE_STALE,
        Reason.BLOOD_PRESSURE_OUT_OF_RANGE,
        Reason.TARGET_ABOVE_CEILING,
        Reason.TARGET_BELOW_SYSTOLIC,
        Reason.TARGET_NEEDS_LIMB_PRESSURE,
        Reason.PLANNED_TIME_TOO_LONG,
        Reason.BUDGET_SPENT,
        Reason.NOT_READY,
    }
)
"""Refusals that do not pass by themselves."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a plan may look at: the last answer, the cuff's inflation, tissue saturation.

    ``pulse_gone`` is what a watcher of the pulse says of this instant, ``None`` where there is none.
    """

    answer: Permit | Safe | None
    blood_pressure: BloodPressure | None
    inflation_started_ms: int | None
    hold_reached: bool
    deflated: bool
    tissue: Sample | None = None
    pulse_gone: bool | None = None


class Step(NamedTuple):
    """The next plan, what it wishes, and why it gave up (``None`` while it has not)."""

    plan: "ExamPlan"
    wishes: tuple[Intent, ...]
    ended: Reason | None = None


class ExamPlan(Protocol):
    """One examination under way."""

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""

    @property
    def cycle(self) -> int:
        """The present inflation, from 1."""

    @property
    def waits_for(self) -> Output | None:
        """The output that it has asked for and not been granted yet."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is asked for any more."""

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts, at least; 0 where it cannot be said."""

    def next_inflation(self, pressure: BloodPressure | None) -> Intent:
        """The next inflation as it would be asked for now: what may be judged before anything begins."""

    def next_inflation_ms(self, now: int) -> int | None:
        """When it will ask for the cuff next; ``None`` where it needs no new blood pressure."""

    def step(self, seen: Seen, now: int) -> Step:
        """One step; pure and total."""


class Waited(NamedTuple):
    """A plan that asks and is not granted: since when a person is needed, and why it gives up, if it does."""

    since_ms: int | None
    given_up: Reason | None = None


def begun_ms(seen: Seen, target_dmmhg: int) -> int | None:
    """When what was asked for began, ``None`` while it has not; a target of 0 was never asked for."""
    return seen.inflation_started_ms if target_dmmhg > 0 and isinstance(seen.answer, Permit) else None


def wait(seen: Seen, since_ms: int | None, longest_ms: int, now: int) -> Waited:
    """Go on waiting: for ever for what passes by itself, ``longest_ms`` for what needs a person."""
    reason = refusal(seen)
    if reason is None:
        return Waited(None)
    since_ms = now if since_ms is None else since_ms
    return Waited(since_ms, reason if now - since_ms >= longest_ms else None)


class InPhases(ABC):
    """What every plan says of its phase; one of them is ``waiting``, one ``finished``."""

    __slots__ = ()
    phase_now: StrEnum

    @abstractmethod
    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts."""

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""
        return self.phase_now.value

    @property
    def waits_for(self) -> Output | None:
        """The cuff, before each inflation."""
        return Output.CUFF if self.phase == "waiting" else None

    def next_inflation_ms(self, now: int) -> int | None:
        """After the baseline, or now where it waits."""
        if self.phase == "baseline":
            return now + self.time_left_ms(now)
        return now if self.phase == "waiting" else None

    @property
    def is_finished(self) -> bool:
        """Whether the last phase is over or nothing came of it."""
        return self.phase == "finished"


def refusal(seen: Seen) -> Reason | None:
    """The refusal that a person must see to, if that is the last answer."""
    if isinstance(seen.answer, Safe) and seen.answer.reason in NEEDS_A_PERSON:
        return seen.answer.reason
    return None
