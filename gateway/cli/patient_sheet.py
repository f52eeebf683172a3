"""What a patient has borne and may still bear, as text.

Theory of operation
-------------------
Pure functions from core's answer, and from what a person typed, to lines.

Units: seconds in; the words carry their own.
"""

from gateway.record import words
from gateway.runtime.patient_view import Borne, LimbLeft, PatientView
from gateway.runtime.requests import DeclaredSession, DeclaredStimulation


def sheet(view: PatientView) -> str:
    """Everything, a line each."""
    lines = [
        f"Patient         {view.patient}",
        f"Last 24 hours   {_knowledge(view)}",
        f"Next session    {_next(view)}",
        *(_limb_line(view, left) for left in view.limbs),
        *_stimulation_lines(view),
        *(_borne_line(borne) for borne in view.borne),
    ]
    return "\n".join(lines)


def _knowledge(view: PatientView) -> str:
    if not view.known and view.handed_on_ago_s is not None:
        since = words.duration(view.handed_on_ago_s)
        return (
            f"not known since they were exported, {since} ago: enter or import what was done elsewhere since"
        )
    if not view.known:
        return "not known: enter them with rvos patient history or rvos patient import"
    return f"known, as of {words.duration(view.told_ago_s or 0)} ago"


def _next(view: PatientView) -> str:
    if view.resumable is not None:
        return f"session {view.resumable} may be resumed"
    if view.session_wait_s > 0:
        return f"in {words.duration(view.session_wait_s)} at the latest, by number and distance of sessions"
    return "may start" if view.known else "when the last 24 hours are known"


def _limb_line(view: PatientView, left: LimbLeft) -> str:
    return (
        f"{words.limb(left.limb).capitalize():16}"
        f"therapy {words.duration(left.therapy_s)} of {words.duration(view.therapy_budget_s)} left, "
        f"examinations {words.duration(left.examination_s)} of {words.duration(view.examination_budget_s)}"
    )


def _stimulation_lines(view: PatientView) -> list[str]:
    if view.stimulation_s is None:
        return []
    return [f"Stimulation     {words.duration(view.stimulation_s)} of pulses left"]


def _borne_line(borne: Borne) -> str:
    where = f"session {borne.session}" if borne.session else "entered by hand"
    return (
        f"Borne           {borne_words(borne.limb, borne.above_s, borne.therapy)}, "
        f"ended at least {words.duration(borne.ended_ago_s)} ago ({where})"
    )


def borne_words(limb: str, above_s: float, therapy: bool) -> str:
    """``left thigh, 20 min above 15 mmHg (therapy)``."""
    kind = "therapy" if therapy else "examination"
    return f"{words.limb(limb)}, {words.duration(above_s)} above 15 mmHg ({kind})"


def train_words(limb: str, stimulated_s: float) -> str:
    """``left thigh, 20 min of stimulation``."""
    return f"{words.limb(limb)}, {words.duration(stimulated_s)} of stimulation"


def declared_train_words(session: DeclaredStimulation) -> str:
    """The same with when it ended, in a person's own numbers."""
    given = train_words(session.limb, session.stimulated_min * 60)
    return f"{given}, ended {words.duration(session.ended_min_ago * 60)} ago"


def declared_words(session: DeclaredSession) -> str:
    """The same with when it ended, in a person's own numbers."""
    borne = borne_words(session.limb, session.above_min * 60, session.therapy)
    return f"{borne}, ended {words.duration(session.ended_min_ago * 60)} ago"
