"""House rules that ruff, mypy and import-linter cannot express, each shown to catch a planted violation.

Theory of operation
-------------------
A rule is a function from a parsed module to the lines that break it, and a predicate on the path that
says where it holds.  ``PLANTED`` has, for each rule, source texts that it must catch; a rule that catches
nothing of its own fails.  ``test_the_house`` applies every rule to every file of ours.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("drivers", "dsp", "firmware_bridge", "gateway", "tests")
LONGEST_FILE_LINES = 450

Found = Iterator[tuple[int, str]]


class Rule(NamedTuple):
    """``check`` yields (line, what is wrong) for a module that ``holds_for`` selects by its path."""

    check: Callable[[ast.Module], Found]
    holds_for: Callable[[str], bool]


# --- reading a tree ----------------------------------------------------------------------------------


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported dotted name: the module, and for ``from a import b`` also ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or an attribute chain; the unnamed part of others is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported name and every dotted name that the code mentions."""
    yield from imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, dotted(node)


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


# --- the rules ---------------------------------------------------------------------------------------

SAFETY_MAY_IMPORT = ("gateway.model", "gateway.safety", "enum", "dataclasses", "typing")


def safety_is_pure(tree: ast.Module) -> Found:
    for line, name in imports(tree):
        if not within(name, SAFETY_MAY_IMPORT):
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"has the float {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "mentions float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "divides with '/', which makes a float: use '//'"


CLOCKS = ("time", "random", "secrets")
NOW = ("now", "utcnow", "today")


def time_is_an_argument(tree: ast.Module) -> Found:
    for line, name in imports(tree):
        if within(name, CLOCKS):
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NOW and "date" in dotted(node):
            yield node.lineno, f"reads the clock: {dotted(node)}"


def _words(node: ast.AST) -> Iterator[str]:
    """The words of every identifier and string below a node."""
    for part in ast.walk(node):
        text = ""
        if isinstance(part, ast.Name):
            text = part.id
        elif isinstance(part, ast.Attribute):
            text = part.attr
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            text = part.value
        yield from text.lower().replace("-", "_").replace(" ", "_").split("_")


