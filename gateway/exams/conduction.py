"""Motor and sensory conduction: does a nerve's response fall on the way, and by which criterion.

Theory of operation
-------------------
A motor nerve is stimulated at several sites, from the wrist or ankle up to Erb's point, and the muscle's
response is measured each time.  Two neighbouring sites make a *segment*; what counts is how much amplitude
and area fall and the duration rises from the distal to the proximal response, and how fast the nerve
conducts.

The criteria are data (``gateway.exams.criteria``).  A segment's outcome by a table is ``definite``,
``probable``, ``none``, ``indeterminate`` or ``not_covered``.  A condition whose measure is missing is
unknown: if it could change the grade, the outcome is ``indeterminate`` and says what would decide.  Only the
laboratory's lower limit of normal may be missing where the table allows it: the grade then stands on a
condition, which is part of the outcome.  A nerve's outcome is that of its best segment outside the entrapment
sites where the table asks for that; what is found across one is told beside it.

Amplitudes are compared only under the definitions that the table was made for.  A table that nobody of ours
has read in its source flags every result that it gives.

An outcome "meets criterion X".  It is never a diagnosis: the clinical part of a rule is for a person.

Units: mV, mV ms, ms, mm, m/s, uV; changes in per cent of the distal response.  Sources: the tables.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

import msgspec

from dsp.evoked import Response
from gateway.exams import criteria
from gateway.exams.criteria import LOWER_LIMIT, BlockTable, Condition, Measure, Rule
from gateway.exams.errors import NotComparable, TraceUnusable
from gateway.model import Side

Outcome = Literal["definite", "probable", "none", "indeterminate", "not_covered"]
_RANK: tuple[Outcome, ...] = ("not_covered", "none", "indeterminate", "probable", "definite")
_Amount = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]
_Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that all parts share."""


