"""The panel of ``rvos session status``: every state reads as what it is."""

from typing import Any

import msgspec
import pytest

from gateway.cli.panel import panel, reason_text
from gateway.model import Reason
from gateway.safety.texts import text_of
from gateway.therapy.rvos import Phase
from gateway.ward.messages import Alarm, Feed, Health, State

IDLE = State(mode="idle", cuff_ok=True, sto2_ok=False, cuff_mmhg=0.4, ischaemia_debt_s=0.0, alarms_active=0)
RUNNING = State(
    mode="session",
    session="g-4-1",
    prescription="rvos-after-rosprox",
    limb="right_thigh",
    cycle=2,
    cycles_prescribed=4,
    phase="holding",
    phase_left_s=192.0,
    target_mmhg=170.0,
    cuff_mmhg=169.8,
    limit_mmhg=170.1,
    sto2_percent=54.3,
    ischaemia_debt_s=123.0,
    cuff_ok=True,
    sto2_ok=True,
    blood_pressure_age_s=130.0,
    alarms_active=0,
)


def shown(state: State, *alarms: Alarm, **changed: Any) -> dict[str, str]:
    """The panel's rows by name; rows without a name are left out."""
    feed = Feed(state=msgspec.structs.replace(state, **changed), alarms=[*alarms], boot=4)
    lines = panel(feed).splitlines()
    return {line[:16].strip(): line[16:] for line in lines if line[:16].strip()}


def test_a_session_under_way() -> None:
    assert shown(RUNNING) == {
        "Mode": "a session is running",
        "Session": "g-4-1, prescription rvos-after-rosprox, right thigh",
        "Cycle": "2 of 4: occluded, 3 min 12 s left",
        "Cuff": "169.8 mmHg, target 170.0 mmHg",
        "StO2": "54.3 %",
        "Ischaemia debt": "2 min 3 s of at most 5 min",
        "Blood pressure": "entered 2 min 10 s ago",
        "Alarms": "none",
    }


def test_nothing_under_way() -> None:
    assert shown(IDLE) == {
        "Mode": "no session is running",
        "Cuff": "0.4 mmHg, no target",
        "StO2": "no value",
        "Ischaemia debt": "0 s of at most 5 min",
        "Alarms": "none",
    }


def test_missing_values_are_not_zero() -> None:
    rows = shown(IDLE, cuff_mmhg=None, cuff_ok=False, ischaemia_debt_s=None)
    assert rows["Cuff"] == "no value, no target (the cuff controller is not ready)"
    assert rows["Ischaemia debt"] == "no value"
    assert shown(RUNNING, blood_pressure_age_s=None)["Blood pressure"] == "none entered"


def test_a_blood_pressure_is_told_with_who_measured_it() -> None:
    counts = {"systolic_mmhg": 131.0, "diastolic_mmhg": 76.0}
    by_hand = shown(RUNNING, **counts, blood_pressure_by="person")
    assert by_hand["Blood pressure"] == "131/76 mmHg, entered 2 min 10 s ago"
    measured = shown(RUNNING, **counts, blood_pressure_by="module")
    assert measured["Blood pressure"] == "131/76 mmHg, taken by the module 2 min 10 s ago"


def test_a_reading_that_is_held_back_asks_for_a_person() -> None:
    held = shown(
        RUNNING, blood_pressure_age_s=None, held_back_systolic_mmhg=162.0, held_back_diastolic_mmhg=88.0
    )
    told = "none that counts: the module told 162/88 mmHg; measure by hand and enter it"
    assert held["Blood pressure"] == told


def test_zero_is_not_missing() -> None:
    rows = shown(RUNNING, cuff_mmhg=0.0, target_mmhg=0.0, sto2_percent=0.0)
    assert rows["Cuff"] == "0.0 mmHg, target 0.0 mmHg"
    assert rows["StO2"] == "0.0 %"


def test_a_pressure_is_shown_even_when_the_controller_is_not_ready() -> None:
    assert shown(RUNNING, cuff_ok=False)["Cuff"].startswith("169.8 mmHg")


def test_a_latched_fault_is_in_the_first_lines() -> None:
    rows = shown(IDLE, mode="latched", latched="over_pressure")
    assert [*rows][:2] == ["Mode", "Fault"]
    assert "STOPPED" in rows["Mode"]
    assert rows["Fault"] == text_of(Reason.OVER_PRESSURE)
    assert "rvos session reset" in rows["Fault"]


def test_what_the_session_waits_for() -> None:
    assert "rvos session pressure" in shown(RUNNING, waiting_for="blood_pressure_stale")["Waiting"]
    assert "Waiting" not in shown(RUNNING)


@pytest.mark.parametrize("phase", [*Phase, "ending"])
def test_every_phase_has_its_words(phase: str) -> None:
    words = shown(RUNNING, phase=phase, phase_left_s=0.0)["Cycle"].removeprefix("2 of 4: ")
    assert words not in ("", "holding", "reperfusion", "waiting", "baseline")
    assert "left" not in words


def test_an_ending_session_promises_no_time() -> None:
    assert shown(RUNNING, phase="ending")["Cycle"] == "2 of 4: ending, the cuff is emptying"


def test_words_of_another_version_are_passed_on() -> None:
    assert shown(RUNNING, phase="rinsing", phase_left_s=None)["Cycle"] == "2 of 4: rinsing"
    assert reason_text("solar_flare") == "solar_flare"


@pytest.mark.parametrize("reason", [*Reason])
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    assert reason_text(reason.value) == text_of(reason) != reason.value


def test_alarms_the_most_urgent_first_each_with_its_text() -> None:
    alarms = [
        Alarm(
            alarm_id=f"4-{number}", condition="c", priority=priority, state=state, text=text, raised_ms=number
        )
        for number, (priority, state, text) in enumerate(
            [
                ("low", "active", "No ward."),
                ("medium", "acknowledged", "No oximeter."),
                ("high", "latched", "Too much."),
                ("high", "active", "Too long."),
            ]
        )
    ]
    feed = Feed(state=RUNNING, alarms=alarms, boot=4)
    assert panel(feed).splitlines()[-4:] == [
        "Alarms          HIGH    4-2: Too much. (over, but nobody has acknowledged it)",
        "                HIGH    4-3: Too long.",
        "                MEDIUM  4-1: No oximeter. (acknowledged)",
        "                LOW     4-0: No ward.",
    ]


def test_devices_are_named_only_when_they_are_not_as_they_should_be() -> None:
    counted = {"opened": 1, "frames": 0, "checksum_errors": 0, "resyncs": 0, "gaps": 0}
    devices = [
        Health(device="cuff", link="ready", **counted),
        Health(device="hub", link="refused", why="it is a toaster", **counted),
        Health(device="emg", link="silent", **counted),
    ]
    lines = panel(Feed(state=RUNNING, alarms=[], boot=4, devices=devices)).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Devices"))
    assert [line.split(maxsplit=1)[-1] for line in lines[at : at + 1]] == ["hub: refused, it is a toaster"]
    assert lines[at + 1].strip() == "emg: silent"
    assert not any("cuff: " in line for line in lines)
