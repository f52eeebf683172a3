"""Cuff oscillometry: from the pressure in a cuff to how strongly the artery beats at each pressure.

Theory of operation
-------------------
While a cuff is slowly deflated or inflated, its pressure is a slow course with the artery's pulses on it.
``dsp.cuff_split.PressureSplit`` takes them apart; ``envelope`` makes of a whole run one amplitude per beat
and the smooth course of amplitude over cuff pressure.  What is read off that envelope (blood pressure, limb
occlusion pressure) stands in ``dsp.cuff_reading``.

*Beats.*  A peak is the largest pulse within 0.2 s; the median interval of the large ones is the beat
interval, and in a second pass a peak is the largest within 0.6 of it, so that a dicrotic wave is none.  The
amplitude is the peak's height over the line between the feet beside it.  Where no artery beats, what is found
is noise with small amplitudes: that is what "no pulse" looks like.  A beat is not used where the slow course
ran away under it (a valve was turned, a limb moved), or where its amplitude stands out from its neighbours.

*Envelope.*  The used beats in the order of pressure, median of three, then weights 1-2-3-2-1.  Direction does
not matter; a run that goes up and down is two runs.

Units: mmHg, seconds.  Sources: the principle, Ng & Small 1994 as reviewed in Front Physiol 2019;10:1415;
the bounds are ours (engineering proposal).
"""

from array import array
from itertools import pairwise

from dsp._oscillometry import amplitudes, peaks
from dsp.cuff_split import FASTEST_RATE_HZ, SLOWEST_RATE_HZ, PressureSplit
from dsp.errors import SignalRefused
from dsp.median import median
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import ReadableBuffer

__all__ = ["Beat", "Envelope", "envelope", "envelope_of"]

_ANALYSIS_HZ = 200.0
_FASTEST_BEAT_S = 0.2
_LONGEST_BEAT_S = 2.0
_LEAST_BEATS = 10
_LONGEST_S = 7200.0
_WHERE = "cuff trace"


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
    pairs = array("d")
    pairs.frombytes(split.out.cast("B")[: 8 * filled])
    pairs[1::2] = array("d", beating.out[1:filled:2])
    return _of_split(pairs, rate_hz / every, split.delay_s, rate_hz)


def _possible(number: int, beating: int, rate_hz: float) -> None:
    if not number:
        raise SignalRefused(_WHERE, "empty", "no samples: give a recording")
    if number != beating:
        raise SignalRefused(
            _WHERE, "length", f"{number} pressures, {beating} pulse samples: not one recording"
        )
    if not SLOWEST_RATE_HZ <= rate_hz <= FASTEST_RATE_HZ:
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
