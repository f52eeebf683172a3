"""A conduction study as a result: every number with its definition, every outcome with its criterion.

Theory of operation
-------------------
``analyse`` judges each nerve by one table and the patient by the patient rule, and writes the whole as a
``Result``: per site amplitude, area, duration and onset, per segment the drops and the velocity, per nerve a
finding in words, which names its table and the condition that it stands on.  What is missing has a flag; so
has a table that nobody of ours has read in its source, and a patient rule that is fed by another table than
its own.  Indicators of critical illness (``gateway.exams.critical_illness``) are findings of the same result.

Units: mV, mV ms, ms, per cent, m/s, uV.  Sources: the tables of ``gateway.exams.criteria``.
"""

from dsp import evoked
from gateway.exams import criteria
from gateway.exams.block import LARGER_PROXIMAL_PERCENT, NerveOutcome, SegmentOutcome, nerve_outcome
from gateway.exams.conduction import LARGEST_MV, MotorNerve, SensoryNerve, Site, Study
from gateway.exams.criteria import BlockTable, PatientRule
from gateway.exams.critical_illness import Examined, indicators, to_read_beside
from gateway.exams.errors import TraceUnusable
from gateway.exams.patient_rule import PatientOutcome, is_normal, patient_outcome
from gateway.exams.result import (
    Certainty,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Source,
    Value,
)

_RATIO = "nerve_over_direct"
_MEANS = {True: "met", False: "not met", None: "indeterminate"}
_OWN = tuple(
    Parameter(name=name, value=value, unit=unit, source="rvos", certainty=Certainty.PROPOSAL)
    for name, value, unit in (
        ("proximal response larger by, leaves it open", LARGER_PROXIMAL_PERCENT, "%"),
        ("largest muscle response", LARGEST_MV, "mV"),
    )
)
_ARITHMETIC = {
    "proximal_against_distal": "100 x (distal - proximal) / distal of neighbouring sites; rise: its negative",
    "distance_over_latency": "distance between two sites over the difference of their onsets",
}


def analyse(
    study: Study,
    table: BlockTable,
    probe: Probe,
    recording: Source,
    rule: PatientRule = criteria.PATIENT_RULE,
) -> Result:
    """Judge a study. Raises ``NotComparable`` for other definitions than the table's, ``TraceUnusable`` for
    sites that cannot be, a nerve given twice, or no motor nerve at all.
    """
    _each_once(study)
    nerves = tuple(nerve_outcome(study, motor, table) for motor in study.motor)
    patient = patient_outcome(study, nerves, rule)
    made = _Made(study, table)
    for motor, outcome in zip(study.motor, nerves, strict=True):
        made.nerve(motor, outcome)
    for sensory in study.sensory:
        made.sensory(sensory)
    if study.motor:
        made.patient(patient, rule, table)
        made.table(table)
    if study.critical_illness is not None:
        made.critical_illness(study.critical_illness)
    return Result(
        exam="conduction",
        definition=table.id if study.motor else criteria.CRITICAL_ILLNESS.id,
        probe=probe,
        recording=recording,
        values=tuple(made.values),
        flags=tuple(made.flags),
        parameters=(*made.parameters, *_OWN),
        definitions=_definitions(study, table, rule),
        findings=made.findings,
    )


def _each_once(study: Study) -> None:
    if not study.motor and study.critical_illness is None:
        raise TraceUnusable("study", "no motor nerve: there is nothing to judge")
    for nerves in (study.motor, study.sensory):
        names = [(one.nerve, one.side) for one in nerves]
        twice = [f"{nerve} {side}" for nerve, side in names if names.count((nerve, side)) > 1]
        if twice:
            raise TraceUnusable("study", f"{twice[0]} is there twice: give each nerve of a side once")


def finding(outcome: SegmentOutcome | NerveOutcome, table: str) -> str:
    """An outcome in words: by which table, on what condition, and what holds where it is open."""
    if outcome.outcome in ("definite", "probable"):
        provided = f", provided {'; '.join(outcome.provided)}" if outcome.provided else ""
        return f"meets {outcome.outcome} block by {table}{provided}"
    told = [f"at least {outcome.at_least} block by {table}"] if outcome.at_least != "none" else []
    told += outcome.reasons
    return f"{outcome.outcome}{': ' if told else ''}{'; '.join(told)}"


