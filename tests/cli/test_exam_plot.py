"""The plots of ``rvos exam analyse``: what is on the paper is what is in the result."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.exams import plot
from gateway.exams.result import Result
from tests.cli.exam_runs import NAMES, PORTAMON, analysed
from tests.exams import files
from tests.exams.files import MAKERS, STATED
from tests.recordings import recording

matplotlib = pytest.importorskip("matplotlib")

BEGINS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


class Drawn(NamedTuple):
    """Everything that was drawn: lines by their labels, shaded stretches, and words."""

    lines: list[tuple[str, list[float], list[float]]]
    spans: list[tuple[str, float, float]]
    texts: list[str]

    def line(self, label: str) -> list[tuple[list[float], list[float]]]:
        """Every line of this label."""
        return [(xs, ys) for called, xs, ys in self.lines if called == label]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What Matplotlib is asked to draw while the test runs."""
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    noted = Drawn([], [], [])
    line, span, text = Axes.plot, Axes.axvspan, Text.draw

    def plotted(axes: Axes, xs: Any, ys: Any, **style: Any) -> Any:
        noted.lines.append((style.get("label") or "", list(map(float, xs)), list(map(float, ys))))
        return line(axes, xs, ys, **style)

    def spanned(axes: Axes, begin: float, end: float, **style: Any) -> Any:
        noted.spans.append((style.get("label") or "", begin, end))
        return span(axes, begin, end, **style)

    def written(one: Text, *arguments: Any, **options: Any) -> None:
        noted.texts.append(one.get_text())
        text(one, *arguments, **options)

    monkeypatch.setattr(Axes, "plot", plotted)
    monkeypatch.setattr(Axes, "axvspan", spanned)
    monkeypatch.setattr(Text, "draw", written)
    return noted


def plotted(run: Any, name: str, folder: Path, *words: str) -> Result:
    """The result of the made recording, drawn once into a PNG."""
    file = MAKERS[name](folder)
    done = run(
        "exam", "analyse", name, str(file), *STATED[name].split(), *words, "--plot", str(folder / "plot.png")
    )
    assert (done.exit_code, done.stderr) == (0, f"plot: {folder / 'plot.png'}\n")
    assert (folder / "plot.png").read_bytes().startswith(BEGINS[".png"])
    return analysed(run, name, file, *words)


@pytest.mark.parametrize("name", NAMES)
def test_every_plot_says_what_it_is_and_what_it_is_not(
    name: str, run: Any, tmp_path: Path, drawn: Drawn
) -> None:
    found = plotted(run, name, tmp_path)
    page = "\n".join(drawn.texts)
    assert f"{name}: {found.definition}" in page
    assert "research software; not a diagnosis" in page
    assert found.recording.name in page
    labels = [text for text in drawn.texts if text.endswith(")") and "(" in text]
    assert labels, "no axis says its unit"
    assert drawn.lines
    assert sum(len(xs) for _, xs, _ in drawn.lines) > 5


def test_the_lines_of_oxidative_capacity_are_those_of_the_result(
    run: Any, tmp_path: Path, drawn: Drawn
) -> None:
    found = plotted(run, "oxidative-capacity", tmp_path)
    series = next(one.value for one in found.parameters if one.name == "series")
    assert isinstance(series, tuple)
    slopes = {one.of: one for one in found.curves if one.about == "oxygen_consumption"}
    wanted = [slopes[str(of)] for of in series]
    seen = [(xs, ys) for label, xs, ys in drawn.lines if len(xs) == 2 and label in ("slope", "")]
    assert len(seen) == len(wanted) == 12
    for (xs, ys), curve in zip(seen, wanted, strict=True):
        assert xs == pytest.approx([curve.start_s, curve.end_s])
        assert ys == pytest.approx([curve.at(curve.start_s), curve.at(curve.end_s)])
    recovery = next(one for one in found.curves if one.model == "recovery")
    ((xs, ys),) = drawn.line("fitted recovery")
    assert ys == pytest.approx([recovery.at(x) for x in xs])
    windows = [(one.start_s, one.end_s) for one in found.windows]
    assert [(begin, end) for _, begin, end in drawn.spans[: len(windows)]] == windows
    k = found.value("k_per_min")
    assert any(f"k {k.value:.3g} /min (95 %: {k.low:.3g} to {k.high:.3g})" in text for text in drawn.texts)


