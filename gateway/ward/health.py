"""When the ward is told how each device does: the ``health`` topics.

Theory of operation
-------------------
Core's feed brings the health of every device once a second.  That often nobody needs the counters: each
device goes out every 10 s, at once when the word for its link changes, and at once on a new connection.
What was offered while there was no connection is not kept; only the newest counts.

Retained, and with MQTT 5 gone after 60 s, so that no dashboard shows a device that nobody looks after.

Pure; times are ms of the clock that is handed in.
"""

from collections.abc import Iterable

from gateway.ward.messages import Health, LinkWord

EVERY_MS = 10_000
EXPIRY_S = 60


class HealthRounds:
    """What was told of each device on this connection, and when."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[LinkWord, int]] = {}

    def begin(self) -> None:
        """A connection is up: whoever is there knows nothing."""
        self._told.clear()

    def due(self, devices: Iterable[Health], now_ms: int) -> list[Health]:
        """Whose turn it is; they count as told."""
        found = [one for one in devices if self._is_due(one, now_ms)]
        self._told.update((one.device, (one.link, now_ms)) for one in found)
        return found

    def _is_due(self, one: Health, now_ms: int) -> bool:
        told = self._told.get(one.device)
        return told is None or told[0] != one.link or not 0 <= now_ms - told[1] < EVERY_MS
