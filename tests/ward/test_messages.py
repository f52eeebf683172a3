"""What stands on the wire: topics, the envelope, floats, what is left out."""

from typing import Any

import msgspec
import pytest

from gateway.record.events import EVENTS, HoldReached
from gateway.record.row import ClockQuality, Stamp, StoredRow, event_row
from gateway.record.summary import Summary
from gateway.ward import messages
from gateway.ward.errors import MessageError, TopicError
from gateway.ward.messages import Envelope, Place, State

PLACE = Place("lab", "icu", "bed-7")
STAMP = Stamp(3, 5000, 1_700_000_000_007, ClockQuality.HOLDOVER)


def stored(type: str, body: bytes, event_seq: int | None = 9, session: str = "s1") -> StoredRow:
    kind = "event" if event_seq else "audit"
    return StoredRow(kind, type, session, STAMP, body, 20, event_seq, b"hash")


def decoded(payload: bytes) -> dict[str, Any]:
    return msgspec.json.decode(payload, type=dict[str, Any])


def make_summary(**changes: Any) -> Summary:
    """A summary whose every field has a value of its type."""
    example = {str: "word", int: 3, float: 25.0}
    fields: dict[str, Any] = {}
    for one in msgspec.structs.fields(Summary):
        kind = one.type
        if str(kind).startswith("list"):
            fields[one.name] = []
        else:
            fields[one.name] = next(value for type, value in example.items() if type.__name__ in str(kind))
    return Summary(**{**fields, **changes})


def test_an_event_is_flat_json_under_its_envelope() -> None:
    row = stored("hold_reached", msgspec.json.encode(HoldReached(cycle=2, target_dmmhg=1700)))
    topic, payload = messages.encode_event(PLACE, row, replay=True)
    assert topic == "rvos/v1/lab/icu/bed-7/event/hold_reached"
    assert decoded(payload) == {
        "v": 1,
        "id": "bed-7-9",
        "seq": 9,
        "boot": 3,
        "ts": "2023-11-14T22:13:20.007Z",
        "ts_ms": 1_700_000_000_007,
        "mono_ms": 5000,
        "time_q": "holdover",
        "replay": True,
        "sid": "s1",
        "cycle": 2,
        "target_dmmhg": 1700,
    }


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_no_event_body_uses_a_key_of_the_envelope(name: str) -> None:
    keys = {field.encode_name for field in msgspec.structs.fields(EVENTS[name])}
    assert not keys & {field.name for field in msgspec.structs.fields(Envelope)}
    assert messages.event_topic(PLACE, name).startswith(PLACE.root)


def test_outside_a_session_there_is_no_sid() -> None:
    row = stored("cuff_removed", b"{}", session="")
    assert "sid" not in decoded(messages.encode_event(PLACE, row, replay=False)[1])


def test_a_summary_goes_to_its_own_topic_and_comes_back_whole() -> None:
    summary = make_summary(
        sto2_baseline_percent=None,
        duration_s=60.0,
        occlusion_s=[6.0, None],
        end_reason=None,
        time_in_band_5pct=1.0,
    )
    row = event_row(summary, "s1", STAMP)
    topic, payload = messages.encode_event(PLACE, stored(row.type, row.body), replay=False)
    assert topic == "rvos/v1/lab/icu/bed-7/session/summary"
    assert b'"sto2_baseline_percent":null' in payload
    assert b'"duration_s":60.0' in payload
    assert messages.decode_summary(payload) == summary


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"session": 5}', b"\xff"])
def test_what_is_no_summary_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError, match="session/summary"):
        messages.decode_summary(payload)


def test_a_float_is_a_float_and_nothing_is_null() -> None:
    state = State(mode="idle", cuff_mmhg=170, sto2_percent=65.5, cuff_ok=True, sto2_ok=True, alarms_active=0)
    payload = messages.encode(messages.envelope(PLACE, 1, STAMP), state)
    assert b'"cuff_mmhg":170.0' in payload
    assert b'"alarms_active":0' in payload
    assert b"null" not in payload
    assert "limit_mmhg" not in decoded(payload)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (stored("session_started", b"{}", event_seq=None), "no event number"),
        (stored("hold_reached", b"[1]"), "event 9"),
        (stored("hold_reached", b"{"), "event 9"),
        (stored("hold_reached", b'{"seq": 10}'), "seq"),
    ],
)
def test_a_row_that_may_not_go_out_is_named(row: StoredRow, what: str) -> None:
    with pytest.raises(MessageError, match=what):
        messages.encode_event(PLACE, row, replay=False)


@pytest.mark.parametrize("name", ["", "Bed", "a/b", "+", "#", "bed 7", "bett-ü", "x" * 33, "bed\n"])
def test_a_name_that_may_not_stand_in_a_topic_is_refused(name: str) -> None:
    for names in ((name, "icu", "bed"), ("lab", name, "bed"), ("lab", "icu", name)):
        with pytest.raises(TopicError, match="use 1 to 32"):
            Place(*names)
    with pytest.raises(TopicError, match="alarm"):
        messages.alarm_topic(PLACE, name + "/" * 65)


def test_every_message_has_a_schema() -> None:
    schemas = messages.schemas()
    assert {"Envelope", "Status", "Birth", "State", "Alarm", "Summary"} <= schemas.keys()
    assert schemas["Alarm"]["properties"]["state"]["enum"] == ["acknowledged", "active", "latched"]
