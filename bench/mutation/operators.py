"""What can be changed in a piece of code: one small defect at a time.

Theory of operation
-------------------
``mutants`` walks the syntax tree of a module and yields every single change that the operators below know.  A
mutant is a node of the tree and what to put in its place; ``plant`` does it in place, so it is meant for a
process that ends afterwards (``bench.mutation.nursery`` forks one for each).

Operators: comparisons shifted by one and turned round; ``and`` for ``or``, an operand dropped; ``not`` and
a minus sign dropped; + for - and the like; ``min`` for ``max``, ``any`` for ``all``; a condition always or
never true, a filter or a ``case`` dropped; a number one more or one less (an index one more), a truth
turned round; ``False`` or ``None`` returned where that may be; a call, a raise, a new value of a variable
left out; two arguments of one unit exchanged, a named one left out; an element of a table, tuple or set
left out; the next member of the same enumeration, the next of the constants that were assigned together.

Left alone: text, annotations, imports, protocols, the ``strict`` of a ``zip`` (it asserts, it does nothing),
and what mypy would not let pass.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_UNTOUCHED = ("annotation", "returns", "type_params", "bases")
_LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.JoinedStr)

Owner = tuple[ast.AST, str, int | None]
"""Where a node hangs: its parent, the field, and the place in the field's list."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. ``where`` is the dotted name of the function or class, ``""`` at module level."""

    path: str
    where: str
    line: int
    was: str
    becomes: str
    in_function: bool
    owner: Owner
    new: ast.AST

    def plant(self) -> None:
        """Change the tree in place."""
        parent, name, index = self.owner
        if index is None:
            setattr(parent, name, self.new)
        else:
            getattr(parent, name)[index] = self.new

    def unchanged(self) -> "Mutant":
        """A mutant at the same place that changes nothing: nobody may kill it."""
        parent, name, index = self.owner
        now = getattr(parent, name)
        return replace(self, new=now if index is None else now[index], was="nothing", becomes="nothing")

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" + (f" {self.where}" if self.where else "")
        return f"{place}: {_line(self.was)}  ->  {_line(self.becomes)}"


def mutants(path: str, tree: ast.Module) -> Iterator[Mutant]:
    """Every single change of this module, from its first line to its last."""
    siblings = _siblings(tree)
    for node, owner, place in _walk(tree, _Place()):
        for change in _changes(node, place, siblings):
            new = ast.copy_location(change.new, node)
            ast.fix_missing_locations(new)
            line = getattr(change.at or node, "lineno", 0)
            yield Mutant(path, place.where, line, change.was, change.becomes, place.in_function, owner, new)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 110 else line[:107] + "..."


