"""One row of the journal: what it says, when that was, and how sure the clock is.

Theory of operation
-------------------
A ``Row`` is what a caller asks to record; a ``StoredRow`` is what the journal made of it.  ``kind``
decides what happens to it: an ``event`` is shipped to the ward and gets its own gapless number, a
``trace`` holds one second of slow samples and stays here, an ``audit`` row stays here too.

Units: ``mono_ms`` counts milliseconds of one monotonic clock and means something within its
``boot`` only; ``wall_ms`` counts milliseconds since 1970 UTC and is worth what ``clock`` says.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from gateway.record.events import Event, Trace

Kind = Literal["event", "trace", "audit"]

TRACE_TYPE = "trace"


class ClockQuality(StrEnum):
    """What ``wall_ms`` is worth, best first."""

    SYNCHRONISED = "synchronised"  # disciplined by a time server now
    HOLDOVER = "holdover"  # was disciplined in this boot, runs freely since
    UNSYNCHRONISED = "unsynchronised"  # never disciplined in this boot
    SIMULATED = "simulated"  # virtual time: consistent, and not the time of any day


class Stamp(msgspec.Struct, frozen=True):
    """When something happened: which run of core, its monotonic clock, the wall clock."""

    boot: int
    mono_ms: int
    wall_ms: int
    clock: ClockQuality


class Row(msgspec.Struct, frozen=True):
    """Something to record.  ``body`` is a JSON object; ``session`` is empty outside sessions."""

    kind: Kind
    type: str
    session: str
    stamp: Stamp
    body: bytes


class StoredRow(Row, frozen=True):
    """A recorded row: its gapless number, its number among events, its link of the hash chain."""

    seq: int
    event_seq: int | None
    hash: bytes


def event_row(event: Event, session: str, stamp: Stamp) -> Row:
    """A fact that is shipped; its type is the event's name."""
    return Row("event", event.name, session, stamp, msgspec.json.encode(event))


def trace_row(trace: Trace, session: str, stamp: Stamp) -> Row:
    """One second of slow samples."""
    return Row("trace", TRACE_TYPE, session, stamp, msgspec.json.encode(trace))


def audit_row(type: str, body: dict[str, Any], session: str, stamp: Stamp) -> Row:
    """Who asked for what: never shipped, so it may name a patient token."""
    return Row("audit", type, session, stamp, msgspec.json.encode(body))
