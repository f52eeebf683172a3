"""Filter design against scipy.signal, and what it refuses."""

import cmath
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from dsp import design
from dsp.design import DesignError, Sections, anti_alias, bandpass, cascade, highpass, lowpass, notch

RATE = 2000.0
GRID_HZ = np.linspace(0.0, RATE / 2, 257)[1:-1]


def response(sections: Sections) -> "np.ndarray":
    return np.array([sections.response(frequency, RATE) for frequency in GRID_HZ])


def wanted(sos: "np.ndarray") -> "np.ndarray":
    return scipy.signal.sosfreqz(sos, worN=GRID_HZ, fs=RATE)[1]


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize(("edge_hz"), [5.0, 60.0, 450.0, 900.0])
@pytest.mark.parametrize(("design", "kind"), [(lowpass, "lowpass"), (highpass, "highpass")])
def test_low_and_high_pass_are_scipys(
    design: Callable[[int, float, float], Sections], kind: str, order: int, edge_hz: float
) -> None:
    sos = scipy.signal.butter(order, edge_hz, kind, fs=RATE, output="sos")
    np.testing.assert_allclose(response(design(order, edge_hz, RATE)), wanted(sos), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("band_hz", [(20.0, 450.0), (0.5, 8.0), (74.8, 193.9), (300.0, 310.0)])
def test_band_pass_is_scipys(order: int, band_hz: tuple[float, float]) -> None:
    sos = scipy.signal.butter(order, band_hz, "bandpass", fs=RATE, output="sos")
    mine = bandpass(order, *band_hz, RATE)
    assert len(mine) == order
    np.testing.assert_allclose(response(mine), wanted(sos), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("frequency_hz", "quality"), [(50.0, 30.0), (60.0, 5.0), (150.0, 35.0), (900.0, 2.0)]
)
def test_notch_is_scipys(frequency_hz: float, quality: float) -> None:
    b, a = scipy.signal.iirnotch(frequency_hz, quality, RATE)
    reference = scipy.signal.freqz(b, a, worN=GRID_HZ, fs=RATE)[1]
    np.testing.assert_allclose(response(notch(frequency_hz, quality, RATE)), reference, rtol=1e-9, atol=1e-12)


def test_a_cascade_is_the_product() -> None:
    parts = (highpass(2, 20.0, RATE), notch(50.0, 30.0, RATE), lowpass(2, 450.0, RATE))
    product = np.prod([response(part) for part in parts], axis=0)
    np.testing.assert_allclose(response(cascade(*parts)), product, rtol=1e-12)


def test_the_standard_rows_are_the_same_filter() -> None:
    sections = bandpass(4, 20.0, 450.0, RATE)
    np.testing.assert_allclose(wanted(np.array(sections.standard())), response(sections), rtol=1e-9)


@given(st.integers(1, 12), st.floats(0.01, 0.98), st.floats(0.001, 0.98))
def test_every_band_pass_is_stable_and_passes_its_middle(order: int, low: float, wide: float) -> None:
    high = low + (0.99 - low) * wide
    sections = bandpass(order, low * RATE / 2, high * RATE / 2, RATE)
    k = sections.coefficients
    for at in range(0, len(k), 4):
        assert abs(k[at + 3]) < 1.0  # the two conditions of a stable section
        assert abs(k[at + 2]) < 1.0 + k[at + 3]
    tangents = math.tan(math.pi * low / 2) * math.tan(math.pi * high / 2)
    middle_hz = math.atan(math.sqrt(tangents)) * RATE / math.pi
    assert abs(sections.response(middle_hz, RATE)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("factor", [2, 5, 10, 64])
def test_the_anti_alias_filter_is_scipys_and_keeps_its_word(factor: int) -> None:
    taps = np.array(anti_alias(factor, stop_db=80.0, passed=0.8))
    beta = scipy.signal.kaiser_beta(80.0)
    np.testing.assert_allclose(
        taps, scipy.signal.firwin(len(taps), 1 / factor, window=("kaiser", beta)), atol=1e-12
    )
    at, gain = scipy.signal.freqz(taps, worN=8192)
    edge = np.pi / factor
    assert np.abs(np.abs(gain[at <= 0.8 * edge]) - 1.0).max() < 2e-4
    assert np.abs(gain[at >= 1.2 * edge]).max() < 10 ** (-80.0 / 20) * 1.2
    assert list(taps) == list(taps[::-1])
    assert math.fsum(taps) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: lowpass(0, 10.0, RATE),
        lambda: lowpass(13, 10.0, RATE),
        lambda: lowpass(2.5, 10.0, RATE),  # type: ignore[arg-type]
        lambda: lowpass(2, 0.0, RATE),
        lambda: lowpass(2, 1000.0, RATE),
        lambda: highpass(2, -1.0, RATE),
        lambda: highpass(2, math.nan, RATE),
        lambda: highpass(2, 10.0, 0.0),
        lambda: bandpass(2, 450.0, 20.0, RATE),
        lambda: bandpass(2, 20.0, 20.0, RATE),
        lambda: notch(50.0, 0.0, RATE),
        lambda: notch(50.0, math.nan, RATE),
        lambda: notch(900.0, 0.5, RATE),
        lambda: anti_alias(1),
        lambda: anti_alias(4, stop_db=10.0),
        lambda: anti_alias(4, passed=1.0),
    ],
)
def test_what_cannot_be_is_refused(impossible: Callable[[], object]) -> None:
    with pytest.raises(DesignError, match=r"must|wider"):
        impossible()


def test_the_response_at_no_frequency_is_that_of_a_constant() -> None:
    sections = lowpass(3, 50.0, RATE)
    assert sections.response(0.0, RATE) == pytest.approx(1.0)
    assert cmath.phase(sections.response(0.0, RATE)) == pytest.approx(0.0)


@pytest.mark.parametrize("z", [0j, 2 + 0j, -2 + 0j, -2 - 0.0j, 1 + 1e-9j, -1e-9 + 3j, -0.3 - 0.4j, 5j])
def test_roots_and_circles_are_those_of_cmath(z: complex) -> None:
    assert str(design._root(z)) == str(cmath.sqrt(z))
    assert design._on_circle(abs(z)) == cmath.exp(1j * abs(z))
