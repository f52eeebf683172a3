"""``rvos simulate``: many sessions on a simulated bedside with faults, judged by an independent monitor."""

import sys
from pathlib import Path

import click

from gateway.cli.options import json_option

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--sessions",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="How many.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    metavar="S",
    help="The same seed, the same sessions, byte for byte.",
)
@click.option(
    "--faults",
    default="all",
    show_default=True,
    metavar="all|none|NAME,...",
    help="What may go wrong; see --list-faults.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="J", help="So many processes."
)
@click.option(
    "--full-length",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="K",
    help="So many of the sessions are a whole rvos-after-rosprox at natural speed. The others are short, and "
    "one in four of them stimulates.",
)
@click.option("--only", type=click.IntRange(min=0), metavar="I", help="Only this session of the campaign.")
@click.option(
    "--keep",
    type=_FOLDER,
    default=Path("rvos-simulate"),
    show_default=True,
    metavar="DIR",
    help="Where the journal of a session with a harm goes.",
)
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep each session's result there as it comes, and play only what is not there yet.",
)
@click.option("--list-faults", is_flag=True, help="Every kind of fault.")
@json_option
def simulate(
    sessions: int,
    seed: int,
    faults: str,
    jobs: int,
    full_length: int,
    only: int | None,
    keep: Path,
    results: Path | None,
    list_faults: bool,
    as_json: bool,
) -> None:
    """Give many simulated sessions with faults, and judge them.

    Ends with 1 when a limb came to harm, when software failed its duty under a hardware fault, or when a
    session without a fault sounded an alarm that nothing in it called for. The figures hold for this fault
    model and for no bedside. Faster after `python -m bench.compile`.
    """
    from gateway.simulation.campaign import Campaign, CampaignBroken, run
    from gateway.simulation.faults import UnknownFault, listing
    from gateway.simulation.results import ResultsForeign

    if list_faults:
        click.echo(listing())
        return
    if full_length > sessions or (only is not None and only >= sessions):
        raise click.UsageError("--full-length and --only must not be larger than the number of --sessions")
    try:
        campaign = Campaign(sessions, seed, faults, jobs, full_length, only, keep, results)
        code = run(campaign, as_json=as_json)
    except (UnknownFault, ResultsForeign) as error:
        raise click.UsageError(str(error)) from error
    except CampaignBroken as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)
