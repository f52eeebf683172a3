"""Indicators of CIP and CIM: the laboratory's own limits, and nothing without its input."""

import math

import pytest

from gateway.exams.criteria import CRITICAL_ILLNESS
from gateway.exams.critical_illness import (
    Direct,
    Examined,
    indicators,
    long_duration,
    nerve_to_direct_ratio,
    peroneal_test,
)
from gateway.exams.errors import TraceUnusable


@pytest.mark.parametrize(("duration_ms", "is_met"), [(9.0, True), (8.5, False), (8.0, False)])
def test_a_long_duration_is_above_the_laboratorys_limit(duration_ms: float, is_met: bool) -> None:
    found = long_duration(duration_ms, 8.5, "negative_phase")
    assert found.is_met is is_met
    assert "negative_phase" in found.text


@pytest.mark.parametrize(
    ("nerve_mv", "direct_mv", "below", "above"),
    [(1.0, 4.0, True, False), (3.0, 4.0, False, True), (2.0, 4.0, False, False), (0.0, 4.0, True, False)],
)
def test_the_ratio_has_two_patterns_and_at_its_threshold_none(
    nerve_mv: float, direct_mv: float, below: bool, above: bool
) -> None:
    polyneuropathy, myopathy = nerve_to_direct_ratio(nerve_mv, direct_mv)
    assert (polyneuropathy.is_met, myopathy.is_met) == (below, above)


def test_without_a_direct_response_there_is_no_ratio() -> None:
    for nerve_mv, direct_mv in ((1.0, 0.0), (math.nan, 1.0), (1.0, math.nan)):
        with pytest.raises(TraceUnusable, match="no ratio"):
            nerve_to_direct_ratio(nerve_mv, direct_mv)


@pytest.mark.parametrize(
    ("left", "right", "one_side", "both_sides"),
    [
        (2.0, 2.0, True, True),
        (2.0, 4.0, True, False),
        (4.0, 4.0, False, False),
        (3.0, 4.0, False, False),
        (2.0, None, True, None),
        (4.0, None, None, False),
        (None, None, None, None),
    ],
)
def test_the_peroneal_test(
    left: float | None, right: float | None, one_side: bool | None, both_sides: bool | None
) -> None:
    found = peroneal_test(left, right, 3.0, "mean - 2 SD of 40 healthy people of this laboratory")
    assert [one.is_met for one in found] == [one_side, both_sides]
    assert "mean - 2 SD of 40" in found[0].text
    assert "specificity 67 %" in found[0].text


def test_the_peroneal_test_needs_a_limit_and_where_it_is_from() -> None:
    with pytest.raises(TraceUnusable, match="where the laboratory's limit"):
        peroneal_test(2.0, 2.0, 3.0, " ")
    with pytest.raises(TraceUnusable, match="no amplitude"):
        peroneal_test(2.0, 2.0, math.nan, "ours")


def test_the_reference_table_is_there_to_be_read() -> None:
    table = CRITICAL_ILLNESS.differential
    assert [row.name for row in table.row] == [
        "polyneuropathy (CIP)",
        "myopathy (CIM)",
        "residual neuromuscular block",
    ]
    assert all(len(row.entries) == len(table.columns) for row in table.row)
    assert "5.26" not in str(CRITICAL_ILLNESS)


def test_nothing_examined_and_a_muscle_twice_are_refused() -> None:
    with pytest.raises(TraceUnusable, match="nothing was examined"):
        indicators(Examined(), "negative_phase")
    direct = Direct(muscle="tibialis anterior", nerve_mv=1.0, direct_mv=4.0)
    with pytest.raises(TraceUnusable, match="twice"):
        indicators(Examined(ratio=(direct, direct)), "negative_phase")
