"""The cuff controller's port: a link like every device's, with the gate behind it.

Theory of operation
-------------------
One policy for all ports (``drivers.link``): another maker's device, or two alike, are refused before a byte
is sent, the port is this process's alone, and it is opened again when it is lost.  What the controller may do
after that is not decided here: it has to greet again, and to the supervisor a lost status is a trip that a
person clears.

The host of the link is the gate, and it lasts longer than a port: ``GateHost`` is its face.  Nothing comes
out of ``receive``: core judges each status before the next frame of the same arrival is taken, and a vent
that cannot wait leaves in the middle of it (``CuffLink.send_now``).

While nobody has greeted, the gate repeats what the port can tell of it, so that whoever asks for a session
reads the reason.

Units: ms of the caller's monotonic clock.
"""

from collections.abc import Callable
from pathlib import Path

from drivers.host import Counters, Identity, Line
from drivers.link import NOTHING, Condition, DeviceLink, Doubt, Wanted
from drivers.usb import RP2040, SYS, Expected
from gateway.runtime.core import Core
from gateway.runtime.doubts import DoubtRows

GREETING_MS = 5_000
"""A controller that has power says a status every 50 ms, and answers one of three hellos within 1500 ms."""


class GateHost:
    """Our end of the controller on one port: what ``drivers.host.Host`` asks for, from the gate."""

    line = Line(115_200)

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def last_valid_ms(self) -> int | None:
        """When the last valid frame arrived on this port."""
        return self._core.gate.last_valid_ms

    @property
    def identity(self) -> Identity | None:
        """Who the controller said that it is."""
        who = self._core.gate.identity
        return None if who is None else Identity(who.board, who.serial, who.firmware)

    @property
    def refusal(self) -> str:
        """Why the controller that has greeted may not be leased to."""
        gate = self._core.gate
        return "" if gate.identity is None else gate.refusal

    @property
    def counters(self) -> Counters:
        """What went over the link since its port was opened."""
        return self._core.gate.counters or NOTHING

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """Hand it to core, which deals with every frame in turn."""
        self._core.cuff_bytes(data, now_ms)
        return []

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now; a vent is always first."""
        return self._core.outgoing(now_ms)


class CuffLink:
    """The port of the configuration's controller."""

    def __init__(self, core: Core, clock: Callable[[], int], sys_root: Path = SYS) -> None:
        self._core, self._clock = core, clock
        self._rows = DoubtRows(core)
        setup = core.setup
        wanted = Wanted(
            "cuff",
            setup.config.cuff.port,
            Expected(RP2040),
            setup.limits.status_age_ms,
            greeting_ms=GREETING_MS,
        )
        self._link = DeviceLink(wanted, lambda: GateHost(core), self, clock, sys_root)

    async def keep(self) -> None:
        """Have the controller whenever it can be had, for ever."""
        await self._link.keep()

    def turn(self) -> None:
        """Let time pass, and send what is to be sent; called after core's step, with every turn."""
        self._link.turn()
        doubts = self._link.doubts()
        if doubts:
            self._tell(doubts)

    def send_now(self) -> None:
        """Send what core wants to send, without waiting for a turn."""
        self._link.send_now()

    def say_last(self, data: bytes) -> None:
        """Send this and never anything again."""
        self._link.say_last(data)

    def condition(self) -> Condition:
        """How the controller does."""
        return self._link.condition()

    def _tell(self, doubts: list[Doubt]) -> None:
        self._rows.write("cuff", self._link.opened, doubts, self._clock())
        for doubt in doubts:
            if doubt.about != "late":
                self._core.gate.explain(doubt.text)

    # what the link says

    def connected(self, host: GateHost, now_ms: int) -> None:
        """The port is open: ask who is there."""
        self._core.cuff_connected(now_ms)

    def heard(self, events: list[object], now_ms: int) -> None:
        """Never: core has taken everything already."""

    def lost(self, why: str, now_ms: int) -> None:
        """The port is gone or cannot be had; that it is another device's is written down."""
        self._core.cuff_lost(why, now_ms)
        if self._link.condition().state == "refused":
            self._rows.write("cuff", self._link.opened, [Doubt("refused", why)], now_ms)
