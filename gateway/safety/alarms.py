"""Alarms: which conditions are being announced, to whom it was acknowledged, and when they end.

Theory of operation
-------------------
The *condition* is what is wrong (a ``Reason`` that holds now); the *signal* is what a person hears and
sees of it.  Both are kept apart: nothing a person does to the signal touches the condition.

``step`` compares the conditions that hold now with the alarms that exist.  A new condition raises an
alarm.  A condition that ends takes its alarm with it, except that a high-priority alarm stays ("latched")
until a person has acknowledged it.  ``acknowledge`` silences an alarm until its condition is over.

The reason that the supervisor has latched is announced until somebody clears it, whether or not what it
names is still there.  The two are kept apart (``holds``): a danger that ceased and comes again while its
reason is latched is a new alarm, whoever acknowledged the first.

``pause`` silences the sound of all alarms for at most two minutes, and nothing else: lamps, lists and the
ward go on.  It belongs to the alarms that a person has just heard.  So any alarm that is raised or returns
meanwhile ends it, and a new one is never silent.  Ended means ended: the older ones sound again as well.

*Escalation*: an alarm that nobody acknowledges in time is presented one priority higher, a high one is
marked; each does so once.  A pause is an answer, so the time starts again when it is over.  A low alarm
ends at medium: a cable that nobody minds must not sound like a limb in danger.  The presented priority of
an alarm never falls; its assigned one (``priority``) never changes, and decides whether it latches.

States of one alarm: active, active + acknowledged, latched (its condition is over), gone.
Each active one either *holds* (its condition is there now) or is only the supervisor's latched reason.
Units: ms of the clock that is handed in.
Sources: words from IEC 60601-1-8 (alarm condition, alarm signal, latching, acknowledged, audio paused,
escalation; standard from memory).  The longest pause is its usual two minutes (from memory); the times of
escalation are engineering proposals: docs/decisions/alarms.md.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from gateway.model import Priority, Reason
from gateway.safety.reasons import priority_of

PAUSE_LONGEST_MS = 120_000
HIGH_UNANSWERED_MS = 60_000
MEDIUM_UNANSWERED_MS = 120_000
LOW_UNANSWERED_MS = 600_000

_ORDER = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)
_ONE_HIGHER = {
    Priority.LOW: Priority.MEDIUM,
    Priority.MEDIUM: Priority.HIGH,
    Priority.HIGH: Priority.HIGH,
}
_UNANSWERED_MS = {
    Priority.HIGH: HIGH_UNANSWERED_MS,
    Priority.MEDIUM: MEDIUM_UNANSWERED_MS,
    Priority.LOW: LOW_UNANSWERED_MS,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One announced condition. ``number`` is unique within one run of the core.

    ``active``: it holds, or is the reason that is latched; ``holds``: what it names is there now.
    """

    number: int
    condition: Reason
    priority: Priority
    raised_ms: int
    active: bool = True
    acknowledged: bool = False
    escalated: bool = False
    holds: bool = True

    @property
    def state(self) -> Literal["active", "acknowledged", "latched"]:
        """``active``, ``acknowledged`` or ``latched``, in this order of precedence."""
        if self.acknowledged:
            return "acknowledged"
        return "active" if self.active else "latched"

    @property
    def presented(self) -> Priority:
        """The priority of its signal: one higher than assigned once it has escalated."""
        return _ONE_HIGHER[self.priority] if self.escalated else self.priority


class Change(StrEnum):
    """What happened to an alarm."""

    RAISED = "raised"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"


class PauseEnd(StrEnum):
    """Why the sound is no longer paused."""

    TIME = "time"
    NEW_ALARM = "new_alarm"
    PERSON = "person"
    NOTHING_LEFT = "nothing_left"


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """What happened to one alarm, to be journalled."""

    change: Change
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class PauseBegun:
    """A person paused the sound for so long, to be journalled."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class PauseEnded:
    """The sound is back, to be journalled."""

    why: PauseEnd


Told = AlarmChange | PauseBegun | PauseEnded
"""One change, to be journalled."""


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Every alarm that is not gone, oldest first; until when the sound is paused; when a pause last ended."""

    alarms: tuple[Alarm, ...] = ()
    next_number: int = 1
    paused_until_ms: int | None = None
    answered_ms: int | None = None


def step(
    state: AlarmState, conditions: frozenset[Reason], now: int, latched: Reason | None = None
) -> tuple[AlarmState, tuple[Told, ...]]:
    """The alarms at ``now``, given every condition that holds, and the reason that the supervisor latched."""
    if not state.alarms and not conditions and latched is None:
        return state, ()
    before = state.alarms
    state, followed = _follow(state, _Present(conditions, latched), now)
    fresh = not (_active(state.alarms) <= _active(before) and _holding(state.alarms) <= _holding(before))
    state, pause_ended = _end_pause(state, _end_of_pause(state, fresh, now), now)
    state, escalated = _escalate(state, now)
    return state, (*followed, *pause_ended, *escalated)


@dataclass(frozen=True, slots=True)
class _Present:
    """What is to be announced now: what holds, and what is latched."""

    holding: frozenset[Reason]
    latched: Reason | None

    @property
    def conditions(self) -> frozenset[Reason]:
        return self.holding if self.latched is None else self.holding | {self.latched}


def _active(alarms: tuple[Alarm, ...]) -> set[int]:
    """The alarms that are active: one that was not has not been heard yet."""
    return {alarm.number for alarm in alarms if alarm.active}


def _holding(alarms: tuple[Alarm, ...]) -> set[int]:
    """The alarms whose condition is there now: one that came back has not been heard yet."""
    return {alarm.number for alarm in alarms if alarm.holds}


