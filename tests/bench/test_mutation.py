"""The mutation tools: every operator makes its change; a mutant dies when, and only when, a test sees it."""

import ast
from pathlib import Path

import pytest

from bench import mutants as bench_mutants
from bench.mutants import MOST_ARGUED, Account, Room, Row, argued, examine
from bench.mutation.child import Child, ChildBroken
from bench.mutation.nursery import Fate
from bench.mutation.operators import mutants


def changes(code: str) -> set[tuple[str, str]]:
    """What becomes of each part of this code."""
    return {(one.was, one.becomes) for one in mutants("a.py", ast.parse(code))}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a < b", [("a < b", "a <= b"), ("a < b", "a >= b")]),
        ("a >= b", [("a >= b", "a > b"), ("a >= b", "a < b")]),
        ("a == b", [("a == b", "a != b")]),
        ("a is None", [("a is None", "a is not None")]),
        ("a in b", [("a in b", "a not in b")]),
        ("0 < a <= b", [("0 < a <= b", "0 <= a <= b"), ("0 < a <= b", "0 < a < b")]),
        ("a and b", [("a and b", "a or b"), ("a and b", "a"), ("a and b", "b")]),
        ("not a", [("not a", "a")]),
        ("-a", [("-a", "a")]),
        ("a + b", [("a + b", "a - b")]),
        ("a * b", [("a * b", "a + b")]),
        ("min(a, b)", [("min", "max")]),
        ("any(a)", [("any", "all")]),
        ("a if b else c", [("a if b else c", "a"), ("a if b else c", "c")]),
        ("x = 7", [("7", "8"), ("7", "6")]),
        ("x = a[0]", [("a[0]", "a[1]")]),
        ("x = True", [("True", "False")]),
        ("if a: b()", [("if a: b()", "if True: b()"), ("if a: b()", "if False: b()"), ("b()", "pass")]),
        ("while a: b()", [("while a: b()", "while False: b()")]),
        ("def f(): return a", [("return a", "return None")]),
        ("def f() -> int | None: return a", [("return a", "return None")]),
        ("def f() -> bool: return a", [("return a", "return False")]),
        ("raise A", [("raise A", "pass")]),
        ("a |= b", [("a |= b", "pass"), ("a |= b", "a &= b")]),
        ("def f(a): a = g(a)", [("a = g(a)", "pass")]),
        ("def f(): a.b = c", [("a.b = c", "pass")]),
        ("f(a_ms, b_ms)", [("f(a_ms, b_ms)", "f(b_ms, a_ms)")]),
        ("f(a=b)", [("a=b", "(left out)")]),
        ("x = (a, b)", [("a", "(left out)"), ("b", "(left out)")]),
        ("x = {a: b}", [("a", "(left out)")]),
        ("x = [a for a in b if a]", [("a", "(left out)")]),
        ("f(K.A, K.B)", [("K.A", "K.B"), ("K.B", "K.A")]),
        ("_A, _B = 1, 2\nx = _A", [("_A", "_B")]),
        ("match a:\n    case 1: b()\n    case _: c()", [("1", "(left out)"), ("_", "(left out)")]),
        ("@dataclass(frozen=True)\nclass A: ...", [("True", "False")]),
    ],
)
def test_each_operator(code: str, expected: list[tuple[str, str]]) -> None:
    flat = {(" ".join(was.split()), " ".join(becomes.split())) for was, becomes in changes(code)}
    assert set(expected) <= flat


@pytest.mark.parametrize(
    "code",
    [
        '"""A text."""',
        "import a",
        "x: int | None",
        "def f(a: int | str) -> bool: ...",
        "class A(Protocol):\n    def f(self) -> int:\n        return 7",
        "x = 'text'",
        "def f() -> int: return a",
        "x = zip(a, b, strict=True)",
        "x = f(a_ms, b_dmmhg)",
        "x = f(limits.a_ms, b_ms)",
    ],
)
def test_what_is_left_alone(code: str) -> None:
    assert not changes(code)


