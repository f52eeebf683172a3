"""What the gateway hears from a SunTech blood pressure module, one event each.

Theory of operation
-------------------
``drivers.nibp.NibpHost.receive`` returns these, oldest first.  ``text`` is a sentence for a person.
Units: mmHg, beats a minute, ms of the clock handed to the host.
"""

from dataclasses import dataclass

from drivers.host import Identity


@dataclass(frozen=True, slots=True)
class Identified:
    """Who is there; ``refusal`` says why it is not used, empty when it is."""

    identity: Identity
    refusal: str


@dataclass(frozen=True, slots=True)
class CuffPressure:
    """The pressure in the module's cuff."""

    mmhg: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class MeasurementStarted:
    """The module has begun to measure."""

    arrived_ms: int


@dataclass(frozen=True, slots=True)
class BloodPressureTaken:
    """A blood pressure, with what the module told."""

    systolic_mmhg: int
    diastolic_mmhg: int
    mean_mmhg: int
    rate_bpm: int
    started_ms: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class MeasurementFailed:
    """No blood pressure; ``code`` is the module's own, ``None`` where it told none."""

    text: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class StasisStarted:
    """The module holds a venous occlusion; we end it at ``ends_ms`` at the latest."""

    pressure_mmhg: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class StasisEnded:
    """No venous occlusion is wanted any more."""

    text: str


@dataclass(frozen=True, slots=True)
class RequestLost:
    """A command got no answer in all its tries."""

    command: str
    tries: int


Event = (
    Identified
    | CuffPressure
    | MeasurementStarted
    | BloodPressureTaken
    | MeasurementFailed
    | StasisStarted
    | StasisEnded
    | RequestLost
)
