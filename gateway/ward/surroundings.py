"""What a link touches besides the journal: its clock, core's feed, its position on disk, a connection.

Theory of operation
-------------------
The link process gives a ``Link`` the real ones (``feed.FeedReader``, ``cursor.CursorFile``,
``mqtt.Connection``); a simulated ward gives it others, and the link is the same.  Times are ms.
"""

from typing import Protocol

from gateway.config import MqttConfig
from gateway.record.row import Stamp
from gateway.ward.cursor import Cursor
from gateway.ward.messages import Feed
from gateway.ward.mqtt import Happening, Will
from gateway.ward.reconnect import Version


class Clock(Protocol):
    """The gateway's clock."""

    def now_ms(self) -> int:
        """Monotonic ms."""
        ...

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        """The label of something that became true at ``mono_ms``."""
        ...


class Wire(Protocol):
    """A connection to a broker, or the attempt to get one."""

    @property
    def descriptor(self) -> int | None:
        """What to wait on for reading, once there is something."""
        ...

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for room."""
        ...

    def poll(self) -> list[Happening]:
        """Everything that happened since the last call."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, token: int | None, retain: bool, expiry_s: int | None = None
    ) -> None:
        """Send; an answer comes to the ``token``."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Dial(Protocol):
    """How a connection is asked for."""

    def __call__(self, config: MqttConfig, version: Version, client_id: str, will: Will) -> Wire:
        """One attempt to reach the broker."""
        ...


class Live(Protocol):
    """Core's live feed."""

    @property
    def descriptor(self) -> int | None:
        """What to wait on for reading."""
        ...

    def age_ms(self, now_ms: int) -> int:
        """Time since core was last heard."""
        ...

    def poll(self, now_ms: int) -> list[Feed]:
        """What core has said since the last call."""
        ...

    def rest(self) -> None:
        """Read no more until ``wake``."""
        ...

    def wake(self, now_ms: int) -> None:
        """Read again."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Keeping(Protocol):
    """Where the position outlives the process."""

    def load(self) -> Cursor:
        """What was kept last."""
        ...

    def save(self, cursor: Cursor) -> None:
        """Keep this one."""
        ...
