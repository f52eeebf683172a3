"""Contests of tissue oxygen: 8 channels of two wavelengths; slopes and a recovery of an examination.

The usual way: numpy with carried state where it streams, MNE for a whole recording of light, scipy's
``linregress`` and ``curve_fit`` for lines and recoveries.
"""

import math
import warnings
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from bench import dsp_plain
from bench.dsp_contest import Array, Contest, consume, package, same, streaming
from dsp import extinction, fits, nirs
from dsp.student import quantile

CHUNKS = (1, 16, 64)
FRAMES = 4000
CHANNELS = 8
WAVELENGTHS_NM = (760.0, 850.0)
TABLE = extinction.table("wray1988")
OPTICS = nirs.Optics(
    TABLE, WAVELENGTHS_NM, (35.0,) * CHANNELS, nirs.PathFactor((4.0, 4.0), "made", "made", "made")
)
RATE_HZ = 10.0
OCCLUSION_S = 180.0
SPAN_S = 3.0
POINTS = 25

stats: Any = package("scipy.stats")
optimize: Any = package("scipy.optimize")


def _light(frames: int = FRAMES) -> Array:
    return np.random.default_rng(1).uniform(0.5, 1.5, (frames, 2 * CHANNELS))


def _weights() -> Array:
    """Of each channel, for O2Hb and for HHb: the pseudo-inverse of the paths."""
    design = np.array([[one.oxy, one.deoxy] for one in map(TABLE.at, WAVELENGTHS_NM)])
    return np.asarray(1e6 / math.log(10.0) * np.linalg.pinv(design * (3.5 * 4.0)))


class UsualBeerLambert:
    """Array expressions over each chunk; the reference is carried."""

    def __init__(self) -> None:
        self.weights, self.reference = _weights(), np.empty(0)

    def __call__(self, chunk: bytes) -> Array:
        light = np.frombuffer(chunk).reshape(-1, CHANNELS, 2)
        if not len(self.reference):
            self.reference = light[0]
        return np.asarray(np.log(self.reference / light) @ self.weights.T)


def beer_lambert(chunk: int, lanes: int) -> Contest:
    """Light to concentrations."""
    light, out = _light(), np.zeros(FRAMES * 2 * CHANNELS)
    run = dsp_plain.library().plain_beer_lambert_run
    weights = np.array(nirs._weights_per_channel(OPTICS, "intensity"))

    def plain(size: int) -> Array:
        return dsp_plain.called(run, weights, light, FRAMES, size, out)

    return streaming(
        chunk, light, lambda: nirs.BeerLambert(OPTICS, "intensity", chunk), UsualBeerLambert, plain
    )


def beer_lambert_recording(chunk: int, lanes: int) -> Contest:
    """A recording of ``chunk`` frames at once, as MNE takes it; MNE's extinctions, its mean as reference."""
    light, out = _light(chunk), np.zeros(chunk * 2 * CHANNELS)
    run = dsp_plain.library().plain_beer_lambert_run
    mne = package("mne")
    optics = OPTICS if mne is None else OPTICS._replace(table=_table_of_mne())
    weights = np.array(nirs._weights_per_channel(optics, "intensity"))
    data = light.tobytes()

    def ours() -> nirs.BeerLambert:
        return nirs.BeerLambert(optics, "intensity", chunk)

    made = ours()
    made.push(data)
    same("plain C", made.out, dsp_plain.called(run, weights, light, chunk, chunk, out), 0.0)
    if mne is not None:
        changes = np.array(made.out).reshape(chunk, CHANNELS, 2)
        other = 1e6 * _by_mne(mne, light)().get_data().T.reshape(chunk, CHANNELS, 2)
        same("MNE", changes - changes[0], other - other[0], 1e-6)
    return Contest(
        calls=1,
        ours=lambda: consume(ours().push, [data]),
        python="mne" if mne is None else lambda: _by_mne(mne, light),
        python_calls=1,
        c=lambda: lambda: dsp_plain.called(run, weights, light, chunk, chunk, out),
    )


def _table_of_mne() -> extinction.Table:
    """MNE's own numbers, so that both do the same sum."""
    found = package("mne.preprocessing.nirs._beer_lambert_law")._load_absorption(list(WAVELENGTHS_NM))
    entries = [
        (nm, 10.0 / math.log(10.0) * float(oxy), 10.0 / math.log(10.0) * float(deoxy))
        for nm, (oxy, deoxy) in zip(WAVELENGTHS_NM, found, strict=True)
    ]
    return extinction.Table("mne", "10", "MNE", tuple(entries))


