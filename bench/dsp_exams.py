"""How long the examinations take for a recording of 40 minutes, beside the usual Python way.

Theory of operation
-------------------
``EXAMS`` is a table: an examination, the rate of its made-up recording, and what makes two functions of that
recording: the examination from arrays to a ``Result`` (checks included, files not), and the usual way with
numpy and scipy (NeuroKit2 for the pulse) to the numbers that matter most.  Both numbers must agree before
anything is timed.  Then both run in turn; medians.  The goal is a second for 40 minutes.

Columns: ``exam``, ``rate_hz``, ``seconds``, ``times_real_time``, ``vs_python``.
"""

import math
import statistics
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bench import dsp_cuff, dsp_emg, dsp_evoked, dsp_pulse
from bench.dsp_contest import Array, package, same, seconds
from dsp import evoked
from dsp.design import bandpass
from dsp.emg_definitions import TEAGER_MAD_DRAFT
from dsp.spasm import activity
from gateway.exams import (
    conduction,
    conduction_result,
    criteria,
    fatigue,
    limb_pressure_result,
    occlusion_test,
    oxidative_capacity,
    pulse,
    spasm,
)
from gateway.exams.oxidative_capacity_definitions import Choices
from gateway.exams.recording import Column, Mark, Recording, checked
from gateway.exams.result import Certainty, Parameter, Probe, Result, Source
from gateway.model import Limb, Side

MINUTES = 40
SECONDS = 60.0 * MINUTES
ROUNDS = 3
PROBE = Probe(device="made", site="vastus lateralis", spacing_mm=35.0)
FILLED_MMHG = 20.0
SETTINGS = (Parameter(name="made", value=1, unit="", source="made", certainty=Certainty.PROPOSAL),)


class Pair(NamedTuple):
    """The examination and the usual way, and how near to each other their numbers are."""

    ours: Callable[[], Result]
    numbers: Callable[[Result], Sequence[float | None]]
    usual: Callable[[], Sequence[float]] | str
    tolerance: float


@dataclass(frozen=True, slots=True)
class ExamRow:
    """One line of the table."""

    exam: str
    rate_hz: float
    seconds: float
    times_real_time: float
    vs_python: float | str


def _times(rate_hz: float) -> Array:
    return np.arange(round(SECONDS * rate_hz)) / rate_hz


def _recording(times: Array, marks: tuple[Mark, ...] = (), **columns: tuple[Array, str]) -> Recording:
    made = {name: Column(array("d", values), unit) for name, (values, unit) in columns.items()}
    return checked("made", "", "made", array("d", times), made, marks)


# --- tissue oxygen ----------------------------------------------------------------------------------------

_OCCLUSIONS_S = tuple(180.0 + 720.0 * at for at in range(3))


def occlusions(rate_hz: float) -> Pair:
    """Three occlusions of 180 s; the usual way: means, smoothing by convolution, ``linregress``."""
    times, stats = _times(rate_hz), package("scipy.stats")
    sto2, cuff = np.full(len(times), 70.0), np.zeros(len(times))
    for start in _OCCLUSIONS_S:
        since = times - start
        inside, after = (since >= 0) & (since < 180.0), since >= 180.0
        sto2[inside] = 70.0 - 0.1 * since[inside]
        back = np.minimum(52.0 + 2.0 * (since[after] - 180.0), 80.0)
        sto2[after] = np.where(back < 80.0, back, 70.0 + 10.0 * np.exp(-(since[after] - 194.0) / 60.0))
        cuff[inside] = 170.0 * np.minimum(1.0, since[inside] / 3.0)
    sto2 += np.random.default_rng(1).normal(0.0, 0.2, len(times))

    def ours() -> Result:
        return occlusion_test.analyse(_recording(times, sto2=(sto2, "%"), cuff=(cuff, "mmHg")), PROBE)

    def usual() -> list[float]:
        smooth = np.convolve(sto2, np.full(round(2.0 * rate_hz) + 1, 1.0), "same")
        smooth /= np.convolve(np.ones(len(sto2)), np.full(round(2.0 * rate_hz) + 1, 1.0), "same")
        made = []
        for start in _OCCLUSIONS_S:
            first, last = np.searchsorted(times, (start, start + 180.0))
            until = np.searchsorted(times, start + 480.0)
            stats.linregress(times[first:last], sto2[first:last])
            made += [sto2[round((start - 30.0) * rate_hz) : first].mean(), smooth[first : last + 5].min()]
            smooth[last:until].max()
        return made

    def numbers(result: Result) -> list[float | None]:
        return [result.value(name, of).value for of in "123" for name in ("baseline", "minimum")]

    return Pair(ours, numbers, usual, 0.02)


_SERIES_S = tuple(200.0 + 15.0 * at for at in range(24))


