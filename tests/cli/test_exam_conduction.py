"""``rvos exam analyse conduction``: numbers, documents and sweeps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.exam_runs import analysed, refused
from tests.exams import files

# conduction


@pytest.mark.parametrize(
    ("durations", "outcome"),
    [
        (("9.0", "9.9", "10.0"), "definite"),
        (("9.0", "13.05", "13.2"), "probable"),
        (("", "", ""), "indeterminate"),
    ],
)
def test_the_worked_example_has_its_three_outcomes(
    durations: tuple[str, str, str], outcome: str, run: Any, tmp_path: Path
) -> None:
    found = analysed(run, "conduction", files.conduction(tmp_path, *durations))
    said = {"indeterminate": "indeterminate: at least probable block by"}.get(
        outcome, f"meets {outcome} block by"
    )
    for name in ("median left wrist-elbow", "median left"):
        assert found.findings[name].startswith(f"{said} efns-pns-2010-mmn")
    if outcome == "indeterminate":
        assert any("duration_rise_percent at most 30" in one.text for one in found.flags)


STUDY: dict[str, Any] = {
    "amplitude": "negative_peak",
    "area": "negative_phase",
    "duration": "negative_phase",
    "motor": [
        {
            "nerve": "median",
            "side": "left",
            "sites": [
                {"site": "wrist", "amplitude_mv": 5.7, "area_mv_ms": 41.5, "duration_ms": 9.0},
                {"site": "elbow", "amplitude_mv": 1.2, "area_mv_ms": 8.2, "duration_ms": 9.9},
            ],
        }
    ],
}


def test_a_study_as_a_document(run: Any, tmp_path: Path) -> None:
    toml = files.write_text(
        tmp_path / "study.toml",
        'amplitude = "negative_peak"\narea = "negative_phase"\nduration = "negative_phase"\n'
        '[[motor]]\nnerve = "median"\nside = "left"\n'
        + "".join(
            "[[motor.sites]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in one.items())
            for one in STUDY["motor"][0]["sites"]
        ),
    )
    as_json = files.write_text(tmp_path / "study.json", json.dumps(STUDY))
    both = [
        json.loads(run("exam", "analyse", "conduction", str(one), "--json").stdout) for one in (toml, as_json)
    ]
    assert both[0]["values"] == both[1]["values"]
    assert both[0]["findings"]["median left"].startswith("meets definite block")
    for wrong in ("{", '{"motor": []}', '{"amplitude": "negative_peak", "extra": 1}'):
        as_json.write_text(wrong)
        assert refused(run, "conduction", as_json)[0] == 65


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("nerve,side,site,amplitude_mv\n", "no site below it"),
        ("site,amplitude_mv\nwrist,5\n", "no column nerve and side"),
        ("nerve,side,site,amplitude_mv\nmedian,left,wrist,much\n", "row 2: amplitude_mv is 'much'"),
        ("nerve,side,site,amplitude_mv\nmedian,west,wrist,5\n", "Invalid enum value"),
        ("nerve,side,site,amplitude_mv\nmedian,left,knee,5\nmedian,left,elbow,5\n", "no site knee"),
        (
            "nerve,side,site,amplitude_mv\nnervus,left,wrist,5\nnervus,left,elbow,5\n",
            "no definition 'nervus'",
        ),
        ("nerve,side,site,amplitude_mv\nmedian,left,wrist,-5\n", ">= 0"),
        ("nerve,side,site,amplitude_mv,supramaximal\nmedian,left,wrist,5,perhaps\n", "yes or no"),
    ],
)
def test_tables_of_sites_that_are_none(text: str, match: str, run: Any, tmp_path: Path) -> None:
    code, line = refused(run, "conduction", files.write_text(tmp_path / "sites.csv", text))
    assert code in (2, 65)
    assert match in line


def sweeps(
    path: Path, sites: dict[str, tuple[float, float]], strengths: int = 14, broken: bool = False
) -> Path:
    """Sweeps at 10 kHz, negative up: amplitude and latency of each site, growing to a plateau."""
    rows: list[tuple[object, ...]] = []
    for site, (amplitude, onset_ms) in sites.items():
        for number in range(strengths):
            grown = amplitude * min(1.0, (number + 1) / 8)
            for at in range(-20, 200):
                ms = at / 10
                phase = (ms - onset_ms) / 5.0
                value = grown * np.sin(np.pi * phase) if 0 < phase < 2 else 0.0
                value += 0.002 * np.sin(1.7 * at)
                rows.append(("ulnar", "right", site, number, number + 1, ms, round(float(value), 6)))
    if broken:
        rows[50] = (*rows[50][:6], "")
    return files.write(path, ("nerve", "side", "site", "sweep", "stimulus", "time_ms", "response_mv"), rows)


SWEEPS = ("--negative-is", "up", "--artifact-ms", "1")


def test_sweeps_are_measured_averaged_and_judged(run: Any, tmp_path: Path) -> None:
    file = sweeps(tmp_path / "sweeps.csv", {"wrist": (8.0, 3.0), "below_elbow": (3.0, 7.0)}, broken=True)
    found = analysed(run, "conduction", file, *SWEEPS, "--distance", "below_elbow=220")
    assert found.value("amplitude", "ulnar right wrist").value == pytest.approx(8.0, abs=0.05)
    assert found.value("duration", "ulnar right wrist").value == pytest.approx(5.0, abs=0.1)
    assert found.value("velocity", "ulnar right wrist-below_elbow").value == pytest.approx(55.0, abs=1.0)
    assert found.value("plateau", "ulnar right wrist").value == pytest.approx(8.0, abs=0.05)
    assert found.findings["ulnar right"].startswith("meets definite block by efns-pns-2010-mmn, provided")
    assert found.value("onset", "ulnar right wrist").definition == "first_negative_deflection_extrapolated"
    assert any("1 sweeps with missing samples" in one.text for one in found.flags)
    assert not any("supramaximal" in one.text for one in found.flags)


def test_a_curve_without_a_plateau_is_not_supramaximal(run: Any, tmp_path: Path) -> None:
    file = sweeps(tmp_path / "sweeps.csv", {"wrist": (8.0, 3.0)}, strengths=10)
    found = analysed(run, "conduction", file, *SWEEPS)
    assert any("not shown to be supramaximal" in one.text for one in found.flags)


def test_sweeps_that_are_none(run: Any, tmp_path: Path) -> None:
    file = sweeps(tmp_path / "sweeps.csv", {"wrist": (8.0, 3.0)})
    assert "--negative-is up|down and --artifact-ms" in refused(run, "conduction", file)[1]
    assert refused(run, "conduction", file, *SWEEPS, "--distance", "knee=3")[0] == 2
    assert refused(run, "conduction", file, *SWEEPS, "--end-ms", "nan")[0] == 2
    text = file.read_text()
    file.write_text(text.replace("-2.0,", "5.0,"))
    assert "do not rise evenly" in refused(run, "conduction", file, *SWEEPS)[1]
    flat = "".join(line.rsplit(",", 1)[0] + ",0\n" for line in text.splitlines()[1:])
    file.write_text(text.splitlines()[0] + "\n" + flat)
    assert refused(run, "conduction", file, *SWEEPS)[0] == 65


def test_what_lies_in_the_artifact_was_measured_and_could_not_be_told(run: Any, tmp_path: Path) -> None:
    file = sweeps(tmp_path / "sweeps.csv", {"wrist": (8.0, 3.0)})
    found = analysed(run, "conduction", file, "--negative-is", "up", "--artifact-ms", "4")
    missing = {one.about: one.text for one in found.flags if one.severity == "missing"}
    assert "inside the artifact window" in missing["duration"]
    assert "inside the artifact window" in missing["onset"]
    assert "inside the artifact window" in missing["area"]
    assert any("no onset and no duration" in one.text for one in found.flags)


CRITICAL = """amplitude = "negative_peak"
area = "negative_phase"
duration = "negative_phase"

