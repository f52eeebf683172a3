"""The rows that the ledger reads: of each body only what it needs, and the two that it has of its own.

Theory of operation
-------------------
Bodies grow; the ledger reads the few keys that say who bore what, with defaults for rows that an earlier
version wrote.  Three ``audit`` rows are its own, because they name a patient and stay on the device:
``session_patient`` says whose session one is, ``patient_history`` holds what was told from outside,
``patient_handed_on`` says that the history left for another gateway.

Units: ms.
"""

from typing import TypeVar

import msgspec

from gateway.model import Limb, Purpose
from gateway.record.errors import UNREADABLE, RowUnreadable
from gateway.record.exposure import Frame
from gateway.record.history_file import Entry, Stimulation
from gateway.record.row import Row, Stamp, StoredRow, audit_row

PATIENT = "session_patient"
TOLD = "patient_history"
HANDED_ON = "patient_handed_on"
BY_HAND = "by hand"


class Started(msgspec.Struct):
    """What was armed."""

    limb: Limb | None = None  # not in rows of the first schema, which no patient was bound to either
    prescription: str = ""
    prescription_hash: str = ""
    cycles_prescribed: int = 0
    contractions_prescribed: int = 0
    first_cycle: int = 1
    resumes: str = ""
    uses_cuff: bool = True

    @property
    def steps_prescribed(self) -> int:
        """How many cycles or contractions."""
        return max(self.cycles_prescribed, self.contractions_prescribed)


class Inflated(msgspec.Struct):
    """An inflation, authorised or begun."""

    cycle: int
    purpose: Purpose = Purpose.OCCLUSION


class Stimulated(msgspec.Struct):
    """A contraction that is over."""

    duration_ms: int


class Skipped(msgspec.Struct):
    """A cycle that is not given."""

    cycle: int


class Ended(msgspec.Struct):
    """How a session ended."""

    outcome: str


class Frames(msgspec.Struct):
    """A second's cuff samples."""

    cuff: list[Frame]


class Bound(msgspec.Struct):
    """Whose session it is."""

    session: str
    patient: str


class Told(msgspec.Struct):
    """``told_ago_ms`` is how long before the row the day was known whole, ``None`` if it was not."""

    patient: str
    source: str
    told_ago_ms: int | None
    entries: list[Entry]
    stimulation: list[Stimulation] = []


class HandedOn(msgspec.Struct):
    """Whose history was exported."""

    patient: str


class Given(msgspec.Struct):
    """A row that gives a reason."""

    reason: str


class Run(msgspec.Struct):
    """The boot of the machine that a run of core belongs to."""

    boot_id: str


def patient_row(session: str, patient: str, stamp: Stamp) -> Row:
    """Whose session it is; written when it is armed."""
    return audit_row(PATIENT, {"session": session, "patient": patient}, session, stamp)


def told_row(
    patient: str,
    source: str,
    told_ago_ms: int | None,
    entries: list[Entry],
    stamp: Stamp,
    stimulation: list[Stimulation] | None = None,
) -> Row:
    """What was told of a patient: ``source`` is ``BY_HAND`` or the device that wrote the file.

    ``told_ago_ms`` is how long ago the patient's last 24 h were known whole; ``None`` where the telling
    does not make them known.
    """
    told = Told(patient, source, told_ago_ms, entries, stimulation or [])
    return audit_row(TOLD, msgspec.to_builtins(told), "", stamp)


def handed_on_row(patient: str, stamp: Stamp) -> Row:
    """The patient's history left for another gateway; written before anybody gets it."""
    return audit_row(HANDED_ON, {"patient": patient}, "", stamp)


_Body = TypeVar("_Body", bound=msgspec.Struct)


def body_of(row: Row, kind: type[_Body]) -> _Body:
    """The row's body. Raises ``RowUnreadable``."""
    try:
        return msgspec.json.decode(row.body, type=kind)
    except UNREADABLE as error:
        number = row.seq if isinstance(row, StoredRow) else 0
        raise RowUnreadable(number, row.type, str(error)) from error
