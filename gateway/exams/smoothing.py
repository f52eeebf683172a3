"""A centred mean over a stretch of time, for extremes and crossings.

Theory of operation
-------------------
Each sample becomes the mean of the known samples within half the
stretch on either side, at the ends of those there are.  A sample that is missing stays missing.  Sums run
over a window that moves and are taken anew every thousand samples, so nothing drifts.

Units: s.
"""

import math
from array import array

_ANEW = 1000


def smoothed(times_s: "array[float]", values: "array[float]", stretch_s: float) -> "array[float]":
    """The means, one for each sample; the values themselves for a stretch of 0."""
    half_s = stretch_s / 2.0
    made = array("d", [math.nan]) * len(values)
    begin = end = count = 0
    total = 0.0
    for at, now_s in enumerate(times_s):
        while end < len(values) and times_s[end] <= now_s + half_s + 1e-9:
            if math.isfinite(values[end]):
                total, count = total + values[end], count + 1
            end += 1
        while times_s[begin] < now_s - half_s - 1e-9:
            if math.isfinite(values[begin]):
                total, count = total - values[begin], count - 1
            begin += 1
        if at % _ANEW == 0:
            total = math.fsum(one for one in values[begin:end] if math.isfinite(one))
        if math.isfinite(values[at]):
            made[at] = total / count
    return made
