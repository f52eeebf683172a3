"""The vent that leaves before the whole judgement: exactly on over-pressure, and never against it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Reason
from gateway.safety.limits import HARD
from gateway.safety.urgent import vents_at_once
from tests.safety.bedside import Bedside

ONCE, LONG = HARD.pressure_trip_once_dmmhg, HARD.pressure_trip_dmmhg


def urgent(bed: Bedside, after_ms: int = 0) -> bool:
    return vents_at_once(HARD, bed.state, bed.cuff, bed.now + after_ms)


@pytest.mark.parametrize(
    ("control", "limit", "vents"),
    [
        (ONCE, ONCE, False),
        (ONCE + 1, 0, True),
        (0, ONCE + 1, True),
        (None, ONCE + 1, True),
        (None, None, False),
        (LONG + 1, LONG + 1, False),
    ],
)
def test_far_too_much_is_too_much_once(control: int | None, limit: int | None, vents: bool) -> None:
    bed = Bedside()
    bed.step()
    bed.read(control, limit)
    assert urgent(bed) is vents


def test_too_much_is_too_much_after_its_time() -> None:
    bed = Bedside()
    bed.step()
    bed.read(LONG + 1)
    bed.step()
    assert not urgent(bed, HARD.pressure_trip_ms - 1)
    assert urgent(bed, HARD.pressure_trip_ms)
    bed.read(LONG)
    assert not urgent(bed, HARD.pressure_trip_ms)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    shown=st.lists(
        st.tuples(st.one_of(st.none(), st.integers(LONG - 20, ONCE + 20)), st.integers(1, 120)), max_size=12
    )
)
def test_it_says_what_the_whole_judgement_says_first(shown: list[tuple[int | None, int]]) -> None:
    bed = Bedside()
    bed.hold()
    for pressure, after_ms in shown:
        bed.read(pressure)
        said = urgent(bed, after_ms)
        tripped = bed.step(after_ms).latched
        assert said == (tripped is Reason.OVER_PRESSURE)
        if tripped is not None:
            return
