"""The questions about the oximeter's watch, each alone: at its edges, and whatever is remembered."""

from dataclasses import replace

import pytest

from gateway.model import Purpose, Reason, Sample
from gateway.safety import verification
from gateway.safety.debt import Debts
from gateway.safety.limits import HARD
from gateway.safety.observations import Inflation, Observations, State, Tissue, Watch
from tests.safety.bedside import TARGET, Bedside

NOW = 1_000_000
HOLD = Inflation(1, TARGET, 200_000, 120, NOW - 90_000, NOW - 90_000, NOW - 80_000, NOW - 85_000)
WATCH = Watch(1, NOW - 60_000, 700, 1_000, ((NOW - 10_000, 700),), 640)
OVER = replace(WATCH, reached_ms=NOW - 130_000, vented_ms=NOW - 70_000, released_ms=NOW - 60_000)


def remembering(watch: Watch | None, hold: Inflation | None = None) -> State:
    return State(Debts.equal(0, NOW), watch=watch, inflation=hold)


def tissue(age_ms: int = 0, **values: int) -> Tissue:
    return Tissue(**{name: Sample(value, NOW - age_ms) for name, value in values.items()})


@pytest.mark.parametrize(("age_ms", "value"), [(-1, None), (0, 650), (10_000, 650), (10_001, None)])
def test_a_value_says_something_for_ten_seconds(age_ms: int, value: int | None) -> None:
    assert verification.value_of(HARD, Sample(650, NOW - age_ms), NOW) == value
    assert verification.value_of(HARD, None, NOW) is None


def followed(watch: Watch, seen: Tissue) -> Watch:
    state = verification.follow(HARD, remembering(watch, HOLD), Observations(tissue=seen), NOW)
    assert state.watch is not None
    return state.watch


@pytest.mark.parametrize(
    ("before", "saturation", "lowest"), [(640, 639, 639), (640, 641, 640), (None, 600, None)]
)
def test_the_lowest_saturation_of_the_hold_is_remembered(
    before: int | None, saturation: int, lowest: int | None
) -> None:
    assert followed(replace(WATCH, lowest=before), tissue(saturation=saturation)).lowest == lowest
    assert followed(replace(WATCH, lowest=before), Tissue()).lowest == before


@pytest.mark.parametrize(
    ("ages_ms", "kept_ms", "noted"),
    [
        ((60_000, 10_000), (60_000, 10_000), True),
        ((60_001, 9_999), (9_999,), False),
        ((10_000,), (10_000,), True),
        ((30_000, 9_999), (30_000, 9_999), False),
        ((0,), (0,), False),
        ((), (), True),
        ((-1,), (), True),
    ],
)
def test_the_other_limb_is_remembered_for_a_minute_every_ten_seconds(
    ages_ms: tuple[int, ...], kept_ms: tuple[int, ...], noted: bool
) -> None:
    watch = replace(WATCH, others=tuple((NOW - age_ms, 690) for age_ms in ages_ms))
    kept = tuple((NOW - age_ms, 690) for age_ms in kept_ms)
    expected = (*kept, (NOW, 700)) if noted else kept
    assert followed(watch, tissue(other=700)).others == expected
    assert followed(watch, Tissue()).others == kept


@pytest.mark.parametrize(
    ("after_target_ms", "blood"), [(-1, None), (0, 900), (10_000, 900), (10_001, None), (None, None)]
)
def test_the_blood_of_the_hold_came_within_ten_seconds_of_its_target(
    after_target_ms: int | None, blood: int | None
) -> None:
    reached_ms = NOW - 1 - max(0, after_target_ms or 0)
    watch = replace(WATCH, reached_ms=reached_ms, haemoglobin=None)
    sample = None if after_target_ms is None else Sample(900, reached_ms + after_target_ms)
    assert followed(watch, Tissue(haemoglobin=sample)).haemoglobin == blood
    known = replace(watch, haemoglobin=1_000)
    assert followed(known, Tissue(haemoglobin=sample)).haemoglobin == 1_000


