"""An examination from its start to its stored result, at a bedside that is real or simulated.

Theory of operation
-------------------
Core conducts; this asks, tells each change, and when the examination is over fetches its trace, keeps it in a
file where that is wanted, analyses it in this process and hands the result back to be stored.  The file is
written before the analysis, so that a trace that allows no number is kept too.  If this process ends
meanwhile, the examination goes on at the bedside: only ``rvos session stop`` stops it.

Units: s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gateway.cli import exam_showing
from gateway.cli.conversation import site_language
from gateway.cli.exam_session import Bedside
from gateway.cli.exits import RunError
from gateway.runtime.control_client import CoreUnavailable
from gateway.runtime.requests import (
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_OK,
    EXIT_UNAVAILABLE,
    ExamResult,
    ExamShow,
    ExamStart,
    ExamTracePage,
    Reply,
    SessionStatus,
)

if TYPE_CHECKING:
    from gateway.exams.result import Result
    from gateway.runtime.exam_analysis import Examined

LOOK_S = 1.0
_STAYS_ARMED = (
    "The session stays armed: run another examination, or take the cuff off and say rvos session cuff-removed"
)
_PRESCRIBED = (
    "The session stays armed: run another examination, or begin the prescription: "
    "rvos session begin --confirm"
)
_LEFT = (
    "left alone: the examination goes on at the bedside. To stop it: rvos session stop. When it is over: "
    "rvos exam collect"
)
_LOST = (
    "core does not answer any more ({error}). If it has ended, the cuff vents by itself: look at the patient "
    "and the cuff now. Then: rvos session status"
)
_PASSING = ("not_armed", "journal_pending")
"""Answers of the first instants that are gone before a person has read them."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person says of the probe, and what becomes of the result."""

    site: str = ""
    spacing_mm: float | None = None
    definitions: tuple[str, ...] = ()
    recording: Path | None = None
    plot: Path | None = None
    as_json: bool = False

    def check(self, exam: str = "") -> None:
        """Everything that can be wrong with it. Raises ``ExamRefused`` and ``RunError``."""
        from gateway.exams.files.stated import positive

        positive("--spacing", self.spacing_mm)
        exam_showing.check(self.plot)
        if self.recording is not None and (self.recording.exists() or not self.recording.parent.is_dir()):
            text = "is there already" if self.recording.exists() else "has no such folder"
            raise RunError(f"{self.recording} {text}: nothing was begun; name another file", EXIT_UNAVAILABLE)
        if exam:
            self.fits(exam)

    def fits(self, exam: str) -> None:
        """Whether its definitions are of this examination. Raises ``DefinitionUnknown``."""
        from gateway.runtime.exam_analysis import check

        check(exam, self.definitions)

    def with_site(self, site: str) -> "Wanted":
        """The same where nobody said where the probe lies."""
        return replace(self, site=self.site or site)


class Given(NamedTuple):
    """An examination that was completed, and its result."""

    examined: "Examined"
    result: "Result"


def given(bedside: Bedside, request: ExamStart, wanted: Wanted, say: Say) -> Given:
    """One examination in the armed session. Raises RunError."""
    started = _granted(bedside.ask(request))
    say(started.message)
    if bedside.lasts:
        say("To stop at any time: rvos session stop")
    try:
        shown = _watch(bedside, say)
    except KeyboardInterrupt as error:
        raise RunError(_LEFT, EXIT_NOT_NOW) from error
    except CoreUnavailable as error:
        raise RunError(_LOST.format(error=error), EXIT_UNAVAILABLE) from error
    return _made(bedside, shown, wanted, say)


def collected(bedside: Bedside, wanted: Wanted, say: Say) -> Given:
    """The newest examination, which is over. Raises RunError."""
    shown = _granted(bedside.ask(ExamShow())).data
    if not shown["outcome"]:
        raise RunError(f"{shown['exam']} is still under way: wait, or rvos session stop", EXIT_NOT_NOW)
    wanted.fits(shown["exam"])
    return _made(bedside, shown, wanted, say)


def _made(bedside: Bedside, shown: Mapping[str, Any], wanted: Wanted, say: Say) -> Given:
    """The result of an examination that is over, stored. Raises RunError where there is none."""
    from gateway.runtime.exam_analysis import usual

    examined = _examined(bedside, shown)
    wanted = replace(wanted, definitions=wanted.definitions or usual(examined.exam))
    _keep(examined, wanted, say)
    if shown["outcome"] != "completed":
        outcome = str(shown["outcome"]).replace("_", " ")
        raise RunError(f"{shown['exam']}: {outcome}. {shown['text']} It has no result", EXIT_FINDING)
    result = _analysed(examined, wanted)
    say(_granted(bedside.ask(_result_request(shown, result))).message)
    if bedside.lasts:
        _tell_what_next(bedside, say)
    return Given(examined, result)


