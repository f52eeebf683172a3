"""What the supervisor sees and what it remembers: immutable values only.

Theory of operation
-------------------
``Observations`` is everything that one step may look at.  ``State`` is everything that it carries
to the next; it is replaced, never changed, so that a run can be replayed and explored.

Units: pressures 0.1 mmHg, times ms of the clock that is handed to ``step``.
"""

from dataclasses import dataclass, field

from gateway.model import BloodPressure, CuffReading, Limb, Purpose, Reason, Sample
from gateway.safety.debt import Debts
from gateway.safety.readiness import Readiness
from gateway.safety.stimulation import (
    SiteStimulation,
    StimulationState,
    StimulatorReading,
    TrainAuthorisation,
)
from gateway.safety.stream import StreamState
from gateway.safety.stuck import AT_REST, Stills


@dataclass(frozen=True, slots=True)
class Arming:
    """What was settled when the session was armed. ``number`` tells one session from the next.

    ``limb_pressure_dmmhg`` is the limb occlusion pressure measured for this limb, cuff, posture and
    session, where it still counts; ``least_dmmhg`` the upper end of what this limb was found to need in this
    session, whatever has changed since (0: not measured).  ``limb`` of ``None``: the cuff itself is tested,
    off every limb.  The three ``left`` are what the patient's budgets still allow this limb, in ms.
    """

    number: int
    limb: Limb | None
    readiness: Readiness
    limb_pressure_dmmhg: int | None = None
    least_dmmhg: int = 0
    therapy_left_ms: int = 0
    examination_left_ms: int = 0
    stimulation_left_ms: int = 0
    stimulation: SiteStimulation | None = None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The durable journal row that allows one inflation: exactly this one, and soon."""

    cycle: int
    target_dmmhg: int
    planned_ms: int
    durable_ms: int
    purpose: Purpose = Purpose.OCCLUSION


@dataclass(frozen=True, slots=True)
class Tissue:
    """What the oximeter says. ``haemoglobin`` is in any unit, ``other`` the saturation of the other limb.

    ``flow_seen`` is a sign of arterial inflow beyond the cuff (oscillations, a distal pulse); ``None``
    where nothing looks for one.
    """

    saturation: Sample | None = None
    haemoglobin: Sample | None = None
    other: Sample | None = None
    flow_seen: bool | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """One instant as the gateway sees it. ``None`` is "not known", never zero."""

    cuff: CuffReading | None = None
    cuff_accepted: bool = False
    blood_pressure: BloodPressure | None = None
    tissue: Tissue = Tissue()
    saturation_expected: bool = False
    authorisation: Authorisation | None = None
    arming: Arming | None = None
    moving: bool = False
    stop: Reason | None = None
    reset: bool = False
    journal_failed: bool = False
    lease_refused: bool = False
    stimulator: StimulatorReading | None = None
    train: TrainAuthorisation | None = None

    @property
    def armed(self) -> bool:
        """Whether a session is running."""
        return self.arming is not None


@dataclass(frozen=True, slots=True)
class Inflation:
    """An inflation under way, from its first permit to its vent.

    ``aimed_ms`` is when the present target was set, ``reached_ms`` when it was reached.
    """

    cycle: int
    target_dmmhg: int
    planned_ms: int
    systolic_mmhg: int
    started_ms: int
    aimed_ms: int
    reached_ms: int | None = None
    passed_ms: int | None = None
    purpose: Purpose = Purpose.OCCLUSION


@dataclass(frozen=True, slots=True)
class Timers:
    """Since when each condition has held without a break, ``None`` where it does not.

    ``worked`` is how much pump and valves have worked to hold, less what their rest makes up for (1/1000 ms).
    """

    over_ms: int | None = None
    missing_ms: int | None = None
    disagree_ms: int | None = None
    deviation_ms: int | None = None
    low_ms: int | None = None
    above_ms: int | None = None
    absent_ms: int | None = None
    no_saturation_ms: int | None = None
    congestion_ms: int | None = None
    congestion_seen_ms: int | None = None
    low_seen_ms: int | None = None
    working_ms: int | None = None
    worked: int = 0
    residual_ms: int | None = None
    blood_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """What the oximeter showed when an inflation reached its target, and what became of it.

    ``verified`` is ``None`` until the verdict, and then for ever "yes", "no" or "unknown".
    ``released_ms`` is when the cuff was empty again.  ``others`` are the other limb's values of the last
    minute, one every ten seconds.  ``told`` says that a person has cleared the trip of a failed recovery.
    """

    cycle: int
    reached_ms: int
    saturation: int | None
    haemoglobin: int | None
    others: tuple[tuple[int, int], ...]
    lowest: int | None
    verified: str | None = None
    vented_ms: int | None = None
    released_ms: int | None = None
    recovered: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The supervisor's memory. ``latched`` and ``debts`` outlive the process, in the journal.

    ``limb`` is where the cuff is, by the last arming; ``None`` when nobody said so yet.
    ``deflated_ms`` has one entry per limb: when the cuff was last emptied on it.
    """

    debts: Debts
    latched: Reason | None = None
    limb: Limb | None = None
    deflated_ms: tuple[int | None, ...] = (None, None, None, None)
    session: int | None = None
    presses: int | None = None
    therapy_spent_ms: int = 0
    examination_spent_ms: int = 0
    examining: bool = False
    series: int = 0
    series_ms: int | None = None
    moved_ms: int | None = None
    inflation: Inflation | None = None
    watch: Watch | None = None
    vented_ms: int | None = None
    nonce: int | None = None
    now_ms: int | None = None
    timers: Timers = field(default_factory=Timers)
    stream: StreamState | None = None
    stills: Stills = AT_REST
    stimulation: StimulationState = field(default_factory=StimulationState)

    def elapsed_ms(self, now: int) -> int:
        """Time since the last step. The first one has none, and a clock that ran backwards proves none."""
        return 0 if self.now_ms is None else max(0, now - self.now_ms)
