"""Averages of sweeps, the measures of one response, and the plateau of a recruitment curve."""

import math
from array import array
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import reference
from dsp.errors import SignalRefused
from dsp.evoked import DEFINITIONS, Plateau, Response, measure, recruitment
from dsp.sweep_mean import SweepMean
from tests.dsp.conformance import KernelConformance
from tests.recordings import recording

RATE_HZ = 20_000.0
SAMPLES = 40


class TestSweepMean(KernelConformance):
    """Numpy adds the sweeps of a mean in the same order; the division is one rounding."""

    ulps = 2
    absolute = 1e-14

    def make(self, largest_chunk: int) -> SweepMean:
        return SweepMean(largest_chunk, SAMPLES, 6, limit=9.0)

    def resumed(self, largest_chunk: int, state: bytes) -> SweepMean:
        return SweepMean.resumed(largest_chunk, SAMPLES, 6, state, limit=9.0)

    def recording(self) -> "np.ndarray[Any, Any]":
        sweeps = np.random.default_rng(3).normal(0, 1, (500, SAMPLES))
        sweeps[17, 3] = math.nan
        sweeps[40:43, 0] = math.inf
        sweeps[101, 39] = 9.0
        return sweeps

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return reference.sweep_means(recording, 6, 9.0)

    def test_what_is_left_out_is_counted(self) -> None:
        mean = self.make(500)
        mean.push(self.recording())
        assert mean.left_out == 5
        assert mean.under_way == (500 - 5) % 6

    def test_the_mean_under_way_can_be_read(self) -> None:
        mean, into = self.make(500), array("d", bytes(8 * SAMPLES))
        assert mean.so_far(into) == 0
        assert all(math.isnan(value) for value in into)
        sweeps = self.recording()[:2]
        mean.push(sweeps)
        assert mean.so_far(into) == 2
        np.testing.assert_allclose(into, sweeps.mean(axis=0))

    def test_a_state_goes_on_in_the_same_kind_of_mean_only(self) -> None:
        state = self.make(1).state()
        with pytest.raises(ValueError, match="other sweeps"):
            SweepMean.resumed(1, SAMPLES, 7, state, limit=9.0)
        with pytest.raises(ValueError, match="limit"):
            SweepMean.resumed(1, SAMPLES, 6, state, limit=8.0)

    @pytest.mark.parametrize(("samples", "per_mean"), [(0, 1), (1, 0)])
    def test_sizes_are_positive(self, samples: int, per_mean: int) -> None:
        with pytest.raises(ValueError, match="positive"):
            SweepMean(1, samples, per_mean)


# one response: a half sine of known height and width on a known baseline

BASELINE_MV = 0.3
STIMULUS_MS = 5.0


def sweep(
    onset_ms: float = 3.0,
    width_ms: float = 6.0,
    peak_mv: float = 8.0,
    *,
    noise_mv: float = 0.005,
    second: float = 0.0,
    total_ms: float = 40.0,
) -> "array[float]":
    """A negative (upward) half sine, then a positive one of half its height; perhaps a second, smaller
    pair.
    """
    times = np.arange(int(total_ms * RATE_HZ / 1000)) * 1000 / RATE_HZ - STIMULUS_MS
    made = np.full(len(times), BASELINE_MV) + np.random.default_rng(5).normal(0, noise_mv, len(times))
    made[(times >= 0) & (times < 0.5)] += 40.0
    for begin, height in ((onset_ms, peak_mv), (onset_ms + 2 * width_ms, second * peak_mv)):
        into = (times - begin) / width_ms
        inside = (into >= 0) & (into < 2)
        wave = np.sin(np.pi * into)
        made[inside] += np.where(wave > 0, height * wave, 0.5 * height * wave)[inside]
    return array("d", made)


def measured(samples: "array[float]", negative_is: Literal["up", "down"] = "up", **more: Any) -> Response:
    return measure(samples, RATE_HZ, STIMULUS_MS, negative_is, artifact_ms=1.0, **more)


def test_a_half_sine_is_measured() -> None:
    found = measured(sweep())
    assert found.onset_ms == pytest.approx(3.0, abs=0.1)
    assert found.negative_peak_mv == pytest.approx(8.0, abs=0.03)
    assert found.negative_peak_ms == pytest.approx(6.0, abs=0.3)
    assert found.peak_to_peak_mv == pytest.approx(12.0, abs=0.06)
    assert found.duration_ms == pytest.approx(6.0, abs=0.1)
    assert found.area_mv_ms == pytest.approx(8 * 6 * 2 / math.pi, rel=0.01)
    assert found.baseline_mv == pytest.approx(BASELINE_MV, abs=0.002)
    assert found.noise_mv == pytest.approx(0.005, rel=0.3)
    assert found.flags == ()


