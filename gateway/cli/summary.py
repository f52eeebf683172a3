"""``rvos summary``: one session in numbers, folded from the journal.

Theory of operation
-------------------
The numbers come from ``gateway.record.summary``, the same fold whose result core sends to the ward;
nothing is computed here.  Without a name it is the latest session.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.conversation import print_document
from gateway.cli.exits import RunError
from gateway.cli.options import config_option, journal_path, json_option, state_option
from gateway.runtime.requests import EXIT_USAGE

if TYPE_CHECKING:
    from gateway.record.reader import JournalReader

_NAMED = 5


@click.command()
@click.argument("session", required=False)
@json_option
@state_option
@config_option
def summary(session: str | None, as_json: bool, state: Path | None) -> None:
    """Show the session SESSION in numbers, by default the latest."""
    from gateway.record.reader import JournalReader
    from gateway.record.sheet import sheet
    from gateway.record.summary import fold

    with JournalReader.open(journal_path(state)) as reader:
        name = _chosen(reader, session)
        folded = fold(reader.rows(session=name), name)
    if as_json:
        print_document(folded)
    else:
        click.echo(sheet(folded))


def _chosen(reader: "JournalReader", session: str | None) -> str:
    """The session meant. Raises RunError when the journal does not hold it."""
    known = reader.sessions()
    if not known:
        raise RunError(f"{reader.path}: no session is recorded here yet", EXIT_USAGE)
    if session is not None and session not in known:
        raise RunError(
            f"{reader.path}: no session {session!r}; the latest are: {', '.join(known[-_NAMED:])}", EXIT_USAGE
        )
    return session or known[-1]
