"""What counts as one state: which parts of a state matter, and up to where.

Theory of operation
-------------------
``rows`` says for each field of the supervisor's state, and of the rules' memory, what of it matters: an
instant by its age and a duration, each up to where nothing more is compared with it; a debt up to where it
exceeds all that it is compared with; a name not at all; and nothing of what the letters of a slice cannot
tell apart (``unread``).  A field without a row is an error, so a new field cannot be forgotten.

What stands at the end of its count stands for every larger one too; ``with_more`` makes the larger ones
that could come back below that end in one step.  ``breadth_first`` checks samples of all this against the
supervisor.

Units: times ticks.
"""

from collections.abc import Hashable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from gateway.model import Reason
from gateway.safety.stuck import AT_REST
from tests.safety.exploration.letters import Names
from tests.safety.exploration.memory import LIMBS
from tests.safety.exploration.small import Slice

NOW = 1_000
_DEBTS = {"of_limbs", "accounts"}


class Age(NamedTuple):
    """An instant, by how long ago it was, up to ``most``."""

    most: int


class Span(NamedTuple):
    """A duration or an amount that only grows while it is looked at, up to ``most``."""

    most: int


class Debt(NamedTuple):
    """An amount that is paid back: ``most`` stands for all that is larger."""

    most: int


class Name(NamedTuple):
    """A value that is only compared with itself: every one is written as ``stands``."""

    stands: Hashable


class Started(NamedTuple):
    """A number of which only matters whether it is 0 still."""


class Latch(NamedTuple):
    """A latched reason: a name, but for the one that leaves something behind when it is cleared."""


class Dated(NamedTuple):
    """Values with their instants, of which the old ones are forgotten anyway."""


KEPT, PARTS = "kept as it is", "taken apart"
Row = Age | Span | Debt | Name | Started | Latch | Dated | str

_UNREAD: dict[str, dict[str, Hashable]] = {
    "rests": {"State.deflated_ms": (None,) * 4, "Memory.rests": (None,) * 4},
    "spent": {
        "State.therapy_spent_ms": 0,
        "State.examination_spent_ms": 0,
        "Session.therapy_ms": 0,
        "Session.examination_ms": 0,
        "StimulationState.spent_ms": 0,
        "Pulses.spent_ms": 0,
    },
    "oximetry": {"State.watch": None, "Memory.oximetry": None},
    "series": {
        "State.series": 0,
        "Session.series": 0,
        "State.series_ms": None,
        "Session.series_ms": None,
    },
    "sessions": {"State.session": None, "Session.number": None},
}


def abstraction(of: Slice) -> "Abstraction":
    """The abstraction of a slice."""
    return Abstraction(rows(of), of.places)


def rows(of: Slice) -> dict[str, Row]:
    """Field by field; PARTS are values with fields of their own."""
    table = _state(of) | _memory(of)
    for group in of.unread:
        table |= {path: Name(stands) for path, stands in _UNREAD[group].items()}
    return table


def _longest(of: Slice) -> int:
    """More than any inflation lasts."""
    return of.limits.planned_longest_ms + of.limits.overdue_ms + of.limits.cycle_late_ms + 2