[critical_illness.peroneal]
left_mv = 2.0
right_mv = 4.1
lower_limit_mv = 3.0
limit_source = "mean - 2 SD of 40 healthy people of this laboratory"

[[critical_illness.ratio]]
muscle = "tibialis anterior left"
nerve_mv = 1.0
direct_mv = 4.0

[[critical_illness.duration]]
muscle = "tibialis anterior left"
duration_ms = 9.0
longest_normal_ms = 8.5
"""


def test_critical_illness_is_part_of_a_study(run: Any, tmp_path: Path) -> None:
    file = files.write_text(tmp_path / "study.toml", CRITICAL)
    found = analysed(run, "conduction", file)
    assert found.findings == {
        "tibialis anterior left: cmap-duration": "met",
        "tibialis anterior left: ratio-below": "met",
        "tibialis anterior left: ratio-above": "not met",
        "peroneal test: crimyne-1-one-side": "met",
        "peroneal test: crimyne-1-both-sides": "not met",
    }
    assert found.definition == "critical-illness"
    assert found.value("nerve_direct_ratio", "tibialis anterior left").value == 0.25
    assert found.value("amplitude", "peroneal test right").value == 4.1
    texts = " ".join(one.text for one in found.flags)
    assert "sensitivity 100 %" in texts
    assert "myopathy (CIM): sensory amplitude normal" in texts
    assert "full study" in texts
    motor = "".join(
        f"[[motor]]\nnerve = '{nerve}'\nside = 'left'\n[[motor.sites]]\nsite = 'wrist'\namplitude_mv = 6\n"
        for nerve in ("median",)
    )
    file.write_text(CRITICAL + motor)
    both = analysed(run, "conduction", file)
    assert both.definition == "efns-pns-2010-mmn"
    assert both.findings["peroneal test: crimyne-1-one-side"] == "met"
    file.write_text(CRITICAL.split("[crit")[0] + "[critical_illness]\n")
    assert "nothing was examined" in refused(run, "conduction", file)[1]
    listed = run("exam", "list").stdout
    assert "crimyne-1-one-side" in listed
    assert "critical_illness" in listed
