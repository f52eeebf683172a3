"""The limits that are built into the cuff's firmware.

Theory of operation
-------------------
Written by hand, and by hand a second time in the gateway's safety room: the device says the CRC-32 of its
own table in its hello, and a gateway whose table differs refuses to arm.  The host can lower the
ceiling with "tighten"; nothing on the wire raises any of these.

``pressure_trip_*``: either sensor above ``dmmhg`` for ``ms``, or above ``once`` a single time, vents and
latches.  ``debt_*``: the ischaemia debt (one second for each second above ``deflated``, minus one for each
below) must leave room for the planned time when an inflation starts, and vents when it is exceeded; after
a reset the device assumes that the limb has just been occluded for as long as is allowed.

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
LEASE_LONGEST_MS = 1000
SENSORS_DISAGREE_DMMHG = 200
SENSORS_DISAGREE_MS = 1000
SENSOR_MISSING_MS = 100
LOOP_LATE_MS = 200
NOT_DEFLATED_MS = 10000
SELF_TEST_ZERO_DMMHG = 30

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
    ("lease_longest_ms", LEASE_LONGEST_MS),
    ("sensors_disagree_dmmhg", SENSORS_DISAGREE_DMMHG),
    ("sensors_disagree_ms", SENSORS_DISAGREE_MS),
    ("sensor_missing_ms", SENSOR_MISSING_MS),
    ("loop_late_ms", LOOP_LATE_MS),
    ("not_deflated_ms", NOT_DEFLATED_MS),
    ("self_test_zero_dmmhg", SELF_TEST_ZERO_DMMHG),
)
