"""Contests of cuff oscillometry: a deflation at 200 Hz.

The usual way: boxcars of ``scipy.signal.lfilter`` for the split, ``scipy.signal.argrelmax`` for the beats,
numpy for what is read off the envelope.
"""

import math
from array import array
from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, collected, package, same, streaming
from dsp import _oscillometry
from dsp.cuff_reading import MAXIMUM_SLOPE, blood_pressure
from dsp.cuff_split import PressureSplit
from dsp.oscillometry import envelope

CHUNKS = (1, 16, 64)
RATE_HZ = 200.0
SECONDS = 60.0
FRAMES = int(RATE_HZ * SECONDS)
SMOOTH, SLOW = 8, 300
REACH, WIDEST = 102, 255
"""0.6 and 1.5 of a beat interval of 0.85 s."""

signal: Any = package("scipy.signal")


def deflation(frames: int = FRAMES, rate_hz: float = RATE_HZ) -> Array:
    """From 180 to 30 mmHg with pulses of 0.85 s that are largest at 90 mmHg."""
    times = np.arange(frames) / rate_hz
    slow = 180.0 - 150.0 * np.arange(frames) / frames
    side = np.where(slow > 90.0, 50.0, 40.0)
    height = 0.2 + 1.8 * np.maximum(0.0, 1.0 - np.abs(slow - 90.0) / side)
    into = times % 0.85
    pulse = np.where(into < 0.45, 0.5 * (1.0 - np.cos(2.0 * math.pi * into / 0.45)), 0.0)
    return np.asarray(slow + height * pulse + np.random.default_rng(5).normal(0.0, 0.02, frames))


class UsualSplit:
    """Moving averages, each twice, with carried states; the pulses wait for the slow course."""

    def __init__(self) -> None:
        self.states = [np.zeros(length - 1) for length in (SMOOTH, SMOOTH, SLOW, SLOW)]
        self.waiting, self.frame = np.zeros(SLOW - SMOOTH), 0

    def __call__(self, chunk: bytes) -> Array:
        x = np.frombuffer(chunk)
        smooth, slow = self._twice(x, 0, SMOOTH), self._twice(x, 2, SLOW)
        late = np.concatenate((self.waiting, smooth))
        self.waiting = late[len(x) :]
        number = self.frame + 1 + np.arange(len(x))
        self.frame += len(x)
        known = number >= 2 * SLOW - 1
        pairs = np.stack((slow, late[: len(x)] - slow), axis=1)
        return np.where(known[:, np.newaxis], pairs, np.nan)

    def _twice(self, x: Array, first: int, length: int) -> Array:
        boxcar = np.full(length, 1.0 / length)
        for at in (first, first + 1):
            x, self.states[at] = signal.lfilter(boxcar, 1.0, x, zi=self.states[at])
        return x


def cuff_split(chunk: int, lanes: int) -> Contest:
    """The slow course and the pulses; rounding to 2**-20 mmHg is ours and plain C's alone."""
    pressures, out = deflation(), np.zeros(2 * FRAMES)
    run = dsp_plain.library().plain_split_run

    def plain(size: int) -> Array:
        return dsp_plain.called(run, SMOOTH, SLOW, 1, pressures, FRAMES, size, out)

    return streaming(chunk, pressures, lambda: PressureSplit(chunk, RATE_HZ), UsualSplit, plain, 2e-6)


def _split() -> Array:
    return collected(PressureSplit(FRAMES, RATE_HZ), [deflation().tobytes()])


def cuff_beats(chunk: int, lanes: int) -> Contest:
    """Peaks of a whole run and the height of each over its feet."""
    pairs = _split()
    own, found = array("d", pairs), array("q", bytes(8 * FRAMES))
    plain_found, out = np.zeros(FRAMES, dtype=np.int64), np.zeros(FRAMES)
    run = dsp_plain.library().plain_beats

    def ours() -> "array[float]":
        number = _oscillometry.peaks(own, REACH, found)
        made = array("d", bytes(16 * number))
        _oscillometry.amplitudes(own, found[:number], WIDEST, made)
        return made

    def usual() -> Array:
        return _usual_beats(pairs.reshape(-1, 2), REACH, WIDEST)

    def plain() -> Array:
        return dsp_plain.called(run, pairs, FRAMES, REACH, WIDEST, plain_found, out)

    same("plain C", ours(), plain(), 0.0)
    same("the usual way", ours(), usual().ravel(), 1e-9)
    return Contest(1, lambda: ours, lambda: usual, 1, lambda: plain)


