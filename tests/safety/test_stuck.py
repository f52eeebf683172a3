"""A pressure sensor that stands still: what proves it, from when on, and what does not."""

import pytest

from gateway.model import Reason
from gateway.safety import stuck as sensors
from gateway.safety.limits import HARD
from gateway.safety.stuck import AT_REST, Still, Stills
from tests.safety.bedside import START_MS, TARGET, Bedside

ONE = ("control", "limit")


def held() -> Bedside:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    bed.run(5_000)
    return bed


def show(bed: Bedside, stuck: str, still: int | None, other: int | None) -> None:
    """``still`` on the sensor that is named, ``other`` on the other one."""
    bed.read(*((still, other) if stuck == "control" else (other, still)))


@pytest.mark.parametrize("stuck", ONE)
@pytest.mark.parametrize("moved", [50, -50])
def test_the_other_5_mmhg_away_for_a_second_proves_it(stuck: str, moved: int) -> None:
    bed = held()
    show(bed, stuck, TARGET, TARGET + moved)
    bed.step()
    bed.run(900)
    assert bed.step(99).latched is None
    assert bed.step(1).latched is Reason.SENSOR_STUCK


@pytest.mark.parametrize("stuck", ONE)
@pytest.mark.parametrize("moved", [49, -49])
def test_a_little_less_does_not(stuck: str, moved: int) -> None:
    bed = held()
    show(bed, stuck, TARGET, TARGET + moved)
    assert bed.run(10_000).latched is None


def test_the_other_must_stay_away() -> None:
    bed = held()
    for _ in range(5):
        show(bed, "control", TARGET, TARGET + 60)
        bed.run(950)
        show(bed, "control", TARGET, TARGET)
        assert bed.run(100).latched is None


@pytest.mark.parametrize("stuck", ONE)
def test_one_digit_is_enough_to_be_alive(stuck: str) -> None:
    bed = held()
    for turn in range(10):
        show(bed, stuck, TARGET + turn % 2, TARGET + 60)
        assert bed.run(950).latched is None


def test_what_the_other_showed_first_is_what_counts() -> None:
    bed = held()
    for step in range(1, 6):
        show(bed, "control", TARGET, TARGET + 10 * step)
        bed.run(950 if step == 5 else 50)
    bed.step()
    assert bed.step().latched is Reason.SENSOR_STUCK


def test_a_missing_sensor_proves_nothing_and_is_not_stuck() -> None:
    bed = held()
    for stuck in ONE:
        show(bed, stuck, TARGET, TARGET + 60)
        bed.run(950)
        show(bed, stuck, TARGET, None)
        bed.run(150)
        show(bed, stuck, TARGET, TARGET + 60)
        assert bed.run(950).latched is None
        show(bed, stuck, TARGET + 1, TARGET)
        bed.step()


def test_a_sensor_that_appears_is_compared_from_then_on() -> None:
    bed = Bedside()
    bed.hold(planned_ms=60_000)
    show(bed, "control", TARGET + 1, None)
    bed.run(150)
    show(bed, "control", TARGET + 1, TARGET + 100)
    assert bed.run(5_000).latched is None
    show(bed, "control", TARGET + 1, TARGET + 50)
    bed.run(1_000)
    assert bed.step().latched is Reason.SENSOR_STUCK


@pytest.mark.parametrize("which", [(TARGET, None), (None, TARGET)])
def test_a_sensor_that_is_missing_does_not_stand_still(which: tuple[int | None, int | None]) -> None:
    bed = Bedside()
    bed.read(*which)
    there = Still(TARGET, START_MS, None)
    expected = Stills(control=there if which[0] else None, limit=there if which[1] else None)
    assert sensors.follow(HARD, AT_REST, bed.cuff, START_MS) == expected


def test_3_s_of_work_on_the_same_digit_prove_it() -> None:
    bed = held()
    bed.read(TARGET, working=True)
    bed.step()
    assert bed.step(900).latched is None
    bed.run(2_050)
    assert bed.step(49).latched is None
    assert bed.step(1).latched is Reason.SENSOR_STUCK


@pytest.mark.parametrize("stuck", ONE)
def test_3_s_of_work_count_from_the_last_digit_that_changed(stuck: str) -> None:
    bed = held()
    bed.alive = True
    bed.read(TARGET, working=True)
    bed.run(6_000)
    bed.alive = False
    show(bed, stuck, TARGET + 7, TARGET)
    for turn in range(59):
        show(bed, stuck, TARGET + 7, TARGET + turn % 2)
        assert bed.step().latched is None
    bed.step()
    assert bed.step().latched is Reason.SENSOR_STUCK


@pytest.mark.parametrize("missing_ms", [0, 1_500])
@pytest.mark.parametrize("stuck", ONE)
def test_3_s_of_work_go_on_while_the_other_sensor_is_missing_for_a_moment(
    stuck: str, missing_ms: int
) -> None:
    bed = held()
    bed.read(TARGET + 1, working=True)
    began_ms = bed.now + 50
    bed.run(missing_ms)
    show(bed, stuck, TARGET + 1, None)
    bed.run(150)
    show(bed, stuck, TARGET + 1, TARGET)
    while bed.now < began_ms + 2_950:
        assert bed.step().latched is None
    assert bed.step().latched is Reason.SENSOR_STUCK


def test_work_with_rests_between_proves_nothing() -> None:
    bed = held()
    for _ in range(5):
        bed.read(TARGET, working=True)
        bed.run(2_950)
        bed.read(TARGET, working=False)
        assert bed.step().latched is None


def test_an_empty_cuff_may_stand_still() -> None:
    bed = Bedside()
    bed.read(0, 60, working=True)
    assert bed.run(20_000).latched is None


def test_each_inflation_begins_anew() -> None:
    bed = Bedside()
    bed.inflate(planned_ms=60_000)
    bed.step()
    bed.read(0, 60)
    assert bed.run(950).latched is None
    bed.wishes = ()
    bed.read(0, 0)
    bed.step()
    bed.inflate(planned_ms=60_000)
    bed.step()
    bed.read(0, 60)
    assert bed.run(1_000).latched is None
    assert bed.step().latched is Reason.SENSOR_STUCK
