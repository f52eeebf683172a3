"""The small worlds that are explored: each a set of letters and limits of a few ticks.

Theory of operation
-------------------
All of what the supervisor sees at once would be too much to explore.  So there are slices: each holds still
what another one moves, and explores the rest without a gap.  ``cuff`` moves sensors, controller and people
around one kind of inflation; ``purposes`` the kinds of inflation, what was measured and readiness;
``budgets`` what was spent, and the series of short occlusions; ``limbs`` where the cuff is; ``tissue`` the
oximeter; ``pulses`` the stimulator.  In each, everything that stops and everything that latches is there too.

``SLICES[name](whole)``: ``scripts/test`` and ``python -m bench.explore`` take the small alphabets, the
latter to their end; ``--whole`` has longer counts and more of everything.
"""

from collections.abc import Callable

from tests.safety.exploration.body_slices import pulses, tissue
from tests.safety.exploration.cuff_slices import budgets, cuff, limbs, purposes
from tests.safety.exploration.small import Slice

SLICES: dict[str, Callable[[bool], Slice]] = {
    "cuff": cuff,
    "purposes": purposes,
    "budgets": budgets,
    "limbs": limbs,
    "tissue": tissue,
    "pulses": pulses,
}
