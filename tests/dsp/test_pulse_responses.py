"""The response to each pulse, as the samples come: found by its artifact, and never a tail or a guess."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import reference
from dsp.pulse_responses import NO_RESPONSE, SATURATED, PulseResponses
from tests.dsp.conformance import KernelConformance
from tests.recordings import recording

CHANNELS, CHANNEL = 3, 1
HOW = {
    "artifact": 2_000,
    "begin": 6,
    "end": 50,
    "rest": 60,
    "least": 100,
    "floor": -32_767,
    "ceiling": 32_767,
}
PERIOD = 80


def pulse(artifact: int = 20_000, wave: int = 1_500, tail: int = 0) -> list[int]:
    """A biphasic artifact, a tail that decays, a response of one turn up and one down; ``PERIOD`` long."""
    samples = [artifact, -artifact] + [round(tail * 0.93**at) for at in range(PERIOD - 2)]
    for at in range(20):
        samples[12 + at] += round(wave * np.sin(2 * np.pi * at / 20))
    return samples


def made(**other: int) -> PulseResponses:
    return PulseResponses(4_096, 1, 0, **{**HOW, **other})


def heights(samples: list[int], **other: int) -> list[float]:
    """Every response in one channel."""
    kernel = made(**other)
    return list(kernel.out[: kernel.push(np.array([0, 0, *samples], dtype=np.int16))])


class TestPulseResponses(KernelConformance):
    """Whole numbers: the oracle's, exactly."""

    def make(self, largest_chunk: int) -> PulseResponses:
        return PulseResponses(largest_chunk, CHANNELS, CHANNEL, **HOW)

    def resumed(self, largest_chunk: int, state: bytes) -> PulseResponses:
        kernel = self.make(largest_chunk)
        kernel.restore(state)
        return kernel

    def recording(self) -> "np.ndarray[Any, Any]":
        draw = np.random.default_rng(7)
        frames = draw.normal(0, 20, (8_000, CHANNELS))
        at = 10
        while at < len(frames) - PERIOD:
            shape = pulse(wave=int(draw.integers(0, 3_000)), tail=int(draw.integers(0, 1_500)))
            frames[at : at + PERIOD, CHANNEL] += shape
            at += PERIOD + int(draw.integers(0, 30))
        frames[3_000:3_040, CHANNEL] = 32_767
        return np.clip(frames, -32_768, 32_767).astype(np.int16)

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return reference.pulse_responses(recording[:, CHANNEL], **HOW)

    def test_the_recording_has_all_three_kinds(self) -> None:
        found = self.oracle(self.recording())
        assert {SATURATED, NO_RESPONSE} < set(found)
        assert np.sum(found > 0) > 20

    def test_a_state_goes_on_in_the_same_kind_only(self) -> None:
        state = self.make(1).state()
        for other in ({"artifact": 2_001}, {"end": 51}, {"least": 99}, {"ceiling": 4_095}, {"floor": 0}):
            with pytest.raises(ValueError, match="other thresholds"):
                PulseResponses(1, CHANNELS, CHANNEL, **{**HOW, **other}).restore(state)


def test_a_response_is_its_height() -> None:
    assert heights(pulse(wave=1_500) * 3) == pytest.approx([3_000.0] * 3, rel=0.01)


def test_a_pulse_without_a_response_says_so() -> None:
    assert heights(pulse(wave=0)) == [NO_RESPONSE]


def test_a_tail_is_no_response_however_high() -> None:
    assert heights(pulse(wave=0, tail=1_900)) == [NO_RESPONSE]
    assert heights(pulse(wave=0, tail=-1_900)) == [NO_RESPONSE]


def test_one_turn_of_the_least_height_is_a_response() -> None:
    window = [0] * HOW["end"]
    window[0], window[20] = 20_000, 100
    assert heights(window) == [100.0]
    window[20] = 99
    assert heights(window) == [NO_RESPONSE]


