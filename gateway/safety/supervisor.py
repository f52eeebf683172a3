"""The supervisor: the part that can only say no.

Theory of operation
-------------------
``step(limits, state, observations, intents, now)`` is a pure, total function.  It is called on
every accepted sample and at least every 50 ms, never counts its calls and reads no clock.  For
each output it answers with one permit (a value and the instant at which it lapses) or one
``Safe`` (a reason).  Order of judgement:

1. *Bookkeeping*: where the cuff is, the ischaemia debts, the timers of the input checks, the inflation
   under way, what the oximeter says of it.
2. *Trips* (``checks``): the first one found latches with its reason; everything goes safe, and
   stays so until a person at the bedside resets it and its cause is gone.
3. *Default deny*: without a running session, without a request, or on any stop (at the desk, by the
   button at the bedside, by the patient), the answer is safe.
4. *Inflation rules* (``inflation``): a new inflation is judged whole, before it starts; one that is
   under way may only go on as it was authorised.
5. *Stimulation rules* (``stimulation``): every change of the pulses is judged.

There is no state in which an output is energised without an inflation in ``State`` that says when
it started, for how long it was planned and to what pressure it was authorised.

Units: pressures 0.1 mmHg, times ms.
"""

from dataclasses import dataclass, field, replace

from gateway.model import Intent, Output, Permit, Reason, Safe, StimulationIntent, StimulationPermit
from gateway.safety import checks, debt, inflation, stimulation, stream, stuck, verification
from gateway.safety.debt import fresh, is_above
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations, State
from gateway.safety.readiness import missing
from gateway.safety.stream import StreamState
from gateway.safety.stuck import Stills

Wish = Intent | StimulationIntent


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer per output, the latched reason, and the conditions that hold at this instant."""

    cuff: Permit | Safe
    stimulator: StimulationPermit | Safe
    latched: Reason | None = None
    holding: frozenset[Reason] = field(default_factory=frozenset)

    @property
    def conditions(self) -> frozenset[Reason]:
        """What must alarm now: what holds, and the latched reason, which may have ceased since."""
        return self.holding if self.latched is None else self.holding | {self.latched}


def step(
    limits: Limits, state: State, observations: Observations, intents: tuple[Wish, ...], now: int
) -> tuple[State, Verdict]:
    """Judge one instant. Never raises; see the module's theory of operation."""
    state = _reset(state, observations)
    previous_ms = state.now_ms
    state = _bookkeeping(limits, state, observations, now)
    tripped = state.latched or checks.first_trip(limits, state, observations, previous_ms, now)
    denied = tripped or _denied(state, observations)
    state = replace(state, latched=tripped) if tripped is not state.latched else state
    state, cuff = _cuff(limits, state, observations, denied, intents, now)
    state, stimulator = _stimulator(limits, state, observations, denied, intents, now)
    refused = frozenset(answer.reason for answer in (cuff, stimulator) if isinstance(answer, Safe))
    holding = checks.holding(limits, state, observations, refused, now)
    return state, Verdict(cuff, stimulator, state.latched, holding)


def _reset(state: State, observations: Observations) -> State:
    """Only what latched is forgotten: a vent under way and a limb that has to recover keep being watched."""
    if not observations.reset or state.latched is None:
        return state
    unused = stimulation.StimulationState()
    watch = verification.told(state.watch, state.latched)
    return replace(state, latched=None, nonce=None, inflation=None, watch=watch, stimulation=unused)


# bookkeeping


def _bookkeeping(limits: Limits, state: State, observations: Observations, now: int) -> State:
    state = _session(limits, state, observations, now)
    was_above = state.debts.largest(state.limb).above
    timers = checks.timed(limits, state, observations, now)
    stills, statuses = _sensors_and_stream(limits, state, observations, now)
    # A clock that ran backwards proves no duration: a vent that lies in the future began now.
    vented_ms = None if state.vented_ms is None else min(state.vented_ms, now)
    debts = debt.advance_all(limits, state.debts, state.limb, observations.cuff, now)
    spent_ms = _spent_ms(state, was_above or debts.largest(state.limb).above, now)
    state = replace(
        state,
        debts=debts,
        timers=timers,
        stills=stills,
        stream=statuses,
        therapy_spent_ms=state.therapy_spent_ms + (0 if state.examining else spent_ms),
        examination_spent_ms=state.examination_spent_ms + (spent_ms if state.examining else 0),
        nonce=checks.expected_nonce(limits, state, observations, now),
        moved_ms=now if observations.moving or state.stimulation.on else state.moved_ms,
        vented_ms=vented_ms,
        now_ms=now,
    )
    state = inflation.observe(limits, state, observations, now)
    return verification.follow(limits, state, observations, now)


