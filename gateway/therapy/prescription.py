"""Prescriptions: what a session is to do, as data that a clinician can read.

Theory of operation
-------------------
A prescription is a TOML file shipped with the package.  Every number stands in a table of its own
with its unit, its source and how sure we are of it, so that nobody has to guess where a number
came from.  ``therapy`` says which kind it is, and so which numbers it has.  ``load`` turns a name into
typed values and refuses a file that says anything else; the
SHA-256 of the file's bytes goes into every session's record.

Units: the TOML speaks s, mmHg, mA, us and Hz (what people say); the values speak ms, mmHg, uA, us, 0.1 Hz.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

_FOLDER = Path(__file__).with_name("prescriptions")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class PrescriptionError(Exception):
    """A prescription that does not exist or does not make sense; the message says which and why."""


@dataclass(frozen=True, slots=True)
class RvosPrescription:
    """Repetitive vascular occlusion, ready for the plan."""

    name: str
    title: str
    sha256: str
    cycles: int
    occlusion_ms: int
    reperfusion_ms: int
    margin_mmhg: int
    baseline_ms: int
    pressure_wait_ms: int

    therapy: ClassVar[str] = "rvos"
    uses_cuff: ClassVar[bool] = True
    uses_stimulator: ClassVar[bool] = False

    @property
    def steps(self) -> int:
        """How many cycles there are."""
        return self.cycles

    def target_mmhg(self, systolic_mmhg: int) -> int:
        """What it gives somebody with this systolic pressure."""
        return systolic_mmhg + self.margin_mmhg


@dataclass(frozen=True, slots=True)
class NmesPrescription:
    """Neuromuscular electrical stimulation, ready for the plan. ``current_ua`` is the highest."""

    name: str
    title: str
    sha256: str
    duration_ms: int
    on_ms: int
    off_ms: int
    frequency_dhz: int
    pulse_width_us: int
    current_ua: int

    therapy: ClassVar[str] = "nmes"
    uses_cuff: ClassVar[bool] = False
    uses_stimulator: ClassVar[bool] = True

    @property
    def contractions(self) -> int:
        """How many contractions, each with its pause, fill the time."""
        return self.duration_ms // (self.on_ms + self.off_ms)

    @property
    def steps(self) -> int:
        """How many contractions there are."""
        return self.contractions

    def tightened(self, current_ua: int) -> "NmesPrescription":
        """The same with a current that is not above this."""
        return replace(self, current_ua=min(self.current_ua, current_ua))


@dataclass(frozen=True, slots=True)
class NmesForcePrescription(NmesPrescription):
    """Stimulation in closed loop on force: towards ``target_mn`` above rest, within ``tolerance_mn``.

    A miss of 1 N changes the current by ``gain_ua_per_n``; after a fall it waits ``settle_ms``.
    """

    target_mn: int
    tolerance_mn: int
    gain_ua_per_n: int
    settle_ms: int

    therapy: ClassVar[str] = "nmes-force"


@dataclass(frozen=True, slots=True)
class NoPrescription:
    """What a session for examinations alone has in the place of one; its name is empty in every record."""

    name: str = ""
    title: str = "examinations"
    sha256: str = ""

    therapy: ClassVar[str] = ""
    uses_cuff: ClassVar[bool] = True
    uses_stimulator: ClassVar[bool] = False
    steps: ClassVar[int] = 0


Written = RvosPrescription | NmesPrescription
"""A prescription that somebody wrote."""

Prescription = Written | NoPrescription


_Words = Annotated[str, msgspec.Meta(pattern=r"\S")]


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number with where it comes from."""

    value: Annotated[int, msgspec.Meta(ge=0, le=3600)]
    unit: _Words
    source: _Words
    certainty: Literal["read", "standard from memory", "engineering proposal"]


class _Cycles(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=20)]


class _Occlusion(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=300)]


class _Margin(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=20, le=150)]


class _On(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=20)]


