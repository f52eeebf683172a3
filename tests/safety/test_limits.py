"""The limits: each with its source, the same as the firmware's, and in the right order to each other."""

import binascii
import re
from dataclasses import asdict, fields

import pytest

from firmware_bridge.cuff import limits_crc
from firmware_bridge.mcu.limits import LIMITS as BUILT_IN
from gateway.model import Reason
from gateway.runtime.gate import RENEW_MS
from gateway.safety import limits
from gateway.safety.limits import FIRMWARE_LIMITS, HARD, SOURCES, Limits
from gateway.safety.texts import TEXTS, Language

FIRMWARE = dict(FIRMWARE_LIMITS)


def test_every_limit_has_a_source_and_no_source_lacks_its_limit() -> None:
    assert limits.undocumented() == []
    assert {field.name for field in fields(Limits)} == SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_says_something(name: str) -> None:
    assert SOURCES[name].source.strip()
    assert SOURCES[name].certainty in {"read", "standard from memory", "engineering proposal"}


def test_a_limit_without_a_source_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOURCES", {})
    assert limits.undocumented() == [field.name for field in fields(Limits)]


def test_limits_are_whole_numbers_with_a_unit() -> None:
    for field in fields(Limits):
        assert type(getattr(HARD, field.name)) is int
        assert field.name.rsplit("_", 1)[1] in UNITS


def test_a_number_is_changed_in_two_places_or_not_at_all() -> None:
    words = HARD_LIMITS.split()
    assert asdict(HARD) == {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}


HARD_LIMITS = """
pressure_ceiling_dmmhg 3000  pressure_trip_dmmhg 3100  pressure_trip_ms 100
pressure_trip_once_dmmhg 3200  deflated_dmmhg 150  debt_inflation_ms 300000  debt_vent_ms 315000
debt_unknown_ms 300000  planned_longest_ms 300000  overdue_ms 15000  permit_ms 800
status_age_ms 500  status_every_ms 200  status_owed_ms 1000  missed_weighs_ms 100  missed_ms 1000
damaged_weighs_ms 500  damaged_ms 5000  status_late_ms 500  status_late_for_ms 200
status_ahead_ms 500  absent_ms 5000  sensor_missing_ms 200  sensor_lowest_dmmhg -150
sensor_highest_dmmhg 4000  sensors_disagree_dmmhg 150  sensors_disagree_ms 1000
stuck_beside_dmmhg 50  stuck_beside_ms 1000  stuck_working_ms 3000  reached_dmmhg 30
respond_ms 5000  pass_ms 30000  reach_ms 45000  unmeasured_target_dmmhg 2500
congestion_lowest_dmmhg 200  congestion_ms 30000  relief_ms 1000  deviation_dmmhg 150
deviation_moving_dmmhg 300  deviation_ms 1500  leak_after_ms 60000  leak_ms 8000
leak_duty_permille 200  far_above_systolic_mmhg 100  occluding_margin_mmhg 20  pressure_lost_ms 1500
not_deflated_ms 10000  acceptance_ms 8000  acceptance_planned_ms 60000  residual_dmmhg 50
residual_ms 60000  limb_gap_ms 60000  verify_ms 60000  saturation_fall_permille 50
recovery_ms 60000  other_limb_every_ms 10000  haemoglobin_permille 50  haemoglobin_ms 10000
short_longest_ms 10000  short_series_ms 600000  cycle_late_ms 900  systolic_lowest_mmhg 90
systolic_highest_mmhg 180  mean_lowest_mmhg 65  blood_pressure_age_ms 300000
authorisation_age_ms 5000  tissue_saturation_age_ms 10000  press_age_ms 60000
circumference_largest_mm 770  therapy_budget_ms 2700000  therapy_window_ms 72000000
examination_budget_ms 1200000  examination_window_ms 86400000  sessions_most 3
sessions_window_ms 86400000  session_gap_ms 14400000  resume_ms 3600000  restarts_most 3
restarts_window_ms 1800000  stimulation_rms_ua 50000  stimulation_density_ua_cm2 2000
stimulation_pulse_mj 300  stimulation_rise_ua 1000  stimulation_press_rise_ua 5000
stimulation_press_ms 1000  stimulation_pause_ms 500  stimulation_permit_ms 600
stimulator_age_ms 600  response_force_mn 2000  response_force_age_ms 1000
systolic_entry_lowest_mmhg 60  systolic_entry_highest_mmhg 250  self_test_zero_dmmhg 30
pain_first_mark_ms 120000  pain_second_mark_ms 240000  pain_answer_ms 30000  pain_stops_nrs 7
pain_stops_cpot 3  cuff_on_reminder_ms 300000  link_silent_ms 30000
"""

UNITS = {"dmmhg", "mmhg", "mm", "ms", "permille", "ua", "cm2", "mj", "mn", "nrs", "cpot", "most"}


# tightening


def test_a_site_may_only_lower_the_ceiling() -> None:
    assert HARD.tightened(3000) == HARD
    assert HARD.tightened(2500).pressure_ceiling_dmmhg == 2500
    assert HARD.tightened(1).pressure_ceiling_dmmhg == 1
    assert HARD.pressure_ceiling_dmmhg == 3000


@pytest.mark.parametrize("ceiling", [3001, 0, -1])
def test_a_ceiling_that_is_no_tightening_is_refused(ceiling: int) -> None:
    with pytest.raises(ValueError, match=rf"a site ceiling of {ceiling} .* may only be tightened"):
        HARD.tightened(ceiling)


