"""A journal as version 0.1.0 wrote it: every event type that it had, with the keys that it had, and no other.

The bodies are written out, so that no present code can change them: a side instead of a limb, no purpose of
an inflation, one debt for all limbs, no row that binds a session to its patient.
"""

from pathlib import Path
from typing import Any

import msgspec

from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Kind, Row, Stamp

DEVICE = "rvos-virtual"
SESSION = "rvos-virtual-1-1"
WALL_MS = 1_767_225_600_000
PATIENT = "token-1"

_STARTED = {
    "prescription": "demo",
    "prescription_hash": "ab12",
    "side": "left",
    "cycles_prescribed": 2,
    "occlusion_ms": 6000,
    "reperfusion_ms": 6000,
    "margin_mmhg": 50,
    "version": "0.1.0",
    "firmware": "0.1.0",
    "firmware_limits_crc": 123456,
    "cuff_serial": "virtual",
    "cuff_description": "simulated fast cuff",
    "oximeter_description": "simulated limb",
}
_RUN = {
    "version": "0.1.0",
    "boot_id": "first",
    "config_hash": "cd34",
    "firmware_limits_crc": 123456,
    "ischaemia_debt_ms": 300_000,
    "debt_proof": "none",
}
_CUFF = {
    "device": "cuff",
    "serial": "virtual",
    "model": "virtual",
    "firmware": "0.1.0",
    "protocol": 1,
    "limits_crc": 123456,
    "description": "simulated fast cuff",
}
_ASKED = {"verb": "session_start", "uid": 1000, "gid": 1000, "pid": 77, "patient": PATIENT}
_ALARM = {"alarm_id": "1-1", "condition": "blood_pressure_stale"}
_AUTHORISED = {
    "cycle": 1,
    "target_dmmhg": 1700,
    "planned_ms": 6000,
    "ischaemia_debt_ms": 0,
    "systolic_mmhg": 120,
}


def _trace(at_ms: int, dmmhg: int) -> dict[str, Any]:
    return {
        "phase": "holding",
        "cycle": 1,
        "target_dmmhg": 1700,
        "ischaemia_debt_ms": 3000,
        "cuff": [[at_ms, dmmhg, dmmhg], [at_ms + 50, dmmhg, dmmhg]],
        "sto2": [[at_ms, 650]],
    }


_Told = tuple[Kind, str, int, dict[str, Any]]

UNTIL_THE_HOLD: list[_Told] = [
    ("event", "core_started", 1_000, _RUN),
    ("event", "device_identified", 1_500, _CUFF),
    (
        "event",
        "self_tested",
        2_000,
        {"passed": True, "control_zero_dmmhg": 0, "limit_zero_dmmhg": 1, "detail": ""},
    ),
    ("audit", "request_asked", 3_000, _ASKED),
    ("event", "session_started", 3_100, _STARTED),
    ("event", "blood_pressure_entered", 3_100, {"systolic_mmhg": 120, "diastolic_mmhg": 70}),
    ("event", "inflation_authorised", 9_000, _AUTHORISED),
    ("event", "inflation_started", 9_100, {"cycle": 1, "target_dmmhg": 1700}),
    ("event", "hold_reached", 10_000, {"cycle": 1, "target_dmmhg": 1700}),
    ("trace", "trace", 11_000, _trace(10_000, 1700)),
]
THE_REST: list[_Told] = [
    ("event", "vent_commanded", 15_100, {"cycle": 1, "reason": "planned"}),
    ("event", "cuff_deflated", 16_000, {"cycle": 1}),
    ("trace", "trace", 17_000, _trace(16_000, 0)),
    ("event", "alarm_raised", 18_000, {**_ALARM, "priority": "medium", "text": "The blood pressure is old."}),
    ("event", "alarm_acknowledged", 18_500, _ALARM),
    ("event", "alarm_ended", 19_000, _ALARM),
    ("event", "cycle_skipped", 20_000, {"cycle": 2, "reason": "blood_pressure_stale"}),
    ("event", "session_stopped", 21_000, {"reason": "stopped_by_operator"}),
    ("event", "session_ended", 21_100, {"outcome": "stopped", "reason": "stopped_by_operator"}),
    ("event", "device_lost", 22_000, {"device": "oximeter", "reason": "unplugged"}),
    ("event", "tripped", 23_000, {"reason": "cuff_status_lost", "detail": "no status"}),
    ("event", "trip_cleared", 24_000, {"reason": "cuff_status_lost"}),
    ("event", "core_stopped", 30_000, {"reason": "asked to stop"}),
]
WHOLE = UNTIL_THE_HOLD + THE_REST


def write(path: Path, told: list[_Told]) -> None:
    """The journal of one run in which this was told, in ms of its machine."""
    with Journal.open(path, device=DEVICE) as journal:
        boot = journal.next_boot()
        for kind, type_, at_ms, body in told:
            session = SESSION if 3_100 <= at_ms < 22_000 else ""
            stamp = Stamp(boot, at_ms, WALL_MS + at_ms, ClockQuality.SIMULATED)
            journal.append([Row(kind, type_, session, stamp, msgspec.json.encode(body))])