def test_a_planted_mutant_is_another_program_and_an_unchanged_one_is_not() -> None:
    tree = ast.parse("x = a < b")
    first = next(mutants("a.py", tree))
    first.unchanged().plant()
    assert ast.unparse(tree) == "x = a < b"
    first.plant()
    assert ast.unparse(tree) == "x = a <= b"


# the nursery, in a house of its own

CODE = '''
"""A room."""

LIMIT = 3


def over(value: int) -> bool:
    return value > LIMIT


def spin(value: int) -> int:
    while value > 0:
        value -= 1
    return value


class Box:
    @property
    def size(self) -> int:
        return 7
'''
TESTS = """
from room.part import LIMIT, Box, over, spin


def test_over() -> None:
    assert over(4)
    assert not over(3)
    assert LIMIT == 3


def test_spin() -> None:
    assert spin(3) == 0


def test_size() -> None:
    assert Box().size == 7
"""
SMALL = Room(("room/part.py",), ("checks",))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("room", "checks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "room/__init__.py").touch()
    (tmp_path / "room/part.py").write_text(CODE)
    (tmp_path / "checks/test_part.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = --import-mode=importlib\n")
    monkeypatch.setattr("bench.mutation.nursery.OURS", ("room", "checks"))
    monkeypatch.setattr("bench.mutation.nursery._LEAST_S", 0.2)
    return tmp_path


def test_every_mutant_dies_where_the_tests_see_everything(house: Path) -> None:
    account = examine("room", SMALL, house, jobs=1)
    assert not account.unargued()
    assert account.sound()
    ends = {(fate.mutant.where, fate.mutant.becomes): fate for fate in account.fates}
    assert ends["", "4"].by == "checks/test_part.py::test_over"
    assert ends["Box.size", "8"].by == "checks/test_part.py::test_size"
    assert ends["spin", "value += 1"].end == "timeout"


def test_a_gap_in_the_tests_is_shown_and_may_be_argued(house: Path) -> None:
    (house / "checks/test_part.py").write_text(TESTS.replace("assert not over(3)", "pass"))
    account = examine("room", SMALL, house, jobs=2)
    assert [(one.was, one.becomes) for one in account.unargued()] == [("value > LIMIT", "value >= LIMIT")]
    assert not account.sound()
    why = Row("room/part.py", "over", "(value  > LIMIT)", "value >= LIMIT", "not looked at")
    assert account._replace(rows=[why]).sound()


def test_a_house_whose_tests_fail_has_no_mutants(house: Path) -> None:
    (house / "checks/test_part.py").write_text(TESTS.replace("== 7", "== 8"))
    with pytest.raises(ChildBroken, match=r"without a mutant checks/test_part\.py::test_size fails"):
        examine("room", SMALL, house, jobs=1)


def test_a_child_that_breaks_is_no_dead_mutant(capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> str:
        raise ZeroDivisionError("not planted")

    with pytest.raises(ChildBroken):
        Child(broken).answer()
    assert "ZeroDivisionError: not planted" in capfd.readouterr().err
    assert Child(lambda: "alive").answer() == ("alive", None)


# the arguments


def test_a_row_about_nothing_and_too_many_rows_are_refused() -> None:
    mutant = next(mutants("a.py", ast.parse("x = a < b")))
    row = Row("a.py", "", "a < b", "a <= b", "why")
    account = Account("room", [Fate(mutant, "survived")], [row], True, 0.0)
    assert account.sound()
    assert not account._replace(rows=[]).sound()
    assert not account._replace(fates=[Fate(mutant, "killed", "t")]).sound()
    assert account._replace(fates=[Fate(mutant, "killed", "t")], whole=False).sound()
    assert not account._replace(rows=[row] * (MOST_ARGUED + 1)).sound()


def test_the_arguments_are_complete() -> None:
    rows = argued(bench_mutants.ROOT / bench_mutants.EQUIVALENT)
    assert len(rows) <= MOST_ARGUED
    for row in rows:
        assert len(row.why.split()) >= 8, row
