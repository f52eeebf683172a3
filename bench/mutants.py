"""Plant one small defect at a time and see whether the tests notice.

``python -m bench.mutants [--room ROOM] [--sample N] [--jobs J] [--json]``
``python -m bench.mutants --of FILE --by TESTS ... [--json]`` while writing the tests of one file

Theory of operation
-------------------
``bench.mutation.operators`` makes the mutants of each file of a room, ``bench.mutation.nursery`` runs that
room's tests against each.  A survivor is a gap in the tests, or it is equivalent: a change that nothing can
notice. Equivalent ones are argued in ``bench/equivalent_mutants.toml``, one row each, by function and
source text (a line number would not last)::

    [[mutant]]
    file = "gateway/safety/checks.py"
    where = "_low"
    was = "a < b"
    becomes = "a <= b"
    why = "..."

Rooms: ``gateway/safety``, judged by ``tests/safety``; ``firmware_bridge/mcu``, of it the parts that keep
the limb safe, judged by their tests under CPython.

``--sample N`` takes N mutants spread evenly over the room; rows about others are then not missed.

Ends with 0 when no mutant survived but argued ones, every row argues about a mutant that did survive, and
there are no more than ten rows; 1 otherwise.
"""

import argparse
import ast
import json
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from bench.mutation.nursery import Fate, Nursery
from bench.mutation.operators import Mutant, mutants

ROOT = Path(__file__).parents[1]
EQUIVALENT = "bench/equivalent_mutants.toml"
MOST_ARGUED = 10
_TOLD_EVERY = 100


class Room(NamedTuple):
    """Files to change and tests that must notice; the slow ones are asked last."""

    files: tuple[str, ...]
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()


_MCU = "firmware_bridge/mcu"
_SLOW = ("bounded_occlusion", "against_specification", "rules_unquantised", "exploration")
_FIRMWARE_PARTS = ("interlock", "airflow", "presence", "silence", "lease", "debt", "inflation", "limits")
_FIRMWARE_TESTS = (
    "interlock",
    "lease",
    "controller",
    "limbs",
    "airflow",
    "people",
    "relay",
    "cuff",
    "wrap",
    "edges",
)
ROOMS = {
    "gateway/safety": Room(
        ("gateway/safety/*.py",), ("tests/safety",), tuple(f"tests/safety/test_{name}.py" for name in _SLOW)
    ),
    _MCU: Room(
        tuple(f"{_MCU}/{name}.py" for name in _FIRMWARE_PARTS),
        tuple(f"tests/firmware_bridge/test_{name}.py" for name in _FIRMWARE_TESTS),
    ),
}
PARTS = {
    "readiness": Room(
        ("gateway/safety/readiness.py",), ("tests/safety/test_readiness.py", "tests/safety/test_immutable.py")
    ),
    "debt": Room(
        ("gateway/safety/debt.py",), ("tests/safety/test_debt.py", "tests/safety/test_immutable.py")
    ),
    "lease": Room(
        (f"{_MCU}/lease.py",),
        ("tests/firmware_bridge/test_lease.py", "tests/firmware_bridge/test_edges.py"),
    ),
}
"""Small parts of the rooms, each judged by the tests of its own: what ``scripts/test`` takes samples of."""


@dataclass(frozen=True, slots=True)
class Row:
    """One argument: this change cannot be noticed, and why."""

    file: str
    where: str
    was: str
    becomes: str
    why: str

    def argues(self, mutant: Mutant) -> bool:
        """Whether this row is about this mutant."""
        same = (self.file, self.where) == (mutant.path, mutant.where)
        return same and _flat(self.was) == _flat(mutant.was) and _flat(self.becomes) == _flat(mutant.becomes)


def _flat(text: str) -> str:
    """The text without what a person may write otherwise: spaces, lines, parentheses that change nothing."""
    with suppress(SyntaxError):  # a part of a statement, like one named argument, is no program
        text = ast.unparse(ast.parse(text))
    return " ".join(text.split())


