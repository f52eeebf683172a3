"""A conduction study from a file: a document (TOML, JSON), or a table of one row a site (CSV).

Theory of operation
-------------------
The document is a ``gateway.exams.conduction.Study`` as it stands there.  A table has the columns ``nerve``,
``side``, ``site`` and ``amplitude_mv``, and as many of the others as were measured (``COLUMNS``); an empty
cell was not measured.  A row with ``amplitude_uv`` is a sensory nerve and needs no site.  Sites come from
distal to proximal, as they stand in the file.

How amplitude, area and duration were measured decides which criteria may be used.  A document says it; for a
table a person says it.

Units: in the names of the columns.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.exams.cells import Table, table, text_of
from gateway.exams.conduction import Study
from gateway.exams.errors import NotStated, RecordingUnusable
from gateway.exams.recordings import content
from gateway.exams.result import Source

SITE = (
    "amplitude_mv",
    "area_mv_ms",
    "duration_ms",
    "onset_ms",
    "distance_mm",
    "last_duration_ms",
    "supramaximal",
)
SENSORY = ("amplitude_uv", "lower_limit_uv", "velocity_m_s", "slowest_normal_m_s")
COLUMNS = ("nerve", "side", "site", *SITE, "lower_limit_mv", *SENSORY)

_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How the numbers of a table were measured, by the ids of ``dsp.evoked.DEFINITIONS``."""

    amplitude: str = ""
    area: str = ""
    duration: str = ""


class Given(NamedTuple):
    """A study and the file that it came from."""

    study: Study
    source: Source


def is_document(path: Path) -> bool:
    """Whether the name says that this is a document."""
    return path.suffix.lower() in (".toml", ".json")


def document(path: Path) -> Given:
    """The study in a TOML or JSON document. Raises ``RecordingUnusable``."""
    data = content(path)
    try:
        text = data.decode("utf-8-sig")
        raw = msgspec.json.decode(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        study = msgspec.convert(raw, Study)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise RecordingUnusable(path, f"not a conduction study: {error}") from error
    return Given(study, _source(path, data))


def _source(path: Path, data: bytes) -> Source:
    return Source(name=path.name, sha256=hashlib.sha256(data).hexdigest())


def sites(path: Path, measured: Measured) -> Given:
    """The study in a table of sites. Raises ``RecordingUnusable`` and ``NotStated``."""
    data = content(path)
    found = table(path.name, text_of(path.name, data))
    _columns(found)
    rows = [_row(found, number, row) for number, row in enumerate(found.rows, 2)]
    if not rows:
        raise RecordingUnusable(path.name, "a header and no site below it: give one row for each site")
    _stated(rows, measured)
    raw = {
        "amplitude": measured.amplitude or "negative_peak",
        "area": measured.area or "negative_phase",
        "duration": measured.duration or "negative_phase",
        "motor": _motor([row for row in rows if "amplitude_uv" not in row]),
        "sensory": [_sensory(row) for row in rows if "amplitude_uv" in row],
    }
    try:
        return Given(msgspec.convert(raw, Study), _source(path, data))
    except msgspec.ValidationError as error:
        raise RecordingUnusable(path.name, f"not a conduction study: {error}") from error


def _columns(found: Table) -> None:
    unknown = [name for name in found.header if name not in COLUMNS]
    if unknown:
        text = f"no column {', '.join(unknown)} in a table of sites; there are: {', '.join(COLUMNS)}"
        raise RecordingUnusable(found.name, text)
    missing = [name for name in ("nerve", "side") if name not in found.header]
    if missing:
        raise RecordingUnusable(
            found.name, f"no column {' and '.join(missing)}: give each row its nerve and side"
        )


def _row(found: Table, number: int, cells: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, cell in zip(found.header, cells, strict=True):
        text = cell.strip()
        if not text:
            continue
        made[name] = text if name in ("nerve", "side", "site") else _value(found, number, name, text)
    return made


def _value(found: Table, number: int, name: str, text: str) -> float | bool:
    if name == "supramaximal":
        if text.lower() not in _YES:
            raise RecordingUnusable(found.name, f"row {number}: supramaximal is {text!r}: write yes or no")
        return _YES[text.lower()]
    value = found.number(text)
    if value != value:
        raise RecordingUnusable(
            found.name, f"row {number}: {name} is {text!r}: give a number, or nothing where not measured"
        )
    return value


def _stated(rows: list[dict[str, Any]], measured: Measured) -> None:
    used = {
        "amplitude": any("amplitude_mv" in row for row in rows),
        "area": any("area_mv_ms" in row for row in rows),
        "duration": any("duration_ms" in row for row in rows),
    }
    missing = [name for name, is_used in used.items() if is_used and not getattr(measured, name)]
    if missing:
        options = " ".join(f"--{name}-is ..." for name in missing)
        text = f"say how {', '.join(missing)} were measured: {options} (negative_peak, negative_phase ...)"
        raise NotStated("conduction", text)


def _motor(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    nerves: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row.get("nerve", ""), row.get("side", ""))
        nerve = nerves.setdefault(key, {"nerve": key[0], "side": key[1], "sites": []})
        nerve["sites"].append({name: row[name] for name in ("site", *SITE) if name in row})
        if "lower_limit_mv" in row:
            nerve["lower_limit_mv"] = row["lower_limit_mv"]
    return list(nerves.values())


def _sensory(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("nerve", "side", *SENSORY) if name in row}
