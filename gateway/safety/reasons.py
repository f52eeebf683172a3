"""How each reason behaves: its class and the priority of its alarm.

Theory of operation
-------------------
A *wait* resolves by itself or by an entry; a *refusal* stands until the request changes; a *trip*
vents, latches and needs a person at the bedside; an *ending* is a normal end; a *notice* alarms
without touching the output.  The priority is that of the alarm which the reason raises while it
is active, ``None`` where it raises none.  Words follow IEC 60601-1-8: high needs immediate, medium
prompt, low delayed attention.  What a person reads stands in ``gateway.safety.texts``.
"""

from enum import StrEnum
from typing import NamedTuple

from gateway.model import Priority, Reason


class Kind(StrEnum):
    """How a reason behaves."""

    WAIT = "wait"
    REFUSAL = "refusal"
    TRIP = "trip"
    ENDING = "ending"
    NOTICE = "notice"


class Meaning(NamedTuple):
    """One row of the table."""

    kind: Kind
    priority: Priority | None


_HIGH, _MEDIUM, _LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW

MEANINGS: dict[Reason, Meaning] = {
    Reason.NO_REQUEST: Meaning(Kind.ENDING, None),
    Reason.PLANNED: Meaning(Kind.ENDING, None),
    Reason.ISCHAEMIA_DEBT: Meaning(Kind.WAIT, None),
    Reason.BLOOD_PRESSURE_MISSING: Meaning(Kind.WAIT, _MEDIUM),
    Reason.BLOOD_PRESSURE_STALE: Meaning(Kind.WAIT, _MEDIUM),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Meaning(Kind.WAIT, _MEDIUM),
    Reason.JOURNAL_PENDING: Meaning(Kind.WAIT, None),
    Reason.NOT_DEFLATED_YET: Meaning(Kind.WAIT, None),
    Reason.OTHER_LIMB_DEFLATED: Meaning(Kind.WAIT, None),
    Reason.CONTRACTION_PAUSE: Meaning(Kind.WAIT, None),
    Reason.NOT_ARMED: Meaning(Kind.REFUSAL, None),
    Reason.TARGET_ABOVE_CEILING: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.TARGET_BELOW_SYSTOLIC: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.PLANNED_TIME_TOO_LONG: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.REQUEST_CHANGED: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.TARGET_NEEDS_LIMB_PRESSURE: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.NOT_READY: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.BUDGET_SPENT: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.HISTORY_UNKNOWN: Meaning(Kind.REFUSAL, None),
    Reason.TOO_MANY_SESSIONS: Meaning(Kind.REFUSAL, None),
    Reason.TOO_SOON_AFTER_SESSION: Meaning(Kind.REFUSAL, None),
    Reason.STIMULATION_ABOVE_LIMIT: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.STIMULATION_RISE_TOO_FAST: Meaning(Kind.REFUSAL, _MEDIUM),
    Reason.STIMULATION_NOT_CONFIGURED: Meaning(Kind.REFUSAL, None),
    Reason.OVER_PRESSURE: Meaning(Kind.TRIP, _HIGH),
    Reason.OCCLUSION_TIME: Meaning(Kind.TRIP, _HIGH),
    Reason.CUFF_STATUS_LOST: Meaning(Kind.TRIP, _HIGH),
    Reason.SENSOR_MISSING: Meaning(Kind.TRIP, _HIGH),
    Reason.SENSOR_OUT_OF_RANGE: Meaning(Kind.TRIP, _HIGH),
    Reason.SENSORS_DISAGREE: Meaning(Kind.TRIP, _HIGH),
    Reason.UNEXPECTED_PRESSURE: Meaning(Kind.TRIP, _HIGH),
    Reason.INFLATION_TOO_SLOW: Meaning(Kind.TRIP, _HIGH),
    Reason.PRESSURE_LOST: Meaning(Kind.TRIP, _HIGH),
    Reason.DEFLATION_FAILED: Meaning(Kind.TRIP, _HIGH),
    Reason.DEVICE_FAULT: Meaning(Kind.TRIP, _HIGH),
    Reason.DEVICE_RESET: Meaning(Kind.TRIP, _HIGH),
    Reason.DEVICE_REFUSED: Meaning(Kind.TRIP, _HIGH),
    Reason.CYCLE_LATE: Meaning(Kind.TRIP, _HIGH),
    Reason.TIME_REVERSED: Meaning(Kind.TRIP, _HIGH),
    Reason.JOURNAL_FAILED: Meaning(Kind.TRIP, _HIGH),
    Reason.CORE_RESTARTED: Meaning(Kind.TRIP, _HIGH),
    Reason.RESTARTS_TOO_MANY: Meaning(Kind.TRIP, _HIGH),
    Reason.VENOUS_CONGESTION: Meaning(Kind.TRIP, _HIGH),
    Reason.REPERFUSION_FAILED: Meaning(Kind.TRIP, _HIGH),
    Reason.WRONG_LIMB: Meaning(Kind.TRIP, _HIGH),
    Reason.ELECTRODE_FAULT: Meaning(Kind.TRIP, _HIGH),
    Reason.STIMULATOR_LOST: Meaning(Kind.TRIP, _HIGH),
    Reason.STIMULATOR_UNEXPECTED: Meaning(Kind.TRIP, _HIGH),
    Reason.STATUS_TOO_RARE: Meaning(Kind.TRIP, _HIGH),
    Reason.STATUS_MISSING: Meaning(Kind.TRIP, _HIGH),
    Reason.STATUS_DAMAGED: Meaning(Kind.TRIP, _HIGH),
    Reason.DEVICE_CLOCK: Meaning(Kind.TRIP, _HIGH),
    Reason.SENSOR_STUCK: Meaning(Kind.TRIP, _HIGH),
    Reason.STOPPED_BY_OPERATOR: Meaning(Kind.ENDING, None),
    Reason.STOPPED_AT_BEDSIDE: Meaning(Kind.ENDING, None),
    Reason.STOPPED_BY_PATIENT: Meaning(Kind.ENDING, None),
    Reason.INTOLERABLE: Meaning(Kind.ENDING, None),
    Reason.PATIENT_CLEARED: Meaning(Kind.ENDING, None),
    Reason.CORE_STOPPED: Meaning(Kind.ENDING, None),
    Reason.TISSUE_SATURATION_LOST: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.PRESSURE_DEVIATION: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.CUFF_NOT_REMOVED: Meaning(Kind.NOTICE, _LOW),
    Reason.LINK_LOST: Meaning(Kind.NOTICE, _LOW),
    Reason.CUFF_ABSENT: Meaning(Kind.NOTICE, _LOW),
    Reason.OCCLUSION_UNVERIFIED: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.LEAK: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.RESIDUAL_PRESSURE: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.TARGET_FAR_ABOVE_SYSTOLIC: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.PAIN_SCORE_DUE: Meaning(Kind.NOTICE, _LOW),
    Reason.ANNUNCIATOR_LOST: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.WAVEFORM_LOST: Meaning(Kind.NOTICE, _LOW),
    Reason.STIMULATION_HELD: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.RESPONSE_MISSING: Meaning(Kind.NOTICE, _LOW),
    Reason.PULSES_MISSING: Meaning(Kind.NOTICE, _LOW),
    Reason.FORCE_LOST: Meaning(Kind.NOTICE, _LOW),
    Reason.EMG_LOST: Meaning(Kind.NOTICE, _LOW),
    Reason.BLOOD_PRESSURE_CHANGED: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.BLOOD_PRESSURE_NOT_TAKEN: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.BLOOD_PRESSURE_MODULE_LOST: Meaning(Kind.NOTICE, _LOW),
    Reason.FREE_LIMB_NOT_DEFLATED: Meaning(Kind.NOTICE, _MEDIUM),
    Reason.ALGOMETER_UNEXPECTED: Meaning(Kind.NOTICE, _MEDIUM),
}


def kind_of(reason: Reason) -> Kind:
    """The class of a reason."""
    return MEANINGS[reason].kind


def priority_of(reason: Reason) -> Priority | None:
    """The priority of the alarm that this reason raises, ``None`` for none."""
    return MEANINGS[reason].priority