def test_a_tightened_ceiling_is_not_raised_again() -> None:
    with pytest.raises(ValueError, match=r"within 1\.\.2500"):
        HARD.tightened(2500).tightened(2501)


# the firmware's table


def test_the_gateways_copy_is_what_the_firmware_has_built_in() -> None:
    assert FIRMWARE_LIMITS == BUILT_IN


def test_both_crcs_are_over_the_same_text() -> None:
    text = limits.firmware_limits_text()
    assert text.startswith(b"pressure_ceiling_dmmhg=3000\npressure_trip_dmmhg=3100\n")
    assert text.endswith(b"silent_host_ms=5000\n")
    assert text.count(b"\n") == len(BUILT_IN)
    assert limits_crc(BUILT_IN) == limits_crc(FIRMWARE_LIMITS) == binascii.crc32(text)


def test_a_changed_limit_changes_the_crc() -> None:
    changed = (*FIRMWARE_LIMITS[:-1], ("self_test_zero_dmmhg", 31))
    assert limits_crc(changed) != limits_crc(FIRMWARE_LIMITS)


# two layers, the gateway first


@pytest.mark.parametrize(
    ("gateways", "firmwares"),
    [
        ("debt_vent_ms", "debt_vent_ms"),
        ("debt_inflation_ms", "debt_vent_ms"),
        ("permit_ms", "lease_longest_ms"),
        ("cycle_late_ms", "lease_longest_ms"),
        ("status_age_ms", "lease_longest_ms"),
        ("sensors_disagree_dmmhg", "sensors_disagree_dmmhg"),
        ("overdue_ms", "overdue_ms"),
        ("press_age_ms", "presence_ms"),
    ],
)
def test_the_gateway_acts_before_the_firmware(gateways: str, firmwares: str) -> None:
    assert getattr(HARD, gateways) < FIRMWARE[firmwares]


@pytest.mark.parametrize(
    ("gateways", "firmwares"),
    [
        ("pressure_ceiling_dmmhg", "pressure_ceiling_dmmhg"),
        ("pressure_trip_dmmhg", "pressure_trip_dmmhg"),
        ("pressure_trip_ms", "pressure_trip_ms"),
        ("pressure_trip_once_dmmhg", "pressure_trip_once_dmmhg"),
        ("deflated_dmmhg", "deflated_dmmhg"),
        ("debt_inflation_ms", "debt_inflation_ms"),
        ("debt_unknown_ms", "debt_after_reset_ms"),
        ("sensors_disagree_ms", "sensors_disagree_ms"),
        ("not_deflated_ms", "not_deflated_ms"),
    ],
)
def test_where_both_layers_mean_the_same_they_say_the_same(gateways: str, firmwares: str) -> None:
    assert getattr(HARD, gateways) == FIRMWARE[firmwares]


def test_the_limits_are_in_the_right_order() -> None:
    relief_valve = 3300
    ceiling, trip, once = HARD.pressure_ceiling_dmmhg, HARD.pressure_trip_dmmhg, HARD.pressure_trip_once_dmmhg
    assert ceiling < trip < once < relief_valve < HARD.sensor_highest_dmmhg
    assert HARD.planned_longest_ms <= HARD.debt_inflation_ms < HARD.debt_vent_ms
    assert HARD.debt_inflation_ms + HARD.not_deflated_ms <= HARD.debt_vent_ms
    assert HARD.planned_longest_ms + HARD.overdue_ms <= HARD.debt_vent_ms
    assert HARD.debt_unknown_ms >= HARD.debt_inflation_ms
    assert HARD.reached_dmmhg < HARD.deviation_dmmhg
    assert HARD.reached_dmmhg < HARD.occluding_margin_mmhg * 10
    assert HARD.sensor_missing_ms < HARD.status_age_ms
    assert HARD.reach_ms < HARD.planned_longest_ms


def test_a_permit_outlives_several_renewals_and_a_silence_of_the_status() -> None:
    assert HARD.permit_ms >= 3 * RENEW_MS
    assert HARD.status_age_ms < HARD.permit_ms


def test_an_entry_window_holds_the_therapeutic_one() -> None:
    assert HARD.systolic_lowest_mmhg > HARD.systolic_entry_lowest_mmhg
    assert HARD.systolic_highest_mmhg < HARD.systolic_entry_highest_mmhg


# the numbers in the texts for people


@pytest.mark.parametrize(
    ("reason", "numbers"),
    [
        (Reason.BLOOD_PRESSURE_STALE, [HARD.blood_pressure_age_ms // 60_000]),
        (
            Reason.BLOOD_PRESSURE_OUT_OF_RANGE,
            [HARD.systolic_lowest_mmhg, HARD.systolic_highest_mmhg, HARD.mean_lowest_mmhg],
        ),
        (Reason.NOT_DEFLATED_YET, [HARD.deflated_dmmhg // 10]),
        (Reason.TARGET_BELOW_SYSTOLIC, [HARD.occluding_margin_mmhg]),
        (Reason.PLANNED_TIME_TOO_LONG, [HARD.planned_longest_ms // 1_000]),
        (Reason.PRESSURE_DEVIATION, [HARD.deviation_dmmhg // 10]),
    ],
)
def test_the_texts_say_the_numbers_of_the_limits(reason: Reason, numbers: list[int]) -> None:
    for language in Language:
        assert [int(number) for number in re.findall(r"\d+", TEXTS[language][reason].text)] == numbers
