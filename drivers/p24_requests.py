"""What the gateway still wants of a P24: the request on its way, and the stop.

Theory of operation
-------------------
``drivers.p24.P24Host`` puts these in order.  A *request* gets one reply, or none in all its tries.  A *stop*
is said at once and again every 100 ms until the device answers it; what it then gives is another question,
and the stimulation status answers that one.

How long a reply may take: the device switches its high voltage within 80 ms at an init (2 x 40 ms, HASOMED's
library); everything else it answers at once (unconfirmed: no time is stated).  A request that may not be said
twice without a person knowing (init, update) has one try, unless the device said that it was busy: then it
did nothing with it.

Units: ms of the clock handed in.
"""

from dataclasses import dataclass

from drivers import sciencemode4
from drivers import sciencemode4_messages as messages
from drivers.p24_pulses import Wish

REPLY_MS = 250
INIT_REPLY_MS = 500
BUSY_MS = 50
BUSY_TRIES = 3
STOP_REPEAT_MS = 100
STOP_TRIES = 3
"""Stops that may stay unanswered before the conversation counts as interrupted; they go on being said."""

_ONCE = (messages.ML_INIT, messages.ML_UPDATE)


@dataclass(slots=True)
class Request:
    """A request on its way. ``wish``: the pulses of an update; ``asked``: the caller's own question."""

    command: int
    number: int
    data: bytes = b""
    wish: Wish | None = None
    asked: bool = False
    tries: int = 0
    sent_ms: int = 0
    due_ms: int | None = None
    most: int = 2

    def __post_init__(self) -> None:
        if self.command in _ONCE:
            self.most = 1

    def is_reply(self, packet: sciencemode4.Packet) -> bool:
        """Whether this is its reply."""
        return (packet.number, packet.command) == (self.number, self.command + 1)

    def is_lost(self, now_ms: int) -> bool:
        """Whether no reply came in all its tries."""
        return self.tries >= self.most and self.due_ms is not None and now_ms >= self.due_ms

    def again(self, now_ms: int) -> None:
        """The device was busy: say it again soon."""
        self.most = min(self.tries + 1, BUSY_TRIES)
        self.due_ms = now_ms + BUSY_MS

    def outgoing(self, now_ms: int) -> bytes:
        """Its bytes when it is time to say it."""
        if self.tries >= self.most or (self.due_ms is not None and now_ms < self.due_ms):
            return b""
        self.tries += 1
        self.sent_ms = now_ms
        self.due_ms = now_ms + (INIT_REPLY_MS if self.command == messages.ML_INIT else REPLY_MS)
        return sciencemode4.encode(sciencemode4.Packet(self.number, self.command, self.data))


@dataclass(slots=True)
class Stop:
    """A stop of one mode, until it is answered."""

    number: int
    command: int = messages.ML_STOP
    tries: int = 0
    said_ms: int | None = None
    answered: bool = False

    def outgoing(self, now_ms: int) -> bytes:
        """Its bytes when it is time to say it."""
        if self.answered or (self.said_ms is not None and 0 <= now_ms - self.said_ms < STOP_REPEAT_MS):
            return b""
        self.tries += 1
        self.said_ms = now_ms
        return sciencemode4.encode(sciencemode4.Packet(self.number, self.command, b""))
