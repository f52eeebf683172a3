"""What can happen: the typed bodies of the journal's ``event`` and ``trace`` rows.

Theory of operation
-------------------
Every fact that leaves the core is one of these structs.  The class name in snake case is the row's
type and the tail of its MQTT topic; its fields are the body.  Nothing here names a patient: the
patient token is an ``audit`` row, which is never shipped.

Bodies are flat and additive: a new field needs a default, and no field changes its type, because
dashboards bind to the keys.  The default is what a row of an earlier version means; where that row does not
say, it is "not known": the ``limb`` of a session is empty in rows of version 0.1.0, which named a side.

Units: pressures in 0.1 mmHg where the name says ``_dmmhg``, times in milliseconds (``_ms``) of the
row's own monotonic clock.
"""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all event bodies."""

    name: ClassVar[str] = ""


class CoreStarted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "core_started"
    version: str
    boot_id: str
    config_hash: str
    firmware_limits_crc: int
    ischaemia_debt_ms: int
    debt_proof: str  # "same_boot", "synchronised", "no_time", or "none" (then the debt is 300 s)


class CoreStopped(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "core_stopped"
    reason: str


class DeviceIdentified(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "device_identified"
    device: str  # "cuff", "oximeter", "stimulator", "hub", "emg", "pulse", "blood_pressure", "algometer"
    serial: str
    model: str
    firmware: str
    protocol: int
    limits_crc: int
    description: str  # the technician's words from the configuration


class DeviceLost(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "device_lost"
    device: str
    reason: str


class DeviceNoticed(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "device_noticed"
    device: str
    text: str  # what its driver concluded, learnt or complains of: a sentence


class SessionStarted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session_started"
    prescription: str
    prescription_hash: str
    limb: str = ""
    cycles_prescribed: int
    occlusion_ms: int
    reperfusion_ms: int
    margin_mmhg: int
    version: str
    firmware: str
    firmware_limits_crc: int
    cuff_serial: str
    cuff_description: str
    oximeter_description: str
    resumes: str = ""
    first_cycle: int = 1
    therapy: str = "rvos"
    uses_cuff: bool = True
    contractions_prescribed: int = 0
    current_most_ua: int = 0
    stimulator_description: str = ""
    cuff_accepted: bool = False
    examinations: bool = False  # armed for examinations too, or for nothing else


class PrescriptionBegun(Event, frozen=True, kw_only=True):
    """A person began the prescription of a session that was armed for examinations too.

    ``least_mmhg``: each target is lifted to that, the upper end of the limb occlusion pressure that was
    measured in this posture, because a person said so; 0: none is.
    """

    name: ClassVar[str] = "prescription_begun"
    prescription: str
    first_cycle: int
    posture: str = ""
    least_mmhg: int = 0


class BloodPressureEntered(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "blood_pressure_entered"
    systolic_mmhg: int
    diastolic_mmhg: int
    source: str = "person"  # or "module": it measured this by itself
    serial: str = ""  # the module's


class BloodPressureAuthorised(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "blood_pressure_authorised"
    limb: str  # on which the module may now inflate its own cuff; durable before it does
    serial: str


class BloodPressureHeldBack(Event, frozen=True, kw_only=True):
    """The module's systolic is too far from a person's: no pressure counts until a person enters one."""

    name: ClassVar[str] = "blood_pressure_held_back"
    systolic_mmhg: int
    diastolic_mmhg: int
    confirmed_systolic_mmhg: int
    serial: str


class InflationAuthorised(Event, frozen=True, kw_only=True):
    """Durable before the first lease of this inflation."""

    name: ClassVar[str] = "inflation_authorised"
    cycle: int
    target_dmmhg: int
    planned_ms: int
    ischaemia_debt_ms: int
    systolic_mmhg: int
    purpose: str = "occlusion"


class StimulationAuthorised(Event, frozen=True, kw_only=True):
    """Durable before the first pulse of this contraction; ``current_ua`` is the most that it may come to."""

    name: ClassVar[str] = "stimulation_authorised"
    contraction: int
    current_ua: int
    pulse_width_us: int
    frequency_dhz: int
    planned_ms: int


class StimulationStarted(Event, frozen=True, kw_only=True):
    """The first pulses of a contraction were permitted."""

    name: ClassVar[str] = "stimulation_started"
    contraction: int
    current_ua: int


class StimulationEnded(Event, frozen=True, kw_only=True):
    """``current_ua`` is the highest; ``at_cap``: none higher was authorised; ``reason``: "planned" when over.

    ``confirmed``: the stimulator said that it stimulated.  ``pulses``: they arrived at the muscle;
    ``response``: it answered; each "yes", "no" or, where no sensor looked that could say, "unknown".
    """

    name: ClassVar[str] = "stimulation_ended"
    contraction: int
    current_ua: int
    duration_ms: int
    reason: str
    confirmed: bool
    response: str
    at_cap: bool
    pulses: str = "unknown"


class CurrentChanged(Event, frozen=True, kw_only=True):
    """A person asked for more or less current; negative is less."""

    name: ClassVar[str] = "current_changed"
    contraction: int
    by_ua: int


class ScreeningAnswered(Event, frozen=True, kw_only=True):
    """The screening was answered and nothing spoke against the session."""

    name: ClassVar[str] = "screening_answered"
    questions: int
    cuff_width_mm: int | None
    circumference_mm: int | None


class OcclusionJudged(Event, frozen=True, kw_only=True):
    """A minute after the target was reached, or at the vent: "yes", "no" or "unknown"."""

    name: ClassVar[str] = "occlusion_judged"
    cycle: int
    verified: str


class PainScored(Event, frozen=True, kw_only=True):
    """``scale`` is "nrs" (0 to 10) or "cpot" (0 to 8)."""

    name: ClassVar[str] = "pain_scored"
    cycle: int
    scale: str
    score: int


class InflationStarted(Event, frozen=True, kw_only=True):
    """The first lease left the gateway: the inflation command."""

    name: ClassVar[str] = "inflation_started"
    cycle: int
    target_dmmhg: int
    purpose: str = "occlusion"


class HoldReached(Event, frozen=True, kw_only=True):
    """The control sensor first reached the target."""

    name: ClassVar[str] = "hold_reached"
    cycle: int
    target_dmmhg: int


class VentCommanded(Event, frozen=True, kw_only=True):
    """``reason`` is "planned" when the plan's own time was up."""

    name: ClassVar[str] = "vent_commanded"
    cycle: int
    reason: str


