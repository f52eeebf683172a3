"""What an analysis made of an examination: judged against its trace, stored, and what may then rely on it.

Theory of operation
-------------------
The analysis runs in another process.  Its result is taken when it is of the newest examination of this run,
of its limb, and made from this very trace (by the digest), whole.  It becomes a row; the answer comes when
that is durable.  A limb occlusion pressure that nothing speaks against then counts for this session, once a
row of its own is durable too: at least two runs were read, and no flag calls them doubtful.

Units: mmHg.
"""

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

from gateway.exams.errors import ExamRefused
from gateway.exams.limb_pressure import LimbPressureOrder
from gateway.exams.result import Result, Severity, Value, decode
from gateway.record.events import ExaminationResult, LimbPressureMeasured
from gateway.runtime.core import Core
from gateway.runtime.examining import COMPLETED, Examination
from gateway.runtime.requests import (
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    ExamResult,
    Reply,
    refusal,
)
from gateway.runtime.session import Session
from gateway.runtime.starting import Pending

_UNWRITTEN = "the result was not written in time: look at the disk, then send it again"


class ExamResults:
    """Takes results for one core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def take(self, found: Examination, request: ExamResult, now: int) -> Reply | Pending:
        """One result of this examination, which is over; a refusal, or what to wait for."""
        try:
            result = decode(request.document.encode())
        except (ExamRefused, UnicodeEncodeError) as error:
            return refusal(EXIT_USAGE, f"not stored: {error}")
        wrong = _does_not_fit(found, result)
        if wrong:
            return refusal(EXIT_REFUSED, f"not stored: {wrong}")
        row = _row(found, result, request.document)
        ticket = self._core.recorder.event(row, request.session, now)
        return Pending(self._stored(found, result, ticket), _too_late)

    def _stored(self, found: Examination, result: Result, ticket: int) -> Callable[[int], Reply | None]:
        """Once the result is durable, and the row that lets a limb occlusion pressure count."""
        tickets = [ticket]
        usable = _usable_mmhg(found, result) if result.exam == LimbPressureOrder.exam else None

        def poll(now: int) -> Reply | None:
            recorder = self._core.recorder
            if not recorder.is_durable(tickets[-1]):
                return None
            session = self._session_of(found)
            if isinstance(usable, str) and session is not None:
                session.examining.retract()
            if not isinstance(usable, str | None) and session is not None:
                if len(tickets) == 1:
                    tickets.append(recorder.event(_measured(found, usable), session.name, now))
                    if not recorder.is_durable(tickets[-1]):
                        return None
                session.examining.measured(found, *usable)
            return Reply(message=f"result stored{_meaning(usable, session)}")

        return poll

    def _session_of(self, found: Examination) -> Session | None:
        session = self._core.session
        same = session is not None and session.running and session.name == found.circumstances.session
        return session if same else None


def _too_late(_: int) -> Reply:
    return refusal(EXIT_UNAVAILABLE, _UNWRITTEN)


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


def _row(found: Examination, result: Result, document: str) -> ExaminationResult:
    weighty = (Severity.DOUBTFUL, Severity.MISSING)
    return ExaminationResult(
        examination=found.number,
        exam=result.exam,
        definition=result.definition,
        limb=found.circumstances.limb.value,
        values=sum(one.value is not None for one in result.values),
        doubts=sum(one.severity in weighty for one in result.flags),
        trace_sha256=found.trace_sha256,
        sha256=hashlib.sha256(document.encode()).hexdigest(),
        document=document,
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


def _meaning(usable: _Usable | str | None, session: Session | None) -> str:
    if usable is None:
        return ""
    if isinstance(usable, str):
        return f"; no target above 250 mmHg may rely on it: {usable}"
    if session is None:
        return f": {usable.pressure_mmhg} mmHg; its session is over, so no target may rely on it"
    return (
        f": {usable.pressure_mmhg} mmHg, {usable.high_mmhg} mmHg at most; it counts in this session, for "
        "this limb, cuff and posture, while the systolic stays within 20 mmHg"
    )
