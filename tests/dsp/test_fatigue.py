"""The fatigue index: what it says of made series, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.emg import EmgError
from dsp.fatigue import DEFINITION, fatigue_index


def test_ratios_and_slope_of_a_straight_line() -> None:
    result = fatigue_index([11.0, 10.0, 9.0, 8.0, 7.0, 6.0])
    assert result.definition_id == DEFINITION
    assert result.reference == 10.0
    assert result.ratios == pytest.approx((1.1, 1.0, 0.9, 0.8, 0.7, 0.6))
    assert result.last_ratio == pytest.approx(0.6)
    assert result.slope == pytest.approx(-1.0)
    assert result.slope_share == pytest.approx(-0.1)
    assert result.r_squared == pytest.approx(1.0)
    assert result.flags == ()


@given(st.lists(st.floats(0.1, 1000.0), min_size=4, max_size=40))
def test_the_slope_is_numpys(peaks: list[float]) -> None:
    slope = np.polyfit(np.arange(len(peaks)), peaks, 1)[0]
    assert fatigue_index(peaks).slope == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_a_muscle_that_warms_up_and_one_that_does_not_change_are_flagged() -> None:
    assert fatigue_index([1.0, 1.0, 1.0, 1.2]).flags == ("potentiation",)
    assert fatigue_index([1.0, 1.0, 1.0, 1.0]).flags == ("constant",)


@pytest.mark.parametrize(
    ("peaks", "why"),
    [
        ([], "at least 4"),
        ([1.0, 1.0, 1.0], "at least 4"),
        ([1.0, 1.0, 1.0, float("nan")], "peak 3"),
        ([1.0, float("inf"), 1.0, 1.0], "peak 1"),
        ([1.0, 1.0, -1.0, 1.0], "peak 2"),
        ([0.0, 0.0, 0.0, 1.0], "no contraction"),
    ],
)
def test_what_is_no_series_is_refused(peaks: list[float], why: str) -> None:
    with pytest.raises(EmgError, match=why):
        fatigue_index(peaks)
