"""Recordings: what is accepted, what is refused and how, and playback that follows the cuff."""

from pathlib import Path

import pytest

from gateway.simulation.recording import HOLDING, VENTED, Occlusion, Playback, RecordingError, load

INFLATING = 1
LOWERING = 3

PORTAMON = (
    Path(__file__).parents[2].parent / "shared/data/nirs/portamon_vastus_lateralis_repeated_occlusions.csv"
)

MADE_UP = """t_s,sto2_percent,event
0,70,
1,70.5,
2,69,occlusion
3,60,
4,50,relaxation
5,65,
6,75,
7,72,occlusion
8,55,
9,45,relaxation
10,64,
11,71.2,
"""


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    path = tmp_path / "made_up.csv"
    path.write_text(MADE_UP)
    return path


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "given.csv"
    path.write_text(text)
    return path


def test_loads_times_values_and_marks(made_up: Path) -> None:
    recording = load(made_up)
    assert recording.times_ms == tuple(range(0, 12_000, 1000))
    assert recording.sto2_permille[:3] == (700, 705, 690)
    assert recording.occlusions == (Occlusion(2000, 4000), Occlusion(7000, 9000))


def test_marks_are_optional_and_columns_in_any_order(tmp_path: Path) -> None:
    recording = load(written(tmp_path, "\ufeffnote, sto2_percent ,t_s\nx,61.26,-1.5\n\ny,62,0\n"))
    assert recording.times_ms == (-1500, 0)
    assert recording.sto2_permille == (613, 620)
    assert recording.occlusions == ()


def test_loads_the_portamon_columns(tmp_path: Path) -> None:
    text = (
        "sample,thb_um,hhb_um,o2hb_um,event\n"
        "0,100,40,60,\n1,100,45,55,R1 Resting\n2,100,60,40,B1 Relaxation\n3,100,30,70,E1\n"
        "4,200,80,120,B2 Relaxation\n5,100,40,60,A2 Occlusion\n"
    )
    recording = load(written(tmp_path, text))
    assert recording.times_ms == (0, 100, 200, 300, 400, 500)
    assert recording.sto2_permille == (600, 550, 400, 700, 600, 600)
    assert recording.occlusions == (Occlusion(100, 200), Occlusion(500, None))


