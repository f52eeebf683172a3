"""Talking to core: where its socket is, and what becomes of its reply.

Theory of operation
-------------------
``carry_out`` is what every actuating verb does: ask core, print its sentence, end with its exit
code.  A refusal is core's sentence on stderr and core's code.

Stopping must not depend on anything that can be wrong.  ``stop_socket`` therefore reads a single
key of the configuration, and where even that cannot be read it takes the standard place and says
so.  Every other verb loads the whole configuration and ends if that is not valid.
"""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from gateway.cli.exits import RunError
from gateway.cli.options import config_path
from gateway.runtime.control_client import SOCKET_NAME, ask
from gateway.runtime.requests import EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE, Reply, Request

if TYPE_CHECKING:
    from gateway.safety.texts import Language

RUNTIME_DIR_DEFAULT = "/run/rvos"

Document = TypeVar("Document")


def carry_out(request: Request, timeout_s: float = 10.0) -> Reply:
    """Ask core to do it and print what it says. Raises RunError when it refuses."""
    return settle(ask(core_socket(), request, timeout_s))


def settle(reply: Reply) -> Reply:
    """Print core's sentence. Raises RunError when it is a refusal."""
    if reply.exit_code != EXIT_OK:
        raise RunError(reply.message, reply.exit_code)
    if reply.message:
        click.echo(reply.message)
    return reply


def document(reply: Reply, kind: type[Document]) -> Document:
    """The reply's document. Raises RunError when core refused or sent something else."""
    if reply.exit_code != EXIT_OK:
        raise RunError(reply.message, reply.exit_code)
    try:
        return msgspec.convert(reply.data, kind)
    except msgspec.ValidationError as error:
        raise RunError(
            f"core's answer makes no sense ({error}): is core of the same version as this rvos?",
            EXIT_UNAVAILABLE,
        ) from error


def needs_confirmation(confirm: bool, would: str) -> None:
    """Raises RunError, saying what would be done, unless a person confirmed."""
    if not confirm:
        raise RunError(f"nothing done: this would {would}. Repeat with --confirm to do it.", EXIT_USAGE)


def print_document(data: object) -> None:
    """One JSON document on stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(data), indent=2))


def core_socket() -> Path:
    """Core's control socket by the configuration. Raises ConfigError."""
    from gateway.config import load

    return Path(load(config_path()).core.runtime_dir) / SOCKET_NAME


def site_language() -> "Language":
    """The language of the site; English where no configuration can be read."""
    from gateway.config import ConfigError, load
    from gateway.safety.texts import Language

    try:
        return Language(load(config_path()).site.language)
    except ConfigError:
        return Language.ENGLISH


def stop_socket() -> Path:
    """Core's control socket, whatever else is wrong with the configuration."""
    path = config_path()
    try:
        runtime_dir = _runtime_dir(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        click.echo(f"rvos: {path} cannot be read ({why}): asking the core at {RUNTIME_DIR_DEFAULT}", err=True)
        runtime_dir = RUNTIME_DIR_DEFAULT
    return Path(runtime_dir) / SOCKET_NAME


def _runtime_dir(text: str) -> str:
    """``core.runtime_dir`` of a configuration; the default where it is not there. Raises ValueError."""
    table = tomllib.loads(text).get("core")
    written = table.get("runtime_dir") if isinstance(table, dict) else None
    return written if isinstance(written, str) else RUNTIME_DIR_DEFAULT