def _by_mne(mne: Any, light: Array) -> Callable[[], Any]:
    """Optical density and Beer-Lambert law of ``mne.preprocessing.nirs``; what it needs is made before."""
    names = [f"S{c + 1}_D{c + 1} {nm:g}" for c in range(CHANNELS) for nm in WAVELENGTHS_NM]
    info = mne.create_info(names, RATE_HZ, "fnirs_cw_amplitude", verbose="error")
    for at, channel in enumerate(info["chs"]):
        place = 0.1 * (at // 2)
        channel["loc"][:12] = [place, 0, 0, place, 0, 0, place + 0.035, 0, 0, WAVELENGTHS_NM[at % 2], 0, 0]
    raw = mne.io.RawArray(light.T.copy(), info, verbose="error")
    room = mne.preprocessing.nirs

    def run() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return room.beer_lambert_law(room.optical_density(raw, verbose="error"), ppf=4.0)

    return run


class UsualBloodVolume:
    """Differences and cumulated sums of each chunk; the last pair and the sums are carried."""

    def __init__(self) -> None:
        self.last, self.sums = np.empty((0, 2)), np.zeros(2)

    def __call__(self, chunk: bytes) -> Array:
        pairs = np.frombuffer(chunk).reshape(-1, 2)
        before = self.last if len(self.last) else pairs[:1]
        steps = np.diff(np.concatenate((before, pairs)), axis=0)
        share = pairs / pairs.sum(axis=1, keepdims=True)
        moved = np.cumsum(steps - share * steps.sum(axis=1, keepdims=True), axis=0) + self.sums
        self.last, self.sums = pairs[-1:], moved[-1]
        return np.asarray(moved)


def blood_volume(chunk: int, lanes: int) -> Contest:
    """O2Hb and HHb of one channel, corrected sample by sample."""
    pairs, out = np.random.default_rng(2).uniform(20.0, 60.0, (FRAMES, 2)), np.zeros(2 * FRAMES)
    run = dsp_plain.library().plain_blood_volume_run

    def plain(size: int) -> Array:
        return dsp_plain.called(run, 0.0, pairs, FRAMES, size, out)

    return streaming(chunk, pairs, lambda: nirs.BloodVolume(chunk), UsualBloodVolume, plain, 1e-6)


def steepest_slope(chunk: int, lanes: int) -> Contest:
    """The steepest 3 s of an occlusion of ``chunk`` samples at 10 Hz; usually one regression a window."""
    times = np.arange(chunk) / RATE_HZ
    values = 20.0 + 5.0 * np.sqrt(times) + np.random.default_rng(3).normal(0.0, 0.2, chunk)
    own_times, own_values = array("d", times), array("d", values)
    run, out = dsp_plain.library().plain_steepest, np.zeros(3)
    reach = round(SPAN_S * RATE_HZ) + 1

    def ours() -> fits.Line:
        return fits.steepest_line(own_times, own_values, 0.0, times[-1], SPAN_S, rising=True)

    def usual() -> float:
        return max(
            float(stats.linregress(times[at : at + reach], values[at : at + reach]).slope)
            for at in range(chunk - reach + 1)
        )

    def plain() -> Array:
        return dsp_plain.called(run, times, values, chunk, SPAN_S, out)

    found = ours()
    same("plain C", [found.slope, found.start_s, found.end_s], plain(), 0.0)
    same("scipy", found.slope, usual(), 1e-9)
    return Contest(1, lambda: ours, lambda: usual, 1, lambda: plain)


def recovery(chunk: int, lanes: int) -> Contest:
    """The rate of a recovery through ``chunk`` slopes, with its intervals; usually ``curve_fit``."""
    times = 8.0 * np.arange(chunk) + 3.0
    values = 1.0 + 1.6 * np.exp(-times / 30.0) + np.random.default_rng(4).normal(0.0, 0.03, chunk)
    own_times, own_values = array("d", times), array("d", values)
    run, out = dsp_plain.library().plain_recovery, np.zeros(7)
    student = quantile(fits.CONFIDENCE, chunk - 3)

    def ours() -> fits.Recovery:
        return fits.recovery(own_times, own_values)

    def usual() -> Any:
        def curve(at: Array, end: float, drop: float, rate: float) -> Any:
            return end - drop * np.exp(-rate * (at - times[0]))

        first = (values[-1], values[-1] - values[0], 0.02)
        return optimize.curve_fit(curve, times, values, first, ftol=1e-14, xtol=1e-14)[0]

    def plain() -> Array:
        return dsp_plain.called(run, times, values, chunk, student, out)

    found = ours()
    bounds = [math.nan if one is None else one for one in (found.profile_low, found.profile_high)]
    curve = [found.end, found.drop, found.k_per_s]
    same("plain C", [*curve, found.k_low, found.k_high, *bounds], plain(), 0.0)
    same("scipy", curve, usual(), 1e-6)
    return Contest(1, lambda: ours, lambda: usual, 1, lambda: plain)


CONTESTS = {
    "beer_lambert": (beer_lambert, CHUNKS),
    "beer_lambert_recording": (beer_lambert_recording, (FRAMES,)),
    "blood_volume": (blood_volume, CHUNKS),
    "steepest_slope": (steepest_slope, (round(OCCLUSION_S * RATE_HZ),)),
    "recovery": (recovery, (POINTS,)),
}
