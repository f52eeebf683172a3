"""A bedside that has been idle long enough: the start of many sessions, waited for once.

Theory of operation
-------------------
An empty journal proves nothing, so a limb owes 300 s when a gateway and a controller start.  Waiting that
out before each of ten thousand sessions would cost more than the sessions.  ``warm_up`` lets one bedside
really run for that time, turn by turn, until both debts are paid; ``Warm.bedside`` then gives copies of it:
the objects of core and controller as they stand, the journal's file, and the same instant.  No rule is
bent and no value is set: each copy is a bedside that has been idle for five minutes.

What differs from copy to copy belongs to the session: the limb and the seed of the physics, which at
atmospheric pressure and at rest is as on its first day, and the seeds of the wires.

Units: ms.
"""

import copy
import shutil
from dataclasses import replace
from pathlib import Path

from gateway.simulation.bedside import Bed
from gateway.simulation.disk import TroubledJournal
from gateway.simulation.models import Limb
from gateway.simulation.plant import Plant
from gateway.simulation.troubled import TroubledBedside

_LONGEST_MS = 400_000
_LOOK_MS = 1_000


class NeverWarm(Exception):
    """The debts of an idle bedside were not paid: a defect."""


class Warm:
    """One idle bedside and its journal, to be copied."""

    def __init__(self, bedside: TroubledBedside, bed: Bed, journal: Path) -> None:
        self._bedside, self._bed, self._journal = bedside, bed, journal

    def bedside(self, limb: Limb, seed: int, journal: Path) -> TroubledBedside:
        """A copy with its own journal, this limb and this seed."""
        warm, bed = self._bedside, replace(self._bed, limb=limb, seed=seed)
        shutil.copyfile(self._journal, journal)
        plant = Plant(bed.cuff, limb, seed, warm.now)
        writer = warm.disk.carried_on(TroubledJournal.open(journal, device=bed.config.site.device))
        same: dict[int, object] = {id(warm.plant): plant, id(warm.disk): writer, id(self._bed): bed}
        copied = copy.deepcopy(warm, same)
        copied.begin_session_of_its_own(bed, journal)
        return copied


def warm_up(bed: Bed, folder: Path) -> Warm:
    """Run a bedside until nothing is owed any more. Raises ``NeverWarm``."""
    journal = folder / "warm.db"
    bedside = TroubledBedside(bed, journal)
    for _ in range(_LONGEST_MS // _LOOK_MS):
        bedside.run(_LOOK_MS)
        if owes_nothing(bedside):
            bedside.disk.close()
            return Warm(bedside, bed, journal)
    raise NeverWarm(f"an idle bedside still owes after {_LONGEST_MS // 1000} s")


def owes_nothing(bedside: TroubledBedside) -> bool:
    """Whether gateway and controller both hold the limb for rested."""
    if bedside.core is None or bedside.core.cuff is None:
        return False
    return not any(bedside.core.state.debts.values_ms) and not any(bedside.core.cuff.limb_debts_ms)
