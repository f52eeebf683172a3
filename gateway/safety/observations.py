"""What the supervisor sees and what it remembers: immutable values only.

Theory of operation
-------------------
``Observations`` is everything that one step may look at.  ``State`` is everything that it carries
to the next; it is replaced, never changed, so that a run can be replayed and explored.

Units: pressures 0.1 mmHg, times ms of the clock that is handed to ``step``.
"""

from dataclasses import dataclass, field

from gateway.model import BloodPressure, CuffReading, Reason, Sample
from gateway.safety.debt import Debt


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The durable journal row that allows one inflation: exactly this one, and soon."""

    cycle: int
    target_dmmhg: int
    planned_ms: int
    durable_ms: int


@dataclass(frozen=True, slots=True)
class Observations:
    """One instant as the gateway sees it. ``None`` is "not known", never zero."""

    cuff: CuffReading | None = None
    cuff_accepted: bool = False
    blood_pressure: BloodPressure | None = None
    saturation: Sample | None = None
    saturation_expected: bool = False
    authorisation: Authorisation | None = None
    armed: bool = False
    stop: bool = False
    reset: bool = False
    journal_failed: bool = False
    lease_refused: bool = False


@dataclass(frozen=True, slots=True)
class Inflation:
    """An inflation under way, from its first permit to its vent."""

    cycle: int
    target_dmmhg: int
    planned_ms: int
    systolic_mmhg: int
    started_ms: int
    reached_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Timers:
    """Since when each condition has held without a break, ``None`` where it does not."""

    over_ms: int | None = None
    missing_ms: int | None = None
    disagree_ms: int | None = None
    deviation_ms: int | None = None
    low_ms: int | None = None
    above_ms: int | None = None
    absent_ms: int | None = None
    no_saturation_ms: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The supervisor's memory. ``latched`` and ``debt`` outlive the process, in the journal."""

    debt: Debt
    latched: Reason | None = None
    inflation: Inflation | None = None
    vented_ms: int | None = None
    nonce: int | None = None
    now_ms: int | None = None
    timers: Timers = field(default_factory=Timers)
