"""The first rows of a run: that it began, and what the last one left untold.

Theory of operation
-------------------
Before its first turn the core writes down what ``restore`` found: the start itself with the debt and its
proof; a session that was running as interrupted, and an examination in it; the summary of a session that
ended without one; and the end of every alarm of the earlier run, whose names would otherwise stay open on the
ward for ever.  A high-priority alarm that nobody had acknowledged is raised again under a new name: a
restart silences nothing.
"""

from gateway.model import Priority, Reason
from gateway.record.events import (
    AlarmAcknowledged,
    AlarmEnded,
    AlarmEscalated,
    AlarmPaused,
    AlarmPauseEnded,
    AlarmRaised,
    CoreStarted,
    Event,
    ExaminationEnded,
    ExaminationStarted,
    SessionEnded,
    Tripped,
)
from gateway.runtime.recorder import Recorder
from gateway.runtime.restore import Restored
from gateway.runtime.setup import Setup
from gateway.safety.alarms import Alarm, AlarmChange, AlarmState, Change, PauseBegun, PauseEnded, Told
from gateway.safety.reasons import priority_of
from gateway.safety.texts import Language, text_of


def open_run(setup: Setup, recorder: Recorder, restored: Restored, now: int) -> AlarmState:
    """Write the first rows; returns the alarms that the new run inherits."""
    recorder.event(_started(setup, restored), "", now)
    if restored.tripped is not None:
        detail = f"session {restored.open_session or 'none'} was running"
        recorder.event(Tripped(reason=restored.tripped.value, detail=detail), restored.open_session, now)
    if restored.open_session:
        if restored.open_examination is not None:
            recorder.event(_cut_off(restored.open_examination), restored.open_session, now)
        ended = SessionEnded(outcome="interrupted", reason=Reason.CORE_RESTARTED.value)
        recorder.event(ended, restored.open_session, now)
        recorder.summarise(restored.open_session, now)
    elif restored.untold_session:
        recorder.summarise(restored.untold_session, now)
    return _inherit(setup, recorder, restored, now)


def _cut_off(examination: ExaminationStarted) -> ExaminationEnded:
    """What it had in memory is gone; the trace rows of its session have it."""
    return ExaminationEnded(
        examination=examination.examination,
        exam=examination.exam,
        outcome="interrupted",
        reason=Reason.CORE_RESTARTED.value,
        cuff_samples=0,
        sto2_samples=0,
        trace_complete=False,
        trace_sha256="",
    )


def _started(setup: Setup, restored: Restored) -> CoreStarted:
    return CoreStarted(
        version=setup.version,
        boot_id=setup.boot_id,
        config_hash=setup.config_hash,
        firmware_limits_crc=setup.firmware_limits_crc,
        ischaemia_debt_ms=max(restored.debts_ms),
        debt_proof=restored.debt_proof,
    )


def _inherit(setup: Setup, recorder: Recorder, restored: Restored, now: int) -> AlarmState:
    for old in restored.open_alarms:
        recorder.event(AlarmEnded(alarm_id=old.alarm_id, condition=old.condition.value), "", now)
    unheard = {
        old.condition: None
        for old in restored.open_alarms
        if not old.acknowledged and priority_of(old.condition) is Priority.HIGH
    }
    alarms = tuple(
        Alarm(number, condition, Priority.HIGH, now, active=False)
        for number, condition in enumerate(unheard, start=1)
    )
    for alarm in alarms:
        raised = AlarmChange(Change.RAISED, alarm)
        recorder.event(alarm_event(setup.boot, raised, setup.language), "", now)
    return AlarmState(alarms, len(alarms) + 1)


def alarm_id(boot: int, number: int) -> str:
    """An alarm's name, unique for ever."""
    return f"{boot}-{number}"


def alarm_event(boot: int, told: Told, language: Language) -> Event:
    """The row of what happened to an alarm or to the sound; its sentence is in the site's language."""
    match told:
        case PauseBegun():
            return AlarmPaused(pause_ms=told.duration_ms)
        case PauseEnded():
            return AlarmPauseEnded(why=told.why.value)
        case AlarmChange():
            return _change_event(alarm_id(boot, told.alarm.number), told, language)


def _change_event(name: str, changed: AlarmChange, language: Language) -> Event:
    alarm = changed.alarm
    condition, priority = alarm.condition.value, alarm.priority.value
    match changed.change:
        case Change.RAISED:
            text = text_of(alarm.condition, language)
            return AlarmRaised(alarm_id=name, condition=condition, priority=priority, text=text)
        case Change.ESCALATED:
            presented = alarm.presented.value
            return AlarmEscalated(alarm_id=name, condition=condition, priority=priority, presented=presented)
        case Change.ENDED:
            return AlarmEnded(alarm_id=name, condition=condition)
        case Change.ACKNOWLEDGED:
            return AlarmAcknowledged(alarm_id=name, condition=condition)
