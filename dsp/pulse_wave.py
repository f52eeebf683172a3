"""What the shape of a pulse says: fiducial points of a mean beat, and the measures made of them.

Theory of operation
-------------------
Good beats are laid foot on foot, each on a grid of 5 ms, and
averaged; derivatives are those of a parabola fitted around each point.  On the mean beat:

- systolic peak: the largest value; ``a`` and ``b``: the largest and then the smallest second derivative
before it or shortly after; *end-systole*: the largest second derivative between 0.2 s and 0.5 s after the
foot (at most 0.65 of the beat), after the peak and before the next maximum, which must be a real one (a
twentieth of ``a``); where the wave rises between the peak and it, it was not found; - diastolic peak: the
first maximum after end-systole; without one, where the wave falls least; of ``DIASTOLIC_PERCENT`` of the
systolic height, else it was not found; - shoulder: in the upstroke where it slows before the peak (the peak
is then the late one), or in the fall before end-systole where it slows (the peak is then the early one).

Beats whose top is ``FLAT_TOP`` or more equal samples at the largest value of the recording stand at the end
of the converter's scale: they have no shape and are left out (``clipped``).

Measures: augmentation index (P2 - P1)/(peak - foot), reflection index diastolic/systolic height, time
between the two, ageing index (b - c - d - e)/a, subendocardial viability ratio diastolic/systolic area.
All are uncalibrated where the wave is light.  A measure whose points were not found is ``None``.
Definitions from memory (clinical facts, 12); the limits of heights and tops are ours (engineering proposal);
the viability ratio is doubtful whenever end-systole is.

Units: s; heights relative to the foot; indices %.
"""

from array import array
from collections.abc import Sequence

from dsp import _traces, traces
from dsp.errors import SignalRefused
from dsp.pulse import Beat
from dsp.record import NamedTuple

GRID_S = 0.005
LEAST_BEATS = 5
DIASTOLIC_PERCENT = (5.0, 100.0)
FLAT_TOP = 3
_SMOOTH = 5
"""Points on either side of a derivative: 25 ms."""
_LEAST_E = 0.05
_LEAST_FALL = 0.05
_LEAST_RISE = 0.02
_END_SYSTOLE_S = (0.2, 0.5)
_LATEST_SHARE = 0.65


class MeanBeat(NamedTuple):
    """Heights over the foot on a grid of ``GRID_S``, of so many beats."""

    heights: "array[float]"
    beats: int


class Points(NamedTuple):
    """Where the points are, as numbers of the grid; ``None`` for one that was not found."""

    systolic: int
    end_systole: int | None
    diastolic: int | None
    shoulder: int | None


class Shape(NamedTuple):
    """The measures, in % but ``delay_s``."""

    augmentation: float | None
    reflection: float | None
    delay_s: float | None
    ageing: float | None
    viability: float | None


