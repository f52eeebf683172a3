"""Runs are found in a session, and occlusions are none."""

import math
from array import array

import pytest

from dsp.cuff_reading import limb_occlusion_pressure
from dsp.cuff_runs import runs
from dsp.oscillometry import envelope
from tests.dsp.cuff import Cuff, climb

RATE_HZ = 100.0


def level(mmhg: float, seconds: float) -> "array[float]":
    return array("d", [mmhg]) * int(seconds * RATE_HZ)


def ramp(start: float, end: float, seconds: float) -> "array[float]":
    number = int(seconds * RATE_HZ)
    return array("d", [start + (end - start) * at / number for at in range(number)])


CLIMB, _ = climb(start_mmhg=120.0, top_mmhg=230.0)
DEFLATION = Cuff(rate_hz=RATE_HZ).run()
OCCLUSION = ramp(0, 170, 6.0) + level(170, 120.0) + ramp(170, 0, 4.0)


def test_a_session_is_cut_into_its_runs() -> None:
    session = level(0, 20.0)
    session += ramp(0, 110, 4.0) + CLIMB + ramp(230, 0, 5.0) + level(0, 60.0)
    session += OCCLUSION + level(0, 60.0)
    session += ramp(0, 180, 6.0) + DEFLATION + ramp(30, 0, 2.0) + level(0, 10.0)
    first, second = runs(session, RATE_HZ)
    assert (first.rising, second.rising) == (True, False)
    assert first.begin / RATE_HZ == pytest.approx(22.5, abs=3.0)
    assert first.end / RATE_HZ == pytest.approx(144.0, abs=3.0)
    cut = session[first.begin : first.end]
    assert limb_occlusion_pressure(envelope(cut, RATE_HZ), "cuff_flattening").mmhg == pytest.approx(
        180, abs=10
    )
    cut = session[second.begin : second.end]
    assert limb_occlusion_pressure(envelope(cut, RATE_HZ), "cuff_flattening").mmhg == pytest.approx(
        140, abs=8
    )


@pytest.mark.parametrize(
    "pressures",
    [
        array("d"),
        level(0, 100.0),
        level(120, 100.0),
        level(0, 30.0) + OCCLUSION + level(0, 30.0),
        array("d", [math.nan]) * 10_000,
        ramp(0, 200, 5.0) + ramp(200, 0, 5.0),
    ],
    ids=["empty", "idle", "held", "occlusion", "missing", "fast"],
)
def test_what_is_no_run_is_none(pressures: "array[float]") -> None:
    assert runs(pressures, RATE_HZ) == []


def test_a_missing_stretch_ends_a_run() -> None:
    pressures = Cuff(rate_hz=RATE_HZ).run()
    pressures[2500] = math.nan
    (one, other) = runs(pressures, RATE_HZ)
    assert one.end <= 2500 <= other.begin + 301
