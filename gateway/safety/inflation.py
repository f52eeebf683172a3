"""The rules of one inflation: judged whole before it starts, unchangeable while it lasts.

Theory of operation
-------------------
``refusal`` says why an inflation may not start now, in the order in which a person would want to
hear it: what can never be granted first, then what needs an entry, then what only needs time, last
the durable authorisation (``JOURNAL_PENDING`` asks the caller to write it).  ``begin`` notes the
start, ``observe`` the arrival at the target, ``end`` the vent.  An occlusive target is refused,
never reduced.

Units: pressures 0.1 mmHg, blood pressures mmHg, times ms.
"""

from dataclasses import replace

from gateway.model import BloodPressure, Intent, Reason
from gateway.safety.debt import is_above, is_fresh
from gateway.safety.limits import Limits
from gateway.safety.observations import Authorisation, Inflation, Observations, State


def refusal(
    limits: Limits, state: State, observations: Observations, intent: Intent, now: int
) -> Reason | None:
    """Why this inflation may not start at ``now``, or ``None``."""
    return (
        _never(limits, observations, intent)
        or _blood_pressure(limits, observations.blood_pressure, intent, now)
        or _not_yet(limits, state, observations, intent, now)
        or _unauthorised(limits, observations.authorisation, intent, now)
    )


def _never(limits: Limits, observations: Observations, intent: Intent) -> Reason | None:
    if not observations.cuff_accepted:
        return Reason.NOT_ARMED
    if intent.pressure_dmmhg is None or intent.pressure_dmmhg > limits.pressure_ceiling_dmmhg:
        return Reason.TARGET_ABOVE_CEILING
    if not 0 < intent.planned_ms <= limits.planned_longest_ms:
        return Reason.PLANNED_TIME_TOO_LONG
    return None


def blood_pressure_refusal(limits: Limits, pressure: BloodPressure | None, now: int) -> Reason | None:
    """Why this blood pressure does not allow an inflation at ``now``, or ``None``."""
    if pressure is None:
        return Reason.BLOOD_PRESSURE_MISSING
    if not 0 <= now - pressure.entered_ms <= limits.blood_pressure_age_ms:
        return Reason.BLOOD_PRESSURE_STALE
    in_range = limits.systolic_lowest_mmhg <= pressure.systolic_mmhg <= limits.systolic_highest_mmhg
    if not in_range or pressure.mean_times_three_mmhg < 3 * limits.mean_lowest_mmhg:
        return Reason.BLOOD_PRESSURE_OUT_OF_RANGE
    return None


def _blood_pressure(
    limits: Limits, pressure: BloodPressure | None, intent: Intent, now: int
) -> Reason | None:
    reason = blood_pressure_refusal(limits, pressure, now)
    if reason is not None or pressure is None or intent.pressure_dmmhg is None:
        return reason
    occluding = (pressure.systolic_mmhg + limits.occluding_margin_mmhg) * 10
    return Reason.TARGET_BELOW_SYSTOLIC if intent.pressure_dmmhg < occluding else None


def _not_yet(
    limits: Limits, state: State, observations: Observations, intent: Intent, now: int
) -> Reason | None:
    cuff = observations.cuff
    if cuff is None or not is_fresh(limits, cuff, now) or is_above(limits, cuff):
        return Reason.NOT_DEFLATED_YET
    owed = max(state.debt.value_ms, cuff.debt_ms)
    if owed + intent.planned_ms > limits.debt_inflation_ms:
        return Reason.ISCHAEMIA_DEBT
    return None


def _unauthorised(
    limits: Limits, authorisation: Authorisation | None, intent: Intent, now: int
) -> Reason | None:
    if authorisation is None:
        return Reason.JOURNAL_PENDING
    if not 0 <= now - authorisation.durable_ms <= limits.authorisation_age_ms:
        return Reason.JOURNAL_PENDING
    asked = (intent.cycle, intent.pressure_dmmhg, intent.planned_ms)
    granted = (authorisation.cycle, authorisation.target_dmmhg, authorisation.planned_ms)
    return None if asked == granted else Reason.JOURNAL_PENDING


def change(under_way: Inflation, intent: Intent) -> Reason | None:
    """Why this request may not continue the inflation under way, or ``None``."""
    asked = (intent.cycle, intent.pressure_dmmhg, intent.planned_ms)
    same = asked == (under_way.cycle, under_way.target_dmmhg, under_way.planned_ms)
    return None if same else Reason.REQUEST_CHANGED


def begin(state: State, observations: Observations, intent: Intent, now: int) -> State:
    """The state with this inflation under way; unchanged when it already is."""
    pressure, target = observations.blood_pressure, intent.pressure_dmmhg
    if state.inflation is not None or pressure is None or target is None:
        return state
    started = Inflation(intent.cycle, target, intent.planned_ms, pressure.systolic_mmhg, now)
    return replace(state, inflation=started, vented_ms=None)


def observe(limits: Limits, state: State, observations: Observations, now: int) -> State:
    """Note the arrival at the target, and that a vented cuff has deflated."""
    cuff, under_way = observations.cuff, state.inflation
    if cuff is None or not is_fresh(limits, cuff, now):
        return state
    if under_way is None:
        return state if is_above(limits, cuff) else replace(state, vented_ms=None)
    if under_way.reached_ms is not None or cuff.control_dmmhg is None:
        return state
    if cuff.control_dmmhg < under_way.target_dmmhg - limits.reached_dmmhg:
        return state
    return replace(state, inflation=replace(under_way, reached_ms=now))


def end(state: State, now: int) -> State:
    """The state with no inflation under way; the vent began now, unless it had already."""
    if state.inflation is None:
        return state
    return replace(state, inflation=None, vented_ms=now)
