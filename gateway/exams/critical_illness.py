"""Indicators of polyneuropathy and myopathy of critical illness (CIP, CIM).

Theory of operation
-------------------
Three indicators, each met, not met or, without its input, unknown.  The duration of a muscle's response and
the peroneal test are judged by the laboratory's own limits, which are asked for: no published number fits
all.  The ratio of nerve to direct stimulation needs both responses from the same electrodes.
``criteria.CRITICAL_ILLNESS`` has the texts, the sensitivities of their studies and the table that a person
reads beside them.

An indicator that is met asks for a full study.  None is a diagnosis.

Units: mV, ms.  Sources: ``criteria/critical-illness.toml``.
"""

from typing import NamedTuple

from gateway.exams.criteria import CRITICAL_ILLNESS
from gateway.exams.errors import TraceUnusable


class Indicator(NamedTuple):
    """One indicator. ``is_met`` is ``None`` where it cannot be told; ``text`` says what was compared."""

    id: str
    is_met: bool | None
    text: str
    source: str


def long_duration(duration_ms: float, longest_normal_ms: float, definition: str) -> Indicator:
    """The duration of a muscle response against the laboratory's upper limit, under this definition."""
    _positive("duration", duration_ms, longest_normal_ms)
    text = f"duration {duration_ms:g} ms ({definition}), the laboratory's limit is {longest_normal_ms:g} ms"
    return Indicator("cmap-duration", duration_ms > longest_normal_ms, text, "this laboratory's limit")


def nerve_to_direct_ratio(nerve_mv: float, direct_mv: float) -> tuple[Indicator, Indicator]:
    """The two patterns of the ratio, CIP below and CIM above its threshold; at the threshold neither."""
    ratio = CRITICAL_ILLNESS.ratio
    if not (nerve_mv >= 0.0 and direct_mv > 0.0):
        text = f"{nerve_mv} mV by the nerve, {direct_mv} mV direct: no direct response, no ratio"
        raise TraceUnusable("nerve/direct ratio", text)
    value = nerve_mv / direct_mv
    text = f"{ratio.text}: {value:.2f}, threshold {ratio.threshold:g}"
    return (
        Indicator("ratio-below", value < ratio.threshold, f"{text} ({ratio.below})", ratio.source),
        Indicator("ratio-above", value > ratio.threshold, f"{text} ({ratio.above})", ratio.source),
    )


def peroneal_test(
    left_mv: float | None, right_mv: float | None, lower_limit_mv: float, limit_source: str
) -> tuple[Indicator, ...]:
    """The peroneal test by each shipped rule against the laboratory's mean - 2 SD, with where that is from.

    A side that was not examined is ``None``: it can neither confirm nor exclude.
    """
    _positive("peroneal test", lower_limit_mv)
    if not limit_source.strip():
        raise TraceUnusable("peroneal test", "say where the laboratory's limit comes from")
    low = [None if side is None else side < lower_limit_mv for side in (left_mv, right_mv)]
    against = f"left {_mv(left_mv)}, right {_mv(right_mv)}, limit {lower_limit_mv:g} mV ({limit_source})"
    return tuple(
        Indicator(
            rule.id,
            _sides(low, rule.sides),
            f"{rule.text}: {against}; sensitivity {rule.sensitivity}, specificity {rule.specificity}",
            rule.source,
        )
        for rule in CRITICAL_ILLNESS.peroneal
    )


def _sides(low: list[bool | None], least: int) -> bool | None:
    if low.count(True) >= least:
        return True
    return None if low.count(True) + low.count(None) >= least else False


def _mv(amplitude_mv: float | None) -> str:
    return "not examined" if amplitude_mv is None else f"{amplitude_mv:g} mV"


def _positive(where: str, *values: float) -> None:
    for value in values:
        if not 0.0 < value < float("inf"):
            raise TraceUnusable(where, f"{value} is no amplitude, duration or limit: measure again")
