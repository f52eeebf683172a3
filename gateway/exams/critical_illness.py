"""Indicators of polyneuropathy and myopathy of critical illness (CIP, CIM).

Theory of operation
-------------------
Three indicators, each met, not met or, without its input, unknown.  The duration of a muscle's response and
the peroneal test are judged by the laboratory's own limits, which are asked for: no published number fits
all.  The ratio of nerve to direct stimulation needs both responses from the same electrodes.
``criteria.CRITICAL_ILLNESS`` has the texts, the sensitivities of their studies and the table that a person
reads beside them.

``Examined`` is what a study says of them, ``indicators`` all that follow from it.

An indicator that is met asks for a full study.  None is a diagnosis.

Units: mV, ms.  Sources: ``criteria/critical-illness.toml``.
"""

from typing import Annotated, NamedTuple

import msgspec

from gateway.exams.criteria import CRITICAL_ILLNESS
from gateway.exams.errors import TraceUnusable

_Amount = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
_Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that all parts share."""


class Peroneal(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The peroneal test: both sides and the laboratory's mean - 2 SD with where that is from."""

    lower_limit_mv: _Positive
    limit_source: str
    left_mv: _Amount | None = None
    right_mv: _Amount | None = None


class Direct(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One muscle's response to its nerve, and to direct stimulation, at the same electrodes."""

    muscle: str
    nerve_mv: _Amount
    direct_mv: _Amount


class Duration(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One muscle's response beside the longest that this laboratory calls normal."""

    muscle: str
    duration_ms: _Positive
    longest_normal_ms: _Positive


class Examined(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was examined."""

    peroneal: Peroneal | None = None
    ratio: tuple[Direct, ...] = ()
    duration: tuple[Duration, ...] = ()


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


def indicators(examined: Examined, duration: str) -> list[tuple[str, Indicator]]:
    """Every indicator with what it is of; ``duration`` is the definition of the durations.

    Raises ``TraceUnusable`` for what cannot be, a muscle that is there twice, and where nothing was examined.
    """
    made = [
        (one.muscle, long_duration(one.duration_ms, one.longest_normal_ms, duration))
        for one in examined.duration
    ]
    made += [
        (one.muscle, found)
        for one in examined.ratio
        for found in nerve_to_direct_ratio(one.nerve_mv, one.direct_mv)
    ]
    if examined.peroneal is not None:
        own = examined.peroneal
        found = peroneal_test(own.left_mv, own.right_mv, own.lower_limit_mv, own.limit_source)
        made += [("peroneal test", one) for one in found]
    if not made:
        raise TraceUnusable("critical illness", "nothing was examined: give peroneal, ratio or duration")
    keys = [(of, one.id) for of, one in made]
    if len(set(keys)) < len(keys):
        raise TraceUnusable("critical illness", "a muscle is there twice: give each once")
    return made


def to_read_beside() -> list[str]:
    """The table that tells the conditions apart, line by line; nothing is computed with it."""
    table = CRITICAL_ILLNESS.differential
    made = []
    for row in table.row:
        entries = zip(table.columns, row.entries, strict=True)
        made.append(f"{row.name}: {'; '.join(f'{what} {entry}' for what, entry in entries)}")
    return made


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
