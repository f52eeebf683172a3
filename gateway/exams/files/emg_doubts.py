"""What an episode may be instead of muscle activity, and whether the baseline was quiet.

Theory of operation
-------------------
*Baseline*: the median of its blocks' RMS is a value of the result.  Above ``BASELINE_LIMIT_UV`` the muscle
may never have been quiet, and the threshold that was made of it sees nothing: doubtful.

*Mains*: of pieces of ``PIECE_S`` spread over the episode, the share of the power that a sine of 50 or of
60 Hz holds.  More than ``MAINS_PERCENT`` is a line, no muscle: broad activity has a hundredth there.

*Stimulation*: where the trace passes half of its largest value, strictly periodic (the middle two thirds of
the intervals within ``PERIODIC_PERCENT`` of their median, or one sample), and what is above half lasts less
than ``PULSE_PERCENT`` of the time and holds more than half of the power.  Nobody's motor units are so
regular; a stimulator is.

Units: uV, Hz, per cent.  All numbers here are engineering proposals of this project.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from operator import mul
from statistics import median
from typing import NamedTuple

from gateway.exams.files.emg import Detection, Muscle
from gateway.exams.result import Certainty, Definition, Flag, Parameter, Severity, Value

BASELINE_LIMIT_UV = 20.0
MAINS_HZ = (50.0, 60.0)
MAINS_PERCENT = 50.0
PIECE_S = 0.5
PERIODIC_PERCENT = 2.0
PULSE_PERCENT = 25.0
_MOST_PIECES = 5
_LOOKED_AT_S = 4.0
_DEAD_S = 0.005
_LEAST_PULSES = 8
BASELINE = Definition(
    id="baseline_block_rms",
    text="median RMS of the blocks of the baseline, through the detector's band-pass",
    source="rvos",
    certainty=Certainty.PROPOSAL,
)


class Doubts(NamedTuple):
    """What belongs to the result."""

    values: tuple[Value, ...]
    flags: tuple[Flag, ...]
    parameters: tuple[Parameter, ...]
    definitions: tuple[Definition, ...]


def doubts(found: Muscle, detection: Detection) -> Doubts:
    """Of the baseline and of every episode."""
    stated_uv = detection.baseline_limit_uv
    limit_uv = BASELINE_LIMIT_UV if stated_uv is None else stated_uv
    rms_uv = baseline_rms_uv(found)
    flags = [] if rms_uv <= limit_uv else [_loud(rms_uv, limit_uv)]
    for number, one in enumerate(found.found.episodes, 1):
        begin, end = (round(at_s * found.rate_hz) for at_s in (one.begin_s, one.end_s))
        samples = found.samples_uv[begin:end]
        flags += [
            _instead(*said, str(number))
            for said in (mains(samples, found.rate_hz), stimulated(samples, found.rate_hz))
            if said
        ]
    value = Value(name="baseline_rms", unit="uV", definition=BASELINE.id, value=rms_uv)
    return Doubts((value,), tuple(flags), _parameters(limit_uv, is_stated=stated_uv is not None), (BASELINE,))


def baseline_rms_uv(found: Muscle) -> float:
    """The median RMS of the baseline's blocks; blocks that were not seen do not count."""
    first, last = (round(at_s / found.block_s) for at_s in found.baseline_s)
    known = [one for one in found.found.rows[0::5][first:last] if one == one]
    return median(known) if known else 0.0


def mains(samples: "array[float]", rate_hz: float) -> tuple[str, str] | None:
    """The flag and its words where one line of the mains holds most of the power."""
    length = min(len(samples), round(PIECE_S * rate_hz))
    if length < rate_hz / 10.0:
        return None
    room = len(samples) - length
    count = min(_MOST_PIECES, 1 + room // length)
    pieces = [samples[at : at + length] for at in (room * nth // max(1, count - 1) for nth in range(count))]
    pieces = [one for one in pieces if math.isfinite(math.fsum(one))]
    power = math.fsum(math.fsum(map(mul, one, one)) for one in pieces)
    for line_hz in MAINS_HZ if power > 0.0 else ():
        share = 100.0 * math.fsum(_held(one, line_hz / rate_hz) for one in pieces) / power
        if share > MAINS_PERCENT:
            text = f"{line_hz:g} Hz holds {share:.0f} % of its power: mains, no muscle; look at the electrode"
            return "mains", text
    return None


def _held(piece: Sequence[float], turns: float) -> float:
    """What a sine of so many turns a sample holds of the power of a piece, summed over its samples."""
    step = 2.0 * math.pi * turns
    cosines = math.fsum(map(mul, piece, (math.cos(step * at) for at in range(len(piece)))))
    sines = math.fsum(map(mul, piece, (math.sin(step * at) for at in range(len(piece)))))
    return 2.0 * (cosines * cosines + sines * sines) / len(piece)


def stimulated(samples: "array[float]", rate_hz: float) -> tuple[str, str] | None:
    """The flag and its words where this is a train of pulses."""
    looked_at = samples[: round(_LOOKED_AT_S * rate_hz)]
    sizes = [abs(one) if one == one else 0.0 for one in looked_at]
    if not sizes:
        return None
    half = max(sizes) / 2.0
    high = [at for at, one in enumerate(sizes) if one > half]
    power = math.fsum(map(mul, sizes, sizes))
    held = math.fsum(sizes[at] * sizes[at] for at in high)
    begins = _begins(high, round(_DEAD_S * rate_hz))
    is_crested = 100.0 * len(high) < PULSE_PERCENT * len(sizes) and held > power / 2.0
    if not is_crested or len(begins) < _LEAST_PULSES:
        return None
    steps = sorted(later - one for one, later in pairwise(begins))
    low, middle, top = (steps[round(share * (len(steps) - 1))] for share in (1 / 6, 1 / 2, 5 / 6))
    if top - low > 2.0 * max(1.0, PERIODIC_PERCENT / 100.0 * middle):
        return None
    text = (
        f"strictly periodic pulses, {rate_hz / middle:.1f} Hz: looks like stimulation that nobody stated: "
        "state it (--stimulated START-END, marks, or a column stimulus)"
    )
    return "looks_stimulated", text


def _begins(high: Sequence[int], dead: int) -> list[int]:
    made: list[int] = []
    last = -dead - 1
    for at in high:
        if at - last > dead:
            made.append(at)
        last = at
    return made


def _instead(id: str, text: str, of: str) -> Flag:
    return Flag(id=id, severity=Severity.DOUBTFUL, text=text, of=of)


def _loud(rms_uv: float, limit_uv: float) -> Flag:
    text = (
        f"the baseline has {rms_uv:.1f} uV, above {limit_uv:g}: the muscle, or the amplifier, was not quiet; "
        "activity that is not stronger than this is not seen"
    )
    return Flag(id="baseline_loud", severity=Severity.DOUBTFUL, text=text)


def _parameters(limit_uv: float, *, is_stated: bool) -> tuple[Parameter, ...]:
    numbers = (
        ("baseline limit", limit_uv, "uV"),
        ("mains above", MAINS_PERCENT, "% of the power"),
        ("periodic within", PERIODIC_PERCENT, "%"),
        ("pulses less than", PULSE_PERCENT, "% of the time"),
    )
    return tuple(
        Parameter(
            name=name,
            value=value,
            unit=unit,
            source="stated by the person who ran the analysis"
            if is_stated and name == "baseline limit"
            else "rvos",
            certainty=Certainty.ENTERED if is_stated and name == "baseline limit" else Certainty.PROPOSAL,
        )
        for name, value, unit in numbers
    )
