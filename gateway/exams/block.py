"""Conduction block: what a table of criteria says of a nerve and each of its segments.

Theory of operation
-------------------
The criteria are data (``gateway.exams.criteria``).  A segment's outcome by a table is ``definite``,
``probable``, ``none``, ``indeterminate`` or ``not_covered``.  A condition whose measure is missing is
unknown: if it could change the grade, the outcome is ``indeterminate`` and says what would decide, and which
grade holds whatever the missing measure is.  Without a proximal response its duration does not exist: nothing
could be supplied, and the outcome says so.

Only the laboratory's lower limit of normal may be missing where the table allows it: the grade then stands on
a condition, which is part of the outcome.  A proximal response that is larger than the distal one by more
than ``LARGER_PROXIMAL_PERCENT`` (engineering proposal of this project), and a stimulation that is known to
have been too weak where it matters, leave the outcome open.

A nerve's outcome is that of its best segment outside the entrapment sites where the table asks for that; what
is found across one is always told beside it.

Amplitudes are compared only under the definitions that the table was made for.  A table that nobody of ours
has read in its source flags every result that it gives.

An outcome "meets criterion X".  It is never a diagnosis: the clinical part of a rule is for a person.

Units: mV, ms; changes in per cent of the distal response.  Sources: the tables.
"""

from collections.abc import Iterable
from itertools import product
from typing import Literal, NamedTuple

from gateway.exams.conduction import MotorNerve, Segment, Study, segments
from gateway.exams.criteria import LOWER_LIMIT, BlockTable, Condition, Measure, Rule
from gateway.exams.errors import NotComparable
from gateway.model import Side

Outcome = Literal["definite", "probable", "none", "indeterminate", "not_covered"]
_RANK: tuple[Outcome, ...] = ("not_covered", "none", "indeterminate", "probable", "definite")
_Values = dict[Measure, float | None]

LARGER_PROXIMAL_PERCENT = 20.0
NO_PROXIMAL = "no proximal response, so its duration does not exist"
_BESIDE = 1e-6


class SegmentOutcome(NamedTuple):
    """What a table says of one segment.

    ``by`` is the rule that was met.  ``missing`` names the measures that would decide, ``would_be`` what each
    grade that is still open needs, ``provided`` the conditions that the grade stands on.  ``at_least`` is the
    grade that holds whatever the missing measures are; ``reasons`` say what else leaves it open.
    """

    segment: Segment
    outcome: Outcome
    by: str = ""
    missing: tuple[Measure, ...] = ()
    would_be: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    at_least: Outcome = "none"
    reasons: tuple[str, ...] = ()


