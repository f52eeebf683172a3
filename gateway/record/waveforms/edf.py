"""Waveforms as EDF+, continuous (EDF+C) or with gaps (EDF+D).

Theory of operation
-------------------
EDF counts samples: a record is the same whole number of samples of each signal.  The frames of a stream
follow each other at its *nominal* rate; after a gap they go on at the place that their time says, so nothing
is resampled and no frame is left out.  Where the stamps measured another rate than the nominal one, a note
says how far the two are apart at the end.

A record in which no chosen stream has a frame is left out, which makes the file EDF+D; each record tells its
own onset.  Where only some streams have frames, the others' places have the number ``MISSING``, and an
annotation ``no samples: NAME`` says from when on and how long.  Marks are annotations too.

Values have sixteen bits.  int16 streams keep their own; of the others the range that was recorded is spread
over them, and a note tells the step.

Units: record lengths in whole s; places in frames from the beginning of the first record.
"""

import math
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from gateway.record.errors import WaveformRefused
from gateway.record.waveforms import edf_layout as layout
from gateway.record.waveforms.edf_layout import MISSING, Signal, annotation
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.separated import plain
from gateway.record.waveforms.table import Choice
from gateway.record.waveforms.timeline import Track

RECORD_LENGTHS_S = (1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 60)
_WHOLE = 1e-6
_NOTED_DRIFT_S = 0.005
_LABEL_WIDTH = 16
_ANNOTATIONS = "EDF Annotations"


class Hole(NamedTuple):
    """Places of a signal that have no sample, inside the records that are kept."""

    begin: int
    end: int


class Placed(NamedTuple):
    """One signal: its header and the records that have samples of it."""

    signal: Signal
    choice: Choice
    records: dict[int, "array[int]"]
    step: float


def pieces(waveform: Waveform, chosen: Sequence[Choice], notes: list[str]) -> Iterator[bytes]:
    """The bytes of the file; what a person should know of it is added to ``notes``.

    Raises ``WaveformRefused``: no samples, a rate or a scale that EDF cannot tell.
    """
    filled = [one for one in chosen if one.track.frames]
    if not filled:
        raise WaveformRefused(waveform.path, "no samples in what was chosen: `rvos waveform info` says more")
    record_s = _record_length(waveform, filled)
    origin_s = min(one.track.runs[0].start_s for one in filled)
    tracks = {one.track.number: one.track for one in filled}
    places = {number: _places(one, origin_s) for number, one in tracks.items()}
    placed = [_placed(waveform, one, places[one.track.number], record_s) for one in filled]
    _note(notes, placed, tracks.values(), places)
    return _file(waveform, placed, record_s, origin_s)


def _record_length(waveform: Waveform, chosen: Sequence[Choice]) -> int:
    """The shortest record that has whole numbers of samples of every stream."""
    rates_hz = {one.track.stream.rate_hz for one in chosen}
    for length_s in RECORD_LENGTHS_S:
        if all(abs(rate * length_s - round(rate * length_s)) < _WHOLE for rate in rates_hz):
            return length_s
    told = ", ".join(f"{one:g}" for one in sorted(rates_hz))
    raise WaveformRefused(
        waveform.path, f"no record of whole seconds fits rates of {told} Hz: choose streams, or csv"
    )


def _places(of: Track, origin_s: float) -> list[int]:
    """Where the first frame of each run stands."""
    rate_hz, found, end, before_s = of.stream.rate_hz, [], 0, origin_s
    for run in of.runs:
        begin = end + max(0, round((run.start_s - before_s) * rate_hz))
        found.append(begin)
        end, before_s = begin + run.frames, run.end_s
    return found


def _placed(waveform: Waveform, choice: Choice, places: Sequence[int], record_s: int) -> Placed:
    of, channel = choice.track, choice.channel
    values = [waveform.values(of, channel, run) for run in of.runs]
    finite = [one for part in values for one in part if math.isfinite(one)]
    if of.stream.sample == "int16":
        ends = sorted(one * channel.scale + channel.offset for one in (MISSING + 1, layout.HIGHEST))
        low, high = min([*finite, ends[0]]), max([*finite, ends[1]])
    else:
        low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = layout.scale(low, high)
    if scale is None:
        text = (
            f"{channel.name}: {low:g} to {high:g} {channel.unit} does not fit EDF's eight characters: use csv"
        )
        raise WaveformRefused(waveform.path, text)
    samples = round(of.stream.rate_hz * record_s)
    records: dict[int, array[int]] = {}
    for begin, part in zip(places, values, strict=True):
        _spread(records, begin, scale.numbers(part), samples)
    device = " ".join(filter(None, [of.stream.device, of.stream.serial, channel.site, channel.probe]))
    signal = Signal(channel.name, device, channel.unit, scale.low_text, scale.high_text, samples)
    return Placed(signal, choice, records, scale.step)


