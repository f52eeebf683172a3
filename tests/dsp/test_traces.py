"""What analyses ask of long traces, against numpy."""

import math
import statistics
from array import array

import numpy as np
import pytest

from dsp import traces
from dsp._traces import add_wave, small_numbers


def trace(number: int = 500) -> "array[float]":
    values = array("d", np.random.default_rng(1).normal(0.0, 1.0, number))
    values[17] = values[100] = values[101] = math.nan
    values[200] = math.inf
    return values


def test_departures_are_distances_from_medians() -> None:
    values, reach = trace(), 6
    off, stepped = traces.departures(values, 50, 450, reach, 100)
    for at in range(50, 450):
        sides = [np.array(values[at - reach : at]), np.array(values[at + 1 : at + 1 + reach])]
        before, after = (side[np.isfinite(side)] for side in sides)
        if at - 50 < reach or 450 - at <= reach or not math.isfinite(values[at]):
            assert math.isnan(off[at - 50])
            assert math.isnan(stepped[at - 50])
            continue
        assert off[at - 50] == abs(values[at] - np.median(np.concatenate((before, after))))
        assert stepped[at - 50] == abs(np.median(after) - np.median(before))


def test_of_many_neighbours_some_are_looked_at() -> None:
    values = array("d", range(2000))
    off, stepped = traces.departures(values, 0, 2000, 500, 12)
    step = 1 + 500 // 12
    near = [*range(500, 1000, step), *range(1001, 1501, step)]
    assert off[1000] == abs(1000 - np.median(near))
    assert stepped[1000] == 501


def test_a_side_with_fewer_than_two_known_samples_says_nothing() -> None:
    values = array("d", [math.nan, math.nan, 1.0, 2.0, 3.0, 4.0, 5.0])
    off, _ = traces.departures(values, 0, 7, 3, 12)
    assert math.isnan(off[3])


def test_missing_and_known_and_extent() -> None:
    values = trace()
    assert traces.known(values, 0, 500) == 496
    assert traces.missing_share(values, 99, 103) == 0.5
    assert traces.missing_share(values, 5, 5) == 1.0
    known = np.array(values)[np.isfinite(values)]
    assert traces.extent(values) == (known.min(), known.max())
    assert all(map(math.isnan, traces.extent(array("d", [math.nan, math.inf]))))


@pytest.mark.parametrize(
    ("times", "first"),
    [([0.0, 1.0, 2.0], None), ([0.0, 1.0, 1.0], 2), ([0.0, -1.0], 1), ([0.0, math.nan, 2.0], 1), ([], None)],
)
def test_times_that_do_not_rise_are_found(times: list[float], first: int | None) -> None:
    assert traces.rises(array("d", times)) == first


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 1, 1, 2, 2, 3, 3, 3, 3], [(0, 3), (5, 9)]),
        ([1, 2, 3], []),
        ([4, 4, 4], [(0, 3)]),
        ([], []),
        ([math.nan] * 5, []),
    ],
)
def test_stuck_stretches(values: list[float], found: list[tuple[int, int]]) -> None:
    assert traces.stuck(array("d", values), 3) == found


@pytest.mark.parametrize("number", [1, 2, 7, 500, 501])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_the_middle_is_the_median_of_the_known(number: int, scale: float) -> None:
    values = array("d", (scale * one for one in np.random.default_rng(number).normal(0.0, 1.0, number)))
    assert traces.middle(values) == statistics.median(values)
    for missing in (math.nan, -math.nan, math.inf, -math.inf):
        values.insert(number // 3, missing)
    assert traces.middle(values) == statistics.median(one for one in values if math.isfinite(one))


def test_the_middle_of_equal_and_of_no_numbers() -> None:
    assert traces.middle(array("d", [3.0, 3.0, -1.0, 3.0])) == 3.0
    assert traces.middle(array("d", [-0.0, 0.0])) == 0.0
    assert math.isnan(traces.middle(array("d", [math.nan])))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([math.nan, 1.0, math.inf, math.nan, 2.0, math.nan], [(0, 1), (2, 4), (5, 6)]),
        ([1.0, 2.0], []),
        ([math.nan] * 3, [(0, 3)]),
        ([], []),
    ],
)
def test_missing_stretches(values: list[float], found: list[tuple[int, int]]) -> None:
    assert traces.missing(array("d", values)) == found


