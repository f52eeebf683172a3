"""A conduction study as a result: every number with its definition, every outcome with its criterion.

Theory of operation
-------------------
``analyse`` judges each nerve by one table and the patient by the patient rule, and writes the whole as a
``Result``: per site amplitude, area, duration and onset, per segment the drops and the velocity, per nerve a
finding in words.  What is missing has a flag; so has a table that nobody of ours has read in its source.

Units: mV, mV ms, ms, per cent, m/s, uV.  Sources: the tables of ``gateway.exams.criteria``.
"""

from dsp import evoked
from gateway.exams import criteria
from gateway.exams.conduction import (
    MotorNerve,
    NerveOutcome,
    SegmentOutcome,
    SensoryNerve,
    Site,
    Study,
    nerve_outcome,
)
from gateway.exams.criteria import BlockTable, PatientRule
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

_MEANS = {True: "met", False: "not met", None: "indeterminate"}
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
    made = _Made(study)
    for motor, outcome in zip(study.motor, nerves, strict=True):
        made.nerve(motor, outcome)
    for sensory in study.sensory:
        made.sensory(sensory)
    made.patient(patient, rule)
    made.table(table)
    return Result(
        exam="conduction",
        definition=table.id,
        probe=probe,
        recording=recording,
        values=tuple(made.values),
        flags=tuple(made.flags),
        parameters=tuple(made.parameters),
        definitions=_definitions(study, table, rule),
        findings=made.findings,
    )


def _each_once(study: Study) -> None:
    if not study.motor:
        raise TraceUnusable("study", "no motor nerve: there is nothing to judge")
    for nerves in (study.motor, study.sensory):
        names = [(one.nerve, one.side) for one in nerves]
        twice = [f"{nerve} {side}" for nerve, side in names if names.count((nerve, side)) > 1]
        if twice:
            raise TraceUnusable("study", f"{twice[0]} is there twice: give each nerve of a side once")


class _Made:
    """The parts of a result as they are written."""

    def __init__(self, study: Study) -> None:
        self._study = study
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
        self.findings[outcome.name] = outcome.outcome
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

    def patient(self, patient: PatientOutcome, rule: PatientRule) -> None:
        """The patient-level rule."""
        self.findings[f"patient by {rule.id}"] = _MEANS[patient.is_met]
        for text in patient.missing:
            self._flag("patient_missing", Severity.NOTE, f"patient rule: not known: {text}")
        for text in rule.for_a_person:
            self._flag("for_a_person", Severity.NOTE, f"patient rule: a person judges: {text}")

    def table(self, table: BlockTable) -> None:
        """What a reader must know of the table itself."""
        if not table.is_verified:
            text = f"the table {table.id} is {table.certainty}: nobody of this project read it in its source"
            self._flag("table_unverified", Severity.DOUBTFUL, text)

    def _site(self, of: str, site: Site) -> None:
        study = self._study
        self._value("amplitude", "mV", study.amplitude, site.amplitude_mv, of)
        self._value("area", "mV ms", study.area, site.area_mv_ms, of)
        self._value("duration", "ms", study.duration, site.duration_ms, of)
        self._value("onset", "ms", "first_negative_deflection", site.onset_ms, of)

    def _segment(self, of: str, one: SegmentOutcome) -> None:
        segment = one.segment
        for name, value in (
            ("amplitude_drop", segment.amplitude_drop_percent),
            ("area_drop", segment.area_drop_percent),
            ("duration_rise", segment.duration_rise_percent),
        ):
            self._value(name, "%", "proximal_against_distal", value, of)
        self._value("velocity", "m/s", "distance_over_latency", segment.velocity_m_s, of)
        self.findings[of] = one.outcome
        if one.by:
            self._flag("met", Severity.NOTE, f"meets: {one.by}", of=of)
        for text in one.would_be:
            self._flag("open", Severity.DOUBTFUL, text, of=of)
        for text in one.provided:
            self._flag("provided", Severity.DOUBTFUL, f"provided that {text}", of=of)

    def _value(self, name: str, unit: str, definition: str, value: float | None, of: str) -> None:
        self.values.append(Value(name=name, unit=unit, definition=definition, value=value, of=of))
        if value is None:
            self._flag("not_measured", Severity.MISSING, f"{name} was not measured", about=name, of=of)

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
    ids = dict.fromkeys((study.amplitude, study.area, study.duration, "first_negative_deflection"))
    known = [(name, evoked.DEFINITIONS[name]) for name in ids if name in evoked.DEFINITIONS]
    return (
        Definition(id=table.id, text=table.title, source=table.source, certainty=table.certainty),
        Definition(id=rule.id, text=rule.title, source=rule.source, certainty=rule.certainty),
        *(
            Definition(id=name, text=one.text, source=one.source, certainty=Certainty(one.certainty))
            for name, one in known
        ),
        *(
            Definition(id=name, text=text, source="arithmetic", certainty=Certainty.PROPOSAL)
            for name, text in _ARITHMETIC.items()
        ),
    )
