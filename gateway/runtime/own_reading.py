"""Core's own reading of an examination: from the samples that core recorded, by the code that core runs.

Theory of operation
-------------------
A limb occlusion pressure decides how high later targets may be, and how low.  So it is never taken from
whoever asks: core hands its own samples (``asked``) to ``read``, and what that finds counts.  ``read`` knows
nothing but these bytes; ``gateway.runtime.readers`` says in which process it runs.

The question is one line of JSON, then the samples as core keeps them (``ExamTrace.raw``).  The answer is the
result as ``gateway.exams.result`` writes it, or ``_NONE`` and why there is none.

Units: those of ``gateway.record.exam_trace``.
"""

import sys
from collections.abc import Sequence

import msgspec

from gateway.exams.errors import ExamRefused
from gateway.exams.result import Result, decode, encode
from gateway.model import Limb
from gateway.record.exam_trace import of_raw
from gateway.record.exam_trace import sha256 as digest
from gateway.runtime.examining import Examination

_NONE = b"-"


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the analysis needs beside the samples; ``cuff_bytes`` says where those of the first kind end."""

    exam: str
    session: str
    number: int
    limb: Limb
    posture: str
    cuff: str
    cuff_width_mm: int
    systolics_mmhg: Sequence[int]
    trace_sha256: str
    cuff_bytes: int


def asked(found: Examination) -> bytes:
    """The question, made without looking at a single sample: core's cycle waits for this."""
    where, (cuff, sto2) = found.circumstances, found.trace.raw()
    head = _Asked(
        exam=found.exam,
        session=where.session,
        number=found.number,
        limb=where.limb,
        posture=where.posture,
        cuff=" at ".join(reversed(where.cuff)),
        cuff_width_mm=where.cuff_width_mm,
        systolics_mmhg=tuple(found.systolics_mmhg),
        trace_sha256=found.trace_sha256,
        cuff_bytes=len(cuff),
    )
    return msgspec.json.encode(head) + b"\n" + cuff + sto2


def read(question: bytes) -> bytes:
    """The answer to it."""
    from gateway.runtime.exam_analysis import Examined, analyse

    line, _, samples = question.partition(b"\n")
    head = msgspec.json.decode(line, type=_Asked)
    known = of_raw(samples[: head.cuff_bytes], samples[head.cuff_bytes :])
    if digest(known) != head.trace_sha256:
        return _NONE + b"its samples are not those of its digest"
    examined = Examined(
        exam=head.exam,
        session=head.session,
        number=head.number,
        limb=head.limb,
        posture=head.posture,
        cuff=head.cuff,
        cuff_width_mm=head.cuff_width_mm,
        systolics_mmhg=head.systolics_mmhg,
        oximeter="",
        samples=known,
    )
    try:
        return encode(analyse(examined, ""))
    except ExamRefused as error:
        return _NONE + str(error).encode()


def told(answer: bytes) -> Result | str:
    """The result, or why core has none."""
    if answer[:1] == _NONE:
        return answer[1:].decode(errors="replace")
    try:
        return decode(answer)
    except ExamRefused:
        return "the process that reads it for core came to no end"


def main() -> None:
    """The process: question in, answer out."""
    sys.stdout.buffer.write(read(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
