"""Waveforms in other formats, read back by readers that are not ours."""

import csv
import importlib.util
import json
import math
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.record.errors import WaveformRefused
from gateway.record.waveforms import blocks
from gateway.record.waveforms.exporting import export
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Channel, Stream
from tests.record import waveform_files as files
from tests.record.waveform_files import CUFF, FORCE, FULL_LOAD, LIGHT, MUSCLE, OXYGEN, samples, started


def _peer(name: str) -> Any:
    """A third party's reader, of the extra ``test``; mne only where it is there."""
    return pytest.importorskip(name, reason=f"{name} reads the exported file back: pip install {name}")


def _exported(path: Path, form: str, *names: str) -> tuple[Path, list[str]]:
    output = path.with_suffix(f".{form}")
    with Waveform.open(path) as opened:
        notes = export(opened, form, output, names)
    return output, notes


def _record_onsets(path: Path) -> list[float]:
    """What the first annotation of each record says, by the specification alone."""
    data = path.read_bytes()
    header_bytes, count, signals = int(data[184:192]), int(data[236:244]), int(data[252:256])
    begin = 256 + signals * 216
    samples_each = [int(data[begin + 8 * at : begin + 8 * at + 8]) for at in range(signals)]
    length, before = 2 * sum(samples_each), 2 * sum(samples_each[:-1])
    assert len(data) == header_bytes + count * length
    texts = [data[header_bytes + at * length + before :] for at in range(count)]
    return [float(one[: one.index(b"\x14\x14\0")]) for one in texts]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Four seconds of everything, ended."""
    return files.whole_file(tmp_path / "sound.rvw", FULL_LOAD, 4.0)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Light and oxygen; light has a gap of 0.6 s alone, then both are silent for 7.5 s; marks."""
    made = started(LIGHT, OXYGEN)
    made.take(samples(0, 0.0, files.counted(LIGHT, 0, 500)))
    made.take(samples(0, 1.6, files.counted(LIGHT, 800, 200), lost=300, flags=blocks.TOLD))
    made.take(samples(1, 0.0, files.counted(OXYGEN, 0, 100)))
    made.take(files.mark(0.5, "inflate, slowly"))
    made.take(samples(0, 9.5, files.counted(LIGHT, 1000, 250)))
    made.take(samples(1, 9.5, files.counted(OXYGEN, 100, 25)))
    made.take(files.mark(9.75, "vent"))
    return files.write(tmp_path / "broken.rvw", [made.end("closed")])


# comma-separated values


def test_csv_has_every_number_of_one_stream(sound: Path) -> None:
    output, notes = _exported(sound, "csv", "nirs")
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert list(rows[0]) == ["time_s", "sto2_percent", "hhb_um"]
    assert [float(one["time_s"]) for one in rows] == [round(at / 50, 6) for at in range(200)]
    assert [float(one["hhb_um"]) for one in rows] == [files.value_of(OXYGEN, at, 1) for at in range(200)]
    assert notes == []


def test_csv_repeats_slower_streams_and_says_so(sound: Path) -> None:
    output, notes = _exported(sound, "csv", "sto2", "cuff")
    rows = list(csv.DictReader(output.read_text().splitlines()))
    for at, one in enumerate(rows):
        assert float(one["cuff_mmhg"]) == files.value_of(CUFF, int(at / 50 * 20 + 1e-6), 0)
    assert len(notes) == 1
    assert "repeated" in notes[0]


def test_csv_leaves_gaps_empty_and_marks_in_their_rows(broken: Path) -> None:
    output, notes = _exported(broken, "csv", "sto2", "ppg")
    rows = list(csv.DictReader(output.read_text().splitlines()))
    times_s = [float(one["time_s"]) for one in rows]
    assert len(rows) == 950
    assert not any(1.0 <= one < 1.6 or 2.0 <= one < 9.5 for one in times_s)
    events = {one["time_s"]: one["event"] for one in rows if one["event"]}
    assert events == {"0.5": "inflate; slowly", "9.75": "vent"}
    assert any("gaps" in one for one in notes)


