"""The limits that are built into the cuff's firmware.

Theory of operation
-------------------
Written by hand, and by hand a second time in the gateway's safety room: the device says the CRC-32 of its
own table in its hello, and a gateway whose table differs refuses to arm.  The host can lower the
ceiling with "tighten"; nothing on the wire raises any of these.

``pressure_trip_*``: either sensor above ``dmmhg`` for ``ms``, or above ``once`` a single time, vents and
latches.  ``debt_*``: the ischaemia debt (one second for each second above ``deflated``, minus one for each
below) must leave room for the planned time when an inflation starts, and vents when it is exceeded; after
a reset the device assumes that each limb has just been occluded for as long as is allowed.

``overdue_ms``: how long an inflation may outlast its planned time; the gateway allows 15 s.
``presence_ms``: how long a press of the bedside button lets a host clear faults, or test a cuff off every
limb; ten seconds more than the gateway's minute, which has a self-test and a row to wait for in between.
``presence_rest_ms``: how long a press stands while nothing is energised: more than the five minutes of
reperfusion and the ten that a plan waits for a blood pressure together.  ``limb_gap_ms``: from the
last deflation to an inflation of another limb.  ``no_rise_*``: what a pump at work must bring about while
the cuff is empty.  ``vent_*``: from above ``check_above``, a vent takes ``fall`` away within ``check``.
``pump_stuck_dmmhg``: a rise above the pressure at the vent that only a pump that runs on can cause.
``pressure_step_*``: what both sensors together may change by within ``ms``; no air and no limb is so fast.
``silent_host_ms``: a host that was heard once and says nothing for so long has been lost.  These are
engineering proposals.

Units: pressures 0.1 mmHg, times ms.
Portable subset: runs on CPython and on MicroPython.
"""

PRESSURE_CEILING_DMMHG = 3000
PRESSURE_TRIP_DMMHG = 3100
PRESSURE_TRIP_MS = 100
PRESSURE_TRIP_ONCE_DMMHG = 3200
DEFLATED_DMMHG = 150
DEBT_INFLATION_MS = 300000
DEBT_VENT_MS = 330000
DEBT_AFTER_RESET_MS = 300000
OVERDUE_MS = 20000
LEASE_LONGEST_MS = 1000
SENSORS_DISAGREE_DMMHG = 200
SENSORS_DISAGREE_MS = 1000
SENSOR_MISSING_MS = 100
LOOP_LATE_MS = 200
NOT_DEFLATED_MS = 10000
SELF_TEST_ZERO_DMMHG = 30
PRESENCE_MS = 70000
PRESENCE_REST_MS = 1200000
LIMB_GAP_MS = 60000
NO_RISE_MS = 5000
NO_RISE_DMMHG = 50
VENT_CHECK_ABOVE_DMMHG = 500
VENT_CHECK_MS = 1000
VENT_FALL_DMMHG = 100
PUMP_STUCK_DMMHG = 200
PRESSURE_STEP_DMMHG = 200
PRESSURE_STEP_MS = 20
SILENT_HOST_MS = 5000

# In the order of firmware_bridge.cuff.LIMIT_NAMES.
LIMITS = (
    ("pressure_ceiling_dmmhg", PRESSURE_CEILING_DMMHG),
    ("pressure_trip_dmmhg", PRESSURE_TRIP_DMMHG),
    ("pressure_trip_ms", PRESSURE_TRIP_MS),
    ("pressure_trip_once_dmmhg", PRESSURE_TRIP_ONCE_DMMHG),
    ("deflated_dmmhg", DEFLATED_DMMHG),
    ("debt_inflation_ms", DEBT_INFLATION_MS),
    ("debt_vent_ms", DEBT_VENT_MS),
    ("debt_after_reset_ms", DEBT_AFTER_RESET_MS),
    ("overdue_ms", OVERDUE_MS),
    ("lease_longest_ms", LEASE_LONGEST_MS),
    ("sensors_disagree_dmmhg", SENSORS_DISAGREE_DMMHG),
    ("sensors_disagree_ms", SENSORS_DISAGREE_MS),
    ("sensor_missing_ms", SENSOR_MISSING_MS),
    ("loop_late_ms", LOOP_LATE_MS),
    ("not_deflated_ms", NOT_DEFLATED_MS),
    ("self_test_zero_dmmhg", SELF_TEST_ZERO_DMMHG),
    ("presence_ms", PRESENCE_MS),
    ("presence_rest_ms", PRESENCE_REST_MS),
    ("limb_gap_ms", LIMB_GAP_MS),
    ("no_rise_ms", NO_RISE_MS),
    ("no_rise_dmmhg", NO_RISE_DMMHG),
    ("vent_check_above_dmmhg", VENT_CHECK_ABOVE_DMMHG),
    ("vent_check_ms", VENT_CHECK_MS),
    ("vent_fall_dmmhg", VENT_FALL_DMMHG),
    ("pump_stuck_dmmhg", PUMP_STUCK_DMMHG),
    ("pressure_step_dmmhg", PRESSURE_STEP_DMMHG),
    ("pressure_step_ms", PRESSURE_STEP_MS),
    ("silent_host_ms", SILENT_HOST_MS),
)
