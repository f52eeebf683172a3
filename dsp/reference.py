"""The plain NumPy oracle of the tests: slow, whole-array, written to be read.

Theory of operation
-------------------
Each function states in a few array expressions what a streaming kernel of this room computes.  It
shares no code with the kernel, works on whole recordings only, and runs in tests alone: the gateway
process imports no NumPy.

Units: as in the module of the same measurement.
"""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


def time_in_band(
    times_ms: list[int], values_dmmhg: list[int | None], target_dmmhg: int, start_ms: int, end_ms: int
) -> tuple[int, int, int]:
    """Milliseconds within 5 %, 10 % and 15 mmHg of the target during ``[start_ms, end_ms)``.

    Looks at every single millisecond of the hold: the newest sample at or before it decides, if it
    is younger than 250 ms.
    """
    if end_ms <= start_ms or not times_ms:
        return (0, 0, 0)
    clock = np.arange(start_ms, end_ms)
    times = np.array(times_ms)
    values = np.array([np.nan if value is None else value for value in values_dmmhg], dtype=float)
    newest = np.searchsorted(times, clock, side="right") - 1
    known = (newest >= 0) & (clock - times[newest] < 250)
    off = np.where(known, np.abs(values[newest] - target_dmmhg), np.nan)
    bounds = (target_dmmhg / 20, target_dmmhg / 10, 150)
    five, ten, fifteen = (int(np.count_nonzero(off <= bound)) for bound in bounds)
    return five, ten, fifteen


# --- filters and the EMG chain ---------------------------------------------------------------------------


def sections_over(frames: Array, standard: Array, *, settled: bool) -> Array:
    """Second-order sections [sections][6] over [frames][channels], one sample after the other, direct form I.

    A value that is no number is a gap: the last good one is filtered in its place (0 before the first) and
    the output is NaN. ``settled``: each channel begins as if its first good sample had stood for ever.
    """
    gaps = ~np.isfinite(frames)
    made = np.where(gaps, np.nan, 0.0)
    for channel in range(frames.shape[1]):
        x = _held(frames[:, channel])
        for b0, b1, b2, _, a1, a2 in standard:
            y, before = np.zeros(len(x)), (0.0, 0.0, 0.0, 0.0)
            for n, now in enumerate(x):
                x1, x2, y1, y2 = before
                if settled and n == _first_good(gaps[:, channel]):
                    x1 = x2 = now
                    y1 = y2 = now * (b0 + b1 + b2) / (1 + a1 + a2)
                y[n] = b0 * now + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
                before = (now, x1, y[n], y1)
            x = y
        made[:, channel] += x
    return made


def _held(values: Array) -> Array:
    """The last good value in place of each that is not; 0 before the first."""
    good = np.isfinite(values)
    newest = np.maximum.accumulate(np.where(good, np.arange(1, len(values) + 1), 0))
    return np.concatenate(([0.0], np.where(good, values, 0.0)))[newest]


def _first_good(gaps: Array) -> int:
    return int(np.argmin(gaps)) if not gaps.all() else -1


