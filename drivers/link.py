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
refused     another device than the one that was meant, by USB, by its own word, or by saying none of this
            protocol (``drivers.listening``); tried again too
unknown     the port is open and the device has not said yet who it is; when it takes too long, ``why``
            says so
ready       identified, and its last valid frame is not older than ``silent_ms``
silent      it spoke once, nothing valid for longer than that: a hung device, a pulled sensor cable;
            also while its host asks again who it is
==========  =======================================================================================

Liveness is the age of the last valid frame; an open port proves nothing.  What the host says goes to
``taker`` in the order in which it came; ``send_now`` sends what the host wants to send without waiting.
A device that is refused because it says nothing of its protocol is still asked who it is: nothing else could
tell that the right one was switched on at last.  ``doubts`` are the sentences that belong in the record.

An FTDI adapter's latency timer is looked at when the port is open, and every 10 s for as long as it is
wrong; a port that is slow is used, and said to be slow (``Condition.notice``, ``drivers.usb``).

Units: ms of the caller's monotonic clock.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from drivers.errors import PortClosed, PortError
from drivers.host import Counters, Host, Identity, Line, LinkState
from drivers.listening import CLICK_BYTES, Listening
from drivers.serial_port import SerialPort, open_port
from drivers.usb import SYS, Expected, lateness, objection

RETRY_S = 2.0
LATENESS_MS = 10_000
GREETING_MS = 10_000
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
    """What the configuration says of a device; ``serial`` is what the device itself must tell, if it does.

    ``greeting_ms``: by then the right device has said its first valid frame after the port was opened.
    """

    name: str
    path: str
    usb: Expected
    silent_ms: int
    serial: str = ""
    greeting_ms: int = GREETING_MS


class Condition(NamedTuple):
    """How one device does, for people and dashboards. ``age_ms``: since its last valid frame.

    ``notice``: what is wrong with its port although it works.
    """

    name: str
    state: LinkState
    why: str
    identity: Identity | None
    age_ms: int | None
    counters: Counters
    opened: int
    notice: str = ""


class Doubt(NamedTuple):
    """Something against a device, or its port, that belongs in the record. ``about`` names its kind."""

    about: Literal["refused", "unknown", "late"]
    text: str


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
        self._state: LinkState = "absent"
        self._why = "not tried yet"
        self._told = ""
        self._listening = Listening(wanted.greeting_ms, "", clock())
        self._late, self._late_seen_ms = "", 0
        self._has_ended = False

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
        if self._has_ended:
            return
        now_ms, line = self._clock(), host.line
        self.host, self._port, self._why, self._told = host, port, "", ""
        self.opened += 1
        self._listening = Listening(self._wanted.greeting_ms, _otherwise(line), now_ms)
        self._look_at_latency(now_ms)
        self._taker.connected(host, now_ms)
        self.send_now()

    def _look_at_latency(self, now_ms: int) -> None:
        self._late, self._late_seen_ms = lateness(self._wanted.path, self._sys_root), now_ms

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

    @property
    def name(self) -> str:
        """Its table in the configuration."""
        return self._wanted.name

    def turn(self) -> None:
        """Let time pass for the host; called at least every 50 ms."""
        self._arrived(b"")
        host, port, now_ms = self.host, self._port, self._clock()
        if host is not None and port is not None:
            self._listening.look(host, port.bytes_received, now_ms)
            if self._late and now_ms - self._late_seen_ms >= LATENESS_MS:
                self._look_at_latency(now_ms)

    def send_now(self) -> None:
        """Send what the host wants to send."""
        if self.host is not None:
            self._send(self.host, self._clock())

    def say_last(self, data: bytes) -> None:
        """Send this, and nothing ever again, whatever the host wants: its owner has failed."""
        port, self.host, self._port, self._has_ended = self._port, None, None, True
        if port is not None and port.is_open:
            with suppress(PortClosed):
                port.write(data)

    def _send(self, host: H, now_ms: int) -> None:
        data = host.outgoing(now_ms)
        if data and self._port is not None and self._port.is_open:
            try:
                self._port.write(data)
            except PortClosed:  # its loss is on its way here
                self._port = None

    def _is_lost(self, why: str, state: LinkState = "absent") -> None:
        self.host = self._port = None
        self._state, self._why = state, why
        if why != self._told:
            self._told = why
            self._taker.lost(why, self._clock())

    def refusal(self) -> str:
        """Why the device on the open port is not the one that was meant; empty where nothing says so."""
        return "" if self.host is None else refusal_of(self._wanted, self.host, self._listening)

    def doubts(self) -> list[Doubt]:
        """What is against the device on the open port; mostly nothing."""
        if self.host is None:
            return []
        late = [Doubt("late", self._late)] if self._late else []
        return [*doubts_about(self._wanted, self.host, self._listening), *late]

    def condition(self) -> Condition:
        """How the device does now."""
        host, now_ms = self.host, self._clock()
        if host is None:
            return Condition(self._wanted.name, self._state, self._why, None, None, NOTHING, self.opened)
        found = condition_of(self._wanted, host, self._listening, self.opened, now_ms)
        return found._replace(notice=self._late)


def _otherwise(line: Line) -> str:
    return f"its line is not set to {line.baudrate} baud 8{line.parity}{line.stop_bits}"


def refusal_of(wanted: Wanted, host: Host, listening: Listening) -> str:
    """Why this device is not the one that was meant; empty while nothing speaks against it."""
    told = host.identity.serial if host.identity is not None else ""
    if not host.refusal and wanted.serial and told and told != wanted.serial:
        return (
            f"the device says that it is {told}, the configuration expects {wanted.serial}: check which "
            "device is plugged in"
        )
    return host.refusal or listening.refusal(host)


def doubts_about(wanted: Wanted, host: Host, listening: Listening) -> list[Doubt]:
    """What is against a device."""
    refusal = refusal_of(wanted, host, listening)
    if refusal:
        return [Doubt("refused", refusal)]
    complaint = listening.complaint(host)
    return [Doubt("unknown", complaint)] if complaint else []


def condition_of(wanted: Wanted, host: Host, listening: Listening, opened: int, now_ms: int) -> Condition:
    """How a device does whose port is open."""
    last_ms = host.last_valid_ms
    age_ms = None if last_ms is None else max(0, now_ms - last_ms)
    state, why = _state(wanted, host, listening, age_ms)
    return Condition(wanted.name, state, why, host.identity, age_ms, host.counters, opened)


def _state(wanted: Wanted, host: Host, listening: Listening, age_ms: int | None) -> tuple[LinkState, str]:
    refusal = refusal_of(wanted, host, listening)
    if refusal:
        return "refused", refusal
    if age_ms is not None and age_ms > wanted.silent_ms:
        strange = listening.strange_bytes
        though = (
            f", though {strange} bytes came: is it still the same device?" if strange > CLICK_BYTES else ""
        )
        return "silent", f"nothing valid for {age_ms / 1000:.1f} s{though}"
    if host.identity is None:
        return "unknown", listening.complaint(host) or "has not said yet who it is"
    return ("silent", "nothing valid for ever") if age_ms is None else ("ready", "")
