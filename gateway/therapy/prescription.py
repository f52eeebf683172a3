"""Prescriptions: what a session is to do, as data that a clinician can read.

Theory of operation
-------------------
A prescription is a TOML file shipped with the package.  Every number stands in a table of its own
with its unit, its source and how sure we are of it, so that nobody has to guess where a number
came from.  ``load`` turns a name into typed values and refuses a file that says anything else; the
SHA-256 of the file's bytes goes into every session's record.

Units: the TOML speaks seconds and mmHg (what people say); ``RvosPrescription`` speaks ms and mmHg.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Literal

import msgspec

_FOLDER = resources.files("gateway.therapy") / "prescriptions"
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


class RvosFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written."""

    name: str
    title: str
    therapy: Annotated[str, msgspec.Meta(pattern="^rvos$")]
    cycles: _Cycles
    occlusion: _Occlusion
    reperfusion: Quantity
    margin: _Margin
    baseline: Quantity
    pressure_wait: Quantity


def names() -> list[str]:
    """Every prescription that is shipped, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")
    )


def text(name: str) -> str:
    """The prescription's file as a person wrote it. Raises PrescriptionError."""
    return _read(name).decode()


def load(name: str) -> RvosPrescription:
    """The prescription of this name. Raises PrescriptionError."""
    return parse(name, _read(name))


def parse(name: str, data: bytes) -> RvosPrescription:
    """A prescription from the bytes of its file. Raises PrescriptionError."""
    written = _decode(name, data)
    if written.name != name:
        raise PrescriptionError(f"prescription {name}: the file calls itself {written.name!r}")
    return RvosPrescription(
        name=written.name,
        title=written.title,
        sha256=hashlib.sha256(data).hexdigest(),
        cycles=written.cycles.value,
        occlusion_ms=written.occlusion.value * 1000,
        reperfusion_ms=written.reperfusion.value * 1000,
        margin_mmhg=written.margin.value,
        baseline_ms=written.baseline.value * 1000,
        pressure_wait_ms=written.pressure_wait.value * 1000,
    )


def _read(name: str) -> bytes:
    if not _NAME.fullmatch(name) or name not in names():
        raise PrescriptionError(f"no prescription {name!r}; there are: {', '.join(names())}")
    return (_FOLDER / f"{name}.toml").read_bytes()


def _decode(name: str, data: bytes) -> RvosFile:
    try:
        return msgspec.convert(tomllib.loads(data.decode()), RvosFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PrescriptionError(f"prescription {name}: {error}") from error