def capacity(rate_hz: float) -> Pair:
    """24 occlusions of 5 s; the usual way: cumulated sums, ``linregress``, ``curve_fit``."""
    times = _times(rate_hz)
    flow = np.zeros(len(times))
    for start in _SERIES_S:
        inside = (times >= start) & (times < start + 5.0)
        flow[inside] = 0.15 + 0.85 * math.exp(-2.4 / 60.0 * (start - 200.0))
        after = (times >= start + 5.0) & (times < start + 15.0)
        flow[after] = -0.5 * flow[np.flatnonzero(inside)[0]]
    deoxy = 60.0 + np.cumsum(flow) / rate_hz
    oxy = 140.0 - np.cumsum(flow) / rate_hz
    deoxy, oxy = (
        one + np.random.default_rng(seed).normal(0, 0.01, len(times)) for seed, one in enumerate((deoxy, oxy))
    )
    marks = tuple(
        mark for start in _SERIES_S for mark in (Mark(start, "Occlusion"), Mark(start + 5.0, "Relaxation"))
    )

    def ours() -> Result:
        made = _recording(times, marks, o2hb=(oxy, "uM"), hhb=(deoxy, "uM"))
        return oxidative_capacity.analyse(made, PROBE, Limb.LEFT_THIGH, Choices(way="whole"))

    def usual() -> list[float]:
        return [_usual_capacity(times, oxy, deoxy)]

    return Pair(ours, lambda result: [result.value("k_per_min").value], usual, 1e-3)


def _usual_capacity(times: Array, oxy: Array, deoxy: Array) -> float:
    stats, optimize = package("scipy.stats"), package("scipy.optimize")
    share = oxy / (oxy + deoxy)
    both = np.diff(oxy, prepend=oxy[0]) + np.diff(deoxy, prepend=deoxy[0])
    corrected = np.cumsum(np.diff(deoxy, prepend=deoxy[0]) - (1.0 - share) * both)
    middles, slopes = [], []
    for start in _SERIES_S:
        part = (times >= start + 1.0 - 1e-6) & (times <= start + 5.0 + 1e-6)
        slopes.append(stats.linregress(times[part], corrected[part]).slope)
        middles.append(float(times[part][[0, -1]].mean()))
    since = np.array(middles) - middles[0]

    def curve(at: Array, end: float, drop: float, rate: float) -> Any:
        return end - drop * np.exp(-rate * at)

    return 60.0 * float(optimize.curve_fit(curve, since, slopes, (slopes[-1], -1.0, 0.03))[0][2])


# --- cuff -------------------------------------------------------------------------------------------------


def limb_pressure(rate_hz: float) -> Pair:
    """Ten runs with rest between them; the usual way finds runs, beats and envelopes, and no corner."""
    run = dsp_cuff.deflation(round(60.0 * rate_hz), rate_hz)[::-1]
    rest = np.full(round(180.0 * rate_hz), 5.0)
    fill, dump = np.linspace(5.0, run[0], round(2.0 * rate_hz)), np.linspace(run[-1], 5.0, round(rate_hz))
    pressures = np.tile(np.concatenate((rest[: len(rest) - len(fill) - len(dump)], fill, run, dump)), 10)
    data = array("d", pressures)
    lying = limb_pressure_result.Circumstances(Limb.LEFT_UPPER_ARM, "supine", 130, 120)

    def ours() -> Result:
        runs = limb_pressure_result.runs_of(data, rate_hz)
        return limb_pressure_result.analyse(runs, lying, PROBE, Source(name="made"))

    def usual() -> list[float]:
        parts = dsp_emg.usual_runs(pressures > FILLED_MMHG)
        return [float(len([dsp_cuff.usual_reading(pressures[begin:end]) for begin, end in parts]))]

    return Pair(ours, lambda result: [float(_runs(result))], usual, 0.0)


def _runs(result: Result) -> int:
    return sum(one.name == "limb_occlusion_pressure" and one.of != "" for one in result.values)


# --- muscle and nerve -------------------------------------------------------------------------------------


def conduction_study(rate_hz: float) -> Pair:
    """A response a second, each measured; one nerve judged of the first two sites."""
    series = dsp_evoked.sweeps(round(SECONDS))
    own = [array("d", sweep) for sweep in series]
    table = criteria.block_table("efns-pns-2010-mmn")

    def ours() -> Result:
        found = [
            evoked.measure(sweep, rate_hz, dsp_evoked.STIMULUS_MS, "up", artifact_ms=dsp_evoked.ARTIFACT_MS)
            for sweep in own
        ]
        sites = tuple(
            conduction.site_of(name, one) for name, one in zip(("wrist", "elbow"), found, strict=False)
        )
        nerve = conduction.MotorNerve(nerve="median", side=Side.LEFT, sites=sites)
        words = {"amplitude": "negative_peak", "area": "negative_phase", "duration": "negative_phase"}
        study = conduction.Study(motor=(nerve,), **words)  # type: ignore[arg-type]
        return conduction_result.analyse(study, table, PROBE, Source(name="made"))

    def usual() -> list[float]:
        found = [dsp_evoked.usual_measure(sweep) for sweep in series]
        return [float(found[0][1])]

    return Pair(ours, lambda result: [result.value("amplitude", "median left wrist").value], usual, 1e-9)


