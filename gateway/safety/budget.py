"""Budgets: how much a limb may bear in a day, and how often a patient may be treated.

Theory of operation
-------------------
The ischaemia debt bounds one occlusion; these rules bound the day.  Each limb of a patient has two
budgets of time above 15 mmHg: 45 min of therapy in any 20 h, 20 min of examinations in any 24 h.  A
patient has at most three sessions with therapy in any 24 h, four hours from the end of one to the start
of the next.  Where the patient's last 24 h are not known, nothing starts.

*Any* window: while a new inflation lasts, the window that ends with it is the worst one.  Until then
each millisecond adds one at the end of the window and takes at most one away at its beginning; after it
nothing is added.  So what counts is what lies in the window that ends when the planned inflation will have
ended; ``ahead_ms`` is how far ahead that is.

An exposure that began before the window counts with as much as can lie inside it: its time above 15 mmHg,
or the length of the overlap if that is shorter; whole, where nobody knows when it began.  Ages are lower
bounds, so nothing leaves a window too early.

Units: ms; "ago" is the age of an instant.  The limits and their sources: ``gateway.safety.limits``.
"""

from dataclasses import dataclass

from gateway.model import Exposure, History, Limb, PastSession, Reason
from gateway.safety.limits import Limits


@dataclass(frozen=True, slots=True)
class Left:
    """What one limb may still bear, never under zero."""

    therapy_ms: int
    examination_ms: int


def left(limits: Limits, exposures: tuple[Exposure, ...], limb: Limb, ahead_ms: int = 0) -> Left:
    """What is left of both budgets of a limb in the windows that end ``ahead_ms`` from now."""
    own = tuple(one for one in exposures if one.limb is limb)
    therapy = tuple(one for one in own if one.therapy)
    examinations = tuple(one for one in own if not one.therapy)
    return Left(
        max(0, limits.therapy_budget_ms - spent_ms(therapy, limits.therapy_window_ms, ahead_ms)),
        max(0, limits.examination_budget_ms - spent_ms(examinations, limits.examination_window_ms, ahead_ms)),
    )


def spent_ms(exposures: tuple[Exposure, ...], window_ms: int, ahead_ms: int = 0) -> int:
    """The most that these exposures can have put into the window that ends ``ahead_ms`` from now."""
    return sum(_inside_ms(one, window_ms - ahead_ms) for one in exposures)


def _inside_ms(exposure: Exposure, oldest_ms: int) -> int:
    """How much of it can be younger than ``oldest_ms``."""
    if exposure.ended_ago_ms >= oldest_ms:
        return 0
    if exposure.started_ago_ms is None:
        return exposure.above_ms
    return min(exposure.above_ms, oldest_ms - exposure.ended_ago_ms)


def inflation_refusal(
    limits: Limits, exposures: tuple[Exposure, ...], limb: Limb, *, therapy: bool, above_ms: int
) -> Reason | None:
    """Why this limb may not be above 15 mmHg for ``above_ms`` from now on, or ``None``.

    ``above_ms`` is the whole time, from the inflation command until the cuff is empty again; for an
    examination that of its whole schedule.
    """
    remains = left(limits, exposures, limb, above_ms)
    remains_ms = remains.therapy_ms if therapy else remains.examination_ms
    return Reason.BUDGET_SPENT if above_ms > remains_ms else None


def session_refusal(
    limits: Limits, history: History, limb: Limb, *, therapy: bool, above_ms: int
) -> Reason | None:
    """Why a new session may not start on this limb, or ``None``.

    ``above_ms`` is what must fit at least: a therapy's first inflation, an examination's whole schedule.
    A session that is resumed is not a new one: ask ``may_resume`` and ``inflation_refusal``.
    """
    if not is_known(limits, history):
        return Reason.HISTORY_UNKNOWN
    if therapy and _longest_ms(_waits_for_number_ms(limits, history.sessions)) > 0:
        return Reason.TOO_MANY_SESSIONS
    if therapy and _longest_ms(_waits_for_gap_ms(limits, history.sessions)) > 0:
        return Reason.TOO_SOON_AFTER_SESSION
    return inflation_refusal(limits, history.exposures, limb, therapy=therapy, above_ms=above_ms)


def is_known(limits: Limits, history: History) -> bool:
    """Whether this gateway knows the patient's last 24 h."""
    return history.told_ago_ms is not None and history.told_ago_ms <= limits.sessions_window_ms


def session_wait_ms(limits: Limits, sessions: tuple[PastSession, ...]) -> int:
    """How long the number of sessions and their distance forbid another one with therapy; at most so long."""
    return _longest_ms([*_waits_for_number_ms(limits, sessions), *_waits_for_gap_ms(limits, sessions)])


def may_resume(limits: Limits, interrupted_ago_ms: int | None) -> bool:
    """Whether a session that was interrupted so long ago, ``None`` when no clock knows, may go on."""
    return interrupted_ago_ms is not None and interrupted_ago_ms <= limits.resume_ms


def stimulation_left_ms(limits: Limits, daily_ms: int, trains: tuple[Exposure, ...]) -> int:
    """What is left of the site's daily stimulation; ``above_ms`` of a train is the time that it lasted."""
    return max(0, daily_ms - spent_ms(trains, limits.sessions_window_ms))


def _waits_for_number_ms(limits: Limits, sessions: tuple[PastSession, ...]) -> list[int]:
    """Until fewer than the most sessions lie in the window: each that is one too many has to leave it."""
    ages_ms = sorted(one.ended_ago_ms for one in sessions if one.therapy)
    return [limits.sessions_window_ms - age_ms for age_ms in ages_ms[limits.sessions_most - 1 :]]


def _waits_for_gap_ms(limits: Limits, sessions: tuple[PastSession, ...]) -> list[int]:
    return [limits.session_gap_ms - one.ended_ago_ms for one in sessions if one.therapy]


def _longest_ms(waits_ms: list[int]) -> int:
    """Until the last of these waits is over; 0 where none is left."""
    return max([0, *waits_ms])
