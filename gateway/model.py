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
from typing import NamedTuple


class Output(StrEnum):
    """An energising output, each leased and vetoed on its own."""

    CUFF = "cuff"
    STIMULATOR = "stimulator"


class Side(StrEnum):
    """The treated leg. Never defaulted: a person states it."""

    LEFT = "left"
    RIGHT = "right"


class Limb(StrEnum):
    """Where a cuff can be. Never defaulted: a person states it. The order is that of the wire."""

    LEFT_THIGH = "left_thigh"
    RIGHT_THIGH = "right_thigh"
    LEFT_UPPER_ARM = "left_upper_arm"
    RIGHT_UPPER_ARM = "right_upper_arm"

    @property
    def number(self) -> int:
        """0 to 3, as the cuff controller counts."""
        return LIMBS.index(self)

    @property
    def is_thigh(self) -> bool:
        """Whether this is one of the two thighs."""
        return self in (Limb.LEFT_THIGH, Limb.RIGHT_THIGH)


LIMBS: tuple[Limb, ...] = tuple(Limb)


class Purpose(StrEnum):
    """What an inflation is for: it decides which rules of pressure and time hold."""

    OCCLUSION = "occlusion"
    """Therapy above the systolic pressure (RVOS)."""
    RESTRICTION = "restriction"
    """Therapy below the limb occlusion pressure (BFR): congestion is its means."""
    OCCLUSION_TEST = "occlusion_test"
    """Examination: one occlusion, watched by the oximeter."""
    LIMB_PRESSURE = "limb_pressure"
    """Examination: pressure in steps until the pulse is gone."""
    SHORT_OCCLUSIONS = "short_occlusions"
    """Examination: a series of occlusions of at most 10 s each."""
    ACCEPTANCE = "acceptance"
    """Test of the cuff itself, off every limb: does it fall fast enough?"""

    @property
    def is_therapy(self) -> bool:
        """Whether it counts against the budget of therapy rather than that of examinations."""
        return self in (Purpose.OCCLUSION, Purpose.RESTRICTION)

    @property
    def is_occlusive(self) -> bool:
        """Whether its target must stop the inflow; only then is congestion a fault."""
        return self not in (Purpose.RESTRICTION, Purpose.LIMB_PRESSURE, Purpose.ACCEPTANCE)


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
    OTHER_LIMB_DEFLATED = "other_limb_deflated"
    CONTRACTION_PAUSE = "contraction_pause"
    # refusals: this request will never be granted as it stands
    NOT_ARMED = "not_armed"
    TARGET_ABOVE_CEILING = "target_above_ceiling"
    TARGET_BELOW_SYSTOLIC = "target_below_systolic"
    PLANNED_TIME_TOO_LONG = "planned_time_too_long"
    REQUEST_CHANGED = "request_changed"
    TARGET_NEEDS_LIMB_PRESSURE = "target_needs_limb_pressure"
    NOT_READY = "not_ready"
    BUDGET_SPENT = "budget_spent"
    HISTORY_UNKNOWN = "history_unknown"
    TOO_MANY_SESSIONS = "too_many_sessions"
    TOO_SOON_AFTER_SESSION = "too_soon_after_session"
    STIMULATION_ABOVE_LIMIT = "stimulation_above_limit"
    STIMULATION_RISE_TOO_FAST = "stimulation_rise_too_fast"
    STIMULATION_NOT_CONFIGURED = "stimulation_not_configured"
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
    RESTARTS_TOO_MANY = "restarts_too_many"
    VENOUS_CONGESTION = "venous_congestion"
    REPERFUSION_FAILED = "reperfusion_failed"
    WRONG_LIMB = "wrong_limb"
    ELECTRODE_FAULT = "electrode_fault"
    STIMULATOR_LOST = "stimulator_lost"
    STIMULATOR_UNEXPECTED = "stimulator_unexpected"
    STATUS_TOO_RARE = "status_too_rare"
    STATUS_MISSING = "status_missing"
    STATUS_DAMAGED = "status_damaged"
    DEVICE_CLOCK = "device_clock"
    SENSOR_STUCK = "sensor_stuck"
    # endings by people and by the plan
    STOPPED_BY_OPERATOR = "stopped_by_operator"
    STOPPED_AT_BEDSIDE = "stopped_at_bedside"
    STOPPED_BY_PATIENT = "stopped_by_patient"
    INTOLERABLE = "intolerable"
    PATIENT_CLEARED = "patient_cleared"
    CORE_STOPPED = "core_stopped"
    # alarms without a trip
    TISSUE_SATURATION_LOST = "tissue_saturation_lost"
    PRESSURE_DEVIATION = "pressure_deviation"
    CUFF_NOT_REMOVED = "cuff_not_removed"
    LINK_LOST = "link_lost"
    CUFF_ABSENT = "cuff_absent"
    OCCLUSION_UNVERIFIED = "occlusion_unverified"
    LEAK = "leak"
    RESIDUAL_PRESSURE = "residual_pressure"
    TARGET_FAR_ABOVE_SYSTOLIC = "target_far_above_systolic"
    PAIN_SCORE_DUE = "pain_score_due"
    ANNUNCIATOR_LOST = "annunciator_lost"
    WAVEFORM_LOST = "waveform_lost"
    STIMULATION_HELD = "stimulation_held"
    RESPONSE_MISSING = "response_missing"
    PULSES_MISSING = "pulses_missing"
    FORCE_LOST = "force_lost"
    EMG_LOST = "emg_lost"
    BLOOD_PRESSURE_CHANGED = "blood_pressure_changed"
    BLOOD_PRESSURE_NOT_TAKEN = "blood_pressure_not_taken"
    BLOOD_PRESSURE_MODULE_LOST = "blood_pressure_module_lost"
    FREE_LIMB_NOT_DEFLATED = "free_limb_not_deflated"
    ALGOMETER_UNEXPECTED = "algometer_unexpected"


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
    NO_RISE = 512
    PUMP_STUCK = 1024
    PRESSURE_STEP = 2048


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a slow channel: StO2 in per mille, ``None`` where the device had no value."""

    value: int | None
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class StatusStream:
    """What was counted on the controller's wire since its port was opened: statuses that came, statuses
    that their numbers say were sent and did not come, frames in either direction that came damaged.
    """

    received: int
    missed: int
    damaged: int


@dataclass(frozen=True, slots=True)
class CuffReading:
    """One valid status frame of the cuff controller, stamped on arrival and by the device.

    ``limb_debts_ms`` has one entry per ``Limb``, in its order; ``presses`` counts the presses of the
    bedside button modulo 256; ``presence`` says that one made at rest still stands; ``working`` says
    that pump or valves are moving air; ``stream`` is what was counted when it came.
    """

    control_dmmhg: int | None
    limit_dmmhg: int | None
    debt_ms: int
    energised: bool
    faults: DeviceFault
    counter: int
    nonce: int
    device_ms: int
    arrived_ms: int
    limb_debts_ms: tuple[int, ...] = ()
    presses: int = 0
    working: bool = False
    relay_closed: bool = False
    patient_stop: bool = False
    presence: bool = False
    stream: StatusStream | None = None

    def debt_of_ms(self, limb: Limb | None) -> int:
        """The controller's own debt of this limb; the largest where none is named; the only one it has."""
        if not self.limb_debts_ms:
            return self.debt_ms
        return max(self.limb_debts_ms) if limb is None else self.limb_debts_ms[limb.number]

    @property
    def highest_dmmhg(self) -> int | None:
        """The larger of the two sensors, ``None`` when either is missing."""
        if self.control_dmmhg is None or self.limit_dmmhg is None:
            return None
        return max(self.control_dmmhg, self.limit_dmmhg)


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """A blood pressure in mmHg. ``module``: serial number of what took it; ``None``: a person did."""

    systolic_mmhg: int
    diastolic_mmhg: int
    entered_ms: int
    module: str | None = None

    @property
    def mean_times_three_mmhg(self) -> int:
        """Three times the mean arterial pressure, exactly: systolic + 2 x diastolic."""
        return self.systolic_mmhg + 2 * self.diastolic_mmhg


