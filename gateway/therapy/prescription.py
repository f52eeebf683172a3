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
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec

from gateway.model import Reason

_FOLDER = Path(__file__).with_name("prescriptions")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


BEFORE_THE_NEXT_MS = 2
"""A pulse may come so much earlier than its frequency says: four samples of 2 kHz (engineering proposal)."""


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
    sensor_lost: ClassVar[Reason] = Reason.FORCE_LOST

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
class NmesLoopPrescription(NmesPrescription):
    """Stimulation in closed loop on what the muscle answers: towards ``target``, within ``tolerance``.

    An answer is a force above rest (mN) or an evoked response from peak to peak (uV).  A miss of 1000 of its
    units changes the current by ``gain_ua``; after a fall it waits ``settle_ms``.
    """

    target: int
    tolerance: int
    gain_ua: int
    settle_ms: int

    above_rest: ClassVar[bool]
    aim: ClassVar[str]

    @property
    def goal(self) -> str:
        """The target in words."""
        return self.aim.format(self.target / 1000)


@dataclass(frozen=True, slots=True)
class NmesForcePrescription(NmesLoopPrescription):
    """In closed loop on force: mN above rest."""

    therapy: ClassVar[str] = "nmes-force"
    above_rest: ClassVar[bool] = True
    aim: ClassVar[str] = "a force of {:g} N above rest"


class Sweep(NamedTuple):
    """Where in the EMG the response to a pulse is looked for.

    A step of ``artifact_uv`` between two samples is the stimulus artifact; the response lies from
    ``begin_ms`` to ``end_ms`` after it, and is none that rises and falls by less than ``least_uv``.
    """

    artifact_uv: int
    begin_ms: int
    end_ms: int
    least_uv: int


@dataclass(frozen=True, slots=True)
class NmesEvokedPrescription(NmesLoopPrescription):
    """In closed loop on the evoked response (M-wave): uV from peak to peak."""

    sweep: Sweep

    therapy: ClassVar[str] = "nmes-evoked"
    above_rest: ClassVar[bool] = False
    aim: ClassVar[str] = "an evoked response of {:g} mV from peak to peak"
    sensor_lost: ClassVar[Reason] = Reason.EMG_LOST


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


class _Voltage(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=20_000)]


class _GainOfMillivolt(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=20_000)]


class _Window(Quantity, frozen=True, forbid_unknown_fields=True):
    value: Annotated[int, msgspec.Meta(ge=1, le=100)]


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
        return NmesForcePrescription(
            **_contractions(super().prescription(sha256)),
            target=self.target_force.value * 1000,
            tolerance=self.tolerance.value * 1000,
            gain_ua=self.gain.value,
            settle_ms=self.settle.value,
        )


class NmesEvokedFile(NmesFile, frozen=True, forbid_unknown_fields=True, tag="nmes-evoked"):
    """The file of a stimulation in closed loop on the evoked response: a stimulation, its loop, its sweep."""

    target_response: _Voltage
    tolerance: _Voltage
    gain: _GainOfMillivolt
    settle: _Settle
    artifact: _Voltage
    window_begin: _Window
    window_end: _Window
    least_response: _Voltage

    def prescription(self, sha256: str) -> NmesEvokedPrescription:
        """Ready for the plan. Raises PrescriptionError: the window ends before it begins, or too late; the
        target is not between what is no response and what is an artifact."""
        self._check_window()
        self._check_heights()
        return NmesEvokedPrescription(
            **_contractions(super().prescription(sha256)),
            target=self.target_response.value,
            tolerance=self.tolerance.value,
            gain_ua=self.gain.value,
            settle_ms=self.settle.value,
            sweep=Sweep(
                artifact_uv=self.artifact.value,
                begin_ms=self.window_begin.value,
                end_ms=self.window_end.value,
                least_uv=self.least_response.value,
            ),
        )

    def _check_heights(self) -> None:
        target_uv, tolerance_uv = self.target_response.value, self.tolerance.value
        if not self.least_response.value < target_uv - tolerance_uv:
            raise PrescriptionError(
                f"prescription {self.name}: {self.least_response.value} uV are a response; that has to be "
                f"less than the target without its tolerance, {target_uv - tolerance_uv} uV"
            )
        if not self.artifact.value > target_uv + tolerance_uv:
            raise PrescriptionError(
                f"prescription {self.name}: a step of {self.artifact.value} uV is an artifact; that has to "
                f"be more than the target with its tolerance, {target_uv + tolerance_uv} uV"
            )

    def _check_window(self) -> None:
        begin_ms, end_ms = self.window_begin.value, self.window_end.value
        if begin_ms >= end_ms:
            raise PrescriptionError(
                f"prescription {self.name}: its window ends at {end_ms} ms and begins at {begin_ms} ms"
            )
        if (end_ms + BEFORE_THE_NEXT_MS) * self.frequency.value > 1000:
            raise PrescriptionError(
                f"prescription {self.name}: at {self.frequency.value} Hz a pulse follows "
                f"{1000 // self.frequency.value} ms after the last; the window has to end "
                f"{BEFORE_THE_NEXT_MS} ms before that, not at {end_ms} ms"
            )


def _contractions(found: NmesPrescription) -> dict[str, Any]:
    """Everything of a stimulation that its loop is added to."""
    return {field.name: getattr(found, field.name) for field in fields(NmesPrescription)}


_Files = RvosFile | NmesFile | NmesForceFile | NmesEvokedFile


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
