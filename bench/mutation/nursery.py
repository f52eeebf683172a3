"""Where mutants live and die: each in a process of its own, forked from one that has everything loaded.

Theory of operation
-------------------
Starting Python, importing pytest and collecting the tests takes a second or more; most mutants die in the
first test that looks at them.  So that second is spent once for nearly all of them:

* A mutant inside a function (``_grow``): a process imports and collects the quick tests; for each mutant it
  forks a child, which compiles the changed module, puts the changed code under the function that everybody
  already refers to, and runs the tests until the first fails.
* A mutant of a table, a default or a decorator (``_replant``): what was made from it at import time cannot
  be changed afterwards.  The child is forked from a process that has loaded everything but our own modules,
  and imports them with the changed one among them.  Here the slow tests run too, and whatever ``_grow`` did
  not see die comes here again.

A test that never calls the changed function is not asked about a change inside it (``_Watch`` has seen who
calls whom); the survivors of that are asked everything all the same.  The tests that killed a neighbour come
first, then those of the file's own name, then the quickest.  A test that takes ten times
as long as without a mutant has met a loop without an end: the mutant is killed (``timeout``).  Hypothesis
runs without shrinking and from a fixed seed.

That the nursery itself kills nobody is seen at the start: a mutant without a change lives in both ways.

Times: CPU seconds.
"""

import ast
import importlib
import json
import os
import signal
import sys
import types
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import NamedTuple

import hypothesis
import pytest

from bench.mutation.child import Child, ChildBroken
from bench.mutation.operators import Mutant
from bench.mutation.planting import Finder, put_in_place

OURS = ("bench", "drivers", "dsp", "firmware_bridge", "gateway", "tests")
_LONGER, _LEAST_S, _UNKNOWN_S = 10, 5.0, 300.0
_OPTIONS = (
    *("-q", "-x", "--tb=no", "--capture=no", "--assert=plain", "-p", "no:cacheprovider"),
    *("-m", "not micropython and not system"),
)
_NOBODY = "nobody"
Trees = dict[str, ast.Module]


class Fate(NamedTuple):
    """What became of a mutant: ``killed``, ``timeout`` or ``survived``, and the test that saw it."""

    mutant: Mutant
    end: str
    by: str = ""


@dataclass(slots=True)
class Experience:
    """How long each quick test takes, what it calls, which tests killed what: whom to ask, in which order."""

    seconds: dict[str, float] = field(default_factory=dict)
    called: dict[str, set[str]] = field(default_factory=dict)
    here: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, fate: Fate) -> None:
        """Remember a killer for the mutants of the same function and of the same file."""
        if "::" in fate.by:
            for place in (fate.mutant.path, _place(fate.mutant)):
                self.here[place][fate.by] += 1

    def order(self, mutant: Mutant, tests: list[str]) -> list[int]:
        """The positions of those of ``tests`` that call what was changed, likely killers first."""
        near, far = self.here[_place(mutant)], self.here[mutant.path]
        own = f"test_{Path(mutant.path).stem}.py"

        def likelihood(at: int) -> tuple[int, int, bool, float]:
            test = tests[at]
            return -near[test], -far[test], own not in test, self.seconds.get(test, 0.0)

        return sorted((at for at, test in enumerate(tests) if self._calls(test, mutant)), key=likelihood)

    def _calls(self, test: str, mutant: Mutant) -> bool:
        """Whether this test calls the changed function, or the one around it."""
        parts = mutant.where.split(".")
        around = {f"{mutant.path} {'.'.join(parts[: at + 1])}" for at in range(len(parts))}
        return not around.isdisjoint(self.called.get(test, around))

    def likely_files(self, mutant: Mutant) -> list[str]:
        """The two test files that killed most mutants of this file."""
        files: Counter[str] = Counter()
        for test, count in self.here[mutant.path].items():
            files[test.partition("::")[0]] += count
        return [name for name, _ in files.most_common(2)]

    def budget_s(self, test: str) -> float:
        """How long this test may take with a mutant in the house."""
        return max(_LEAST_S, _LONGER * self.seconds[test]) if test in self.seconds else _UNKNOWN_S


def _place(mutant: Mutant) -> str:
    return f"{mutant.path} {mutant.where}"


