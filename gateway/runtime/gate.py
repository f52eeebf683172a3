"""The gate: the one place that can reach an actuator.

Theory of operation
-------------------
``act`` is called with the supervisor's answer and nothing else decides.  A permit becomes a lease
that the controller itself lets lapse: it lasts as long as the permit and is renewed every 200 ms,
well before that.  Anything else becomes a vent, at once, ahead of whatever is waiting; a vent is
said again for as long as the controller reports itself energised.  The relay in the stimulator's lead is
leased and opened in the same way (``close_relay``, ``open_relay``), on its own.

Gateway and controller keep their own accounts of a limb, by clocks of their own, so the controller may find
by a few milliseconds that it is too early (``DEBT``, ``LIMB_TOO_SOON``).  These two answers mean "wait": an
inflation that was not granted yet is asked for again with each renewal, and counts as refused only when
``WAIT_LONGEST_MS`` brought no other answer.  Every other refusal counts at once; so do these two where the
cuff was granted already.

What sounds is said again every 2 s: the controller takes a gateway that says nothing for 5 s for lost, and
sounds.

The gate also knows whom it talks to.  Nothing is leased to a controller whose protocol range, whose
built-in limits or whose serial number is not the expected one, nor to one that has restarted since;
``refusal`` says so in a sentence.

Units: 0.1 mmHg, ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drivers import cuff as wire
from drivers.host import Counters
from firmware_bridge import cuff as messages
from gateway.model import CuffReading, DeviceFault, Limb, Permit, Priority, Safe, StatusStream

RENEW_MS = 200
ANNOUNCE_MS = 2_000
WAIT_LONGEST_MS = 2_000
"""More than two crystals differ in the 5 min of a whole debt (30 ms at 100 ppm), less than the
``Limits.respond_ms`` after which a cuff that does not fill trips (engineering proposal)."""

VENT = messages.encode_vent() + messages.encode_relay_open()
"""Vents the cuff and opens the relay whatever gate and controller believe of each other: the last word of a
core that failed."""

_UNKNOWN = "unknown"
_WAITS = (messages.DEBT, messages.LIMB_TOO_SOON)
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
        self._relay_leased_ms: int | None = None
        self._tightened = False
        self._granted = False
        self._waits_since_ms: int | None = None
        self._acted_ms = 0
        self._announced_ms = 0
        self._announced: Priority | str | None = _UNKNOWN
        self.identity: Identity | None = None
        self.refusal: str = "the cuff controller has not answered yet"
        self.reading: CuffReading | None = None
        self.lease_refused = False
        self.relay_refused = False
        self.lease_result: int = messages.OK
        self.relay_result: int = messages.OK
        self.clear_result: int = messages.OK
        self.self_test: wire.SelfTestResult | None = None
        self.opened = 0

    @property
    def accepted(self) -> bool:
        """Whether this controller may be leased to."""
        return self.identity is not None and not self.refusal and self._tightened

    @property
    def last_valid_ms(self) -> int | None:
        """When the last valid frame arrived on the port that is open."""
        return None if self._host is None else self._host.last_valid_ms

    def explain(self, why: str) -> None:
        """What the port can tell of a controller that has not said who it is."""
        if self.identity is None:
            self.refusal = why

    def connected(self, now: int) -> None:
        """A port was opened: ask who is there."""
        self.opened += 1
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
            self._take(event, now)
            yield event

    def act(
        self, answer: Permit | Safe, planned_ms: int, now: int, *, limb: Limb | None, off_limb: bool = False
    ) -> None:
        """Make the supervisor's answer for the cuff true; ``limb`` is where the session says that it is.

        A limb that nobody named is leased to nobody, unless the inflation is the test of the cuff
        (``off_limb``).
        """
        self._acted_ms = now
        if self._host is None:
            return
        for _ in self.receive(b"", now):
            pass  # lets the host notice what was never answered
        where = messages.NO_LIMB if off_limb else None if limb is None else limb.number
        if isinstance(answer, Permit) and self.accepted and where is not None:
            self._lease(answer, planned_ms, where, now)
        else:
            self._vent()

    @property
    def counters(self) -> Counters | None:
        """What went over the link of the port that is open."""
        host = self._host
        if host is None:
            return None
        return Counters(host.frames, host.crc_errors, host.resyncs, host.status_gaps, host.round_trip_ms)

    def make_safe(self) -> None:
        """Vent and open the relay, whatever we believe of them: somebody stopped, or something tripped."""
        self._unlease()
        self._relay_leased_ms = None
        if self._host is not None:
            self._host.vent()
            self._host.open_relay()

    def close_relay(self, expires_ms: int, now: int) -> None:
        """Let the stimulator's current through until then; called every turn, it renews in time."""
        if self._host is None or not self.accepted or not _is_due(self._relay_leased_ms, now):
            return
        if self._host.relay_lease(expires_ms - now, now) is not None:
            self._relay_leased_ms = now

    def open_relay(self) -> None:
        """Let no more of the stimulator's current through, at once."""
        closed = self.reading is not None and self.reading.relay_closed
        if self._host is not None and (closed or self._relay_leased_ms is not None):
            self._host.open_relay()
        self._relay_leased_ms = None

    def announce(self, loudest: Priority | None) -> None:
        """Sound this priority on the controller's buzzer until it says that it does; a sign of life too."""
        if self._host is None:
            return
        if self._announced == loudest and self._acted_ms - self._announced_ms < ANNOUNCE_MS:
            return
        self._announced, self._announced_ms = loudest, self._acted_ms
        self._host.annunciate(_LOUDNESS[loudest])

    def clear_faults(self) -> None:
        """Ask the controller to forget its faults; a person at the bedside has asked for it."""
        self.clear_result = messages.OK
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

    def _lease(self, permit: Permit, planned_ms: int, limb: int, now: int) -> None:
        if self._host is None or not _is_due(self._leased_ms, now):
            return
        left_ms = permit.expires_ms - now
        if self._host.lease(limb, permit.pressure_dmmhg, left_ms, planned_ms, now) is not None:
            self._leased_ms = now

    def _vent(self) -> None:
        energised = self.reading is not None and self.reading.energised
        if self._host is not None and (energised or self._leased_ms is not None):
            self._host.vent()
        self._unlease()

    def _unlease(self) -> None:
        self._leased_ms, self._waits_since_ms, self._granted = None, None, False

    def _heed(self, result: int, now: int) -> None:
        """What the controller says to a lease of the cuff: granted, wait, or no."""
        self.lease_result = result
        if result == messages.OK:
            self._granted, self._waits_since_ms = True, None
        elif result in _WAITS and not self._granted:
            since_ms = self._waits_since_ms = now if self._waits_since_ms is None else self._waits_since_ms
            self.lease_refused = self.lease_refused or now - since_ms >= WAIT_LONGEST_MS
        else:
            self.lease_refused = True

    def _take(self, event: wire.Event, now: int) -> None:
        match event:
            case wire.Status():
                self.reading = _reading(event, self._stream())
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
                self._heed(event.result, now)
            case wire.RelayResult():
                self.relay_result = event.result
                self.relay_refused = self.relay_refused or event.result != messages.OK
            case wire.Cleared():
                self.clear_result = event.result
            case wire.TightenResult():
                self._tightened = event.result == messages.OK
            case wire.SelfTestResult():
                self.self_test = event
            case _:
                return  # the next status tells what is true

    def _stream(self) -> StatusStream | None:
        """What the host has counted on this port so far."""
        host = self._host
        if host is None:
            return None
        return StatusStream(host.statuses, host.status_gaps, host.crc_errors + host.refused_crc)

    def _ask_who_is_there(self) -> None:
        if self._host is not None:
            self._host.request_hello()

    def _meet(self, hello: wire.Hello) -> None:
        """Who answered; without a nonce it restarted since, in the same bytes, and is asked again."""
        self.identity = _identity(hello.device)
        self.refusal = self._objection(self.identity, hello.compatible)
        if not self.refusal and self._host is not None and self._host.nonce is not None:
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
        self._unlease()
        self._relay_leased_ms, self._tightened = None, False
        self.lease_refused, self.relay_refused = False, False
        self.lease_result, self.relay_result = messages.OK, messages.OK
        self._announced = _UNKNOWN


