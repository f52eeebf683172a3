"""What is read off an envelope, on a cuff whose truth is known and on six real ones."""

import math
import random
from array import array
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import f

from dsp.cuff_reading import (
    MAXIMUM_SLOPE,
    RATIOS_BMRI_2017,
    Ratios,
    blood_pressure,
    distal_envelope,
    limb_occlusion_pressure,
)
from dsp.errors import SignalRefused
from dsp.oscillometry import Envelope, envelope
from dsp.student import quantile
from tests.dsp.cuff import RATE_HZ, Cuff, climb
from tests.recordings import recording

HALF = Ratios("half", 0.5, 0.5, "this test", "engineering proposal")


def of(cuff: Cuff) -> Envelope:
    return envelope(cuff.run(), cuff.rate_hz)


def test_a_tent_is_read_where_its_sides_are_halfway_down() -> None:
    read = blood_pressure(of(Cuff(noise_mmhg=0.005)), HALF)
    assert read.mean.mmhg == pytest.approx(90, abs=4)
    assert read.systolic.mmhg == pytest.approx(90 + 50 * 0.5 * 2 / 1.8, abs=4)
    assert read.diastolic.mmhg == pytest.approx(90 - 40 * 0.5 * 2 / 1.8, abs=4)
    assert read.flags == ()


def test_each_value_names_its_definition_and_bounds_its_ratio() -> None:
    read = blood_pressure(of(Cuff()), RATIOS_BMRI_2017)
    assert read.systolic.definition == read.diastolic.definition == "fixed_ratio_bmri2017"
    assert read.mean.definition == "maximum_oscillation"
    assert read.systolic.mmhg is not None
    assert read.systolic.low_mmhg is not None
    assert read.systolic.high_mmhg is not None
    assert read.systolic.low_mmhg < read.systolic.mmhg < read.systolic.high_mmhg


def test_another_ratio_gives_another_pressure() -> None:
    low, high = (
        blood_pressure(of(Cuff()), HALF._replace(systolic=ratio)).systolic.mmhg for ratio in (0.4, 0.7)
    )
    assert low is not None
    assert high is not None
    assert low > high + 5


def test_the_steepest_slope_lies_on_the_sides() -> None:
    read = blood_pressure(of(Cuff()), MAXIMUM_SLOPE)
    assert read.systolic.mmhg is not None
    assert read.diastolic.mmhg is not None
    assert 90 < read.systolic.mmhg < 140
    assert 50 < read.diastolic.mmhg < 90


def test_there_is_no_definition_by_default() -> None:
    with pytest.raises(ValueError, match="Ratios with their source"):
        blood_pressure(of(Cuff()), "usual")
    with pytest.raises(ValueError, match="between 0 and 1"):
        blood_pressure(of(Cuff()), HALF._replace(systolic=math.nan))


@pytest.mark.parametrize(
    ("top_mmhg", "bottom_mmhg", "missing"), [(100.0, 30.0, "systolic"), (180.0, 78.0, "diastolic")]
)
def test_a_run_that_ends_too_early_lacks_that_pressure_and_says_so(
    top_mmhg: float, bottom_mmhg: float, missing: str
) -> None:
    read = blood_pressure(of(Cuff(top_mmhg=top_mmhg, bottom_mmhg=bottom_mmhg)), HALF)
    lacking = getattr(read, missing)
    assert lacking.mmhg is None
    assert "run ends" in lacking.why


def test_a_run_below_the_maximum_is_refused() -> None:
    with pytest.raises(SignalRefused, match="end of the run") as refused:
        blood_pressure(of(Cuff(top_mmhg=82.0)), HALF)
    assert refused.value.code == "no_maximum"


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_artery(seed: int) -> None:
    randomness = random.Random(seed)
    falling = array("d", [180 - at * 0.025 + randomness.gauss(0, 0.3) for at in range(6000)])
    made = envelope(falling, 100.0)
    for read in (
        lambda: blood_pressure(made, HALF),
        lambda: limb_occlusion_pressure(made, "cuff_flattening"),
    ):
        with pytest.raises(SignalRefused) as refused:
            read()
        assert refused.value.code == "no_pulse"


def test_a_coarse_rate_and_a_fast_course_are_flagged() -> None:
    assert "coarse_rate" in blood_pressure(of(Cuff(rate_hz=20.0)), HALF).flags
    assert "fast_course" in blood_pressure(of(Cuff(seconds=18.0)), HALF).flags


# limb occlusion pressure


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("closed_mmhg", [120.0, 140.0, 155.0])
def test_the_corner_is_where_the_limb_closes(closed_mmhg: float, rising: bool) -> None:
    found = limb_occlusion_pressure(of(Cuff(closed_mmhg=closed_mmhg, rising=rising)), "cuff_flattening")
    assert found.mmhg == pytest.approx(closed_mmhg, abs=6)
    assert found.low_mmhg <= found.mmhg <= found.high_mmhg
    assert found.definition == "cuff_flattening"


