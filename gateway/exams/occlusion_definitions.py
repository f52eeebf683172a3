"""Slopes of the vascular occlusion test as their papers define them: data, chosen by id.

Theory of operation
-------------------
A slope of tissue saturation means nothing without how it was read:
the same limb gives 2.7, 4.8 or 9 %/s by different papers' ways, devices and probes.  So each published way
is one entry here, with its unit, its source and how sure we are of it.  Where the source that we could read
gives no method, the rule is ``None`` and the slope is reported as missing, never as a guess.

A ``SlopeRule`` says over which part of the trace the least-squares line is taken:
``whole`` the occlusion; ``first`` so many seconds of it (or after the release); ``linear`` the longest part
from its beginning with an R2 above the amount; that it must last for some time is ours
(``gateway.exams.occlusion_slopes``).
"""

from typing import Literal, NamedTuple

from gateway.exams.errors import DefinitionUnknown
from gateway.exams.result import Certainty, Definition


class SlopeRule(NamedTuple):
    """Which part of the trace, and in which unit the slope is given."""

    part: Literal["whole", "first", "linear"]
    amount: float
    unit: Literal["%/s", "%/min"]
    certainty: Certainty
    sampled_s: float | None = None
    """Where the paper counts samples: how far apart its own were."""


class OcclusionDefinition(NamedTuple):
    """One published way. ``occlusion`` is what the paper did with the cuff, in words."""

    id: str
    occlusion: str
    occlusion_s: float | None
    desaturation: SlopeRule | None
    reperfusion: SlopeRule | None
    source: str
    certainty: Certainty
    target_percent: float | None = None

    def describe(self) -> Definition:
        """In words, for the result."""
        rules = f"desaturation: {_words(self.desaturation)}; reperfusion: {_words(self.reperfusion)}"
        return Definition(
            id=self.id, text=f"{self.occlusion}; {rules}", source=self.source, certainty=self.certainty
        )


def _words(rule: SlopeRule | None) -> str:
    if rule is None:
        return "method not known to us"
    part = {
        "whole": "line over the whole occlusion",
        "first": f"line over the first {rule.amount:g} s",
        "linear": (
            f"line over the longest part from the beginning with R2 > {rule.amount:g} "
            "(and, ours, of linear_least_s or longer)"
        ),
    }[rule.part]
    return f"{part}, {rule.unit} ({rule.certainty.value})"


_READ, _MEMORY = Certainty.READ, Certainty.MEMORY

_ALL = (
    OcclusionDefinition(
        id="creteur2007",
        occlusion="arm, systolic + 50 mmHg, 3 min",
        occlusion_s=180.0,
        desaturation=None,
        reperfusion=SlopeRule("first", 14.0, "%/s", _READ),
        source="Creteur et al., Intensive Care Med 2007;33:1549",
        certainty=_READ,
    ),
    OcclusionDefinition(
        id="bezemer2009",
        occlusion="arm, systolic + 50 mmHg within 5 s, 3 min, released within 1 s",
        occlusion_s=180.0,
        desaturation=SlopeRule("linear", 0.95, "%/min", _READ),
        reperfusion=None,
        source="Bezemer et al., Crit Care 2009 supplement, read in a scraped copy",
        certainty=_READ,
    ),
    OcclusionDefinition(
        id="vot2v3",
        occlusion="arm, systolic + 50 mmHg, 2 or 3 min, 15 mm probe",
        occlusion_s=180.0,
        desaturation=None,
        reperfusion=None,
        source="Crit Care 2009 (cc7404), an abstract that gives slopes without their windows",
        certainty=_READ,
    ),
    OcclusionDefinition(
        id="target40",
        occlusion="until the saturation is 40 %",
        occlusion_s=None,
        desaturation=None,
        reperfusion=None,
        source="PMID 22697622",
        certainty=_READ,
        target_percent=40.0,
    ),
    OcclusionDefinition(
        id="lima",
        occlusion="arm, until a target",
        occlusion_s=None,
        desaturation=SlopeRule("first", 60.0, "%/min", _MEMORY),
        reperfusion=SlopeRule("first", 17.5, "%/min", _MEMORY, sampled_s=3.5),
        source="Lima et al.",
        certainty=_MEMORY,
    ),
    OcclusionDefinition(
        id="mclay",
        occlusion="thigh cuff, tibialis anterior, 5 min",
        occlusion_s=300.0,
        desaturation=SlopeRule("whole", 0.0, "%/s", _MEMORY),
        reperfusion=SlopeRule("first", 10.0, "%/s", _READ),
        source="McLay et al. 2016: the 10 s after release read in an abstract, the rest from memory",
        certainty=_MEMORY,
    ),
    OcclusionDefinition(
        id="payen2009",
        occlusion="arm",
        occlusion_s=None,
        desaturation=None,
        reperfusion=None,
        source="Payen et al., Crit Care 2009 supplement; its method was not read",
        certainty=Certainty.UNKNOWN,
    ),
)

DEFINITIONS: dict[str, OcclusionDefinition] = {one.id: one for one in _ALL}

INDICES = Definition(
    id="vot-indices-1",
    text=(
        "baseline: mean before the inflation; minimum: lowest from occlusion to a little after release; "
        "peak: highest after it; overshoot: peak - baseline; recovery time: release to the first return to "
        "baseline; half time: release to half of the fall; hyperaemic area and vascular reserve: above "
        "baseline from that return until after the peak it is back; ischaemic area: below baseline from "
        "inflation to release; extremes and crossings of the smoothed trace"
    ),
    source="usual definitions of the occlusion test, from memory",
    certainty=Certainty.MEMORY,
)


def definition(asked: str) -> OcclusionDefinition:
    """The definition of this id. Raises ``DefinitionUnknown``."""
    if asked not in DEFINITIONS:
        raise DefinitionUnknown("occlusion test", asked, list(DEFINITIONS))
    return DEFINITIONS[asked]