def test_the_lines_lie_on_the_trace_that_is_drawn(run: Any, tmp_path: Path, drawn: Drawn) -> None:
    """By eye a line that fits lies on its trace; so the drawn line is held against the drawn samples."""
    found = plotted(run, "occlusion-test", tmp_path)
    ((times, values),) = drawn.line("as recorded")
    for definition in ("mclay", "creteur2007"):
        ((xs, ys),) = drawn.line(f"reperfusion slope {definition}")
        inside = [(x, y) for x, y in zip(times, values, strict=True) if xs[0] <= x <= xs[1]]
        off = [y - (ys[0] + (ys[1] - ys[0]) * (x - xs[0]) / (xs[1] - xs[0])) for x, y in inside]
        assert len(inside) > 20
        assert abs(sum(off) / len(off)) < 0.5
        assert xs[0] == pytest.approx(found.windows[1].end_s, abs=0.2)
    assert ("occlusion", 183.0, 360.0) in [(word, round(a), round(b)) for word, a, b in drawn.spans]
    assert {"minimum", "peak", "half", "back at baseline"} <= set(drawn.texts)


def test_the_release_is_drawn_large_and_the_cuff_below_its_saturation(run: Any, tmp_path: Path) -> None:
    from gateway.exams.files import occlusion_test as room
    from gateway.exams.files.occlusion_times import Times
    from gateway.exams.files.stated import Stated

    made = room.analyse(files.occlusion_test(tmp_path), Stated(), Times(systolic_mmhg=120.0), ("mclay",))
    saturation, cuff, release = made.drawing.panels
    assert saturation.x_range == cuff.x_range
    release_s = made.result.windows[1].end_s
    assert release.x_range == (release_s - 10.0, release_s + 40.0)
    (line,) = (one for one in release.lines if one.tone in ("fit", "other_fit"))
    assert (line.style, len(line.xs)) == ("thin", 2)
    assert list(line.xs) == pytest.approx([release_s, release_s + 10.0], abs=0.11)
    assert all(release_s - 10.0 <= x <= release_s + 40.0 for one in release.lines for x in one.xs)
    two = Times(occlusions=("20-60", "180-360"))
    panels = room.analyse(files.occlusion_test(tmp_path), Stated(), two, ("mclay",)).drawing.panels
    assert [one.title.split(" ")[0] for one in panels] == ["The", "", "Occlusion", "Occlusion", "The", "The"]
    assert panels[0].x_range == panels[1].x_range


def test_the_corner_of_the_cuff_is_where_the_result_has_it(run: Any, tmp_path: Path, drawn: Drawn) -> None:
    found = plotted(run, "limb-pressure", tmp_path)
    pressure = found.value("limb_occlusion_pressure", "1")
    ((xs, ys),) = drawn.line("broken line")
    assert xs[1] == pressure.value
    assert ys[1] == ys[2] < ys[0]
    assert ("95 % of the corner", pressure.low, pressure.high) in drawn.spans
    ((beats, heights),) = drawn.line("beats")
    flank = [(x, y) for x, y in zip(beats, heights, strict=True) if xs[0] <= x <= xs[1]]
    off = [y - (ys[0] + (ys[1] - ys[0]) * (x - xs[0]) / (xs[1] - xs[0])) for x, y in flank]
    assert max(map(abs, off)) < 0.5 * max(heights)
    assert "systolic stated 120" in drawn.texts


def test_the_words_of_levels_cover_no_beat() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from gateway.exams.drawing import Level, Line, Panel

    xs = list(range(60, 121))
    line = Line(xs, [2.0 - abs(x - 85) / 40 for x in xs], "", "signal", "points")
    levels = tuple(Level(float(x), f"a word at {x}", upright=True) for x in (70, 80, 90, 100))
    figure = Figure(figsize=(10.0, 3.0))
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    plot._draw(axes, Panel("y", (line,), levels=levels, share=2.4))
    canvas.draw()
    highest = axes.transData.transform((85, 2.0))[1]
    boxes = [one.get_window_extent() for one in axes.texts]
    assert len(boxes) == 4
    assert min(box.y0 for box in boxes) > highest


def test_episodes_and_threshold_are_on_the_paper(run: Any, tmp_path: Path, drawn: Drawn) -> None:
    found = plotted(run, "spasm", tmp_path)
    episodes = [(one.start_s, one.end_s) for one in found.windows if one.name == "episode"]
    assert [(begin, end) for _, begin, end in drawn.spans if (begin, end) in episodes] == episodes * 2
    assert "threshold" in drawn.texts


