"""The lease: the only thing that can energise, and only for a while.

Theory of operation
-------------------
A lease names a target and a duration of at most one second; the host renews it.  Sequence numbers only go
forward (modulo 2**16, by less than half of that), so that a copy of an old lease, delivered late, renews
nothing; after a reset the first number is taken as it comes.  A number is used up by any lease that knows
the nonce, granted or not.

Units: ms, pressures 0.1 mmHg.
Portable subset: runs on CPython and on MicroPython.
"""


class Lease:
    """What is granted at the moment."""

    def __init__(self) -> None:
        self.seq = 0
        self.target_dmmhg: int | None = None
        self._expires_ms = 0
        self._any_seen = False

    def is_new(self, seq: int) -> bool:
        """Whether this sequence number lies ahead of all that were used."""
        return not self._any_seen or 0 < (seq - self.seq) & 0xFFFF < 0x8000

    def use(self, seq: int) -> None:
        """Use up a sequence number."""
        self.seq = seq
        self._any_seen = True

    def grant(self, target_dmmhg: int, expires_ms: int) -> None:
        """Energise until then."""
        self.target_dmmhg = target_dmmhg
        self._expires_ms = expires_ms

    def end(self) -> None:
        """De-energise."""
        self.target_dmmhg = None

    def is_active(self) -> bool:
        """Whether anything may be energised."""
        return self.target_dmmhg is not None

    def has_expired(self, now_ms: int) -> bool:
        """Whether an active lease has run out."""
        return self.is_active() and now_ms >= self._expires_ms

    def left_ms(self, now_ms: int) -> int:
        """How long the lease still runs."""
        return max(0, self._expires_ms - now_ms) if self.is_active() else 0
