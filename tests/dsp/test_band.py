"""Time in band: the kernel against its oracle, in any chunks, and what it refuses."""

import sys
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import reference
from dsp.band import MISSING, TimeInBand
from tests.dsp.conformance import allocated

TARGET = 1700

gaps = st.lists(st.integers(0, 400), max_size=40)
pressures = st.one_of(
    st.none(), st.integers(-100, 3300), st.sampled_from([1614, 1615, 1785, 1786, 1550, 1530, 1870, 1871])
)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[int], list[int | None]]:
    times: list[int] = []
    at = draw(st.integers(-500, 500))
    for gap in draw(gaps):
        at += gap
        times.append(at)
    values = draw(st.lists(pressures, min_size=len(times), max_size=len(times)))
    return times, values


def interleave(times: list[int], values: list[int | None]) -> "array[int]":
    pairs = array("q")
    for ms, value in zip(times, values, strict=True):
        pairs.extend((ms, MISSING if value is None else value))
    return pairs


def counts(band: TimeInBand) -> tuple[int, int, int]:
    return band.within_5pct_ms, band.within_10pct_ms, band.within_15mmhg_ms


@given(recordings(), st.integers(1, 3200), st.integers(-300, 600), st.integers(0, 3000))
def test_kernel_equals_the_millisecond_by_millisecond_oracle(
    recording: tuple[list[int], list[int | None]], target: int, start_ms: int, beyond_ms: int
) -> None:
    times, values = recording
    end_ms = max([start_ms, *times]) + beyond_ms
    band = TimeInBand(target, start_ms)
    band.push(interleave(times, values))
    band.finish(end_ms)
    assert counts(band) == reference.time_in_band(times, values, target, start_ms, end_ms)


@given(recordings(), st.lists(st.integers(0, 40), max_size=8))
def test_any_chunking_and_any_stored_state_gives_the_same_bits(
    recording: tuple[list[int], list[int | None]], cuts: list[int]
) -> None:
    pairs = interleave(*recording)
    whole = TimeInBand(TARGET, 0)
    whole.push(pairs)
    chunked = TimeInBand(TARGET, 0)
    edges = [0, *sorted(2 * cut for cut in cuts if 2 * cut < len(pairs)), len(pairs)]
    for begin, end in pairwise(edges):
        chunked = TimeInBand.resumed(chunked.state())
        chunked.push(pairs[begin:end])
    assert chunked.state() == whole.state()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1700, (100, 100, 100)),
        (1785, (100, 100, 100)),  # 5 % exactly belongs to the band
        (1786, (0, 100, 100)),
        (1615, (100, 100, 100)),
        (1614, (0, 100, 100)),
        (1850, (0, 100, 100)),  # 15 mmHg exactly
        (1851, (0, 100, 0)),
        (1870, (0, 100, 0)),  # 10 % exactly
        (1871, (0, 0, 0)),
        (MISSING, (0, 0, 0)),
    ],
)
def test_bounds_belong_to_the_band(value: int, expected: tuple[int, int, int]) -> None:
    band = TimeInBand(TARGET, 0)
    band.push(array("q", (0, value)))
    band.finish(100)
    assert counts(band) == expected


def test_a_sample_stands_for_250_ms_and_no_longer() -> None:
    band = TimeInBand(TARGET, 0)
    band.push(array("q", (0, TARGET, 1000, TARGET)))
    band.finish(1100)
    assert counts(band) == (350, 350, 350)


def test_a_sample_before_the_start_stands_for_the_beginning() -> None:
    band = TimeInBand(TARGET, 1000)
    band.push(array("q", (900, TARGET)))
    band.finish(2000)
    assert counts(band) == (150, 150, 150)


def test_finishing_twice_credits_once() -> None:
    band = TimeInBand(TARGET, 0)
    band.push(array("q", (0, TARGET)))
    band.finish(100)
    band.finish(200)
    assert counts(band) == (100, 100, 100)


@pytest.mark.parametrize(
    "refused", [(40, TARGET), (60, 32768), (60, -32769), (2**62 + 1, TARGET), (60,)], ids=str
)
def test_refuses_what_cannot_be_and_keeps_what_came_before(refused: tuple[int, ...]) -> None:
    band = TimeInBand(TARGET, 0)
    kept = TimeInBand(TARGET, 0)
    kept.push(array("q", (0, TARGET, 50, TARGET)))
    with pytest.raises(ValueError, match="do not make pairs" if len(refused) == 1 else "sample 2"):
        band.push(array("q", (0, TARGET, 50, TARGET, *refused)))
    assert band.state() == kept.state()


def test_refuses_an_end_before_its_last_sample() -> None:
    band = TimeInBand(TARGET, 0)
    band.push(array("q", (50, TARGET)))
    with pytest.raises(ValueError, match="ends at 49 ms"):
        band.finish(49)


@pytest.mark.parametrize("target", [0, -1, 32768])
def test_refuses_a_target_that_no_sensor_reaches(target: int) -> None:
    with pytest.raises(ValueError, match="target of"):
        TimeInBand(target, 0)


def test_refuses_a_state_of_another_size() -> None:
    with pytest.raises(ValueError, match="56 bytes"):
        TimeInBand.resumed(b"12345678")


def test_numbers_that_are_not_int64_are_refused() -> None:
    band, before = TimeInBand(TARGET, 0), TimeInBand(TARGET, 0).state()
    for wrong in (
        array("d", (0, 1)),
        array("i", (0, 1, 2, 3)),
        bytes(16),
        np.zeros(2, ">i8"),
        np.zeros(2, "u8"),
    ):
        with pytest.raises(ValueError, match="give int64"):
            band.push(wrong)
    with pytest.raises((ValueError, BufferError)):
        band.push(np.zeros((2, 2), np.int64)[:, 0])
    assert band.state() == before


def test_a_call_allocates_nothing() -> None:
    band, pairs = TimeInBand(TARGET, 0), array("q", (0, TARGET, 0, TARGET))
    band.push(pairs)
    assert allocated(band.push, pairs) <= sys.getsizeof(2**40)
