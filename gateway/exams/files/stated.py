"""What a person states about a file, and a recording opened with it.

Theory of operation
-------------------
A file seldom says all: which column is the cuff, in which unit, at what rate, where the probe was.
``Stated`` has it in the person's words; ``opened`` reads the file and gives the columns their *roles*
(``sto2``, ``cuff``, ``emg`` ...) in the unit that the examination needs.  A column that has a role's name and
a unit that can be converted takes it without a word; every other choice becomes a ``Parameter`` of the
result.

``completed`` adds to a result what belongs to every one: these parameters, what was not stated, and which
definitions and limits are from memory, so that no such number is silent.

A PortaMon's comma-separated export counts samples and names no rate.  Such a file is taken at 10 Hz, as the
device exports by default, and every number of time made from it is flagged until a person states the rate.

Units: as each role says.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.exams.cells import text_of
from gateway.exams.errors import NotStated
from gateway.exams.recording import Column, Recording
from gateway.exams.recordings import Format, content, format_of, parse
from gateway.exams.result import Certainty, Flag, Parameter, Probe, Result, Scalar, Severity
from gateway.exams.separated_values import UNITS, Layout
from gateway.model import Limb

_PORTAMON = {"sample", "thb_um", "hhb_um", "o2hb_um"}
_PORTAMON_HZ = 10.0
_FACTORS = {
    ("V", "mV"): 1e3,
    ("uV", "mV"): 1e-3,
    ("V", "uV"): 1e6,
    ("mV", "uV"): 1e3,
    ("kPa", "mmHg"): 7.50062,
}
COMMAND_LINE = "stated by the person who ran the analysis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """``columns``: ``ROLE=NAME`` or ``ROLE=NAME:UNIT``; ``scales``: ``ROLE=GAIN,OFFSET``; ``time``:
    ``NAME:UNIT``; ``header``: names, separated by commas. What is empty was not stated.
    """

    rate_hz: float | None = None
    header: str = ""
    time: str = ""
    columns: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    limb: Limb | None = None
    device: str = ""
    site: str = ""
    channel: str = ""
    spacing_mm: float | None = None
    formats: tuple[Format, ...] = ()
    """Formats of other rooms that this run can read; not stated by anybody."""


class Opened(NamedTuple):
    """A recording whose columns have their roles, and what is already known for the result."""

    recording: Recording
    probe: Probe
    limb: Limb | None
    parameters: tuple[Parameter, ...]
    flags: tuple[Flag, ...]


def opened(path: Path, stated: Stated, roles: Mapping[str, str]) -> Opened:
    """The recording; ``roles`` are names with the units that are needed (empty: any).

    Raises ``RecordingUnusable`` and ``NotStated``.
    """
    positive("--rate", stated.rate_hz)
    positive("--spacing-mm", stated.spacing_mm)
    own = format_of(path, stated.formats)
    if own is not None:
        return _described(own.read(path, _wanted(path, stated, roles)), stated, roles)
    data = content(path)
    rate_hz, flags = stated.rate_hz, []
    if rate_hz is None and _is_portamon(text_of(path.name, data[:4096])):
        rate_hz = _PORTAMON_HZ
        flags.append(_rate_assumed(rate_hz))
    read = parse(path.name, data, rate_hz, _layout(stated))
    known = _described(read, stated, roles)
    parameters = list(known.parameters)
    if rate_hz is not None:
        parameters.append(entered("rate", rate_hz, "Hz", assumed=stated.rate_hz is None))
    return known._replace(parameters=tuple(parameters), flags=(*flags, *known.flags))


def _described(read: Recording, stated: Stated, roles: Mapping[str, str]) -> Opened:
    """With its roles, and with what a person stated of the probe before what the file says of it."""
    recording, parameters = _with_roles(read, stated, roles)
    columns = (recording.columns.get(role) for role in roles)
    main = next((one for one in columns if one is not None and one.probe is not None), None)
    told = Probe(device=read.device, site="") if main is None or main.probe is None else main.probe
    probe = Probe(
        device=stated.device or told.device,
        site=stated.site or told.site,
        channel=stated.channel or told.channel,
        spacing_mm=told.spacing_mm if stated.spacing_mm is None else stated.spacing_mm,
    )
    limb = stated.limb or (main.limb if main else None)
    return Opened(recording, probe, limb, (*read.parameters, *parameters), read.flags)


def _wanted(path: Path, stated: Stated, roles: Mapping[str, str]) -> list[str]:
    """The columns that a file of many has to give: by their roles, or as a person named them."""
    if stated.header or stated.time or stated.rate_hz is not None:
        text = "it says its columns, times and rates itself: leave --header, --time and --rate out"
        raise NotStated(path.name, text)
    asked = dict(_pair("--column", one, roles) for one in stated.columns)
    return [_without_unit(asked[role]) if role in asked else role for role in roles]


def _without_unit(asked: str) -> str:
    name, _, unit = asked.rpartition(":")
    return (name if name and unit.strip().lower() in UNITS else asked).strip().lower()


def positive(option: str, value: float | None) -> None:
    """Raises ``NotStated`` for a number that is stated and is not above 0, or none at all."""
    if value is not None and not 0.0 < value < float("inf"):
        raise NotStated(option, f"{value:g}: give a number above 0")


def entered(
    name: str, value: "Scalar | tuple[Scalar, ...]", unit: str = "", *, assumed: bool = False
) -> Parameter:
    """A parameter that a person stated, or, ``assumed``, a default of ours that nobody changed."""
    return Parameter(
        name=name,
        value=value,
        unit=unit,
        source="default of this analysis" if assumed else COMMAND_LINE,
        certainty=Certainty.PROPOSAL if assumed else Certainty.ENTERED,
    )


def completed(
    result: Result, known: Opened, parameters: tuple[Parameter, ...] = (), flags: tuple[Flag, ...] = ()
) -> Result:
    """The result with what belongs to every one of them."""
    own = {one.name for one in parameters}
    kept = tuple(one for one in result.parameters if one.name not in own)
    made = msgspec.structs.replace(
        result,
        parameters=(*kept, *known.parameters, *parameters),
        flags=(*result.flags, *known.flags, *flags, *_gaps(result, known), *_not_stated(known)),
    )
    return msgspec.structs.replace(made, flags=(*made.flags, *_unverified(made)))


def _gaps(result: Result, known: Opened) -> tuple[Flag, ...]:
    """The gaps of the recording, where the examination has not told them itself."""
    gaps = known.recording.gaps
    if not gaps or any(one.id == "gap" and not one.of for one in result.flags):
        return ()
    lost_s = sum(one.end_s - one.start_s for one in gaps)
    text = f"{len(gaps)} gaps, {lost_s:.1f} s without samples: what happened there is not in the result"
    return (Flag(id="gap", severity=Severity.DOUBTFUL, text=text),)


def _not_stated(known: Opened) -> tuple[Flag, ...]:
    probe = known.probe
    named = {"device": probe.device, "site": probe.site, "spacing": probe.spacing_mm, "limb": known.limb}
    missing = [what for what, value in named.items() if not value]
    if not missing:
        return ()
    text = f"{', '.join(missing)} not stated: this result can be compared with no other"
    return (Flag(id="not_stated", severity=Severity.NOTE, text=text),)


def _unverified(result: Result) -> tuple[Flag, ...]:
    doubted = (Certainty.MEMORY, Certainty.UNKNOWN)
    names = [one.id for one in result.definitions if one.certainty in doubted]
    names += [f"{one.name} ({one.value})" for one in result.parameters if one.certainty in doubted]
    if not names:
        return ()
    text = f"from memory, not read in the source: {', '.join(names)}"
    return (Flag(id="unverified", severity=Severity.NOTE, text=text),)


def _is_portamon(text: str) -> bool:
    head = text.split("\n", 1)[0].lower()
    return {cell.strip() for cell in head.split(",")} >= _PORTAMON


def _rate_assumed(rate_hz: float) -> Flag:
    text = (
        f"the file counts samples and names no rate: taken at {rate_hz:g} Hz, as a PortaMon exports; every "
        f"time and slope, and k, scale with it: confirm with --rate {rate_hz:g}"
    )
    return Flag(id="rate_assumed", severity=Severity.DOUBTFUL, text=text)


def _layout(stated: Stated) -> Layout:
    header = tuple(cell.strip() for cell in stated.header.split(",")) if stated.header else ()
    if not stated.time:
        return Layout(header)
    name, _, unit = stated.time.rpartition(":")
    if not name:
        raise NotStated("--time", f"{stated.time!r}: say the column and its unit, such as elapsed:ms")
    return Layout(header, name, unit.lower())


def _with_roles(
    recording: Recording, stated: Stated, roles: Mapping[str, str]
) -> tuple[Recording, list[Parameter]]:
    asked = dict(_pair("--column", one, roles) for one in stated.columns)
    scales = dict(_pair("--scale", one, roles) for one in stated.scales)
    columns, parameters = dict(recording.columns), list[Parameter]()
    for role, unit in roles.items():
        found = _column(recording, role, asked.get(role))
        if found is None:
            continue
        if role in asked:
            parameters.append(entered(f"column {role}", found.header or asked[role]))
        if role in scales:
            gain, offset = _gain(role, scales[role])
            found = found._replace(values=_scaled(found.values, gain, offset), unit=unit or found.unit)
            parameters.append(entered(f"scale {role}", (gain, offset), unit))
        columns[role] = _converted(recording, role, found, unit)
    for role in scales:
        if role not in columns:
            raise NotStated("--scale", f"no column is {role}: name it with --column {role}=NAME")
    return replace(recording, columns=columns), parameters


def _pair(option: str, text: str, roles: Mapping[str, str]) -> tuple[str, str]:
    role, is_there, value = text.partition("=")
    if not (is_there and role.strip() in roles and value.strip()):
        known = ", ".join(roles)
        raise NotStated(option, f"{text!r}: write ROLE=..., the roles of this examination are {known}")
    return role.strip(), value.strip()


def _column(recording: Recording, role: str, asked: str | None) -> Column | None:
    if asked is None:
        return recording.columns.get(role)
    name, _, unit = asked.rpartition(":")
    stated_unit = UNITS.get(unit.strip().lower()) if name else None
    wanted = (asked if stated_unit is None else name).strip().lower()
    for called, column in recording.columns.items():
        if wanted in (called, column.header):
            return column if stated_unit is None else column._replace(unit=stated_unit)
    there = ", ".join(one.header or called for called, one in recording.columns.items()) or "none"
    raise NotStated(recording.source.name, f"no column {asked!r} for {role}; there are: {there}")


def _gain(role: str, text: str) -> tuple[float, float]:
    try:
        gain, offset = (float(one) for one in text.split(","))
    except ValueError:
        gain = offset = 0.0
    if gain == 0.0 or not abs(gain) + abs(offset) < float("inf"):
        raise NotStated("--scale", f"{role}={text}: give GAIN,OFFSET: made is value x GAIN + OFFSET")
    return gain, offset


def _scaled(values: "array[float]", gain: float, offset: float) -> "array[float]":
    return array("d", (gain * one + offset for one in values))


def _converted(recording: Recording, role: str, column: Column, unit: str) -> Column:
    if unit in ("", column.unit):
        return column
    factor = _FACTORS.get((column.unit, unit))
    if factor is None:
        has = f"is in {column.unit}" if column.unit else "says no unit"
        name = column.header or role
        text = f"{name} {has}, {unit} is needed: state it, --column {role}={name}:UNIT, or use --scale"
        raise NotStated(recording.source.name, text)
    return column._replace(values=_scaled(column.values, factor, 0.0), unit=unit)


def needed(recording: Recording, *roles: str) -> None:
    """Raises ``NotStated`` where no column has one of these roles."""
    missing = [role for role in roles if role not in recording.columns]
    if missing:
        there = ", ".join(one.header or called for called, one in recording.columns.items()) or "none"
        how = " ".join(f"--column {role}=NAME" for role in missing)
        text = f"no column is {' or '.join(missing)}; there are: {there}; say which one it is: {how}"
        raise NotStated(recording.source.name, text)
