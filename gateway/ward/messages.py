"""What the ward receives: typed messages, their topics and their JSON.

Theory of operation
-------------------
Each topic carries one flat JSON object: the envelope's keys and the message's own keys side by side,
because no-code dashboards bind top-level keys only.  A float is always written as a float (one that
drops a value whose type changed would lose 25 after 25.5).  What is not known is never zero: a snapshot
leaves the key out, a fact (an event, the summary) says ``null``, exactly as the journal has it.

=====================  ====  ========  ===========================================================
topic under the root   QoS   retained  content
=====================  ====  ========  ===========================================================
``status``             1     yes       ``Status``; the Will is the same document with state "lost"
``birth``              1     yes       ``Birth``: identity, versions, limits in force
``state``              0     yes       ``State``, 1 Hz while core lives
``health/{device}``    0     yes       ``Health``, every 10 s and when its link changes
``alarm/{id}``         1     yes       ``Alarm`` while it is active, an empty payload when it ended
``event/{type}``       1     no        the body of one journal row
``session/summary``    1     no        the ``Summary`` of one session
=====================  ====  ========  ===========================================================

The root is ``rvos/v1/{site}/{ward}/{device}``.  ``event`` and ``session/summary`` are facts: ``seq``
is their own number in the journal, and a consumer drops duplicates by ``(device, seq)``.  The other
five are snapshots: their ``seq`` is that of the newest event known when they were written.

Units are in the names: ``_mmhg``, ``_s``, ``_percent``, ``_ms``.  No message names a patient.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, get_args

import msgspec

from gateway.record.errors import UNREADABLE
from gateway.record.row import Stamp, StoredRow
from gateway.record.summary import Summary
from gateway.ward.errors import MessageError, TopicError

SCHEMA = "rvos/v1"
SUMMARY_TYPE = "session_summary"
_NAME = re.compile(r"[a-z0-9-]{1,32}")
_TAIL = re.compile(r"[a-z0-9_-]{1,64}")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that every payload has.

    ``replay`` says that the payload was not sent as it happened: it waited for a connection or was
    sent before.  ``time_q`` is the quality of ``ts``; ``mono_ms`` orders what one ``boot`` wrote.
    """

    v: int = 1
    id: str
    seq: int
    boot: int
    ts: str
    ts_ms: int
    mono_ms: int
    time_q: str
    replay: bool
    sid: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Who is there.  ``boot`` pairs the Will, the status and the birth of one run of core."""

    state: Literal["ready", "lost", "stopped", "core_lost"]
    boot: int
    since: str


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """Who this is and which limits are in force; what core has not yet said is left out."""

    boot: int
    device: str
    site: str
    ward: str
    schema: str = SCHEMA
    last_seq: int
    link_version: str
    core_version: str | None = None
    config_hash: str | None = None
    limits_crc: int | None = None
    cuff_serial: str | None = None
    cuff_firmware: str | None = None
    cuff_description: str | None = None
    oximeter_description: str | None = None
    limit_pressure_mmhg: float
    limit_debt_inflation_s: float
    limit_debt_vent_s: float
    limit_lease_s: float


LinkWord = Literal["absent", "refused", "unknown", "ready", "silent"]
"""How the link to one device does; ``drivers.link`` says what each word means."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is happening now.  ``latched`` is the first reason of a latched trip.

    Of each device only the word for its link and the age of its last valid frame; the rest is ``Health``.
    """

    mode: Literal["idle", "session", "latched"]
    session: str | None = None
    prescription: str | None = None
    limb: str | None = None
    cycle: int | None = None
    cycles_prescribed: int | None = None
    phase: str | None = None
    phase_left_s: float | None = None
    target_mmhg: float | None = None
    cuff_mmhg: float | None = None
    limit_mmhg: float | None = None
    sto2_percent: float | None = None
    ischaemia_debt_s: float | None = None
    cuff_ok: bool
    sto2_ok: bool
    blood_pressure_age_s: float | None = None
    pain_score_due: bool | None = None
    waiting_for: str | None = None
    latched: str | None = None
    alarms_active: int
    alarm_pause_left_s: float | None = None
    therapy: str | None = None
    current_ma: float | None = None
    stimulator_ok: bool | None = None
    examination: str | None = None
    systolic_mmhg: float | None = None
    diastolic_mmhg: float | None = None
    blood_pressure_by: str | None = None
    held_back_systolic_mmhg: float | None = None
    held_back_diastolic_mmhg: float | None = None
    cuff_link: LinkWord | None = None
    cuff_age_s: float | None = None
    oximeter_link: LinkWord | None = None
    oximeter_age_s: float | None = None
    stimulator_link: LinkWord | None = None
    stimulator_age_s: float | None = None
    hub_link: LinkWord | None = None
    hub_age_s: float | None = None
    emg_link: LinkWord | None = None
    emg_age_s: float | None = None
    pulse_link: LinkWord | None = None
    pulse_age_s: float | None = None
    blood_pressure_module_link: LinkWord | None = None
    blood_pressure_module_age_s: float | None = None
    algometer_link: LinkWord | None = None
    algometer_age_s: float | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How one device of the configuration does, and what went over its link since its port was opened."""

    device: str
    link: LinkWord
    why: str | None = None
    age_s: float | None = None
    opened: int
    frames: int
    checksum_errors: int
    resyncs: int
    gaps: int
    round_trip_ms: int | None = None
    notice: str | None = None


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm that has not ended; ``raised_ms`` is monotonic time of the boot.

    ``presented`` is the priority of its signal, one higher than ``priority`` where it has ``escalated``.
    """

    alarm_id: str
    condition: str
    priority: str
    state: Literal["active", "acknowledged", "latched"]
    text: str
    raised_ms: int
    presented: str | None = None
    escalated: bool = False


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of core's feed socket: everything that the ward may see live."""

    state: State
    alarms: list[Alarm]
    boot: int
    devices: list[Health] = []


