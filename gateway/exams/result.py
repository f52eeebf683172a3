"""The result that all examinations share: numbers that say how they were made.

Theory of operation
-------------------
A ``Result`` is a frozen document.  Each ``Value`` carries its unit and the id of the definition that it was
computed by; a value that could not be had is ``None`` and a ``Flag`` about it says why, so a number is never
silent and never a NaN.  What is needed to compute it again stands beside it: the parameters with where they
come from, the windows, the fitted curves (what a plot draws), the recording's digest and the version of this
software.  ``encode`` and ``decode`` are its JSON.

A value ``of`` something belongs to one part of the examination: the third occlusion (``"3"``), a nerve, an
electrode pair.  Names are unique together with ``of`` and ``definition``.

Numbers of two results may be compared only where they mean the same: ``change`` raises ``NotComparable``
otherwise.  Slopes of tissue saturation differ threefold between probe spacings of 15 and 25 mm (clinical
facts, 4.2), so device, spacing, site and limb belong to what must agree.

A result says that a criterion is met or not.  It is never a diagnosis.

Units: in each value; windows in seconds from the first sample of the recording; spacing in mm.
"""

import hashlib
import math
from enum import StrEnum
from typing import Literal, Self

import msgspec

from gateway import __version__
from gateway.exams.errors import ExamRefused, NotComparable
from gateway.model import Limb

Scalar = float | int | str | bool


class Severity(StrEnum):
    """What a flag does to the numbers that it is about."""

    NOTE = "note"
    """Worth knowing; the number stands."""
    DOUBTFUL = "doubtful"
    """The number stands, but a person has to look before it is used."""
    MISSING = "missing"
    """There is no number, for this reason."""


class Certainty(StrEnum):
    """How sure we are of a number or method that is not ours; the words of the clinical facts' tags."""

    READ = "read"
    MEMORY = "from memory"
    UNKNOWN = "unknown"
    PROPOSAL = "engineering proposal"
    ENTERED = "entered by a person"
    MEASURED = "measured"


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Settings that all parts share."""


class Probe(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What measured, and where: must agree before two results are compared.

    ``spacing_mm`` is the distance between light source and detector, or between electrodes; ``None`` where
    there is none or nobody stated it.  ``site`` is in the words of the person: "vastus lateralis", "thenar".
    """

    device: str
    site: str
    channel: str = ""
    spacing_mm: float | None = None


