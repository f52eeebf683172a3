"""``rvos exam``: which examinations there are, examinations at the bedside, and analyses of recordings.

Theory of operation
-------------------
``list`` prints what ``gateway.exams.catalogue`` says; ``analyse`` has a verb for each examination
(``exam_analyse``); ``run`` gives an examination with the cuff, ``collect``
fetches the one that was given last (``exam_run``).
"""

import click

from gateway.cli.conversation import print_document
from gateway.cli.exam_analyse import analyse
from gateway.cli.exam_run import collect, run
from gateway.cli.options import json_option


@click.group()
def exam() -> None:
    """List the examinations, give one at the bedside, analyse recordings."""


@exam.command("list")
@json_option
def list_(as_json: bool) -> None:
    """What each examination needs, gives, and by which definitions."""
    from gateway.exams.catalogue import entries, text

    if as_json:
        print_document({"exams": entries()})
    else:
        click.echo(text(entries()))


exam.add_command(analyse)
exam.add_command(run)
exam.add_command(collect)
