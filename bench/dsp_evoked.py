"""Contests of evoked responses: sweeps of 100 ms at 10 kHz; means of ten, and the measures of each; the
response to each pulse of a train in one of 8 channels of 2 kHz.

The usual way: numpy where it streams, the mean of ``mne.EpochsArray`` for a whole series.
"""

from array import array
from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, consume, package, same, streaming
from dsp.evoked import Response, measure
from dsp.pulse_responses import PulseResponses
from dsp.sweep_mean import SweepMean

CHUNKS = (1, 16)
RATE_HZ = 10_000.0
SAMPLES = 1000
SWEEPS = 400
PER_MEAN = 10
LIMIT_MV = 50.0
STIMULUS_MS = 20.0
ARTIFACT_MS = 2.0
STIMULUS, BEGIN = 200, 220
TRAIN_CHANNELS, TRAIN_CHUNKS = 8, (1, 4, 16, 64)
SWEEP = {
    "artifact": 12_500,
    "begin": 6,
    "end": 50,
    "rest": 50,
    "least": 750,
    "floor": -32_767,
    "ceiling": 32_767,
}


def sweeps(number: int = SWEEPS) -> Array:
    """An M-wave of two phases on noise, mV, negative upwards."""
    times_ms = np.arange(SAMPLES) / RATE_HZ * 1000.0 - STIMULUS_MS
    wave = 8.0 * np.exp(-(((times_ms - 8.0) / 2.0) ** 2)) - 4.0 * np.exp(-(((times_ms - 15.0) / 3.0) ** 2))
    return np.asarray(wave + np.random.default_rng(6).normal(0.0, 0.01, (number, SAMPLES)))


class UsualMean:
    """Array expressions over each sweep that is whole."""

    def __init__(self) -> None:
        self.total, self.count = np.zeros(SAMPLES), 0

    def __call__(self, chunk: bytes) -> Array:
        made = []
        for sweep in np.frombuffer(chunk).reshape(-1, SAMPLES):
            if not np.all(np.abs(sweep) < LIMIT_MV):
                continue
            self.total, self.count = self.total + sweep, self.count + 1
            if self.count == PER_MEAN:
                made.append(self.total / PER_MEAN)
                self.total, self.count = np.zeros(SAMPLES), 0
        return np.array(made)


def _plain_means(series: Array, out: Array, size: int) -> Array:
    run = dsp_plain.library().plain_mean_run
    return dsp_plain.called(run, SAMPLES, PER_MEAN, LIMIT_MV, series, len(series), size, out)


