"""Evoked responses: what a muscle answers to one stimulus of its nerve (M-wave, CMAP).

Theory of operation
-------------------
A *sweep* is the recording about one stimulus, float64 mV (``dsp.sweep_mean`` averages them as they come).
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

import math

from dsp._evoked import LONGEST_SWEEP, measured
from dsp.errors import SignalRefused
from dsp.median import median
from dsp.record import NamedTuple
from dsp.sweep_mean import LARGEST_MV

TYPE_CHECKING = False  # importing typing costs more than the rest of this room
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from _typeshed import ReadableBuffer

__all__ = ["DEFINITIONS", "ONSET", "Plateau", "Response", "measure", "recruitment"]

_LEAST_BASELINE = 8


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
    stimulus, begin, end = _window(memoryview(sweep).nbytes // 8, rate_hz, stimulus_ms, artifact_ms, end_ms)
    if negative_is not in ("up", "down"):
        raise ValueError(f"negative_is {negative_is!r}: which raw sign is negative, 'up' or 'down'?")
    refusal, threshold_mv, numbers = measured(
        sweep,
        stimulus,
        begin,
        end,
        1.0 if negative_is == "up" else -1.0,
        rate_hz / 1000.0,
        LARGEST_MV,
        math.inf if full_scale_mv is None else full_scale_mv,
        noise_factor,
        least_phase_share,
    )
    if numbers is None:
        raise _refused(refusal, full_scale_mv, threshold_mv, noise_factor)
    return Response(*numbers)


def _refused(
    code: str, full_scale_mv: float | None, threshold_mv: float, noise_factor: float
) -> SignalRefused:
    scale_mv = math.inf if full_scale_mv is None else full_scale_mv
    words = {
        "missing": "a sample is missing (NaN or beyond any voltage): leave it out",
        "constant": "all samples are equal: is the amplifier connected?",
        "saturated": f"reaches the amplifier's end, {scale_mv:g} mV: lower the gain and repeat",
        "no_response": f"nothing negative above {threshold_mv:.4f} mV ({noise_factor:g} x noise): "
        "no response, or too noisy",
    }
    return SignalRefused("sweep", code, words[code])


def _window(
    number: int, rate_hz: float, stimulus_ms: float, artifact_ms: float, end_ms: float | None
) -> tuple[int, int, int]:
    """The samples of stimulus, begin and end of the search."""
    if not number:
        raise SignalRefused("sweep", "empty", "no samples: give a recording")
    if number > LONGEST_SWEEP:
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
