"""Core's live feed, as the link reads it.

Theory of operation
-------------------
Core listens on a Unix stream socket and writes one line of JSON (``Feed``) each second to whoever
is connected; it never reads.  ``FeedReader`` connects by itself, again 1 s after a loss, and hands
out whole, valid lines.  ``age_ms`` is the time since the last valid one: liveness is what was
received, and a line that cannot be decoded is not life.  A line over 64 kB or one that is no
``Feed`` ends the connection: whoever writes that is not our core.

``rest`` lets go of the socket and ``wake`` takes it up again.  Core raises an alarm at the bedside when
nobody reads its feed; a link without a broker uses that to be heard, for it cannot write to core.

Times are ms of one monotonic clock, handed in.
"""

import logging
import socket
from pathlib import Path

import msgspec

from gateway.record.errors import UNREADABLE
from gateway.ward.messages import Feed

RETRY_MS = 1000
LONGEST_LINE = 65_536

_log = logging.getLogger(__name__)


class FeedReader:
    """The reading end of core's feed socket."""

    def __init__(self, path: Path, now_ms: int) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._resting = False
        self._retry_ms = now_ms
        self._heard_ms = now_ms
        self._decoder = msgspec.json.Decoder(Feed)

    @property
    def descriptor(self) -> int | None:
        """What to wait on for reading, while there is a connection."""
        return None if self._socket is None else self._socket.fileno()

    def age_ms(self, now_ms: int) -> int:
        """Time since the last valid line, or since the start."""
        return now_ms - self._heard_ms

    def poll(self, now_ms: int) -> list[Feed]:
        """Every line that has arrived."""
        if self._socket is None and now_ms >= self._retry_ms and not self._resting:
            self._connect(now_ms)
        feeds = [] if self._socket is None else self._receive(self._socket, now_ms)
        if feeds:
            self._heard_ms = now_ms
        return feeds

    def rest(self) -> None:
        """Read no more until ``wake``."""
        self._resting = True
        self.close()

    def wake(self, now_ms: int) -> None:
        """Read again; what was not read meanwhile is no sign of core's death."""
        if self._resting:
            self._resting = False
            self._heard_ms = self._retry_ms = now_ms

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, now_ms: int) -> None:
        self._buffer = b""
        self._retry_ms = now_ms + RETRY_MS
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(str(self._path))
        except OSError:  # core is not there (yet), or its queue is full
            connection.close()
        else:
            self._socket = connection

    def _receive(self, connection: socket.socket, now_ms: int) -> list[Feed]:
        try:
            data = connection.recv(LONGEST_LINE)
        except BlockingIOError:
            return []
        except OSError as error:
            return self._lost(f"{error.strerror}", now_ms)
        if not data:
            return self._lost("core closed it", now_ms)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            return self._lost("a line without an end", now_ms)
        return self._decode(lines, now_ms)

    def _decode(self, lines: list[bytes], now_ms: int) -> list[Feed]:
        try:
            return [self._decoder.decode(line) for line in lines]
        except UNREADABLE as error:
            return self._lost(f"a line that is no feed ({error})", now_ms)

    def _lost(self, reason: str, now_ms: int) -> list[Feed]:
        _log.info("feed %s ended: %s", self._path, reason)
        self.close()
        self._retry_ms = now_ms + RETRY_MS
        return []
