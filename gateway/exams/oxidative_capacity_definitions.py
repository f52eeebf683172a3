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
from gateway.exams.result import Certainty

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
