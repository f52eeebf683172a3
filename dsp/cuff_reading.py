"""What is read off an envelope: blood pressure, and the pressure at which the limb is closed.

Theory of operation
-------------------
No number is read without a definition, and no definition is the default: a caller names one.

*Mean* (``maximum_oscillation``): the pressure of the largest smoothed amplitude.  By the model of Front
Physiol 2019;10:1415 that is 0.45 systolic + 0.55 diastolic rather than the mean of the wave.

*Systolic and diastolic*, two families.  ``Ratios``: where the envelope has fallen to a fixed part of its
largest amplitude, above and below it.  The ratios differ between authors and with pulse pressure and
compliance (0.5 to 0.6 in that model, the error amplified more than fortyfold), so they carry their source,
and each value comes with the pressures that ratios 0.05 more and less would have given.  ``MAXIMUM_SLOPE``:
where the envelope is steepest on each side; it needs no ratio and much less noise.

*Limb occlusion pressure* (``limb_occlusion_pressure``): the oscillation falls while pressure rises, until the
limb is closed; from there on more pressure changes nothing.  What is left is the artery knocking at the
cuff's upper edge, or noise.  A line that falls and then stays level is fitted to the beats above the largest
amplitude; its corner is the pressure.  Its interval is where the sum of squares is not worse than the best
one by more than an F test at 5 % allows (profile), and at least from the beat before it to the beat after.
From a sensor beyond the cuff (``distal_envelope``) this is the disappearance of the distal pulse,
``distal_disappearance``; from the cuff itself, ``cuff_flattening``.

The interval says how well the corner is determined, not how near it is to the truth: neither method of
reading the occlusion pressure has been compared with Doppler.  Where the run ends before
the oscillation has been level for 10 mmHg, nothing is read: the limb may not be closed at all.

A cuff that climbs in steps shows nothing between two of them, and the broken line, whose lower part the true
envelope leaves in a curve, then tends to the lower one.  Such a run is flagged ``stepped``, and its interval
runs from step to step: below, to the step at its end or the one under it; above, to the first step beyond its
end.  Confidence is that of the corner before this.

Level is not gone: what is left of a distal pulse beyond the corner is examined by ``dsp.pulse_left``, and so
is a pulse that hardly changes over the whole run, before it is called noise.

Units: mmHg; amplitudes in mmHg, of a distal sensor in per cent of its range.
"""

from array import array
from itertools import pairwise

from dsp import oscillometry, pulse_left, traces
from dsp.cuff_split import SLOW_S
from dsp.errors import SignalRefused
from dsp.oscillometry import Envelope
from dsp.record import NamedTuple
from dsp.student import quantile

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "MAXIMUM_SLOPE",
    "RATIOS_BMRI_2017",
    "BloodPressureReading",
    "OcclusionPressure",
    "Ratios",
    "Reading",
    "blood_pressure",
    "distal_envelope",
    "limb_occlusion_pressure",
]

MAXIMUM_SLOPE = "maximum_slope"
"""Front Physiol 2019;10:1415, the derivative algorithm (read)."""

_WHERE = "cuff trace"
_LEAST_BEYOND = 4
_LEVEL_FOR_MMHG = 10.0
_RATIO_DOUBT = 0.05
_STEP_WITHIN_MMHG = 1.0
"""How far the beats of one step scatter: twice this between neighbours is another step (proposal)."""
_STEP_BEATS = 3
_STEP_SHARE = 0.8
_SLOPE_OVER_MMHG = 8.0
_LEAST_RISE = 2.5
"""The largest amplitude over the tenth percentile. Noise and drift without a pulse came to 1.95 at most in 36
seeded runs; six recordings of arms began at 3.4 (engineering proposal)."""


class Ratios(NamedTuple):
    """Characteristic ratios: parts of the largest amplitude, and who says so."""

    id: str
    systolic: float
    diastolic: float
    source: str
    certainty: str


RATIOS_BMRI_2017 = Ratios(
    "fixed_ratio_bmri2017", 0.5, 0.7, "BioMed Res Int 2017:5201069, figure 2: 0.5 and 0.7", "read"
)


class Reading(NamedTuple):
    """One pressure. ``None`` where it could not be read; ``why`` says why."""

    mmhg: float | None
    low_mmhg: float | None
    high_mmhg: float | None
    definition: str
    why: str = ""


