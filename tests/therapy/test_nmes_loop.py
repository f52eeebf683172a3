"""The plan in closed loop on force: down at once, up within its limits, still without a sensor."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Output, Reason, StimulationIntent
from gateway.therapy.nmes import HELD_MOST_MS, LEAST_UA, RISE_UA, Phase
from gateway.therapy.plan import Less, More
from gateway.therapy.prescription import NmesForcePrescription, load
from gateway.therapy.response import UNANSWERED_MOST, Sensor
from tests.therapy.limb import ON_MS, SETTLE_MS, SHORT, Limb, wished_ua


def test_too_much_force_lowers_the_current_with_the_sample_that_shows_it() -> None:
    limb = Limb()
    limb.contracting(10_000)
    wish = limb.feel(30)
    assert wished_ua(wish) == 10_000 - 10 * 200
    assert wish == StimulationIntent(8_000, 400, 450, 1, 0, ON_MS, 40_000)


def test_within_the_tolerance_nothing_changes() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert limb.feel(22) is None
    assert limb.feel(18) is None
    assert limb.current_ua == 10_000


def test_after_a_fall_the_muscle_has_its_time_to_follow() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert wished_ua(limb.feel(30)) == 8_000
    assert limb.feel(30, SETTLE_MS - 1) is None
    assert wished_ua(limb.feel(30, 1)) == 6_000


def test_what_was_lowered_comes_back_by_1_ma_and_no_further() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.feel(30)
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 9_000
    assert limb.feel(0, SETTLE_MS) is None


def test_it_never_goes_above_what_the_contraction_began_with() -> None:
    limb = Limb()
    limb.contracting(10_000)
    assert limb.feel(0) is None
    assert wished_ua(limb.feel(23)) == 9_400
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 10_000


def test_the_current_falls_to_1_ma_at_least() -> None:
    limb = Limb()
    limb.contracting(2_000)
    assert wished_ua(limb.feel(400)) == LEAST_UA
    assert limb.feel(400, SETTLE_MS) is None


def test_force_counts_above_rest() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.until(Phase.RESTING)
    limb.feel(15)
    limb.until(Phase.CONTRACTING)
    assert limb.feel(37) is None
    assert limb.feel(38) is not None


@pytest.mark.parametrize(("most_n", "rise_ua"), [(0, 1_000), (16, 800), (19, 0), (20, 0), (40, 0)])
def test_the_next_contraction_gets_what_the_highest_force_missed(most_n: int, rise_ua: int) -> None:
    limb = Limb(replace(SHORT, settle_ms=1_000))
    limb.contracting(10_000)
    limb.feel(most_n)
    limb.feel(0)
    ended_ua = limb.current_ua
    limb.until(Phase.WAITING)
    limb.until(Phase.CONTRACTING)
    assert limb.current_ua == ended_ua + rise_ua


def test_without_a_sensor_every_contraction_is_like_the_first() -> None:
    limb = Limb()
    currents = set()
    while not limb.plan.is_finished:
        currents.add(limb.step())
    assert currents == {0, LEAST_UA}


def test_a_sensor_that_falls_silent_freezes_the_current() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.feel(10)
    limb.until(Phase.RESTING)
    limb.until(Phase.CONTRACTING)
    rose_ua = limb.current_ua
    assert rose_ua == 11_000
    limb.sensor = Sensor.SILENT
    limb.until(Phase.RESTING)
    limb.until(Phase.CONTRACTING)
    assert limb.current_ua == rose_ua


def test_without_a_rest_value_nothing_is_decided() -> None:
    limb = Limb()
    while limb.plan.contractions.step_now is not Phase.CONTRACTING:
        limb.step()
    assert limb.feel(400) is None


def test_a_press_becomes_what_the_loop_goes_back_to() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.plan, objection = limb.plan.hear(More(3_000), limb.now)
    assert not objection
    assert limb.step() == 13_000
    assert wished_ua(limb.feel(23)) == 12_400
    assert wished_ua(limb.feel(0, SETTLE_MS)) == 13_000


def test_a_word_for_less_holds_against_the_loop() -> None:
    limb = Limb()
    limb.contracting(10_000)
    limb.plan, _ = limb.plan.hear(Less(4_000), limb.now)
    assert limb.current_ua == 6_000
    assert limb.feel(0, SETTLE_MS) is None


def test_it_says_where_it_stands() -> None:
    limb = Limb()
    assert (limb.plan.cycle, limb.plan.phase, limb.plan.waits_for) == (1, "waiting", Output.STIMULATOR)
    limb.contracting(10_000)
    assert limb.plan.phase == "contracting"
    assert 0 < limb.plan.time_left_ms(limb.now) <= ON_MS


def test_the_shipped_demonstration_is_one() -> None:
    found = load("nmes-force-demo")
    assert isinstance(found, NmesForcePrescription)
    assert (found.target, found.tolerance, found.gain_ua, found.settle_ms) == (20_000, 2_000, 200, 100)
    assert isinstance(found.tightened(5_000), NmesForcePrescription)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(forces=st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 200)), max_size=60))
def test_whatever_is_felt_the_current_stays_between_1_ma_and_what_was_begun(
    forces: list[tuple[int, int]],
) -> None:
    limb = Limb()
    limb.contracting(10_000)
    least_ua = 10_000
    for force_n, after_ms in forces:
        if limb.plan.contractions.step_now is not Phase.CONTRACTING:
            return
        before_ua = limb.current_ua
        wish = limb.feel(force_n, after_ms)
        least_ua = min(least_ua, limb.current_ua)
        assert LEAST_UA <= limb.current_ua <= min(10_000, least_ua + RISE_UA)
        assert (wish is None) == (limb.current_ua == before_ua)


class TestWithoutResponse:
    """A lead that lies open looks like a muscle that gives no force: whoever mends it meets the current."""

    def test_what_disappeared_raises_nothing_and_then_holds(self) -> None:
        limb = Limb()
        limb.contraction(0, press_ua=5_000)
        limb.contraction(0, press_ua=5_000)
        assert limb.contraction(10) == 13_000
        assert [limb.contraction(0) for _ in range(UNANSWERED_MOST)] == [14_000, 13_000, 13_000]
        assert limb.plan.phase == "held"
        assert limb.plan.concerns == {Reason.STIMULATION_HELD}

    def test_one_that_answers_again_is_forgotten(self) -> None:
        limb = Limb()
        limb.contraction(10)
        limb.contraction(0)
        limb.contraction(0)
        limb.contraction(10)
        limb.contraction(0)
        limb.contraction(0)
        assert limb.plan.phase != "held"
        limb.contraction(0)
        assert limb.plan.phase == "held"

    def test_what_never_answered_rises_no_further_than_three_contractions(self) -> None:
        limb = Limb()
        assert [limb.contraction(0) for _ in range(3)] == [1_000, 2_000, 3_000]
        assert limb.plan.phase == "held"

    def test_a_person_s_press_begins_the_count_anew(self) -> None:
        limb = Limb()
        limb.contraction(0)
        limb.contraction(0)
        assert limb.contraction(0, press_ua=5_000) == 8_000
        assert limb.plan.phase != "held"
        limb.contraction(0)
        limb.contraction(0)
        assert limb.plan.phase == "held"

    def test_what_nobody_can_judge_neither_counts_nor_forgives(self) -> None:
        limb = Limb()
        limb.contraction(0)
        limb.contraction(0)
        limb.sensor = Sensor.FROZEN
        limb.contraction(0)
        assert limb.plan.phase != "held"
        assert limb.plan.concerns == {Reason.FORCE_LOST}
        limb.sensor = Sensor.THERE
        limb.contraction(0)
        assert limb.plan.phase == "held"

    @pytest.mark.parametrize("sensor", [Sensor.SILENT, Sensor.FROZEN, Sensor.ABSENT])
    def test_a_sensor_that_tells_nothing_raises_nothing_and_is_named(self, sensor: Sensor) -> None:
        limb = Limb()
        assert limb.contraction(10) == 1_000
        limb.sensor = sensor
        given = [limb.contraction(0) for _ in range(4)]
        assert given == [2_000] * 4
        assert limb.plan.concerns == {Reason.FORCE_LOST}
        limb.sensor = Sensor.THERE
        limb.contraction(20)
        assert not limb.plan.concerns

    def test_one_that_froze_on_a_force_raises_nothing_either(self) -> None:
        limb = Limb()
        limb.sensor = Sensor.FROZEN
        assert [limb.contraction(10) for _ in range(3)] == [1_000] * 3

    def test_held_it_waits_for_a_word_and_takes_no_press(self) -> None:
        limb = held()
        plan, why = limb.plan.hear(More(5_000), limb.now)
        assert plan == limb.plan
        assert "--resume" in why
        for _ in range(100):
            assert limb.step() == 0
        assert limb.plan.time_left_ms(limb.now) == HELD_MOST_MS - 100 * 50
        assert limb.plan.waits_for is None

    def test_nobody_comes(self) -> None:
        limb = held()
        limb.now += HELD_MOST_MS
        limb.step()
        assert limb.plan.is_finished
        assert limb.plan.given_up

    def test_the_last_contraction_is_not_held_for(self) -> None:
        limb = Limb(replace(SHORT, duration_ms=9_000))
        for _ in range(3):
            limb.contraction(0)
        limb.until(Phase.FINISHED)
        assert not limb.plan.given_up


def held() -> Limb:
    """Three contractions without response after a high current."""
    limb = Limb()
    limb.contraction(10, press_ua=5_000)
    for _ in range(UNANSWERED_MOST):
        limb.contraction(0)
    assert limb.plan.phase == "held"
    return limb


SENSORS = st.sampled_from([*Sensor])
CONTRACTIONS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2, 10, 40]), SENSORS, st.sampled_from([0, 0, 0, 1_000, 5_000])),
    min_size=1,
    max_size=18,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(contractions=CONTRACTIONS)
def test_whatever_comes_the_loop_alone_raises_little_without_a_response(
    contractions: list[tuple[int, Sensor, int]],
) -> None:
    """Between two responses or presses it rises by less than ``UNANSWERED_MOST`` steps; after a response that
    disappeared by none; where nobody can judge by none; and it never goes on after as many as that."""
    limb = Limb()
    answered_ua: int | None = None
    unanswered = 0
    before_ua: int | None = None
    may_rise = True
    for force_n, sensor, press_ua in contractions:
        if limb.plan.is_finished:
            break
        limb.sensor = sensor
        given_ua = limb.contraction(force_n, press_ua)
        begun_ua = given_ua - press_ua
        if before_ua is not None:
            assert begun_ua <= before_ua + (RISE_UA if may_rise else 0)
        unanswered = 0 if press_ua else unanswered
        if force_n >= 2:
            answered_ua = given_ua if answered_ua is None else min(answered_ua, given_ua)
            unanswered, may_rise = 0, sensor is Sensor.THERE
        elif sensor is Sensor.THERE:
            unanswered += 1
            may_rise = answered_ua is None or given_ua < answered_ua
        else:
            may_rise = False
        before_ua = limb.current_ua
        if limb.plan.is_finished:
            break
        assert (limb.plan.phase == "held") == (unanswered >= UNANSWERED_MOST)
        if limb.plan.phase == "held":
            assert limb.step() == 0
            return
