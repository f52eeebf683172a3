"""The console entry as a process of its own: exit codes, streams, and what ``session stop`` loads."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import gateway
from gateway.cli.main import rvos
from tests.cli.stand_in import StandIn

ROOT = Path(__file__).parents[2]
HEAVY = {"asyncio", "matplotlib", "numpy", "paho", "serial", "spanned_toml", "sqlite3"}
LISTS_MODULES = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sys.modules, file=sys.stderr))
sys.argv = ["rvos", "session", "stop", "--config", sys.argv[1]]
from gateway.cli.main import main
main()
"""


def _python(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **changed}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], 0),
        (["prescription", "list"], 0),
        (["session", "reset"], 2),
        (["no-such-verb"], 2),
        (["session", "stop"], 69),
        (["session", "cuff-removed"], 69),
        (["journal", "verify"], 69),
        (["prescription", "show", "none"], 78),
        (["core", "--config", "/no/such/rvos.toml"], 78),
        (["link", "--config", "/no/such/rvos.toml"], 78),
    ],
)
def test_the_exit_code_of_the_process(config_file: Path, words: list[str], code: int) -> None:
    done = _python("-m", "gateway.cli", *words, RVOS_CONFIG=str(config_file))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (code == 0)
    assert bool(done.stderr) == (code != 0)


def test_the_version_is_the_packages() -> None:
    assert _python("-m", "gateway.cli", "--version").stdout == f"rvos {gateway.__version__}\n"


def test_stop_loads_nothing_that_can_be_broken_or_slow(config_file: Path, core: StandIn) -> None:
    core.reply(message="stopped")
    done = _python("-c", LISTS_MODULES, str(config_file))
    assert (done.returncode, done.stdout) == (0, "stopped\n")
    loaded = set(done.stderr.split())
    assert "gateway.runtime.control_client" in loaded
    assert not HEAVY & loaded
    rooms = {name for name in loaded if name.startswith("gateway.") and not name.startswith("gateway.cli")}
    assert rooms == {
        "gateway.model",
        "gateway.runtime",
        "gateway.runtime.control_client",
        "gateway.runtime.requests",
    }


def _verbs(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for word, command in group.commands.items():
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from _verbs(command, f"{name} {word}")


VERBS = dict(_verbs(rvos, "rvos"))


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_and_option_says_what_it_does(name: str) -> None:
    command = VERBS[name]
    context = click.Context(command, info_name=name)
    assert command.get_short_help_str(limit=70).rstrip(".") == (command.help or "").split("\n")[0].rstrip(".")
    for parameter in command.get_params(context):
        assert not isinstance(parameter, click.Option) or parameter.help
    assert all(len(line) <= 80 for line in command.get_help(context).splitlines())


def test_help_begins_with_the_verbs_of_the_bedside() -> None:
    shown = CliRunner().invoke(rvos, ["--help"]).stdout
    places = [shown.index(f"\n  {word} ") for word in rvos.commands]
    assert places == sorted(places)
    assert "rvos session stop" in shown
    assert "  69  core or a device is not available\n" in shown


def test_the_issues_verbs_are_there() -> None:
    words = """demo | core | link | selftest | summary | session start | session pressure | session stop
        | session status | session reset | session cuff-removed | alarm list | alarm ack | prescription list
        | prescription show | exam list | exam analyse | config init | config check | journal verify
        | journal tail"""
    assert {f"rvos {' '.join(verb.split())}" for verb in words.split("|")} <= VERBS.keys()
