"""How each reason behaves: no reason without a meaning, no trip without a high alarm."""

import pytest

from gateway.model import Priority, Reason
from gateway.safety.checks import TRIPS
from gateway.safety.reasons import MEANINGS, Kind, kind_of, priority_of


def of_kind(*kinds: Kind) -> list[Reason]:
    return [reason for reason in Reason if MEANINGS[reason].kind in kinds]


def test_every_reason_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(Reason)


BEHAVIOUR = {
    (Kind.ENDING, None): """
        NO_REQUEST PLANNED STOPPED_BY_OPERATOR STOPPED_AT_BEDSIDE STOPPED_BY_PATIENT INTOLERABLE
        PATIENT_CLEARED CORE_STOPPED
    """,
    (Kind.WAIT, None): """
        ISCHAEMIA_DEBT JOURNAL_PENDING NOT_DEFLATED_YET OTHER_LIMB_DEFLATED CONTRACTION_PAUSE
    """,
    (Kind.WAIT, Priority.MEDIUM): """
        BLOOD_PRESSURE_MISSING BLOOD_PRESSURE_STALE BLOOD_PRESSURE_OUT_OF_RANGE
    """,
    (Kind.REFUSAL, None): """
        NOT_ARMED HISTORY_UNKNOWN TOO_MANY_SESSIONS TOO_SOON_AFTER_SESSION
        STIMULATION_NOT_CONFIGURED
    """,
    (Kind.REFUSAL, Priority.MEDIUM): """
        TARGET_ABOVE_CEILING TARGET_BELOW_SYSTOLIC PLANNED_TIME_TOO_LONG REQUEST_CHANGED
        TARGET_NEEDS_LIMB_PRESSURE NOT_READY BUDGET_SPENT STIMULATION_ABOVE_LIMIT
        STIMULATION_RISE_TOO_FAST
    """,
    (Kind.TRIP, Priority.HIGH): """
        OVER_PRESSURE OCCLUSION_TIME CUFF_STATUS_LOST SENSOR_MISSING SENSOR_OUT_OF_RANGE
        SENSORS_DISAGREE UNEXPECTED_PRESSURE INFLATION_TOO_SLOW PRESSURE_LOST DEFLATION_FAILED
        DEVICE_FAULT DEVICE_RESET DEVICE_REFUSED CYCLE_LATE TIME_REVERSED JOURNAL_FAILED
        CORE_RESTARTED RESTARTS_TOO_MANY VENOUS_CONGESTION REPERFUSION_FAILED WRONG_LIMB
        ELECTRODE_FAULT STIMULATOR_LOST STIMULATOR_UNEXPECTED STATUS_TOO_RARE STATUS_MISSING
        STATUS_DAMAGED DEVICE_CLOCK SENSOR_STUCK
    """,
    (Kind.NOTICE, Priority.MEDIUM): """
        TISSUE_SATURATION_LOST PRESSURE_DEVIATION OCCLUSION_UNVERIFIED LEAK RESIDUAL_PRESSURE
        TARGET_FAR_ABOVE_SYSTOLIC ANNUNCIATOR_LOST STIMULATION_HELD BLOOD_PRESSURE_CHANGED
        BLOOD_PRESSURE_NOT_TAKEN FREE_LIMB_NOT_DEFLATED ALGOMETER_UNEXPECTED
    """,
    (Kind.NOTICE, Priority.LOW): """
        CUFF_NOT_REMOVED LINK_LOST CUFF_ABSENT PAIN_SCORE_DUE WAVEFORM_LOST
        RESPONSE_MISSING PULSES_MISSING FORCE_LOST EMG_LOST BLOOD_PRESSURE_MODULE_LOST
    """,
}


def test_a_meaning_is_changed_in_two_places_or_not_at_all() -> None:
    told = {Reason[name]: meaning for meaning, names in BEHAVIOUR.items() for name in names.split()}
    assert told == MEANINGS


@pytest.mark.parametrize("reason", Reason)
def test_a_meaning_is_found_by_its_reason(reason: Reason) -> None:
    assert (kind_of(reason), priority_of(reason)) == MEANINGS[reason]


@pytest.mark.parametrize("reason", of_kind(Kind.TRIP))
def test_every_trip_is_a_high_alarm(reason: Reason) -> None:
    assert priority_of(reason) is Priority.HIGH


@pytest.mark.parametrize("reason", of_kind(Kind.WAIT, Kind.REFUSAL, Kind.NOTICE))
def test_what_leaves_the_output_as_it_is_raises_no_high_alarm(reason: Reason) -> None:
    assert priority_of(reason) is not Priority.HIGH


@pytest.mark.parametrize("reason", of_kind(Kind.ENDING))
def test_an_ending_does_not_alarm(reason: Reason) -> None:
    assert priority_of(reason) is None


@pytest.mark.parametrize("reason", of_kind(Kind.NOTICE))
def test_a_notice_alarms(reason: Reason) -> None:
    assert priority_of(reason) in {Priority.MEDIUM, Priority.LOW}


def test_every_check_is_a_trip_and_stands_in_the_table_once() -> None:
    checked = [reason for reason, _ in TRIPS]
    assert len(checked) == len(set(checked))
    latched_by_a_start = {Reason.CORE_RESTARTED, Reason.RESTARTS_TOO_MANY}
    assert set(checked) == set(of_kind(Kind.TRIP)) - latched_by_a_start