def _session(limits: Limits, state: State, observations: Observations, now: int) -> State:
    """A session that was just armed says where the cuff is, and starts its accounts at nothing."""
    arming, cuff = observations.arming, fresh(limits, observations.cuff, now)
    if arming is None:
        return replace(state, presses=None)
    if cuff is None:
        return state
    if state.presses is None:
        state = replace(state, presses=cuff.presses)
    if arming.number != state.session:
        state = replace(
            state,
            session=arming.number,
            therapy_spent_ms=0,
            examination_spent_ms=0,
            series_ms=None,
            stimulation=stimulation.StimulationState(),
        )
    if arming.limb is not state.limb and not is_above(limits, cuff):
        state = replace(state, limb=arming.limb)
    return state


def _sensors_and_stream(
    limits: Limits, state: State, observations: Observations, now: int
) -> tuple[Stills, StreamState | None]:
    """What is judged of sensors and wire while something is energised."""
    cuff = fresh(limits, observations.cuff, now)
    if cuff is None:
        return stuck.AT_REST, None
    inflated = state.inflation is not None
    stills = stuck.follow(limits, state.stills, cuff, now) if inflated else stuck.AT_REST
    used = inflated or state.stimulation.on
    return stills, stream.follow(limits, state.stream, cuff, state.elapsed_ms(now), now, used)


def _spent_ms(state: State, above: bool, now: int) -> int:
    """Time above 15 mmHg, for the account of what the inflation was for; a vent belongs to it."""
    return state.elapsed_ms(now) if above else 0


# the two outputs


def _denied(state: State, observations: Observations) -> Reason | None:
    """Why nothing at all may be energised; a stop always passes."""
    if observations.stop is not None:
        return observations.stop
    cuff = observations.cuff if observations.armed else None
    if cuff is None:  # an armed session without one has tripped
        return Reason.NOT_ARMED
    if cuff.patient_stop:
        return Reason.STOPPED_BY_PATIENT
    return Reason.STOPPED_AT_BEDSIDE if cuff.presses != state.presses else None


def _cuff(
    limits: Limits,
    state: State,
    observations: Observations,
    denied: Reason | None,
    intents: tuple[Wish, ...],
    now: int,
) -> tuple[State, Permit | Safe]:
    """The answer for the cuff; two wishes that could contradict each other are none."""
    asked = [intent for intent in intents if isinstance(intent, Intent)]
    intent = asked[0] if len(asked) == 1 else None
    if denied is not None or intent is None or intent.pressure_dmmhg is None:
        return inflation.end(state, now), Safe(Output.CUFF, denied or Reason.NO_REQUEST)
    if state.inflation is None:
        reason = inflation.refusal(limits, state, observations, intent, now)
    else:
        reason = inflation.change(limits, state.inflation, intent)
    if reason is not None:
        return inflation.end(state, now), Safe(Output.CUFF, reason)
    state = inflation.begin(limits, state, observations, intent, now)
    return state, Permit(Output.CUFF, intent.pressure_dmmhg, now + limits.permit_ms)


def _stimulator(
    limits: Limits,
    state: State,
    observations: Observations,
    denied: Reason | None,
    intents: tuple[Wish, ...],
    now: int,
) -> tuple[State, StimulationPermit | Safe]:
    """The answer for the stimulator, by the same rules of asking."""
    asked = [intent for intent in intents if isinstance(intent, StimulationIntent)]
    wish = asked[0] if len(asked) == 1 else None
    if denied is not None or wish is None:
        return _rested(state, denied or Reason.NO_REQUEST, now)
    reason = _stimulation_refusal(limits, state, observations, wish, now)
    if reason is not None:
        return _rested(state, reason, now)
    given = stimulation.give(limits, state.stimulation, observations.stimulator, wish, now)
    expires_ms = now + limits.stimulation_permit_ms
    permit = StimulationPermit(wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, expires_ms)
    return replace(state, stimulation=given), permit


def _stimulation_refusal(
    limits: Limits, state: State, observations: Observations, wish: StimulationIntent, now: int
) -> Reason | None:
    arming, reading = observations.arming, observations.stimulator
    if arming is None or reading is None:
        return Reason.NOT_ARMED
    if missing(limits, arming.limb, arming.readiness):
        return Reason.NOT_READY
    if state.stimulation.spent_ms >= arming.stimulation_left_ms:
        return Reason.BUDGET_SPENT
    return stimulation.refusal(limits, arming.stimulation, state.stimulation, observations.train, wish, now)


def _rested(state: State, reason: Reason, now: int) -> tuple[State, Safe]:
    rested = stimulation.rest(state.stimulation, now)
    if rested is not state.stimulation:
        state = replace(state, stimulation=rested)
    return state, Safe(Output.STIMULATOR, reason)