# --- walking -----------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where the walk is; ``known`` are the variables that have a value before this statement.

    ``returns`` is the annotation of the function, ``""`` where it has none.
    """

    where: str = ""
    in_function: bool = False
    known: frozenset[str] = frozenset()
    returns: str = ""


def _walk(node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, Owner, _Place]]:
    for name, value in ast.iter_fields(node):
        if name in _UNTOUCHED or (name == "bases" and isinstance(node, ast.ClassDef)):
            continue
        inside = _inside(node, name, place)
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_left_alone(child):
                continue
            if not (isinstance(node, ast.Subscript) and isinstance(child, ast.Constant)):
                yield child, (node, name, index), inside
            yield from _walk(child, inside)
            if isinstance(child, ast.Assign):
                inside = inside._replace(known=inside.known | set(_targets(child)))


def _inside(node: ast.AST, name: str, place: _Place) -> _Place:
    """The place of what stands below ``name``; decorators and defaults belong outside of a function."""
    if name != "body" or not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return place
    where = f"{place.where}.{node.name}" if place.where else node.name
    if isinstance(node, ast.ClassDef):
        return _Place(where)
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    returns = ast.unparse(node.returns) if node.returns else ""
    return _Place(where, True, frozenset(one.arg for one in named), returns)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring, or the dots of a protocol
    if isinstance(node, ast.ClassDef):
        return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return True
    return isinstance(node, _LEFT_ALONE)


def _targets(node: ast.Assign) -> Iterator[str]:
    for target in node.targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                yield part.id


def _siblings(tree: ast.Module) -> dict[str, str]:
    """The next member of each enumeration and the next of constants that were assigned together."""
    members: defaultdict[str, set[str]] = defaultdict(set)
    following: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
            members[node.value.id].add(node.attr)
    for owner, names in members.items():
        ordered = sorted(names)
        following |= {f"{owner}.{a}": f"{owner}.{b}" for a, b in pairwise([*ordered, ordered[0]]) if a != b}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            together = list(_targets(statement))
            following |= dict(pairwise([*together, together[0]]))
    return following


# --- changing ----------------------------------------------------------------------------------------


class _Change(NamedTuple):
    """What to put in place of a node, in words too; ``at`` is the part that changed, if it has a line."""

    new: ast.AST
    was: str
    becomes: str
    at: ast.AST | None = None


def _changes(node: ast.AST, place: _Place, siblings: dict[str, str]) -> Iterator[_Change]:
    if isinstance(node, ast.stmt):
        for statement in _statements(node, place):
            yield _Change(statement, ast.unparse(node), ast.unparse(statement))
    elif isinstance(node, ast.expr):
        for expression in [*_expressions(node), *_neighbours(node, siblings)]:
            yield _Change(expression, ast.unparse(node), ast.unparse(expression))
    yield from _left_out(node)


def _statements(node: ast.stmt, place: _Place) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            if place.returns == "bool":
                yield ast.Return(ast.Constant(False))
            elif not place.returns or "None" in place.returns:
                yield ast.Return(ast.Constant(None))
        case ast.If() | ast.While():
            yield from _conditions(node)
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Raise():
            yield ast.Pass()
        case ast.AugAssign(op=op) if type(op) in _BINARY:
            yield ast.Pass()
            yield ast.AugAssign(node.target, _BINARY[type(op)](), node.value)
        case ast.Assign() if place.in_function and _is_new_value(node, place):
            yield ast.Pass()


def _conditions(node: ast.If | ast.While) -> Iterator[ast.stmt]:
    for truth in (False,) if isinstance(node, ast.While) else (True, False):
        yield type(node)(ast.Constant(truth), node.body, node.orelse)


def _is_new_value(node: ast.Assign, place: _Place) -> bool:
    """Whether a program without this assignment still knows its variable."""
    attribute = any(isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets)
    return attribute or set(_targets(node)) <= place.known


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, ops, comparators):
            for at, op in enumerate(ops):
                for other in _COMPARE[type(op)]:
                    yield ast.Compare(left, [*ops[:at], other(), *ops[at + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            yield ast.BinOp(left, _BINARY[type(op)](), right)
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.Constant(value=bool() as truth):
            yield ast.Constant(not truth)
        case ast.Constant(value=int() as number):
            yield ast.Constant(number + 1)
            yield ast.Constant(number - 1)
        case ast.Subscript(value=value, slice=ast.Constant(value=int() as number), ctx=ast.Load()):
            yield ast.Subscript(value, ast.Constant(number + 1), node.ctx)
        case ast.Call(func, args, keywords) if not (isinstance(func, ast.Name) and func.id in _TWINS):
            for at, (one, next_one) in enumerate(pairwise(args)):
                alike = _unit(one) == _unit(next_one) != "" and _is_limit(one) == _is_limit(next_one)
                if alike and ast.dump(one) != ast.dump(next_one):
                    yield ast.Call(func, [*args[:at], next_one, one, *args[at + 2 :]], keywords)


def _is_limit(node: ast.expr) -> bool:
    return "limits." in ast.unparse(node)


def _unit(node: ast.expr) -> str:
    """The unit that a name ends in, ``""`` where it has none: only like is exchanged for like."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if name in ("now", "elapsed"):
        return "ms"
    return name.rpartition("_")[2] if "_" in name.strip("_") else ""


def _neighbours(node: ast.expr, siblings: dict[str, str]) -> Iterator[ast.expr]:
    match node:
        case ast.Name(id=name) if name in _TWINS:
            yield ast.Name(_TWINS[name], node.ctx)
        case ast.Name(id=name, ctx=ast.Load()) if name in siblings:
            yield ast.Name(siblings[name], node.ctx)
        case ast.Attribute(value=ast.Name(id=owner), attr=attr, ctx=ast.Load()):
            if other := siblings.get(f"{owner}.{attr}"):
                yield ast.Attribute(ast.Name(owner, ast.Load()), other.partition(".")[2], node.ctx)


def _left_out(node: ast.AST) -> Iterator[_Change]:
    """The node without one of its elements, named arguments, filters or cases."""
    match node:
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set():
            yield from _without_each(node, "elts")
        case ast.Dict(keys, _):
            for at, key in enumerate(keys):
                new = ast.Dict(*(_without(one, at) for one in (node.keys, node.values)))
                text = "" if key is None else ast.unparse(key)
                yield _Change(new, text, "(left out)", key)
        case ast.Call() if not _is_decorator(node):
            yield from _without_each(node, "keywords")
        case ast.comprehension():
            yield from _without_each(node, "ifs")
        case ast.Match() if len(node.cases) > 1:
            yield from _without_each(node, "cases")


def _is_decorator(node: ast.Call) -> bool:
    """``frozen=True`` left out is ``frozen=False``, which is a mutant already."""
    return isinstance(node.func, ast.Name) and node.func.id == "dataclass"


def _without_each(node: ast.AST, name: str) -> Iterator[_Change]:
    values: list[ast.AST] = getattr(node, name)
    for at, gone in enumerate(values):
        if _is_left_alone(gone):
            continue
        kept: dict[str, Any] = dict(ast.iter_fields(node))
        new = type(node)(**(kept | {name: _without(values, at)}))
        text = ast.unparse(gone.pattern) if isinstance(gone, ast.match_case) else ast.unparse(gone)
        yield _Change(new, text, "(left out)", gone)


def _without(values: list[Any], at: int) -> list[Any]:
    return [*values[:at], *values[at + 1 :]]
