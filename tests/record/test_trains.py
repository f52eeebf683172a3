"""How long somebody was stimulated, by the rows that there are."""

from gateway.record.timeline import Instant
from gateway.record.trains import DEVICE_STOPS_MS, Train, Trains


def at(ms: int) -> Instant:
    return Instant(1, ms)


def test_a_train_lasts_as_its_end_says() -> None:
    trains = Trains()
    trains.authorised("a", 5_000, at(0))
    trains.began("a", at(100))
    trains.ended("a", 4_900)
    assert trains.over == [Train("a", at(100), 4_900)]


def test_one_that_a_run_died_in_lasts_as_long_as_it_can_have() -> None:
    trains = Trains()
    trains.authorised("a", 5_000, at(0))
    trains.began("a", at(100))
    trains.run_ended()
    assert trains.over == [Train("a", at(100), 5_000 + DEVICE_STOPS_MS)]


def test_one_that_was_authorised_when_the_run_died_may_have_begun() -> None:
    trains = Trains()
    trains.authorised("a", 5_000, at(0))
    trains.run_ended()
    assert trains.over == [Train("a", at(0), 5_000 + DEVICE_STOPS_MS)]
    trains.run_ended()
    assert len(trains.over) == 1


def test_one_that_was_authorised_and_whose_session_ended_did_not_begin() -> None:
    trains = Trains()
    trains.authorised("a", 5_000, at(0))
    trains.session_ended()
    trains.run_ended()
    assert trains.over == []


def test_an_end_without_a_begin_tells_nothing() -> None:
    trains = Trains()
    trains.ended("a", 4_900)
    trains.authorised("a", 5_000, at(0))
    trains.ended("a", 4_900)
    assert trains.over == []


def test_a_begin_without_its_row_counts_what_the_device_may_go_on() -> None:
    trains = Trains()
    trains.began("a", at(0))
    trains.session_ended()
    trains.run_ended()
    assert trains.over == [Train("a", at(0), DEVICE_STOPS_MS)]