class CuffDeflated(Event, frozen=True, kw_only=True):
    """Both sensors first fell below 15 mmHg after a vent."""

    name: ClassVar[str] = "cuff_deflated"
    cycle: int


class CycleSkipped(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "cycle_skipped"
    cycle: int
    reason: str


class AlarmRaised(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "alarm_raised"
    alarm_id: str
    condition: str
    priority: str
    text: str


class AlarmEnded(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "alarm_ended"
    alarm_id: str
    condition: str


class AlarmAcknowledged(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "alarm_acknowledged"
    alarm_id: str
    condition: str


class AlarmEscalated(Event, frozen=True, kw_only=True):
    """Nobody acknowledged it in time; ``priority`` is assigned, ``presented`` is what is seen and heard."""

    name: ClassVar[str] = "alarm_escalated"
    alarm_id: str
    condition: str
    priority: str
    presented: str


class AlarmPaused(Event, frozen=True, kw_only=True):
    """A person silenced the sound of all alarms for so long; lamps and lists go on."""

    name: ClassVar[str] = "alarm_paused"
    pause_ms: int


class AlarmPauseEnded(Event, frozen=True, kw_only=True):
    """``why`` is "time", "new_alarm", "person" or "nothing_left"."""

    name: ClassVar[str] = "alarm_pause_ended"
    why: str


class Tripped(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "tripped"
    reason: str
    detail: str


class TripCleared(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "trip_cleared"
    reason: str


class SessionStopped(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "session_stopped"
    reason: str


class SessionEnded(Event, frozen=True, kw_only=True):
    """``outcome`` is "completed", "stopped" or "interrupted"."""

    name: ClassVar[str] = "session_ended"
    outcome: str
    reason: str


class CuffRemoved(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "cuff_removed"


class CuffTested(Event, frozen=True, kw_only=True):
    """The acceptance of a cuff; ``fall_ms`` from 300 to below 15 mmHg, ``None`` where it was not seen."""

    name: ClassVar[str] = "cuff_tested"
    accepted: bool
    fall_ms: int | None
    cuff_serial: str
    cuff_description: str
    reason: str  # why it was not accepted; empty when it was


class ExaminationStarted(Event, frozen=True, kw_only=True):
    """An examination was asked for and fits; ``examination`` counts those of its session, from 1.

    ``inflations`` and ``under_pressure_ms`` are its whole schedule; of the choices that an examination does
    not have, ``occlusion_ms`` and ``margin_mmhg`` are 0 and ``target_permille`` is ``null``.
    """

    name: ClassVar[str] = "examination_started"
    examination: int
    exam: str
    limb: str
    posture: str
    inflations: int
    under_pressure_ms: int
    margin_mmhg: int
    occlusion_ms: int
    target_permille: int | None


class ExaminationEnded(Event, frozen=True, kw_only=True):
    """``outcome`` is "completed", "given_up", or as its session ended, "stopped" or "interrupted".

    ``trace_sha256`` is over its samples (``gateway.record.exam_trace``); ``trace_complete``: none is missing.
    Where core died meanwhile the next run writes this row, interrupted, without samples or digest: what was
    recorded stands in the ``trace`` rows.
    """

    name: ClassVar[str] = "examination_ended"
    examination: int
    exam: str
    outcome: str
    reason: str
    cuff_samples: int
    sto2_samples: int
    trace_complete: bool
    trace_sha256: str


class ExaminationResult(Event, frozen=True, kw_only=True):
    """What an analysis outside core made of an examination's trace.

    ``document`` is the whole result as JSON (``gateway.exams.result``), ``sha256`` the digest of its bytes;
    ``values`` counts its numbers, ``doubts`` the flags that say that one is doubtful or missing.
    """

    name: ClassVar[str] = "examination_result"
    examination: int
    exam: str
    definition: str
    limb: str
    values: int
    doubts: int
    trace_sha256: str
    sha256: str
    document: str


class LimbPressureMeasured(Event, frozen=True, kw_only=True):
    """From now on targets above 250 mmHg may be granted in this session; durable before any is.

    ``high_mmhg`` is the upper end of its interval: what closes the limb for certain.
    """

    name: ClassVar[str] = "limb_pressure_measured"
    examination: int
    pressure_mmhg: int
    high_mmhg: int
    systolic_mmhg: int
    limb: str
    posture: str
    cuff_serial: str
    cuff_description: str


class WaveformStarted(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "waveform_started"
    file: str  # its name, in the directory "waveforms" beside the journal
    streams: list[str]


class WaveformEnded(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "waveform_ended"
    file: str
    size_bytes: int  # what survives a power cut
    lost_frames: int  # of all streams
    failure: str  # why nothing more was written; empty when it was ended as planned


class SelfTested(Event, frozen=True, kw_only=True):
    name: ClassVar[str] = "self_tested"
    passed: bool
    control_zero_dmmhg: int | None
    limit_zero_dmmhg: int | None
    detail: str


EVENTS: dict[str, type[Event]] = {kind.name: kind for kind in Event.__subclasses__()}
"""Every event type of this module by its row type; the summary's own lives in ``summary``."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One second of slow samples: what time in band is folded from.  Not shipped.

    ``cuff`` holds ``[mono_ms, control_dmmhg, limit_dmmhg]`` per status frame, ``sto2`` holds
    ``[mono_ms, permille]`` per oximeter value; a missing value is ``null``, a missing frame is
    simply not there.  ``ischaemia_debt_ms`` is that of the limb under the cuff, ``limb``; ``debts_ms``
    has one entry per limb.
    """

    phase: str
    cycle: int
    target_dmmhg: int | None
    ischaemia_debt_ms: int
    cuff: list[tuple[int, int | None, int | None]]
    sto2: list[tuple[int, int | None]]
    limb: str = ""
    debts_ms: list[int] = []
