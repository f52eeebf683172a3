"""Streaming filters: the conformance suite, the policies on gaps, and the decoding of amplifiers' numbers."""

from array import array
from typing import Any

import numpy as np
import pytest
import scipy.signal

from dsp import reference
from dsp.design import DesignError, Sections, anti_alias, bandpass, notch
from dsp.emg import WIDEST_LANES
from dsp.filters import Decimator, MedianFilter, SosFilter
from tests.dsp.conformance import KernelConformance

Array = np.ndarray[Any, Any]
RATE = 2000.0
BAND = bandpass(4, 20.0, 450.0, RATE)


def noise(frames: int, channels: int, seed: int = 1) -> Array:
    made = np.random.default_rng(seed).normal(3.0, 10.0, (frames, channels))
    made[frames // 4 : frames // 4 + 5, 0] = np.nan
    made[frames // 2, channels - 1] = np.inf
    return made


class TestSosFilter(KernelConformance):
    ulps, absolute = 64, 1e-11
    channels = 3
    settled = True

    def make(self, largest_chunk: int) -> SosFilter:
        return SosFilter(largest_chunk, sections=BAND, channels=self.channels, settled=self.settled)

    def resumed(self, largest_chunk: int, state: bytes) -> SosFilter:
        return SosFilter.resumed(largest_chunk, state)

    def recording(self) -> Array:
        return noise(700, self.channels)

    def oracle(self, recording: Array) -> Array:
        return reference.sections_over(recording, np.array(BAND.standard()), settled=self.settled).ravel()


class TestSosFilterFromRest(TestSosFilter):
    channels = 8
    settled = False


class TestSosFilterOfManyChannels(TestSosFilter):
    channels = 13


class TestSosFilterOfInt16(TestSosFilter):
    channels = 5
    absolute = 4e-9  # of inputs up to 8192

    def make(self, largest_chunk: int) -> SosFilter:
        return SosFilter(largest_chunk, sections=BAND, channels=5, input="int16", scale=0.25)

    def recording(self) -> Array:
        return np.random.default_rng(2).integers(-32768, 32768, (600, 5)).astype("<i2")

    def oracle(self, recording: Array) -> Array:
        scaled = recording.astype(float) * 0.25
        return reference.sections_over(scaled, np.array(BAND.standard()), settled=True).ravel()


class TestSosFilterOfInt24(TestSosFilter):
    """Frames are rows of bytes here, three a channel."""

    channels = 4
    absolute = 4e-9  # of inputs up to 8389

    def make(self, largest_chunk: int) -> SosFilter:
        return SosFilter(largest_chunk, sections=BAND, channels=4, input="int24", scale=1e-3)

    def recording(self) -> Array:
        values = np.random.default_rng(3).integers(-(2**23), 2**23, (600, 4)).astype("<i4")
        return values.view(np.uint8).reshape(600, 4, 4)[:, :, :3].reshape(600, 12).copy()

    def oracle(self, recording: Array) -> Array:
        parts = recording.reshape(len(recording), 4, 3).astype(np.int64)
        values = parts @ [1, 2**8, 2**16]
        scaled = np.where(values >= 2**23, values - 2**24, values) * 1e-3
        return reference.sections_over(scaled, np.array(BAND.standard()), settled=True).ravel()


class TestDecimator(KernelConformance):
    ulps, absolute = 16, 1e-13

    def make(self, largest_chunk: int) -> Decimator:
        return Decimator(largest_chunk, factor=5, channels=3)

    def resumed(self, largest_chunk: int, state: bytes) -> Decimator:
        return Decimator.resumed(largest_chunk, state)

    def recording(self) -> Array:
        return noise(1500, 3)

    def oracle(self, recording: Array) -> Array:
        return reference.decimated(recording, np.array(anti_alias(5)), 5).ravel()


class TestMedianFilter(KernelConformance):
    ulps = 1  # the mean of the middle two of an even count

    def make(self, largest_chunk: int) -> MedianFilter:
        return MedianFilter(largest_chunk, window=9, channels=3)

    def resumed(self, largest_chunk: int, state: bytes) -> MedianFilter:
        return MedianFilter.resumed(largest_chunk, state)

    def recording(self) -> Array:
        frames = noise(600, 3).round()  # rounded: equal values among them
        frames[300:320, 1] = np.nan
        return frames

    def oracle(self, recording: Array) -> Array:
        return reference.sliding_median(recording, 9).ravel()


@pytest.mark.parametrize("lanes", [lanes for lanes in (2, 4, 8) if lanes <= WIDEST_LANES])
@pytest.mark.parametrize("channels", [1, 4, 8, 20])
@pytest.mark.parametrize("chunk", [1, 2, 50])
def test_every_vector_width_gives_the_same_bits(lanes: int, channels: int, chunk: int) -> None:
    frames = noise(200, channels)
    made = []
    for width in (2, lanes):
        kernel = SosFilter(chunk, sections=BAND, channels=channels)
        kernel.use_lanes(width)
        written = array("d")
        for at in range(0, 200, chunk):
            written.extend(kernel.out[: kernel.push(frames[at : at + chunk])])
        made.append(written.tobytes())
    assert made[0] == made[1]


def test_an_odd_number_of_sections_is_as_good() -> None:
    frames = np.random.default_rng(4).normal(size=(300, 8))
    sections = bandpass(3, 20.0, 450.0, RATE)
    kernel = SosFilter(300, sections=sections, channels=8, settled=False)
    kernel.push(frames)
    wanted = scipy.signal.sosfilt(np.array(sections.standard()), frames, axis=0)
    np.testing.assert_allclose(np.array(kernel.out).reshape(300, 8), wanted, atol=1e-12)


def test_an_offset_makes_no_transient() -> None:
    kernel = SosFilter(100, sections=BAND, channels=1)
    kernel.push(np.full((100, 1), 5000.0))
    assert max(map(abs, kernel.out)) < 1e-9


def test_after_a_gap_the_filter_is_right_again() -> None:
    frames = np.random.default_rng(5).normal(size=(3000, 1))
    gapped = frames.copy()
    gapped[100:110] = np.nan
    whole, torn = (SosFilter(3000, sections=BAND, channels=1) for _ in range(2))
    whole.push(frames)
    torn.push(gapped)
    assert np.isnan(np.array(torn.out)).sum() == 10
    np.testing.assert_allclose(np.array(torn.out)[-100:], np.array(whole.out)[-100:], atol=1e-12)


def test_silence_does_not_leave_denormal_numbers() -> None:
    kernel = SosFilter(1, sections=notch(50.0, 30.0, RATE), channels=1, settled=False)
    kernel.push(array("d", [1.0]))
    silent = SosFilter.resumed(200_000, kernel.state())
    silent.push(bytes(8 * 200_000))
    assert silent.out[199_999] == 0.0


def test_a_stop_of_the_decimator_is_a_stop() -> None:
    at = np.arange(4000) / RATE
    kernel = Decimator(4000, factor=4, channels=2)
    both = np.stack((np.sin(2 * np.pi * 20 * at), np.sin(2 * np.pi * 480 * at)), axis=1)
    written = np.array(kernel.out[: kernel.push(both)]).reshape(-1, 2)
    centres = kernel.delay_frames + 4 * np.arange(len(written))
    np.testing.assert_allclose(written[:, 0], both[centres, 0], atol=2e-4)
    assert np.abs(written[:, 1]).max() < 2e-4


@pytest.mark.parametrize(
    "make",
    [
        lambda: SosFilter(8, sections=BAND, channels=0),
        lambda: SosFilter(8, sections=BAND, channels=65),
        lambda: SosFilter(0, sections=BAND, channels=1),
        lambda: SosFilter(8, sections=Sections(array("d"), 1.0), channels=1),
        lambda: SosFilter(8, sections=BAND, channels=1, input="int32"),  # type: ignore[arg-type]
        lambda: Decimator(8, factor=1, channels=1),
        lambda: Decimator(8, factor=2, channels=1, taps=array("d", (0.5, 0.5))),
        lambda: Decimator(8, factor=2, channels=1, taps=array("d", (0.2, 0.5, 0.3))),
        lambda: MedianFilter(8, window=4, channels=1),
        lambda: MedianFilter(8, window=1003, channels=1),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any) -> None:
    with pytest.raises(DesignError):
        make()


def test_a_state_of_another_kernel_is_refused() -> None:
    state = MedianFilter(8, window=3, channels=1).state()
    with pytest.raises(ValueError, match="no state of a cascade"):
        SosFilter.resumed(8, state)


def test_a_kernel_that_was_never_made_takes_nothing() -> None:
    with pytest.raises(ValueError, match="never made"):
        SosFilter.__new__(SosFilter).push(b"")