def decimated(frames: Array, taps: Array, factor: int) -> Array:
    """Every ``factor``-th full window of ``taps``, [windows][channels]; NaN where a window has a gap."""
    good = np.where(np.isfinite(frames), frames, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(good, len(taps), axis=0)[::factor]
    made: Array = windows @ taps
    return made


def sliding_median(frames: Array, window: int) -> Array:
    """The median of each full window, [windows][channels], of what is finite; NaN where nothing is."""
    good = np.where(np.isfinite(frames), frames, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(good, window, axis=0)
    empty = np.isnan(windows).all(axis=-1)
    filled = np.where(empty[..., np.newaxis], 0.0, windows)
    made: Array = np.where(empty, np.nan, np.nanmedian(filled, axis=-1))
    return made


class EmgSettings(NamedTuple):
    """What ``emg_rows`` is told; as in ``dsp.emg.EmgChain``."""

    standard: Array
    microvolts_per_count: float
    block_frames: int
    window_blocks: int
    hold_blocks: int
    release_blocks: int
    blank_before: int
    blank_after: int
    threshold: float
    stimuli: list[int]


def emg_rows(frames: Array, has: EmgSettings) -> Array:
    """The rows of the EMG chain for int16 [frames][channels], [blocks][4 channels + 1]."""
    clean = np.ones(len(frames), dtype=bool)
    for stimulus in has.stimuli:
        clean[max(0, stimulus - has.blank_before) : stimulus + has.blank_after + 1] = False
    held = np.where(clean[:, np.newaxis], frames.astype(float) * has.microvolts_per_count, np.nan)
    filled = np.apply_along_axis(_held, 0, held)
    begin = int(np.argmax(clean))
    y = np.zeros(filled.shape)
    y[begin:] = sections_over(filled[begin:], has.standard, settled=True)
    before = np.concatenate((np.zeros((2, frames.shape[1])), y))
    psi = np.abs(before[1:-1] ** 2 - before[:-2] * before[2:])
    blocks = len(frames) // has.block_frames
    shape = (blocks, has.block_frames)
    cut = blocks * has.block_frames
    good = clean[:cut].reshape(shape)
    counts = good.sum(axis=1)
    energy = np.where(good[..., None], y[:cut].reshape(*shape, -1) ** 2, 0.0).sum(axis=1)
    teager = np.where(good[..., None], psi[:cut].reshape(*shape, -1), 0.0).sum(axis=1)
    raw = frames[:cut].reshape(*shape, -1)
    none = np.full(frames.shape[1], np.nan)
    above = below = np.zeros(frames.shape[1], dtype=int)
    active = np.zeros(frames.shape[1], dtype=bool)
    made = []
    for block in range(blocks):
        window = slice(block - has.window_blocks + 1, block + 1)
        known = block + 1 >= has.window_blocks and counts[window].sum()
        rms = np.sqrt(energy[window].sum(axis=0) / counts[window].sum()) if known else none
        mean = teager[block] / counts[block] if counts[block] else none
        over = mean > has.threshold
        above, below = np.where(over, above + 1, 0), np.where(over, 0, below + 1)
        active = (active | (above >= has.hold_blocks)) & (below < has.release_blocks)
        made.append(np.concatenate((rms, mean, active, _quality(raw[block][good[block]]), [counts[block]])))
    return np.array(made)


def _quality(clean: Array) -> Array:
    """1 where a channel never moves, 2 more where it touches an end of int16."""
    if len(clean) == 0:
        return np.zeros(clean.shape[1])
    saturated = (clean == -32768).any(axis=0) | (clean == 32767).any(axis=0)
    flat = (clean == clean[0]).all(axis=0) & (len(clean) > 1)
    marks: Array = flat + 2.0 * saturated
    return marks


# --- cuff and evoked responses ------------------------------------------------------------------------------


def pressure_split(
    pressures: "np.ndarray[Any, Any]", smooth: int, slow: int, every: int
) -> "np.ndarray[Any, Any]":
    """Pairs of slow course and pulse: both averaged twice over their window, one pair per ``every`` samples.

    A sample that is no number, or beyond 1000, spoils every pair whose windows hold it.
    """
    spoiled = ~(np.abs(pressures) <= 1000)
    steps = np.floor(np.where(spoiled, 0.0, pressures) * 2**20 + 0.5)
    level = _twice(steps, slow) / (2.0**20 * slow * slow)
    near = _twice(steps, smooth) / (2.0**20 * smooth * smooth)
    near = np.concatenate([np.zeros(slow - smooth), near])[: len(near)]
    held = np.convolve(spoiled, np.ones(2 * slow - 1))[: len(spoiled)] > 0.5
    held[: 2 * slow - 2] = True
    pairs = np.stack([level, near - level], axis=1)
    pairs[held] = np.nan
    return pairs[every - 1 :: every].ravel()


def _twice(steps: "np.ndarray[Any, Any]", window: int) -> "np.ndarray[Any, Any]":
    """The sum of the last ``window`` steps, summed again; whole numbers, so exact in float64."""
    once = np.convolve(steps, np.ones(window))[: len(steps)]
    return np.convolve(once, np.ones(window))[: len(steps)]


def sweep_means(sweeps: "np.ndarray[Any, Any]", per_mean: int, limit: float) -> "np.ndarray[Any, Any]":
    """The means of every ``per_mean`` sound sweeps, one after the other."""
    sound = sweeps[np.all(np.abs(sweeps) < limit, axis=1)]
    whole = len(sound) // per_mean
    groups = sound[: whole * per_mean].reshape(whole, per_mean, -1)
    return np.asarray(groups.mean(axis=1)).ravel()


def pulse_responses(
    samples: "np.ndarray[Any, Any]",
    *,
    artifact: int,
    begin: int,
    end: int,
    rest: int,
    least: int,
    floor: int,
    ceiling: int,
) -> "np.ndarray[Any, Any]":
    """The height of what follows each artifact, 0 where it does not turn, -1 where it is saturated."""
    wide = samples.astype(np.int64)
    steps = np.flatnonzero(np.abs(np.diff(wide)) >= artifact) + 1
    found: list[float] = []
    free = 0
    for first in steps.tolist():
        if first < free or first + end > len(wide):
            continue
        free, window = first + rest, wide[first + begin : first + end]
        rise = (window - np.minimum.accumulate(window)).max()
        fall = (np.maximum.accumulate(window) - window).max()
        saturated = ((window <= floor) | (window >= ceiling)).any()
        found.append(-1.0 if saturated else float(np.ptp(window)) if min(rise, fall) >= least else 0.0)
    return np.array(found)


def negative_phase(
    times_ms: "np.ndarray[Any, Any]", sweep: "np.ndarray[Any, Any]", baseline: float
) -> tuple[float, float, float, float]:
    """Beginning, end, peak and area of the phase above the baseline that holds the largest value, by finely
    resampling the straight lines between the samples.
    """
    fine = np.linspace(times_ms[0], times_ms[-1], 400 * (len(times_ms) - 1) + 1)
    above = np.interp(fine, times_ms, sweep) - baseline
    top = int(np.argmax(above))
    first = top - int(np.argmax(above[top::-1] <= 0))
    last = top + int(np.argmax(above[top:] <= 0))
    area = float(np.trapezoid(np.maximum(above[first : last + 1], 0), fine[first : last + 1]))
    return float(fine[first]), float(fine[last]), float(above[top]), area
