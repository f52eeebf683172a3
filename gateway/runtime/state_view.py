"""What the core shows of itself: the live state for the feed socket and for ``session status``.

Theory of operation
-------------------
A pure reading of the core into the ward's message types; nothing here changes anything.  What is
not known is ``None``.

Units: the messages speak mmHg, seconds and percent as floats.
"""

from gateway.model import Permit, Reason
from gateway.runtime.core import Core
from gateway.runtime.opening import alarm_id
from gateway.safety.debt import is_fresh
from gateway.safety.reasons import Kind, kind_of, text_of
from gateway.therapy import rvos
from gateway.ward.messages import Alarm, Feed, State


def feed(core: Core, now: int) -> Feed:
    """Everything that may be seen live, at ``now``."""
    return Feed(state=_state(core, now), alarms=alarm_list(core), boot=core.setup.boot)


def alarm_list(core: Core) -> list[Alarm]:
    """Every alarm that is not gone."""
    return [
        Alarm(
            alarm_id=alarm_id(core.setup.boot, alarm.number),
            condition=alarm.condition.value,
            priority=alarm.priority.value,
            state=alarm.state,
            text=text_of(alarm.condition),
            raised_ms=alarm.raised_ms,
        )
        for alarm in core.alarms.alarms
    ]


def _state(core: Core, now: int) -> State:
    session, latched = core.session, core.state.latched
    plan = session.plan if session else None
    under_way = core.state.inflation
    cuff = core.cuff if is_fresh(core.setup.limits, core.cuff, now) else None
    saturation = _saturation(core, now)
    return State(
        mode="latched" if latched else "session" if session else "idle",
        session=session.name if session else None,
        prescription=session.prescription.name if session else None,
        side=session.side if session else None,
        cycle=plan.cycle if plan else None,
        cycles_prescribed=session.prescription.cycles if session else None,
        phase=_phase(core),
        phase_left_s=rvos.time_left_ms(session.prescription, session.plan, now) / 1000 if session else None,
        target_mmhg=_mmhg(under_way.target_dmmhg) if under_way else None,
        cuff_mmhg=_mmhg(cuff.control_dmmhg) if cuff else None,
        limit_mmhg=_mmhg(cuff.limit_dmmhg) if cuff else None,
        sto2_percent=None if saturation is None else saturation / 10,
        ischaemia_debt_s=max(core.state.debt.value_ms, cuff.debt_ms if cuff else 0) / 1000,
        cuff_ok=cuff is not None and core.gate.accepted,
        sto2_ok=saturation is not None,
        blood_pressure_age_s=(now - session.blood_pressure.entered_ms) / 1000 if session else None,
        waiting_for=_waiting_for(core),
        latched=latched.value if latched else None,
        alarms_active=len(core.alarms.alarms),
    )


def _phase(core: Core) -> str | None:
    if core.session is None:
        return None
    return "ending" if core.session.ending else core.session.plan.phase.value


def _mmhg(pressure_dmmhg: int | None) -> float | None:
    return None if pressure_dmmhg is None else pressure_dmmhg / 10


def _saturation(core: Core, now: int) -> int | None:
    sample = core.saturation
    if sample is None or now - sample.arrived_ms > core.setup.limits.tissue_saturation_age_ms:
        return None
    return sample.value


def _waiting_for(core: Core) -> str | None:
    if core.session is None or core.session.plan.phase is not rvos.Phase.WAITING:
        return None
    if isinstance(core.answer, Permit):
        return None
    reason: Reason = core.answer.reason
    return reason.value if kind_of(reason) in (Kind.WAIT, Kind.REFUSAL) else None
