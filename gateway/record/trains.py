"""How long a patient was stimulated: the trains of the journal.

Theory of operation
-------------------
A train lasts from ``stimulation_started`` to ``stimulation_ended``.  One whose end is not in the journal,
because core died in it, counts as the time that was authorised and ``DEVICE_STOPS_MS``, after which every
stimulator has stopped by itself.  So does one that was authorised by a run of core which then died: of the
rows around the first pulse only the authorisation was certainly on the disk.

Units: ms.
"""

from dataclasses import dataclass, field

import msgspec

from gateway.record.timeline import Instant

DEVICE_STOPS_MS = 2_000
"""The longest watchdog of the stimulators that are planned for (P24: 2 s, RehaStim2: 1.2 s)."""


class Authorised(msgspec.Struct):
    """A train that may begin."""

    contraction: int
    planned_ms: int


class Began(msgspec.Struct):
    """A train that began."""

    contraction: int


@dataclass(frozen=True, slots=True)
class Train:
    """One contraction's pulses, over."""

    session: str
    began: Instant
    lasted_ms: int


@dataclass(slots=True)
class _Open:
    """A train that is authorised, and perhaps begun."""

    session: str
    planned_ms: int
    at: Instant
    began: bool = False


@dataclass(slots=True)
class Trains:
    """The fold."""

    over: list[Train] = field(default_factory=list)
    _open: _Open | None = None

    def authorised(self, session: str, planned_ms: int, at: Instant) -> None:
        """Durable before the first pulse."""
        self._open = _Open(session, planned_ms, at)

    def began(self, session: str, at: Instant) -> None:
        """The first pulses were permitted."""
        planned_ms = self._open.planned_ms if self._open is not None else 0
        self._open = _Open(session, planned_ms, at, began=True)

    def ended(self, session: str, lasted_ms: int) -> None:
        """The last pulses were."""
        if self._open is not None and self._open.began:
            self.over.append(Train(session, self._open.at, lasted_ms))
        self._open = None

    def session_ended(self) -> None:
        """Of what was authorised in it nothing will begin any more."""
        if self._open is not None and not self._open.began:
            self._open = None

    def run_ended(self) -> None:
        """Core died: what was open lasted as long as it can have."""
        if self._open is not None:
            lasted_ms = self._open.planned_ms + DEVICE_STOPS_MS
            self.over.append(Train(self._open.session, self._open.at, lasted_ms))
        self._open = None