class BloodPressureReading(NamedTuple):
    """Three pressures off one run, with what a reader must know about it."""

    systolic: Reading
    mean: Reading
    diastolic: Reading
    flags: tuple[str, ...]


class OcclusionPressure(NamedTuple):
    """The limb occlusion pressure with its interval.

    ``confidence``: ``good`` where the interval is within 15 mmHg on both sides (the alarm window of surgical
    tourniquets) and no flag but ``coarse_rate`` stands, else ``poor``.  ``beats_below`` and ``beats_beyond``
    is what it rests on.  The broken line: ``level`` above the corner, and from there down to ``from_mmhg``
    higher by ``slope`` for each mmHg.  ``step_mmhg`` is the distance of the cuff's steps, ``None`` without
    any.
    """

    mmhg: float
    low_mmhg: float
    high_mmhg: float
    definition: str
    confidence: str
    beats_below: int
    beats_beyond: int
    level: float
    flags: tuple[str, ...]
    slope: float
    from_mmhg: float
    step_mmhg: float | None = None


def distal_envelope(
    pressures_mmhg: "ReadableBuffer", distal: "ReadableBuffer", rate_hz: float, *, mains_hz: float = 50.0
) -> Envelope:
    """The envelope of a pulse sensor beyond the cuff over the cuff's pressure; both sampled together.

    ``distal``: float64 in any unit, upright or inverted.  Amplitudes are per cent of its range in the run.
    """
    return oscillometry.envelope_of(pressures_mmhg, _scaled(distal), rate_hz, mains_hz=mains_hz)


def _scaled(distal: "ReadableBuffer") -> "array[float]":
    values = array("d", bytes(memoryview(distal).cast("B")))
    known = [value for value in values if abs(value) < float("inf")]
    span = max(known, default=0.0) - min(known, default=0.0)
    if span <= 0.0:
        raise SignalRefused("distal sensor", "constant", "its signal never changes: is it on the limb?")
    least = min(known)
    return array("d", [100 * (value - least) / span for value in values])


def blood_pressure(envelope: Envelope, definition: "Ratios | str") -> BloodPressureReading:
    """Systolic, mean and diastolic by this definition (``Ratios`` or ``MAXIMUM_SLOPE``).

    Raises ``SignalRefused`` where the largest oscillation is not inside the run, ``ValueError`` for another
    definition.
    """
    _has_pulse(envelope)
    _has_inner_maximum(envelope)
    mean = Reading(envelope.pressures_mmhg[envelope.largest], None, None, "maximum_oscillation")
    if isinstance(definition, Ratios):
        if not (0.0 < definition.systolic < 1.0 and 0.0 < definition.diastolic < 1.0):
            raise ValueError(f"ratios {definition.systolic}, {definition.diastolic}: must be between 0 and 1")
        systolic = _at_ratio(envelope, definition.systolic, definition.id, above=True)
        diastolic = _at_ratio(envelope, definition.diastolic, definition.id, above=False)
    elif definition == MAXIMUM_SLOPE:
        systolic, diastolic = _steepest(envelope, above=True), _steepest(envelope, above=False)
    else:
        raise ValueError(f"no definition {definition!r}: give Ratios with their source or {MAXIMUM_SLOPE!r}")
    return BloodPressureReading(systolic, mean, diastolic, _flags(envelope))