@pytest.mark.parametrize(
    ("text", "line", "column", "rule"),
    [
        ("", 0, "", "is empty"),
        ("t_s,sto2_percent\n", 0, "", "holds no samples"),
        ("t_s,stO2\n1,2\n", 1, "sto2_percent", "missing column"),
        ("time,sto2_percent\n1,2\n", 1, "t_s", "missing column"),
        ("sample,hhb_um,o2hb_um\n1,2,3\n", 1, "thb_um", "missing column"),
        ("t_s,t_s,sto2_percent\n1,1,2\n", 1, "t_s", "more than once"),
        ("t_s,sto2_percent\n0,60\n1,abc\n", 3, "sto2_percent", "'abc' is not a number"),
        ("t_s,sto2_percent\n0,60\n1,\n", 3, "sto2_percent", "'' is not a number"),
        ("t_s,sto2_percent\n,60\n", 2, "t_s", "'' is not a number"),
        ("t_s,sto2_percent\n0,nan\n", 2, "sto2_percent", "'nan' is not a finite number"),
        ("t_s,sto2_percent\ninf,60\n", 2, "t_s", "'inf' is not a finite number"),
        ("t_s,sto2_percent\n1e300,60\n", 2, "t_s", "beyond"),
        ("t_s,sto2_percent\n0,100.01\n", 2, "sto2_percent", "outside 0 to 100 %"),
        ("t_s,sto2_percent\n0,-0.1\n", 2, "sto2_percent", "outside 0 to 100 %"),
        ("t_s,sto2_percent\n0,60\n2,60\n1.9,60\n", 4, "t_s", "time goes backwards"),
        ("t_s,sto2_percent\n0,60\n1\n", 3, "", "1 fields where the header has 2 columns"),
        ("t_s,sto2_percent,event\n0,60,vent\n", 2, "event", "'vent' is none of"),
        ("sample,thb_um,o2hb_um\n0,0,0\n", 2, "thb_um", "not above 0"),
        ("sample,thb_um,o2hb_um\n0,50,60\n", 2, "o2hb_um", "outside 0 to 100 %"),
        ("sample,thb_um,o2hb_um\n5,100,60\n4,100,60\n", 3, "sample", "time goes backwards"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, column: str, rule: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(RecordingError) as caught:
        load(path)
    error = caught.value
    assert (error.path, error.line, error.column) == (path, line, column)
    assert rule in error.rule
    place = f"{path}:{line}" if line else f"{path}"
    assert str(error).startswith(f"{place}, column {column}: " if column else f"{place}: ")


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"t_s,sto2_percent\n\xff\xfe\n")
    for path in (binary, tmp_path / "absent.csv", tmp_path):
        with pytest.raises(RecordingError, match="not readable"):
            load(path)


def test_without_marks_it_just_runs_and_holds_the_end(tmp_path: Path) -> None:
    playback = Playback(load(written(tmp_path, "t_s,sto2_percent\n5,60\n6,61\n7,62\n")), now_ms=100)
    seen = []
    for now_ms, lamp in ((100, VENTED), (1099, HOLDING), (1100, VENTED), (2100, HOLDING), (99_000, VENTED)):
        playback.indicate(lamp, now_ms)
        seen.append(playback.permille(now_ms))
    assert seen == [600, 600, 610, 620, 620]


def test_playback_follows_the_cuff(made_up: Path) -> None:
    playback = Playback(load(made_up), now_ms=0)

    def at(now_ms: int, lamp: int) -> int:
        playback.indicate(lamp, now_ms)
        return playback.permille(now_ms)

    assert at(1000, VENTED) == 705
    assert at(1500, INFLATING) == 705
    assert at(1600, HOLDING) == 690  # jumps to the mark at 2 s
    assert at(2600, HOLDING) == 600  # runs
    assert at(2700, VENTED) == 500  # jumps to the relaxation at 4 s
    assert at(3700, VENTED) == 650
    assert at(3800, HOLDING) == 720  # the next occlusion
    assert at(3900, VENTED) == 450
    assert at(4900, VENTED) == 640
    assert at(5900, HOLDING) == 712  # no occlusion is left: it runs on to the end
    assert at(60_000, VENTED) == 712


def test_playback_waits_at_a_mark_for_the_cuff(made_up: Path) -> None:
    playback = Playback(load(made_up), now_ms=0)
    assert playback.permille(60_000) == 690
    playback.indicate(HOLDING, 60_000)
    assert playback.permille(61_000) == 600
    assert playback.permille(90_000) == 500
    playback.indicate(VENTED, 90_000)
    assert playback.permille(91_000) == 650
    assert playback.permille(120_000) == 720


def test_lowering_within_one_occlusion_does_not_jump(made_up: Path) -> None:
    playback = Playback(load(made_up), now_ms=0)
    for lamp in (HOLDING, LOWERING, HOLDING):
        playback.indicate(lamp, 0)
    assert playback.permille(1000) == 600


def test_an_occlusion_without_relaxation_mark_runs_on(tmp_path: Path) -> None:
    text = "t_s,sto2_percent,event\n0,70,occlusion\n1,60,\n2,72,occlusion\n3,50,relaxation\n"
    playback = Playback(load(written(tmp_path, text)), now_ms=0)
    playback.indicate(HOLDING, 0)
    playback.indicate(VENTED, 1000)
    assert playback.permille(1000) == 600
    assert playback.permille(9000) == 720
    playback.indicate(HOLDING, 9000)
    assert playback.permille(10_000) == 500


def test_time_that_goes_back_does_not_rewind(made_up: Path) -> None:
    playback = Playback(load(made_up), now_ms=0)
    assert playback.permille(1000) == 705
    assert playback.permille(0) == 705
    assert playback.permille(1999) == 705


@pytest.mark.skipif(not PORTAMON.exists(), reason="the recordings (shared/data) are not beside this project")
def test_the_portamon_recording_follows_the_cuff() -> None:
    recording = load(PORTAMON)
    assert len(recording.times_ms) == 5018
    assert recording.times_ms[-1] == 501_700
    assert recording.occlusions[0] == Occlusion(39_300, 44_700)
    assert len(recording.occlusions) == 19  # three at rest, A2 to A17 after exercise

    playback = Playback(recording, now_ms=0)
    rest = playback.permille(30_000)
    playback.indicate(HOLDING, 30_000)
    assert playback.permille(30_000) == round(1000 * 84.27357 / 146.99489)
    playback.permille(35_000)
    playback.indicate(VENTED, 35_000)
    vented = playback.permille(35_000)
    assert vented == round(1000 * 79.51667 / 141.05205)
    recovered = max(playback.permille(35_000 + ms) for ms in range(0, 10_000, 100))
    assert vented < rest < recovered
