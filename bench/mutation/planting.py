"""Putting a changed module where the tests will meet it.

Theory of operation
-------------------
``put_in_place`` is for a process where our modules are loaded and referred to: it compiles the changed
module, takes the code of the function that was changed and gives it to the function that everybody has.
``Finder`` is for a process where they are not loaded yet: it stands first in ``sys.meta_path`` and loads
the changed module instead of the file.
"""

import ast
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from bench.mutation.operators import Mutant


def put_in_place(mutant: Mutant, tree: ast.Module) -> bool:
    """Give the loaded function the code of the changed one; ``False`` when the changed module cannot load."""
    name = _module_name(mutant.path)
    changed = types.ModuleType(name)
    vars(changed).update(__file__=mutant.path, __package__=name.rpartition(".")[0])
    try:
        exec(compile(tree, mutant.path, "exec"), vars(changed))
    except (TypeError, ValueError, LookupError, AttributeError, NameError, ImportError):
        return False
    old, new = (_function(vars(one), mutant.where) for one in (sys.modules[name], changed))
    old.__code__ = new.__code__
    return True


def _function(names: Any, where: str) -> types.FunctionType:
    """The outermost function on the way to ``where``. Raises LookupError when there is none."""
    for part in where.split("."):
        found = names[part]
        found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
        if isinstance(found, types.FunctionType):
            return found
        names = vars(found)
    raise LookupError(f"no function at {where}")


class Finder:
    """Finds the changed module before anybody else does."""

    def __init__(self, path: str, tree: ast.Module, root: Path) -> None:
        self._name, self._path, self._tree = _module_name(path), str(root / path), tree

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Part of the protocol of ``sys.meta_path``."""
        loader: Any = self
        return ModuleSpec(name, loader, origin=self._path) if name == self._name else None

    def create_module(self, _spec: ModuleSpec) -> None:
        """Part of the protocol of a loader: an ordinary module will do."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the changed code."""
        module.__file__ = self._path
        exec(compile(self._tree, self._path, "exec"), vars(module))


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
