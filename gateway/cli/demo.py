"""``rvos demo``: one session on a simulated limb, without hardware."""

import sys
from pathlib import Path

import click

from gateway.cli.options import json_option

_RECORDING = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--replay",
    type=_RECORDING,
    metavar="FILE",
    help="Feed the oximeter from this recording (CSV: t_s,sto2_percent).",
)
@click.option(
    "--full", is_flag=True, help="The whole rvos-after-rosprox, in virtual time: seconds, not an hour."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same session."
)
@click.option(
    "--state",
    type=_FOLDER,
    metavar="DIR",
    help="Where journal.db, the picture and the logs go (default: rvos-demo).",
)
@json_option
def demo(replay: Path | None, full: bool, seed: int, state: Path | None, as_json: bool) -> None:
    """Show a session on a simulated limb: no hardware, no broker."""
    from gateway.simulation.demo import run
    from gateway.simulation.options import DemoOptions

    sys.exit(run(DemoOptions(replay=replay, full=full, seed=seed, state=state, as_json=as_json)))
