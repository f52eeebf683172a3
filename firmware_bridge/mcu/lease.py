"""The lease: the only thing that can energise, and only for a while.

Theory of operation
-------------------
A lease has a duration of at most one second, and the cuff's a target; the host renews it.  Sequence numbers
only go forward (modulo 2**16, by less than half of that), so that a copy of an old lease, delivered late,
renews nothing; after a reset the first number is taken as it comes.  A number is used up by any lease that
knows the nonce, granted or not.  Cuff and relay have a lease each, with numbers of their own.

Units: ms, pressures 0.1 mmHg.
Portable subset: runs on CPython and on MicroPython.
"""


class Lease:
    """What is granted at the moment; ``target_dmmhg`` is the cuff's and stays None for the relay."""

    def __init__(self) -> None:
        self.seq = 0
        self.target_dmmhg: int | None = None
        self._expires_ms: int | None = None
        self._any_seen = False

    def is_new(self, seq: int) -> bool:
        """Whether this sequence number lies ahead of all that were used."""
        return not self._any_seen or 0 < (seq - self.seq) & 0xFFFF < 0x8000

    def use(self, seq: int) -> None:
        """Use up a sequence number, if it is a new one."""
        if self.is_new(seq):
            self.seq = seq
            self._any_seen = True

    def grant(self, expires_ms: int, target_dmmhg: int | None = None) -> None:
        """Energise until then."""
        self._expires_ms = expires_ms
        self.target_dmmhg = target_dmmhg

    def end(self) -> None:
        """De-energise."""
        self._expires_ms = None
        self.target_dmmhg = None

    def is_active(self) -> bool:
        """Whether its output may be energised."""
        return self._expires_ms is not None

    def has_expired(self, now_ms: int) -> bool:
        """Whether an active lease has run out."""
        return self._expires_ms is not None and now_ms >= self._expires_ms

    def left_ms(self, now_ms: int) -> int:
        """How long the lease still runs."""
        return 0 if self._expires_ms is None else max(0, self._expires_ms - now_ms)
