"""The patient-level rule: how many nerves with block, how many normal sensory nerves.

Theory of operation
-------------------
The rule (``criteria/patient-olney-2003.toml``) asks for motor nerves with definite block outside the
entrapment sites, for normal sensory nerves, and for a normal sensory response of each nerve that is blocked.
What was not examined is missing, never normal: the rule is then neither met nor not met, and says what it
lacks.  Its clinical part is for a person and is not decided here.

Units: uV, m/s.  Source: in the table.
"""

from typing import NamedTuple

from gateway.exams.conduction import NerveOutcome, SensoryNerve, Study, every
from gateway.exams.criteria import PatientRule


class PatientOutcome(NamedTuple):
    """Whether the patient-level rule is met: true, false, or ``None`` with what is missing."""

    rule: str
    is_met: bool | None
    motor_nerves: tuple[str, ...]
    sensory_nerves: tuple[str, ...]
    missing: tuple[str, ...]


def patient_outcome(study: Study, nerves: tuple[NerveOutcome, ...], rule: PatientRule) -> PatientOutcome:
    """The patient-level rule over all nerves that were examined; what was not examined is missing, not
    normal.
    """
    blocked = [one for one in nerves if one.outcome == "definite" and not _only_at_entrapment(one)]
    undecided = [one for one in nerves if one.outcome == "indeterminate"]
    normal = {f"{one.nerve} {one.side}": is_normal(one) for one in study.sensory}
    missing = [f"{one.name}: {', '.join(one.missing) or 'more sites'}" for one in undecided]
    motor = _enough(len(blocked), len(undecided), len(nerves), rule.least_motor_nerves)
    said = list(normal.values())
    sensory = _enough(said.count(True), said.count(None), len(said), rule.least_sensory_nerves)
    beside: bool | None = True
    if rule.sensory_normal_where_blocked:
        beside = every(normal.get(one.name) for one in blocked)
        missing += [f"{one.name}: sensory response" for one in blocked if normal.get(one.name) is None]
    if motor is None and len(nerves) < rule.least_motor_nerves:
        missing.append(f"{rule.least_motor_nerves} motor nerves, {len(nerves)} examined")
    if sensory is None:
        missing.append(f"{rule.least_sensory_nerves} normal sensory nerves, {said.count(True)} shown")
    is_met = every((motor, sensory, beside))
    names = tuple(one.name for one in blocked), tuple(name for name, good in normal.items() if good)
    return PatientOutcome(rule.id, is_met, *names, tuple(missing) if is_met is None else ())


def _only_at_entrapment(outcome: NerveOutcome) -> bool:
    """The patient rule leaves entrapment sites out, whatever the table does."""
    graded = [one for one in outcome.segments if one.outcome == "definite"]
    return all(one.segment.entrapment for one in graded)


def _enough(sure: int, unknown: int, examined: int, least: int) -> bool | None:
    if sure >= least:
        return True
    return None if sure + unknown >= least or examined < least else False


def is_normal(sensory: SensoryNerve) -> bool | None:
    """Whether amplitude and, where measured, velocity keep the laboratory's limits; ``None`` without
    limits.
    """
    if sensory.lower_limit_uv is None:
        return None
    if sensory.amplitude_uv < sensory.lower_limit_uv:
        return False
    if sensory.velocity_m_s is None:
        return True
    return None if sensory.slowest_normal_m_s is None else sensory.velocity_m_s >= sensory.slowest_normal_m_s
