"""What the gateway hears from the force/EMG hub, besides its blocks of samples.

Theory of operation
-------------------
``drivers.hub.HubHost.receive`` returns these and ``drivers.host.Block``, oldest first.  Units: ms of the
clock handed to the host.
"""

from typing import NamedTuple

from firmware_bridge import hub as wire


class Greeted(NamedTuple):
    """The hub said who it is and what it measures."""

    device: wire.Hello
    arrived_ms: int


class Started(NamedTuple):
    """Samples of these streams come from now on, with new numbers."""

    streams: tuple[str, ...]
    arrived_ms: int


class Stopped(NamedTuple):
    """No samples come any more. ``silent``: the hub did not say so; it is asked who it is again."""

    silent: bool
    arrived_ms: int


class Restarted(NamedTuple):
    """The hub was reset: it has another nonce."""

    nonce: int
    arrived_ms: int


class Condition(NamedTuple):
    """What is wrong with the sensors, told when it changes.

    ``words``: of ``drivers.hub_streams.CONDITIONS``; ``electrodes_off``: channels of the EMG, from 1 on.
    """

    words: tuple[str, ...]
    electrodes_off: tuple[int, ...]
    arrived_ms: int


Event = Greeted | Started | Stopped | Restarted | Condition
