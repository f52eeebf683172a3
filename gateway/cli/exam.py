"""``rvos exam``: which examinations there are, and analyses of recordings.

Theory of operation
-------------------
``list`` prints what ``gateway.exams.catalogue`` says; ``analyse`` has a verb for each examination
(``exam_analyse``).
"""

import click

from gateway.cli.conversation import print_document
from gateway.cli.exam_analyse import analyse
from gateway.cli.options import json_option


@click.group()
def exam() -> None:
    """List the examinations and analyse recordings of them."""


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
