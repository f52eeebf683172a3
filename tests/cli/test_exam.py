"""``rvos exam``: every examination from a file to its sheet and its document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gateway.exams.document import result
from gateway.exams.errors import ExamRefused
from gateway.exams.result import Severity
from tests.cli.exam_runs import NAMES, analysed, ids
from tests.cli.test_console import ROOT
from tests.exams import files
from tests.exams.files import MAKERS, STATED

# list


def test_the_list_names_every_examination_and_definition_with_its_certainty(run: Any) -> None:
    shown = run("exam", "list").stdout
    listed = json.loads(run("exam", "list", "--json").stdout)["exams"]
    assert [one["name"] for one in listed] == NAMES
    for one in listed:
        assert f"\n{one['name']}\n" in f"\n{shown}"
        assert one["needs"]
        assert one["yields"]
        assert one["usual"]
        for definition in one["definitions"]:
            assert definition["id"] in shown
            assert definition["certainty"]
            assert definition["source"]
    assert all(len(line) <= 110 for line in shown.splitlines())


def test_every_listed_definition_can_be_asked_for(run: Any, tmp_path: Path) -> None:
    listed = {one["name"]: one for one in json.loads(run("exam", "list", "--json").stdout)["exams"]}
    for name in ("occlusion-test", "oxidative-capacity", "fatigue"):
        words = () if name == "occlusion-test" else STATED[name].split()
        file = str(MAKERS[name](tmp_path))
        for one in listed[name]["definitions"]:
            if one["id"] == "vot-indices-1" or one["id"].startswith("sto2/"):
                continue
            done = run("exam", "analyse", name, file, *words, "--definition", one["id"], "--json")
            assert (done.exit_code, json.loads(done.stdout)["definition"]) == (0, one["id"])


# every examination


@pytest.mark.parametrize("name", NAMES)
def test_the_document_is_the_result_and_the_sheet_has_every_number(
    name: str, run: Any, tmp_path: Path
) -> None:
    file = MAKERS[name](tmp_path)
    found = analysed(run, name, file)
    assert found.exam == name
    assert found.recording.name == file.name
    assert len(found.recording.sha256) == 64
    sheet = run("exam", "analyse", name, str(file), *STATED[name].split()).stdout
    assert sheet.startswith(f"Examination  {name}, by {found.definition}\n")
    for value in found.values:
        if value.value is not None:
            assert (f"{value.value:.0f}" if abs(value.value) >= 1000 else f"{value.value:.4g}") in sheet
    for flag in found.flags:
        if flag.severity is not Severity.MISSING:
            assert flag.text[:20] in sheet
    for definition in found.definitions:
        assert f"  {definition.id}: " in sheet
    assert sheet.endswith("it is never a diagnosis.\n")


def test_the_truth_of_the_made_recordings_comes_out(run: Any, tmp_path: Path) -> None:
    test = analysed(run, "occlusion-test", files.occlusion_test(tmp_path))
    assert test.value("reperfusion_slope", "1", "mclay").value == pytest.approx(2.0, rel=0.05)
    assert test.value("baseline", "1").value == pytest.approx(70.0, abs=0.2)
    capacity = analysed(run, "oxidative-capacity", files.oxidative_capacity(tmp_path))
    assert capacity.value("k_per_min").value == pytest.approx(2.4, rel=0.1)
    pressure = analysed(run, "limb-pressure", files.limb_pressure(tmp_path))
    assert pressure.value("limb_occlusion_pressure").value == pytest.approx(140.0, abs=10.0)
    spasms = analysed(run, "spasm", files.spasm(tmp_path))
    found = [(one.start_s, one.end_s) for one in spasms.windows if one.name == "episode"]
    assert found == [pytest.approx(one, abs=0.1) for one in files.EPISODES_S]
    tired = analysed(run, "fatigue", files.fatigue(tmp_path))
    first, last = np.mean(files.PEAKS_N[:3]), np.mean(files.PEAKS_N[-3:])
    assert tired.value("fatigue_index").value == pytest.approx(last / first, abs=0.01)
    beats = analysed(run, "pulse", files.pulse(tmp_path))
    assert beats.value("rate").value == pytest.approx(60.0 / files.BEAT_S, rel=0.01)


def test_the_main_number_of_oxidative_capacity_stands_in_front(run: Any, tmp_path: Path) -> None:
    file = files.oxidative_capacity(tmp_path)
    told = json.loads(run("exam", "analyse", "oxidative-capacity", str(file), "--json").stdout)
    k = result(json.dumps(told).encode()).value("k_per_min")
    assert list(told)[:3] == ["k_per_min", "k_per_min_interval", "k_per_min_confidence"]
    assert told["k_per_min"] == k.value
    assert told["k_per_min_interval"] == [k.low, k.high]
    assert told["k_per_min_interval"][0] < 2.4 < told["k_per_min_interval"][1]
    assert told["k_per_min_confidence"] == 0.95
    told["k_per_min"] += 1.0
    with pytest.raises(ExamRefused, match="not that of its values"):
        result(json.dumps(told).encode())


def test_a_main_number_that_could_not_be_had_is_null_and_says_why(run: Any, tmp_path: Path) -> None:
    file = files.oxidative_capacity(tmp_path)
    words = ("--occlusion", "20-25", "--occlusion", "35-40")
    told = json.loads(run("exam", "analyse", "oxidative-capacity", str(file), *words, "--json").stdout)
    assert (told["k_per_min"], told["k_per_min_interval"]) == (None, None)
    sheet = run("exam", "analyse", "oxidative-capacity", str(file), *words).stdout
    assert "2 slopes, 5 are needed" in sheet


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"exam":"pulse"}', b"\xff", b"1" * 10])
def test_what_is_no_document(text: bytes) -> None:
    with pytest.raises(ExamRefused):
        result(text)


def test_what_was_stated_is_in_the_result_and_what_was_not_is_said(run: Any, tmp_path: Path) -> None:
    file = files.occlusion_test(tmp_path)
    words = (
        "--device",
        "PortaMon",
        "--site",
        "vastus lateralis",
        "--spacing-mm",
        "35",
        "--limb",
        "left-thigh",
    )
    stated, plain = analysed(run, "occlusion-test", file, *words), analysed(run, "occlusion-test", file)
    assert (stated.probe.device, stated.probe.site, stated.probe.spacing_mm) == (
        "PortaMon",
        "vastus lateralis",
        35.0,
    )
    assert stated.limb == "left_thigh"
    assert "not_stated" not in ids(stated)
    assert "not_stated" in ids(plain)


def test_what_is_from_memory_is_said_and_is_no_default(run: Any, tmp_path: Path) -> None:
    file = files.occlusion_test(tmp_path)
    usual = result(run("exam", "analyse", "occlusion-test", str(file), "--json").stdout.encode())
    slopes = {one.definition for one in usual.values if one.name.endswith("slope") and one.value is not None}
    assert slopes == {"creteur2007", "bezemer2009"}
    asked = analysed(run, "occlusion-test", file)
    assert "mclay" in next(one.text for one in asked.flags if one.id == "unverified")


# speed and weight

LISTS_MODULES = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sys.modules, file=sys.stderr))
sys.argv = ["rvos", *sys.argv[1:]]
from gateway.cli.main import main
main()
"""


def test_without_a_plot_no_scientific_library_is_loaded(tmp_path: Path) -> None:
    file = files.oxidative_capacity(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LISTS_MODULES, "exam", "analyse", "oxidative-capacity", str(file), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(done.stdout)["exam"] == "oxidative-capacity"
    assert not {"numpy", "scipy", "matplotlib", "pandas", "asyncio", "sqlite3"} & set(done.stderr.split())
