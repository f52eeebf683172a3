"""The outbox and its window: nothing lost, never more than sixteen, whatever breaks and when."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.ward.outbox import (
    NO_SUBSCRIBERS,
    PROBE_MS,
    PROBES,
    REFUSAL_FIRST_MS,
    SETTLE_MS,
    Outbox,
    Position,
    runs,
)
from gateway.ward.window import ANSWER_MS, LARGEST, Reconnect, SendEvent, SendRetained, Window

DENIED = 0x87
QUIET_STEPS = 5000


class Breakage(RuleBasedStateMachine):
    """A link, a broker that forgets its last 30 s when it dies, and a disk with the last saved cursor.

    ``taken`` is what the subscriber will get: the truth that no position may run ahead of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000
        self.newest = 0
        self.window = Window(Position())
        self.saved = Position()
        self.wire: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.ever_heard: set[int] = set()
        self.places = 0

    @rule(count=st.integers(1, 40))
    def record(self, count: int) -> None:
        self.newest += count

    @rule(ms=st.integers(0, 40_000))
    def wait(self, ms: int) -> None:
        self.now += ms

    @precondition(lambda self: not self.places)
    @rule(receive_maximum=st.integers(1, 65_535))
    def connect(self, receive_maximum: int) -> None:
        self.places = min(LARGEST, receive_maximum)
        self.window.connected(receive_maximum, self.newest)

    @rule()
    def step(self) -> None:
        for command in self.window.step(self.now, self.newest):
            if isinstance(command, SendEvent):
                self.wire[command.token] = command.seq
            elif isinstance(command, Reconnect):
                self.lose_connection()

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), is_answered=st.booleans())
    def take(self, data: st.DataObject, is_answered: bool) -> None:
        token = data.draw(st.sampled_from(sorted(self.wire)))
        self.taken[self.wire[token]] = self.now
        if is_answered:
            self.ever_heard.add(self.wire[token])
            self._answer(token, 0)

    @precondition(lambda self: self.wire)
    @rule()
    def take_everything(self) -> None:
        for token, seq in list(self.wire.items()):
            self.taken[seq] = self.now
            self.ever_heard.add(seq)
            self._answer(token, 0)

    @rule(rounds=st.integers(1, 6))
    def work_well(self, rounds: int) -> None:
        for _ in range(rounds):
            self.step()
            self.take_everything()

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), reason=st.sampled_from([NO_SUBSCRIBERS, DENIED]))
    def throw_away(self, data: st.DataObject, reason: int) -> None:
        self._answer(data.draw(st.sampled_from(sorted(self.wire))), reason)

    def _answer(self, token: int, reason: int) -> None:
        del self.wire[token]
        self.window.answered(token, reason, self.now)

    @rule(token=st.integers(1, 50))
    def answer_of_a_lost_connection(self, token: int) -> None:
        if token not in self.wire:
            self.window.answered(token, 0, self.now)

    @rule()
    def lose_connection(self) -> None:
        self.window.disconnected()
        self.wire.clear()
        self.places = 0

    @rule()
    def kill_broker(self) -> None:
        self.taken = {seq: at for seq, at in self.taken.items() if at <= self.now - SETTLE_MS}
        self.lose_connection()

    @rule()
    def save(self) -> None:
        self.saved = self.window.position

    @rule()
    def kill_link(self) -> None:
        self.window = Window(self.saved)
        self.wire.clear()
        self.places = 0

    @invariant()
    def never_too_many(self) -> None:
        assert self.window.in_flight == len(self.wire) <= self.places

    @invariant()
    def no_position_runs_ahead(self) -> None:
        for position in (self.window.position, self.saved):
            settled = set(range(1, position.settled_through + 1)) - position.unheard
            assert settled <= self.taken.keys()
            assert set(range(1, position.acknowledged_through + 1)) <= self.ever_heard

    def teardown(self) -> None:
        """When everything works again, everything arrives."""
        self.lose_connection()
        self.connect(LARGEST)
        for _ in range(QUIET_STEPS):
            if len(self.taken) == self.newest:
                break
            self.step()
            self.take_everything() if self.wire else self.wait(1000)
        assert self.taken.keys() == set(range(1, self.newest + 1))


Breakage.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestBreakage = Breakage.TestCase


def connected(newest: int, position: Position = Position(), receive_maximum: int = 65_535) -> Window:  # noqa: B008
    window = Window(position)
    window.connected(receive_maximum, newest)
    return window


def seqs(window: Window, now_ms: int, newest: int) -> list[int]:
    return [command.seq for command in window.step(now_ms, newest) if isinstance(command, SendEvent)]


def answer_all(window: Window, now_ms: int, newest: int, reason: int = 0) -> list[int]:
    """Send and answer until nothing more comes; which events went out."""
    sent: list[int] = []
    while commands := window.step(now_ms, newest):
        for command in commands:
            assert isinstance(command, SendEvent)
            sent.append(command.seq)
            window.answered(command.token, reason, now_ms)
    return sent


def test_events_go_out_in_order_and_no_more_than_the_broker_takes() -> None:
    window = connected(100, receive_maximum=3)
    assert seqs(window, 0, 100) == [1, 2, 3]
    window.answered(2, 0, 0)
    assert seqs(window, 0, 100) == [4]
    assert window.position.acknowledged_through == 0
    window.answered(1, 0, 0)
    assert window.position.acknowledged_through == 2


def test_after_a_lost_broker_events_wait_while_retained_messages_go() -> None:
    window = connected(5)
    window.disconnected()
    window.connected(16, 5, events_from_ms=5_000)
    window.retained.put("status", b"{}")
    first = window.step(4_999, 5)
    assert [type(command).__name__ for command in first] == ["SendRetained"]
    assert seqs(window, 5_000, 5) == [1, 2, 3, 4, 5]