def test_a_climb_in_steps_is_read_from_the_cuff_and_from_beyond_it() -> None:
    pressures, distal = climb()
    beyond = limb_occlusion_pressure(distal_envelope(pressures, distal, 100.0), "distal_disappearance")
    assert beyond.mmhg == pytest.approx(180, abs=10)
    assert beyond.confidence == "good"
    own = limb_occlusion_pressure(envelope(pressures, 100.0), "cuff_flattening")
    assert own.mmhg == pytest.approx(180, abs=10)


def test_a_distal_sensor_in_any_unit_and_upside_down_says_the_same() -> None:
    pressures, distal = climb()
    small = array("d", [-1e-7 * value + 3e-6 for value in distal])
    one, other = (
        limb_occlusion_pressure(distal_envelope(pressures, sensor, 100.0), "distal_disappearance")
        for sensor in (distal, small)
    )
    assert one.mmhg == pytest.approx(other.mmhg, abs=6)


def test_a_limb_that_never_closes_is_refused() -> None:
    with pytest.raises(SignalRefused, match="higher") as refused:
        limb_occlusion_pressure(of(Cuff(closed_mmhg=230.0)), "cuff_flattening")
    assert refused.value.code == "not_closed"


@pytest.mark.parametrize("top_mmhg", [150.0, 170.0, 180.0])
def test_a_climb_that_ends_too_early_is_refused(top_mmhg: float) -> None:
    pressures, distal = climb(top_mmhg=top_mmhg)
    for made in (distal_envelope(pressures, distal, 100.0), envelope(pressures, 100.0)):
        with pytest.raises(SignalRefused) as refused:
            limb_occlusion_pressure(made, "cuff_flattening")
        assert refused.value.code in ("not_closed", "still_pulsing")


@pytest.mark.parametrize("left", [0.06, 0.2, 0.4, 1.0])
def test_a_distal_pulse_that_stays_is_no_occlusion(left: float) -> None:
    """An artery that no cuff closes, or a leak past it: level, and not gone."""
    pressures, distal = climb(left=left)
    with pytest.raises(SignalRefused, match=r"a pulse of \d+ % .* remains up to 2[23]\d mmHg") as refused:
        limb_occlusion_pressure(distal_envelope(pressures, distal, 100.0), "distal_disappearance")
    assert refused.value.code == "still_pulsing"
    share = int(refused.value.message.split(" %")[0].split()[-1]) / 100
    assert share == pytest.approx(left, abs=0.04)


def test_an_irregular_pulse_that_stays_is_no_occlusion() -> None:
    """Without a rhythm, so by its size alone."""
    pressures, distal = climb(left=0.3, irregular=True)
    with pytest.raises(SignalRefused, match="left beyond") as refused:
        limb_occlusion_pressure(distal_envelope(pressures, distal, 100.0), "distal_disappearance")
    assert refused.value.code == "not_quiet"


@pytest.mark.parametrize("seed", range(6))
def test_noise_beyond_the_corner_is_no_pulse(seed: int) -> None:
    pressures, distal = climb()
    randomness = random.Random(seed)
    noisy = array("d", [one + randomness.gauss(0, 0.4) for one in distal])
    found = limb_occlusion_pressure(distal_envelope(pressures, noisy, 100.0), "distal_disappearance")
    assert found.mmhg == pytest.approx(180, abs=10)


def test_the_interval_of_the_corner_is_that_of_an_f_test() -> None:
    """F(1, 5) at 5 % is 6.608; a formula that says 6.04 is too narrow with few beats."""
    assert quantile(0.95, 5) ** 2 == pytest.approx(6.608, abs=0.001)
    few = of(Cuff(rate_hz=100.0, seconds=28.0, noise_mmhg=0.3))
    found = limb_occlusion_pressure(few, "cuff_flattening")
    degrees = found.beats_below + found.beats_beyond - 3
    assert degrees <= 12
    flank = sorted(
        (beat.pressure_mmhg, beat.amplitude_mmhg)
        for beat in few.beats
        if beat.used and beat.pressure_mmhg >= found.from_mmhg
    )

    def left(corner: float) -> float:
        design = np.array([[1.0, max(0.0, corner - mmhg)] for mmhg, _ in flank])
        heights = np.array([height for _, height in flank])
        return float(np.linalg.lstsq(design, heights, rcond=None)[1][0])

    limit = left(found.mmhg) * (1 + f.ppf(0.95, 1, degrees) / degrees)
    corners = [flank[1][0] + step for step in range(int(flank[-2][0] - flank[1][0]) + 1)]
    inside = [one for one in corners if left(one) <= limit]
    assert found.low_mmhg == pytest.approx(min(*inside, flank[found.beats_below - 1][0]))
    assert found.high_mmhg == pytest.approx(max(*inside, flank[found.beats_below][0]))


