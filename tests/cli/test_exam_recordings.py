"""``rvos exam analyse`` on recordings that nobody of this project made."""

from pathlib import Path
from typing import Any

import pytest
import scipy.io

from tests.cli.exam_runs import PORTAMON, analysed, ids, refused
from tests.exams import files
from tests.recordings import recording

# real recordings


def test_k_of_the_portamon_recording_with_its_rate_assumed_and_stated(run: Any) -> None:
    file = recording(PORTAMON)
    assumed, stated = (analysed(run, "oxidative-capacity", file, *words) for words in ((), ("--rate", "10")))
    k = stated.value("k_per_min")
    assert (k.value, k.low, k.high) == pytest.approx((3.16, 2.35, 3.97), abs=0.01)
    assert assumed.value("k_per_min") == k
    assert "rate_assumed" in ids(assumed)
    assert "rate_assumed" not in ids(stated)
    half = analysed(run, "oxidative-capacity", file, "--rate", "5", "--definition", "whole")
    assert half.value("k_per_min").value == pytest.approx(
        (analysed(run, "oxidative-capacity", file, "--definition", "whole").value("k_per_min").value or 0)
        / 2,
        rel=0.1,
    )


def test_the_cuff_files_need_their_names_and_scale(run: Any) -> None:
    file = recording("cuff/cuff_1_130-80.dat")
    assert "--header" in refused(run, "limb-pressure", file)[1]
    words = ("--header", "time_s,pulse_v,pressure_v", "--column", "cuff=pressure_v", "--scale", "cuff=400,40")
    found = analysed(run, "limb-pressure", file, *words, "--blood-pressure", "fixed_ratio_bmri2017")
    assert found.value("systolic", "1").value == pytest.approx(130.0, abs=10.0)
    assert found.value("diastolic", "1").value == pytest.approx(80.0, abs=10.0)
    assert 130.0 < (found.value("limb_occlusion_pressure").value or 0.0) < 180.0
    assert found.windows[0].name == "run"


def test_the_recruitment_of_an_animal(run: Any) -> None:
    words = (
        "--column time=time_point:ms --column response=amplitude_mV --column sweep=recording_index "
        "--column stimulus=stimulus_V --nerve ulnar --side left --at wrist --negative-is down "
        "--artifact-ms 0.8"
    )
    found = analysed(run, "conduction", recording("evoked/m_wave_recruitment.csv"), *words.split())
    assert 0.70 < (found.value("plateau_from", "ulnar left wrist").value or 0.0) < 0.74
    assert found.value("plateau", "ulnar left wrist").value == pytest.approx(7.99, abs=0.05)


def test_the_pulse_of_heartpys_recording(run: Any) -> None:
    found = analysed(run, "pulse", recording("pulse/ppg_heartpy_2.csv"))
    assert found.value("rate").value == pytest.approx(62.1, abs=0.5)


def test_the_contractions_of_emggo_and_the_spasms_of_a_person(run: Any, tmp_path: Path) -> None:
    data = scipy.io.loadmat(recording("emg/emggo_56_bursts.mat"))["EMG"][0, 0]["channelData"].ravel()
    file = files.write(
        tmp_path / "emggo.csv", ("sample", "emg_uv"), ((at, f"{one:.4f}") for at, one in enumerate(data))
    )
    sets = "--set high_hz=110 --set block_ms=20 --set hold_ms=200 --set deviations=15 --baseline 10-17"
    assert "rate in Hz" in refused(run, "fatigue", file)[1]
    found = analysed(run, "fatigue", file, "--rate", "250", *sets.split())
    assert len([one for one in found.windows if one.name == "contraction"]) == 56
    raw = scipy.io.loadmat(recording("emg/sci_no_stimulation.mat"))
    spasms = files.spasm(tmp_path, files.array("d", raw["raw_off"].ravel()), float(raw["Fs"].item()))
    counted = analysed(run, "spasm", spasms, "--set", "deviations=15", "--baseline", "2-7")
    begins_s = [one.start_s for one in counted.windows if one.name == "episode"]
    assert begins_s == pytest.approx([26.9, 39.4, 50.4, 63.5, 73.3], abs=0.2)