def test_what_was_answered_less_than_30_s_before_the_loss_is_sent_again() -> None:
    window = connected(10)
    assert answer_all(window, 0, 10) == list(range(1, 11))
    assert answer_all(window, 20_000, 20) == list(range(11, 21))
    assert answer_all(window, 31_000, 21) == [21]
    window.disconnected()
    assert window.position.acknowledged_through == 21
    assert window.position.settled_through == 10
    window.connected(16, 21)
    assert answer_all(window, 90_000, 21) == list(range(11, 22))


def test_what_a_lost_broker_took_is_not_settled_by_the_answers_of_its_successor() -> None:
    window = connected(40)
    answer_all(window, 0, 40)
    window.disconnected()
    window.connected(16, 40)
    first, *_ = window.step(60_000, 40)
    assert isinstance(first, SendEvent)
    window.answered(first.token, 0, 60_000)
    assert window.position.settled_through == 0


def test_what_was_heard_once_and_not_the_second_time_is_unheard() -> None:
    window = connected(5)
    answer_all(window, 0, 5)
    window.disconnected()
    window.connected(16, 5)
    first, *_ = window.step(1000, 5)
    assert isinstance(first, SendEvent)
    window.answered(first.token, NO_SUBSCRIBERS, 1000)
    assert window.position.unheard == {1}
    assert window.position.acknowledged_through == 0


def test_time_without_a_sign_of_life_settles_nothing() -> None:
    window = connected(5)
    answer_all(window, 0, 5)
    window.step(3_600_000, 5)
    assert window.position.settled_through == 0


def test_history_is_replay_and_news_is_not() -> None:
    window = connected(2)
    news = [command for command in window.step(0, 4) if isinstance(command, SendEvent)]
    assert [command.replay for command in news] == [True, True, False, False]
    window.disconnected()
    window.connected(16, 2)
    again = [command for command in window.step(0, 4) if isinstance(command, SendEvent)]
    assert [command.replay for command in again] == [True] * 4


def test_a_silent_connection_is_given_up_once() -> None:
    window = connected(1)
    window.step(0, 1)
    assert window.step(ANSWER_MS - 1, 1) == []
    [given_up] = window.step(ANSWER_MS, 1)
    assert isinstance(given_up, Reconnect)
    assert window.step(ANSWER_MS + 1, 1) == []
    assert not window.is_connected


def test_retained_topics_take_places_before_events() -> None:
    window = connected(5, receive_maximum=2)
    window.retained.put("a/status", b"x")
    first, second = window.step(0, 5)
    assert first == SendRetained(token=1, topic="a/status", payload=b"x")
    assert second == SendEvent(token=2, seq=1, replay=True)


def test_a_refusal_pauses_longer_each_time_and_then_tries_one() -> None:
    outbox = Outbox(Position())
    assert outbox.next(0, 1) == 1
    outbox.answered(1, DENIED, 0)
    assert outbox.next(REFUSAL_FIRST_MS - 1, 1) is None
    assert outbox.next(REFUSAL_FIRST_MS, 1) == 1
    outbox.answered(1, DENIED, 1000)
    assert outbox.next(1000 + 2 * REFUSAL_FIRST_MS - 1, 1) is None
    assert outbox.next(1000 + 2 * REFUSAL_FIRST_MS, 1) == 1


def test_a_denied_topic_does_not_hold_up_the_others() -> None:
    outbox = Outbox(Position())
    for seq in range(1, 41):
        assert outbox.next(0, 41) == seq
    for seq in range(1, 41):
        outbox.answered(seq, DENIED, 0)
    assert outbox.next(1000, 41) == 1
    assert outbox.next(1000, 41) == 41


def test_unheard_events_are_probed_sparingly_until_somebody_listens() -> None:
    window = connected(100)
    assert answer_all(window, 0, 100, NO_SUBSCRIBERS) == [*range(1, 101), *range(1, PROBES + 1)]
    assert window.position.acknowledged_through == 0
    assert answer_all(window, PROBE_MS - 1, 100, NO_SUBSCRIBERS) == []
    assert len(answer_all(window, PROBE_MS, 100, NO_SUBSCRIBERS)) == PROBES
    assert len(answer_all(window, 2 * PROBE_MS, 100)) == 100


def test_an_unheard_event_is_remembered_until_its_late_hearing_is_settled() -> None:
    window = connected(1, Position(settled_through=3, answered_through=3, unheard=frozenset({2})), 16)
    assert answer_all(window, 0, 3) == [2]
    assert window.position.unheard == {2}
    assert answer_all(window, SETTLE_MS, 4) == [4]
    assert window.position.unheard == frozenset()


def test_a_topic_that_nobody_wants_holds_up_no_other() -> None:
    window = connected(2)
    first, second = window.step(0, 2)
    assert isinstance(first, SendEvent)
    assert isinstance(second, SendEvent)
    window.answered(first.token, NO_SUBSCRIBERS, 0)
    window.answered(second.token, 0, 0)
    answer_all(window, SETTLE_MS, 3)
    assert window.position.settled_through == 2
    assert window.position.unheard == {1}
    assert window.position.acknowledged_through == 0


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [(set(), []), ({4}, [(4, 4)]), ({1, 2, 3, 7, 9, 8}, [(1, 3), (7, 9)])],
)
def test_runs(numbers: set[int], expected: list[tuple[int, int]]) -> None:
    assert runs(numbers) == expected