def _follow(state: AlarmState, present: _Present, now: int) -> tuple[AlarmState, tuple[AlarmChange, ...]]:
    followed = [_at_present(alarm, present) for alarm in state.alarms]
    kept = tuple(alarm for alarm in followed if not _is_over(alarm))
    gone = [alarm for alarm in followed if _is_over(alarm)]
    raised = _raise(state.next_number, {alarm.condition for alarm in kept}, present, now)
    changes = [AlarmChange(Change.ENDED, alarm) for alarm in gone]
    changes += [AlarmChange(Change.RAISED, alarm) for alarm in raised]
    following = replace(state, alarms=kept + raised, next_number=state.next_number + len(raised))
    return following, tuple(changes)


def _at_present(alarm: Alarm, present: _Present) -> Alarm:
    """Who acknowledged a condition that was over has not acknowledged its return: that is a new alarm."""
    holds = alarm.condition in present.holding
    returned = holds and not alarm.holds
    settled = alarm.acknowledged and (returned or not alarm.active)
    return replace(alarm, active=alarm.condition in present.conditions and not settled, holds=holds)


def _is_over(alarm: Alarm) -> bool:
    return not alarm.active and (alarm.acknowledged or alarm.priority is not Priority.HIGH)


def _raise(number: int, announced: set[Reason], present: _Present, now: int) -> tuple[Alarm, ...]:
    fresh = sorted(present.conditions - announced)
    audible = [(reason, priority) for reason in fresh if (priority := priority_of(reason))]
    return tuple(
        Alarm(number + index, reason, priority, now, holds=reason in present.holding)
        for index, (reason, priority) in enumerate(audible)
    )


# the pause


def pause(state: AlarmState, duration_ms: int, now: int) -> tuple[AlarmState, tuple[Told, ...]]:
    """Silence the alarms that sound now for ``duration_ms``; 0 ends the pause.

    Never longer than ``PAUSE_LONGEST_MS``.  Where nothing sounds there is nothing to pause, and nothing
    is told.
    """
    if duration_ms <= 0:
        return _end_pause(state, PauseEnd.PERSON, now)
    if loudest(state) is None:
        return state, ()
    allowed_ms = min(duration_ms, PAUSE_LONGEST_MS)
    return replace(state, paused_until_ms=now + allowed_ms), (PauseBegun(allowed_ms),)


def pause_left_ms(state: AlarmState, now: int) -> int:
    """For how long the sound is still paused; 0 when it is not."""
    return 0 if state.paused_until_ms is None else max(0, state.paused_until_ms - now)


def _end_of_pause(state: AlarmState, fresh: bool, now: int) -> PauseEnd | None:
    """What ends the pause now, if anything does."""
    if fresh:
        return PauseEnd.NEW_ALARM
    if loudest(state) is None:
        return PauseEnd.NOTHING_LEFT
    return None if pause_left_ms(state, now) else PauseEnd.TIME


def _end_pause(
    state: AlarmState, why: PauseEnd | None, now: int
) -> tuple[AlarmState, tuple[PauseEnded, ...]]:
    if why is None or state.paused_until_ms is None:
        return state, ()
    return replace(state, paused_until_ms=None, answered_ms=now), (PauseEnded(why),)


# escalation


def _escalate(state: AlarmState, now: int) -> tuple[AlarmState, tuple[AlarmChange, ...]]:
    if state.paused_until_ms is not None:
        return state, ()
    risen = {
        alarm.number: replace(alarm, escalated=True)
        for alarm in state.alarms
        if _is_unanswered(alarm, state.answered_ms, now)
    }
    alarms = tuple(risen.get(alarm.number, alarm) for alarm in state.alarms)
    changes = tuple(AlarmChange(Change.ESCALATED, alarm) for alarm in risen.values())
    return replace(state, alarms=alarms), changes


def _is_unanswered(alarm: Alarm, answered_ms: int | None, now: int) -> bool:
    if alarm.acknowledged or alarm.escalated:
        return False
    since = alarm.raised_ms if answered_ms is None else max(alarm.raised_ms, answered_ms)
    return now - since >= _UNANSWERED_MS[alarm.priority]


# the people and the signal


def acknowledge(state: AlarmState, number: int | None) -> tuple[AlarmState, tuple[AlarmChange, ...]]:
    """Acknowledge one alarm, or every one when ``number`` is ``None``."""
    chosen = [a for a in state.alarms if not a.acknowledged and number in (None, a.number)]
    silenced = {alarm.number: replace(alarm, acknowledged=True) for alarm in chosen}
    alarms = tuple(silenced.get(alarm.number, alarm) for alarm in state.alarms)
    changes = tuple(AlarmChange(Change.ACKNOWLEDGED, alarm) for alarm in silenced.values())
    return replace(state, alarms=alarms), changes


def most_urgent(state: AlarmState) -> Alarm | None:
    """The alarm to announce: of those that nobody has acknowledged the loudest, of these the oldest."""
    waiting = [alarm for alarm in state.alarms if not alarm.acknowledged]
    return min(waiting, key=lambda alarm: _ORDER.index(alarm.presented), default=None)


def loudest(state: AlarmState) -> Priority | None:
    """The highest priority that is presented and not acknowledged: the lamp's; ``None`` for none."""
    alarm = most_urgent(state)
    return None if alarm is None else alarm.presented


def audible(state: AlarmState, now: int) -> Priority | None:
    """The priority that sounds at ``now``: the loudest, or ``None`` while the sound is paused."""
    return None if pause_left_ms(state, now) else loudest(state)
