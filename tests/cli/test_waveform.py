"""``rvos waveform`` and analyses of waveform files: the same numbers by either way."""

import hashlib
import json
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from gateway.exams.recordings import read
from gateway.exams.result import Result
from gateway.model import Limb
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Channel, Stream
from tests.cli.exam_runs import analysed, ids, refused
from tests.exams.files import MAKERS
from tests.record import waveform_files as files
from tests.record.waveform_files import CUFF, FULL_LOAD, MUSCLE, OXYGEN, samples, started

NAMES = ["occlusion-test", "limb-pressure", "oxidative-capacity", "spasm", "fatigue", "pulse"]
_BLOCK = 500


def _waveform(name: str, folder: Path) -> Path:
    """The made recording of an examination as a waveform file, beside muscle that it does not need."""
    made = read(MAKERS[name](folder))
    streams = [
        Stream(
            name=f"{called}_stream",
            device="maker",
            serial="7",
            rate_hz=made.rate_hz,
            sample="float64",
            channels=(
                Channel(name=called, unit=column.unit, limb=Limb.LEFT_THIGH, site="here", spacing_mm=20.0),
            ),
        )
        for called, column in made.columns.items()
    ]
    file = started(*streams, MUSCLE) if name != "spasm" else started(*streams)
    parts = []
    for begin in range(0, len(made.times_s), _BLOCK):
        for number, column in enumerate(made.columns.values()):
            file.take(samples(number, begin / made.rate_hz, column.values[begin : begin + _BLOCK].tobytes()))
        parts.append(file.cut())
    if name != "spasm":
        file.take(samples(len(streams), 0.0, files.counted(MUSCLE, 0, 4000)))
    for one in made.marks:
        file.take(files.mark(one.at_s, one.text))
    return files.write(folder / f"{name}.rvw", [*parts, file.end("closed")])


def _numbers(found: Result) -> list[tuple[Any, ...]]:
    return [
        (one.name, one.of, one.definition, one.value, one.low, one.high, one.r_squared)
        for one in found.values
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_gives_the_numbers_of_the_export(name: str, run: Any, tmp_path: Path) -> None:
    file = _waveform(name, tmp_path)
    columns = list(read(MAKERS[name](tmp_path)).columns)
    output = tmp_path / "exported.csv"
    words = [word for one in columns for word in ("--stream", one)]
    assert (
        run("waveform", "export", str(file), "--format", "csv", "--output", str(output), *words).exit_code
        == 0
    )
    direct, exported = analysed(run, name, file), analysed(run, name, output)
    assert len(direct.values) > 2
    assert _numbers(direct) == _numbers(exported)
    assert [(one.start_s, one.end_s) for one in direct.windows] == [
        (one.start_s, one.end_s) for one in exported.windows
    ]


def test_a_result_says_the_file_the_device_and_the_channel(run: Any, tmp_path: Path) -> None:
    file = _waveform("occlusion-test", tmp_path)
    found = analysed(run, "occlusion-test", file)
    assert found.recording.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.recording.name == file.name
    probe = found.probe
    assert (probe.device, probe.channel, probe.site, probe.spacing_mm) == ("maker 7", "sto2", "here", 20.0)
    assert found.limb is Limb.LEFT_THIGH
    assert "not_stated" not in ids(found)
    stated = analysed(
        run, "occlusion-test", file, "--site", "elsewhere", "--device", "mine", "--spacing-mm", "15"
    )
    assert (stated.probe.device, stated.probe.site, stated.probe.spacing_mm) == ("mine", "elsewhere", 15.0)


def test_streams_of_two_rates_are_told_and_columns_can_be_named(run: Any, tmp_path: Path) -> None:
    made = started(OXYGEN, CUFF)
    own = read(MAKERS["occlusion-test"](tmp_path))
    for at in range(0, len(own.times_s), 10):
        both = array("d")
        for one in own.columns["sto2"].values[at : at + 10]:
            both.extend([one, 0.0] * 5)
        made.take(samples(0, at / 10.0, both.tobytes()))
        cuff = [round(10 * one) for one in own.columns["cuff"].values[at : at + 10] for _ in range(2)]
        made.take(samples(1, at / 10.0, array("h", cuff).tobytes()))
    file = files.write(tmp_path / "two.rvw", [made.end("closed")])
    found = analysed(run, "occlusion-test", file)
    (held,) = (one for one in found.parameters if one.name.startswith("held"))
    assert (held.name, held.value, held.unit) == ("held cuff_status", 20.0, "Hz")
    assert "repeated on the rows of nirs" in held.source
    named = analysed(run, "occlusion-test", file, "--column", "sto2=sto2_percent", "--column", "cuff=cuff")
    assert _numbers(named) == _numbers(found)


def test_damage_and_a_missing_end_are_flagged(run: Any, tmp_path: Path) -> None:
    file = _waveform("occlusion-test", tmp_path)
    with Waveform.open(file) as opened:
        offset = opened.track("sto2").runs[0].stored[6].offset
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data[:-50])
    found = analysed(run, "occlusion-test", file)
    assert {"file_damaged", "not_ended", "gap"} <= ids(found)