@dataclass(frozen=True, slots=True)
class Intent:
    """What the protocol would like of the cuff from now on.

    ``pressure_dmmhg`` of ``None`` asks for a vent.  ``planned_ms`` is the time from inflation
    command to vent command that this inflation is planned to take; ``cycle`` counts from 1.
    ``schedule_ms`` is the time under pressure of all that an examination still plans, this included.
    ``series`` tells the short occlusions of one examination from those of the next.
    """

    output: Output
    pressure_dmmhg: int | None
    planned_ms: int = 0
    cycle: int = 0
    purpose: Purpose = Purpose.OCCLUSION
    schedule_ms: int = 0
    series: int = 0


class StimulationIntent(NamedTuple):
    """What the protocol would like of the stimulator from now on: rectangular biphasic pulses.

    ``contraction`` counts from 1; ``presses`` counts how often a person asked for more.
    ``frequency_dhz`` is in 0.1 Hz, ``pulse_width_us`` the width of one phase.  ``planned_ms`` is how long
    this contraction is to last, ``ceiling_ua`` the most that it may come to while it does.
    """

    current_ua: int
    pulse_width_us: int
    frequency_dhz: int
    contraction: int
    presses: int = 0
    planned_ms: int = 0
    ceiling_ua: int = 0


@dataclass(frozen=True, slots=True)
class Permit:
    """The supervisor's yes: this value, until this instant of the clock that was handed in."""

    output: Output
    pressure_dmmhg: int
    expires_ms: int


class StimulationPermit(NamedTuple):
    """The supervisor's yes to pulses of this kind, until this instant."""

    current_ua: int
    pulse_width_us: int
    frequency_dhz: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Safe:
    """The supervisor's no: the output goes to its safe state, for this reason."""

    output: Output
    reason: Reason


@dataclass(frozen=True, slots=True)
class Exposure:
    """Time that one limb of a patient spent above 15 mmHg, as seen from now.

    ``above_ms`` lies between two ages.  Both are lower bounds: time that no clock vouches for counts as
    nothing.  ``started_ago_ms`` is ``None`` where nobody knows when it began.
    """

    limb: Limb
    therapy: bool
    above_ms: int
    ended_ago_ms: int
    started_ago_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session that a patient had; ``ended_ago_ms`` is a lower bound, 0 while the cuff is on."""

    therapy: bool
    ended_ago_ms: int


@dataclass(frozen=True, slots=True)
class History:
    """What a gateway knows of one patient's last day.

    ``told_ago_ms`` is how long ago that knowledge was last whole: at a declaration, or while this gateway
    had the patient.  ``None`` when it never was, or when no clock vouches for the time since.
    """

    exposures: tuple[Exposure, ...] = ()
    sessions: tuple[PastSession, ...] = ()
    told_ago_ms: int | None = None
