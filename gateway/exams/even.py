"""Samples at an even rate, for the analyses that count them: a gap becomes the samples that it lacks.

Theory of operation
-------------------
A recording has a time for each sample; kernels that stream have a rate.  ``even`` gives the samples of a
column with as many NaN in each gap as it would have had.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from gateway.exams.errors import RecordingUnusable
from gateway.exams.recording import MOST_SAMPLES, Gap, Recording


def even(recording: Recording, values: "array[float]") -> "array[float]":
    """The column at the recording's rate. Raises ``RecordingUnusable`` for gaps that are absurdly long."""
    if not recording.gaps:
        return array("d", values)
    lost = [missing(recording, one) for one in recording.gaps]
    if sum(lost) > MOST_SAMPLES:
        raise RecordingUnusable(recording.source.name, "its gaps are far longer than what it has: cut it")
    made, begin = array("d"), 0
    for gap, count in zip(recording.gaps, lost, strict=True):
        end = bisect_left(recording.times_s, gap.end_s)
        made.extend(values[begin:end])
        made.extend(array("d", [math.nan]) * count)
        begin = end
    made.extend(values[begin:])
    return made


def missing(recording: Recording, gap: Gap) -> int:
    """How many samples a gap lacks."""
    return max(1, round((gap.end_s - gap.start_s) * recording.rate_hz) - 1)


def stretches(marks: Iterable[bool]) -> list[tuple[int, int]]:
    """Where a mark holds: beginnings and ends (not included) of samples."""
    found, begun, at = [], -1, -1
    for at, holds in enumerate(marks):
        if holds and begun < 0:
            begun = at
        elif not holds and begun >= 0:
            found.append((begun, at))
            begun = -1
    if begun >= 0:
        found.append((begun, at + 1))
    return found
