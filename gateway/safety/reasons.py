"""What each reason means to a person: class, priority, text and what to do.

Theory of operation
-------------------
A *wait* resolves by itself or by an entry; a *refusal* stands until the request changes; a *trip*
vents, latches and needs a person at the bedside; an *ending* is a normal end; a *notice* alarms
without touching the output.  The priority is that of the alarm which the reason raises while it
is active, ``None`` where it raises none.  Words follow IEC 60601-1-8: high needs immediate, medium
prompt, low delayed attention.
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
    text: str
    action: str


_HIGH, _MEDIUM, _LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW
_CHECK_LIMB = (
    "Check the limb and the cuff, unplug the hose if it is still tight, "
    "then run `rvos session reset --confirm`."
)

MEANINGS: dict[Reason, Meaning] = {
    Reason.NO_REQUEST: Meaning(Kind.ENDING, None, "No inflation is asked for.", ""),
    Reason.PLANNED: Meaning(Kind.ENDING, None, "As planned.", ""),
    Reason.ISCHAEMIA_DEBT: Meaning(
        Kind.WAIT, None, "The limb has not been reperfused for long enough yet.", "Wait."
    ),
    Reason.BLOOD_PRESSURE_MISSING: Meaning(
        Kind.WAIT, _MEDIUM, "No blood pressure was entered.", "Measure it and run `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_STALE: Meaning(
        Kind.WAIT,
        _MEDIUM,
        "The blood pressure is older than 5 minutes.",
        "Measure it and run `rvos session pressure`.",
    ),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Meaning(
        Kind.WAIT,
        _MEDIUM,
        "The blood pressure is outside systolic 90-180 mmHg or its mean is under 65 mmHg.",
        "No new inflation starts; measure again later or stop the session.",
    ),
    Reason.JOURNAL_PENDING: Meaning(Kind.WAIT, None, "The authorisation is being written.", "Wait."),
    Reason.NOT_DEFLATED_YET: Meaning(Kind.WAIT, None, "The cuff is still above 15 mmHg.", "Wait."),
    Reason.NOT_ARMED: Meaning(Kind.REFUSAL, None, "No session is running.", "Run `rvos session start`."),
    Reason.TARGET_ABOVE_CEILING: Meaning(
        Kind.REFUSAL,
        _MEDIUM,
        "The target is above the pressure ceiling; it is refused, not reduced.",
        "Stop the session, or continue when the blood pressure has fallen.",
    ),
    Reason.TARGET_BELOW_SYSTOLIC: Meaning(
        Kind.REFUSAL,
        _MEDIUM,
        "The target would not occlude: it is under systolic + 20 mmHg.",
        "Use another prescription.",
    ),
    Reason.PLANNED_TIME_TOO_LONG: Meaning(
        Kind.REFUSAL, _MEDIUM, "The planned occlusion is longer than 300 s.", "Use another prescription."
    ),
    Reason.REQUEST_CHANGED: Meaning(
        Kind.REFUSAL, _MEDIUM, "The target changed during an inflation.", "Report this: it is a defect."
    ),
    Reason.OVER_PRESSURE: Meaning(Kind.TRIP, _HIGH, "The cuff pressure was above its limit.", _CHECK_LIMB),
    Reason.OCCLUSION_TIME: Meaning(Kind.TRIP, _HIGH, "The limb was occluded for too long.", _CHECK_LIMB),
    Reason.CUFF_STATUS_LOST: Meaning(
        Kind.TRIP,
        _HIGH,
        "The cuff controller has fallen silent.",
        "Check its cable and power. " + _CHECK_LIMB,
    ),
    Reason.SENSOR_MISSING: Meaning(Kind.TRIP, _HIGH, "A pressure sensor gives no value.", _CHECK_LIMB),
    Reason.SENSOR_OUT_OF_RANGE: Meaning(
        Kind.TRIP, _HIGH, "A pressure sensor reads what cannot be.", _CHECK_LIMB
    ),
    Reason.SENSORS_DISAGREE: Meaning(
        Kind.TRIP, _HIGH, "The two pressure sensors disagree.", "Look for a kinked hose. " + _CHECK_LIMB
    ),
    Reason.UNEXPECTED_PRESSURE: Meaning(
        Kind.TRIP, _HIGH, "The cuff is under pressure and nobody asked for it.", _CHECK_LIMB
    ),
    Reason.INFLATION_TOO_SLOW: Meaning(
        Kind.TRIP, _HIGH, "The cuff did not reach its target in time.", "Look for a leak. " + _CHECK_LIMB
    ),
    Reason.PRESSURE_LOST: Meaning(
        Kind.TRIP,
        _HIGH,
        "The cuff pressure fell under systolic + 20 mmHg during the hold.",
        "Look for a leak. " + _CHECK_LIMB,
    ),
    Reason.DEFLATION_FAILED: Meaning(
        Kind.TRIP, _HIGH, "The cuff did not deflate: unplug the hose at the cuff.", _CHECK_LIMB
    ),
    Reason.DEVICE_FAULT: Meaning(Kind.TRIP, _HIGH, "The cuff controller reports a fault.", _CHECK_LIMB),
    Reason.DEVICE_RESET: Meaning(Kind.TRIP, _HIGH, "The cuff controller restarted.", _CHECK_LIMB),
    Reason.DEVICE_REFUSED: Meaning(
        Kind.TRIP, _HIGH, "The cuff controller refused an inflation command.", _CHECK_LIMB
    ),
    Reason.CYCLE_LATE: Meaning(Kind.TRIP, _HIGH, "The gateway was held up for too long.", _CHECK_LIMB),
    Reason.TIME_REVERSED: Meaning(Kind.TRIP, _HIGH, "The gateway's clock ran backwards.", _CHECK_LIMB),
    Reason.JOURNAL_FAILED: Meaning(
        Kind.TRIP, _HIGH, "The record cannot be written.", "Check the disk. " + _CHECK_LIMB
    ),
    Reason.CORE_RESTARTED: Meaning(Kind.TRIP, _HIGH, "The gateway restarted during a session.", _CHECK_LIMB),
    Reason.STOPPED_BY_OPERATOR: Meaning(Kind.ENDING, None, "A person stopped the session.", ""),
    Reason.CORE_STOPPED: Meaning(Kind.ENDING, None, "The service was stopped.", ""),
    Reason.TISSUE_SATURATION_LOST: Meaning(
        Kind.NOTICE, _MEDIUM, "The oximeter gives no value.", "Check its sensor and cable."
    ),
    Reason.PRESSURE_DEVIATION: Meaning(
        Kind.NOTICE,
        _MEDIUM,
        "The cuff is more than 15 mmHg from its target.",
        "Look at the cuff and the hose.",
    ),
    Reason.CUFF_NOT_REMOVED: Meaning(
        Kind.NOTICE,
        _LOW,
        "The cuff is still on the limb.",
        "Take it off and run `rvos session cuff-removed`.",
    ),
    Reason.LINK_LOST: Meaning(
        Kind.NOTICE,
        _LOW,
        "Nothing carries the record to the ward.",
        "Check that `rvos link` runs and reaches its broker.",
    ),
    Reason.CUFF_ABSENT: Meaning(
        Kind.NOTICE, _LOW, "The cuff controller does not answer.", "Check its cable and power."
    ),
}


def kind_of(reason: Reason) -> Kind:
    """The class of a reason."""
    return MEANINGS[reason].kind


def priority_of(reason: Reason) -> Priority | None:
    """The priority of the alarm that this reason raises, ``None`` for none."""
    return MEANINGS[reason].priority


def text_of(reason: Reason) -> str:
    """One line for a person: what is wrong and what to do."""
    meaning = MEANINGS[reason]
    return f"{meaning.text} {meaning.action}".strip()
