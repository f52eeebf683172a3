"""The frozen values that cross rooms.

Theory of operation
-------------------
Everything that one room hands to another is one of these immutable values: what was measured
(``CuffReading``, ``Sample``, ``BloodPressure``), what the protocol would like (``Intent``), what
the supervisor allowed (``Permit``) or why it did not (``Safe``).  They carry integers only, so the
rooms that decide about a limb never meet a rounding error and run the same on any machine.

Units
-----
pressure  0.1 mmHg (``_dmmhg``; 1700 is 170.0 mmHg), blood pressures as entered by a person in mmHg
time      milliseconds of one monotonic clock (``_ms``), handed in, never read
StO2      0.1 percentage points (``_permille``; 654 is 65.4 %)

``None`` never means zero.  A missing reading is ``None``; an ``Intent`` of ``None`` means "vent now",
while 0 means "regulate to 0".
"""

from dataclasses import dataclass
from enum import IntFlag, StrEnum


class Output(StrEnum):
    """An energising output, each leased and vetoed on its own."""

    CUFF = "cuff"


class Side(StrEnum):
    """The treated leg. Never defaulted: a person states it."""

    LEFT = "left"
    RIGHT = "right"


class Priority(StrEnum):
    """Alarm priority in the words of IEC 60601-1-8."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Reason(StrEnum):
    """Why an output is not energised, a session ended or an alarm sounds: one word each.

    The texts for people, the priorities and the classes (wait, refusal, trip) stand in
    ``gateway.safety.reasons``; a reason without an entry there fails the tests.
    """

    # nothing is asked for
    NO_REQUEST = "no_request"
    PLANNED = "planned"
    # waits: the output stays safe and the request may be granted later, by itself
    ISCHAEMIA_DEBT = "ischaemia_debt"
    BLOOD_PRESSURE_MISSING = "blood_pressure_missing"
    BLOOD_PRESSURE_STALE = "blood_pressure_stale"
    BLOOD_PRESSURE_OUT_OF_RANGE = "blood_pressure_out_of_range"
    JOURNAL_PENDING = "journal_pending"
    NOT_DEFLATED_YET = "not_deflated_yet"
    # refusals: this request will never be granted as it stands
    NOT_ARMED = "not_armed"
    TARGET_ABOVE_CEILING = "target_above_ceiling"
    TARGET_BELOW_SYSTOLIC = "target_below_systolic"
    PLANNED_TIME_TOO_LONG = "planned_time_too_long"
    REQUEST_CHANGED = "request_changed"
    # trips: vent, latch, wait for a person at the bedside
    OVER_PRESSURE = "over_pressure"
    OCCLUSION_TIME = "occlusion_time"
    CUFF_STATUS_LOST = "cuff_status_lost"
    SENSOR_MISSING = "sensor_missing"
    SENSOR_OUT_OF_RANGE = "sensor_out_of_range"
    SENSORS_DISAGREE = "sensors_disagree"
    UNEXPECTED_PRESSURE = "unexpected_pressure"
    INFLATION_TOO_SLOW = "inflation_too_slow"
    PRESSURE_LOST = "pressure_lost"
    DEFLATION_FAILED = "deflation_failed"
    DEVICE_FAULT = "device_fault"
    DEVICE_RESET = "device_reset"
    DEVICE_REFUSED = "device_refused"
    CYCLE_LATE = "cycle_late"
    TIME_REVERSED = "time_reversed"
    JOURNAL_FAILED = "journal_failed"
    CORE_RESTARTED = "core_restarted"
    # endings by people and by the plan
    STOPPED_BY_OPERATOR = "stopped_by_operator"
    CORE_STOPPED = "core_stopped"
    # alarms without a trip
    TISSUE_SATURATION_LOST = "tissue_saturation_lost"
    PRESSURE_DEVIATION = "pressure_deviation"
    CUFF_NOT_REMOVED = "cuff_not_removed"
    LINK_LOST = "link_lost"
    CUFF_ABSENT = "cuff_absent"


class DeviceFault(IntFlag):
    """Fault bits of the cuff controller's status message (``firmware_bridge.cuff``)."""

    NONE = 0
    OVER_PRESSURE = 1
    OCCLUSION_TIME = 2
    CONTROL_SENSOR = 4
    LIMIT_SENSOR = 8
    SENSORS_DISAGREE = 16
    GATEWAY_LOST = 32
    LOOP_LATE = 64
    SELF_TEST_FAILED = 128
    NOT_DEFLATED = 256


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a slow channel: StO2 in per mille, ``None`` where the device had no value."""

    value: int | None
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class CuffReading:
    """One valid status frame of the cuff controller, stamped on arrival and by the device."""

    control_dmmhg: int | None
    limit_dmmhg: int | None
    debt_ms: int
    energised: bool
    faults: DeviceFault
    counter: int
    nonce: int
    device_ms: int
    arrived_ms: int

    @property
    def highest_dmmhg(self) -> int | None:
        """The larger of the two sensors, ``None`` when either is missing."""
        if self.control_dmmhg is None or self.limit_dmmhg is None:
            return None
        return max(self.control_dmmhg, self.limit_dmmhg)


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """A blood pressure that a person entered, in mmHg."""

    systolic_mmhg: int
    diastolic_mmhg: int
    entered_ms: int

    @property
    def mean_times_three_mmhg(self) -> int:
        """Three times the mean arterial pressure, exactly: systolic + 2 x diastolic."""
        return self.systolic_mmhg + 2 * self.diastolic_mmhg


@dataclass(frozen=True, slots=True)
class Intent:
    """What the protocol would like of one output from now on.

    ``pressure_dmmhg`` of ``None`` asks for a vent.  ``planned_ms`` is the time from inflation
    command to vent command that this inflation is planned to take; ``cycle`` counts from 1.
    """

    output: Output
    pressure_dmmhg: int | None
    planned_ms: int = 0
    cycle: int = 0


@dataclass(frozen=True, slots=True)
class Permit:
    """The supervisor's yes: this value, until this instant of the clock that was handed in."""

    output: Output
    pressure_dmmhg: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Safe:
    """The supervisor's no: the output goes to its safe state, for this reason."""

    output: Output
    reason: Reason
