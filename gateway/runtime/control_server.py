"""The control socket: where people on this machine reach the core.

Theory of operation
-------------------
A Unix stream socket; one request line, one reply line, close.  Who asks is the kernel's word
(SO_PEERCRED), never the client's; membership of the operators' group is looked up at each request.
The socket's own permissions let every local user connect, because every local user may stop.

A client that is silent, talks too much or talks nonsense is answered or dropped; it cannot hold the
core up: reading and writing are bounded in size and in time.
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
from gateway.runtime.requests import EXIT_NOT_NOW, EXIT_USAGE, AnyRequest, Reply, refusal

_LONGEST_REQUEST = 4096
_READ_S = 5.0
_MOST_CLIENTS = 32
_CREDENTIALS = struct.Struct("3i")


class ControlServer:
    """Serves one desk on one socket path."""

    def __init__(self, desk: Desk, operators_group: str, now_ms: Callable[[], int]) -> None:
        self._desk, self._group, self._now_ms = desk, operators_group, now_ms
        self._clients = 0
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen at ``path``, replacing what a dead core left there."""
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._client, path, limit=_LONGEST_REQUEST)
        path.chmod(0o666)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            reply = await self._serve(reader, writer)
            writer.write(msgspec.json.encode(reply) + b"\n")
            async with asyncio.timeout(_READ_S):
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # the client left or does not read: nothing to tell it
        finally:
            self._clients -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reply:
        if self._clients > _MOST_CLIENTS:
            return refusal(EXIT_NOT_NOW, "too many clients at once; try again")
        try:
            async with asyncio.timeout(_READ_S):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return refusal(EXIT_USAGE, "one request is one line of JSON of at most 4096 bytes")
        return await self._ask(line, _asker(writer, self._group))

    async def _ask(self, line: bytes, asker: Asker) -> Reply:
        try:
            request: AnyRequest = msgspec.json.decode(line, type=AnyRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return refusal(EXIT_USAGE, f"request not understood: {error}")
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._desk.ask(request, asker, self._now_ms(), _once(answered))
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
