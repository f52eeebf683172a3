"""The options that several verbs share, and what they stand for.

Theory of operation
-------------------
``--config`` may stand before the verb or after it; the later one wins.  Its value travels in the
context that all nested commands share, so verbs ask ``config_path()`` and take no argument for it.
``--state`` names a folder with a ``journal.db`` to read there; without it the configuration says
where the journal is.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

CONFIG_DEFAULT = "/etc/rvos/rvos.toml"
JOURNAL_NAME = "journal.db"
_KEY = "gateway.cli.config"

F = TypeVar("F", bound=Callable[..., Any])


def _remember(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_KEY] = value


def _config(function: F, **settings: Any) -> F:
    kind = click.Path(dir_okay=False, path_type=Path)
    option = click.option(
        "--config", type=kind, metavar="FILE", callback=_remember, expose_value=False, **settings
    )
    return option(function)


def global_config_option(function: F) -> F:
    """``--config`` before the verb, with the environment and the default behind it."""
    return _config(
        function,
        envvar="RVOS_CONFIG",
        show_envvar=True,
        default=CONFIG_DEFAULT,
        show_default=True,
        help="The configuration; may also stand after the verb.",
    )


def config_option(function: F) -> F:
    """``--config`` after the verb."""
    return _config(function, help="The configuration.")


def config_path() -> Path:
    """The configuration file of this run."""
    path = click.get_current_context().meta[_KEY]
    assert isinstance(path, Path)
    return path


def json_option(function: F) -> F:
    """``--json``: one document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")(
        function
    )


def confirm_option(function: F) -> F:
    """``--confirm``: a person means it."""
    return click.option("--confirm", is_flag=True, help="Do it; without this nothing is done.")(function)


def measured_again_option(function: F) -> F:
    """``--measured-again``: the answer to the question that three identical systolic pressures raise."""
    text = "It truly was measured again, and is the same for the third time."
    return click.option("--measured-again", is_flag=True, help=text)(function)


def arming_options(function: F) -> F:
    """What arming asks of limb and cuff besides the systolic: ``--diastolic`` to ``--answers``."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    told = "The screening's answers, where nobody can be asked; see: rvos session screening"
    girth = "The thigh's circumference under the cuff."
    for option in (
        click.option("--answers", type=file, metavar="FILE", help=told),
        click.option("--circumference", type=float, metavar="CM", help=girth),
        click.option("--cuff-width", type=float, metavar="CM", help="The cuff's width."),
        click.option("--diastolic", type=int, metavar="MMHG", help="Diastolic blood pressure."),
    ):
        function = option(function)
    return function


def state_option(function: F) -> F:
    """``--state``: a folder with a journal."""
    kind = click.Path(file_okay=False, path_type=Path)
    text = "Read the journal.db in this folder; no configuration is needed then."
    return click.option("--state", type=kind, metavar="DIR", help=text)(function)


def journal_path(state: Path | None) -> Path:
    """Where the journal is. Raises ConfigError when only the configuration can say and does not."""
    if state is not None:
        return state / JOURNAL_NAME
    from gateway.config import load

    return Path(load(config_path()).core.state_dir) / JOURNAL_NAME