def test_counts_are_rounded_held_and_ended() -> None:
    nan = math.nan
    values = array("d", [nan, 1.0, 3.0, nan, -5.0, -10.0, -99.0, nan, 40.0, 0.9])
    counts = traces.counted(values, 2.0, (-10.0, 40.0))
    assert list(counts) == [0, 0, 2, 2, -2, -32768, -32768, -32768, 32767, 0]
    assert list(traces.counted(array("d", [1e9, -1e9]), 1.0, (-math.inf, math.inf))) == [32767, -32768]
    with pytest.raises(ValueError, match="counts of"):
        traces.counted(values, 0.0, (-10.0, 40.0))


def test_counts_are_what_round_makes() -> None:
    values = array("d", np.random.default_rng(3).normal(0.0, 300.0, 1000))
    assert list(traces.counted(values, 0.5, (-math.inf, math.inf))) == [round(one / 0.5) for one in values]


def test_steps_and_what_stands_and_rises() -> None:
    values = array("d", [0.0, 2.0, 2.0, 2.0, math.nan, 1.0, -4.0])
    assert traces.steps(values, 0, 7) == (7.0, 2)
    assert traces.steps(values, 2, 4) == (0.0, 1)
    assert traces.stands(values, 2.0, 3)
    assert not traces.stands(values, 2.0, 4)
    assert traces.rises_over(array("d", [5, 0, 3, 4, math.nan, 9, 1, 2, 3]), 2.0) == [2, 8]
    assert traces.rises_over(array("d"), 2.0) == []
    with pytest.raises(ValueError, match="no stretch"):
        traces.steps(values, 0, 8)


def test_extremes_of_every_few_samples() -> None:
    nan = math.nan
    values = array("d", [3, 1, 2, nan, nan, nan, nan, 5, 4, 7])
    assert traces.extremes(values, 3) == [(1, 0), (3, 3), (8, 7), (9, 9)]
    assert traces.extremes(array("d"), 3) == []


def test_even_times_and_less() -> None:
    assert list(traces.evenly(4, 3.0)) == [0.0, 1 / 3, 2 / 3, 1.0]
    assert list(traces.less(array("d", [1.0, 2.5]), 0.5)) == [0.5, 2.0]


def test_means_over_a_stretch_of_time() -> None:
    values, times = trace(3000), array("d", (0.1 * at for at in range(3000)))
    made = traces.smoothed(times, values, 1.0)
    for at in range(3000):
        near = np.array(values[max(0, at - 5) : at + 6])
        expected = near[np.isfinite(near)].mean() if math.isfinite(values[at]) else math.nan
        assert made[at] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    with pytest.raises(ValueError, match="0 s or longer"):
        traces.smoothed(times, values, -1.0)


def test_a_wave_is_added_over_its_foot_or_not_at_all() -> None:
    samples, total = array("d", range(20)), array("d", [1.0] * 4)
    assert add_wave(total, samples, 2.5, 1.5, 2.0)
    assert list(total) == [1.5, 3.0, 4.5, 6.0]
    samples[5] = math.nan
    assert not add_wave(total, samples, 2.5, 1.5, 2.0)
    assert not add_wave(total, array("d", range(8)), 2.5, 1.5, 2.0)
    assert list(total) == [1.5, 3.0, 4.5, 6.0]


def test_small_numbers_of_a_column() -> None:
    made = bytearray(3)
    small_numbers(array("d", [9, 1, 9, 2, 9, 3]), 1, 2, made)
    assert list(made) == [1, 2, 3]
    with pytest.raises(ValueError, match="there are 5"):
        small_numbers(array("d", [9, 1, 9, 2, 9]), 1, 2, made)


def test_stretches_outside_of_the_trace_are_refused() -> None:
    values = array("d", range(10))
    with pytest.raises(ValueError, match="no stretch"):
        traces.known(values, 5, 11)
    with pytest.raises(ValueError, match="no stretch"):
        traces.departures(values, -1, 5, 2, 12)
    with pytest.raises(ValueError, match="neighbours"):
        traces.departures(values, 0, 5, 40, 1000)
    with pytest.raises(ValueError, match="not one trace"):
        traces.smoothed(array("d", [1.0]), values, 1.0)


def test_spread_and_above_pass_over_what_is_missing() -> None:
    values = array("d", [5.0, math.nan, 1.0, 2.0, 9.0, 3.0, math.nan])
    assert traces.spread(values) == (3.0, 2.0)
    assert traces.above(values, 2.0) == 3
    assert all(map(math.isnan, traces.spread(array("d", [math.nan]))))
