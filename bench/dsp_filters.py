"""Contests of the filters: 8 channels at 2 kHz, four sections; decimation by 10; a median of 25."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, package, streaming
from dsp.design import anti_alias, bandpass
from dsp.filters import Decimator, MedianFilter, SosFilter

if TYPE_CHECKING:
    from dsp.filters import Input

CHUNKS = (1, 16, 64)
FRAMES = 8000
CHANNELS = 8
FACTOR = 10
WINDOW = 25

signal: Any = package("scipy.signal")


def _noise(channels: int = CHANNELS) -> Array:
    return np.random.default_rng(1).normal(0.0, 300.0, (FRAMES, channels))


class UsualSos:
    """``scipy.signal.sosfilt`` with carried state, begun as if the first sample had stood for ever."""

    def __init__(self, sos: Array, kind: str, scale: float) -> None:
        self.sos, self.kind, self.scale, self.zi = sos, kind, scale, None

    def __call__(self, chunk: bytes) -> Array:
        x = np.frombuffer(chunk, dtype=self.kind).reshape(-1, CHANNELS) * self.scale
        if self.zi is None:
            self.zi = signal.sosfilt_zi(self.sos)[:, :, np.newaxis] * x[0]
        y, self.zi = signal.sosfilt(self.sos, x, axis=0, zi=self.zi)
        return np.asarray(y)


def _sos(chunk: int, lanes: int, frames: Array, input: "Input", scale: float) -> Contest:
    sections = bandpass(4, 20.0, 450.0, 2000.0)
    numbers = np.array([*sections.coefficients, sections.gain * scale])
    run = getattr(dsp_plain.library(), f"plain_sos_run_{'double' if input == 'float64' else input}")
    out = np.zeros(frames.size)

    def ours() -> SosFilter:
        made = SosFilter(chunk, sections=sections, channels=CHANNELS, input=input, scale=scale)
        made.use_lanes(lanes)
        return made

    def plain(size: int) -> Array:
        return dsp_plain.called(run, numbers, frames, len(frames), size, out)

    def usual() -> UsualSos:
        return UsualSos(np.array(sections.standard()), frames.dtype.str, scale)

    return streaming(chunk, frames, ours, usual, plain)


def sos_float64(chunk: int, lanes: int) -> Contest:
    """Four sections on float64."""
    return _sos(chunk, lanes, _noise(), "float64", 1.0)


def sos_int16(chunk: int, lanes: int) -> Contest:
    """Decoding fused with four sections."""
    return _sos(chunk, lanes, _noise().round().astype("<i2"), "int16", 0.1)


class UsualDecimator:
    """``scipy.signal.lfilter`` with carried state, and every tenth of what it gives."""

    def __init__(self, taps: Array) -> None:
        self.taps, self.zi, self.frame = taps, np.zeros((len(taps) - 1, CHANNELS)), 0

    def __call__(self, chunk: bytes) -> Array:
        x = np.frombuffer(chunk).reshape(-1, CHANNELS)
        y, self.zi = signal.lfilter(self.taps, 1.0, x, axis=0, zi=self.zi)
        at = np.arange(self.frame + 1, self.frame + len(x) + 1) - len(self.taps)
        self.frame += len(x)
        return np.asarray(y[(at >= 0) & (at % FACTOR == 0)])


def decimate(chunk: int, lanes: int) -> Contest:
    """An anti-alias FIR that is computed where a sample is kept."""
    frames, taps = _noise(), np.array(anti_alias(FACTOR))
    run, out = dsp_plain.library().plain_decimator_run, np.zeros(frames.size)

    def plain(size: int) -> Array:
        return dsp_plain.called(run, taps, len(taps), FACTOR, frames, len(frames), size, out)

    return streaming(
        chunk,
        frames,
        lambda: Decimator(chunk, factor=FACTOR, channels=CHANNELS),
        lambda: UsualDecimator(taps),
        plain,
    )


class UsualMedian:
    """``scipy.signal.medfilt`` over the chunk and what the window needs from before it."""

    def __init__(self) -> None:
        self.left = np.empty(0)

    def __call__(self, chunk: bytes) -> Array:
        x = np.concatenate((self.left, np.frombuffer(chunk)))
        self.left = x[-(WINDOW - 1) :]
        if len(x) < WINDOW:
            return np.empty(0)
        return np.asarray(signal.medfilt(x, WINDOW)[WINDOW // 2 : len(x) - WINDOW // 2])


def median(chunk: int, lanes: int) -> Contest:
    """One channel."""
    frames = _noise(1)[:, 0].copy()
    run, out = dsp_plain.library().plain_median_run, np.zeros(FRAMES)
    made: Callable[[], Any] = lambda: MedianFilter(chunk, window=WINDOW, channels=1)  # noqa: E731

    def plain(size: int) -> Array:
        return dsp_plain.called(run, WINDOW, frames, FRAMES, size, out)

    return streaming(chunk, frames, made, UsualMedian, plain)


CONTESTS = {
    "sos_float64": (sos_float64, CHUNKS),
    "sos_int16": (sos_int16, CHUNKS),
    "decimate": (decimate, CHUNKS),
    "median": (median, CHUNKS),
}
