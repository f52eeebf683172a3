"""What the gateway hears from a CPAR+, one event each.

Theory of operation
-------------------
``drivers.cpar.CparHost.receive`` returns these and ``drivers.host.Block``, oldest first.  ``text`` is a
sentence for a person.  Units: pressures 0.1 mmHg, times ms of the clock handed to the host.
"""

from dataclasses import dataclass
from enum import StrEnum

from drivers import cpar_messages as wire
from drivers.host import Identity


@dataclass(frozen=True, slots=True)
class Identified:
    """Who is there; ``refusal`` says why it is not a CPAR+, empty when it is."""

    identity: Identity
    refusal: str


@dataclass(frozen=True, slots=True)
class Status:
    """One status, stamped on arrival, with its readings in our unit. Its frame carries no checksum."""

    frame: wire.Status
    actual_dmmhg: tuple[int, int]
    target_dmmhg: tuple[int, int]
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Happened:
    """The device tells of something."""

    code: int
    text: str
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """A program of the hold runs; without us it ends at ``ends_ms``. ``number`` counts from 1."""

    number: int
    target_dmmhg: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Seam:
    """Between two programs the pressure fell to ``lowest_dmmhg``; ``gap_ms`` without stimulation."""

    gap_ms: int
    lowest_dmmhg: int


class Ending(StrEnum):
    """Who or what ended a hold."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    LAPSED = "lapsed"
    DEVICE = "device"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    SILENT = "silent"
    STRAYED = "strayed"


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """No pressure is wanted any more; ``stop_reason`` is the device's own where it ended by itself."""

    ending: Ending
    text: str
    stop_reason: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The device refused a function that was no part of a hold."""

    error: int
    text: str
    code: int | None


@dataclass(frozen=True, slots=True)
class RequestLost:
    """A function got no answer in all its tries."""

    code: int
    tries: int


@dataclass(frozen=True, slots=True)
class DeviceReset:
    """Its ping counter began again."""

    pings: int


@dataclass(frozen=True, slots=True)
class Strayed:
    """It does what nobody asked for; it is told to stop, and refused until the port is opened again."""

    text: str