class _Off(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=120)]


class _Frequency(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=100)]


class _Width(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=50, le=1000)]


class _Current(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=200)]


class _Force(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=500)]


class _Gain(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class _Settle(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=0, le=1000)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="therapy"):
    name: str
    title: str


class RvosFile(_File, frozen=True, forbid_unknown_fields=True, tag="rvos"):
    """The file of an occlusion as it is written."""

    cycles: _Cycles
    occlusion: _Occlusion
    reperfusion: Quantity
    margin: _Margin
    baseline: Quantity
    pressure_wait: Quantity

    def prescription(self, sha256: str) -> RvosPrescription:
        """Ready for the plan."""
        return RvosPrescription(
            name=self.name,
            title=self.title,
            sha256=sha256,
            cycles=self.cycles.value,
            occlusion_ms=self.occlusion.value * 1000,
            reperfusion_ms=self.reperfusion.value * 1000,
            margin_mmhg=self.margin.value,
            baseline_ms=self.baseline.value * 1000,
            pressure_wait_ms=self.pressure_wait.value * 1000,
        )


class NmesFile(_File, frozen=True, forbid_unknown_fields=True, tag="nmes"):
    """The file of a stimulation as it is written."""

    duration: Quantity
    on: _On
    off: _Off
    frequency: _Frequency
    pulse_width: _Width
    current: _Current

    def prescription(self, sha256: str) -> NmesPrescription:
        """Ready for the plan."""
        return NmesPrescription(
            name=self.name,
            title=self.title,
            sha256=sha256,
            duration_ms=self.duration.value * 1000,
            on_ms=self.on.value * 1000,
            off_ms=self.off.value * 1000,
            frequency_dhz=self.frequency.value * 10,
            pulse_width_us=self.pulse_width.value,
            current_ua=self.current.value * 1000,
        )


class NmesForceFile(NmesFile, frozen=True, forbid_unknown_fields=True, tag="nmes-force"):
    """The file of a stimulation in closed loop on force as it is written: a stimulation and its loop."""

    target_force: _Force
    tolerance: _Force
    gain: _Gain
    settle: _Settle

    def prescription(self, sha256: str) -> NmesForcePrescription:
        """Ready for the plan."""
        contractions = super().prescription(sha256)
        return NmesForcePrescription(
            **{field.name: getattr(contractions, field.name) for field in fields(contractions)},
            target_mn=self.target_force.value * 1000,
            tolerance_mn=self.tolerance.value * 1000,
            gain_ua_per_n=self.gain.value,
            settle_ms=self.settle.value,
        )


_Files = RvosFile | NmesFile | NmesForceFile


def names() -> list[str]:
    """Every prescription that is shipped, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")
    )


def text(name: str) -> str:
    """The prescription's file as a person wrote it. Raises PrescriptionError."""
    return _read(name).decode()


def load(name: str) -> Written:
    """The prescription of this name. Raises PrescriptionError."""
    return parse(name, _read(name))


def parse(name: str, data: bytes) -> Written:
    """A prescription from the bytes of its file. Raises PrescriptionError."""
    written = _decode(name, data)
    if written.name != name:
        raise PrescriptionError(f"prescription {name}: the file calls itself {written.name!r}")
    found = written.prescription(hashlib.sha256(data).hexdigest())
    if not found.steps:
        raise PrescriptionError(
            f"prescription {name}: its duration is shorter than one contraction with its rest"
        )
    return found


def _read(name: str) -> bytes:
    if not _NAME.fullmatch(name) or name not in names():
        raise PrescriptionError(f"no prescription {name!r}; there are: {', '.join(names())}")
    return (_FOLDER / f"{name}.toml").read_bytes()


def _decode(name: str, data: bytes) -> _Files:
    try:
        found: _Files = msgspec.convert(tomllib.loads(data.decode()), _Files)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PrescriptionError(f"prescription {name}: {error}") from error
    return found
