"""Recordings of every examination as files, made here with known truth; each is made once for all tests."""

import functools
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from gateway.exams.recording import Recording
from tests.dsp.cuff import Cuff
from tests.exams.test_oxidative_capacity import series
from tests.exams.traces import recorded

ENDINGS = {"%": "percent", "mmHg": "mmhg", "uM": "um"}
EPISODES_S = ((20.0, 22.0), (40.0, 43.0), (60.0, 61.0))
PEAKS_N = (100.0, 98.0, 96.0, 90.0, 85.0, 80.0, 75.0, 72.0, 70.0)
BEAT_S = 0.8

GOLDEN = """nerve,side,site,amplitude_mv,area_mv_ms,duration_ms
median,left,wrist,5.7,41.5,{wrist}
median,left,elbow,1.2,8.2,{elbow}
median,left,arm,1.0,7.4,{arm}
"""
"""The worked example of the clinical facts, 10.2, to be given its durations."""


def separated(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values."""
    body = "".join(",".join(str(cell) for cell in row) + "\n" for row in rows)
    return f"{','.join(header)}\n{body}"


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """A file of comma-separated values."""
    return write_text(path, separated(header, rows))


def write_text(path: Path, text: str) -> Path:
    """A file of this text."""
    path.write_text(text)
    return path


def as_text(recording: Recording) -> str:
    """The recording with its marks as events."""
    marks = {round(one.at_s, 6): one.text for one in recording.marks}
    header = ["time_s", *(f"{name}_{ENDINGS[one.unit]}" for name, one in recording.columns.items()), "event"]
    columns = [one.values for one in recording.columns.values()]
    rows = (
        [f"{time_s:.6f}", *(f"{one[at]:.6f}" for one in columns), marks.get(round(time_s, 6), "")]
        for at, time_s in enumerate(recording.times_s)
    )
    return separated(header, rows)


@functools.cache
def _occlusion_text() -> str:
    return as_text(recorded())


@functools.cache
def _series_text() -> str:
    return as_text(series())


@functools.cache
def _cuff_text() -> str:
    run = Cuff(rate_hz=100.0).run()
    return separated(["time_s", "cuff_mmhg"], ([f"{at / 100:.2f}", one] for at, one in enumerate(run)))


@functools.cache
def _emg_text() -> str:
    return emg_text(emg(), 1000.0)


def emg_text(samples: "array[float]", rate_hz: float) -> str:
    """Muscle activity in uV."""
    rows = ([f"{at / rate_hz:.6f}", f"{one:.4f}"] for at, one in enumerate(samples))
    return separated(["time_s", "emg_uv"], rows)


def occlusion_test(folder: Path) -> Path:
    """One occlusion from 180 to 360 s with a cuff."""
    return write_text(folder / "occlusion.csv", _occlusion_text())


def oxidative_capacity(folder: Path) -> Path:
    """Two occlusions at rest and twelve that recover with k = 2.4 /min, by marks."""
    return write_text(folder / "series.csv", _series_text())


def limb_pressure(folder: Path) -> Path:
    """A run down of the cuff; the pulse is gone from 140 mmHg."""
    return write_text(folder / "cuff.csv", _cuff_text())


def conduction(folder: Path, wrist: str = "9.0", elbow: str = "9.9", arm: str = "10.0") -> Path:
    """The worked example."""
    path = folder / "sites.csv"
    path.write_text(GOLDEN.format(wrist=wrist, elbow=elbow, arm=arm))
    return path


def emg(
    episodes_s: Sequence[tuple[float, float]] = EPISODES_S, rate_hz: float = 1000.0, end_s: float = 80.0
) -> "array[float]":
    """Noise of 2 uV with bursts of 100 uV, each a little weaker than the one before."""
    random = np.random.default_rng(4)
    times = np.arange(0.0, end_s, 1.0 / rate_hz)
    samples = random.normal(0.0, 2.0, len(times))
    for number, (begin_s, last_s) in enumerate(episodes_s):
        inside = (times >= begin_s) & (times < last_s)
        samples[inside] += random.normal(0.0, 100.0 - 5.0 * number, inside.sum())
    return array("d", samples)


def spasm(folder: Path, samples: "array[float] | None" = None, rate_hz: float = 1000.0) -> Path:
    """80 s of muscle activity with three episodes."""
    text = _emg_text() if samples is None else emg_text(samples, rate_hz)
    return write_text(folder / "emg.csv", text)


def fatigue(folder: Path) -> Path:
    """Nine contractions of two seconds every five, on a level of 4 N."""
    random = np.random.default_rng(5)

    def force(time_s: float) -> float:
        number, into = divmod(time_s, 5.0)
        is_on = into < 2.0 and number < len(PEAKS_N)
        shape = math.sin(math.pi * into / 2.0) if is_on else 0.0
        return 4.0 + (PEAKS_N[int(number)] * shape if is_on else 0.0) + random.normal(0.0, 0.2)

    times = np.arange(0.0, 48.0, 0.02)
    rows = ([f"{one:.3f}", f"{force(float(one)):.4f}"] for one in times)
    return write(folder / "force.csv", ["time_s", "force_n"], rows)


def pulse(folder: Path) -> Path:
    """A minute of light at 75 beats a minute."""

    def light(time_s: float) -> float:
        into = time_s % BEAT_S
        first, second = (into - 0.15) / 0.06, (into - 0.40) / 0.09
        return 100.0 + math.exp(-first * first / 2) + 0.35 * math.exp(-second * second / 2)

    random = np.random.default_rng(6)
    rows = ([f"{at / 100:.2f}", f"{light(at / 100) + random.normal(0, 0.004):.5f}"] for at in range(6000))
    return write(folder / "ppg.csv", ["time_s", "ppg"], rows)


STATED: dict[str, str] = {
    "occlusion-test": "--definition mclay --definition creteur2007",
    "limb-pressure": "--limb left-upper-arm --posture supine --cuff-width-mm 130 --systolic 120",
    "oxidative-capacity": "",
    "conduction": "--amplitude-is negative_peak --area-is negative_phase --duration-is negative_phase",
    "spasm": "--baseline 2-10",
    "fatigue": "--current-ma 60 --pulse-width-us 400 --frequency-hz 45",
    "pulse": "",
}
"""What each examination must be told beside the file."""

MAKERS: dict[str, Callable[[Path], Path]] = {
    "occlusion-test": occlusion_test,
    "limb-pressure": limb_pressure,
    "oxidative-capacity": oxidative_capacity,
    "conduction": conduction,
    "spasm": spasm,
    "fatigue": fatigue,
    "pulse": pulse,
}
