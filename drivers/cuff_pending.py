"""What the gateway still wants of the cuff controller: functions on their way, leases, standing orders.

Theory of operation
-------------------
``drivers.cuff.CuffHost`` puts these in order.  A *function* is one request that gets an answer.  A *lease*
is a request for time: it is turned into bytes only when it goes out, with what is left of it then, so that
waiting never lengthens it; each of the two outputs (cuff, relay) has a ``Leasing`` with its own numbers.  An
*order* (vent, relay open) is said now, and again until a status shows that it was heeded.

Units: times ms of the clock handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge import cuff as wire

REPLY_TIMEOUT_MS = 500
LEASE_TIMEOUT_MS = 150
ORDER_REPEAT_MS = 100

LEASES = (wire.LEASE, wire.RELAY)


@dataclass(slots=True)
class Function:
    """A request on its way; ``seq`` is a lease's number."""

    code: int
    frame: bytes
    seq: int | None = None
    tries: int = 0
    sent_ms: int = 0

    @property
    def is_lease(self) -> bool:
        """Whether it is never tried again."""
        return self.code in LEASES

    @property
    def timeout_ms(self) -> int:
        """How long it waits for its answer."""
        return LEASE_TIMEOUT_MS if self.is_lease else REPLY_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that did not go out yet; ``frame`` makes its bytes for the time that is left, in ms."""

    seq: int
    expires_ms: int
    frame: Callable[[int], bytes]


class Leasing:
    """The leases of one output: the number of the last one, and the newest that waits."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.seq: int | None = None
        self.waiting: Lease | None = None

    def follow(self, seq: int) -> None:
        """The device says which number it saw last; ours go on from there if we have none."""
        if self.seq is None:
            self.seq = seq

    def next_seq(self) -> int | None:
        """The number of the next lease; None while the device's own is not known."""
        return None if self.seq is None else (self.seq + 1) & 0xFFFF

    def ask(self, lease: Lease) -> None:
        """Let this one wait, in place of an older one."""
        self.waiting, self.seq = lease, lease.seq

    def take(self, now_ms: int) -> tuple[Function | None, bool]:
        """The waiting lease as a function, and whether one ran out while it waited."""
        lease, self.waiting = self.waiting, None
        if lease is None:
            return None, False
        left_ms = lease.expires_ms - now_ms
        if left_ms <= 0:
            return None, True
        return Function(self.code, lease.frame(left_ms), seq=lease.seq), False


class Order:
    """A command without content that stays wanted until it is withdrawn."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._wanted = False
        self._confirmed = False
        self._sent_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Wanted, and no status since it was sent has shown it heeded."""
        return self._wanted and not self._confirmed

    def want(self) -> None:
        """Say it, and again until it is heeded. Calling this every cycle costs nothing."""
        if not self._wanted:
            self._wanted, self._confirmed, self._sent_ms = True, False, None

    def withdraw(self) -> None:
        """Its opposite was asked for."""
        self._wanted = False

    def see(self, heeded: bool) -> None:
        """A status shows the output; one from before the order went out proves nothing."""
        if self._sent_ms is not None:
            self._confirmed = heeded

    def outgoing(self, now_ms: int) -> bytes:
        """Its bytes when it is time to say it."""
        if not self.is_open or (self._sent_ms is not None and now_ms - self._sent_ms < ORDER_REPEAT_MS):
            return b""
        self._sent_ms = now_ms
        return self._frame
