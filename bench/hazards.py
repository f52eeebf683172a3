"""The hazard log: read, judged, rendered.

``python -m bench.hazards [--write]``

Theory of operation
-------------------
docs/safety/hazards/*.toml holds the log, in the manner of ISO 14971: hazard, sequence of events, harm,
controls, verification, residual risk.  ``findings`` says what is wrong with it:

* a hazard without a control, without a test, or with something still ``pending``;
* a control that points at code which does not exist, a test that does not exist (the files are parsed,
  nothing is run);
* a reason code that does not exist, or one of kind trip, wait, refusal or notice that no hazard names;
* numbers (H-01, H-02 ...) that are not in order and without a gap.

``render`` makes docs/safety/hazard-log.md of it; ``--write`` puts it there.  A page that is not what
``render`` says fails a test.  Ends with 0 when there are no findings and the page is up to date, 1 otherwise.
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from gateway.model import Reason
from gateway.safety.reasons import Kind, kind_of

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "safety" / "hazards"
PAGE = ROOT / "docs" / "safety" / "hazard-log.md"

SIGNALS = (Kind.TRIP, Kind.WAIT, Kind.REFUSAL, Kind.NOTICE)
"""The kinds of reasons that must belong to a hazard."""

_Words = Annotated[str, msgspec.Meta(pattern=r"\S")]
_KINDS = {
    "inherent": "inherent safety",
    "gateway": "protective measure, gateway software",
    "firmware": "protective measure, controller software",
    "hardware": "protective measure, hardware",
    "information": "information for safety",
}


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measure. ``where`` points at it: a file, or ``file.py::name``."""

    kind: Literal["inherent", "gateway", "firmware", "hardware", "information"]
    text: _Words
    where: Annotated[list[str], msgspec.Meta(min_length=1)]


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the log. ``verification`` has pytest node ids; ``pending`` says what is not there yet."""

    id: Annotated[str, msgspec.Meta(pattern=r"^H-\d\d$")]
    hazard: _Words
    sequence: _Words
    harm: _Words
    severity: Literal["negligible", "minor", "serious", "critical", "catastrophic"]
    probability: _Words
    residual: _Words
    controls: list[Control] = []
    verification: list[str] = []
    reasons: list[str] = []
    pending: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: _Words
    hazard: list[Hazard]


class Chapter(msgspec.Struct, frozen=True):
    """The hazards of one file."""

    title: str
    hazards: list[Hazard]


def load(folder: Path = FOLDER) -> list[Chapter]:
    """Every chapter, in the order of its first number. Raises what msgspec and tomllib have to say."""
    files = [msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File) for path in folder.glob("*.toml")]
    chapters = [Chapter(file.title, file.hazard) for file in files]
    return sorted(chapters, key=lambda chapter: chapter.hazards[0].id)


def all_of(chapters: Iterable[Chapter]) -> list[Hazard]:
    """The hazards of all chapters, in order."""
    return [hazard for chapter in chapters for hazard in chapter.hazards]


def findings(hazards: Sequence[Hazard]) -> list[str]:
    """What is wrong with the log; empty when nothing is."""
    return [
        *_wrong_numbers(hazards),
        *(said for one in hazards for said in _wrong(one)),
        *_uncovered(hazards),
    ]


def _wrong_numbers(hazards: Sequence[Hazard]) -> Iterator[str]:
    for number, hazard in enumerate(hazards, start=1):
        if hazard.id != f"H-{number:02}":
            yield f"{hazard.id} stands where H-{number:02} is expected: number without gaps, in order"
            return


def _wrong(hazard: Hazard) -> Iterator[str]:
    if not hazard.controls:
        yield f"{hazard.id} has no control"
    if hazard.pending:
        yield f"{hazard.id} is pending: {hazard.pending}"
    if not hazard.verification:
        yield f"{hazard.id} names no test"
    for node in hazard.verification:
        if not test_exists(node):
            yield f"{hazard.id}: there is no test {node}"
    for where in (where for control in hazard.controls for where in control.where):
        if not place_exists(where):
            yield f"{hazard.id}: a control points at {where}, which does not exist"
    for reason in hazard.reasons:
        if reason not in {known.value for known in Reason}:
            yield f"{hazard.id}: there is no reason code {reason}"


def _uncovered(hazards: Iterable[Hazard]) -> Iterator[str]:
    named = {reason for hazard in hazards for reason in hazard.reasons}
    for reason in Reason:
        if kind_of(reason) in SIGNALS and reason.value not in named:
            yield f"no hazard names the {kind_of(reason).value} {reason.value}"


def test_exists(node: str) -> bool:
    """Whether ``file::test`` or ``file::Class::test`` is written in that file."""
    file, _, name = node.partition("::")
    path = ROOT / file
    if not (file.startswith("tests/") and path.name.startswith("test_") and path.is_file()):
        return False
    return name.rpartition("::")[2].startswith("test") and name.replace("::", ".") in names_in(path)


def place_exists(where: str) -> bool:
    """Whether a control's ``file`` or ``file.py::name`` exists."""
    file, _, name = where.partition("::")
    path = ROOT / file
    return path.exists() and (not name or (path.suffix == ".py" and name in names_in(path)))


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names that a module defines: at its top, and in its classes as ``Class.name``."""
    tree = ast.parse(path.read_text("utf-8"))
    found = set(_defined(tree.body))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for name in _defined(node.body)}
    return frozenset(found)


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


# the page


_HEAD = """\
# Hazard log

