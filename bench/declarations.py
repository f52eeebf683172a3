"""What Cython is told about our sources, read out of the sources themselves.

Theory of operation
-------------------
Our modules are compiled as they are.  Beside each goes a file of declarations (``.pxd``), made here from its
classes and annotations, that turns attribute look-ups into memory accesses and calls into C calls:

* a class without bases and without class variables becomes an extension type.  An attribute that is another
  extension type is declared as one, one that begins as a float literal as ``double``, all others stay Python
  objects: integers stay as long as they are;
* a method or function without keyword-only arguments, decorators and closures becomes ``cpdef``.

Three things are rewritten in the copy, because Cython has no word for them: ``slots=True`` is dropped (an
extension type has nothing but slots), a constant of another module is written out, and
``dataclasses.replace`` becomes ``bench.replacing.replace``, which does the same.

Names that a module imports are declared under an alias, so that they stay Python names in the code.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SLOTS = re.compile(r", slots=True|\(slots=True\)")
_REPLACE = re.compile(r"^from dataclasses import (.*?)(?:, )?\breplace\b", re.MULTILINE)
_CLOSURES = (ast.Lambda, ast.GeneratorExp, ast.FunctionDef, ast.Yield, ast.YieldFrom)
_PLAIN = "object"
_REAL = "double"


@dataclass(slots=True)
class Module:
    """One module of ours: its tree, what becomes an extension type, its constants, what names mean in it."""

    name: str
    tree: ast.Module
    types: set[str] = field(default_factory=set)
    constants: dict[str, int] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    foreign: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(sources: dict[str, str]) -> dict[str, Module]:
    """The modules with these names and texts, told of each other."""
    modules = {name: Module(name, ast.parse(text)) for name, text in sources.items()}
    for module in modules.values():
        classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
        module.types = {node.name for node in classes if _is_type(node)}
        module.constants = dict(_constants(module.tree))
    for module in modules.values():
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom):
                _learn_import(module, node, modules)
    return modules


def rewritten(module: Module, text: str, modules: dict[str, Module]) -> str:
    """The text that is compiled."""
    lines = text.splitlines(keepends=True)
    for line, start, end, value in sorted(_uses_of_constants(module, modules), reverse=True):
        raw = lines[line - 1].encode()
        lines[line - 1] = (raw[:start] + str(value).encode() + raw[end:]).decode()
    text = _SLOTS.sub("", "".join(lines))
    return _REPLACE.sub(_import_of_ours, text)


def declarations(module: Module) -> str:
    """The module's ``.pxd``."""
    body: list[str] = []
    imports: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and node.name in module.types:
            body += _declared_type(module, node, imports)
        elif isinstance(node, ast.FunctionDef):
            body += _declared_function(module, node, imports, is_method=False)
    return "\n".join([*sorted(imports), *body, ""])


# --- what there is -----------------------------------------------------------------------------------


def _is_type(node: ast.ClassDef) -> bool:
    """Whether this becomes an extension type."""
    if node.bases or node.keywords:
        return False
    if any(_word(decorator) != "dataclass" for decorator in node.decorator_list):
        return False
    return all(_is_slots(part) for part in node.body if isinstance(part, ast.Assign))


def _is_slots(part: ast.Assign) -> bool:
    return isinstance(part.targets[0], ast.Name) and part.targets[0].id == "__slots__"


def _word(decorator: ast.expr) -> str:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return named.id if isinstance(named, ast.Name) else ""