def sweep_mean(chunk: int, lanes: int) -> Contest:
    """Means of ten sweeps, one or more sweeps a call."""
    series, out = sweeps(), np.zeros(SWEEPS * SAMPLES // PER_MEAN)
    return streaming(
        chunk,
        series,
        lambda: SweepMean(chunk, SAMPLES, PER_MEAN, limit=LIMIT_MV),
        UsualMean,
        lambda size: _plain_means(series, out, size),
        frames_in_python=80,
    )


def sweep_mean_series(chunk: int, lanes: int) -> Contest:
    """The mean of ten sweeps at once, as MNE takes them."""
    series, out = sweeps(chunk), np.zeros(SAMPLES)
    mne, data = package("mne"), series.tobytes()

    def ours() -> SweepMean:
        return SweepMean(chunk, SAMPLES, PER_MEAN, limit=LIMIT_MV)

    def usual() -> Any:
        return mne.EpochsArray(series[:, np.newaxis, :] * 1e-3, info, reject=None, verbose="error").average()

    made = ours()
    made.push(data)
    same("plain C", made.out[:SAMPLES], _plain_means(series, out, chunk), 0.0)
    if mne is not None:
        info = mne.create_info(["muscle"], RATE_HZ, "eeg", verbose="error")
        same("MNE", made.out[:SAMPLES], 1e3 * usual().get_data()[0], 1e-9)
    return Contest(
        1,
        lambda: consume(ours().push, [data]),
        "mne" if mne is None else lambda: usual,
        1,
        lambda: lambda: _plain_means(series, out, chunk),
    )


def m_wave(chunk: int, lanes: int) -> Contest:
    """Onset, peak, area and duration of each of a hundred responses, ``chunk`` samples each."""
    series = sweeps(100)
    own, out = [array("d", sweep) for sweep in series], np.zeros(8 * len(series))
    run = dsp_plain.library().plain_measure_run

    def one(sweep: "array[float]") -> Response:
        return measure(sweep, RATE_HZ, STIMULUS_MS, "up", artifact_ms=ARTIFACT_MS)

    def plain() -> Array:
        return dsp_plain.called(run, series, len(series), SAMPLES, RATE_HZ, STIMULUS, BEGIN, out)

    ours = np.array([one(sweep)[:8] for sweep in own], dtype=float)
    same("plain C", ours.ravel(), plain(), 0.0)
    usual = np.array([usual_measure(sweep) for sweep in series])
    same("the usual way", ours, np.where(np.isnan(ours), np.nan, usual), 1e-9)
    return Contest(
        len(own),
        lambda: consume(one, own),
        lambda: consume(usual_measure, series),
        len(series),
        lambda: plain,
    )


def train(frames: int = 40_000) -> Array:
    """A train of 25 Hz in the first of 8 channels of int16: artifact, tail, M-wave, noise."""
    at = np.arange(80)
    shape = 900.0 * np.exp(-at / 4.0) + 2500.0 * np.sin(2 * np.pi * (at - 10) / 30) * ((at >= 10) & (at < 40))
    shape[:2] = 30_000.0, -30_000.0
    signal = np.random.default_rng(8).normal(0.0, 50.0, (frames, TRAIN_CHANNELS))
    signal[:, 0] += np.resize(shape, frames)
    return np.asarray(signal.round().clip(-32767, 32767).astype("<i2"))


class UsualResponses:
    """A list of samples since the artifact; array expressions over the window when it is whole."""

    def __init__(self) -> None:
        self.last: int | None = None
        self.sweep: list[int] | None = None

    def __call__(self, chunk: bytes) -> list[float]:
        found = []
        for value in np.frombuffer(chunk, "<i2")[::TRAIN_CHANNELS].tolist():
            if self.sweep is not None:
                self.sweep.append(value)
                if len(self.sweep) == SWEEP["end"]:
                    found.append(_usual_height(np.array(self.sweep[SWEEP["begin"] :])))
            rested = self.sweep is None or len(self.sweep) > SWEEP["rest"]
            if rested and self.last is not None and abs(value - self.last) >= SWEEP["artifact"]:
                self.sweep = [value]
            self.last = value
        return found


def _usual_height(window: Array) -> float:
    if np.any((window <= SWEEP["floor"]) | (window >= SWEEP["ceiling"])):
        return -1.0
    rise = np.max(window - np.minimum.accumulate(window))
    fall = np.max(np.maximum.accumulate(window) - window)
    return float(np.ptp(window)) if min(rise, fall) >= SWEEP["least"] else 0.0


def pulse_responses(chunk: int, lanes: int) -> Contest:
    """The response to each pulse, as the packets of a hub come."""
    recording = train()
    out = np.zeros(len(recording))
    run = dsp_plain.library().plain_responses_run
    how = [SWEEP[name] for name in ("artifact", "begin", "end", "rest", "least", "floor", "ceiling")]
    return streaming(
        chunk,
        recording,
        lambda: PulseResponses(chunk, TRAIN_CHANNELS, 0, **SWEEP),
        UsualResponses,
        lambda size: dsp_plain.called(run, TRAIN_CHANNELS, *how, recording, len(recording), size, out),
        frames_in_python=3_200,
    )


def usual_measure(sweep: Array) -> tuple[float, ...]:
    """The same conventions over arrays."""
    if not np.all(np.abs(sweep) < 1e6):
        raise ValueError("a sample is missing")
    baseline, noise = sweep[:STIMULUS].mean(), sweep[:STIMULUS].std(ddof=1)
    x, threshold, per_ms = sweep[BEGIN:] - baseline, 5.0 * noise, RATE_HZ / 1000.0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (x > 0).astype(np.int8), [0]))))
    runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if x[a:b].max() >= threshold]
    least = 0.05 * max(x[a:b].max() for a, b in runs)
    runs = [(a, b) for a, b in runs if x[a:b].max() >= least]
    parts = [_usual_phase(x, a, b, threshold) for a, b in runs]
    main = max(parts, key=lambda part: part[2])
    onset = (parts[0][0] + BEGIN - STIMULUS) / per_ms
    return (
        onset,
        main[2],
        (main[1] + BEGIN - STIMULUS) / per_ms,
        float(np.ptp(sweep[BEGIN:])),
        (main[3] + BEGIN - STIMULUS) / per_ms - onset,
        main[4] / per_ms,
        (parts[-1][3] + BEGIN - STIMULUS) / per_ms - onset,
        sum(part[4] for part in parts) / per_ms,
    )


def _usual_phase(x: Array, a: int, b: int, threshold: float) -> tuple[float, float, float, float, float]:
    """Onset, place of the peak, peak, end and area of one phase inside the window."""
    left, back = a - 1 + x[a - 1] / (x[a - 1] - x[a]), b - 1 + x[b - 1] / (x[b - 1] - x[b])
    top = a + int(np.argmax(x[a:b]))
    risen, twice = (_usual_rise(x, a, b, level) for level in (threshold, 2 * threshold))
    if twice is None:
        onset = risen if x[top] <= threshold else (risen * x[top] - top * threshold) / (x[top] - threshold)
    else:
        onset = 2 * (risen or 0.0) - twice
    onset = max(onset, left)
    inner = float(np.trapezoid(x[a:b]))
    area = inner + 0.5 * x[a] * (a - left) + 0.5 * x[b - 1] * (back - (b - 1))
    return float(onset), float(top), float(x[top]), float(back), float(area)


def _usual_rise(x: Array, a: int, b: int, level: float) -> float | None:
    """Where the phase first passes this level; ``None`` where it never does."""
    if not np.any(x[a:b] >= level):
        return None
    first = a + int(np.argmax(x[a:b] >= level))
    return float(first - 1 + (level - x[first - 1]) / (x[first] - x[first - 1]))


CONTESTS = {
    "sweep_mean": (sweep_mean, CHUNKS),
    "sweep_mean_series": (sweep_mean_series, (PER_MEAN,)),
    "m_wave": (m_wave, (SAMPLES,)),
    "pulse_responses": (pulse_responses, TRAIN_CHUNKS),
}
