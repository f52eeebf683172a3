"""Contests of the pulse: a finger's light at 100 Hz.

The usual way is NeuroKit2, which does not stream: at each chunk it looks again at the last ten seconds.  Its
peaks must be ours to 50 ms, but for one in fifty.
"""

import math
from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, Disagreement, Run, collected, consume, package, pieces, same
from dsp import pulse

CHUNKS = (1, 16, 64)
RATE_HZ = 100.0
FRAMES = 30_000
LOOKS_BACK = 1000
CALLS_OF_PYTHON = 5


def light(frames: int = FRAMES) -> Array:
    """Pulses of 0.85 s with a diastolic wave, a slow baseline and noise."""
    times = np.arange(frames) / RATE_HZ
    made = 0.3 * np.sin(2.0 * math.pi * 0.2 * times)
    into = times % 0.85
    made += np.exp(-(((into - 0.2) / 0.075) ** 2)) + 0.4 * np.exp(-(((into - 0.5) / 0.11) ** 2))
    return np.asarray(made + np.random.default_rng(7).normal(0.0, 0.01, frames))


def _plain(samples: Array, size: int, out: Array) -> Array:
    def odd(seconds: float) -> int:
        return 2 * int(RATE_HZ * seconds / 2) + 1

    lengths = (odd(0.05), odd(1.5), odd(0.111), odd(0.667), round(0.3 * RATE_HZ), round(3.0 * RATE_HZ))
    counts, numbers = np.array(lengths), np.array([0.02, 1.0 / (5.0 * RATE_HZ), 0.8, 0.01 * RATE_HZ])
    return dsp_plain.called(
        dsp_plain.library().plain_pulse_run, counts, numbers, samples, len(samples), size, out
    )


def _contest(samples: Array, chunk: int, usual: Run | str, usual_calls: int) -> Contest:
    chunks, out = pieces(samples, chunk), np.zeros(len(samples))
    made = collected(pulse.Beats(RATE_HZ, chunk), chunks)
    same("plain C", made, _plain(samples, chunk, out), 0.0)
    return Contest(
        len(chunks),
        lambda: consume(pulse.Beats(RATE_HZ, chunk).push, chunks),
        usual if isinstance(usual, str) else lambda: usual,
        usual_calls,
        lambda: lambda: _plain(samples, chunk, out),
    )


def pulse_beats(chunk: int, lanes: int) -> Contest:
    """As the samples come."""
    samples, kit = light(), package("neurokit2")
    last = samples[:LOOKS_BACK]

    def usual() -> None:
        for _ in range(CALLS_OF_PYTHON):
            usual_peaks(kit, last)

    return _contest(samples, chunk, "neurokit2" if kit is None else usual, CALLS_OF_PYTHON)


def pulse_recording(chunk: int, lanes: int) -> Contest:
    """A recording of ``chunk`` samples at once."""
    samples, kit = light(chunk), package("neurokit2")
    if kit is not None:
        kernel = pulse.Beats(RATE_HZ, chunk)
        ours = collected(kernel, [samples.tobytes()]).reshape(-1, pulse.WIDTH)[:, 1]
        _same_peaks(ours, usual_peaks(kit, samples))
    return _contest(samples, chunk, "neurokit2" if kit is None else lambda: usual_peaks(kit, samples), 1)


def usual_peaks(kit: Any, samples: Array) -> Array:
    clean = kit.ppg_clean(samples, sampling_rate=RATE_HZ, method="elgendi")
    return np.asarray(kit.ppg_findpeaks(clean, sampling_rate=RATE_HZ, method="elgendi")["PPG_Peaks"])


def _same_peaks(ours: Array, theirs: Array) -> None:
    inner = ours[(ours > 3.0 * RATE_HZ) & (ours < ours[-1] - 3.0 * RATE_HZ)]
    far = np.min(np.abs(inner[:, np.newaxis] - theirs), axis=1) > 0.05 * RATE_HZ
    if far.sum() > len(inner) / 50 or abs(len(ours) - len(theirs)) > 0.02 * len(ours) + 4:
        raise Disagreement("NeuroKit2 did not find the beats that our kernel found")


CONTESTS = {"pulse_beats": (pulse_beats, CHUNKS), "pulse_recording": (pulse_recording, (FRAMES,))}