def test_a_value_that_is_too_old_is_not_repeated(tmp_path: Path) -> None:
    made = started(LIGHT, CUFF)
    made.take(samples(0, 0.0, files.counted(LIGHT, 0, 500)))
    made.take(samples(1, 0.0, files.counted(CUFF, 0, 4)))
    path = files.write(tmp_path / "a.rvw", [made.end("closed")])
    rows = list(csv.DictReader(_exported(path, "csv")[0].read_text().splitlines()))
    held_s = [float(one["time_s"]) for one in rows if one["cuff_mmhg"]]
    assert max(held_s) == pytest.approx(0.15 + 0.075, abs=0.0021)


def test_csv_is_what_the_readers_of_mnirs_look_for(broken: Path) -> None:
    """The rules of ``read_mnirs`` as its source has them; R itself is not run here."""
    text = _exported(broken, "csv", "nirs")[0].read_text()
    lines = text.splitlines()
    assert not any("\t" in one for one in lines[:10])  # else it takes tabs for the separator
    header = lines[0].split(",")
    assert header[0] == "time_s"  # the first name with "time" in it is its time
    assert {one.count(",") for one in lines} == {len(header) - 1}
    cells = [one.split(",") for one in lines[1:]]
    assert all(math.isfinite(float(cell)) for row in cells for cell in row[:-1] if cell)


# EDF+


def test_edf_continuous_is_read_by_edflib(sound: Path) -> None:
    reader = _peer("pyedflib")
    output, notes = _exported(sound, "edf")
    with reader.EdfReader(str(output)) as found:
        assert found.filetype == reader.FILETYPE_EDFPLUS
        labels = found.getSignalLabels()
        assert labels == [*(one.name for one in MUSCLE.channels), "force", "ppg", "cuff", "sto2", "hhb"]
        assert (found.getStartdatetime().isoformat(), found.getFileDuration()) == ("2026-02-25T06:13:20", 4)
        for name, stream, channel in (
            ("ppg", LIGHT, 0),
            ("cuff", CUFF, 0),
            ("emg_3", MUSCLE, 3),
            ("sto2", OXYGEN, 0),
        ):
            at = labels.index(name)
            assert found.getSampleFrequency(at) == stream.rate_hz
            own = found.readSignal(at)
            truth = [files.value_of(stream, one, channel) for one in range(len(own))]
            step = (found.getPhysicalMaximum(at) - found.getPhysicalMinimum(at)) / 65535
            assert np.max(np.abs(own - truth)) <= 0.51 * step
            assert found.getPhysicalDimension(at) == stream.channels[channel].unit
        exact = found.readSignal(labels.index("cuff"), digital=True)
    assert list(exact) == [files.raw_of(CUFF, at, 0) for at in range(80)]
    assert any("16 bits" in one and "emg_3" in one for one in notes)


def test_edf_continuous_is_read_by_mne(sound: Path) -> None:
    mne = _peer("mne")
    output, _ = _exported(sound, "edf", "emg")
    raw = mne.io.read_raw_edf(output, preload=True, verbose="error")
    assert (raw.info["sfreq"], raw.n_times) == (2000.0, 8000)
    truth = [files.value_of(MUSCLE, at, 5) * 1e-6 for at in range(8000)]
    assert np.max(np.abs(raw.get_data(picks=["emg_5"])[0] - truth)) < 3e-6


def test_edf_with_gaps_is_discontinuous_and_tells_each_records_onset(broken: Path) -> None:
    reader = _peer("edfio")
    output, notes = _exported(broken, "edf")
    found = reader.read_edf(output)
    assert found.reserved == "EDF+D"
    assert (found.num_data_records, found.data_record_duration) == (3, 1)
    assert _record_onsets(output) == [0.0, 1.0, 9.0]
    told = {(one.text, round(one.onset, 3), one.duration) for one in found.annotations}
    assert ("inflate; slowly", 0.5, None) in told
    assert ("no samples: ppg", 1.0, 0.6) in told
    assert any(text == "vent" for text, _, _ in told)
    light = found.get_signal("ppg")
    assert list(light.digital[:500]) == [files.raw_of(LIGHT, at, 0) for at in range(500)]
    assert set(light.digital[500:800]) == {-32768}
    assert any("gaps" in one for one in notes)


def test_edf_refuses_what_it_cannot_tell(tmp_path: Path) -> None:
    for rate_hz, values, why in (
        (31.37, [1.0, 2.0], "whole seconds"),
        (10.0, [1e9, 1e9 + 1e-3], "eight characters"),
    ):
        stream = Stream(
            name="x", device="d", rate_hz=rate_hz, sample="float64", channels=(Channel(name="x"),)
        )
        made = started(stream)
        made.take(samples(0, 0.0, array("d", values).tobytes()))
        path = files.write(tmp_path / f"{rate_hz}.rvw", [made.end("closed")])
        with pytest.raises(WaveformRefused, match=why):
            _exported(path, "edf")
        assert not path.with_suffix(".edf").exists()


