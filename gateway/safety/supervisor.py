"""The supervisor: the part that can only say no.

Theory of operation
-------------------
``step(limits, state, observations, intents, now)`` is a pure, total function.  It is called on
every accepted sample and at least every 50 ms, never counts its calls and reads no clock.  For
each output it answers with one ``Permit`` (a value and the instant at which it lapses) or one
``Safe`` (a reason).  Order of judgement:

1. *Bookkeeping*: the ischaemia debt, the timers of the input checks, the inflation under way.
2. *Trips* (``checks``): the first one found latches with its reason; everything goes safe, and
   stays so until a person at the bedside resets it and its cause is gone.
3. *Default deny*: without a running session, without a request, or on any stop, the answer is safe.
4. *Inflation rules* (``inflation``): a new inflation is judged whole, before it starts; one that is
   under way may only go on as it was authorised.

There is no state in which an output is energised without an inflation in ``State`` that says when
it started, for how long it was planned and to what pressure it was authorised.

Units: pressures 0.1 mmHg, times ms.
"""

from dataclasses import dataclass, field, replace

from gateway.model import Intent, Output, Permit, Reason, Safe
from gateway.safety import checks, debt, inflation
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations, State


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer per output, the latched reason, and the conditions that must alarm now."""

    outputs: tuple[Permit | Safe, ...]
    latched: Reason | None = None
    conditions: frozenset[Reason] = field(default_factory=frozenset)

    @property
    def cuff(self) -> Permit | Safe:
        """The answer for the cuff."""
        return self.outputs[0]


def step(
    limits: Limits, state: State, observations: Observations, intents: tuple[Intent, ...], now: int
) -> tuple[State, Verdict]:
    """Judge one instant. Never raises; see the module's theory of operation."""
    state = _reset(state, observations)
    previous_ms = state.now_ms
    state = _bookkeeping(limits, state, observations, now)
    reason = state.latched or checks.first_trip(limits, state, observations, previous_ms, now)
    if reason is not None:
        return _safe(limits, replace(state, latched=reason), observations, reason, now)
    intent = _for_cuff(intents)
    denied = _denied(observations, intent)
    if intent is None or denied is not None:
        return _safe(limits, state, observations, denied or Reason.NO_REQUEST, now)
    return _judge(limits, state, observations, intent, now)


def _reset(state: State, observations: Observations) -> State:
    """Only what latched is forgotten: a vent under way keeps being watched, timers keep running."""
    if not observations.reset or state.latched is None:
        return state
    return replace(state, latched=None, nonce=None, inflation=None)


def _bookkeeping(limits: Limits, state: State, observations: Observations, now: int) -> State:
    owed = debt.advance(limits, state.debt, observations.cuff, now)
    timers = checks.timed(limits, state, observations, now)
    nonce = checks.expected_nonce(limits, state, observations, now)
    # A clock that ran backwards proves no duration: a vent that lies in the future began now.
    vented = None if state.vented_ms is None else min(state.vented_ms, now)
    state = replace(state, debt=owed, now_ms=now, timers=timers, nonce=nonce, vented_ms=vented)
    return inflation.observe(limits, state, observations, now)


def _for_cuff(intents: tuple[Intent, ...]) -> Intent | None:
    """The one wish for the cuff; two that could contradict each other are none."""
    asked = [intent for intent in intents if intent.output is Output.CUFF]
    return asked[0] if len(asked) == 1 and asked[0].pressure_dmmhg is not None else None


def _denied(observations: Observations, intent: Intent | None) -> Reason | None:
    if observations.stop:
        return Reason.STOPPED_BY_OPERATOR
    if not observations.armed:
        return Reason.NOT_ARMED
    return Reason.NO_REQUEST if intent is None else None


def _judge(
    limits: Limits, state: State, observations: Observations, intent: Intent, now: int
) -> tuple[State, Verdict]:
    if state.inflation is None:
        reason = inflation.refusal(limits, state, observations, intent, now)
    else:
        reason = inflation.change(state.inflation, intent)
    if reason is not None or intent.pressure_dmmhg is None:
        return _safe(limits, state, observations, reason or Reason.NO_REQUEST, now)
    state = inflation.begin(state, observations, intent, now)
    permit = Permit(Output.CUFF, intent.pressure_dmmhg, now + limits.permit_ms)
    return state, Verdict((permit,), None, checks.conditions(limits, state, observations, None, now))


def _safe(
    limits: Limits, state: State, observations: Observations, reason: Reason, now: int
) -> tuple[State, Verdict]:
    state = inflation.end(state, now)
    conditions = checks.conditions(limits, state, observations, reason, now)
    return state, Verdict((Safe(Output.CUFF, reason),), state.latched, conditions)
