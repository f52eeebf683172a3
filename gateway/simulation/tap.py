"""A listener at the controller's end of the wire: which leases run, by what was really said.

Theory of operation
-------------------
The tap hears what reached the controller, damage included, and what the controller answered before the wire
could damage it.  A lease of cuff or relay is in force from the controller's OK until it lapses or a vent
(an opening) arrives, whatever gateway and controller believe.  So the harm monitor can tell "inflated
because of a lease" from "inflated against order" without asking either.

Units: ms.
"""

from collections.abc import Callable
from typing import Any

from firmware_bridge import cuff, ecp

_LONGEST_REQUEST = 64
_START = b"\xff\xf1"
_REPLIES = {_START + bytes((code,)): code for code in (cuff.LEASE, cuff.RELAY)}
_REQUESTS: dict[int, Callable[[ecp.Packet], Any]] = {
    cuff.LEASE: cuff.decode_lease_request,
    cuff.RELAY: cuff.decode_relay_request,
}
_ANSWERS: dict[int, Callable[[ecp.Packet], Any]] = {
    cuff.LEASE: cuff.decode_lease_reply,
    cuff.RELAY: cuff.decode_relay_reply,
}


class WireTap:
    """Follows the leases of one controller."""

    def __init__(self) -> None:
        self._requests = ecp.Decoder(_LONGEST_REQUEST)
        self._asked: dict[int, tuple[int, int]] = {}
        self._until_ms = {cuff.LEASE: 0, cuff.RELAY: 0}

    def leased(self, now: int) -> bool:
        """Whether the cuff's lease is in force."""
        return now < self._until_ms[cuff.LEASE]

    def relay_leased(self, now: int) -> bool:
        """Whether the lease of the stimulator's relay is in force."""
        return now < self._until_ms[cuff.RELAY]

    def to_controller(self, data: bytes, now: int) -> None:
        """Bytes that reached the controller."""
        for packet in self._requests.feed(data):
            if packet.code == cuff.VENT:
                self._until_ms[cuff.LEASE] = 0
            elif packet.code == cuff.RELAY_OPEN:
                self._until_ms[cuff.RELAY] = 0
            elif packet.code in _REQUESTS:
                request = _REQUESTS[packet.code](packet)
                if request is not None:
                    self._asked[packet.code] = (request.seq, now + request.duration_ms)

    def from_controller(self, data: bytes) -> None:
        """Bytes that left the controller, frame by whole frame."""
        for start, code in _REPLIES.items():
            at = data.find(start)
            while at >= 0:
                self._answered(code, data[at:])
                at = data.find(start, at + 1)

    def restarted(self) -> None:
        """The controller lost power, and with it its leases."""
        self._until_ms = dict.fromkeys(self._until_ms, 0)
        self._asked = {}

    def _answered(self, code: int, data: bytes) -> None:
        for packet in ecp.Decoder().feed(data)[:1]:
            reply = _ANSWERS[code](packet)
            if reply is not None and reply.result == cuff.OK and code in self._asked:
                seq, until_ms = self._asked[code]
                if seq == reply.seq:
                    self._until_ms[code] = until_ms
