"""The acceptance of a cuff: off every limb, it must fall from 300 to below 15 mmHg within 8 s.

Theory of operation
-------------------
A test run is no session: no patient, no prescription, no budget.  It goes the way of every inflation all the
same: wish, durable row, supervisor, gate, leases, controller.  It wishes for 300 mmHg, holds for a second,
wishes for nothing, and looks at the limit sensor, which reads the cuff through its own lumen.  The time
counts from the vent command (before which the limit sensor must have shown 297 mmHg or more) to the arrival
of the first status below 15 mmHg, so it includes the wire's: an engineering proposal, on the safe side.

The debt of every limb grows meanwhile, because nobody can prove that the cuff lies on none.  A trip, a stop
at the bedside or at the desk ends the run, and so does its time (the planned minute and 15 s), whatever it
waits for: what a person confirmed a while ago may not be true any more.  A run that ended before the cuff was
empty accepts nothing.

States: asking -> inflating -> venting -> over, with a ``CuffTested`` row as the last thing.
Units: 0.1 mmHg, ms.
"""

from gateway.model import BloodPressure, CuffReading, Intent, Output, Permit, Purpose, Reason, Safe
from gateway.record.events import CuffTested, InflationAuthorised, InflationStarted, VentCommanded
from gateway.runtime.recorder import Recorder
from gateway.safety.limits import PRESSURE_CEILING_DMMHG, Limits
from gateway.safety.observations import Arming, Authorisation, Inflation, State
from gateway.safety.reasons import Kind, kind_of

HOLD_MS = 1_000
"""At 300 mmHg, so that both sensors show it."""
GRACE_MS = 15_000
"""Beyond the planned time, for the cuff to empty (engineering proposal)."""


class Acceptance:
    """One test of the cuff, from its arming to its row; ``cuff``: its controller's serial, and its words."""

    blood_pressure: BloodPressure | None = None

    def __init__(
        self, limits: Limits, cuff: tuple[str, str], arming: Arming, recorder: Recorder, now: int
    ) -> None:
        self._limits, self._cuff, self._recorder = limits, cuff, recorder
        self._arming = arming
        self._ends_ms = now + limits.acceptance_planned_ms + GRACE_MS
        self._intent = Intent(
            Output.CUFF, PRESSURE_CEILING_DMMHG, limits.acceptance_planned_ms, 1, Purpose.ACCEPTANCE
        )
        self._ticket: int | None = None
        self._vented_ms: int | None = None
        self._full = False
        self.authorisation: Authorisation | None = None
        self.result: CuffTested | None = None
        self.ticket = 0

    @property
    def arming(self) -> Arming | None:
        """What was settled when it was armed; ``None`` once it wants no more pressure."""
        return self._arming if self._vented_ms is None and self.result is None else None

    def wishes(self, state: State, now: int) -> tuple[Intent, ...]:
        """300 mmHg until it has stood for a second; then nothing."""
        rising = state.inflation
        reached_ms = rising.reached_ms if rising is not None else None
        held = reached_ms is not None and now - reached_ms >= HOLD_MS
        return () if self.arming is None or held else (self._intent,)

    def follow(
        self,
        before: Inflation | None,
        state: State,
        answer: Permit | Safe,
        cuff: CuffReading | None,
        now: int,
    ) -> None:
        """Take the supervisor's answer, write what happened, measure the fall."""
        if before is None and state.inflation is not None:
            self._started(state.inflation, now)
        if before is not None and state.inflation is None:
            self._vented(answer, cuff, now)
        refused = answer.reason if isinstance(answer, Safe) else None
        if state.latched is not None:
            self._end(None, state.latched.value, now)
        elif now >= self._ends_ms:
            self._end(None, "it took too long", now)
        elif self._vented_ms is not None:
            self._measure(cuff, now)
        elif refused is Reason.JOURNAL_PENDING:
            self._authorise(state, now)
        elif refused is not None and kind_of(refused) is not Kind.WAIT:
            self._end(None, refused.value, now)

    def _started(self, began: Inflation, now: int) -> None:
        self._note(
            InflationStarted(cycle=began.cycle, target_dmmhg=began.target_dmmhg, purpose=began.purpose.value),
            now,
        )

    def _vented(self, answer: Permit | Safe, cuff: CuffReading | None, now: int) -> None:
        planned = isinstance(answer, Safe) and answer.reason is Reason.NO_REQUEST
        reason = Reason.PLANNED if planned or isinstance(answer, Permit) else answer.reason
        self._note(VentCommanded(cycle=1, reason=reason.value), now)
        if not planned:
            self._end(None, reason.value, now)
            return
        limit = None if cuff is None else cuff.limit_dmmhg
        self._full = limit is not None and limit >= PRESSURE_CEILING_DMMHG - self._limits.reached_dmmhg
        self._vented_ms = now

    def _measure(self, cuff: CuffReading | None, now: int) -> None:
        if self._vented_ms is None or self.result is not None:
            return
        if not self._full:
            self._end(None, "the limit sensor did not show 300 mmHg", now)
        elif cuff is not None and cuff.arrived_ms > self._vented_ms and self._is_empty(cuff):
            self._end(cuff.arrived_ms - self._vented_ms, "", now)

    def _is_empty(self, cuff: CuffReading) -> bool:
        return cuff.limit_dmmhg is not None and cuff.limit_dmmhg < self._limits.deflated_dmmhg

    def _end(self, fall_ms: int | None, why: str, now: int) -> None:
        """Write the result. The first one stands."""
        if self.result is not None:
            return
        accepted = fall_ms is not None and fall_ms <= self._limits.acceptance_ms
        self.result = CuffTested(
            accepted=accepted,
            fall_ms=fall_ms,
            cuff_serial=self._cuff[0],
            cuff_description=self._cuff[1],
            reason=why or ("" if accepted else "too slow"),
        )
        self.ticket = self._note(self.result, now)

    def _authorise(self, state: State, now: int) -> None:
        """Ask for the durable row that the supervisor misses; take it when it is there."""
        wish = self._intent
        if self._ticket is None:
            self._ticket = self._note(
                InflationAuthorised(
                    cycle=wish.cycle,
                    target_dmmhg=PRESSURE_CEILING_DMMHG,
                    planned_ms=wish.planned_ms,
                    ischaemia_debt_ms=state.debts.largest(None).value_ms,
                    systolic_mmhg=0,
                    purpose=wish.purpose.value,
                ),
                now,
            )
        elif self.authorisation is None and self._recorder.is_durable(self._ticket):
            self.authorisation = Authorisation(
                wish.cycle, PRESSURE_CEILING_DMMHG, wish.planned_ms, now, wish.purpose
            )

    def _note(
        self, event: CuffTested | InflationAuthorised | InflationStarted | VentCommanded, now: int
    ) -> int:
        return self._recorder.event(event, "", now)
