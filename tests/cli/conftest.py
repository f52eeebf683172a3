"""A configuration, a stand-in for core, and the command line run in this process."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import rvos
from tests.cli.stand_in import StandIn

Run = Callable[..., Result]

CONFIG = """\
[site]
site = "hospital"
ward = "icu"
device = "gateway-1"
[core]
runtime_dir = "{folder}"
state_dir = "{folder}/state"
[cuff]
port = "/dev/rvos-cuff"
description = "a cuff"
[mqtt]
host = "localhost"
[link]
state_dir = "{folder}/link"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path may have 107 characters only."""
    with tempfile.TemporaryDirectory(prefix="rvos-") as name:
        yield Path(name)


@pytest.fixture
def config_file(folder: Path) -> Path:
    """A valid configuration whose core listens in ``folder``."""
    path = folder / "rvos.toml"
    path.write_text(CONFIG.format(folder=folder))
    return path


@pytest.fixture
def core(folder: Path) -> Iterator[StandIn]:
    """A stand-in where the configuration says that core listens."""
    with StandIn(folder / "control.sock") as stand_in:
        yield stand_in


@pytest.fixture
def run(config_file: Path) -> Run:
    """Runs ``rvos`` with these words; the configuration comes from the environment."""

    def invoke(*words: str) -> Result:
        result = CliRunner(env={"RVOS_CONFIG": str(config_file)}).invoke(rvos, words, prog_name="rvos")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke
