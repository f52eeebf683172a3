"""The measurement of dsp: what imports take, that contenders agree, and what becomes of one that does not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import dsp as bench
from bench import dsp_contest as contest
from bench import dsp_exams
from bench.dsp_imports import ANALYSES, STREAMING, import_cost
from dsp.errors import __file__ as dsp_file

HEAVY = ("numpy", "scipy", "typing", "re", "enum", "functools", "dataclasses", "contextlib", "statistics")
SMALL = {"_collections", "cython_runtime", "math"}
"""What the streaming part may bring along: neither takes half a millisecond."""


@pytest.mark.parametrize("name", [*STREAMING, *ANALYSES])
def test_a_face_of_dsp_imports_no_numpy_and_little_else(name: str) -> None:
    program = f"import sys; import {name}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_streams_brings_along_next_to_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        f"for name in {STREAMING!r}: __import__(name)\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    brought = {name for name in found.stdout.split() if name.split(".")[0] != "dsp"}
    assert brought <= SMALL
    assert "dsp.emg" in found.stdout


def test_every_face_of_dsp_is_measured() -> None:
    faces = {path.stem for path in Path(dsp_file).parent.glob("*.py")}
    shared = {"__init__", "errors", "median", "record", "reference", "student"}
    listed = {name.removeprefix("dsp.") for name in (*STREAMING, *ANALYSES)}
    assert faces - shared - listed == {"cuff_runs", "emg_definitions", "pulse_left"}, (
        "imported by a listed one, or new"
    )


def test_what_streams_takes_less_than_ten_megabytes() -> None:
    cost = import_cost(starts=1)
    assert cost.megabytes < 10.0
    assert not cost.imports_numpy


@pytest.mark.parametrize("kernel", bench.CONTESTS)
def test_contenders_agree_and_make_a_row(kernel: str) -> None:
    make, chunks = bench.CONTESTS[kernel]
    row = contest.measure(kernel, chunks[-1], make(chunks[-1], bench.WIDEST_LANES), rounds=1)
    assert (row.kernel, row.chunk) == (kernel, chunks[-1])
    assert row.ns > 0
    if kernel == "python_call":
        assert (row.vs_python, row.vs_c) == (None, None)
        return
    assert isinstance(row.vs_python, float) or row.vs_python in ("no mne", "no neurokit2")
    assert isinstance(row.vs_c, float) or kernel == "cuff_reading"


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neurokit2", None)
    make, _ = bench.CONTESTS["pulse_beats"]
    row = contest.measure("pulse_beats", 64, make(64, bench.WIDEST_LANES), rounds=1)
    assert row.vs_python == "no neurokit2"
    assert "no neurokit2" in bench.table([row])


def test_a_contender_that_makes_other_numbers_is_not_timed() -> None:
    ours = np.array([1.0, 2.0])
    contest.same("itself", ours, ours.copy(), 0.0)
    with pytest.raises(contest.Disagreement, match="another"):
        contest.same("another", ours, np.array([1.0, np.nextafter(2.0, 3.0)]), 0.0)
    with pytest.raises(contest.Disagreement, match="another"):
        contest.same("another", ours, np.array([1.0, 2.0001]), 1e-9)
    with pytest.raises(contest.Disagreement, match="another"):
        contest.same("another", ours, np.array([1.0]), 1e-9)


def test_a_row_without_comparison_says_so() -> None:
    assert bench.table([contest.Row("kernel", 1, 10.0, None, None)]).splitlines()[1].split()[-2:] == [
        "-",
        "-",
    ]


@pytest.mark.parametrize("exam", ["occlusion-test", "oxidative-capacity", "fatigue"])
def test_an_examination_and_its_usual_way_agree_and_make_a_row(exam: str) -> None:
    row = dsp_exams.measured(exam, rounds=1)
    assert row.exam == exam
    assert row.seconds > 0
    assert exam in dsp_exams.table([row])
