"""Recorded tissue saturation played to the simulated oximeter instead of the physics.

Theory of operation
-------------------
``load`` reads a CSV into a frozen ``Recording``.  Two layouts, told apart by their header:

* ``t_s,sto2_percent`` and optionally ``event`` (``occlusion``, ``relaxation`` or empty);
* ``sample,thb_um,o2hb_um`` and optionally ``event``, as exported from a PortaMon: 10 samples a
  second, StO2 = O2Hb / tHb.  Marks that start with R (resting occlusion) or A (occlusion) are
  occlusion marks, B are relaxation marks, others mean nothing here.

Columns may stand in any order, among others.  Whatever is wrong raises ``RecordingError``, which
names file, line, column and rule.

``Playback`` keeps the recording in step with the cuff.  It runs in the given time and waits at a
mark until the cuff has done what the mark says: it jumps to the next occlusion mark when the
cuff's status lamp goes to holding, and to that occlusion's relaxation mark when it goes to vented.
So however long a rest or an occlusion lasts, the limb of the recording is never seen occluded
under an empty cuff nor recovering under a full one.  Without marks it just runs; at the end it
holds the last value.

Units: seconds and percent in files; milliseconds and per mille inside.
"""

import csv
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

VENTED = 0
HOLDING = 2

OCCLUSION = "occlusion"
RELAXATION = "relaxation"

_LONGEST_S = 1e7
_PORTAMON_SAMPLES_PER_S = 10.0
_PORTAMON_MARKS = {"R": OCCLUSION, "A": OCCLUSION, "B": RELAXATION}


class RecordingError(ValueError):
    """A recording cannot be used. ``line`` counts from 1; 0 means the file as a whole."""

    def __init__(self, path: Path, line: int, column: str, rule: str) -> None:
        where = f"{path}:{line}" if line else f"{path}"
        what = f", column {column}" if column else ""
        super().__init__(f"{where}{what}: {rule}")
        self.path = path
        self.line = line
        self.column = column
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Occlusion:
    """One occlusion of a recording; ``relaxed_ms`` is ``None`` where its relaxation is not marked."""

    occluded_ms: int
    relaxed_ms: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """Samples in order of time, and the occlusions that were marked."""

    times_ms: tuple[int, ...]
    sto2_permille: tuple[int, ...]
    occlusions: tuple[Occlusion, ...]

    def at(self, position_ms: int) -> int:
        """The latest sample at ``position_ms``; the first one before the start."""
        return self.sto2_permille[max(0, bisect_right(self.times_ms, position_ms) - 1)]


@dataclass(frozen=True, slots=True)
class _Sample:
    time_ms: int
    sto2_permille: int
    mark: str


class _Row:
    """One line of the table, with its place for error messages."""

    def __init__(self, path: Path, line: int, columns: Sequence[str], fields: Sequence[str]) -> None:
        self._path = path
        self._line = line
        if len(fields) != len(columns):
            raise self.error("", f"{len(fields)} fields where the header has {len(columns)} columns")
        self._fields = dict(zip(columns, fields, strict=True))

    def error(self, column: str, rule: str) -> RecordingError:
        return RecordingError(self._path, self._line, column, rule)

    def text(self, column: str) -> str:
        return self._fields.get(column, "").strip()

    def number(self, column: str) -> float:
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            raise self.error(column, f"{text!r} is not a number") from None
        if not math.isfinite(value):
            raise self.error(column, f"{text!r} is not a finite number")
        return value

    def time_ms(self, column: str, per_second: float) -> int:
        seconds = self.number(column) / per_second
        if abs(seconds) > _LONGEST_S:
            raise self.error(column, f"time of {seconds:g} s is beyond {_LONGEST_S:g} s")
        return round(seconds * 1000.0)

    def permille(self, column: str, percent: float) -> int:
        if not 0.0 <= percent <= 100.0:
            raise self.error(column, f"StO2 of {percent:g} % is outside 0 to 100 %")
        return round(percent * 10.0)


def _plain_sample(row: _Row) -> _Sample:
    mark = row.text("event")
    if mark not in ("", OCCLUSION, RELAXATION):
        raise row.error("event", f"{mark!r} is none of {OCCLUSION}, {RELAXATION} or empty")
    percent = row.number("sto2_percent")
    return _Sample(row.time_ms("t_s", 1.0), row.permille("sto2_percent", percent), mark)


