"""What an analysis made of an examination: judged against its trace, stored, and what may then rely on it.

Theory of operation
-------------------
The analysis runs in another process.  Its result is taken when it is of the newest examination of this run,
of its limb, and made from this very trace (by the digest), whole.  It becomes a row; the answer comes when
that is durable.  The same document sent again is answered again and makes no second row; an examination has
so many rows of results at most.

Targets may rely on a limb occlusion pressure, so its sender is not believed.  Core reads its own samples
(``own_reading``), once for each examination; a document that says anything else of the pressure is refused,
and what counts for this session is core's own number, once its row is durable: at least two runs were read,
and no flag calls them doubtful.  A reading that is under way when the cuff inflates is given up.

Units: mmHg; ms.
"""

import hashlib
import math
from typing import NamedTuple

from gateway.exams.errors import ExamRefused
from gateway.exams.limb_pressure import LimbPressureOrder
from gateway.exams.result import Result, Severity, Value, decode
from gateway.record.events import ExaminationResult, LimbPressureMeasured
from gateway.runtime import own_reading
from gateway.runtime.core import Core
from gateway.runtime.examining import COMPLETED, Examination
from gateway.runtime.readers import Reader, Reading
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    ExamResult,
    Reply,
    refusal,
)
from gateway.runtime.session import Session
from gateway.runtime.starting import WAIT_MS, Pending

MOST_RESULTS = 8
"""Different documents that one examination may have: each is a row of some 20 kB (engineering proposal)."""
READ_WITHIN_MS = 30_000
"""What a small computer may take to read five runs (engineering proposal)."""

_UNWRITTEN = "the result was not written in time: look at the disk, then send it again"
_UNREAD = "not stored: core could not read its own recording in time; send it again"
_INFLATES = "not stored: the cuff inflates, and core reads nothing meanwhile; send it again when it is empty"
_OTHERWISE = "not stored: core reads something else from its own recording: {own}"
_ENOUGH = f"not stored: this examination has {MOST_RESULTS} results already"


class ExamResults:
    """Takes results for one core."""

    def __init__(self, core: Core, reader: Reader) -> None:
        self._core, self._reader = core, reader
        self._of: Examination | None = None
        self._taken: dict[str, _Taken] = {}
        self._reading: Reading | None = None
        self._own: Result | str | None = None
        self._measured_ticket: int | None = None

    def take(self, found: Examination, request: ExamResult, now: int) -> Reply | Pending:
        """One result of this examination, which is over; a refusal, or what to wait for."""
        try:
            document = request.document.encode()
            result = decode(document)
        except (ExamRefused, UnicodeEncodeError) as error:
            return refusal(EXIT_USAGE, f"not stored: {error}")
        wrong = _does_not_fit(found, result)
        if wrong:
            return refusal(EXIT_REFUSED, f"not stored: {wrong}")
        self._turn_to(found)
        name = hashlib.sha256(document).hexdigest()
        if name not in self._taken and len(self._taken) >= MOST_RESULTS:
            return refusal(EXIT_REFUSED, _ENOUGH)
        is_read = result.exam == LimbPressureOrder.exam
        taken = _Taken(found, result, request.document, name, is_read=is_read)
        longest_ms = READ_WITHIN_MS if is_read and self._own is None else WAIT_MS
        return Pending(lambda at: self._answer(taken, at), lambda _: self._too_late(taken), longest_ms)

    def _turn_to(self, found: Examination) -> None:
        """Only the newest examination has results to come."""
        if self._of is not found:
            self._give_up()
            self._of, self._taken = found, {}
            self._own = self._measured_ticket = None

    def _answer(self, taken: "_Taken", now: int) -> Reply | None:
        if self._of is not taken.found or self._core.examination is not taken.found:
            return refusal(EXIT_NOT_NOW, "not stored: another examination has begun meanwhile")
        if taken.is_read:
            own = self._read(taken.found)
            if own is None or isinstance(own, Reply):
                return own
            wrong = _differs(taken.result, own)
            if wrong:
                return refusal(EXIT_REFUSED, wrong)
        if not self._is_stored(taken, now):
            return None
        return self._counts(taken, now) if taken.is_read else Reply(message="result stored")

    # core's own reading

    def _read(self, found: Examination) -> Result | str | Reply | None:
        """What core itself reads; ``None`` while it does, a refusal where it may not go on."""
        if self._own is not None:
            return self._own
        if self._core.state.inflation is not None:
            self._give_up()
            return refusal(EXIT_NOT_NOW, _INFLATES)
        if self._reading is None:
            self._reading = self._reader.begin(own_reading.asked(found))
        answer = self._reading.poll()
        if answer is None:
            return None
        self._reading = None
        if not answer:
            return refusal(EXIT_UNAVAILABLE, _UNREAD)
        self._own = own_reading.told(answer)
        return self._own

    def _give_up(self) -> None:
        if self._reading is not None:
            self._reading.give_up()
            self._reading = None

    def _too_late(self, taken: "_Taken") -> Reply:
        unread = taken.is_read and self._own is None
        self._give_up()
        return refusal(EXIT_UNAVAILABLE, _UNREAD if unread else _UNWRITTEN)

    # rows

    def _is_stored(self, taken: "_Taken", now: int) -> bool:
        """Whether its row is durable; the first time that it is asked it is written."""
        before = self._taken.get(taken.name)
        if before is None:
            where = taken.found.circumstances
            taken.ticket = self._core.recorder.event(_row(taken), where.session, now)
            before = self._taken[taken.name] = taken
        return self._core.recorder.is_durable(before.ticket)

    def _counts(self, taken: "_Taken", now: int) -> Reply | None:
        """What targets may rely on now; ``None`` until the row that lets them is durable."""
        found, recorder, session = taken.found, self._core.recorder, self._session_of(taken.found)
        usable = _usable_mmhg(found, self._own) if isinstance(self._own, Result) else str(self._own)
        if isinstance(usable, str) or session is None:
            return Reply(message=f"result stored{_meaning(usable, session)}")
        if self._measured_ticket is None:
            self._measured_ticket = recorder.event(_measured(found, usable), session.name, now)
        if not recorder.is_durable(self._measured_ticket):
            return None
        session.examining.measured(found, *usable)
        return Reply(message=f"result stored{_meaning(usable, session)}")

    def _session_of(self, found: Examination) -> Session | None:
        session = self._core.session
        same = session is not None and session.running and session.name == found.circumstances.session
        return session if same else None


