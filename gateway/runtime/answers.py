"""What the supervisor said, and how a session reads it."""

from dataclasses import dataclass

from gateway.model import Output, Permit, Reason, Safe, StimulationPermit


@dataclass(frozen=True, slots=True)
class Answers:
    """What the supervisor said to both outputs."""

    cuff: Permit | Safe
    stimulator: StimulationPermit | Safe

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """Why outputs are safe."""
        return tuple(one.reason for one in (self.cuff, self.stimulator) if isinstance(one, Safe))

    def to(self, output: Output) -> Permit | StimulationPermit | Safe:
        """The answer for this output."""
        return self.cuff if output is Output.CUFF else self.stimulator


def misses_row(answer: Permit | StimulationPermit | Safe) -> bool:
    """Whether only the durable row is missing."""
    return isinstance(answer, Safe) and answer.reason is Reason.JOURNAL_PENDING


def refusal_in(answer: Permit | StimulationPermit | Safe) -> Reason | None:
    """Why what was asked for is not given; ``None`` when it is, or when nothing was asked for."""
    return answer.reason if isinstance(answer, Safe) and answer.reason is not Reason.NO_REQUEST else None


def vent_reason(answer: Permit | Safe) -> Reason:
    """Why the cuff is vented: as planned, where nobody has objected."""
    if isinstance(answer, Permit) or answer.reason is Reason.NO_REQUEST:
        return Reason.PLANNED
    return answer.reason
