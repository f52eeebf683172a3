"""When the limb was occluded, where a person says so: stretches of time, or other words for the marks.

Theory of operation
-------------------
``gateway.exams.occlusions`` finds occlusions from the cuff's pressure, else from marks with its usual words.
A person may state the stretches themselves, or the words that this file uses; either replaces the marks, and
stretches that are stated also stand above the cuff's trace.  What was stated is a parameter of the result.

Units: s from the first sample.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.exams.errors import NotStated, TraceUnusable
from gateway.exams.files.stated import entered
from gateway.exams.occlusions import BEGINS, ENDS, from_marks
from gateway.exams.recording import Mark, Recording
from gateway.exams.result import Parameter

_STRETCH = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:-|:|to)\s*(\d+(?:\.\d*)?|\.\d+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """``occlusions`` such as ``60-240``; ``begins`` and ``ends`` are words of marks."""

    occlusions: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    occluding_mmhg: float | None = None


def stretch(option: str, text: str) -> tuple[float, float]:
    """``START-END`` in s. Raises ``NotStated``."""
    found = _STRETCH.fullmatch(text)
    if found is None or not float(found[1]) < float(found[2]):
        raise NotStated(option, f"{text!r}: give START-END in seconds from the first sample, such as 60-240")
    return float(found[1]), float(found[2])


def with_occlusions(recording: Recording, times: Times) -> tuple[Recording, tuple[Parameter, ...]]:
    """The recording as ``occlusions.find`` shall see it, and what was stated. Raises ``NotStated``."""
    if times.occlusions:
        stretches = sorted(stretch("--occlusion", one) for one in times.occlusions)
        _possible(recording, stretches)
        columns = {called: one for called, one in recording.columns.items() if called != "cuff"}
        stated = tuple(entered("occlusion", one, "s") for one in stretches)
        return replace(recording, columns=columns, marks=_marks(stretches)), _numbered(stated)
    if times.begins or times.ends:
        begins, ends = (_lower(one) for one in (times.begins or BEGINS, times.ends or ENDS))
        pairs = [(one.occluded_s, one.release_s) for one in from_marks(recording.marks, begins, ends)]
        if not pairs:
            texts = ", ".join(dict.fromkeys(repr(one.text) for one in recording.marks[:20])) or "none"
            text = f"no marks from {' or '.join(begins)} to {' or '.join(ends)}; its marks: {texts}"
            raise TraceUnusable(recording.source.name, text)
        words = (entered("begin words", tuple(begins)), entered("end words", tuple(ends)))
        return replace(recording, marks=_marks(pairs)), words
    if times.occluding_mmhg is not None:
        return recording, (entered("occluding pressure", times.occluding_mmhg, "mmHg"),)
    return recording, ()


def _lower(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words]


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
