"""Tissue oxygen as SNIRF 1.1 (Shared Near Infrared Spectroscopy Format), by h5py.

Theory of operation
-------------------
Each stream that has tissue-oxygen channels is one ``data`` group with its own times, so a gap is simply not
there. Its channels are *processed* data (``dataType`` 99999), labelled ``StO2``, ``HbO``, ``HbR`` or ``HbT``.
Other chosen streams are ``aux``, marks are ``stim``.

What a clinical oximeter does not give, the file does not have: no raw light, so no optical density can be
made again from it; no wavelengths and no positions of optodes.  The specification demands both, so they are
NaN, and ``metaDataTags`` say so in words.  A known distance of source and detector is told by their
positions.

Units: s, mm, Hz; data as ``dataUnit`` says.
"""

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.record.errors import ExportUnavailable, WaveformRefused
from gateway.record.waveforms.edf_layout import instant
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Channel
from gateway.record.waveforms.table import Choice, times, whole

if TYPE_CHECKING:
    from types import ModuleType

_PROCESSED = 99999
_LABELS = {
    "sto2": "StO2", "smo2": "StO2", "tsi": "StO2", "toi": "StO2", "rso2": "StO2",
    "o2hb": "HbO", "hbo": "HbO", "hhb": "HbR", "hbr": "HbR", "thb": "HbT", "hbt": "HbT",
}  # fmt: skip
_ABSENT = "no raw light, wavelengths or optode positions: the device gives processed values only"


def label(channel: Channel) -> str | None:
    """What SNIRF calls this quantity; ``None`` for one that is not of tissue oxygen."""
    found = _LABELS.get(channel.name.split("_")[0])
    return found if found != "StO2" or channel.unit == "%" else None


def write(waveform: Waveform, chosen: Sequence[Choice], path: Path) -> None:
    """The file at ``path``, which must not exist.

    Raises ``ExportUnavailable`` (no h5py), ``WaveformRefused`` (no tissue oxygen in it), OSError.
    """
    h5py = _library()
    groups = _by_track(chosen)
    oxygen = {number: [one for one in own if label(one.channel)] for number, own in groups.items()}
    if not any(oxygen.values()):
        text = "no channel of tissue oxygen (sto2 in %, o2hb, hhb, thb): use csv or edf"
        raise WaveformRefused(waveform.path, text)
    with h5py.File(path, "x") as file:
        text_type = h5py.string_dtype()
        file.create_dataset("formatVersion", data="1.1", dtype=text_type)
        nirs = file.create_group("nirs")
        _tags(nirs.create_group("metaDataTags"), waveform, text_type)
        probes = _data(nirs, waveform, list(filter(None, oxygen.values())), text_type)
        _probe(nirs.create_group("probe"), probes)
        aux = [one for own in groups.values() for one in own if not label(one.channel)]
        _aux(nirs, waveform, aux, text_type)
        _stimuli(nirs, waveform, text_type)


def _library() -> "ModuleType":
    try:
        import h5py
    except ImportError as error:
        text = f"h5py cannot be used ({error}): pip install 'h5py>=3.11'"
        raise ExportUnavailable("SNIRF", text) from error
    module: ModuleType = h5py
    return module


def _by_track(chosen: Sequence[Choice]) -> dict[int, list[Choice]]:
    groups: dict[int, list[Choice]] = {}
    for one in chosen:
        if one.track.frames:
            groups.setdefault(one.track.number, []).append(one)
    return groups


def _tags(group: Any, waveform: Waveform, text_type: Any) -> None:
    own = waveform.description
    began, fraction_s = instant(own.wall_us)
    tags = {
        "SubjectID": "X",
        "MeasurementDate": began.strftime("%Y-%m-%d"),
        "MeasurementTime": f"{began:%H:%M:%S}.{round(fraction_s * 1000):03}Z",
        "LengthUnit": "mm",
        "TimeUnit": "s",
        "FrequencyUnit": "Hz",
        "SessionID": own.session or "X",
        "GatewayID": own.gateway,
        "WallClock": own.clock,
        "Software": own.software,
        "NotGiven": _ABSENT,
    }
    for name, text in tags.items():
        group.create_dataset(name, data=text, dtype=text_type)


def _data(
    nirs: Any, waveform: Waveform, groups: Sequence[Sequence[Choice]], text_type: Any
) -> list[float | None]:
    """The data groups; for each pair of source and detector its distance, where it is known."""
    spacings: list[float | None] = []
    for at, own in enumerate(groups, start=1):
        group = nirs.create_group(f"data{at}")
        columns = [whole(waveform, one) for one in own]
        group.create_dataset("time", data=times(own[0].track))
        group.create_dataset("dataTimeSeries", data=_interleaved(columns))
        for place, one in enumerate(own, start=1):
            spacings.append(one.channel.spacing_mm)
            _measurement(group.create_group(f"measurementList{place}"), one, len(spacings), text_type)
    return spacings


def _interleaved(columns: "Sequence[array[float]]") -> "memoryview[float]":
    """Rows of one value of each column, as h5py takes them."""
    flat = array("d", bytes(8 * len(columns) * len(columns[0])))
    for at, one in enumerate(columns):
        flat[at :: len(columns)] = one
    return memoryview(flat).cast("B").cast("d", (len(columns[0]), len(columns)))


def _measurement(group: Any, choice: Choice, optode: int, text_type: Any) -> None:
    numbers = {"sourceIndex": optode, "detectorIndex": optode, "wavelengthIndex": 1}
    for name, number in {**numbers, "dataType": _PROCESSED, "dataTypeIndex": 1}.items():
        group.create_dataset(name, data=number, dtype="i4")
    texts = {"dataTypeLabel": label(choice.channel), "dataUnit": choice.channel.unit}
    for name, text in texts.items():
        group.create_dataset(name, data=text, dtype=text_type)


def _probe(group: Any, spacings: Sequence[float | None]) -> None:
    group.create_dataset("wavelengths", data=[math.nan])
    known = [one is not None for one in spacings]
    sources = [[0.0, 0.0] if is_known else [math.nan, math.nan] for is_known in known]
    detectors = [[math.nan, math.nan] if one is None else [one, 0.0] for one in spacings]
    group.create_dataset("sourcePos2D", data=sources)
    group.create_dataset("detectorPos2D", data=detectors)


def _aux(nirs: Any, waveform: Waveform, chosen: Sequence[Choice], text_type: Any) -> None:
    for at, one in enumerate(chosen, start=1):
        group = nirs.create_group(f"aux{at}")
        group.create_dataset("name", data=one.channel.name, dtype=text_type)
        group.create_dataset("dataUnit", data=one.channel.unit or "a.u.", dtype=text_type)
        group.create_dataset("time", data=times(one.track))
        group.create_dataset("dataTimeSeries", data=_interleaved([whole(waveform, one)]))


def _stimuli(nirs: Any, waveform: Waveform, text_type: Any) -> None:
    """A condition for each text; start, no duration, amplitude 1."""
    rows: dict[str, list[list[float]]] = {}
    for one in waveform.marks:
        rows.setdefault(one.text, []).append([one.at_s, 0.0, 1.0])
    for at, (text, own) in enumerate(rows.items(), start=1):
        group = nirs.create_group(f"stim{at}")
        group.create_dataset("name", data=text, dtype=text_type)
        group.create_dataset("data", data=own)
