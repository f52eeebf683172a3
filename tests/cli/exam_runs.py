"""Runs of ``rvos exam analyse`` as a program sees them."""

import json
from pathlib import Path
from typing import Any

from gateway.exams.document import document, result
from gateway.exams.result import Result
from tests.exams.files import MAKERS, STATED

NAMES = list(MAKERS)
PORTAMON = "nirs/portamon_vastus_lateralis_repeated_occlusions.csv"


def analysed(run: Any, name: str, file: Path, *words: str) -> Result:
    """The result as a program reads it: one document, nothing on stderr."""
    done = run("exam", "analyse", name, str(file), *STATED[name].split(), *words, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    found = result(done.stdout.encode())
    assert document(found) == json.loads(done.stdout)
    return found


def refused(run: Any, name: str, file: Path, *words: str) -> tuple[int, str]:
    """Exit code and the one line of a refusal."""
    done = run("exam", "analyse", name, str(file), *STATED[name].split(), *words, "--json")
    assert done.stdout == ""
    assert done.stderr.startswith("rvos: ")
    assert done.stderr.count("\n") == 1
    return done.exit_code, done.stderr


def ids(found: Result) -> set[str]:
    return {one.id for one in found.flags}
