"""The split of a cuff's pressure and the envelope of its beats."""

import math
from array import array
from typing import Any

import numpy as np
import pytest

from dsp import reference
from dsp.cuff_split import PressureSplit
from dsp.errors import SignalRefused
from dsp.oscillometry import envelope
from tests.dsp.conformance import KernelConformance
from tests.dsp.cuff import RATE_HZ, Cuff


class TestPressureSplit(KernelConformance):
    ulps = 1

    def make(self, largest_chunk: int) -> PressureSplit:
        return PressureSplit(largest_chunk, 100.0)

    def resumed(self, largest_chunk: int, state: bytes) -> PressureSplit:
        return PressureSplit.resumed(largest_chunk, 100.0, state)

    def recording(self) -> "np.ndarray[Any, Any]":
        pressures = np.array(Cuff(rate_hz=100.0).run())[:2500].copy()
        pressures[700] = math.nan
        pressures[1300:1310] = math.inf
        pressures[1700] = 1e30
        return pressures

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return reference.pressure_split(recording, 4, 150, 1)


class TestThinnedSplit(TestPressureSplit):
    """One pair for seven samples, as the analysis does at high rates."""

    def make(self, largest_chunk: int) -> PressureSplit:
        return PressureSplit(largest_chunk, 100.0, every=7, mains_hz=60.0)

    def resumed(self, largest_chunk: int, state: bytes) -> PressureSplit:
        return PressureSplit.resumed(largest_chunk, 100.0, state, every=7, mains_hz=60.0)

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return reference.pressure_split(recording, 3, 150, 7)


def split_of(pressures: "array[float]", rate_hz: float = RATE_HZ) -> tuple["np.ndarray[Any, Any]", float]:
    split = PressureSplit(len(pressures), rate_hz)
    return np.array(split.out[: split.push(pressures)]).reshape(-1, 2), split.delay_s


def test_a_straight_course_leaves_nothing_in_the_pulses() -> None:
    falling = array("d", [200 - 0.01 * at for at in range(8000)])
    pairs, _ = split_of(falling)
    assert np.nanmax(np.abs(pairs[:, 1])) < 2**-20


def test_the_delay_is_what_it_says() -> None:
    falling = array("d", [200 - 0.01 * at for at in range(8000)])
    pairs, delay_s = split_of(falling)
    instants = (np.arange(len(pairs)) + 1) - delay_s * RATE_HZ
    np.testing.assert_allclose(pairs[3000:, 0], (200 - 0.01 * instants)[3000:], atol=1e-5)


def test_mains_are_gone_and_pulses_stay() -> None:
    times = np.arange(8000) / RATE_HZ
    pairs, _ = split_of(array("d", 100 + 2 * np.sin(2 * np.pi * 50 * times)))
    assert np.nanmax(np.abs(pairs[:, 1])) < 1e-4
    pairs, _ = split_of(array("d", 100 + np.sin(2 * np.pi * 1.2 * times)))
    assert np.nanmax(pairs[:, 1]) == pytest.approx(1.0, abs=0.1)


def test_nothing_is_said_before_three_seconds_and_three_seconds_after_a_missing_sample() -> None:
    pressures = array("d", [100.0]) * 10_000
    pressures[5000] = math.nan
    pairs, _ = split_of(pressures)
    missing = np.flatnonzero(np.isnan(pairs[:, 0]))
    assert missing.tolist() == [*range(2998), *range(5000, 5000 + 2999)]


@pytest.mark.parametrize("other", [array("f", [1.0, 2.0]), np.array([1.0, 2.0], "<f4"), array("q", [1])])
def test_another_type_of_number_is_refused(other: Any) -> None:
    with pytest.raises(ValueError, match="float64"):
        PressureSplit(8, 100.0).push(other)


def test_every_buffer_of_float64_is_taken() -> None:
    numbers = array("d", [100.0, 101.0])
    for same in (
        numbers,
        numbers.tobytes(),
        memoryview(numbers),
        np.array(numbers),
        np.array(numbers, "<f8"),
    ):
        split = PressureSplit(8, 100.0)
        assert split.push(same) == 4
        assert split.state() == resumed_after(numbers)


def resumed_after(numbers: "array[float]") -> bytes:
    split = PressureSplit(8, 100.0)
    split.push(numbers)
    return split.state()


