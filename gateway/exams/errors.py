"""Everything that an examination can refuse with, in one place.

Theory of operation
-------------------
An analysis that can say something says it and flags what is doubtful (``gateway.exams.result.Flag``).  Where
it can say nothing, it raises ``ExamRefused``; its message names the place (``where``: a file, a trace, a
plan), says what is wrong there and what to do.  The subclasses are for callers that treat one case of their
own: a file that is no recording, a definition that does not exist, numbers that may not be compared, a plan
that this equipment cannot carry out.
"""

from pathlib import Path


class ExamRefused(Exception):
    """Base of all errors of this room: there is no number to give."""

    def __init__(self, where: Path | str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = str(where)
        self.message = message


class RecordingUnusable(ExamRefused):
    """The file or trace cannot be read as what it is said to be."""


class TraceUnusable(ExamRefused):
    """The recording was read, but it does not allow this examination."""


class DefinitionUnknown(ExamRefused):
    """No definition, table or criterion of this id."""

    def __init__(self, where: str, asked: str, known: list[str]) -> None:
        super().__init__(where, f"no definition {asked!r}: choose one of {', '.join(sorted(known))}")


class NotStated(ExamRefused):
    """A person has to state something, and did not, or stated what cannot be."""


class NotComparable(ExamRefused):
    """Two numbers that mean different things: another probe, site, definition or unit."""


class PlanRefused(ExamRefused):
    """This equipment, limb or parameter does not allow the examination to be planned."""
