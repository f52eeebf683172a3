"""The plain NumPy oracle of the tests: slow, whole-array, written to be read.

Theory of operation
-------------------
Each function states in a few array expressions what a streaming kernel of this room computes.  It
shares no code with the kernel, works on whole recordings only, and runs in tests alone: the gateway
process imports no NumPy.

Units: as in the module of the same measurement.
"""

import numpy as np


def time_in_band(
    times_ms: list[int], values_dmmhg: list[int | None], target_dmmhg: int, start_ms: int, end_ms: int
) -> tuple[int, int, int]:
    """Milliseconds within 5 %, 10 % and 15 mmHg of the target during ``[start_ms, end_ms)``.

    Looks at every single millisecond of the hold: the newest sample at or before it decides, if it
    is younger than 250 ms.
    """
    if end_ms <= start_ms or not times_ms:
        return (0, 0, 0)
    clock = np.arange(start_ms, end_ms)
    times = np.array(times_ms)
    values = np.array([np.nan if value is None else value for value in values_dmmhg], dtype=float)
    newest = np.searchsorted(times, clock, side="right") - 1
    known = (newest >= 0) & (clock - times[newest] < 250)
    off = np.where(known, np.abs(values[newest] - target_dmmhg), np.nan)
    bounds = (target_dmmhg / 20, target_dmmhg / 10, 150)
    five, ten, fifteen = (int(np.count_nonzero(off <= bound)) for bound in bounds)
    return five, ten, fifteen