@pytest.mark.parametrize(
    ("change", "seen", "flow_seen", "verdict"),
    [
        ({}, {"saturation": 650}, None, "yes"),
        ({}, {"saturation": 651}, None, "no"),
        ({}, {"saturation": 650}, False, "yes"),
        ({}, {"saturation": 650}, True, "no"),
        ({}, {"saturation": 650, "haemoglobin": 1_050}, None, "yes"),
        ({}, {"saturation": 650, "haemoglobin": 1_051}, None, "no"),
        ({}, {"saturation": 650, "haemoglobin": 949}, None, "no"),
        ({}, {}, None, "unknown"),
        ({"saturation": None}, {"saturation": 650}, None, "unknown"),
        # a minute after the target, and once
        ({"reached_ms": NOW - 59_999}, {"saturation": 650}, None, None),
        ({"verified": "no"}, {"saturation": 650}, None, "no"),
        ({"verified": "yes"}, {"saturation": 651}, None, "yes"),
    ],
)
def test_an_occlusion_is_judged_once_a_minute_after_its_target(
    change: dict[str, int | None], seen: dict[str, int], flow_seen: bool | None, verdict: str | None
) -> None:
    watch = replace(WATCH, **change)  # type: ignore[arg-type]
    assert followed(watch, replace(tissue(**seen), flow_seen=flow_seen)).verified == verdict


@pytest.mark.parametrize(("verified", "kept"), [("no", "no"), (None, "unknown")])
def test_the_verdict_stands_when_the_hold_ends_and_is_unknown_where_there_was_none(
    verified: str | None, kept: str
) -> None:
    state = remembering(replace(WATCH, verified=verified))
    watch = verification.follow(HARD, state, Observations(), NOW).watch
    assert watch == replace(WATCH, verified=kept, vented_ms=NOW)


def test_without_a_hold_nothing_is_watched_and_nothing_copied() -> None:
    for state in (remembering(None), remembering(None, replace(HOLD, reached_ms=None))):
        assert verification.follow(HARD, state, Observations(), NOW) is state
    restricting = remembering(None, replace(HOLD, purpose=Purpose.RESTRICTION))
    begun = verification.follow(HARD, restricting, Observations(tissue=tissue(saturation=700)), NOW).watch
    assert begun == Watch(1, NOW, 700, None, (), 700, verified="unknown")
    occluding = verification.follow(HARD, remembering(None, HOLD), Observations(), NOW).watch
    assert occluding == Watch(1, NOW, None, None, (), None)


def test_a_hold_in_which_nothing_new_is_seen_copies_nothing() -> None:
    state = remembering(replace(WATCH, verified="yes"), HOLD)
    assert verification.follow(HARD, state, Observations(), NOW) is state


@pytest.mark.parametrize("latched", [None, *Reason])
def test_only_who_clears_a_failed_recovery_has_been_told_of_it(latched: Reason | None) -> None:
    told = verification.told(OVER, latched)
    assert told == replace(OVER, told=latched is Reason.REPERFUSION_FAILED)
    assert verification.told(None, latched) is None


@pytest.mark.parametrize(("other", "wrong"), [(651, False), (650, True)])
def test_five_points_less_on_the_other_limb_are_the_wrong_limb(other: int, wrong: bool) -> None:
    seen = tissue(other=other)
    assert verification.wrong_limb(HARD, remembering(WATCH, HOLD), seen, NOW) is wrong
    for state in (remembering(WATCH), remembering(None, HOLD)):
        assert not verification.wrong_limb(HARD, state, seen, NOW)
    assert not verification.wrong_limb(HARD, remembering(WATCH, HOLD), Tissue(), NOW)


def test_five_points_less_than_at_any_time_of_the_last_minute_are_enough() -> None:
    for first, last in ((700, 651), (651, 700)):
        watch = replace(WATCH, others=((NOW - 20_000, first), (NOW - 10_000, last)))
        assert verification.wrong_limb(HARD, remembering(watch, HOLD), tissue(other=650), NOW)


@pytest.mark.parametrize(
    ("blood", "rose", "changed"),
    [(1_050, False, False), (1_051, True, True), (950, False, False), (949, False, True)],
)
def test_five_percent_of_the_blood(blood: int, rose: bool, changed: bool) -> None:
    seen, state = tissue(haemoglobin=blood), remembering(WATCH, HOLD)
    assert verification.blood_rose(HARD, state, seen, NOW) is rose
    assert verification.blood_changed(HARD, WATCH, seen, NOW) is changed


