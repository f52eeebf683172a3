"""From happenings to rows: stamps, events, audit and the one-second trace.

Theory of operation
-------------------
The recorder turns typed events into journal rows, stamps them, and gathers each second's slow
samples into one ``trace`` row, as long as there is something to follow (a session, or a cuff that
is not empty) and for one second more: the last row says how it ended.  It knows tickets, not files.

Units: ms; 0.1 mmHg; per mille.
"""

import msgspec

from gateway.model import CuffReading, Sample
from gateway.record.events import Event, Trace
from gateway.record.row import Row, Stamp, audit_row, event_row, trace_row
from gateway.runtime.clock import Clock
from gateway.runtime.writer import JournalSink

_SECOND_MS = 1000
SILENT_DISK_MS = 10_000
"""A row that is not durable after this long counts as a failure: an SD card may take 0.1 s (engineering
proposal)."""


class Recorder:
    """Everything that the core writes down goes through here."""

    def __init__(self, sink: JournalSink, clock: Clock, boot: int) -> None:
        self._sink, self._clock, self._boot = sink, clock, boot
        self._cuff: list[tuple[int, int | None, int | None]] = []
        self._sto2: list[tuple[int, int | None]] = []
        self._second_began_ms: int | None = None
        self._followed = False
        self._newest_ticket = self._oldest_ticket = 0
        self._oldest_ms = 0
        self._silence: str | None = None

    @property
    def failure(self) -> str | None:
        """Why nothing can be written any more, ``None`` while all is well."""
        return self._sink.failure or self._silence

    def look(self, now: int) -> None:
        """Notice a disk that takes rows and never says that they are safe."""
        if self._sink.durable >= self._oldest_ticket:
            self._oldest_ticket, self._oldest_ms = self._newest_ticket, now
        waiting = self._sink.durable < self._oldest_ticket
        silent = waiting and now - self._oldest_ms >= SILENT_DISK_MS
        self._silence = f"the disk has not answered for {SILENT_DISK_MS // 1000} s" if silent else None

    @property
    def room_bytes(self) -> int:
        """How much the disk still takes."""
        return self._sink.room_bytes()

    def is_durable(self, ticket: int) -> bool:
        """Whether the rows of this ticket are on the disk."""
        return self._sink.durable >= ticket

    def event(self, event: Event, session: str, now: int) -> int:
        """Submit an event; returns its ticket."""
        return self._submit(event_row(event, session, self._stamp(now)))

    def audit(self, kind: str, body: dict[str, str | int], session: str, now: int) -> int:
        """Submit a row that never leaves the machine: who asked for what."""
        return self._submit(audit_row(kind, body, session, self._stamp(now)))

    def summarise(self, session: str, now: int) -> int:
        """Submit the fold of this session."""
        self._newest_ticket = self._sink.summarise(session, self._stamp(now))
        return self._newest_ticket

    def cuff(self, reading: CuffReading) -> None:
        """Note one status frame for this second's trace."""
        self._cuff.append((reading.arrived_ms, reading.control_dmmhg, reading.limit_dmmhg))

    def saturation(self, sample: Sample) -> None:
        """Note one StO2 value for this second's trace."""
        self._sto2.append((sample.arrived_ms, sample.value))

    def second(self, trace: Trace, session: str, now: int, *, following: bool) -> None:
        """Close the second that ends at ``now``: a row when something is or was followed, else nothing."""
        if self._second_began_ms is None:
            self._second_began_ms = now
        if now - self._second_began_ms < _SECOND_MS:
            return
        if following or self._followed:
            self.flush(trace, session, now)
        self._followed = following
        self._second_began_ms = now
        self._cuff, self._sto2 = [], []

    def flush(self, trace: Trace, session: str, now: int) -> None:
        """Write the samples gathered so far, whole second or not."""
        if not self._cuff and not self._sto2:
            return
        full = msgspec.structs.replace(trace, cuff=self._cuff, sto2=self._sto2)
        self._submit(trace_row(full, session, self._stamp(now)))
        self._cuff, self._sto2 = [], []

    def _stamp(self, now: int) -> Stamp:
        return self._clock.stamp(self._boot, now)

    def _submit(self, row: Row) -> int:
        self._newest_ticket = self._sink.submit([row])
        return self._newest_ticket
