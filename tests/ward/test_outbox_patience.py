"""Connections that come and go: how often an event is repeated, and that none is lost by waiting for it."""

from collections import Counter

import pytest

from gateway.ward.outbox import NO_SUBSCRIBERS, PATIENCE_FIRST_MS, PATIENCE_LONGEST_MS, SETTLE_MS, Position
from gateway.ward.window import LARGEST, SendEvent, Window

SECOND_MS = 1_000


class Ward:
    """A window, an event a second, and a broker that answers everything; ``kept`` is what it still has."""

    def __init__(self, position: Position = Position()) -> None:  # noqa: B008
        self.window = Window(position)
        self.now = 0
        self.newest = 0
        self.offers: Counter[int] = Counter()
        self.kept: set[int] = set()

    def connected(self, seconds: int, reason: int = 0) -> None:
        """A connection of this length."""
        self.window.connected(LARGEST, self.newest)
        for _ in range(seconds):
            self.now += SECOND_MS
            self.newest += 1
            self._work(reason)
        self.window.disconnected()

    def _work(self, reason: int) -> None:
        while commands := self.window.step(self.now, self.newest):
            for command in commands:
                assert isinstance(command, SendEvent)
                self.offers[command.seq] += 1
                self.kept.add(command.seq)
                self.window.answered(command.token, reason, self.now)

    def broker_dies(self) -> None:
        """It had saved nothing since it started."""
        self.kept.clear()

    def link_dies(self) -> None:
        """Its cursor is as it was saved."""
        self.window = Window(self.window.position)

    @property
    def all_events(self) -> set[int]:
        return set(range(1, self.newest + 1))


@pytest.mark.parametrize("seconds", [1, 10, 29, 31, 45, 59, 61, 90, 119, 200])
@pytest.mark.parametrize("link_dies", [False, True])
def test_no_event_is_offered_more_than_a_few_times_however_connections_come_and_go(
    seconds: int, link_dies: bool
) -> None:
    ward = Ward()
    for _ in range(200):
        ward.connected(seconds)
        if link_dies:
            ward.link_dies()
    assert ward.offers.keys() == ward.all_events
    assert max(ward.offers.values()) <= 7  # once, and once for each step of patience
    assert ward.offers.total() <= 3 * ward.newest


def test_a_broker_that_loses_everything_every_ten_seconds_has_it_all_when_it_stays() -> None:
    ward = Ward()
    for _ in range(100):
        ward.connected(10)
        ward.broker_dies()
    ward.connected((PATIENCE_LONGEST_MS + SETTLE_MS) // SECOND_MS + 1)
    assert ward.kept == ward.all_events
    position = ward.window.position
    assert (position.patience_ms, position.settled_through >= 1000) == (0, True)


def test_one_lost_connection_is_made_up_for_at_once() -> None:
    ward = Ward()
    ward.connected(10)
    ward.broker_dies()
    ward.connected(1)
    assert ward.kept == ward.all_events


def test_patience_begins_with_a_repetition_that_settled_nothing_and_ends_with_one_that_did() -> None:
    ward = Ward()
    ward.connected(10)
    assert ward.window.position.patience_ms == 0
    ward.connected(10)
    assert ward.window.position.patience_ms == PATIENCE_FIRST_MS
    ward.connected(10)
    assert ward.window.position.patience_ms == PATIENCE_FIRST_MS  # nothing was repeated
    before = ward.offers.copy()
    ward.connected(29)
    assert not [seq for seq in before if ward.offers[seq] > before[seq]]
    ward.connected(32)
    assert min(ward.offers[seq] for seq in before) >= 2
    assert ward.window.position.patience_ms == 2 * PATIENCE_FIRST_MS
    ward.connected(95)
    assert ward.window.position.patience_ms == 0


def test_patience_grows_to_eight_minutes_and_no_longer() -> None:
    ward = Ward()
    for seconds in (10, 10, 31, 61, 121, 241, 481, 481):
        ward.connected(seconds)
    assert ward.window.position.patience_ms == PATIENCE_LONGEST_MS == 480_000


def test_what_was_never_answered_does_not_wait() -> None:
    ward = Ward(Position(settled_through=0, answered_through=5, patience_ms=PATIENCE_LONGEST_MS))
    ward.newest = 9
    ward.connected(1)
    assert sorted(ward.offers) == [6, 7, 8, 9, 10]


def test_what_nobody_heard_does_not_wait_either() -> None:
    unheard = frozenset({2, 4})
    ward = Ward(Position(1, 5, unheard, PATIENCE_LONGEST_MS))
    ward.newest = 5
    ward.connected(1)
    assert {2, 4, 6} == set(ward.offers)
    assert ward.window.position.unheard == frozenset()
    ward.connected(1, NO_SUBSCRIBERS)
    assert ward.window.position.unheard == {7}
