"""A pressure sensor that stands still while it should move.

Theory of operation
-------------------
A pressure is never exactly the same for long: pump, leak, pulse and the sensor's own noise move its last
digit. So a value that is exactly the same is suspect, and wrong when there is proof that the pressure
changed:

* the *other* sensor has been at least 5 mmHg, for 1 s on end, from where it was when this one stopped; or
* the controller has said for 3 s on end that it moves air, in or out.

Judged while the cuff is energised; each inflation begins anew.  Two sensors that freeze alike during a hold
in which nothing is pumped are not noticed here: only time and debt bound that.

Units: 0.1 mmHg, ms.  Engineering proposals, chosen against sensors of 0.1 mmHg a digit.
"""

from dataclasses import dataclass, replace

from gateway.model import CuffReading
from gateway.safety.limits import Limits


@dataclass(frozen=True, slots=True)
class Still:
    """A value that has not changed since ``since_ms``; ``other_dmmhg`` is what the other sensor showed first.

    ``apart_ms``: since when the other sensor has been far from that.
    """

    value_dmmhg: int
    since_ms: int
    other_dmmhg: int | None
    apart_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Stills:
    """Both sensors, and since when air has been moved without a break."""

    control: Still | None = None
    limit: Still | None = None
    working_ms: int | None = None


AT_REST = Stills()


def follow(limits: Limits, before: Stills, cuff: CuffReading, now: int) -> Stills:
    """Both sensors of an energised cuff at ``now``."""
    control, limit, working_ms = cuff.control_dmmhg, cuff.limit_dmmhg, before.working_ms
    if not cuff.working:
        working_ms = None
    elif working_ms is None:
        working_ms = now
    return Stills(
        _followed(limits, before.control, control, limit, now),
        _followed(limits, before.limit, limit, control, now),
        working_ms,
    )


def _followed(
    limits: Limits, before: Still | None, value: int | None, other: int | None, now: int
) -> Still | None:
    if value is None:
        return None
    if before is None or before.value_dmmhg != value:
        return Still(value, now, other)
    if other is None:
        return replace(before, apart_ms=None)
    if before.other_dmmhg is None:
        return replace(before, other_dmmhg=other)
    if abs(other - before.other_dmmhg) < limits.stuck_beside_dmmhg:
        return replace(before, apart_ms=None)
    return before if before.apart_ms is not None else replace(before, apart_ms=now)


def is_stuck(limits: Limits, stills: Stills, now: int) -> bool:
    """Whether a sensor is proven to stand still."""
    return any(
        _beside(limits, still, now) or _worked(limits, still, stills.working_ms, now)
        for still in (stills.control, stills.limit)
        if still is not None
    )


def _beside(limits: Limits, still: Still, now: int) -> bool:
    return still.apart_ms is not None and now - still.apart_ms >= limits.stuck_beside_ms


def _worked(limits: Limits, still: Still, working_ms: int | None, now: int) -> bool:
    return working_ms is not None and now - max(still.since_ms, working_ms) >= limits.stuck_working_ms
