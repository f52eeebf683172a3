"""The gate: the one place that can reach an actuator.

Theory of operation
-------------------
``act`` is called with the supervisor's answer and nothing else decides.  A permit becomes a lease
that the controller itself lets lapse: it lasts as long as the permit and is renewed every 200 ms,
well before that.  Anything else becomes a vent, at once, ahead of whatever is waiting; a vent is
said again for as long as the controller reports itself energised.

The gate also knows whom it talks to.  Nothing is leased to a controller whose protocol range, whose
built-in limits or whose serial number is not the expected one, nor to one that has restarted since;
``refusal`` says so in a sentence.

Units: 0.1 mmHg, ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drivers import cuff as wire
from firmware_bridge import cuff as messages
from gateway.model import CuffReading, DeviceFault, Permit, Priority, Safe

RENEW_MS = 200

VENT = messages.encode_vent()
"""Vents the cuff whatever gate and controller believe of each other: the last word of a core that failed."""

_UNKNOWN = "unknown"
_LOUDNESS = {None: 0, Priority.LOW: 1, Priority.MEDIUM: 2, Priority.HIGH: 3}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the controller says that it is."""

    serial: str
    board: str
    firmware: str
    protocol_min: int
    protocol_max: int
    limits_crc: int


class Gate:
    """Our end of the cuff controller."""

    def __init__(self, *, expected_limits_crc: int, expected_serial: str, ceiling_dmmhg: int) -> None:
        self._expected_limits_crc = expected_limits_crc
        self._expected_serial = expected_serial
        self._ceiling_dmmhg = ceiling_dmmhg
        self._host: wire.CuffHost | None = None
        self._leased_ms: int | None = None
        self._tightened = False
        self._announced: Priority | str | None = _UNKNOWN
        self.identity: Identity | None = None
        self.refusal: str = "the cuff controller has not answered yet"
        self.reading: CuffReading | None = None
        self.lease_refused = False
        self.self_test: wire.SelfTestResult | None = None

    @property
    def accepted(self) -> bool:
        """Whether this controller may be leased to."""
        return self.identity is not None and not self.refusal and self._tightened

    def connected(self, now: int) -> None:
        """A port was opened: ask who is there."""
        self._host = wire.CuffHost()
        self._forget("the cuff controller has not answered yet")
        self._host.request_hello()

    def disconnected(self, why: str) -> None:
        """The port is gone."""
        self._host = None
        self._forget(why)

    def receive(self, data: bytes, now: int) -> Iterator[wire.Event]:
        """Bytes from the controller, event by event: each is taken when the one before was dealt with."""
        if self._host is None:
            return
        for event in self._host.receive(data, now):
            self._take(event)
            yield event

    def act(self, answer: Permit | Safe, planned_ms: int, now: int) -> None:
        """Make the supervisor's answer true."""
        if self._host is None:
            return
        for _ in self.receive(b"", now):
            pass  # lets the host notice what was never answered
        if isinstance(answer, Permit) and self.accepted:
            self._lease(answer, planned_ms, now)
        else:
            self._vent()

    def announce(self, loudest: Priority | None) -> None:
        """Sound this priority on the controller's buzzer, until it says that it does."""
        if self._host is None or not self.accepted or self._announced == loudest:
            return
        self._announced = loudest
        self._host.annunciate(_LOUDNESS[loudest])

    def clear_faults(self) -> None:
        """Ask the controller to forget its faults; a person at the bedside has asked for it."""
        if self._host is not None and self._host.nonce is not None:
            self._host.clear()

    def start_self_test(self) -> None:
        """Ask the controller to check itself; the answer appears in ``self_test``."""
        self.self_test = None
        if self._host is not None and self._host.nonce is not None:
            self._host.self_test()

    def outgoing(self, now: int) -> bytes:
        """The bytes to write now."""
        return b"" if self._host is None else self._host.outgoing(now)

    def _lease(self, permit: Permit, planned_ms: int, now: int) -> None:
        if self._host is None or (self._leased_ms is not None and now - self._leased_ms < RENEW_MS):
            return
        if self._host.lease(permit.pressure_dmmhg, permit.expires_ms - now, planned_ms, now) is not None:
            self._leased_ms = now

    def _vent(self) -> None:
        energised = self.reading is not None and self.reading.energised
        if self._host is not None and (energised or self._leased_ms is not None):
            self._host.vent()
        self._leased_ms = None

    def _take(self, event: wire.Event) -> None:
        match event:
            case wire.Status():
                self.reading = _reading(event)
            case wire.Hello():
                self._meet(event)
            case wire.DeviceReset():
                reading = self.reading  # what it says of itself stays true: that is how the reset is seen
                self._forget("the cuff controller restarted")
                self.reading = reading
                self._ask_who_is_there()
            case wire.RequestLost(code=messages.HELLO | messages.TIGHTEN):
                self._ask_who_is_there()
            case wire.RequestLost(code=messages.ANNUNCIATE) | wire.Nack(code=messages.ANNUNCIATE):
                self._announced = _UNKNOWN
            case wire.LeaseResult():
                self.lease_refused = self.lease_refused or event.result != messages.OK
            case wire.TightenResult():
                self._tightened = event.result == messages.OK
            case wire.SelfTestResult():
                self.self_test = event
            case _:
                return  # the next status tells what is true

    def _ask_who_is_there(self) -> None:
        if self._host is not None:
            self._host.request_hello()

    def _meet(self, hello: wire.Hello) -> None:
        self.identity = _identity(hello.device)
        self.refusal = self._objection(self.identity, hello.compatible)
        if not self.refusal and self._host is not None:
            self._host.tighten(self._ceiling_dmmhg)

    def _objection(self, who: Identity, compatible: bool) -> str:
        if not compatible:
            return (
                f"the cuff controller speaks protocol {who.protocol_min} to {who.protocol_max}, this gateway "
                f"{wire.HOST_PROTOCOL_MIN} to {wire.HOST_PROTOCOL_MAX}: install matching firmware"
            )
        if who.limits_crc != self._expected_limits_crc:
            return (
                f"the cuff controller's built-in limits (CRC {who.limits_crc:08x}) are not those of this "
                f"gateway ({self._expected_limits_crc:08x}): install matching firmware"
            )
        if self._expected_serial not in ("", who.serial):
            return (
                f"the cuff controller says that it is {who.serial!r}, the configuration expects "
                f"{self._expected_serial!r}: check which device is plugged in"
            )
        return ""

    def _forget(self, refusal: str) -> None:
        self.identity, self.refusal, self.reading = None, refusal, None
        self._leased_ms, self._tightened, self.lease_refused = None, False, False
        self._announced = _UNKNOWN


def _identity(device: messages.Hello) -> Identity:
    return Identity(
        serial=_text(device.serial),
        board=_text(device.board),
        firmware=f"{device.fw_major}.{device.fw_minor}.{device.fw_patch}",
        protocol_min=device.protocol_min,
        protocol_max=device.protocol_max,
        limits_crc=device.limits_crc,
    )


def _text(field: bytes) -> str:
    return bytes(field).rstrip(b"\0 ").decode("ascii", "replace")


def _reading(status: wire.Status) -> CuffReading:
    frame = status.frame
    return CuffReading(
        control_dmmhg=frame.control_dmmhg,
        limit_dmmhg=frame.limit_dmmhg,
        debt_ms=frame.debt_ms,
        energised=bool(frame.actuators & messages.DUMP_CLOSED),
        faults=DeviceFault(frame.faults),
        counter=frame.counter,
        nonce=frame.nonce,
        device_ms=frame.device_ms,
        arrived_ms=status.arrived_ms,
    )