def _usual_beats(pairs: Array, reach: int, widest: int) -> Array:
    slow, pulse = pairs.T
    peaks = signal.argrelmax(np.nan_to_num(pulse, nan=-np.inf), order=reach)[0]
    peaks = peaks[(peaks >= reach) & (peaks < len(pulse) - reach)]
    made = np.full((len(peaks), 2), np.nan)
    for nth in range(1, len(peaks) - 1):
        at = peaks[nth]
        left, right = max(peaks[nth - 1], at - widest), min(peaks[nth + 1], at + widest)
        if np.isnan(pulse[left:right]).any():
            continue
        before, after = left + np.argmin(pulse[left:at]), at + 1 + np.argmin(pulse[at + 1 : right])
        share = (at - before) / (after - before)
        level = pulse[before] + share * (pulse[after] - pulse[before])
        made[nth] = pulse[at] - level, slow[after] - slow[before]
    return made


def cuff_reading(chunk: int, lanes: int) -> Contest:
    """From a run of the cuff to systolic, mean and diastolic by the steepest slope."""
    pressures = array("d", deflation())

    def ours() -> tuple[float | None, ...]:
        read = blood_pressure(envelope(pressures, RATE_HZ), MAXIMUM_SLOPE)
        return read.systolic.mmhg, read.mean.mmhg, read.diastolic.mmhg

    def usual() -> tuple[float, ...]:
        return usual_reading(np.array(pressures))

    same("the usual way", ours(), usual(), 1e-4)
    return Contest(1, lambda: ours, lambda: usual, 1)


def usual_reading(pressures: Array) -> tuple[float, ...]:
    """The same rules over arrays."""
    pairs = UsualSplit()(pressures.tobytes())
    slow, pulse = pairs.T
    first = signal.argrelmax(np.nan_to_num(pulse, nan=-np.inf), order=int(0.2 * RATE_HZ))[0]
    tall = np.sort(pulse[first])[len(first) * 9 // 10] / 2
    interval = np.diff(first[pulse[first] >= tall]) / RATE_HZ
    interval_s = float(np.median(interval[interval < 2.0]))
    reach = max(1, int(0.6 * interval_s * RATE_HZ))
    peaks = signal.argrelmax(np.nan_to_num(pulse, nan=-np.inf), order=reach)[0]
    peaks = peaks[(peaks >= reach) & (peaks < len(pulse) - reach)]
    beats = _usual_beats(pairs, reach, int(1.5 * interval_s * RATE_HZ))
    known = ~np.isnan(beats[:, 0])
    at_mmhg, heights, moved = slow[peaks[known]], beats[known, 0], np.abs(beats[known, 1])
    largest = np.sort(heights)[len(heights) * 9 // 10]
    around = np.array([np.median(_others(heights, nth)) for nth in range(len(heights))])
    steady = moved <= 3 * np.median(moved) + 1.0
    used = steady & (np.abs(heights - around) <= 0.4 * around + 0.1 * largest)
    order = np.argsort(at_mmhg[used])
    return _usual_slopes(at_mmhg[used][order], _usual_smooth(heights[used][order]))


def _others(heights: Array, nth: int) -> Array:
    return np.concatenate((heights[max(0, nth - 2) : nth], heights[nth + 1 : nth + 3]))


def _usual_smooth(heights: Array) -> Array:
    middle = np.array([np.median(heights[max(0, nth - 1) : nth + 2]) for nth in range(len(heights))])
    weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    total = np.convolve(middle, weights, "same")
    return np.asarray(total / np.convolve(np.ones(len(middle)), weights, "same"))


def _usual_slopes(at_mmhg: Array, heights: Array) -> tuple[float, ...]:
    top = int(np.argmax(heights))
    slopes = np.full(len(heights), np.nan)
    for nth, mmhg in enumerate(at_mmhg):
        near = np.abs(at_mmhg - mmhg) <= 8.0
        if near.sum() >= 3:
            slopes[nth] = np.polyfit(at_mmhg[near], heights[near], 1)[0]
    systolic = at_mmhg[top + int(np.nanargmin(slopes[top:]))]
    return float(systolic), float(at_mmhg[top]), float(at_mmhg[int(np.nanargmax(slopes[: top + 1]))])


CONTESTS = {
    "cuff_split": (cuff_split, CHUNKS),
    "cuff_beats": (cuff_beats, (FRAMES,)),
    "cuff_reading": (cuff_reading, (FRAMES,)),
}