def mean_beat(samples: "array[float]", rate_hz: float, chosen: Sequence[Beat]) -> MeanBeat:
    """The mean of these beats over their median length. Raises ``SignalRefused`` for fewer than five."""
    if len(chosen) < LEAST_BEATS:
        raise SignalRefused(
            "mean beat", "too_few_beats", f"{len(chosen)} good beats, {LEAST_BEATS} are needed"
        )
    whole = [
        one
        for one, is_clipped in zip(chosen, clipped(samples, rate_hz, chosen), strict=True)
        if not is_clipped
    ]
    if len(whole) < LEAST_BEATS:
        flat = len(chosen) - len(whole)
        text = f"{flat} of {len(chosen)} beats stand at the end of the scale: turn the gain down"
        raise SignalRefused("mean beat", "saturated", text)
    length_s = sorted(one.interval_s for one in whole)[len(whole) // 2]
    points = int(length_s / GRID_S)
    total = array("d", bytes(8 * points))
    counted = sum(_add(total, samples, rate_hz, one) for one in whole)
    if counted < LEAST_BEATS:
        raise SignalRefused("mean beat", "too_few_beats", f"{counted} whole beats, {LEAST_BEATS} are needed")
    return MeanBeat(array("d", [one / counted for one in total]), counted)


def clipped(samples: "array[float]", rate_hz: float, chosen: Sequence[Beat]) -> list[bool]:
    """Of each beat, whether it stands at the largest value of the recording for three samples or longer."""
    highest = traces.extent(samples)[1]
    return [
        one.peak == highest and _level(samples, round(one.peak_s * rate_hz)) >= FLAT_TOP for one in chosen
    ]


def _level(samples: "array[float]", at: int) -> int:
    """How many samples in a row about this one are equal to it, up to ``FLAT_TOP`` on either side."""
    made = 1
    for reach in (range(1, FLAT_TOP), range(-1, -FLAT_TOP, -1)):
        for step in reach:
            if not 0 <= at + step < len(samples) or samples[at + step] != samples[at]:
                break
            made += 1
    return made


def _add(total: "array[float]", samples: "array[float]", rate_hz: float, one: Beat) -> bool:
    """Add this beat's heights; not where the recording ends inside it or a sample is missing."""
    return _traces.add_wave(total, samples, one.foot_s * rate_hz, GRID_S * rate_hz, one.foot)


def derivatives(heights: "array[float]") -> tuple["array[float]", "array[float]"]:
    """First and second derivative per s and s2, of a parabola over 11 points; 0 at the ends."""
    reach = range(-_SMOOTH, _SMOOTH + 1)
    second_moment = sum(one * one for one in reach)
    mean_square = second_moment / len(reach)
    curvature = sum((one * one - mean_square) ** 2 for one in reach)
    first, second = array("d", bytes(8 * len(heights))), array("d", bytes(8 * len(heights)))
    for at in range(_SMOOTH, len(heights) - _SMOOTH):
        near = heights[at - _SMOOTH : at + _SMOOTH + 1]
        first[at] = sum(k * h for k, h in zip(reach, near, strict=True)) / second_moment / GRID_S
        bend = sum((k * k - mean_square) * h for k, h in zip(reach, near, strict=True)) / curvature
        second[at] = 2.0 * bend / GRID_S**2
    return first, second


def points(beat: MeanBeat) -> Points:
    """The points of a mean beat. Raises ``SignalRefused`` where it has no upstroke or lost its shape."""
    first, second = derivatives(beat.heights)
    systolic = max(range(len(beat.heights)), key=beat.heights.__getitem__)
    if systolic < 2 * _SMOOTH or systolic > len(beat.heights) * 0.7:
        raise SignalRefused("mean beat", "no_upstroke", "its peak is not where a systole has one: look at it")
    if min(beat.heights) < -_LEAST_FALL * beat.heights[systolic]:
        text = (
            "it falls below its foot: the signal falls with the pulse, or a high-pass filter took its shape"
        )
        raise SignalRefused("mean beat", "high_passed", text)
    end = _end_systole(beat, first, second, systolic)
    return Points(systolic, end, _diastolic(beat, first, systolic, end), _shoulder(first, systolic, end))


def shape(beat: MeanBeat, at: Points) -> Shape:
    """The measures of a mean beat."""
    delay_s = None if at.diastolic is None else (at.diastolic - at.systolic) * GRID_S
    return Shape(
        _augmentation(beat, at), _reflection(beat, at), delay_s, _ageing(beat, at), _viability(beat, at)
    )


def _end_systole(beat: MeanBeat, first: "array[float]", second: "array[float]", systolic: int) -> int | None:
    low = max(systolic + _SMOOTH, int(_END_SYSTOLE_S[0] / GRID_S))
    high = min(int(_END_SYSTOLE_S[1] / GRID_S), int(_LATEST_SHARE * len(beat.heights)))
    high = min(high, _top(first, systolic + _SMOOTH, high) or high)
    inner = [at for at in range(low, high) if second[at] >= max(second[at - 1], second[at + 1])]
    if not inner:
        return None
    best = max(inner, key=second.__getitem__)
    steepest = max(second[:systolic])
    is_real = second[best] > _LEAST_E * steepest > 0.0
    return best if is_real and _only_falls(beat, systolic, best) else None


def _only_falls(beat: MeanBeat, systolic: int, end: int) -> bool:
    """Whether the wave does not rise again before this point."""
    fallen = beat.heights[systolic : end + 1]
    return fallen[-1] - min(fallen) <= _LEAST_RISE * beat.heights[systolic]


def _top(first: "array[float]", begin: int, end: int) -> int | None:
    """The first maximum."""
    return next((at for at in range(begin + 1, end) if first[at - 1] > 0.0 >= first[at]), None)


def _diastolic(beat: MeanBeat, first: "array[float]", systolic: int, end: int | None) -> int | None:
    """The first maximum after end-systole, or where the fall is least within the next 0.3 s."""
    if end is None:
        return None
    latest = min(len(beat.heights) - _SMOOTH - 1, end + int(0.3 / GRID_S))
    inner = (at for at in range(end + 1, latest) if first[at] >= max(first[at - 1], first[at + 1]))
    best = _top(first, end, latest) or next(inner, None)
    if best is None:
        return None
    low, high = DIASTOLIC_PERCENT
    return best if low <= 100.0 * beat.heights[best] / beat.heights[systolic] <= high else None


def _shoulder(first: "array[float]", systolic: int, end: int | None) -> int | None:
    """Where the rise slows before the peak, or the fall before end-systole."""
    steepest = max(range(systolic), key=first.__getitem__)
    for at in range(steepest + 1, systolic - _SMOOTH):
        if 0.0 <= first[at] <= min(first[at - 1], first[at + 1]):
            return at
    for at in range(systolic + _SMOOTH, end or 0):
        if max(first[at - 1], first[at + 1]) <= first[at] <= 0.0:
            return at
    return None


def _augmentation(beat: MeanBeat, at: Points) -> float | None:
    """Positive where the late peak is the higher one."""
    if at.shoulder is None:
        return None
    early, late = sorted((at.shoulder, at.systolic))
    return 100.0 * (beat.heights[late] - beat.heights[early]) / beat.heights[at.systolic]


def _reflection(beat: MeanBeat, at: Points) -> float | None:
    if at.diastolic is None:
        return None
    return 100.0 * beat.heights[at.diastolic] / beat.heights[at.systolic]


def _ageing(beat: MeanBeat, at: Points) -> float | None:
    """From the waves a to e of the second derivative; ``None`` where c and d do not stand apart."""
    if at.end_systole is None:
        return None
    _, second = derivatives(beat.heights)
    a = max(range(at.systolic), key=second.__getitem__)
    b = min(range(a, at.end_systole), key=second.__getitem__)
    peaks = [k for k in range(b + 1, at.end_systole - 1) if second[k] >= max(second[k - 1], second[k + 1])]
    if not peaks:
        return None
    c = max(peaks, key=second.__getitem__)
    d = min(range(c, at.end_systole), key=second.__getitem__)
    e = at.end_systole
    return 100.0 * (second[b] - second[c] - second[d] - second[e]) / second[a]


def _viability(beat: MeanBeat, at: Points) -> float | None:
    """Area after end-systole over the area before it, above the foot."""
    if at.end_systole is None:
        return None
    systole = sum(beat.heights[: at.end_systole])
    diastole = sum(beat.heights[at.end_systole :])
    return 100.0 * diastole / systole if systole > 0.0 else None
