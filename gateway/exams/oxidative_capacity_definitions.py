"""Which signal and which part of an occlusion oxygen consumption is read from: data, chosen by id.

Theory of operation
-------------------
Signal and slope together are the definition of a result, "hhb-beever2020/steepest-3s", so that a k of one
signal never compares with that of another.

Units: s.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from gateway.exams.errors import DefinitionUnknown
from gateway.exams.occlusion_trace import Choices as Limits
from gateway.exams.result import Certainty, Definition, Parameter

EXAM = "oxidative-capacity"

Signal = Literal["hhb-beever2020", "hhb-ryan2012", "hhb-uncorrected", "sto2"]
SIGNALS: tuple[Signal, ...] = ("hhb-beever2020", "hhb-ryan2012", "hhb-uncorrected", "sto2")


class SlopeWay(NamedTuple):
    """Which part of an occlusion the slope is taken from. ``span_s`` of ``None`` takes all of it."""

    id: str
    lead_s: float
    span_s: float | None
    source: str
    certainty: Certainty


WAYS: dict[str, SlopeWay] = {
    one.id: one
    for one in (
        SlopeWay(
            "steepest-3s",
            1.0,
            3.0,
            "Costalat et al., Exp Physiol 2025 (title); windows as in the mnirs package's example, read",
            Certainty.READ,
        ),
        SlopeWay("whole", 1.0, None, "this analysis", Certainty.PROPOSAL),
    )
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What the analysis may be told."""

    signal: Signal = "hhb-beever2020"
    way: str = "steepest-3s"
    series_gap_s: float = 60.0

    @property
    def definition(self) -> str:
        """The id of signal and slope together."""
        return f"{self.signal}/{self.way}"

    def slope_way(self) -> SlopeWay:
        """The way of this id. Raises ``DefinitionUnknown``, also for a signal that is none."""
        if self.signal not in SIGNALS:
            raise DefinitionUnknown(EXAM, self.signal, list(SIGNALS))
        if self.way not in WAYS:
            raise DefinitionUnknown(EXAM, self.way, list(WAYS))
        return WAYS[self.way]


def parameters(chosen: Choices, way: SlopeWay, series: tuple[str, ...]) -> tuple[Parameter, ...]:
    """What the result depends on; ``series`` are the occlusions that were fitted."""
    own = "this analysis"
    return (
        *_anchor(chosen),
        _parameter("fell_mmhg", Limits().fell_mmhg, "mmHg", own),
        _parameter("lead_s", way.lead_s, "s", way.source, way.certainty),
        _parameter("span_s", way.span_s or 0.0, "s", way.source, way.certainty),
        _parameter("series_gap_s", chosen.series_gap_s, "s", own),
        _parameter("series", series, "", "occlusions that were fitted", Certainty.MEASURED),
    )


def _parameter(
    name: str,
    value: float | str | tuple[str, ...],
    unit: str,
    source: str,
    certainty: Certainty = Certainty.PROPOSAL,
) -> Parameter:
    return Parameter(name=name, value=value, unit=unit, source=source, certainty=certainty)


def _anchor(chosen: Choices) -> tuple[Parameter, ...]:
    """From where blood volume is counted, where that matters."""
    if chosen.signal != "hhb-ryan2012":
        return ()
    return (_parameter("anchor", "the beginning of each occlusion's line", "", "this analysis"),)


def definitions(chosen: Choices, way: SlopeWay) -> tuple[Definition, ...]:
    """Signal and slope in words."""
    part = "one line over all of it" if way.span_s is None else f"the steepest {way.span_s:g} s"
    memory = chosen.signal == "hhb-ryan2012"
    return (
        Definition(
            id=chosen.definition,
            text=f"signal {chosen.signal}; of each occlusion without its first {way.lead_s:g} s {part}; "
            "k of end - drop exp(-k t) by least squares, interval from the curvature",
            source=way.source,
            certainty=Certainty.MEMORY if memory else way.certainty,
        ),
    )