def test_what_cannot_be_analysed_ends_in_one_line(run: Any, tmp_path: Path) -> None:
    file = files.whole_file(tmp_path / "a.rvw", FULL_LOAD, 1.0)
    code, text = refused(run, "oxidative-capacity", file, "--rate", "50")
    assert (code, "leave --header, --time and --rate out" in text) == (2, True)
    code, text = refused(run, "pulse", files.whole_file(tmp_path / "b.rvw", (CUFF,), 1.0))
    assert (code, "no channel with samples is ppg; there are: cuff" in text) == (65, True)
    broken = tmp_path / "broken.rvw"
    broken.write_bytes(file.read_bytes()[:30])
    code, text = refused(run, "pulse", broken)
    assert (code, "nothing says what is in it" in text) == (65, True)


# the verbs


def test_info_for_a_person_and_for_a_program(run: Any, tmp_path: Path) -> None:
    file = files.whole_file(tmp_path / "a.rvw", FULL_LOAD, 2.0)
    shown = run("waveform", "info", str(file))
    assert shown.exit_code == 0
    assert "emg: 4000 frames at 2000 Hz, 2.0 s, Cyton C-1" in shown.stdout
    assert "sto2 [%] left_thigh, vastus lateralis" in shown.stdout
    told = json.loads(run("waveform", "info", str(file), "--json").stdout)
    assert (told["duration_s"], told["ended"], told["session"], told["boot"]) == (2.0, True, "s-1", 3)
    assert [(one["name"], one["frames"], one["gaps"]) for one in told["streams"]][3] == (
        "cuff_status",
        40,
        [],
    )


def test_damage_is_a_finding_and_a_growing_file_is_none(run: Any, tmp_path: Path) -> None:
    file = files.whole_file(tmp_path / "a.rvw", FULL_LOAD, 2.0)
    data = bytearray(file.read_bytes())
    file.write_bytes(data[: len(data) // 2])
    assert run("waveform", "info", str(file)).exit_code == 0
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    done = run("waveform", "info", str(file), "--json")
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["damage"]) == 1
    assert done.stderr.startswith("rvos: ")
    assert "DAMAGED  1 places" in run("waveform", "info", str(file)).stdout


def test_refusals_are_one_line_with_their_codes(run: Any, tmp_path: Path) -> None:
    file = files.whole_file(tmp_path / "a.rvw", (CUFF,), 2.0)
    text = tmp_path / "a.csv"
    text.write_text("time_s,sto2\n")
    nowhere = tmp_path / "none" / "x.csv"
    for words, code in (
        (("info", str(tmp_path / "none.rvw")), 69),
        (("info", str(text)), 65),
        (("export", str(file), "--format", "csv", "--output", str(text)), 65),
        (("export", str(file), "--format", "csv", "--output", str(nowhere)), 69),
        (
            (
                "export",
                str(file),
                "--format",
                "snirf",
                "--output",
                str(tmp_path / "a.snirf"),
                "--stream",
                "emg",
            ),
            65,
        ),
    ):
        done = run("waveform", *words)
        assert (done.exit_code, done.stderr.startswith("rvos: "), done.stderr.count("\n")) == (code, True, 1)
    assert run("waveform", "export", str(file), "--format", "wav", "--output", "x").exit_code == 2


def test_without_h5py_snirf_is_one_line(tmp_path: Path) -> None:
    file = files.whole_file(tmp_path / "a.rvw", (OXYGEN,), 1.0)
    output = tmp_path / "a.snirf"
    code = (
        "import sys; sys.modules['h5py'] = None; from gateway.cli.main import rvos; "
        "rvos(sys.argv[1:], prog_name='rvos')"
    )
    words = ["waveform", "export", str(file), "--format", "snirf", "--output", str(output)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert "pip install" in done.stderr
    assert not output.exists()
