"""What happened to patients, told row by row: minutes of the machine's clock, mmHg of the cuff."""

from collections.abc import Sequence

import msgspec

from gateway.model import History, Limb, Purpose
from gateway.record.events import (
    CoreStarted,
    CoreStopped,
    CuffDeflated,
    CuffRemoved,
    Event,
    SessionEnded,
    TripCleared,
)
from gateway.record.history_file import Entry, Stimulation
from gateway.record.ledger import Ledger
from gateway.record.ledger_rows import BY_HAND, handed_on_row, patient_row, told_row
from gateway.record.row import ClockQuality, Row, Stamp, event_row
from tests.record.script import WALL_MS

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
FRAME_MS = 50
EMPTY = 0
PATIENT = "P-7"


class Story:
    """Rows of a gateway and the ledger that takes them. ``at`` says when the next thing happens."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.ledger = Ledger()
        self.clock = ClockQuality.UNSYNCHRONISED
        self.ms = 0
        self.wall_ahead_ms = WALL_MS
        self.run = 0
        self._session = ""
        self._sessions = 0

    # the gateway

    def starts(self, boot_id: str = "a", *, after_ms: int = 0, off_ms: int = 0) -> None:
        """A run of core; on another boot its clock begins anew, after ``off_ms`` without power."""
        if self.run and boot_id != self.boot_id:
            self.wall_ahead_ms += self.ms + off_ms - after_ms
            self.ms = 0
        self.ms += after_ms
        self.boot_id = boot_id
        self.run += 1
        started = CoreStarted(
            version="1",
            boot_id=boot_id,
            config_hash="",
            firmware_limits_crc=0,
            ischaemia_debt_ms=0,
            debt_proof="none",
        )
        self.event(started, session="")

    def stops(self, reason: str = "asked to stop") -> None:
        """A run of core ends and says why."""
        self.event(CoreStopped(reason=reason), session="")

    def clears(self, reason: str) -> None:
        """A person clears what latched."""
        self.event(TripCleared(reason=reason), session="")

    def passes(self, ms: int) -> None:
        """Time, of which no row tells."""
        self.ms += ms

    # a session

    def arms(
        self,
        patient: str = PATIENT,
        limb: Limb = Limb.LEFT_THIGH,
        prescription: str = "demo",
        *,
        cycles: int = 4,
        resumes: str = "",
        first_cycle: int = 1,
    ) -> str:
        """A session is armed and bound to its patient."""
        self._sessions += 1
        self._session = f"bed-{self.run}-{self._sessions}"
        body = {
            "prescription": prescription,
            "prescription_hash": "ab12",
            "limb": limb,
            "cycles_prescribed": cycles,
            "resumes": resumes,
            "first_cycle": first_cycle,
        }
        self.raw("session_started", body)
        self.take(patient_row(self._session, patient, self.stamp()))
        return self._session

    def authorises(self, cycle: int = 1, purpose: Purpose = Purpose.OCCLUSION) -> None:
        self.raw("inflation_authorised", {"cycle": cycle, "purpose": purpose})

    def inflates(self, cycle: int = 1, purpose: Purpose = Purpose.OCCLUSION) -> None:
        """The first lease leaves."""
        self.authorises(cycle, purpose)
        self.raw("inflation_started", {"cycle": cycle, "purpose": purpose})

    def deflated(self, cycle: int = 1) -> None:
        self.event(CuffDeflated(cycle=cycle))

    def ends(self, outcome: str = "completed") -> None:
        self.event(SessionEnded(outcome=outcome, reason="planned"))

    def cuff_off(self) -> None:
        self.event(CuffRemoved())
        self._session = ""

    def gives(self, minutes: float, purpose: Purpose = Purpose.OCCLUSION, cycle: int = 1) -> None:
        """One inflation with its samples: above 15 mmHg for these minutes."""
        self.inflates(cycle, purpose)
        self.samples(170, round(minutes * MINUTE_MS))
        self.deflated(cycle)
        self.samples(EMPTY, SECOND_MS)

    def stimulates(self, contraction: int, ms: int) -> None:
        """One contraction's pulses."""
        self.raw("stimulation_authorised", {"contraction": contraction, "planned_ms": ms})
        self.raw("stimulation_started", {"contraction": contraction})
        self.passes(ms)
        self.raw("stimulation_ended", {"duration_ms": ms})

    def treats(self, minutes: float = 5, **asked: object) -> str:
        """A whole session with one inflation, from arming to the cuff being off."""
        name = self.arms(**asked)  # type: ignore[arg-type]
        self.samples(EMPTY, SECOND_MS)
        self.gives(minutes)
        self.ends()
        self.cuff_off()
        return name

    # samples

    def samples(self, mmhg: int | None, ms: int, limit_mmhg: int | None = None) -> None:
        """Status frames of both sensors for so long, a row a second; time passes."""
        both = (mmhg, mmhg if limit_mmhg is None else limit_mmhg)
        self.frames([both] * (ms // FRAME_MS))

    def frames(self, frames: Sequence[tuple[int | None, int | None]]) -> None:
        """Frames 50 ms apart, as (control, limit) in mmHg."""
        second: list[tuple[int, int | None, int | None]] = []
        for control, limit in frames:
            self.ms += FRAME_MS
            second.append((self.ms, _dmmhg(control), _dmmhg(limit)))
            if len(second) == SECOND_MS // FRAME_MS:
                self._trace(second)
                second = []
        if second:
            self._trace(second)

    # what is told

    def tells(
        self,
        *entries: Entry,
        patient: str = PATIENT,
        told_ago_ms: int | None = 0,
        stimulation: list[Stimulation] | None = None,
    ) -> None:
        """Somebody enters what happened elsewhere."""
        self.take(told_row(patient, BY_HAND, told_ago_ms, list(entries), self.stamp(), stimulation))

    def hands_on(self, patient: str = PATIENT) -> None:
        """Somebody exports the history."""
        self.take(handed_on_row(patient, self.stamp()))

    # rows

    def event(self, event: Event, session: str | None = None) -> None:
        name = self._session if session is None else session
        self.take(event_row(event, name, self.stamp()))

    def raw(self, type: str, body: object, session: str | None = None) -> None:
        """An event of this type, with just these keys."""
        name = self._session if session is None else session
        self.take(Row("event", type, name, self.stamp(), msgspec.json.encode(body)))

    def take(self, row: Row) -> None:
        self.rows.append(row)
        self.ledger.take(row)

    def stamp(self) -> Stamp:
        return Stamp(self.run, self.ms, self.wall_ahead_ms + self.ms, self.clock)

    def _trace(self, frames: list[tuple[int, int | None, int | None]]) -> None:
        body = msgspec.json.encode({"cuff": frames})
        self.take(Row("trace", "trace", self._session, self.stamp(), body))


def _dmmhg(mmhg: int | None) -> int | None:
    return None if mmhg is None else mmhg * 10


def told(
    minutes: float,
    ended_ago_h: float,
    *,
    therapy: bool = True,
    limb: Limb = Limb.LEFT_THIGH,
    session: str = "",
) -> Entry:
    """Time above 15 mmHg at another gateway."""
    ago_ms = round(ended_ago_h * HOUR_MS)
    return Entry(
        session=session,
        limb=limb,
        therapy=therapy,
        above_ms=round(minutes * MINUTE_MS),
        ended_ago_ms=ago_ms,
        over_ago_ms=ago_ms,
    )


def history(story: Story, patient: str = PATIENT) -> History:
    """What the ledger knows of a patient now."""
    return story.ledger.history(patient, story.stamp())


def borne_ms(story: Story, patient: str = PATIENT) -> int:
    """All time above 15 mmHg of a patient."""
    return sum(one.above_ms for one in history(story, patient).exposures)


def killed(story: Story) -> None:
    """The core dies and starts again, on the same boot of the machine."""
    story.passes(3 * SECOND_MS)
    story.starts("a")


def powerless(story: Story) -> None:
    """The machine is without power for an hour, and nobody knows for how long."""
    story.starts("b", off_ms=HOUR_MS)
