"""What a campaign adds up to: counts, findings, figures, and how they are told.

Theory of operation
-------------------
``Tally.add`` takes one session after the other; ``document`` is what ``--json`` prints, ``text`` what a
person reads.  ``upper_bound`` is the rule of three: with 0 harms in N independent sessions the 95 % upper
bound of the share of sessions with a harm, *under this fault model*, is 3/N.  It is no rate of anything at
a bedside.

A *false alarm* is an alarm in a session without a fault that nothing in it called for
(``Outcome.false_alarms``): not the reminder of a prompt that its people left unanswered.  Somebody who stops
such a session calls for none.

Units: ms inside; hours, and virtual seconds per second of one core, outside.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.simulation.outcome import Outcome
from gateway.simulation.physics import Harm

_CONFIDENCE = 3
CANNOT_SHOW = (
    "both_thighs: there is one cuff, on one limb or on the other",
    "many targets above 250 mmHg: they come only from limb occlusion pressures measured in the session",
    "the budgets of a day and its fourth session: one patient has one session, and one elsewhere",
    "restriction; a run of a limb pressure that ends when somebody no longer feels the pulse",
)
"""What no session of any campaign could do; 0 of N says nothing about it."""


@dataclass(frozen=True, slots=True)
class Played:
    """One session as a worker hands it back. ``kept``: where its journals are, if it was harmful.

    ``compiled``: whether the worker ran the compiled twin.
    """

    outcome: Outcome
    busy_s: float
    whole: bool
    kept: str = ""
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A harm, where its journal is and how it comes back."""

    session: int
    harm: Harm
    journal: str
    command: str


@dataclass(slots=True)
class Tally:
    """The sum of all sessions so far. ``command`` gives the line that plays a session again."""

    command: Callable[[int], str]
    sessions: int = 0
    virtual_ms: int = 0
    busy_s: float = 0.0
    wall_s: float = 0.0
    completed: int = 0
    false_alarms: int = 0
    duties_passed: int = 0
    duties_failed: int = 0
    whole: int = 0
    compiled: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    trips: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    examinations: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)
    failed_duties: list[str] = field(default_factory=list)

    def add(self, played: Played) -> None:
        """One more session."""
        outcome = played.outcome
        self.sessions += 1
        self.virtual_ms += outcome.virtual_ms
        self.busy_s += played.busy_s
        self.whole += played.whole
        self.compiled += played.compiled
        self.faults.update(fault.kind for fault in outcome.faults)
        self.trips.update(outcome.trips)
        self.endings.update(outcome.endings)
        self.examinations.update(outcome.examinations)
        self.completed += "completed" in outcome.endings
        self.false_alarms += len(outcome.false_alarms)
        command = self.command(outcome.number)
        for harm in outcome.harms:
            self.found.append(Found(outcome.number, harm, played.kept, command))
        for duty in outcome.duties:
            self.duties_passed += duty.passed
            self.duties_failed += not duty.passed
            if not duty.passed:
                self.failed_duties.append(command)

    @property
    def passed(self) -> bool:
        """No harm, no failed duty, no false alarm."""
        return not (self.found or self.duties_failed or self.false_alarms)

    @property
    def speed(self) -> float:
        """Virtual seconds per second of one core that the sessions kept busy, warming up left out."""
        return self.virtual_ms / 1000 / self.busy_s if self.busy_s else 0.0

    def upper_bound(self) -> str:
        """The rule of three, in words that claim no more than it does."""
        harmed = len({found.session for found in self.found})
        if harmed:
            return f"{harmed} of {self.sessions} sessions under this fault model"
        return (
            f"0 of {self.sessions} sessions under this fault model, "
            f"95 % upper bound {_CONFIDENCE}/{self.sessions}"
        )

    def document(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {
            "sessions": self.sessions,
            "full_length": self.whole,
            "patient_hours": round(self.virtual_ms / 3_600_000, 2),
            "faults": dict(sorted(self.faults.items())),
            "harms": len(self.found),
            "found": [
                {
                    "session": found.session,
                    "kind": found.harm.kind.value,
                    "at_ms": found.harm.at_ms,
                    "detail": found.harm.detail,
                    "journal": found.journal,
                    "command": found.command,
                }
                for found in self.found
            ],
            "hardware_duties": {"passed": self.duties_passed, "failed": self.duties_failed},
            "failed_duties": self.failed_duties,
            "trips": dict(sorted(self.trips.items())),
            "endings": dict(sorted(self.endings.items())),
            "examinations": dict(sorted(self.examinations.items())),
            "completed": self.completed,
            "false_alarms": self.false_alarms,
            "speed": round(self.speed, 1),
            "compiled": self.compiled == self.sessions > 0,
            "wall_s": round(self.wall_s, 1),
            "upper_bound": self.upper_bound(),
            "cannot_show": list(CANNOT_SHOW),
        }

    def text(self) -> str:
        """The report for a person."""
        document = self.document()
        lines = [
            f"{key:<16}{_words(value)}" for key, value in document.items() if not isinstance(value, list)
        ]
        lines += [f"{'cannot_show':<16}{words}" for words in CANNOT_SHOW]
        for found in self.found:
            lines.append(f"HARM {found.harm.kind.value} in session {found.session}: {found.harm.detail}")
            lines.append(f"  journal {found.journal or 'none'}; again: {found.command}")
        lines += [f"HARDWARE DUTY FAILED; again: {command}" for command in self.failed_duties]
        return "\n".join(lines)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return str(value)
