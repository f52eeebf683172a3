"""The rules of one inflation: judged whole before it starts, unchangeable while it lasts.

Theory of operation
-------------------
``refusal`` says why an inflation may not start now, in the order in which a person would want to
hear it: what can never be granted first, then what needs an entry, then what only needs time, last
the durable authorisation (``JOURNAL_PENDING`` asks the caller to write it).  ``begin`` notes the
start, ``observe`` the passing of the systolic pressure and the arrival at the target, ``end`` the vent.
An occlusive target is refused, never reduced.  Only a measurement of the limb occlusion pressure may
change its target on the way, because it climbs in steps.

A target above 250 mmHg, and any target of a restriction, needs a limb occlusion pressure measured in this
session; the measurement itself is the exception, or it could never be made.

The acceptance of a cuff (``Purpose.ACCEPTANCE``) is on no limb: exactly 300 mmHg, whatever a site allows for
limbs, without a blood pressure, a minute at most, with the debt of every limb.  It and nothing else goes
with an arming that names no limb.

No occlusion is aimed below what this limb was found to need in this session: it would congest it.

A series of short occlusions lives on one blood pressure: fresh at its first, for ten minutes.  Those of the
next examination are a series of their own.  An examination must fit whole: what it still plans counts, not
only the next inflation.

Units: pressures 0.1 mmHg, blood pressures mmHg, times ms.
"""

from dataclasses import replace

from gateway.model import LIMBS, BloodPressure, Intent, Limb, Purpose, Reason
from gateway.safety.debt import fresh, is_above
from gateway.safety.limits import PRESSURE_CEILING_DMMHG, Limits
from gateway.safety.observations import Arming, Authorisation, Inflation, Observations, State
from gateway.safety.readiness import missing
from gateway.safety.verification import awaits_recovery


def refusal(
    limits: Limits, state: State, observations: Observations, intent: Intent, now: int
) -> Reason | None:
    """Why this inflation may not start at ``now``, or ``None``."""
    arming, target_dmmhg = observations.arming, intent.pressure_dmmhg
    if arming is None or not observations.cuff_accepted:
        return Reason.NOT_ARMED
    if target_dmmhg is None:
        return Reason.NO_REQUEST
    return (
        _never(limits, state, arming, intent, target_dmmhg)
        or _pressure_refusal(limits, state, observations, arming, intent, target_dmmhg, now)
        or _not_yet(limits, state, observations, arming.limb, intent, now)
        or _unauthorised(limits, observations.authorisation, intent, now)
    )


def _never(limits: Limits, state: State, arming: Arming, intent: Intent, target_dmmhg: int) -> Reason | None:
    if missing(limits, arming.limb, arming.readiness):
        return Reason.NOT_READY
    tests_cuff = intent.purpose is Purpose.ACCEPTANCE
    if tests_cuff is not (arming.limb is None):
        return Reason.NOT_READY
    if tests_cuff:
        return _never_off_a_limb(limits, intent, target_dmmhg)
    if target_dmmhg > limits.pressure_ceiling_dmmhg:
        return Reason.TARGET_ABOVE_CEILING
    if not 0 < intent.planned_ms <= _longest_ms(limits, intent.purpose):
        return Reason.PLANNED_TIME_TOO_LONG
    unmeasured = _unmeasured(limits, arming, intent.purpose, target_dmmhg)
    return unmeasured or _spent(limits, state, arming, intent)


def _never_off_a_limb(limits: Limits, intent: Intent, target_dmmhg: int) -> Reason | None:
    if target_dmmhg != PRESSURE_CEILING_DMMHG:
        return Reason.TARGET_ABOVE_CEILING
    return None if 0 < intent.planned_ms <= limits.acceptance_planned_ms else Reason.PLANNED_TIME_TOO_LONG


def _longest_ms(limits: Limits, purpose: Purpose) -> int:
    return limits.short_longest_ms if purpose is Purpose.SHORT_OCCLUSIONS else limits.planned_longest_ms


def _unmeasured(limits: Limits, arming: Arming, purpose: Purpose, target_dmmhg: int) -> Reason | None:
    if purpose is Purpose.LIMB_PRESSURE:
        return None
    measured = arming.limb_pressure_dmmhg
    restricts = purpose is Purpose.RESTRICTION
    if measured is None:
        needed = restricts or target_dmmhg > limits.unmeasured_target_dmmhg
        return Reason.TARGET_NEEDS_LIMB_PRESSURE if needed else None
    return Reason.TARGET_ABOVE_CEILING if restricts and target_dmmhg > measured else None