class _Made:
    """The parts of a result as they are written."""

    def __init__(self, study: Study, table: BlockTable) -> None:
        self._study, self._table = study, table
        self.values: list[Value] = []
        self.flags: list[Flag] = []
        self.parameters: list[Parameter] = []
        self.findings: dict[str, str] = {}

    def nerve(self, motor: MotorNerve, outcome: NerveOutcome) -> None:
        """Sites, segments and the finding of one motor nerve."""
        for site in motor.sites:
            self._site(f"{outcome.name} {site.site}", site)
        for one in outcome.segments:
            self._segment(f"{outcome.name} {one.segment.name}", one)
        self.findings[outcome.name] = finding(outcome, self._table.id)
        for note in outcome.notes:
            self._flag("note", Severity.DOUBTFUL, note, of=outcome.name)
        self._limit(outcome.name, "lower limit of normal, distal amplitude", motor.lower_limit_mv, "mV")

    def sensory(self, sensory: SensoryNerve) -> None:
        """The finding of one sensory nerve."""
        name = f"{sensory.nerve} {sensory.side} sensory"
        self._value("amplitude", "uV", "negative_peak", sensory.amplitude_uv, name)
        words = {True: "normal", False: "not normal", None: "indeterminate"}
        self.findings[name] = words[is_normal(sensory)]
        if is_normal(sensory) is None:
            self._flag("limit_missing", Severity.DOUBTFUL, "the laboratory's limits were not given", of=name)
        self._limit(name, "lower limit of normal, amplitude", sensory.lower_limit_uv, "uV")
        self._limit(name, "slowest normal velocity", sensory.slowest_normal_m_s, "m/s")

    def patient(self, patient: PatientOutcome, rule: PatientRule, table: BlockTable) -> None:
        """The patient-level rule: its electrophysiological part, and by whose limits."""
        by = "its own limits" if table.id == rule.block_table else f"{table.id}, not by the rule's own limits"
        means = _MEANS[patient.is_met]
        said = f"electrophysiological part {means}" if patient.is_met is not None else means
        self.findings[f"patient by {rule.id}"] = f"{said} (block by {by}); clinical part open"
        if table.id != rule.block_table:
            text = f"patient rule: its definite block is by {rule.block_limits}; here it is by {table.id}"
            self._flag("other_limits", Severity.DOUBTFUL, text)
        for text in patient.missing:
            self._flag("patient_missing", Severity.NOTE, f"patient rule: not known: {text}")
        for text in rule.for_a_person:
            self._flag("for_a_person", Severity.NOTE, f"patient rule: a person judges: {text}")

    def critical_illness(self, examined: Examined) -> None:
        """Every indicator, the amplitudes that it was told from, and the table to read beside it."""
        for of, one in indicators(examined, self._study.duration):
            self.findings[f"{of}: {one.id}"] = _MEANS[one.is_met]
            self._flag("indicator", Severity.NOTE, f"{one.text} [{one.source}]", of=of)
        if "met" in self.findings.values():
            text = "an indicator of critical illness is met: it asks for a full study"
            self._flag("full_study", Severity.DOUBTFUL, text)
        for each in examined.ratio:
            value = each.nerve_mv / each.direct_mv
            self.values.append(
                Value(name="nerve_direct_ratio", unit="1", definition=_RATIO, value=value, of=each.muscle)
            )
        for long in examined.duration:
            self._value("duration", "ms", self._study.duration, long.duration_ms, long.muscle)
            self._limit(long.muscle, "longest normal duration", long.longest_normal_ms, "ms")
        if examined.peroneal is not None:
            for side, amplitude_mv in (
                ("left", examined.peroneal.left_mv),
                ("right", examined.peroneal.right_mv),
            ):
                self._value("amplitude", "mV", self._study.amplitude, amplitude_mv, f"peroneal test {side}")
            self._limit("peroneal test", "mean - 2 SD", examined.peroneal.lower_limit_mv, "mV")
        for text in to_read_beside():
            self._flag("for_a_person", Severity.NOTE, f"to read beside it: {text}")

    def table(self, table: BlockTable) -> None:
        """What a reader must know of the table itself."""
        if not table.is_verified:
            text = f"the table {table.id} is {table.certainty}: nobody of this project read it in its source"
            self._flag("table_unverified", Severity.DOUBTFUL, text)

    def _site(self, of: str, site: Site) -> None:
        study = self._study
        why = "no response" if site.amplitude_mv == 0.0 else ""
        self._value("amplitude", "mV", study.amplitude, site.amplitude_mv, of)
        self._value("area", "mV ms", study.area, site.area_mv_ms, of, why)
        self._value("duration", "ms", study.duration, site.duration_ms, of, why)
        self._value("onset", "ms", study.onset, site.onset_ms, of, why)

    def _segment(self, of: str, one: SegmentOutcome) -> None:
        segment = one.segment
        for name, value in (
            ("amplitude_drop", segment.amplitude_drop_percent),
            ("area_drop", segment.area_drop_percent),
            ("duration_rise", segment.duration_rise_percent),
        ):
            why = f"needs the {name.partition('_')[0]} at both sites"
            self._value(name, "%", "proximal_against_distal", value, of, why)
        why = "needs the distance and both onsets"
        self._value("velocity", "m/s", "distance_over_latency", segment.velocity_m_s, of, why)
        self.findings[of] = finding(one, self._table.id)
        if one.by:
            self._flag("met", Severity.NOTE, f"meets: {one.by}", of=of)
        for text in one.would_be:
            self._flag("open", Severity.DOUBTFUL, text, of=of)
        for text in one.provided:
            self._flag("provided", Severity.DOUBTFUL, f"provided that {text}", of=of)

    def _value(
        self, name: str, unit: str, definition: str, value: float | None, of: str, why: str = ""
    ) -> None:
        self.values.append(Value(name=name, unit=unit, definition=definition, value=value, of=of))
        if value is None:
            text = why or f"{name} was not measured"
            self._flag("not_measured", Severity.MISSING, text, about=name, of=of)

    def _limit(self, of: str, name: str, value: float | None, unit: str) -> None:
        if value is not None:
            self.parameters.append(
                Parameter(
                    name=f"{of}: {name}",
                    value=value,
                    unit=unit,
                    source="this laboratory",
                    certainty=Certainty.ENTERED,
                )
            )

    def _flag(self, name: str, severity: Severity, text: str, *, about: str = "", of: str = "") -> None:
        self.flags.append(Flag(id=name, severity=severity, text=text, about=about, of=of))


