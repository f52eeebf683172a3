"""What the broker shall keep for whoever subscribes later: one payload per topic.

Theory of operation
-------------------
The link says what each retained topic should hold (``put``); this machine sends it until the broker
has answered, again after each reconnect, and again when a newer payload came while an older one was
under way.  An empty payload deletes the retained message (an alarm that ended).  The topic is
forgotten, and reported by ``take_cleared``, when the deletion is settled as in ``outbox``: a broker
that dies before it saved the deletion comes back with an alarm that ended long ago.  A refusal is
tried again after 10 s.  0x10 (no matching subscribers) is no refusal: the broker keeps the message.

Pure: no IO, no clock.  Times are ms of one monotonic clock.
"""

from gateway.ward.outbox import FIRST_REFUSAL, SETTLE_MS

RETRY_MS = 10_000


class Retained:
    """The retained topics of one link."""

    def __init__(self) -> None:
        self._wanted: dict[str, bytes] = {}
        self._waiting: dict[str, int] = {}  # topic -> not before
        self._under_way: dict[str, bytes] = {}
        self._deleted_ms: dict[str, int] = {}  # topic -> when the broker took its deletion
        self._cleared: list[str] = []

    def put(self, topic: str, payload: bytes) -> None:
        """``topic`` shall hold ``payload`` from now on; empty deletes it."""
        if self._wanted.get(topic) != payload:
            self._wanted[topic] = payload
            self._waiting[topic] = 0
            self._deleted_ms.pop(topic, None)

    def begin(self) -> None:
        """A connection is up: the broker may have forgotten everything."""
        self._under_way.clear()
        self._deleted_ms.clear()
        self._waiting = dict.fromkeys(self._wanted, 0)

    def next(self, now_ms: int) -> tuple[str, bytes] | None:
        """The topic to send now; never one whose last payload is still under way."""
        for topic, not_before_ms in self._waiting.items():
            if now_ms >= not_before_ms and topic not in self._under_way:
                del self._waiting[topic]
                self._under_way[topic] = self._wanted[topic]
                return topic, self._wanted[topic]
        return None

    def answered(self, topic: str, reason: int, now_ms: int) -> None:
        """The broker answered the payload that was under way on ``topic``."""
        payload = self._under_way.pop(topic)
        if reason >= FIRST_REFUSAL:
            self._waiting.setdefault(topic, now_ms + RETRY_MS)
        elif payload == b"" and self._wanted[topic] == b"":
            self._deleted_ms[topic] = now_ms

    def settle(self, now_ms: int) -> None:
        """The broker answered something just now: what it deleted 30 s ago is gone for good."""
        for topic in [topic for topic, at_ms in self._deleted_ms.items() if at_ms <= now_ms - SETTLE_MS]:
            del self._deleted_ms[topic]
            del self._wanted[topic]
            self._cleared.append(topic)

    def take_cleared(self) -> list[str]:
        """The topics whose deletion was settled since the last call."""
        cleared, self._cleared = self._cleared, []
        return cleared

    def is_quiet(self, topic: str) -> bool:
        """True when the broker has answered what ``topic`` shall hold."""
        return topic not in self._waiting and topic not in self._under_way
