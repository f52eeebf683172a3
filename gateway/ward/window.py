"""Sixteen places on the wire, and who sits in them.

Theory of operation
-------------------
paho would send its whole backlog at once and ignores the broker's Receive Maximum, which strict
brokers answer by closing the connection; so the backlog stays with us and this machine hands out at
most 16 publications, or the broker's Receive Maximum if that is smaller, until they are answered.
Retained topics go before events: who looks at a dashboard sees the present first.

States: *disconnected* (nothing is handed out) and *connected*.  Each publication has a ``token`` that
is never used again, so an answer to a lost connection's publication finds nobody.  When the oldest
one has waited 20 s for its answer, paho would wait for ever: ``step`` asks for a reconnect, once.

Pure: commands come out, answers go in, time is an argument (ms of one monotonic clock).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.ward.outbox import Outbox, Position
from gateway.ward.retained import Retained

LARGEST = 16
ANSWER_MS = 20_000


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Publish journal event ``seq``; ``replay`` when it is not news."""

    token: int
    seq: int
    replay: bool


@dataclass(frozen=True, slots=True)
class SendRetained:
    """Publish ``payload`` retained; an empty one deletes the topic."""

    token: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The connection does not answer: close it and open another."""

    reason: str


Command = SendEvent | SendRetained | Reconnect


@dataclass(frozen=True, slots=True)
class _Flight:
    """One publication without an answer: an event's number or a retained topic."""

    item: int | str
    sent_ms: int


class Window:
    """What is under way on the one connection of a link."""

    def __init__(self, position: Position) -> None:
        self.retained = Retained()
        self._outbox = Outbox(position)
        self._flights: dict[int, _Flight] = {}
        self._token = 0
        self._places = 0
        self._events_from_ms = 0
        self._news_after = 0
        self._highest_sent = 0

    @property
    def position(self) -> Position:
        return self._outbox.position

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    @property
    def is_connected(self) -> bool:
        return self._places > 0

    def connected(self, receive_maximum: int, newest: int, events_from_ms: int = 0) -> None:
        """A broker said yes; events up to ``newest`` are history by now.

        Retained messages go out at once, events from ``events_from_ms`` on.
        """
        self._events_from_ms = events_from_ms
        self._flights.clear()
        self._places = min(LARGEST, receive_maximum)
        self._news_after = newest
        self._outbox.begin()
        self.retained.begin()

    def disconnected(self) -> None:
        """The connection is gone, with everything that was under way."""
        if self.is_connected:
            self._outbox.end()
        self._flights.clear()
        self._places = 0

    def answered(self, token: int, reason: int, now_ms: int) -> None:
        """A PUBACK came; tokens of a lost connection are not known any more."""
        flight = self._flights.pop(token, None)
        if flight is None:
            return
        self._outbox.settle(now_ms)
        self.retained.settle(now_ms)
        if isinstance(flight.item, int):
            self._outbox.answered(flight.item, reason, now_ms)
        else:
            self.retained.answered(flight.item, reason, now_ms)

    def step(self, now_ms: int, newest: int) -> list[Command]:
        """What to do now, when the journal's newest event is ``newest``."""
        if not self.is_connected:
            return []
        oldest_ms = min((flight.sent_ms for flight in self._flights.values()), default=now_ms)
        if now_ms - oldest_ms >= ANSWER_MS:
            self.disconnected()
            return [Reconnect(f"the broker has not answered a publication for {ANSWER_MS // 1000} s")]
        return list(self._sends(now_ms, newest))

    def _sends(self, now_ms: int, newest: int) -> Iterator[Command]:
        while len(self._flights) < self._places:
            if (kept := self.retained.next(now_ms)) is not None:
                yield SendRetained(self._take_off(kept[0], now_ms), *kept)
            elif now_ms < self._events_from_ms:
                return
            elif (seq := self._outbox.next(now_ms, newest)) is not None:
                yield SendEvent(self._take_off(seq, now_ms), seq, self._is_replay(seq))
            else:
                return

    def _take_off(self, item: int | str, now_ms: int) -> int:
        self._token += 1
        self._flights[self._token] = _Flight(item, now_ms)
        return self._token

    def _is_replay(self, seq: int) -> bool:
        replay = seq <= max(self._news_after, self._highest_sent)
        self._highest_sent = max(self._highest_sent, seq)
        return replay
