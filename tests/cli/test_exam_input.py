"""``rvos exam analyse``: bad files, choices that cannot be meant, and what a person states of a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.exams.document import result
from tests.cli.exam_runs import NAMES, analysed, ids, refused
from tests.exams import files
from tests.exams.files import MAKERS

# bad input

COLUMNS = ("sto2_percent", "cuff_mmhg", "o2hb_um", "hhb_um", "emg_uv", "force_n", "ppg")


def table(path: Path, rows: "list[tuple[float, ...]]") -> Path:
    header = ("time_s", *COLUMNS)
    return files.write(path, header, ([at_s, *values] for at_s, *values in rows))


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that hold no examination, and a word of the refusal."""
    random = np.random.default_rng(1)
    noise = [(at / 50, *(50.0 + random.normal(0, 1, 7)).round(3)) for at in range(3000)]
    nan = float("nan")
    for name, data in (("empty", b""), ("binary", bytes(range(256)) * 9), ("words", b"a text\nof words\n")):
        (folder / f"{name}.csv").write_bytes(data)
    return {
        "absent": (folder / "absent.csv", "No such file"),
        "folder": (folder, "Is a directory"),
        "empty": (folder / "empty.csv", "empty"),
        "binary": (folder / "binary.csv", "not a text file"),
        "words": (folder / "words.csv", ""),
        "constant": (table(folder / "constant.csv", [(at / 50, *[60.0] * 7) for at in range(3000)]), ""),
        "missing": (table(folder / "missing.csv", [(at / 50, *[nan] * 7) for at in range(3000)]), ""),
        "shuffled": (table(folder / "shuffled.csv", [noise[at] for at in random.permutation(3000)]), ""),
        "backwards": (table(folder / "backwards.csv", noise[::-1]), ""),
        "other columns": (
            files.write(folder / "other.csv", ("time_s", "x"), noise_of_two(noise)),
            "no column",
        ),
        "no times": (files.write(folder / "untimed.csv", ("x", "y"), noise_of_two(noise)), ""),
        "cut": (files.write_text(folder / "cut.csv", "time_s,ppg,emg_uv\n0,1,1\n1\n2,1,1\n3,1,1\n"), ""),
    }


