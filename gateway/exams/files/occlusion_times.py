"""When the limb was occluded, where a person says so: stretches of time, or other words for the marks.

Theory of operation
-------------------
``gateway.exams.occlusions`` finds occlusions from the cuff's pressure, else from marks with its usual words.
A person may state the stretches themselves, or the words that this file uses; either replaces the marks, and
stretches that are stated also stand above the cuff's trace.  A stated systolic pressure is what the cuff must
exceed.  What was stated is a parameter of the result.

Units: s from the first sample.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.exams.errors import NotStated, TraceUnusable
from gateway.exams.files.stated import entered, positive
from gateway.exams.occlusion_marks import BEGINS, ENDS, left_over, paired, told
from gateway.exams.recording import Mark, Recording
from gateway.exams.result import Flag, Parameter

_STRETCH = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:-|:|to)\s*(\d+(?:\.\d*)?|\.\d+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """``occlusions`` such as ``60-240``; ``begins`` and ``ends`` are words of marks."""

    occlusions: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    occluding_mmhg: float | None = None
    systolic_mmhg: float | None = None


def stretch(option: str, text: str) -> tuple[float, float]:
    """``START-END`` in s. Raises ``NotStated``."""
    found = _STRETCH.fullmatch(text)
    if found is None or not float(found[1]) < float(found[2]):
        raise NotStated(option, f"{text!r}: give START-END in seconds from the first sample, such as 60-240")
    return float(found[1]), float(found[2])


class Seen(NamedTuple):
    """The recording as ``occlusions.find`` shall see it, what was stated, and marks that were left over."""

    recording: Recording
    parameters: tuple[Parameter, ...]
    flags: tuple[Flag, ...] = ()


def with_occlusions(recording: Recording, times: Times) -> Seen:
    """The recording with the occlusions that a person stated. Raises ``NotStated``."""
    positive("--systolic", times.systolic_mmhg)
    pressures = {"occluding pressure": times.occluding_mmhg, "systolic": times.systolic_mmhg}
    known = tuple(entered(name, mmhg, "mmHg") for name, mmhg in pressures.items() if mmhg is not None)
    if times.occlusions:
        stretches = sorted(stretch("--occlusion", one) for one in times.occlusions)
        _possible(recording, stretches)
        columns = {called: one for called, one in recording.columns.items() if called != "cuff"}
        stated = _numbered([entered("occlusion", one, "s") for one in stretches])
        return Seen(replace(recording, columns=columns, marks=_marks(stretches)), (*known, *stated))
    if times.begins or times.ends:
        begins, ends = (_lower(one) for one in (times.begins or BEGINS, times.ends or ENDS))
        read = paired(recording.marks, begins, ends)
        pairs = [(begun.at_s, ended.at_s) for begun, ended in read.pairs]
        if not pairs:
            marks = told(recording.marks)
            text = f"no marks from {' or '.join(begins)} to {' or '.join(ends)}; its marks: {marks}"
            raise TraceUnusable(recording.source.name, text)
        words = (entered("begin words", tuple(begins)), entered("end words", tuple(ends)))
        over = () if "cuff" in recording.columns else left_over(read)
        return Seen(replace(recording, marks=_marks(pairs)), (*known, *words), over)
    return Seen(recording, known)


def _lower(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _numbered(stated: Sequence[Parameter]) -> tuple[Parameter, ...]:
    return tuple(entered(f"{one.name} {number}", one.value, one.unit) for number, one in enumerate(stated, 1))


def _possible(recording: Recording, stretches: Sequence[tuple[float, float]]) -> None:
    last_s = 0.0
    for start_s, end_s in stretches:
        if not (last_s <= start_s and end_s <= recording.end_s):
            text = (
                f"{start_s:g}-{end_s:g} s: occlusions must not overlap and must lie within the recording's "
                f"{recording.end_s:g} s"
            )
            raise NotStated("--occlusion", text)
        last_s = end_s


def _marks(stretches: Sequence[tuple[float, float]]) -> tuple[Mark, ...]:
    return tuple(
        mark for start_s, end_s in stretches for mark in (Mark(start_s, BEGINS[0]), Mark(end_s, ENDS[1]))
    )
