"""One way to show the result of an examination: a sheet, one JSON document, a plot.

Theory of operation
-------------------
The plot is written before anything is printed, so that one that cannot be drawn ends the run before a program
has read half an answer; it is a callable, because drawing it costs more than most results.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.conversation import print_document
from gateway.cli.exits import RunError
from gateway.runtime.requests import EXIT_UNAVAILABLE

if TYPE_CHECKING:
    from gateway.exams.drawing import Analysed, Drawing
    from gateway.exams.result import Result


def check(plot: Path | None) -> None:
    """Whether a plot can be drawn at all, before the work is done."""
    if plot is not None:
        from gateway.exams import plot as room

        room.check(plot)


def show(result: "Result", drawing: "Callable[[], Drawing]", as_json: bool, plot: Path | None) -> None:
    """Draw it, where that is asked for, and print it."""
    if plot is not None:
        from gateway.exams.drawing import Analysed

        draw(Analysed(result, drawing()), plot)
    if as_json:
        from gateway.exams.document import document

        print_document(document(result))
        return
    from gateway.exams.sheet import sheet

    click.echo(sheet(result))


def draw(analysed: "Analysed", plot: Path) -> None:
    """Write the picture. Raises ``RunError``."""
    from gateway.exams.plot import write

    try:
        write(analysed, plot)
    except OSError as error:
        raise RunError(f"{plot}: cannot be written ({error.strerror})", EXIT_UNAVAILABLE) from error
    click.echo(f"plot: {plot}", err=True)
