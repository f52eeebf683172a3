"""``rvos waveform``: what a waveform file holds, and other formats of it.

Theory of operation
-------------------
Both verbs only read, also while the file grows.  ``info`` ends with a finding where something that was
written is not there any more; gaps that were recorded as such, and a file that still grows, are none.
"""

from pathlib import Path

import click

from gateway.cli.conversation import print_document
from gateway.cli.options import json_option
from gateway.runtime.requests import EXIT_FINDING

_FILE = click.Path(path_type=Path)
_FORMATS = ("csv", "edf", "snirf")


@click.group()
def waveform() -> None:
    """Look into recorded waveforms and export them."""


@waveform.command()
@click.argument("file", type=_FILE)
@json_option
def info(file: Path, as_json: bool) -> None:
    """Streams, rates, gaps, length and damage of FILE."""
    from gateway.record.waveforms.facts import facts, text
    from gateway.record.waveforms.reader import Waveform

    with Waveform.open(file) as opened:
        told = facts(opened)
    if as_json:
        print_document(told)
    else:
        click.echo(text(told))
    if told.is_damaged:
        click.echo(f"rvos: {file}: damaged; what is whole is listed and can be exported", err=True)
        raise click.exceptions.Exit(EXIT_FINDING)


@waveform.command()
@click.argument("file", type=_FILE)
@click.option("--format", "form", type=click.Choice(_FORMATS), required=True, help="What to make of it.")
@click.option("--output", type=_FILE, required=True, metavar="PATH", help="The new file.")
@click.option(
    "--stream",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this stream or channel; for each again. Without it: all.",
)
def export(file: Path, form: str, output: Path, names: tuple[str, ...]) -> None:
    """Write FILE in another format: a new file, never over an old one.

    csv has a row for each frame of the fastest stream that was chosen, and the
    last value of the others. edf is EDF+, with gaps EDF+D. snirf is for streams
    of tissue oxygen and needs h5py.
    """
    from gateway.record.waveforms.exporting import export as exported
    from gateway.record.waveforms.reader import Waveform

    with Waveform.open(file) as opened:
        notes = exported(opened, form, output, names)
    for one in notes:
        click.echo(f"note: {one}", err=True)
    click.echo(str(output))
