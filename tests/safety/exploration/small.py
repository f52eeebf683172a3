"""What all small worlds are made of: limits of a few ticks, the things that stop, and how a slice is told.

Theory of operation
-------------------
A ``Slice`` is a set of letters with limits of a few ticks each, so that every count is run through.
``SHORT`` is what ``scripts/test`` explores, ``LONG`` the whole campaign (``python -m bench.explore
--whole``).

Units: pressures 0.1 mmHg, times ticks.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from gateway.model import Reason
from gateway.safety.limits import Limits
from tests.safety.exploration.letters import Letter, named

SHORT = Limits(
    pressure_trip_ms=1,
    debt_inflation_ms=4,
    debt_vent_ms=5,
    debt_unknown_ms=4,
    planned_longest_ms=4,
    overdue_ms=1,
    permit_ms=2,
    status_age_ms=1,
    absent_ms=2,
    sensor_missing_ms=1,
    sensors_disagree_ms=2,
    respond_ms=1,
    pass_ms=2,
    reach_ms=3,
    congestion_ms=2,
    relief_ms=1,
    deviation_ms=1,
    leak_after_ms=1,
    leak_ms=1,
    pressure_lost_ms=1,
    not_deflated_ms=2,
    residual_ms=2,
    limb_gap_ms=2,
    verify_ms=2,
    recovery_ms=2,
    other_limb_every_ms=1,
    haemoglobin_ms=1,
    short_longest_ms=2,
    short_series_ms=5,
    cycle_late_ms=1,
    blood_pressure_age_ms=1,
    authorisation_age_ms=1,
    tissue_saturation_age_ms=1,
    press_age_ms=1,
    stimulation_rise_ua=1,
    stimulation_press_rise_ua=2,
    leak_duty_permille=500,
    stuck_beside_ms=1_000_000,
    stuck_working_ms=1_000_000,
    stimulation_pause_ms=2,
    stimulation_press_ms=2,
    stimulation_permit_ms=1,
    stimulator_age_ms=1,
)
LONG = replace(
    SHORT,
    pressure_trip_ms=2,
    debt_inflation_ms=6,
    debt_vent_ms=8,
    debt_unknown_ms=6,
    planned_longest_ms=6,
    overdue_ms=2,
    status_age_ms=2,
    absent_ms=3,
    sensor_missing_ms=2,
    sensors_disagree_ms=3,
    respond_ms=2,
    pass_ms=3,
    reach_ms=4,
    congestion_ms=3,
    relief_ms=2,
    leak_after_ms=2,
    leak_ms=2,
    pressure_lost_ms=2,
    not_deflated_ms=3,
    residual_ms=3,
    limb_gap_ms=3,
    verify_ms=3,
    recovery_ms=3,
    haemoglobin_ms=2,
    short_series_ms=7,
    cycle_late_ms=2,
    tissue_saturation_age_ms=2,
    leak_duty_permille=500,
    stuck_beside_ms=1_000_000,
    stuck_working_ms=1_000_000,
    stimulation_pause_ms=2,
    stimulation_press_ms=3,
)


class Slice(NamedTuple):
    """One small world.

    ``ask`` and ``reset`` name the letters by which a well-meaning bedside gets a permit, ``""`` where time
    or budgets may forbid it for ever; ``unread`` names what nothing in this slice can tell apart.
    ``budget`` is the largest that a letter leaves, ``train`` the longest that a contraction is planned for;
    the cuff can be on the first ``places`` limbs, and is ``placed`` on the first at the start.  The search
    starts after each of the ``prologues`` too, so that a short one comes to what lies far from the beginning.
    """

    name: str
    limits: Limits
    letters: tuple[Letter, ...]
    ask: str
    reset: str
    placed: bool = True
    places: int = 1
    unread: tuple[str, ...] = ()
    budget: int = 0
    train: int = 0
    prologues: tuple[tuple[str, ...], ...] = ()


STOPS: dict[str, dict[str, Any]] = {
    "not armed": {"arming": None},
    "stop": {"stop": Reason.STOPPED_BY_OPERATOR},
    "button": {"pressed": True},
    "patient stop": {"patient_stop": True},
    "reset": {"reset": True},
    "reset, not armed": {"reset": True, "arming": None},
    "no status": {"sensors": None},
}


def changed(letter: Letter, name: str, changes: dict[str, Any]) -> Letter:
    """The letter with something different, and a name that says so."""
    return letter._replace(**({"name": named(letter.name, name)} | changes))