def _constants(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Integers that are given a name once, in capitals."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.isupper() and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
                yield name, node.value.value


def _learn_import(module: Module, node: ast.ImportFrom, modules: dict[str, Module]) -> None:
    source = _absolute(module.name, node)
    for alias in node.names:
        here = alias.asname or alias.name
        whole = f"{source}.{alias.name}"
        if whole in modules:
            module.modules[here] = whole
        elif source in modules and alias.name in modules[source].types:
            module.foreign[here] = (source, alias.name)


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = name.split(".")[: -node.level]
    return ".".join([*above, node.module] if node.module else above)


def _uses_of_constants(module: Module, modules: dict[str, Module]) -> Iterator[tuple[int, int, int, int]]:
    """Line, first and last column (in bytes) and value of each ``module.CONSTANT``."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        source = module.modules.get(node.value.id)
        value = None if source is None else modules[source].constants.get(node.attr)
        if value is not None and node.end_col_offset is not None:
            yield node.lineno, node.col_offset, node.end_col_offset, value


def _import_of_ours(found: re.Match[str]) -> str:
    others = f"from dataclasses import {found[1]}\n" if found[1] else ""
    return f"{others}from bench.replacing import replace"


# --- how it is declared --------------------------------------------------------------------------------


def _declared_type(module: Module, node: ast.ClassDef, imports: set[str]) -> list[str]:
    frozen = any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
    access = "readonly" if frozen else "public"
    attributes = _attributes(module, node, imports)
    lines = [f"    cdef {access} {kind} {name}" for name, kind in attributes.items()]
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and not part.name.startswith("__"):
            lines += [f"    {line}" for line in _declared_function(module, part, imports, is_method=True)]
    return [f"cdef class {node.name}:", *(lines or ["    pass"])]


def _declared_function(
    module: Module, node: ast.FunctionDef, imports: set[str], *, is_method: bool
) -> list[str]:
    arguments = node.args
    if node.decorator_list or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        return []
    if any(isinstance(part, _CLOSURES) for part in ast.walk(node) if part is not node):
        return []
    first_default = len(arguments.args) - len(arguments.defaults)
    words = []
    for number, argument in enumerate(arguments.args):
        kind = "" if is_method and number == 0 else _kind(module, argument.annotation, imports) + " "
        words.append(f"{kind}{argument.arg}{'=*' if number >= first_default else ''}")
    return [f"cpdef {_kind(module, node.returns, imports)} {node.name}({', '.join(words)})"]


def _attributes(module: Module, node: ast.ClassDef, imports: set[str]) -> dict[str, str]:
    """Every attribute of a class and its kind."""
    found = {
        part.target.id: _kind(module, part.annotation, imports)
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        given = {argument.arg: argument.annotation for argument in method.args.args}
        for name, annotation, value in _assigned(method):
            kind = _kind_of_value(module, annotation, value, given, imports)
            found.setdefault(name, kind)
            if found[name] == _REAL and isinstance(value, ast.Constant) and value.value is None:
                found[name] = _PLAIN
    return found


def _assigned(method: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Name, annotation and value of each ``self.name = value``."""
    for node in ast.walk(method):
        pairs: list[tuple[ast.expr, ast.expr | None, ast.expr | None]]
        if isinstance(node, ast.AnnAssign):
            pairs = [(node.target, node.annotation, node.value)]
        elif isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in _unpacked(target, node.value)]
        else:
            continue
        for target, annotation, value in pairs:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                yield target.attr, annotation, value


def _unpacked(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr | None, ast.expr | None]]:
    if not isinstance(target, ast.Tuple):
        return [(target, None, value)]
    values: list[ast.expr | None] = [None] * len(target.elts)
    if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
        values = list(value.elts)
    return [(one, None, given) for one, given in zip(target.elts, values, strict=True)]


def _kind_of_value(
    module: Module,
    annotation: ast.expr | None,
    value: ast.expr | None,
    given: dict[str, ast.expr | None],
    imports: set[str],
) -> str:
    if annotation is not None:
        return _kind(module, annotation, imports)
    if isinstance(value, ast.Constant) and isinstance(value.value, float):
        return _REAL
    if isinstance(value, ast.Call):
        return _kind(module, value.func, imports)
    return _kind(module, given.get(value.id), imports) if isinstance(value, ast.Name) else _PLAIN


def _kind(module: Module, annotation: ast.expr | None, imports: set[str]) -> str:
    """The C word for an annotation: an extension type, ``double``, or any object."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.BinOp):
        sides = [side for side in (annotation.left, annotation.right) if ast.unparse(side) != "None"]
        kind = _kind(module, sides[0], imports) if len(sides) == 1 else _PLAIN
        return _PLAIN if kind == _REAL else kind
    if not isinstance(annotation, ast.Name):
        return _PLAIN
    if annotation.id == "float":
        return _REAL
    if annotation.id in module.types:
        return annotation.id
    if annotation.id not in module.foreign:
        return _PLAIN
    source, name = module.foreign[annotation.id]
    imports.add(f"from {source} cimport {name} as _of_{name}")
    return f"_of_{name}"
