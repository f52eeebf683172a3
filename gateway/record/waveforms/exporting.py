"""A waveform file into another format: one way out for all of them.

Theory of operation
-------------------
The output is a new file and never takes the place of another.  What cannot be finished is removed again, so
that no half file is taken for a whole one.  ``notes`` are what a person should know of the result: what the
format changed, gaps, damage.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gateway.record.errors import ExportUnavailable, WaveformRefused
from gateway.record.waveforms.facts import facts
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.table import Choice, choices

FORMATS = ("csv", "edf", "snirf")


def export(waveform: Waveform, form: str, output: Path, names: Sequence[str]) -> list[str]:
    """Write the streams or channels of these names, all where none is named; the notes.

    Raises ``WaveformRefused`` and ``ExportUnavailable``.
    """
    chosen = choices(waveform, names)
    notes: list[str] = []
    if output.exists():
        raise WaveformRefused(output, "it exists: choose another name, or move it away")
    try:
        _WRITERS[form](waveform, chosen, output, notes)
    except OSError as error:
        _remove(output)
        raise ExportUnavailable(output, f"cannot be written ({error.strerror or error})") from error
    except WaveformRefused:
        _remove(output)
        raise
    return notes + _gap_notes(waveform, chosen)


def _separated(waveform: Waveform, chosen: Sequence[Choice], output: Path, notes: list[str]) -> None:
    from gateway.record.waveforms.separated import rows

    rates = {one.track.number for one in chosen}
    if len(rates) > 1:
        notes.append(
            "streams of several rates: rows are of the fastest, the others' last values are repeated"
        )
    _write(output, (one.encode() for one in rows(waveform, chosen)))


def _edf(waveform: Waveform, chosen: Sequence[Choice], output: Path, notes: list[str]) -> None:
    from gateway.record.waveforms.edf import pieces

    _write(output, pieces(waveform, chosen, notes))


def _snirf(waveform: Waveform, chosen: Sequence[Choice], output: Path, _: list[str]) -> None:
    from gateway.record.waveforms.snirf import write

    write(waveform, chosen, output)


_WRITERS: dict[str, Callable[[Waveform, Sequence[Choice], Path, list[str]], None]] = {
    "csv": _separated,
    "edf": _edf,
    "snirf": _snirf,
}


def _write(output: Path, parts: Iterable[bytes]) -> None:
    with output.open("xb") as file:
        for part in parts:
            file.write(part)


def _remove(output: Path) -> None:
    output.unlink(missing_ok=True)


def _gap_notes(waveform: Waveform, chosen: Sequence[Choice]) -> list[str]:
    told = facts(waveform)
    wanted = {one.track.name for one in chosen}
    gaps = [gap for one in told.streams if one.name in wanted for gap in one.gaps]
    notes = []
    if gaps:
        lost_s = sum(one.end_s - one.start_s for one in gaps)
        notes.append(f"{len(gaps)} gaps, {lost_s:.3f} s in all: left empty, nothing was filled in")
    if told.is_damaged:
        notes.append("the file is damaged: `rvos waveform info` says where")
    return notes
