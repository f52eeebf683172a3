"""Evoked responses: what a muscle answers to one stimulus of its nerve (M-wave, CMAP).

Theory of operation
-------------------
A *sweep* is the recording about one stimulus, float64 mV.  ``SweepMean`` averages sweeps as they come;
``measure`` takes one sweep, or a mean, apart; ``recruitment`` looks for the plateau of a series of rising
stimuli.

*Baseline and noise* are mean and standard deviation before the stimulus.  The *artifact window* after it is
not looked at.  What does not come above ``noise_factor`` times the noise is no response: refused, not zero.

*Polarity.*  In this field an upward deflection is negative, but files differ: the caller states which raw
sign is the negative one.  A *negative phase* is a stretch on the negative side of the baseline; one smaller
than ``least_phase_share`` of the largest is left alone.

*Onset.*  A response is detected at the threshold, but it began before: the same response, half as high,
would pass a fixed threshold later and seem shorter, which hides the dispersion of small proximal responses.
So the line through threshold and twice the threshold is taken back to the baseline (``ONSET``).

What is measured, each under the id of its definition (``DEFINITIONS``): onset, negative peak, peak to peak,
duration and area of the phase with the largest negative peak, and of all negative phases to the last one.  A
definition that the sweep does not allow (the onset lies in the artifact, the phase is not over at the end) is
``None``, with a flag.

*Missing samples*: ``measure`` refuses a sweep with a NaN, ``SweepMean`` leaves such a sweep out and counts
it.

Units: mV, ms from the stimulus, mV ms.  Sources: DEFINITIONS; the measurement's conventions are from memory,
the noise and phase rules ours.
"""

from array import array

from dsp._evoked import PHASE_NUMBERS, Mean, all_within, extremes, moments, phases
from dsp.errors import SignalRefused
from dsp.median import median
from dsp.record import NamedTuple

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, Self

    from _typeshed import ReadableBuffer

__all__ = ["DEFINITIONS", "ONSET", "Plateau", "Response", "SweepMean", "measure", "recruitment"]

_LARGEST_MV = 1e6
_LEAST_BASELINE = 8
_MOST_SAMPLES = 1_000_000
_MOST_PHASES = 64


class Definition(NamedTuple):
    """What an id means, who says so, and how sure we are."""

    text: str
    source: str
    certainty: str


_CLINIC = "conventions of nerve conduction studies"
_EFNS = "EFNS/PNS 2010, criterion I-G, as in PMC8108415 Table 2"

ONSET = "first_negative_deflection_extrapolated"
"""How ``measure`` finds an onset."""

DEFINITIONS = {
    "first_negative_deflection": Definition(
        "onset: the first negative deflection from the baseline, as the laboratory read it",
        _CLINIC,
        "from memory",
    ),
    ONSET: Definition(
        "onset: the line through where the first negative phase passes the noise threshold and twice that, "
        "taken back to the baseline",
        "rvos; the deflection from the baseline is of the conventions of nerve conduction studies",
        "engineering proposal",
    ),
    "negative_peak": Definition("baseline to the largest negative peak", _CLINIC, "from memory"),
    "peak_to_peak": Definition("largest to smallest value after the artifact window", _CLINIC, "from memory"),
    "negative_phase": Definition(
        "duration from the onset to the end of the phase with the largest negative peak; area of that phase",
        _CLINIC,
        "from memory",
    ),
    "last_negative_phase": Definition(
        "duration from the onset to the return to baseline of the last negative phase; area of all of them",
        _EFNS,
        "read",
    ),
}
"""Every id under which ``measure`` gives a number."""


