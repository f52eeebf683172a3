"""What catches a planted defect: the other layer, or the harm monitor, and as fast as its check says.

The rows with occlusions of five minutes are left to ``python -m bench.defects``, but for the one that hurts.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import defects
from bench.defects import ROWS, Row, play
from bench.planted import PLANTS, Patches

ROOT = Path(__file__).parents[2]
SHORT_ROWS = [row for row in ROWS if not row.name.startswith("debt")]
[FORGIVEN] = [row for row in ROWS if row.caught == "monitor over_debt"]
AT_MOST_MS = {"gateway": 1_100, "controller": 2_600, "monitor": 11_100}
"""A sensor that is off for 1 s, a cuff that has to pass 310 mmHg, the 10 s in which a cuff empties."""


@pytest.mark.parametrize("row", [*SHORT_ROWS, FORGIVEN], ids=lambda row: row.name)
def test_a_defect_is_caught_by_who_covers_for_it(tmp_path: Path, row: Row) -> None:
    caught = play(row, tmp_path)
    assert caught.by == row.caught
    assert caught.after_ms is not None
    if row is not FORGIVEN:
        assert 0 <= caught.after_ms <= AT_MOST_MS[caught.by.split()[0]]
    found_by_the_monitor = caught.by.startswith("monitor") and "duty" not in caught.by
    assert bool(caught.harms) is found_by_the_monitor


@pytest.mark.parametrize(
    "name", ["firmware dead-man", "vent on trip, gateway", "stimulation resumes after a gap"]
)
def test_without_its_defect_the_row_ends_earlier_and_harms_nobody(tmp_path: Path, name: str) -> None:
    """So the defect was really in the way of something."""
    [row] = [row for row in ROWS if row.name == name]
    (tmp_path / "with").mkdir()
    with_it, without = play(row, tmp_path / "with"), play(row, tmp_path, healthy=True)
    assert without.by != with_it.by
    assert without.after_ms is not None
    assert with_it.after_ms is not None
    assert without.after_ms < with_it.after_ms
    assert not without.harms


def test_every_plant_is_in_a_row_and_the_issue_s_five_are_there() -> None:
    assert {plant for row in ROWS for plant in row.plants} == set(PLANTS.values())
    names = {row.name for row in ROWS}
    assert {"supervisor ceiling", "firmware dead-man", "vent on trip, both layers"} <= names
    assert {"debt after restart, both layers", "blocked hose, both layers"} <= names


def test_every_single_defect_names_the_unit_tests_that_should_notice() -> None:
    for row in ROWS:
        assert bool(row.tests) is (len(row.plants) == 1), row.name
        assert not row.tests or (ROOT / row.tests).is_file(), row.tests


def test_what_was_planted_is_dug_up_again() -> None:
    class Soil:
        here = 1

    patches = Patches()
    patches.setattr(Soil, "here", 2)
    patches.setattr(Soil, "new", 3, raising=False)
    assert (Soil.here, vars(Soil)["new"]) == (2, 3)
    patches.undo()
    assert Soil.here == 1
    assert "new" not in vars(Soil)


def test_a_row_s_unit_tests_fail_with_its_defect_and_not_without() -> None:
    [row] = [row for row in ROWS if row.name == "firmware dead-man"]
    test, seconds = defects.tested(row)
    assert test.startswith("tests/firmware_bridge/test_lease.py::")
    assert seconds > 0
    assert defects.tested(replace(row, plants=()))[0] == "none"


def test_the_table_says_who_when_and_what(tmp_path: Path) -> None:
    [row] = [row for row in ROWS if row.name == "relay not opened on trip"]
    found = defects.measure([row], tests=False)
    assert found[0]["as_expected"] is True
    assert found[0]["by"] == "gateway electrode_fault"
    [_, line] = defects.table(found).splitlines()
    assert "relay not opened on trip" in line
    assert "gateway electrode_fault" in line
    assert "none" in line