def _spent(limits: Limits, state: State, arming: Arming, intent: Intent) -> Reason | None:
    """Not enough left for the planned time and for as long as the cuff may take to empty."""
    left_ms = arming.therapy_left_ms - state.therapy_spent_ms
    if not intent.purpose.is_therapy:
        left_ms = arming.examination_left_ms - state.examination_spent_ms
    return Reason.BUDGET_SPENT if _wanted_ms(intent) + limits.not_deflated_ms > left_ms else None


def _wanted_ms(intent: Intent) -> int:
    """How much time under pressure must be there before this inflation starts."""
    if intent.purpose.is_therapy:
        return intent.planned_ms
    return max(intent.planned_ms, intent.schedule_ms)


def blood_pressure_refusal(limits: Limits, pressure: BloodPressure, now: int) -> Reason | None:
    """Why this blood pressure does not allow an inflation at ``now``, or ``None``."""
    if not 0 <= now - pressure.entered_ms <= limits.blood_pressure_age_ms:
        return Reason.BLOOD_PRESSURE_STALE
    in_range = limits.systolic_lowest_mmhg <= pressure.systolic_mmhg <= limits.systolic_highest_mmhg
    if not in_range or pressure.mean_times_three_mmhg < 3 * limits.mean_lowest_mmhg:
        return Reason.BLOOD_PRESSURE_OUT_OF_RANGE
    return None


def _pressure_refusal(
    limits: Limits,
    state: State,
    observations: Observations,
    arming: Arming,
    intent: Intent,
    target_dmmhg: int,
    now: int,
) -> Reason | None:
    if intent.purpose is Purpose.ACCEPTANCE:
        return None
    pressure = observations.blood_pressure
    if pressure is None:
        return Reason.BLOOD_PRESSURE_MISSING
    reason = blood_pressure_refusal(limits, pressure, _judged_ms(limits, state, pressure, intent, now))
    if reason is not None or not intent.purpose.is_occlusive:
        return reason
    least_dmmhg = max(occluding_dmmhg(limits, pressure.systolic_mmhg), arming.least_dmmhg)
    return Reason.TARGET_BELOW_SYSTOLIC if target_dmmhg < least_dmmhg else None


def _judged_ms(limits: Limits, state: State, pressure: BloodPressure, intent: Intent, now: int) -> int:
    """The instant at which the blood pressure must have been fresh: the first of a running series."""
    began_ms = _joined_ms(limits, state, intent, now)
    return now if began_ms is None else min(now, max(began_ms, pressure.entered_ms))


def _joined_ms(limits: Limits, state: State, intent: Intent, now: int) -> int | None:
    """When the series that this short occlusion still belongs to began; ``None`` where it begins one."""
    began_ms = state.series_ms
    if intent.purpose is not Purpose.SHORT_OCCLUSIONS or began_ms is None or intent.series != state.series:
        return None
    latest_ms = began_ms + limits.short_series_ms - intent.planned_ms
    return began_ms if now in range(began_ms, latest_ms + 1) else None


def _not_yet(
    limits: Limits, state: State, observations: Observations, limb: Limb | None, intent: Intent, now: int
) -> Reason | None:
    cuff = fresh(limits, observations.cuff, now)
    if cuff is None or is_above(limits, cuff):
        return Reason.NOT_DEFLATED_YET
    owed = max(state.debts.largest(limb).value_ms, cuff.debt_of_ms(limb))
    if owed + _wanted_ms(intent) > limits.debt_inflation_ms or awaits_recovery(limits, state, now):
        return Reason.ISCHAEMIA_DEBT
    if _another_was_deflated(limits, state, limb, now):
        return Reason.OTHER_LIMB_DEFLATED
    return None


def _another_was_deflated(limits: Limits, state: State, limb: Limb | None, now: int) -> bool:
    """Within the last minute; an instant in the future proves nothing and counts as now."""
    others = (at for one, at in zip(LIMBS, state.deflated_ms, strict=True) if one is not limb)
    return any(at is not None and now - at < limits.limb_gap_ms for at in others)


