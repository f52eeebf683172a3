"""Lines, recoveries and areas: against scipy where it is installed, against arithmetic everywhere."""

import contextlib
import math
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import fits
from dsp.errors import SignalRefused
from dsp.student import quantile

TIMES = array("d", [0.1 * at for at in range(300)])


def floats(values: Any) -> "array[float]":
    return array("d", np.asarray(values, dtype=float))


@pytest.mark.parametrize(
    ("confidence", "degrees", "wanted"),
    [
        (0.95, 1, 12.706204736),
        (0.95, 2, 4.302652730),
        (0.95, 13, 2.160368656),
        (0.99, 30, 2.749995654),
        (0.5, 5, 0.7266868438),
    ],
)
def test_quantiles_of_student(confidence: float, degrees: int, wanted: float) -> None:
    assert quantile(confidence, degrees) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("confidence", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_quantiles_that_are_none(confidence: float, degrees: int) -> None:
    with pytest.raises(SignalRefused, match="degrees of freedom"):
        quantile(confidence, degrees)


def test_quantiles_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed here")
    for degrees in (1, 2, 3, 7, 13, 29, 400, 24000):
        for confidence in (0.5, 0.8, 0.95, 0.99, 0.9999):
            wanted = stats.t.ppf(0.5 + confidence / 2, degrees)
            assert quantile(confidence, degrees) == pytest.approx(wanted, rel=1e-9)


def test_a_line_and_its_interval_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed here")
    noisy = np.random.default_rng(3).normal(0, 1, 300) + 0.4 * np.array(TIMES) + 1e4
    made = fits.line(TIMES, floats(noisy), 5.0, 20.0)
    wanted = stats.linregress(np.array(TIMES)[50:201], noisy[50:201])
    half = stats.t.ppf(0.975, 149) * wanted.stderr
    assert made.samples == 151
    assert (made.slope, made.r_squared) == pytest.approx((wanted.slope, wanted.rvalue**2), rel=1e-9)
    assert (made.low, made.high) == pytest.approx((wanted.slope - half, wanted.slope + half), rel=1e-9)
    assert made.intercept == pytest.approx(wanted.intercept + wanted.slope * 5.0, rel=1e-12)


def test_a_line_passes_over_what_is_missing() -> None:
    values = floats(2.0 * np.array(TIMES) + 1.0)
    values[10] = math.nan
    values[11] = math.inf
    made = fits.line(TIMES, values, 0.0, 29.9)
    assert (made.slope, made.samples) == (pytest.approx(2.0), 298)


@pytest.mark.parametrize(("start", "end"), [(50.0, 60.0), (1.0, 1.1), (3.0, 2.0)])
def test_a_line_needs_three_samples(start: float, end: float) -> None:
    with pytest.raises(SignalRefused, match="three or more"):
        fits.line(TIMES, TIMES, start, end)


def test_the_steepest_window_is_found_to_the_sample() -> None:
    values = floats(np.where(np.array(TIMES) < 12.0, 0.0, np.minimum(np.array(TIMES) - 12.0, 3.0)))
    made = fits.steepest_line(TIMES, values, 0.0, 29.9, 3.0, rising=True)
    assert (made.start_s, made.end_s, made.samples) == (pytest.approx(12.0), pytest.approx(15.0), 31)
    falling = fits.steepest_line(TIMES, floats([-one for one in values]), 0.0, 29.9, 3.0, rising=False)
    assert falling.slope == pytest.approx(-1.0)


def test_no_window_is_longer_than_the_trace() -> None:
    with pytest.raises(SignalRefused, match="shorten it"):
        fits.steepest_line(TIMES, TIMES, 10.0, 12.0, 3.0, rising=True)


def test_the_linear_part_ends_where_r_squared_does() -> None:
    times = np.array(TIMES)
    values = floats(np.where(times < 10.0, 80.0 - 3.0 * times, 50.0))
    made = fits.linear_part(TIMES, values, 0.0, 29.9, 0.95)
    ends = [
        end for end in range(3, 301) if np.corrcoef(times[:end], np.array(values)[:end])[0, 1] ** 2 > 0.95
    ]
    assert made.end_s == pytest.approx(times[max(ends) - 1])
    assert made.r_squared > 0.95


def test_noise_has_no_linear_part_that_lasts() -> None:
    """Three samples of noise lie on a line in one run of six; 20 s of it never do."""
    times, found = floats(np.arange(0.0, 180.0, 0.1)), {0.0: 0, 20.0: 0}
    for seed in range(100):
        values = floats(np.random.default_rng(seed).normal(80.0, 0.3, len(times)))
        for least_s in found:
            with contextlib.suppress(SignalRefused):
                fits.linear_part(times, values, 0.0, 179.9, 0.95, least_s=least_s, least_samples=3)
                found[least_s] += 1
    assert found[0.0] > 5
    assert found[20.0] == 0


def test_a_linear_part_that_is_too_short_is_refused() -> None:
    values = floats(np.where(np.array(TIMES) < 5.0, 80.0 - np.array(TIMES), 75.0 + 5.0 * np.sin(TIMES)))
    with pytest.raises(SignalRefused, match="no part of 20 s or longer"):
        fits.linear_part(TIMES, values, 0.0, 29.9, 0.95, least_s=20.0)
    with pytest.raises(SignalRefused, match="no part of 40 s or longer"):
        fits.linear_part(TIMES, TIMES, 0.0, 29.9, 0.95, least_s=40.0)
    assert fits.linear_part(TIMES, TIMES, 0.0, 29.9, 0.95, least_s=20.0).end_s == pytest.approx(29.9)


def test_a_constant_has_no_linear_part() -> None:
    with pytest.raises(SignalRefused, match="no part"):
        fits.linear_part(TIMES, floats(np.full(300, 60.0)), 0.0, 20.0, 0.95)


def test_area_between_samples_is_exact() -> None:
    times, values = array("d", [0, 1, 2, 3]), array("d", [0, 2, -2, math.nan])
    above = fits.area(times, values, 0.0, 3.0, 1.0, above=True)
    assert (above.area, above.beyond_s) == pytest.approx((0.25 + 0.125, 0.5 + 0.25))
    below = fits.area(times, values, 0.0, 3.0, 0.0, above=False)
    assert (below.area, below.beyond_s) == pytest.approx((0.5, 0.5))


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=50), st.floats(-100, 100))
def test_areas_above_and_below_add_up(values: list[float], level: float) -> None:
    times = array("d", range(len(values)))
    data = array("d", values)
    above = fits.area(times, data, 0.0, len(values), level, above=True).area
    below = fits.area(times, data, 0.0, len(values), level, above=False).area
    assert above - below == pytest.approx(np.trapezoid(np.array(values) - level), abs=1e-6)


