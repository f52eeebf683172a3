"""Who may do more than stop: members of the operators' group, by the kernel's word and one number.

Theory of operation
-------------------
The kernel says which user and which groups a client's process had when it connected (SO_PEERCRED,
SO_PEERGROUPS).  So nothing has to be asked about users.  What is asked is the number of one group, by its
name: the configured one.  That may be a question to a directory on the network, which may not answer for
minutes.

So it is asked on a thread of its own, one at a time, when the socket opens and again when the answer is older
than ``FRESH_S``.  Meanwhile the last answer counts; a request that needs one before there was any waits for
at most ``LOOKUP_S`` and is then refused.  The loop never waits, and "stop" needs no answer at all.

(``os.getgrouplist`` would not do even on a thread: it keeps the interpreter's lock while it waits.)

A user who was just put into the group belongs to it from the next login on, as everywhere on the machine.

Units: s of the loop's clock.  The figures are engineering proposals.
"""

import asyncio
import contextlib
import grp
import socket
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple

FRESH_S = 60.0
LOOKUP_S = 1.0
_CREDENTIALS = struct.Struct("3i")
_SO_PEERGROUPS = 59
"""Linux 4.13 and later; Python has no name for it."""
_MOST_BYTES = 1024  # 256 groups; Python asks for no more


class Peer(NamedTuple):
    """Who is at the other end, by the kernel's word; ``groups`` are its process's when it connected."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def is_in(self, group: int | None) -> bool:
        """Whether the process belongs to this group."""
        return group is not None and (self.gid == group or group in self.groups)


def peer_of(connection: socket.socket) -> Peer:
    """Who is at the other end of a connection."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid, gid, _groups_of(connection))


def _groups_of(connection: socket.socket) -> tuple[int, ...]:
    """None but the primary one is known of a process in more groups than Python can be told of."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)


def number_of(group: str) -> int | None:
    """The number of the group of this name, ``None`` where there is none. May take as long as it likes."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


class Operators:
    """The operators' group of one control socket; belongs to one loop."""

    def __init__(self, group: str, look_up: Callable[[str], int | None] = number_of) -> None:
        self._group, self._look_up = group, look_up
        self._number: int | None = None
        self._answered_s: float | None = None
        self._looking: asyncio.Future[None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the group database has ever answered."""
        return self._answered_s is not None

    def has(self, peer: Peer) -> bool:
        """Whether this client is an operator, as far as is known now."""
        return peer.is_in(self._number)

    def refresh(self) -> None:
        """Look the group up if the last answer is not fresh and nobody looks already."""
        loop = asyncio.get_running_loop()
        fresh = self._answered_s is not None and loop.time() - self._answered_s < FRESH_S
        if fresh or self._looking is not None:
            return
        self._looking = loop.create_future()
        threading.Thread(target=self._look, args=(loop,), name="operators", daemon=True).start()

    async def known(self) -> bool:
        """Whether there is an answer; waits a moment for the first one."""
        self.refresh()
        if not self.is_known and self._looking is not None:
            await asyncio.wait({self._looking}, timeout=LOOKUP_S)
        return self.is_known

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        number = self._look_up(self._group)
        with contextlib.suppress(RuntimeError):  # the loop was closed while the directory thought
            loop.call_soon_threadsafe(self._found, number, loop.time())

    def _found(self, number: int | None, at_s: float) -> None:
        self._number, self._answered_s = number, at_s
        looking, self._looking = self._looking, None
        if looking is not None and not looking.done():
            looking.set_result(None)
