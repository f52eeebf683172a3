"""Criteria as data: tables that a clinician can read, with their source and how sure we are of it.

Theory of operation
-------------------
Each file of ``criteria/`` is a table, checked as it is loaded; ``block_table`` also takes a file of the
laboratory's own.  A table whose certainty is not ``read`` may be used; every result made with it says so.

A *condition* compares one measure of a nerve segment with a bound and is true, false or, where the measure is
missing, unknown.  A *rule* is true when all its conditions are, false when one is false, else unknown.

Units: per cent, mV, ms, as in the names of the measures.  Sources: in the files.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from gateway.exams.errors import DefinitionUnknown, RecordingUnusable
from gateway.exams.result import Certainty

Grade = Literal["definite", "probable"]
Measure = Literal[
    "amplitude_drop_percent",
    "area_drop_percent",
    "duration_rise_percent",
    "distal_amplitude_mv",
    "distal_amplitude_percent_of_lower_limit",
]
LOWER_LIMIT: Measure = "distal_amplitude_percent_of_lower_limit"

_FOLDER = Path(__file__).with_name("criteria")
BLOCK_TABLES = ("efns-pns-2010-mmn", "efns-pns-2010-cidp")
_Words = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=300)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that all parts share."""


class Condition(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bound on one measure: exactly one of the four."""

    measure: Measure
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if len(self._bounds()) != 1:
            raise ValueError(f"{self.measure}: give exactly one of at_least, above, at_most, below")

    def holds(self, value: float | None) -> bool | None:
        """True, false, or ``None`` where the measure is missing."""
        if value is None:
            return None
        tests = {
            "at_least": lambda bound: value >= bound,
            "above": lambda bound: value > bound,
            "at_most": lambda bound: value <= bound,
            "below": lambda bound: value < bound,
        }
        (name, bound), *_ = self._bounds()
        return bool(tests[name](bound))

    @property
    def bound(self) -> float:
        """The bound, of whichever kind."""
        return self._bounds()[0][1]

    def __str__(self) -> str:
        (name, bound), *_ = self._bounds()
        return f"{self.measure} {name.replace('_', ' ')} {bound:g}"

    def _bounds(self) -> list[tuple[str, float]]:
        named = {"at_least": self.at_least, "above": self.above, "at_most": self.at_most, "below": self.below}
        return [(name, bound) for name, bound in named.items() if bound is not None]


class Rule(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to a grade."""

    grade: Grade
    text: _Words
    segments: Literal["any", "long_arm"]
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1)]
    not_nerves: tuple[str, ...] = ()


class Dispersion(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Abnormal temporal dispersion of a segment."""

    duration_rise_percent_above: float


class DistalDuration(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A long distal response, by nerve."""

    definition: str
    at_least_ms: dict[str, float]


class BlockTable(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Criteria of conduction block for one segment, and the definitions that they are made for."""

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,64}$")]
    title: _Words
    source: _Words
    certainty: Certainty
    nerves: tuple[str, ...]
    outside_entrapment_sites: bool
    amplitude: str
    area: str
    duration: str
    lower_limit_missing: Literal["conditional", "indeterminate"]
    rule: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1)]
    dispersion: Dispersion | None = None
    distal_duration: DistalDuration | None = None

    @property
    def is_verified(self) -> bool:
        """Whether somebody of ours read it in the source named."""
        return self.certainty is Certainty.READ


class Entrapment(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place where nerves are caught, between two sites of stimulation."""

    name: str
    between: tuple[str, str]


class Nerve(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A motor nerve: its sites from distal to proximal."""

    name: str
    limb: Literal["arm", "leg"]
    sites: tuple[str, ...]
    long_segments: tuple[tuple[str, str], ...]
    entrapment: tuple[Entrapment, ...]

    def entrapment_within(self, distal: str, proximal: str) -> str:
        """The entrapment site that this segment passes, or nothing."""
        passed = (one.name for one in self.entrapment if self._spans(distal, proximal, one.between))
        return next(passed, "")

    def is_long(self, distal: str, proximal: str) -> bool:
        """Whether this segment is, or contains, a long one."""
        return any(self._spans(distal, proximal, one) for one in self.long_segments)

    def _spans(self, distal: str, proximal: str, within: tuple[str, str]) -> bool:
        first, last = (self.sites.index(one) for one in within)
        return self.sites.index(distal) <= first and last <= self.sites.index(proximal)


class _Sourced(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: _Words
    certainty: Certainty


class _Sites(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    entrapment: _Sourced
    long_segments: _Sourced
    nerve: tuple[Nerve, ...]


class PatientRule(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many nerves make a patient. ``block_table`` is the table that its "definite" is by."""

    id: str
    title: _Words
    source: _Words
    certainty: Certainty
    block_table: str
    block_limits: _Words
    least_motor_nerves: int
    least_sensory_nerves: int
    sensory_normal_where_blocked: bool
    for_a_person: tuple[_Words, ...]


class Ratio(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nerve against direct stimulation."""

    text: _Words
    threshold: float
    below: str
    above: str
    source: _Words
    certainty: Certainty


class PeronealRule(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to read the peroneal test, with what a study found for it."""

    id: str
    text: _Words
    sides: Literal[1, 2]
    sensitivity: str
    specificity: str
    source: _Words
    certainty: Certainty


class DifferentialRow(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one condition shows, column by column."""

    name: str
    entries: tuple[str, ...]


class Differential(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table to read beside the results; nothing is computed with it."""

    source: _Words
    certainty: Certainty
    columns: tuple[str, ...]
    row: tuple[DifferentialRow, ...]


class CriticalIllness(_Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Indicators of CIP and CIM."""

    id: str
    ratio: Ratio
    peroneal: tuple[PeronealRule, ...]
    differential: Differential


_T = TypeVar("_T")


def _load(text: str, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecordingUnusable(where, f"not a table of this kind: {error}") from error


def _shipped(name: str, kind: type[_T]) -> _T:
    return _load((_FOLDER / f"{name}.toml").read_text("utf-8"), kind, name)


def block_table(asked: str | Path) -> BlockTable:
    """A shipped table by its id, or the table in a file of the laboratory's own."""
    if isinstance(asked, Path):
        try:
            return _load(asked.read_text("utf-8"), BlockTable, str(asked))
        except (OSError, UnicodeDecodeError) as error:
            raise RecordingUnusable(asked, f"cannot be read ({error})") from error
    if asked not in BLOCK_TABLES:
        raise DefinitionUnknown("conduction", asked, list(BLOCK_TABLES))
    return _shipped(asked, BlockTable)


SITES = _shipped("conduction-sites", _Sites)
PATIENT_RULE = _shipped("patient-olney-2003", PatientRule)
CRITICAL_ILLNESS = _shipped("critical-illness", CriticalIllness)


def nerve(name: str) -> Nerve:
    """The motor nerve of this name. Raises ``DefinitionUnknown``."""
    known = {one.name: one for one in SITES.nerve}
    if name not in known:
        raise DefinitionUnknown("motor nerve", name, list(known))
    return known[name]
