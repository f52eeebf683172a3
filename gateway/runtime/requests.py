"""What may be asked of core over its Unix socket, and what it answers.

Theory of operation
-------------------
One request is one line of JSON with a ``verb``; one reply is one line of JSON.  The transport adds
who asked (peer credentials); ``needs_operator`` says which verbs any local user may use: stopping
is the only one.  A reply carries the exit code that the command line ends with, so that scripts
and people see the same answer.

Exit codes: 0 done, 1 a finding (self-test or verification failed), 2 usage (a value that cannot be
meant), 65 refused (the values as they stand forbid it), 69 core or device unavailable, 70 a defect
ended core, 75 not now (something must happen first), 77 not permitted, 78 configuration.
"""

from typing import Annotated, Any, ClassVar

import msgspec

from drivers.host import LinkState

EXIT_OK = 0
EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_REFUSED = 65
EXIT_UNAVAILABLE = 69
EXIT_DEFECT = 70
EXIT_RECORD = 74
EXIT_NOT_NOW = 75
EXIT_NOT_PERMITTED = 77
EXIT_CONFIG = 78


Number = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""Any larger one is a slip or an attack, and nothing here is computed with it."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", forbid_unknown_fields=True):
    """Base of all requests."""

    needs_operator: ClassVar[bool] = True


class SessionStart(Request, frozen=True, kw_only=True, tag="session_start"):
    """``answers`` are those of ``gateway.therapy.screening``; ``resume`` takes up an interrupted session.

    A blood pressure is needed where a cuff inflates.  With ``examinations`` the prescription waits for
    ``SessionBegin``, and examinations may be given before and after it; without a ``prescription`` the
    session is armed for examinations alone.
    """

    prescription: str
    patient: str
    limb: str
    systolic_mmhg: Number | None = None
    diastolic_mmhg: Number | None = None
    confirm: bool
    answers: dict[str, str] = {}
    cuff_width_mm: Number | None = None
    circumference_mm: Number | None = None
    measured_again: bool = False
    resume: bool = False
    examinations: bool = False


class SessionBegin(Request, frozen=True, kw_only=True, tag="session_begin"):
    """Begin the prescription of a session that was armed for examinations too.

    ``posture`` is needed where a measured limb occlusion pressure is relied on: above 250 mmHg, or
    ``at_limb_pressure``, which lifts each target to the upper end of what was measured.
    """

    confirm: bool
    posture: str = ""
    at_limb_pressure: bool = False


class SessionPressure(Request, frozen=True, kw_only=True, tag="session_pressure"):
    """``measured_again`` answers the question that three identical systolic pressures raise."""

    systolic_mmhg: Number
    diastolic_mmhg: Number
    confirm: bool
    measured_again: bool = False


class SessionPain(Request, frozen=True, kw_only=True, tag="session_pain"):
    """One pain score: ``nrs`` 0 to 10 from who can speak, ``cpot`` 0 to 8 from who cannot."""

    nrs: Number | None = None
    cpot: Number | None = None


class SessionRaise(Request, frozen=True, kw_only=True, tag="session_raise"):
    """A person's press for more current."""

    by_ma: Number = 1
    confirm: bool


class SessionLower(Request, frozen=True, kw_only=True, tag="session_lower"):
    """A person's word for less current, at once."""

    by_ma: Number = 1


class SessionStop(Request, frozen=True, kw_only=True, tag="session_stop"):
    """Any local user may stop."""

    needs_operator: ClassVar[bool] = False


class SessionClearPatient(Request, frozen=True, kw_only=True, tag="session_clear_patient"):
    """Vent, open the stimulator's relay, end: for a defibrillation or a transport. Anybody may."""

    needs_operator: ClassVar[bool] = False


class SessionStatus(Request, frozen=True, kw_only=True, tag="session_status"):
    pass


class DeviceList(Request, frozen=True, kw_only=True, tag="device_list"):
    """Anybody may look."""

    needs_operator: ClassVar[bool] = False


class SessionReset(Request, frozen=True, kw_only=True, tag="session_reset"):
    confirm: bool


class SessionCuffRemoved(Request, frozen=True, kw_only=True, tag="session_cuff_removed"):
    pass


class AlarmList(Request, frozen=True, kw_only=True, tag="alarm_list"):
    pass


