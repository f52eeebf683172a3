"""A stand-in for core: a real Unix socket that answers each request with the next scripted bytes.

Theory of operation
-------------------
One thread, one connection at a time, as core does it: read a line, write a line, close.  ``asked``
keeps the decoded requests.  An answer of ``SILENCE`` reads the request and says nothing until the
client gives up.
"""

import socket
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

SILENCE = b""
_DEADLINE_S = 10.0


class StandIn:
    """Use as a context manager; ``script`` what it is to answer."""

    def __init__(self, path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers: deque[list[bytes]] = deque()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def script(self, *chunks: bytes) -> None:
        """The next request is answered with these bytes, sent one chunk after the other."""
        self._answers.append([*chunks])

    def reply(self, exit_code: int = 0, message: str = "", data: object = None) -> None:
        """The next request is answered with this reply, as core would write it."""
        document = {"exit_code": exit_code, "message": message, "data": data or {}}
        self.script(msgspec.json.encode(document) + b"\n")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_DEADLINE_S)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            with connection:
                connection.settimeout(_DEADLINE_S)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            chunk = connection.recv(4096)
            if not chunk:
                return
            line += chunk
        self.asked.append(msgspec.json.decode(line))
        for chunk in self._answers.popleft():
            if chunk == SILENCE:
                connection.recv(1)  # returns when the client hangs up
            else:
                connection.sendall(chunk)
