"""The shell of every device: one port, opened again and again, and the host that speaks on it.

Theory of operation
-------------------
``DeviceLink.keep`` runs for ever.  It looks who is plugged in (``usb.objection``), opens the port for
itself alone, makes a new host, carries bytes both ways, and when the port is lost tries again every 2 s.
There is one policy for all devices: *the port returns by itself*; what an actuator may do after that is not
decided here but by the supervisor, which takes a new link as one that a person has to agree to.

States (``Condition.state``):

==========  =======================================================================================
absent      no port: ``why`` says what is missing; tried again every 2 s
refused     another device than the one that was meant, by USB or by its own word; tried again too
unknown     the port is open and the device has not said yet who it is
ready       identified, and its last valid frame is not older than ``silent_ms``
silent      it spoke once, nothing valid for longer than that: a hung device, a pulled sensor cable;
            also while its host asks again who it is
==========  =======================================================================================

Liveness is the age of the last valid frame; an open port proves nothing.  What the host says goes to
``taker`` in the order in which it came; ``send_now`` sends what the host wants to send without waiting.

Units: ms of the caller's monotonic clock.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from drivers.errors import PortClosed, PortError
from drivers.host import Counters, Host, Identity
from drivers.serial_port import SerialPort, open_port
from drivers.usb import SYS, Expected, objection

RETRY_S = 2.0
NOTHING = Counters(0, 0, 0, 0)

H = TypeVar("H", bound=Host)
H_contra = TypeVar("H_contra", bound=Host, contravariant=True)


class Taker(Protocol[H_contra]):
    """Who listens to a link."""

    def connected(self, host: H_contra, now_ms: int) -> None:
        """The port is open, with this new host on it."""

    def heard(self, events: list[object], now_ms: int) -> None:
        """The host said this, oldest first: what one arrival of bytes has completed."""

    def lost(self, why: str, now_ms: int) -> None:
        """The port is gone or cannot be had; ``why`` is a sentence. Said again only if it is another one."""


class Wanted(NamedTuple):
    """What the configuration says of a device; ``serial`` is what the device itself must tell, if it does."""

    name: str
    path: str
    usb: Expected
    silent_ms: int
    serial: str = ""


class Condition(NamedTuple):
    """How one device does, for people and dashboards. ``age_ms``: since its last valid frame."""

    name: str
    state: str
    why: str
    identity: Identity | None
    age_ms: int | None
    counters: Counters
    opened: int


class DeviceLink(Generic[H]):
    """One device of the configuration. ``opened`` counts how often its port could be had."""

    def __init__(
        self,
        wanted: Wanted,
        make_host: Callable[[], H],
        taker: Taker[H],
        clock: Callable[[], int],
        sys_root: Path = SYS,
    ) -> None:
        self._wanted, self._make_host, self._taker, self._clock = wanted, make_host, taker, clock
        self._sys_root = sys_root
        self.host: H | None = None
        self.opened = 0
        self._port: SerialPort | None = None
        self._state, self._why = "absent", "not tried yet"
        self._told = ""

    async def keep(self) -> None:
        """Have the device whenever it can be had, for ever."""
        while True:
            await self._once()
            await asyncio.sleep(RETRY_S)

    async def _once(self) -> None:
        """One life of the port."""
        wanted, ended = self._wanted, asyncio.Event()
        why = objection(wanted.path, wanted.usb, self._sys_root)
        if why:
            self._is_lost(why, "refused")
            return
        host = self._make_host()

        def on_lost(reason: str) -> None:
            self._is_lost(reason)
            ended.set()

        try:
            port = await open_port(
                wanted.path,
                host.line.baudrate,
                self._arrived,
                on_lost,
                parity=host.line.parity,
                stop_bits=host.line.stop_bits,
            )
        except PortError as error:
            self._is_lost(str(error))
            return
        try:
            self._begin(host, port)
            await ended.wait()
        finally:
            await port.close()

    def _begin(self, host: H, port: SerialPort) -> None:
        self.host, self._port, self._why, self._told = host, port, "", ""
        self.opened += 1
        self._taker.connected(host, self._clock())
        self.send_now()

    def _arrived(self, data: bytes) -> None:
        """The hot path: bytes, events, and what is to be said to that, in this order."""
        host = self.host
        if host is None:
            return
        now_ms = self._clock()
        events = host.receive(data, now_ms)
        if events:
            self._taker.heard(events, now_ms)
        self._send(host, now_ms)

    def turn(self) -> None:
        """Let time pass for the host; called at least every 50 ms."""
        self._arrived(b"")

    def send_now(self) -> None:
        """Send what the host wants to send."""
        if self.host is not None:
            self._send(self.host, self._clock())

    def _send(self, host: H, now_ms: int) -> None:
        data = host.outgoing(now_ms)
        if data and self._port is not None and self._port.is_open:
            try:
                self._port.write(data)
            except PortClosed:  # its loss is on its way here
                self._port = None

    def _is_lost(self, why: str, state: str = "absent") -> None:
        self.host = self._port = None
        self._state, self._why = state, why
        if why != self._told:
            self._told = why
            self._taker.lost(why, self._clock())

    def refusal(self) -> str:
        """Why the device on the open port is not the one that was meant; empty where nothing says so."""
        return "" if self.host is None else refusal_of(self._wanted, self.host)

    def condition(self) -> Condition:
        """How the device does now."""
        host, now_ms = self.host, self._clock()
        if host is None:
            return Condition(self._wanted.name, self._state, self._why, None, None, NOTHING, self.opened)
        return condition_of(self._wanted, host, self.opened, now_ms)


def refusal_of(wanted: Wanted, host: Host) -> str:
    """Why this device is not the one that was meant; empty while nothing speaks against it."""
    told = host.identity.serial if host.identity is not None else ""
    if not host.refusal and wanted.serial and told and told != wanted.serial:
        return (
            f"the device says that it is {told}, the configuration expects {wanted.serial}: check which "
            "device is plugged in"
        )
    return host.refusal


def condition_of(wanted: Wanted, host: Host, opened: int, now_ms: int) -> Condition:
    """How a device does whose port is open."""
    last_ms = host.last_valid_ms
    age_ms = None if last_ms is None else max(0, now_ms - last_ms)
    state, why = _state(wanted, host, age_ms)
    return Condition(wanted.name, state, why, host.identity, age_ms, host.counters, opened)


def _state(wanted: Wanted, host: Host, age_ms: int | None) -> tuple[str, str]:
    refusal = refusal_of(wanted, host)
    if refusal:
        return "refused", refusal
    if age_ms is not None and age_ms > wanted.silent_ms:
        return "silent", f"nothing valid for {age_ms / 1000:.1f} s"
    if host.identity is None:
        return "unknown", "has not said yet who it is"
    return ("silent", "nothing valid for ever") if age_ms is None else ("ready", "")
