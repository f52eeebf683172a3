"""What the gateway hears from a tissue oximeter, whatever its maker: one event for all of them.

Theory of operation
-------------------
The hosts of the Nonin, INVOS and Moxy oximeters return these from ``receive``, oldest first.  ``Oximetry`` is
one reading of all channels.  A channel that has no value has ``None`` and says why in ``flags``; ``None`` is
never zero.  ``OximeterNotice`` is a sentence for the log: what was concluded, what is unconfirmed.

Saturations of different makers are not interchangeable: maker, model and firmware (``Host.identity``) belong
to every record of them.

Units: saturation in per mille.  Total haemoglobin in hundredths of what ``haemoglobin_unit`` says; its
scale is the device's own, so that only its change over time means something.  Times ms of the clock handed
to the host.
"""

from dataclasses import dataclass

HAEMOGLOBIN_UNIT = "g/dL"

# Flags of one channel: why it has no value, or what speaks against the value that it has.
INACTIVE = "inactive"
SENSOR_FAULT = "sensor-fault"
POD_LOST = "pod-lost"
SIGNAL_QUALITY = "signal-quality"
PATIENT_ALARM = "patient-alarm"
END_OF_SCALE = "end-of-scale"
AMBIENT_LIGHT = "ambient-light"
INVALID = "invalid"
OUT_OF_RANGE = "out-of-range"
NO_HAEMOGLOBIN = "no-haemoglobin"

# Flags of the whole reading; a device's own fault texts stand beside them.
EQUIPMENT_ALARM = "equipment-alarm"
CRITICAL_BATTERY = "critical-battery"
EVENT_MARK = "event-mark"
NO_CHECKSUM = "no-checksum"
"""Nothing protected this reading on its way: a damaged digit looks like a measured one."""
LATE = "late"
"""It waited on its way; ``arrived_ms`` says when it came from the device."""


@dataclass(frozen=True, slots=True)
class TissueChannel:
    """One channel: StO2 in per mille, total haemoglobin in hundredths, and what the device says against
    them.
    """

    saturation_permille: int | None
    haemoglobin_hundredths: int | None = None
    flags: tuple[str, ...] = ()

    @property
    def haemoglobin_tenths(self) -> int | None:
        """Total haemoglobin rounded to tenths, as "Nonin 1" shows it."""
        return None if self.haemoglobin_hundredths is None else (self.haemoglobin_hundredths + 5) // 10


@dataclass(frozen=True, slots=True)
class Oximetry:
    """One reading of all channels, channel 1 first.

    ``counter`` is the device's own count of its measurements, ``None`` where it has none; ``missing``
    readings are known to be lost just before this one; ``device_clock`` is the device's own text, set by
    hand and never trusted.
    """

    channels: tuple[TissueChannel, ...]
    arrived_ms: int
    counter: int | None = None
    missing: int = 0
    flags: tuple[str, ...] = ()
    device_clock: str = ""
    haemoglobin_unit: str = HAEMOGLOBIN_UNIT


@dataclass(frozen=True, slots=True)
class OximeterNotice:
    """One sentence for the log."""

    text: str
    at_ms: int


OximeterEvent = Oximetry | OximeterNotice
