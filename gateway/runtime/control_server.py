"""The control socket: where people on this machine reach the core.

Theory of operation
-------------------
A Unix stream socket; one request line, one reply line, close.  Who asks is the kernel's word
(SO_PEERCRED), never the client's; membership of the operators' group is looked up at each request.
The socket's own permissions let every local user connect, because every local user may stop.

A client that is silent, talks too much or talks nonsense is answered or dropped; it cannot hold the
core up: reading and writing are bounded in size and in time.  Of too many that say nothing yet, the
one that has been silent for longest goes, so that nobody can shut out a "stop".  A defect of ours that
a request brings to light is not the client's: it goes to the loop's exception handler.
"""

import asyncio
import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.runtime.desk import Answer, Asker, Desk
from gateway.runtime.requests import EXIT_USAGE, AnyRequest, Reply, refusal

_LONGEST_REQUEST = 4096
_READ_S = 5.0
_MOST_SILENT = 32
_CREDENTIALS = struct.Struct("3i")


class ControlServer:
    """Serves one desk on one socket path; ``acted`` is called after each request, before its answer."""

    def __init__(
        self, desk: Desk, operators_group: str, now_ms: Callable[[], int], acted: Callable[[], None]
    ) -> None:
        self._desk, self._group, self._now_ms = desk, operators_group, now_ms
        self._acted = acted
        self._clients: set[asyncio.Task[None]] = set()
        self._silent: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}  # nothing said yet, oldest first
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen at ``path``, replacing what a dead core left there."""
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._welcome, path, limit=_LONGEST_REQUEST)
        path.chmod(0o666)

    async def stop(self) -> None:
        """Listen no more, and leave whoever still waits without an answer."""
        if self._server is not None:
            self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.get_running_loop().create_task(self._client(reader, writer))
        self._clients.add(client)
        self._silent[writer] = client
        client.add_done_callback(lambda client: self._left(client, writer))
        if len(self._silent) > _MOST_SILENT:
            self._silent.pop(next(iter(self._silent))).cancel()

    def _left(self, client: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        writer.close()
        self._clients.discard(client)
        self._silent.pop(writer, None)
        error = None if client.cancelled() else client.exception()
        if error is not None:
            context = {"message": "a request was not answered", "exception": error}
            client.get_loop().call_exception_handler(context)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await self._serve(reader, writer)
            writer.write(msgspec.json.encode(reply) + b"\n")
            async with asyncio.timeout(_READ_S):
                await writer.drain()
        except (OSError, TimeoutError):
            return  # the client left or does not read: nothing to tell it

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reply:
        try:
            async with asyncio.timeout(_READ_S):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return refusal(EXIT_USAGE, "one request is one line of JSON of at most 4096 bytes")
        self._silent.pop(writer, None)
        return await self._ask(line, _asker(writer, self._group))

    async def _ask(self, line: bytes, asker: Asker) -> Reply:
        try:
            request: AnyRequest = msgspec.json.decode(line, type=AnyRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refusal(EXIT_USAGE, f"request not understood: {error}")
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._desk.ask(request, asker, self._now_ms(), _once(answered))
        self._acted()
        return await answered


def _once(answered: asyncio.Future[Reply]) -> Answer:
    def answer(reply: Reply) -> None:
        if not answered.done():
            answered.set_result(reply)

    return answer


def _asker(writer: asyncio.StreamWriter, group: str) -> Asker:
    peer = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return Asker(uid=uid, gid=gid, pid=pid, operator=is_member(uid, gid, group))


def is_member(uid: int, gid: int, group: str) -> bool:
    """Whether this user belongs to the group, by its primary group or by the group database."""
    try:
        wanted = grp.getgrnam(group).gr_gid
    except KeyError:
        return False
    if gid == wanted:
        return True
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return False
    return wanted in os.getgrouplist(name, gid)