def noise_of_two(noise: "list[tuple[float, ...]]") -> "list[tuple[float, ...]]":
    return [row[:2] for row in noise]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """All of them, made once."""
    return bad_files(tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize("name", NAMES)
def test_bad_files_end_in_one_line(name: str, run: Any, bad: dict[str, tuple[Path, str]]) -> None:
    for kind, (file, word) in bad.items():
        code, line = refused(run, name, file)
        assert code in (2, 65), f"{kind}: {line}"
        assert word in line or name == "conduction", f"{kind}: {line}"


@pytest.mark.parametrize("name", [one for one in NAMES if one not in ("conduction",)])
def test_a_rate_that_is_not_the_files_is_refused(name: str, run: Any, tmp_path: Path) -> None:
    code, line = refused(run, name, MAKERS[name](tmp_path), "--rate", "7")
    assert code == 65
    assert "7 Hz stated" in line
    for wrong in ("nan", "0", "-3", "inf"):
        assert refused(run, name, MAKERS[name](tmp_path), "--rate", wrong)[0] == 2


@pytest.mark.parametrize(
    ("name", "words", "code", "match"),
    [
        ("occlusion-test", ["--definition", "mine"], 2, "choose one of bezemer2009"),
        ("occlusion-test", ["--column", "sto2=nothing"], 2, "there are: sto2_percent, cuff_mmhg"),
        ("occlusion-test", ["--column", "cuff"], 2, "write ROLE="),
        ("occlusion-test", ["--scale", "cuff=1"], 2, "GAIN,OFFSET"),
        ("occlusion-test", ["--occlusion", "9-3"], 2, "START-END"),
        ("occlusion-test", ["--occlusion", "10-9000"], 2, "must lie within"),
        ("occlusion-test", ["--occluding-mmhg", "250"], 65, "no occlusion"),
        ("occlusion-test", ["--occluding-mmhg", "nan"], 65, "give more"),
        ("occlusion-test", ["--baseline-s", "-1"], 2, "at most an hour"),
        ("occlusion-test", ["--spacing-mm", "nan"], 2, "above 0"),
        ("occlusion-test", ["--from-haemoglobin"], 2, "o2hb or hhb"),
        ("occlusion-test", ["--begin-word", "zzz"], 65, "no marks"),
        ("limb-pressure", ["--posture", "sitting"], 65, "supine"),
        ("limb-pressure", ["--definition", "doppler"], 2, "cuff_flattening"),
        ("limb-pressure", ["--definition", "distal_disappearance"], 2, "no column is distal"),
        ("limb-pressure", ["--blood-pressure", "mine"], 2, "fixed_ratio_bmri2017"),
        ("limb-pressure", ["--ratios", "0.5,0.8"], 2, "--ratios-source"),
        ("limb-pressure", ["--ratios", "2,0"], 2, "between 0 and 1"),
        ("limb-pressure", ["--mains-hz", "33"], 65, "50 or 60"),
        ("limb-pressure", ["--systolic", "-5"], 65, "systolic"),
        ("oxidative-capacity", ["--definition", "mine"], 2, "hhb-ryan2012/whole"),
        ("oxidative-capacity", ["--definition", "sto2"], 2, "no column is sto2"),
        ("oxidative-capacity", ["--series-gap-s", "nan"], 2, "more than 0"),
        ("conduction", ["--definition", "mine"], 2, "efns-pns-2010-mmn"),
        ("conduction", ["--criteria", "absent.toml"], 65, "cannot be read"),
        ("conduction", ["--amplitude-is", "peak_to_peak"], 65, "made for negative_peak"),
        ("conduction", ["--lower-limit-mv", "nan"], 2, "more than 0"),
        ("spasm", ["--definition", "mine"], 2, "teager_mad_draft"),
        ("spasm", ["--baseline", "2-4"], 65, "needs 5"),
        ("spasm", ["--baseline", "79-99"], 65, "outside"),
        ("spasm", ["--set", "mine=3"], 2, "one of low_hz"),
        ("spasm", ["--set", "deviations=nan"], 2, "no value"),
        ("spasm", ["--set", "high_hz=600"], 65, "half the rate"),
        ("spasm", ["--stimulated", "12-75"], 65, "without stimulation"),
        ("spasm", ["--stimulated", "90-99"], 2, "ends at 80"),
        ("spasm", ["--full-scale-mv", "-1"], 2, "above 0"),
        ("fatigue", ["--ends", "0"], 65, "1 or more"),
        ("fatigue", ["--ends", "7"], 65, "15 or more"),
        ("fatigue", ["--above", "900"], 65, "goes from"),
        ("fatigue", ["--quantity", "emg"], 2, "no column is emg"),
        ("fatigue", ["--quantity", "joy"], 2, "choose one of"),
        ("fatigue", ["--current-ma", "nan"], 2, "no current"),
        ("fatigue", ["--voluntary"], 2, "one or the other"),
        ("pulse", ["--definition", "mine"], 2, "beats-1"),
        ("pulse", ["--least-resemblance", "nan"], 2, "between -1 and 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    name: str, words: list[str], code: int, match: str, run: Any, tmp_path: Path
) -> None:
    done, line = refused(run, name, MAKERS[name](tmp_path), *words)
    assert (done, match in line) == (code, True), line


def test_what_must_be_stated_is_asked_for_all_at_once(run: Any, tmp_path: Path) -> None:
    for name, wanted in (
        ("limb-pressure", "--limb, --posture, --cuff-width-mm, --systolic"),
        ("conduction", "--amplitude-is ... --area-is ... --duration-is"),
        ("fatigue", "--current-ma, --pulse-width-us, --frequency-hz, or --voluntary"),
    ):
        done = run("exam", "analyse", name, str(MAKERS[name](tmp_path)))
        assert (done.exit_code, done.stdout) == (2, "")
        assert wanted in done.stderr


def test_a_name_that_is_none_is_answered_with_those_there_are(run: Any) -> None:
    done = run("exam", "analyse", "heart", "x.csv")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert all(name in done.stderr for name in NAMES)


def test_gaps_and_noise_are_flagged_or_refused(run: Any, tmp_path: Path) -> None:
    for name in ("occlusion-test", "oxidative-capacity", "spasm", "fatigue", "pulse"):
        lines = MAKERS[name](tmp_path).read_text().splitlines(keepends=True)
        at = len(lines) // 2 if name != "occlusion-test" else 3000
        gapped = tmp_path / "gapped.csv"
        gapped.write_text("".join([*lines[:at], *lines[at + 150 :]]))
        found = analysed(run, name, gapped)
        wanted = {"gap", "no_slope", "poor_line"}
        assert ids(found) & wanted, name


def test_nothing_but_noise_is_no_pulse_and_no_contraction(run: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    rows = [(f"{at / 100:.2f}", *random.normal(0, 1, 2).round(4)) for at in range(6000)]
    file = files.write(tmp_path / "noise.csv", ("time_s", "ppg", "force_n"), rows)
    assert refused(run, "fatigue", file)[0] == 65
    found = analysed(run, "pulse", file)
    assert found.value("rate").value is None or "poor_beats" in ids(found)


# what a person states of a file


def test_the_same_recording_in_other_clothes_gives_the_same_numbers(run: Any, tmp_path: Path) -> None:
    plain = files.occlusion_test(tmp_path)
    rows = [line.split(",")[:3] for line in plain.read_text().splitlines()[1:]]
    firm = ("--occluding-mmhg", "160")
    wanted = analysed(run, "occlusion-test", plain, *firm).values
    french = files.write_text(
        tmp_path / "french.csv",
        "Temps;StO2 (%);P1 (kPa)\n"
        + "".join(
            f"{float(t) * 1000:.3f};{s};{float(p) / 7.50062:.8f}\n".replace(".", ",") for t, s, p in rows
        ),
    )
    bare = files.write_text(
        tmp_path / "bare.dat", "".join(f"{t} {s} {float(p) / 100:.6f}\n" for t, s, p in rows)
    )
    wide = tmp_path / "wide.csv"
    wide.write_bytes("\r\n".join(plain.read_text().splitlines()).encode("utf-16"))
    for file, words in (
        (french, "--time temps:ms --column cuff=P1_(kPa)"),
        (bare, "--header time_s,sto2,volts --column cuff=volts --scale cuff=100,0"),
        (wide, ""),
    ):
        spaced = (one.replace("_(", " (") for one in words.split())
        found = analysed(run, "occlusion-test", file, *firm, *spaced)
        for one, other in zip(found.values, wanted, strict=True):
            assert one.name == other.name
            assert one.value == (
                None if other.value is None else pytest.approx(other.value, rel=1e-3, abs=1e-3)
            )


def test_choices_of_columns_are_parameters(run: Any, tmp_path: Path) -> None:
    file = files.pulse(tmp_path)
    file.write_text(file.read_text().replace("ppg", "red"))
    assert "there are: red" in refused(run, "pulse", file)[1]
    found = analysed(run, "pulse", file, "--column", "ppg=RED")
    assert [one.value for one in found.parameters if one.name == "column ppg"] == ["red"]


def test_a_column_without_a_unit_is_not_guessed(run: Any, tmp_path: Path) -> None:
    file = files.spasm(tmp_path)
    file.write_text(file.read_text().replace("emg_uv", "emg", 1))
    code, line = refused(run, "spasm", file)
    assert (code, "says no unit, uV is needed" in line) == (2, True)
    stated = analysed(run, "spasm", file, "--column", "emg=emg:uV")
    assert stated.value("episodes").value == 3.0
    larger = analysed(run, "spasm", file, "--column", "emg=emg:mV")
    assert next(one.value for one in larger.parameters if one.name == "threshold") == pytest.approx(
        1e6 * next(one.value for one in stated.parameters if one.name == "threshold"), rel=0.01
    )


def test_occlusions_may_be_stated_or_marked_with_other_words(run: Any, tmp_path: Path) -> None:
    file = files.occlusion_test(tmp_path)
    lines = file.read_text().splitlines()
    marked = [line + {1801: "Garrot", 3601: "Lâcher"}.get(at, "") for at, line in enumerate(lines)]
    words = tmp_path / "words.csv"
    words.write_text("\n".join(",".join((*line.split(",")[:2], line.split(",")[3])) for line in marked))
    by_words = analysed(run, "occlusion-test", words, "--begin-word", "garrot", "--end-word", "LÂCHER")
    stated = analysed(run, "occlusion-test", file, "--occlusion", "180-360")
    for found in (by_words, stated):
        assert found.value("occlusion_time", "1").value == pytest.approx(180.0)
    assert next(one.value for one in stated.parameters if one.name == "occlusion 1") == (180.0, 360.0)


def test_a_spasm_in_stimulated_time_is_not_counted(run: Any, tmp_path: Path) -> None:
    file = files.spasm(tmp_path)
    found = analysed(run, "spasm", file, "--stimulated", "39-44")
    assert found.value("episodes").value == 2.0
    assert found.value("watched").value == pytest.approx(75.0, abs=0.3)
    assumed = result(run("exam", "analyse", "spasm", str(file), "--json").stdout.encode())
    assert assumed.value("episodes").value == 3.0
    assert "baseline_assumed" in ids(assumed)


def test_stimuli_by_mark_and_by_column_are_blanked(run: Any, tmp_path: Path) -> None:
    samples = files.emg(())
    stimuli = range(30_000, 50_000, 250)
    for at in stimuli:
        samples[at : at + 4] = files.array("d", [9000.0, -9000.0, 4000.0, -2000.0])
    rows = [
        (f"{at / 1000:.4f}", f"{one:.4f}", int(at in stimuli), "stim" if at in stimuli else "")
        for at, one in enumerate(samples)
    ]
    for name, columns in (("mark", (0, 1, 3)), ("column", (0, 1, 2))):
        header = [("time_s", "emg_uv", "stimulus", "event")[at] for at in columns]
        file = files.write(tmp_path / f"{name}.csv", header, ([row[at] for at in columns] for row in rows))
        assert analysed(run, "spasm", file).value("episodes").value == 0.0, name


def test_an_amplifier_at_its_end_is_told(run: Any, tmp_path: Path) -> None:
    samples = files.emg()
    clipped = files.array("d", (max(-80.0, min(80.0, one)) for one in samples))
    found = analysed(run, "spasm", files.spasm(tmp_path, clipped))
    assert "channel_0_saturates" in ids(found)
    assert "channel_0_saturates" not in ids(analysed(run, "spasm", files.spasm(tmp_path, samples)))
    assert "channel_0_saturates" in ids(
        analysed(run, "spasm", files.spasm(tmp_path, samples), "--full-scale-mv", "0.1")
    )


def test_the_detectors_numbers_have_their_provenance(run: Any, tmp_path: Path) -> None:
    found = analysed(run, "spasm", files.spasm(tmp_path), "--set", "deviations=12")
    known = {one.name: one for one in found.parameters}
    assert (known["deviations"].value, known["deviations"].certainty) == (12.0, "entered by a person")
    assert known["window_ms"].certainty == "from memory"
    assert known["detector"].value == "teager_mad_draft changed"
    assert {"definition_unverified", "unverified"} <= ids(found)


def test_fatigue_of_peaks_and_of_muscle_activity(run: Any, tmp_path: Path) -> None:
    rows = [(at * 5.0, one if at != 4 else "") for at, one in enumerate(files.PEAKS_N)]
    peaks = files.write(tmp_path / "peaks.csv", ("time_s", "peak_nm"), rows)
    found = analysed(run, "fatigue", peaks)
    assert found.value("first_mean").value == pytest.approx(98.0)
    assert (found.value("first_mean").unit, "peaks_missing" in ids(found)) == ("N m", True)
    episodes = [(10.0 + 7.0 * at, 12.0 + 7.0 * at) for at in range(9)]
    emg = files.spasm(tmp_path, files.emg(episodes))
    of_emg = analysed(run, "fatigue", emg, "--baseline", "1-9")
    assert of_emg.value("fatigue_index").value == pytest.approx(65.0 / 95.0, abs=0.06)
    assert len([one for one in of_emg.windows if one.name == "contraction"]) == 9
