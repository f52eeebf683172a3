"""What an open port is told by what does not come: a device that says nothing, or nothing of its protocol.

Theory of operation
-------------------
A host refuses whom it understands and does not want.  Whom it does not understand at all it waits for; here
somebody counts how long, for every driver in the same way.  The right device has said a first valid frame
after ``greeting_ms`` at the latest (who makes the link knows the protocol's greeting).  From then on, for as
long as there is no identity and no valid frame:

==========================  ============================================================================
bytes came                  *refused*: another device, or the right one on a line that is set otherwise
none, or a plug's click     *unknown*, and the sentence says that nothing comes: power, cable, another
                            device that waits to be asked in its own words
frames, but no identity     *unknown*: it speaks the protocol and does not say who it is
==========================  ============================================================================

One valid frame takes it back: whoever was switched on late, or plugged in behind an adapter that stayed, is
known as if nothing had been said.  What an actuator may do after that is a person's and the supervisor's
matter.  Nobody is believed for bytes: they are counted here, by the port, and make nothing alive.

The sentences stay as they were when they were first true, so that whoever watches reads them once.

Units: ms of the caller's monotonic clock; bytes since the port was opened.
"""

from drivers.host import Host

CLICK_BYTES = 16
"""Up to so many bytes are what a plug or a power switch does to a line, and nobody's word (engineering
proposal): every device here says more than that within its greeting."""

_NOTHING: tuple[int | None, int] = (None, 0)


class Listening:
    """One life of one port. ``otherwise``: what else than another device would explain strange bytes."""

    def __init__(self, greeting_ms: int, otherwise: str, now_ms: int) -> None:
        self._greeting_ms, self._otherwise = greeting_ms, otherwise
        self._opened_ms = self._since_ms = now_ms
        self._valid = _NOTHING
        self._bytes_before = self._bytes = 0
        self._refusal = self._complaint = ""

    def look(self, host: Host, received_bytes: int, now_ms: int) -> None:
        """See what has come so far; called at least every 50 ms."""
        self._bytes = received_bytes
        valid = _valid(host)
        if valid != self._valid:
            self._valid, self._since_ms, self._bytes_before = valid, now_ms, received_bytes
            self._refusal = self._complaint = ""
        if host.identity is None and not self._refusal:
            self._judge(now_ms)

    def _judge(self, now_ms: int) -> None:
        if now_ms - self._since_ms >= self._greeting_ms:
            self._judge_silence(now_ms - self._since_ms)
        elif self._valid != _NOTHING and now_ms - self._opened_ms >= self._greeting_ms:
            self._complaint = (
                f"it speaks this protocol and has not said in {_seconds(self._greeting_ms)} s who it is: "
                "check which device is plugged in"
            )

    def _judge_silence(self, silent_ms: int) -> None:
        if self.strange_bytes > CLICK_BYTES:
            self._refusal = (
                f"{self.strange_bytes} bytes came in {_seconds(silent_ms)} s and no frame of this protocol "
                f"among them: another device is plugged in, or {self._otherwise}"
            )
        elif not self._complaint:
            self._complaint = (
                f"it has said nothing in {_seconds(silent_ms)} s: check its power, its cable, and which "
                "device is plugged in"
            )

    @property
    def strange_bytes(self) -> int:
        """Bytes since the last valid frame."""
        return self._bytes - self._bytes_before

    def refusal(self, host: Host) -> str:
        """Why this cannot be the device that was meant; gone with the first valid frame, not a turn later."""
        return self._refusal if self._refusal and _valid(host) == self._valid else ""

    def complaint(self, host: Host) -> str:
        """What is missing of a device that nobody knows yet; empty while it may take its time."""
        return self._complaint if self._complaint and host.identity is None else ""


def _valid(host: Host) -> tuple[int | None, int]:
    """What moves with each valid frame; a feeder's own words are frames, and no life of its sensor."""
    last_ms = host.last_valid_ms
    return (None, host.counters.frames) if last_ms is None else (last_ms, 0)


def _seconds(span_ms: int) -> int:
    return span_ms // 1000
