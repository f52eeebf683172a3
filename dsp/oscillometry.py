"""Cuff oscillometry: from the pressure in a cuff to how strongly the artery beats at each pressure.

Theory of operation
-------------------
While a cuff is slowly deflated or inflated, its pressure is a slow course with the artery's pulses on it.
``PressureSplit`` takes them apart as samples arrive; ``envelope`` makes of a whole run one amplitude per beat
and the smooth course of amplitude over cuff pressure.  What is read off that envelope (blood pressure, limb
occlusion pressure) stands in ``dsp.cuff_reading``.

*Split.*  Both parts are moving averages taken twice, symmetrical, hence of known delay and without distortion
of time: over two mains periods for the pulses (mains and what lies above is gone), over 1.5 s for the slow
course.  A course that falls in a straight line leaves exactly nothing in the pulses.  The sums are integers
of 2**-20 mmHg: they do not drift, and any chunking on any machine gives the same bits.

*Missing samples.*  A NaN, an infinity and anything beyond 1000 mmHg is missing.  Every result whose windows
hold a missing sample, or reach before the first one, is NaN; 3 s later all is as if nothing had been.  A gap
in time cannot be seen in pressures: fill it with NaN.

*Beats.*  A peak is the largest pulse within 0.2 s; the median interval of the large ones is the beat
interval, and in a second pass a peak is the largest within 0.6 of it, so that a dicrotic wave is none.  The
amplitude is the peak's height over the line between the feet beside it.  Where no artery beats, what is found
is noise with small amplitudes: that is what "no pulse" looks like.  A beat is not used where the slow course
ran away under it (a valve was turned, a limb moved), or where its amplitude stands out from its neighbours.

*Envelope.*  The used beats in the order of pressure, median of three, then weights 1-2-3-2-1.  Direction does
not matter; a run that goes up and down is two runs.

Units: mmHg, seconds.  Sources: the principle, Ng & Small 1994 as reviewed in Front Physiol 2019;10:1415;
filters and bounds are ours (engineering proposal).
"""

from array import array
from itertools import pairwise

from dsp._oscillometry import LARGEST_WINDOW, Split, amplitudes, peaks
from dsp.errors import SignalRefused
from dsp.median import median
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from _typeshed import ReadableBuffer

__all__ = ["SLOWEST_RATE_HZ", "Beat", "Envelope", "PressureSplit", "envelope", "envelope_of"]

SLOWEST_RATE_HZ = 20.0
"""As often as our cuff controller reports: seven samples in the shortest beat."""

SLOW_S = 1.5
_ANALYSIS_HZ = 200.0
_FASTEST_BEAT_S = 0.2
_LONGEST_BEAT_S = 2.0
_LEAST_BEATS = 10
_LONGEST_S = 7200.0
_WHERE = "cuff trace"


