"""What the core shows of itself: the live state for the feed socket and for ``session status``.

Theory of operation
-------------------
A pure reading of the core into the ward's message types; nothing here changes anything.  What is
not known is ``None``.

Units: the messages speak mmHg, seconds and percent as floats.
"""

from typing import Any, Literal

import msgspec

from gateway.model import Output, Permit, Reason, StimulationPermit
from gateway.runtime import device_view
from gateway.runtime.annunciator import Announcement
from gateway.runtime.core import Core
from gateway.runtime.opening import alarm_id
from gateway.runtime.requests import Device
from gateway.safety import alarms
from gateway.safety.debt import is_fresh
from gateway.safety.reasons import Kind, kind_of
from gateway.safety.texts import text_of
from gateway.ward.messages import Alarm, Feed, Health, State

CALLED = {"blood_pressure": "blood_pressure_module"}
"""``blood_pressure_age_s`` is that of the pressure itself, whoever measured it."""
_STATE_KEYS = frozenset(State.__struct_fields__)


def feed(core: Core, now: int) -> Feed:
    """Everything that may be seen live, at ``now``."""
    devices = device_view.devices(core, now)
    state = msgspec.structs.replace(_state(core, now), **_links(devices))
    return Feed(
        state=state, alarms=alarm_list(core), boot=core.setup.boot, devices=[_health(one) for one in devices]
    )


def stage(core: Core) -> tuple[str, str, int]:
    """Mode, phase and number of alarms: a change of these is told at once, and not with the next second."""
    session = core.session
    return _mode(core), session.phase if session else "", len(core.alarms.alarms)


def alarm_list(core: Core) -> list[Alarm]:
    """Every alarm that is not gone."""
    return [
        Alarm(
            alarm_id=alarm_id(core.setup.boot, alarm.number),
            condition=alarm.condition.value,
            priority=alarm.priority.value,
            state=alarm.state,
            text=text_of(alarm.condition, core.setup.language),
            raised_ms=alarm.raised_ms,
            presented=alarm.presented.value,
            escalated=alarm.escalated,
        )
        for alarm in core.alarms.alarms
    ]


def announcement(core: Core, now: int) -> Announcement | None:
    """What lamp, buzzer and log of this gateway have to announce at ``now``."""
    alarm = alarms.most_urgent(core.alarms)
    if alarm is None:
        return None
    return Announcement(
        priority=alarm.presented,
        text=text_of(alarm.condition, core.setup.language),
        audible=alarms.audible(core.alarms, now) is not None,
        escalated=alarm.escalated,
    )


def pause_left_s(core: Core, now: int) -> float | None:
    """For how long the sound is still paused, ``None`` when it is not."""
    left_ms = alarms.pause_left_ms(core.alarms, now)
    return left_ms / 1000 if left_ms else None


def _links(devices: list[Device]) -> dict[str, Any]:
    """Of each device a word and an age; the device of a later version may have no key in ``State`` yet."""
    told: dict[str, Any] = {}
    for one in devices:
        key = CALLED.get(one.name, one.name)
        if f"{key}_link" in _STATE_KEYS:
            told[f"{key}_link"] = one.state
            told[f"{key}_age_s"] = _seconds(one.age_ms)
    return told


def _health(one: Device) -> Health:
    return Health(
        device=one.name,
        link=one.state,
        why=one.why or None,
        age_s=_seconds(one.age_ms),
        opened=one.opened,
        frames=one.frames,
        checksum_errors=one.checksum_errors,
        resyncs=one.resyncs,
        gaps=one.gaps,
        round_trip_ms=one.round_trip_ms,
        notice=one.notice or None,
    )


def _seconds(span_ms: int | None) -> float | None:
    return None if span_ms is None else span_ms / 1000


def _mode(core: Core) -> Literal["idle", "session", "latched"]:
    return "latched" if core.state.latched else "session" if core.session else "idle"


def _state(core: Core, now: int) -> State:
    session, latched = core.session, core.state.latched
    examination = session.examining.current if session else None
    under_way = core.state.inflation
    cuff = core.cuff if is_fresh(core.setup.limits, core.cuff, now) else None
    saturation = _saturation(core, now)
    pressure, held_back = session.blood_pressure if session else None, core.free_limb.held_back
    return State(
        mode=_mode(core),
        session=session.name if session else None,
        prescription=session.prescription.name if session else None,
        limb=session.limb.value if session else None,
        cycle=session.cycle if session else None,
        cycles_prescribed=session.prescription.steps if session else None,
        phase=session.phase if session else None,
        phase_left_s=session.time_left_ms(now) / 1000 if session else None,
        target_mmhg=_mmhg(under_way.target_dmmhg) if under_way else None,
        cuff_mmhg=_mmhg(cuff.control_dmmhg) if cuff else None,
        limit_mmhg=_mmhg(cuff.limit_dmmhg) if cuff else None,
        sto2_percent=None if saturation is None else saturation / 10,
        ischaemia_debt_s=max(core.owed_ms, cuff.debt_ms if cuff else 0) / 1000,
        cuff_ok=cuff is not None and core.gate.accepted,
        sto2_ok=saturation is not None,
        pain_score_due=_pain_score_due(core, now),
        blood_pressure_age_s=_pressure_age_s(core, now),
        waiting_for=_waiting_for(core),
        latched=latched.value if latched else None,
        alarms_active=len(core.alarms.alarms),
        alarm_pause_left_s=pause_left_s(core, now),
        therapy=session.prescription.therapy if session else None,
        current_ma=core.pulses.current_ua / 1000 if isinstance(core.pulses, StimulationPermit) else None,
        examination=examination.exam if examination else None,
        stimulator_ok=core.stimulator.answers(now) if core.setup.config.stimulator else None,
        systolic_mmhg=pressure.systolic_mmhg if pressure else None,
        diastolic_mmhg=pressure.diastolic_mmhg if pressure else None,
        blood_pressure_by=None if pressure is None else "person" if pressure.module is None else "module",
        held_back_systolic_mmhg=held_back.systolic_mmhg if held_back else None,
        held_back_diastolic_mmhg=held_back.diastolic_mmhg if held_back else None,
    )


def _pressure_age_s(core: Core, now: int) -> float | None:
    pressure = core.session.blood_pressure if core.session else None
    return None if pressure is None else (now - pressure.entered_ms) / 1000


def _pain_score_due(core: Core, now: int) -> bool | None:
    session = core.session
    return None if session is None else session.pain.due_since_ms(core.state.inflation, now) is not None


def _mmhg(pressure_dmmhg: int | None) -> float | None:
    return None if pressure_dmmhg is None else pressure_dmmhg / 10


def _saturation(core: Core, now: int) -> int | None:
    sample = core.oximeter.tissue.saturation
    if sample is None or now - sample.arrived_ms > core.setup.limits.tissue_saturation_age_ms:
        return None
    return sample.value


def _waiting_for(core: Core) -> str | None:
    output = core.session.waits_for if core.session else None
    answer = core.pulses if output is Output.STIMULATOR else core.answer
    if output is None or isinstance(answer, Permit | StimulationPermit):
        return None
    reason: Reason = answer.reason
    return reason.value if kind_of(reason) in (Kind.WAIT, Kind.REFUSAL) else None
