"""When a blood pressure is taken by itself: the rules, and a whole session of inflations."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from drivers import blood_pressure_taker as taker
from drivers.blood_pressure_taker import BloodPressureTaker, Decision
from gateway.safety.limits import HARD
from tests.drivers.conformance import thorough

MINUTE_MS = 60_000


def test_it_knows_when_the_gateway_refuses_a_pressure() -> None:
    assert HARD.blood_pressure_age_ms == taker.STALE_MS


def test_none_is_taken_for_no_inflation_or_one_that_is_far() -> None:
    one = BloodPressureTaker()
    assert one.decide(0, None) is Decision.WAIT
    assert one.decide(0, MINUTE_MS + 1) is Decision.WAIT
    assert one.decide(0, MINUTE_MS) is Decision.TAKE


def test_a_fresh_one_serves_and_an_old_one_does_not() -> None:
    one = BloodPressureTaker()
    one.taken(0)
    assert one.decide(190_000, 240_000) is Decision.SERVES
    assert one.decide(190_000, 240_001) is Decision.TAKE


def test_one_at_a_time_and_a_pause_between() -> None:
    one = BloodPressureTaker()
    one.started()
    assert one.decide(0, 50_000) is Decision.WAIT
    one.failed(10_000)
    assert one.decide(39_999, 90_000) is Decision.WAIT
    assert one.decide(40_000, 90_000) is Decision.TAKE


def test_after_two_failures_a_person_must_look_until_one_is_there() -> None:
    one = BloodPressureTaker()
    for at_ms in (0, 100_000):
        assert one.decide(at_ms, at_ms + 50_000) is Decision.TAKE
        one.started()
        one.failed(at_ms + 5_000)
    assert one.decide(1_000_000, 1_000_000) is Decision.FAILED
    one.taken(1_000_000)
    assert one.decide(1_000_000, 1_030_000) is Decision.SERVES
    assert one.decide(2_000_000, 2_050_000) is Decision.TAKE


def test_too_late_what_still_counts_must_do_and_else_the_inflation_waits() -> None:
    one = BloodPressureTaker()
    one.taken(0)
    assert one.decide(256_000, 300_000) is Decision.SERVES
    assert one.decide(256_000, 300_001) is Decision.TAKE
    assert one.decide(400_000, 380_000) is Decision.TAKE


def session(inflations: list[int], takes_ms: int = 30_000) -> list[int]:
    """When it took one, asked every second, where each measurement succeeds."""
    one, taken, busy_until = BloodPressureTaker(), [], None
    for now_ms in range(0, inflations[-1] + 1, 1_000):
        following = next((at for at in inflations if at >= now_ms), None)
        if busy_until is not None and now_ms >= busy_until:
            one.taken(now_ms)
            busy_until = None
        if one.decide(now_ms, following) is Decision.TAKE:
            one.started()
            taken.append(now_ms)
            busy_until = now_ms + takes_ms
    return taken


def test_cycles_of_five_minutes_have_one_each_60_s_before() -> None:
    inflations = [120_000 + 600_000 * number for number in range(4)]
    assert session(inflations) == [at - MINUTE_MS for at in inflations]


def test_a_series_of_short_occlusions_lives_on_one() -> None:
    assert session([120_000 + 10_000 * number for number in range(20)]) == [60_000]


@given(
    gaps=st.lists(st.integers(10_000, 1_200_000), min_size=1, max_size=12),
    takes_ms=st.integers(15_000, 45_000),
)
@thorough
def test_every_inflation_has_one_that_counts_and_limbs_have_their_pauses(
    gaps: list[int], takes_ms: int
) -> None:
    inflations = [90_000]
    for gap in gaps:
        inflations.append(inflations[-1] + gap)
    taken = session(inflations, takes_ms)
    for at in inflations:
        ends = [one + takes_ms for one in taken if one + takes_ms <= at + 1_000]
        assert ends
        assert at - ends[-1] <= taker.STALE_MS
    assert all(later - earlier >= takes_ms + taker.PAUSE_MS for earlier, later in itertools.pairwise(taken))
