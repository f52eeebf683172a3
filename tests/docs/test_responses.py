"""The response table has every fault, the bounds of the code, and no time above its bound."""

import pytest

from bench.faults import FAULTS, Fault
from bench.response_page import PAGE, Row, over, render, sums
from tests.docs.pages import rows, section

MADE_BY = "python -m bench.responses --runs N --write"
ENOUGH_RUNS = 20


def measured(fault: Fault) -> Row:
    """A fault that was just quick enough; nothing where nothing is promised."""
    bounds = (fault.valve, fault.empty_bound, fault.buzzer, fault.core)
    return Row(
        fault,
        ENOUGH_RUNS,
        *(None if bound is None else (1, sum(t.value_ms for t in bound)) for bound in bounds),
    )


GOOD = render([measured(fault) for fault in FAULTS], "runs of each fault: 20.")


@pytest.mark.parametrize("page", [GOOD, PAGE.read_text("utf-8")], ids=["rendered", "docs"])
class TestPage:
    def test_every_fault_has_its_rows(self, page: str) -> None:
        names = [fault.name for fault in FAULTS]
        assert [row[0] for row in rows(section(page, "Safe by"))[1:]] == names
        assert [row[0] for row in rows(section(page, "Sounded by"))[1:]] == names

    def test_the_bounds_are_those_of_the_code(self, page: str) -> None:
        found = rows(section(page, "Where the bounds come from"))
        assert [row for row in found if len(row) == 3][1:] == sums(), MADE_BY

    def test_no_measured_time_is_above_its_bound(self, page: str) -> None:
        assert over(page) == []

    def test_it_is_of_enough_runs(self, page: str) -> None:
        assert f"runs of each fault: {ENOUGH_RUNS}" in page


@pytest.mark.parametrize("worst", ["1 / 1012", "-"])
def test_a_time_above_its_bound_or_never_measured_is_found(worst: str) -> None:
    assert "| 1010 | 1 / 1010 |" in GOOD
    assert len(over(GOOD.replace("| 1010 | 1 / 1010 |", f"| 1010 | {worst} |"))) > 0
