"""What the harm monitor is fed, one instant of truth, and the words in which it answers.

Theory of operation
-------------------
``Physics`` is what is physically true at an instant, together with what a listener at the wire and a person
at the bedside could tell.  It carries nothing that gateway or controller believe, but for one word of
theirs: that they are latched.

Workers hand ``Harm`` and ``HardwareDuty`` back to the process that counts them: this module is not compiled.

Units: mmHg, mA and mA/cm2 as floats (it is physics), times ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.model import LIMBS, Priority

_NOTHING = (0.0,) * len(LIMBS)


class HarmKind(StrEnum):
    """What must never happen."""

    OVER_PRESSURE = "over_pressure"
    OVER_DEBT = "over_debt"
    BOTH_THIGHS = "both_thighs"
    CONGESTION = "congestion"
    CURRENT_WITHOUT_PERMIT = "current_without_permit"
    CURRENT_AFTER_STOP = "current_after_stop"
    CURRENT_AFTER_GAP = "current_after_gap"
    ELECTRODE_ERROR = "electrode_error"
    OVER_CURRENT = "over_current"
    STILL_INFLATED = "still_inflated"
    UNSAFE_WITHOUT_ALARM = "unsafe_without_alarm"
    RECORD_LOST = "record_lost"
    DEFECT = "defect"


class Physics(NamedTuple):
    """One instant. ``limbs_mmhg`` is the pressure of a cuff on each limb, in the order of ``LIMBS``.

    ``leased``, ``relay_leased``: the wire shows a granted lease that has not lapsed, been vented or been
    opened.  ``alarm``: the loudest that can be heard at the bedside now.  ``tripped``: whoever is alive of
    gateway and controller says that it is latched.  ``acknowledged``: a person acknowledged at this instant.
    ``silenced_ms``: at this instant a person silenced what sounds for so long.
    ``partial``: congestion is the purpose.  ``defeated``: no actuator that software drives empties the cuff.
    ``closed_from_mmhg``: where both pressure sensors err alike, the pressure from which on no blood flows in.

    ``current_ma`` is the r.m.s. current in the tissue, ``density_ma_cm2`` that over what still has contact of
    the electrode, a share ``contact``.  ``electrode_off``: so much that the stimulator could tell.
    ``stimulator_silent``: it hears and says nothing.  ``gateway_runs``: there is a gateway, and it turns;
    ``gateway_stands``: there is one, and it does not;
    ``controller_runs``: the controller's loop turns, or the board is off.
    """

    limbs_mmhg: Sequence[float] = _NOTHING
    current_ma: float = 0.0
    leased: bool = False
    relay_leased: bool = False
    pump_on: bool = False
    alarm: Priority | None = None
    tripped: bool = False
    acknowledged: bool = False
    silenced_ms: int = 0
    partial: bool = False
    systolic_mmhg: float = 120.0
    defeated: bool = False
    closed_from_mmhg: float | None = None
    density_ma_cm2: float = 0.0
    contact: float = 1.0
    electrode_off: bool = False
    stimulator_silent: bool = False
    gateway_runs: bool = True
    gateway_stands: bool = False
    controller_runs: bool = True


AT_REST = Physics()
"""Nothing inflated, nothing flowing, nothing latched."""


@dataclass(frozen=True, slots=True)
class Harm:
    """Something that must not happen, and when it was certain."""

    kind: HarmKind
    at_ms: int
    detail: str


@dataclass(frozen=True, slots=True)
class HardwareDuty:
    """What software owed while hardware kept the cuff inflated. ``due_ms``: when the vent was due."""

    due_ms: int
    pump_off: bool
    alarm: bool

    @property
    def passed(self) -> bool:
        """Whether the whole duty was done."""
        return self.pump_off and self.alarm


class Held:
    """Since when a condition holds without a break."""

    __slots__ = ("since_ms",)

    def __init__(self) -> None:
        self.since_ms: int | None = None

    def update(self, holds: bool, now: int) -> int:
        """For how long; -1 when it does not hold."""
        if not holds:
            self.since_ms = None
            return -1
        if self.since_ms is None:
            self.since_ms = now
        return now - self.since_ms
