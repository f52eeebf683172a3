"""What a session of a campaign is asked for, and what became of it.

Theory of operation
-------------------
A ``Task`` travels to a worker process and an ``Outcome`` back, so neither they nor what they are made of is
compiled: the process that counts runs the sources, whatever the workers run.

Units: ms.
"""

from dataclasses import dataclass

from gateway.simulation.faults import Fault
from gateway.simulation.physics import HardwareDuty, Harm
from gateway.simulation.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """One session to simulate; equal tasks give equal sessions, byte for byte."""

    number: int
    seed: int
    kinds: tuple[str, ...]
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one session was. ``digest`` is the SHA-256 of its journals.

    ``called_for``: the conditions that an omission of its people called for.  ``examinations``: which were
    given, and how each ended.
    """

    number: int
    virtual_ms: int
    faults: tuple[Fault, ...]
    harms: tuple[Harm, ...]
    duties: tuple[HardwareDuty, ...]
    trips: tuple[str, ...]
    endings: tuple[str, ...]
    alarms: tuple[str, ...]
    digest: str
    called_for: tuple[str, ...] = ()
    examinations: tuple[str, ...] = ()

    @property
    def false_alarms(self) -> tuple[str, ...]:
        """The alarms that nothing called for: no fault, and nothing that somebody left undone."""
        return () if self.faults else tuple(one for one in self.alarms if one not in self.called_for)

    @property
    def duties_done(self) -> bool:
        """Whether software did what it could wherever hardware kept the cuff inflated."""
        return all(duty.passed for duty in self.duties)
