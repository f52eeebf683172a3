"""What the hosts of streaming sensors tell beside their blocks."""

from typing import NamedTuple


class Trouble(NamedTuple):
    """The sensor does not do what it should, and is being asked again: for the log and for a technician."""

    text: str


class Railed(NamedTuple):
    """The channels, by the device's own numbers, that stand at the end of their range.

    An electrode that is off, a lead that is open, a sensor beyond what it can measure.  Told when it changes.
    """

    channels: tuple[int, ...]