class SweepMean(Mean):
    """The mean of every ``per_mean`` sweeps of ``samples`` float64 numbers, as they come.

    ``push(chunk)`` takes whole sweeps, at most ``largest_chunk``, and says how many numbers stand in ``out``:
    ``samples`` for each mean that became whole.  A sweep with a NaN, or with a value of ``limit`` or more
    (an amplifier's end), is left out and counted.  ``ValueError`` for sizes that are not positive.
    """

    def __new__(
        cls, largest_chunk: int, samples: int, per_mean: int, *, limit: float = _LARGEST_MV
    ) -> "Self":
        out = array("d", bytes(8 * max(0, samples) * (largest_chunk // max(1, per_mean) + 1)))
        made = super().__new__(cls, samples, per_mean, limit, largest_chunk, out)
        made.out = out
        return made

    out: "array[float]"

    def __init__(self, *args: object, **more: object) -> None:
        """All is made in ``__new__``, as compiled classes are."""

    @classmethod
    def resumed(
        cls, largest_chunk: int, samples: int, per_mean: int, state: bytes, *, limit: float = _LARGEST_MV
    ) -> "Self":
        """Go on from ``state()`` of a mean over the same kind of sweeps."""
        mean = cls(largest_chunk, samples, per_mean, limit=limit)
        mean.restore(state)
        return mean

    @property
    def under_way(self) -> int:
        """Sweeps in the mean that is not whole yet."""
        return self.counts()[0]

    @property
    def left_out(self) -> int:
        """Sweeps that were not averaged, since the start."""
        return self.counts()[1]


class Response(NamedTuple):
    """One response. The fields' definitions, in their order: ``DEFINITIONS``.

    ``duration_ms`` and ``area_mv_ms`` are of ``negative_phase``, the two ``last_`` fields of
    ``last_negative_phase``.  ``threshold_mv`` is what a phase had to pass.
    """

    onset_ms: float | None
    negative_peak_mv: float
    negative_peak_ms: float
    peak_to_peak_mv: float
    duration_ms: float | None
    area_mv_ms: float | None
    last_duration_ms: float | None
    last_area_mv_ms: float | None
    negative_phases: int
    baseline_mv: float
    noise_mv: float
    threshold_mv: float
    flags: tuple[str, ...]


class _Phase(NamedTuple):
    left: float
    onset: float
    top: float
    peak: float
    back: float
    area: float


def measure(
    sweep: "ReadableBuffer",
    rate_hz: float,
    stimulus_ms: float,
    negative_is: "Literal['up', 'down']",
    *,
    artifact_ms: float,
    end_ms: float | None = None,
    full_scale_mv: float | None = None,
    noise_factor: float = 5.0,
    least_phase_share: float = 0.05,
) -> Response:
    """Measure one sweep of float64 mV.

    ``stimulus_ms`` is the stimulus' time in the sweep, all other times are from it.  The response is looked
    for from ``artifact_ms`` to ``end_ms`` (the sweep's end).  ``full_scale_mv`` is where the amplifier ends.
    Raises ``SignalRefused``: no samples, a NaN, saturated, constant, no baseline, no window, no response.
    """
    samples = array("d")
    samples.frombytes(memoryview(sweep).cast("B"))
    stimulus, begin, end = _window(len(samples), rate_hz, stimulus_ms, artifact_ms, end_ms)
    low, high = _range(samples, begin, end, full_scale_mv)
    baseline, noise = moments(samples, 0, stimulus)
    threshold = noise_factor * noise
    if negative_is not in ("up", "down"):
        raise ValueError(f"negative_is {negative_is!r}: which raw sign is negative, 'up' or 'down'?")
    sign = 1.0 if negative_is == "up" else -1.0
    found = _negative_phases(samples, begin, end, baseline, sign, threshold, least_phase_share)
    if not found:
        text = (
            f"nothing negative above {threshold:.4f} mV ({noise_factor:g} x noise): no response, or too noisy"
        )
        raise SignalRefused("sweep", "no_response", text)
    flags = _flags(found, sign * (samples[begin] - baseline), threshold)
    main = max(found, key=lambda phase: phase.peak)
    per_ms = rate_hz / 1000.0
    onset_ms = _known((found[0].onset - stimulus) / per_ms)
    return Response(
        onset_ms,
        main.peak,
        (main.top - stimulus) / per_ms,
        high - low,
        _until(onset_ms, main.back, stimulus, per_ms),
        _area(found, main.back, per_ms, only=main),
        _until(onset_ms, found[-1].back, stimulus, per_ms),
        _area(found, found[-1].back, per_ms),
        len(found),
        baseline,
        noise,
        threshold,
        flags,
    )


def _window(
    number: int, rate_hz: float, stimulus_ms: float, artifact_ms: float, end_ms: float | None
) -> tuple[int, int, int]:
    """The samples of stimulus, begin and end of the search."""
    if not number:
        raise SignalRefused("sweep", "empty", "no samples: give a recording")
    if number > _MOST_SAMPLES:
        raise SignalRefused("sweep", "too_long", f"{number} samples: cut the recording at its stimuli")
    if not 1000.0 <= rate_hz <= 1e6:
        raise SignalRefused("sweep", "rate", f"{rate_hz} Hz: record a response at 1 kHz or more")
    if not (0.0 <= artifact_ms < float("inf") and 0.0 <= stimulus_ms < float("inf")):
        raise SignalRefused(
            "sweep", "window", f"stimulus {stimulus_ms} ms, artifact {artifact_ms} ms: not so"
        )
    stimulus = round(stimulus_ms * rate_hz / 1000.0)
    begin = stimulus + round(artifact_ms * rate_hz / 1000.0)
    last = number if end_ms is None else min(number, stimulus + round(end_ms * rate_hz / 1000.0))
    if stimulus < _LEAST_BASELINE:
        text = f"{stimulus} samples before the stimulus: {_LEAST_BASELINE} or more say what noise is"
        raise SignalRefused("sweep", "no_baseline", text)
    if last - begin < 4:
        raise SignalRefused("sweep", "window", "the sweep ends with the artifact window: record longer")
    return stimulus, begin, last


def _range(samples: "array[float]", begin: int, end: int, full_scale_mv: float | None) -> tuple[float, float]:
    if not all_within(samples, _LARGEST_MV):
        raise SignalRefused(
            "sweep", "missing", "a sample is missing (NaN or beyond any voltage): leave it out"
        )
    low, high = extremes(samples, begin, end)
    if low == high:
        raise SignalRefused("sweep", "constant", "all samples are equal: is the amplifier connected?")
    if full_scale_mv is not None and max(-low, high) >= full_scale_mv:
        text = f"reaches the amplifier's end, {full_scale_mv:g} mV: lower the gain and repeat"
        raise SignalRefused("sweep", "saturated", text)
    return low, high


def _negative_phases(
    samples: "array[float]",
    begin: int,
    end: int,
    baseline: float,
    sign: float,
    threshold: float,
    least_share: float,
) -> list[_Phase]:
    made = array("d", bytes(8 * PHASE_NUMBERS * _MOST_PHASES))
    number = phases(samples, begin, end, baseline, sign, threshold, made)
    found = [_Phase(*made[at : at + PHASE_NUMBERS]) for at in range(0, number * PHASE_NUMBERS, PHASE_NUMBERS)]
    least = least_share * max((phase.peak for phase in found), default=0.0)
    return [phase for phase in found if phase.peak >= least]


def _flags(found: list[_Phase], at_begin: float, threshold: float) -> tuple[str, ...]:
    holds = {
        "onset_in_artifact": found[0].onset != found[0].onset,
        "artifact_not_over": abs(at_begin) > threshold,
        "not_over_at_end": found[-1].back != found[-1].back,
        "several_negative_phases": len(found) > 1,
        "near_noise": max(phase.peak for phase in found) < 2 * threshold,
    }
    return tuple(name for name, is_so in holds.items() if is_so)


def _known(value: float) -> float | None:
    return value if value == value else None


def _until(onset_ms: float | None, back: float, stimulus: int, per_ms: float) -> float | None:
    return None if onset_ms is None else _known((back - stimulus) / per_ms - onset_ms)


def _area(found: list[_Phase], back: float, per_ms: float, only: _Phase | None = None) -> float | None:
    """The area of one phase, or of all; none where a part lies in the artifact or after the end."""
    parts = found if only is None else [only]
    if back != back or any(phase.left != phase.left for phase in parts):
        return None
    return sum(phase.area for phase in parts) / per_ms


class Plateau(NamedTuple):
    """The end of a recruitment curve: from ``from_strength`` on, more stimulus brings no more response.

    ``median_mv`` and ``spread_mv`` (largest - smallest) of its ``points``; ``threshold_strength`` is the
    weakest stimulus from which on every one had a response of ``present_share`` of the plateau.  Definition:
    ``id``.
    """

    from_strength: float
    median_mv: float
    spread_mv: float
    points: int
    threshold_strength: float
    tolerance: float
    present_share: float
    id: str = "plateau_within_tolerance"


def recruitment(
    strengths: "Sequence[float]",
    amplitudes_mv: "Sequence[float]",
    *,
    tolerance: float = 0.05,
    least_points: int = 5,
    present_share: float = 0.05,
) -> Plateau:
    """The plateau of responses to rising stimuli: the longest end of the curve within ``tolerance`` of its
    median whose two halves differ by less than half of that.

    ``strengths`` must not fall.  Raises ``SignalRefused``: too few points, NaN, falling strengths, still
    rising. The three numbers are ours (engineering proposal).
    """
    _is_curve(strengths, amplitudes_mv, least_points)
    begin = _level_from(amplitudes_mv, tolerance, least_points)
    if begin is None:
        text = (
            f"the last {least_points} responses still change by more than {tolerance:.0%}: stimulate stronger"
        )
        raise SignalRefused("recruitment curve", "no_plateau", text)
    level = amplitudes_mv[begin:]
    height = median(level)
    present = len(amplitudes_mv)
    while present and amplitudes_mv[present - 1] >= present_share * height:
        present -= 1
    spread = max(level) - min(level)
    return Plateau(
        float(strengths[begin]),
        float(height),
        float(spread),
        len(level),
        float(strengths[present]),
        tolerance,
        present_share,
    )


def _is_curve(strengths: "Sequence[float]", amplitudes_mv: "Sequence[float]", least_points: int) -> None:
    where, number = "recruitment curve", len(strengths)
    if number != len(amplitudes_mv) or number < 2 * least_points:
        text = f"{number} stimuli, {len(amplitudes_mv)} responses: give {2 * least_points} or more of both"
        raise SignalRefused(where, "few_points", text)
    if not all(abs(value) < float("inf") for value in (*strengths, *amplitudes_mv)):
        raise SignalRefused(where, "missing", "a value is missing: leave that stimulus out")
    for nth in range(1, number):
        if strengths[nth] < strengths[nth - 1]:
            text = f"stimulus {nth + 1} is weaker than the one before: sort them, or give one series"
            raise SignalRefused(where, "order", text)
    if strengths[0] == strengths[-1] or max(amplitudes_mv) <= 0.0:
        raise SignalRefused(where, "constant", "stimuli that do not rise, or no response: no curve")


def _level_from(amplitudes_mv: "Sequence[float]", tolerance: float, least_points: int) -> int | None:
    for begin in range(len(amplitudes_mv) - least_points + 1):
        level = amplitudes_mv[begin:]
        height, half = median(level), len(level) // 2
        within = all(abs(one - height) <= tolerance * height for one in level)
        if within and abs(median(level[half:]) - median(level[:half])) <= tolerance * height / 2:
            return begin
    return None