def _is_due(leased_ms: int | None, now: int) -> bool:
    return leased_ms is None or now - leased_ms >= RENEW_MS


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


def _reading(status: wire.Status, stream: StatusStream | None) -> CuffReading:
    frame = status.frame
    debts_ms = (
        frame.left_thigh_debt_ms,
        frame.right_thigh_debt_ms,
        frame.left_upper_arm_debt_ms,
        frame.right_upper_arm_debt_ms,
    )
    return CuffReading(
        control_dmmhg=frame.control_dmmhg,
        limit_dmmhg=frame.limit_dmmhg,
        debt_ms=max(debts_ms) if frame.limb == messages.NO_LIMB else debts_ms[frame.limb],
        energised=bool(frame.actuators & messages.DUMP_CLOSED),
        faults=DeviceFault(frame.faults),
        counter=frame.counter,
        nonce=frame.nonce,
        device_ms=frame.device_ms,
        arrived_ms=status.arrived_ms,
        limb_debts_ms=debts_ms,
        presses=frame.presses,
        working=bool(frame.actuators & messages.MOVING),
        relay_closed=bool(frame.actuators & messages.RELAY_CLOSED),
        patient_stop=bool(frame.actuators & messages.PATIENT_STOP),
        presence=bool(frame.presence),
        stream=stream,
    )