def _decisions(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test
        elif isinstance(node, ast.Match):
            yield node.subject
        elif isinstance(node, ast.match_case):
            yield node.pattern
        elif isinstance(node, ast.comprehension):
            yield from node.ifs


def nothing_knows_the_demo(tree: ast.Module) -> Found:
    for decision in _decisions(tree):
        if {"demo", "simulated", "simulation"} & set(_words(decision)):
            yield getattr(decision, "lineno", 0), f"branches on {ast.unparse(decision)}"


def nothing_sleeps(tree: ast.Module) -> Found:
    for line, name in imports(tree):
        if name in ("time.sleep", "asyncio.sleep"):
            yield line, f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in ("time.sleep", "asyncio.sleep"):
            if ast.unparse(node) == "asyncio.sleep(0)":
                continue  # a yield to the other tasks takes no time
            yield node.lineno, f"sleeps: {ast.unparse(node)}"


ABSENT = (
    *("dataclasses", "enum", "typing", "abc", "__future__", "contextlib", "functools", "logging"),
    *("itertools", "collections.abc", "binascii.crc_hqx", "time.monotonic", "TimeoutError"),
    *(f"asyncio.{name}" for name in ("timeout", "TaskGroup", "Queue", "Future", "shield", "Protocol")),
)


def portable(tree: ast.Module) -> Found:
    """The subset that CPython 3.11 and MicroPython 1.28 share. An import with a fallback may be tried."""
    tried = _tried_imports(tree)
    for line, name in uses(tree):
        if (within(name, ABSENT) or name.endswith("._replace")) and line not in tried:
            yield line, f"uses {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Match):
            yield node.lineno, "has a match statement"
        elif isinstance(node, ast.arguments) and node.posonlyargs:
            yield node.posonlyargs[0].lineno, "has positional-only arguments"
        elif isinstance(node, ast.Delete) and _deletes_a_slice(node):
            yield node.lineno, "deletes a slice"
        elif isinstance(node, ast.Call) and _reads_signed(node):
            yield node.lineno, "uses int.from_bytes(signed=)"


def _tried_imports(tree: ast.Module) -> set[int]:
    """The lines of imports in the body of ``try: ... except ImportError``."""
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    guarded = [node for node in tries if any(_catches_import_error(one) for one in node.handlers)]
    body = [statement for node in guarded for statement in node.body]
    return {statement.lineno for statement in body if isinstance(statement, ast.Import | ast.ImportFrom)}


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and dotted(handler.type) == "ImportError"


def _deletes_a_slice(node: ast.Delete) -> bool:
    return any(isinstance(at, ast.Subscript) and isinstance(at.slice, ast.Slice) for at in node.targets)


def _reads_signed(node: ast.Call) -> bool:
    named = isinstance(node.func, ast.Attribute) and node.func.attr in ("from_bytes", "to_bytes")
    return named and any(keyword.arg == "signed" for keyword in node.keywords)


def exceptions_are_named(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        caught: list[ast.expr | None] = []
        if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
            caught = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
            caught = [*node.args]
        if any(one is None or dotted(one) in ("Exception", "BaseException") for one in caught):
            yield getattr(node, "lineno", 0), "catches everything"


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """A clean-up that ends in a bare ``raise`` hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def files_are_short(tree: ast.Module) -> Found:
    last = max((node.end_lineno or 0 for node in tree.body), default=0)
    if last > LONGEST_FILE_LINES:
        yield last, f"has {last} lines, more than {LONGEST_FILE_LINES}"


# Where a clock may be read: the clock, the composition roots, the link's own deadlines, the simulation.
CLOCK_ROOMS = (
    "gateway/runtime/clock.py",
    "gateway/runtime/service.py",
    "gateway/ward/link.py",
    "gateway/ward/mqtt.py",
    "gateway/simulation/",
    "firmware_bridge/aio.py",
    "tests/",
)
# The shim is where CPython and MicroPython differ; everything else of firmware_bridge runs on both, and
# so do the drivers' codecs. The cuff's codec is firmware_bridge/cuff.py; drivers/cuff.py is its shell.
SHIM = "firmware_bridge/aio.py"
CODECS = (
    "drivers/nonin.py",
    "drivers/strides.py",
    "drivers/cyton.py",
    "drivers/bitalino.py",
    "drivers/nonin_oem.py",
    "drivers/feeder.py",
    "drivers/invos.py",
    "drivers/moxy.py",
    "drivers/cpar_messages.py",
    "drivers/cpar_waveform.py",
    "drivers/suntech.py",
    "drivers/sciencemode2.py",
    "drivers/sciencemode4.py",
    "drivers/sciencemode4_messages.py",
)

RULES = {
    "safety is pure": Rule(safety_is_pure, lambda path: path.startswith("gateway/safety/")),
    "time is an argument": Rule(time_is_an_argument, lambda path: not path.startswith(CLOCK_ROOMS)),
    "nothing knows the demo": Rule(
        nothing_knows_the_demo,
        lambda path: not path.startswith(("gateway/simulation/", "gateway/cli/", "tests/")),
    ),
    "tests do not sleep": Rule(nothing_sleeps, lambda path: path.startswith("tests/")),
    "portable": Rule(
        portable, lambda path: (path.startswith("firmware_bridge/") and path != SHIM) or path in CODECS
    ),
    "exceptions are named": Rule(exceptions_are_named, lambda path: True),
    "files are short": Rule(files_are_short, lambda path: True),
}

# One violation each, in a file where the rule holds.
PLANTED = {
    "safety is pure": (
        "gateway/safety/planted.py",
        [
            "import math",
            "from gateway.record import events",
            "from gateway import config",
            "x = 0.5",
            "def f(x: float) -> None: ...",
            "x = 3 / 2",
            "x /= 2",
        ],
    ),
    "time is an argument": (
        "gateway/therapy/planted.py",
        [
            "import time",
            "from time import monotonic",
            "import random",
            "import datetime\nx = datetime.datetime.now()",
            "from datetime import date\nx = date.today()",
        ],
    ),
    "nothing knows the demo": (
        "gateway/runtime/planted.py",
        [
            "if demo: pass",
            "x = 1 if self.is_simulated else 2",
            "if mode == 'demo': pass",
            "match kind:\n    case 'simulated-cuff': pass",
            "x = [d for d in devices if not d.simulated]",
            "while simulation.running: pass",
        ],
    ),
    "tests do not sleep": (
        "tests/runtime/test_planted.py",
        [
            "import time\ntime.sleep(1)",
            "from time import sleep",
            "import asyncio\nasync def f(): await asyncio.sleep(0.1)",
        ],
    ),
    "portable": (
        "firmware_bridge/planted.py",
        [
            "from dataclasses import dataclass",
            "import typing",
            "from collections.abc import Iterator",
            "match x:\n    case 1: pass",
            "def f(a, /): pass",
            "del buffer[:3]",
            "x = status._replace(a=1)",
            "x = int.from_bytes(b, 'little', signed=True)",
            "import binascii\nx = binascii.crc_hqx(b'', 0)",
            "import asyncio\nasync def f(): await asyncio.shield(x)",
            "from asyncio import Queue",
            "import time\nx = time.monotonic()",
            "try: pass\nexcept TimeoutError: pass",
            "try: from binascii import crc_hqx\nexcept OSError: pass",
        ],
    ),
    "exceptions are named": (
        "gateway/runtime/planted.py",
        [
            "try: pass\nexcept: pass",
            "try: pass\nexcept Exception: pass",
            "try: pass\nexcept (OSError, BaseException): pass",
            "import contextlib\nwith contextlib.suppress(Exception): pass",
        ],
    ),
    "files are short": ("drivers/planted.py", ["x = 1\n" * (LONGEST_FILE_LINES + 1)]),
}


def broken(rule: str, path: str, text: str) -> list[str]:
    """What ``rule`` has against the module ``text`` at ``path``."""
    if not RULES[rule].holds_for(path):
        return []
    return [f"{path}:{line}: {what} ({rule})" for line, what in RULES[rule].check(ast.parse(text))]


def ours() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("rule", RULES)
def test_the_house(rule: str) -> None:
    files = ours()
    assert files
    violations = [
        violation
        for path in files
        for violation in broken(rule, path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    assert not violations, "\n".join(violations)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [(rule, path, text) for rule, (path, texts) in PLANTED.items() for text in texts],
)
def test_each_rule_catches_what_is_planted(rule: str, path: str, text: str) -> None:
    assert broken(rule, path, text)


def test_every_rule_has_a_planted_violation() -> None:
    assert PLANTED.keys() == RULES.keys()


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        ("safety is pure", "gateway/safety/limits.py", "from gateway.model import Reason\nx = 7 // 2"),
        ("time is an argument", "gateway/runtime/clock.py", "import time"),
        ("time is an argument", "gateway/record/row.py", "runtime = snow.now()\nimport datetime"),
        ("nothing knows the demo", "gateway/runtime/core.py", "if demolished: pass\nname = 'demo'"),
        ("tests do not sleep", "tests/test_a.py", "import asyncio\nasync def f(): await asyncio.sleep(0)"),
        (
            "portable",
            "firmware_bridge/ecp.py",
            "import asyncio\ntry: pass\nexcept asyncio.TimeoutError: pass",
        ),
        ("portable", "firmware_bridge/c.py", "try: from binascii import crc_hqx\nexcept ImportError: pass"),
        ("exceptions are named", "gateway/cli/main.py", "try: pass\nexcept (OSError, ValueError): pass"),
        (
            "exceptions are named",
            "gateway/record/j.py",
            "try: pass\nexcept BaseException:\n    x()\n    raise",
        ),
        ("files are short", "gateway/model.py", "x = 1\n" * LONGEST_FILE_LINES),
    ],
)
def test_what_is_allowed_is_let_through(rule: str, path: str, text: str) -> None:
    assert not broken(rule, path, text)
