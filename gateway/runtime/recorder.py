"""From happenings to rows: stamps, events, audit and the one-second trace.

Theory of operation
-------------------
The recorder turns typed events into journal rows, stamps them, and gathers each second's slow
samples into one ``trace`` row, as long as there is something to follow (a session, or a cuff that
is not empty) and for one second more: the last row says how it ended.  It knows tickets, not files.
Every row goes through the ledger too, so that what patients have borne is known without the disk.

Units: ms; 0.1 mmHg; per mille.
"""

from collections.abc import Callable

import msgspec

from gateway.model import CuffReading, Exposure, History, Sample
from gateway.record.events import Event, Trace
from gateway.record.exam_trace import ExamTrace
from gateway.record.history_file import Entry, Stimulation
from gateway.record.ledger import Ledger
from gateway.record.ledger_rows import handed_on_row, patient_row, told_row
from gateway.record.row import Row, Stamp, audit_row, event_row, trace_row
from gateway.record.timeline import Age
from gateway.runtime.clock import Clock
from gateway.runtime.tape import NO_TAPE, Tape
from gateway.runtime.writer import JournalSink

_SECOND_MS = 1000
SILENT_DISK_MS = 10_000
"""A row that is not durable after this long counts as a failure: an SD card may take 0.1 s (engineering
proposal)."""


class Recorder:
    """Everything that the core writes down goes through here."""

    def __init__(self, sink: JournalSink, clock: Clock, boot: int, ledger: Ledger | None = None) -> None:
        self._sink, self._clock, self._boot = sink, clock, boot
        self.ledger = Ledger() if ledger is None else ledger
        self._cuff: list[tuple[int, int | None, int | None]] = []
        self._sto2: list[tuple[int, int | None]] = []
        self._second_began_ms: int | None = None
        self._follow = self._followed = False
        self._newest_ticket = self._oldest_ticket = 0
        self._oldest_ms = 0
        self._silence: str | None = None
        self.trace: ExamTrace | None = None
        """That of the examination under way, which gets every sample too."""
        self.tape: Tape = NO_TAPE

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

    @property
    def is_settled(self) -> bool:
        """Whether everything that was submitted is on the disk."""
        return self._sink.durable >= self._newest_ticket

    def is_durable(self, ticket: int) -> bool:
        """Whether the rows of this ticket are on the disk."""
        return self._sink.durable >= ticket

    def stamp(self, now: int) -> Stamp:
        """What the clocks say of this instant."""
        return self._clock.stamp(self._boot, now)

    def event(self, event: Event, session: str, now: int) -> int:
        """Submit an event; returns its ticket. It is a mark among the samples too."""
        self.tape.mark(event.name, now)
        return self._submit(event_row(event, session, self.stamp(now)))

    def audit(self, kind: str, body: dict[str, str | int], session: str, now: int) -> int:
        """Submit a row that never leaves the machine: who asked for what."""
        return self._submit(audit_row(kind, body, session, self.stamp(now)))

    def session_patient(self, session: str, patient: str, now: int) -> int:
        """Bind a session to its patient; this never leaves the machine either."""
        return self._submit(patient_row(session, patient, self.stamp(now)))

    def told(
        self,
        patient: str,
        source: str,
        told_ago_ms: int | None,
        entries: list[Entry],
        stimulation: list[Stimulation],
        now: int,
    ) -> int:
        """What somebody told about a patient's last day (``gateway.record.ledger_rows.told_row``)."""
        return self._submit(told_row(patient, source, told_ago_ms, entries, self.stamp(now), stimulation))

    def handed_on(self, patient: str, now: int) -> int:
        """The patient's history leaves for another gateway."""
        return self._submit(handed_on_row(patient, self.stamp(now)))

    def handed_on_age(self, patient: str, now: int) -> Age | None:
        """How long ago it left, ``None`` if it never did."""
        return self.ledger.handed_on(patient, self.stamp(now))

    def history(self, patient: str, now: int) -> History:
        """What is known of a patient's last day."""
        return self.ledger.history(patient, self.stamp(now))

    def trains(self, patient: str, now: int) -> tuple[Exposure, ...]:
        """This patient's stimulation, one entry a contraction here and one a session elsewhere."""
        return self.ledger.trains(patient, self.stamp(now))

    def summarise(self, session: str, now: int) -> int:
        """Submit the fold of this session."""
        self._newest_ticket = self._sink.summarise(session, self.stamp(now))
        return self._newest_ticket

    def cuff(self, reading: CuffReading) -> None:
        """Note one status frame for this second's trace."""
        self._cuff.append((reading.arrived_ms, reading.control_dmmhg, reading.limit_dmmhg))
        self.tape.cuff(reading)
        if self.trace is not None:
            self.trace.cuff(*self._cuff[-1])

    def saturation(self, sample: Sample, other: Sample | None = None) -> None:
        """Note one StO2 value for this second's trace; that of the other limb goes to the tape alone."""
        self._sto2.append((sample.arrived_ms, sample.value))
        self.tape.saturation(sample.value, other.value if other else None, sample.arrived_ms)
        if self.trace is not None:
            self.trace.sto2(*self._sto2[-1])

    def second(self, trace: Callable[[], Trace], session: str, now: int, *, following: bool) -> None:
        """Close the second that ends at ``now``: a row when something in it or before it was followed.

        ``trace`` makes this second's frame; it is asked once, when the row is written.
        """
        self._follow = self._follow or following
        if self._second_began_ms is None:
            self._second_began_ms = now
        if now - self._second_began_ms < _SECOND_MS:
            return
        if self._follow or self._followed:
            self.flush(trace(), session, now)
        self._follow, self._followed = False, self._follow
        self._second_began_ms = now
        self._cuff, self._sto2 = [], []

    def flush(self, trace: Trace, session: str, now: int) -> None:
        """Write the samples gathered so far, whole second or not."""
        if not self._cuff and not self._sto2:
            return
        full = msgspec.structs.replace(trace, cuff=self._cuff, sto2=self._sto2)
        self._submit(trace_row(full, session, self.stamp(now)))
        self._cuff, self._sto2 = [], []

    def _submit(self, row: Row) -> int:
        self._newest_ticket = self._sink.submit([row])
        self.ledger.take(row)
        return self._newest_ticket