def _state(of: Slice) -> dict[str, Row]:
    n, names = of.limits, Names()
    return {
        "State.debts": PARTS,
        "State.latched": Latch(),
        "State.limb": KEPT,
        "State.deflated_ms": Age(n.limb_gap_ms),
        "State.session": KEPT,
        "State.presses": Name(names.presses),
        "State.therapy_spent_ms": Span(of.budget + 1),
        "State.examination_spent_ms": Span(of.budget + 1),
        "State.examining": KEPT,
        "State.series": KEPT,
        "State.series_ms": Age(n.short_series_ms + 1),
        "State.moved_ms": Age(n.deviation_ms + 1),
        "State.inflation": PARTS,
        "State.watch": PARTS,
        "State.vented_ms": Age(n.not_deflated_ms),
        "State.nonce": Name(names.nonce),
        "State.now_ms": Age(0),
        "State.timers": PARTS,
        "State.stimulation": PARTS,
        "State.stream": KEPT,
        "State.stills": Name(AT_REST),
        "Debts.of_limbs": PARTS,
        "Debt.value_ms": Debt(n.debt_vent_ms),
        "Debt.at_ms": Age(0),
        "Debt.above": KEPT,
        "Timers.over_ms": Age(n.pressure_trip_ms),
        "Timers.missing_ms": Age(n.sensor_missing_ms),
        "Timers.disagree_ms": Age(n.sensors_disagree_ms),
        "Timers.deviation_ms": Age(n.deviation_ms),
        "Timers.low_ms": Age(n.pressure_lost_ms),
        "Timers.low_seen_ms": Age(n.relief_ms),
        "Timers.above_ms": Age(n.sensors_disagree_ms),
        "Timers.absent_ms": Age(n.absent_ms),
        "Timers.no_saturation_ms": Age(n.tissue_saturation_age_ms),
        "Timers.congestion_ms": Age(n.congestion_ms),
        "Timers.congestion_seen_ms": Age(n.relief_ms),
        "Timers.working_ms": Age(n.leak_ms),
        "Timers.worked": KEPT,
        "Timers.residual_ms": Age(n.residual_ms),
        "Timers.blood_ms": Age(n.haemoglobin_ms),
        "Inflation.cycle": KEPT,
        "Inflation.target_dmmhg": KEPT,
        "Inflation.planned_ms": KEPT,
        "Inflation.systolic_mmhg": KEPT,
        "Inflation.started_ms": Age(_longest(of)),
        "Inflation.aimed_ms": Age(n.reach_ms),
        "Inflation.reached_ms": Age(n.leak_after_ms),
        "Inflation.passed_ms": Age(0),
        "Inflation.purpose": KEPT,
        "Watch.cycle": KEPT,
        "Watch.reached_ms": Age(_longest(of)),
        "Watch.saturation": KEPT,
        "Watch.haemoglobin": KEPT,
        "Watch.others": Dated(),
        "Watch.lowest": KEPT,
        "Watch.verified": KEPT,
        "Watch.vented_ms": Age(_longest(of)),
        "Watch.released_ms": Age(n.recovery_ms),
        "Watch.recovered": KEPT,
        "Watch.told": KEPT,
        "StimulationState.on": KEPT,
        "StimulationState.contraction": Started(),
        "StimulationState.current_ua": KEPT,
        "StimulationState.base_ua": KEPT,
        "StimulationState.presses": Started(),
        "StimulationState.pressed_ms": Age(n.stimulation_press_ms),
        "StimulationState.permitted_ms": Age(n.stimulation_permit_ms + n.stimulator_age_ms + 1),
        "StimulationState.link": Name(names.link),
        "StimulationState.spent_ms": Span(of.budget + 1),
        "StimulationState.started_ms": Age(of.train),
        "StimulationState.rested_ms": Age(n.stimulation_pause_ms),
    }


def _memory(of: Slice) -> dict[str, Row]:
    n, names = of.limits, Names()
    return {
        "Memory.accounts": PARTS,
        "Memory.latched": Latch(),
        "Memory.place": KEPT,
        "Memory.rests": Span(n.limb_gap_ms),
        "Memory.session": PARTS,
        "Memory.running": PARTS,
        "Memory.venting_ms": Span(n.not_deflated_ms),
        "Memory.moved_ms": Span(n.deviation_ms + 1),
        "Memory.nonce": Name(names.nonce),
        "Memory.begun": KEPT,
        "Memory.lasting": PARTS,
        "Memory.oximetry": PARTS,
        "Memory.pulses": PARTS,
        "Account.owed_ms": Debt(n.debt_vent_ms),
        "Account.pressed": KEPT,
        "Session.number": KEPT,
        "Session.presses": Name(names.presses),
        "Session.therapy_ms": Span(of.budget + 1),
        "Session.examination_ms": Span(of.budget + 1),
        "Session.series": KEPT,
        "Session.series_ms": Span(n.short_series_ms + 1),
        "Session.examining": KEPT,
        "Running.wish": KEPT,
        "Running.systolic_mmhg": KEPT,
        "Running.since_ms": Span(_longest(of)),
        "Running.aimed_ms": Span(n.reach_ms),
        "Running.arrived_ms": Span(n.leak_after_ms),
        "Running.passed": KEPT,
        "Lasting.over_ms": Span(n.pressure_trip_ms),
        "Lasting.blind_ms": Span(n.sensor_missing_ms),
        "Lasting.apart_ms": Span(n.sensors_disagree_ms),
        "Lasting.pressed_ms": Span(n.sensors_disagree_ms),
        "Lasting.deviating_ms": Span(n.deviation_ms),
        "Lasting.low_ms": Span(n.pressure_lost_ms),
        "Lasting.low_seen_ms": Span(n.relief_ms),
        "Lasting.absent_ms": Span(n.absent_ms),
        "Lasting.unsaturated_ms": Span(n.tissue_saturation_age_ms),
        "Lasting.congesting_ms": Span(n.congestion_ms),
        "Lasting.congesting_seen_ms": Span(n.relief_ms),
        "Lasting.working_ms": Span(n.leak_ms),
        "Lasting.worked": KEPT,
        "Lasting.residual_ms": Span(n.residual_ms),
        "Lasting.bleeding_ms": Span(n.haemoglobin_ms),
        "Oximetry.since_ms": Span(_longest(of)),
        "Oximetry.saturation": KEPT,
        "Oximetry.haemoglobin": KEPT,
        "Oximetry.others": KEPT,
        "Oximetry.lowest": KEPT,
        "Oximetry.verdict": KEPT,
        "Oximetry.held_ms": Span(n.verify_ms),
        "Oximetry.released_ms": Span(n.recovery_ms),
        "Oximetry.recovered": KEPT,
        "Oximetry.told": KEPT,
        "Pulses.on": KEPT,
        "Pulses.contraction": Started(),
        "Pulses.current_ua": KEPT,
        "Pulses.base_ua": KEPT,
        "Pulses.presses": Started(),
        "Pulses.pressed_ms": Span(n.stimulation_press_ms),
        "Pulses.permitted_ms": Span(n.stimulation_permit_ms + n.stimulator_age_ms + 1),
        "Pulses.link": Name(names.link),
        "Pulses.spent_ms": Span(of.budget + 1),
        "Pulses.begun_ms": Span(of.train),
        "Pulses.rested_ms": Span(n.stimulation_pause_ms),
    }