@pytest.mark.parametrize(("rate_hz", "mains_hz"), [(19.9, 50.0), (20_001.0, 50.0), (100.0, 55.0)])
def test_refuses_rates_that_it_is_not_made_for(rate_hz: float, mains_hz: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        PressureSplit(8, rate_hz, mains_hz=mains_hz)


def test_a_state_goes_on_in_the_same_kind_of_split_only() -> None:
    state = PressureSplit(8, 100.0).state()
    with pytest.raises(ValueError, match="other windows"):
        PressureSplit.resumed(8, 100.0, state, every=2)


# the envelope


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("rate_hz", [20.0, 100.0, 1000.0])
def test_the_largest_oscillation_is_found_where_it_was_put(rate_hz: float, rising: bool) -> None:
    made = envelope(Cuff(rate_hz=rate_hz, rising=rising).run(), rate_hz)
    assert made.rising is rising
    assert made.pressures_mmhg[made.largest] == pytest.approx(90.0, abs=4.0)
    assert max(made.amplitudes_mmhg) == pytest.approx(2.0, rel=0.15)
    assert made.beat_interval_s == pytest.approx(0.85, abs=0.05)


def test_pressures_ascend_and_each_beat_is_used_or_not() -> None:
    made = envelope(Cuff().run(), RATE_HZ)
    assert list(made.pressures_mmhg) == sorted(made.pressures_mmhg)
    assert sum(beat.used for beat in made.beats) == len(made.pressures_mmhg)


def test_a_movement_is_not_used() -> None:
    still, moved = Cuff().run(), Cuff().run()
    for at in range(20_000, 20_600):
        moved[at] += 12 * math.sin((at - 20_000) * math.pi / 600)
    calm, shaken = envelope(still, RATE_HZ), envelope(moved, RATE_HZ)
    assert any(not beat.used for beat in shaken.beats)
    assert max(shaken.amplitudes_mmhg) == pytest.approx(max(calm.amplitudes_mmhg), rel=0.1)


UNUSABLE = {
    "empty": array("d"),
    "constant": array("d", [120.0]) * 60_000,
    "missing": array("d", [math.nan]) * 60_000,
    "direction": Cuff().run() + Cuff(rising=True).run(),
    "too_long": array("d", [0.0]) * 7_201_000,
    "no_pulse": array("d", [200 - 0.0025 * at for at in range(60_000)]),
    "few_beats": Cuff(seconds=13.0).run(),
}


@pytest.mark.parametrize("code", UNUSABLE)
def test_what_cannot_be_read_is_refused_by_name(code: str) -> None:
    with pytest.raises(SignalRefused) as refused:
        envelope(UNUSABLE[code], RATE_HZ)
    assert refused.value.code == code


@pytest.mark.parametrize("rate_hz", [0.0, 5.0, 1e6, math.nan])
def test_a_wrong_rate_is_refused(rate_hz: float) -> None:
    with pytest.raises(SignalRefused, match="rate"):
        envelope(Cuff().run(), rate_hz)


def test_shuffled_time_is_no_run() -> None:
    pressures = np.array(Cuff().run())
    np.random.default_rng(1).shuffle(pressures)
    with pytest.raises(SignalRefused):
        envelope(array("d", pressures), RATE_HZ)


def test_a_gap_filled_with_nan_is_counted_and_bridged() -> None:
    pressures = Cuff().run()
    pressures[10_000:12_000] = array("d", [math.nan]) * 2000
    whole, gapped = envelope(Cuff().run(), RATE_HZ), envelope(pressures, RATE_HZ)
    assert gapped.missing_share > whole.missing_share + 0.05
    assert gapped.pressures_mmhg[gapped.largest] == pytest.approx(90.0, abs=4.0)


def test_a_run_that_is_shaken_throughout_is_refused() -> None:
    pressures = Cuff().run()
    for begin in range(3000, 57_000, 1900):
        for at in range(600):
            pressures[begin + at] += 25 * math.sin(at * math.pi / 600) * (1 + begin % 3)
    with pytest.raises(SignalRefused) as refused:
        envelope(pressures, RATE_HZ)
    assert refused.value.code in ("movement", "no_rhythm")


@pytest.mark.parametrize("rate_hz", [100.0, 1000.0])
def test_a_beat_is_told_when_it_was(rate_hz: float) -> None:
    cuff = Cuff(rate_hz=rate_hz)
    strong = [beat for beat in envelope(cuff.run(), rate_hz).beats if beat.amplitude_mmhg > 1.0]
    into = [beat.time_s % cuff.beat_s for beat in strong]
    assert max(abs(at - 0.225) for at in into) < 0.06, "the peak of each pulse is in its middle"