class PressureSplit(Split):
    """The slow course and the pulses of a cuff pressure, as they come: ``out`` holds pairs of them, in mmHg.

    ``rate_hz``: 20 to 20,000; ``mains_hz`` 50 or 60; one pair for ``every`` samples.  ``ValueError`` else.
    ``push(chunk)`` takes float64 mmHg and says how many numbers stand in ``out``.  Pair k, from 0, is of the
    instant ``(k + 1) * every / rate_hz - delay_s`` after the start.
    """

    def __new__(cls, largest_chunk: int, rate_hz: float, *, mains_hz: float = 50.0, every: int = 1) -> "Self":
        smooth, slow = _windows(rate_hz, mains_hz)
        out = array("d", bytes(16 * (largest_chunk // every + 1)))
        split = super().__new__(cls, smooth, slow, every, largest_chunk, out)
        split.out, split.delay_s = out, slow / rate_hz
        return split

    out: "array[float]"
    delay_s: float
    """How old the instant of a pair is when it is written."""

    def __init__(self, *args: object, **more: object) -> None:
        """All is made in ``__new__``, as compiled classes are."""

    @classmethod
    def resumed(
        cls, largest_chunk: int, rate_hz: float, state: bytes, *, mains_hz: float = 50.0, every: int = 1
    ) -> "Self":
        """Go on from ``state()`` of a split with the same rate, mains and ``every``."""
        split = cls(largest_chunk, rate_hz, mains_hz=mains_hz, every=every)
        split.restore(state)
        return split


def _windows(rate_hz: float, mains_hz: float) -> tuple[int, int]:
    if not SLOWEST_RATE_HZ <= rate_hz <= LARGEST_WINDOW / SLOW_S:
        raise ValueError(f"a rate of {rate_hz} Hz: must be {SLOWEST_RATE_HZ} to {LARGEST_WINDOW / SLOW_S} Hz")
    if mains_hz not in (50.0, 60.0):
        raise ValueError(f"mains of {mains_hz} Hz: must be 50 or 60")
    return max(1, round(2 * rate_hz / mains_hz)), round(SLOW_S * rate_hz)


class Beat(NamedTuple):
    """One oscillation. ``used`` is false where it was not trusted."""

    time_s: float
    pressure_mmhg: float
    amplitude_mmhg: float
    used: bool


class Envelope(NamedTuple):
    """Amplitude over cuff pressure: ``pressures_mmhg`` ascend, ``amplitudes_mmhg`` are smoothed.

    ``lowest_mmhg`` and ``highest_mmhg`` are what the run covered.  ``rejected_share`` is the part of the
    beats, of those with half the largest amplitude and more, that were not used.  ``missing_share`` is the
    part of the run without a result.
    """

    pressures_mmhg: "array[float]"
    amplitudes_mmhg: "array[float]"
    beats: tuple[Beat, ...]
    beat_interval_s: float
    lowest_mmhg: float
    highest_mmhg: float
    rising: bool
    rejected_share: float
    missing_share: float
    duration_s: float
    rate_hz: float

    @property
    def largest(self) -> int:
        """The index of the largest amplitude."""
        return max(range(len(self.amplitudes_mmhg)), key=self.amplitudes_mmhg.__getitem__)


def envelope(pressures_mmhg: "ReadableBuffer", rate_hz: float, *, mains_hz: float = 50.0) -> Envelope:
    """The envelope of one run, up or down. Raises ``SignalRefused`` where the trace does not allow it."""
    return envelope_of(pressures_mmhg, pressures_mmhg, rate_hz, mains_hz=mains_hz)


def envelope_of(
    pressures_mmhg: "ReadableBuffer", pulsing: "ReadableBuffer", rate_hz: float, *, mains_hz: float = 50.0
) -> Envelope:
    """The pulses of one signal over the slow course of the cuff's pressure, sampled together."""
    number = memoryview(pressures_mmhg).nbytes // 8
    _possible(number, memoryview(pulsing).nbytes // 8, rate_hz)
    every = max(1, int(rate_hz // _ANALYSIS_HZ))
    split, beating = (PressureSplit(number, rate_hz, mains_hz=mains_hz, every=every) for _ in range(2))
    filled = split.push(pressures_mmhg)
    beating.push(pulsing)
    pairs = split.out[:filled]
    pairs[1::2] = beating.out[1:filled:2]
    return _of_split(pairs, rate_hz / every, split.delay_s, rate_hz)


def _possible(number: int, beating: int, rate_hz: float) -> None:
    if not number:
        raise SignalRefused(_WHERE, "empty", "no samples: give a recording")
    if number != beating:
        raise SignalRefused(
            _WHERE, "length", f"{number} pressures, {beating} pulse samples: not one recording"
        )
    if not SLOWEST_RATE_HZ <= rate_hz <= LARGEST_WINDOW / SLOW_S:
        raise SignalRefused(
            _WHERE, "rate", f"{rate_hz} Hz is no rate for cuff pulses: record at 20 Hz or more"
        )
    if number / rate_hz > _LONGEST_S:
        raise SignalRefused(_WHERE, "too_long", f"{number / rate_hz:.0f} s: cut out one run of the cuff")


def _of_split(split: "array[float]", rate_hz: float, delay_s: float, sampled_hz: float) -> Envelope:
    slow = [value for value in split[::2] if value == value]
    if len(slow) < _LEAST_BEATS * _FASTEST_BEAT_S * rate_hz:
        raise SignalRefused(_WHERE, "missing", "hardly a sample with 3 s of pressure around it: record again")
    _one_direction(slow)
    found, interval_s = _peaks(split, rate_hz)
    beats = _trusted(_beats(split, found, interval_s, rate_hz, delay_s), interval_s)
    pressures, smooth = _smooth([beat for beat in beats if beat.used])
    half = max(smooth) / 2
    large = [beat for beat in beats if beat.amplitude_mmhg >= half]
    return Envelope(
        pressures,
        smooth,
        beats,
        interval_s,
        min(slow),
        max(slow),
        slow[-1] > slow[0],
        sum(not beat.used for beat in large) / max(1, len(large)),
        1 - len(slow) / (len(split) // 2),
        len(split) / 2 / rate_hz,
        sampled_hz,
    )


def _one_direction(slow: "Sequence[float]") -> None:
    """A run goes one way; the way back may be a tenth of it."""
    way, range_mmhg = abs(slow[-1] - slow[0]), max(slow) - min(slow)
    if range_mmhg < 20.0:
        raise SignalRefused(
            _WHERE,
            "constant",
            f"the pressure moved by {range_mmhg:.1f} mmHg only: a run must pass the systolic",
        )
    if way < 0.8 * range_mmhg:
        raise SignalRefused(_WHERE, "direction", "the pressure went up and down: cut out one run")


def _peaks(split: "array[float]", rate_hz: float) -> tuple["array[int]", float]:
    found = _found(split, _FASTEST_BEAT_S, rate_hz)
    heights = sorted(split[2 * at + 1] for at in found)
    if len(heights) < _LEAST_BEATS:
        raise SignalRefused(_WHERE, "no_pulse", f"{len(heights)} oscillations: no pulse reaches this cuff")
    tall = heights[len(heights) * 9 // 10] / 2
    large = [at for at in found if split[2 * at + 1] >= tall]
    gaps = [(after - at) / rate_hz for at, after in pairwise(large)]
    gaps = [gap for gap in gaps if gap < _LONGEST_BEAT_S]
    if len(gaps) < 3:
        raise SignalRefused(_WHERE, "no_rhythm", "no series of beats: the limb moved, or there is no pulse")
    interval_s = median(gaps)
    return _found(split, 0.6 * interval_s, rate_hz), interval_s


def _found(split: "array[float]", within_s: float, rate_hz: float) -> "array[int]":
    reach = max(1, int(within_s * rate_hz))
    found = array("q", bytes(8 * (len(split) // 2 // (reach + 1) + 1)))
    return found[: peaks(split, reach, found)]


def _beats(
    split: "array[float]", found: "array[int]", interval_s: float, rate_hz: float, delay_s: float
) -> list[tuple[Beat, float]]:
    """Every beat with both feet, and how far the slow course moved under it."""
    made = array("d", bytes(16 * len(found)))
    amplitudes(split, found, int(1.5 * interval_s * rate_hz), made)
    return [
        (Beat((at + 1) / rate_hz - delay_s, split[2 * at], made[2 * nth], True), made[2 * nth + 1])
        for nth, at in enumerate(found)
        if made[2 * nth] == made[2 * nth]
    ]


def _trusted(beats: list[tuple[Beat, float]], interval_s: float) -> tuple[Beat, ...]:
    """The beats, those marked that stand on a moving course or out of their neighbourhood."""
    if len(beats) < _LEAST_BEATS:
        raise SignalRefused(_WHERE, "few_beats", f"{len(beats)} beats: deflate or inflate more slowly")
    heights = [beat.amplitude_mmhg for beat, _ in beats]
    largest = sorted(heights)[len(heights) * 9 // 10]
    moves = [abs(moved) for _, moved in beats]
    usual = median(moves)
    steady = [
        moved <= 3 * usual + 1.0 and not _stands_out(heights, nth, largest) for nth, moved in enumerate(moves)
    ]
    if sum(steady) < _LEAST_BEATS:
        raise SignalRefused(
            _WHERE, "movement", f"{sum(steady)} of {len(beats)} beats undisturbed: repeat the run"
        )
    return tuple(beat._replace(used=good) for (beat, _), good in zip(beats, steady, strict=True))


def _stands_out(heights: list[float], nth: int, largest: float) -> bool:
    """Whether an amplitude is far from the median of the four around it."""
    around = heights[max(0, nth - 2) : nth] + heights[nth + 1 : nth + 3]
    return abs(heights[nth] - median(around)) > 0.4 * median(around) + 0.1 * largest


def _smooth(beats: list[Beat]) -> tuple["array[float]", "array[float]"]:
    beats = sorted(beats, key=lambda beat: beat.pressure_mmhg)
    heights = [beat.amplitude_mmhg for beat in beats]
    middle = [median(heights[max(0, nth - 1) : nth + 2]) for nth in range(len(heights))]
    return array("d", [beat.pressure_mmhg for beat in beats]), array(
        "d", [_weighted(middle, nth) for nth in range(len(middle))]
    )


def _weighted(heights: list[float], nth: int) -> float:
    near = range(max(0, nth - 2), min(len(heights), nth + 3))
    weights = [3 - abs(at - nth) for at in near]
    return sum(weight * heights[at] for weight, at in zip(weights, near, strict=True)) / sum(weights)
