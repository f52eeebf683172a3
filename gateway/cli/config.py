"""``rvos config``: write a configuration to start from, and check one.

Theory of operation
-------------------
``init`` never overwrites.  ``check`` finds everything that is wrong with a file at once; it opens no
device and asks no broker.
"""

from pathlib import Path

import click

from gateway.cli.exits import RunError
from gateway.cli.options import config_option, config_path
from gateway.runtime.requests import EXIT_NOT_PERMITTED, EXIT_REFUSED, EXIT_UNAVAILABLE

_FILE = click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def config() -> None:
    """Write and check the configuration."""


@config.command()
@_FILE
@config_option
def init(file: Path | None) -> None:
    """Write a commented configuration to fill in.

    FILE is by default the one that --config names. A file that exists is left as it is.
    """
    from gateway.config import example

    path = file or config_path()
    _write_new(path, example())
    click.echo(f"{path} written. Fill the marked lines, then run: rvos config check {path}")


@config.command()
@_FILE
@config_option
def check(file: Path | None) -> None:
    """Say whether a configuration is valid, and what is wrong where.

    FILE is by default the one that --config names.
    """
    from gateway.config import load

    path = file or config_path()
    site = load(path).site
    click.echo(f"{path} is valid: gateway {site.device}, ward {site.ward}, site {site.site}.")


def _write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. Raises RunError."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise RunError(
            f"{path} exists already and is left as it is: name another file, or move this one away",
            EXIT_REFUSED,
        ) from error
    except PermissionError as error:
        raise RunError(
            f"{path} cannot be written by this user: try it with sudo", EXIT_NOT_PERMITTED
        ) from error
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror})", EXIT_UNAVAILABLE) from error