def _unauthorised(
    limits: Limits, authorisation: Authorisation | None, intent: Intent, now: int
) -> Reason | None:
    if authorisation is None:
        return Reason.JOURNAL_PENDING
    if not 0 <= now - authorisation.durable_ms <= limits.authorisation_age_ms:
        return Reason.JOURNAL_PENDING
    asked = (intent.cycle, intent.pressure_dmmhg, intent.planned_ms, intent.purpose)
    granted = (
        authorisation.cycle,
        authorisation.target_dmmhg,
        authorisation.planned_ms,
        authorisation.purpose,
    )
    return None if asked == granted else Reason.JOURNAL_PENDING


def change(limits: Limits, under_way: Inflation, intent: Intent) -> Reason | None:
    """Why this request may not continue the inflation under way, or ``None``."""
    asked = (intent.cycle, intent.planned_ms, intent.purpose)
    if asked != (under_way.cycle, under_way.planned_ms, under_way.purpose):
        return Reason.REQUEST_CHANGED
    if intent.pressure_dmmhg == under_way.target_dmmhg:
        return None
    if under_way.purpose is not Purpose.LIMB_PRESSURE or intent.pressure_dmmhg is None:
        return Reason.REQUEST_CHANGED
    within = intent.pressure_dmmhg <= limits.pressure_ceiling_dmmhg
    return None if within else Reason.TARGET_ABOVE_CEILING


def begin(limits: Limits, state: State, observations: Observations, intent: Intent, now: int) -> State:
    """The state with this inflation under way, aimed at what is asked for."""
    pressure, target, under_way = observations.blood_pressure, intent.pressure_dmmhg, state.inflation
    if target is None:
        return state
    if under_way is not None:
        if target == under_way.target_dmmhg:
            return state
        aimed = replace(under_way, target_dmmhg=target, aimed_ms=now, reached_ms=None)
        return replace(state, inflation=aimed)
    if pressure is None and intent.purpose is not Purpose.ACCEPTANCE:
        return state
    started = Inflation(
        intent.cycle,
        target,
        intent.planned_ms,
        0 if pressure is None else pressure.systolic_mmhg,
        started_ms=now,
        aimed_ms=now,
        purpose=intent.purpose,
    )
    return replace(
        state,
        inflation=started,
        watch=None,
        examining=not intent.purpose.is_therapy,
        series=intent.series,
        series_ms=_series(limits, state, intent, now),
    )


def _series(limits: Limits, state: State, intent: Intent, now: int) -> int | None:
    """When the series of short occlusions that this one belongs to began."""
    if intent.purpose is not Purpose.SHORT_OCCLUSIONS:
        return None
    began_ms = _joined_ms(limits, state, intent, now)
    return now if began_ms is None else began_ms


def observe(limits: Limits, state: State, observations: Observations, now: int) -> State:
    """Note what the cuff shows: passing the systolic, arriving at the target, being empty after a vent."""
    cuff, under_way = fresh(limits, observations.cuff, now), state.inflation
    if cuff is None:
        return state
    if under_way is None:
        return state if is_above(limits, cuff) else _emptied(state, now)
    if cuff.control_dmmhg is None:
        return state
    noted = under_way
    if noted.passed_ms is None and cuff.control_dmmhg >= occluding_dmmhg(limits, noted.systolic_mmhg):
        noted = replace(noted, passed_ms=now)
    if noted.reached_ms is None and cuff.control_dmmhg >= noted.target_dmmhg - limits.reached_dmmhg:
        noted = replace(noted, reached_ms=now)
    return state if noted is under_way else replace(state, inflation=noted)


def _emptied(state: State, now: int) -> State:
    if state.vented_ms is None:
        return state
    known = zip(LIMBS, state.deflated_ms, strict=True)
    deflated_ms = tuple(now if limb is state.limb else at for limb, at in known)
    return replace(state, vented_ms=None, deflated_ms=deflated_ms)


def occluding_dmmhg(limits: Limits, systolic_mmhg: int) -> int:
    """The least pressure that counts as occluding: systolic + 20 mmHg."""
    return (systolic_mmhg + limits.occluding_margin_mmhg) * 10


def end(state: State, now: int) -> State:
    """The state with no inflation under way; the vent began now, unless it had already."""
    if state.inflation is None:
        return state
    return replace(state, inflation=None, vented_ms=now)