def test_crossings_between_samples() -> None:
    times, values = array("d", [0, 1, 2]), array("d", [0, math.nan, 4])
    assert fits.crossing(times, values, 0.0, 2.0, 3.0, rising=True) == pytest.approx(1.5)
    assert fits.crossing(times, values, 0.0, 2.0, 9.0, rising=True) is None
    assert fits.crossing(times, values, 0.0, 2.0, 9.0, rising=False) == 0.0


def test_a_mean_of_nothing_is_refused() -> None:
    assert fits.mean(TIMES, TIMES, 1.0, 1.2) == pytest.approx(1.1)
    with pytest.raises(SignalRefused, match="no sample"):
        fits.mean(TIMES, TIMES, 100.0, 200.0)


def noisy_recovery(seed: int, points: int = 17, k: float = 2.6 / 60, noise: float = 0.03) -> tuple[Any, Any]:
    times = 200.0 + 15.0 * np.arange(points)
    clean = 0.15 + 0.85 * np.exp(-k * (times - times[0]))
    return times, clean + np.random.default_rng(seed).normal(0, noise, points)


@pytest.mark.parametrize("points", [5, 6, 17, 2000])
@pytest.mark.parametrize("seed", range(6))
def test_recovery_agrees_with_curve_fit(seed: int, points: int) -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed here")
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed here")
    times, values = noisy_recovery(seed, points, noise=0.01)
    times = 200.0 + (times - 200.0) * 17 / points
    values = (
        0.15 + 0.85 * np.exp(-0.043 * (times - 200.0)) + np.random.default_rng(seed).normal(0, 0.01, points)
    )
    made = fits.recovery(floats(times), floats(values))

    def model(t: Any, end: float, drop: float, k: float) -> Any:
        return end - drop * np.exp(-k * (t - 200.0))

    wanted, covariance = optimize.curve_fit(model, times, values, (0.1, -0.9, 0.05), ftol=1e-14, xtol=1e-14)
    half = stats.t.ppf(0.975, points - 3) * math.sqrt(covariance[2, 2])
    assert (made.end, made.drop, made.k_per_s) == pytest.approx(tuple(wanted), rel=1e-5)
    assert (made.k_low, made.k_high) == pytest.approx(
        (wanted[2] - half, wanted[2] + half), rel=1e-4, abs=1e-7
    )


@settings(max_examples=50)
@given(st.floats(0.01, 0.15), st.floats(-50, 50), st.floats(0.1, 50), st.booleans())
def test_recovery_of_exact_points(k: float, end: float, size: float, falls: bool) -> None:
    drop = -size if falls else size
    times = np.arange(0.0, 240.0, 15.0)
    made = fits.recovery(floats(times), floats(end - drop * np.exp(-k * times)))
    assert made.k_per_s == pytest.approx(k, rel=1e-4)
    assert made.drop == pytest.approx(drop, rel=1e-4)
    assert made.k_low <= made.k_per_s <= made.k_high


def test_the_interval_covers_k_as_often_as_it_says() -> None:
    """Of 400 recoveries with noise, 95 % hold the true k; the profile likewise."""
    inside = profile = 0
    for seed in range(400):
        made = fits.recovery(*(floats(one) for one in noisy_recovery(seed)))
        inside += made.k_low <= 2.6 / 60 <= made.k_high
        profile += (made.profile_low or 0.0) <= 2.6 / 60 <= (made.profile_high or math.inf)
    assert 365 <= inside <= 395
    assert 365 <= profile <= 395


@pytest.mark.parametrize(
    "values",
    [
        [1.0] * 10,
        [float(at) for at in range(10)],
        [float(at * at) for at in range(10)],
        [1.0] + [0.0] * 9,
    ],
    ids=["constant", "line", "bends the other way", "one point is all there is"],
)
def test_points_that_do_not_recover_are_refused(values: list[float]) -> None:
    with pytest.raises(SignalRefused, match=r"do not bend|cannot be told apart"):
        fits.recovery(floats(range(10)), floats(values))


def test_recovery_needs_five_points_of_rising_times() -> None:
    with pytest.raises(SignalRefused, match="4 points"):
        fits.recovery(floats([0, 1, 2, 3, 4]), floats([5, 3, 2, 1, math.nan]))
    with pytest.raises(SignalRefused, match="do not rise"):
        fits.recovery(floats([0, 2, 1, 3, 4]), floats([5, 3, 2, 1, 1]))
