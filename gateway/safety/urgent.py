"""What one status of the cuff says before the whole bedside is judged: vent, now.

Theory of operation
-------------------
The whole judgement takes longer than the one comparison that matters most.  ``vents_at_once`` is that
comparison, the rule of over-pressure by itself, so that a vent can leave first; the whole judgement follows
in the same turn, latches its reason and does the rest.  It can only vent: what it does not see, the whole
judgement sees as ever.

Units: 0.1 mmHg, ms.
"""

from gateway.model import CuffReading
from gateway.safety.debt import shows_more
from gateway.safety.limits import Limits
from gateway.safety.observations import State


def vents_at_once(limits: Limits, state: State, reading: CuffReading, now: int) -> bool:
    """Whether this status is over-pressure: far too much once, or too much for too long."""
    if shows_more(reading, limits.pressure_trip_once_dmmhg):
        return True
    since_ms = state.timers.over_ms
    lasted = since_ms is not None and now - since_ms >= limits.pressure_trip_ms
    return lasted and shows_more(reading, limits.pressure_trip_dmmhg)
