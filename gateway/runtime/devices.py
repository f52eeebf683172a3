"""The rows that say which devices stand at the bedside.

Theory of operation
-------------------
Pure: what a device said of itself and the technician's words make a ``device_identified`` event.
"""

from drivers.host import Identity as DeviceIdentity
from gateway.model import CuffReading
from gateway.record.events import DeviceIdentified
from gateway.runtime.gate import Identity


def cuff_identified(who: Identity, description: str) -> DeviceIdentified:
    """The controller's greeting."""
    return DeviceIdentified(
        device="cuff",
        serial=who.serial,
        model=who.board,
        firmware=who.firmware,
        protocol=who.protocol_max,
        limits_crc=who.limits_crc,
        description=description,
    )


def identified(device: str, who: DeviceIdentity, description: str) -> DeviceIdentified:
    """A device that said who it is."""
    return DeviceIdentified(
        device=device,
        serial=who.serial,
        model=who.model,
        firmware=who.firmware,
        protocol=0,
        limits_crc=0,
        description=description,
    )


def cuff_of(who: Identity | None, description: str) -> tuple[str, str]:
    """What an acceptance is of: the controller by its serial number, the cuff by the technician's words."""
    return (who.serial if who is not None else "", description)


def oximeter_identified(coverage: int, description: str) -> DeviceIdentified:
    """The decoder has learnt what the device's checksum covers; no document says it, so we record it."""
    return DeviceIdentified(
        device="oximeter",
        serial="",
        model=f"Nonin 1, checksum ends {coverage:+d} bytes from its label",
        firmware="",
        protocol=0,
        limits_crc=0,
        description=description,
    )


def in_words(reading: CuffReading | None, owed_ms: int) -> str:
    """What the controller showed when something tripped, for the record."""
    if reading is None:
        return "no status"
    return (
        f"control {reading.control_dmmhg}, limit {reading.limit_dmmhg} (0.1 mmHg), "
        f"faults {reading.faults.name or 'NONE'}, debt {owed_ms} ms"
    )