def _portamon_sample(row: _Row) -> _Sample:
    total = row.number("thb_um")
    if total <= 0.0:
        raise row.error("thb_um", f"total haemoglobin of {total:g} uM is not above 0")
    percent = 100.0 * row.number("o2hb_um") / total
    mark = _PORTAMON_MARKS.get(row.text("event")[:1], "")
    return _Sample(row.time_ms("sample", _PORTAMON_SAMPLES_PER_S), row.permille("o2hb_um", percent), mark)


@dataclass(frozen=True, slots=True)
class _Layout:
    time_column: str
    needs: tuple[str, ...]
    sample: Callable[[_Row], _Sample]


_PLAIN = _Layout("t_s", ("t_s", "sto2_percent"), _plain_sample)
_PORTAMON = _Layout("sample", ("sample", "thb_um", "o2hb_um"), _portamon_sample)


def load(path: Path) -> Recording:
    """Read a recording. Raises ``RecordingError``."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            samples = list(_samples(path, lines))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise RecordingError(path, 0, "", f"not readable as a CSV text file: {problem}") from problem
    if not samples:
        raise RecordingError(path, 0, "", "holds no samples")
    return Recording(
        times_ms=tuple(sample.time_ms for sample in samples),
        sto2_permille=tuple(sample.sto2_permille for sample in samples),
        occlusions=tuple(_occlusions(samples)),
    )


def _samples(path: Path, lines: Iterable[str]) -> Iterator[_Sample]:
    reader = csv.reader(lines)
    header = next(reader, None)
    if header is None:
        raise RecordingError(path, 0, "", "is empty")
    columns = [name.strip() for name in header]
    layout = _layout(path, columns)
    latest_ms: int | None = None
    for fields in reader:
        if not fields:
            continue
        row = _Row(path, reader.line_num, columns, fields)
        sample = layout.sample(row)
        if latest_ms is not None and sample.time_ms < latest_ms:
            raise row.error(layout.time_column, "time goes backwards")
        latest_ms = sample.time_ms
        yield sample


def _layout(path: Path, columns: Sequence[str]) -> _Layout:
    layout = _PORTAMON if "sample" in columns and "t_s" not in columns else _PLAIN
    missing = [name for name in layout.needs if name not in columns]
    if missing:
        raise RecordingError(
            path,
            1,
            missing[0],
            f"missing column; a recording has {', '.join(_PLAIN.needs)} or {', '.join(_PORTAMON.needs)}, "
            "and optionally event",
        )
    twice = [name for name in (*layout.needs, "event") if columns.count(name) > 1]
    if twice:
        raise RecordingError(path, 1, twice[0], "this column stands more than once in the header")
    return layout


def _occlusions(samples: Sequence[_Sample]) -> Iterator[Occlusion]:
    """Each occlusion mark with the first relaxation mark before the next occlusion mark."""
    occluded_ms: int | None = None
    for sample in samples:
        if not sample.mark:
            continue
        if occluded_ms is not None:
            yield Occlusion(occluded_ms, sample.time_ms if sample.mark == RELAXATION else None)
        occluded_ms = sample.time_ms if sample.mark == OCCLUSION else None
    if occluded_ms is not None:
        yield Occlusion(occluded_ms, None)


class Playback:
    """A recording that follows the cuff, from its first sample at ``now_ms`` on."""

    def __init__(self, recording: Recording, now_ms: int) -> None:
        self._recording = recording
        self._position_ms = recording.times_ms[0]
        self._now_ms = now_ms
        self._coming = list(recording.occlusions)
        self._current: Occlusion | None = None

    def permille(self, now_ms: int) -> int:
        """The value at ``now_ms``."""
        self._run(now_ms)
        return self._recording.at(self._position_ms)

    def indicate(self, indicator: int, now_ms: int) -> None:
        """Tell what the cuff's status lamp shows; only its changes between the two states count."""
        self._run(now_ms)
        if indicator == HOLDING and self._current is None and self._coming:
            self._current = self._coming.pop(0)
            self._position_ms = self._current.occluded_ms
        elif indicator == VENTED and self._current is not None:
            relaxed_ms = self._current.relaxed_ms
            self._current = None
            if relaxed_ms is not None:
                self._position_ms = relaxed_ms

    def _run(self, now_ms: int) -> None:
        elapsed_ms = max(0, now_ms - self._now_ms)
        self._now_ms = max(self._now_ms, now_ms)
        self._position_ms = min(self._position_ms + elapsed_ms, self._stops_ms())

    def _stops_ms(self) -> int:
        """The mark to wait at, or the end."""
        if self._current is not None and self._current.relaxed_ms is not None:
            return self._current.relaxed_ms
        return self._coming[0].occluded_ms if self._coming else self._recording.times_ms[-1]
