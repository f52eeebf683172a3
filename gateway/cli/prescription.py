"""``rvos prescription``: what this gateway can deliver, in the words of its files.

Theory of operation
-------------------
Prescriptions are shipped with the package; these verbs only read them.
"""

import click


@click.group()
def prescription() -> None:
    """List and show the prescriptions."""


@prescription.command("list")
def list_() -> None:
    """The name and title of every prescription."""
    from gateway.therapy.prescription import load, names

    found = names()
    width = max(map(len, found), default=0)
    for name in found:
        click.echo(f"{name:<{width}}  {load(name).title}")


@prescription.command()
@click.argument("name")
def show(name: str) -> None:
    """The prescription NAME: every number with its unit and source."""
    from gateway.therapy.prescription import text

    click.echo(text(name), nl=False)