class _Watch:
    """A pytest plugin: runs each test under its time budget and remembers the first that failed.

    ``files``: those whose functions are noted when a test calls them, by the names that our paths give them.
    """

    def __init__(self, experience: Experience, files: dict[str, str] | None = None) -> None:
        self._experience, self._files = experience, files
        self._began = 0.0
        self.seconds: dict[str, float] = {}
        self.called: dict[str, list[str]] = {}
        self.failed = ""
        self._codes: dict[int, types.CodeType] = {}  # by identity: to hash a code is slow

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._began = process_time()
        if self._files is not None:
            self._codes.clear()
            sys.settrace(self._note_call)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._experience.budget_s(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.seconds[nodeid] = process_time() - self._began
        if self._files is not None:
            sys.settrace(None)
            ours = ((self._files.get(code.co_filename), code.co_qualname) for code in self._codes.values())
            self.called[nodeid] = sorted(f"{path} {name}" for path, name in ours if path is not None)

    def _note_call(self, frame: types.FrameType, _event: str, _argument: object) -> None:
        self._codes[id(frame.f_code)] = frame.f_code


class Nursery:
    """The tests of one room; ``slow`` are those of ``tests`` that run last, or never when ``quick``."""

    def __init__(
        self, root: Path, tests: tuple[str, ...], slow: tuple[str, ...], jobs: int, *, quick: bool = False
    ) -> None:
        self._root, self._jobs = root, jobs
        self._options = [*_OPTIONS, f"--rootdir={root}"]
        ignored = [f"--ignore={root / name}" for name in slow]
        self._quick = [*ignored, *(str(root / name) for name in tests)]
        self._slow = [] if quick else [str(root / name) for name in slow]
        self._experience = Experience()

    def fates(self, mutants: list[Mutant], trees: Trees) -> Iterator[Fate]:
        """What becomes of each mutant, in the order in which it is known.

        Raises ChildBroken when the tests fail without a mutant, or with one that changes nothing, and in a
        process that has loaded what is to be changed: there import-time mutants would change nothing.
        """
        if loaded := [path for path in trees if path.removesuffix(".py").replace("/", ".") in sys.modules]:
            raise ChildBroken(f"this process has loaded {loaded[0]}: use one of its own")
        self._load_everything_else(mutants[0].unchanged(), trees)
        inside = [one for one in mutants if one.in_function]
        left = []
        for at, fate in enumerate(self._grow([*(one.unchanged() for one in inside[:1]), *inside], trees)):
            if at == 0:
                _must_live(fate)
            elif fate.end == "survived":
                left.append(fate.mutant)
            else:
                yield self._noted(fate)
        yield from self._replant([*left, *(one for one in mutants if not one.in_function)], trees)

    def _noted(self, fate: Fate) -> Fate:
        self._experience.note(fate)
        return fate

    # without our modules

    def _load_everything_else(self, unchanged: Mutant, trees: Trees) -> None:
        """Run the quick tests once in a child, then load here what it loaded of other people's modules."""
        text, _ = Child(lambda: self._measured(unchanged, trees)).answer()
        told = json.loads(text)
        if told["failed"]:
            raise ChildBroken(f"without a mutant {told['failed']} fails: mend that first")
        self._experience.seconds = told["seconds"]
        self._experience.called = {test: set(names) for test, names in told["called"].items()}
        for name in told["modules"]:
            if name.partition(".")[0] not in OURS and name not in sys.modules:
                _try_import(name)

    def _measured(self, unchanged: Mutant, trees: Trees) -> str:
        _be_deterministic()
        sys.meta_path.insert(0, Finder(unchanged.path, trees[unchanged.path], self._root))
        watch = _Watch(self._experience, {str(self._root / path): path for path in trees})
        code = pytest.main([*self._options, *self._quick], plugins=[watch])
        failed = watch.failed or (f"pytest (exit code {int(code)})" if code else "")
        told = {"failed": failed, "seconds": watch.seconds, "called": watch.called}
        return json.dumps({**told, "modules": sorted(sys.modules)})

    def _replant(self, mutants: list[Mutant], trees: Trees) -> Iterator[Fate]:
        growing: dict[int, tuple[Mutant, Child]] = {}
        for mutant in mutants:
            if len(growing) >= self._jobs:
                yield self._harvest(growing)
            child = Child(lambda mutant=mutant: self._live(mutant, trees))  # type: ignore[misc]
            growing[child.pid] = mutant, child
        while growing:
            yield self._harvest(growing)

    def _harvest(self, growing: dict[int, tuple[Mutant, Child]]) -> Fate:
        pid, status = os.wait()
        mutant, child = growing.pop(pid)
        return self._noted(_fate(mutant, *child.answer(status)))

    def _live(self, mutant: Mutant, trees: Trees) -> str:
        _be_deterministic()
        mutant.plant()
        sys.meta_path.insert(0, Finder(mutant.path, trees[mutant.path], self._root))
        likely = [str(self._root / name) for name in self._experience.likely_files(mutant)]
        for tests in (likely, self._quick, self._slow):
            if tests and (by := self._first_failure(tests)):
                return by
        return _NOBODY

    def _first_failure(self, tests: list[str]) -> str:
        """The test that fails first, ``""`` for none. Raises ChildBroken when pytest itself does."""
        watch = _Watch(self._experience)
        code = pytest.main([*self._options, *tests], plugins=[watch])
        if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return ""
        if code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
            return watch.failed or "collection"
        raise ChildBroken(f"pytest ended with {code!r}")

    # with our modules

    def _grow(self, mutants: list[Mutant], trees: Trees) -> Iterator[Fate]:
        """Fork a process that collects the quick tests and forks one child for each mutant."""
        if not mutants:
            return
        reader, writer = os.pipe()

        def collect() -> str:
            _be_deterministic()
            garden = _Garden(mutants, trees, self._experience, self._jobs, writer)
            pytest.main([*self._options, *self._quick], plugins=[garden])
            return "" if garden.all_done else "the tests could not be collected"

        garden = Child(collect)
        os.close(writer)
        with os.fdopen(reader) as lines:
            for line in lines:
                at, end, by = json.loads(line)
                yield Fate(mutants[at], end, by)
        text, killed = garden.answer()
        if text or killed:
            raise ChildBroken(text or f"killed by signal {killed}")


class _Garden:
    """A pytest plugin that takes the place of the test loop."""

    def __init__(
        self, mutants: list[Mutant], trees: Trees, experience: Experience, jobs: int, writer: int
    ) -> None:
        self._mutants, self._trees, self._experience = mutants, trees, experience
        self._jobs, self._writer = jobs, writer
        self._growing: dict[int, tuple[int, Child]] = {}
        self.all_done = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """One child for each mutant, as many at a time as there are jobs; the first one alone."""
        for at, mutant in enumerate(self._mutants):
            while len(self._growing) >= (self._jobs if at > 1 else 1):
                self._harvest()
            child = Child(lambda mutant=mutant: self._live(session, mutant))  # type: ignore[misc]
            self._growing[child.pid] = at, child
        while self._growing:
            self._harvest()
        self.all_done = True
        return True

    def _harvest(self) -> None:
        pid, status = os.wait()
        at, child = self._growing.pop(pid)
        fate = _fate(self._mutants[at], *child.answer(status))
        self._experience.note(fate)
        os.write(self._writer, (json.dumps([at, fate.end, fate.by]) + "\n").encode())

    def _live(self, session: pytest.Session, mutant: Mutant) -> str:
        mutant.plant()
        if not put_in_place(mutant, self._trees[mutant.path]):
            return "import"
        watch = _Watch(self._experience)
        session.config.pluginmanager.register(watch)
        order = self._experience.order(mutant, [item.nodeid for item in session.items])
        items = [session.items[at] for at in order]
        for item, following in zip(items, [*items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if watch.failed:
                return watch.failed
        return _NOBODY


def _fate(mutant: Mutant, by: str, killed: int | None) -> Fate:
    if killed == signal.SIGVTALRM:
        return Fate(mutant, "timeout")
    if killed is not None or not by:
        raise ChildBroken(f"killed by signal {killed}: {mutant}")
    return Fate(mutant, "survived") if by == _NOBODY else Fate(mutant, "killed", by)


def _must_live(fate: Fate) -> None:
    if fate.end != "survived":
        raise ChildBroken(f"a mutant that changes nothing was killed by {fate.by or fate.end}")


def _be_deterministic() -> None:
    profile = hypothesis.settings(
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    hypothesis.settings.register_profile("mutants", profile)
    hypothesis.settings.load_profile("mutants")


def _try_import(name: str) -> None:
    """Load a module early; one that cannot be loaded alone is loaded later by whoever needs it."""
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError):
        return