def test_five_percent_of_a_large_number_are_as_exact() -> None:
    watch = replace(WATCH, haemoglobin=100_000)
    for blood, more in ((105_000, False), (105_001, True)):
        seen = tissue(haemoglobin=blood)
        assert verification.blood_rose(HARD, remembering(watch, HOLD), seen, NOW) is more
        assert verification.blood_changed(HARD, watch, seen, NOW) is more


def test_blood_of_which_nothing_is_known_neither_rises_nor_changes() -> None:
    seen, unknown = tissue(haemoglobin=2_000), replace(WATCH, haemoglobin=None)
    restricting = replace(HOLD, purpose=Purpose.RESTRICTION)
    for state in (
        remembering(unknown, HOLD),
        remembering(None, HOLD),
        remembering(WATCH),
        remembering(WATCH, restricting),
    ):
        assert not verification.blood_rose(HARD, state, seen, NOW)
    assert not verification.blood_rose(HARD, remembering(WATCH, HOLD), Tissue(), NOW)
    assert not verification.blood_changed(HARD, unknown, seen, NOW)
    assert not verification.blood_changed(HARD, WATCH, Tissue(), NOW)


# recovery


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, True),
        ({"vented_ms": None}, False),
        ({"recovered": True}, False),
        ({"saturation": None}, False),
        ({"lowest": None}, False),
        ({"lowest": 651}, False),
        ({"lowest": 650}, True),
        ({"vented_ms": NOW - 70_001}, False),
    ],
)
def test_what_has_to_recover(change: dict[str, int | None], asked: bool) -> None:
    state = remembering(replace(OVER, **change))  # type: ignore[arg-type]
    assert verification.not_recovered(HARD, state, tissue(saturation=650), NOW) is asked
    before = NOW - 1  # the minute is not over
    assert verification.awaits_recovery(HARD, state, before) is asked
    assert not verification.not_recovered(HARD, state, tissue(1, saturation=650), before)
    assert not verification.awaits_recovery(HARD, state, NOW)


def test_a_cuff_that_is_not_empty_yet_is_waited_for_and_trips_nothing() -> None:
    state = remembering(replace(OVER, released_ms=None))
    assert verification.awaits_recovery(HARD, state, NOW)
    assert not verification.not_recovered(HARD, state, tissue(saturation=650), NOW)
    for state in (remembering(None), remembering(replace(OVER, told=True))):
        assert not verification.not_recovered(HARD, state, tissue(saturation=650), NOW)
    assert verification.awaits_recovery(HARD, remembering(replace(OVER, told=True)), NOW)
    assert not verification.awaits_recovery(HARD, remembering(None), NOW)
    assert not verification.not_recovered(HARD, remembering(OVER), Tissue(), NOW)


@pytest.mark.parametrize(
    ("change", "saturation", "recovered"),
    [
        ({}, 670, True),
        ({}, 669, False),
        ({}, None, False),
        ({"saturation": None}, 700, False),
        ({"lowest": None}, 700, False),
        ({"recovered": True}, 600, True),
    ],
)
def test_half_of_the_fall_is_a_recovery(
    change: dict[str, int | None], saturation: int | None, recovered: bool
) -> None:
    seen = Tissue() if saturation is None else tissue(saturation=saturation)
    state = remembering(replace(OVER, **change))  # type: ignore[arg-type]
    after = verification.follow(HARD, state, Observations(tissue=seen), NOW).watch
    assert after is not None
    assert after.recovered is recovered


def test_the_cuff_is_released_when_it_is_first_seen_empty() -> None:
    bed = Bedside()
    bed.hold()
    bed.wishes = ()
    bed.step()
    bed.step()
    for pressure, cuff_silent in ((151, False), (0, True)):
        bed.read(pressure)
        bed.silent = cuff_silent
        bed.step(600)
        assert bed.state.watch is not None
        assert bed.state.watch.released_ms is None
    bed.silent = False
    bed.step()
    assert bed.state.watch.released_ms == bed.now
