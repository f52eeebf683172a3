"""``rvos exam analyse fatigue`` of force: tired contractions, a drifting sensor, one that ends, pauses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.exam_runs import analysed, ids
from tests.exams import files


def force(
    path: Path,
    peaks: Sequence[float],
    *,
    every_s: float = 2.0,
    drift: float = 0.0,
    most: float = 1e9,
    relaxed: float = 0.0,
    after_s: float = 0.0,
) -> Path:
    """Half sines of a second on a level of 5 N with noise of 0.5 N; ``relaxed`` is where pauses stay."""
    end_s = every_s * len(peaks) + after_s
    times = np.arange(0.0, end_s, 0.01)
    values = 5.0 + drift * times / end_s + np.random.default_rng(3).normal(0.0, 0.5, len(times))
    for number, peak in enumerate(peaks):
        into = times - every_s * number - 0.5
        inside = (into >= 0.0) & (into < 1.0)
        values[inside] += peak * np.sin(np.pi * into[inside])
    if relaxed:
        between = (times > 0.5) & (times < every_s * len(peaks) - 0.5)
        low = between & (values < 5.0 + relaxed)
        values[low] += relaxed
    rows = zip(times.round(3), np.minimum(values, most).round(4), strict=True)
    return files.write(path, ("time_s", "force_n"), rows)


def found_in(run: Any, file: Path, *words: str) -> tuple[float, set[str], int]:
    result = analysed(run, "fatigue", file, *words)
    number = sum(one.name == "contraction" for one in result.windows)
    return result.value("fatigue_index").value or 0.0, ids(result), number


def test_tired_contractions_are_not_lost(run: Any, tmp_path: Path) -> None:
    """Down to a twenty-fifth of the first: the true ratio is 0.046, of it noise adds its largest sample."""
    peaks = 100.0 * np.exp(-np.arange(40) / 12.0)
    ratio, said, number = found_in(run, force(tmp_path / "deep.csv", peaks))
    assert number == 40
    assert ratio == pytest.approx(0.046, abs=0.02)
    assert "near_noise" in said
    assert "contractions_missing" not in said


def test_a_drift_of_the_sensor_is_no_change_of_the_muscle(run: Any, tmp_path: Path) -> None:
    ratio, _, number = found_in(run, force(tmp_path / "drift.csv", [60.0] * 30, drift=60.0))
    assert (number, ratio) == (30, pytest.approx(1.0, abs=0.02))


def test_a_sensor_that_ends_is_told(run: Any, tmp_path: Path) -> None:
    peaks = [100.0 - 1.5 * at for at in range(30)]
    clipped = force(tmp_path / "clipped.csv", peaks, every_s=4.0, most=70.0)
    assert "saturated" in found_in(run, clipped)[1]
    whole = force(tmp_path / "whole.csv", peaks, every_s=4.0)
    ratio, said, _ = found_in(run, whole)
    assert ratio == pytest.approx(58.0 / 98.5, abs=0.01)
    assert "near_noise" not in said
    assert "saturated" not in said


def test_contractions_that_were_due_are_missing_and_not_left_out(run: Any, tmp_path: Path) -> None:
    peaks = [100.0 - 2.0 * at for at in range(20)]
    whole = analysed(run, "fatigue", force(tmp_path / "whole.csv", peaks)).value("slope").value
    gone = [0.0 if at in (7, 8, 13) else one for at, one in enumerate(peaks)]
    result = analysed(run, "fatigue", force(tmp_path / "gone.csv", gone))
    texts = {one.id: one.text for one in result.flags}
    assert texts["contractions_missing"].startswith("3 contractions were due")
    assert texts["peaks_missing"].startswith("3 of 20")
    assert result.value("slope").value == pytest.approx(whole, rel=0.03), "each keeps its place"


def test_a_recording_that_goes_on_is_told(run: Any, tmp_path: Path) -> None:
    peaks = [100.0 - 2.0 * at for at in range(12)]
    assert "goes_on" not in found_in(run, force(tmp_path / "ends.csv", peaks))[1]
    assert "goes_on" in found_in(run, force(tmp_path / "on.csv", peaks, after_s=20.0))[1]


def test_a_muscle_that_does_not_relax_has_its_contractions(run: Any, tmp_path: Path) -> None:
    peaks = [100.0 - 2.0 * at for at in range(15)]
    ratio, _, number = found_in(run, force(tmp_path / "stiff.csv", peaks, relaxed=15.0))
    assert number == 15
    assert ratio == pytest.approx((74.0 - 15.0) / (98.0 - 15.0), abs=0.05), "over its local level"


def test_a_stated_threshold_is_taken(run: Any, tmp_path: Path) -> None:
    file = force(tmp_path / "force.csv", [100.0 - 2.0 * at for at in range(12)])
    result = analysed(run, "fatigue", file, "--above", "30")
    assert {one.name: one.value for one in result.parameters}["contraction above"] == 30.0
    assert sum(one.name == "contraction" for one in result.windows) == 12