def test_upside_down_it_is_the_same() -> None:
    turned = array("d", [2 * BASELINE_MV - value for value in sweep()])
    up, down = measured(sweep()), measured(turned, "down")
    assert up[:8] == pytest.approx(down[:8], rel=1e-9)


def test_the_wrong_polarity_measures_the_other_phase() -> None:
    found = measured(sweep(), "down")
    assert found.negative_peak_mv == pytest.approx(4.0, abs=0.05)
    assert found.onset_ms == pytest.approx(9.0, abs=0.1)


def test_the_two_durations_part_where_there_is_a_second_negative_phase() -> None:
    found = measured(sweep(second=0.3, width_ms=4.0))
    assert found.duration_ms == pytest.approx(4.0, abs=0.1)
    assert found.last_duration_ms == pytest.approx(12.0, abs=0.1)
    assert found.area_mv_ms == pytest.approx(8 * 4 * 2 / math.pi, rel=0.02)
    assert found.last_area_mv_ms == pytest.approx(1.3 * 8 * 4 * 2 / math.pi, rel=0.02)
    assert found.negative_phases == 2
    assert found.flags == ("several_negative_phases",)


@given(st.floats(2.0, 8.0), st.floats(2.0, 8.0), st.floats(1.0, 20.0))
def test_phase_and_area_agree_with_the_oracle(onset_ms: float, width_ms: float, peak_mv: float) -> None:
    samples = sweep(onset_ms, width_ms, peak_mv, noise_mv=0.002)
    found = measured(samples)
    times = np.arange(len(samples)) * 1000 / RATE_HZ - STIMULUS_MS
    inside = times >= 1.0
    begin, end, peak, area = reference.negative_phase(
        times[inside], np.array(samples)[inside], found.baseline_mv
    )
    assert found.negative_peak_mv == pytest.approx(peak, rel=1e-9)
    assert found.area_mv_ms == pytest.approx(area, rel=1e-4)
    assert found.onset_ms is not None
    assert found.duration_ms is not None
    assert found.onset_ms + found.duration_ms == pytest.approx(end, abs=2e-3)
    assert begin <= found.onset_ms + 1e-9
    assert found.onset_ms == pytest.approx(onset_ms, abs=0.1)


def noisy(peak_mv: float, seed: int, hum_mv: float = 0.0) -> "array[float]":
    """The half sine under white noise of 0.02 mV, and mains."""
    times = np.arange(800) / RATE_HZ
    random = np.random.default_rng(seed)
    noise = random.normal(0.0, 0.02, 800) + hum_mv * np.sin(2 * np.pi * (50 * times + random.uniform()))
    return array("d", np.array(sweep(peak_mv=peak_mv, noise_mv=0.0)) + noise)


@pytest.mark.parametrize("hum_mv", [0.0, 0.01])
def test_the_same_shape_has_the_same_duration_whatever_its_height(hum_mv: float) -> None:
    """The onset is where the response leaves the baseline, not where it passes the noise."""
    for peak_mv in (6.0, 1.2, 0.6):
        every = [measured(noisy(peak_mv, seed, hum_mv)) for seed in range(40)]
        durations = [one.duration_ms for one in every if one.duration_ms is not None]
        assert len(durations) == 40
        assert float(np.median(durations)) == pytest.approx(6.0, abs=0.15), peak_mv
        assert np.percentile(durations, 90) - np.percentile(durations, 10) < 0.7


def test_a_slow_foot_belongs_to_the_response() -> None:
    """A dispersed response rises slowly at first: the line is that of its foot, not of its steepest part."""
    times = np.arange(800) * 1000 / RATE_HZ - STIMULUS_MS
    made = np.random.default_rng(8).normal(0.0, 0.005, 800)
    made += np.where((times > 3) & (times < 5), 0.3 * (times - 3), 0.0)
    made += np.where((times >= 5) & (times < 9), 0.6 + 3.0 * np.sin(np.pi * (times - 5) / 4), 0.0)
    assert measured(array("d", made)).onset_ms == pytest.approx(3.0, abs=0.1)


def test_the_onset_of_a_measured_sweep_has_a_definition_of_its_own() -> None:
    assert "baseline" in DEFINITIONS["first_negative_deflection_extrapolated"].text
    assert "laboratory" in DEFINITIONS["first_negative_deflection"].text


def test_an_onset_inside_the_artifact_window_is_no_number() -> None:
    found = measured(sweep(onset_ms=0.6))
    assert found.onset_ms is None
    assert found.duration_ms is None
    assert found.area_mv_ms is None
    assert {"onset_in_artifact", "artifact_not_over"} <= set(found.flags)


def test_a_phase_that_is_not_over_has_no_duration() -> None:
    found = measured(sweep(), end_ms=7.0)
    assert found.onset_ms is not None
    assert found.duration_ms is None
    assert found.area_mv_ms is None
    assert "not_over_at_end" in found.flags


