"""What was told about patients from outside, and when they were handed on.

Theory of operation
-------------------
A *telling* is a declaration by hand or a file from another gateway: entries that count from when they were
told, and perhaps the word that the patient's last 24 h are whole with it.  Tellings add up; nothing takes
one back.

A patient who was *handed on* (the history was exported) may be treated elsewhere from then on.  So whatever
made the last 24 h known before that makes them known no longer; only a telling or a session after it does.

Units: ms; "ago" is the age of an instant.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.model import PastSession
from gateway.record.history_file import Entry, Stimulation
from gateway.record.ledger_rows import Told
from gateway.record.timeline import Instant

Ago = Callable[[Instant], int]
"""How long ago something was, at least."""


class _Telling(NamedTuple):
    at: Instant
    told: Told


@dataclass(slots=True)
class Tellings:
    """The fold. ``at`` is when the row was written."""

    _told: dict[str, list[_Telling]] = field(default_factory=dict)
    _handed_on: dict[str, Instant] = field(default_factory=dict)

    def tell(self, told: Told, at: Instant) -> None:
        """A person or a file told something."""
        self._told.setdefault(told.patient, []).append(_Telling(at, told))

    def hand_on(self, patient: str, at: Instant) -> None:
        """The history left this gateway in somebody's hand."""
        self._handed_on[patient] = at

    def handed_on(self, patient: str) -> Instant | None:
        """When that was last, ``None`` if it never was."""
        return self._handed_on.get(patient)

    def entries(self, patient: str, ago_ms: Ago) -> list[Entry]:
        """Every entry of pressure, as old as it is now."""
        return [
            entry.older(ago_ms(telling.at)) for telling in self._of(patient) for entry in telling.told.entries
        ]

    def stimulation(self, patient: str, ago_ms: Ago) -> list[Stimulation]:
        """Every entry of stimulation, as old as it is now."""
        return [
            one.older(ago_ms(telling.at)) for telling in self._of(patient) for one in telling.told.stimulation
        ]

    def sessions(self, patient: str, ago_ms: Ago) -> Iterator[PastSession]:
        """Entries of one named session are one session; each that was told by hand is one of its own."""
        sessions: dict[str, list[Entry | Stimulation]] = {}
        told: list[Entry | Stimulation] = [*self.entries(patient, ago_ms), *self.stimulation(patient, ago_ms)]
        for number, entry in enumerate(told):
            sessions.setdefault(entry.session or f"#{number}", []).append(entry)
        for entries in sessions.values():
            therapy = any(one.therapy for one in entries)
            yield PastSession(therapy, min(one.over_ago_ms for one in entries))

    def contacts(self, patient: str) -> list[tuple[Instant, int]]:
        """When the last 24 h were told, and how long before that they were known whole."""
        return [
            (one.at, one.told.told_ago_ms) for one in self._of(patient) if one.told.told_ago_ms is not None
        ]

    def _of(self, patient: str) -> list[_Telling]:
        return self._told.get(patient, [])
