"""Alarms: which conditions are being announced, to whom it was acknowledged, and when they end.

Theory of operation
-------------------
``step`` compares the conditions that hold now with the alarms that exist.  A new condition raises
an alarm.  A condition that ends takes its alarm with it, except that a high-priority alarm stays
("latched") until a person has acknowledged it.  Acknowledging silences an alarm; it never ends a
condition.  The words (condition, signal, latched, acknowledged) are those of IEC 60601-1-8; the
signal itself (sound, light) belongs to the runtime and the cuff controller.

States of one alarm: active, active + acknowledged, latched (its condition is over), gone.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from gateway.model import Priority, Reason
from gateway.safety.reasons import priority_of

_ORDER = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One announced condition. ``number`` is unique within one run of the core."""

    number: int
    condition: Reason
    priority: Priority
    raised_ms: int
    active: bool = True
    acknowledged: bool = False

    @property
    def state(self) -> Literal["active", "acknowledged", "latched"]:
        """``active``, ``acknowledged`` or ``latched``, in this order of precedence."""
        if self.acknowledged:
            return "acknowledged"
        return "active" if self.active else "latched"


class Change(StrEnum):
    """What happened to an alarm."""

    RAISED = "raised"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """One change, to be journalled."""

    change: Change
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Every alarm that is not gone, oldest first."""

    alarms: tuple[Alarm, ...] = ()
    next_number: int = 1


def step(
    state: AlarmState, conditions: frozenset[Reason], now: int
) -> tuple[AlarmState, tuple[AlarmChange, ...]]:
    """The alarms at ``now``, given every condition that holds."""
    kept = [_at_present(alarm, conditions) for alarm in state.alarms]
    gone = [alarm for alarm in kept if _is_over(alarm)]
    known = {alarm.condition for alarm in kept if not _is_over(alarm)}
    raised = _raise(state.next_number, sorted(conditions - known), now)
    alarms = tuple(alarm for alarm in kept if not _is_over(alarm)) + raised
    changes = [AlarmChange(Change.ENDED, alarm) for alarm in gone]
    changes += [AlarmChange(Change.RAISED, alarm) for alarm in raised]
    return AlarmState(alarms, state.next_number + len(raised)), tuple(changes)


def _at_present(alarm: Alarm, conditions: frozenset[Reason]) -> Alarm:
    """Who acknowledged a condition that was over has not acknowledged its return: that is a new alarm."""
    settled = alarm.acknowledged and not alarm.active
    return replace(alarm, active=alarm.condition in conditions and not settled)


def _is_over(alarm: Alarm) -> bool:
    return not alarm.active and (alarm.acknowledged or alarm.priority is not Priority.HIGH)


def _raise(number: int, conditions: list[Reason], now: int) -> tuple[Alarm, ...]:
    audible = [(reason, priority) for reason in conditions if (priority := priority_of(reason))]
    return tuple(
        Alarm(number + index, reason, priority, now) for index, (reason, priority) in enumerate(audible)
    )


def acknowledge(state: AlarmState, number: int | None) -> tuple[AlarmState, tuple[AlarmChange, ...]]:
    """Acknowledge one alarm, or every one when ``number`` is ``None``."""
    chosen = [a for a in state.alarms if not a.acknowledged and number in (None, a.number)]
    silenced = {alarm.number: replace(alarm, acknowledged=True) for alarm in chosen}
    alarms = tuple(silenced.get(alarm.number, alarm) for alarm in state.alarms)
    changes = tuple(AlarmChange(Change.ACKNOWLEDGED, alarm) for alarm in silenced.values())
    return AlarmState(alarms, state.next_number), changes


def loudest(state: AlarmState) -> Priority | None:
    """The highest priority that still sounds, ``None`` for silence."""
    sounding = {alarm.priority for alarm in state.alarms if not alarm.acknowledged}
    return next((priority for priority in _ORDER if priority in sounding), None)