def _has_pulse(envelope: Envelope) -> None:
    heights = sorted(envelope.amplitudes_mmhg)
    if heights[-1] >= _LEAST_RISE * heights[len(heights) // 10]:
        return
    pulse_left.refuse_pulsing(envelope, envelope.beats)
    text = "the oscillation hardly depends on the pressure: noise or tremor, no artery"
    raise SignalRefused(_WHERE, "no_pulse", text)


def _has_inner_maximum(envelope: Envelope) -> None:
    at, number = envelope.largest, len(envelope.pressures_mmhg)
    if not 3 <= at < number - 3:
        side = "above the first" if at < 3 else "below the last"
        raise SignalRefused(
            _WHERE,
            "no_maximum",
            f"the largest oscillation is at the end of the run, {envelope.pressures_mmhg[at]:.0f} mmHg, not "
            f"{side} beats: let the run go from above the systolic to below the diastolic",
        )


def _flags(envelope: Envelope) -> tuple[str, ...]:
    read_s = envelope.duration_s * (1 - envelope.missing_share)
    per_beat = (envelope.highest_mmhg - envelope.lowest_mmhg) * envelope.beat_interval_s / read_s
    found = {
        "coarse_rate": envelope.rate_hz < 50.0,
        "many_beats_rejected": envelope.rejected_share > 0.4,
        "missing_samples": envelope.duration_s - read_s > 4 * SLOW_S,
        "fast_course": per_beat > 6.0,
    }
    return tuple(name for name, holds in found.items() if holds)


def _at_ratio(envelope: Envelope, ratio: float, definition: str, *, above: bool) -> Reading:
    found = _crossing(envelope, ratio, above=above)
    if found is None:
        end = envelope.highest_mmhg if above else envelope.lowest_mmhg
        why = f"the run ends at {end:.0f} mmHg, with the oscillation above {ratio:.2f} of the largest"
        return Reading(None, None, None, definition, why)
    doubt = [_crossing(envelope, ratio + off, above=above) for off in (-_RATIO_DOUBT, _RATIO_DOUBT)]
    known = [one for one in doubt if one is not None]
    if len(known) < 2:
        return Reading(found, None, None, definition)
    return Reading(found, min(known), max(known), definition)


def _crossing(envelope: Envelope, ratio: float, *, above: bool) -> float | None:
    """The first pressure outwards from the maximum where the envelope is down to ``ratio`` of it."""
    pressures, heights = envelope.pressures_mmhg, envelope.amplitudes_mmhg
    level, inner = ratio * max(heights), envelope.largest
    for outer in range(inner, len(heights)) if above else range(inner, -1, -1):
        if heights[outer] <= level:
            share = (heights[inner] - level) / (heights[inner] - heights[outer])
            return pressures[inner] + share * (pressures[outer] - pressures[inner])
        inner = outer
    return None


def _steepest(envelope: Envelope, *, above: bool) -> Reading:
    """Where the envelope falls fastest away from its maximum, by regression over 8 mmHg."""
    at, pressures = envelope.largest, envelope.pressures_mmhg
    side = range(at, len(pressures)) if above else range(at + 1)
    slopes = [(_slope(envelope, pressures[nth]), pressures[nth]) for nth in side]
    known = [(slope, mmhg) for slope, mmhg in slopes if slope is not None]
    if len(known) < 3:
        return Reading(
            None, None, None, MAXIMUM_SLOPE, "too few beats on this side of the largest oscillation"
        )
    steepest = min(known) if above else max(known)
    if steepest[1] == known[-1 if above else 0][1]:
        return Reading(
            None, None, None, MAXIMUM_SLOPE, "steepest where the run ends: it does not go far enough"
        )
    return Reading(steepest[1], None, None, MAXIMUM_SLOPE)


def _slope(envelope: Envelope, mmhg: float) -> float | None:
    near = [
        (one, height)
        for one, height in zip(envelope.pressures_mmhg, envelope.amplitudes_mmhg, strict=True)
        if abs(one - mmhg) <= _SLOPE_OVER_MMHG
    ]
    if len(near) < 3:
        return None
    return _Line.through([one for one, _ in near], [height for _, height in near]).slope


def limb_occlusion_pressure(envelope: Envelope, definition: str) -> OcclusionPressure:
    """The pressure from which on the oscillation no longer falls.

    ``definition``: ``cuff_flattening`` for an envelope of the cuff, ``distal_disappearance`` for one of a
    distal sensor; it only names what was measured.  Raises ``SignalRefused`` where the oscillation does not
    level inside the run, and ``ValueError`` for another definition.
    """
    if definition not in ("cuff_flattening", "distal_disappearance"):
        raise ValueError(f"no definition {definition!r}: cuff_flattening or distal_disappearance")
    _has_pulse(envelope)
    pressures, heights = _upper_flank(envelope)
    corners = [(_Line.bent(pressures, heights, mmhg), mmhg) for mmhg in _candidates(pressures)]
    best, mmhg = min(corners, key=lambda one: one[0].squares)
    beyond = sum(one > mmhg for one in pressures)
    _closed(envelope, best, mmhg, beyond)
    degrees = len(pressures) - 3
    worst = best.squares * (1 + quantile(0.95, degrees) ** 2 / degrees)
    inside = [at for line, at in corners if line.squares <= worst]
    low = min(*inside, pressures[-beyond - 1])
    high = max(*inside, pressures[-beyond])
    if definition == "distal_disappearance":
        pulse_left.refuse_residue(envelope, best.level, mmhg, high)
    flags = _flags(envelope)
    wide = max(mmhg - low, high - mmhg) > 15.0
    confidence = "poor" if wide or set(flags) - {"coarse_rate"} else "good"
    below = len(pressures) - beyond
    steps = _steps(pressures)
    step_mmhg = traces.middle(array("d", [b - a for a, b in pairwise(steps)])) if steps else None
    if steps:
        below_corner = min(low + _STEP_WITHIN_MMHG, mmhg - _STEP_WITHIN_MMHG)
        low = max((one for one in steps if one <= below_corner), default=pressures[0])
        high = min((one for one in steps if one > high + _STEP_WITHIN_MMHG), default=pressures[-1])
        flags = (*flags, "stepped")
    return OcclusionPressure(
        mmhg,
        low,
        high,
        definition,
        confidence,
        below,
        beyond,
        best.level,
        flags,
        best.slope,
        pressures[0],
        step_mmhg,
    )


def _steps(pressures: list[float]) -> list[float]:
    """The pressures at which the cuff stood, rising; none where it climbed evenly."""
    groups = [[pressures[0]]]
    for one, later in pairwise(pressures):
        if later - one > 2 * _STEP_WITHIN_MMHG:
            groups.append([])
        groups[-1].append(later)
    stood = [group for group in groups if len(group) >= _STEP_BEATS]
    most = sum(map(len, stood)) >= _STEP_SHARE * len(pressures)
    return [traces.middle(array("d", group)) for group in stood] if most and len(stood) > 2 else []


def _upper_flank(envelope: Envelope) -> tuple[list[float], list[float]]:
    """The used beats above the pressure where the envelope is down to 0.8 of its largest amplitude."""
    begin = _crossing(envelope, 0.8, above=True)
    if begin is None:
        raise SignalRefused(_WHERE, "not_closed", _still(envelope))
    flank = [beat for beat in envelope.beats if beat.used and beat.pressure_mmhg >= begin]
    if len(flank) < 2 * _LEAST_BEYOND:
        raise SignalRefused(
            _WHERE, "few_beats", f"{len(flank)} beats above {begin:.0f} mmHg: climb more slowly"
        )
    flank.sort(key=lambda beat: beat.pressure_mmhg)
    return [beat.pressure_mmhg for beat in flank], [beat.amplitude_mmhg for beat in flank]


def _still(envelope: Envelope) -> str:
    return (
        f"the run ends at {envelope.highest_mmhg:.0f} mmHg before the pulse was gone for "
        f"{_LEVEL_FOR_MMHG:.0f} mmHg: the occlusion pressure is near that or higher, more cannot be said"
    )


def _candidates(pressures: list[float]) -> list[float]:
    """Corners to try: every mmHg between the second and the last but one beat."""
    first, last = pressures[1], pressures[-2]
    return [first + step for step in range(max(1, int(last - first) + 1))]


def _closed(envelope: Envelope, best: "_Line", mmhg: float, beyond: int) -> None:
    short = envelope.highest_mmhg - mmhg < _LEVEL_FOR_MMHG
    if short or beyond < _LEAST_BEYOND or best.level > 0.5 * max(envelope.amplitudes_mmhg):
        raise SignalRefused(_WHERE, "not_closed", _still(envelope))
    if best.slope <= 0.0:
        raise SignalRefused(_WHERE, "no_corner", f"the oscillation does not fall towards {mmhg:.0f} mmHg")


class _Line(NamedTuple):
    """A least-squares line: level, slope, sum of squared residuals."""

    level: float
    slope: float
    squares: float

    @classmethod
    def through(cls, places: list[float], heights: list[float]) -> "_Line":
        number = len(places)
        centre, middle = sum(places) / number, sum(heights) / number
        spread = sum((place - centre) ** 2 for place in places)
        common = sum(
            (place - centre) * (height - middle) for place, height in zip(places, heights, strict=True)
        )
        slope = common / spread if spread else 0.0
        level = middle - slope * centre
        squares = sum((h - level - slope * p) ** 2 for p, h in zip(places, heights, strict=True))
        return cls(level, slope, squares)

    @classmethod
    def bent(cls, pressures: list[float], heights: list[float], corner: float) -> "_Line":
        """Level above the corner, falling with ``slope`` towards it from below."""
        return cls.through([max(0.0, corner - one) for one in pressures], heights)
