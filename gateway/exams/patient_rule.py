"""The patient-level rule: how many nerves with block, how many normal sensory nerves.

Theory of operation
-------------------
The rule (``criteria/patient-olney-2003.toml``) asks for motor nerves with definite block outside the
entrapment sites, for normal sensory nerves, and for a normal sensory response of each nerve that is blocked.
What was not examined is missing, never normal: the rule is then neither met nor not met, and says what it
lacks.  A block that stands on a condition (a limit that nobody gave) is not yet one.  The rule's clinical
part is for a person and is not decided here.

Units: uV, m/s.  Source: in the table.
"""

from typing import NamedTuple

from gateway.exams.block import NerveOutcome, every
from gateway.exams.conduction import SensoryNerve, Study
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
    said_of = [(one, _is_blocked(one)) for one in nerves]
    blocked = [one for one, is_blocked in said_of if is_blocked]
    undecided = [one for one, is_blocked in said_of if is_blocked is None]
    normal = {f"{one.nerve} {one.side}": is_normal(one) for one in study.sensory}
    missing = [f"{one.name}: {_lacks(one)}" for one in undecided]
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


def _is_blocked(outcome: NerveOutcome) -> bool | None:
    """Definite block outside the entrapment sites, which this rule leaves out whatever the table does."""
    if outcome.outcome == "indeterminate":
        return None
    graded = [one for one in outcome.segments if one.outcome == "definite" and not one.segment.entrapment]
    if outcome.outcome != "definite" or not graded:
        return False
    return None if all(one.provided for one in graded) else True


def _lacks(outcome: NerveOutcome) -> str:
    """What would decide."""
    if outcome.outcome == "definite":
        return f"whether {'; '.join(outcome.provided)}"
    return ", ".join((*outcome.missing, *outcome.reasons)) or "more sites"


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
