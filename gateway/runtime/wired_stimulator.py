"""A stimulator on a serial port, as the gate sees it.

Theory of operation
-------------------
The gate says start, stop or ask (``stimulator.StimulatorPort``); the driver's host takes the same words, on
the outputs that the site has wired.  Each word leaves at once: a stop is the next thing on the wire, and a
closed loop's change waits for no turn of the cycle.  Pulses that the device cannot give are stopped by the
host and written down; the supervisor never learns of them as given.

Units: uA, us, 0.1 Hz.
"""

from collections.abc import Callable
from typing import Protocol

from drivers.host import Host
from drivers.stimulation import Pulses, PulsesRefused


class StimulatorHost(Host, Protocol):
    """What the hosts of all stimulators offer."""

    def start(self, pulses: Pulses) -> None:
        """Give these pulses. Raises ``PulsesRefused``."""

    def stop(self) -> None:
        """Give none."""

    def ask(self) -> None:
        """Say how you are."""


class WiredStimulator:
    """``channels``: mask of the outputs that sessions use; ``refused`` hears why pulses cannot be given."""

    def __init__(
        self, host: StimulatorHost, channels: int, send: Callable[[], None], refused: Callable[[str], None]
    ) -> None:
        self._host, self._channels, self._send, self._refused = host, channels, send, refused

    def start(self, pulses: Pulses) -> None:
        """Give these pulses, or go on giving them."""
        try:
            self._host.start(pulses._replace(channels=self._channels))
        except PulsesRefused as error:
            self._refused(str(error))
        self._send()

    def stop(self) -> None:
        """Give none: the next thing on the wire."""
        self._host.stop()
        self._send()

    def ask(self) -> None:
        """Say how you are, and change nothing."""
        self._host.ask()
        self._send()
