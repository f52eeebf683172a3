"""``rvos journal``: is the record as it was written, and what happened last.

Theory of operation
-------------------
Both verbs only read, also while core writes.  The journal's rows name a patient's token where core
wrote one down (kind ``audit``), so it is for those who may read the file.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import RunError
from gateway.cli.options import config_option, journal_path, state_option
from gateway.runtime.requests import EXIT_FINDING

if TYPE_CHECKING:
    from gateway.record.row import StoredRow


@click.group()
def journal() -> None:
    """Verify and read the record."""


@journal.command()
@state_option
@config_option
def verify(state: Path | None) -> None:
    """Check that every row is there, in order, and as it was written."""
    from gateway.record.verify import verify as verified

    path = journal_path(state)
    report = verified(path)
    if not report.ok:
        raise RunError(f"{path}: NOT as it was written: {report.reason}", EXIT_FINDING)
    click.echo(f"{path}: sound, {report.rows} rows, {report.events} of them events")


@journal.command()
@click.option("-n", "--lines", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option("--all", "everything", is_flag=True, help="Rows of every kind: audit and samples too.")
@state_option
@config_option
def tail(lines: int, everything: bool, state: Path | None) -> None:
    """Show the last events, oldest first: row, time, session, what happened."""
    from gateway.record.reader import JournalReader

    with JournalReader.open(journal_path(state)) as reader:
        head = reader.head()
        if everything:
            rows = list(reader.rows(max(0, head.seq - lines)))
        else:
            rows = reader.events(max(0, head.event_seq - lines), lines)
    for row in rows:
        click.echo(_line(row))


def _line(row: "StoredRow") -> str:
    from gateway.ward.messages import timestamp

    when = timestamp(row.stamp.wall_ms)
    return f"{row.seq:>6}  {when}  {row.session or '-'}  {row.type}  {row.body.decode(errors='replace')}"