class Abstraction:
    """What values stand for. Raises LookupError for a field without a row.

    ``limbs`` are those that a cuff can be on in this slice; the debts of the others are not told apart.
    """

    def __init__(self, table: dict[str, Row], limbs: int = len(LIMBS)) -> None:
        self._rows, self._limbs = table, limbs

    def of(self, value: Any, now: int) -> Any:
        """The value that stands for this one at ``NOW``."""
        names = _fields(value)
        if names is None:
            return tuple(self.of(one, now) for one in value) if isinstance(value, tuple) else value
        kind = type(value).__name__
        parts = {name: self.part(f"{kind}.{name}", getattr(value, name), now) for name in names}
        for debts in _DEBTS & parts.keys():
            known = parts[debts]
            parts[debts] = (*known[: self._limbs], *(_without_debt(one) for one in known[self._limbs :]))
        return _settled(type(value)(**parts))

    def part(self, path: str, value: Any, now: int) -> Any:
        """The same for one field."""
        if path not in self._rows:
            raise LookupError(f"no abstraction for {path}: add a row to tests/safety/exploration")
        row = self._rows[path]
        if row == PARTS:
            return self.of(value, now)
        if isinstance(row, Name):
            return row.stands if value is not None or row.stands is None else None
        if isinstance(row, Started):
            return min(value, 1)
        if isinstance(row, Latch):
            return value if value in (None, Reason.REPERFUSION_FAILED) else Reason.CORE_RESTARTED
        if isinstance(row, Dated):
            return tuple((NOW - (now - at_ms), known) for at_ms, known in value)
        if isinstance(row, Age | Span | Debt):
            return self._counted(row, value, now)
        if value is None or isinstance(value, bool | int | str | Enum | tuple) or is_dataclass(value):
            return value
        raise LookupError(f"{path} is {value!r}: no value that can be kept as it is")

    def _counted(self, row: Age | Span | Debt, value: Any, now: int) -> Any:
        if value is None:
            return None
        if isinstance(value, tuple):
            return tuple(self._counted(row, one, now) for one in value)
        return NOW - min(now - value, row.most) if isinstance(row, Age) else min(value, row.most)

    def with_more(self, value: Any, repaid: tuple[int, ...], instants: int) -> Any:
        """The value with more on all that is at its end: ``repaid`` on each debt, ``instants`` on ages."""
        names = _fields(value)
        if names is None:
            if not isinstance(value, tuple):
                return value
            each = zip(value, repaid, strict=False)  # the tuples taken apart are those of the limbs
            return tuple(self.with_more(one, (more,), instants) for one, more in each)
        kind = type(value).__name__
        parts = {}
        for name in names:
            row, field = self._rows[f"{kind}.{name}"], getattr(value, name)
            parts[name] = self._more(row, field, repaid, instants)
        return type(value)(**parts)

    def _more(self, row: Row, value: Any, repaid: tuple[int, ...], instants: int) -> Any:
        if row == PARTS:
            return self.with_more(value, repaid, instants)
        if isinstance(value, tuple) and isinstance(row, Age | Span):
            return tuple(self._more(row, one, repaid, instants) for one in value)
        match row, value:
            case Age(most), int() if value == NOW - most and most:
                return value - instants
            case Span(most), int() if value == most:
                return value + instants
            case Debt(most), int() if value == most:
                return value + repaid[0]
        return value


def _fields(value: Any) -> tuple[str, ...] | None:
    """The names of the fields of a value that has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in fields(value))
    return getattr(value, "_fields", None)


def _without_debt(value: Any) -> Any:
    return replace(value, value_ms=0) if hasattr(value, "value_ms") else value._replace(owed_ms=0)


def _settled(value: Any) -> Any:
    """Of a hold that is over only its length matters, and what the saturation was."""
    if type(value).__name__ == "Oximetry" and value.held_ms is not None:
        return value._replace(since_ms=0, haemoglobin=None, others=())
    if type(value).__name__ == "Watch" and value.vented_ms is not None:
        reached_ms = NOW - (value.vented_ms - value.reached_ms)
        return replace(value, vented_ms=NOW, reached_ms=reached_ms, haemoglobin=None, others=())
    return value
