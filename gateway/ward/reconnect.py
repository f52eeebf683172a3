"""When to connect next, and with which version of MQTT.

Theory of operation
-------------------
``Backoff`` waits 1 s before the second attempt and doubles up to 60 s, less a share of up to a half
that depends on the device's name and the attempt: a ward whose broker restarts is not called by all
beds at once, and no random source is needed.  Only a connection that lived for 30 s starts the count
again; two clients that share a name throw each other out in a second, and must slow down too.

``ProtocolChoice`` follows the configuration; "auto" tries MQTT 5 twice, then 3.1.1, then begins
again.  Only a broker that was reached and did not understand counts: RabbitMQ before 3.13 closes
the connection without a word, NATS refuses the version.

Pure.  Times are ms of one monotonic clock.
"""

from typing import Literal
from zlib import crc32

Version = Literal["5", "3.1.1"]

FIRST_MS = 1000
LONGEST_MS = 60_000
STABLE_MS = 30_000
_V5_ATTEMPTS = 2


class Backoff:
    """The pauses of one device."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._attempt = 0
        self._connected_ms: int | None = None

    def connected(self, now_ms: int) -> None:
        self._connected_ms = now_ms

    def lost(self, now_ms: int) -> int:
        """The attempt failed or the connection ended: when the next attempt is due."""
        if self._connected_ms is not None and now_ms - self._connected_ms >= STABLE_MS:
            self._attempt = 0
        self._connected_ms = None
        self._attempt += 1
        return now_ms + _pause_ms(self._device, self._attempt)


def _pause_ms(device: str, attempt: int) -> int:
    longest_ms = min(LONGEST_MS, FIRST_MS << min(attempt - 1, 10))
    share = crc32(f"{device}/{attempt}".encode()) % 1000
    return max(FIRST_MS, longest_ms - longest_ms * share // 2000)


class ProtocolChoice:
    """The version that the next connection speaks."""

    def __init__(self, configured: Literal["5", "3.1.1", "auto"]) -> None:
        self._is_auto = configured == "auto"
        self._failures = 0
        self.version: Version = "3.1.1" if configured == "3.1.1" else "5"

    def understood(self) -> None:
        """The broker accepted this version."""
        self._failures = 0

    def not_understood(self) -> None:
        """The broker was reached and did not accept this version."""
        self._failures += 1
        if self._is_auto and (self.version == "3.1.1" or self._failures >= _V5_ATTEMPTS):
            self.version = "5" if self.version == "3.1.1" else "3.1.1"
            self._failures = 0