class Value(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One number. ``low`` and ``high`` bound it with ``confidence`` (0.95 for 95 %).

    ``value`` is ``None`` where it could not be had.  ``samples`` is how many samples it was made from,
    ``r_squared`` how well a fitted line or curve explains them.
    """

    name: str
    unit: str
    definition: str
    value: float | None
    of: str = ""
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    r_squared: float | None = None
    samples: int | None = None

    def __post_init__(self) -> None:
        for number in (self.value, self.low, self.high, self.confidence, self.r_squared):
            if number is not None and not math.isfinite(number):
                raise ExamRefused(self.name, f"{number} is no number: give None and a flag that says why")


class Flag(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that a reader must know.

    ``about`` names a value, ``of`` its part, ``definition`` by which it was to be had; empty: the whole.
    """

    id: str
    severity: Severity
    text: str
    about: str = ""
    of: str = ""
    definition: str = ""


class Parameter(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A choice that the numbers depend on, with where it comes from."""

    name: str
    value: Scalar | tuple[Scalar, ...]
    unit: str
    source: str
    certainty: Certainty


class Definition(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an id means: the method in words and the paper that it is from."""

    id: str
    text: str
    source: str
    certainty: Certainty


class Window(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The part of the recording from ``start_s`` to ``end_s`` that something was computed from."""

    name: str
    start_s: float
    end_s: float
    of: str = ""


class Curve(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fitted curve, for a person to look at: of the value ``about``, over ``start_s`` to ``end_s``.

    ``line``: ``a + b (t - start_s)`` with coefficients ``(a, b)``.
    ``recovery``: ``end - drop exp(-k (t - start_s))`` with ``(end, drop, k)``, k in 1/s.
    """

    about: str
    model: Literal["line", "recovery"]
    start_s: float
    end_s: float
    coefficients: tuple[float, ...]
    of: str = ""

    def at(self, time_s: float) -> float:
        """The curve at this time."""
        since_s = time_s - self.start_s
        if self.model == "line":
            start, slope = self.coefficients
            return start + slope * since_s
        end, drop, rate = self.coefficients
        return end - drop * math.exp(-rate * since_s)


class Source(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The recording that was analysed: its name, SHA-256, rate and length."""

    name: str
    sha256: str = ""
    rate_hz: float | None = None
    duration_s: float | None = None

    @classmethod
    def of_bytes(cls, name: str, data: bytes, rate_hz: float | None, duration_s: float | None) -> Self:
        """With the digest of these bytes."""
        return cls(name=name, sha256=hashlib.sha256(data).hexdigest(), rate_hz=rate_hz, duration_s=duration_s)


class Result(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """What one examination found in one recording, by one main ``definition``."""

    exam: str
    definition: str
    probe: Probe
    recording: Source
    values: tuple[Value, ...]
    flags: tuple[Flag, ...] = ()
    limb: Limb | None = None
    parameters: tuple[Parameter, ...] = ()
    definitions: tuple[Definition, ...] = ()
    windows: tuple[Window, ...] = ()
    curves: tuple[Curve, ...] = ()
    findings: dict[str, str] = {}
    """Words rather than numbers: a nerve's outcome by a criterion. The key says of what and by which."""
    schema: Literal["rvos.exam/1"] = "rvos.exam/1"
    """Changes when a reader of older results would misunderstand newer ones."""
    software: str = f"rvos {__version__}"

    def __post_init__(self) -> None:
        seen: set[tuple[str, str, str]] = set()
        told = {(flag.about, flag.of) for flag in self.flags}
        for one in self.values:
            key = (one.name, one.of, one.definition)
            if key in seen:
                raise ExamRefused(self.exam, f"two values {key}: name each part of the examination apart")
            seen.add(key)
            about = {("", ""), ("", one.of), (one.name, ""), (one.name, one.of)}
            if one.value is None and told.isdisjoint(about):
                raise ExamRefused(self.exam, f"{one.name} {one.of} is missing and no flag says why: add one")

    def value(self, name: str, of: str = "", definition: str | None = None) -> Value:
        """The one value of this name. Raises ``ExamRefused`` where there is none or more than one."""
        found = [
            one
            for one in self.values
            if (one.name, one.of) == (name, of) and definition in (None, one.definition)
        ]
        if len(found) != 1:
            raise ExamRefused(self.exam, f"{len(found)} values {name!r} of {of!r}: state name and definition")
        return found[0]

    def flags_about(self, name: str, of: str = "") -> tuple[Flag, ...]:
        """The flags of this value and those of the whole."""
        return tuple(one for one in self.flags if one.about in ("", name) and one.of in ("", of))


def encode(result: Result) -> bytes:
    """JSON on one line."""
    return msgspec.json.encode(result)


def decode(data: bytes) -> Result:
    """What ``encode`` made. Raises ``ExamRefused``."""
    try:
        return msgspec.json.decode(data, type=Result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExamRefused(
            "result", f"not an examination's result ({error}): give a file made by rvos"
        ) from error


def change(before: Result, after: Result, name: str, of: str = "", definition: str | None = None) -> float:
    """``after - before`` of one value, in its unit. Raises ``NotComparable`` where they differ in meaning."""
    first, second = before.value(name, of, definition), after.value(name, of, definition)
    _comparable(before, after, first, second)
    if first.value is None or second.value is None:
        raise NotComparable(name, "one of the two is missing: there is nothing to compare")
    return second.value - first.value


def _comparable(before: Result, after: Result, first: Value, second: Value) -> None:
    agreed = {
        "examination": (before.exam, after.exam),
        "definition": (first.definition, second.definition),
        "unit": (first.unit, second.unit),
        "device": (before.probe.device, after.probe.device),
        "probe spacing": (before.probe.spacing_mm, after.probe.spacing_mm),
        "site": (before.probe.site, after.probe.site),
        "limb": (before.limb, after.limb),
    }
    for what, (one, other) in agreed.items():
        if one != other:
            raise NotComparable(first.name, f"{what} {one} before, {other} after: they mean different things")
        if one is None or one == "":
            raise NotComparable(first.name, f"{what} not stated: state it in both results")