def _tell_what_next(bedside: Bedside, say: Say) -> None:
    phase = _granted(bedside.ask(SessionStatus())).data["state"].get("phase")
    words = {"ready": _STAYS_ARMED, "prescription_ready": _PRESCRIBED}.get(str(phase))
    if words:
        say(words)


def _granted(reply: Reply) -> Reply:
    if reply.exit_code != EXIT_OK:
        raise RunError(reply.message, reply.exit_code)
    return reply


def _watch(bedside: Bedside, say: Say) -> dict[str, Any]:
    """Tell each change until the examination is over; what core then says of it."""
    told = ""
    while True:
        shown = _granted(bedside.ask(ExamShow())).data
        if shown["outcome"]:
            return shown
        state = _granted(bedside.ask(SessionStatus())).data["state"]
        told = _tell(state, told, say)
        bedside.wait(LOOK_S)


def _tell(state: Mapping[str, Any], told: str, say: Say) -> str:
    from gateway.cli.panel import phase_words, reason_text

    waiting = None if state.get("waiting_for") in _PASSING else state.get("waiting_for")
    line = phase_words(str(state.get("phase")))
    if waiting:
        line += f": {reason_text(str(waiting), site_language())}"
    if line != told:
        saturation = state.get("sto2_percent")
        seen = "" if saturation is None else f" (StO2 {saturation:.0f} %)"
        say(f"  {line}{seen}")
    return line


# the trace and what is made of it


def _examined(bedside: Bedside, shown: Mapping[str, Any]) -> "Examined":
    """The examination with its whole trace. Raises RunError where some of it is missing."""
    from gateway.model import Limb
    from gateway.record.exam_trace import Samples, sha256
    from gateway.runtime.exam_analysis import Examined

    samples = Samples([], [])
    while _page(bedside, shown, samples):
        pass
    if not shown["trace_complete"] or sha256(samples) != shown["trace_sha256"]:
        raise RunError("the trace is not whole: it lasted too long, or was damaged on its way", EXIT_FINDING)
    return Examined(
        exam=shown["exam"],
        session=shown["session"],
        number=shown["examination"],
        limb=Limb(shown["limb"]),
        posture=shown["posture"],
        cuff=f"{shown['cuff_description']} at {shown['cuff_serial']}",
        cuff_width_mm=shown["cuff_width_mm"],
        systolics_mmhg=shown["systolics_mmhg"],
        oximeter=shown["oximeter"],
        samples=samples,
    )


def _page(bedside: Bedside, shown: Mapping[str, Any], into: Any) -> bool:
    """Add one page; whether there was any."""
    request = ExamTracePage(
        session=shown["session"],
        examination=shown["examination"],
        cuff_from=len(into.cuff),
        sto2_from=len(into.sto2),
    )
    page = _granted(bedside.ask(request)).data
    into.cuff.extend(msgspec.convert(page["cuff"], list[tuple[int, int | None, int | None]]))
    into.sto2.extend(msgspec.convert(page["sto2"], list[tuple[int, int | None]]))
    return bool(page["cuff"] or page["sto2"])


def _keep(examined: "Examined", wanted: Wanted, say: Say) -> None:
    """Write the recording; where that fails say so, and go on: the result is not lost for it."""
    from gateway.runtime.exam_recording import encode

    if wanted.recording is None:
        return
    data = encode(examined, wanted.site, wanted.spacing_mm, wanted.definitions)
    try:
        with wanted.recording.open("xb") as file:
            file.write(data)
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        say(f"{wanted.recording}: {why}; keep it elsewhere: rvos exam collect --recording FILE")
    else:
        say(f"recording: {wanted.recording}")


def _analysed(examined: "Examined", wanted: Wanted) -> "Result":
    from gateway.exams.errors import ExamRefused
    from gateway.runtime.exam_analysis import analyse

    try:
        return analyse(examined, wanted.site, wanted.spacing_mm, wanted.definitions)
    except ExamRefused as error:
        raise RunError(
            f"{examined.exam} was completed, but it has no result: {error}", EXIT_FINDING
        ) from error


def _result_request(shown: Mapping[str, Any], result: "Result") -> ExamResult:
    from gateway.exams.result import encode

    return ExamResult(
        session=shown["session"], examination=shown["examination"], document=encode(result).decode()
    )
