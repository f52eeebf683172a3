"""A whole session in virtual time: the real plan, the real supervisor, a tiny ideal cuff and a nurse.

Theory of operation
-------------------
``Session.step`` does what the core does in one cycle: the plan sees the last answer, the supervisor
judges the plan's intent, the journal's row becomes durable one step after it was missed, and the cuff
follows the permit (or empties) at once or at ``slope`` per step.  ``log`` holds what became true, with
its time; the nurse enters a pressure at the times of ``entries``.

Units: 0.1 mmHg, ms.
"""

from dataclasses import dataclass, field

from gateway.model import BloodPressure, CuffReading, DeviceFault, Intent, Permit, Reason, Safe
from gateway.safety import supervisor
from gateway.safety.debt import Debts, is_above
from gateway.safety.limits import HARD
from gateway.safety.observations import Authorisation, Observations, State
from gateway.therapy import rvos
from gateway.therapy.prescription import RvosPrescription
from gateway.therapy.rvos import Phase, PlanState, Seen, Skipped
from tests.safety.bedside import ARMING

STEP_MS = 50
START_MS = 1_000_000


@dataclass
class Session:
    """``every_ms`` is how often the nurse enters 120/80, ``None`` for a nurse who does not come."""

    prescription: RvosPrescription
    every_ms: int | None = 60_000
    slope: int = 200
    debt_ms: int = 0
    now: int = START_MS
    log: list[tuple[int, str]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    conditions: set[Reason] = field(default_factory=set)
    latched: Reason | None = None

    def __post_init__(self) -> None:
        self.plan: PlanState = rvos.start(self.now)
        self.state = State(Debts.equal(self.debt_ms, self.now))
        self.answer: Permit | Safe | None = None
        self.pressure: BloodPressure | None = BloodPressure(120, 80, self.now)
        self.row: Authorisation | None = None
        self.cuff_dmmhg = 0
        self.phases: list[Phase] = [self.plan.phase]

    def step(self) -> None:
        self.now += STEP_MS
        if self.every_ms is not None and (self.now - START_MS) % self.every_ms == 0:
            self.enter()
        intent = self._wish()
        self._judge(intent)
        self._follow()

    def run(self, for_ms: int) -> None:
        for _ in range(for_ms // STEP_MS):
            self.step()

    def finish(self, longest_ms: int) -> None:
        """Run to the end of the plan."""
        deadline = self.now + longest_ms
        while self.plan.phase is not Phase.FINISHED:
            assert self.now < deadline, f"still {self.plan}"
            self.step()

    def enter(self, systolic: int = 120, diastolic: int = 80) -> None:
        self.pressure = BloodPressure(systolic, diastolic, self.now)

    def times(self, what: str) -> list[int]:
        """When this became true, each time."""
        return [at for at, word in self.log if word == what]

    @property
    def reading(self) -> CuffReading:
        both = self.cuff_dmmhg
        return CuffReading(both, both, 0, both > 0, DeviceFault.NONE, 0, 7, self.now, self.now)

    def _wish(self) -> Intent:
        begun = self.state.inflation
        seen = Seen(
            self.answer,
            self.pressure,
            begun.started_ms if begun else None,
            begun is not None and begun.reached_ms is not None,
            not is_above(HARD, self.reading),
        )
        self.plan, intent, skipped = rvos.step(self.prescription, self.plan, seen, self.now)
        self.skipped += skipped
        if self.plan.phase is not self.phases[-1]:
            self.phases.append(self.plan.phase)
        return intent

    def _judge(self, intent: Intent) -> None:
        seen = Observations(
            cuff=self.reading,
            cuff_accepted=True,
            blood_pressure=self.pressure,
            authorisation=self.row,
            arming=ARMING,
        )
        before = self.state
        self.state, verdict = supervisor.step(HARD, before, seen, (intent,), self.now)
        self.answer, self.latched = verdict.cuff, verdict.latched
        self.conditions |= verdict.conditions
        self._note(before, verdict.cuff)
        if isinstance(verdict.cuff, Safe) and verdict.cuff.reason is Reason.JOURNAL_PENDING:
            assert intent.pressure_dmmhg is not None
            self.row = Authorisation(intent.cycle, intent.pressure_dmmhg, intent.planned_ms, self.now)

    def _note(self, before: State, answer: Permit | Safe) -> None:
        if before.inflation is None and self.state.inflation is not None:
            self.log.append((self.now, "permitted"))
        if before.inflation is not None and self.state.inflation is None:
            assert isinstance(answer, Safe)
            self.log.append((self.now, "vented"))

    def _follow(self) -> None:
        target = self.answer.pressure_dmmhg if isinstance(self.answer, Permit) else 0
        was_above = self.cuff_dmmhg > HARD.deflated_dmmhg
        self.cuff_dmmhg += max(-self.slope, min(self.slope, target - self.cuff_dmmhg))
        if was_above and self.cuff_dmmhg <= HARD.deflated_dmmhg:
            self.log.append((self.now, "deflated"))