class Account(NamedTuple):
    """What a run found."""

    room: str
    fates: list[Fate]
    rows: list[Row]
    whole: bool
    seconds: float

    def of(self, *ends: str) -> list[Fate]:
        """The fates with one of these ends."""
        return [fate for fate in self.fates if fate.end in ends]

    def unargued(self) -> list[Mutant]:
        """The survivors that no row argues about."""
        left = [fate.mutant for fate in self.of("survived")]
        return [mutant for mutant in left if not any(row.argues(mutant) for row in self.rows)]

    def idle_rows(self) -> list[Row]:
        """The rows that argue about nothing that survived; a sample cannot know them."""
        left = [fate.mutant for fate in self.of("survived")]
        return [row for row in self.rows if self.whole and not any(row.argues(one) for one in left)]

    def sound(self) -> bool:
        """Whether nothing survived but what is argued, and the arguments are few and about something."""
        return not self.unargued() and not self.idle_rows() and len(self.rows) <= MOST_ARGUED


def examine(
    name: str,
    tried: Room,
    root: Path = ROOT,
    sample: int | None = None,
    jobs: int = 2,
    *,
    quick: bool = False,
    tell: Callable[[str], object] = lambda _: None,
) -> Account:
    """Make the mutants of a room below ``root`` and run its tests, when ``quick`` without the slow ones.

    ``tell`` gets a line for each survivor, and now and then how far the run has come.
    """
    began = monotonic()
    files = sorted(path for pattern in tried.files for path in root.glob(pattern))
    trees = {path.relative_to(root).as_posix(): ast.parse(path.read_text()) for path in files}
    made = [mutant for path, tree in trees.items() for mutant in mutants(path, tree)]
    chosen = made if sample is None else made[:: max(1, -(-len(made) // sample))]
    nursery = Nursery(root, tried.tests, tried.slow, jobs, quick=quick)
    fates: list[Fate] = []
    for fate in nursery.fates(chosen, trees):
        fates.append(fate)
        if fate.end == "survived":
            tell(f"survived {fate.mutant}")
        if len(fates) % _TOLD_EVERY == 0:
            tell(f"{name}: {len(fates)} of {len(chosen)}")
    rows = [row for row in argued(root / EQUIVALENT) if row.file in trees]
    return Account(name, fates, rows, sample is None, monotonic() - began)


def argued(path: Path) -> list[Row]:
    """The rows of the file of equivalent mutants. Raises TypeError for a row with a key too many or few."""
    if not path.exists():
        return []
    return [Row(**row) for row in tomllib.loads(path.read_text()).get("mutant", [])]


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--room", choices=(*ROOMS, *PARTS), action="append", help="or a part of one; default: every room"
    )
    parser.add_argument("--of", metavar="FILE", help="the mutants of this file only")
    parser.add_argument("--by", metavar="TESTS", nargs="+", help="with --of: judged by these files only")
    parser.add_argument("--sample", type=int, help="so many mutants instead of all")
    parser.add_argument("--quick", action="store_true", help="leave the slow tests out: shows too many")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default 2)")
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    options = parser.parse_args(arguments)
    if bool(options.of) != bool(options.by) or (options.of and options.room):
        parser.error("--of and --by go together, and without --room")
    rooms = {options.of: Room((options.of,), tuple(options.by))} if options.of else ROOMS | PARTS
    accounts = [
        examine(room, rooms[room], ROOT, options.sample, options.jobs, quick=options.quick, tell=_aside)
        for room in options.room or [one for one in rooms if one not in PARTS]
    ]
    if options.json:
        print(json.dumps([_document(account) for account in accounts], indent=2))
    else:
        print("\n".join(_text(account) for account in accounts))
    return 0 if all(account.sound() for account in accounts) else 1


def _aside(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _document(account: Account) -> dict[str, object]:
    return {
        "room": account.room,
        "made": len(account.fates),
        "killed": len(account.of("killed", "timeout")),
        "of_these_by_timeout": len(account.of("timeout")),
        "survived": len(account.of("survived")),
        "argued": len(account.of("survived")) - len(account.unargued()),
        "unargued": [str(mutant) for mutant in account.unargued()],
        "idle_rows": [f"{row.file} {row.where}: {row.was} -> {row.becomes}" for row in account.idle_rows()],
        "seconds": round(account.seconds, 1),
        "sound": account.sound(),
    }


def _text(account: Account) -> str:
    lines = []
    for name, value in _document(account).items():
        if isinstance(value, list):
            lines += [f"{name:22} {len(value)}", *(f"  {one}" for one in value)]
        else:
            lines.append(f"{name:22} {value}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