def test_without_an_artifact_there_is_nothing() -> None:
    kernel = made()
    assert kernel.push(np.array(pulse(artifact=0, wave=1_500) * 3, dtype=np.int16)) == 0
    assert kernel.pulses == 0


@pytest.mark.parametrize(("step", "found"), [(2_000, 1), (-2_000, 1), (1_999, 0), (-1_999, 0)])
def test_from_which_step_on_it_is_a_pulse(step: int, found: int) -> None:
    kernel = made()
    kernel.push(np.array([0, step], dtype=np.int16))
    assert kernel.pulses == found


def test_the_first_sample_ever_is_no_step() -> None:
    kernel = made()
    kernel.push(np.array([32_000, 32_000], dtype=np.int16))
    assert kernel.pulses == 0


def test_it_tells_for_how_long_nothing_has_changed() -> None:
    kernel = made()
    for chunk, still in (([5], 0), ([5, 5], 2), ([5, 6], 0), ([6], 1)):
        kernel.push(np.array(chunk, dtype=np.int16))
        assert kernel.still == still


def test_a_flat_line_is_still_across_a_gap() -> None:
    kernel = made()
    kernel.push(np.full(4, 9, dtype=np.int16))
    kernel.restart()
    kernel.push(np.full(4, 9, dtype=np.int16))
    assert kernel.still == 7