class NerveOutcome(NamedTuple):
    """What a table says of one nerve."""

    nerve: str
    side: Side
    outcome: Outcome
    segments: tuple[SegmentOutcome, ...]
    missing: tuple[Measure, ...]
    notes: tuple[str, ...]
    provided: tuple[str, ...] = ()
    at_least: Outcome = "none"
    reasons: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Such as ``median left``."""
        return f"{self.nerve} {self.side}"


def nerve_outcome(study: Study, motor: MotorNerve, table: BlockTable) -> NerveOutcome:
    """One nerve by one table. Raises ``NotComparable`` where the table was made for other definitions."""
    _same_definitions(study, table)
    found = segments(motor)
    judged = tuple(_judge(table, motor, segment) for segment in found)
    counted = [one for one in judged if not (table.outside_entrapment_sites and one.segment.entrapment)]
    best: Outcome = max((one.outcome for one in counted), key=_RANK.index, default="indeterminate")
    notes = _notes(table, motor, judged, bool(counted))
    if motor.nerve not in table.nerves:
        best = "not_covered"
    of_best = [one for one in counted if one.outcome == best]
    return NerveOutcome(
        motor.nerve,
        motor.side,
        best,
        judged,
        tuple(dict.fromkeys(name for one in counted for name in one.missing)),
        notes,
        provided=min((one.provided for one in of_best), key=len, default=()),
        at_least=max((one.at_least for one in of_best), key=_RANK.index, default="none"),
        reasons=tuple(dict.fromkeys(text for one in of_best for text in one.reasons)),
    )


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
        if graded and one.segment.entrapment:
            counts = "does not count" if table.outside_entrapment_sites else f"counts by {table.id}"
            notes.append(f"{one.outcome} at an entrapment site, {one.segment.entrapment}: {counts}")
        asked = one.segment.proximal if graded else one.segment.distal
        if (graded or one.outcome == "none") and asked.supramaximal is None:
            notes.append(f"stimulation at {asked.site} was not shown to be supramaximal")
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
    """One segment by all rules, unless its two responses cannot be compared."""
    if motor.nerve not in table.nerves:
        return SegmentOutcome(segment, "not_covered")
    if segment.proximal.amplitude_mv > (1.0 + LARGER_PROXIMAL_PERCENT / 100.0) * segment.distal.amplitude_mv:
        return SegmentOutcome(segment, "indeterminate", reasons=(_larger(segment),))
    found = _graded(table, motor, segment)
    reason = _submaximal(found)
    return SegmentOutcome(segment, "indeterminate", reasons=(reason,)) if reason else found


def _larger(segment: Segment) -> str:
    distal, proximal = segment.distal.site, segment.proximal.site
    return (
        f"the response from {proximal} is larger than that from {distal}: sites exchanged, stimulation "
        f"at {distal} not supramaximal, or an anastomosis"
    )


def _submaximal(found: SegmentOutcome) -> str:
    """Why the stimulation leaves this outcome open, where it is known to have been too weak."""
    distal, proximal = found.segment.distal, found.segment.proximal
    if found.outcome == "none" and distal.supramaximal is False:
        return f"stimulation at {distal.site} was not supramaximal: the fall may be larger"
    if found.outcome in ("definite", "probable") and proximal.supramaximal is False:
        return f"stimulation at {proximal.site} was not supramaximal: the fall may be that of the stimulus"
    return ""


def _graded(table: BlockTable, motor: MotorNerve, segment: Segment) -> SegmentOutcome:
    """The best grade that is sure, unless a better one is still open."""
    values = _measures(motor, segment)
    tried = [_try(table, rule, motor, segment, values) for rule in table.rule]
    for grade in ("definite", "probable"):
        own = [one for one in tried if one.rule.grade == grade]
        met = next((one for one in own if one.is_met is True), None)
        if met is not None:
            return SegmentOutcome(segment, met.rule.grade, met.rule.text, provided=met.provided)
        if any(one.is_met is None for one in own):
            return _open(segment, tried, _least(table, motor, segment, values))
    return SegmentOutcome(segment, "none")


def _least(table: BlockTable, motor: MotorNerve, segment: Segment, values: _Values) -> Outcome:
    """The worst outcome over all that the missing measures may be: on, above and below each bound."""
    bounds: dict[Measure, set[float]] = {name: set() for name, value in values.items() if value is None}
    for rule in table.rule:
        for one in rule.conditions:
            if one.measure in bounds:
                bounds[one.measure] |= {one.bound - _BESIDE, one.bound, one.bound + _BESIDE}
    worst: Outcome = "definite"
    for chosen in product(*(sorted(each) for each in bounds.values() if each)):
        made = values | dict(zip((name for name, each in bounds.items() if each), chosen, strict=True))
        met = [one.grade for one in table.rule if _try(table, one, motor, segment, made).is_met]
        best: Outcome = max(met, key=_RANK.index, default="none")
        worst = min(worst, best, key=_RANK.index)
    return worst


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


def _try(table: BlockTable, rule: Rule, motor: MotorNerve, segment: Segment, values: _Values) -> _Tried:
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


def _measures(motor: MotorNerve, segment: Segment) -> _Values:
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


def _open(segment: Segment, tried: list[_Tried], least: Outcome) -> SegmentOutcome:
    undecided = [one for one in tried if one.is_met is None]
    reasons: tuple[str, ...] = ()
    if segment.proximal.amplitude_mv == 0.0:
        kept = [
            one for one in undecided if "duration_rise_percent" not in [each.measure for each in one.unknown]
        ]
        if len(kept) < len(undecided):
            undecided, reasons = kept, (NO_PROXIMAL,)
    missing = tuple(dict.fromkeys(condition.measure for one in undecided for condition in one.unknown))
    would_be = [f"{one.rule.grade} if {' and '.join(map(str, one.unknown))}" for one in undecided]
    provided = tuple(dict.fromkeys(text for one in undecided for text in one.provided))
    return SegmentOutcome(segment, "indeterminate", "", missing, tuple(would_be), provided, least, reasons)


def every(said: Iterable[bool | None]) -> bool | None:
    """True when all are, false when one is, else unknown."""
    values = list(said)
    if False in values:
        return False
    return None if None in values else True