class AlarmAck(Request, frozen=True, kw_only=True, tag="alarm_ack"):
    """``alarm_id`` empty acknowledges every active alarm."""

    alarm_id: str = ""


PAUSE_LONGEST_S = 120
"""``gateway.safety.alarms.PAUSE_LONGEST_MS`` once more: the command line loads no room to know it."""


class AlarmPause(Request, frozen=True, kw_only=True, tag="alarm_pause"):
    """Silence the sound for at most ``PAUSE_LONGEST_S`` seconds; 0 ends a pause."""

    seconds: Number


class SelfTest(Request, frozen=True, kw_only=True, tag="self_test"):
    pass


class CuffAccept(Request, frozen=True, kw_only=True, tag="cuff_accept"):
    """Test the cuff itself: ``off_every_limb`` is a person's word that it lies on nobody."""

    off_every_limb: bool
    confirm: bool


class DeclaredSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session at another place, in the words of whoever knows of it."""

    limb: str
    ended_min_ago: Number
    above_min: Number
    therapy: bool


class DeclaredStimulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session with stimulation at another place; ``stimulated_min`` is the time of its pulses."""

    limb: str
    ended_min_ago: Number
    stimulated_min: Number


class PatientHistory(Request, frozen=True, kw_only=True, tag="patient_history"):
    """Declare a patient's last 24 h elsewhere: these sessions, or ``nothing``."""

    patient: str
    sessions: list[DeclaredSession] = []
    stimulation: list[DeclaredStimulation] = []
    nothing: bool = False
    confirm: bool


class PatientImport(Request, frozen=True, kw_only=True, tag="patient_import"):
    """Take over what another gateway exported: a ``gateway.record.history_file.HistoryFile``."""

    document: dict[str, Any]
    confirm: bool


class PatientExport(Request, frozen=True, kw_only=True, tag="patient_export"):
    patient: str


class PatientShow(Request, frozen=True, kw_only=True, tag="patient_show"):
    patient: str


class ExamStart(Request, frozen=True, kw_only=True, tag="exam_start"):
    """Begin an examination in the session that is armed for them.

    ``choices`` are those of ``gateway.exams.plans``; ``posture`` is needed where a limb occlusion pressure is
    measured or relied on.
    """

    exam: str
    confirm: bool
    posture: str = ""
    choices: dict[str, Number] = {}


class ExamShow(Request, frozen=True, kw_only=True, tag="exam_show"):
    """The newest examination of this run, under way or over."""


class ExamTracePage(Request, frozen=True, kw_only=True, tag="exam_trace"):
    """A part of the trace of an examination that is over, from these samples on."""

    session: str
    examination: Number
    cuff_from: Number = 0
    sto2_from: Number = 0


class ExamResult(Request, frozen=True, kw_only=True, tag="exam_result"):
    """What an analysis made of that trace: the JSON of a ``gateway.exams.result.Result``."""

    session: str
    examination: Number
    document: str


AnyPatientRequest = PatientHistory | PatientImport | PatientExport | PatientShow

AnyExamRequest = ExamStart | ExamShow | ExamTracePage | ExamResult | SessionBegin

AnyRequest = (
    SessionStart
    | SessionPressure
    | SessionPain
    | SessionRaise
    | SessionLower
    | SessionStop
    | SessionClearPatient
    | SessionStatus
    | DeviceList
    | SessionReset
    | SessionCuffRemoved
    | AlarmList
    | AlarmAck
    | AlarmPause
    | SelfTest
    | CuffAccept
    | AnyPatientRequest
    | AnyExamRequest
)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``message`` is one line for a person; ``data`` is the verb's document (a JSON object)."""

    exit_code: int = EXIT_OK
    message: str = ""
    data: dict[str, Any] = {}


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device as ``DeviceList`` is answered; ``None`` and empty texts are what is not known. Units: ms."""

    name: str
    state: LinkState
    why: str
    port: str
    description: str
    model: str
    serial: str
    firmware: str
    age_ms: int | None  # since its last valid frame
    frames: int
    checksum_errors: int
    resyncs: int
    gaps: int
    round_trip_ms: int | None
    opened: int
    notice: str


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``DeviceList``."""

    devices: list[Device]


def refusal(exit_code: int, message: str) -> Reply:
    """A reply that says no, and why."""
    return Reply(exit_code=exit_code, message=message)
