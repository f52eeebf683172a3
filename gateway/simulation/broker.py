"""A broker in memory that can fail, with one archive behind it.

Theory of operation
-------------------
The ``Broker`` is what its archive has: the events that it took while the archive had subscribed, by message
id, as they first came.  States: *sound*; *slow* (``delay_ms`` before each answer); *half open* (whoever is
connected never hears from it again, new attempts time out); *down*.  One that dies forgets what it took in
its last ``lag_ms``: brokers write their database now and then, and the link's documentation asks for 30 s at
most.  The archive, which lost the same broker, is back ``away_ms`` after it, within the 5 s that the link
grants.

A ``BrokerConnection`` stands in the place of ``gateway.ward.mqtt.Connection``: *dialling*, *up*, *over*.
Its answers are MQTT 5's: an event that nobody subscribed to is answered 0x10 and thrown away.

Units: ms of virtual time.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.ward.mqtt import CONNECT_S, Answered, Connected, Happening, Lost
from gateway.ward.outbox import NO_SUBSCRIBERS

RECEIVE_MAXIMUM = 20
"""mosquitto's ``max_inflight_messages`` where nobody sets it."""


class Broker:
    """A broker that may be down, slow or half open."""

    def __init__(self) -> None:
        self.down = self.half_open = False
        self.delay_ms = 0
        self.life = 1
        self.kept: dict[str, dict[str, Any]] = {}
        self.contradicted: list[str] = []
        self._taken: deque[tuple[int, str]] = deque()
        self._subscribed_from_ms = 0

    def die(self, now: int, lag_ms: int) -> None:
        """The process is gone, and what it took in its last ``lag_ms``."""
        self.down = True
        self.life += 1
        while self._taken and self._taken[-1][0] > now - lag_ms:
            del self.kept[self._taken.pop()[1]]

    def rise(self, now: int, away_ms: int) -> None:
        """It runs again; its archive comes back ``away_ms`` later."""
        self.down = False
        self._subscribed_from_ms = now + away_ms

    def heal(self) -> None:
        """Everything is well from now on, for new connections."""
        self.down = self.half_open = False
        self.delay_ms = 0
        self._subscribed_from_ms = 0

    def go_half_open(self) -> None:
        """Every connection that there is will never carry anything again."""
        self.half_open = True
        self.life += 1

    def take(self, payload: bytes, now: int) -> int:
        """Take one event at QoS 1; the reason code of its answer."""
        if now < self._subscribed_from_ms:
            return NO_SUBSCRIBERS
        message: dict[str, Any] = msgspec.json.decode(payload)
        message.pop("replay")
        known = self.kept.setdefault(message["id"], message)
        if known is message:
            self._taken.append((now, message["id"]))
        elif known != message:
            self.contradicted.append(message["id"])
        return 0


class BrokerConnection:
    """One attempt to reach a ``Broker`` and, if it succeeds, one connection."""

    def __init__(self, broker: Broker, clock: Callable[[], int]) -> None:
        self._broker, self._clock = broker, clock
        self._life = broker.life
        self._began_ms = clock()
        self._is_up = self._is_over = False
        self._under_way: deque[tuple[int, int, bytes | None]] = deque()

    @property
    def descriptor(self) -> None:
        """Nothing to wait on: ``poll`` is asked every step."""

    @property
    def wants_write(self) -> bool:
        """Never: memory has room."""
        return False

    def poll(self) -> list[Happening]:
        """What has happened since the last call."""
        if self._is_over:
            return []
        return self._answers() if self._is_up else self._dialled()

    def publish(
        self, topic: str, payload: bytes, *, token: int | None, retain: bool, expiry_s: int | None = None
    ) -> None:
        """Hand over. The archive subscribes to events: what is retained or at QoS 0 is for dashboards."""
        if token is not None and not self._is_over:
            event = None if retain else payload
            self._under_way.append((self._clock() + self._broker.delay_ms, token, event))

    def close(self) -> None:
        """Hang up; what was under way is gone."""
        self._is_over = True

    def _dialled(self) -> list[Happening]:
        broker, waited_ms = self._broker, self._clock() - self._began_ms
        if broker.down:
            return self._lose("connection refused")
        if broker.half_open or self._life != broker.life or waited_ms < broker.delay_ms:
            return self._lose("timed out") if waited_ms >= CONNECT_S * 1000 else []
        self._is_up = True
        return [Connected(RECEIVE_MAXIMUM)]

    def _answers(self) -> list[Happening]:
        broker, now = self._broker, self._clock()
        if broker.down:
            return self._lose("connection reset")
        if self._life != broker.life:
            return []
        answers: list[Happening] = []
        while self._under_way and self._under_way[0][0] <= now:
            _, token, event = self._under_way.popleft()
            answers.append(Answered(token, 0 if event is None else broker.take(event, now)))
        return answers

    def _lose(self, reason: str) -> list[Happening]:
        self._is_over = True
        return [Lost(reason, is_version=False)]