def test_one_step_more_is_enough() -> None:
    pressures, distal = climb(top_mmhg=190.0)
    found = limb_occlusion_pressure(distal_envelope(pressures, distal, 100.0), "distal_disappearance")
    assert found.low_mmhg == pytest.approx(170, abs=1)
    assert found.high_mmhg == pytest.approx(190, abs=1), "the first step beyond what the beats allow"


def test_a_dead_distal_sensor_is_refused() -> None:
    pressures, distal = climb()
    with pytest.raises(SignalRefused, match="on the limb"):
        distal_envelope(pressures, array("d", [1.0]) * len(distal), 100.0)
    with pytest.raises(SignalRefused, match="not one recording"):
        distal_envelope(pressures, distal[:-1], 100.0)


def test_only_named_definitions() -> None:
    with pytest.raises(ValueError, match="cuff_flattening or distal_disappearance"):
        limb_occlusion_pressure(of(Cuff()), "doppler")


# six real deflations: the references' method is not documented


class Reference(NamedTuple):
    name: str
    systolic: int
    diastolic: int


CUFFS = [
    Reference("cuff_1_130-80", 130, 80),
    Reference("cuff_2_110-70", 110, 70),
    Reference("cuff_3_108-72", 108, 72),
    Reference("cuff_4_115-65", 115, 65),
    Reference("cuff_5_120-70", 120, 70),
    Reference("cuff_6_100-60", 100, 60),
]


def pressures_of(path: Path) -> "array[float]":
    """Third column, as the README of the recordings says: (volt + 0.1) / 0.0025 mmHg."""
    return array("d", [(float(line.split()[2]) + 0.1) / 0.0025 for line in path.read_text().splitlines()])


@pytest.fixture(scope="module")
def real() -> list[tuple[Reference, Envelope]]:
    return [(one, envelope(pressures_of(recording(f"cuff/{one.name}.dat")), RATE_HZ)) for one in CUFFS]


@pytest.mark.parametrize(
    ("definition", "systolic_off", "diastolic_off"), [(RATIOS_BMRI_2017, 9.0, 5.0), (MAXIMUM_SLOPE, 9.0, 6.0)]
)
def test_six_arms_against_the_pressures_in_their_names(
    real: list[tuple[Reference, Envelope]],
    definition: "Ratios | str",
    systolic_off: float,
    diastolic_off: float,
) -> None:
    read = [(one, blood_pressure(made, definition)) for one, made in real]
    off = [(got.systolic.mmhg, one.systolic) for one, got in read]
    assert fmean(abs(mmhg - wanted) for mmhg, wanted in off if mmhg is not None) < systolic_off
    assert all(mmhg is not None and abs(mmhg - wanted) < 26 for mmhg, wanted in off)
    off = [(got.diastolic.mmhg, one.diastolic) for one, got in read]
    assert fmean(abs(mmhg - wanted) for mmhg, wanted in off if mmhg is not None) < diastolic_off
    assert all(mmhg is not None for mmhg, _ in off)


def test_six_arms_close_above_their_systolic_or_near_it(real: list[tuple[Reference, Envelope]]) -> None:
    for one, made in real:
        found = limb_occlusion_pressure(made, "cuff_flattening")
        assert one.systolic - 10 < found.mmhg < one.systolic + 30
        assert found.high_mmhg - found.low_mmhg < 30


@pytest.mark.parametrize("closed_mmhg", [171.0, 173.0, 175.0, 177.0, 180.0, 183.0])
def test_steps_are_told_and_the_interval_runs_from_step_to_step(closed_mmhg: float) -> None:
    pressures, _ = climb(cuff=Cuff(mean_mmhg=100.0, closed_mmhg=closed_mmhg, rate_hz=100.0))
    found = limb_occlusion_pressure(envelope(pressures, 100.0), "cuff_flattening")
    assert found.step_mmhg == pytest.approx(10.0, abs=0.5)
    assert "stepped" in found.flags
    assert found.low_mmhg <= closed_mmhg <= found.high_mmhg
    assert found.high_mmhg - found.low_mmhg >= 10.0
    for end in (found.low_mmhg, found.high_mmhg):
        assert abs(end - 10 * round(end / 10)) <= 2.0, "a step, not between two"


def test_an_even_climb_has_no_steps() -> None:
    made = Cuff(rate_hz=100.0, rising=True).run()
    found = limb_occlusion_pressure(envelope(made, 100.0), "cuff_flattening")
    assert (found.step_mmhg, "stepped" in found.flags) == (None, False)
