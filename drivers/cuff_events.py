"""What the gateway hears from the cuff controller, one event each.

Theory of operation
-------------------
``drivers.cuff.CuffHost.receive`` returns these, oldest first.  Results and codes are those of
``firmware_bridge.cuff``.  Units: pressures 0.1 mmHg, times ms of the clock handed to the host.
"""

from dataclasses import dataclass

from firmware_bridge import cuff as wire


@dataclass(frozen=True, slots=True)
class Hello:
    """Who is there, and whether our protocol ranges overlap."""

    device: wire.Hello
    compatible: bool
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Status:
    """One status of the device, stamped on arrival."""

    frame: wire.Status
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class LeaseResult:
    """The answer to the lease with this number; 0 is granted."""

    result: int
    seq: int


@dataclass(frozen=True, slots=True)
class RelayResult:
    """The answer to the relay lease with this number; 0 is granted."""

    result: int
    seq: int


@dataclass(frozen=True, slots=True)
class TightenResult:
    """The answer to a tighten, with the ceiling that holds in the device."""

    result: int
    ceiling_dmmhg: int


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """The verdict of the device's self-test (0 passed) and the readings that it rests on."""

    result: int
    control_dmmhg: int | None
    limit_dmmhg: int | None


@dataclass(frozen=True, slots=True)
class Cleared:
    """The answer to a clear; 0 means that the latched faults are gone, NO_PRESENCE that nobody pressed."""

    result: int


@dataclass(frozen=True, slots=True)
class Annunciated:
    """The answer to an annunciate."""

    result: int


@dataclass(frozen=True, slots=True)
class Nack:
    """The device could not read a function; ``code`` is the one that was pending, None if none was."""

    error: int
    code: int | None


@dataclass(frozen=True, slots=True)
class RequestLost:
    """A function got no answer in all its tries. Leases are counted instead (``leases_lost``)."""

    code: int
    tries: int


@dataclass(frozen=True, slots=True)
class DeviceReset:
    """The device restarted and has another nonce now."""

    nonce: int


Event = (
    Hello
    | Status
    | LeaseResult
    | RelayResult
    | TightenResult
    | SelfTestResult
    | Cleared
    | Annunciated
    | Nack
    | RequestLost
    | DeviceReset
)