def test_near_the_noise_it_is_flagged_and_below_it_refused() -> None:
    assert "near_noise" in measured(sweep(peak_mv=0.3, noise_mv=0.06)).flags
    with pytest.raises(SignalRefused) as refused:
        measured(sweep(peak_mv=0.02, noise_mv=0.06))
    assert refused.value.code == "no_response"


def with_nan() -> "array[float]":
    made = sweep()
    made[300] = math.nan
    return made


REFUSED: dict[str, tuple["array[float]", dict[str, Any]]] = {
    "empty": (array("d"), {}),
    "missing": (with_nan(), {}),
    "saturated": (sweep(), {"full_scale_mv": 8.0}),
    "constant": (array("d", [1.0]) * 800, {}),
    "window": (sweep(), {"end_ms": 1.0}),
    "too_long": (array("d", [0.0]) * 1_000_001, {}),
    "no_response": (sweep(peak_mv=0.0), {}),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_measured_is_refused_by_name(code: str) -> None:
    samples, more = REFUSED[code]
    with pytest.raises(SignalRefused) as refused:
        measured(samples, **more)
    assert refused.value.code == code


def test_a_sweep_without_baseline_or_with_a_wrong_rate_is_refused() -> None:
    with pytest.raises(SignalRefused) as refused:
        measure(sweep(), RATE_HZ, 0.1, "up", artifact_ms=1.0)
    assert refused.value.code == "no_baseline"
    with pytest.raises(SignalRefused) as refused:
        measure(sweep(), 50.0, STIMULUS_MS, "up", artifact_ms=1.0)
    assert refused.value.code == "rate"
    with pytest.raises(ValueError, match="which raw sign"):
        measure(sweep(), RATE_HZ, STIMULUS_MS, "upwards", artifact_ms=1.0)  # type: ignore[arg-type]


def test_every_definition_says_how_sure_we_are() -> None:
    assert {one.certainty for one in DEFINITIONS.values()} <= {"read", "from memory", "engineering proposal"}


# recruitment


def curve(plateau_from: int = 25, number: int = 40) -> tuple[list[float], list[float]]:
    strengths = [1.0 + 0.1 * at for at in range(number)]
    heights = [10 / (1 + math.exp(-(at - plateau_from + 8) / 2)) for at in range(number)]
    return strengths, heights


def test_a_plateau_is_found_with_its_threshold() -> None:
    strengths, heights = curve()
    found = recruitment(strengths, heights)
    assert found.median_mv == pytest.approx(10.0, rel=0.01)
    assert 22 <= strengths.index(found.from_strength) <= 26
    assert 9 <= strengths.index(found.threshold_strength) <= 13
    assert found.id == "plateau_within_tolerance"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("no_plateau", lambda s, h: (s[:18], h[:18])),
        ("few_points", lambda s, h: (s[:9], h[:9])),
        ("few_points", lambda s, h: (s, h[:-1])),
        ("missing", lambda s, h: (s, [math.nan, *h[1:]])),
        ("order", lambda s, h: (s[::-1], h)),
        ("constant", lambda s, h: ([1.0] * len(s), h)),
        ("constant", lambda s, h: (s, [0.0] * len(h))),
    ],
)
def test_what_is_no_recruitment_curve_is_refused(code: str, change: Any) -> None:
    with pytest.raises(SignalRefused) as refused:
        recruitment(*change(*curve()))
    assert refused.value.code == code


def test_a_slow_rise_is_no_plateau() -> None:
    rising = [10 * (1 + 0.004 * at) for at in range(20)]
    found = recruitment(list(range(20)), rising)
    assert found.points < 20


# real: rising stimuli of an animal; human latencies do not apply


def recruited() -> tuple[list[float], list[Response | None], Plateau]:
    table = np.genfromtxt(recording("evoked/m_wave_recruitment.csv"), delimiter=",", skip_header=1)
    strengths = table[:, 2].reshape(80, 80)[:, 0].tolist()
    found: list[Response | None] = []
    for one in table[:, 4].reshape(80, 80):
        try:
            found.append(measure(one.copy(), 10_000.0, 1.0, "down", artifact_ms=0.8))
        except SignalRefused:
            found.append(None)
    heights = [0.0 if one is None else one.peak_to_peak_mv for one in found]
    return strengths, found, recruitment(strengths, heights)


def test_the_recruitment_of_an_animal_has_its_plateau() -> None:
    strengths, found, plateau = recruited()
    assert plateau.median_mv == pytest.approx(12.65, abs=0.05)
    assert 0.70 < plateau.from_strength < 0.74
    assert plateau.points >= 20
    assert plateau.threshold_strength < 0.40
    onsets = [one.onset_ms for one in found[-20:] if one is not None]
    assert max(filter(None, onsets)) - min(filter(None, onsets)) < 0.1
    with pytest.raises(SignalRefused, match="stimulate stronger"):
        recruitment(strengths[:50], [one.peak_to_peak_mv if one else 0.0 for one in found[:50]])
