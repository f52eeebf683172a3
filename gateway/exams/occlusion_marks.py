"""Which marks begin and end an occlusion: words that people wrote.

Theory of operation
-------------------
A mark is read by whole words.  One that has a word for an end is an end, also where it has one for a
beginning too ("occlusion released", "end of occlusion"); one that has a word for a beginning begins an
occlusion.  A mark that speaks of before or after it, or of the baseline, does neither.  Words that a person
stated are taken as they are.

An occlusion is a beginning and the end that follows it; of two beginnings in a row the later counts.  What is
left over is told: a beginning without an end is an occlusion that is not in the result.

Units: s.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from gateway.exams.recording import Mark
from gateway.exams.result import Flag, Severity

BEGINS = (
    *("occlusion", "occluded", "resting", "inflate", "inflated", "inflation"),
    *("cuff on", "cuff up", "tourniquet on", "tourniquet up"),
)
ENDS = (
    *("relaxation", "release", "released", "deflate", "deflated", "deflation"),
    *("cuff off", "cuff down", "tourniquet off", "tourniquet down"),
)
_ASIDE = ("pre", "post", "before", "after", "baseline")
_ENDING = ("end", "ends", "ended", "stop", "stopped", "off", "over", "finished")
_MOST_TOLD = 20


class Paired(NamedTuple):
    """Beginnings with their ends, in time, and the marks that found no other."""

    pairs: tuple[tuple[Mark, Mark], ...]
    never_ended: tuple[Mark, ...]
    never_begun: tuple[Mark, ...]


def paired(marks: Sequence[Mark], begins: Sequence[str] = BEGINS, ends: Sequence[str] = ENDS) -> Paired:
    """The occlusions that these marks tell of."""
    found: list[tuple[Mark, Mark]] = []
    never_ended: list[Mark] = []
    never_begun: list[Mark] = []
    begun: Mark | None = None
    for mark in marks:
        if _is_aside(mark, begins):
            continue
        if _is_end(mark, begins, ends):
            if begun is None:
                never_begun.append(mark)
            else:
                found.append((begun, mark))
            begun = None
        elif _has(mark, begins):
            never_ended += [begun] if begun is not None else []
            begun = mark
    never_ended += [begun] if begun is not None else []
    return Paired(tuple(found), tuple(never_ended), tuple(never_begun))


def left_over(read: Paired) -> tuple[Flag, ...]:
    """The flag that names marks without their other one."""
    parts = [
        f"{which} {told(marks)}"
        for which, marks in (
            ("begun and not ended:", read.never_ended),
            ("ended and not begun:", read.never_begun),
        )
        if marks
    ]
    if not parts:
        return ()
    severity = Severity.DOUBTFUL if read.never_ended else Severity.NOTE
    return (Flag(id="marks_unpaired", severity=severity, text=f"marks {'; '.join(parts)}"),)


def told(marks: Sequence[Mark]) -> str:
    """The marks with their times, for a person; "none" where there are none."""
    texts = [f"{one.text!r} at {one.at_s:.1f} s" for one in marks[:_MOST_TOLD]]
    more = len(marks) - len(texts)
    return ", ".join(texts + ([f"and {more} more"] if more else [])) or "none"


def _is_aside(mark: Mark, begins: Sequence[str]) -> bool:
    return begins == BEGINS and _has(mark, _ASIDE)


def _is_end(mark: Mark, begins: Sequence[str], ends: Sequence[str]) -> bool:
    of_occlusion = begins == BEGINS and _has(mark, BEGINS[:1]) and _has(mark, _ENDING)
    return of_occlusion or _has(mark, ends)


def _has(mark: Mark, words: Sequence[str]) -> bool:
    text = mark.text.lower()
    return any(re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", text) for word in words)
