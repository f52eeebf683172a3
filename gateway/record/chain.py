"""The hash chain: what makes a changed, lost or inserted row visible.

Theory of operation
-------------------
The hash of a row is SHA-256 over the hash of its predecessor and the row's canonical encoding.  The
predecessor of row 1 is the hash of the device's name and the schema version, so a journal cannot be
passed off as another device's.  Canonical encoding: the compact JSON array ``[seq, event_seq, kind,
type, session, boot, mono_ms, wall_ms, clock]`` in UTF-8, a newline (which JSON escapes, so it can
stand nowhere before), and the body's bytes as stored.

What the chain cannot show by itself: that rows were cut off at the end, or that somebody rewrote
the whole file.  For that a ``Head`` must be known to somebody else.
"""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from gateway.record import schema

Fields = tuple[int, int | None, str, str, str, int, int, int, str]
"""A record up to its body: seq, event_seq, kind, type, session, boot, mono_ms, wall_ms, clock."""

_encoder = msgspec.json.Encoder()


class Head(NamedTuple):
    """The end of a journal: its last numbers and hash.  All a witness needs to keep."""

    seq: int
    event_seq: int
    hash: bytes


def genesis(device: str) -> Head:
    """The head of an empty journal."""
    return Head(0, 0, sha256(_encoder.encode(["rvos", schema.VERSION, device])).digest())


def link(previous: bytes, fields: Fields, body: bytes) -> bytes:
    """The hash of the row that follows ``previous``."""
    return sha256(b"%b%b\n%b" % (previous, _encoder.encode(fields), body)).digest()