class _Taken:
    """One document, and the ticket of its row once it has one."""

    __slots__ = ("document", "found", "is_read", "name", "result", "ticket")

    def __init__(
        self, found: Examination, result: Result, document: str, name: str, *, is_read: bool
    ) -> None:
        self.found, self.result, self.document, self.name = found, result, document, name
        self.is_read = is_read
        self.ticket = 0


def _differs(sent: Result, own: Result | str) -> str:
    """Why this is not what core reads; empty when it is, to the last bit, doubts included."""
    if isinstance(own, str):
        return _OTHERWISE.format(own=own)
    if (sent.definition, sent.values, sent.flags) == (own.definition, own.values, own.flags):
        return ""
    whole = [one for one in own.values if (one.name, one.of) == ("limb_occlusion_pressure", "")]
    said = f"{whole[0].value:.1f} mmHg" if whole and whole[0].value is not None else "no pressure"
    return _OTHERWISE.format(own=f"{said} by {own.definition}, with {len(own.flags)} flags")


def _does_not_fit(found: Examination, result: Result) -> str:
    """Why this is no result of that examination; empty when it is one."""
    if found.outcome != COMPLETED:
        return f"{found.exam} was not completed ({found.outcome}): it has no result"
    if result.exam != found.exam:
        return f"it is of {result.exam}, the examination was {found.exam}"
    if result.limb is not found.circumstances.limb:
        return f"it is of another limb ({result.limb}, not {found.circumstances.limb})"
    if not found.trace.complete or result.recording.sha256 != found.trace_sha256:
        return "it was not made from the whole trace of this examination"
    return ""


def _row(taken: _Taken) -> ExaminationResult:
    found, result = taken.found, taken.result
    weighty = (Severity.DOUBTFUL, Severity.MISSING)
    return ExaminationResult(
        examination=found.number,
        exam=result.exam,
        definition=result.definition,
        limb=found.circumstances.limb.value,
        values=sum(one.value is not None for one in result.values),
        doubts=sum(one.severity in weighty for one in result.flags),
        trace_sha256=found.trace_sha256,
        sha256=taken.name,
        document=taken.document,
    )


_DEFINITION = "cuff_flattening"
"""What core's own sensors can be read by."""


class _Usable(NamedTuple):
    """A limb occlusion pressure that later targets may rely on, and the upper end of its interval."""

    pressure_mmhg: int
    high_mmhg: int


def _usable_mmhg(found: Examination, result: Result) -> _Usable | str:
    """The limb occlusion pressure that later targets may rely on; or what speaks against it."""
    whole = [one for one in result.values if (one.name, one.of) == ("limb_occlusion_pressure", "")]
    value = whole[0].value if len(whole) == 1 else None
    doubts = [one.text for one in result.flags if one.severity is not Severity.NOTE and _is_about(one.about)]
    if value is None or doubts:
        return "; ".join(doubts) or "it holds no limb occlusion pressure"
    runs: list[Value] = [one for one in result.values if one.name == "limb_occlusion_pressure" and one.of]
    if len([one for one in runs if one.value is not None]) < 2 or len(found.systolics_mmhg) < 2:
        return "one run says nothing of the spread"
    if (result.definition, whole[0].unit) != (_DEFINITION, "mmHg"):
        return f"it is not by {_DEFINITION} in mmHg"
    high = value if whole[0].high is None else max(value, whole[0].high)
    reached = min(getattr(found.order, "highest_mmhg", 0), found.trace.highest_dmmhg // 10 + 1)
    if not min(found.systolics_mmhg) <= value <= high <= reached:
        return f"{value:.0f} to {high:.0f} mmHg lie outside the pressures of the measurement"
    return _Usable(math.ceil(value), math.ceil(high))


def _is_about(name: str) -> bool:
    return name in ("", "limb_occlusion_pressure", "spread")


def _measured(found: Examination, usable: _Usable) -> LimbPressureMeasured:
    where = found.circumstances
    return LimbPressureMeasured(
        examination=found.number,
        pressure_mmhg=usable.pressure_mmhg,
        high_mmhg=usable.high_mmhg,
        systolic_mmhg=found.systolics_mmhg[-1],
        limb=where.limb.value,
        posture=where.posture,
        cuff_serial=where.cuff[0],
        cuff_description=where.cuff[1],
    )


def _meaning(usable: _Usable | str, session: Session | None) -> str:
    if isinstance(usable, str):
        return f"; no target above 250 mmHg may rely on it: {usable}"
    if session is None:
        return f": {usable.pressure_mmhg} mmHg; its session is over, so no target may rely on it"
    return (
        f": {usable.pressure_mmhg} mmHg, {usable.high_mmhg} mmHg at most; it counts in this session, for "
        "this limb, cuff and posture, while the systolic stays within 20 mmHg"
    )
