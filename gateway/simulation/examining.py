"""What the person at the simulated bedside does to give an examination, and the prescription behind it.

Theory of operation
-------------------
``give`` asks for the examination, looks after it until it is over, fetches its trace, analyses it as the
command line would and sends the result; then it begins the prescription, if there is one.  Whatever is
refused on the way ends that part; a limb occlusion pressure that counts lifts the prescription's targets.

Units: ms.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

import msgspec

from gateway.exams.errors import ExamRefused
from gateway.exams.result import encode
from gateway.model import Limb
from gateway.record.exam_trace import CuffSample, Samples, TissueSample
from gateway.runtime.exam_analysis import Examined, analyse
from gateway.runtime.requests import (
    AnyRequest,
    ExamResult,
    ExamShow,
    ExamStart,
    ExamTracePage,
    Reply,
    SessionBegin,
)

LIMB_PRESSURE, SUPINE = "limb-pressure", "supine"
_SITE = "simulated muscle"
_LOOK_MS = 1_000
_COUNTS = "it counts in this session"

Work = Generator[AnyRequest | int, Reply | None, None]
Look = Callable[[int], Generator[AnyRequest | int, Reply | None, bool]]
"""One second beside it, this long after it began; whether its session still runs."""


class Order(Protocol):
    """What is to be given."""

    @property
    def prescription(self) -> str:
        """Its name; empty for none."""

    @property
    def exam_start(self) -> ExamStart:
        """The request that begins the examination."""


def give(order: Order, look: Look) -> Work:
    """The examination, its result, then what was prescribed."""
    reply = yield order.exam_start
    lifted = False
    if reply is not None and not reply.exit_code:
        shown = yield from _watched(look)
        if shown.get("outcome") == "completed":
            lifted = yield from _result(shown)
    if order.prescription:
        yield SessionBegin(confirm=True, posture=SUPINE, at_limb_pressure=lifted)


def _watched(look: Look) -> Generator[AnyRequest | int, Reply | None, Mapping[str, Any]]:
    """What core says of it when it is over; nothing when its session is."""
    since_ms = 0
    while (yield from look(since_ms)):
        since_ms += _LOOK_MS
        reply = yield ExamShow()
        if reply is not None and reply.data.get("outcome"):
            return reply.data
    return {}


def _result(shown: Mapping[str, Any]) -> Generator[AnyRequest | int, Reply | None, bool]:
    """Analyse its trace and send the result; whether it is a limb occlusion pressure that counts."""
    samples = Samples([], [])
    while True:
        reply = yield ExamTracePage(
            session=shown["session"],
            examination=shown["examination"],
            cuff_from=len(samples.cuff),
            sto2_from=len(samples.sto2),
        )
        if reply is None or reply.exit_code:
            return False
        samples.cuff.extend(msgspec.convert(reply.data["cuff"], list[CuffSample]))
        samples.sto2.extend(msgspec.convert(reply.data["sto2"], list[TissueSample]))
        if not reply.data["cuff"] and not reply.data["sto2"]:
            break
    try:
        document = encode(analyse(_examined(shown, samples), _SITE)).decode()
    except ExamRefused:
        return False
    reply = yield ExamResult(session=shown["session"], examination=shown["examination"], document=document)
    return reply is not None and _COUNTS in reply.message


def _examined(shown: Mapping[str, Any], samples: Samples) -> Examined:
    return Examined(
        exam=shown["exam"],
        session=shown["session"],
        number=shown["examination"],
        limb=Limb(shown["limb"]),
        posture=shown["posture"],
        cuff=shown["cuff_description"],
        cuff_width_mm=shown["cuff_width_mm"],
        systolics_mmhg=shown["systolics_mmhg"],
        oximeter=shown["oximeter"],
        samples=samples,
    )