def spasms(rate_hz: float) -> Pair:
    """Eight channels with a burst a minute; the usual way filters, takes energies and finds bursts."""
    noise = np.random.default_rng(1).normal(0.0, 300.0, (round(60.0 * rate_hz), 8))
    noise[round(40.0 * rate_hz) : round(41.5 * rate_hz), :3] *= 8.0
    minute = noise.round().clip(-32768, 32767).astype("<i2")
    frames = np.tile(minute, (MINUTES, 1))
    data, definition = frames.tobytes(), TEAGER_MAD_DRAFT
    settings = dsp_emg.settings_of(definition)
    sections = bandpass(definition.order, definition.low_hz, definition.high_hz, rate_hz)
    sos: Array = np.array(sections.standard())

    def ours() -> Result:
        found = activity(
            data,
            definition,
            rate_hz=rate_hz,
            microvolts_per_count=0.1,
            channels=8,
            baseline_s=dsp_emg.BASELINE_S,
        )
        seen = [spasm.Episode(one.begin_s, one.end_s) for one in found.episodes if one.channel == 0]
        source = Source(name="made", duration_s=SECONDS)
        return spasm.analyse(seen, [spasm.Watched(0.0, SECONDS)], SETTINGS, PROBE, source)

    def usual() -> list[float]:
        _, episodes = dsp_emg.usual_detector(frames, settings, sos, definition)
        return [float(len(episodes[0]))]

    return Pair(ours, lambda result: [result.value("episodes").value], usual, 1e-9)


def fatigue_test(rate_hz: float) -> Pair:
    """A contraction every five seconds; the usual way: means and ``linregress``."""
    values = 40.0 * np.exp(-np.arange(round(SECONDS / 5.0)) / 300.0) + 10.0
    peaks = [fatigue.Peak(5.0 * at, float(value)) for at, value in enumerate(values)]
    stats = package("scipy.stats")

    def ours() -> Result:
        kind = fatigue.Kind("torque", "N m")
        return fatigue.analyse(peaks, kind, SETTINGS, PROBE, Source(name="made"))

    def usual() -> list[float]:
        stats.linregress(np.arange(len(values)), values)
        return [float(values[-3:].mean() / values[:3].mean())]

    return Pair(ours, lambda result: [result.value("fatigue_index").value], usual, 1e-9)


# --- pulse ------------------------------------------------------------------------------------------------


def finger(rate_hz: float) -> Pair:
    """The usual way: NeuroKit2's peaks, and the median of their distances."""
    samples, times = dsp_pulse.light(round(SECONDS * dsp_pulse.RATE_HZ)), _times(dsp_pulse.RATE_HZ)
    kit = package("neurokit2")

    def ours() -> Result:
        return pulse.analyse(_recording(times, ppg=(samples, "1")), PROBE)

    def usual() -> list[float]:
        return [60.0 * rate_hz / float(np.median(np.diff(dsp_pulse.usual_peaks(kit, samples))))]

    return Pair(
        ours, lambda result: [result.value("rate").value], "no neurokit2" if kit is None else usual, 0.02
    )


EXAMS: dict[str, tuple[float, Callable[[float], Pair]]] = {
    "occlusion-test": (50.0, occlusions),
    "oxidative-capacity": (50.0, capacity),
    "limb-pressure": (200.0, limb_pressure),
    "conduction": (dsp_evoked.RATE_HZ, conduction_study),
    "spasm": (2000.0, spasms),
    "fatigue": (0.2, fatigue_test),
    "pulse": (dsp_pulse.RATE_HZ, finger),
}
"""Examination to the rate of its recording and to what makes the pair."""


def measured(exam: str, rounds: int = ROUNDS) -> ExamRow:
    """Both ways in turn; medians. Raises ``Disagreement``."""
    rate_hz, make = EXAMS[exam]
    pair = make(rate_hz)
    found, usual = pair.numbers(pair.ours()), pair.usual
    if not isinstance(usual, str):
        same(f"the usual way of {exam}", np.array(found, dtype=float), np.array(usual()), pair.tolerance)
    ours, ratios = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: pair.ours))
        if not isinstance(usual, str):
            ratios.append(seconds(lambda: pair.usual) / ours[-1])  # type: ignore[arg-type, return-value]
    took = statistics.median(ours)
    ratio = round(statistics.median(ratios), 2) if ratios else str(usual)
    return ExamRow(exam, rate_hz, round(took, 4), round(SECONDS / took), ratio)


def rows(rounds: int = ROUNDS) -> list[ExamRow]:
    """Every examination."""
    return [measured(exam, rounds) for exam in EXAMS]


def table(found: Sequence[ExamRow]) -> str:
    """For people."""
    lines = [f"{'exam':<20}{'Hz':>8}{'s':>10}{'x real time':>14}{'vs_python':>14}"]
    lines += [
        f"{one.exam:<20}{one.rate_hz:>8g}{one.seconds:>10}{one.times_real_time:>14}{one.vs_python:>14}"
        for one in found
    ]
    return "\n".join(lines)
