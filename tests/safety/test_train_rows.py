"""A train: the durable row that authorises it, exactly it, for a moment."""

import pytest

from gateway.model import Reason, StimulationIntent
from tests.safety.test_stimulation import PLANNED_MS, Stimulated

TRAIN = StimulationIntent(1_000, 300, 500, 1, 0, PLANNED_MS, 20_000)


def ask_for(bed: Stimulated, train: StimulationIntent = TRAIN) -> Reason | None:
    """Ask for this train with whatever row is there."""
    bed.writes = False
    return bed.pulse(train.current_ua, train.contraction, **_rest_of(train))


def _rest_of(train: StimulationIntent) -> dict[str, int]:
    names = ("pulse_width_us", "frequency_dhz", "planned_ms", "ceiling_ua")
    return {name: getattr(train, name) for name in names}


def test_no_train_without_its_durable_row() -> None:
    bed = Stimulated()
    assert ask_for(bed) is Reason.JOURNAL_PENDING
    bed.authorise_train(TRAIN, contraction=2)
    assert ask_for(bed) is Reason.JOURNAL_PENDING
    bed.authorise_train(TRAIN)
    assert ask_for(bed) is None


@pytest.mark.parametrize("name", ["pulse_width_us", "frequency_dhz", "planned_ms"])
def test_the_row_authorises_exactly_these_pulses(name: str) -> None:
    bed = Stimulated()
    bed.authorise_train(TRAIN, **{name: getattr(TRAIN, name) + 1})
    assert ask_for(bed) is Reason.REQUEST_CHANGED


@pytest.mark.parametrize(("current_ua", "reason"), [(20_000, None), (20_001, Reason.REQUEST_CHANGED)])
def test_the_row_authorises_a_current_at_most(current_ua: int, reason: Reason | None) -> None:
    bed = Stimulated()
    bed.raised(30_000)
    bed.authorise_train(TRAIN)
    assert ask_for(bed, TRAIN._replace(current_ua=current_ua)) is reason


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [(0, None), (5_000, None), (5_001, Reason.JOURNAL_PENDING), (-1, Reason.JOURNAL_PENDING)],
)
def test_a_row_is_good_for_a_moment(age_ms: int, reason: Reason | None) -> None:
    bed = Stimulated()
    bed.authorise_train(TRAIN, durable_ms=bed.now + 50 - age_ms)
    assert ask_for(bed) is reason


def test_a_train_under_way_outlives_the_age_of_its_row_and_not_its_plan() -> None:
    bed = Stimulated()
    bed.authorise_train(TRAIN, planned_ms=8_000)
    train = TRAIN._replace(planned_ms=8_000)
    assert ask_for(bed, train) is None
    began_ms = bed.now
    while bed.now < began_ms + 7_950:
        assert ask_for(bed, train) is None
    assert ask_for(bed, train) is Reason.REQUEST_CHANGED


def test_a_train_cannot_be_begun_again_when_its_time_is_over() -> None:
    bed = Stimulated()
    bed.authorise_train(TRAIN, planned_ms=1_000)
    train = TRAIN._replace(planned_ms=1_000)
    assert ask_for(bed, train) is None
    bed.pause()
    assert ask_for(bed, train) is None
    while bed.now < bed.state.stimulation.started_ms + 1_000:
        bed.pause()
    bed.authorise_train(train)
    assert ask_for(bed, train) is Reason.REQUEST_CHANGED


def test_a_new_train_has_its_own_time() -> None:
    bed = Stimulated()
    bed.authorise_train(TRAIN, planned_ms=1_000)
    train = TRAIN._replace(planned_ms=1_000)
    assert ask_for(bed, train) is None
    for _ in range(40):
        bed.pause()
    second = train._replace(contraction=2)
    bed.authorise_train(second)
    assert ask_for(bed, second) is None
    assert bed.state.stimulation.started_ms == bed.now