def _definitions(study: Study, table: BlockTable, rule: PatientRule) -> tuple[Definition, ...]:
    ids = dict.fromkeys((study.amplitude, study.area, study.duration, study.onset))
    known = [(name, evoked.DEFINITIONS[name]) for name in ids if name in evoked.DEFINITIONS]
    tables = (table, rule) if study.motor else ()
    return (
        *(
            Definition(id=one.id, text=one.title, source=one.source, certainty=one.certainty)
            for one in tables
        ),
        *(critical_illness_definitions() if study.critical_illness is not None else ()),
        *(
            Definition(id=name, text=one.text, source=one.source, certainty=Certainty(one.certainty))
            for name, one in known
        ),
        *(
            Definition(id=name, text=text, source="arithmetic", certainty=Certainty.PROPOSAL)
            for name, text in _ARITHMETIC.items()
        ),
    )


def critical_illness_definitions() -> tuple[Definition, ...]:
    """What the indicators mean, as shipped."""
    known = criteria.CRITICAL_ILLNESS
    ratio = known.ratio
    text = f"{ratio.text}; below {ratio.threshold:g} {ratio.below}, above {ratio.above}"
    limit = "duration of a muscle response above the laboratory's own limit"
    return (
        Definition(
            id=known.id,
            text="indicators of polyneuropathy and myopathy of critical illness; met, they ask for more",
            source=known.differential.source,
            certainty=known.differential.certainty,
        ),
        Definition(id=_RATIO, text=text, source=ratio.source, certainty=ratio.certainty),
        Definition(id="cmap-duration", text=limit, source="this laboratory", certainty=Certainty.ENTERED),
        *(
            Definition(id=one.id, text=one.text, source=one.source, certainty=one.certainty)
            for one in known.peroneal
        ),
    )
