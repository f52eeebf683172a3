"""Ischaemia debt: the one rule for how long a limb may be occluded.

Theory of operation
-------------------
A limb owes one second for each second that its cuff is above 15 mmHg and is paid back one second
for each second below, never under zero.  An inflation needs debt + its planned time <= 300 s, so a
five-minute occlusion is followed by five minutes of reperfusion and a five-second one by five
seconds.  Each of the four limbs has its own; the cuff's pressure is charged to the limb that it was
last armed for, and to every limb as long as nobody has said where it is.

What is not observed is never to the limb's disadvantage: time without a fresh reading pays nothing
back, and counts as occluded when the last fresh reading was above 15 mmHg (up to the forced-vent
limit, since beyond it nothing more can be asked for).  Time with a sensor missing counts as occluded,
up to 300 s unless the other sensor shows pressure: a broken sensor on an idle cuff is no occlusion.
A stalled gateway is credited with at most one status age per step; a limb without the cuff recovers
by the clock alone.

Units: ms.  Source: docs/decisions, "ischaemia debt"; the 300 s are those of Chhetri 2022.
"""

from dataclasses import dataclass

from gateway.model import LIMBS, CuffReading, Limb
from gateway.safety.limits import Limits


@dataclass(frozen=True, slots=True)
class Debt:
    """What one limb is owed, when that was last true, and whether the cuff was above 15 mmHg on it."""

    value_ms: int
    at_ms: int
    above: bool = False


@dataclass(frozen=True, slots=True)
class Debts:
    """The debt of every limb, in the order of ``Limb``."""

    of_limbs: tuple[Debt, ...]

    @classmethod
    def equal(cls, value_ms: int, now: int) -> "Debts":
        """The same debt on every limb."""
        return cls((Debt(value_ms, now),) * len(LIMBS))

    @classmethod
    def of_ms(cls, values_ms: tuple[int, ...], now: int) -> "Debts":
        """These debts, one per limb."""
        return cls(tuple(Debt(value_ms, now) for value_ms in values_ms))

    def of(self, limb: Limb) -> Debt:
        """The debt of one limb."""
        return self.of_limbs[limb.number]

    def largest(self, limb: Limb | None) -> Debt:
        """The debt of this limb, or the largest where nobody said which."""
        return self.of(limb) if limb is not None else max(self.of_limbs, key=lambda debt: debt.value_ms)

    @property
    def values_ms(self) -> tuple[int, ...]:
        """What each limb is owed."""
        return tuple([debt.value_ms for debt in self.of_limbs])


def is_above(limits: Limits, cuff: CuffReading) -> bool:
    """Whether this reading must count as occluding: a missing sensor does."""
    highest = cuff.highest_dmmhg
    return highest is None or highest > limits.deflated_dmmhg


def fresh(limits: Limits, cuff: CuffReading | None, now: int) -> CuffReading | None:
    """The reading while it is no older than a status may be, and not from the future."""
    if cuff is None or not 0 <= now - cuff.arrived_ms <= limits.status_age_ms:
        return None
    return cuff


def is_fresh(limits: Limits, cuff: CuffReading | None, now: int) -> bool:
    """Whether there is a reading that says something about ``now``."""
    return fresh(limits, cuff, now) is not None


def is_seen_above(limits: Limits, cuff: CuffReading) -> bool:
    """Whether a sensor that is there shows more than 15 mmHg."""
    return shows_more(cuff, limits.deflated_dmmhg)


def shows_more(cuff: CuffReading, than_dmmhg: int) -> bool:
    """Whether a sensor that is there shows more than this; one that is missing shows nothing."""
    control, limit = cuff.control_dmmhg, cuff.limit_dmmhg
    return (control is not None and control > than_dmmhg) or (limit is not None and limit > than_dmmhg)


def advance_all(limits: Limits, debts: Debts, limb: Limb | None, cuff: CuffReading | None, now: int) -> Debts:
    """Every limb's debt at ``now``: the limb under the cuff by the reading, the others by the clock."""
    here = None if limb is None else limb.number
    advanced = [
        advance(limits, debt, cuff, now) if here in (None, number) else _resting(debt, now)
        for number, debt in enumerate(debts.of_limbs)
    ]
    return Debts(tuple(advanced))


def advance(limits: Limits, debt: Debt, cuff: CuffReading | None, now: int) -> Debt:
    """The debt at ``now``, given the newest reading."""
    elapsed, cuff = max(0, now - debt.at_ms), fresh(limits, cuff, now)
    if cuff is None:
        return Debt(_unobserved(limits, debt, elapsed), now, debt.above)
    above = is_above(limits, cuff)
    if above and not is_seen_above(limits, cuff):
        return Debt(_grown(debt, elapsed, limits.debt_unknown_ms), now, above)
    if above or debt.above:
        return Debt(debt.value_ms + elapsed, now, above)
    return Debt(max(0, debt.value_ms - min(elapsed, limits.status_age_ms)), now, above)


def _resting(debt: Debt, now: int) -> Debt:
    return Debt(max(0, debt.value_ms - max(0, now - debt.at_ms)), now)


def _unobserved(limits: Limits, debt: Debt, elapsed: int) -> int:
    if not debt.above:
        return debt.value_ms
    return _grown(debt, elapsed, limits.debt_vent_ms)


def _grown(debt: Debt, elapsed: int, most_ms: int) -> int:
    """The debt after as much again, but not beyond ``most_ms`` on this account."""
    return max(debt.value_ms, min(debt.value_ms + elapsed, most_ms))
