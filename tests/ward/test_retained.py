"""What the broker keeps: the newest payload, again after a reconnect, deleted for good."""

from gateway.ward.outbox import NO_SUBSCRIBERS, SETTLE_MS
from gateway.ward.retained import RETRY_MS, Retained

DENIED = 0x87


def test_a_payload_is_sent_once_and_again_when_it_changed() -> None:
    retained = Retained()
    retained.put("t", b"1")
    assert retained.next(0) == ("t", b"1")
    retained.put("t", b"2")
    assert retained.next(0) is None
    assert not retained.is_quiet("t")
    retained.answered("t", NO_SUBSCRIBERS, 0)
    assert retained.next(0) == ("t", b"2")
    retained.answered("t", 0, 0)
    retained.put("t", b"2")
    assert retained.next(0) is None
    assert retained.is_quiet("t")


def test_everything_is_sent_again_on_a_new_connection() -> None:
    retained = Retained()
    retained.put("t", b"1")
    retained.put("u", b"2")
    retained.next(0)
    retained.begin()
    assert [retained.next(0), retained.next(0), retained.next(0)] == [("t", b"1"), ("u", b"2"), None]


def test_a_refusal_is_tried_again_later() -> None:
    retained = Retained()
    retained.put("t", b"1")
    retained.next(0)
    retained.answered("t", DENIED, 0)
    assert retained.next(RETRY_MS - 1) is None
    assert retained.next(RETRY_MS) == ("t", b"1")


def test_a_deletion_counts_when_the_broker_lived_30_s_after_it() -> None:
    retained = Retained()
    retained.put("t", b"")
    retained.next(0)
    retained.answered("t", 0, 0)
    retained.settle(SETTLE_MS - 1)
    assert retained.take_cleared() == []
    retained.begin()
    assert retained.next(0) == ("t", b"")
    retained.answered("t", 0, 0)
    retained.settle(SETTLE_MS)
    assert retained.take_cleared() == ["t"]
    assert retained.take_cleared() == []
    retained.begin()
    assert retained.next(0) is None


def test_what_is_raised_again_is_not_forgotten() -> None:
    retained = Retained()
    retained.put("t", b"")
    retained.next(0)
    retained.answered("t", 0, 0)
    retained.put("t", b"1")
    retained.settle(SETTLE_MS)
    assert retained.take_cleared() == []
    assert retained.next(0) == ("t", b"1")