def test_a_long_trace_keeps_its_spikes() -> None:
    from gateway.exams.drawing import MOST_POINTS, thinned

    values = [0.0] * 300_000
    values[123_456], values[200_001] = 7.0, -5.0
    made = thinned(range(len(values)), values)
    assert len(made.xs) <= 1.2 * MOST_POINTS
    assert (max(made.ys), min(made.ys)) == (7.0, -5.0)
    assert made.xs[list(made.ys).index(7.0)] == 123_456


@pytest.mark.parametrize("ending", list(BEGINS))
def test_the_ending_says_the_format_and_the_picture_is_the_same_each_time(
    ending: str, run: Any, tmp_path: Path
) -> None:
    file = files.fatigue(tmp_path)
    paths = [tmp_path / f"{name}{ending}" for name in ("one", "two")]
    for path in paths:
        words = ("exam", "analyse", "fatigue", str(file), *STATED["fatigue"].split(), "--plot", str(path))
        assert run(*words).exit_code == 0
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(BEGINS[ending])
    assert first == second


def test_with_json_too_there_is_one_document_and_the_plot(run: Any, tmp_path: Path) -> None:
    file, path = files.fatigue(tmp_path), tmp_path / "plot.svg"
    words = ("exam", "analyse", "fatigue", str(file), *STATED["fatigue"].split(), "--json")
    with_plot = run(*words, "--plot", str(path))
    assert with_plot.stdout == run(*words).stdout
    assert path.exists()


def test_plots_that_cannot_be_drawn(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = files.fatigue(tmp_path)
    words = ("exam", "analyse", "fatigue", str(file), *STATED["fatigue"].split(), "--json", "--plot")
    for name, code, match in (("x.jpg", 2, ".png, .svg, .pdf"), ("no/where/x.png", 69, "cannot be written")):
        done = run(*words, str(tmp_path / name))
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
        assert match in done.stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run(*words, str(tmp_path / "x.png"))
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert plot.HOW_TO_INSTALL in done.stderr
    assert run(*words[:-1]).exit_code == 0


def test_the_plot_of_the_portamon_recording(run: Any, tmp_path: Path, drawn: Drawn) -> None:
    words = ("exam", "analyse", "oxidative-capacity", str(recording(PORTAMON)), "--rate", "10")
    assert run(*words, "--plot", str(tmp_path / "k.png")).exit_code == 0
    assert sum(label == "occlusion" for label, _, _ in drawn.spans) == 2
    assert len(drawn.spans) == 19 + 16
    assert any("k 3.16 /min (95 %: 2.35 to 3.97)" in text for text in drawn.texts)


def test_doubts_stand_in_ink_directly_under_the_numbers(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    seen: list[tuple[float, str, str]] = []
    text = Figure.text

    def noted(figure: Figure, x: float, y: float, words: str, **style: Any) -> Any:
        seen.append((y * figure.get_figheight(), words, style["color"]))
        return text(figure, x, y, words, **style)

    monkeypatch.setattr(Figure, "text", noted)
    plotted(run, "conduction", tmp_path)
    doubts = [one for one in seen if one[1].startswith(("doubtful: ", "missing: "))]
    (numbers,) = [one for one in seen if one[1].startswith("median left: meets definite block")]
    assert "provided the laboratory's lower limit" in numbers[1]
    assert {colour for _, _, colour in doubts} == {numbers[2]} == {"#222222"}
    kinds = [words.split(":")[0] for _, words, _ in doubts]
    assert kinds == sorted(kinds)
    assert kinds[0] == "doubtful"
    assert 0.0 < numbers[0] - doubts[0][0] < 0.17 * (numbers[1].count("\n") + 1) + 0.1


def test_the_levels_of_the_criteria_are_over_their_segments(run: Any, tmp_path: Path, drawn: Drawn) -> None:
    found = plotted(run, "conduction", tmp_path)
    wrist, elbow = (found.value("area", f"median left {site}").value or 0.0 for site in ("wrist", "elbow"))
    lines = {label: (xs, ys) for label, xs, ys in drawn.lines}
    (xs, ys) = lines["criterion: area falls by 50 %"]
    assert (xs[0] < 1.0 <= xs[1], ys) == (True, [50.0, 50.0])
    of_second = [ys for _, xs, ys in drawn.lines if len(xs) == 2 and 1.0 < xs[0] < 2.0]
    assert [50.0 * elbow / wrist] * 2 in [pytest.approx(one) for one in of_second]
    assert "criterion: area falls by 30 %" in lines
