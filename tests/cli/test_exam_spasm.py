"""``rvos exam analyse spasm`` of what is no spasm: a muscle never quiet, the mains, a stimulator."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.exams.document import result as document_of
from gateway.exams.result import Result
from gateway.exams.sheet import sheet
from tests.cli.exam_runs import ids, refused
from tests.exams import files

TIMES = np.arange(0.0, 90.0, 0.001)
QUIET = np.random.default_rng(1).normal(0.0, 5.0, len(TIMES))
MIDDLE = (TIMES > 30) & (TIMES < 60)


def analysed(run: Any, folder: Path, samples: Any, *words: str) -> Result:
    file = files.spasm(folder, files.array("d", samples))
    return document_of(run("exam", "analyse", "spasm", str(file), *words, "--json").stdout.encode())


def test_a_muscle_that_is_never_quiet_is_not_a_muscle_without_spasm(run: Any, tmp_path: Path) -> None:
    always = np.random.default_rng(2).normal(0.0, 60.0, len(TIMES))
    found = analysed(run, tmp_path, always)
    for name in ("episodes", "rate", "time_in_spasm", "share_in_spasm"):
        assert found.value(name).value is None
    assert "spasm throughout" in sheet(found)
    assert found.value("baseline_rms").value == pytest.approx(57.0, abs=6.0)
    assert "baseline_loud" in ids(found)
    stated = analysed(run, tmp_path, always, "--baseline", "2-10")
    assert (stated.value("episodes").value, "baseline_loud" in ids(stated)) == (0.0, True)
    assert "baseline_loud" not in ids(analysed(run, tmp_path, always, "--baseline-limit-uv", "80"))
    file = files.spasm(tmp_path)
    assert refused(run, "spasm", file, "--baseline-limit-uv", "-1")[0] == 2


def test_a_quiet_muscle_has_none_where_a_person_says_that_it_was_quiet(run: Any, tmp_path: Path) -> None:
    assert analysed(run, tmp_path, QUIET, "--baseline", "2-10").value("share_in_spasm").value == 0.0
    assert analysed(run, tmp_path, QUIET).value("share_in_spasm").value is None


@pytest.mark.parametrize("line_hz", [50.0, 60.0, 49.9])
def test_the_mains_are_no_spasm(line_hz: float, run: Any, tmp_path: Path) -> None:
    hum = QUIET + 100.0 * np.sin(2 * np.pi * line_hz * TIMES) * MIDDLE
    found = analysed(run, tmp_path, hum, "--baseline", "2-10")
    (flag,) = [one for one in found.flags if one.id == "mains"]
    assert (flag.severity, flag.of) == ("doubtful", "1")
    assert "looks_stimulated" not in ids(found)


@pytest.mark.parametrize(
    ("every", "shape"), [(25, (5000.0,) * 2), (40, (9000.0, -9000.0, 3000.0)), (100, (800.0,) * 8)]
)
def test_pulses_that_nobody_stated_look_like_a_stimulator(
    every: int, shape: tuple[float, ...], run: Any, tmp_path: Path
) -> None:
    pulses = QUIET.copy()
    for at in range(30_000, 60_000, every):
        pulses[at : at + len(shape)] += shape
    found = analysed(run, tmp_path, pulses, "--baseline", "2-10")
    (flag,) = [one for one in found.flags if one.id == "looks_stimulated"]
    assert f"{1000 / every:.1f} Hz" in flag.text
    assert "--stimulated" in flag.text


def test_muscle_activity_is_neither(run: Any, tmp_path: Path) -> None:
    bursts = QUIET + np.random.default_rng(3).normal(0.0, 60.0, len(TIMES)) * MIDDLE
    for begin in range(62_000, 80_000, 170):
        bursts[begin : begin + 60] += np.random.default_rng(begin).normal(0.0, 90.0, 60)
    found = analysed(run, tmp_path, bursts, "--baseline", "2-10")
    assert found.value("episodes").value == 2.0
    assert not ids(found) & {"mains", "looks_stimulated", "baseline_loud"}
