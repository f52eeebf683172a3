"""The panel of ``rvos session status`` and the list of ``rvos alarm list``.

Theory of operation
-------------------
Pure functions from what core reports (``gateway.ward.messages``) to lines of text, one fact a
line, the most urgent first.  A value that is missing is called "no value".  What a reason means is told
in the language of the site.

Units: as in ``State``: mmHg, s, %.
"""

from collections.abc import Iterator, Sequence

from gateway.model import Reason
from gateway.record.words import NO_VALUE, duration, quantity
from gateway.safety.limits import HARD
from gateway.safety.texts import Language, text_of
from gateway.ward.messages import Alarm, Feed, Health, State

_MODES = {
    "idle": "no session is running",
    "session": "a session is running",
    "latched": "STOPPED after a fault; nothing inflates until a person resets it",
}
_PHASES = {
    "baseline": "resting before the first inflation",
    "waiting": "deflated, waiting to inflate",
    "inflating": "inflating",
    "holding": "occluded",
    "reperfusion": "deflated, limb reperfusing",
    "recovery": "deflated, watching the recovery",
    "occluding": "occluded",
    "rest": "deflated, resting before the next occlusion",
    "climbing": "climbing in steps",
    "emptying": "deflating after a run",
    "ready": "armed, no examination under way; the session then ends by itself",
    "prescription_ready": "none under way; begin the prescription (rvos session begin), or it ends",
    "contracting": "stimulating",
    "resting": "resting between contractions",
    "held": "no response of the muscle; waits for a person, or the session ends",
    "finished": "finished",
    "ending": "ending, the cuff is emptying",
}
_PHASES_OF_STIMULATION = {"waiting": "waiting to stimulate", "ending": "ending"}
_URGENCY = {"high": 0, "medium": 1, "low": 2}
_WIDTH = 16


def panel(feed: Feed, language: Language = Language.ENGLISH) -> str:
    """Everything that a person at the bedside wants to see at once."""
    return "\n".join(f"{name:<{_WIDTH}}{text}" for name, text in _rows(feed, language))


def alarm_lines(alarms: Sequence[Alarm]) -> list[str]:
    """One line for each alarm, the most urgent first."""
    ordered = sorted(alarms, key=lambda alarm: _URGENCY.get(_presented(alarm), 0))
    return [
        f"{_presented(alarm).upper():<7} {alarm.alarm_id}: {alarm.text}{_suffix(alarm)}" for alarm in ordered
    ]


def pause_line(left_s: float) -> str:
    """How long the sound is still paused."""
    return f"paused, {duration(left_s)} left; any new alarm sounds at once"


def _presented(alarm: Alarm) -> str:
    """The priority that it looks and sounds like; an older core reports the assigned one only."""
    return alarm.presented or alarm.priority


def _rows(feed: Feed, language: Language) -> Iterator[tuple[str, str]]:
    state = feed.state
    yield "Mode", _MODES[state.mode]
    if state.latched is not None:
        yield "Fault", reason_text(state.latched, language)
    if state.session is not None:
        yield from _session_rows(state, language)
    yield "Cuff", _cuff(state)
    yield "StO2", quantity(state.sto2_percent, "%")
    yield "Ischaemia debt", _debt(state.ischaemia_debt_s)
    if state.stimulator_ok is not None:
        yield "Stimulator", "answers" if state.stimulator_ok else "does not answer"
    if state.session is not None:
        yield "Blood pressure", _pressure(state)
    yield from _device_rows(feed.devices)
    if state.alarm_pause_left_s is not None:
        yield "Sound", pause_line(state.alarm_pause_left_s)
    yield from _alarm_rows(feed.alarms)


