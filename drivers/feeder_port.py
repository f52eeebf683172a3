"""Core's end of a feeder: a Unix socket on which it listens and to which it never writes.

Theory of operation
-------------------
``open_feeder_port`` makes the socket and takes one feeder at a time, from users that are allowed to feed;
the kernel says who a peer is.  Another one is closed at once and counted.  Each connection gets a host of
its own:  ``on_connected`` comes before its first bytes, ``on_lost`` once at its end.  The writing side is
closed as soon as a feeder is accepted, so that nothing of core's can ever reach a process that has
Bluetooth.

A socket file that a former core left behind is replaced; a file of another kind is not.  Silence is nobody's
event here: liveness is the age of the last valid frame.
"""

import asyncio
import errno
import os
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from drivers.errors import PortBusy, PortDenied, PortError

_CREDENTIALS = struct.Struct("3i")
_MODE = 0o666
"""Anybody may knock: who may feed is decided by what the kernel says of the peer."""


class FeederPort:
    """A listening socket. Made by ``open_feeder_port``."""

    def __init__(
        self,
        path: str,
        allowed_users: frozenset[int],
        on_connected: Callable[[], None],
        on_bytes: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.path = path
        self.turned_away = 0
        self._allowed_users = allowed_users
        self._on_connected, self._on_bytes, self._on_lost = on_connected, on_bytes, on_lost
        self._current: _Feeder | None = None
        self._server: asyncio.Server | None = None

    @property
    def is_fed(self) -> bool:
        """Whether a feeder is connected."""
        return self._current is not None

    async def close(self) -> None:
        """Stop listening and let the feeder go; returns with its socket closed. ``on_lost`` is not called."""
        current, self._current = self._current, None
        if self._server is not None:
            self._server.close()
        if current is not None:
            await current.abort()
        Path(self.path).unlink(missing_ok=True)

    async def _listen(self) -> None:
        listener = _bound(self.path)
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: _Feeder(self), sock=listener
        )

    def _accepts(self, feeder: "_Feeder", user: int) -> bool:
        if self._current is not None or user not in self._allowed_users:
            self.turned_away += 1
            return False
        self._current = feeder
        self._on_connected()
        return True

    def _heard(self, feeder: "_Feeder", data: bytes) -> None:
        if feeder is self._current:
            self._on_bytes(data)

    def _ended(self, feeder: "_Feeder") -> None:
        if feeder is self._current:
            self._current = None
            self._on_lost(f"{self.path}: the feeder has gone")


class _Feeder(asyncio.Protocol):
    """One connection."""

    def __init__(self, port: FeederPort) -> None:
        self._port = port
        self._ended = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("socket")
        if self._port._accepts(self, _user_of(peer)):
            peer.shutdown(socket.SHUT_WR)
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._port._heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        self._port._ended(self)

    async def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await self._ended.wait()


async def open_feeder_port(
    path: str,
    allowed_users: frozenset[int],
    on_connected: Callable[[], None],
    on_bytes: Callable[[bytes], None],
    on_lost: Callable[[str], None],
) -> FeederPort:
    """Listen at ``path`` for one feeder that runs as one of these users (numbers).

    Raises ``PortBusy`` when something that is alive, or no socket at all, stands there, ``PortDenied`` or
    ``PortError`` when the socket cannot be made.
    """
    port = FeederPort(path, allowed_users, on_connected, on_bytes, on_lost)
    try:
        await port._listen()
    except OSError as problem:
        raise _typed(path, problem) from problem
    return port


def _bound(path: str) -> socket.socket:
    if _is_left_behind(path):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        Path(path).chmod(_MODE)
    except OSError:
        listener.close()
        raise
    return listener


def _is_left_behind(path: str) -> bool:
    """Whether a socket stands there on which nobody listens any more."""
    try:
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        try:
            knock.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def _user_of(peer: socket.socket) -> int:
    """The user that the kernel saw connect."""
    packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(packed)
    return int(user)


def _typed(path: str, problem: OSError) -> PortError:
    if problem.errno == errno.EADDRINUSE:
        return PortBusy(path)
    if problem.errno in (errno.EACCES, errno.EPERM):
        return PortDenied(path)
    return PortError(path, f"no socket can be made here ({os.strerror(problem.errno or 0)})")
