"""What Cython is told about our sources: read out of them, and true of a module that is planted for it."""

import ast
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench import declarations, replacing
from bench.declarations import Module

LIMITS = '''
"""Numbers."""

CEILING = 300
GREETING = "hello"
'''

VALUES = '''
"""Values."""

from dataclasses import dataclass, replace

from planted import limits


@dataclass(frozen=True, slots=True)
class Reading:
    value: int | None
    at_ms: float = 0.5


class Sensor:
    __slots__ = ("gain", "last", "offset")

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.offset = 1.5
        self.last: Reading | None = None

    def read(self, raw: int, add: int = 2) -> Reading:
        self.last = Reading(min(raw + add, limits.CEILING), self.gain * raw + self.offset)
        return self.last

    def named(self, *, name: str) -> str:
        return name

    @property
    def doubled(self) -> float:
        return 2 * self.gain


class Loud(Exception):
    pass


def halved(reading: Reading) -> Reading:
    return replace(reading, value=None if reading.value is None else reading.value // -2)


def big() -> int:
    return 2**80 // -3
'''


def read() -> dict[str, Module]:
    return declarations.read({"planted.limits": LIMITS, "planted.values": VALUES})


@pytest.fixture(scope="module")
def declared() -> list[str]:
    return declarations.declarations(read()["planted.values"]).splitlines()


def test_a_plain_class_and_a_value_become_extension_types(declared: list[str]) -> None:
    assert "cdef class Reading:" in declared
    assert "cdef class Sensor:" in declared
    assert not any("Loud" in line for line in declared)


def test_fields_of_a_frozen_value_are_read_only_and_integers_stay_objects(declared: list[str]) -> None:
    assert "    cdef readonly object value" in declared
    assert "    cdef readonly double at_ms" in declared


def test_attributes_are_found_in_the_methods(declared: list[str]) -> None:
    assert "    cdef public double gain" in declared
    assert "    cdef public double offset" in declared
    assert "    cdef public Reading last" in declared


def test_methods_become_callable_from_c_where_that_is_possible(declared: list[str]) -> None:
    assert "    cpdef Reading read(self, object raw, object add=*)" in declared
    assert "cpdef Reading halved(Reading reading)" in declared
    assert not any("named" in line or "doubled" in line for line in declared)


def test_slots_and_replace_are_rewritten_and_constants_written_out() -> None:
    modules = read()
    text = declarations.rewritten(modules["planted.values"], VALUES, modules)
    assert "slots=True" not in text
    assert "min(raw + add, 300)" in text
    assert "from dataclasses import dataclass\nfrom bench.replacing import replace" in text
    assert declarations.rewritten(modules["planted.limits"], LIMITS, modules) == LIMITS


def test_another_module_s_types_are_declared_under_an_alias() -> None:
    user = (
        "from planted.values import Reading\n\n\ndef value(of: Reading) -> int | None:\n    return of.value\n"
    )
    modules = declarations.read({"planted.values": VALUES, "planted.user": user})
    assert (
        declarations.declarations(modules["planted.user"]).splitlines()
        == [
            "from planted.values cimport Reading as _of_Reading",
            "cpdef object value(_of_Reading of)",
            "",
        ][:2]
    )


# --- compiled ---------------------------------------------------------------------------------------------

BUILD = """
from Cython.Build import cythonize
from setuptools import Extension, setup

directives = {"language_level": 3, "annotation_typing": False, "binding": True, "nonecheck": True}
source = Extension("planted.values", ["planted/values.py"], extra_compile_args=["-O0", "-w"])
setup(
    ext_modules=cythonize([source], compiler_directives=directives, quiet=True),
    script_args=["--quiet", "build_ext", "--inplace"],
)
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModuleType, ModuleType]:
    """The planted module as it is written, and compiled."""
    plain, twin = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("twin")
    modules = read()
    for root in (plain, twin):
        (root / "planted").mkdir()
        (root / "planted" / "__init__.py").write_text("")
        (root / "planted" / "limits.py").write_text(LIMITS)
    (plain / "planted" / "values.py").write_text(VALUES)
    values = modules["planted.values"]
    (twin / "planted" / "values.py").write_text(declarations.rewritten(values, VALUES, modules))
    (twin / "planted" / "values.pxd").write_text(declarations.declarations(values))
    (twin / "build_it.py").write_text(BUILD)
    subprocess.run([sys.executable, "build_it.py"], cwd=twin, check=True, capture_output=True)
    [binary] = (twin / "planted").glob("values.*.so")
    return _loaded(plain, plain / "planted" / "values.py"), _loaded(twin, binary)


def _loaded(root: Path, path: Path) -> ModuleType:
    """The module from this file; its package is looked for in ``root`` and forgotten again."""
    sys.path.insert(0, str(root))
    try:
        spec = importlib.util.spec_from_file_location("planted.values", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(root))
        for name in [name for name in sys.modules if name.split(".")[0] == "planted"]:
            del sys.modules[name]


def behaviour(module: Any) -> list[object]:
    """Everything that the planted module does."""
    sensor = module.Sensor(0.1)
    first, second = sensor.read(7), sensor.read(1_000, add=5)
    halved = module.halved(first)
    return [
        *((one.value, one.at_ms) for one in (first, second, halved, sensor.last)),
        (sensor.offset, sensor.doubled, sensor.named(name="x"), first == module.Reading(9, first.at_ms)),
        (
            module.big(),
            module.halved(module.Reading(None)).value,
            hash(first) == hash(module.Reading(9, 2.2)),
        ),
        repr(first),
    ]


def test_the_planted_module_compiles_and_behaves_the_same(both: tuple[ModuleType, ModuleType]) -> None:
    plain, twin = both
    assert str(twin.__file__).endswith(".so")
    assert behaviour(twin) == behaviour(plain)


def test_a_frozen_value_stays_frozen(both: tuple[ModuleType, ModuleType]) -> None:
    for module in both:
        with pytest.raises(AttributeError):
            module.Reading(1).value = 2


def test_replace_is_that_of_the_library() -> None:
    reading = Module("name", ast.parse(""))
    assert replacing.replace(reading, name="other") == replace(reading, name="other")
    with pytest.raises(TypeError):
        replacing.replace(reading, nothing=1)
