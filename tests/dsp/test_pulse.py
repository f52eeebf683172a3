"""Beats and the shape of the pulse: the kernel against plain arrays, made waves with known truth."""

import math
from array import array
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dsp import pulse, pulse_wave
from dsp.errors import SignalRefused
from tests.dsp.conformance import KernelConformance

RATE_HZ = 100.0


def wave(
    beats: int = 40,
    interval_s: float = 0.85,
    rate_hz: float = RATE_HZ,
    second: float = 0.45,
    seed: int = 1,
    noise: float = 0.002,
) -> "np.ndarray[Any, Any]":
    """Light with a systolic and a diastolic wave; beat n has its systolic top at ``n interval + 0.2`` s."""
    times = np.arange(0.0, beats * interval_s, 1.0 / rate_hz)
    made = np.full(len(times), 5.0)
    for at in range(-1, beats + 1):
        start = at * interval_s
        made += np.exp(-(((times - start - 0.2) / 0.075) ** 2))
        made += second * np.exp(-(((times - start - 0.5) / 0.11) ** 2))
    return made + np.random.default_rng(seed).normal(0.0, noise, len(times))


class Oracle:
    """The same rules over whole runs without a gap; the template goes on from run to run."""

    def __init__(self, rate_hz: float) -> None:
        def odd(seconds: float) -> int:
            return 2 * int(rate_hz * seconds / 2) + 1

        self.smooth, self.slow, self.peak, self.beat = odd(0.05), odd(1.5), odd(0.111), odd(0.667)
        self.nearest, self.longest, self.grid = round(0.3 * rate_hz), round(3.0 * rate_hz), 0.01 * rate_hz
        self.forget = 1.0 / (5.0 * rate_hz)
        self.template, self.learned, self.rejected = np.zeros(64), 0, 0

    def run(self, samples: "np.ndarray[Any, Any]", start: int) -> list[list[float]]:
        feet_and_peaks = self._systoles(samples)
        made = []
        for (foot, peak), (following, _) in pairwise(feet_and_peaks):
            if following - foot > self.longest:
                continue
            alike = self._quality(samples, peak)
            mean = float(np.mean(samples[foot:following]))
            numbers = [foot + start, peak + start, following + start]
            made.append([*numbers, samples[foot], samples[peak], mean, alike, self.learned])
        return made

    def _systoles(self, x: "np.ndarray[Any, Any]") -> list[tuple[int, int]]:
        def centred(values: "np.ndarray[Any, Any]", length: int) -> "np.ndarray[Any, Any]":
            sums = np.convolve(np.nan_to_num(values), np.ones(length), "same") / length
            sums[: length // 2], sums[len(sums) - length // 2 :] = np.nan, np.nan
            return np.where(np.convolve(np.isnan(values), np.ones(length), "same") > 0.5, np.nan, sums)

        if len(x) < self.slow + self.beat:
            return []
        band = centred(x, self.smooth) - centred(x, self.slow)
        energy = np.where(np.isnan(band), np.nan, np.maximum(band, 0.0) ** 2)
        usual, level = np.zeros(len(x)), 0.0
        for at, one in enumerate(energy):
            most = 4.0 * level if level > 0.0 else math.inf
            level += 0.0 if np.isnan(one) else (min(one, most) - level) * self.forget
            usual[at] = level
        centres = np.arange(len(x))
        threshold = (
            centred(energy, self.beat) + 0.02 * usual[np.minimum(centres + self.beat // 2, len(x) - 1)]
        )
        inside = centred(energy, self.peak) > threshold
        edges = np.flatnonzero(np.diff(np.concatenate(([0], inside.astype(int)))))
        found: list[tuple[int, int]] = []
        rise = 0.0
        for begin, end in zip(edges[::2], edges[1::2], strict=False):
            if end + self.slow // 2 + self.beat // 2 >= len(x) or end - begin < self.peak:
                continue
            peak = int(begin + np.argmax(x[begin:end]))
            if found and peak - found[-1][1] < self.nearest:
                continue
            foot = self._foot(x, peak)
            if found and peak - found[-1][1] < 2 * self.nearest and x[peak] - x[foot] < 0.5 * rise:
                continue
            rise = x[peak] - x[foot]
            found.append((foot, peak))
        return found

    def _foot(self, x: "np.ndarray[Any, Any]", peak: int) -> int:
        reach = self.smooth // 2
        earliest = max(peak - 2 * self.nearest, reach)
        rise = {at: x[at + reach] - x[at - reach] for at in range(earliest, peak - reach + 1)}
        upstroke = [at for at in rise if at >= peak - self.nearest]
        steepest = max(reversed(upstroke), key=rise.__getitem__)
        flat = [at for at in rise if at <= steepest and rise[at] <= 0.05 * rise[steepest]]
        return max(flat, default=earliest)

    def _quality(self, x: "np.ndarray[Any, Any]", peak: int) -> float:
        where = np.maximum(peak + (np.arange(64) - 20) * self.grid, 0.0)
        shape = np.interp(where, np.arange(len(x)), x)
        shape -= shape.mean()
        shape /= np.linalg.norm(shape)
        alike = float(shape @ self.template) if self.learned else math.nan
        if self.learned and alike < 0.8:
            self.rejected += 1
            if self.rejected < 5:
                return alike
            self.learned = 0
        self.rejected, self.learned = 0, min(self.learned + 1, 8)
        self.template = self.template + (shape - self.template) / self.learned
        self.template -= self.template.mean()
        self.template /= np.linalg.norm(self.template)
        return alike


class TestBeats(KernelConformance):
    absolute = 1e-9

    def make(self, largest_chunk: int) -> pulse.Beats:
        return pulse.Beats(RATE_HZ, largest_chunk)

    def resumed(self, largest_chunk: int, state: bytes) -> pulse.Beats:
        return pulse.Beats.resumed(RATE_HZ, largest_chunk, state)

    def recording(self) -> "np.ndarray[Any, Any]":
        made = wave(40)
        made[1500] = np.nan
        made[1503] = np.inf
        made[2600:2650] = np.random.default_rng(5).uniform(4.0, 7.0, 50)  # movement
        return made

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        known, made = Oracle(RATE_HZ), []
        edges = [-1, *np.flatnonzero(~np.isfinite(recording)), len(recording)]
        for before, after in pairwise(edges):
            made += known.run(recording[before + 1 : after], before + 1)
        return np.array(made, dtype=float).ravel()


@pytest.mark.parametrize("rate_hz", [25.0, 60.0, 117.0, 250.0, 1000.0])
@pytest.mark.parametrize("interval_s", [0.45, 0.85, 1.4])
def test_every_beat_is_found_where_it_is(rate_hz: float, interval_s: float) -> None:
    made = wave(30, interval_s, rate_hz, second=0.3 if interval_s > 0.6 else 0.0)
    found = pulse.beats(array("d", made), rate_hz)
    off = [(one.peak_s - 0.2) / interval_s for one in found]
    assert all(abs(one - round(one)) * interval_s < 0.03 + 1 / rate_hz for one in off)
    assert [round(b) - round(a) for a, b in pairwise(off)] == [1] * (len(off) - 1)
    assert len(found) >= 30 - 2 - 2.5 / interval_s


def test_a_diastolic_wave_is_no_beat_of_its_own() -> None:
    found = pulse.beats(array("d", wave(30, 1.0, second=0.5)), RATE_HZ)
    assert [one.interval_s for one in found] == pytest.approx([1.0] * len(found), abs=0.05)


def test_quality_tells_movement_from_beats() -> None:
    made = wave(60)
    made[2000:2300] += 3.0 * np.random.default_rng(4).normal(size=300).cumsum() / 10
    found = pulse.beats(array("d", made), RATE_HZ)
    clean = [one.resemblance for one in found if one.resemblance and not 19 < one.peak_s < 24]
    moved = [one.resemblance for one in found if one.resemblance and 20.3 < one.peak_s < 22.7]
    assert min(clean) > 0.9
    assert moved
    assert min(moved) < 0.8


def test_a_template_that_nothing_resembles_is_begun_anew() -> None:
    """Half way the wave turns into another: four beats are strangers, the fifth teaches, then all is well."""
    narrow = wave(30, second=0.0)
    times = np.arange(0.0, 30 * 0.85, 1.0 / RATE_HZ)
    broad = 5.0 + 0.5 - 0.5 * np.cos(2.0 * np.pi * times / 0.85)
    found = pulse.beats(array("d", np.concatenate((narrow, broad))), RATE_HZ)
    late = [one.resemblance or 0.0 for one in found if one.peak_s > 25.5]
    assert min(late[:5]) < 0.8
    assert min(late[8:]) > 0.95


def test_perfusion_is_pulse_over_mean() -> None:
    found = pulse.beats(array("d", wave(noise=0.0, second=0.0)), RATE_HZ)
    one = found[5]
    assert one.perfusion_percent == pytest.approx(100.0 * (one.peak - one.foot) / one.mean)
    assert 17.0 < one.perfusion_percent < 20.0
    assert one._replace(mean=0.0).perfusion_percent is None


def test_a_drifting_baseline_and_a_large_offset_change_nothing() -> None:
    plain = pulse.beats(array("d", wave()), RATE_HZ)
    moved = pulse.beats(array("d", wave() + 1e5), RATE_HZ)
    assert [one.peak_s for one in moved] == [one.peak_s for one in plain]


def test_an_enormous_blow_leaves_nothing_behind() -> None:
    """After an enormous blow the means are right again, because sums are taken anew."""
    made = wave(60)
    made[800:810] = 1e15
    found = pulse.beats(array("d", made), RATE_HZ)
    late = [one for one in found if one.peak_s > 15.0]
    assert [one.interval_s for one in late] == pytest.approx([0.85] * len(late), abs=0.05)
    assert len(late) > 20


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        ([], "too_short"),
        ([1.0] * 100, "too_short"),
        ([3.0] * 3000, "constant"),
        ([math.nan] * 3000, "too_short"),
    ],
    ids=["empty", "short", "constant", "missing"],
)
def test_what_has_no_pulse_is_refused(samples: list[float], code: str) -> None:
    with pytest.raises(SignalRefused) as refused:
        pulse.beats(array("d", samples), RATE_HZ)
    assert refused.value.code == code


@pytest.mark.parametrize(("rate_hz", "chunk"), [(10.0, 8), (0.0, 8), (math.nan, 8), (1e5, 8), (100.0, 0)])
def test_rates_and_chunks_that_make_no_sense(rate_hz: float, chunk: int) -> None:
    with pytest.raises(SignalRefused, match="pulse"):
        pulse.Beats(rate_hz, chunk)


def shaped(second: float = 0.45) -> tuple[pulse_wave.MeanBeat, pulse_wave.Points]:
    samples = array("d", wave(40, second=second, noise=0.0005))
    good = [one for one in pulse.beats(samples, RATE_HZ) if (one.resemblance or 0.0) > 0.9]
    beat = pulse_wave.mean_beat(samples, RATE_HZ, good)
    return beat, pulse_wave.points(beat)


def test_the_points_of_a_made_wave() -> None:
    """Its notch is where the two waves meet, its diastolic top 0.3 s after the systolic one."""
    beat, at = shaped()
    made = pulse_wave.shape(beat, at)
    assert at.end_systole is not None
    assert at.diastolic is not None
    notch = min(range(at.systolic, at.diastolic), key=beat.heights.__getitem__)
    assert at.end_systole * pulse_wave.GRID_S == pytest.approx(notch * pulse_wave.GRID_S, abs=0.05)
    assert made.delay_s == pytest.approx(0.30, abs=0.03)
    assert made.reflection == pytest.approx(45.0, abs=4.0)
    assert made.viability is not None
    assert 60.0 < made.viability < 160.0


def test_the_viability_ratio_is_the_ratio_of_the_areas() -> None:
    beat, at = shaped()
    cut = at.end_systole or 0
    wanted = 100.0 * sum(beat.heights[cut:]) / sum(beat.heights[:cut])
    assert pulse_wave.shape(beat, at).viability == pytest.approx(wanted)


def test_without_a_second_wave_there_is_no_end_systole_to_speak_of() -> None:
    """A wave that decays smoothly has no notch: nothing that needs it is given."""
    times = np.arange(0.0, 0.85, 1.0 / RATE_HZ)
    smooth = np.where(times < 0.2, np.sin(np.pi / 2 * times / 0.2) ** 2, (0.85 - times) / 0.65)
    samples = array("d", np.tile(smooth, 40) + 1.0)
    good = pulse.beats(samples, RATE_HZ)
    beat = pulse_wave.mean_beat(samples, RATE_HZ, good)
    at = pulse_wave.points(beat)
    made = pulse_wave.shape(beat, at._replace(end_systole=None, diastolic=None, shoulder=None))
    assert made == (None, None, None, None, None)
    assert at.end_systole is None


def test_an_early_and_a_late_augmentation_have_their_signs() -> None:
    heights = array("d", [0.0] * 200)
    heights[30], heights[60] = 1.0, 0.7
    beat = pulse_wave.MeanBeat(heights, 10)
    after = pulse_wave.shape(beat, pulse_wave.Points(30, None, None, 60))
    heights[30], heights[60] = 0.7, 1.0
    before = pulse_wave.shape(beat, pulse_wave.Points(60, None, None, 30))
    assert after.augmentation == pytest.approx(-30.0)
    assert before.augmentation == pytest.approx(30.0)


def test_a_wave_that_was_high_passed_is_refused() -> None:
    made = wave(40, second=0.0) - 5.0
    slope = np.gradient(made) * 10.0  # what a high-pass filter leaves
    samples = array("d", slope + 10.0)
    good = pulse.beats(samples, RATE_HZ)
    beat = pulse_wave.mean_beat(samples, RATE_HZ, good)
    with pytest.raises(SignalRefused, match="falls below its foot"):
        pulse_wave.points(beat)


def test_a_mean_of_few_beats_is_refused() -> None:
    samples = array("d", wave(40))
    good = pulse.beats(samples, RATE_HZ)
    with pytest.raises(SignalRefused, match="4 good beats"):
        pulse_wave.mean_beat(samples, RATE_HZ, good[:4])


def test_derivatives_of_a_parabola_are_exact() -> None:
    times = np.arange(40) * pulse_wave.GRID_S
    first, second = pulse_wave.derivatives(array("d", 3.0 * times**2 - 2.0 * times + 1.0))
    assert list(first[5:-5]) == pytest.approx(list(6.0 * times[5:-5] - 2.0))
    assert list(second[5:-5]) == pytest.approx([6.0] * 30)


def drawn_wave(first_s: float, second_s: float, widths_s: tuple[float, float], high: float = 0.45) -> Any:
    """A minute at 72 of two bells, each at its time after the beat's begin."""
    into = np.arange(0.0, 60.0, 1.0 / RATE_HZ) % (60.0 / 72.0)
    bells = [
        np.exp(-(((into - at) / width) ** 2)) for at, width in zip((first_s, second_s), widths_s, strict=True)
    ]
    noise = np.random.default_rng(1).normal(0.0, 0.002, len(into))
    return 50.0 + bells[0] + high * bells[1] + noise


def shape_of(samples: Any) -> tuple[pulse_wave.MeanBeat, pulse_wave.Points, pulse_wave.Shape]:
    values = array("d", samples)
    good = [one for one in pulse.beats(values, RATE_HZ) if (one.resemblance or 0.0) > 0.86]
    beat = pulse_wave.mean_beat(values, RATE_HZ, good)
    at = pulse_wave.points(beat)
    return beat, at, pulse_wave.shape(beat, at)


@pytest.mark.parametrize(
    "wave_of_two",
    [((0.125, 0.35), (0.05, 0.075), 0.45), ((0.07, 0.21), (0.03, 0.05), 0.7)],
    ids=["a deep valley", "a valley before the window"],
)
def test_where_the_wave_rises_again_there_is_no_end_systole(wave_of_two: Any) -> None:
    """Nothing is read on the second upstroke or behind the second top."""
    (first_s, second_s), widths_s, high = wave_of_two
    _, at, made = shape_of(drawn_wave(first_s, second_s, widths_s, high))
    assert (at.end_systole, at.diastolic, at.shoulder) == (None, None, None)
    assert made == (None, None, None, None, None)


@pytest.mark.parametrize("height", [0.02, 1.2])
def test_a_diastolic_point_of_an_impossible_height_is_none(height: float) -> None:
    heights = array("d", [0.0] * 160)
    heights[24] = 1.0
    first = array("d", [-1.0] * 160)
    first[80], first[81], heights[81] = 1.0, -1.0, height
    assert pulse_wave._diastolic(pulse_wave.MeanBeat(heights, 9), first, 24, 60) is None
    heights[81] = 0.4
    assert pulse_wave._diastolic(pulse_wave.MeanBeat(heights, 9), first, 24, 60) == 81


def test_a_shoulder_lies_where_the_wave_falls() -> None:
    first = array("d", [1.0 + 0.01 * at for at in range(20)] + [-1.0 - 0.01 * at for at in range(80)])
    first[40:45] = array("d", [0.1, 0.3, 0.6, 0.3, 0.1])
    assert pulse_wave._shoulder(first, 20, 60) is None
    first[40:45] = array("d", [-0.6, -0.4, -0.2, -0.4, -0.6])
    assert pulse_wave._shoulder(first, 20, 60) == 42


def test_beats_that_stand_at_the_top_have_no_shape() -> None:
    whole = drawn_wave(0.2, 0.43, (0.075, 0.1))
    clipped = array("d", np.minimum(whole, 50.7))
    found = pulse.beats(clipped, RATE_HZ)
    assert all(pulse_wave.clipped(clipped, RATE_HZ, found))
    with pytest.raises(SignalRefused) as refused:
        pulse_wave.mean_beat(clipped, RATE_HZ, found)
    assert refused.value.code == "saturated"
    assert not any(pulse_wave.clipped(array("d", whole), RATE_HZ, found))
    some = np.where(np.arange(len(whole)) < 2000, np.minimum(whole, 50.7), np.minimum(whole - 0.35, 50.69))
    made = pulse_wave.mean_beat(array("d", some), RATE_HZ, pulse.beats(array("d", some), RATE_HZ))
    assert 40 <= made.beats <= 50, "the beats that are whole"


def test_a_coarse_converter_is_not_saturated() -> None:
    """Tops of three equal samples are usual there; they stand at different heights."""
    times = np.arange(0.0, 60.0, 1.0 / RATE_HZ)
    coarse = array("d", np.round(20.0 * (drawn_wave(0.2, 0.43, (0.075, 0.1)) + 0.2 * np.sin(times))))
    found = pulse.beats(coarse, RATE_HZ)
    assert sum(pulse_wave.clipped(coarse, RATE_HZ, found)) < len(found) / 4