class Place(msgspec.Struct, frozen=True):
    """Where a device stands: the three names of the topic root, checked once, here."""

    site: str
    ward: str
    device: str

    def __post_init__(self) -> None:
        for level, name in (("site", self.site), ("ward", self.ward), ("device", self.device)):
            if not _NAME.fullmatch(name):
                raise TopicError(f'{level} "{name}": use 1 to 32 of a-z, 0-9 and "-"')

    @property
    def root(self) -> str:
        return f"{SCHEMA}/{self.site}/{self.ward}/{self.device}"


def status_topic(place: Place) -> str:
    return f"{place.root}/status"


def birth_topic(place: Place) -> str:
    return f"{place.root}/birth"


def state_topic(place: Place) -> str:
    return f"{place.root}/state"


def health_topic(place: Place, device: str) -> str:
    return f"{place.root}/health/{_tail('device', device)}"


def alarm_topic(place: Place, alarm_id: str) -> str:
    return f"{place.root}/alarm/{_tail('alarm', alarm_id)}"


def event_topic(place: Place, row_type: str) -> str:
    """Where a journal row goes; the session summary has a topic of its own."""
    if row_type == SUMMARY_TYPE:
        return f"{place.root}/session/summary"
    return f"{place.root}/event/{_tail('event type', row_type)}"


def _tail(what: str, name: str) -> str:
    if not _TAIL.fullmatch(name):
        raise TopicError(f'{what} "{name}": use 1 to 64 of a-z, 0-9, "_" and "-"')
    return name


def timestamp(wall_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, in integers all the way."""
    seconds, millis = divmod(wall_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def envelope(place: Place, seq: int, stamp: Stamp, *, replay: bool = False, sid: str = "") -> Envelope:
    """The envelope of what was stamped ``stamp``."""
    return Envelope(
        id=f"{place.device}-{seq}",
        seq=seq,
        boot=stamp.boot,
        ts=timestamp(stamp.wall_ms),
        ts_ms=stamp.wall_ms,
        mono_ms=stamp.mono_ms,
        time_q=stamp.clock.value,
        replay=replay,
        sid=sid or None,
    )


def encode(head: Envelope, message: msgspec.Struct) -> bytes:
    """One message as flat JSON under its envelope."""
    return _join(head, _typed(message))


def encode_event(place: Place, row: StoredRow, *, replay: bool) -> tuple[str, bytes]:
    """The topic and the payload of one journal row.

    Raises ``MessageError`` for a row without an event number or a body that is no JSON object.
    """
    if row.event_seq is None:
        raise MessageError(
            f'journal row of type "{row.type}" has no event number: it may not leave the device'
        )
    try:
        body = msgspec.json.decode(row.body, type=dict[str, Any])
    except UNREADABLE as error:
        raise MessageError(
            f"journal event {row.event_seq}: its body is not a JSON object ({error})"
        ) from error
    head = envelope(place, row.event_seq, row.stamp, replay=replay, sid=row.session)
    return event_topic(place, row.type), msgspec.json.encode(_side_by_side(head, body))


def decode_summary(payload: bytes) -> Summary:
    """The summary as a subscriber received it; a key that is not there counts as ``null``."""
    try:
        received = msgspec.json.decode(payload, type=dict[str, Any])
        known = {
            field.encode_name: received.get(field.encode_name) for field in msgspec.structs.fields(Summary)
        }
        return msgspec.convert(known, Summary)
    except UNREADABLE as error:
        raise MessageError(f"session/summary: {error}") from error


def schemas() -> dict[str, Any]:
    """JSON Schema of every message, by name, for whoever writes a consumer."""
    _, components = msgspec.json.schema_components(
        [Envelope, Status, Birth, State, Health, Alarm, Summary], ref_template="#/$defs/{name}"
    )
    return components


def _join(head: Envelope, body: Mapping[str, Any]) -> bytes:
    """A snapshot: what is not known is left out."""
    both = _side_by_side(head, body)
    return msgspec.json.encode({key: value for key, value in both.items() if value is not None})


def _side_by_side(head: Envelope, body: Mapping[str, Any]) -> dict[str, Any]:
    front = {key: value for key, value in _typed(head).items() if value is not None}
    clash = [key for key in front if body.get(key, front[key]) != front[key]]
    if clash:
        raise MessageError(f"a message body may not contradict its envelope: {', '.join(clash)}")
    return {**front, **body}


def _typed(message: msgspec.Struct) -> dict[str, Any]:
    """The message's fields, with an integer that stands in a float field made a float."""
    fields: dict[str, Any] = msgspec.structs.asdict(message)
    for name in _float_fields(type(message)):
        if fields[name] is not None:
            fields[name] = float(fields[name])
    return fields


@cache
def _float_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(f.name for f in msgspec.structs.fields(kind) if f.type is float or float in get_args(f.type))
