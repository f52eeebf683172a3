"""What ``rvos patient show`` gets to see of one patient's last day.

Theory of operation
-------------------
Plain structs without anything of the core's, so that the command line loads fast.

Units: seconds as floats, because people read them; ages are lower bounds.
"""

import msgspec


class LimbLeft(msgspec.Struct, frozen=True, kw_only=True):
    """What one limb may still bear now."""

    limb: str
    therapy_s: float
    examination_s: float


class Borne(msgspec.Struct, frozen=True, kw_only=True):
    """Time above 15 mmHg of one limb in one session; ``session`` is empty where it was told by hand."""

    session: str
    limb: str
    therapy: bool
    above_s: float
    ended_ago_s: float


class PatientView(msgspec.Struct, frozen=True, kw_only=True):
    """``session_wait_s`` is how long number and distance of sessions forbid a new one with therapy.

    ``stimulation_s`` is what is left of the site's daily pulses, ``None`` where it has no stimulator.
    ``handed_on_ago_s`` is since when the history has been out of the house, ``None`` where it is not: what
    this gateway knew then, it knows no longer.
    """

    patient: str
    known: bool
    told_ago_s: float | None
    session_wait_s: float
    therapy_budget_s: float
    examination_budget_s: float
    limbs: list[LimbLeft]
    borne: list[Borne]
    resumable: str | None
    stimulation_s: float | None = None
    handed_on_ago_s: float | None = None
