"""Made recordings with known truth, and the small things that tests of examinations share."""

import math
from array import array
from collections.abc import Callable

import numpy as np

from gateway.exams.recording import Column, Mark, Recording, checked
from gateway.exams.result import Probe

PROBE = Probe(device="made", site="vastus lateralis", spacing_mm=35.0)

START_S, RELEASE_S, END_S = 180.0, 360.0, 700.0
BASELINE, DROP_PER_S, OVERSHOOT = 70.0, 0.1, 10.0


def saturation(time_s: float) -> float:
    """70 %, falling 0.1 %/s from 180 to 360 s, back at 2 %/s to 80 %, then settling with 60 s to 70 %."""
    if time_s < START_S:
        return BASELINE
    if time_s < RELEASE_S:
        return BASELINE - DROP_PER_S * (time_s - START_S)
    lowest = BASELINE - DROP_PER_S * (RELEASE_S - START_S)
    rising = lowest + 2.0 * (time_s - RELEASE_S)
    top_s = RELEASE_S + (BASELINE + OVERSHOOT - lowest) / 2.0
    if time_s < top_s:
        return rising
    return BASELINE - 0.5 + (OVERSHOOT + 0.5) * math.exp(-(time_s - top_s) / 60.0)


def pressure(time_s: float) -> float:
    """Filled to 170 mmHg in 3 s, held, empty within half a second."""
    if time_s < START_S or time_s >= RELEASE_S + 0.5:
        return 0.0
    if time_s < START_S + 3.0:
        return 170.0 * (time_s - START_S) / 3.0
    return 170.0 if time_s < RELEASE_S else 40.0


def recorded(
    sto2: Callable[[float], float] = saturation,
    rate_hz: float = 10.0,
    noise: float = 0.2,
    cuff: Callable[[float], float] | None = pressure,
    marks: tuple[Mark, ...] = (),
    end_s: float = END_S,
) -> Recording:
    times = np.arange(0.0, end_s, 1.0 / rate_hz)
    off = np.random.default_rng(1).normal(0.0, noise, len(times))
    values = array("d", [sto2(t) + o for t, o in zip(times, off, strict=True)])
    columns = {"sto2": Column(values, "%")}
    if cuff is not None:
        columns["cuff"] = Column(array("d", [cuff(t) for t in times]), "mmHg")
    return checked("made", "", "made", array("d", times), columns, marks)


def cut(made: Recording, begin_s: float, end_s: float) -> Recording:
    keep = [at for at, t in enumerate(made.times_s) if not begin_s < t < end_s]
    columns = {
        name: Column(array("d", [one.values[at] for at in keep]), one.unit)
        for name, one in made.columns.items()
    }
    return checked("cut", "", "made", array("d", [made.times_s[at] for at in keep]), columns)
