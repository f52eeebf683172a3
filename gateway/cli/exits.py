"""What a run of ``rvos`` ends with: every expected error has an exit code and one message.

Theory of operation
-------------------
``EXIT_CODES`` is the one table from the rooms' error types to exit codes, by name, so that a verb
that needs no room does not load it.  An error is looked up by its own class first, then by its
bases.  ``expected_errors`` gives the classes whose modules are loaded: an error of a module that is
not loaded cannot have been raised.  An error that is not in the table is a defect of ours and keeps
its traceback.

The codes' meanings stand in ``gateway.runtime.requests`` and in ``rvos --help``.
"""

import sys

from gateway.runtime.requests import (
    EXIT_CONFIG,
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_NOT_PERMITTED,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
)

EXIT_CODES: dict[str, int] = {
    "gateway.config.findings.ConfigError": EXIT_CONFIG,
    "gateway.exams.errors.DefinitionUnknown": EXIT_USAGE,
    "gateway.exams.errors.ExamRefused": EXIT_REFUSED,
    "gateway.exams.errors.NotStated": EXIT_USAGE,
    "gateway.exams.plot.PlotUnavailable": EXIT_UNAVAILABLE,
    "gateway.record.errors.HistoryFileUnusable": EXIT_REFUSED,
    "gateway.record.errors.JournalBusy": EXIT_NOT_NOW,
    "gateway.record.errors.JournalCorrupt": EXIT_FINDING,
    "gateway.record.errors.JournalForeign": EXIT_REFUSED,
    "gateway.record.errors.RecordError": EXIT_UNAVAILABLE,
    "gateway.record.errors.RowUnreadable": EXIT_FINDING,
    "gateway.record.errors.SessionUnknown": EXIT_USAGE,
    "gateway.record.errors.WaveformForeign": EXIT_REFUSED,
    "gateway.record.errors.WaveformRefused": EXIT_REFUSED,
    "gateway.runtime.control_client.CoreForbidden": EXIT_NOT_PERMITTED,
    "gateway.runtime.control_client.CoreUnavailable": EXIT_UNAVAILABLE,
    "gateway.runtime.gpio_output.AnnunciatorUnavailable": EXIT_UNAVAILABLE,
    "gateway.runtime.state_lock.StateLocked": EXIT_NOT_NOW,
    "gateway.therapy.prescription.PrescriptionError": EXIT_CONFIG,
    "gateway.ward.errors.TopicError": EXIT_CONFIG,
    "gateway.ward.errors.WardError": EXIT_UNAVAILABLE,
}

MEANINGS = """\b
Exit codes:
   0  done
   1  a finding: a verification or a self-test failed
   2  usage: something was left out or cannot be meant
  65  refused: the values as they stand forbid it
  69  core or a device is not available
  70  core met a defect, vented the cuff and ended: look at its log
  74  core ended and could not write its whole record: look at its log
  75  not now: something else must happen first
  77  not permitted
  78  the configuration is wrong
"""


class RunError(Exception):
    """The end of this run: one message on stderr, and this exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def expected_errors() -> tuple[type[BaseException], ...]:
    """Our own error, and the classes of the table that this run has loaded."""
    names = (name.rpartition(".") for name in EXIT_CODES)
    loaded = [getattr(sys.modules[module], kind) for module, _, kind in names if module in sys.modules]
    return (RunError, *loaded)


def run_error(error: BaseException) -> RunError:
    """What an error of the table ends the run with."""
    if isinstance(error, RunError):
        return error
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return RunError(str(error), next(EXIT_CODES[name] for name in names if name in EXIT_CODES))


def told(error: RunError) -> str:
    """The message as it is printed: a single line carries our name, located findings their own place."""
    text = str(error)
    return text if "\n" in text else f"rvos: {text}"
