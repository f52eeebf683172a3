"""The table of exits: every name is a real error, the nearest one counts, defects keep their traceback."""

import importlib
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gateway.cli.exits import EXIT_CODES, MEANINGS, RunError, expected_errors, run_error, told
from gateway.cli.main import Rvos
from gateway.record.errors import JournalBusy, JournalFull, JournalMissing
from gateway.runtime import requests
from gateway.runtime.control_client import CoreForbidden
from gateway.runtime.state_lock import StateLocked
from gateway.ward.errors import CursorError


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_name_of_the_table_is_an_error(name: str) -> None:
    module, _, kind = name.rpartition(".")
    error = getattr(importlib.import_module(module), kind)
    assert issubclass(error, Exception)
    assert f"{error.__module__}.{error.__qualname__}" == name
    assert error in expected_errors()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JournalBusy(Path("j"), "busy"), 75),
        (JournalMissing(Path("j"), "missing"), 69),
        (JournalFull(Path("j"), "full"), 69),
        (CoreForbidden("no"), 77),
        (StateLocked("held by process 7"), 75),
        (CursorError("no"), 69),
        (RunError("own", 65), 65),
    ],
)
def test_the_nearest_class_of_the_table_counts(error: Exception, code: int) -> None:
    assert run_error(error).exit_code == code
    assert str(run_error(error)) == str(error)


def test_every_code_is_explained_and_known() -> None:
    explained = {int(code) for code in re.findall(r"^ +(\d+)  ", MEANINGS, re.MULTILINE)}
    known = {value for name, value in vars(requests).items() if name.startswith("EXIT_")}
    assert explained == known
    assert set(EXIT_CODES.values()) < known


def test_a_located_message_keeps_its_place_at_the_front() -> None:
    assert told(RunError("one line", 1)) == "rvos: one line"
    assert told(RunError("rvos.toml:1:2: wrong\n    x\n    ^", 78)).startswith("rvos.toml:1:2:")


def _group(error: Exception) -> Rvos:
    @click.group(cls=Rvos)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_an_expected_error_ends_in_one_line() -> None:
    result = CliRunner().invoke(_group(StateLocked("x is in use by process 7")), ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (75, "", "rvos: x is in use by process 7\n")


@pytest.mark.parametrize("defect", [KeyError("x"), ValueError("x"), RuntimeError("x"), OSError("x")])
def test_a_defect_is_not_dressed_up(defect: Exception) -> None:
    result: Any = CliRunner().invoke(_group(defect), ["fail"])
    assert result.exception is defect