def test_what_stands_in_the_signal_without_a_pulse_is_told() -> None:
    kernel, window = made(), HOW["end"] - HOW["begin"]
    assert kernel.calm == -1
    kernel.push(np.array([0, 300] * (window // 2 - 1) + [0], dtype=np.int16))
    assert kernel.calm == -1
    kernel.push(np.array([-50], dtype=np.int16))
    assert kernel.calm == 350
    kernel.push(np.array(pulse(wave=3_000), dtype=np.int16))  # ends before another window is whole
    assert kernel.calm == 350
    kernel.push(np.array([10, 0] * window, dtype=np.int16))
    assert kernel.calm == 10


def test_a_stretch_that_a_pulse_or_a_gap_cuts_is_begun_anew() -> None:
    window = HOW["end"] - HOW["begin"]
    for cut in ("pulse", "gap"):
        kernel = made()
        kernel.push(np.array([500, 0] * (window // 2 - 1), dtype=np.int16))
        if cut == "pulse":
            kernel.push(np.array([20_000] + [0] * (HOW["rest"] - 1), dtype=np.int16))
        else:
            kernel.restart()
            kernel.push(
                np.array([0, 900] * (HOW["rest"] // 2), dtype=np.int16)
            )  # of a pulse, for all we know
        kernel.push(np.array([0] * window, dtype=np.int16))
        assert kernel.calm == 0, cut


def test_while_it_rests_nothing_else_is_a_pulse() -> None:
    apart = [0] * 200
    apart[0] = apart[HOW["rest"] - 2] = apart[150] = 20_000  # the second has its fall before the rest is over
    kernel = made()
    kernel.push(np.array([0, *apart], dtype=np.int16))
    assert kernel.pulses == 2


def test_after_the_rest_the_next_one_counts() -> None:
    samples = [0] * 200
    samples[0] = samples[HOW["rest"]] = 20_000
    kernel = made()
    kernel.push(np.array([0, *samples], dtype=np.int16))
    assert kernel.pulses == 2


@pytest.mark.parametrize("place", [HOW["begin"], HOW["end"] - 1])
@pytest.mark.parametrize("value", [32_767, -32_767, -32_768])
def test_saturated_in_the_window_nobody_can_say(place: int, value: int) -> None:
    samples = pulse()
    samples[place] = value
    assert heights(samples)[0] == SATURATED


def test_a_converter_that_counts_from_zero_has_its_own_ends() -> None:
    samples = [2_048 + round(value / 20) for value in pulse(wave=4_000)]
    ends = {"artifact": 800, "floor": 0, "ceiling": 4_095}
    assert heights([2_048, *samples], **ends) == pytest.approx([400], rel=0.02)
    for end in (0, 4_095):
        samples[20] = end
        assert heights([2_048, *samples], **ends) == [SATURATED]


def test_saturated_beside_the_window_is_the_artifact() -> None:
    samples = pulse(artifact=32_767)
    samples[HOW["begin"] - 1] = 32_767
    assert heights(samples)[0] == pytest.approx(3_000, rel=0.01)


def test_it_is_told_with_the_last_sample_of_its_window() -> None:
    kernel = made()
    told = [kernel.push(np.array([value], dtype=np.int16)) for value in [0, *pulse()]]
    assert told.index(1) == HOW["end"]
    assert sum(told) == 1


def test_where_frames_are_missing_the_sweep_is_thrown_away() -> None:
    kernel = made()
    samples = np.array([0, *pulse()], dtype=np.int16)
    kernel.push(samples[:20])
    kernel.restart()
    assert kernel.push(samples[20:]) == 0
    assert kernel.pulses == 1


def test_after_missing_frames_the_first_sample_is_no_step() -> None:
    kernel = made()
    kernel.push(np.zeros(4, dtype=np.int16))
    kernel.restart()
    kernel.push(np.full(4, 20_000, dtype=np.int16))
    assert kernel.pulses == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"begin": 0},
        {"begin": 50},
        {"rest": 49},
        {"artifact": 0},
        {"least": 0},
        {"floor": 4_095, "ceiling": 4_095},
    ],
)
def test_a_window_that_is_none_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"window|positive"):
        made(**wrong)


@pytest.mark.parametrize(("channels", "channel"), [(1, 1), (1, -1), (0, 0), (65, 0)])
def test_a_channel_that_is_none_is_refused(channels: int, channel: int) -> None:
    with pytest.raises(ValueError, match="channel"):
        PulseResponses(1, channels, channel, **HOW)


@given(
    samples=st.lists(st.integers(-32_768, 32_767) | st.integers(-300, 300), max_size=400),
    cuts=st.lists(st.integers(1, 90), min_size=1, max_size=8),
)
def test_whatever_comes_it_is_what_the_oracle_says(samples: list[int], cuts: list[int]) -> None:
    how = {
        "artifact": 3_000,
        "begin": 2,
        "end": 9,
        "rest": 11,
        "least": 50,
        "floor": -32_767,
        "ceiling": 32_767,
    }
    series, kernel, said, at, turn = np.array(samples, dtype=np.int16), made(**how), [], 0, 0
    while at < len(series):
        chunk = series[at : at + cuts[turn % len(cuts)]]
        said.extend(kernel.out[: kernel.push(chunk)])
        at, turn = at + len(chunk), turn + 1
    assert said == list(reference.pulse_responses(series, **how))


def test_the_m_waves_of_an_animal_behind_an_artifact_that_is_put_in() -> None:
    """Its own artifacts were blanked: one is added at the stimulus; uV of the recording are the counts."""
    table = np.genfromtxt(recording("evoked/m_wave_recruitment.csv"), delimiter=",", skip_header=1)
    sweeps = np.round(1_000 * table[:, 4].reshape(80, 80)).astype(np.int16)
    sweeps[:, 10] += 20_000
    window = {"artifact": 10_000, "begin": 8, "end": 70, "rest": 75, "least": 300}
    kernel = made(**window)
    said: list[float] = []
    for sweep in sweeps:
        said.extend(kernel.out[: kernel.push(sweep)])
    wanted = [np.ptp(sweep[18:80]) for sweep in sweeps]
    assert kernel.pulses == 80
    assert said[:3] == [NO_RESPONSE] * 3
    assert said[40:] == wanted[40:]
    assert np.median(said[50:]) == pytest.approx(12_650, abs=100)
