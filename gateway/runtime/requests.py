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

from typing import Any, ClassVar

import msgspec

EXIT_OK = 0
EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_REFUSED = 65
EXIT_UNAVAILABLE = 69
EXIT_DEFECT = 70
EXIT_NOT_NOW = 75
EXIT_NOT_PERMITTED = 77
EXIT_CONFIG = 78


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", forbid_unknown_fields=True):
    """Base of all requests."""

    needs_operator: ClassVar[bool] = True


class SessionStart(Request, frozen=True, kw_only=True, tag="session_start"):
    prescription: str
    patient: str
    side: str
    systolic_mmhg: int
    diastolic_mmhg: int
    confirm: bool


class SessionPressure(Request, frozen=True, kw_only=True, tag="session_pressure"):
    systolic_mmhg: int
    diastolic_mmhg: int
    confirm: bool


class SessionStop(Request, frozen=True, kw_only=True, tag="session_stop"):
    """Any local user may stop."""

    needs_operator: ClassVar[bool] = False


class SessionStatus(Request, frozen=True, kw_only=True, tag="session_status"):
    pass


class SessionReset(Request, frozen=True, kw_only=True, tag="session_reset"):
    confirm: bool


class SessionCuffRemoved(Request, frozen=True, kw_only=True, tag="session_cuff_removed"):
    pass


class AlarmList(Request, frozen=True, kw_only=True, tag="alarm_list"):
    pass


class AlarmAck(Request, frozen=True, kw_only=True, tag="alarm_ack"):
    """``alarm_id`` empty acknowledges every active alarm."""

    alarm_id: str = ""


class SelfTest(Request, frozen=True, kw_only=True, tag="self_test"):
    pass


AnyRequest = (
    SessionStart
    | SessionPressure
    | SessionStop
    | SessionStatus
    | SessionReset
    | SessionCuffRemoved
    | AlarmList
    | AlarmAck
    | SelfTest
)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``message`` is one line for a person; ``data`` is the verb's document (a JSON object)."""

    exit_code: int = EXIT_OK
    message: str = ""
    data: dict[str, Any] = {}


def refusal(exit_code: int, message: str) -> Reply:
    """A reply that says no, and why."""
    return Reply(exit_code=exit_code, message=message)
