"""The control socket: where people on this machine reach the core.

Theory of operation
-------------------
A Unix stream socket; one request line, one reply line, close.  Who asks is the kernel's word, never the
client's (``operators``).  The socket's own permissions let every local user connect, because every local user
may stop.

A client that is silent, talks too much or talks nonsense is answered or dropped; it cannot hold the
core up: reading and writing are bounded in size and in time.  A flood cannot either: connections are taken
a few at a time, between turns of the control cycle, and each user gets so many a second (``admission``);
what is more is turned away unread.  Of too many that say nothing yet, the one that has been silent for
longest goes, of the user who has most of them, so that nobody can shut out another's "stop".  A defect of
ours that a request brings to light is not the client's: it goes to the loop's exception handler.
"""

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.runtime.admission import Connections
from gateway.runtime.desk import Answer, Asker, Desk
from gateway.runtime.operators import Operators, Peer, peer_of
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AnyRequest,
    Reply,
    refusal,
)

LONGEST_REQUEST = 131_072
"""Twice the largest that there is: the result of 75 short occlusions, as many as a series of ten minutes has
room for with a line through each, comes to 59 kB; that of an occlusion test by every definition to 12 kB."""
_CHUNK = 65_536
_READ_S = 5.0
_MOST_SILENT = 32
_MOST_CLIENTS = 128
_QUEUE = 512
_AT_ONCE = 32  # connections taken before the control cycle gets its turn again
_PAUSE_S = 1.0  # when the kernel gives no connection, for want of descriptors for example
_TURNED_AWAY = refusal(EXIT_NOT_NOW, "too many requests of this user: wait a moment")
_NO_DIRECTORY = refusal(
    EXIT_UNAVAILABLE,
    "the group database does not answer, so nobody is known as an operator; anybody may stop",
)
_TOO_LONG = f"one request is one line of JSON of at most {LONGEST_REQUEST} bytes"


class ControlServer:
    """Serves one desk on one socket path; ``acted`` is called after each request, before its answer."""

    def __init__(
        self, desk: Desk, operators_group: str, now_ms: Callable[[], int], acted: Callable[[], None]
    ) -> None:
        self._desk, self._now_ms = desk, now_ms
        self._operators = Operators(operators_group)
        self._acted = acted
        self._connections = Connections()
        self._clients: set[asyncio.Task[None]] = set()
        self._silent: dict[asyncio.Task[None], int] = {}  # whose it is; nothing said yet, oldest first
        self._listening: socket.socket | None = None

    async def start(self, path: Path) -> None:
        """Listen at ``path``, replacing what a dead core left there. Raises OSError, which names it."""
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listening.bind(str(path))
            path.chmod(0o666)
            listening.listen(_QUEUE)
        except OSError as error:
            listening.close()
            raise OSError(
                error.errno or errno.ENAMETOOLONG, str(error.strerror or error), str(path)
            ) from error
        self._listening = listening
        self._operators.refresh()
        asyncio.get_running_loop().add_reader(listening, self._welcome, listening)

    async def stop(self) -> None:
        """Listen no more, and leave whoever still waits without an answer."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _welcome(self, listening: socket.socket) -> None:
        """Take the next few; whoever is still there is taken when the loop comes round again."""
        for _ in range(_AT_ONCE):
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(listening, error)
                return
            self._admit(connection)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "no connection can be taken", "exception": error})
        loop.remove_reader(listening)
        loop.call_later(_PAUSE_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if self._listening is listening:
            asyncio.get_running_loop().add_reader(listening, self._welcome, listening)

    def _admit(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        who = peer_of(connection)
        if len(self._clients) >= _MOST_CLIENTS or not self._connections.admits(who.uid, self._now_ms()):
            with contextlib.suppress(OSError), connection:  # it left, or does not read
                connection.send(_line(_TURNED_AWAY))
            return
        client = asyncio.get_running_loop().create_task(self._client(connection, who))
        self._clients.add(client)
        self._silent[client] = who.uid
        client.add_done_callback(lambda client: self._left(client, connection))
        if len(self._silent) > _MOST_SILENT:
            self._send_one_away()

    def _send_one_away(self) -> None:
        [(most, _)] = Counter(self._silent.values()).most_common(1)
        oldest = next(client for client, uid in self._silent.items() if uid == most)
        del self._silent[oldest]
        oldest.cancel()

    def _left(self, client: asyncio.Task[None], connection: socket.socket) -> None:
        connection.close()
        self._clients.discard(client)
        self._silent.pop(client, None)
        error = None if client.cancelled() else client.exception()
        if error is not None:  # a client that left is none: an OSError that came so far is the desk's own
            ours = RuntimeError(f"a request failed: {error!r}") if isinstance(error, OSError) else error
            context = {"message": "a request was not answered", "exception": ours}
            client.get_loop().call_exception_handler(context)

    async def _client(self, connection: socket.socket, who: Peer) -> None:
        try:
            line = await _request_line(connection)
        except OSError:
            return  # the client left: it has asked for nothing
        reply = await self._serve(line, who)  # an error in here is ours, whatever its kind
        try:
            async with asyncio.timeout(_READ_S):
                await asyncio.get_running_loop().sock_sendall(connection, _line(reply))
        except (OSError, TimeoutError):
            return  # the client left or does not read: nothing to tell it

    async def _serve(self, line: bytes | None, who: Peer) -> Reply:
        if line is None:
            return refusal(EXIT_USAGE, _TOO_LONG)
        client = asyncio.current_task()
        if client is not None:
            self._silent.pop(client, None)
        return await self._ask(line, who)

    async def _ask(self, line: bytes, who: Peer) -> Reply:
        try:
            request: AnyRequest = msgspec.json.decode(line, type=AnyRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refusal(EXIT_USAGE, f"request not understood: {_one_line(str(error))}")
        if request.needs_operator and not await self._operators.known():
            return _NO_DIRECTORY
        asker = Asker(who.uid, who.gid, who.pid, operator=self._operators.has(who))
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._desk.ask(request, asker, self._now_ms(), _once(answered))
        self._acted()
        return await answered


def _once(answered: asyncio.Future[Reply]) -> Answer:
    def answer(reply: Reply) -> None:
        if not answered.done():
            answered.set_result(reply)

    return answer


def _one_line(text: str) -> str:
    """What a client sent may stand in the sentence about it: nothing that moves a cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _line(reply: Reply) -> bytes:
    return msgspec.json.encode(reply) + b"\n"


async def _request_line(connection: socket.socket) -> bytes | None:
    """The first line; ``None`` when there is none in time, or none of a request's length."""
    loop = asyncio.get_running_loop()
    received = b""
    try:
        async with asyncio.timeout(_READ_S):
            while b"\n" not in received and len(received) <= LONGEST_REQUEST:
                arrived = await loop.sock_recv(connection, _CHUNK)
                if not arrived:
                    return None
                received += arrived
    except TimeoutError:
        return None
    line, end, _ = received.partition(b"\n")
    return line if end and len(line) <= LONGEST_REQUEST else None