class Site(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The response to stimulation at one site; an amplitude of 0 is a response that was looked for in vain.

    ``distance_mm`` is along the nerve from the next more distal site.  ``supramaximal`` is ``None`` where
    nobody showed it; ``last_duration_ms`` goes to the last negative phase (``dsp.evoked.DEFINITIONS``).
    """

    site: str
    amplitude_mv: _Amount
    area_mv_ms: _Amount | None = None
    duration_ms: _Positive | None = None
    onset_ms: _Positive | None = None
    distance_mm: _Positive | None = None
    last_duration_ms: _Positive | None = None
    supramaximal: bool | None = None


class MotorNerve(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One nerve of one side, its sites from distal to proximal.

    ``lower_limit_mv`` is the laboratory's lower limit of normal of the distal amplitude.
    """

    nerve: str
    side: Side
    sites: Annotated[tuple[Site, ...], msgspec.Meta(min_length=1)]
    lower_limit_mv: _Positive | None = None


class SensoryNerve(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensory response beside the laboratory's own limits; a limit of ``None`` was not given."""

    nerve: str
    side: Side
    amplitude_uv: _Amount
    lower_limit_uv: _Positive | None = None
    velocity_m_s: _Positive | None = None
    slowest_normal_m_s: _Positive | None = None


class Study(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that was recorded, with the definitions that the numbers were made by."""

    amplitude: Literal["negative_peak", "peak_to_peak"]
    area: str
    duration: str
    motor: tuple[MotorNerve, ...]
    sensory: tuple[SensoryNerve, ...] = ()


class Segment(NamedTuple):
    """Proximal against distal; ``None`` where it cannot be had."""

    distal: Site
    proximal: Site
    amplitude_drop_percent: float | None
    area_drop_percent: float | None
    duration_rise_percent: float | None
    velocity_m_s: float | None
    entrapment: str
    is_long: bool

    @property
    def name(self) -> str:
        """Such as ``wrist-elbow``."""
        return f"{self.distal.site}-{self.proximal.site}"


class SegmentOutcome(NamedTuple):
    """What a table says of one segment.

    ``by`` is the rule that was met.  ``missing`` names the measures that would decide, ``would_be`` what each
    grade that is still open needs, ``provided`` the conditions that the grade stands on.
    """

    segment: Segment
    outcome: Outcome
    by: str = ""
    missing: tuple[Measure, ...] = ()
    would_be: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()


class NerveOutcome(NamedTuple):
    """What a table says of one nerve."""

    nerve: str
    side: Side
    outcome: Outcome
    segments: tuple[SegmentOutcome, ...]
    missing: tuple[Measure, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as ``median left``."""
        return f"{self.nerve} {self.side}"


def site_of(
    site: str, response: Response, distance_mm: float | None = None, supramaximal: bool | None = None
) -> Site:
    """A site from a measured sweep: ``negative_peak`` amplitude, area and duration of ``negative_phase``."""
    return Site(
        site=site,
        amplitude_mv=response.negative_peak_mv,
        area_mv_ms=response.area_mv_ms,
        duration_ms=response.duration_ms,
        onset_ms=response.onset_ms,
        distance_mm=distance_mm,
        last_duration_ms=response.last_duration_ms,
        supramaximal=supramaximal,
    )


def segments(motor: MotorNerve) -> tuple[Segment, ...]:
    """The segments between neighbouring sites. Raises ``TraceUnusable`` for sites out of their order."""
    nerve = criteria.nerve(motor.nerve)
    names = [one.site for one in motor.sites]
    unknown = [name for name in names if name not in nerve.sites]
    if unknown:
        text = f"no site {', '.join(unknown)}: choose of {', '.join(nerve.sites)}"
        raise TraceUnusable(f"{motor.nerve} nerve", text)
    if sorted(set(names), key=nerve.sites.index) != names:
        text = f"sites {', '.join(names)}: give each once, from distal to proximal"
        raise TraceUnusable(f"{motor.nerve} nerve", text)
    return tuple(_segment(nerve, *pair) for pair in zip(motor.sites, motor.sites[1:], strict=False))


def _segment(nerve: criteria.Nerve, distal: Site, proximal: Site) -> Segment:
    rise = _drop(distal.duration_ms, proximal.duration_ms)
    return Segment(
        distal,
        proximal,
        _drop(distal.amplitude_mv, proximal.amplitude_mv),
        _drop(distal.area_mv_ms, proximal.area_mv_ms),
        None if rise is None else -rise,
        _velocity(nerve, distal, proximal),
        nerve.entrapment_within(distal.site, proximal.site),
        nerve.is_long(distal.site, proximal.site),
    )


def _drop(distal: float | None, proximal: float | None) -> float | None:
    """To nine decimals, so that from 6.0 to 7.8 is 30 % and on its bound, as on paper."""
    if distal is None or proximal is None or distal == 0.0:
        return None
    return round(100.0 * (distal - proximal) / distal, 9)


def _velocity(nerve: criteria.Nerve, distal: Site, proximal: Site) -> float | None:
    if distal.onset_ms is None or proximal.onset_ms is None or proximal.distance_mm is None:
        return None
    later_ms = proximal.onset_ms - distal.onset_ms
    if later_ms <= 0.0:
        text = (
            f"the response from {proximal.site} is not later than that from {distal.site}: check both onsets"
        )
        raise TraceUnusable(f"{nerve.name} nerve", text)
    return proximal.distance_mm / later_ms


def nerve_outcome(study: Study, motor: MotorNerve, table: BlockTable) -> NerveOutcome:
    """One nerve by one table. Raises ``NotComparable`` where the table was made for other definitions."""
    _same_definitions(study, table)
    found = segments(motor)
    judged = tuple(_judge(table, motor, segment) for segment in found)
    counted = [one for one in judged if not (table.outside_entrapment_sites and one.segment.entrapment)]
    best: Outcome = max((one.outcome for one in counted), key=_RANK.index, default="indeterminate")
    missing = tuple(dict.fromkeys(name for one in counted for name in one.missing))
    notes = _notes(table, motor, judged, bool(counted))
    if motor.nerve not in table.nerves:
        best = "not_covered"
    return NerveOutcome(motor.nerve, motor.side, best, judged, missing, notes)


def _same_definitions(study: Study, table: BlockTable) -> None:
    wanted = {"amplitude": table.amplitude, "area": table.area, "duration": table.duration}
    for what, definition in wanted.items():
        if getattr(study, what) != definition:
            text = f"its {what} is {getattr(study, what)}, {table.id} is made for {definition}: measure it so"
            raise NotComparable("study", text)


def _notes(
    table: BlockTable, motor: MotorNerve, judged: tuple[SegmentOutcome, ...], counted: bool
) -> tuple[str, ...]:
    notes = []
    if not counted:
        notes.append("no segment outside entrapment sites: stimulate at more sites")
    for one in judged:
        graded = one.outcome in ("definite", "probable")
        if graded and table.outside_entrapment_sites and one.segment.entrapment:
            notes.append(f"{one.outcome} at an entrapment site, {one.segment.entrapment}: does not count")
        if graded and one.segment.proximal.supramaximal is not True:
            notes.append(f"stimulation at {one.segment.proximal.site} was not shown to be supramaximal")
        if one.segment.distal.amplitude_mv < 1.0:
            notes.append(f"{one.segment.name}: distal amplitude below 1 mV, ratios are unreliable")
        if one.segment.proximal.amplitude_mv == 0.0:
            notes.append(f"{one.segment.name}: no proximal response, its duration does not exist")
    if table.dispersion is not None:
        bound = table.dispersion.duration_rise_percent_above
        notes += [
            f"{one.segment.name}: abnormal temporal dispersion, duration rises by more than {bound:g} %"
            for one in judged
            if (one.segment.duration_rise_percent or 0.0) > bound
        ]
    return (*notes, *_long_distal(table, motor))


def _long_distal(table: BlockTable, motor: MotorNerve) -> tuple[str, ...]:
    bounds = table.distal_duration.at_least_ms if table.distal_duration is not None else {}
    bound, distal = bounds.get(motor.nerve), motor.sites[0]
    if bound is None or distal.last_duration_ms is None or distal.last_duration_ms < bound:
        return ()
    return (f"distal duration {distal.last_duration_ms:g} ms, at least {bound:g} ms: prolonged",)


def _judge(table: BlockTable, motor: MotorNerve, segment: Segment) -> SegmentOutcome:
    """One segment by all rules: the best grade that is sure, unless a better one is still open."""
    if motor.nerve not in table.nerves:
        return SegmentOutcome(segment, "not_covered")
    tried = [_try(table, rule, motor, segment) for rule in table.rule]
    for grade in ("definite", "probable"):
        own = [one for one in tried if one.rule.grade == grade]
        met = next((one for one in own if one.is_met is True), None)
        if met is not None:
            return SegmentOutcome(segment, met.rule.grade, met.rule.text, provided=met.provided)
        if any(one.is_met is None for one in own):
            return _open(segment, tried)
    return SegmentOutcome(segment, "none")


class _Tried(NamedTuple):
    """A rule, each of its conditions with what is known of it, and what was granted."""

    rule: Rule
    conditions: tuple[tuple[Condition, bool | None], ...]
    provided: tuple[str, ...]

    @property
    def is_met(self) -> bool | None:
        """True when all hold, false when one does not, else unknown."""
        return every(is_so for _, is_so in self.conditions)

    @property
    def unknown(self) -> tuple[Condition, ...]:
        """The conditions whose measure is missing."""
        return tuple(one for one, is_so in self.conditions if is_so is None)


def _try(table: BlockTable, rule: Rule, motor: MotorNerve, segment: Segment) -> _Tried:
    values = _measures(motor, segment)
    fits = (rule.segments == "any" or segment.is_long) and motor.nerve not in rule.not_nerves
    conditional = table.lower_limit_missing == "conditional" and segment.distal.amplitude_mv > 0.0
    said: list[tuple[Condition, bool | None]] = []
    provided = []
    for one in rule.conditions:
        is_so = one.holds(values[one.measure]) if fits else False
        if is_so is None and one.measure == LOWER_LIMIT and conditional:
            is_so = True
            provided.append(_below(one, segment.distal.amplitude_mv))
        said.append((one, is_so))
    return _Tried(rule, tuple(said), tuple(provided))


def _below(condition: Condition, distal_mv: float) -> str:
    """What the lower limit of normal, which was not given, has to be for this condition to hold."""
    percent = condition.above if condition.at_least is None else condition.at_least
    highest_mv = 100.0 * distal_mv / percent if percent else 0.0
    return f"the laboratory's lower limit of normal, not given, is below {highest_mv:.1f} mV"


def _measures(motor: MotorNerve, segment: Segment) -> dict[Measure, float | None]:
    limit_mv = motor.lower_limit_mv
    return {
        "amplitude_drop_percent": segment.amplitude_drop_percent,
        "area_drop_percent": segment.area_drop_percent,
        "duration_rise_percent": segment.duration_rise_percent,
        "distal_amplitude_mv": segment.distal.amplitude_mv,
        "distal_amplitude_percent_of_lower_limit": (
            None if limit_mv is None else 100.0 * segment.distal.amplitude_mv / limit_mv
        ),
    }


def _open(segment: Segment, tried: list[_Tried]) -> SegmentOutcome:
    undecided = [one for one in tried if one.is_met is None]
    missing = tuple(dict.fromkeys(condition.measure for one in undecided for condition in one.unknown))
    would_be = [f"{one.rule.grade} if {' and '.join(map(str, one.unknown))}" for one in undecided]
    sure = [f"at least {one.rule.grade}" for one in tried if one.is_met is True]
    provided = tuple(dict.fromkeys(text for one in undecided for text in one.provided))
    return SegmentOutcome(segment, "indeterminate", "", missing, tuple(sure + would_be), provided)


def every(said: Iterable[bool | None]) -> bool | None:
    """True when all are, false when one is, else unknown."""
    values = list(said)
    if False in values:
        return False
    return None if None in values else True