Made from `docs/safety/hazards/` by `python -m bench.hazards --write`; do not edit. What the words mean, and
what they do not: [README.md](README.md). Severity and probability are engineering judgement about a system
that has never met a patient; no rate in here is measured, and none is invented.
"""


def render(chapters: Sequence[Chapter]) -> str:
    """The whole page."""
    hazards = all_of(chapters)
    parts = [_HEAD, *_contents(hazards)]
    for chapter in chapters:
        parts.append(f"\n## {chapter.title}\n")
        parts += [_section(hazard) for hazard in chapter.hazards]
    return "".join([*parts, *_reasons(hazards)])


def _contents(hazards: Iterable[Hazard]) -> Iterator[str]:
    yield "\n| id | hazard | severity of the harm |\n|---|---|---|\n"
    yield from (f"| {hazard.id} | {hazard.hazard} | {hazard.severity} |\n" for hazard in hazards)


def _section(hazard: Hazard) -> str:
    lines = [
        f"\n### {hazard.id} {hazard.hazard}\n",
        f"- **Sequence**: {_flat(hazard.sequence)}",
        f"- **Harm**: {_flat(hazard.harm)}",
        f"- **Severity**: {hazard.severity}. **Probability**: {_flat(hazard.probability)}",
        "- **Controls**:",
        *(_control(control) for control in sorted(hazard.controls, key=_order)),
        "- **Verification**:",
        *(f"  - `{node}`" for node in hazard.verification),
        *([f"- **Pending**: {_flat(hazard.pending)}"] if hazard.pending else []),
        f"- **Residual risk**: {_flat(hazard.residual)}",
    ]
    if hazard.reasons:
        lines.append(f"- **Signalled by**: {', '.join(f'`{reason}`' for reason in hazard.reasons)}")
    return "\n".join(lines) + "\n"


def _order(control: Control) -> int:
    """Inherent safety first, information last, as ISO 14971 wants measures considered."""
    return list(_KINDS).index(control.kind)


def _control(control: Control) -> str:
    places = ", ".join(f"`{where}`" for where in control.where)
    return f"  - *{_KINDS[control.kind]}*: {_flat(control.text)} ({places})"


def _reasons(hazards: Sequence[Hazard]) -> Iterator[str]:
    yield "\n## From a reason code to its hazards\n\n| reason | kind | hazards |\n|---|---|---|\n"
    for reason in Reason:
        ids = [hazard.id for hazard in hazards if reason.value in hazard.reasons]
        if ids:
            yield f"| `{reason.value}` | {kind_of(reason).value} | {', '.join(ids)} |\n"


def _flat(text: str) -> str:
    return " ".join(text.split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the log, and write its page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.hazards", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    chapters = load()
    wrong, page = findings(all_of(chapters)), render(chapters)
    if options.write:
        PAGE.write_text(page, "utf-8")
    if not PAGE.is_file() or PAGE.read_text("utf-8") != page:
        wrong.append(f"{PAGE.relative_to(ROOT)} is not up to date: python -m bench.hazards --write")
    print(*wrong, sep="\n" if wrong else "", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