def _spread(records: dict[int, "array[int]"], begin: int, numbers: "array[int]", samples: int) -> None:
    """Put these numbers into the records that they belong to."""
    done = 0
    while done < len(numbers):
        record, at = divmod(begin + done, samples)
        count = min(samples - at, len(numbers) - done)
        if record not in records:
            records[record] = array("h", [MISSING]) * samples
        records[record][at : at + count] = numbers[done : done + count]
        done += count


def _file(waveform: Waveform, placed: Sequence[Placed], record_s: int, origin_s: float) -> Iterator[bytes]:
    kept = sorted(set().union(*(one.records for one in placed)))
    own = waveform.description
    began, fraction_s = layout.instant(own.wall_us + round(origin_s * 1e6))
    lists = _annotations(waveform, placed, kept, record_s, origin_s, fraction_s)
    width = 2 * math.ceil(max(map(len, lists)) / 2)
    signals = [*_labelled(placed), Signal(_ANNOTATIONS, "", "", "-1", "1", width // 2)]
    continuous = kept == list(range(len(kept)))
    recording = "_".join((own.session or "X").split()) + " X rvos"
    yield layout.header(signals, began, recording, len(kept), record_s, continuous)
    for record, texts in zip(kept, lists, strict=True):
        empty = [array("h", [MISSING]) * one.signal.samples for one in placed]
        rows = [one.records.get(record, none) for one, none in zip(placed, empty, strict=True)]
        yield b"".join(map(_little, rows)) + texts.ljust(width, b"\0")


def _labelled(placed: Sequence[Placed]) -> list[Signal]:
    """The signals, each with a label of its own that fits."""
    seen: set[str] = set()
    made = []
    for at, one in enumerate(placed):
        label = one.signal.label[:_LABEL_WIDTH]
        if label in seen:
            label = f"{label[: _LABEL_WIDTH - 3]}~{at}"
        seen.add(label)
        made.append(one.signal._replace(label=label))
    return made


def _annotations(
    waveform: Waveform,
    placed: Sequence[Placed],
    kept: Sequence[int],
    record_s: int,
    origin_s: float,
    fraction_s: float,
) -> list[bytes]:
    """The annotations of each record; the first tells when the record begins."""
    lists = [annotation(fraction_s + one * record_s) for one in kept]
    told: list[tuple[float, str, float | None]]
    told = [(one.at_s - origin_s, plain(one.text), None) for one in waveform.marks]
    told += _holes_told(placed, kept, record_s)
    for at_s, text, length_s in sorted(told, key=lambda one: one[0]):
        place = max(0, bisect_right(kept, at_s // record_s) - 1)
        lists[place] += annotation(fraction_s + at_s, text, length_s)
    return lists


def _holes_told(
    placed: Sequence[Placed], kept: Sequence[int], record_s: int
) -> list[tuple[float, str, float | None]]:
    """Each hole once, with the names of all signals that have it."""
    names: dict[tuple[float, float], list[str]] = {}
    for one in placed:
        rate_hz = one.signal.samples / record_s
        for hole in _holes(one, kept):
            span = (hole.begin / rate_hz, (hole.end - hole.begin) / rate_hz)
            names.setdefault(span, []).append(one.choice.channel.name)
    return [(at_s, f"no samples: {' '.join(own)}", long_s) for (at_s, long_s), own in names.items()]


def _holes(one: Placed, kept: Sequence[int]) -> list[Hole]:
    """Where records that are kept have no sample of this signal."""
    samples, found = one.signal.samples, list[Hole]()
    for record in kept:
        numbers = one.records.get(record)
        own = [Hole(0, samples)] if numbers is None else _missing(numbers)
        for hole in own:
            begin, end = hole.begin + record * samples, hole.end + record * samples
            if found and found[-1].end == begin:
                found[-1] = Hole(found[-1].begin, end)
            else:
                found.append(Hole(begin, end))
    return found


def _missing(numbers: "array[int]") -> list[Hole]:
    if not numbers.count(MISSING):
        return []
    found, at = list[Hole](), 0
    for is_missing, group in groupby(numbers, MISSING.__eq__):
        count = sum(1 for _ in group)
        if is_missing:
            found.append(Hole(at, at + count))
        at += count
    return found


def _note(
    notes: list[str], placed: Sequence[Placed], tracks: Iterable[Track], places: dict[int, list[int]]
) -> None:
    for one in placed:
        if one.choice.track.stream.sample != "int16":
            channel = one.choice.channel
            notes.append(f"{channel.name}: of 16 bits, one step is {one.step:.3g} {channel.unit}".rstrip())
    for of in tracks:
        last, place = of.runs[-1], places[of.number][-1]
        told_s = (place + last.frames) / of.stream.rate_hz - places[of.number][0] / of.stream.rate_hz
        drift_s = last.end_s - of.runs[0].start_s - told_s
        if abs(drift_s) >= _NOTED_DRIFT_S:
            notes.append(
                f"{of.name}: EDF counts at {of.stream.rate_hz:g} Hz; its stamps are {drift_s:+.3f} s off"
            )


def _little(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