def test_edf_keeps_what_is_not_a_number_apart(tmp_path: Path) -> None:
    reader = _peer("pyedflib")
    made = started(OXYGEN)
    own = [70.0, 1.0, math.nan, 1.0, 71.0, math.nan] * 25
    made.take(samples(0, 0.0, array("d", own).tobytes()))
    path = files.write(tmp_path / "a.rvw", [made.end("closed")])
    with reader.EdfReader(str(_exported(path, "edf", "sto2")[0])) as found:
        numbers = found.readSignal(0, digital=True)
        values = found.readSignal(0)
        onsets, _, texts = found.readAnnotations()
    assert [at for at, one in enumerate(numbers[:75]) if one == -32768] == list(range(1, 75, 3))
    assert values[0] == pytest.approx(70.0, abs=1e-4)
    assert list(texts[:2]) == ["no samples: sto2"] * 2
    assert onsets[0] == pytest.approx(0.02)


# SNIRF


_VALIDATED = """
import json, sys, logging
import numpy as np
import snirf
path = sys.argv[1]
result = snirf.validateSnirf(path)
with snirf.Snirf(path, "r") as found:
    nirs = found.nirs[0]
    data = nirs.data[0]
    told = {
        "errors": [str(one) for one in result.errors] if not result.is_valid() else [],
        "warnings": sorted({one.name for one in result.warnings}),
        "labels": [one.dataTypeLabel for one in data.measurementList],
        "types": [int(one.dataType) for one in data.measurementList],
        "units": [one.dataUnit for one in data.measurementList],
        "times": [float(one) for one in data.time],
        "deoxy": [float(one) for one in data.dataTimeSeries[:, 1]],
        "aux": [one.name for one in nirs.aux],
        "stim": {one.name: [float(each) for each in np.ravel(one.data)] for one in nirs.stim},
        "no wavelengths": bool(np.isnan(nirs.probe.wavelengths).all()),
        "detectors": np.asarray(nirs.probe.detectorPos2D).tolist(),
        "not given": nirs.metaDataTags.NotGiven,
    }
print(json.dumps(told))
"""


def test_snirf_is_valid_by_its_validator(broken: Path, tmp_path: Path) -> None:
    """In a process of its own: the validator leaves files open."""
    _peer("h5py")
    if importlib.util.find_spec("snirf") is None:
        pytest.skip("snirf validates the exported file: pip install snirf")
    output, _ = _exported(broken, "snirf")
    done = subprocess.run(
        [sys.executable, "-c", _VALIDATED, str(output)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    times_s = found.pop("times")
    assert (len(times_s), times_s[99], times_s[100]) == (125, 1.98, 9.5)
    assert found.pop("deoxy") == [files.value_of(OXYGEN, at, 1) for at in range(125)]
    assert "processed values only" in found.pop("not given")
    assert found == {
        "errors": [],
        "warnings": [],
        "labels": ["StO2", "HbR"],
        "types": [99999, 99999],
        "units": ["%", "uM"],
        "aux": ["ppg"],
        "stim": {"inflate, slowly": [0.5, 0.0, 1.0], "vent": [9.75, 0.0, 1.0]},
        "no wavelengths": True,
        "detectors": [[35.0, 0.0], [35.0, 0.0]],
    }


def test_snirf_needs_tissue_oxygen(sound: Path) -> None:
    _peer("h5py")
    with pytest.raises(WaveformRefused, match="no channel of tissue oxygen"):
        _exported(sound, "snirf", "force", "emg_1")


# outputs


def test_nothing_is_written_over_and_no_half_file_stays(sound: Path) -> None:
    sound.with_suffix(".csv").write_text("mine")
    with pytest.raises(WaveformRefused, match="it exists"):
        _exported(sound, "csv")
    assert sound.with_suffix(".csv").read_text() == "mine"
    with pytest.raises(WaveformRefused, match="no stream or channel 'eeg'; there are: emg, force"):
        _exported(sound, "edf", "eeg")
    assert FORCE.name == "force"