def _session_rows(state: State, language: Language) -> Iterator[tuple[str, str]]:
    leg = state.limb.replace("_", " ") if state.limb else "limb unknown"
    if not state.prescription or state.examination or state.phase in ("ready", "prescription_ready"):
        yield from _examination_rows(state, leg, language)
        return
    yield "Session", f"{state.session}, prescription {state.prescription}, {leg}"
    step = "Contraction" if (state.therapy or "").startswith("nmes") else "Cycle"
    yield step, f"{state.cycle} of {state.cycles_prescribed}: {_phase(state)}"
    if (state.therapy or "").startswith("nmes"):
        yield "Current", "none now" if state.current_ma is None else quantity(state.current_ma, "mA")
    if state.waiting_for is not None:
        yield "Waiting", reason_text(state.waiting_for, language)


def _examination_rows(state: State, leg: str, language: Language) -> Iterator[tuple[str, str]]:
    what = f"prescription {state.prescription} and examinations" if state.prescription else "examinations"
    yield "Session", f"{state.session}, {what}, {leg}"
    yield "Examination", f"{state.examination or 'none now'}: {_phase(state)}"
    if state.waiting_for is not None:
        yield "Waiting", reason_text(state.waiting_for, language)


def phase_words(phase: str) -> str:
    """What a plan's phase means to a person; its own word where this version does not know it."""
    return _PHASES.get(phase, phase or "phase unknown")


def _phase(state: State) -> str:
    name = phase_words(state.phase or "")
    if (state.therapy or "").startswith("nmes"):
        name = _PHASES_OF_STIMULATION.get(state.phase or "", name)
    timed = state.phase_left_s is not None and state.phase_left_s > 0 and state.phase != "ending"
    return f"{name}, {duration(state.phase_left_s or 0)} left" if timed else name


def _cuff(state: State) -> str:
    target = "no target" if state.target_mmhg is None else f"target {state.target_mmhg:.1f} mmHg"
    not_ready = "" if state.cuff_ok else " (the cuff controller is not ready)"
    return f"{quantity(state.cuff_mmhg, 'mmHg')}, {target}{not_ready}"


def _debt(debt_s: float | None) -> str:
    most = duration(HARD.debt_inflation_ms / 1000)
    return NO_VALUE if debt_s is None else f"{duration(debt_s)} of at most {most}"


def _pressure(state: State) -> str:
    """What counts and whose it is; a reading of the module that waits for a person's own says so."""
    held_back = _figures(state.held_back_systolic_mmhg, state.held_back_diastolic_mmhg)
    if held_back:
        return f"none that counts: the module told {held_back}; measure by hand and enter it"
    if state.blood_pressure_age_s is None:
        return "none entered"
    how = "taken by the module" if state.blood_pressure_by == "module" else "entered"
    figures = _figures(state.systolic_mmhg, state.diastolic_mmhg)
    return f"{figures + ', ' if figures else ''}{how} {duration(state.blood_pressure_age_s)} ago"


def _figures(systolic_mmhg: float | None, diastolic_mmhg: float | None) -> str:
    if systolic_mmhg is None or diastolic_mmhg is None:
        return ""
    return f"{systolic_mmhg:.0f}/{diastolic_mmhg:.0f} mmHg"


def _device_rows(devices: Sequence[Health]) -> Iterator[tuple[str, str]]:
    """Those that are not as they should be; ``rvos device`` has the rest."""
    poor = [one for one in devices if one.link != "ready"]
    for number, one in enumerate(poor):
        why = f", {one.why}" if one.why else ""
        yield "" if number else "Devices", f"{one.device}: {one.link}{why}"


def _alarm_rows(alarms: Sequence[Alarm]) -> Iterator[tuple[str, str]]:
    lines = alarm_lines(alarms)
    yield "Alarms", lines[0] if lines else "none"
    for line in lines[1:]:
        yield "", line


def _suffix(alarm: Alarm) -> str:
    if alarm.state == "acknowledged":
        return " (acknowledged)"
    if alarm.state == "latched":
        return " (over, but nobody has acknowledged it)"
    return " (nobody has answered it)" if alarm.escalated else ""


def reason_text(reason: str, language: Language = Language.ENGLISH) -> str:
    """The reason's sentence; its own word when this version does not know it."""
    return text_of(Reason(reason), language) if reason in [*Reason] else reason
