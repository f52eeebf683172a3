"""The summary as a sheet: every number where it belongs, what is missing never zero."""

from typing import Any

import msgspec
import pytest

from gateway.record.sheet import sheet
from gateway.record.summary import Summary
from gateway.record.words import duration, quantity, share

DONE = Summary(
    session="g-1-2",
    prescription="demo",
    prescription_hash="ab12",
    limb="left_thigh",
    outcome="completed",
    end_reason="planned",
    cuff_description="thigh cuff",
    oximeter_description="",
    cuff_serial="C-1",
    started_wall_ms=1_767_225_600_999,
    ended_wall_ms=1_767_225_640_000,
    duration_s=95.0,
    clock_quality="synchronised",
    boots=[1],
    occlusion_prescribed_s=6.0,
    reperfusion_prescribed_s=6.0,
    margin_mmhg=50,
    cycles_prescribed=2,
    cycles_delivered=1,
    cycles_skipped=1,
    occlusion_s=[6.0, None],
    reperfusion_s=[7.25, None],
    target_mmhg=[170.0, None],
    vent_reasons=["planned", None],
    time_in_band_5pct=0.982,
    time_in_band_10pct=0.991,
    time_in_band_15mmhg=1.0,
    sto2_baseline_percent=70.04,
    sto2_minimum_percent=41.5,
    sto2_recovery_s=12.3,
    systolic_mmhg=[120, 118],
    diastolic_mmhg=[80, 79],
    ischaemia_debt_start_s=0.0,
    stops=[],
    trips=[],
    alarms=["blood_pressure_stale", "link_lost"],
    alarm_highest_priority="medium",
    version="0.1.0",
    firmware="1.2.3",
    firmware_limits_crc=0x0000BEEF,
)


def rows(**changed: Any) -> dict[str, str]:
    lines = sheet(msgspec.structs.replace(DONE, **changed)).splitlines()
    return {line[:16].strip(): line[16:] for line in lines}


def test_a_session() -> None:
    assert rows() == {
        "Session": "g-1-2: completed",
        "Prescription": "demo, left thigh, systolic + 50 mmHg",
        "Started": "2026-01-01 00:00:00 UTC (clock synchronised), lasted 1 min 35 s",
        "Cycles": "1 of 2 delivered, 1 skipped",
        "cycle 1": "target 170.0 mmHg, occluded 6.0 s, then reperfused 7.2 s, vented: planned",
        "cycle 2": "not inflated",
        "Time in band": (
            "98.2 % of the hold within 5 %, 99.1 % within 10 %, 100.0 % within 15 mmHg of the target"
        ),
        "StO2": "baseline 70.0 %, minimum 41.5 %, back at baseline after 12.3 s",
        "Blood pressure": "120/80, 118/79 mmHg",
        "Ischaemia debt": "0 s at the start",
        "Alarms": "blood pressure stale, link lost",
        "Trips": "none",
        "Stops": "none",
        "Cuff": "thigh cuff (C-1)",
        "Oximeter": "none",
        "Versions": "rvos 0.1.0, firmware 1.2.3, limits 0000beef",
    }


def test_what_the_module_took_is_told_apart() -> None:
    told = rows(blood_pressure_sources=["person", "module"])
    assert told["Blood pressure"] == "120/80, 118/79 (module) mmHg"


def test_what_is_not_known_is_no_value() -> None:
    told = rows(
        outcome="interrupted",
        end_reason="core_restarted",
        duration_s=None,
        occlusion_s=[None],
        reperfusion_s=[None],
        target_mmhg=[170.0],
        vent_reasons=[None],
        time_in_band_5pct=None,
        time_in_band_10pct=None,
        time_in_band_15mmhg=None,
        sto2_baseline_percent=None,
        sto2_minimum_percent=None,
        sto2_recovery_s=None,
        systolic_mmhg=[],
        diastolic_mmhg=[],
        ischaemia_debt_start_s=None,
        trips=["core_restarted"],
        stops=["stopped_by_operator"],
        cuff_serial="",
        firmware="",
    )
    assert told["Session"] == "g-1-2: interrupted (core restarted)"
    assert told["Started"].endswith("lasted no value")
    assert told["cycle 1"] == (
        "target 170.0 mmHg, occluded no value, then reperfused no value, vented: unknown"
    )
    assert told["Time in band"] == "no value: the target was never held"
    assert told["StO2"] == "baseline no value, minimum no value, back at baseline after no value"
    assert told["Blood pressure"] == "none entered"
    assert told["Ischaemia debt"] == "no value"
    assert (told["Trips"], told["Stops"]) == ("core restarted", "stopped by operator")
    assert told["Cuff"] == "thigh cuff (serial unknown)"
    assert "firmware unknown" in told["Versions"]


def test_a_running_session_has_no_reason() -> None:
    assert rows(outcome="running", end_reason=None)["Session"] == "g-1-2: running"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (300, "5 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_numbers() -> None:
    assert (quantity(0.0, "s"), quantity(None, "s"), quantity(9.96, "%")) == ("0.0 s", "no value", "10.0 %")
    assert (share(0.0), share(None), share(0.5)) == ("0.0 %", "no value", "50.0 %")
