"""The ``rvos`` command: its verbs, its global option, and what its runs end with.

Theory of operation
-------------------
Every verb is one short function over the rooms below, and imports the room it needs when it runs:
a verb starts fast and does not care whether another verb's room is in order.  ``Rvos`` is where an
expected error of any room becomes one message on stderr and an exit code (``exits``).

stdout carries what was asked for; with ``--json`` exactly one document.  Everything else, progress
and log included, goes to stderr.  Nothing is coloured, so NO_COLOR has nothing to switch off.
"""

from typing import Any

import click

import gateway
from gateway.cli.alarm import alarm
from gateway.cli.config import config
from gateway.cli.cuff import cuff
from gateway.cli.demo import demo
from gateway.cli.device import device
from gateway.cli.exam import exam
from gateway.cli.exits import MEANINGS, expected_errors, run_error, told
from gateway.cli.journal import journal
from gateway.cli.options import global_config_option
from gateway.cli.patient import patient
from gateway.cli.prescription import prescription
from gateway.cli.service import core, link, selftest
from gateway.cli.session import session
from gateway.cli.simulate import simulate
from gateway.cli.summary import summary
from gateway.cli.waveform import waveform


class Rvos(click.Group):
    """The group that knows what the rooms' errors mean."""

    def invoke(self, context: click.Context) -> Any:
        """Run a verb; an error that the table of exits knows ends the run with its message and code."""
        try:
            return super().invoke(context)
        except expected_errors() as error:
            end = run_error(error)
            click.echo(told(end), err=True)
            raise click.exceptions.Exit(end.exit_code) from error

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order in which a person meets them, not of the alphabet."""
        return list(self.commands)


@click.group(cls=Rvos, epilog=MEANINGS, context_settings={"help_option_names": ["-h", "--help"]})
@global_config_option
@click.version_option(gateway.__version__, message="%(prog)s %(version)s")
def rvos() -> None:
    """Bedside gateway for repetitive vascular occlusion sessions.

    Research software: not a medical device, not cleared, benefit unproven.

    To stop a session at any time, whoever you are: rvos session stop
    """


for _command in (
    *(demo, simulate, session, patient, alarm, selftest, cuff, device),
    *(prescription, exam, waveform, summary, journal, config, core, link),
):
    rvos.add_command(_command)


def main() -> None:
    """The console script."""
    rvos(prog_name="rvos")
